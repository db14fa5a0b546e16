"""Dense Hessians in one flat array that the function unpacks: taken in its slices.

A loss of one parameter vector slices and reshapes it into weights and biases. Differentiated in the
vector, every direction is swept through the whole function; in the slices, as if they had been
given one by one, a direction is swept from where its slice is used (:mod:`.hessian_by_symmetry`).
The blocks are written where the slices lie in the vector.
"""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.mutation import MOVED, on_integers
from ..core.primitive import Primitive
from ..core.tape import Tape
from ..core.tensor import Tensor
from ..ops.elementwise.arithmetic import add
from ..ops.indexing.index import scatter_all
from ..ops.shape.broadcasting import reshape
from .recording import Recording


class Slice(NamedTuple):
    """A node whose elements lie side by side in a start.

    Attributes
    ----------
    node : Tensor
    start : int
        The number of the start.
    elements : slice
        Where they lie in the start, flattened.
    """

    node: Tensor
    start: int
    elements: slice

    @property
    def size(self) -> int:
        return int(self.elements.stop - self.elements.start)


class Unpacked:
    """A recording seen from the slices of its starts.

    Attributes
    ----------
    run : Recording
        The same, with the slices as starts.
    """

    def __init__(self, given: Recording, tape: Tape, slices: Sequence[Slice]):
        self._starts = given.starts
        self._slices = sorted(slices, key=lambda s: s.node.time)
        self.run = copy.copy(given)
        self.run.starts = [s.node for s in self._slices]
        self.run.trackable = given.is_tracked(tape)  # a slice always has something before it

    def joined(self, blocks: list[list[Any]]) -> list[list[Any]]:
        """Blocks of a Hessian in the starts, from those in their slices."""
        numbers = range(len(self._starts))
        of = [[k for k, s in enumerate(self._slices) if s.start == i] for i in numbers]
        return [[self._block(blocks, i, j, of) for j in numbers] for i in numbers]

    def _block(self, blocks: list[list[Any]], i: int, j: int, of: list[list[int]]) -> Any:
        a, b = self._starts[i], self._starts[j]
        shape = (math.prod(a.shape), math.prod(b.shape))
        sums: list[Any] = []
        # a start that is also read as a whole overlaps its slices: blocks in both are summed
        for rows, columns in itertools.product(self._apart(of[i]), self._apart(of[j])):
            cells = [(self._slices[k], self._slices[m], k, m) for k in rows for m in columns]
            pieces = [reshape(blocks[k][m], shape=(r.size, c.size)) for r, c, k, m in cells]
            patterns = tuple((r.elements, c.elements) for r, c, _, _ in cells)
            whole = len(cells) == 1 and pieces[0].shape == shape
            sums.append(
                pieces[0] if whole else scatter_all(*pieces, patterns=patterns, shape=shape)
            )
        return reshape(functools.reduce(add, sums), shape=(*a.shape, *b.shape))

    def _apart(self, numbers: list[int]) -> list[list[int]]:
        """Numbers of slices, those of one list not overlapping."""
        whole = [k for k in numbers if self._slices[k].node is self._starts[self._slices[k].start]]
        return [part for part in (whole, [k for k in numbers if k not in whole]) if part]


def unpacked(run: Recording, tape: Tape) -> Unpacked | None:
    """The recording, seen from the slices that its function takes of its starts; None if none."""
    if MOVED:  # a slice that was written to is another node now
        return None
    read = _read_slices(run, tape)
    chosen = [s for i, x in enumerate(run.starts) for s in _chosen(i, x, read[i])]
    return Unpacked(run, tape, chosen) if len(chosen) > len(run.starts) else None


def _read_slices(run: Recording, tape: Tape) -> list[list[Slice]]:
    """For each start, its slices from which something else than a slice is computed."""
    known: dict[int, tuple[Slice, Any]] = {}
    for i, x in enumerate(run.starts):
        if type(x) is Tensor and math.prod(x.shape) > 1:
            numbers = np.arange(1, math.prod(x.shape) + 1).reshape(x.shape)
            known[x.time] = Slice(x, i, slice(0, numbers.size)), numbers
    read: dict[int, Slice] = {y.time: known[y.time][0] for y in run.outputs
                              if isinstance(y, Tensor) and y.time in known}  # fmt: skip
    for node in tape.nodes:
        parents = [p for p in node.parents if p is not None and p.time in known]
        if not parents:
            continue
        slice_, numbers = known[parents[0].time]
        found = _moved(node, numbers) if len(parents) == 1 else None
        if found is None:
            read.update({p.time: known[p.time][0] for p in parents})
        else:
            first = int(found.flat[0]) - 1
            elements = slice(first, first + found.size)
            known[node.time] = Slice(node, slice_.start, elements), found
    return [[s for s in read.values() if s.start == i] for i in range(len(run.starts))]


def _moved(node: Tensor, numbers: Any) -> Any:
    """The numbers of the elements of a node that moves them, if they lie side by side."""
    prim = node.prim
    moves = type(prim) is Primitive and prim.moves and type(node) is Tensor
    if not moves or node.parents[0] is None or any(p is not None for p in node.parents[1:]):
        return None
    found = on_integers(node, numbers)
    if not found.size or found.flat[0] == 0:  # zero is what it fills with
        return None
    first = found.flat[0]
    return found if (found.ravel() == np.arange(first, first + found.size)).all() else None


def _chosen(number: int, start: Tensor, read: list[Slice]) -> list[Slice]:
    """Slices of one start in which to differentiate: disjoint, and the start where it is read."""
    whole = Slice(start, number, slice(0, math.prod(start.shape)))
    proper = sorted((s for s in read if s.size < whole.size), key=lambda s: s.elements.start)
    overlap = any(a.elements.stop > b.elements.start for a, b in itertools.pairwise(proper))
    many = len(proper) ** 2 > whole.size  # more blocks than directions: numbers, taken one by one
    if len(proper) < 2 or overlap or many:
        return [whole]
    return proper if len(proper) == len(read) else [whole, *proper]
