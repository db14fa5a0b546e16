"""Indexing and its transpose, scatter-add.

    index          : x[key]                                  -> y
    scatter        : zeros(shape); z[key] += g               -> z
    scatter_unique : zeros(shape); z[key] = g                -> z, no position being named twice
    scatter_all    : zeros(shape); z[key] = g, z[key] = g, ... -> z

A key is split into a static pattern and the integer arrays in it, which are operands: so they
can differ from example to example, and from call to call of a replayed function.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.batching import full_lead
from ...core.kinds import linear, variadic
from ...core.signatures import CORE, Axes
from ...core.tensor import Tensor, tensor_or_array
from .._types import Array, ArrayLike
from .._zeros import zeros
from ..elementwise.arithmetic import add
from ..shape.axes import canonical_axis, shape_of
from ..shape.broadcasting import broadcast_to, ravel, reshape
from ..shape.permutation import permute
from .along_axis import add_along, take_along
from .keys import (
    ALL,
    ARRAY,
    are_unique,
    batched_key,
    filled,
    has_flag,
    key_labels,
    parse,
    plain_pattern,
    slices_before_arrays,
    with_new_axes,
    without_flags,
)

# ---- the pair of primitives ---------------------------------------------------------------------


def _take(x: Array, *arrays: Array, pattern: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    return x[filled(pattern, arrays)]


def _take_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    x, *arrays = values
    pattern = params["pattern"]
    if all(n is None for n in ndims[1:]):
        key = (slice(None),) * len(lead) + filled(pattern, arrays)
        out = x[key]
        if arrays and _separated(pattern):
            rank = np.broadcast(*arrays).ndim  # NumPy put the arrays' axes before the batch
            out = np.moveaxis(out, range(rank), range(len(lead), len(lead) + rank))
        return out
    if ndims[0] is None:
        x = np.broadcast_to(x, lead + x.shape)
    elif x.shape[: len(lead)] != lead:
        x = np.broadcast_to(x, lead + x.shape[len(lead) :])
    key = batched_key(pattern, arrays, ndims[1:], lead)
    out = x[_front(key, pattern, len(lead))]
    rank = np.broadcast(*[k for k in key if isinstance(k, np.ndarray)]).ndim - len(lead)
    order = slices_before_arrays(len(lead), rank, pattern, out.ndim)
    return out if order is None else out.transpose(order)


def _front(key: tuple[Any, ...], pattern: tuple[Any, ...], lead: int) -> tuple[Any, ...]:
    """Integers become 0-d arrays, so that NumPy treats all of the key's advanced part alike."""
    return key[:lead] + tuple(np.asarray(k) if isinstance(k, int) else k for k in key[lead:])


def _separated(pattern: tuple[Any, ...]) -> bool:
    advanced = [i for i, e in enumerate(pattern) if e is ARRAY or isinstance(e, int)]
    return advanced != list(range(advanced[0], advanced[-1] + 1))


def _scatter_add(
    g: Array, *arrays: Array, pattern: tuple[Any, ...], shape: tuple[int, ...], out: Any = None
) -> Array:
    g = np.asarray(g)
    out = zeros(shape, g.dtype, out)
    key = filled(pattern, arrays)
    if arrays:
        np.add.at(out, key, g)
    else:
        out[key] = g
    return out


def _scatter_unique(
    g: Array, *arrays: Array, pattern: tuple[Any, ...], shape: tuple[int, ...], out: Any = None
) -> Array:
    out = zeros(shape, np.asarray(g).dtype, out)
    out[filled(pattern, arrays)] = g
    return out


def _scatter_add_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    return _scattered_batch(np.add.at, values, ndims, lead, params)


def _scatter_unique_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    return _scattered_batch(operator.setitem, values, ndims, lead, params)


def _scattered_batch(put: Any, values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    g, *arrays = values
    pattern, shape = params["pattern"], params["shape"]
    if ndims[0] is None:
        g = np.broadcast_to(g, lead + np.shape(g))
    elif g.shape[: len(lead)] != lead:
        g = np.broadcast_to(g, lead + g.shape[len(lead) :])
    out = np.zeros(lead + shape, g.dtype)
    if not arrays:
        out[(slice(None),) * len(lead) + filled(pattern, arrays)] = g
        return out
    key = batched_key(pattern, arrays, ndims[1:], lead)
    rank = np.broadcast(*[k for k in key if isinstance(k, np.ndarray)]).ndim - len(lead)
    order = slices_before_arrays(len(lead), rank, pattern, g.ndim)
    if order is not None:
        g = g.transpose(np.argsort(order))
    put(out, _front(key, pattern, len(lead)), g)
    return out


# ---- what becomes of each axis ------------------------------------------------------------------


def _take_axes(params: Any, shapes: Any, shape: Any) -> Axes:
    labels, taken, arrays = key_labels(params["pattern"], shapes[0], shapes[1:])
    return Axes((tuple(labels), *arrays), tuple(taken))


def _scatter_add_axes(params: Any, shapes: Any, shape: Any) -> Axes:
    labels, taken, arrays = key_labels(params["pattern"], shape, shapes[1:])
    return Axes((tuple(taken), *arrays), tuple(labels))


def _with_batch_axes(
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
        return emit(take_pattern, x, *arrays, pattern=(ALL,) * depth + pattern, shape=shape)
    x = x if x.shape == shape else emit(broadcast_to, x, shape=shape)
    arrays, wide, rank = _with_batch_axes(emit, arrays, ndims[1:], pattern, lead)
    out = emit(take_pattern, x, *arrays, pattern=wide, shape=shape)
    order = slices_before_arrays(depth, rank, pattern, len(out.shape))
    return out if order is None else emit(permute, out, axes=_negative(order))


def _lowered_scatter_add_batch(emit: Any, operands: Any, ndims: Any, lead: Any, params: Any) -> Any:
    (g, *arrays), pattern, depth = operands, params["pattern"], len(lead)
    own = g.shape if ndims[0] is None else g.shape[depth:]
    g = g if g.shape == lead + own else emit(broadcast_to, g, shape=lead + own)
    shape = lead + params["shape"]
    if all(n is None for n in ndims[1:]):
        if arrays and _separated(pattern):
            return None
        return emit(put_pattern, g, *arrays, pattern=(ALL,) * depth + pattern, shape=shape)
    arrays, wide, rank = _with_batch_axes(emit, arrays, ndims[1:], pattern, lead)
    order = slices_before_arrays(depth, rank, pattern, len(g.shape))
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
    plain = all(e is ARRAY or (isinstance(e, slice) and e == ALL) for e in pattern)
    if len(arrays) < 2 or not plain or _separated(pattern):
        return None
    first = pattern.index(ARRAY)
    block = np.broadcast_shapes(*(a.shape for a in arrays))
    counted = [_arange_axis(a, shape[first + n], len(block)) for n, a in enumerate(arrays)]
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


def _arange_axis(a: Array, length: int, rank: int) -> int | None:
    """The one of ``rank`` axes along which an array counts from 0 to ``length - 1``."""
    long = [k for k, n in enumerate(a.shape, rank - len(a.shape)) if n != 1]
    if a.value is None or len(long) != 1 or a.value.size != length:
        return None
    return long[0] if np.array_equal(np.ravel(a.value), np.arange(length)) else None


def _lowered_take(emit: Any, x: Any, *arrays: Any, pattern: Any, shape: Any) -> Any:
    if (found := _positions_along_one_axis(emit, arrays, pattern, shape)) is None:
        return None
    positions, axis, dropped = found
    out = emit(take_along, x, positions, axis=axis)
    if not dropped:
        return out
    lengths = list(out.shape)
    del lengths[axis]
    return emit(reshape, out, shape=tuple(lengths))


def _lowered_scatter_add(emit: Any, g: Any, *arrays: Any, pattern: Any, shape: Any) -> Any:
    if (found := _positions_along_one_axis(emit, arrays, pattern, shape)) is None:
        values = [a.value for a in arrays]
        known = bool(arrays) and all(v is not None for v in values)
        if known and are_unique(pattern, values, shape):
            if g.dtype.kind in "fc":
                g = emit(add, g, emit.constant(0.0))  # as in a sum, no zero stays negative
            return emit(put_unique, g, *arrays, pattern=pattern, shape=shape)
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
    def with_negative_indices(case: Any) -> Any:
        def scatter_case(rng: Any) -> Any:
            (x, *arrays), params = case(rng)
            return (rng.normal(size=_take(x, *arrays, **params).shape), *arrays), params

        return scatter_case

    return [with_negative_indices(case) for case in _index_cases()]


take_pattern: Any = linear(
    "index",
    _take,
    lambda g, y, x, *arrays, pattern, shape: put_pattern(g, *arrays, pattern=pattern, shape=shape),
    batch=_take_batch,
    lowered_batch=_lowered_take_batch,
    lowered=_lowered_take,
    signature=_take_axes,
    write="{out} = {0}[{pattern}]",
    positions="take",
    moves=True,
    aliases=True,
    accumulate=lambda parts, x: _sum_of_scatters(parts, x),
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
    lowered=_lowered_scatter_add,
    signature=_scatter_add_axes,
    write="copyto({out}, 0); {out}[{pattern}] = {0}",
    positions="add",
    flops=lambda y, g, *arrays, pattern, shape: int(np.size(g)),  # zeros are no work to share
    resized=lambda params, shapes, shape: {**params, "shape": shape},
    others=8,
    label="scatter",
    analytic=True,
    cases=_scatter_cases(),
)


def _unique_cases() -> list[Any]:
    def is_unique(case: Any) -> bool:
        (_, *arrays), params = case(np.random.default_rng(0))
        return bool(arrays) and are_unique(params["pattern"], arrays, params["shape"])

    return [case for case in _scatter_cases() if is_unique(case)]


put_unique: Any = linear(
    "scatter_unique",
    _scatter_unique,
    lambda g, y, x, *arrays, pattern, shape: take_pattern(g, *arrays, pattern=pattern, shape=shape),
    batch=_scatter_unique_batch,
    positions="put",
    signature=_scatter_add_axes,
    flops=lambda y, g, *arrays, pattern, shape: int(np.size(g)),
    resized=lambda params, shapes, shape: {**params, "shape": shape},
    aliases=False,
    moves=True,
    others=8,
    label="scatter",
    analytic=True,
    cases=_unique_cases(),
    doc="Zeros, but for some elements, at positions none of which is named twice.",
)


# ---- several indices of one array ----------------------------------------------------------------


def _scatter_all(*gs: Array, patterns: Any, shape: Any, out: Any = None) -> Array:
    out = zeros(shape, np.result_type(*gs), out)
    for g, pattern in zip(gs, patterns, strict=True):
        out[pattern] = g
    return out


def _scatter_all_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    first = (ALL,) * len(lead)
    patterns = tuple(first + pattern for pattern in params["patterns"])
    return _scatter_all(
        *full_lead(values, ndims, lead), patterns=patterns, shape=lead + params["shape"]
    )


def _scatter_all_axes(params: Any, shapes: Any, shape: Any) -> Axes:
    each = [key_labels(pattern, shape, []) for pattern in params["patterns"]]
    kept = tuple(CORE if CORE in column else column[0] for column in zip(*(e[0] for e in each)))
    taken = [tuple(k if k in kept else CORE for k in e[1]) for e in each]
    return Axes(tuple(taken), kept)


scatter_all: Any = variadic(
    "scatter_all",
    _scatter_all,
    lambda g, y, args, params: [
        take_pattern(g, pattern=pattern, shape=params["shape"]) for pattern in params["patterns"]
    ],
    batch=_scatter_all_batch,
    signature=_scatter_all_axes,
    resized=lambda params, shapes, shape: {**params, "shape": shape},
    moves=True,
    parts=lambda params, shapes: list(params["patterns"]),
    label="scatter",
    analytic=True,
    cases=[
        ([(), (2,)], {"patterns": ((0,), (slice(-2, None),)), "shape": (4,)}),
        ([(2, 4), (4,)], {"patterns": ((slice(0, 2), ALL), (-1, ALL)), "shape": (4, 4)}),
        ([(3,), (3, 2)], {"patterns": ((ALL, 1), (ALL, slice(0, None, 2))), "shape": (3, 4)}),
    ],
    doc="Zeros, but for some operands, each at an index; no two of these may overlap.",
)


_MANY = 8
"""Indices of one array from which they are gathered: fewer are quicker one by one."""


def _sum_of_scatters(
    parts: Sequence[tuple[Array, Sequence[Any], dict[str, Any]]], x: Array
) -> Array:
    """Zeros, to which each of some arrays is added at its index."""
    shape = x.shape
    if all(isinstance(a, (np.ndarray, np.generic)) for g, arrays, _ in parts for a in (g, *arrays)):
        out = np.zeros(shape, np.result_type(*(g for g, _, _ in parts)))
        for g, arrays, params in parts:
            key = filled(params["pattern"], arrays)
            if arrays:  # in which a position may occur twice
                np.add.at(out, key, g)
            else:
                out[key] += g
        return out
    plain = [(g, params) for g, arrays, params in parts if not arrays]
    by_arrays = _joined([part for part in parts if part[1]], shape)
    single = [put_pattern(g, *arrays, **params) for g, arrays, params in by_arrays]
    if len(plain) < _MANY:
        single += [put_pattern(g, **params) for g, params in plain]
        return functools.reduce(add, single)
    return functools.reduce(add, [*single, *_disjoint_scatters(plain, shape)])


def _joined(
    parts: Sequence[tuple[Array, Sequence[Any], dict[str, Any]]], shape: tuple[int, ...]
) -> list[tuple[Array, Sequence[Any], dict[str, Any]]]:
    """Fewer parts with the same sum: those along one axis are one, with all their positions.

    Each part becomes an array of this shape, of which eight uses of a large table had eight.
    """
    found, along = [], dict[Any, list[tuple[Array, Any]]]()
    for g, arrays, params in parts:
        pattern = params["pattern"]
        if len(arrays) == 1 and all(e is ARRAY or e == ALL for e in pattern):
            key = pattern.index(ARRAY), arrays[0].dtype
            along.setdefault(key, []).append((g, arrays[0]))
        else:
            found.append((g, arrays, params))
    for (axis, _), several in along.items():
        before, after = shape[:axis], shape[axis + 1 :]
        ends = np.cumsum([math.prod(a.shape) for _, a in several]).tolist()
        slices = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        gs = [
            reshape(g, shape=(*before, s.stop - s.start, *after))
            for s, (g, _) in zip(slices, several, strict=True)
        ]
        at = tuple((ALL,) * axis + (s,) + (ALL,) * len(after) for s in slices)
        joined = scatter_all(*gs, patterns=at, shape=(*before, ends[-1], *after))
        positions = scatter_all(
            *(ravel(a) for _, a in several), patterns=tuple((s,) for s in slices), shape=(ends[-1],)
        )
        pattern = (ALL,) * axis + (ARRAY,) + (ALL,) * len(after)
        found.append((joined, [positions], {"pattern": pattern, "shape": shape}))
    return found


def _disjoint_scatters(
    parts: Sequence[tuple[Array, dict[str, Any]]], shape: tuple[int, ...]
) -> list[Array]:
    """Arrays that add up to the same, each of several parts that do not overlap."""
    sums: dict[Any, tuple[Any, Any]] = {}
    for g, params in parts:
        pattern = params["pattern"]
        key = _positions(pattern, shape)
        sums[key] = (pattern, sums[key][1] + g if key in sums else g)
    layers: list[tuple[Any, list[Any]]] = []  # what is taken, and what stands there
    for pattern, g in sums.values():
        layer = next((one for one in layers if not one[0][pattern].any()), None)
        if layer is None:
            layer = np.zeros(shape, bool), []
            layers.append(layer)
        layer[0][pattern] = True
        layer[1].append((g, pattern))
    made = []
    for _, disjoint in layers:
        gs, patterns = zip(*disjoint, strict=True)
        made.append(scatter_all(*gs, patterns=patterns, shape=shape))
    return made


def _positions(pattern: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """What equal indices of integers and slices have in common."""
    lengths = iter(shape)
    found: list[Any] = []
    for entry in pattern:
        if entry is None:
            found.append(None)
        elif isinstance(entry, slice):
            found.append(entry.indices(next(lengths)))
        else:
            found.append(entry % next(lengths))
    return tuple(found)


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
    if (shape := with_new_axes(key, x.shape)) is not None:
        return reshape(x, shape=shape)  # whose transpose fills no zeros
    if has_flag(key):
        x, key = without_flags(x, key)
    pattern, arrays = parse(key, x.shape)
    return take_pattern(x, *arrays, pattern=pattern, shape=x.shape)


def _has_tensor(key: Any) -> bool:
    entries = key if isinstance(key, tuple) else (key,)
    return any(isinstance(entry, Tensor) for entry in entries)


def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Array:
    """Elements at these positions along an axis (None: of the flattened array)."""
    if axis is None:
        x, axis = ravel(x), 0
    axis = canonical_axis(axis, len(shape_of(x)), "take")
    indices = tensor_or_array(indices)
    if indices.dtype.kind == "b":  # positions, as in NumPy, no mask
        indices = indices.astype(np.intp)
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
