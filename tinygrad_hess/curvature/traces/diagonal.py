"""The diagonal of a symmetric operator, entry by entry with its error.

diagonal : operator -> Diagonal
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import arguments
from ...core.plotting import BLUE, axes
from ..estimates.budget import Budget
from ..estimates.exact import exact_diagonal
from ..estimates.operands import Array, Counted
from ..estimates.probes import signs
from ..estimates.probing import Running, run_probes, unpack
from ..estimates.result import Result
from ..estimates.run import Run
from .trace import SAMPLES

FIRST = 8
"""Probes before the error is looked at."""


@dataclass(frozen=True, eq=False)
class Diagonal(Result):
    """The diagonal, estimated entry by entry.

    Attributes
    ----------
    values, standard_errors : ndarray, shape (P,)
        ``HessianOperator.unflatten`` makes trees of them. Errors are 0 when exact.
    intervals : ndarray, shape (P, 2)
        A 95% interval for each entry, by Student's t: about 5% of the entries lie outside theirs.
    matvecs : int
    converged : bool
    exact : bool
    seconds : float
    seed : int or None
    method : str
    reason : str
        As in :class:`Estimate`.
    """

    values: Array
    standard_errors: Array
    intervals: Array
    matvecs: int
    converged: bool = True
    exact: bool = False
    seconds: float = field(default=0.0)
    seed: int | None = None
    method: str = ""
    reason: str = ""

    def __repr__(self) -> str:
        size, low, high = len(self.values), self.values.min(), self.values.max()
        how = "exact" if self.exact else f"± {_rms(self.standard_errors):.2g} (root mean square)"
        state = "" if self.converged else f", NOT converged: {self.reason}"
        return (
            f"Diagonal({size} entries in [{low:.6g}, {high:.6g}], {how}, {self.matvecs} "
            f"products{state})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the sorted entries with their intervals; return the matplotlib axes."""
        ax = axes(ax)
        order = np.argsort(self.values)[::-1]
        rank = np.arange(1, len(order) + 1)
        low, high = self.intervals[order].T
        ax.fill_between(rank, low, high, color=BLUE, alpha=0.25, linewidth=0)
        ax.plot(rank, self.values[order], color=BLUE, linewidth=1.2)
        ax.set_xlabel("rank")
        ax.set_ylabel("diagonal entry (95%)")
        return ax


def diagonal(
    op: Any,
    samples: int | None = None,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    max_matvecs: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Diagonal:
    """The diagonal of a symmetric operator, with a standard error for each entry.

    The mean of ``z ∘ A z`` over random signs z. It has no bias; the variance of entry i with m
    probes is the sum of the squares of row i, without the diagonal, over m. It is zero
    for a diagonal matrix.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
    samples : int, optional
        Probes, at least 2; with an accuracy, how many to begin with. If P is no more than the
        products that may be spent (with an accuracy, at first: 128), the diagonal is exact.
    rtol, atol : float, optional
        Go on until the root mean square of the half widths of the 95% intervals is at most
        ``max(atol, rtol * rms of the entries)``. When P products are the cheaper way, exactly.
    max_matvecs : int, optional
        Products to spend at most; by default 128, or with an accuracy 10,000.
    seconds, seed, progress, checkpoint
        As in :func:`~tinygrad_hess.curvature.trace`.

    Returns
    -------
    Diagonal

    Raises
    ------
    ValueError
        As in ``trace``.

    References
    ----------
    Bekas, Kokiopoulou and Saad (2007), An estimator for the diagonal of a matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import diagonal
    >>> diagonal(np.array([[2.0, 1.0], [1.0, 3.0]])).values
    array([2., 3.])
    """
    if samples is not None:
        samples = arguments.integer("diagonal", "samples", samples, least=2)
    with Run(
        op, "diagonal", rtol=rtol, atol=atol, max_matvecs=max_matvecs, seconds=seconds,
        progress=progress, checkpoint=checkpoint, seed=seed,
        defaults=(samples or SAMPLES, 10_000), least=2, of_operator=True,
    ) as budget:  # fmt: skip
        A, target, limit = budget.A, budget.target, int(budget.left)
        first = min(samples or (FIRST if target.asked else limit), limit)
        save = budget.checkpoint({"seed": seed, "samples": samples}, free=True)
        if min(limit, samples or (SAMPLES if target.asked else limit)) >= A.size:
            return _exact_result(A, budget)
        running, saved = Running(mean=np.zeros(A.size), squares=np.zeros(A.size)), save.load()
        if saved is not None:
            running, first = unpack(saved, budget, None if target.asked else first)

        def statistic(columns: range) -> Array:
            z = signs(A.size, columns, seed, A.dtype)
            return z * A.matmat(z)

        reason = run_probes(
            statistic, running, first=first,
            ratio=lambda r: target.ratio(_rms(r.half_width), _rms(r.mean)),
            budget=budget, checkpoint=save, room=budget.has_room(2 * A.size),
        )  # fmt: skip
        if reason == "exact":
            return _exact_result(A, budget)
    errors = running.standard_error
    return Diagonal(
        (A.unit * running.mean).astype(A.dtype),
        (A.unit * errors).astype(A.dtype),
        (A.unit * np.stack(running.interval, axis=1)).astype(A.dtype),
        A.matvecs,
        converged=not reason,
        seconds=budget.seconds,
        seed=seed,
        method="Hutchinson",
        reason=reason,
    )


def _exact_result(A: Counted, budget: Budget) -> Diagonal:
    values = exact_diagonal(A, budget)
    values = (A.unit * values).astype(A.dtype)
    return Diagonal(
        values, np.zeros_like(values), np.stack([values, values], axis=1), A.matvecs,
        exact=True, seconds=budget.seconds, method="exact",
    )  # fmt: skip


def _rms(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))
