"""How many eigenvalues are positive, zero and negative.

inertia : operator -> Inertia
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.plotting import BLUE, axes
from ..estimates.dense import all_eigenvalues
from ..estimates.estimate import Estimate
from ..estimates.operands import check_positive
from ..estimates.result import Result
from ..estimates.run import Run
from .spectral_sample import SpectralSample
from .spectrum import Spectrum, over_probes


@dataclass(frozen=True)
class Inertia(Result):
    """Numbers of eigenvalues by sign.

    Attributes
    ----------
    positive, zero, negative : Estimate
        Their values sum to P. Each interval covers what the quadrature leaves open (near zero)
        and chance over probes, and begins no lower than the number that was found for certain.
    threshold : float
        An eigenvalue of at most this magnitude counts as zero.
    size : int
        P.
    """

    positive: Estimate
    zero: Estimate
    negative: Estimate
    threshold: float
    size: int

    @property
    def exact(self) -> bool:
        """Whether the eigenvalues were computed rather than sampled."""
        return self.negative.exact

    @property
    def matvecs(self) -> int:
        """Products spent."""
        return self.negative.matvecs

    @property
    def converged(self) -> bool:
        """Whether all that was asked for was run."""
        return self.negative.converged

    @property
    def reason(self) -> str:
        """Why ``converged`` is False and what to do; otherwise empty."""
        return self.negative.reason

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {_format_count(getattr(self, name))}" for name in SIGNS)
        state = "" if self.converged else f", NOT converged: {self.reason}"
        return f"Inertia({parts}; {self.matvecs} products{state})"

    def plot(self, ax: Any = None) -> Any:
        """Draw the three numbers with their intervals; return the matplotlib axes."""
        ax = axes(ax, (5.0, 2.2))
        for row, name in enumerate(SIGNS):
            e = getattr(self, name)
            low, high = e.interval
            error = [[max(e.value - low, 0.0)], [max(high - e.value, 0.0)]]
            ax.errorbar([e.value], [row], xerr=error, fmt="o", color=BLUE, capsize=4)
        ax.set_yticks(range(3), SIGNS)
        ax.set_xlabel(f"eigenvalues, of {self.size:,}")
        return ax


SIGNS = ("negative", "zero", "positive")


def _format_count(e: Estimate) -> str:
    if e.exact:
        return f"{round(e.value):,}"
    return f"{e.value:,.0f} [{e.interval[0]:,.0f}, {e.interval[1]:,.0f}]"


def inertia(
    op: Any,
    *,
    zero: float | None = None,
    probes: int = 10,
    steps: int = 100,
    max_matvecs: int | None = None,
    seconds: float | None = None,
    method: str = "auto",
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Inertia:
    """The numbers of positive, zero and negative eigenvalues, with 95% intervals.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric, such as a :class:`HessianOperator`.
    zero : float, optional
        An eigenvalue of at most this magnitude counts as zero; by default ``max(10, √P) eps`` times
        the largest magnitude. Where much of the spectrum crowds at zero, a larger one gives
        sharper answers.
    probes : int
        Random vectors, at least 4.
    steps : int
        Lanczos steps from each.
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
    Inertia

    Raises
    ------
    ValueError
        For a bad shape, a matrix that is not symmetric, fewer than 4 probes or 2 steps, a
        ``zero`` that is not positive, or products that are not finite.

    Notes
    -----
    A count is the trace of a step function, which no quadrature resolves. So each probe gives
    bounds (Chebyshev-Markov-Stieltjes), and the interval is that of the mean between them: at
    least 95%, and more where mass near zero is unresolved. More steps narrow it, more probes
    hardly. It begins at the number of Ritz values of that sign, for by Cauchy's interlacing there
    are at least as many eigenvalues.

    References
    ----------
    Golub and Meurant (2010), Matrices, Moments and Quadrature.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import inertia
    >>> inertia(np.diag([-1.0, 0.0, 2.0, 3.0]))
    Inertia(negative 1, zero 1, positive 2; 4 products)
    """
    check_positive("inertia", zero=zero)
    with Run(
        op, "inertia", max_matvecs=max_matvecs, seconds=seconds, progress=progress,
        checkpoint=checkpoint, seed=seed,
    ) as budget:  # fmt: skip
        A = budget.A
        eigenvalues = all_eigenvalues(A, budget, method)
        if eigenvalues is not None:
            return count_signs(Spectrum.of_all(A, eigenvalues, zero), A.matvecs, budget.seconds)
        sample = SpectralSample(budget, probes=probes, steps=steps, seed=seed)
        reason = sample.draw(probes)
        spectrum = Spectrum.of_sample(sample, zero)
        return count_signs(spectrum, A.matvecs, budget.seconds, seed=seed, reason=reason)


def count_signs(
    spectrum: Spectrum, matvecs: int, seconds: float, *, seed: int | None = None, reason: str = ""
) -> Inertia:
    """The inertia of a spectrum that was found."""
    s = spectrum
    below = s.share_bounds(np.nextafter(-s.zero, -np.inf))
    up_to = s.share_bounds(s.zero)
    bounds = {
        "negative": below,
        "zero": (np.maximum(up_to[0] - below[1], 0.0), up_to[1] - below[0]),
        "positive": (1 - up_to[1], 1 - up_to[0]),
    }
    by_sign = s.sign_shares()
    # There are at least as many eigenvalues of a sign as Ritz values of one probe (Cauchy).
    certain = {
        "negative": int((s.known + s.radii < -s.zero).sum())
        + max(int((rule.nodes < -s.zero).sum()) for rule in s.rules),
        "zero": 0,
        "positive": int((s.known - s.radii > s.zero).sum())
        + max(int((rule.nodes > s.zero).sum()) for rule in s.rules),
    }
    found = {}
    for name in SIGNS:
        shares = by_sign[name]
        value = float(shares.mean()) * s.size
        if s.exact:
            method = "dense" if seed is None else "Lanczos"
            found[name] = Estimate.of_exact(round(value), matvecs, seconds=seconds, method=method)
            continue
        _, low, high = (float(x) * s.size for x in over_probes(*bounds[name]))
        low, high = (
            max(low, certain[name]),
            min(high, s.size - sum(certain.values()) + certain[name]),
        )
        error = float(shares.std(ddof=1)) * s.size / len(shares) ** 0.5
        found[name] = Estimate(
            value, error, (low, max(high, low)), matvecs, not reason, seconds=seconds, seed=seed,
            method="stochastic Lanczos quadrature", reason=reason,
        )  # fmt: skip
    return Inertia(found["positive"], found["zero"], found["negative"], s.unit * s.zero, s.size)
