"""How far to go along a direction of descent.

search : (line, first step) -> the point that it accepts, where line(t) is f(x + t d)

All three accept, where the loss changes by rounding alone, the approximate Wolfe condition on the
slope: Hager and Zhang, "A new conjugate gradient method with guaranteed descent and an efficient
line search", SIAM Journal on Optimization 16 (2005), 170-192.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .objective import Array, Objective, Point

EXPANSIONS, REDUCTIONS = 60, 60
"""Trials at most: of longer steps, and of steps within a bracket."""

EPS = float(np.finfo(float).eps)


class Stalled(Exception):  # noqa: N818 (it says where a method ends, which need be no error)
    """No further step can be found; the message says why."""


class Trial(NamedTuple):
    """A step along a line: its length, the point, and the slope of the loss there."""

    t: float
    point: Point
    slope: float

    @property
    def loss(self) -> float:
        """The loss, infinite where it is not a number."""
        return self.point.loss if math.isfinite(self.point.loss) else math.inf


class Line:
    """The objective along a direction of descent from a point."""

    def __init__(self, objective: Objective, origin: Point, direction: Array):
        self.objective, self.direction = objective, direction
        self.start = Trial(0.0, origin, float(origin.gradient @ direction))
        self.rounding = 10 * objective.eps * abs(origin.loss)
        if not self.start.slope < 0:
            raise Stalled("the direction is none of descent")

    def __call__(self, t: float) -> Trial:
        point = self.objective.at(self.start.point.x + t * self.direction)
        slope = float(point.gradient @ self.direction)
        return Trial(t, point, slope if math.isfinite(slope) else math.nan)

    def is_short(self, t: float) -> bool:
        """Whether a step does not change x."""
        x = self.start.point.x
        return bool((np.abs(t * self.direction) <= EPS * np.abs(x)).all())

    def decreases(self, trial: Trial, c1: float) -> bool:
        """The condition of Armijo, or what stands for it within rounding."""
        start = self.start
        if trial.loss <= start.loss + c1 * trial.t * start.slope:
            return True
        flat = abs(trial.loss - start.loss) <= self.rounding
        return flat and abs(trial.slope) <= (1 - 2 * c1) * abs(start.slope)


Search = Callable[[Line, float], Trial]


def cubic_minimizer(a: Trial, b: Trial) -> float:
    """The minimiser of the cubic through values and slopes at two points; NaN where none is.

    Nocedal and Wright, Numerical Optimization (2006), equation 3.59.
    """
    width = b.t - a.t
    with np.errstate(all="ignore"):
        d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
        d2 = np.sign(width) * np.sqrt(np.float64(d1 * d1 - a.slope * b.slope))
        return float(b.t - width * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))


def _inside(t: float, a: float, b: float, share: float = 0.1) -> float:
    """``t``, kept away from the ends of the interval; its middle, where t is no number."""
    if not math.isfinite(t):
        return (a + b) / 2
    low, high = min(a, b), max(a, b)
    margin = share * (high - low)
    return min(max(t, low + margin), high - margin)


def armijo(c1: float = 1e-4) -> Search:
    """Backtracking: shorter steps, by interpolation, until the loss decreases sufficiently.

    ``f(x + t d) <= f(x) + c1 t f'(x; d)``: Armijo, Pacific Journal of Mathematics 16 (1966), 1-3.
    """

    def search(line: Line, first: float) -> Trial:
        t = first
        for _ in range(REDUCTIONS):
            trial = line(t)
            if line.decreases(trial, c1) and math.isfinite(trial.slope):
                return trial
            if line.is_short(t):
                break
            t = _inside(cubic_minimizer(line.start, trial), 0.0, t)
        raise Stalled("no step along the direction reduces the loss")

    return search


def strong_wolfe(c1: float = 1e-4, c2: float = 0.9) -> Search:
    """A step with sufficient decrease, and a slope of at most ``c2`` of that at the start.

    Nocedal and Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6.
    """

    def accepted(line: Line, trial: Trial) -> bool:
        return line.decreases(trial, c1) and abs(trial.slope) <= -c2 * line.start.slope

    def zoom(line: Line, low: Trial, high: Trial) -> Trial:
        for i in range(REDUCTIONS):
            # without a share of the interval, a minimiser on its border is found at once
            share = 0.0 if i < 3 and c2 < 1e-3 else 0.1
            guess = cubic_minimizer(low, high) if math.isfinite(high.loss) else math.nan
            trial = line(_inside(guess, low.t, high.t, share))
            if accepted(line, trial):
                return trial
            if line.is_short(low.t - high.t) or low.t == high.t:
                break
            if not line.decreases(trial, c1) or trial.loss > low.loss + line.rounding:
                high = trial
            else:
                if trial.slope * (high.t - low.t) >= 0:
                    high = low
                low = trial
        if low.t and low.loss < line.start.loss:
            return low  # it decreases the loss, though the slope is not flat enough
        raise Stalled("no step along the direction reduces the loss")

    def search(line: Line, first: float) -> Trial:
        before, t = line.start, first
        for i in range(EXPANSIONS):
            trial = line(t)
            if not line.decreases(trial, c1) or (i and trial.loss >= before.loss):
                return zoom(line, before, trial)
            if abs(trial.slope) <= -c2 * line.start.slope:
                return trial
            if trial.slope >= 0 or math.isnan(trial.slope):
                return zoom(line, trial, before)
            guess = cubic_minimizer(before, trial)
            before, t = trial, min(max(guess, 2 * t), 10 * t) if guess > t else 4 * t
        raise Stalled("the loss decreases along a line without end")

    return search


def hager_zhang(delta: float = 0.1, sigma: float = 0.9) -> Search:
    """A bracket that shrinks by secant steps, to the Wolfe or approximate Wolfe conditions.

    Hager and Zhang (2005), section 4, with their θ = 1/2, γ = 2/3 and ρ = 5.
    """

    def search(line: Line, first: float) -> Trial:
        start = line.start
        limit = start.loss + 1e-6 * abs(start.loss)
        made: list[Trial] = []

        def accepted(c: Trial) -> bool:
            wolfe = c.loss - start.loss <= delta * c.t * start.slope
            approximate = c.loss <= limit and (2 * delta - 1) * start.slope >= c.slope
            return (wolfe or approximate) and c.slope >= sigma * start.slope

        def at(t: float) -> Trial:
            trial = line(t)
            made.append(trial)
            if accepted(trial):
                raise _Accepted(trial)
            return trial

        def bisected(a: Trial, b: Trial) -> tuple[Trial, Trial]:
            """U3: the loss at b is above the limit, and there is a minimum between."""
            for _ in range(REDUCTIONS):
                d = at((a.t + b.t) / 2)
                if d.slope >= 0:
                    return a, d
                a, b = (d, b) if d.loss <= limit else (a, d)
            raise Stalled("no step along the direction reduces the loss")

        def updated(a: Trial, b: Trial, t: float) -> tuple[Trial, Trial]:
            if not min(a.t, b.t) < t < max(a.t, b.t):
                return a, b
            c = at(t)
            if c.slope >= 0:
                return a, c
            return (c, b) if c.loss <= limit else bisected(a, c)

        def secant(a: Trial, b: Trial) -> float:
            with np.errstate(all="ignore"):
                return float(np.divide(a.t * b.slope - b.t * a.slope, b.slope - a.slope))

        def bracket() -> tuple[Trial, Trial]:
            t, a = first, start
            for _ in range(EXPANSIONS):
                c = at(t)
                if not math.isfinite(c.loss) or math.isnan(c.slope):
                    t = a.t + (t - a.t) / 10
                    continue
                if c.slope >= 0:
                    return a, c
                if c.loss > limit:
                    return bisected(start, c)
                a, t = c, 5 * t
            raise Stalled("the loss decreases along a line without end")

        try:
            a, b = bracket()
            for _ in range(REDUCTIONS):
                width = b.t - a.t
                c = secant(a, b)
                lower, upper = updated(a, b, c)
                if c == upper.t:
                    lower, upper = updated(lower, upper, secant(b, upper))
                elif c == lower.t:
                    lower, upper = updated(lower, upper, secant(a, lower))
                if upper.t - lower.t > 2 / 3 * width:
                    lower, upper = updated(lower, upper, (lower.t + upper.t) / 2)
                a, b = lower, upper
                if line.is_short(b.t - a.t):
                    break
        except _Accepted as found:
            return found.trial
        best = min(made, key=lambda trial: trial.loss)
        if best.loss < start.loss:
            return best
        raise Stalled("no step along the direction reduces the loss")

    return search


class _Accepted(Exception):  # noqa: N818
    """A trial that ends the search from within."""

    def __init__(self, trial: Trial):
        super().__init__()
        self.trial = trial


SEARCHES: dict[str, Callable[..., Search]] = {
    "armijo": armijo,
    "strong-wolfe": strong_wolfe,
    "hager-zhang": hager_zhang,
}
