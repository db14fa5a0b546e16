"""What sampling can show about the curvature over a whole region.

lipschitz_of_gradient : loss, region -> LipschitzBound
is_convex_on          : loss, region -> ConvexityCheck
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.plotting import BLUE, GREY, ORANGE, axes
from ..estimates.operands import Array
from ..estimates.result import Result
from .curvature_search import Curvature, search
from .search_regions import Ball, Box


@dataclass(frozen=True, eq=False)
class LipschitzBound(Result, on_request=("point", "direction")):
    """A lower bound on the Lipschitz constant of the gradient over a region.

    Attributes
    ----------
    value : float
        The largest ``|λ|`` found, λ an eigenvalue of the Hessian at ``point``. The constant is the
        supremum of ``‖H‖`` over the (convex) region, so it is at least this, up to rounding.
    curvature : float
        The same with its sign.
    point, direction : ndarray, shape (P,)
        Where, and along which unit vector.
    start : float
        ``‖H‖`` at the centre.
    sampled : ndarray, shape (samples,)
        ``‖H‖`` at the sampled points, before ascent; the centre first.
    climbed : ndarray, shape (samples,)
        After ascent from each.
    points, matvecs : int
        Hessians looked at, and products spent.
    shown, not_shown : str
        What was proved, and what was not.
    reason : str
        Why not all samples were taken; empty where they were.
    """

    value: float
    curvature: float
    point: Array
    direction: Array
    start: float
    sampled: Array
    climbed: Array
    points: int
    matvecs: int
    shown: str
    not_shown: str
    reason: str = ""

    def __repr__(self) -> str:
        return (
            f"LipschitzBound(at least {self.value:.6g}: {self.shown}. NOT shown: {self.not_shown}; "
            f"{_spent(self)})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw what each sample began and ended with; returns the matplotlib axes."""
        ax = _plot_climbs(ax, self.sampled, self.climbed)
        ax.set_ylabel("‖H‖")
        ax.set_title(f"Lipschitz constant of the gradient ≥ {self.value:.4g}", fontsize=10)
        return ax


@dataclass(frozen=True, eq=False)
class ConvexityCheck(Result, on_request=("point", "direction")):
    """Whether negative curvature was found in a region.

    Attributes
    ----------
    convex : False or None
        False: a point and a direction of negative curvature were found, so the loss is not convex
        there. None: none was found, which proves nothing. Never True: samples cannot show it.
    smallest : float
        The most negative curvature found.
    residual : float
        ``‖H v - λ v‖`` there: an eigenvalue lies in ``smallest ± residual``.
    zero : float
        Curvature above ``-zero`` counts as rounding.
    point, direction : ndarray, shape (P,)
        Where, and along which unit vector.
    sampled, climbed : ndarray, shape (n,)
        The smallest eigenvalue at each sampled point, and after descent from it; the centre first.
        Sampling ends with the first proof.
    points, matvecs : int
    shown, not_shown : str
        What was proved, and what was not.
    reason : str
        Why not all samples were taken; empty where they were, or need not be.
    """

    convex: bool | None
    smallest: float
    residual: float
    zero: float
    point: Array
    direction: Array
    sampled: Array
    climbed: Array
    points: int
    matvecs: int
    shown: str
    not_shown: str
    reason: str = ""

    def __bool__(self) -> bool:
        raise TypeError(
            "ConvexityCheck is neither true nor false: ask check.convex is False (proved not "
            "convex) or check.convex is None (no negative curvature found)"
        )

    def __repr__(self) -> str:
        verdict = "not convex" if self.convex is False else "undecided"
        return (
            f"ConvexityCheck({verdict}: {self.shown}. NOT shown: {self.not_shown}; {_spent(self)})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw what each sample began and ended with; returns the matplotlib axes."""
        ax = _plot_climbs(ax, self.sampled, self.climbed)
        ax.axhline(0, color=GREY, linewidth=1)
        ax.set_ylabel("smallest eigenvalue")
        verdict = "not convex" if self.convex is False else "undecided"
        ax.set_title(f"{verdict}: smallest found {self.smallest:.4g}", fontsize=10)
        return ax


def _plot_climbs(ax: Any, before: Array, after: Array) -> Any:
    ax = axes(ax, (6.0, 3.2))
    number = np.arange(len(before))
    ax.vlines(number, before, after, color=GREY, linewidth=1)
    ax.plot(number, before, "o", color=BLUE, label="sampled")
    ax.plot(number, after, "^", color=ORANGE, label="after the search")
    ax.set_xticks(number[:: max(1, len(number) // 10)])
    ax.set_xlabel("sample (0 is the centre)")
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _spent(found: LipschitzBound | ConvexityCheck) -> str:
    state = f"; NOT complete: {found.reason}" if found.reason else ""
    return f"{found.points} points, {found.matvecs} products{state}"


def lipschitz_of_gradient(
    loss: Any,
    params: Any = None,
    data: Any = None,
    *args: Any,
    region: Ball | Box,
    reduction: str = "mean",
    samples: int = 10,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> LipschitzBound:
    """A lower bound on the Lipschitz constant of the gradient over a region.

    The constant L is the largest norm of the Hessian over the region: ``‖∇f(x) - ∇f(y)‖ <=
    L ‖x - y‖``. The region is sampled, and from each sample the largest ``|λ|`` climbs along its
    own gradient ``vᵀ ∇H v``, a third derivative. No upper bound can come from samples.

    Parameters
    ----------
    loss : HessianOperator or callable
        An operator brings its point and data along. Otherwise as for :class:`HessianOperator`.
    params, data, *args, reduction
        As for :class:`HessianOperator`; not given with an operator.
    region : Ball or Box
    samples : int
        Points to start from, the centre of the region among them; at least 1.
    seed : int
        Of the samples.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done; a run that finds it goes on.

    Returns
    -------
    LipschitzBound

    Raises
    ------
    ValueError
        For a bad region, or where the Hessian is not finite.

    References
    ----------
    Nesterov (2004), Introductory Lectures on Convex Optimization, section 1.2.2. Lewis and Overton
    (1996), Eigenvalue optimization, for the gradient of an eigenvalue.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import Box, lipschitz_of_gradient
    >>> found = lipschitz_of_gradient(lambda x: (x**4).sum(), np.zeros(2), region=Box(-1.0, 2.0))
    >>> round(found.value, 6)  # 12 x² at x = 2
    48.0
    """
    extreme, climbs, starts = search(
        (loss, params, data, args, reduction),
        region,
        samples,
        seed,
        False,
        "lipschitz_of_gradient",
        progress,
        checkpoint,
    )
    values = np.array([c.value for c in climbs])
    best = climbs[int(values.argmax())]
    info: Curvature = best.info
    return LipschitzBound(
        value=best.value,
        curvature=info.value,
        point=best.x,
        direction=info.direction,
        start=starts[0],
        sampled=np.array(starts),
        climbed=values,
        points=extreme.points,
        matvecs=extreme.matvecs,
        shown=f"at a point of {extreme.region} the Hessian has curvature {info.value:.6g}",
        not_shown="any upper bound; the curvature may be larger elsewhere in the region",
        reason=extreme.reason,
    )


def is_convex_on(
    loss: Any,
    params: Any = None,
    data: Any = None,
    *args: Any,
    region: Ball | Box,
    reduction: str = "mean",
    samples: int = 10,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> ConvexityCheck:
    """Look for negative curvature in a region: to find some disproves convexity.

    The region is sampled, and from each sample the smallest eigenvalue descends along its own
    gradient, until an eigenvalue is below zero by more than its residual and rounding.

    Parameters
    ----------
    loss, params, data, *args, region, reduction, samples, seed, progress, checkpoint
        As for :func:`lipschitz_of_gradient`.

    Returns
    -------
    ConvexityCheck
        With ``convex`` False, and the point and direction that prove it; or None.

    Raises
    ------
    ValueError
        For a bad region, or where the Hessian is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import Ball, is_convex_on
    >>> check = is_convex_on(lambda x: (x**4 - x**2).sum(), np.ones(2), region=Ball(1.0))
    >>> check.convex, is_convex_on(lambda x: (x**4).sum(), np.ones(2), region=Ball(1.0)).convex
    (False, None)
    """
    extreme, climbs, starts = search(
        (loss, params, data, args, reduction),
        region,
        samples,
        seed,
        True,
        "is_convex_on",
        progress,
        checkpoint,
    )
    best = max(climbs, key=lambda c: c.value)
    info: Curvature = best.info
    zero = extreme.rounding(best.x)
    disproved = info.value + info.residual < -zero
    where = f"of {extreme.region}"
    return ConvexityCheck(
        convex=False if disproved else None,
        smallest=info.value,
        residual=info.residual,
        zero=zero,
        point=best.x,
        direction=info.direction,
        sampled=-np.array(starts),
        climbed=np.array([-c.value for c in climbs]),
        points=extreme.points,
        matvecs=extreme.matvecs,
        shown=f"at a point {where} the Hessian has curvature {info.value:.6g}"
        if disproved
        else f"no negative curvature at the {extreme.points} points {where} that were looked at",
        not_shown="how negative it can be elsewhere" if disproved else "convexity between them",
        reason=extreme.reason,
    )
