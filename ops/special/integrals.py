"""Integrals of elementary functions: exponential, sine, Fresnel's, Spence's, Owen's, Airy's.

The derivative is the integrand, so every order follows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from ...core.kinds import elementwise
from .._types import Array, ArrayLike
from ..elementwise.exponential import exp
from ..elementwise.trigonometric import cos, cosh, sin, sinc
from ..nn.activation import erf
from .elementary import exprel
from .hypergeometric import hyp2f1
from .scipy_ufuncs import narrow, narrowed, of_orders

_any = (-2, 2)
_positive = (0.5, 2.5)

# ---- exponential integrals ----------------------------------------------------------------------

exp1 = elementwise(
    "exp1",
    special.exp1,
    lambda g, y, x: -g * (exp(-x) / x),
    domain=_positive,
    edges=[((0.0,), (-np.inf,))],
    doc="The exponential integral E₁.",
)
expi = elementwise(
    "expi",
    special.expi,
    lambda g, y, x: g * (exp(x) / x),
    domain=_positive,
    doc="The exponential integral Ei.",
)
expn: Any = of_orders(
    "expn",
    special.expn,
    "n",
    lambda g, y, n, x: -g * exponential_integral(n - 1, x),
    _positive,
    "The exponential integral of order n >= 0.",
    numbers=[(0, 4)],
    whole="n",
)


def _exponential_integral(n: Array, x: Array) -> Array:
    """SciPy's expn, continued to negative orders: n! times Q(n + 1, x) / xⁿ⁺¹ at order -n."""
    below = np.maximum(np.negative(n), 0).astype(np.float64)
    with np.errstate(divide="ignore", over="ignore"):
        ratio = special.gammaincc(below + 1, x) / np.power(np.asarray(x, float), below + 1)
    return np.where(
        np.less(n, 0), special.gamma(below + 1) * ratio, special.expn(np.maximum(n, 0), x)
    )[()]


exponential_integral: Any = of_orders(
    "exponential_integral",
    _exponential_integral,
    "n",
    lambda g, y, n, x: -g * exponential_integral(n - 1, x),
    _positive,
    "The exponential integral of any whole order.",
    numbers=[(-2, 4)],
)


# ---- sine, cosine and Fresnel integrals ---------------------------------------------------------

sine_integral = elementwise(
    "sine_integral",
    narrowed(lambda x: special.sici(x)[0]),
    lambda g, y, x: g * sinc(x / math.pi),
    domain=_any,
    edges=[((0.0,), (1.0,))],
    doc="Si, the integral of sin(t)/t from 0.",
)
cosine_integral = elementwise(
    "cosine_integral",
    narrowed(lambda x: special.sici(x)[1]),
    lambda g, y, x: g * (cos(x) / x),
    domain=_positive,
    doc="Ci, the integral of cos(t)/t from infinity.",
)
sinh_integral = elementwise(
    "sinh_integral",
    narrowed(lambda x: special.shichi(x)[0]),
    lambda g, y, x: g * (0.5 * (exprel(x) + exprel(-x))),
    domain=_any,
    edges=[((0.0,), (1.0,))],
    doc="Shi, the integral of sinh(t)/t from 0.",
)
cosh_integral = elementwise(
    "cosh_integral",
    narrowed(lambda x: special.shichi(x)[1]),
    lambda g, y, x: g * (cosh(x) / x),
    domain=_positive,
    doc="Chi, the hyperbolic cosine integral.",
)
fresnel_sine = elementwise(
    "fresnel_sine",
    narrowed(lambda x: special.fresnel(x)[0]),
    lambda g, y, x: g * sin((math.pi / 2) * x * x),
    domain=_any,
    doc="S, the integral of sin(π t²/2) from 0.",
)
fresnel_cosine = elementwise(
    "fresnel_cosine",
    narrowed(lambda x: special.fresnel(x)[1]),
    lambda g, y, x: g * cos((math.pi / 2) * x * x),
    domain=_any,
    doc="C, the integral of cos(π t²/2) from 0.",
)


def sici(x: ArrayLike) -> tuple[Array, Array]:
    """The sine and cosine integrals (Si, Ci).

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess.scipy import special
    >>> tg.grad(lambda x: special.sici(x)[0])(0.0)
    np.float64(1.0)
    """
    return sine_integral(x), cosine_integral(x)


def shichi(x: ArrayLike) -> tuple[Array, Array]:
    """The hyperbolic sine and cosine integrals (Shi, Chi).

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess.scipy import special
    >>> tg.grad(lambda x: special.shichi(x)[0])(0.0)
    np.float64(1.0)
    """
    return sinh_integral(x), cosh_integral(x)


def fresnel(x: ArrayLike) -> tuple[Array, Array]:
    """Fresnel's integrals (S, C).

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess.scipy import special
    >>> tg.grad(lambda x: special.fresnel(x)[1])(0.0)
    np.float64(1.0)
    """
    return fresnel_sine(x), fresnel_cosine(x)


# ---- others -------------------------------------------------------------------------------------

spence = elementwise(
    "spence",
    special.spence,
    lambda g, y, x: -g * hyp2f1(1, 1, 2, 1 - x),
    domain=(0.5, 1.6),
    edges=[((1.0,), (-1.0,))],
    doc="Spence's function, the integral of log(t)/(1 - t) from 1: the dilogarithm of 1 - x.",
)
wrightomega = elementwise(
    "wrightomega",
    special.wrightomega,
    lambda g, y, x: g * (y / (1 + y)),
    domain=_any,
    edges=[((1.0,), (0.5,))],
    doc="The solution ω of ω + log(ω) = x: Lambert's W of exp(x).",
)
owens_t = elementwise(
    "owens_t",
    narrow(special.owens_t),
    lambda g, y, h, a: (
        -g * (exp(-0.5 * h * h) * erf(a * h * math.sqrt(0.5)) / math.sqrt(8 * math.pi))
    ),
    lambda g, y, h, a: g * (exp(-0.5 * h * h * (1 + a * a)) / (2 * math.pi * (1 + a * a))),
    domain=(_any, _any),
    edges=[((0.0, 0.0), (0.0, 1 / (2 * math.pi)))],
    doc="Owen's T function, of the bivariate normal distribution.",
)

# ---- Airy functions: solutions of y'' = x y -----------------------------------------------------


def _airy_rule(g: Array, y: Array, x: Array, *, part: int) -> Array:
    if part % 2:
        return g * (x * airy_part(x, part=part - 1))
    return g * airy_part(x, part=part + 1)


airy_part: Any = elementwise(
    "airy_part",
    narrowed(lambda x, *, part: special.airy(x)[part]),
    _airy_rule,
    parametric=True,
    label="airy",
    domain=_any,
    cases=[([(2, 3)], {"part": part}) for part in range(4)],
    doc="One of Ai, Ai', Bi, Bi'.",
)


def airy(z: ArrayLike) -> tuple[Array, Array, Array, Array]:
    """The Airy functions and their derivatives (Ai, Ai', Bi, Bi').

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess.scipy import special
    >>> print(tg.grad(lambda x: special.airy(x)[0])(1.0) == special.airy(1.0)[1])
    True
    """
    return tuple(airy_part(z, part=part) for part in range(4))
