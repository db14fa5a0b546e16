"""What is computed twice."""

from __future__ import annotations

from typing import Any

from ...ops.elementwise.arithmetic import add, multiply, square
from ..program import Instruction, Program

_ADD, _MULTIPLY, _SQUARE = (f.primitive for f in (add, multiply, square))  # type: ignore[attr-defined]


def share(program: Program) -> Program:
    """Compute once what is computed twice (common subexpressions), and keep equal numbers once.

    Of real numbers, b + a is a + b, b a is a b, and x x is the square of x, to the last bit.
    """
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
            first = i.out if i.prim is None else seen.setdefault(_computation(i), i.out)
        except TypeError:  # a parameter that cannot be hashed
            first = i.out
        if first == i.out:
            kept.append(i)
        else:
            new[i.out] = first
    return program.renamed(new, kept)


def _computation(i: Instruction) -> Any:
    """Equal ones give equal results. Other commutative operations may differ in a zero's sign."""
    if i.dtype is not None and i.dtype.kind == "f":
        if i.prim is _SQUARE:
            return (_MULTIPLY, ()), i.args * 2
        if i.prim in (_ADD, _MULTIPLY):
            return i.key, tuple(sorted(i.args))
    return i.key, i.args
