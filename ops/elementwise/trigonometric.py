"""Trigonometric and hyperbolic functions, their inverses, and the two of a pair of coordinates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import vectorised
from ...core.kinds import elementwise
from .._types import Array, ArrayLike
from .arithmetic import multiply, subtract, where
from .comparison import equal, isinf, sign_or_mask
from .exponential import sqrt

_any = (-1.2, 1.2)
_unit = (-0.8, 0.8)
_smooth: dict[str, Any] = {"analytic": True, "domain": _any}

sin = elementwise("sin", np.sin, lambda g, y, x: g * cos(x), **_smooth)
cos: Any = elementwise("cos", np.cos, lambda g, y, x: -g * sin(x), **_smooth)
tan = elementwise("tan", np.tan, lambda g, y, x: g * (1 + y * y), **_smooth)


def _one_minus_square(x: Array, out: Array = None) -> Array:
    return (1 - x) * (1 + x) if out is None else np.multiply(1 - x, 1 + x, out)


# 1 - x² by factors, which keeps precision near 1, and with a rule that keeps its slope there.
one_minus_square = elementwise(
    "one_minus_square",
    _one_minus_square,
    lambda g, y, x: g * (-2 * x),
    label="1-x²",
    analytic=True,
    domain=_any,
    edges=[((1.0,), (-2.0,))],
)
arcsin = elementwise(
    "arcsin",
    np.arcsin,
    lambda g, y, x: g / sqrt(one_minus_square(x)),
    analytic=True,
    domain=_unit,
    edges=[((1.0,), (np.inf,)), ((-1.0,), (np.inf,))],
)
arccos = elementwise(
    "arccos",
    np.arccos,
    lambda g, y, x: -g / sqrt(one_minus_square(x)),
    analytic=True,
    domain=_unit,
    edges=[((1.0,), (-np.inf,))],
)
arctan = elementwise("arctan", np.arctan, lambda g, y, x: g / (1 + x * x), **_smooth)

sinh = elementwise("sinh", np.sinh, lambda g, y, x: g * cosh(x), **_smooth)
cosh: Any = elementwise("cosh", np.cosh, lambda g, y, x: g * sinh(x), **_smooth)


def _tanh_slope(g: Array, y: Array) -> Array:
    both = type(g) is type(y) is np.ndarray and y.ndim
    if not both or g.shape != y.shape or g.dtype != y.dtype:
        return g * (1 - y * y)
    out = y * y
    np.subtract(1, out, out=out)
    return np.multiply(out, g, out=out)


# g (1 - y²) as one node: the derivative of a net's most common activation, in few passes.
tanh_slope: Any = elementwise(
    "tanh_slope",
    _tanh_slope,
    lambda t, out, g, y: tanh_slope(t, y),
    lambda t, out, g, y: t * (g * y * -2),  # the constant joins what no batch widens
    lowered=lambda emit, g, y: emit(
        multiply, emit(subtract, emit.constant(1), emit(multiply, y, y)), g
    ),
    label="tanh'",
    analytic=True,
    domain=(_any, _any),
)
tanh = elementwise(
    "tanh",
    vectorised.tanh,
    lambda g, y, x: tanh_slope(g, y),
    edges=[((400.0,), (0.0,)), ((-400.0,), (0.0,))],
    **_smooth,
)
arcsinh = elementwise("arcsinh", np.arcsinh, lambda g, y, x: g / sqrt(x * x + 1), **_smooth)


def _hyperbola(x: Array, out: Array = None) -> Array:
    a, b = np.sqrt(x - 1), np.sqrt(x + 1)
    return a * b if out is None else np.multiply(a, b, out)


# sqrt(x² - 1) by factors, which neither cancel near 1 nor overflow for a large x.
hyperbola = elementwise(
    "hyperbola",
    _hyperbola,
    lambda g, y, x: g * (x / y),
    label="√(x²-1)",
    analytic=True,
    domain=(1.3, 3),
    edges=[((1.0,), (np.inf,)), ((1e200,), (1.0,))],
)
arccosh = elementwise(
    "arccosh",
    np.arccosh,
    lambda g, y, x: g / hyperbola(x),
    analytic=True,
    domain=(1.3, 3),
    edges=[((1.0,), (np.inf,))],
)
arctanh = elementwise(
    "arctanh",
    np.arctanh,
    lambda g, y, x: g / one_minus_square(x),
    analytic=True,
    domain=_unit,
    edges=[((1.0,), (np.inf,))],
)

deg2rad = elementwise(
    "deg2rad", np.deg2rad, lambda g, y, x: g * (math.pi / 180), domain=(-180, 180)
)
rad2deg = elementwise("rad2deg", np.rad2deg, lambda g, y, x: g * (180 / math.pi), domain=(-3, 3))


# ---- a pair of coordinates: scaled by the distance first, so nothing over- or underflows --------


def _nonzero(r: Array) -> Array:
    """Distances with 1 in place of 0, where the derivative is 0 by symmetry."""
    return where(equal(r, 0), 1.0, r)


def _share(a: Array, r: Array) -> Array:
    """A coordinate over the distance; 1 or -1 where it is infinite."""
    far = isinf(a)
    return where(far, sign_or_mask(a), where(far, 1.0, a) / _nonzero(r))


hypot = elementwise(
    "hypot",
    np.hypot,
    lambda g, y, a, b: g * _share(a, y),
    lambda g, y, a, b: g * _share(b, y),
    commutative=True,
    domain=((0.3, 2), (0.3, 2)),
    edges=[
        ((0.0, 0.0), (0.0, 0.0)),
        ((3.0, 4.0), (0.6, 0.8)),
        ((np.inf, 2.0), (1.0, 0.0)),
        ((2.0, -np.inf), (0.0, -1.0)),
    ],
)


def _angle_rule(g: Array, along: Array, a: Array, b: Array) -> Array:
    r = hypot(a, b)
    return g * _share(along, r) / _nonzero(r)


arctan2 = elementwise(
    "arctan2",
    np.arctan2,
    lambda g, y, a, b: _angle_rule(g, b, a, b),
    lambda g, y, a, b: _angle_rule(-g, a, a, b),
    domain=((0.3, 2), (0.3, 2)),
    edges=[
        ((0.0, 0.0), (0.0, 0.0)),
        ((0.0, -1.0), (-1.0, 0.0)),
        ((1e-200, 1e-200), (5e199, -5e199)),
        ((np.inf, 2.0), (0.0, 0.0)),
        ((2.0, -np.inf), (0.0, 0.0)),
        ((np.inf, np.inf), (0.0, 0.0)),
    ],
)


# ---- sinc, to any order -------------------------------------------------------------------------

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


def _shifted_sine(angle: Array, quarters: int) -> Array:
    """sin(angle + quarters π/2)."""
    shifted = np.cos(angle) if quarters % 2 else np.sin(angle)
    return -shifted if quarters % 4 >= 2 else shifted


def _sinc_derivative(x: Array, *, order: int, out: Array = None) -> Array:
    """The derivative of sin(πx)/(πx) of a given order.

    Near 0 it is the integral of (πt)^n cos(πxt + nπ/2) over t in [0, 1], by Gauss-Legendre
    quadrature (exact to rounding there); further out, the recurrence
    x f_n = π^(n-1) sin(πx + nπ/2) - n f_(n-1), which is stable for |πx| above n. The phase nπ/2
    only exchanges sine and cosine: added as a number, it would blur the odd orders near 0.
    """
    if out is not None:
        np.copyto(out, _sinc_derivative(x, order=order))
        return out
    if order == 0:
        return np.sinc(x)
    x = np.asarray(x)
    wide = x.astype(np.float64)
    near = np.abs(wide) <= max(2.0, order / 2)
    t = np.pi * _NODES
    angle = np.where(near, wide, 0.0)[..., None] * t
    close = (_shifted_sine(angle, order + 1) * (t**order * _WEIGHTS)).sum(-1)
    far = np.where(near, 1.0, wide)
    f = np.sinc(far)
    for n in range(1, order + 1):
        f = (np.pi ** (n - 1) * _shifted_sine(np.pi * far, n) - n * f) / far
    return np.where(near, close, f).astype(x.dtype)[()]


sinc_derivative: Any = elementwise(
    "sinc",
    _sinc_derivative,
    lambda g, y, x, order: g * sinc_derivative(x, order=order + 1),
    parametric=True,
    domain=_any,
    cases=[([(2, 3)], {"order": order}) for order in (0, 1, 2)],
)


def sinc(x: ArrayLike) -> Array:
    """sin(πx)/(πx), 1 at 0, with derivatives of every order that are right at and near 0."""
    return sinc_derivative(x, order=0)
