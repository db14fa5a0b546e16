"""Negations and constant factors."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ...ops.elementwise.arithmetic import add, divide, multiply, negative, subtract
from ..program import Instruction, Program

_ARITHMETIC: tuple[Any, ...] = (add, subtract, multiply, divide, negative)
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _NEGATIVE = (f.primitive for f in _ARITHMETIC)
_LINEAR = ("linear", "bilinear")


def fold_signs(program: Program) -> Program:
    """Remove negations: x + (-y) is x - y, -(-x) is x, -(2 x) is (-2) x; and 100 (2 x) is 200 x.

    A sign goes through products, quotients and all that is linear, (-x) y = -(x y) and
    sum(-x) = -sum(x), where all that read it let it through. All of it is exact, but for the sign
    of a zero that is a sum of several terms. Factors are joined only where one is a power of two,
    and where the product overflows just when it did before: then it is rounded once, where twice
    before, which subnormal numbers alone can tell.
    """
    made = {i.out: i for i in program.instructions}
    constants = dict(program.constants)
    slot = program.fresh_slots().__next__
    free = _free_signs(program, constants)
    new: dict[int, int] = {}
    kept: list[Instruction] = []

    def number(value: float) -> int:
        constants[made_here := slot()] = value
        return made_here

    def negated(a: int) -> int | None:
        """What ``a`` is the negative of; of unsigned integers, it would be no negative."""
        i = made.get(a)
        if i is None or i.prim is not _NEGATIVE or i.dtype.kind != "f":
            return None
        return i.args[0]

    def factor(a: int) -> tuple[float, int] | None:
        """``a`` as a number times another slot."""
        i = made.get(a)
        if i is None or i.prim is not _MULTIPLY or i.dtype.kind != "f":
            return None
        return _with_number(i, constants)

    def as_multiple(i: Instruction, value: float, x: int) -> Instruction:
        return i.called(multiply, (number(value), x))

    for old in program.instructions:
        i = old.reading(new)
        if i.prim is None or i.dtype is None or i.dtype.kind != "f":
            pass
        elif i.prim is _NEGATIVE:
            inner, scaled = negated(i.args[0]), factor(i.args[0])
            if inner is not None:
                new[i.out] = inner
                continue
            if scaled is not None:
                i = as_multiple(i, -scaled[0], scaled[1])
        elif is_sum_of_two(i):
            first, second = (negated(a) for a in i.args)
            if second is not None:
                i = i.called(subtract if i.prim is _ADD else add, (i.args[0], second))
            elif first is not None and i.prim is _ADD:
                i = i.called(subtract, (i.args[1], first))
        elif i.prim is _MULTIPLY and (found := _with_number(i, constants)) is not None:
            value, x = found
            inner, scaled = negated(x), factor(x)
            if inner is not None:
                i = as_multiple(i, -value, inner)
            elif scaled is not None and _joins_exactly(value, scaled[0], i.dtype):
                i = as_multiple(i, value * scaled[0], scaled[1])
        elif lets_signs_through(i):
            signs = [
                negated(a) if a in free and carries_sign(i, n) else None
                for n, a in enumerate(i.args)
            ]
            if any(x is not None for x in signs):
                args = tuple(a if x is None else x for a, x in zip(i.args, signs, strict=True))
                if len(signs) == 2 and None not in signs:
                    i = replace(i, args=args)
                else:
                    plain = replace(i, args=args, out=slot())
                    made[plain.out] = plain
                    kept.append(plain)
                    i = i.called(negative, (plain.out,))
        made[i.out] = i
        kept.append(i)
    return replace(program, constants=constants).renamed(new, kept)


def _free_signs(program: Program, constants: dict[int, Any]) -> set[int]:
    """Slots whose sign every reader can take over: it costs nothing there, or goes on from there.

    A negation among them need not be computed. Read backwards, so that what comes later is known.
    """
    shapes = program.shapes()
    free = {i.out for i in program.instructions} - set(program.outputs)
    read: set[int] = set()
    for i in reversed(program.instructions):
        if i.out not in read:
            free.discard(i.out)
        for n, a in enumerate(i.args):
            read.add(a)
            takes = i.prim is not None and i.dtype is not None and i.dtype.kind == "f" and (
                i.prim is _NEGATIVE
                or (is_sum_of_two(i) and (n == 1 or i.prim is _ADD) and i.args[0] != i.args[1])
                or (i.prim is _MULTIPLY and _with_number(i, constants) is not None)
                or (
                    lets_signs_through(i)
                    and carries_sign(i, n)
                    and i.out in free
                    and (i.prim.kind in _LINEAR or shapes.get(a, ((),))[0] == i.shape)
                )
            )  # fmt: skip
            if not takes:
                free.discard(a)
    return free


def lets_signs_through(i: Instruction) -> bool:
    """Whether the result changes its sign with one of its operands."""
    return i.prim in (_MULTIPLY, _DIVIDE) or (i.prim.kind in _LINEAR and not i.effects)


def carries_sign(i: Instruction, position: int) -> bool:
    """Whether that is such an operand: not one of indices, which have no derivative."""
    rules = i.prim.vjps
    return bool(rules) and rules[position] is not None


def is_sum_of_two(i: Instruction) -> bool:
    """Whether it adds or subtracts: parts of both operands' sums are a part of the result's."""
    return i.prim in (_ADD, _SUBTRACT)


def _with_number(i: Instruction, constants: dict[int, Any]) -> tuple[float, int] | None:
    """A product of a number and another slot as these two."""
    for c, other in (i.args, i.args[::-1]):
        if type(constants.get(c)) in (int, float):
            return float(constants[c]), other
    return None


def _joins_exactly(a: float, b: float, dtype: np.dtype[Any]) -> bool:
    """Whether (a b) x rounds the exact product, and overflows just when a (b x) does."""
    sizes, few = (abs(a), abs(b)), np.finfo(dtype)
    if not all(float(few.tiny) <= s <= float(few.max) for s in (*sizes, abs(a * b))):
        return False
    power = any(math.frexp(s)[0] == 0.5 for s in sizes)
    return power and (min(sizes) >= 1 or max(sizes) <= 1)
