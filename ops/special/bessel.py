"""Bessel functions; a derivative with respect to the order is refused.

Each derivative is half a sum of neighbouring orders (DLMF 10.6.1 and 10.29.1), so it is of one
kind with the function, at 0 too, and any order follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from ...core.kinds import elementwise
from .._types import Array
from ..elementwise.comparison import sign
from ..elementwise.identity import astype
from .scipy_ufuncs import refused

_any = (-2, 2)
_positive = (0.6, 3)


def _case(*shape: int) -> Any:
    """Orders, as integers that keep float32 narrow, and arguments."""

    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        orders = rng.integers(0, 4, shape).astype(np.int16)
        return (orders, rng.uniform(0.6, 3, (2, 3))), {}

    return make


def _previous_order(v: Array) -> Array:
    """The order before ``v``; for unsigned integers too, whose 0 would wrap around."""
    unsigned = getattr(getattr(v, "dtype", None), "kind", "i") == "u"
    return astype(v, np.int64) - 1 if unsigned else v - 1


def _of_order(name: str, rule: Callable[..., Any], doc: str) -> Any:
    return elementwise(
        name,
        getattr(special, name),
        refused(name, 0, "v"),
        rule,
        cases=[_case(2, 3), _case(3), _case()],
        doc=doc + " Any real order v; its derivative with respect to v is refused.",
    )


jv: Any = _of_order(
    "jv",
    lambda g, y, v, x: g * (0.5 * (jv(_previous_order(v), x) - jv(v + 1, x))),
    "The Bessel function of the first kind.",
)
yv: Any = _of_order(
    "yv",
    lambda g, y, v, x: g * (0.5 * (yv(_previous_order(v), x) - yv(v + 1, x))),
    "The Bessel function of the second kind.",
)
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
    lambda g, y, v, x: g * (0.5 * (ive(_previous_order(v), x) + ive(v + 1, x)) - sign(x) * y),
    "The modified Bessel function of the first kind, times exp(-|x|).",
)
kve: Any = _of_order(
    "kve",
    lambda g, y, v, x: g * (y - 0.5 * (kve(_previous_order(v), x) + kve(v + 1, x))),
    "The modified Bessel function of the second kind, times exp(x).",
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
    lambda g, y, x: g * (0.5 * (y0(x) - yv(2, x))),
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
i1e: Any = elementwise(
    "i1e",
    special.i1e,
    lambda g, y, x: g * (0.5 * (i0e(x) + ive(2, x)) - sign(x) * y),
    domain=(0.2, 2),
    edges=_half_slope,
    doc="i1(x) exp(-|x|).",
)
i0e: Any = elementwise(
    "i0e",
    special.i0e,
    lambda g, y, x: g * (i1e(x) - sign(x) * y),
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
