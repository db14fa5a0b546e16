"""The Frobenius norm of a symmetric operator: the root of the sum of its squared eigenvalues.

frobenius_norm : operator -> Estimate
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..eigenpairs.deflation import SKETCH, Deflation
from ..estimates.budget import Budget
from ..estimates.estimate import Estimate
from ..estimates.exact import of_unit_products
from ..estimates.operands import Array, Counted
from ..estimates.probes import signs
from ..estimates.probing import Running, run_probes, unpack
from ..estimates.run import Run
from .trace import SAMPLES


def frobenius_norm(
    op: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    max_matvecs: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Estimate:
    """The Frobenius norm of a symmetric operator, with its 95% interval.

    With Q a basis of a Krylov space and P = Q Qᵀ,
    ``‖A‖² = 2‖A Q‖² - ‖Qᵀ A Q‖² + ‖(I-P) A (I-P)‖²``. The first two are known exactly; the last
    is the mean of ``‖(I-P) A (I-P) z‖²`` over random signs z.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
    rtol, atol : float, optional
        Go on until half the width of the interval is at most ``max(atol, rtol * value)``. When P
        products turn out to be the cheaper way, the norm is computed exactly.
    max_matvecs : int, optional
        Products to spend at most; by default 128, or with an accuracy 10,000. With P no more than
        that, and with an accuracy no more than 128, exactly.
    seconds, seed, progress, checkpoint
        As in :func:`~tinygrad_hess.curvature.trace`.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        As in ``trace``.

    References
    ----------
    Meyer, Musco, Musco and Woodruff (2021), Hutch++: optimal stochastic trace estimation, for the
    deflation; ``‖A‖² = tr(A²)``.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import frobenius_norm
    >>> frobenius_norm(np.diag([3.0, 4.0]))
    Estimate(5, exact, 2 products)
    """
    with Run(
        op, "frobenius_norm", rtol=rtol, atol=atol, max_matvecs=max_matvecs, seconds=seconds,
        progress=progress, checkpoint=checkpoint, seed=seed, defaults=(SAMPLES, 10_000), least=2,
        of_operator=True,
    ) as budget:  # fmt: skip
        A, target, limit = budget.A, budget.target, int(budget.left)
        save = budget.checkpoint({"seed": seed})
        if (min(limit, SAMPLES) if target.asked else limit) >= A.size:
            return _exact_norm(A, budget)
        running, saved, split = Running(), save.load(), Deflation(A, SKETCH, seed)
        if saved is None:
            while split.next and split.columns + split.next <= min(SKETCH, limit // 2):
                split.grow()
            first = SKETCH if target.asked else max(2, limit - split.columns)
        else:
            split.restore(saved)
            running, first = unpack(saved, budget, None if target.asked else limit)
        known = split.squared_norm

        def statistic(columns: range) -> Array:
            y = split.remainder(signs(A.size, columns, seed, A.dtype))
            return np.einsum("ij,ij->j", y, y, dtype=np.float64)[None]

        def ratio(running: Running) -> float:
            value, _, (low, high) = _norm_with_error(known, running)
            return target.ratio((high - low) / 2, value)

        reason = run_probes(
            statistic, running, first=first, ratio=ratio, budget=budget, checkpoint=save,
            state=split.state(),
        )  # fmt: skip
        if reason == "exact":
            return _exact_norm(A, budget)
        value, error, interval = _norm_with_error(known, running)
        return Estimate(
            value, error, interval, A.matvecs, not reason, seconds=budget.seconds, seed=seed,
            method="deflated probes", reason=reason,
        ).times(A.unit)  # fmt: skip


def _norm_with_error(known: float, running: Running) -> tuple[float, float, tuple[float, float]]:
    """Value, standard error and interval of the root; the ends are roots of those of the square."""
    square, error = known + float(running.mean[0]), float(running.standard_error[0])
    below, above = (known + float(end[0]) for end in running.interval)
    value = math.sqrt(max(square, 0.0))
    low, high = math.sqrt(max(below, known, 0.0)), math.sqrt(max(above, 0.0))
    return value, error / (2 * value) if value else 0.0, (min(low, value), high)


def _exact_norm(A: Counted, budget: Budget) -> Estimate:
    squares = lambda _, Y: float((Y.astype(np.float64) ** 2).sum())
    square = sum(of_unit_products(A, budget, squares))
    norm = A.unit * math.sqrt(square)
    return Estimate.of_exact(norm, A.matvecs, seconds=budget.seconds, method="exact")
