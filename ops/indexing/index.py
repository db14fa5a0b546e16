"""Indexing and its transpose, scatter-add.

    index   : x[key]                          -> y
    scatter : zeros(shape); z[key] += g       -> z

A key is split into a static pattern and the integer arrays in it, which are operands: so they
can differ from example to example, and from call to call of a replayed function.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import signatures
from ...core.kinds import linear, zero
from ...core.signatures import CORE, Axes
from ...core.tensor import Batched, Tensor, tensor_or_array
from .._types import Array, ArrayLike
from ..shape.axes import canonical_axis, shape_of
from ..shape.broadcasting import broadcast_to, ravel, reshape
from ..shape.permutation import permute
from .along_axis import add_along, take_along

ARRAY = "array"
"""Stands in a pattern for the next integer array."""

# ---- the key ------------------------------------------------------------------------------------


_ALL = slice(None)


def plain_pattern(key: Any, ndim: int) -> tuple[Any, ...] | None:
    """The pattern of a key of integers and slices alone, the common one; None of others."""
    pattern = key if type(key) is tuple else (key,)
    for entry in pattern:
        kind = type(entry)
        if kind is not int:
            if kind is not slice:
                return None
            for bound in (entry.start, entry.stop, entry.step):
                if bound is not None and type(bound) is not int:
                    return None
    missing = ndim - len(pattern)
    return None if missing < 0 else pattern + (_ALL,) * missing if missing else pattern


def parse(key: Any, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], list[Any]]:
    """Split a key into a static pattern, one entry for each axis or None, and its arrays.

    Ellipses are spelled out and boolean masks become integer arrays, so that the pattern counts
    axes from the first logical one.
    """
    entries = list(key) if isinstance(key, tuple) else [key]
    parsed: list[Any] = []
    arrays: list[Any] = []
    masks: list[tuple[int, tuple[int, ...]]] = []  # where each stands in the pattern
    used = 0
    for entry in entries:
        if entry is None or entry is Ellipsis:
            parsed.append(entry)
        elif isinstance(entry, slice):
            parsed.append(slice(*(None if v is None else int(v) for v in _bounds(entry))))
            used += 1
        elif isinstance(entry, (int, np.integer)) and not isinstance(entry, (bool, np.bool)):
            parsed.append(int(entry))
            used += 1
        else:
            array = tensor_or_array(entry)
            if isinstance(array, np.ndarray) and not array.size and array.dtype.kind == "f":
                array = array.astype(int)  # an empty list
            if array.dtype.kind == "b":
                if type(array) is Batched:
                    array.item()  # refuses, and says what to do
                if isinstance(array, Tensor):
                    array._refuse_while_traced("a boolean mask as an index")
                mask = array.value if isinstance(array, Tensor) else array
                masks.append((len(parsed), mask.shape))
                parsed.extend([ARRAY] * mask.ndim)
                arrays.extend(mask.nonzero())
                used += mask.ndim
                continue
            if array.dtype.kind not in "iu":
                raise IndexError(
                    f"getitem: an index is an integer, a slice, None, Ellipsis, or an integer or "
                    f"boolean array, got {array.dtype} {entry!r}"
                )
            parsed.append(ARRAY)
            arrays.append(array)
            used += 1
    if used > len(shape):
        raise IndexError(f"getitem: {used} indices for an array of shape {shape}")
    fill = [slice(None)] * (len(shape) - used)
    if Ellipsis in parsed:
        i = next(i for i, e in enumerate(parsed) if e is Ellipsis)
        parsed[i : i + 1] = fill
        masks = [(at + len(fill) - 1 if at > i else at, m) for at, m in masks]
        if any(e is Ellipsis for e in parsed):
            raise IndexError("getitem: an index can have only one Ellipsis")
    else:
        parsed += fill
    for at, mask_shape in masks:
        axis = sum(e is not None for e in parsed[:at])
        selected = shape[axis : axis + len(mask_shape)]
        if selected != mask_shape:
            raise IndexError(
                f"getitem: a boolean mask of shape {mask_shape} for axes of lengths {selected} "
                f"in an array of shape {shape}"
            )
    return tuple(parsed), arrays


def _is_flag(entry: Any) -> bool:
    dtype = getattr(entry, "dtype", None)
    return isinstance(entry, bool) or (dtype == np.bool and entry.ndim == 0)


def _width(entry: Any) -> int:
    """How many axes an entry of a key consumes."""
    if entry is None or entry is Ellipsis or _is_flag(entry):
        return 0
    if isinstance(entry, slice):
        return 1
    array = tensor_or_array(entry)
    return array.ndim if array.dtype == np.bool else 1


def _without_flags(x: Array, key: Any) -> tuple[Any, Any]:
    """Give a boolean without axes, as in ``x[True]``, an axis of its own to select from."""
    entries = list(key) if isinstance(key, tuple) else [key]
    for i, entry in enumerate(entries):
        if _is_flag(entry):
            dots = any(e is Ellipsis for e in entries[:i])
            part = entries[i + 1 :] if dots else entries[:i]
            width = sum(_width(e) for e in part)
            at = len(x.shape) - width if dots else width
            x = reshape(x, shape=(*x.shape[:at], 1, *x.shape[at:]))
            entries[i] = np.zeros(int(bool(entry)), int)
    return x, tuple(entries)


def _bounds(entry: slice) -> tuple[Any, Any, Any]:
    return entry.start, entry.stop, entry.step


def _fill(pattern: tuple[Any, ...], arrays: Any) -> tuple[Any, ...]:
    supply = iter(arrays)
    return tuple(next(supply) if entry is ARRAY else entry for entry in pattern)


def _batched_key(
    pattern: tuple[Any, ...], arrays: Any, ndims: Any, lead: tuple[int, ...]
) -> tuple[Any, ...]:
    """A key in which the batch is indexed too: one array per batch axis, before all others."""
    rank = max([n if n is not None else np.ndim(a) for a, n in zip(arrays, ndims, strict=True)])
    grid = [
        np.arange(n).reshape((-1,) + (1,) * (len(lead) - i - 1 + rank)) for i, n in enumerate(lead)
    ]
    aligned = [
        a
        if n is None
        else a.reshape(a.shape[: len(lead)] + (1,) * (rank - n) + a.shape[len(lead) :])
        for a, n in zip(arrays, ndims, strict=True)
    ]
    return (*grid, *_fill(pattern, aligned))


def _landing(pattern: tuple[Any, ...]) -> int:
    """How many result axes NumPy puts before those of the arrays."""
    advanced = [i for i, e in enumerate(pattern) if e is ARRAY or isinstance(e, int)]
    arrays = [i for i, e in enumerate(pattern) if e is ARRAY]
    if not arrays:
        return 0
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    return sum(not isinstance(e, int) for e in pattern[: advanced[0]]) if together else 0


def _slices_before_arrays(
    lead: int, rank: int, pattern: tuple[Any, ...], total: int
) -> list[int] | None:
    """The permutation from NumPy's (lead, arrays, slices) to (lead, slices, arrays, slices)."""
    before = _landing(pattern)
    if not before:
        return None
    arrays = list(range(lead, lead + rank))
    rest = list(range(lead + rank, total))
    return [*range(lead), *rest[:before], *arrays, *rest[before:]]


# ---- the pair of primitives ---------------------------------------------------------------------


def _take(x: Array, *arrays: Array, pattern: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    return x[_fill(pattern, arrays)]


def _take_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    x, *arrays = values
    pattern = params["pattern"]
    if all(n is None for n in ndims[1:]):
        key = (slice(None),) * len(lead) + _fill(pattern, arrays)
        out = x[key]
        if arrays and _separated(pattern):
            rank = np.broadcast(*arrays).ndim  # NumPy put the arrays' axes before the batch
            out = np.moveaxis(out, range(rank), range(len(lead), len(lead) + rank))
        return out
    if ndims[0] is None:
        x = np.broadcast_to(x, lead + x.shape)
    elif x.shape[: len(lead)] != lead:
        x = np.broadcast_to(x, lead + x.shape[len(lead) :])
    key = _batched_key(pattern, arrays, ndims[1:], lead)
    out = x[_front(key, pattern, len(lead))]
    rank = np.broadcast(*[k for k in key if isinstance(k, np.ndarray)]).ndim - len(lead)
    order = _slices_before_arrays(len(lead), rank, pattern, out.ndim)
    return out if order is None else out.transpose(order)


def _front(key: tuple[Any, ...], pattern: tuple[Any, ...], lead: int) -> tuple[Any, ...]:
    """Integers become 0-d arrays, so that NumPy treats all of the key's advanced part alike."""
    return key[:lead] + tuple(np.asarray(k) if isinstance(k, int) else k for k in key[lead:])


def _separated(pattern: tuple[Any, ...]) -> bool:
    advanced = [i for i, e in enumerate(pattern) if e is ARRAY or isinstance(e, int)]
    return advanced != list(range(advanced[0], advanced[-1] + 1))


def _scatter_add(
    g: Array, *arrays: Array, pattern: tuple[Any, ...], shape: tuple[int, ...]
) -> Array:
    g = np.asarray(g)
    out = np.zeros(shape, g.dtype)
    key = _fill(pattern, arrays)
    if arrays:
        np.add.at(out, key, g)
    else:
        out[key] = g
    return out


def _scatter_add_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    g, *arrays = values
    pattern, shape = params["pattern"], params["shape"]
    if ndims[0] is None:
        g = np.broadcast_to(g, lead + np.shape(g))
    elif g.shape[: len(lead)] != lead:
        g = np.broadcast_to(g, lead + g.shape[len(lead) :])
    out = np.zeros(lead + shape, g.dtype)
    if not arrays:
        out[(slice(None),) * len(lead) + _fill(pattern, arrays)] = g
        return out
    key = _batched_key(pattern, arrays, ndims[1:], lead)
    rank = np.broadcast(*[k for k in key if isinstance(k, np.ndarray)]).ndim - len(lead)
    order = _slices_before_arrays(len(lead), rank, pattern, g.ndim)
    if order is not None:
        g = g.transpose(np.argsort(order))
    np.add.at(out, _front(key, pattern, len(lead)), g)
    return out


# ---- what becomes of each axis ------------------------------------------------------------------


def key_labels(
    pattern: tuple[Any, ...], shape: tuple[int, ...], given: list[tuple[int, ...]]
) -> tuple[list[Any], list[Any], list[tuple[Any, ...]]]:
    """Labels of the axes of an array, of what a pattern takes from it, and of the index arrays."""
    block = np.broadcast_shapes(*given)
    advanced = [("array", k) for k in range(-len(block), 0)]
    labels: list[Any] = []
    taken: list[Any] = []
    for entry in pattern:
        if entry is None:
            taken.append(None)
            continue
        axis = len(labels)
        n = shape[axis]
        whole = isinstance(entry, slice) and range(*entry.indices(n)) == range(n)
        labels.append(("axis", axis) if whole else CORE)
        if isinstance(entry, slice):
            taken.append(labels[-1])
    before = _landing(pattern)
    taken[before:before] = advanced
    arrays = [
        tuple(None if k is None else ("array", k) for k in signatures.broadcast_labels(s, block))
        for s in given
    ]
    return labels, taken, arrays


def _take_axes(params: Any, shapes: Any, shape: Any) -> Axes:
    labels, taken, arrays = key_labels(params["pattern"], shapes[0], shapes[1:])
    return Axes((tuple(labels), *arrays), tuple(taken))


def _scatter_add_axes(params: Any, shapes: Any, shape: Any) -> Axes:
    labels, taken, arrays = key_labels(params["pattern"], shape, shapes[1:])
    return Axes((tuple(taken), *arrays), tuple(labels))


def _with_lead(
    emit: Any, arrays: Any, ndims: Any, pattern: tuple[Any, ...], lead: tuple[int, ...]
) -> tuple[list[Any], tuple[Any, ...], int]:
    """Arrays and pattern of an index in which the batch is an axis too, as of a batched key."""
    depth = len(lead)
    rank = max(len(a.shape) if n is None else n for a, n in zip(arrays, ndims, strict=True))
    grids = [
        emit.constant(np.arange(n).reshape((-1,) + (1,) * (depth - i - 1 + rank)))
        for i, n in enumerate(lead)
    ]
    aligned = iter(
        a
        if n is None or n == rank
        else emit(reshape, a, shape=a.shape[:depth] + (1,) * (rank - n) + a.shape[depth:])
        for a, n in zip(arrays, ndims, strict=True)
    )
    filled = [
        emit.constant(np.asarray(e)) if isinstance(e, int) else next(aligned)
        for e in pattern
        if e is ARRAY or isinstance(e, int)
    ]
    advanced = tuple(ARRAY if isinstance(e, int) else e for e in pattern)
    return [*grids, *filled], (ARRAY,) * depth + advanced, rank


def _lowered_take_batch(emit: Any, operands: Any, ndims: Any, lead: Any, params: Any) -> Any:
    (x, *arrays), pattern, depth = operands, params["pattern"], len(lead)
    shape = lead + params["shape"]
    if all(n is None for n in ndims[1:]):
        if arrays and _separated(pattern):
            return None
        return emit(take_pattern, x, *arrays, pattern=(_ALL,) * depth + pattern, shape=shape)
    x = x if x.shape == shape else emit(broadcast_to, x, shape=shape)
    arrays, wide, rank = _with_lead(emit, arrays, ndims[1:], pattern, lead)
    out = emit(take_pattern, x, *arrays, pattern=wide, shape=shape)
    order = _slices_before_arrays(depth, rank, pattern, len(out.shape))
    return out if order is None else emit(permute, out, axes=_negative(order))


def _lowered_scatter_add_batch(emit: Any, operands: Any, ndims: Any, lead: Any, params: Any) -> Any:
    (g, *arrays), pattern, depth = operands, params["pattern"], len(lead)
    own = g.shape if ndims[0] is None else g.shape[depth:]
    g = g if g.shape == lead + own else emit(broadcast_to, g, shape=lead + own)
    shape = lead + params["shape"]
    if all(n is None for n in ndims[1:]):
        if arrays and _separated(pattern):
            return None
        return emit(put_pattern, g, *arrays, pattern=(_ALL,) * depth + pattern, shape=shape)
    arrays, wide, rank = _with_lead(emit, arrays, ndims[1:], pattern, lead)
    order = _slices_before_arrays(depth, rank, pattern, len(g.shape))
    if order is not None:
        g = emit(permute, g, axes=_negative(np.argsort(order).tolist()))
    return emit(put_pattern, g, *arrays, pattern=wide, shape=shape)


def _negative(order: list[int]) -> tuple[int, ...]:
    return tuple(k - len(order) for k in order)


# ---- an index that counts along all axes but one ------------------------------------------------


def _positions_along_one_axis(
    emit: Any, arrays: Any, pattern: Any, shape: Any
) -> tuple[Any, int, bool] | None:
    """``[np.arange(n), positions]`` as positions along one axis; None for any other index.

    Gives the positions, with as many axes as the array; the axis; and whether the result lacks it.
    """
    plain = all(e is ARRAY or (isinstance(e, slice) and e == _ALL) for e in pattern)
    if len(arrays) < 2 or not plain or _separated(pattern):
        return None
    first = pattern.index(ARRAY)
    block = np.broadcast_shapes(*(a.shape for a in arrays))
    counted = [_counted_axis(a, shape[first + n], len(block)) for n, a in enumerate(arrays)]
    if counted.count(None) != 1:
        return None
    at = counted.index(None)
    free = [k for k in range(len(block)) if k not in counted]
    order = [k for k in counted if k is not None]
    order[at:at] = free  # where the axes of the result come from
    if len(free) > 1 or order != list(range(len(block))):
        return None
    own = (1,) * (len(block) - len(arrays[at].shape)) + arrays[at].shape
    if not free:
        own = (*own[:at], 1, *own[at:])
    behind = len(pattern) - first - len(arrays)
    positions = emit(reshape, arrays[at], shape=(1,) * first + own + (1,) * behind)
    return positions, first + at - len(shape), not free


def _counted_axis(a: Array, length: int, rank: int) -> int | None:
    """The one of ``rank`` axes along which an array counts from 0 to ``length - 1``."""
    long = [k for k, n in enumerate(a.shape, rank - len(a.shape)) if n != 1]
    if a.value is None or len(long) != 1 or a.value.size != length:
        return None
    return long[0] if np.array_equal(np.ravel(a.value), np.arange(length)) else None


def _take_by_steps(emit: Any, x: Any, *arrays: Any, pattern: Any, shape: Any) -> Any:
    if (found := _positions_along_one_axis(emit, arrays, pattern, shape)) is None:
        return None
    positions, axis, dropped = found
    out = emit(take_along, x, positions, axis=axis)
    if not dropped:
        return out
    lengths = list(out.shape)
    del lengths[axis]
    return emit(reshape, out, shape=tuple(lengths))


def _scatter_add_by_steps(emit: Any, g: Any, *arrays: Any, pattern: Any, shape: Any) -> Any:
    if (found := _positions_along_one_axis(emit, arrays, pattern, shape)) is None:
        return None
    positions, axis, dropped = found
    if dropped:
        lengths = list(g.shape)
        lengths.insert(len(shape) + axis, 1)
        g = emit(reshape, g, shape=tuple(lengths))
    return emit(add_along, g, positions, axis=axis, length=shape[axis])


# ---- the rows -----------------------------------------------------------------------------------


def _index_cases() -> list[Any]:
    rng = np.random.default_rng(0)
    keys = [
        ((3, 4), (1,)),
        ((3, 4), (slice(None, None, -2), None)),
        ((3, 4), (Ellipsis, slice(1, 3))),
        ((3, 4), ([0, 0, 2],)),
        ((3, 4), (slice(None), [1, 1])),
        ((3, 4), ([0, 1, 1], [3, 0, 0])),
        ((3, 4), (rng.random((3, 4)) > 0.5,)),
        ((2, 3, 4), ([0, 1], slice(None), [1, 2])),
        ((2, 3, 4), (0, slice(None), [[1, 2], [1, 0]])),
        ((2, 3, 4), (slice(None), [[0, 1, 1]], None)),
        ((0, 3), (slice(None), 1)),
    ]
    cases = []
    for shape, key in keys:
        pattern, arrays = parse(key, shape)

        def case(rng: Any, shape: Any = shape, pattern: Any = pattern, arrays: Any = arrays) -> Any:
            return (rng.normal(size=shape), *arrays), {"pattern": pattern, "shape": shape}

        cases.append(case)
    return cases


def _scatter_cases() -> list[Any]:
    def turned(case: Any) -> Any:
        def scatter_case(rng: Any) -> Any:
            (x, *arrays), params = case(rng)
            return (rng.normal(size=_take(x, *arrays, **params).shape), *arrays), params

        return scatter_case

    return [turned(case) for case in _index_cases()]


take_pattern: Any = linear(
    "index",
    _take,
    lambda g, y, x, *arrays, pattern, shape: put_pattern(g, *arrays, pattern=pattern, shape=shape),
    batch=_take_batch,
    lowered_batch=_lowered_take_batch,
    lowered=_take_by_steps,
    signature=_take_axes,
    write="{out} = {0}[{pattern}]",
    moves=True,
    aliases=True,
    others=8,
    label="index",
    analytic=True,
    cases=_index_cases(),
)

put_pattern: Any = linear(
    "scatter_add",
    _scatter_add,
    lambda g, y, x, *arrays, pattern, shape: take_pattern(g, *arrays, pattern=pattern, shape=shape),
    batch=_scatter_add_batch,
    lowered_batch=_lowered_scatter_add_batch,
    lowered=_scatter_add_by_steps,
    signature=_scatter_add_axes,
    write="copyto({out}, 0); {out}[{pattern}] = {0}",
    resized=lambda params, shapes, shape: {**params, "shape": shape},
    others=8,
    label="scatter",
    analytic=True,
    cases=_scatter_cases(),
)


# ---- what users call ----------------------------------------------------------------------------


def index(x: ArrayLike, key: Any) -> Array:
    """``x[key]`` for every kind of NumPy key; a repeated position adds up in the derivative.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: (x[[0, 0, 1]] ** 2).sum())(np.array([3.0, 5.0]))
    array([12., 10.])
    """
    if not isinstance(x, Tensor):
        x = np.asarray(x)
        if not _has_tensor(key):
            return x[key]
    plain = plain_pattern(key, len(x.shape))
    if plain is not None:
        return take_pattern(x, pattern=plain, shape=x.shape)
    if _has_flag(key):
        x, key = _without_flags(x, key)
    pattern, arrays = parse(key, x.shape)
    return take_pattern(x, *arrays, pattern=pattern, shape=x.shape)


def _has_flag(key: Any) -> bool:
    return any(map(_is_flag, key)) if isinstance(key, tuple) else _is_flag(key)


def _has_tensor(key: Any) -> bool:
    entries = key if isinstance(key, tuple) else (key,)
    return any(isinstance(entry, Tensor) for entry in entries)


def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Array:
    """Elements at these positions along an axis (None: of the flattened array)."""
    if axis is None:
        x, axis = ravel(x), 0
    axis = canonical_axis(axis, len(shape_of(x)), "take")
    indices = tensor_or_array(indices)
    return index(x, (Ellipsis, indices) + (slice(None),) * (-axis - 1))


def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int = -1) -> Array:
    """Elements at positions that differ along the other axes, as ``argsort`` gives them."""
    shape = shape_of(x)
    axis = canonical_axis(axis, len(shape), "take_along_axis")
    indices = tensor_or_array(indices)
    ndim = len(shape)
    if len(indices.shape) != ndim:
        raise ValueError(
            f"take_along_axis: indices of shape {indices.shape} need as many axes as {shape}"
        )
    if indices.dtype.kind not in "iu":
        raise IndexError(f"take_along_axis: indices must be integers, got {indices.dtype}")
    return take_along(x if isinstance(x, Tensor) else np.asarray(x), indices, axis=axis)


argsort_along = zero(
    "argsort",
    lambda x, *, axis: np.argsort(x, axis=axis, kind="stable"),
    along=True,
    signature=signatures.along_axis,
    cases=[([(2, 3)], {"axis": -1})],
    doc="Positions that sort along an axis; ties keep their order.",
)


def argsort(x: ArrayLike, axis: int | None = -1) -> Array:
    """Positions that sort along an axis; ties keep their order."""
    if axis is None:
        x, axis = ravel(x), -1
    return argsort_along(x, axis=canonical_axis(axis, len(shape_of(x)), "argsort"))


def sort(x: ArrayLike, axis: int | None = -1) -> Array:
    """Sort along an axis; of tied elements each keeps its own derivative (a stable permutation)."""
    if axis is None:
        x, axis = ravel(x), -1
    return take_along_axis(x, argsort(x, axis), axis)
