"""Spherical Bessel functions of integer order in their argument.

Each derivative is a mean of neighbouring orders (DLMF 10.51), so it is right at 0 too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scipy import special

from .._types import Array
from ..elementwise.arithmetic import maximum
from .scipy_ufuncs import of_orders, truncated, wide


def _declare(name: str, below: int, above: int, doc: str) -> Any:
    """``f_n' = (below n f_{n-1} + above (n + 1) f_{n+1}) / (2n + 1)``."""

    def rule(g: Array, y: Array, n: Any, x: Array) -> Array:
        return g * slope(n, x, y)

    def slope(n: Any, x: Array, y: Array) -> Array:
        n = truncated(n)  # as SciPy takes it
        order = wide(n, y)
        lower = below * order * function(maximum(n, 1) - 1, x)
        return (lower + above * (order + 1) * function(n + 1, x)) / (2 * order + 1)

    function = of_orders(name, getattr(special, name), "n", rule, (0.6, 3), doc, numbers=[(0, 4)])
    return _with_derivative(function, slope, name, doc)


def _with_derivative(function: Any, slope: Callable[..., Any], name: str, doc: str) -> Any:
    def call(n: Any, z: Array, derivative: bool = False) -> Array:
        y = function(n, z)
        return slope(n, z, y) if derivative else y

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{doc} Or its derivative with respect to ``z``."
    return call


spherical_jn: Any = _declare("spherical_jn", 1, -1, "Of the first kind.")
spherical_yn: Any = _declare("spherical_yn", 1, -1, "Of the second kind.")
spherical_in: Any = _declare("spherical_in", 1, 1, "Modified, of the first kind.")
spherical_kn: Any = _declare("spherical_kn", -1, -1, "Modified, of the second kind.")
