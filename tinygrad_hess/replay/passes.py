"""Passes over a program: each takes one and gives a smaller one that computes the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..ops.reduction import _shift as shift
from .program import Instruction, Program, hashable
from .signs import fold_signs
from .views import compose_views

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


_SAME = ("alias", "seed", "positive", "stop_gradient")
# x + 0.0 is not x where x is -0.0, but x + -0.0 is, and so is x - 0.0
_NEUTRAL = {
    "multiply": ("1.0", (0, 1)),
    "divide": ("1.0", (1,)),
    "add": ("-0.0", (0, 1)),
    "subtract": ("0.0", (1,)),
}


def _unchanged_operand(i: Instruction, program: Program, shapes: Any) -> int | None:
    if i.key is None:
        return None
    first = shapes.get(i.args[0]) if i.args else None
    if i.name in _SAME:
        return i.args[0]
    if i.name in ("astype", "reshape", "broadcast_to") and first == (i.shape, i.dtype):
        return i.args[0]
    if i.name == "transpose" and i.params["axes"] == tuple(range(-len(i.shape), 0)):
        return i.args[0]
    if i.name in _NEUTRAL:
        number, places = _NEUTRAL[i.name]
        for place in places:
            c = program.constants.get(i.args[place])
            other = i.args[1 - place]
            if (
                isinstance(c, (int, float))
                and repr(float(c)) == number
                and shapes.get(other) == (i.shape, i.dtype)
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
            key = None if i.key is None else (i.key, i.args)
            first = seen.setdefault(key, i.out) if key is not None else i.out
        except TypeError:  # a parameter that cannot be hashed
            first = i.out
        if first == i.out:
            kept.append(i)
        else:
            new[i.out] = first
    return _renamed(program, new, kept)


def spread_late(program: Program) -> Program:
    """Give elementwise operations what was broadcast for them as it was before: they spread it.

    A constant that is one number all over is given as that number.
    """
    made = {i.out: i for i in program.instructions}
    shapes = program.shapes()
    constants = dict(program.constants)
    slot = program.fresh_slots().__next__
    numbers: dict[int, int] = {}  # slots of the numbers that constants are made of
    kept = []
    for i in program.instructions:
        args = list(i.args)
        for place in (0, 1) if isinstance(i.fn, np.ufunc) and len(args) == 2 else ():
            a, other = args[place], shapes.get(args[1 - place])
            if other is None or other != (i.shape, i.dtype) or not i.shape:
                continue
            source = made.get(a)
            if a in constants and shapes[a][1] == i.dtype:
                if a not in numbers:
                    numbers[a] = a
                    if (number := _uniform(constants[a])) is not None:
                        constants[new := slot()] = number
                        numbers[a] = new
                args[place] = numbers[a]
            elif source is not None and source.name == "broadcast_to" and source.key is not None:
                before = shapes.get(source.args[0], (None, None))[1]
                if source.dtype == i.dtype == before:  # a Python number would not promote
                    args[place] = source.args[0]
        kept.append(i if tuple(args) == i.args else replace(i, args=tuple(args)))
    return replace(program, instructions=tuple(kept), constants=constants)


def _uniform(x: Any) -> float | None:
    """The number that an array consists of, if it is one and finite."""
    if not isinstance(x, np.ndarray) or not x.size or x.dtype.kind != "f":
        return None
    first = x.flat[0]
    same = bool(np.isfinite(first) and first != 0 and (x == first).all())
    return float(first) if same else None


def lower(program: Program) -> Program:
    """Spell out formulas of several steps, so that steps can be shared and written in place.

    ``logsumexp`` of an array and ``softmax`` of it, its derivative, have all but a line in common;
    so have the derivatives of one ``tanh``.
    """
    shapes = program.shapes()
    out = _Lowered(program)
    for i in program.instructions:
        known = shapes.get(i.args[0]) if i.args else None
        if i.key is None:
            out.lines.append(i)
        elif i.name in _OVER_AXES and known is not None and known[1] == i.dtype and all(known[0]):
            out.over_axes(i, *known)
        elif i.name == "tanh_slope":
            out.tanh_slope(i, *shapes.get(i.args[1], ((), None)))
        elif i.name == "relu":
            out.lines.append(i.as_ufunc(np.maximum, (i.args[0], out.constant(0))))
        else:
            out.lines.append(i)
    return replace(program, instructions=tuple(out.lines), constants=out.constants)


class _Lowered:
    """Instructions and constants as they are emitted."""

    def __init__(self, program: Program):
        self.lines: list[Instruction] = []
        self.constants = dict(program.constants)
        self._slot = program.fresh_slots().__next__

    def constant(self, value: Any) -> int:
        slot = self._slot()
        self.constants[slot] = value
        return slot

    def step(
        self, name: str, fn: Any, args: tuple[int, ...], shape: Any, dtype: Any, **params: Any
    ) -> int:
        key = (name, hashable(params))
        out = self._slot()
        self.lines.append(Instruction(name, fn, args, out, shape, dtype, params, key, fresh=True))
        return out

    def tanh_slope(self, i: Instruction, shape: Any, dtype: Any) -> None:
        """g (1 - y²)"""
        g, y = i.args
        square = self.step("multiply", np.multiply, (y, y), shape, dtype)
        slope = self.step("subtract", np.subtract, (self.constant(1), square), shape, dtype)
        self.lines.append(i.as_ufunc(np.multiply, (slope, g)))

    def over_axes(self, i: Instruction, shape: Any, dtype: Any) -> None:
        """Exponentials over axes, shifted by the maximum."""
        x, axis = i.args[0], i.params["axis"]
        kept = tuple(1 if n - len(shape) in axis else length for n, length in enumerate(shape))
        options = {"axis": axis, "keepdims": True}
        top = self.step("amax", partial(np.maximum.reduce, **options), (x,), kept, dtype, **options)
        shifted = self.step("shift", shift, (x, top), shape, dtype)
        e = self.step("exp", np.exp, (shifted,), shape, dtype)
        total = self.step("sum", partial(np.add.reduce, **options), (e,), kept, dtype, **options)
        if i.name == "softmax":
            self.lines.append(i.as_ufunc(np.divide, (e, total)))
            return
        log = self.step("log", np.log, (total,), kept, dtype)
        if i.name == "log_softmax":
            self.lines.append(i.as_ufunc(np.subtract, (shifted, log)))
            return
        whole = self.step("add", np.add, (log, top), kept, dtype)
        self.lines.append(i.called("reshape", (whole,), {"shape": i.shape}))


_OVER_AXES = ("logsumexp", "softmax", "log_softmax")


PASSES: tuple[Pass, ...] = (
    lower,
    fold_constants,
    simplify,
    compose_views,
    share,
    spread_late,
    fold_signs,
    simplify,
    drop_dead,
)
"""In the order in which they run."""
