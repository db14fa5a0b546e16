"""What NumPy's elementwise functions are in steps: the same bits, infinities, NaNs and zeros too.

RULES : ufunc -> a function of (steps, values) that gives the value of the result
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from .kernels import CONSTANT, Step


def _bits(x: float) -> int:
    return int.from_bytes(struct.pack("<d", x), "little")


SIGN, ALL = _bits(-0.0), 2**64 - 1

# predicates of VCMPPD
EQUAL, UNORDERED, NOT_EQUAL, LESS, LESS_EQUAL, GREATER_EQUAL, GREATER = 0, 3, 4, 17, 18, 29, 30


class Steps(list[Step]):
    """Steps as they are written, none of them twice. A value is the number of its step."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Step, int] = {}

    def add(self, name: str, *arguments: int, detail: int = 0) -> int:
        """The value of a step, which is written if it is a new one."""
        step = Step(name, arguments, detail)
        if step not in self._known:
            self._known[step] = len(self)
            self.append(step)
        return self._known[step]

    def constant(self, bits: int) -> int:
        """Eight bytes."""
        return self.add(CONSTANT, detail=bits)


def number(s: Steps, mask: int) -> int:
    """1 where a mask is set, and 0 elsewhere."""
    return s.add("vandpd", mask, s.constant(_bits(1.0)))


Rule = Callable[..., int]


def _binary(name: str) -> Rule:
    return lambda s, x, y: s.add(name, x, y)


def _compare(predicate: int) -> Rule:
    return lambda s, x, y: s.add("vcmppd", x, y, detail=predicate)


def _round(mode: int) -> Rule:
    return lambda s, x: s.add("vroundpd", x, detail=mode)


def _absolute(s: Steps, x: int) -> int:
    return s.add("vandnpd", s.constant(SIGN), x)


def _extremum(name: str) -> Rule:
    """Of two NaNs the first; the instruction gives its second operand if one is a NaN."""

    def rule(s: Steps, x: int, y: int) -> int:
        is_nan = s.add("vcmppd", x, x, detail=UNORDERED)
        return s.add("vblendvpd", s.add(name, x, y), x, is_nan)

    return rule


def _sign(s: Steps, x: int) -> int:
    zero = s.constant(_bits(0.0))
    above = s.add("vcmppd", x, zero, detail=GREATER)
    below = s.add("vcmppd", x, zero, detail=LESS)
    is_nan = s.add("vcmppd", x, x, detail=UNORDERED)
    ones = s.add("vandpd", above, s.constant(_bits(1.0)))
    both = s.add("vorpd", ones, s.add("vandpd", below, s.constant(_bits(-1.0))))
    return s.add("vblendvpd", both, x, is_nan)


def _copysign(s: Steps, x: int, y: int) -> int:
    return s.add("vorpd", _absolute(s, x), s.add("vandpd", s.constant(SIGN), y))


def _against_infinity(predicate: int) -> Rule:
    return lambda s, x: s.add(
        "vcmppd", _absolute(s, x), s.constant(_bits(np.inf)), detail=predicate
    )


NUMBERS: dict[Any, Rule] = {
    np.absolute: _absolute,
    np.add: _binary("vaddpd"),
    np.ceil: _round(2),
    np.copysign: _copysign,
    np.divide: _binary("vdivpd"),
    np.equal: _compare(EQUAL),
    np.floor: _round(1),
    np.greater: _compare(GREATER),
    np.greater_equal: _compare(GREATER_EQUAL),
    np.isfinite: _against_infinity(LESS),
    np.isinf: _against_infinity(EQUAL),
    np.isnan: lambda s, x: s.add("vcmppd", x, x, detail=UNORDERED),
    np.less: _compare(LESS),
    np.less_equal: _compare(LESS_EQUAL),
    np.maximum: _extremum("vmaxpd"),
    np.minimum: _extremum("vminpd"),
    np.multiply: _binary("vmulpd"),
    np.negative: lambda s, x: s.add("vxorpd", x, s.constant(SIGN)),
    np.not_equal: _compare(NOT_EQUAL),
    np.positive: lambda s, x: x,
    np.reciprocal: lambda s, x: s.add("vdivpd", s.constant(_bits(1.0)), x),
    np.rint: _round(0),
    np.sign: _sign,
    np.sqrt: lambda s, x: s.add("vsqrtpd", x),
    np.square: lambda s, x: s.add("vmulpd", x, x),
    np.subtract: _binary("vsubpd"),
    np.trunc: _round(3),
}
"""Of doubles."""

MASKS: dict[Any, Rule] = {
    np.logical_and: _binary("vandpd"),
    np.logical_not: lambda s, x: s.add("vxorpd", x, s.constant(ALL)),
    np.logical_or: _binary("vorpd"),
    np.logical_xor: _binary("vxorpd"),
}
"""Of masks: all bits of an element are set, or none is."""
