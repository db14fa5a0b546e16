"""A slice of an axis, and where it goes when a reshape joins that axis with others.

Cut : which axis, counted from the last, and what each step of it takes
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

Shape = tuple[int, ...]


class Cut(NamedTuple):
    """Which axis is cut, counted from the last, and what a reshape has joined with it.

    Each step of the cut takes ``each`` elements of the axis; and so again ``times`` over, where
    another axis in front was joined: then a slice is no slice of the whole.
    """

    axis: int
    each: int = 1
    times: int = 1

    def part(self, low: int, high: int) -> tuple[Any, ...]:
        """The index of the slice from ``low`` to ``high``."""
        part = slice(low * self.each, high * self.each)
        return (Ellipsis, part, *(slice(None),) * (-self.axis - 1))

    def shape(self, shape: Shape, length: int) -> Shape:
        """The shape of a slice of ``length`` steps."""
        lengths = list(shape)
        lengths[self.axis] = length * self.each * self.times
        return tuple(lengths)


def through_reshape(old: Shape, new: Shape, cut: Cut, length: int) -> Cut | None:
    """The same steps through memory after a reshape: as much before them, and as much in each."""
    position = len(old) + cut.axis
    before, unit = math.prod(old[:position]) * cut.times, cut.each * math.prod(old[position + 1 :])
    for k in reversed(range(len(new))):
        front, behind = math.prod(new[:k]), math.prod(new[k + 1 :])
        if front and behind and before % front == 0 and unit % behind == 0:
            found = Cut(k - len(new), unit // behind, before // front)
            if new[k] == length * found.each * found.times:
                return found
    return None
