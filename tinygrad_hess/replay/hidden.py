"""Hidden axes spelled out: an operation on batches as plain operations on arrays.

    spelled_out : a batched node -> instructions whose leading axes are axes like any other

So the passes and the planner see one kind of instruction, and a batch is planned like anything
else. What a primitive does with a batch stays what its row says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops.products import PRODUCTS
from ..primitive import REGISTRY, Primitive, line_up
from ..tensors import Axis

Axes = tuple[Axis, ...]


class Operand(NamedTuple):
    """A slot, an array like those that it holds, and the hidden axes of the latter."""

    slot: int
    sample: Any
    axes: Axes | None = None

    def hiding(self, axes: Axes) -> Operand:
        return self._replace(axes=axes)

    @property
    def ndim(self) -> int:
        """Axes that are not hidden."""
        return np.ndim(self.sample) - len(self.axes or ())


Append = Callable[..., Operand]
"""``append(prim, operands, params, value=None, fn=None)``: one more instruction."""


def spelled_out(
    append: Append,
    prim: Any,
    operands: Sequence[Operand],
    axes: Axes,
    params: dict[str, Any],
    value: Any,
) -> Operand:
    """Append a primitive's work on operands with hidden axes; ``axes`` are those of ``value``."""
    if prim.name == "enter":  # names an axis that stands right already
        return operands[0]
    if prim.name == "leave":
        return _left(append, operands[0], params["axis"])
    lead = tuple(axis.size for axis in axes)
    aligned = [_lined_up(append, x, axes) for x in operands]
    found = _by_name(append, prim, aligned, lead, params, value)
    if found is not None:
        return found
    if prim.is_broadcasting:
        rank = max(x.ndim for x in aligned)
        return append(prim, [_of_rank(append, x, rank, lead) for x in aligned], params, value)
    if getattr(prim.batch, "__func__", None) is Primitive._batch:
        return append(prim, [_with_lead(append, x, lead) for x in aligned], params, value)
    ndims = [None if x.axes is None else x.ndim for x in aligned]
    run = lambda *values: prim.batch(list(values), ndims, lead, params)
    return append(prim, aligned, params, value, fn=run)


def _by_name(
    append: Append,
    prim: Any,
    operands: Sequence[Operand],
    lead: tuple[int, ...],
    params: Any,
    value: Any,
) -> Operand | None:
    """Operations whose parameters count axes or lengths, and products of matrices."""
    x = operands[0]
    if prim.name == "reshape":
        shape = np.shape(x.sample)[: len(lead)] + params["shape"]
        return _with_lead(append, append(prim, [x], {"shape": shape}).hiding(x.axes or ()), lead)
    if prim.name == "transpose":
        n, ndim = len(lead), np.ndim(x.sample)
        return append(prim, [x], {"axes": (*range(-ndim, n - ndim), *params["axes"])})
    if prim.name == "broadcast_to":
        x = _of_rank(append, x, len(params["shape"]), lead)
        return append(prim, [x], {"shape": lead + params["shape"]})
    if prim.name in ("index", "scatter_add") and len(operands) == 1:
        x = _with_lead(append, x, lead)
        pattern = (slice(None),) * len(lead) + params["pattern"]
        return append(prim, [x], {"pattern": pattern, "shape": lead + params["shape"]}, value)
    if prim.name in PRODUCTS:
        return _product(append, prim, operands, lead, value)
    return None


def _product(
    append: Append, prim: Any, operands: Sequence[Operand], lead: Any, value: Any
) -> Operand:
    """Where only the left factor is batched, its batch joins the rows of one product."""
    a, b = operands
    shape = np.shape(a.sample)
    if prim.name != "matmul_tn" and a.ndim == 2 and b.axes is None and b.ndim == 2:
        flat = _reshaped(append, a, (math.prod(shape[:-1]), shape[-1]))
        rows = value.reshape(math.prod(shape[:-1]), value.shape[-1])
        return _reshaped(append, append(prim, [flat, b], {}, rows), value.shape)
    if a.axes is None and a.ndim == 2 == b.ndim and value.shape[-1] == 1:
        # a matrix times many vectors: these are the rows of one product
        inner = shape[-2] if prim.name == "matmul_tn" else shape[-1]
        rows = _reshaped(append, b, (math.prod(lead), inner))
        other = REGISTRY["matmul" if prim.name == "matmul_tn" else "matmul_nt"]
        flat = value.reshape(math.prod(lead), value.shape[-2])
        return _reshaped(append, append(other, [rows, a], {}, flat), value.shape)
    rank = max(a.ndim, b.ndim)
    a, b = (_of_rank(append, x, rank, lead) for x in operands)
    if rank == 2 and np.shape(a.sample)[-2 if prim.name == "matmul_tn" else -1] == 1:
        # nothing is summed: each is an outer product
        a = _turned(append, a) if prim.name == "matmul_tn" else a
        b = _turned(append, b) if prim.name == "matmul_nt" else b
        return append(REGISTRY["multiply"], [a, b], {}, value)
    return append(prim, [a, b], {}, value)


def _turned(append: Append, x: Operand) -> Operand:
    """Each matrix of a stack transposed."""
    ndim = np.ndim(x.sample)
    return append(REGISTRY["transpose"], [x], {"axes": (*range(-ndim, -2), -1, -2)})


def _left(append: Append, x: Operand, axis: Axis) -> Operand:
    """The first logical axis again: it moves behind the axes that stay hidden."""
    axes = x.axes or ()
    shape, n = np.shape(x.sample), len(axes)
    if axis in axes:
        i, ndim = axes.index(axis), len(shape)
        order = [*range(i), *range(i + 1, n), i, *range(n, ndim)]
        if order == list(range(ndim)):
            return x
        return append(REGISTRY["transpose"], [x], {"axes": tuple(k - ndim for k in order)})
    x = _reshaped(append, x, shape[:n] + (1,) + shape[n:])
    wide = shape[:n] + (axis.size,) + shape[n:]
    return append(REGISTRY["broadcast_to"], [x], {"shape": wide})


def _lined_up(append: Append, x: Operand, axes: Axes) -> Operand:
    """Hidden axes in the order of ``axes``, with length 1 for those that are missing."""
    if x.axes is None or x.axes == axes:
        return x
    have = [x.axes.index(axis) for axis in axes if axis in x.axes]
    ndim = np.ndim(x.sample)
    order = (*have, *range(len(x.axes), ndim))
    want = line_up(x.sample, x.axes, axes)
    if order != tuple(range(ndim)):
        x = append(REGISTRY["transpose"], [x], {"axes": tuple(k - ndim for k in order)})
    return _reshaped(append, x, want.shape).hiding(axes)


def _of_rank(append: Append, x: Operand, rank: int, lead: tuple[int, ...]) -> Operand:
    """An operand with hidden axes, given logical axes of length 1 in front up to ``rank``."""
    if x.axes is None or x.ndim == rank:
        return x
    shape, n = np.shape(x.sample), len(lead)
    return _reshaped(append, x, shape[:n] + (1,) * (rank - x.ndim) + shape[n:]).hiding(x.axes)


def _with_lead(append: Append, x: Operand, lead: tuple[int, ...]) -> Operand:
    """An operand spread over the whole batch."""
    shape = np.shape(x.sample)
    wide = lead + (shape if x.axes is None else shape[len(lead) :])
    return x if shape == wide else append(REGISTRY["broadcast_to"], [x], {"shape": wide})


def _reshaped(append: Append, x: Operand, shape: tuple[int, ...]) -> Operand:
    if np.shape(x.sample) == shape:
        return x
    return append(REGISTRY["reshape"], [x], {"shape": shape})
