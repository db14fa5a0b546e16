"""Incomplete elliptic integrals and Jacobi's functions in their angle or argument, and the
arithmetic-geometric mean.

    phi = am(u, m) : u = ellipkinc(phi, m),  sn = sin phi,  cn = cos phi,  dn = d phi / d u

Derivatives with respect to the parameter m are refused; those of complete integrals are known
(:mod:`hypergeometric`).
"""

from __future__ import annotations

from typing import Any

from scipy import special

from ...core.kinds import elementwise
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import absolute, where
from ..elementwise.comparison import greater_equal
from ..elementwise.trigonometric import sin
from .hypergeometric import hyp2f1
from .scipy_ufuncs import narrow, refused

_angle, _share = (-1.2, 1.2), (0.1, 0.9)


def _root(phi: Array, m: Array) -> Array:
    return (1 - m * sin(phi) ** 2) ** 0.5


def _whole_parameter(*shape: int) -> Any:
    """A case: angles, and parameters that carry no derivative."""

    def make(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (rng.uniform(*_angle, (2, 3)), rng.integers(-2, 1, shape).astype("int16")), {}

    return make


_cases: list[Any] = [_whole_parameter(2, 3), _whole_parameter(3), _whole_parameter()]

ellipkinc = elementwise(
    "ellipkinc",
    narrow(special.ellipkinc),
    lambda g, y, phi, m: g / _root(phi, m),
    refused("ellipkinc", 1, "m"),
    cases=_cases,
    doc="The incomplete elliptic integral of the first kind.",
)
ellipeinc = elementwise(
    "ellipeinc",
    narrow(special.ellipeinc),
    lambda g, y, phi, m: g * _root(phi, m),
    refused("ellipeinc", 1, "m"),
    cases=_cases,
    doc="The incomplete elliptic integral of the second kind.",
)


def _jacobi_rule(g: Array, y: Array, u: Array, m: Array, *, part: int) -> Array:
    of = lambda part: jacobi_part(u, m, part=part)
    if part == 0:
        return g * (of(1) * of(2))
    if part == 1:
        return -g * (of(0) * of(2))
    return -g * (m * of(0) * of(1)) if part == 2 else g * of(2)


def _jacobi_case(part: int) -> Any:
    def make(rng: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        whole = rng.integers(0, 2, (3,)).astype("int16")
        return (rng.uniform(*_angle, (2, 3)), whole), {"part": part}

    return make


def _jacobi(u: Array, m: Array, *, part: int) -> Array:
    return special.ellipj(u, m, dtype=getattr(u, "dtype", None) or float)[part]


jacobi_part: Any = elementwise(
    "jacobi_part",
    _jacobi,
    _jacobi_rule,
    lambda g, y, u, m, part: refused("ellipj", 1, "m")(g, y, u, m),
    parametric=True,
    label="ellipj",
    cases=[_jacobi_case(part) for part in range(4)],
    doc="One of Jacobi's functions sn, cn, dn, or the amplitude.",
)


def ellipj(u: ArrayLike, m: ArrayLike) -> tuple[Array, Array, Array, Array]:
    """Jacobi's elliptic functions and the amplitude (sn, cn, dn, ph).

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess.scipy import special
    >>> print(tg.grad(lambda u: special.ellipj(u, 0.5)[0])(0.0))
    1.0
    """
    return tuple(jacobi_part(u, m, part=part) for part in range(4))


def _agm_slope(y: Array, a: Array, b: Array) -> Array:
    """The derivative of the mean y of a and b with respect to a.

    With h the larger and l the smaller one, y = π h / (2 K(1 - (l/h)²)), whose derivative in l is
    y² F / (2 h l), F = 2F1(1/2, 1/2; 2; 1 - (l/h)²); that in h follows since h y_h + l y_l = y.
    """
    first = greater_equal(absolute(a), absolute(b))
    large, small = where(first, a, b), where(first, b, a)
    ratio = small / large
    share = 0.5 * (y / large) * hyp2f1(0.5, 0.5, 2.0, 1 - ratio * ratio)
    return where(first, (y - y * share) / large, share * (y / small))


agm: Any = elementwise(
    "agm",
    narrow(special.agm),
    lambda g, y, a, b: g * _agm_slope(y, a, b),
    lambda g, y, a, b: g * _agm_slope(y, b, a),
    domain=((0.3, 3), (0.3, 3)),
    edges=[((2.0, 2.0), (0.5, 0.5))],
    doc="The arithmetic-geometric mean of two positive (or two negative) numbers.",
)
