"""Views of views, and sums of what was only broadcast."""

from __future__ import annotations

import collections
import math
from dataclasses import replace
from typing import Any

from ...ops.elementwise.arithmetic import multiply
from ...ops.indexing.index import take_pattern
from ...ops.shape.broadcasting import broadcast_to, reduce_sum, reshape
from ...ops.shape.permutation import permute
from ..program import Instruction, Program

_RESHAPE, _BROADCAST, _PERMUTE, _SUM, _INDEX = (
    f.primitive for f in (reshape, broadcast_to, permute, reduce_sum, take_pattern)
)


def compose_views(program: Program) -> Program:
    """Make one of a reshape of a reshape, and so on; sum what was only broadcast by multiplying.

    A sum that is reshaped to have its axis again keeps it: then the result is an array of its own.
    """
    made = {i.out: i for i in program.instructions}
    readers = collections.Counter(a for i in program.instructions for a in i.args)
    readers.update(program.outputs)
    shapes = program.shapes()
    slot = program.fresh_slots().__next__
    constants = dict(program.constants)
    kept: list[Instruction] = []
    for i in program.instructions:
        before = made.get(i.args[0]) if len(i.args) == 1 else None
        if i.prim is None or before is None or before.prim is None or len(before.args) != 1:
            kept.append(i)
            continue
        source = before.args[0]
        if i.prim is before.prim and i.prim in (_RESHAPE, _BROADCAST):
            i = replace(i, args=(source,))
        elif i.prim is before.prim is _PERMUTE:
            first, second = before.params["axes"], i.params["axes"]
            i = i.called(permute, (source,), {"axes": tuple(first[k] for k in second)})
        elif (
            i.prim is _RESHAPE and before.prim is _SUM and i.shape == _keeping_axes(before, shapes)
        ):
            if readers[before.out] == 1:
                i = replace(before.with_params({**before.params, "keepdims": True}), **_result(i))
        elif i.prim is _SUM and before.prim is _BROADCAST and source in shapes:
            count = _times_summed(shapes[source], before.shape, i)
            if count is not None:
                narrow = replace(i, out=slot()).called(reshape, (source,), {"shape": i.shape})
                constants[number := slot()] = count
                kept.append(narrow)
                i = i.called(multiply, (narrow.out, number))
        made[i.out] = i
        kept.append(i)
    return replace(program, instructions=tuple(kept), constants=constants)


def _result(i: Instruction) -> dict[str, Any]:
    return {"out": i.out, "shape": i.shape, "dtype": i.dtype}


def _keeping_axes(i: Instruction, shapes: Any) -> tuple[int, ...] | None:
    """The shape that a sum over an axis has where that is kept, of length one."""
    if i.args[0] not in shapes or i.params["keepdims"] or len(i.params["axis"]) != 1:
        return None
    lengths = list(shapes[i.args[0]][0])
    for axis in i.params["axis"]:
        lengths[axis] = 1
    return tuple(lengths)


def _times_summed(source: Any, wide: tuple[int, ...], i: Instruction) -> int | None:
    """How often each element is summed, where the sum runs over broadcast axes alone."""
    shape, dtype = source
    if dtype != i.dtype or i.dtype.kind != "f" or math.prod(shape) != math.prod(i.shape):
        return None
    aligned = (1,) * (len(wide) - len(shape)) + shape
    if any(aligned[a] != 1 for a in i.params["axis"]) or not math.prod(wide):
        return None
    return math.prod(wide[a] for a in i.params["axis"])


def changes_shape(i: Instruction) -> bool:
    """Whether it is a reshape: a view only of elements that lie in order."""
    return i.prim is _RESHAPE


def changes_no_order(i: Instruction) -> bool:
    """Whether it permutes axes into the order that they have."""
    return i.prim is _PERMUTE and i.params["axes"] == tuple(range(-len(i.shape), 0))


def takes_everything(i: Instruction) -> bool:
    """Whether it is an index by slices without a step, which of a result of the operand's shape
    are all of its axes."""
    return i.prim is _INDEX and all(
        isinstance(entry, slice) and entry.step in (None, 1) for entry in i.params["pattern"]
    )
