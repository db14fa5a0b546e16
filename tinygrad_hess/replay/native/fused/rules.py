"""What NumPy's elementwise functions are in steps: the same bits, infinities, NaNs and zeros too.

RULES : ufunc -> a function of (steps, values) that gives the value of the result
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from .kernels import CONSTANT, Step

# predicates of VCMP
EQUAL, UNORDERED, NOT_EQUAL, LESS, LESS_EQUAL, GREATER_EQUAL, GREATER = 0, 3, 4, 17, 18, 29, 30


class Steps(list[Step]):
    """Steps as they are written, none of them twice. A value is the number of its step.

    Numbers are of type ``code``, as :mod:`struct` and NumPy write it: "d" or "f".
    """

    def __init__(self, code: str) -> None:
        super().__init__()
        self.type = code
        self._known: dict[Step, int] = {}

    def add(self, name: str, *arguments: int, detail: int = 0) -> int:
        """The value of a step, which is written if it is a new one."""
        step = Step(name, arguments, detail)
        if step not in self._known:
            self._known[step] = len(self)
            self.append(step)
        return self._known[step]

    def constant(self, x: float) -> int:
        """A number."""
        bits = int.from_bytes(struct.pack("<" + self.type, x), "little")
        return self.add(CONSTANT, detail=bits)

    def all_bits(self) -> int:
        """A mask that is set."""
        return self.add(CONSTANT, detail=2**64 - 1)


def number(s: Steps, mask: int) -> int:
    """1 where a mask is set, and 0 elsewhere."""
    return s.add("vand", mask, s.constant(1.0))


Rule = Callable[..., int]


def _binary(name: str) -> Rule:
    return lambda s, x, y: s.add(name, x, y)


def _compare(predicate: int) -> Rule:
    return lambda s, x, y: s.add("vcmp", x, y, detail=predicate)


def _round(mode: int) -> Rule:
    return lambda s, x: s.add("vround", x, detail=mode)


def _absolute(s: Steps, x: int) -> int:
    return s.add("vandn", s.constant(-0.0), x)


def _extremum(name: str) -> Rule:
    """Of two NaNs the first; the instruction gives its second operand if one is a NaN."""

    def rule(s: Steps, x: int, y: int) -> int:
        is_nan = s.add("vcmp", x, x, detail=UNORDERED)
        return s.add("vblendv", s.add(name, x, y), x, is_nan)

    return rule


def _sign(s: Steps, x: int) -> int:
    zero = s.constant(0.0)
    above = s.add("vcmp", x, zero, detail=GREATER)
    below = s.add("vcmp", x, zero, detail=LESS)
    is_nan = s.add("vcmp", x, x, detail=UNORDERED)
    ones = s.add("vand", above, s.constant(1.0))
    both = s.add("vor", ones, s.add("vand", below, s.constant(-1.0)))
    return s.add("vblendv", both, x, is_nan)


def _copysign(s: Steps, x: int, y: int) -> int:
    return s.add("vor", _absolute(s, x), s.add("vand", s.constant(-0.0), y))


def _against_infinity(predicate: int) -> Rule:
    return lambda s, x: s.add("vcmp", _absolute(s, x), s.constant(np.inf), detail=predicate)


NUMBERS: dict[Any, Rule] = {
    np.absolute: _absolute,
    np.add: _binary("vadd"),
    np.ceil: _round(2),
    np.copysign: _copysign,
    np.divide: _binary("vdiv"),
    np.equal: _compare(EQUAL),
    np.floor: _round(1),
    np.greater: _compare(GREATER),
    np.greater_equal: _compare(GREATER_EQUAL),
    np.isfinite: _against_infinity(LESS),
    np.isinf: _against_infinity(EQUAL),
    np.isnan: lambda s, x: s.add("vcmp", x, x, detail=UNORDERED),
    np.less: _compare(LESS),
    np.less_equal: _compare(LESS_EQUAL),
    np.maximum: _extremum("vmax"),
    np.minimum: _extremum("vmin"),
    np.multiply: _binary("vmul"),
    np.negative: lambda s, x: s.add("vxor", x, s.constant(-0.0)),
    np.not_equal: _compare(NOT_EQUAL),
    np.positive: lambda s, x: x,
    np.reciprocal: lambda s, x: s.add("vdiv", s.constant(1.0), x),
    np.rint: _round(0),
    np.sign: _sign,
    np.sqrt: lambda s, x: s.add("vsqrt", x),
    np.square: lambda s, x: s.add("vmul", x, x),
    np.subtract: _binary("vsub"),
    np.trunc: _round(3),
}
"""Of real numbers."""

MASKS: dict[Any, Rule] = {
    np.logical_and: _binary("vand"),
    np.logical_not: lambda s, x: s.add("vxor", x, s.all_bits()),
    np.logical_or: _binary("vor"),
    np.logical_xor: _binary("vxor"),
}
"""Of masks: all bits of an element are set, or none is."""
