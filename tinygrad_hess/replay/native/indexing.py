"""Elements at positions that are arrays: gathered, or put or added somewhere.

    lowered_at_positions : (call, operands, result) -> operations, or None where it stays Python

NumPy walks through positions in their order, last axis fastest; so do these loops, and sums have
the same bits. Positions are looked at in each call, and refused as NumPy refuses them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...ops.indexing.keys import ALL, ARRAY
from ..codegen.writers import Call
from .library import Row, at_positions
from .operations import Operation, Place, filled_with_zeros, is_apart, is_plain, joined, spread

MOST_ARRAYS = 8
"""Of positions, in one index."""

MOST_POSITIONS = 2**13
"""Up to which these loops are faster than NumPy's, by what its call costs."""


class _Walk(NamedTuple):
    """How the elements of a small array are found in a large one.

    Attributes
    ----------
    offset : int
        Where the axes begin in the large array, in bytes.
    axes : list of tuple
        Of the small array: its length, and the stride of the large one, of the positions, and of
        the small one.
    indexed : list of (int, int, int)
        For each array of positions: the length of the axis that it indexes, the stride there, and
        the number of the axis.
    """

    offset: int
    axes: list[tuple[int, ...]]
    indexed: list[tuple[int, int, int]]


def lowered_at_positions(
    call: Call, operands: Sequence[Place], out: Place
) -> list[Operation] | None:
    """The operations of a call of a primitive on an array and positions."""
    first, *positions = operands
    x, y = first.array, out.array
    if not (is_plain(x) and is_plain(y) and x.dtype == y.dtype and x.size and y.size):
        return None
    if not all([_is_of_positions(p.array) for p in positions]) or len(positions) > MOST_ARRAYS:
        return None
    if not all([is_apart(p, out) for p in operands]):
        return None
    takes = call.function.positions == "take"
    arrays = [p.array for p in positions]
    walk = _walk(call, *((x, arrays, y) if takes else (y, arrays, x)))
    if walk is None or any([stride < 0 for _, stride, _ in walk.indexed]):
        return None
    if takes:
        places = (first._replace(offset=first.offset + walk.offset), *positions, out)
        found = _operation("gather", walk, places, takes)
        return None if found is None else [found]
    adds = _names_twice(call, arrays)
    fill = filled_with_zeros(out)
    if fill is None or (adds and x.dtype.kind not in "fc"):
        return None
    what = f"add {x.dtype.char.lower()}" if adds else "put"
    places = (first, *positions, out._replace(offset=out.offset + walk.offset))
    found = _operation(what, walk, places, takes)
    return None if found is None else [*fill, found]


def sample_of(call: Call, arrays: Sequence[Any]) -> Any:
    """What NumPy makes of such operands, at positions that there are."""
    x, *positions = arrays
    return call.function.fn(x, *[np.zeros_like(p) for p in positions], **(call.params or {}))


def _is_of_positions(x: Any) -> bool:
    return x.dtype == np.intp and x.dtype.isnative and bool(x.flags.aligned and x.size)


def _names_twice(call: Call, arrays: Sequence[Any]) -> bool:
    """Whether a position may be named twice, so that what goes there is added."""
    axis = (call.params or {}).get("axis")
    only_one = axis is not None and arrays[0].shape[axis] == 1
    return call.function.positions == "add" and not only_one


def _walk(call: Call, large: Any, arrays: Sequence[Any], small: Any) -> _Walk | None:
    params = call.params or {}
    if "axis" in params:
        return _along_axis(params["axis"], large, arrays[0], small)
    return _by_pattern(params["pattern"], large, arrays, small)


def _along_axis(axis: int, large: Any, positions: Any, small: Any) -> _Walk | None:
    """Along one axis; the others are walked through side by side."""
    indexed = [(large.shape[axis], large.strides[axis], axis % large.ndim)]
    others = large[(slice(None),) * (axis % large.ndim) + (slice(0, 1),)]
    try:
        if np.broadcast_shapes(others.shape, positions.shape, small.shape) != small.shape:
            return None
    except ValueError:
        return None
    strides = [spread(x, small.shape) for x in (others, positions, small)]
    return _Walk(0, [*zip(small.shape, *strides, strict=True)], indexed)


def _by_pattern(
    pattern: tuple[Any, ...], large: Any, arrays: Sequence[Any], small: Any
) -> _Walk | None:
    """By slices, and arrays beside each other."""
    if not all([e is ARRAY or isinstance(e, slice) for e in pattern]):
        return None
    first, count = pattern.index(ARRAY), len(arrays)
    if pattern[first : first + count] != (ARRAY,) * count:
        return None
    view = large[tuple([ALL if e is ARRAY else e for e in pattern])]
    block = np.broadcast_shapes(*[a.shape for a in arrays])
    end = first + count
    if small.shape != (*view.shape[:first], *block, *view.shape[end:]):
        return None
    before, behind = (0,) * first, (0,) * (view.ndim - end)
    steps = (*view.strides[:first], *(0,) * len(block), *view.strides[end:])
    strides = [(*before, *spread(a, block), *behind) for a in arrays]
    indexed = [(view.shape[k], view.strides[k], k) for k in range(first, end)]
    offset = view.__array_interface__["data"][0] - large.__array_interface__["data"][0]
    axes = [*zip(small.shape, steps, *strides, small.strides, strict=True)]
    return _Walk(int(offset), axes, indexed)


def _operation(what: str, walk: _Walk, places: tuple[Place, ...], takes: bool) -> Operation | None:
    x = places[0].array
    # of a complex number, the parts are moved and added each by itself
    parts = 2 if x.dtype.kind == "c" else 1
    itemsize, in_a_row = x.itemsize // parts, parts
    axes = joined([axis if takes else _turned(axis) for axis in walk.axes if axis[0] != 1])
    if axes and not any(axes[-1][2:-1]) and axes[-1][1] == axes[-1][-1] == x.itemsize:
        in_a_row *= axes.pop()[0]
    *outer, (length, *steps) = axes or [(1, *[0] * len(places))]
    if math.prod([length, *[axis[0] for axis in outer]]) > MOST_POSITIONS:
        return None
    words = (*steps, itemsize, in_a_row, *[word for axis in walk.indexed for word in axis])
    loop = at_positions(what, len(places) - 2)
    row = Row(loop, len(places), (length,), words, tuple(outer))
    loops = (*outer, (length, *steps))
    return Operation(row, places, axes=loops, reads_result=not takes)


def _turned(axis: tuple[int, ...]) -> tuple[int, ...]:
    """An axis from the small array to the large one."""
    length, large, *positions, small = axis
    return (length, small, *positions, large)
