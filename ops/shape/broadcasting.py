"""Sums and broadcasts: each is the other's transpose."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ...core import cuts, signatures
from ...core.kinds import linear
from ...core.tensor import Tensor
from .._types import Array, ArrayLike
from ..reductions import short_axes
from .axes import canonical_shape, shape_of


@functools.lru_cache(maxsize=4096)
def expanded_shape(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with length 1 at the (negative) axes, as ``keepdims=True`` leaves it."""
    lengths = list(shape)
    for a in axis:
        lengths[a] = 1
    return tuple(lengths)


def restore_axes(
    g: ArrayLike, shape: tuple[int, ...], axis: tuple[int, ...], keepdims: bool
) -> Array:
    """Give back to a reduced array the axes that the reduction took, as length 1."""
    if keepdims:
        return g
    whole = expanded_shape(shape, axis)
    return g.reshape(whole) if type(g) is np.ndarray else reshape(g, shape=whole)


def _sum_transpose(g: Array, y: Array, x: Array, *, axis: Any, keepdims: bool) -> Array:
    shape = x.shape
    if len(axis) == len(shape):  # a scalar, or ones all over: it broadcasts as it is
        return broadcast_to(g, shape=shape) if isinstance(g, Tensor) else _broadcast(g, shape=shape)
    g = restore_axes(g, shape, axis, keepdims)
    return (_broadcast if type(g) is np.ndarray else broadcast_to)(g, shape=shape)


def _sum(x: Array, *, axis: tuple[int, ...], keepdims: bool) -> Array:
    if len(axis) == 2 and type(x) is np.ndarray and x.ndim > 2:
        return short_axes.reduce(np.add, x, axis, keepdims)
    return np.add.reduce(x, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


reduce_sum: Any = linear(
    "sum",
    _sum,
    _sum_transpose,
    label="sum",
    analytic=True,
    signature=signatures.summed_over_axis,
    reduction=np.add,
    blas=200,
    cases=[
        ([(2, 3)], {"axis": (-2, -1), "keepdims": False}),
        ([(2, 3)], {"axis": (-1,), "keepdims": True}),
        ([(2, 3, 4)], {"axis": (-3, -1), "keepdims": False}),
        ([(0, 3)], {"axis": (-2,), "keepdims": False}),
        ([()], {"axis": (), "keepdims": False}),
    ],
)


def _reshape_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    return values[0].reshape(lead + params["shape"])


def _lowered_reshape(emit: Any, operands: Any, ndims: Any, lead: Any, params: Any) -> Any:
    return emit(reshape, operands[0], shape=lead + params["shape"])


_ROW: dict[str, Any] = {
    "moves": True,
    "aliases": True,
    "identity": True,
    "resized": lambda params, shapes, shape: {"shape": shape},
}
"""Of a linear operation whose parameter is the shape of its result."""


reshape: Any = linear(
    "reshape",
    lambda x, *, shape: np.asarray(x).reshape(shape),
    lambda g, y, x, shape: reshape(g, shape=x.shape),
    batch=_reshape_batch,
    lowered_batch=_lowered_reshape,
    signature=signatures.unknown,
    cut=cuts.through_reshape,
    **_ROW,
    analytic=True,
    cases=[
        ([(2, 3)], {"shape": (3, 2)}),
        ([(6,)], {"shape": (1, 2, 3)}),
        ([()], {"shape": (1,)}),
        ([(0, 3)], {"shape": (3, 0)}),
    ],
)


def _broadcast_transpose(g: Array, y: Array, x: Array, *, shape: tuple[int, ...]) -> Array:
    extra = len(shape) - len(x.shape)
    axis = tuple(
        i - len(shape)
        for i, n in enumerate(shape)
        if i < extra or (x.shape[i - extra] == 1 and n != 1)
    )
    return reshape(reduce_sum(g, axis=axis, keepdims=False), shape=x.shape)


def _broadcast(x: Array, *, shape: tuple[int, ...]) -> Array:
    """``np.broadcast_to``, made at once where ``x`` is contiguous (it costs Python otherwise)."""
    if type(x) is not np.ndarray:
        x = np.asarray(x)
    if x.ndim == 0:
        strides: tuple[int, ...] = (0,) * len(shape)
    elif x.flags.c_contiguous and x.size:
        steps = [0] * (len(shape) - x.ndim)
        for n, want, stride in zip(x.shape, shape[len(steps) :], x.strides, strict=True):
            if n not in (1, want):
                return np.broadcast_to(x, shape)  # raises NumPy's error
            steps.append(stride if n == want else 0)
        strides = tuple(steps)
    else:
        return np.broadcast_to(x, shape)
    view = np.ndarray(shape, x.dtype, x, 0, strides)
    view.flags.writeable = False
    return view


def _broadcast_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    (x,), (n,), shape = values, ndims, params["shape"]
    x = x.reshape(x.shape[: len(lead)] + (1,) * (len(shape) - n) + x.shape[len(lead) :])
    return np.broadcast_to(x, lead + shape)


def _lowered_broadcast(emit: Any, operands: Any, ndims: Any, lead: Any, params: Any) -> Any:
    (x,), (n,), shape = operands, ndims, params["shape"]
    padded = x.shape[: len(lead)] + (1,) * (len(shape) - n) + x.shape[len(lead) :]
    return emit(broadcast_to, emit(reshape, x, shape=padded), shape=lead + shape)


def _broadcast_axes(params: Any, shapes: Any, shape: Any) -> signatures.Axes:
    own = signatures.broadcast_labels(shapes[0], shape)
    new = [("new", k) for k in range(-len(shape), 0)]
    have = dict(zip(range(-len(own), 0), own, strict=True))
    result = (new[k] if have.get(k) is None else k for k in range(-len(shape), 0))
    return signatures.Axes((own,), tuple(result))


broadcast_to: Any = linear(
    "broadcast_to",
    _broadcast,
    _broadcast_transpose,
    batch=_broadcast_batch,
    lowered_batch=_lowered_broadcast,
    signature=_broadcast_axes,
    **_ROW,
    label="broadcast",
    analytic=True,
    cases=[
        ([(2, 1)], {"shape": (2, 3)}),
        ([(3,)], {"shape": (2, 3)}),
        ([()], {"shape": (2,)}),
        ([(1, 3)], {"shape": (4, 0, 3)}),
        ([(2, 3)], {"shape": (2, 3)}),
    ],
)


def resolve_shape(x: ArrayLike, shape: Any, who: str) -> tuple[int, ...]:
    """Replace -1 in a shape by the length that fits, and check the size."""
    return _resolved(shape_of(x), canonical_shape(shape, who), who)


@functools.lru_cache(maxsize=4096)
def _resolved(shape: tuple[int, ...], given: tuple[int, ...], who: str) -> tuple[int, ...]:
    have = math.prod(shape)
    unknown = [i for i, n in enumerate(given) if n == -1]
    known = math.prod(n for n in given if n != -1)
    if len(unknown) == 1 and known and have % known == 0:
        i = unknown[0]
        given = (*given[:i], have // known, *given[i + 1 :])
    elif unknown or known != have:
        raise ValueError(f"{who}: an array of shape {shape} ({have} elements) does not fit {given}")
    return given


def to_shape(x: ArrayLike, shape: Any) -> Array:
    """Give the elements another shape; one length may be -1."""
    return reshape(x, shape=resolve_shape(x, shape, "reshape"))


def ravel(x: ArrayLike) -> Array:
    """All elements on one axis."""
    return to_shape(x, -1)
