"""Laws of random matrices and of estimators, and certificates that always hold."""

from __future__ import annotations

import numpy as np
from oracle_rows import off, oracle, rng
from spectra import symmetric, wishart

from tinygrad_hess import curvature as c

# ---- random matrices and estimators --------------------------------------------------------------

ESTIMATORS = "Random matrices, estimators and certificates"


@oracle(ESTIMATORS, "Marchenko-Pastur: edges .25 and 2.25 (n = 2,000, p = 500)", 0.03)
def _() -> float:
    ends = c.top_eigenpairs(wishart(2000, 500), 2, "BE", tol=1e-4).values
    return off(ends, [0.25, 2.25])


@oracle(ESTIMATORS, "a spike of 4 above it: λ₁ = 4.333 (BBP), mean of 5", 0.05)
def _() -> float:
    tops = [c.top_eigenpairs(wishart(1000, 250, s, 4.0), 1, tol=1e-4).values[0] for s in range(5)]
    return off(np.mean(tops), 4 * (1 + 0.25 / 3))


@oracle(ESTIMATORS, "Hutchinson's variance = 2 (‖A‖² - Σ aᵢᵢ²) / m (400 runs)", 0.25)
def _() -> float:
    A = symmetric(np.linspace(-1, 3, 60))
    found = [c.trace(A, 10, method="hutchinson", seed=s).value for s in range(400)]
    return off(np.var(found), 2 * ((A**2).sum() - (np.diag(A) ** 2).sum()) / 10)


@oracle(ESTIMATORS, "Hutchinson is exact on a diagonal matrix", 1e-14)
def _() -> float:
    return off(c.trace(np.diag(np.arange(200.0)), 2, method="hutchinson").value, 199 * 100)


@oracle(ESTIMATORS, "XTrace is exact for a rank below m/2 - 1", 1e-12)
def _() -> float:
    A = symmetric(np.r_[np.zeros(290), np.arange(1.0, 11)])
    return off(c.trace(A, method="xtrace", max_matvecs=30).value, 55)


@oracle(ESTIMATORS, "log det(A + δ) by Cholesky, in widths of the 95% interval", 1)
def _() -> float:
    A = symmetric(np.linspace(0, 2, 300) ** 2) + 0.1 * np.eye(300)
    true = 2 * np.log(np.diag(np.linalg.cholesky(A))).sum()
    found = c.log_determinant(A, method="lanczos", probes=20)
    return abs(found.value - true) / (found.interval[1] - found.interval[0])


@oracle(ESTIMATORS, "λ ± residual holds an eigenvalue (times wrong in 100 runs of 10 products)", 0)
def _() -> float:
    d, wrong = rng().normal(size=80), 0
    A = symmetric(d)
    for seed in range(100):
        top = c.top_eigenpairs(A, 1, max_matvecs=10, method="lanczos", seed=seed)
        low, high = top.intervals[0]
        wrong += not ((d >= low - 1e-12) & (d <= high + 1e-12)).any()
    return wrong


@oracle(ESTIMATORS, "no ghosts: 10 eigenvalues above ½ stay 10 (times wrong)", 0)
def _() -> float:
    d = np.r_[np.linspace(0, 0.4, 390), np.linspace(0.6, 5, 10)]
    found = c.top_eigenpairs(symmetric(d), 12, method="lanczos", tol=1e-10)
    return abs(int((found.values > 0.5).sum()) - 10) + (off(found.values[:10], d[:-11:-1]) > 1e-12)
