"""Whose memory operands are in, and which of it is read after a line.

Roots      : operand -> the bytes that it is
live_after : lines -> what is read after runs of them
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from numpy.lib.array_utils import byte_bounds

from ..codegen.cache_blocking import Line
from .operations import Operation, Place

_NAME = re.compile(r"\b[A-Za-z_]\w*\b")


class Unknown(str):
    """The root of an argument that may be a view of any other memory, by the argument's name."""


class Touched(NamedTuple):
    """Bytes that an operation may read or write: whose, and which."""

    root: Any
    begin: int
    end: int

    def meets(self, other: Touched) -> bool:
        """Whether some bytes may be in both."""
        if self.root == other.root:
            return bool(self.begin < other.end and other.begin < self.end)
        return isinstance(self.root, Unknown) or isinstance(other.root, Unknown)


class Roots:
    """Whose memory operands are in: arrays that share memory have the same root.

    Parameters
    ----------
    fixed : mapping of str to ndarray
        Arrays that stay where they are, and their names in the source.
    unknown : collection of str
        Owners that may share memory with others.
    """

    def __init__(self, fixed: Mapping[str, Any], unknown: Collection[str] = ()):
        self._unknown = unknown
        bounds = {name: byte_bounds(x) for name, x in fixed.items()}
        self._size: dict[int, int] = {}  # by root
        roots: dict[tuple[int, int], int] = {}
        root = end = 0
        for low, high in sorted({*bounds.values()}):
            root, end = (low, high) if low >= end else (root, max(end, high))
            roots[low, high], self._size[root] = root, end - root
        self._fixed = {
            name: (roots[bounds[name]], _address(x) - roots[bounds[name]])
            for name, x in fixed.items()
        }

    def find(self, place: Place) -> tuple[Any, int]:
        """The memory of an operand, and the byte at which it begins there."""
        if place.owner in self._unknown:
            return Unknown(place.owner), place.offset
        root, start = self._fixed.get(place.owner, (place.owner, 0))
        return root, start + place.offset

    def touched(self, place: Place) -> Touched:
        """The bytes of an operand."""
        root, start = self.find(place)
        x = place.array
        if x.flags.contiguous:
            return Touched(root, start, start + x.nbytes)
        reach = [(n - 1) * s for n, s in zip(x.shape, x.strides, strict=True)]
        below, above = sum([r for r in reach if r < 0]), sum([r for r in reach if r > 0])
        return Touched(root, start + below, start + above + x.itemsize)

    def read_in(self, text: str) -> set[Any]:
        """The roots of all fixed arrays that are named in a text."""
        names = _NAME.findall(text)
        found = [self._fixed.get(n) or self._fixed.get(n.removesuffix("_T")) for n in names]
        return {x[0] for x in found if x is not None}

    def names(self, roots: Collection[Any]) -> list[str]:
        """Those of the fixed arrays in such memory."""
        return [name for name, (root, _) in self._fixed.items() if root in roots]

    def step_back(self, live: set[Any], operation: Operation) -> None:
        """From what is read after an operation to what is read at it or later."""
        *read, out = operation.places
        root, _ = self.find(out)
        if operation.reads_result:
            live.add(root)
        elif self._size.get(root) == out.array.nbytes:
            live.discard(root)
        live.update([self.find(x)[0] for x in read])


def _address(x: Any) -> int:
    return int(x.__array_interface__["data"][0])


def live_after(
    lines: Sequence[Line],
    operations: Sequence[Sequence[Operation] | None],
    roots: Roots,
    live: set[Any],
) -> dict[int, set[Any]]:
    """The roots that are read after each line that more than operations follow.

    Parameters
    ----------
    lines, operations : sequences
        Each line, and what it does; None where that is more than operations.
    roots : Roots
    live : set
        The roots that are read after all lines.
    """
    found = {len(lines) - 1: set(live)}
    live = set(live)
    for k in reversed(range(len(lines))):
        done = operations[k]
        if done is None:
            live |= roots.read_in(lines[k].text)
            found[k - 1] = set(live)
            continue
        for operation in reversed(done):
            roots.step_back(live, operation)
    return found
