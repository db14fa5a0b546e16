"""What is computed twice."""

from __future__ import annotations

from typing import Any

from ..program import Program


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
    return program.renamed(new, kept)
