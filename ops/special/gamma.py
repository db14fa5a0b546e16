"""The gamma function, its logarithm and derivatives, beta, and the incomplete ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from ...core.errors import NonDifferentiableError, operands
from ...core.kinds import elementwise
from ...core.tensor import Tensor
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import _cast_operand, where
from ..elementwise.comparison import equal
from ..reductions.reduction import sum
from ..shape.axes import shape_of
from ..shape.broadcasting import reshape
from .powers import scaled_power, scaled_powers
from .scipy_ufuncs import narrow, narrowed, refused

_positive = (0.6, 3)


_FAR_LEFT = -1e4
"""SciPy's zeta adds up all terms left of 0 one by one, which takes hours for a q of -1e12."""


def _zeta(s: Array, q: Array, *, continued: bool = False) -> Array:
    """Hurwitz' function, for q = 1 Riemann's; below s = 1 NaN, or the latter ``continued``."""
    if continued:
        return special.zeta(s)
    left = np.less(q, _FAR_LEFT)
    if np.any(left):
        # all terms of the lattice q + k, less those with k < 0
        q, far = np.where(left, 1.0, q), np.where(left, q, _FAR_LEFT)
        sign = np.where(np.mod(s, 2) == 0, 1, -1)
        part = np.where(np.isinf(far), 0.0, far - np.floor(far))
        beyond = special.zeta(s, part) + sign * (
            special.zeta(s, 1 - part) - special.zeta(s, 1 - far)
        )
        near = _zeta(s, q)
        return np.where(left, beyond, near).astype(np.result_type(near, far))[()]
    return special.zeta(s, q)


def _integers(*shape: int) -> Any:
    """A case: an operand of small integers that keeps float32 narrow, and one in its domain."""

    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        orders = rng.integers(2, 5, shape).astype(np.int16)
        return (orders, rng.uniform(0.6, 3, (2, 3))), {}

    return make


_beside_integers: dict[str, Any] = {"cases": [_integers(2, 3), _integers(3), _integers()]}

zeta_of: Any = elementwise(
    "zeta",
    narrowed(_zeta),
    refused("zeta", 0, "x"),
    lambda g, y, s, q, continued=False: -g * (s * zeta_of(s + 1, q)),
    parametric=True,
    **_beside_integers,
)
digamma = elementwise(
    "digamma",
    special.digamma,
    lambda g, y, x: g * zeta_of(2, x),
    analytic=True,
    on_complex=False,
    domain=_positive,
    edges=[((0.0,), (np.inf,)), ((-1.0,), (np.inf,)), ((1.0,), (math.pi**2 / 6,))],
    doc="The logarithmic derivative of the gamma function, also called psi.",
)
gammaln = elementwise(
    "gammaln",
    special.gammaln,
    lambda g, y, x: g * digamma(x),
    domain=_positive,
    edges=[((0.0,), (-np.inf,)), ((-1.0,), (np.nan,)), ((2.0,), (1 - np.euler_gamma,))],
    doc="log |Γ(x)|. At the poles below 0 the derivative has no limit: NaN.",
)
loggamma = elementwise(
    "loggamma",
    special.loggamma,
    lambda g, y, x: g * digamma(x),
    analytic=True,
    on_complex=False,
    domain=_positive,
    edges=[((2.0,), (1 - np.euler_gamma,))],
    doc="log Γ(x), which is real only above 0: NaN below.",
)
gamma = elementwise(
    "gamma",
    special.gamma,
    lambda g, y, x: g * (y * digamma(x)),
    analytic=True,
    on_complex=False,
    domain=_positive,
    edges=[((0.0,), (-np.inf,)), ((-1.0,), (np.nan,)), ((1.0,), (-np.euler_gamma,))],
    doc="The gamma function.",
)
betaln = elementwise(
    "betaln",
    narrow(special.betaln),
    lambda g, y, a, b: g * (digamma(a) - digamma(a + b)),
    lambda g, y, a, b: g * (digamma(b) - digamma(a + b)),
    domain=(_positive, _positive),
    edges=[((1.0, 1.0), (-1.0, -1.0))],
    doc="log |B(a, b)|.",
)
beta = elementwise(
    "beta",
    narrow(special.beta),
    lambda g, y, a, b: g * (y * (digamma(a) - digamma(a + b))),
    lambda g, y, a, b: g * (y * (digamma(b) - digamma(a + b))),
    domain=(_positive, _positive),
    edges=[((1.0, 1.0), (-1.0, -1.0))],
    doc="The beta function B(a, b) = Γ(a) Γ(b) / Γ(a + b).",
)

# ---- incomplete ---------------------------------------------------------------------------------


def _gamma_density(y: Array, a: Array, x: Array) -> Array:
    a = _cast_operand(a, y.dtype)
    return scaled_power(x, a - 1, -x - gammaln(a))


gammainc = elementwise(
    "gammainc",
    narrow(special.gammainc),
    refused("gammainc", 0, "a"),
    lambda g, y, a, x: g * _gamma_density(y, a, x),
    **_beside_integers,
    doc="The regularised lower incomplete gamma function, the gamma distribution function.",
)
gammaincc = elementwise(
    "gammaincc",
    narrow(special.gammaincc),
    refused("gammaincc", 0, "a"),
    lambda g, y, a, x: -g * _gamma_density(y, a, x),
    **_beside_integers,
    doc="The regularised upper incomplete gamma function, 1 - gammainc(a, x).",
)


def _two_integers(*shape: int) -> Any:
    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        a, b = rng.integers(1, 5, (2, *shape)).astype(np.int16)
        return (a, b, rng.uniform(0.1, 0.9, (2, 3))), {}

    return make


def _beta_density(y: Array, a: Array, b: Array, x: Array) -> Array:
    a, b = _cast_operand(a, y.dtype), _cast_operand(b, y.dtype)
    return scaled_powers(x, a - 1, b - 1, -betaln(a, b))


betainc = elementwise(
    "betainc",
    special.betainc,
    refused("betainc", 0, "a"),
    refused("betainc", 1, "b"),
    lambda g, y, a, b, x: g * _beta_density(y, a, b, x),
    cases=[_two_integers(2, 3), _two_integers(3), _two_integers()],
    doc="The regularised incomplete beta function, the beta distribution function.",
)

# ---- compositions -------------------------------------------------------------------------------


def zeta(x: ArrayLike, q: ArrayLike = None) -> Array:
    """Hurwitz' zeta function Σ (k + q)⁻ˣ, Riemann's where ``q`` is left out.

    Its derivative with respect to ``q`` is known; the one with respect to ``x`` is an error.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess.scipy import special
    >>> print(f"{float(tg.grad(lambda q: special.zeta(3.0, q))(1.0)):.6f}")
    -3.246970
    """
    return zeta_of(x, 1.0, continued=True) if q is None else zeta_of(x, q)


def polygamma(n: ArrayLike, x: ArrayLike) -> Array:
    """The derivative of order ``n`` of :func:`digamma`, for integers ``n`` of 0 and more.

    Parameters
    ----------
    n : int or array of int
    x : array_like, float32 or float64
        Broadcasts with ``n``. The result has its type.

    Raises
    ------
    NonDifferentiableError
        When ``n`` is a tensor of floating type.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess.scipy import special
    >>> print(f"{float(tg.grad(lambda x: special.polygamma(0, x))(1.0)):.6f}")
    1.644934
    """
    n = n.numpy() if isinstance(n, Tensor) and n.dtype.kind in "iu" else n
    if isinstance(n, Tensor):
        raise NonDifferentiableError(
            f"polygamma({operands((n, x))}): the order must be an integer or an array of them."
        )
    orders = np.asarray(n)
    if np.any(orders < 0) or np.any(orders != np.floor(orders)):
        raise ValueError(f"polygamma({operands((n, x))}): orders are 0, 1, ...; got {n!r}")
    if not orders.any():
        return digamma(x) if orders.ndim == 0 else where(equal(orders, 0), digamma(x), 0.0)
    dtype = getattr(x, "dtype", np.dtype(float))
    narrow = dtype if dtype.kind == "f" else np.dtype(float)
    factor = ((-1.0) ** (orders + 1) * special.factorial(orders)).astype(narrow)
    exponent = np.where(orders == 0, 2, orders + 1).astype(narrow)
    derived = factor[()] * zeta_of(exponent[()], x)
    return where(equal(orders, 0), digamma(x), derived) if np.any(orders == 0) else derived


def multigammaln(a: ArrayLike, d: int) -> Array:
    """The logarithm of the multivariate gamma function of dimension ``d``, for a > (d - 1)/2.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess.scipy import special
    >>> print(f"{float(special.multigammaln(3.0, 2)):.6f}")
    1.550195
    """
    steps = np.arange(d) / 2
    dtype = getattr(a, "dtype", np.dtype(float))
    steps = steps.astype(dtype if dtype.kind == "f" else float)
    shifted = reshape(a, shape=(*shape_of(a), 1)) - steps
    return sum(gammaln(shifted), -1) + d * (d - 1) / 4 * math.log(math.pi)
