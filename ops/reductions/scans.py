"""Running sums and products along an axis, and differences of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import signatures
from ...core.kinds import linear
from .._types import Array, ArrayLike
from ..indexing.index import index
from ..shape.axes import canonical_axis, shape_of
from ..shape.broadcasting import ravel
from ..shape.rearranging import broadcast, concatenate, concatenate_along
from .reduction import accumulated, in_dtype


def _reversed(x: Array, axis: int) -> Array:
    return index(x, (Ellipsis, slice(None, None, -1)) + (slice(None),) * (-axis - 1))


cumsum_along: Any = linear(
    "cumsum",
    lambda x, *, axis: np.add.accumulate(x, axis=axis),
    lambda g, y, x, axis: _reversed(cumsum_along(_reversed(g, axis), axis=axis), axis),
    analytic=True,
    signature=signatures.along_axis,
    cases=[([(3,)], {"axis": -1}), ([(2, 3)], {"axis": -2}), ([(0, 3)], {"axis": -1})],
)


def cumsum(x: ArrayLike, axis: int | None = None, dtype: Any = None) -> Array:
    """Running sum along an axis (None: of the flattened array)."""
    x, axis = (ravel(x), -1) if axis is None else (x, axis)
    axis = canonical_axis(axis, len(shape_of(x)), "cumsum")
    return cumsum_along(in_dtype(x, dtype), axis=axis)


def cumprod(x: ArrayLike, axis: int | None = None, dtype: Any = None) -> Array:
    """Running product along an axis (None: of the flattened array), by doubling its reach."""
    x, axis = (ravel(x), -1) if axis is None else (x, axis)
    x, axis = accumulated(x, dtype), canonical_axis(axis, len(shape_of(x)), "cumprod")
    n, tail, reach = shape_of(x)[axis], (slice(None),) * (-axis - 1), 1
    while reach < n:
        head = index(x, (Ellipsis, slice(0, reach), *tail))
        later = index(x, (Ellipsis, slice(reach, n), *tail))
        earlier = index(x, (Ellipsis, slice(0, n - reach), *tail))
        x = concatenate_along(head, later * earlier, axis=axis)
        reach *= 2
    return x


def cumulative_sum(
    x: ArrayLike, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """Running sum along an axis, which may be left out of a vector; a leading 0 on demand.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.cumulative_sum(x).sum())(np.ones(3))
    array([3., 2., 1.])
    """
    return _cumulative(x, axis, dtype, include_initial, cumsum, 0, "cumulative_sum")


def cumulative_prod(
    x: ArrayLike, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Array:
    """Running product along an axis, which may be left out of a vector; a leading 1 on demand."""
    return _cumulative(x, axis, dtype, include_initial, cumprod, 1, "cumulative_prod")


def _cumulative(
    x: Array, axis: Any, dtype: Any, initial: bool, scan: Any, neutral: int, who: str
) -> Array:
    shape = shape_of(x)
    if axis is None:
        if len(shape) != 1:
            raise ValueError(f"{who}: name the axis of an array of shape {shape}")
        axis = 0
    out = scan(x, axis, dtype)
    if not initial:
        return out
    lead = list(shape)
    lead[axis] = 1
    return concatenate_along(
        np.full(lead, neutral, out.dtype), out, axis=axis if axis < 0 else axis - len(shape)
    )


def diff(
    x: ArrayLike,
    n: int = 1,
    axis: int = -1,
    prepend: ArrayLike = None,
    append: ArrayLike = None,
) -> Array:
    """Differences of neighbours along an axis, ``n`` times, with values put before and after."""
    axis = canonical_axis(axis, len(shape_of(x)), "diff")
    if prepend is not None or append is not None:
        edge = [1 if i == axis + len(shape_of(x)) else k for i, k in enumerate(shape_of(x))]
        ends = [None if e is None else e if shape_of(e) else broadcast(e, edge)
                for e in (prepend, append)]  # fmt: skip
        x = concatenate([e for e in (ends[0], x, ends[1]) if e is not None], axis)
    tail = (slice(None),) * (-axis - 1)
    for _ in range(n):
        x = index(x, (Ellipsis, slice(1, None), *tail)) - index(
            x, (Ellipsis, slice(None, -1), *tail)
        )
    return x
