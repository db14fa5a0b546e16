"""Powers, exponentials and angles in forms that lose no digits, and losses that are soft."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from ...core.kinds import elementwise, zero
from .._types import Array
from ..elementwise.arithmetic import (
    _power_rule,
    absolute,
    divisor,
    log_of_base,
    maximum,
    minimum,
    power_array,
    where,
)
from ..elementwise.comparison import equal, isfinite, less
from ..elementwise.exponential import exp, log, log1p
from ..elementwise.trigonometric import hypot, sin
from .scipy_ufuncs import narrow, wide

_any = (-2, 2)
_positive = (0.3, 3)
_DEGREE = math.pi / 180

exp10 = elementwise(
    "exp10", special.exp10, lambda g, y, x: g * (math.log(10) * y), domain=(-1, 1), doc="10 ** x."
)
exprel = elementwise(
    "exprel",
    special.exprel,
    lambda g, y, x: g * exprel_derivative(x, order=1),
    domain=_any,
    edges=[((0.0,), (0.5,)), ((np.inf,), (np.inf,)), ((-np.inf,), (0.0,)), ((-1e200,), (0.0,))],
    doc="(exp(x) - 1) / x, which is 1 at 0.",
)
cosm1 = elementwise(
    "cosm1", special.cosm1, lambda g, y, x: -g * sin(x), domain=_any, doc="cos(x) - 1, near 0 too."
)
powm1 = elementwise(
    "powm1",
    narrow(special.powm1),
    _power_rule,
    lambda g, y, x, p: g * ((y + 1) * log_of_base(wide(x, y))),
    domain=(_positive, _any),
    edges=[((0.0, 2.0), (0.0, 0.0)), ((0.0, 1.0), (1.0, 0.0)), ((2.0, 0.0), (0.0, math.log(2)))],
    doc="x ** y - 1, where that is near 1 too.",
)


def _exprel_derivative(x: Array, *, order: int) -> Array:
    """The integral of tⁿ exp(x t) over [0, 1], which is 1F1(n + 1; n + 2; x)/(n + 1).

    SciPy's 1F1 never returns for infinite x, and is slow for large ones: those are reached by the
    recurrence x Iₙ = exp(x) - n Iₙ₋₁, which loses nothing there.
    """
    x = np.asarray(x)
    z = x.astype(np.float64)
    far = np.abs(z) > 20 + 2 * order
    near = special.hyp1f1(order + 1, order + 2, np.where(far, 0.0, z)) / (order + 1)
    z = np.where(far, z, 1.0)
    grown = z > 0  # by a factor exp(x), which is put back last
    top, low = np.where(grown, 1.0, np.exp(-np.abs(z))), np.where(grown, np.exp(-np.abs(z)), 1.0)
    found = (top - low) / z
    for n in range(1, order + 1):
        found = (top - n * found) / z
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.where(grown, np.where(np.isinf(z), np.inf, found * np.exp(z)), found)
    dtype = x.dtype if x.dtype.kind == "f" else np.float64
    return np.where(far, found, near).astype(dtype)[()]


exprel_derivative: Any = elementwise(
    "exprel_derivative",
    _exprel_derivative,
    lambda g, y, x, order: g * exprel_derivative(x, order=order + 1),
    parametric=True,
    label="exprel'",
    domain=_any,
    cases=[([], {"order": 1}), ([], {"order": 2})],
    doc="The derivative of exprel of this order.",
)


# ---- powers of |x| ------------------------------------------------------------------------------
#
# Each derivative is one power less, and odd where the function is even. One row says both, so that
# at 0 an even power like x² is not taken for one with a kink, as a product of absolute values is.


def _absolute_power(x: Array, p: Array, *, odd: bool = False) -> Array:
    y = np.abs(x) ** p
    return y * np.sign(x) if odd else y


def _absolute_power_rule(g: Array, y: Array, x: Array, p: Array, odd: bool = False) -> Array:
    p = wide(p, y)
    lower = where(equal(p, 0) & equal(x, 0), 0.0, p - 1)  # where the factor 0 is to prevail
    return g * (p * absolute_power(x, lower, odd=not odd))


absolute_power: Any = elementwise(
    "absolute_power",
    _absolute_power,
    _absolute_power_rule,
    lambda g, y, x, p, odd=False: g * (y * log_of_base(absolute(x))),
    parametric=True,
    domain=((0.3, 2), (0.5, 2.5)),
    cases=[([(2, 3), (2, 3)], {"odd": odd}) for odd in (False, True)],
    doc="abs(x) ** p, times the sign of x if it is odd; differentiable at 0 for p > 1.",
)

# ---- angles in degrees --------------------------------------------------------------------------

sindg: Any = elementwise(
    "sindg",
    special.sindg,
    lambda g, y, x: g * (_DEGREE * cosdg(x)),
    domain=(-80, 80),
    doc="The sine of an angle in degrees.",
)
cosdg: Any = elementwise(
    "cosdg",
    special.cosdg,
    lambda g, y, x: -g * (_DEGREE * sindg(x)),
    domain=(-80, 80),
    doc="The cosine of an angle in degrees.",
)
tandg = elementwise(
    "tandg",
    special.tandg,
    lambda g, y, x: g * (_DEGREE * (1 + y * y)),
    domain=(-60, 60),
    doc="The tangent of an angle in degrees.",
)
cotdg = elementwise(
    "cotdg",
    special.cotdg,
    lambda g, y, x: -g * (_DEGREE * (1 + y * y)),
    domain=(30, 80),
    doc="The cotangent of an angle in degrees.",
)

# ---- the transformation of Box and Cox ----------------------------------------------------------
#
# With L = log x it is L exprel(λ L), which is log x at λ = 0.


def _in_lambda(level: Any, p: Any) -> Any:
    """The derivative with respect to λ: L² exprel'(λ L), for infinite L its limit.

    For x = 0 that is 1/λ² for λ > 0, and infinite otherwise, as it is for infinite x.
    """
    finite = isfinite(level)
    inside = where(finite, level, 0.0)
    vanishing = less(level, 0) & (p > 0)
    limit = where(vanishing, 1 / where(vanishing, p, 1.0) ** 2, np.inf)
    return where(finite, inside * inside * exprel_derivative(p * inside, order=1), limit)


boxcox = elementwise(
    "boxcox",
    narrow(special.boxcox),
    lambda g, y, x, p: g * power_array(x, p - 1),
    lambda g, y, x, p: g * _in_lambda(log(wide(x, y)), p),
    domain=(_positive, _any),
    edges=[
        ((1.0, 0.0), (1.0, 0.0)),
        ((0.0, 1.0), (1.0, 1.0)),
        ((0.0, 2.0), (0.0, 0.25)),
        ((0.0, -0.5), (np.inf, np.inf)),
    ],
    doc="(x ** lmbda - 1) / lmbda, which is log(x) at lmbda = 0.",
)
boxcox1p = elementwise(
    "boxcox1p",
    narrow(special.boxcox1p),
    lambda g, y, x, p: g * power_array(1 + x, p - 1),
    lambda g, y, x, p: g * _in_lambda(log1p(wide(x, y)), p),
    domain=((-0.5, 2), _any),
    doc="boxcox(1 + x, lmbda).",
)
inv_boxcox = elementwise(
    "inv_boxcox",
    narrow(special.inv_boxcox),
    lambda g, y, x, p: g * exp((1 - p) * log(y)),
    lambda g, y, x, p: -g * (exp((1 - p) * log(y)) * _in_lambda(log(y), p)),
    domain=((-0.4, 0.4), _any),
    doc="The inverse of boxcox in x.",
)
inv_boxcox1p = elementwise(
    "inv_boxcox1p",
    narrow(special.inv_boxcox1p),
    lambda g, y, x, p: g * exp((1 - p) * log1p(y)),
    lambda g, y, x, p: -g * (exp((1 - p) * log1p(y)) * _in_lambda(log1p(y), p)),
    domain=((-0.4, 0.4), _any),
    doc="The inverse of boxcox1p in x.",
)

# ---- losses between squares and absolute values -------------------------------------------------

huber = elementwise(
    "huber",
    narrow(special.huber),
    lambda g, y, d, r: g * maximum(absolute(r) - d, 0),
    lambda g, y, d, r: g * minimum(maximum(r, -wide(d, y)), d),  # smooth at r = 0
    domain=((0.7, 1.0), (1.2, 3.0)),
    edges=[((1.0, 0.25), (0.0, 0.25)), ((1.0, -3.0), (2.0, -1.0)), ((1.0, 0.0), (0.0, 0.0))],
    doc="r²/2 up to |r| = delta, a straight line beyond.",
)


def _by_delta(d: Array, r: Array) -> Array:
    """(q - d)²/q for q = √(d² + r²), in a form that neither cancels nor overflows."""
    q = hypot(d, r)
    above = r * (r / divisor(q + d))
    return above * (above / divisor(q))


pseudo_huber = elementwise(
    "pseudo_huber",
    narrow(special.pseudo_huber),
    lambda g, y, d, r: g * _by_delta(d, r),
    lambda g, y, d, r: g * (d * (r / divisor(hypot(d, r)))),
    domain=(_positive, _any),
    edges=[((1.0, 0.0), (0.0, 0.0))],
    doc="delta² (√(1 + (r/delta)²) - 1): a smooth form of huber.",
)

# ---- signs --------------------------------------------------------------------------------------

gammasgn = zero(
    "gammasgn", special.gammasgn, domain=(0.5, 3), doc="The sign of the gamma function."
)
