"""Taking elements out of an array, putting others in, joining and cutting in more ways.

What only rearranges is done by its NumPy function on an array of positions: the elements at the
positions that it gives are the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import arguments
from ...core.errors import describe
from .._dispatch import as_array, as_it_is, concrete, items_as_arrays, on_tensors
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import positive
from ..elementwise.identity import astype, copied
from ..indexing.index import index
from .axes import canonical_axes, canonical_axis, shape_of
from .broadcasting import ravel, reshape
from .rearranging import broadcast, concatenate, flip, split, swapaxes


def _rearranged(x: Array, rearrange: Callable[[Any], Any]) -> Array:
    """The elements of ``x`` where ``rearrange`` puts their positions."""
    x = as_array(x)
    shape = x.shape
    return index(ravel(x), rearrange(np.arange(math.prod(shape)).reshape(shape)))


# ---- taking out, putting in ---------------------------------------------------------------------


@on_tensors(np.delete)
def delete(arr: ArrayLike, obj: Any, axis: int | None = None) -> Array:
    """Without the elements at these positions along an axis (None: of the flattened array).

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: (np.delete(x, 1) ** 2).sum())(np.array([1.0, 2.0, 3.0]))
    array([2., 0., 6.])
    """
    obj = obj if isinstance(obj, (slice, int)) else concrete(obj, "positions to delete")
    return _rearranged(arr, lambda positions: np.delete(positions, obj, axis))


@on_tensors(np.insert)
def insert(arr: ArrayLike, obj: Any, values: ArrayLike, axis: int | None = None) -> Array:
    """With values put in before these positions along an axis (None: of the flattened array).

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda v: (np.insert([1.0, 2.0], 1, v) ** 2).sum())(3.0)
    np.float64(6.0)
    """
    arr, values = as_array(arr), as_array(values)
    if values.dtype.kind == "c" and arr.dtype.kind != "c":
        raise TypeError(f"insert: complex values into a {describe(arr)} array lose a part")
    values = astype(values, arr.dtype)
    obj = obj if isinstance(obj, (slice, int)) else concrete(obj, "positions to insert before")
    n, more = math.prod(arr.shape), math.prod(values.shape)
    new = np.arange(n, n + more).reshape(values.shape)
    positions = np.insert(np.arange(n).reshape(arr.shape), obj, new, axis)
    return index(concatenate([ravel(arr), ravel(values)]), positions)


@on_tensors(np.append)
def append(arr: ArrayLike, values: ArrayLike, axis: int | None = None) -> Array:
    """With values put behind, along an axis (None: both flattened)."""
    return concatenate([as_array(arr), as_array(values)], axis)


@on_tensors(np.resize)
def resize(a: ArrayLike, new_shape: Any) -> Array:
    """Of another size: the elements again and again, as many as fit."""
    return _rearranged(a, lambda positions: np.resize(positions, new_shape))


@on_tensors(np.trim_zeros)
def trim_zeros(filt: ArrayLike, trim: str = "fb", axis: Any = None) -> Array:
    """Without the zeros at the front ("f") and back ("b"), which must not differ between calls."""
    values = concrete(filt, "the number of zeros at the ends")
    edges = []
    axes = [i + values.ndim for i in canonical_axes(axis, values.ndim, "trim_zeros")]
    arguments.choice("trim_zeros", "trim", trim, ("fb", "bf", "f", "b", "FB", "BF", "F", "B"))
    for i, n in enumerate(values.shape):
        there = np.flatnonzero(np.any(values != 0, tuple(j for j in range(values.ndim) if j != i)))
        cut = i in axes
        if cut and not there.size:
            edges.append(slice(0, 0))
            continue
        first = int(there[0]) if cut and "f" in trim.lower() else 0
        last = int(there[-1]) + 1 if cut and "b" in trim.lower() else n
        edges.append(slice(first, last))
    return index(as_array(filt), tuple(edges))


# ---- joining and cutting ------------------------------------------------------------------------


@on_tensors(np.atleast_3d)
def atleast_3d(*arrays: ArrayLike) -> Any:
    """At least three axes: a vector of length n becomes (1, n, 1), a matrix (m, n, 1)."""
    found = [_at_least_3d(a) for a in arrays]
    return found[0] if len(found) == 1 else tuple(found)


def _at_least_3d(x: Array) -> Array:
    shape = shape_of(x)
    if len(shape) >= 3:
        return x
    return reshape(x, shape=(*shape, 1) if len(shape) == 2 else (1, *(shape or (1,)), 1))


@on_tensors(np.dstack, items_as_arrays)
def dstack(tup: Sequence[Any]) -> Any:
    """Join along the third axis."""
    return concatenate([_at_least_3d(a) for a in tup], 2)


@on_tensors(np.block, as_it_is)
def block(arrays: ArrayLike) -> Array:
    """An array from nested lists of blocks, the innermost concatenated along the last axis.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> x = tg.tensor([[1.0]])
    >>> np.block([[x, 2 * x], [3 * x, 4 * x]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    depth = _depth(arrays)
    ndim = max(depth, *_ndims(arrays))
    out = _concatenate_nested(arrays, depth, ndim)
    return out if depth else copied(out)


def _depth(x: Array) -> int:
    if not isinstance(x, list):
        return 0
    found = {_depth(item) for item in x}
    if len(found) != 1:
        raise ValueError("block: lists must be nested to one depth, and none may be empty")
    return found.pop() + 1


def _ndims(x: Array) -> list[int]:
    if isinstance(x, list):
        return [n for item in x for n in _ndims(item)]
    return [len(shape_of(x)), 0]


def _concatenate_nested(x: Array, depth: int, ndim: int) -> Array:
    if isinstance(x, list):
        return concatenate([_concatenate_nested(item, depth - 1, ndim) for item in x], -depth)
    shape = shape_of(x)
    return reshape(as_array(x), shape=(1,) * (ndim - len(shape)) + shape)


@on_tensors(np.hsplit)
def hsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """Cut along the second axis (a vector along its first)."""
    if not shape_of(ary):
        raise ValueError("hsplit: needs at least one axis")
    return split(ary, indices_or_sections, 0 if len(shape_of(ary)) == 1 else 1)


@on_tensors(np.vsplit)
def vsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """Cut along the first axis of at least two."""
    return _split_checked(ary, indices_or_sections, 0, "vsplit")


@on_tensors(np.dsplit)
def dsplit(ary: ArrayLike, indices_or_sections: Any) -> list[Array]:
    """Cut along the third axis."""
    return _split_checked(ary, indices_or_sections, 2, "dsplit")


def _split_checked(x: Array, sections: Any, axis: int, who: str) -> list[Array]:
    least = max(axis + 1, 2)
    if len(shape_of(x)) < least:
        raise ValueError(f"{who}: needs at least {least} axes, got shape {shape_of(x)}")
    return split(x, sections, axis)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices along an axis, one array each."""
    axis = canonical_axis(axis, len(shape_of(x)), "unstack")
    tail = (slice(None),) * (-axis - 1)
    return tuple(index(x, (Ellipsis, i, *tail)) for i in range(shape_of(x)[axis]))


@on_tensors(np.meshgrid)
def meshgrid(*xi: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Coordinates on a grid from those along each axis."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing={indexing!r} is neither 'xy' nor 'ij'")
    n = len(xi)
    grids = [
        reshape(as_array(x), shape=(1,) * i + (math.prod(shape_of(x)),) + (1,) * (n - i - 1))
        for i, x in enumerate(xi)
    ]
    if indexing == "xy" and n > 1:
        grids = [swapaxes(g, 0, 1) for g in grids]
    if not sparse:
        shape = np.broadcast_shapes(*(shape_of(g) for g in grids))
        grids = [broadcast(g, shape) for g in grids]
    return tuple(grids)


# ---- turning ------------------------------------------------------------------------------------


@on_tensors(np.fliplr)
def fliplr(m: ArrayLike) -> Array:
    """Reverse the order along the second axis."""
    return flip(m, 1)


@on_tensors(np.flipud)
def flipud(m: ArrayLike) -> Array:
    """Reverse the order along the first axis."""
    return flip(m, 0)


@on_tensors(np.rot90)
def rot90(m: ArrayLike, k: int = 1, axes: Any = (0, 1)) -> Array:
    """Turn by 90 degrees, ``k`` times, in the plane of two axes, from the first to the second."""
    first, second = (canonical_axis(a, len(shape_of(m)), "rot90") for a in axes)
    if first == second:
        raise ValueError(f"rot90: axes={axes!r} must be different")
    k = k % 4
    if k == 0:
        return index(m, Ellipsis)
    if k == 2:
        return flip(m, (first, second))
    swapped = swapaxes(m, first, second)
    return flip(swapped, first if k == 1 else second)


@on_tensors(np.copy)
def copy(a: ArrayLike, order: str = "K", subok: bool = False) -> Array:
    """The same values as a new array; a derivative flows through the copy."""
    return positive(a)
