"""The search for the most extreme curvature of a loss over a region.

search : problem, region -> ascents from the centre and from random points
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...transforms.gradients import grad, hvp
from ..eigenpairs.eigenpairs import top_eigenpairs
from ..estimates.budget import INTERRUPTED, finished
from ..estimates.operands import Array, Counted
from ..estimates.steps import Steps
from ..operators import checks
from .search_regions import Ascent, Ball, Box, ascend
from .total_loss import TotalLoss

STEPS = 10
"""Steps of each ascent."""


@dataclass(frozen=True, eq=False)
class Curvature:
    """The extreme curvature at one point."""

    value: float
    residual: float
    direction: Array


class ExtremeCurvature:
    """The largest magnitude, or the most negative, of the curvature over a region."""

    def __init__(self, total: TotalLoss, region: Ball | Box, negative: bool, seed: int):
        self.total, self.region, self.negative = total, region.placed(total), negative
        self.seed, self.matvecs, self.points = seed, 0, 0
        self.reason = ""
        self._warm: Array | None = None
        self._rounding: tuple[Array | None, float] = (None, 0.0)

    def objective(self, x: Array) -> tuple[float, Curvature]:
        """What to maximise: ``-λ`` for the smallest eigenvalue at x, or the largest ``|λ|``."""
        self.points += 1
        found = self._extreme(x, "SA" if self.negative else "LM", 1e-3, self._warm)
        self._warm = found.direction
        return (-found.value if self.negative else abs(found.value)), found

    def _extreme(self, x: Array, which: str, tol: float, start: Array | None) -> Curvature:
        op = self.total.hessian(x)
        found = finished(top_eigenpairs(op, 1, which, tol=tol, v0=start, seed=self.seed))
        self.matvecs += found.matvecs
        return Curvature(float(found.values[0]), float(found.residuals[0]), found.vectors[:, 0])

    def rounding(self, x: Array) -> float:
        """Curvature of this size at x cannot be told from zero."""
        where, size = self._rounding
        if where is not x:
            largest = abs(self._extreme(x, "LM", 1e-2, None).value)
            size = 10 * self.total.at.size * float(np.finfo(self.total.at.dtype).eps) * largest
            self._rounding = x, size
        return size

    def disproves_convexity(self, found: Ascent) -> bool:
        """Whether an eigenvalue is below zero for certain."""
        at: Curvature = found.info
        above = at.value + at.residual
        return above < 0 and above < -self.rounding(found.x)

    def gradient(self, x: Array, at: Curvature) -> Array:
        """Of ``±vᵀ H(x) v`` in x, with v fixed: that of the eigenvalue, where it is simple."""
        total = self.total
        v = total.at.unflatten(at.direction, boxed=[False] * len(total.at.values))
        params = total.at.unflatten(x, boxed=[False] * len(total.at.values))

        def on_one(args: tuple[Any, ...]) -> Array:
            def bent(p: Any) -> Any:
                along = trees.leaves(hvp(total.loss, p, v, *args))
                return sum((a * b).sum() for a, b in zip(along, trees.leaves(v), strict=True))

            return total.at.flatten(grad(bent)(params))

        sign = -1 if self.negative or at.value < 0 else 1
        return np.asarray(sign * total.over_batches(on_one), total.at.dtype)

    def from_sample(self, start: Array) -> tuple[tuple[Any, ...], float, bool]:
        """The climb from a sample with all that later ones depend on; its start; if it disproves.

        The climb is left out where the sample itself disproves convexity.
        """
        found = Ascent(start, *self.objective(start), gap=0.0, steps=0)
        begun = found.value
        disproved = self.negative and self.disproves_convexity(found)
        if not disproved:
            found = self.climb(start)
            disproved = self.negative and self.disproves_convexity(found)
        at: Curvature = found.info
        rest = found.value, found.gap, found.steps
        spent = self.matvecs, self.points, self._warm, self._rounding
        return (found.x, rest, (at.value, at.residual, at.direction), spent), begun, disproved

    def recall(self, found: tuple[Any, ...]) -> Ascent:
        """The climb that :meth:`from_sample` made, here or in an earlier run."""
        x, (value, gap, steps), at, spent = found
        self.matvecs, self.points, self._warm, self._rounding = spent
        return Ascent(x, value, Curvature(*at), gap, steps)

    def climb(self, start: Array) -> Ascent:
        """The best point reached from ``start``."""
        # Where the smallest eigenvalue is zero, there is nothing but rounding to climb.
        floor = self.rounding(start) if self.negative else 0.0

        def done(value: float, gap: float) -> bool:
            return gap <= max(1e-3 * abs(value), floor)

        return ascend(self.objective, self.gradient, self.region, start, steps=STEPS, done=done)


def search(
    problem: tuple[Any, Any, Any, tuple[Any, ...], str],
    region: Ball | Box,
    samples: int,
    seed: int,
    negative: bool,
    who: str,
    progress: bool = False,
    checkpoint: Any = None,
) -> tuple[ExtremeCurvature, list[Ascent], list[float]]:
    """Ascents from the centre and from random points, and the values where they began.

    A search for negative curvature ends with the first that is certain; when interrupted, with
    those that it has, and the reason.
    """
    loss, params, data, args, reduction = problem
    total = TotalLoss(loss, params, data, args, reduction=reduction, who=who)
    if not isinstance(region, (Ball, Box)):
        raise TypeError(f"{who}: region must be a Ball or a Box, got {type(region).__name__}")
    samples = arguments.integer(who, "samples", samples, least=1)
    total.check()
    extreme = ExtremeCurvature(total, region, negative, seed)
    rng = arguments.generator(who, seed)
    climbs: list[Ascent] = []
    starts: list[float] = []
    A = Counted(total.hessian(), who)
    options = {"region": checks.fingerprint(vars(extreme.region)), "seed": seed}
    with Steps(checkpoint, A, options, progress=progress, total=samples, unit="samples") as steps:
        for i in range(samples):
            start = extreme.region.sample(rng) if i else extreme.region.middle()
            try:
                compute = functools.partial(extreme.from_sample, start)
                found, begun, disproved = steps(str(i), compute)
            except KeyboardInterrupt:
                if not climbs:
                    raise
                extreme.reason = INTERRUPTED
                break
            climbs.append(extreme.recall(found))
            starts.append(begun)
            steps.advance(i + 1)
            if disproved:
                break
    return extreme, climbs, starts
