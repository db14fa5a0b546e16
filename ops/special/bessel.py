"""Bessel functions; a derivative with respect to the order is refused.

Each derivative is half a sum of neighbouring orders (DLMF 10.6.1 and 10.29.1), so it is of one
kind with the function, at 0 too, and any order follows. Only where two of them are infinite at 0,
with different signs, is the one of lower order left out: the other outgrows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from ...core.kinds import elementwise
from .._types import Array
from ..elementwise.arithmetic import absolute, where
from ..elementwise.comparison import equal, greater, greater_equal, sign
from ..elementwise.identity import astype
from .hypergeometric import hyp1f1, hyperu
from .scipy_ufuncs import by_region, narrowed, refused, truncated

_any = (-2, 2)
_positive = (0.6, 3)


def _case(*shape: int, **params: Any) -> Any:
    """Orders, as integers that keep float32 narrow, and arguments."""

    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        orders = rng.integers(0, 4, shape).astype(np.int16)
        return (orders, rng.uniform(0.6, 3, (2, 3))), params

    return make


def _previous_order(v: Array) -> Array:
    """The order before ``v``; for unsigned integers too, whose 0 would wrap around."""
    unsigned = getattr(getattr(v, "dtype", None), "kind", "i") == "u"
    return astype(v, np.int64) - 1 if unsigned else v - 1


def _of_order(name: str, rule: Callable[..., Any], doc: str) -> Any:
    return elementwise(
        name,
        narrowed(getattr(special, name)),
        refused(name, 0, "v"),
        rule,
        cases=[_case(2, 3), _case(3), _case()],
        doc=doc + " Any real order v; its derivative with respect to v is refused.",
    )


def _finite_at_zero(of_order: Any, v: Array, x: Array) -> Array:
    """A function of order v > -1 that is infinite at 0, but 0 there, with its derivatives."""
    pole = equal(x, 0) & greater_equal(v, -1)
    return where(pole, 0.0, of_order(v, where(pole, 1.0, x)))


def _cylinder(
    name: str, doc: str, lower: Any = lambda f, v, x: f(v, x), order: Any = lambda v: v
) -> Any:
    """A row with the slope (f(v - 1) - f(v + 1)) / 2, the first term by ``lower(f, v - 1, x)``."""
    f = _of_order(
        name,
        lambda g, y, v, x: (
            g * (0.5 * (lower(f, _previous_order(order(v)), x) - f(order(v) + 1, x)))
        ),
        doc,
    )
    return f


jv: Any = _cylinder("jv", "The Bessel function of the first kind.")
yv: Any = _cylinder("yv", "The Bessel function of the second kind.", _finite_at_zero)
yn: Any = _cylinder(
    "yn",
    "The Bessel function of the second kind, of integer order.",
    _finite_at_zero,
    order=truncated,  # as SciPy takes it
)
jve: Any = _cylinder("jve", "jv, as for real arguments the scale is 1.")
yve: Any = _cylinder("yve", "yv, as for real arguments the scale is 1.", _finite_at_zero)
iv: Any = _of_order(
    "iv",
    lambda g, y, v, x: g * (0.5 * (iv(_previous_order(v), x) + iv(v + 1, x))),
    "The modified Bessel function of the first kind.",
)
kv: Any = _of_order(
    "kv",
    lambda g, y, v, x: g * (-0.5 * (kv(_previous_order(v), x) + kv(v + 1, x))),
    "The modified Bessel function of the second kind.",
)
ive: Any = _of_order(
    "ive",
    lambda g, y, v, x: g * _ive_slope(v, x, odd=False),
    "The modified Bessel function of the first kind, times exp(-|x|).",
)
kve: Any = _of_order(
    "kve",
    lambda g, y, v, x: g * _kve_slope(v, x),
    "The modified Bessel function of the second kind, times exp(x).",
)


def _kve_slope(v: Array, x: Array) -> Array:
    below = _finite_at_zero(kve, _previous_order(v), x)
    return _finite_at_zero(kve, v, x) - 0.5 * (below + kve(v + 1, x))


# exp(-|x|) has a kink at 0, so derivatives of what it multiplies take the sign of x. Its square is
# 1, at 0 too, where each derivative is to be the mean of both sides: hence one row for the two.


def _signed_ive(v: Array, x: Array, *, odd: bool) -> Array:
    y = special.ive(v, x)
    return y * np.sign(x) if odd else y


def _ive_slope(v: Array, x: Array, odd: bool) -> Array:
    near = signed_ive(_previous_order(v), x, odd=odd) + signed_ive(v + 1, x, odd=odd)
    return 0.5 * near - signed_ive(v, x, odd=not odd)


signed_ive: Any = elementwise(
    "signed_ive",
    _signed_ive,
    refused("ive", 0, "v"),
    lambda g, y, v, x, odd: g * _ive_slope(v, x, odd),
    parametric=True,
    label="ive",
    cases=[_case(2, 3, odd=True), _case(3, odd=False), _case(odd=True)],
    doc="ive(v, x), times the sign of x if it is odd.",
)


FAR = 1e3
"""From here on neighbouring orders cancel in slopes, and SciPy's ive and kve end at 1e9."""


def _ive_gap(x: Array) -> Array:
    """i0e(x) - i1e(x) for x > 0."""
    return hyp1f1(1.5, 2.0, -2 * x)


def _kve_gap(x: Array) -> Array:
    """k1e(x) - k0e(x) for x > 0."""
    return math.sqrt(math.pi) * hyperu(1.5, 2.0, 2 * x)


def _near_and_far(near: Callable[[Array], Array], far: Callable[[Array], Array], x: Array) -> Array:
    """A slope by one formula or, for large numbers, by another."""
    return by_region(greater(absolute(x), FAR), far, near, x, (FAR, 1.0))


def _bessel_ratio(v: Array, x: Array) -> Array:
    y = special.ive(v, x) / special.i0e(x)
    beyond = np.isnan(y) & np.greater(x, 1e8)
    return np.where(beyond, 1 - np.square(v) / (2 * x), y)[()] if np.any(beyond) else y


def _ratio_slope(v: Array, x: Array) -> Array:
    near = bessel_ratio(_previous_order(v), x) + bessel_ratio(v + 1, x)
    return 0.5 * near - bessel_ratio(v, x) * bessel_ratio(1, x)


bessel_ratio: Any = elementwise(
    "bessel_ratio",
    _bessel_ratio,
    refused("bessel_ratio", 0, "v"),
    lambda g, y, v, x: g * _ratio_slope(v, x),
    cases=[_case(2, 3), _case(3), _case()],
    doc="iv(v, x) / i0(x), without overflow.",
)
log_i0e: Any = elementwise(
    "log_i0e",
    lambda x: np.log(special.i0e(x)),
    lambda g, y, x: g * (bessel_ratio(1, x) - 1),
    domain=(0.2, 2),
    edges=[((0.0,), (-1.0,))],
    doc="log(i0(x)) - x for x >= 0, whose derivative at 0 is that from the right.",
)

_zero_slope = [((0.0,), (0.0,))]
_half_slope = [((0.0,), (0.5,))]

j1: Any = elementwise(
    "j1",
    special.j1,
    lambda g, y, x: g * (0.5 * (j0(x) - jv(2, x))),
    domain=_any,
    edges=_half_slope,
)
j0: Any = elementwise("j0", special.j0, lambda g, y, x: -g * j1(x), domain=_any, edges=_zero_slope)
y1: Any = elementwise(
    "y1",
    special.y1,
    lambda g, y, x: g * (0.5 * (_finite_at_zero(lambda v, x: y0(x), 0, x) - yv(2, x))),
    domain=_positive,
)
y0: Any = elementwise(
    "y0", special.y0, lambda g, y, x: -g * y1(x), domain=_positive, edges=[((0.0,), (np.inf,))]
)
i1: Any = elementwise(
    "i1",
    special.i1,
    lambda g, y, x: g * (0.5 * (i0(x) + iv(2, x))),
    domain=_any,
    edges=_half_slope,
)
i0: Any = elementwise("i0", special.i0, lambda g, y, x: g * i1(x), domain=_any, edges=_zero_slope)


def _i1e_slope(x: Array) -> Array:
    return _near_and_far(
        lambda x: _ive_slope(1, x, odd=False), lambda x: _ive_gap(absolute(x)) - i1e(x) / x, x
    )


def _i0e_slope(x: Array) -> Array:
    return _near_and_far(
        lambda x: _ive_slope(0, x, odd=False), lambda x: -sign(x) * _ive_gap(absolute(x)), x
    )


i1e: Any = elementwise(
    "i1e",
    special.i1e,
    lambda g, y, x: g * _i1e_slope(x),
    domain=(0.2, 2),
    edges=_half_slope,
    doc="i1(x) exp(-|x|).",
)
i0e: Any = elementwise(
    "i0e",
    special.i0e,
    lambda g, y, x: g * _i0e_slope(x),
    domain=(0.2, 2),
    edges=_zero_slope,
    doc="i0(x) exp(-|x|). At 0, where it has a kink, its derivative is 0, the mean of both sides.",
)
k1: Any = elementwise(
    "k1",
    special.k1,
    lambda g, y, x: g * (-0.5 * (k0(x) + kv(2, x))),
    domain=_positive,
)
k0: Any = elementwise(
    "k0", special.k0, lambda g, y, x: -g * k1(x), domain=_positive, edges=[((0.0,), (-np.inf,))]
)


def _k1e_slope(x: Array) -> Array:
    """By K₁' = -K₀ - K₁/x; at 0 it is that of -K₂, which is the last to overflow."""
    zero = equal(x, 0)
    inside = where(zero, 1.0, x)
    slope = k1e(inside) * (1 - 1 / inside) - k0e(inside)
    return where(zero, -kve(2, where(zero, x, 1.0)), slope)


def _k0e_slope(x: Array) -> Array:
    return _finite_at_zero(lambda v, x: k0e(x), 0, x) - k1e(x)


k0e: Any = elementwise(
    "k0e",
    special.k0e,
    lambda g, y, x: g * _near_and_far(_k0e_slope, lambda x: -_kve_gap(x), x),
    domain=_positive,
    edges=[((0.0,), (-np.inf,))],
    doc="k0(x) exp(x).",
)
k1e: Any = elementwise(
    "k1e",
    special.k1e,
    lambda g, y, x: g * _near_and_far(_k1e_slope, lambda x: _kve_gap(x) - k1e(x) / x, x),
    domain=_positive,
    edges=[((0.0,), (-np.inf,))],
    doc="k1(x) exp(x).",
)
