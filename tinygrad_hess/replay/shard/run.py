"""A split program, planned: its shards run side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from ...core.blas_threads import one_blas_thread, side_by_side
from ...core.cuts import Cut
from ..codegen.plan import Plan
from .split import Split

CACHE = 2**17
"""Bytes of the largest array of a chunk, where a batch is worked off chunk by chunk.

Measured on dense nets of 512 examples, products with the Hessian: 0.65 to 0.85 of the time that
arrays of half a megabyte take.
"""

COARSE = 2**19
"""The same where lines of Python run in each chunk, whose calls would weigh."""

IN_PYTHON = 1 / 8
"""Share of a shard's operations above which its lines of Python are many."""

ADDITIONS = 0.02
"""Share of all bytes computed that additions of sums may come to."""


def chunks(split: Split, count: int, cache: int | None = None) -> list[tuple[int, int]]:
    """How ``count`` threads cut the axis: in as many parts, or in more, of ``cache`` bytes.

    Where parts are summed, each costs another addition of the sums: that must not weigh.
    """
    sizes = {i.out: i.nbytes for i in split.shard.instructions}
    pieces = max(count, -(-max(sizes.values(), default=0) // (cache or CACHE)))
    added = sum(sizes[s] for s in split.sums)
    if added:
        pieces = min(pieces, max(count, int(ADDITIONS * sum(sizes.values()) / added)))
    pieces = min(-(-pieces // count) * count, split.length)
    length = -(-split.length // pieces)
    return [(k, min(k + length, split.length)) for k in range(0, split.length, length)]


class Sharded:
    """Plans for the three parts of a split program, and how to run them.

    Attributes
    ----------
    bounds : list of (int, int)
        The chunks of the axis.
    """

    def __init__(self, split: Split, count: int, native: bool = True):
        self.split, self.count = split, count
        given = split.after.inputs[len(split.before.inputs) :]
        self.before = Plan(split.before, native=native)
        self.after = Plan(split.after, given, native)
        for cache in (CACHE, COARSE):
            self.bounds = chunks(split, count, cache)
            self.shards = self._plans(native=True)
            if not any(map(_is_mostly_python, self.shards.values())):
                break
        if not native:  # in the same chunks, whose sums have the same bits
            self.shards = self._plans(native=False)

    def _plans(self, native: bool) -> dict[int, Plan]:
        """A plan for each length of a chunk."""
        split = self.split
        return {
            n: Plan(split.resized(n), native=native, likes=_chunks_like(split, n))
            for n in {high - low for low, high in self.bounds}
        }

    @property
    def source(self) -> str:
        """The three parts, the shard's as the first one runs it."""
        low, high = self.bounds[0]
        parts = {"before": self.before, "shard": self.shards[high - low], "after": self.after}
        return "\n\n".join(
            f"# {name}\n{plan.source}" for name, plan in parts.items() if plan.program.instructions
        )

    def instance(self) -> Callable[..., tuple[Any, ...]]:
        """A function with buffers of its own, as :meth:`Plan.instance` gives it."""
        before, after = self.before.instance(), self.after.instance()
        workers = [{n: p.instance() for n, p in self.shards.items()} for _ in range(self.count)]
        return partial(self._run, before, workers, after)

    def _run(self, before: Any, workers: Sequence[Any], after: Any, *values: Any) -> Any:
        split = self.split
        slots = dict(zip(split.before.inputs, values, strict=True))
        slots |= zip(split.before.outputs, before(*values), strict=True)
        calls = [
            partial(self._work, worker, slots, self.bounds[k :: self.count])
            for k, worker in enumerate(workers)
        ]
        with one_blas_thread:
            found = side_by_side(calls)
        results: list[Any] = [None] * len(self.bounds)
        for k, part in enumerate(found):
            results[k :: self.count] = part
        combined = map(self._combined, split.shard.outputs, zip(*results, strict=True))
        slots |= zip(split.shard.outputs, combined, strict=True)
        late = split.after.inputs[len(values) :]
        return after(*values, *(slots[s] for s in late))

    def _work(self, worker: Any, slots: dict[int, Any], bounds: Sequence[tuple[int, int]]) -> Any:
        with np.errstate(all="ignore"):  # each thread has a setting of its own
            return [worker[high - low](*self._arguments(slots, low, high)) for low, high in bounds]

    def _arguments(self, slots: dict[int, Any], low: int, high: int) -> list[Any]:
        split, constants = self.split, self.split.before.constants
        found = []
        for slot in split.shard.inputs:
            whole, cut = split.cut.get(slot, (slot, None))
            x = slots[whole] if whole in slots else constants[whole]
            found.append(x if cut is None else x[cut.part(low, high)])
        return found

    def _combined(self, slot: int, parts: Sequence[Any]) -> Any:
        cut = self.split.parts.get(slot)
        return reduce(_added, parts) if cut is None else _stretched(parts, cut)


def _chunks_like(split: Split, length: int) -> dict[int, Any]:
    """For each cut input of a shard: an array that lies in memory as a chunk of the whole does."""
    found = {}
    for slot, (whole, cut) in split.cut.items():
        shape, dtype = split.shapes[whole]
        if dtype is not None:
            found[slot] = np.empty(shape, dtype)[cut.part(0, length)]
    return found


def _is_mostly_python(plan: Plan) -> bool:
    count = len(plan.program.instructions)
    return plan.lowered is None or len(plan.lowered.lines) > IN_PYTHON * count + 1


def _stretched(parts: Sequence[Any], cut: Cut) -> Any:
    """The chunks side by side along the axis that was cut, also where it was combined since."""
    if cut.times == 1:
        return np.concatenate(parts, cut.axis)
    position = parts[0].ndim + cut.axis
    front, behind = parts[0].shape[:position], parts[0].shape[position + 1 :]
    lengths = [x.shape[position] // cut.times for x in parts]
    apart = [x.reshape(*front, cut.times, n, *behind) for x, n in zip(parts, lengths, strict=True)]
    return np.concatenate(apart, position + 1).reshape(*front, cut.times * sum(lengths), *behind)


def _added(total: Any, part: Any) -> Any:
    return np.add(total, part, out=total) if isinstance(total, np.ndarray) else total + part
