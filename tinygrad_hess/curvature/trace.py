"""The trace of a symmetric operator, from random probes.

trace : operator -> Estimate
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import stdtrit

from .estimate import Estimate
from .operands import Array, Counted

BLOCK_MEMORY = 64 * 2**20
"""Bytes of probes that are drawn at a time."""


def trace(
    op: Any,
    samples: int = 64,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    max_matvecs: int | None = None,
    seed: int = 0,
) -> Estimate:
    """Hutchinson's estimate of the trace, with its standard error.

    The mean of ``zᵀ A z`` over probes z of independent random signs. It has no bias, and its
    variance with m probes is ``2 (‖A‖_F² − Σ a_ii²) / m``: zero for a diagonal matrix.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric, such as a :class:`HessianOperator`.
    samples : int
        Probes, at least 2; with ``rtol`` or ``atol``, how many to begin with. If P is no more
        than this, the trace is computed exactly, with P products.
    rtol, atol : float, optional
        Go on until half the width of the 95% interval is at most ``max(atol, rtol * |value|)``.
        When P products are seen to be the cheaper way there, the trace is computed exactly.
    max_matvecs : int, optional
        Products to spend at most; by default ``samples``, or with an accuracy 10,000.
    seed : int
        Of the probes.

    Returns
    -------
    Estimate
        With ``converged=False`` when the products ran out before the accuracy was reached.

    Raises
    ------
    ValueError
        For fewer than 2 samples, accuracies that are not positive, a bad shape, or products that
        are not finite.

    References
    ----------
    Hutchinson (1990), A stochastic estimator of the trace of the influence matrix. Avron and
    Toledo (2011), Randomized algorithms for estimating the trace, for the variance.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import trace
    >>> trace(np.array([[2.0, 1.0], [1.0, 3.0]]))
    Estimate(5, exact, 2 products)
    >>> estimate = trace(np.diag(np.arange(100.0)))
    >>> estimate.value, estimate.standard_error
    (4950.0, 0.0)
    """
    if samples < 2:
        raise ValueError(f"trace: samples must be at least 2 for a standard error, got {samples}")
    asked = rtol is not None or atol is not None
    if any(x is not None and not x > 0 for x in (rtol, atol)):
        raise ValueError(f"trace: accuracies must be positive, got rtol={rtol}, atol={atol}")
    A = Counted(op, "trace")
    limit = max_matvecs if max_matvecs is not None else 10_000 if asked else samples
    if limit < 2:
        raise ValueError(f"trace: max_matvecs must be at least 2, got {limit}")
    if min(samples, limit) >= A.size:
        return _exact(A)

    rng = np.random.default_rng(seed)
    forms = _quadratic_forms(A, min(samples, limit), rng)
    while True:
        m = len(forms)
        value = float(forms.mean())
        error = float(forms.std(ddof=1)) / math.sqrt(m)
        half = float(stdtrit(m - 1, 0.975)) * error
        target = max(atol or 0.0, (rtol or 0.0) * abs(value))
        left = limit - A.matvecs
        met = not asked or half <= target
        if met or left == 0:
            return Estimate(value, error, (value - half, value + half), A.matvecs, met)
        # The error falls as 1/√m. Never more than double, for the error is itself an estimate.
        needed = m * (half / target) ** 2 if target > 0 else math.inf
        if needed - m >= A.size and left >= A.size:
            return _exact(A)
        more = math.ceil(min(max(needed - m, 1), m, left))
        forms = np.concatenate([forms, _quadratic_forms(A, more, rng)])


def _quadratic_forms(A: Counted, count: int, rng: np.random.Generator) -> Array:
    """``zᵀ A z`` for ``count`` vectors of random signs, summed in float64."""
    width = max(1, BLOCK_MEMORY // (A.size * A.dtype.itemsize))
    out = []
    for first in range(0, count, width):
        signs = rng.integers(0, 2, (A.size, min(width, count - first)), np.int8)
        z = (2 * signs - 1).astype(A.dtype)
        out.append(np.einsum("ij,ij->j", z, A.matmat(z), dtype=np.float64))
    return np.concatenate(out)


def _exact(A: Counted) -> Estimate:
    """The sum of the diagonal, by products with the unit vectors."""
    P = A.size
    width = max(1, BLOCK_MEMORY // (P * A.dtype.itemsize))
    value = 0.0
    for first in range(0, P, width):
        unit = np.eye(P, min(width, P - first), -first, dtype=A.dtype)
        diagonal = np.diagonal(A.matmat(unit)[first:])
        value += float(diagonal.sum(dtype=np.float64))
    return Estimate(value, 0.0, (value, value), A.matvecs, True, exact=True)
