"""Dormand and Prince's method with steps of its own choice, and its discrete adjoint.

The steps are chosen on plain arrays. What is differentiated is the same computation again, by one
scan over the steps that were accepted, as if their sizes had been given: derivatives of any order
are those of the numbers that are returned, but for what the sizes of steps depend on. The first
step begins at ``ts[0]`` and the last ends at ``ts[-1]``, so derivatives in these are those of
steps, too; values at the times between are read off the interpolant of their step.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import modes
from ..core.composite import opaque
from ..core.errors import NonDifferentiableError
from ..core.tensor import Batched, is_tracked, unrecorded
from ..ops import concatenate, reshape, stack, stop_gradient
from ..replay.loops import entered_rows, recorded, run, without_batch
from .replanned import Replanned
from .step_control import Steps, Tolerances, choose, first_step
from .systems import System
from .tableaus import DENSE, DORMAND_PRINCE, ERROR, Leaves, advanced, increments, slopes


def solved(system: System, ts: Any, tolerances: Tolerances) -> tuple[Leaves, Steps | None]:
    """Values at all times, and the steps; None where a recording stands for other values."""
    if isinstance(ts, Batched):
        raise NonDifferentiableError(
            "solve: with method='dopri5' the examples of a vmap take the same steps, so they have "
            "the same times: leave ts out of the vmap, or take method='rk4'"
        )
    problem = _Problem(system, ts, tolerances)
    operands = problem.operands
    on_tape = any(map(is_tracked, operands))
    if on_tape and modes.is_tracing():
        chosen = opaque("dopri5 steps", problem.padded, operands, constant=True)
        return problem.entered(Replanned("dopri5", problem.values)([*chosen, *operands])), None
    steps, index = problem.choose(*map(unrecorded, operands))
    found = problem.values(*problem.arrays(steps, index), *operands)
    return problem.entered(found), steps


class _Problem:
    """A system whose steps are recorded on whole batches, and where its solution is wanted.

    ``operands`` are what its right-hand side closes over, the leaves of its arguments, its initial
    value and times; they have no batch axes but logical ones in front.
    """

    def __init__(self, system: System, ts: Any, tolerances: Tolerances):
        self.system, self.tolerances = system, tolerances
        self.between = ts.shape[0] > 2  # times that need an interpolant
        self.leaves = n = len(system.y0)
        t = np.zeros(1)
        y0, fixed = system.y0, system.fixed
        r = recorded(self._trial, (), (), fixed, [*y0, *y0], [t, t], 1)
        slope = without_batch(self._slope, r.axes)
        self._slope_body = recorded(slope, r.body.symbols, r.outer, r.fixed, r.carry[:n], [t], 1)
        self.axes, self.body = r.axes, r.body
        self.batch = tuple(axis.size for axis in r.axes)
        self.operands = [*r.outer, *r.fixed, *r.carry[:n], ts]
        self._ends = len(r.outer), len(r.outer) + len(r.fixed)

    def _split(self, operands: Any) -> tuple[Leaves, Leaves, Leaves, Any]:
        a, b = self._ends
        return list(operands[:a]), list(operands[a:b]), list(operands[b:-1]), operands[-1]

    def entered(self, found: Leaves) -> Leaves:
        """Values as they are in the batch from which the problem came."""
        return [entered_rows(y, self.axes) for y in found]

    # ---- the choice of steps --------------------------------------------------------------------

    def _slope(self, fixed: Leaves, y: Leaves, x: Leaves) -> tuple[Leaves, Leaves]:
        return y, self.system.rates(fixed)(x[0], y)

    def _trial(self, fixed: Leaves, carry: Leaves, x: Leaves) -> tuple[Leaves, Leaves]:
        """A step, the slope after it, and its error in units of what is allowed."""
        (t, h), rates = x, self.system.rates(fixed)
        y, slope = carry[: self.leaves], carry[self.leaves :]
        rtol, atol, _ = self.tolerances
        found = slopes(rates, DORMAND_PRINCE, t, h, y, slope)
        after = advanced(y, h, DORMAND_PRINCE.weights, found)
        found.append(rates(t + h, after))
        squares: Any = 0.0
        for a, b, error in zip(y, after, increments(h, ERROR, found), strict=True):
            scale = atol + rtol * np.maximum(np.abs(a), np.abs(b))
            squares = squares + np.square(np.abs(error / scale)).sum()
        count = max(sum(math.prod(a.shape) for a in y), 1)
        return [*after, *found[-1]], [np.sqrt(squares / count)]

    def choose(self, *operands: Any) -> tuple[Steps, Any]:
        """The steps at raw operands, and of each time the step in which it lies."""
        outer, fixed, y, ts = self._split(operands)
        n = self.leaves
        batch = self.batch
        each: Any = (lambda number: np.full(batch, number)) if batch else np.float64
        trial, slope_of = self.body.at(outer), self._slope_body.body.at(outer)

        def rates(t: float, y: Leaves) -> Leaves:
            return list(slope_of([*fixed, *y, each(t)]))[n:]

        def tried(t: float, h: float, y: Leaves, slope: Leaves) -> tuple[Leaves, Leaves, Any]:
            out = trial([*fixed, *y, *slope, each(t), each(h)])
            return list(out[:n]), list(out[n : 2 * n]), out[2 * n]

        t, end = float(ts[0]), float(ts[-1])
        y = [np.asarray(a)[()] for a in y]
        with np.errstate(all="ignore"):
            slope = rates(t, y)
            _check_finite(t, y, slope)
            h = first_step(rates, t, end - t, y, slope, self.tolerances, len(self.batch))
            steps = choose(tried, t, end, h, y, slope, self.tolerances)
        sign = 1 if end > t else -1
        index = np.searchsorted(sign * steps.times, sign * np.asarray(ts), "right") - 1
        return steps, np.minimum(index, steps.accepted - 1)

    def arrays(self, steps: Steps, index: Any, count: int | None = None) -> tuple[Any, ...]:
        """What :meth:`values` is to know of the steps: so many, those beyond the end empty."""
        count = steps.accepted + self.between if count is None else count
        times = np.append(steps.times, np.full(count - steps.accepted, steps.times[-1]))
        return times, np.arange(count + 1) >= steps.accepted, index

    def padded(self, *operands: Any) -> tuple[Any, ...]:
        """The same, with as many empty steps as make few different counts, and so few plans."""
        steps, index = self.choose(*operands)
        least = steps.accepted + self.between
        unit = 2 ** max(2, least.bit_length() - 3)
        return self.arrays(steps, index, -(-least // unit) * unit)

    # ---- what is differentiated -----------------------------------------------------------------

    def _step(self, fixed: Leaves, y: Leaves, x: Leaves) -> tuple[Leaves, Leaves]:
        t, h = x
        found = slopes(self.system.rates(fixed), DORMAND_PRINCE, t, h, y)
        after = advanced(y, h, DORMAND_PRINCE.weights, found)
        return after, [*y, *found[0], *increments(h, DENSE, found)] if self.between else []

    def values(self, times: Any, is_end: Any, index: Any, *operands: Any) -> Leaves:
        """Values at all times, by given steps.

        Of a step, the scan gives where it begins, the slope there, and the last coefficient of its
        interpolant without the slope at the end, which the step that follows begins with.
        """
        outer, fixed, y0, ts = self._split(operands)
        inner = np.where(is_end, ts[-1], stop_gradient(times))
        times = concatenate([ts[:1], inner[1:]])
        h = times[1:] - times[:-1]
        step = without_batch(self._step, self.axes)
        n = self.leaves
        symbols = self.body.symbols
        count = h.shape[0]
        xs = [
            np.broadcast_to(reshape(x, shape=(-1, *(1 for _ in self.batch))), (count, *self.batch))
            for x in (times[:-1], h)
        ]
        last, found = run(step, symbols, outer, fixed, y0, xs, count, False)
        if not self.between:
            return [stack([a, b]) for a, b in zip(y0, last, strict=True)]
        size, at = h[index], (ts - times[index]) / h[index]
        return [
            _interpolated(begin, slope, coefficient, index, size, at)
            for begin, slope, coefficient in zip(
                found[:n], found[n : 2 * n], found[2 * n :], strict=True
            )
        ]


def _interpolated(y: Any, slope: Any, last: Any, index: Any, h: Any, at: Any) -> Any:
    """The continuous extension of steps, at a fraction of each; Hairer et al., section II.6."""
    shape = (-1,) + (1,) * (len(y.shape) - 1)
    like = np.empty(0, y.dtype).real.dtype
    h, s = (reshape(x, shape=shape).astype(like) for x in (h, at))
    y0, y1 = y[index], y[index + 1]
    k0, k1 = h * slope[index], h * slope[index + 1]
    rise = y1 - y0
    bend = k0 - rise
    return y0 + s * (
        rise
        + (1 - s)
        * (bend + s * (rise - k1 - bend + (1 - s) * (last[index] + DENSE.weights[-1] * k1)))
    )


def _check_finite(t: float, y: Leaves, slope: Leaves) -> None:
    for what, leaves in (("y0", y), (f"f at t={t:.6g}, where the solution begins,", slope)):
        if not all(np.isfinite(a).all() for a in leaves):
            raise ValueError(f"solve: {what} is not finite")
