"""How ill-conditioned an operator is, on its positive part.

condition_number : operator -> ConditionNumber
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.plotting import BLUE, GREY, axes
from ..estimates.budget import Budget
from ..estimates.dense import all_eigenvalues, numerical_zero
from ..estimates.operands import Array, Counted, check_positive, over_unit
from ..estimates.result import Result
from ..estimates.run import Run
from .inertia import SIGNS, Inertia, count_signs
from .quadrature import gauss
from .resolved import rounding
from .spectral_sample import SpectralSample, Tridiagonals
from .spectrum import Spectrum

Interval = tuple[float, float]


@dataclass(frozen=True)
class ConditionNumber(Result):
    """The largest eigenvalue over the smallest positive one, with the counts of signs beside it.

    Attributes
    ----------
    value : float
        Infinite when no eigenvalue is zero but the smallest cannot be told from it; NaN when
        no eigenvalue is positive.
    interval : (float, float)
        Of the value. When ``converged`` is False its lower end still holds for certain, and its
        upper end is what the threshold of zero leaves possible.
    largest, smallest : float
        The largest and the smallest positive eigenvalue.
    largest_interval, smallest_interval : (float, float)
        From the residuals of Ritz pairs.
    inertia : Inertia
        How many eigenvalues are positive, zero and negative. A condition number is the whole
        story only when all are positive.
    matvecs : int
        Products spent.
    converged : bool
        Whether both ends were found by all probes, to the accuracy asked for.
    exact : bool
    seconds : float
    seed : int
    method : str
    reason : str
        Why ``converged`` is False and what to do; otherwise empty.
    """

    value: float
    interval: Interval
    largest: float
    smallest: float
    largest_interval: Interval
    smallest_interval: Interval
    inertia: Inertia
    matvecs: int
    converged: bool
    exact: bool
    seconds: float = field(compare=False)
    seed: int | None
    method: str
    reason: str

    def __repr__(self) -> str:
        signs = ", ".join(f"{round(getattr(self.inertia, s).value):,} {s}" for s in SIGNS)
        how = "exact" if self.exact else f"95% in [{self.interval[0]:.6g}, {self.interval[1]:.6g}]"
        state = "" if self.converged else f", NOT converged: {self.reason}"
        return (
            f"ConditionNumber({self.value:.6g} = {self.largest:.6g} / {self.smallest:.6g} on the "
            f"positive part, {how}; eigenvalues: {signs}; {self.matvecs} products{state})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw both ends of the positive part on a log axis; return the matplotlib axes."""
        ax = axes(ax, (6.0, 1.8))
        ends = (self.smallest, self.largest)
        for value, (low, high) in zip(ends, (self.smallest_interval, self.largest_interval)):
            low = max(low, self.inertia.threshold)
            error = [[max(value - low, 0.0)], [max(high - value, 0.0)]]
            ax.errorbar([value], [0], xerr=error, fmt="o", color=BLUE, capsize=5)
        ax.axvline(self.inertia.threshold, color=GREY, linewidth=0.8, linestyle="--")
        ax.set_xscale("log")
        ax.set_yticks([])
        ax.set_xlabel("smallest positive and largest eigenvalue; dashed: what counts as zero")
        number = f"{self.value:.4g}" if self.converged else f"at least {self.interval[0]:.4g}"
        ax.set_title(f"condition number {number}", fontsize=10)
        return ax


def condition_number(
    op: Any,
    *,
    rtol: float = 1e-3,
    zero: float | None = None,
    probes: int = 10,
    steps: int = 300,
    max_matvecs: int | None = None,
    seconds: float | None = None,
    method: str = "auto",
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> ConditionNumber:
    """The largest eigenvalue over the smallest positive one above the numerical zero.

    It is never the largest over the smallest of an indefinite matrix: eigenvalues that are zero
    or negative are counted beside it.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric, such as a :class:`HessianOperator`.
    rtol : float
        Both ends are wanted to this relative accuracy.
    zero : float, optional
        An eigenvalue of at most this magnitude counts as zero; by default ``max(10, √P) eps`` times
        the largest magnitude.
    probes : int
        Random vectors, at least 4; all must find the same ends.
    steps : int
        Lanczos steps from each, at most.
    max_matvecs, seconds : optional
        Products and time to spend at most.
    method : {"auto", "dense", "lanczos"}
        Whether to form the matrix; "auto" does for P up to 3,000 where the budget allows.
    seed : int
        Of the probes.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done; a run that finds it goes on.

    Returns
    -------
    ConditionNumber

    Raises
    ------
    ValueError
        For a bad shape, a matrix that is not symmetric, fewer than 4 probes or 2 steps, options
        that are not positive, or products that are not finite.

    Notes
    -----
    An end is taken as found when every probe has converged to it and none has a Ritz value
    beyond it (between it and zero, for the smallest). A Lanczos run from a random vector misses
    an eigenvalue at an end only by a freak of chance (Kuczyński and Woźniakowski 1992), and all
    would have to. Where the spectrum has a negative part or zeros, the smallest positive
    eigenvalue is inside the spectrum, and Lanczos finds it only if there is a gap around it.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import condition_number
    >>> condition_number(np.diag([8.0, 2.0, 0.0, -1.0]))
    ConditionNumber(4 = 8 / 2 on the positive part, exact; eigenvalues: 1 negative, 1 zero,
    2 positive; 4 products)
    """
    check_positive("condition_number", rtol=rtol, zero=zero)
    with Run(
        op, "condition_number", max_matvecs=max_matvecs, seconds=seconds, progress=progress,
        checkpoint=checkpoint, seed=seed,
    ) as budget:  # fmt: skip
        A = budget.A
        eigenvalues = all_eigenvalues(A, budget, method)
        if eigenvalues is not None:
            spectrum = Spectrum.of_all(A, eigenvalues, zero)
            ends = _Ends(_exact_pairs(eigenvalues), spectrum.zero, rtol)
            signs = count_signs(spectrum, A.matvecs, budget.seconds)
            return _result(ends, signs, A, budget, seed=None, reason="")

        def settled(tridiagonals: Tridiagonals) -> bool:
            pairs = _ritz_pairs(tridiagonals, A.eps)
            largest = max(float(np.abs(nodes).max()) for nodes, _ in pairs)
            small = numerical_zero(A, largest) if zero is None else over_unit(zero, A)
            return _Ends(pairs, small, rtol).found

        sample = SpectralSample(budget, probes=probes, steps=steps, seed=seed, settled=settled)
        reason = sample.draw(probes)
        spectrum = Spectrum.of_sample(sample, zero)
        ends = _Ends(_ritz_pairs(sample.tridiagonals[: sample.scouts], A.eps), spectrum.zero, rtol)
        signs = count_signs(spectrum, A.matvecs, budget.seconds, seed=seed, reason=reason)
        return _result(ends, signs, A, budget, seed=seed, reason=reason)


Pairs = list[tuple[Array, Array]]
"""Ritz values, ascending, and their residuals, for each probe."""


def _exact_pairs(eigenvalues: Array) -> Pairs:
    return [(eigenvalues, np.zeros(len(eigenvalues)))]


def _ritz_pairs(run: Tridiagonals, eps: float) -> Pairs:
    rules = [gauss(alpha, beta)[0] for alpha, beta in run]
    return [(rule.nodes, rule.residuals + rounding(rule, eps)) for rule in rules]


class _Ends:
    """The two ends of the positive part, as all probes see them."""

    def __init__(self, pairs: Pairs, zero: float, rtol: float):
        self.zero = zero
        tops = [(float(nodes[-1]), float(residuals[-1])) for nodes, residuals in pairs]
        # A Ritz value is at most the largest eigenvalue, so the best probe is right.
        self.largest, radius = max(tops)
        self.largest_interval = (self.largest, self.largest + radius)
        self.largest_found = all(
            abs(top - self.largest) + r <= rtol * abs(self.largest) for top, r in tops
        )
        bottoms = [_smallest_positive(nodes, residuals, zero) for nodes, residuals in pairs]
        self.smallest, radius = min(bottoms, key=sum, default=(math.nan, math.nan))
        # Each interval holds an eigenvalue, so the smallest is at most the least upper end.
        found = [abs(bottom - self.smallest) + r <= rtol * self.smallest for bottom, r in bottoms]
        self.smallest_found = all(found) and all(
            not _may_be_smaller(nodes, residuals, zero, self.smallest * (1 - rtol))
            for nodes, residuals in pairs
        )
        low = self.smallest - radius if self.smallest_found else zero
        self.smallest_interval = (max(low, zero), self.smallest + radius)

    @property
    def found(self) -> bool:
        """Whether both ends are certain enough."""
        return self.largest_found and self.smallest_found


def _smallest_positive(nodes: Array, residuals: Array, zero: float) -> tuple[float, float]:
    """The pair that shows the smallest positive eigenvalue, as (value, residual)."""
    positive = nodes - residuals > zero
    if not positive.any():
        return math.inf, math.inf
    best = np.argmin(np.where(positive, nodes + residuals, np.inf))
    return float(nodes[best]), float(residuals[best])


def _may_be_smaller(nodes: Array, residuals: Array, zero: float, smallest: float) -> bool:
    """Whether a Ritz value below ``smallest`` may yet turn out to be a positive eigenvalue."""
    not_positive = nodes + residuals <= zero
    at_zero = (np.abs(nodes) <= np.maximum(zero, residuals)) & (residuals <= 1e-3 * smallest)
    return bool((~not_positive & ~at_zero & (nodes < smallest)).any())


def _result(
    ends: _Ends, signs: Inertia, A: Counted, budget: Budget, *, seed: int | None, reason: str
) -> ConditionNumber:
    exact = seed is None
    none = not math.isfinite(ends.smallest) or ends.largest <= ends.zero
    if none:
        value, interval = math.nan, (math.nan, math.nan)
        reason = reason or "no eigenvalue is positive"
    else:
        value = ends.largest / ends.smallest
        low, high = ends.smallest_interval
        interval = (
            ends.largest_interval[0] / high,
            ends.largest_interval[1] / low if low > 0 else math.inf,
        )
    found = ends.found and not none
    if not found and not reason:
        which = "smallest positive" if ends.largest_found else "largest"
        reason = (
            f"the {which} eigenvalue is not resolved; give more steps, or a larger zero. The "
            "lower end of the interval holds for certain"
        )
    return ConditionNumber(
        value=value,
        interval=interval,
        largest=A.unit * ends.largest,
        smallest=A.unit * ends.smallest,
        largest_interval=(A.unit * ends.largest_interval[0], A.unit * ends.largest_interval[1]),
        smallest_interval=(A.unit * ends.smallest_interval[0], A.unit * ends.smallest_interval[1]),
        inertia=signs,
        matvecs=A.matvecs,
        converged=found,
        exact=exact,
        seconds=budget.seconds,
        seed=seed,
        method="dense" if exact else "Lanczos",
        reason="" if found else reason,
    )
