"""Runs of elementwise operations on large arrays, block by block, so that blocks stay in cache.

    blocked : lines of a program -> lines, some of them inside loops

Each operation of a run would otherwise fetch its operands from memory again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LARGE = 2**20
"""Bytes of an array from which a run of operations on it is cut into blocks."""

BLOCK = 2**18
"""Bytes of one array's block: those of four operands fit a core's second cache."""


@dataclass(frozen=True)
class Touched:
    """An operand of an elementwise operation: its name, its shape, and where its memory is."""

    name: str
    shape: tuple[int, ...]
    memory: str | None  # the buffer or constant that it is or views; None where no buffer is

    @property
    def fixed(self) -> bool:
        """Whether it is the same memory in each call, so that views of it are made once."""
        return self.memory is not None


@dataclass(frozen=True)
class Line:
    """A line of the program; of an elementwise one on large arrays, also what it works on.

    For what runs it without Python: the local that it makes, if any, its shape and type, and what
    the line does as calls of NumPy, where that is known.
    """

    text: str
    run: Run | None = None
    local: str | None = None
    kind: tuple[tuple[int, ...], Any] | None = None
    calls: tuple[Any, ...] = ()
    is_view: bool = False  # one call, of a function that gives a view of its operand if it can


@dataclass(frozen=True)
class Run:
    """An elementwise operation: its text with a hole for each operand, and its result's kind."""

    template: str
    operands: tuple[Touched, ...]
    shape: tuple[int, ...]
    order: tuple[int, ...] | None
    nbytes: int

    @property
    def axis(self) -> int:
        """The axis along which memory is walked last."""
        return self.order[0] if self.order else 0


def blocked(
    lines: Sequence[Line], add_loop: Callable[[str, list[str], Any], None]
) -> Iterator[str]:
    """The program's text, with runs of two and more large elementwise operations in loops.

    ``add_loop(name, names, slices)`` must define ``name`` as a list that holds, for each slice,
    the slice itself and that part of each array in ``names``.
    """
    count = itertools.count()
    waiting: list[Line] = []
    for line in [*lines, None]:
        if line is not None and _fits(line, waiting):
            waiting.append(line)
            continue
        if len(waiting) > 1:
            runs = [w.run for w in waiting if w.run is not None]
            yield from _loop(runs, f"blocks{next(count)}", add_loop)
        else:
            yield from (w.text for w in waiting)
        waiting = []
        if line is not None and _fits(line, waiting):
            waiting = [line]
        elif line is not None:
            yield line.text


def _fits(line: Line, waiting: Sequence[Line]) -> bool:
    """Whether a line may join a loop: of the same blocks, and reading nothing that is half-written.

    A view of an array that the loop writes, or a write to one that it views, reaches into other
    blocks.
    """
    run = line.run
    if run is None:
        return False
    for other in (w.run for w in waiting if w.run is not None):
        if (other.shape, other.order) != (run.shape, run.order):
            return False
        for one, two in ((run, other), (other, run)):
            out = one.operands[-1]
            if any(x.memory == out.memory and x.name != out.name for x in two.operands):
                return False
    return True


def _loop(runs: Sequence[Run], name: str, add_loop: Any) -> Iterator[str]:
    shape, axis = runs[0].shape, runs[0].axis
    step = max(1, shape[axis] * BLOCK // runs[0].nbytes)
    slices = [
        (slice(None),) * axis + (slice(start, start + step),)
        for start in range(0, shape[axis], step)
    ]
    behind = len(shape) - axis  # the axis, counted from the last
    parts: dict[str, str] = {}
    made: list[str] = []  # arrays whose blocks are views made once
    for x in (x for run in runs for x in run.operands):
        if len(x.shape) < behind or x.shape[-behind] == 1 or x.name in parts:
            continue
        if x.fixed:
            made.append(x.name)
        index = "i" if len(x.shape) == len(shape) else "i[-1]"
        parts[x.name] = f"{x.name}_" if x.fixed else f"{x.name}[{index}]"
    add_loop(name, made, slices)
    yield f"for {', '.join(['i', *(parts[n] for n in made)])} in {name}:"
    for run in runs:
        *texts, out = (parts.get(x.name, x.name) for x in run.operands)
        yield "    " + run.template.format(*texts, out=out)
