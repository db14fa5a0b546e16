"""Regions to search, and the search: projected gradient ascent.

Ball, Box : regions of parameters
ascend    : value, gradient, region, start -> the best point found
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments
from ...core.tensor import Tensor
from ..estimates import scaling
from ..estimates.operands import Array
from .total_loss import TotalLoss

Valued = tuple[float, Any]
"""A value, and what its gradient is computed from."""


@dataclass(frozen=True, eq=False)
class Ball:
    """All parameters within a Euclidean distance of a centre.

    Parameters
    ----------
    radius : float
        Positive.
    center : pytree like the parameters, or ndarray, shape (P,), optional
        By default the point of the loss that is looked at.
    """

    radius: float
    center: Any = None

    def __post_init__(self) -> None:
        arguments.number("Ball", "radius", self.radius, infinite=True)
        if not 0 < self.radius < np.inf:
            raise ValueError(f"Ball: radius must be positive and finite, got {self.radius}")

    def placed(self, total: TotalLoss) -> Ball:
        """The same ball with its centre as a vector."""
        _check_total("Ball.placed", total)
        return Ball(self.radius, total.start if self.center is None else total.flat(self.center))

    def middle(self) -> Array:
        """The centre."""
        return self._middle("Ball.middle")

    def _middle(self, who: str) -> Array:
        if self.center is None:
            raise ValueError(f"{who}: this ball has no centre. Write Ball(radius, center).")
        return arguments.array(who, "center", self.center)

    def project(self, x: Array) -> Array:
        """The nearest point of the ball."""
        center = self._middle("Ball.project")
        x = _point("Ball.project", "x", x, center)
        away = x - center
        norm = scaling.norm(away)
        return x if norm <= self.radius else center + away * x.dtype.type(self.radius / norm)

    def farthest(self, g: Array) -> Array:
        """The point of the ball with the largest inner product with ``g``."""
        center = self._middle("Ball.farthest")
        g = _point("Ball.farthest", "g", g, center)
        norm = scaling.norm(g)
        return center + g * g.dtype.type(self.radius / norm) if norm else center

    def sample(self, rng: np.random.Generator) -> Array:
        """A point drawn uniformly from the ball."""
        center = self._middle("Ball.sample")
        _check_generator("Ball.sample", rng)
        z = rng.standard_normal(center.size)
        length = self.radius * rng.random() ** (1 / z.size)
        return center + (z * (length / np.linalg.norm(z))).astype(center.dtype)

    def __str__(self) -> str:
        return f"the ball of radius {self.radius:.4g}"


@dataclass(frozen=True, eq=False)
class Box:
    """All parameters between two bounds, element by element.

    Parameters
    ----------
    lower, upper : float, pytree like the parameters, or ndarray, shape (P,)
        Finite; a number is the bound of every element.
    """

    lower: Any
    upper: Any

    def placed(self, total: TotalLoss) -> Box:
        """The same box with its bounds as vectors."""
        _check_total("Box.placed", total)
        low, high = (
            np.full_like(total.start, b) if isinstance(b, (int, float)) else total.flat(b)
            for b in (self.lower, self.upper)
        )
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
            raise ValueError(f"{total.who}: a Box needs finite bounds with lower <= upper")
        return Box(low, high)

    def middle(self) -> Array:
        """The centre."""
        return np.asarray(self.lower + (self.upper - self.lower) / 2)

    def project(self, x: Array) -> Array:
        """The nearest point of the box."""
        return np.clip(_point("Box.project", "x", x, self.middle()), self.lower, self.upper)

    def farthest(self, g: Array) -> Array:
        """The point of the box with the largest inner product with ``g``."""
        g = _point("Box.farthest", "g", g, self.middle())
        return np.where(g > 0, self.upper, np.where(g < 0, self.lower, self.middle()))

    def sample(self, rng: np.random.Generator) -> Array:
        """A point drawn uniformly from the box."""
        _check_generator("Box.sample", rng)
        share = rng.random(self.middle().size).astype(self.middle().dtype)
        return np.asarray(self.lower + share * (self.upper - self.lower))

    def __str__(self) -> str:
        return f"the box [{np.min(self.lower):.4g}, {np.max(self.upper):.4g}]"


def _check_total(who: str, total: Any) -> None:
    what = "the total loss that a search makes of loss, params and data"
    arguments.instance(who, "total", total, TotalLoss, what)


def _check_generator(who: str, rng: Any) -> None:
    what = "a numpy.random.Generator, as np.random.default_rng(0)"
    arguments.instance(who, "rng", rng, np.random.Generator, what)


def _point(who: str, name: str, x: Any, middle: Array) -> Array:
    """A real vector of the length of the region's."""
    found: Any = x if isinstance(x, Tensor) else arguments.array(who, name, x)
    if found.dtype.kind == "c" or (middle.ndim and found.shape != middle.shape):
        raise ValueError(
            f"{who}: {name} must be real and of shape {middle.shape}, got {arguments.shown(x)}"
        )
    return found if found.dtype.kind == "f" else found.astype(float)


@dataclass(frozen=True, eq=False)
class Ascent:
    """Where an ascent ended.

    Attributes
    ----------
    x : ndarray
    value : float
    info : object
        What ``value`` gave beside the number, there.
    gap : float
        ``max over u in the region of gᵀ(u - x)``: zero at a stationary point of the region; for a
        concave function a bound on what is still to be gained (Jaggi 2013).
    steps : int
    """

    x: Array
    value: float
    info: Any
    gap: float
    steps: int


def ascend(
    value: Callable[[Array], Valued],
    gradient: Callable[[Array, Any], Array],
    region: Ball | Box,
    start: Array,
    *,
    steps: int,
    done: Callable[[float, float], bool],
) -> Ascent:
    """Climb from ``start`` within a region, by gradient projection with backtracking.

    Parameters
    ----------
    value : callable
        ``x -> (value, info)``.
    gradient : callable
        ``(x, info) -> gradient``.
    steps : int
        At most.
    done : callable
        ``(value, gap) -> bool``: when to stop.

    References
    ----------
    Bertsekas (1976), On the Goldstein-Levitin-Polyak gradient projection method.
    """
    x = region.project(start)
    best, info = value(x)
    taken, length, gap = 0, 0.0, 0.0
    while True:
        g = gradient(x, info)
        vertex = region.farthest(g)
        gap = float(g @ (vertex - x))
        if taken == steps or gap <= 0 or done(best, gap):
            break
        norm = scaling.norm(g)
        # far enough at first that a convex function goes to the boundary at once
        length = length or 2 * scaling.norm(vertex - x) / norm
        for _ in range(30):
            trial = region.project(x + g * g.dtype.type(length))
            found, more = value(trial)
            if found > best and found >= best + 1e-4 * float(g @ (trial - x)):
                break
            length /= 4
        else:
            break  # rounding: no step is seen to gain anything
        x, best, info = trial, found, more
        length *= 4
        taken += 1
    return Ascent(x, best, info, max(gap, 0.0), taken)
