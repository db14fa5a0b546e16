"""Operands of other libraries that Python should ask in our place (NEP 13).

    x + other : where ``other`` is to decide, NotImplemented, after which Python calls its
                ``other.__radd__(x)``

Arrays of other libraries that hold numbers (pandas, polars) are taken as arrays, so that gradients
flow; those that say that they come first, that can keep a tensor as their data (xarray), or that
hold recorded tensors or no numbers, have their turn.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import NonDifferentiableError
from .primitive import Primitive, binary, bind
from .tensor import Tensor

PRIORITY = 1000.0
"""Of tensors; that of an array is 0."""

_OURS = (Tensor, np.ndarray, np.generic, float, int, complex, list, tuple)


def comes_first(x: Any) -> bool:
    """Whether an operand of another library is to decide what ``tensor + x`` is."""
    if isinstance(x, _OURS):
        return False
    kind = type(x)
    if not hasattr(kind, "__array_ufunc__"):
        return float(getattr(kind, "__array_priority__", 0)) > PRIORITY
    if kind.__array_ufunc__ is None or names_axes(kind):
        return True
    try:
        return np.asarray(x).dtype.kind == "O"
    except NonDifferentiableError:  # it holds a recorded tensor
        return True


def names_axes(kind: type) -> bool:
    """Whether it is a container that gives names to the axes of any array, as xarray's do."""
    return hasattr(kind, "dims") and hasattr(kind, "data")


def unwrapped(x: Any) -> Any:
    """The tensor that such a container keeps as its data; anything else as it is."""
    kind = type(x)
    if kind in _OURS or not names_axes(kind):
        return x
    return x.data if isinstance(x.data, Tensor) else x


def operator(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operation of two operands as an operator."""
    row = getattr(function, "primitive", None)
    if row is not None and function.__name__ == row.name and row.is_broadcasting:
        return binary(row, _bind_or_defer)

    @functools.wraps(function)
    def method(a: Any, b: Any) -> Any:
        if comes_first(b) or comes_first(a):
            return NotImplemented
        return function(a, b)

    return method


def _bind_or_defer(prim: Primitive, args: tuple[Any, ...], params: Any) -> Any:
    if any(map(comes_first, args)):
        return NotImplemented
    return bind(prim, args, params)
