"""Rearranging: views where NumPy has views, and what joins and splits arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import arguments, signatures
from ...core.kinds import linear, variadic
from .._types import Array, ArrayLike
from .._zeros import zeros
from ..elementwise.identity import copied
from ..indexing.index import index, take_pattern
from .axes import canonical_axes, canonical_axis, canonical_shape, shape_of
from .broadcasting import broadcast_to, ravel, reshape, to_shape
from .permutation import permute

# ---- permutations -------------------------------------------------------------------------------


def transpose(x: ArrayLike, axes: Any = None) -> Array:
    """Permute the axes; reverse them when none are given."""
    ndim = len(shape_of(x))
    if axes is None:
        return permute(x, axes=tuple(range(-1, -ndim - 1, -1)))
    order = tuple(canonical_axis(a, ndim, "transpose") for a in axes)
    if len(order) != ndim or len(set(order)) != ndim:
        raise ValueError(f"transpose: axes={axes!r} is no permutation of {ndim} axes")
    return permute(x, axes=order)


def matrix_transpose(x: ArrayLike) -> Array:
    """Swap the last two axes."""
    return swapaxes(x, -1, -2)


def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Array:
    """Exchange two axes."""
    ndim = len(shape_of(x))
    axes = list(range(-ndim, 0))
    i, j = (canonical_axis(a, ndim, "swapaxes") for a in (axis1, axis2))
    axes[i], axes[j] = axes[j], axes[i]
    return permute(x, axes=tuple(axes))


def moveaxis(x: ArrayLike, source: Any, destination: Any) -> Array:
    """Move axes to new positions; the others keep their order."""
    ndim = len(shape_of(x))
    given = [(source,), (destination,)] if np.ndim(source) == 0 else [source, destination]
    src, dst = ([canonical_axis(a, ndim, "moveaxis") for a in axes] for axes in given)
    if len(src) != len(dst):
        raise ValueError(f"moveaxis: {len(src)} axes cannot move to {len(dst)} positions")
    axes = [a for a in range(-ndim, 0) if a not in src]
    for d, s in sorted(zip(dst, src, strict=True)):
        axes.insert(d + ndim, s)
    return permute(x, axes=tuple(axes))


def rollaxis(x: ArrayLike, axis: int, start: int = 0) -> Array:
    """Move one axis backwards (for compatibility with NumPy; ``moveaxis`` reads better)."""
    ndim = len(shape_of(x))
    axis = canonical_axis(axis, ndim, "rollaxis") + ndim
    start = start + ndim if start < 0 else start
    return moveaxis(x, axis, start - 1 if axis < start else start)


# ---- shapes -------------------------------------------------------------------------------------


def expand_dims(x: ArrayLike, axis: Any) -> Array:
    """Insert axes of length 1 at these positions of the result."""
    shape = list(shape_of(x))
    given = axis if isinstance(axis, Sequence) else (axis,)
    ndim = len(shape) + len(given)
    for a in sorted(canonical_axis(a, ndim, "expand_dims") + ndim for a in given):
        shape.insert(a, 1)
    return reshape(x, shape=tuple(shape))


def squeeze(x: ArrayLike, axis: Any = None) -> Array:
    """Drop axes of length 1: all of them, or those named."""
    shape = shape_of(x)
    ndim = len(shape)
    if axis is None:
        axes = tuple(i - ndim for i, n in enumerate(shape) if n == 1)
    else:
        axes = canonical_axes(axis, ndim, "squeeze")
        if any(shape[a] != 1 for a in axes):
            raise ValueError(f"squeeze: axis={axis!r} of shape {shape} is not of length 1")
    return reshape(x, shape=tuple(n for i, n in enumerate(shape) if i - ndim not in axes))


def broadcast(x: ArrayLike, shape: Any) -> Array:
    """Repeat along new or length-1 axes, as a view; NumPy's ``broadcast_to``."""
    want, have = canonical_shape(shape, "broadcast_to"), shape_of(x)
    tail = want[len(want) - len(have) :]
    fits = len(have) <= len(want) and all(h in (1, w) for h, w in zip(have, tail, strict=True))
    if not fits:
        raise ValueError(f"broadcast_to: an array of shape {have} does not broadcast to {want}")
    return broadcast_to(x, shape=want)


def broadcast_arrays(*arrays: ArrayLike) -> tuple[Array, ...]:
    """Broadcast several arrays to their common shape."""
    shape = np.broadcast_shapes(*(shape_of(a) for a in arrays))
    return tuple(broadcast(a, shape) for a in arrays)


def atleast_1d(x: ArrayLike) -> Array:
    """At least one axis."""
    return x if shape_of(x) else to_shape(x, (1,))


def atleast_2d(x: ArrayLike) -> Array:
    """At least two axes."""
    return x if len(shape_of(x)) >= 2 else to_shape(x, (1, -1))


# ---- joining ------------------------------------------------------------------------------------


def _concatenate_parts(params: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    axis = params["axis"]
    parts, start = [], 0
    for shape in shapes:
        stop = start + shape[axis]
        parts.append((Ellipsis, slice(start, stop)) + (slice(None),) * (-axis - 1))
        start = stop
    return parts


def _concatenate_transpose(g: Array, y: Array, args: Any, params: Any) -> list[Array]:
    return [index(g, part) for part in _concatenate_parts(params, [a.shape for a in args])]


concatenate_along = variadic(
    "concatenate",
    lambda *xs, axis, out=None: np.concatenate(xs, axis=axis, out=out),
    _concatenate_transpose,
    label="concat",
    analytic=True,
    signature=signatures.along_axis,
    moves=True,
    parts=_concatenate_parts,
    cases=[
        ([(2, 3), (1, 3)], {"axis": -2}),
        ([(2, 3), (2, 0), (2, 1)], {"axis": -1}),
    ],
)


def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an existing axis (None: all flattened)."""
    arrays = list(arrays)
    if not arrays:
        raise ValueError("concatenate: needs at least one array")
    if axis is None:
        arrays, axis = [ravel(a) for a in arrays], 0
    axis = canonical_axis(axis, len(shape_of(arrays[0])), "concatenate")
    return concatenate_along(*arrays, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis."""
    arrays = list(arrays)
    shapes = {shape_of(a) for a in arrays}
    if len(shapes) != 1:
        raise ValueError(f"stack: needs arrays of one shape, got {sorted(shapes)}")
    axis = canonical_axis(axis, len(shapes.pop()) + 1, "stack")
    return concatenate_along(*[expand_dims(a, axis) for a in arrays], axis=axis)


def hstack(arrays: Sequence[Any]) -> Any:
    """Join side by side: along the second axis, or the first of vectors."""
    arrays = [atleast_1d(a) for a in arrays]
    return concatenate(arrays, 0 if len(shape_of(arrays[0])) == 1 else 1)


def vstack(arrays: Sequence[Any]) -> Any:
    """Join one below the other: along the first axis, vectors as rows."""
    return concatenate([atleast_2d(a) for a in arrays], 0)


def column_stack(arrays: Sequence[Any]) -> Any:
    """Join along the second axis, vectors as columns."""
    columns = [a if len(shape_of(a)) > 1 else to_shape(a, (-1, 1)) for a in arrays]
    return concatenate(columns, 1)


def array_split(x: ArrayLike, sections: Any, axis: int = 0) -> list[Array]:
    """Cut along an axis into this number of parts, or at these indices."""
    axis = canonical_axis(axis, len(shape_of(x)), "array_split")
    n = shape_of(x)[axis]
    if np.ndim(sections) == 0:
        sections = arguments.integer("array_split", "sections", sections, least=1)
        each, more = divmod(n, sections)
        lengths = [each + 1] * more + [each] * (sections - more)
        cuts = [0, *np.cumsum(lengths).tolist()]
    else:
        cuts = [0, *[int(c) for c in sections], n]
    tail = (slice(None),) * (-axis - 1)
    pairs = zip(cuts[:-1], cuts[1:], strict=True)
    return [index(x, (Ellipsis, slice(a, b), *tail)) for a, b in pairs]


def split(x: ArrayLike, sections: Any, axis: int = 0) -> list[Array]:
    """Cut into equal parts, or at these indices."""
    n = shape_of(x)[canonical_axis(axis, len(shape_of(x)), "split")]
    if np.ndim(sections) == 0 and n % arguments.integer("split", "sections", sections, least=1):
        raise ValueError(f"split: {n} elements along axis {axis} do not divide by {sections}")
    return array_split(x, sections, axis)


# ---- repeating and shifting ---------------------------------------------------------------------


def tile(x: ArrayLike, reps: Any) -> Array:
    """Repeat the whole array ``reps`` times along each axis."""
    reps = canonical_shape(reps, "tile")
    shape = shape_of(x)
    ndim = max(len(reps), len(shape))
    reps = (1,) * (ndim - len(reps)) + reps
    shape = (1,) * (ndim - len(shape)) + shape
    between = tuple(length for n in shape for length in (1, n))
    repeated = tuple(length for r, n in zip(reps, shape, strict=True) for length in (r, n))
    final = tuple(r * n for r, n in zip(reps, shape, strict=True))
    if final == shape_of(x):
        return copied(x)
    return reshape(broadcast_to(reshape(x, shape=between), shape=repeated), shape=final)


def repeat(x: ArrayLike, repeats: Any, axis: int | None = None) -> Array:
    """Repeat each element along an axis (None: of the flattened array)."""
    if axis is None:
        x, axis = ravel(x), 0
    shape = shape_of(x)
    axis = canonical_axis(axis, len(shape), "repeat")
    if isinstance(repeats, int) and repeats > 1 and shape[axis] > 1:  # spread: no indices
        before, n, after = shape[:axis], shape[axis], shape[len(shape) + axis + 1 :]
        spread = reshape(x, shape=(*before, n, 1, *after))
        spread = broadcast_to(spread, shape=(*before, n, repeats, *after))
        return reshape(spread, shape=(*before, n * repeats, *after))
    positions = np.repeat(np.arange(shape_of(x)[axis]), repeats)
    return index(x, (Ellipsis, positions) + (slice(None),) * (-axis - 1))


def flip(x: ArrayLike, axis: Any = None) -> Array:
    """Reverse the order along axes (None: all)."""
    ndim = len(shape_of(x))
    axes = canonical_axes(axis, ndim, "flip")
    key = tuple(slice(None, None, -1) if i - ndim in axes else slice(None) for i in range(ndim))
    return index(x, key)


def _roll_fn(x: Array, *, shift: int, axis: int) -> Array:
    x = np.asarray(x)
    cut, tail = x.shape[axis] - shift, (slice(None),) * (-axis - 1)
    return np.concatenate((x[..., cut:, *tail], x[..., :cut, *tail]), axis)


def _lowered_roll(emit: Any, x: Any, *, shift: int, axis: int) -> Any:
    cut, around = x.shape[axis] - shift, [slice(None)] * len(x.shape)
    parts = []
    for part in (slice(cut, None), slice(None, cut)):
        around[axis] = part
        parts.append(emit(take_pattern, x, pattern=tuple(around), shape=x.shape))
    return emit(concatenate_along, *parts, axis=axis)


roll_along: Any = linear(
    "roll",
    _roll_fn,
    lambda g, y, x, shift, axis: roll_along(g, shift=x.shape[axis] - shift, axis=axis),
    lowered=_lowered_roll,
    analytic=True,
    signature=signatures.along_axis,
    moves=True,
    cases=[
        ([(2, 3)], {"shift": 1, "axis": -1}),
        ([(3, 2)], {"shift": 2, "axis": -2}),
        ([(2, 4, 0)], {"shift": 3, "axis": -2}),
    ],
)


def roll(x: ArrayLike, shift: Any, axis: Any = None) -> Array:
    """Shift elements along axes, those that fall off coming back at the other end."""
    shape = shape_of(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), shape=shape)
    pairs: Any = ((shift, axis),)
    if not isinstance(shift, int) or not isinstance(axis, int):
        pairs = np.broadcast(np.atleast_1d(shift), np.atleast_1d(axis))
    rolled = x
    for s, a in pairs:
        a = canonical_axis(int(a), len(shape), "roll")
        n = shape[a]
        if n and s % n:
            rolled = roll_along(rolled, shift=int(s) % n, axis=a)
    return copied(x) if rolled is x else rolled


# ---- padding ------------------------------------------------------------------------------------


def _inner(params: Any, shapes: Any) -> list[Any]:
    """Where an array is in what is padded."""
    (shape,), width = shapes, params["width"]
    sizes = shape[len(shape) - len(width) :]
    return [(Ellipsis, *[slice(a, a + n) for n, (a, _) in zip(sizes, width, strict=True)])]


def _pad_fn(x: Array, *, width: tuple[tuple[int, int], ...], out: Array = None) -> Array:
    x = np.asarray(x)
    around = [0] * (x.ndim - len(width)) + [a + b for a, b in width]
    out = zeros([n + more for n, more in zip(x.shape, around, strict=True)], x.dtype, out)
    (key,) = _inner({"width": width}, [x.shape])
    out[key] = x
    return out


def _pad_transpose(g: Array, y: Array, x: Array, *, width: tuple[tuple[int, int], ...]) -> Array:
    inner = tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, width, strict=True))
    return index(g, (Ellipsis, *inner))


def _pad_axes(params: Any, shapes: Any, shape: Any) -> signatures.Axes:
    own = tuple(range(-len(shape), 0))
    padded = dict(zip(reversed(own), reversed(params["width"]), strict=False))
    labels = tuple(k if padded.get(k, (0, 0)) == (0, 0) else signatures.CORE for k in own)
    return signatures.Axes((labels,), labels)


pad_zeros: Any = linear(
    "pad",
    _pad_fn,
    _pad_transpose,
    analytic=True,
    signature=_pad_axes,
    moves=True,
    parts=_inner,
    cases=[
        ([(2, 3)], {"width": ((1, 2), (0, 1))}),
        ([(0, 2)], {"width": ((1, 0), (0, 0))}),
    ],
)


def pad(x: ArrayLike, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Array:
    """Surround by a constant, or by the edge, the reflection or the other side of the array.

    ``mode`` is NumPy's "constant", "edge", "reflect", "symmetric" or "wrap".
    """
    shape = shape_of(x)
    pairs = np.broadcast_to(np.asarray(pad_width, dtype=int), (len(shape), 2))
    width = tuple((int(a), int(b)) for a, b in pairs)
    if any(n < 0 for pair in width for n in pair):
        raise ValueError(f"pad: widths cannot be negative, got {pad_width!r}")
    if mode == "constant":
        out = pad_zeros(x, width=width)
        if constant_values != 0:
            nothing = np.zeros(shape, getattr(x, "dtype", np.dtype(float)))
            out = out + np.pad(nothing, width, constant_values=constant_values)
        return out
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ValueError(
            f"pad: mode={mode!r} is not one of constant, edge, reflect, symmetric, wrap"
        )
    for i, (n, pair) in enumerate(zip(shape, width, strict=True)):
        if pair != (0, 0):
            positions = np.pad(np.arange(n), pair, mode=mode)  # type: ignore[call-overload]
            x = index(x, (slice(None),) * i + (positions,))
    return x
