"""Broadcasts for the sake of an elementwise operation, which broadcasts by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...ops.shape.broadcasting import broadcast_to
from ..program import Program

_BROADCAST = broadcast_to.primitive


def sink_broadcasts(program: Program) -> Program:
    """Give elementwise operations what was broadcast for them as it was before: they broadcast it.

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
        for position in (0, 1) if i.is_ufunc and len(args) == 2 else ():
            a, other = args[position], shapes.get(args[1 - position])
            if other is None or other != (i.shape, i.dtype) or not i.shape:
                continue
            source = made.get(a)
            if a in constants and shapes[a][1] == i.dtype:
                if a not in numbers:
                    numbers[a] = a
                    if (number := _uniform(constants[a])) is not None:
                        constants[new := slot()] = number
                        numbers[a] = new
                args[position] = numbers[a]
            elif source is not None and source.prim is _BROADCAST:
                before = shapes.get(source.args[0], (None, None))[1]
                if source.dtype == i.dtype == before:  # a Python number would not promote
                    args[position] = source.args[0]
        kept.append(i if tuple(args) == i.args else replace(i, args=tuple(args)))
    return replace(program, instructions=tuple(kept), constants=constants)


def _uniform(x: Any) -> float | None:
    """The number that an array consists of, if it is one and finite."""
    if not isinstance(x, np.ndarray) or not x.size or x.dtype.kind != "f":
        return None
    first = x.flat[0]
    same = bool(np.isfinite(first) and first != 0 and (x == first).all())
    return float(first) if same else None
