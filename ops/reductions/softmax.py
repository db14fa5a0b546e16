"""Exponentials over axes: logsumexp and softmax, shifted by the maximum, so nothing overflows."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...core import signatures, vectorised
from ...core.kinds import elementwise, structured
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import add, divide, subtract, where
from ..elementwise.comparison import equal, isfinite, isnan, logical_or
from ..elementwise.exponential import exp, log
from ..shape.axes import canonical_axes, shape_of
from ..shape.broadcasting import reduce_sum, reshape, restore_axes
from .reduction import _axis_cases, inexact_dtype, reduce_max


def _subtract_max(x: Array, top: Array, out: Array = None) -> Array:
    if np.isfinite(top).all():
        return np.subtract(x, top, out)
    with np.errstate(invalid="ignore"):
        apart = np.where(np.isfinite(top) | np.isnan(top), x - top, -np.inf)
    apart = np.where(x == top, 0, apart).astype(x.dtype, copy=False)
    if out is None:
        return apart
    out[...] = apart
    return out


shift: Any = elementwise(
    "shift",
    _subtract_max,
    lambda g, y, x, top: g,
    lambda g, y, x, top: -g,
    domain=((-2, 2), (-2, 2)),
    doc="x - top, where equal infinities are equal numbers, and others infinitely far apart.",
)


def _lowered_shift(emit: Any, x: Any, top: Any) -> Any:
    zero, apart = (emit.constant(x.dtype.type(n)) for n in (0, -np.inf))
    is_number = emit(logical_or, emit(isfinite, top), emit(isnan, top))
    usual = emit(where, is_number, emit(subtract, x, top), apart)
    return emit(where, emit(equal, x, top), zero, usual)


def _exp_shifted(x: Array, axis: Any) -> tuple[Array, Array, Array]:
    """exp(x - max), its sum, and the maximum; equal infinities count as equal numbers."""
    x = np.asarray(x, inexact_dtype(x))
    if x.ndim == 2 and axis == (-1,) and x.flags.c_contiguous and 1 < x.shape[1] <= _SHORT:
        x = x.T.copy().T  # by columns, a short last axis is reduced several times faster
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=_LOWEST)
    e = np.asarray(_subtract_max(x, top))  # of a number, too, to be computed in place
    vectorised.exp(e, out=e)
    return e, np.asarray(np.add.reduce(e, axis=axis, keepdims=True)), top


_SHORT = 32
_LOWEST = -np.inf


def _logsumexp(x: Array, *, axis: Any, keepdims: bool) -> Array:
    _, total, top = _exp_shifted(x, axis)
    if total.size and not x.size:
        return np.full(total.shape if keepdims else _reduced_shape(total.shape, axis), -np.inf)[()]
    np.log(total, out=total)
    total += top
    return (total if keepdims else total.reshape(_reduced_shape(total.shape, axis)))[()]


_SMALL = 64


@functools.lru_cache(maxsize=1024)
def _reduced_shape(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(shape) if i - len(shape) not in axis)


def _weights(x: Array, y: Array, axis: Any, keepdims: bool) -> Array:
    """softmax(x), from the known logarithm y of the sum where that is at hand, and so small that
    rounding it, which is an error of each weight, does not matter."""
    if type(x) is type(y) is np.ndarray and (np.abs(y) < _SMALL).all():
        e = x - restore_axes(y, x.shape, axis, keepdims)
        return vectorised.exp(e, out=e)
    return softmax_along(x, axis=axis)


def _lowered_exp(emit: Any, x: Any, axis: Any) -> Any:
    """What the three have in common, step by step: exp(x - max), its sum, x - max, and the max."""
    if not x.size or x.dtype.kind != "f":
        return None
    top = emit(reduce_max, x, axis=axis, keepdims=True)
    shifted = _lowered_shift(emit, x, top) if emit.fuses else emit(shift, x, top)
    e = emit(exp, shifted)
    return e, emit(reduce_sum, e, axis=axis, keepdims=True), shifted, top


def _lowered_logsumexp(emit: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    if (steps := _lowered_exp(emit, x, axis)) is None:
        return None
    _, total, _, top = steps
    whole = emit(add, emit(log, total), top)
    return whole if keepdims else emit(reshape, whole, shape=_reduced_shape(whole.shape, axis))


def _lowered_softmax(emit: Any, x: Any, *, axis: Any) -> Any:
    steps = _lowered_exp(emit, x, axis)
    return None if steps is None else emit(divide, steps[0], steps[1])


def _lowered_log_softmax(emit: Any, x: Any, *, axis: Any) -> Any:
    steps = _lowered_exp(emit, x, axis)
    return None if steps is None else emit(subtract, steps[2], emit(log, steps[1]))


logsumexp_along = structured(
    "logsumexp",
    _logsumexp,
    signature=signatures.over_axis,
    lowered=_lowered_logsumexp,
    jvp=lambda t, y, x, axis, keepdims: reduce_sum(
        t * _weights(x, y, axis, keepdims), axis=axis, keepdims=keepdims
    ),
    vjp=lambda g, y, x, axis, keepdims: (
        restore_axes(g, x.shape, axis, keepdims) * _weights(x, y, axis, keepdims)
    ),
    cases=_axis_cases,
    edges=[
        ((np.array([1e3, 1e3]), {"axis": (-1,), "keepdims": False}), (np.array([0.5, 0.5]),)),
        ((np.full(2, -np.inf), {"axis": (-1,), "keepdims": False}), (np.array([0.5, 0.5]),)),
    ],
)


def _softmax(x: Array, *, axis: Any) -> Array:
    e, total, _ = _exp_shifted(x, axis)
    e /= total
    return e[()]


def _softmax_rule(g: Array, y: Array, x: Array, *, axis: Any) -> Array:
    weighted = g * y
    return weighted - y * reduce_sum(weighted, axis=axis, keepdims=True)


softmax_along: Any = structured(
    "softmax",
    _softmax,
    signature=signatures.along_axis,
    lowered=_lowered_softmax,
    jvp=_softmax_rule,  # its Jacobian is symmetric
    vjp=_softmax_rule,
    cases=[([(2, 3)], {"axis": (-1,)}), ([(2, 3)], {"axis": (-2, -1)})],
    edges=[((np.array([1e3, 0.0]), {"axis": (-1,)}), (np.zeros(2),))],
)


def _log_softmax(x: Array, *, axis: Any) -> Array:
    x = np.asarray(x, inexact_dtype(x))
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    out = _subtract_max(x, top)
    out -= np.log(np.add.reduce(vectorised.exp(out), axis=axis, keepdims=True))
    return out[()]


log_softmax_along = structured(
    "log_softmax",
    _log_softmax,
    signature=signatures.along_axis,
    lowered=_lowered_log_softmax,
    jvp=lambda t, y, x, axis: t - reduce_sum(exp(y) * t, axis=axis, keepdims=True),
    vjp=lambda g, y, x, axis: g - exp(y) * reduce_sum(g, axis=axis, keepdims=True),
    cases=[([(2, 3)], {"axis": (-1,)}), ([(2, 3)], {"axis": (-2, -1)})],
)


def logsumexp(x: ArrayLike, axis: Any = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) over axes, without overflow."""
    axes = canonical_axes(axis, len(shape_of(x)), "logsumexp")
    return logsumexp_along(x, axis=axes, keepdims=keepdims)


def softmax(x: ArrayLike, axis: Any = -1) -> Array:
    """Exponentials that sum to one over an axis."""
    return softmax_along(x, axis=canonical_axes(axis, len(shape_of(x)), "softmax"))


def log_softmax(x: ArrayLike, axis: Any = -1) -> Array:
    """The logarithm of :func:`softmax`, without loss of precision."""
    return log_softmax_along(x, axis=canonical_axes(axis, len(shape_of(x)), "log_softmax"))
