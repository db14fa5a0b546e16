"""Largest elements in order, and running ones, with where they stand."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core import signatures
from ...core.kinds import zero
from ...core.tensor import tensor_or_array
from ..indexing.index import argsort, index, take_along_axis
from ..shape.axes import canonical_axis, shape_of
from ..shape.rearranging import flip


def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> tuple[Any, Any]:
    """The ``k`` largest (or smallest) elements along an axis, in order, and their positions.

    Of tied elements the first come first; a NaN counts as largest, as in NumPy's sort.

    Parameters
    ----------
    x : array
    k : int
    axis : int
    largest : bool

    Returns
    -------
    values, positions : arrays, of length ``k`` along the axis

    Raises
    ------
    ValueError
        When there are fewer than ``k``.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.reductions.ordering import topk
    >>> topk(np.array([3.0, 1.0, 4.0]), 2)
    (array([4., 3.]), array([2, 0]))
    """
    x = tensor_or_array(x)
    axis = canonical_axis(axis, len(x.shape), "topk")
    n, k = x.shape[axis], operator.index(k)
    if not 0 <= k <= n:
        raise ValueError(f"topk: {k} of {n} elements along axis {axis} of shape {x.shape}")
    order = n - 1 - flip(argsort(flip(x, axis), axis), axis) if largest else argsort(x, axis)
    first = index(order, (Ellipsis, slice(0, k), *(slice(None),) * (-axis - 1)))
    return take_along_axis(x, first, axis), first


def _last_largest(x: Any, *, axis: int) -> Any:
    x = np.asarray(x)
    numbers = np.arange(x.shape[axis]).reshape((-1,) + (1,) * (-axis - 1))
    leads = (x == np.maximum.accumulate(x, axis=axis)) | np.isnan(x)
    return np.maximum.accumulate(np.where(leads, numbers, 0), axis=axis)


last_largest = zero(
    "argcummax",
    _last_largest,
    along=True,
    signature=signatures.along_axis,
    cases=[([(2, 3)], {"axis": -1}), ([(2, 3)], {"axis": -2})],
    doc="Where the largest element so far stands; of tied ones, the last.",
)


def cummax(x: Any, axis: int = -1) -> tuple[Any, Any]:
    """The largest element so far along an axis, and its position (of tied ones, the last).

    A NaN is larger than any number. The derivative goes to the element at that position.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.reductions.ordering import cummax
    >>> cummax(np.array([1.0, 3.0, 2.0]))
    (array([1., 3., 3.]), array([0, 1, 1]))
    """
    at = last_largest(x, axis=canonical_axis(axis, len(shape_of(x)), "cummax"))
    return take_along_axis(x, at, axis), at


def cummin(x: Any, axis: int = -1) -> tuple[Any, Any]:
    """The smallest element so far along an axis, and its position; see :func:`cummax`."""
    values, at = cummax(-x, axis)
    return -values, at
