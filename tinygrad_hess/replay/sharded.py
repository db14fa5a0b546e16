"""A split program, planned: its shards run side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from .planning import Plan
from .shards import Split
from .threads import one_blas_thread, side_by_side


class Sharded:
    """Plans for the three parts of a split program, and how to run them.

    Attributes
    ----------
    bounds : list of (int, int)
        The stretch of the axis that each shard has.
    """

    def __init__(self, split: Split, count: int):
        self.split = split
        edges = [split.length * k // count for k in range(count + 1)]
        self.bounds = list(zip(edges, edges[1:], strict=False))
        self.before = Plan(split.before)
        self.after = Plan(split.after, given=split.after.inputs[len(split.before.inputs) :])
        lengths = {high - low for low, high in self.bounds}
        self.shards = {n: Plan(split.resized(n)) for n in lengths}

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
        shards = [self.shards[high - low].instance() for low, high in self.bounds]
        return partial(self._run, self.before.instance(), shards, self.after.instance())

    def _run(self, before: Any, shards: Sequence[Any], after: Any, *values: Any) -> Any:
        split = self.split
        slots = dict(zip(split.before.inputs, values, strict=True))
        slots |= zip(split.before.outputs, before(*values), strict=True)
        calls = [
            partial(_quietly, shard, self._arguments(slots, *bounds))
            for shard, bounds in zip(shards, self.bounds, strict=True)
        ]
        with one_blas_thread:
            results = side_by_side(calls)
        slots |= zip(split.shard.outputs, map(self._joined, split.shard.outputs, zip(*results)))
        late = split.after.inputs[len(values) :]
        return after(*values, *(slots[s] for s in late))

    def _arguments(self, slots: dict[int, Any], low: int, high: int) -> list[Any]:
        split, constants = self.split, self.split.shard.constants
        found = []
        for slot in split.shard.inputs:
            whole, axis = split.cut.get(slot, (slot, None))
            x = slots[whole] if whole in slots else constants[whole]
            if axis is not None:
                x = x[(Ellipsis, slice(low, high), *(slice(None),) * (-axis - 1))]
            found.append(x)
        return found

    def _joined(self, slot: int, parts: Sequence[Any]) -> Any:
        axis = self.split.parts.get(slot)
        return reduce(_added, parts) if axis is None else np.concatenate(parts, axis)


def _added(total: Any, part: Any) -> Any:
    return np.add(total, part, out=total) if isinstance(total, np.ndarray) else total + part


def _quietly(shard: Callable[..., Any], values: Sequence[Any]) -> Any:
    with np.errstate(all="ignore"):  # another thread has a setting of its own
        return shard(*values)
