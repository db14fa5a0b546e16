"""Signs and factors: negations move into what follows, and exact factors are joined."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from .program import Instruction, Program


def fold_signs(program: Program) -> Program:
    """Remove negations: x + (-y) is x - y, -(-x) is x, -(2 x) is (-2) x; and 100 (2 x) is 200 x.

    All of it is exact. Factors are joined only where one is a power of two, and where the product
    overflows just when it did before.
    """
    made = {i.out: i for i in program.instructions}
    constants = dict(program.constants)
    slot = program.fresh_slots().__next__
    new: dict[int, int] = {}
    kept: list[Instruction] = []

    def number(value: float) -> int:
        constants[made_here := slot()] = value
        return made_here

    def negated(a: int) -> int | None:
        """What ``a`` is the negative of."""
        i = made.get(a)
        return i.args[0] if i is not None and i.name == "negative" and i.key is not None else None

    def factor(a: int) -> tuple[float, int] | None:
        """``a`` as a number times another slot."""
        i = made.get(a)
        if i is None or i.name != "multiply" or i.key is None or i.dtype.kind != "f":
            return None
        return _with_number(i, constants)

    def as_multiple(i: Instruction, value: float, x: int) -> Instruction:
        return i.as_ufunc(np.multiply, (number(value), x))

    for old in program.instructions:
        i = old.reading(new)
        if i.key is None or i.dtype is None or i.dtype.kind != "f":
            pass
        elif i.name == "negative":
            inner, scaled = negated(i.args[0]), factor(i.args[0])
            if inner is not None:
                new[i.out] = inner
                continue
            if scaled is not None:
                i = as_multiple(i, -scaled[0], scaled[1])
        elif i.name in ("add", "subtract"):
            first, second = (negated(a) for a in i.args)
            if second is not None:
                i = i.as_ufunc(_OPPOSITE[i.name], (i.args[0], second))
            elif first is not None and i.name == "add":
                i = i.as_ufunc(np.subtract, (i.args[1], first))
        elif i.name == "multiply" and (found := _with_number(i, constants)) is not None:
            value, x = found
            inner, scaled = negated(x), factor(x)
            if inner is not None:
                i = as_multiple(i, -value, inner)
            elif scaled is not None and _joins_exactly(value, scaled[0]):
                i = as_multiple(i, value * scaled[0], scaled[1])
        made[i.out] = i
        kept.append(i)
    outputs = tuple(new.get(o, o) for o in program.outputs)
    return replace(program, instructions=tuple(kept), constants=constants, outputs=outputs)


_OPPOSITE = {"add": np.subtract, "subtract": np.add}


def _with_number(i: Instruction, constants: dict[int, Any]) -> tuple[float, int] | None:
    """A product of a number and another slot as these two."""
    for c, other in (i.args, i.args[::-1]):
        if type(constants.get(c)) in (int, float):
            return float(constants[c]), other
    return None


def _joins_exactly(a: float, b: float) -> bool:
    """Whether (a b) x is a (b x) for each x."""
    sizes = abs(a), abs(b)
    if not all(2.0**-100 < s < 2.0**100 for s in sizes):
        return False
    power = any(math.frexp(s)[0] == 0.5 for s in sizes)
    return power and (min(sizes) >= 1 or max(sizes) <= 1)
