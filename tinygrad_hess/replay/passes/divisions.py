"""Divisions by a constant number whose reciprocal is exact."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ...ops.elementwise.arithmetic import divide, multiply
from ..program import Program

_DIVIDE = divide.primitive  # type: ignore[attr-defined]


def multiply_by_reciprocals(program: Program) -> Program:
    """Divide by a power of two as multiplying by another, which takes a quarter of the time.

    Both are the same number rounded once, so they agree to the last bit, also where the quotient
    is subnormal. The reciprocal of any other number is itself rounded: such divisions stay, and so
    do several by one array, since a reciprocal may overflow or vanish where the quotient does not
    (1e-310 / 1e-310 is 1, and 1 / 1e-310 is infinite).
    """
    constants = dict(program.constants)
    slot = program.fresh_slots().__next__
    kept = []
    for i in program.instructions:
        inverse = None
        if i.prim is _DIVIDE and i.dtype is not None and i.dtype.kind == "f":
            inverse = _exact_reciprocal(constants.get(i.args[1]), i.dtype)
        if inverse is not None:
            constants[number := slot()] = inverse
            i = i.called(multiply, (i.args[0], number))
        kept.append(i)
    return replace(program, instructions=tuple(kept), constants=constants)


def _exact_reciprocal(x: Any, dtype: np.dtype[Any]) -> float | None:
    """1 / x where x is a Python number, and both are powers of two that ``dtype`` has as normal."""
    if type(x) not in (int, float) or not math.isfinite(x) or abs(math.frexp(x)[0]) != 0.5:
        return None
    few = np.finfo(dtype)
    exponent = math.frexp(x)[1] - 1
    return 1 / x if abs(exponent) <= min(-few.minexp, few.maxexp - 1) else None
