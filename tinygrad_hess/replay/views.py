"""Views of views become one, and sums of what was only spread become products."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .program import Instruction, Program


def compose_views(program: Program) -> Program:
    """Make one of a reshape of a reshape, and so on; sum what was only spread by multiplying."""
    made = {i.out: i for i in program.instructions}
    shapes = program.shapes()
    slot = program.fresh_slots().__next__
    constants = dict(program.constants)
    kept: list[Instruction] = []
    for i in program.instructions:
        before = made.get(i.args[0]) if len(i.args) == 1 else None
        if i.key is None or before is None or before.key is None or len(before.args) != 1:
            kept.append(i)
            continue
        source = before.args[0]
        if i.name == before.name and i.name in ("reshape", "broadcast_to"):
            i = replace(i, args=(source,))
        elif i.name == before.name == "transpose":
            first, second = before.params["axes"], i.params["axes"]
            axes = tuple(first[k] for k in second)
            i = i.called("transpose", (source,), {"axes": axes})
        elif i.name == "sum" and before.name == "broadcast_to" and source in shapes:
            count = _spread_count(shapes[source], before.shape, i)
            if count is not None:
                narrow = replace(i, out=slot()).called("reshape", (source,), {"shape": i.shape})
                constants[number := slot()] = count
                kept.append(narrow)
                i = i.as_ufunc(np.multiply, (narrow.out, number))
        made[i.out] = i
        kept.append(i)
    return replace(program, instructions=tuple(kept), constants=constants)


def _spread_count(source: Any, wide: tuple[int, ...], i: Instruction) -> int | None:
    """How often each element is summed, where the sum runs over spread axes alone."""
    shape, dtype = source
    if dtype != i.dtype or i.dtype.kind != "f" or math.prod(shape) != math.prod(i.shape):
        return None
    aligned = (1,) * (len(wide) - len(shape)) + shape
    if any(aligned[a] != 1 for a in i.params["axis"]) or not math.prod(wide):
        return None
    return math.prod(wide[a] for a in i.params["axis"])
