"""Powers, exponentials and angles in forms that lose no digits, and losses that are soft."""

from __future__ import annotations

import math
from typing import Any

from scipy import special

from ...core.kinds import elementwise, zero
from .._types import Array
from ..elementwise.arithmetic import absolute, maximum, minimum
from ..elementwise.comparison import sign
from ..elementwise.exponential import exp, log, log1p
from ..elementwise.trigonometric import sin
from .hypergeometric import hyp1f1
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
    lambda g, y, x: g * _exprel_slope(x),
    domain=_any,
    edges=[((0.0,), (0.5,))],
    doc="(exp(x) - 1) / x, which is 1 at 0.",
)
cosm1 = elementwise(
    "cosm1", special.cosm1, lambda g, y, x: -g * sin(x), domain=_any, doc="cos(x) - 1, near 0 too."
)
powm1 = elementwise(
    "powm1",
    narrow(special.powm1),
    lambda g, y, x, p: g * (p * (y + 1) / x),
    lambda g, y, x, p: g * ((y + 1) * log(wide(x, y))),
    domain=(_positive, _any),
    doc="x ** y - 1, where that is near 1 too.",
)


def _exprel_slope(x: Array) -> Array:
    """exprel(x) is 1F1(1; 2; x), so its derivative is half 1F1(2; 3; x) (DLMF 13.3.15)."""
    return 0.5 * hyp1f1(2, 3, x)


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
    """The derivative with respect to λ: L² exprel'(λ L)."""
    return level * level * _exprel_slope(p * level)


boxcox = elementwise(
    "boxcox",
    narrow(special.boxcox),
    lambda g, y, x, p: g * exp((p - 1) * log(x)),
    lambda g, y, x, p: g * _in_lambda(log(wide(x, y)), p),
    domain=(_positive, _any),
    edges=[((1.0, 0.0), (1.0, 0.0))],
    doc="(x ** lmbda - 1) / lmbda, which is log(x) at lmbda = 0.",
)
boxcox1p = elementwise(
    "boxcox1p",
    narrow(special.boxcox1p),
    lambda g, y, x, p: g * exp((p - 1) * log1p(x)),
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
    lambda g, y, d, r: g * (sign(r) * minimum(absolute(r), d)),
    domain=((0.7, 1.0), (1.2, 3.0)),
    edges=[((1.0, 0.25), (0.0, 0.25)), ((1.0, -3.0), (2.0, -1.0)), ((1.0, 0.0), (0.0, 0.0))],
    doc="r²/2 up to |r| = delta, a straight line beyond.",
)


def _steepness(d: Array, r: Array) -> Array:
    return (1 + (r / d) ** 2) ** 0.5


pseudo_huber = elementwise(
    "pseudo_huber",
    narrow(special.pseudo_huber),
    lambda g, y, d, r: g * (d * (_steepness(d, r) - 1) ** 2 / _steepness(d, r)),
    lambda g, y, d, r: g * (r / _steepness(d, r)),
    domain=(_positive, _any),
    edges=[((1.0, 0.0), (0.0, 0.0))],
    doc="delta² (√(1 + (r/delta)²) - 1): a smooth form of huber.",
)

# ---- signs --------------------------------------------------------------------------------------

gammasgn = zero(
    "gammasgn", special.gammasgn, domain=(0.5, 3), doc="The sign of the gamma function."
)
