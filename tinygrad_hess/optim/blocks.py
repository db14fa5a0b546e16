"""Elementwise rules on large arrays, block by block, so that blocks stay in cache.

Blocked(f) : (numbers, arrays) -> results
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import modes
from ..core.errors import NonDifferentiableError, TracingError
from ..replay.jitted import Jitted
from ..replay.native import Repeated

LARGE = 2**18
"""Bytes of an array from which blocks pay: some arrays of that size are more than the cache."""

BLOCK = 2**12
"""Elements of a block: some arrays of that length fit a core's second cache."""


class Blocked:
    """An elementwise function ``f(numbers, arrays)`` of arrays of one shape and type.

    From its second call on it is planned for a block, which the C extension repeats from one end of
    the arrays to the other. Where that cannot be, ``f`` is called on the arrays as they are: blocks
    by Python cost more than the cache saves.

    Examples
    --------
    >>> add = Blocked(lambda numbers, arrays: (arrays[0] + numbers[0] * arrays[1],))
    >>> add((2.0,), (np.zeros(10000), np.arange(10000.0)))[0][-1]
    np.float64(19998.0)
    """

    def __init__(self, f: Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]):
        self._f = f
        self._calls = 0
        self._plan: Repeated | None = None

    def __call__(self, numbers: Sequence[float], arrays: Sequence[Any]) -> list[Any]:
        arrays = [np.ascontiguousarray(x) for x in arrays]
        if not modes.is_tracing():
            self._calls += 1
            if self._calls == 2 and arrays[0].size >= BLOCK:
                self._plan = self._planned(numbers, arrays)
        found = self._by_plan(numbers, arrays)
        return found or [np.asarray(y, arrays[0].dtype) for y in self._f(numbers, arrays)]

    def _planned(self, numbers: Sequence[float], arrays: Sequence[Any]) -> Repeated | None:
        count = len(numbers)
        f = Jitted(lambda *xs: tuple(self._f(xs[:count], xs[count:])), pure=True)
        like = [x.reshape(-1)[:BLOCK] for x in arrays]
        try:
            traced, _ = f.plan_for(*map(arrays[0].dtype.type, numbers), *like)
        except (TracingError, NonDifferentiableError):  # f looks at values
            return None
        return traced.plan.repeated()

    def _by_plan(self, numbers: Sequence[float], arrays: Sequence[Any]) -> list[Any]:
        """The results; none where there is no plan."""
        if self._plan is None:
            return []
        size, shape, dtype = arrays[0].size, arrays[0].shape, arrays[0].dtype
        given = [dtype.type(n) for n in numbers]
        found = [np.empty(shape, dtype) for _ in range(self._plan.results)]
        flat = [[x.reshape(-1) for x in xs] for xs in (arrays, found)]
        end = size - size % BLOCK
        for part in (slice(0, end), slice(size - BLOCK, size))[: 1 + (end < size)]:
            # the last block overlaps the one before it
            inputs, outputs = ([x[part].reshape(-1, BLOCK) for x in xs] for xs in flat)
            if not self._plan.map_rows(given, inputs, outputs):
                return []
        return found
