"""Formulas of several steps, as these steps."""

from __future__ import annotations

from dataclasses import replace

from ..emitter import Emitter, Operand
from ..native import fuses
from ..program import Program


def lower(program: Program) -> Program:
    """Spell out formulas of several steps, so that steps can be shared and written in place.

    ``logsumexp`` of an array and ``softmax`` of it, its derivative, have all but a line in common;
    so have the derivatives of one ``tanh``.
    """
    known = program.shapes()
    emit = Emitter(program.fresh_slots().__next__, program.constants, fuses())
    new: dict[int, int] = {}
    for old in program.instructions:
        i = old.reading(new)
        found = None
        if i.prim is not None and i.prim.lowered is not None and known.keys() >= set(i.args):
            operands = [Operand(a, *known[a], emit.constants.get(a)) for a in i.args]
            found = i.prim.lowered(emit, *operands, **i.params)
        if found is None or (found.shape, found.dtype) != (i.shape, i.dtype):
            emit.instructions.append(i)
        else:
            new[i.out] = found.slot
            known[found.slot] = (i.shape, i.dtype)
    kept = replace(program, constants=emit.constants)
    return kept.renamed(new, emit.instructions)
