"""Writing at positions: ``x[key] = value`` as a function, and what is made of it.

    assign  : (x, v, pattern)    -> y       x, with y[pattern] = v: integers and slices only
    scatter : (x, v, positions)  -> y       x, with y[key] = v, with integer arrays in the key
    set_at  : (x, key, value)    -> y       the same for every kind of NumPy key

Like NumPy's assignment, and unlike ``scatter_add``, a position that is named twice keeps the last
value; only that one carries a derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import modes
from ...core.batching import full_lead
from ...core.errors import describe
from ...core.kinds import structured
from ...core.signatures import CORE, Axes
from ...core.tensor import Batched, Tensor, tensor_or_array
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import where
from ..elementwise.comparison import equal
from ..elementwise.identity import astype
from ..shape.broadcasting import broadcast_to, ravel, reshape
from .index import (
    _front,
    _index_cases,
    _separated,
    _take,
    index,
    put_pattern,
    put_unique,
    take_pattern,
)
from .keys import (
    are_unique,
    batched_key,
    filled,
    has_flag,
    key_labels,
    parse,
    slices_before_arrays,
    without_flags,
)

# ---- integers and slices: the common case, without what arrays need ------------------------------


def _tangents_of(tangents: Any, x: Array, v: Array) -> list[Array]:
    """The tangents of both, zeros where one has none."""
    both = zip(tangents[:2], (x, v), strict=True)
    return [np.zeros(a.shape, a.dtype) if t is None else t for t, a in both]


def _assign(x: Array, v: Array, *, pattern: tuple[Any, ...]) -> Array:
    out = np.array(x, np.result_type(x, v))
    out[pattern] = v
    return out


def _assign_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    x, v = full_lead(values, ndims, lead)
    return _assign(x, v, pattern=(slice(None),) * len(lead) + params["pattern"])


def _assign_axes(params: Any, shapes: Any, shape: Any) -> Axes:
    kept, written, _ = key_labels(params["pattern"], shape, [])
    return Axes((tuple(kept), tuple(written)), tuple(kept))


def _assign_vjp_x(g: Array, y: Array, x: Array, v: Array, *, pattern: Any) -> Array:
    if type(g) is np.ndarray:  # the call itself would cost more than the rest
        g = g.copy()
        g[pattern] = 0
        return g
    return assign(g, np.zeros(v.shape, v.dtype), pattern=pattern)


def _assign_vjp_v(g: Array, y: Array, x: Array, v: Array, *, pattern: Any) -> Array:
    if type(g) is np.ndarray:
        return g[pattern]
    return take_pattern(g, pattern=pattern, shape=x.shape)


def _lowered_into_zeros(emit: Any, x: Any, v: Any, *arrays: Any, pattern: Any) -> Any:
    """Into zeros that are made where they are needed: copies of them would be read first."""
    known = [a.value for a in (x, *arrays)]
    if any(a is None for a in known) or x.dtype != v.dtype:
        return None
    zeros, *positions = known
    if np.any(zeros) or (x.dtype.kind in "fc" and _has_sign(zeros)):
        return None
    if not positions:
        return emit(put_pattern, v, pattern=pattern, shape=x.shape)
    if not are_unique(pattern, positions, x.shape):
        return None
    return emit(put_unique, v, *arrays, pattern=pattern, shape=x.shape)


def _has_sign(x: Array) -> bool:
    """Whether some number, or part of one, is -0.0."""
    return bool(np.signbit(x.real).any() or np.signbit(x.imag).any())


assign: Any = structured(
    "assign",
    _assign,
    jvp=lambda t, y, x, v, pattern: assign(*_tangents_of(t, x, v), pattern=pattern),
    vjp=(_assign_vjp_x, _assign_vjp_v),
    batch=_assign_batch,
    lowered=_lowered_into_zeros,
    signature=_assign_axes,
    moves=True,
    analytic=True,
    cases=[
        ([(4,), ()], {"pattern": (-1,)}),
        ([(3, 4), (4,)], {"pattern": (1, slice(None))}),
        ([(3, 4), (3, 2)], {"pattern": (slice(None), slice(-1, None, -2))}),
        ([(2, 3), (0, 3)], {"pattern": (slice(1, 1), slice(None))}),
        ([(2, 3, 2), (2, 2)], {"pattern": (slice(None), 0, slice(None))}),
    ],
    doc="x with other values at integers and slices, one for each axis.",
)


# ---- integer arrays too --------------------------------------------------------------------------


def _c_contiguous(x: Array) -> Array:
    """A copy by rows: NumPy walks positions in the order of memory, and the last one must win."""
    return x if np.ndim(x) == 0 or x.flags.c_contiguous else x.copy(order="C")


def _scatter(x: Array, v: Array, *arrays: Array, pattern: tuple[Any, ...]) -> Array:
    out = np.array(x)
    out[filled(pattern, [_c_contiguous(a) for a in arrays])] = _c_contiguous(v) if arrays else v
    return out


def _scatter_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    pattern, (_, _, *arrays) = params["pattern"], values
    x, v = full_lead(values[:2], ndims[:2], lead)
    out, depth = np.array(x), len(lead)
    if all(n is None for n in ndims[2:]):
        if arrays and _separated(pattern):  # NumPy puts the arrays' axes before the batch
            rank = np.broadcast(*arrays).ndim
            v = np.moveaxis(v, range(depth, depth + rank), range(rank))
        out[(slice(None),) * depth + filled(pattern, arrays)] = v
        return out
    key = batched_key(pattern, arrays, ndims[2:], lead)
    rank = np.broadcast(*[k for k in key if isinstance(k, np.ndarray)]).ndim - depth
    order = slices_before_arrays(depth, rank, pattern, v.ndim)
    if order is not None:
        v = v.transpose(np.argsort(order))
    out[_front(key, pattern, depth)] = v
    return out


def _scatter_axes(params: Any, shapes: Any, shape: Any) -> Axes:
    """Axes that the key does not index. Arrays are needed whole: the order of positions matters."""
    kept, written, arrays = key_labels(params["pattern"], shape, shapes[2:])
    moving = {k for labels in arrays for k in labels} - {None}
    return Axes(
        (
            tuple(kept),
            tuple(CORE if k in moving else k for k in written),
            *((CORE,) * len(s) for s in shapes[2:]),
        ),
        tuple(kept),
    )


def _scatter_vjp_x(g: Array, y: Array, x: Array, v: Array, *arrays: Array, pattern: Any) -> Array:
    return scatter(g, np.zeros(v.shape, v.dtype), *arrays, pattern=pattern)


def _scatter_vjp_v(g: Array, y: Array, x: Array, v: Array, *arrays: Array, pattern: Any) -> Array:
    """The cotangent where ``v`` went; zero for what was overwritten again."""
    picked = take_pattern(g, *arrays, pattern=pattern, shape=x.shape)
    if not arrays:
        return picked
    numbers = np.arange(math.prod(v.shape)).reshape(v.shape)
    owner = scatter(np.zeros(x.shape, int), numbers, *arrays, pattern=pattern)
    survived = equal(take_pattern(owner, *arrays, pattern=pattern, shape=x.shape), numbers)
    return where(survived, picked, 0.0)


def _cases() -> list[Any]:
    def written(case: Any) -> Any:
        def scatter_case(rng: Any) -> Any:
            (x, *arrays), params = case(rng)
            v = rng.normal(size=_take(x, *arrays, **params).shape)
            return (x, v, *arrays), {"pattern": params["pattern"]}

        return scatter_case

    return [written(case) for case in _index_cases()]


scatter: Any = structured(
    "scatter",
    _scatter,
    jvp=lambda t, y, x, v, *arrays, pattern: scatter(
        *_tangents_of(t, x, v), *arrays, pattern=pattern
    ),
    vjp=(_scatter_vjp_x, _scatter_vjp_v, *(None,) * 8),
    batch=_scatter_batch,
    lowered=_lowered_into_zeros,
    signature=_scatter_axes,
    moves=True,
    label="assign",
    analytic=True,
    cases=_cases(),
    doc="x with other values at some positions. Of a position named twice, the last value stays.",
)


# ---- what users call ----------------------------------------------------------------------------


def set_at(x: ArrayLike, key: Any, value: ArrayLike) -> Array:
    """``x`` with ``value`` at ``key``: what ``x[key] = value`` leaves, as a new array.

    Parameters
    ----------
    x : array_like
        Its shape and dtype are those of the result; ``value`` is converted.
    key
        Any key of NumPy's. A boolean mask with a scalar value may depend on arguments of a
        replayed or mapped function; other masks must be known.
    value : array_like
        Broadcast to the shape of ``x[key]``.

    Raises
    ------
    IndexError
        When the key does not fit.
    ValueError
        When the value does not fit what the key selects.
    TypeError
        When a recorded floating value is written into integers.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.indexing.scatter import set_at
    >>> set_at(np.zeros(3), [0, 2], [1.0, 2.0])
    array([1., 0., 2.])
    """
    x = tensor_or_array(x)
    value = in_type_of(x, value)
    mask = _mask(key)
    if mask is not None and value.shape == () and mask.shape == x.shape[: len(mask.shape)]:
        return where(_with_trailing_axes(mask, x), value, x)
    final = x.shape
    if has_flag(key):
        x, key = without_flags(x, key)
    pattern, arrays = parse(key, x.shape)
    value = _broadcast_to_key(value, _selected_shape(pattern, arrays, x.shape), key)
    out = scatter(x, value, *arrays, pattern=pattern)
    return out if out.shape == final else reshape(out, shape=final)


def in_type_of(x: ArrayLike, value: ArrayLike) -> Array:
    value = tensor_or_array(value)
    if value.dtype == x.dtype:
        return value
    recorded = isinstance(value, Tensor) and value.prim is not None
    lost = value.dtype.kind == "f" and x.dtype.kind not in "fc"
    if (recorded and lost) or (value.dtype.kind == "c" and x.dtype.kind != "c"):
        raise TypeError(
            f"x[key] = value: {describe(x)} cannot hold {describe(value)}, a part of whose "
            "value or derivative would be lost. Convert x first, as in x.astype(float) or "
            "x.astype(complex)."
        )
    return astype(value, x.dtype)


def _cast_to_operand(x: Array, value: Array) -> Array:
    """The value in the type of ``x``, where NumPy's updates in place would take it."""
    value = tensor_or_array(value)
    if not np.can_cast(value.dtype, x.dtype, "same_kind"):
        raise TypeError(
            f"an update of {describe(x)} cannot hold {describe(value)}. Convert x first, as in "
            "x.astype(float)."
        )
    return value if value.dtype == x.dtype else astype(value, x.dtype)


def _mask(key: Any) -> Any:
    """The mask that is the whole key, if it is one with axes."""
    key = key[0] if isinstance(key, tuple) and len(key) == 1 else key
    if isinstance(key, list):
        key = np.asarray(key) if key and isinstance(key[0], bool) else None
    dtype = getattr(key, "dtype", None)
    return key if dtype == np.bool and key.shape else None


def _with_trailing_axes(mask: Array, x: Array) -> Array:
    """The mask with axes of length 1 for those of ``x`` that it does not select from."""
    missing = len(x.shape) - len(mask.shape)
    return reshape(mask, shape=(*mask.shape, *(1,) * missing)) if missing else mask


def _selected_shape(
    pattern: Any, arrays: Sequence[Array], shape: tuple[int, ...]
) -> tuple[int, ...]:
    """The shape of ``x[key]``; values of arrays that are recorded are not looked at."""
    known = (np.zeros(a.shape, int) if isinstance(a, Tensor) else a for a in arrays)
    nothing = np.broadcast_to(np.empty((), bool), shape)
    try:
        return nothing[filled(pattern, known)].shape
    except IndexError as error:
        raise IndexError(f"x[key] = value of an array of shape {shape}: {error}") from None


def _broadcast_to_key(value: Array, shape: tuple[int, ...], key: Any) -> Array:
    """The value broadcast to what the key selects; NumPy drops leading axes of length 1."""
    have = value.shape
    extra = max(len(have) - len(shape), 0)
    tail = shape[len(shape) - len(have) + extra :]
    fits = all(n == 1 for n in have[:extra]) and all(
        h in (1, n) for h, n in zip(have[extra:], tail, strict=True)
    )
    if not fits:
        raise ValueError(
            f"x[key] = value: {describe(value)} does not broadcast to the shape {shape} that the "
            "key selects"
        )
    if extra:
        value = reshape(value, shape=have[extra:])
    return value if value.shape == shape else broadcast_to(value, shape=shape)


def add_at(x: ArrayLike, key: Any, value: ArrayLike) -> Array:
    """``x`` with ``value`` added at ``key``, each time that a position is named.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.indexing.scatter import add_at
    >>> add_at(np.zeros(3), [0, 0, 2], 1.0)
    array([2., 0., 1.])
    """
    x = tensor_or_array(x)
    value = _cast_to_operand(x, value)
    if (mask := _traced_mask(x, key, value)) is not None:
        return where(_with_trailing_axes(mask, x), x + value, x)
    final = x.shape
    if has_flag(key):
        x, key = without_flags(x, key)
    pattern, arrays = parse(key, x.shape)
    value = _broadcast_to_key(value, _selected_shape(pattern, arrays, x.shape), key)
    out = x + put_pattern(value, *arrays, pattern=pattern, shape=x.shape)
    return out if out.shape == final else reshape(out, shape=final)


def combine_at(x: ArrayLike, key: Any, value: ArrayLike, function: Callable[..., Any]) -> Array:
    """``x`` with ``function(x[key], value)`` at ``key``, each time that a position is named.

    Repeated positions take their values one after the other, as with the ``at`` of NumPy's
    functions. Where positions are not known when the function is recorded (they differ from call
    to call, or from example to example), the values are taken in one by one.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.indexing.scatter import combine_at
    >>> combine_at(np.ones(3), [0, 0, 2], 5.0, np.multiply)
    array([25.,  1.,  5.])
    """
    x = tensor_or_array(x)
    value = _cast_to_operand(x, value)
    if (mask := _traced_mask(x, key, value)) is not None:
        return where(_with_trailing_axes(mask, x), _cast_to_operand(x, function(x, value)), x)
    final = x.shape
    if has_flag(key):
        x, key = without_flags(x, key)
    pattern, arrays = parse(key, x.shape)
    shape = _selected_shape(pattern, arrays, x.shape)
    value = _broadcast_to_key(value, shape, key)
    flat_positions = _flat_positions(pattern, arrays, x.shape)
    rounds = _groups_without_repeats(flat_positions)
    if len(rounds) == 1:
        picked = take_pattern(x, *arrays, pattern=pattern, shape=x.shape)
        out = scatter(x, _cast_to_operand(x, function(picked, value)), *arrays, pattern=pattern)
        return out if out.shape == final else reshape(out, shape=final)
    flat, values, where_to = ravel(x), ravel(value), ravel(flat_positions)
    for turn in rounds:
        at = where_to[turn]
        taken = _cast_to_operand(x, function(index(flat, at), index(values, turn)))
        flat = set_at(flat, at, taken)
    return reshape(flat, shape=final)


def _traced_mask(x: Array, key: Any, value: Array) -> Any:
    """A mask over ``x`` that is recorded or batched, so that its positions are not known."""
    mask = _mask(key)
    if mask is None or not isinstance(mask, Tensor) or value.shape != ():
        return None
    unknown = isinstance(mask, Batched) or (mask.prim is not None and modes.is_tracing())
    return mask if unknown and mask.shape == x.shape[: len(mask.shape)] else None


def _flat_positions(pattern: Any, arrays: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """The number in ``x.ravel()`` of each position that the key selects."""
    numbers = np.arange(math.prod(shape)).reshape(shape)
    known = [a.value if _is_concrete(a) else a for a in arrays]
    return take_pattern(numbers, *known, pattern=pattern, shape=shape)


def _is_concrete(a: Array) -> bool:
    """Whether a tensor's values do not change in a replay."""
    return type(a) is Tensor and (a.prim is None or not modes.is_tracing())


def _groups_without_repeats(flat_positions: Array) -> list[Array]:
    """Indices of the selected positions in groups, none of which contains a position twice."""
    if isinstance(flat_positions, Tensor) and not _is_concrete(flat_positions):
        count = math.prod(flat_positions.shape)
        return [np.array([n]) for n in range(count)]
    flat = np.ravel(flat_positions.value if isinstance(flat_positions, Tensor) else flat_positions)
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if flat.size else flat
    lengths = np.diff(np.r_[first, flat.size])
    turn = np.empty(flat.size, int)
    turn[order] = np.arange(flat.size) - np.repeat(first, lengths)
    return [np.flatnonzero(turn == t) for t in range(max(int(turn.max(initial=0)) + 1, 1))]
