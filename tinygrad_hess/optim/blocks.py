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
    the arrays to the other. Where that cannot be, Python does.

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
        flat = [x.ravel() for x in arrays]
        if not modes.is_tracing():
            self._calls += 1
            if self._calls == 2 and flat[0].size >= BLOCK:
                self._plan = self._planned(numbers, flat)
        shape = arrays[0].shape
        return self._by_plan(numbers, flat, shape) or self._by_python(numbers, flat, shape)

    def _planned(self, numbers: Sequence[float], flat: Sequence[Any]) -> Repeated | None:
        count = len(numbers)
        f = Jitted(lambda *xs: tuple(self._f(xs[:count], xs[count:])), pure=True)
        like = [x[:BLOCK] for x in flat]
        try:
            traced, _ = f.plan_for(*map(flat[0].dtype.type, numbers), *like)
        except (TracingError, NonDifferentiableError):  # f looks at values
            return None
        return traced.plan.repeated()

    def _by_plan(self, numbers: Any, flat: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
        """The results; none where there is no plan."""
        if self._plan is None:
            return []
        size, dtype = flat[0].size, flat[0].dtype
        given = [dtype.type(n) for n in numbers]
        found = [np.empty(shape, dtype) for _ in range(self._plan.results)]
        ys = [y.reshape(-1) for y in found]
        end = size - size % BLOCK
        for part in (slice(0, end), slice(size - BLOCK, size))[: 1 + (end < size)]:
            # the last block overlaps the one before it
            inputs, outputs = ([x[part].reshape(-1, BLOCK) for x in xs] for xs in (flat, ys))
            if not self._plan.map_rows(given, inputs, outputs):
                return []
        return found

    def _by_python(self, numbers: Any, flat: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, flat[0].size, BLOCK):
            block = slice(start, start + BLOCK)
            parts = self._f(numbers, [x[block] for x in flat])
            found = found or [np.empty(shape, flat[0].dtype) for _ in parts]
            for y, part in zip(found, parts, strict=True):
                y.reshape(-1)[block] = part
        return found
