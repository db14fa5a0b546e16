"""Methods that choose a direction of descent and search along it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...core import arguments
from .line_searches import SEARCHES, Line, Stalled, Trial
from .objective import Array, Objective, Point


class Step(NamedTuple):
    """Where an iteration led, and the radius after it, for methods that have one."""

    point: Point
    radius: float = math.nan


class Method:
    """An iteration of optimisation: from a point to the next."""

    needs_residuals = False
    """Whether it minimises half a sum of squares, and is given the residuals."""

    leaves_saddles = False
    """Whether it has a step from a stationary point with negative curvature."""

    def __init__(self, objective: Objective):
        self.objective = objective

    def step(self, point: Point) -> Step:
        """The next point, or :class:`Stalled`."""
        raise NotImplementedError


class Descent(Method):
    """A direction, and a search along it.

    A subclass gives :meth:`direction`; :meth:`first`, the step to try first; and :meth:`learn`,
    what it keeps of a step.
    """

    def __init__(self, objective: Objective, line_search: str, **constants: Any):
        super().__init__(objective)
        who = objective.who
        arguments.choice(who, "line_search", line_search, tuple(SEARCHES))
        given = {name: value for name, value in constants.items() if value is not None}
        for name, value in given.items():
            arguments.number(who, name, value, above=0, below=1)
        try:
            self.search = SEARCHES[line_search](**given)
        except TypeError:
            raise TypeError(
                f"{who}: line_search={line_search!r} has no {' and no '.join(given)}: armijo has "
                "c1, strong-wolfe c1 and c2"
            ) from None
        self.last: Trial | None = None
        self.last_slope = math.nan

    def direction(self, point: Point) -> Array:
        """Where to search."""
        raise NotImplementedError

    def first(self, line: Line) -> float:
        """The first step: the unit step, as Newton's."""
        return 1.0

    def learn(self, before: Point, trial: Trial, direction: Array) -> None:
        """Keep what the next direction needs."""

    def forget(self) -> bool:
        """Drop what was kept; False where nothing was."""
        return False

    def step(self, point: Point) -> Step:
        direction = self.direction(point)
        try:
            line = Line(self.objective, point, direction)
            trial = self.search(line, self.first(line))
        except Stalled:
            if not self.forget():
                raise
            return self.step(point)
        self.learn(point, trial, direction)
        self.last, self.last_slope = trial, line.start.slope
        return Step(trial.point)

    def scaled_first(self, line: Line) -> float:
        """As long as would reduce the loss to first order as the last step did; at first, about
        one in length. Nocedal and Wright (2006), section 3.5."""
        if self.last is None:
            return min(1.0, 1.0 / float(np.abs(line.direction).max()))
        return self.last.t * min(max(self.last_slope / line.start.slope, 1e-3), 1e3)


class GradientDescent(Descent):
    """x ← x - t g."""

    def __init__(
        self,
        objective: Objective,
        *,
        line_search: str = "armijo",
        c1: float | None = None,
        c2: float | None = None,
    ):
        super().__init__(objective, line_search, c1=c1, c2=c2)

    def direction(self, point: Point) -> Array:
        return -point.gradient

    def first(self, line: Line) -> float:
        # a backtracking search finds no longer step than the first
        return 2 * self.scaled_first(line)


class ConjugateGradients(Descent):
    """d ← -g + β d, with β of one of three formulas.

    ``y`` is the change of the gradient. Fletcher and Reeves, The Computer Journal 7 (1964): g'g /
    g₋'g₋, but 0 where ``|g'g₋| > 0.2 g'g``, without which small steps follow small steps (Powell,
    Mathematical Programming 12, 1977). Polak and Ribière (1969), not below 0: g'y / g₋'g₋. Hager
    and Zhang, SIAM Journal on Optimization 16 (2005) and 23 (2013): (y - 2 d ‖y‖²/d'y)'g / d'y, not
    below 0.4 d'g/‖d‖².
    """

    def __init__(
        self,
        objective: Objective,
        *,
        beta: str = "hager-zhang",
        line_search: str = "strong-wolfe",
        c1: float | None = None,
        c2: float | None = None,
    ):
        formulas = {
            "fletcher-reeves": _fletcher_reeves,
            "polak-ribiere": _polak_ribiere,
            "hager-zhang": _hager_zhang,
        }
        arguments.choice(objective.who, "beta", beta, tuple(formulas))
        if line_search == "strong-wolfe" and c2 is None:
            # the directions descend after searches that are nearly exact (Nocedal and Wright 2006,
            # lemma 5.6); 0.4 took the fewest gradients on the standard problems
            c2 = 0.1 if beta == "fletcher-reeves" else 0.4
        super().__init__(objective, line_search, c1=c1, c2=c2)
        self.beta = formulas[beta]
        self.kept: tuple[Array, Array] | None = None  # the last direction and gradient

    def direction(self, point: Point) -> Array:
        g = point.gradient
        if self.kept is None:
            return -g
        d, before = self.kept
        made = self.beta(g, g - before, before, d) * d - g
        if not np.isfinite(made).all() or made @ g > -1e-10 * np.linalg.norm(made) * np.linalg.norm(
            g
        ):
            self.forget()
            return -g
        return np.asarray(made)

    def first(self, line: Line) -> float:
        return self.scaled_first(line)

    def learn(self, before: Point, trial: Trial, direction: Array) -> None:
        self.kept = direction, before.gradient

    def forget(self) -> bool:
        had, self.kept, self.last = self.kept is not None, None, None
        return had


def _fletcher_reeves(g: Array, y: Array, before: Array, d: Array) -> float:
    if abs(float(g @ before)) > 0.2 * float(g @ g):
        return 0.0
    return float(g @ g) / float(before @ before)


def _polak_ribiere(g: Array, y: Array, before: Array, d: Array) -> float:
    return max(float(g @ y) / float(before @ before), 0.0)


def _hager_zhang(g: Array, y: Array, before: Array, d: Array) -> float:
    dy = float(d @ y)
    if dy == 0:
        return 0.0
    return max(float((y - 2 * d * (y @ y) / dy) @ g) / dy, 0.4 * float(d @ g) / float(d @ d))
