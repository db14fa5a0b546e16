"""The error function, its relatives and inverses, and the normal distribution function.

``scipy.special`` is imported here, which takes long: so the package ``ops`` does not import this
module, ``tinygrad_hess.scipy.special`` does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from ...core.kinds import elementwise
from .._types import Array
from ..elementwise.arithmetic import where
from ..elementwise.comparison import less
from ..elementwise.exponential import exp, sigmoid
from ..nn.activation import ndtr

_any = (-2, 2)
_ROOT_PI = math.sqrt(math.pi)
_ROOT_2PI = math.sqrt(2 * math.pi)

erfc = elementwise(
    "erfc",
    special.erfc,
    lambda g, y, x: g * (-2 / _ROOT_PI * exp(-x * x)),
    analytic=True,
    domain=_any,
    edges=[((np.inf,), (0.0,)), ((-np.inf,), (0.0,))],
    doc="The complementary error function, 1 - erf(x), precise where it is small.",
)
erfi = elementwise(
    "erfi",
    special.erfi,
    lambda g, y, x: g * (2 / _ROOT_PI * exp(x * x)),
    analytic=True,
    domain=_any,
    edges=[((np.inf,), (np.inf,))],
    doc="The imaginary error function, -i erf(ix).",
)
erfinv = elementwise(
    "erfinv",
    special.erfinv,
    lambda g, y, x: g * (_ROOT_PI / 2 * exp(y * y)),
    domain=(-0.9, 0.9),
    edges=[((1.0,), (np.inf,)), ((-1.0,), (np.inf,)), ((0.0,), (_ROOT_PI / 2,))],
    doc="The inverse of the error function, on [-1, 1].",
)
erfcinv = elementwise(
    "erfcinv",
    special.erfcinv,
    lambda g, y, x: g * (-_ROOT_PI / 2 * exp(y * y)),
    domain=(0.1, 1.9),
    edges=[((0.0,), (-np.inf,)), ((2.0,), (-np.inf,))],
    doc="The inverse of the complementary error function, on [0, 2].",
)

# ---- erfcx and dawsn ----------------------------------------------------------------------------
#
# Both solve y' = s (2 x y - c). Far out the difference on the right loses all digits, and so
# would each further derivative; the asymptotic series (DLMF 7.12.1 for erfcx; for dawsn the same
# without alternating signs), differentiated term by term, loses none.

_FAR = 6.5
"""From here on the smallest term of the series is below rounding: exp(-6.5²) = 4e-19."""

_TERMS = 42
"""The terms shrink up to k = 6.5², so this many fit every point beyond ``_FAR``."""


def _asymptotic_series(x: Array, order: int, s: float, scale: float) -> Array:
    """``scale`` Σ (-s)ᵏ (2k-1)!!/2ᵏ times the derivative of that order of x⁻²ᵏ⁻¹."""
    inverse = 1 / x
    term = scale * (-1.0) ** order * math.factorial(order) * inverse ** (order + 1)
    total = term
    for k in range(_TERMS - order):
        rising = (2 * k + 2 + order) * (2 * k + 1 + order) / ((2 * k + 2) * (2 * k + 1))
        term = term * (-s * (2 * k + 1) / 2 * rising) * inverse * inverse
        total = total + term
    return total


def _derivative_of(fn: Any, s: float, c: float, scale: float, both: bool) -> Any:
    """The derivatives of the solution ``fn`` of y' = s (2 x y - c), by order.

    Near 0 they follow from y⁽ⁿ⁺¹⁾ = s (2 x y⁽ⁿ⁾ + 2 n y⁽ⁿ⁻¹⁾); far out from the series, which
    is in use for negative x too where ``both`` says so.
    """

    def value(x: Array, *, order: int) -> Array:
        if order > _TERMS:
            raise ValueError(f"order must be at most {_TERMS}, as the series ends, got {order}")
        x = np.asarray(x)
        wide = x.astype(np.float64)
        before = fn(wide)
        near = s * (2 * wide * before - c)
        for n in range(1, order):
            near, before = s * (2 * wide * near + 2 * n * before), near
        far = np.abs(wide) > _FAR if both else wide > _FAR
        found = np.where(far, _asymptotic_series(np.where(far, wide, _FAR), order, s, scale), near)
        dtype = x.dtype if x.dtype.kind == "f" else np.float64
        return found.astype(dtype)[()]

    return value


erfcx_derivative: Any = elementwise(
    "erfcx_derivative",
    _derivative_of(special.erfcx, 1.0, 2 / _ROOT_PI, 1 / _ROOT_PI, both=False),
    lambda g, y, x, order: g * erfcx_derivative(x, order=order + 1),
    parametric=True,
    label="erfcx'",
    domain=_any,
    cases=[([], {"order": 1}), ([], {"order": 2})],
    doc="The derivative of erfcx of this order, precise far out too.",
)
erfcx = elementwise(
    "erfcx",
    special.erfcx,
    lambda g, y, x: g * erfcx_derivative(x, order=1),
    analytic=True,
    on_complex=False,
    domain=_any,
    edges=[((np.inf,), (0.0,)), ((1e8,), (-1e-16 / _ROOT_PI,)), ((0.0,), (-2 / _ROOT_PI,))],
    doc="The scaled complementary error function, exp(x²) erfc(x).",
)
dawsn_derivative: Any = elementwise(
    "dawsn_derivative",
    _derivative_of(special.dawsn, -1.0, 1.0, 0.5, both=True),
    lambda g, y, x, order: g * dawsn_derivative(x, order=order + 1),
    parametric=True,
    label="dawsn'",
    domain=_any,
    cases=[([], {"order": 1}), ([], {"order": 2})],
    doc="The derivative of Dawson's integral of this order, precise far out too.",
)
dawsn = elementwise(
    "dawsn",
    special.dawsn,
    lambda g, y, x: g * dawsn_derivative(x, order=1),
    analytic=True,
    on_complex=False,
    domain=_any,
    edges=[((np.inf,), (0.0,)), ((-1e8,), (-0.5e-16,)), ((0.0,), (1.0,))],
    doc="Dawson's integral, exp(-x²) times the integral of exp(t²) from 0 to x.",
)

# ---- the normal distribution --------------------------------------------------------------------


def _hazard(x: Array) -> Array:
    """φ(x)/Φ(x), the derivative of log Φ: by erfcx on the left, where φ and Φ underflow."""
    left = less(x, 0)
    tail = math.sqrt(2 / math.pi) / erfcx(where(left, x, 0.0) * -math.sqrt(0.5))
    positive = where(left, 0.0, x)
    body = exp(-0.5 * positive * positive) / (_ROOT_2PI * ndtr(positive))
    return where(left, tail, body)


log_ndtr = elementwise(
    "log_ndtr",
    special.log_ndtr,
    lambda g, y, x: g * _hazard(x),
    domain=_any,
    edges=[
        ((np.inf,), (0.0,)),
        ((-np.inf,), (np.inf,)),
        ((-1e9,), (1e9,)),
        ((0.0,), (2 / _ROOT_2PI,)),
    ],
    doc="log Φ, precise far to the left, where Φ underflows.",
)
ndtri = elementwise(
    "ndtri",
    special.ndtri,
    lambda g, y, p: g * (_ROOT_2PI * exp(0.5 * y * y)),
    domain=(0.05, 0.95),
    edges=[((0.0,), (np.inf,)), ((1.0,), (np.inf,)), ((0.5,), (_ROOT_2PI,))],
    doc="The standard normal quantile, Φ's inverse on [0, 1].",
)

# ---- the logistic distribution ------------------------------------------------------------------

log_expit = elementwise(
    "log_expit",
    special.log_expit,
    lambda g, y, x: g * sigmoid(-x),
    domain=_any,
    edges=[((-800.0,), (1.0,)), ((800.0,), (0.0,)), ((np.inf,), (0.0,)), ((-np.inf,), (1.0,))],
    doc="The logarithm of the logistic function, without underflow.",
)
logit = elementwise(
    "logit",
    special.logit,
    lambda g, y, p: g / p + g / (1 - p),
    domain=(0.1, 0.9),
    edges=[((0.0,), (np.inf,)), ((1.0,), (np.inf,)), ((0.5,), (4.0,))],
    doc="log(p / (1 - p)), the inverse of the logistic function.",
)
