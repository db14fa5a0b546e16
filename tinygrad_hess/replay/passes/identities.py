"""Operations that change nothing."""

from __future__ import annotations

from typing import Any

from ..program import Instruction, Program
from .views import changes_no_order, takes_everything


def simplify(program: Program) -> Program:
    """Remove operations that change nothing: x*1, x/1, x+0, x-0, x[:], a reshape to its shape."""
    shapes = program.shapes()
    new: dict[int, int] = {}
    kept = []
    for old in program.instructions:
        i = old.reading(new)
        same = _unchanged_operand(i, program, shapes)
        if same is None:
            kept.append(i)
        else:
            new[i.out] = new.get(same, same)
    return program.renamed(new, kept)


def _unchanged_operand(i: Instruction, program: Program, shapes: Any) -> int | None:
    """The operand that the result is, if it is one."""
    if i.prim is None or i.dtype is None:
        return None
    own = (i.shape, i.dtype)
    same = i.prim.identity or changes_no_order(i) or takes_everything(i)
    if same and shapes.get(i.args[0]) == own:
        return i.args[0]
    for position, number in i.prim.neutral.items():
        c, other = program.constants.get(i.args[position]), i.args[1 - position]
        if (
            isinstance(c, (int, float))
            and repr(float(c)) == repr(number)  # tells 0.0 from -0.0
            and shapes.get(other) == own
            and i.dtype.kind != "c"  # infinite parts and signs of zeros would differ
        ):
            return other
    return None
