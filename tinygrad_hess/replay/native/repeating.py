"""A program that is a single run, repeated as the body of a loop with no Python in between.

    Repeated : (constants, carry, xs, steps) -> (carry, ys, carries that came into the steps)

Each argument and result of the run walks through memory: constants stay, ``xs`` and ``ys`` go from
row to row, and a step writes its carry where the next one reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .runs import Lowered, Run

Leaves = list[Any]


class Repeated:
    """A plan of one run, as the body of loops.

    Parameters
    ----------
    run : Run
    inputs, outputs : sequence of str
        Names of the program's inputs and outputs in the plan.
    known : dict of str to array or number
        Those outputs that are constants.
    instance : callable
        Gives the run on buffers of its own.
    """

    def __init__(
        self,
        run: Run,
        inputs: Sequence[str],
        outputs: Sequence[str],
        known: dict[str, Any],
        instance: Callable[[], Any],
    ):
        self._run, self._inputs, self._outputs, self._known = run, inputs, outputs, known
        self._instance = instance
        self._idle: list[Any] = []
        self.results = len(outputs)

    def map_rows(self, constants: Sequence[Any], xs: Sequence[Any], ys: Sequence[Any]) -> bool:
        """Write the results of each row of ``xs`` into that row of ``ys``.

        False where the operands lie in another way than was planned for; ``ys`` hold anything then.
        """
        walk = _Walk(self._run, len(ys[0]), False)
        for name, c in zip(self._inputs, constants, strict=False):
            walk.stay(name, c)
        for name, x in zip(self._inputs[len(constants) :], xs, strict=True):
            walk.rows(name, x)
        for name, y in zip(self._outputs, ys, strict=True):
            walk.result(name, y)
        apart = len({*self._outputs}) == len(ys) and {*self._outputs} <= self._run.results.keys()
        if not (apart and walk.is_planned()):
            return False
        self._go(walk)
        return True

    def _go(self, walk: _Walk) -> None:
        try:
            run = self._idle.pop()
        except IndexError:
            run = self._instance()
        walk.go(run)
        self._idle.append(run)

    def __call__(
        self,
        constants: int,
        carries: int,
        operands: Sequence[Any],
        kept: int,
        types: Sequence[Any],
        n: int,
        backward: bool,
    ) -> tuple[Leaves, Leaves, Leaves] | None:
        """The last carry, ``ys`` of these types, and of ``kept`` carries all that came in.

        Of the operands, so many are constants and carries, and the others ``xs``.
        None where the operands lie in another way than was planned for.
        """
        walk = _Walk(self._run, n, backward)
        first = constants + carries
        apart = self._outputs[carries:]
        walked: list[_Carry] = []
        for k, (name, x) in enumerate(zip(self._inputs, operands, strict=True)):
            if k < constants:
                walk.stay(name, x)
            elif k >= first:
                walk.rows(name, x)
            else:
                result = self._outputs[len(walked)]
                is_kept = len(walked) < kept or name in apart or result in apart
                walked.append(walk.carry(name, result, x, is_kept))
        ys = [np.empty((n, *shape), dtype) for shape, dtype in types]
        later: list[tuple[Any, Callable[[], Any]]] = []
        for name, y in zip(apart, ys, strict=True):
            if name in self._known:
                y[...] = self._known[name]
            elif name in walk.results:  # already written elsewhere
                later.append((y, walk.results[name]))
            elif name in self._run.results:
                walk.result(name, y)
            elif name in walk.arguments:
                later.append((y, walk.arguments[name]))
            else:
                return None
        if not walk.is_planned():
            return None
        self._go(walk)
        for y, rows in later:
            y[...] = rows()
        return [c.last() for c in walked], ys, [c.came_in() for c in walked[:kept]]


class _Carry(NamedTuple):
    """The memory of a carry, and which rows of it are what."""

    last: Callable[[], Any]
    came_in: Callable[[], Any]


class _Walk:
    """Where arguments and results of a run are in each step."""

    def __init__(self, run: Run, n: int, backward: bool):
        self.run, self.n, self.backward = run, n, backward
        self.results: dict[str, Callable[[], Any]] = {}  # rows that were written for another use
        self.arguments: dict[str, Callable[[], Any]] = {}
        self._owners = {**run.args, **run.results}
        self._ways: dict[str, tuple[Any, int, int, int]] = {}
        self._fits = True

    def _add(self, name: str, x: Any, row: Any, begin: int, step: int, period: int = 0) -> None:
        """An argument or result that is ``row``, one of those of ``x``, in a step."""
        like = self._owners.get(name)
        if like is None:  # the run does not read it
            return
        self._fits &= (
            (row.dtype, row.shape) == (like.dtype, like.shape)
            and row.dtype.isnative
            and row.flags.aligned
            and (row.strides == like.strides or not row.size)
        )
        self._ways[name] = (x, begin, step, period)

    def stay(self, name: str, x: Any) -> None:
        """The same in each step."""
        x = np.asarray(x)
        self.arguments[name] = lambda: x
        self._add(name, x, x, 0, 0)

    def rows(self, name: str, x: Any) -> None:
        """A row of ``x`` in each step."""
        x = np.asarray(x)
        self.arguments[name] = lambda: x
        self._along(name, x)

    def result(self, name: str, y: Any) -> None:
        """A row of ``y`` in each step."""
        self.results[name] = lambda: y
        self._along(name, y)

    def _along(self, name: str, x: Any) -> None:
        step = x.strides[0]
        first = (self.n - 1) * step if self.backward else 0
        self._add(name, x, x[0], first, -step if self.backward else step)

    def carry(self, name: str, result: str, x: Any, is_kept: bool) -> _Carry:
        """What a step leaves in one row of memory, and the next finds there."""
        x = np.asarray(x)
        self._fits &= result in self.run.results and result not in self._ways
        n = self.n
        memory = np.empty((n + 1 if is_kept else 2, *x.shape), x.dtype)
        size = memory.strides[0]
        if not is_kept:
            memory[0] = x
            self._add(name, memory, memory[0], 0, size, 2)
            self._add(result, memory, memory[0], size, -size, 2)
            last, came_in = n % 2, None
        elif self.backward:
            memory[n] = x
            self._add(name, memory, memory[0], n * size, -size)
            self._add(result, memory, memory[0], (n - 1) * size, -size)
            last, came_in, left = 0, memory[1:], memory[:-1]
        else:
            memory[0] = x
            self._add(name, memory, memory[0], 0, size)
            self._add(result, memory, memory[0], size, size)
            last, came_in, left = n, memory[:-1], memory[1:]
        if is_kept:
            self.arguments[name] = lambda: came_in
            self.results[result] = lambda: left
        return _Carry(lambda: np.array(memory[last])[()], lambda: came_in)

    def is_planned(self) -> bool:
        """Whether all lie as was planned for."""
        return self._fits and self._ways.keys() == self._owners.keys()

    def go(self, run: Any) -> None:
        """All steps, by a run of one's own."""
        ways = [self._ways[name] for name in self._owners]
        numbers = np.array([way[1:] for way in ways], np.intp).reshape(-1, 3)
        run.repeat(self.n, tuple([way[0] for way in ways]), numbers)


def repeated(
    lowered: Lowered | None,
    inputs: Sequence[str],
    outputs: Sequence[str],
    known: dict[str, Any],
    instance: Callable[[], Any],
) -> Repeated | None:
    """A plan as the body of loops, where all of it is one run; see :class:`Repeated`."""
    if lowered is None or len(lowered.lines) != 1 or len(lowered.runs) != 1:
        return None
    (run,) = lowered.runs
    if not set(run.args) <= set(inputs):
        return None
    return Repeated(run, inputs, outputs, known, lambda: instance()[run.name])
