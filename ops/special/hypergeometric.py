"""Hypergeometric functions and their kin in their argument, and the complete elliptic integrals.

Each derivative is a multiple of the function of neighbouring parameters (DLMF 13.3, 15.5, 16.3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from ...core.kinds import elementwise
from .._types import Array
from ..elementwise.arithmetic import power_array, where
from ..elementwise.comparison import equal, less
from .counts import rgamma
from .scipy_ufuncs import by_region, of_orders, wide

_unit = (-0.8, 0.8)
_positive = (0.5, 2.5)

hyp0f1: Any = of_orders(
    "hyp0f1",
    special.hyp0f1,
    "v",
    lambda g, y, v, x: g * (hyp0f1(v + 1, x) / wide(v, y)),
    (-2, 2),
    "The confluent hypergeometric limit function 0F1(v; x).",
)


def _hyp1f1(a: Array, b: Array, x: Array) -> Array:
    """SciPy's, which for some parameters never returns at large x: there it is the limit."""
    polynomial = np.less_equal(a, 0) & np.equal(a, np.floor(a))
    endless = np.isinf(x) | (np.greater(x, 1e4) & ~polynomial)
    if not np.any(endless):
        return special.hyp1f1(a, b, x)
    near = special.hyp1f1(a, b, np.where(endless, np.copysign(50.0, x), x))
    limit = np.where(np.greater(a, 0) & np.less(x, 0), 0.0, np.copysign(np.inf, near))
    return np.where(endless & np.not_equal(a, 0), limit, near).astype(near.dtype)[()]


hyp1f1: Any = of_orders(
    "hyp1f1",
    _hyp1f1,
    "a b",
    lambda g, y, a, b, x: g * (wide(a, y) / wide(b, y) * hyp1f1(a + 1, b + 1, x)),
    (-2, 2),
    "Kummer's confluent hypergeometric function 1F1(a; b; x).",
)
hyp2f1: Any = of_orders(
    "hyp2f1",
    special.hyp2f1,
    "a b c",
    lambda g, y, a, b, c, x: (
        g * (wide(a, y) * wide(b, y) / wide(c, y) * hyp2f1(a + 1, b + 1, c + 1, x))
    ),
    (-0.7, 0.6),
    "Gauss' hypergeometric function 2F1(a, b; c; x).",
)
hyperu: Any = of_orders(
    "hyperu",
    special.hyperu,
    "a b",
    lambda g, y, a, b, x: -g * (wide(a, y) * hyperu(a + 1, b + 1, x)),
    _positive,
    "Tricomi's confluent hypergeometric function U(a, b, x).",
)


def _struve_slope(function: Any, sign: int, v: Array, x: Array, y: Array) -> Array:
    """(f_{v-1} ± f_{v+1} + (x/2)ᵛ/(√π Γ(v + 3/2)))/2 (DLMF 11.4(v)); f₋₁ is 2/π ± f₁."""
    first = equal(v, 0)
    order = wide(v, y)
    term = power_array(0.5 * x, order) * (rgamma(order + 1.5) / math.sqrt(math.pi))
    below = function(where(first, 1, v - 1), x)
    below = where(first, term + sign * below, below)
    return 0.5 * (below + sign * function(v + 1, x) + term)


struve: Any = of_orders(
    "struve",
    special.struve,
    "v",
    lambda g, y, v, x: g * _struve_slope(struve, -1, v, x, y),
    _positive,
    "Struve's function H of order v.",
)
modstruve: Any = of_orders(
    "modstruve",
    special.modstruve,
    "v",
    lambda g, y, v, x: g * _struve_slope(modstruve, 1, v, x, y),
    _positive,
    "Struve's modified function L of order v.",
)

# ---- complete elliptic integrals: hypergeometric functions of the parameter m -------------------

ellipk: Any = elementwise(
    "ellipk",
    special.ellipk,
    lambda g, y, m: g * _ellipk_slope(m),
    domain=_unit,
    edges=[((0.0,), (math.pi / 8,))],
    doc="The complete elliptic integral of the first kind, of the parameter m.",
)
ellipkm1: Any = elementwise(
    "ellipkm1",
    special.ellipkm1,
    lambda g, y, p: -g * _ellipk_slope(1 - p),
    domain=(0.3, 1.5),
    doc="ellipk(1 - p).",
)
ellipe: Any = elementwise(
    "ellipe",
    special.ellipe,
    lambda g, y, m: -g * _ellipe_slope(m),
    domain=_unit,
    edges=[((0.0,), (-math.pi / 8,))],
    doc="The complete elliptic integral of the second kind, of the parameter m.",
)


FAR_LEFT = -1e8
"""Left of here SciPy's 2F1 overflows, and closed forms lose nothing (DLMF 19.4.1, 19.4.2)."""


def _elliptic_slope(a: float, far: Callable[[Array], Array], m: Array) -> Array:
    """π/8 · 2F1(a, 3/2; 2; m), or the closed form far out."""
    return by_region(
        less(m, FAR_LEFT), far, lambda m: math.pi / 8 * hyp2f1(a, 1.5, 2.0, m), m, (FAR_LEFT, 0.0)
    )


def _ellipk_slope(m: Array) -> Array:
    return _elliptic_slope(1.5, lambda m: (ellipe(m) / (1 - m) - ellipk(m)) / (2 * m), m)


def _ellipe_slope(m: Array) -> Array:
    return _elliptic_slope(0.5, lambda m: (ellipk(m) - ellipe(m)) / (2 * m), m)
