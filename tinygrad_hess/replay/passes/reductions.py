"""Sums and maxima of few elements each, or over several axes, as what is faster.

NumPy pays for each result of a reduction, and so does BLAS for each matrix of a stack: where a
result has few elements, that is most of the time.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...ops.elementwise.arithmetic import add, maximum
from ...ops.indexing.index import take_pattern
from ...ops.reductions.reduction import reduce_max
from ...ops.shape.broadcasting import expanded_shape, reduce_sum, reshape
from ..emitter import Emitter, Operand
from ..program import Program

_SUM, _MAX = reduce_sum.primitive, reduce_max.primitive  # type: ignore[attr-defined]

FEW = {_SUM: 16, _MAX: 32}
"""Elements of a result up to which they are combined element by element: from then on BLAS adds up
rows faster, and of maxima the vectors of NumPy pay."""

MANY = 16
"""Results for each of these elements from which so many calls take no longer than one where they
are not fused either: so the results are the same bits in any case."""

_NOTHING = float(np.add.reduce([-0.0, -0.0]))
"""Where NumPy begins a sum: whether zeros stay negative depends on its version."""

LONG = 16
"""Rows of a matrix in a stack from which one product with ones sums them as fast."""


def split_reductions(program: Program) -> Program:
    """Combine few elements one by one, and sum over several axes along one after the other.

    Sums are rounded in another order than NumPy's; maxima are the same.
    """
    known = program.shapes()
    emit = Emitter(program.fresh_slots().__next__, program.constants)
    new: dict[int, int] = {}
    for old in program.instructions:
        i = old.reading(new)
        found = None
        if i.prim in FEW and i.dtype is not None and i.dtype.kind == "f" and i.args[0] in known:
            x = Operand(i.args[0], *known[i.args[0]])
            if x.dtype == i.dtype:
                found = _reduced(emit, i.prim, x, i.params["axis"])
        if found is None:
            emit.instructions.append(i)
            continue
        if found.shape != i.shape:  # with keepdims
            found = emit(reshape, found, shape=i.shape)
        new[i.out] = found.slot
        known[found.slot] = (i.shape, i.dtype)
    return replace(program, constants=emit.constants).renamed(new, emit.instructions)


def _reduced(emit: Emitter, prim: Any, x: Operand, axes: Sequence[int]) -> Operand | None:
    """Over axes, which are gone then; None where one call is best."""
    count = math.prod(x.shape[a] for a in axes)
    results = math.prod(expanded_shape(x.shape, tuple(axes)))
    if count == 1:  # the elements as they are
        gone = {a % len(x.shape) for a in axes}
        x = emit(reshape, x, shape=tuple(n for k, n in enumerate(x.shape) if k not in gone))
        return x if prim is _MAX else emit(add, x, emit.constant(_NOTHING))
    if 1 < count <= FEW[prim] and results >= MANY * count and _is_slow(prim, x, axes):
        combine = add if prim is _SUM else maximum
        return functools.reduce(functools.partial(emit, combine), _parts(emit, x, axes))
    if prim is not _SUM or len(axes) < 2 or len(axes) == len(x.shape) or not count:
        return None
    for n, a in enumerate(sorted(axes, reverse=True)):
        x = _summed(emit, x, a + n)  # those before have moved up
    return x


def _summed(emit: Emitter, x: Operand, axis: int) -> Operand:
    """Over one axis; what is behind it counts as one more."""
    few = _reduced(emit, _SUM, x, (axis,))
    if few is not None or axis >= -2:
        return few or emit(reduce_sum, x, axis=(axis,), keepdims=False)
    before, behind = x.shape[: axis + 1], x.shape[axis + 1 :]
    flat = emit(reshape, x, shape=(*before, math.prod(behind)))
    total = emit(reduce_sum, flat, axis=(-2,), keepdims=False)
    return emit(reshape, total, shape=(*before[:-1], *behind))


def _is_slow(prim: Any, x: Operand, axes: Sequence[int]) -> bool:
    """Whether one call would take longer than going through the elements one by one."""
    if prim is _MAX or len(axes) > 1:
        return True
    return len(x.shape) > 2 and (axes[0] != -1 or x.shape[-2] < LONG)


def _parts(emit: Emitter, x: Operand, axes: Sequence[int]) -> list[Operand]:
    """All that are combined, each of the result's shape."""
    everything: list[Any] = [slice(None)] * len(x.shape)
    found = []
    for place in itertools.product(*(range(x.shape[a]) for a in axes)):
        for a, k in zip(axes, place, strict=True):
            everything[a] = k
        found.append(emit(take_pattern, x, pattern=tuple(everything), shape=x.shape))
    return found
