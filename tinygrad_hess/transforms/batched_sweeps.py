"""Batched sweeps: many directions at once, as stacks of raw leaves.

directions : numbers of elements -> a stack of seeds for each leaf
swept      : (sweep, stacks of seeds) -> stacks of results
Sweeps     : the same for as many directions as there are, cut into pieces
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import modes
from ..core.tensor import Axis, Batched, Tensor
from ..ops.shape.batch_axes import enter, leave

Leaves = list[Any]
"""Leaves of a tree, each (*shape) or a stack (k, *shape); None is zero."""

Sweep = Callable[[Leaves, "int | None"], Leaves]
"""Of leaves (the count is then None), or of stacks of ``count`` of them."""

OFTEN = 16
"""Number of like sweeps from which planning pays, which costs as much as five to ten of them."""


def directions(leaves: Sequence[Any], numbers: Any, chosen: slice) -> Leaves:
    """Directions number ``chosen``, as one stack for each leaf.

    Direction k is the sum of the unit vectors of all elements that have the number k. A leaf in
    which all of these are zero gets None, so that a sweep skips it.
    """
    seeds: Leaves = []
    at, count = 0, chosen.stop - chosen.start
    for x in leaves:
        size = math.prod(x.shape)
        own = numbers[at : at + size]
        found = np.flatnonzero((own >= chosen.start) & (own < chosen.stop))
        seed = None
        if len(found):
            seed = np.zeros((count, size), x.dtype)
            seed[own[found] - chosen.start, found] = 1
            seed = seed.reshape(count, *x.shape)
        seeds.append(seed)
        at += size
    return seeds


def swept(sweep: Callable[[Leaves], Leaves], given: Leaves, count: int | None) -> Leaves:
    """Run a sweep on leaves, or once on stacks of them, whose first axis is a batch axis."""
    axis = None if count is None else Axis(count)
    if axis is not None:
        given = [None if x is None else enter(x, axis=axis) for x in given]
    with modes.recording():
        found = sweep(given)
        if axis is not None:
            found = [None if t is None else leave(t, axis=axis) for t in found]
    return [t.value if type(t) is Tensor and t.prim is None else t for t in found]


@dataclass(frozen=True)
class Sweeps:
    """How to sweep along more directions than fit in one sweep.

    Attributes
    ----------
    cut : callable
        Cuts a number of directions into pieces of bounded memory.
    replayed : callable
        Makes of a sweep that is done many times one that is planned once. It comes from callers
        that can replay.
    """

    cut: Callable[[int], Iterator[slice]]
    replayed: Callable[[Sweep], Sweep]

    def along(
        self,
        sweep: Callable[[Leaves], Leaves],
        over: Sequence[Any],
        numbers: Any,
        cuts: Iterable[slice],
        recorded: bool = False,
    ) -> Iterator[tuple[slice, Leaves]]:
        """Sweep along the directions of each cut.

        Parameters
        ----------
        sweep : callable
            Of leaves with batch axes.
        over : tensors or arrays
            What the directions are directions of.
        numbers : int array
            The number of each of their elements, as for :func:`directions`.
        cuts : iterable of slice
        recorded : bool
            Whether an outer recording differentiates the sweeps.

        Yields
        ------
        the cut, and a stack for each result
        """
        all_cuts = list(cuts)
        run: Sweep = lambda given, count: swept(sweep, given, count)
        traced = recorded or modes.is_tracing() or any(type(x) is Batched for x in over)
        if len(all_cuts) >= OFTEN and not traced:
            run = self.replayed(run)
        for cut in all_cuts:
            yield cut, run(directions(over, numbers, cut), cut.stop - cut.start)
