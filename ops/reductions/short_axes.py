"""Reductions over a few elements, such as a pooling window: slice by slice, many times faster.

NumPy's own reductions pay for each result; over windows of four elements that is most of the time.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from .._types import Array, ArrayLike

FEW = 16
"""Up to this number of elements per result, and with many more results, slices are faster."""


def are_short(shape: tuple[int, ...], axis: tuple[int, ...]) -> bool:
    """Whether these are the last axes, and so short that slices are faster."""
    if not shape or axis != tuple(range(-len(axis), 0)):
        return False
    few = math.prod(shape[a] for a in axis)
    return 1 < few <= FEW and math.prod(shape) >= few * 1024


def reduce(ufunc: Any, x: ArrayLike, axis: tuple[int, ...], keepdims: bool) -> Array:
    """``ufunc.reduce(x, axis, keepdims=keepdims)`` for the last axes, whichever way is faster."""
    if not are_short(x.shape, axis) or (len(axis) == 1 and x.flags.c_contiguous):
        return ufunc.reduce(x, axis=axis, keepdims=keepdims)
    indices = itertools.product(*(range(x.shape[a]) for a in axis))
    total = x[(Ellipsis, *next(indices))].copy()
    for index in indices:
        ufunc(total, x[(Ellipsis, *index)], out=total)
    return total.reshape(total.shape + (1,) * len(axis)) if keepdims else total
