"""Curvature learnt from gradients: BFGS, with a whole matrix and with limited memory."""

from __future__ import annotations

from collections import deque

import numpy as np

from ...core import arguments
from .descent import Descent
from .line_searches import EPS, Line, Trial
from .objective import Array, Objective, Point


class _Secant(Descent):
    """What both share: the first step, and which pairs of steps s and changes y are kept."""

    started = False

    def first(self, line: Line) -> float:
        return 1.0 if self.started else self.scaled_first(line)

    def learn(self, before: Point, trial: Trial, direction: Array) -> None:
        s = trial.point.x - before.x
        y = trial.point.gradient - before.gradient
        # without curvature along s, the matrix would not stay positive definite
        if s @ y > EPS * np.linalg.norm(s) * np.linalg.norm(y):
            self.update(s, y)
            self.started = True

    def update(self, s: Array, y: Array) -> None:
        """Take in a pair."""
        raise NotImplementedError

    def forget(self) -> bool:
        had, self.started, self.last = self.started, False, None
        return had


class BFGS(_Secant):
    """Broyden, Fletcher, Goldfarb and Shanno (1970): the inverse Hessian, a matrix of n².

    ``H ← (I - s y'/y's) H (I - y s'/y's) + s s'/y's``; at first, a multiple of the identity.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        line_search: str = "strong-wolfe",
        c1: float | None = None,
        c2: float | None = None,
    ):
        super().__init__(objective, line_search, c1=c1, c2=c2)
        self.inverse = np.eye(objective.size)

    def direction(self, point: Point) -> Array:
        return -self.inverse @ point.gradient

    def update(self, s: Array, y: Array) -> None:
        sy = float(s @ y)
        if not self.started:
            self.inverse = np.eye(len(s)) * (sy / float(y @ y))
        Hy = self.inverse @ y
        both = np.outer(s, Hy / sy)
        self.inverse = (
            self.inverse - both - both.T + np.outer(s, s * ((1 + float(y @ Hy) / sy) / sy))
        )

    def forget(self) -> bool:
        self.inverse = np.eye(self.objective.size)
        return super().forget()


class LimitedMemoryBFGS(_Secant):
    """BFGS of the last pairs: Liu and Nocedal, Mathematical Programming 45 (1989), 503-528."""

    def __init__(
        self,
        objective: Objective,
        *,
        memory: int = 10,
        line_search: str = "strong-wolfe",
        c1: float | None = None,
        c2: float | None = None,
    ):
        super().__init__(objective, line_search, c1=c1, c2=c2)
        memory = arguments.integer(objective.who, "memory", memory, least=1)
        self.pairs: deque[tuple[Array, Array, float]] = deque(maxlen=memory)

    def direction(self, point: Point) -> Array:
        q = -point.gradient
        weights = []
        for s, y, sy in reversed(self.pairs):
            a = float(s @ q) / sy
            q = q - a * y
            weights.append(a)
        if self.pairs:
            _, y, sy = self.pairs[-1]
            q = q * (sy / float(y @ y))
        for (s, y, sy), a in zip(self.pairs, reversed(weights), strict=True):
            q = q + (a - float(y @ q) / sy) * s
        return q

    def update(self, s: Array, y: Array) -> None:
        self.pairs.append((s, y, float(s @ y)))

    def forget(self) -> bool:
        self.pairs.clear()
        return super().forget()
