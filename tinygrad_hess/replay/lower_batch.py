"""Batch axes as leading ones: an operation on batches as plain operations on arrays.

    lower_batch : a batched node -> instructions whose leading axes are axes like any other

So the passes and the planner see one kind of instruction, and a batch is planned like anything
else. What a primitive does with a batch stays what its row says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.tensor import Axis
from ..ops.shape import batch_axes as hidden_axes
from ..ops.shape.broadcasting import broadcast_to, reshape
from ..ops.shape.permutation import permute
from .emitter import Emitter, Operand

Axes = tuple[Axis, ...]

ENTER, LEAVE = hidden_axes.ENTER, hidden_axes.LEAVE


def lower_batch(
    emit: Emitter, prim: Any, operands: Sequence[Operand], axes: Axes, params: Any, sample: Any
) -> Operand:
    """Append a primitive's work on operands with batch axes; ``axes`` are those of ``sample``."""
    if prim is LEAVE:
        return _left(emit, operands[0], params["axis"])
    lead = tuple(axis.size for axis in axes)
    aligned = [_lined_up(emit, x, axes) for x in operands]
    ndims = [None if x.axes is None else x.ndim for x in aligned]
    if prim.lowered_batch is not None:
        found = prim.lowered_batch(emit, aligned, ndims, lead, params)
        if found is not None:
            return _with_lead(emit, found.hiding(axes), lead)
    if not prim.takes_leading_axes:
        run = lambda *values: prim.batch(list(values), ndims, lead, params)
        return emit.unknown(prim, run, aligned, sample)
    if (ranks := prim.ranks) is None:
        return emit.append(prim, [_with_lead(emit, x, lead) for x in aligned], params, sample)
    loops = max(x.ndim - rank for x, rank in zip(aligned, ranks, strict=True))
    ranked = [_of_rank(emit, x, loops + r, lead) for x, r in zip(aligned, ranks, strict=True)]
    return emit.append(prim, ranked, params, sample)


def _left(emit: Emitter, x: Operand, axis: Axis) -> Operand:
    """The first logical axis again: it moves behind the axes that stay batch axes."""
    axes, shape = x.axes or (), x.shape
    n, ndim = len(axes), len(shape)
    if axis in axes:
        i = axes.index(axis)
        order = [*range(i), *range(i + 1, n), i, *range(n, ndim)]
        return _permuted(emit, x, order)
    x = _reshaped(emit, x, shape[:n] + (1,) + shape[n:])
    return emit(broadcast_to, x, shape=shape[:n] + (axis.size,) + shape[n:])


def _lined_up(emit: Emitter, x: Operand, axes: Axes) -> Operand:
    """Batch axes in the order of ``axes``, with length 1 for those that are missing."""
    if x.axes is None or x.axes == axes:
        return x
    own, n = x.axes, len(x.axes)
    have = [own.index(axis) for axis in axes if axis in own]
    logical = x.shape[n:]
    x = _permuted(emit, x, [*have, *range(n, len(x.shape))])
    lead = tuple(axis.size if axis in own else 1 for axis in axes)
    return _reshaped(emit, x, lead + logical).hiding(axes)


def _of_rank(emit: Emitter, x: Operand, rank: int, lead: tuple[int, ...]) -> Operand:
    """An operand with batch axes, given logical axes of length 1 in front up to ``rank``."""
    if x.axes is None or x.ndim == rank:
        return x
    n = len(lead)
    wide = x.shape[:n] + (1,) * (rank - x.ndim) + x.shape[n:]
    return _reshaped(emit, x, wide).hiding(x.axes)


def _with_lead(emit: Emitter, x: Operand, lead: tuple[int, ...]) -> Operand:
    """An operand broadcast over the whole batch."""
    wide = lead + (x.shape if x.axes is None else x.shape[len(lead) :])
    return x if x.shape == wide else emit(broadcast_to, x, shape=wide)


def _permuted(emit: Emitter, x: Operand, order: Sequence[int]) -> Operand:
    ndim = len(x.shape)
    if list(order) == list(range(ndim)):
        return x
    return emit(permute, x, axes=tuple(k - ndim for k in order))


def _reshaped(emit: Emitter, x: Operand, shape: tuple[int, ...]) -> Operand:
    return x if x.shape == shape else emit(reshape, x, shape=shape)
