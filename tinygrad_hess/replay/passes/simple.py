"""Passes over a program: each takes one and gives a smaller one that computes the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..emitter import Emitter, Operand
from ..program import Instruction, Program
from .algebra import changes_no_order, compose_views, fold_signs, sink_broadcasts

Pass = Callable[[Program], Program]


def drop_dead(program: Program) -> Program:
    """Leave out what no output needs, and constants that nothing reads."""
    needed = set(program.outputs)
    kept = []
    for i in reversed(program.instructions):
        if i.out in needed:
            kept.append(i)
            needed.update(i.args)
    constants = {slot: c for slot, c in program.constants.items() if slot in needed}
    return replace(program, instructions=tuple(reversed(kept)), constants=constants)


def fold_constants(program: Program) -> Program:
    """Compute now what depends on constants alone."""
    constants = dict(program.constants)
    kept = []
    for i in program.instructions:
        if all(a in constants for a in i.args):
            with np.errstate(all="ignore"):
                constants[i.out] = i.fn(*[constants[a] for a in i.args])
        else:
            kept.append(i)
    return replace(program, instructions=tuple(kept), constants=constants)


def _renamed(program: Program, new: dict[int, int], kept: list[Instruction]) -> Program:
    outputs = tuple(new.get(o, o) for o in program.outputs)
    return replace(program, instructions=tuple(kept), outputs=outputs)


def simplify(program: Program) -> Program:
    """Remove operations that change nothing: x*1, x/1, x+0, x-0, a reshape to its own shape."""
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
    return _renamed(program, new, kept)


def _unchanged_operand(i: Instruction, program: Program, shapes: Any) -> int | None:
    """The operand that the result is, if it is one."""
    if i.prim is None or i.dtype is None:
        return None
    own = (i.shape, i.dtype)
    if (i.prim.identity or changes_no_order(i)) and shapes.get(i.args[0]) == own:
        return i.args[0]
    for place, number in i.prim.neutral.items():
        c, other = program.constants.get(i.args[place]), i.args[1 - place]
        if (
            isinstance(c, (int, float))
            and repr(float(c)) == repr(number)  # tells 0.0 from -0.0
            and shapes.get(other) == own
            and i.dtype.kind != "c"  # infinite parts and signs of zeros would differ
        ):
            return other
    return None


def share(program: Program) -> Program:
    """Compute once what is computed twice (common subexpressions), and keep equal numbers once."""
    new: dict[int, int] = {}
    numbers: dict[Any, int] = {}
    for slot, c in program.constants.items():
        if isinstance(c, (int, float)):
            new[slot] = numbers.setdefault((type(c), repr(c)), slot)
    seen: dict[Any, int] = {}
    kept = []
    for old in program.instructions:
        i = old.reading(new)
        try:
            first = i.out if i.prim is None else seen.setdefault((i.key, i.args), i.out)
        except TypeError:  # a parameter that cannot be hashed
            first = i.out
        if first == i.out:
            kept.append(i)
        else:
            new[i.out] = first
    return _renamed(program, new, kept)


def lower(program: Program) -> Program:
    """Spell out formulas of several steps, so that steps can be shared and written in place.

    ``logsumexp`` of an array and ``softmax`` of it, its derivative, have all but a line in common;
    so have the derivatives of one ``tanh``.
    """
    known = program.shapes()
    emit = Emitter(program.fresh_slots().__next__, program.constants)
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
    return _renamed(kept, new, emit.instructions)


PASSES: tuple[Pass, ...] = (
    fold_constants,
    lower,
    fold_constants,
    simplify,
    compose_views,
    share,
    sink_broadcasts,
    fold_signs,
    simplify,
    drop_dead,
)
"""In the order in which they run."""
