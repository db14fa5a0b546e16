"""Gradients within a memory budget: segments of a program, of which a sweep keeps few states.

    Recomputation : scalar function, arguments -> values, gradient

The function is recorded once as a program, by shapes alone: a value on that tape takes no memory.
A forward pass then keeps the state at some cuts between segments; the reverse sweep records one
segment at a time, and computes forward again what lies between states that are kept. Which are kept
is Revolve's choice, the fewest steps forward for so many states.

References
----------
Griewank and Walther (2000), Algorithm 799: Revolve.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ..core import modes
from ..core.errors import NonDifferentiableError
from ..core.primitive import bind
from ..core.tape import Tape
from ..core.tensor import Tensor, leaf, leaves_at
from ..transforms.gradients import vjp
from .passes.dead_code import drop_dead
from .program import Program
from .record import read

Values = dict[int, Any]
"""Arrays by their slots."""

ON_TAPE = 1.25
"""What a sweep over a segment takes, over the bytes of its values."""

AT_HAND = 4
"""States besides those that are kept: on its way forward, copied to a tape, cotangents, terms."""

TERMS = 4
"""Arrays of the size of the largest that a rule has at hand."""

SEGMENTS = 64
"""Into how many segments a program is cut at most."""


# ---- Revolve ------------------------------------------------------------------------------------


@functools.cache
def forward_steps(segments: int, states: int) -> int:
    """The fewest segments to compute forward, for a reverse sweep that keeps so many states.

    The state before the first segment is always there.

    Examples
    --------
    >>> [forward_steps(10, states) for states in (0, 1, 2, 9)]
    [45, 20, 15, 9]
    """
    if segments == 1:
        return 0
    if states == 0:
        return segments * (segments - 1) // 2
    return min(_with_state_at(split, segments, states) for split in range(1, segments))


@functools.cache
def first_state(segments: int, states: int) -> int:
    """Before which segment the next state is kept, at best."""
    return min(range(1, segments), key=lambda split: _with_state_at(split, segments, states))


def _with_state_at(split: int, segments: int, states: int) -> int:
    return split + forward_steps(segments - split, states - 1) + forward_steps(split, states)


# ---- how a program is cut -----------------------------------------------------------------------


@dataclass(frozen=True)
class Schedule:
    """How a program is cut.

    Attributes
    ----------
    cuts : tuple of int
        Numbers of the instructions with which segments begin, and of all instructions.
    states : int
        How many states are kept at a time.
    peak : int
        Bytes that it takes.
    steps : int
        Segments that are computed forward, beyond what sweeps record.
    """

    cuts: tuple[int, ...]
    states: int
    peak: int
    steps: int

    @property
    def segments(self) -> int:
        """How many."""
        return len(self.cuts) - 1


class _Sizes:
    """What lies on the tape of a program, and what is alive between its instructions."""

    def __init__(self, program: Program):
        self.last_use: dict[int, int] = {}
        for at, i in enumerate(program.instructions):
            self.last_use |= dict.fromkeys(i.args, at)
        count = len(program.instructions)
        self.last_use |= dict.fromkeys(program.outputs, count)
        born = np.array([i.nbytes for i in program.instructions], dtype=np.int64)
        gone = np.zeros(count + 2, dtype=np.int64)
        for i, size in zip(program.instructions, born, strict=True):
            gone[self.last_use.get(i.out, count) + 1] += size
        self.before = np.concatenate([[0], np.cumsum(born)])  # on the tape, by instruction
        self.alive = self.before - np.cumsum(gone)[: count + 1]
        constants = sum(getattr(c, "nbytes", 0) for c in program.constants.values())
        self.fixed = constants + TERMS * int(born.max(initial=0))

    def cuts(self, segments: int) -> tuple[int, ...]:
        """Segments of about the same size, that begin where little is alive."""
        found, whole = [0], int(self.before[-1])
        for k in range(1, segments):
            ends = [(k - 0.5) * whole / segments, (k + 0.5) * whole / segments]
            first, last = np.searchsorted(self.before, ends)
            first = max(int(first), found[-1] + 1)
            if first < min(last, len(self.before) - 1):
                found.append(first + int(self.alive[first:last].argmin()))
        return (*found, len(self.before) - 1)

    def schedule(self, segments: int, budget: float) -> Schedule:
        """With as many states as fit, or none."""
        cuts = self.cuts(segments)
        count = len(cuts) - 1
        largest = max(int(self.before[b] - self.before[a]) for a, b in pairwise(cuts))
        state = max((int(self.alive[cut]) for cut in cuts[1:-1]), default=0)
        least = int(self.fixed + ON_TAPE * largest + AT_HAND * state)
        room = (budget - least) / state if state else math.inf
        states = int(min(max(room, 0), count - 1))
        return Schedule(cuts, states, least + states * state, forward_steps(count, states))


class TooSmallError(ValueError):
    """No schedule fits into a budget; ``least`` is the smallest that would do."""

    def __init__(self, budget: float, least: int):
        super().__init__(f"a sweep takes at least {least} bytes, and {budget:g} are there")
        self.least = least


def scheduled(program: Program, budget: float) -> tuple[Program, Schedule]:
    """The program in its best order, and its cheapest schedule within a budget of bytes.

    Raises
    ------
    TooSmallError
    """
    found = list(_schedules(program, budget))
    fitting = [(p, s) for p, s in found if s.peak <= budget]
    if not fitting:
        raise TooSmallError(budget, min(s.peak for _, s in found))
    return min(fitting, key=lambda one: (one[1].steps / one[1].segments, one[1].peak))


def bounds(program: Program) -> tuple[int, int]:
    """Bytes of a sweep over all of a program at once, and the fewest of one in segments.

    Examples
    --------
    >>> program = by_shapes(lambda x: np.sin(np.sin(np.sin(x))).sum(), [np.ones(1000)])
    >>> whole, least = bounds(program)
    >>> least <= whole
    True
    """
    whole = _Sizes(program).schedule(1, 0).peak
    return whole, min(s.peak for _, s in _schedules(program, 0))


def _schedules(program: Program, budget: float) -> Iterator[tuple[Program, Schedule]]:
    most = min(SEGMENTS, max(len(program.instructions), 1))
    for ordered in _orders(program):
        sizes = _Sizes(ordered)
        for count in range(1, most + 1):
            yield ordered, sizes.schedule(count, budget)


def _orders(program: Program) -> Iterator[Program]:
    """As it was recorded, each operation as early as it can be, and each as late as it can be.

    Tangents are recorded behind all primals, each of which would be alive until then.
    """
    yield program
    early: dict[int, int] = {}
    for i in program.instructions:
        early[i.out] = 1 + max((early.get(a, 0) for a in i.args), default=0)
    late: dict[int, int] = {}
    for i in reversed(program.instructions):
        for a in i.args:
            late[a] = max(late.get(a, 0), late.get(i.out, 0) + 1)
    for level in (lambda i: early[i.out], lambda i: -late.get(i.out, 0)):
        yield replace(program, instructions=tuple(sorted(program.instructions, key=level)))


# ---- gradients ----------------------------------------------------------------------------------


def by_shapes(f: Callable[..., Any], values: Sequence[Any]) -> Program:
    """The program of ``f(*values)``, of which the tape takes no memory.

    ``f`` gives a scalar, or a tuple of them.

    Raises
    ------
    TracingError
        When ``f`` looks at a value.
    NonDifferentiableError
        When it closes over a tensor that is being recorded, or calls what is no primitive.
    """
    began = leaf(np.float64(0))
    with modes.recording(), modes.tracing(), modes.shapes_alone(), np.errstate(all="ignore"):
        starts = leaves_at([np.asarray(x) for x in values])
        found = f(*starts)
        outs = list(found) if isinstance(found, tuple) else [found]
        tape = Tape([out for out in outs if isinstance(out, Tensor)], [began, *starts])
        if tape.outside:
            raise NonDifferentiableError("recompute: f closes over a tensor that is being recorded")
        program = drop_dead(read(tape, starts, outs, began.time))
    for i in program.instructions:
        looks = i.effects and i.prim is not None and i.prim.aliases  # a check of values, no more
        if i.prim is None or (i.effects and not looks):
            raise NonDifferentiableError(f"recompute: {i.name} cannot be computed in segments")
    return program


class Recomputation:
    """A scalar function and its gradient, within a budget of memory.

    Parameters
    ----------
    f : callable
        Of arrays, to a real scalar, or to a tuple of scalars, of which the first is differentiated;
        a function of its arguments alone.
    values : sequence of arrays
        Where it is recorded. It can be called on others of the same shapes and types.
    count : int
        In how many of them, from the first on, it is differentiated.
    budget : float
        Bytes for what is between arguments and results.

    Attributes
    ----------
    schedule : Schedule

    Raises
    ------
    TooSmallError
        When no schedule fits.
    TracingError, NonDifferentiableError
        As for :func:`by_shapes`.

    Examples
    --------
    >>> def chain(x):
    ...     for _ in range(60):
    ...         x = np.sin(x)
    ...     return x.sum()
    >>> x = np.linspace(0.1, 1.0, 1000)                   # 480 kB of values
    >>> recomputed = Recomputation(chain, [x], 1, budget=150_000)
    >>> recomputed.schedule.segments > 1, recomputed.schedule.peak <= 150_000
    (True, True)
    >>> value, (gradient,) = recomputed(x)
    >>> bool(np.isclose(value, chain(x)))
    True
    """

    def __init__(self, f: Callable[..., Any], values: Sequence[Any], count: int, budget: float):
        self.program, self.schedule = scheduled(by_shapes(f, values), budget)
        program = self.program
        self._count = count
        self._last_use = _Sizes(program).last_use
        self._active = set(program.inputs[:count])  # slots that depend on what is differentiated
        for i in program.instructions:
            if not self._active.isdisjoint(i.args) and np.dtype(i.dtype).kind in "fc":
                self._active.add(i.out)

    def __call__(self, *values: Any) -> tuple[Any, list[Any]]:
        """The value, or a tuple of those that ``f`` gives, and the gradients."""
        program = self.program
        fixed = dict(zip(program.inputs, values, strict=True)) | program.constants
        out = program.outputs[0]
        cotangents: Values = {}
        if out in self._active:
            dtype = program.shapes()[out][1]
            cotangents[out] = np.dtype(dtype).type(1)
        run = _Run(self, fixed, cotangents)
        run.reverse(0, self.schedule.segments, {}, self.schedule.states)
        known = fixed | run.found
        found = tuple([known[slot] for slot in program.outputs])
        slots = program.inputs[: self._count]
        zeros = lambda x: np.zeros(np.shape(x), np.asarray(x).dtype)
        return found if len(found) > 1 else found[0], [
            cotangents[slot] if slot in cotangents else zeros(x)
            for slot, x in zip(slots, values, strict=False)
        ]


class _Run:
    """One reverse sweep."""

    def __init__(self, of: Recomputation, fixed: Values, cotangents: Values):
        self.of, self.fixed, self.cotangents = of, fixed, cotangents
        self.instructions = of.program.instructions
        self.cuts = of.schedule.cuts
        self.found: Values = {}  # of the outputs

    def reverse(self, first: int, last: int, state: Values, states: int) -> None:
        """Sweep back over segments, from the state before the first."""
        if last - first == 1:
            self._sweep(first, state)
        elif states == 0:
            for k in reversed(range(first, last)):
                self._sweep(k, self._forward(first, k, state))
        else:
            split = first + first_state(last - first, states)
            self.reverse(split, last, self._forward(first, split, state), states - 1)
            self.reverse(first, split, state, states)

    def _forward(self, first: int, last: int, state: Values) -> Values:
        """The state before segment ``last``."""
        values, last_use = dict(state), self.of._last_use
        for at in range(self.cuts[first], self.cuts[last]):
            i = self.instructions[at]
            values[i.out] = i.fn(*[self._get(values, a) for a in i.args])
            for a in {*i.args, i.out}:
                if last_use.get(a, at) <= at:
                    values.pop(a, None)
        return values

    def _sweep(self, k: int, state: Values) -> None:
        """Move cotangents from behind a segment to before it."""
        own = self.instructions[self.cuts[k] : self.cuts[k + 1]]
        made = {i.out for i in own}
        read = sorted({a for i in own for a in i.args if a in self.of._active and a not in made})
        outputs = made.intersection(self.of.program.outputs)
        results = [s for s in made if s in self.cotangents]

        def segment(*starts: Any) -> list[Any]:
            values = state | dict(zip(read, starts, strict=True))
            for i in own:
                operands = tuple([self._get(values, a) for a in i.args])
                values[i.out] = bind(i.prim, operands, i.params or None)
            for out in outputs:
                found = values[out]
                self.found[out] = found.value if isinstance(found, Tensor) else found
            return [values[s] for s in results]

        _, pull = vjp(segment, *[self._get(state, a) for a in read])
        given = [self.cotangents.pop(s) for s in results]
        for slot, found in zip(read, pull(given), strict=True):
            before = self.cotangents.get(slot)
            self.cotangents[slot] = found if before is None else before + found

    def _get(self, values: Values, slot: int) -> Any:
        return values[slot] if slot in values else self.fixed[slot]
