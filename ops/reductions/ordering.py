"""Order along an axis: the largest elements, running extremes, and positions among sorted values.

Positions are integers, and carry no derivative.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core import signatures
from ...core.errors import describe
from ...core.kinds import zero
from ...core.tensor import tensor_or_array
from .._dispatch import concrete, on_tensors
from .._types import Array, ArrayLike
from ..indexing.index import index, take_along_axis
from ..indexing.sorting import argsort
from ..shape.axes import canonical_axis, shape_of
from ..shape.rearranging import flip
from .reduction import opposite


def topk(x: ArrayLike, k: int, axis: int = -1, largest: bool = True) -> tuple[Array, Array]:
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


def _last_largest(x: Array, *, axis: int) -> Array:
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
    doc="The index of the largest element so far; of tied ones, the last.",
)


def cummax(x: ArrayLike, axis: int = -1) -> tuple[Array, Array]:
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


def cummin(x: ArrayLike, axis: int = -1) -> tuple[Array, Array]:
    """The smallest element so far along an axis, and its position; see :func:`cummax`."""
    values, at = cummax(opposite(x), axis)
    return opposite(values), at


# ---- among sorted values -------------------------------------------------------------------------


def _search(sorted_values: Array, values: Array, *, side: Any) -> Array:
    """``np.searchsorted`` along the last axis of the first, whose other axes broadcast."""
    if np.ndim(sorted_values) == 1:
        return np.searchsorted(sorted_values, values, side)
    lead = sorted_values.shape[:-1]
    values = np.broadcast_to(values, np.broadcast_shapes(lead, np.shape(values)))
    out = np.empty(values.shape, np.intp)
    for i in np.ndindex(lead):  # all values that belong to it at once
        at = (Ellipsis, *(slice(None) if n == 1 else k for k, n in zip(i, lead, strict=True)))
        out[at] = np.searchsorted(sorted_values[i], values[at], side)
    return out


def _case(*shape: int, side: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (np.sort(rng.normal(size=4)), rng.normal(size=shape)), {"side": side}

    return make


search: Any = zero(
    "searchsorted",
    _search,
    operands=2,
    along=True,
    signature="(n),()->()",
    cases=[_case(3, side="left"), _case(2, 3, side="right"), _case(side="left")],
    doc="How many of the sorted values are below (side left), or not above (right), each value.",
)


@on_tensors(np.searchsorted)
def searchsorted(a: ArrayLike, v: ArrayLike, side: str = "left", sorter: Any = None) -> Array:
    """Where to insert values into a sorted vector (or one that ``sorter`` sorts): positions."""
    return search(a if sorter is None else index(a, np.asarray(sorter)), v, side=side)


@on_tensors(np.digitize)
def digitize(x: ArrayLike, bins: ArrayLike, right: bool = False) -> Array:
    """The number of the bin that each value is in: an integer, without a derivative."""
    edges = concrete(bins, "the order of bins")
    if edges.ndim != 1:
        raise ValueError(f"digitize: bins must be a vector, got {describe(bins)}")
    side = "left" if right else "right"
    if edges.size > 1 and edges[0] > edges[-1]:
        return edges.size - search(edges[::-1], x, side=side)
    return search(bins, x, side=side)
