"""The largest eigenvalues by a peer's Hessian-vector products and SciPy's ARPACK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from .tasks import EIGEN_TOL, EIGENPAIRS


def eigenvalues(product: Callable[[Any], Any], size: int) -> Any:
    """Ascending, from a fixed start; ``product`` takes and gives vectors of ``size`` numbers."""
    start = np.random.default_rng(2).normal(size=size)
    operator = LinearOperator((size, size), matvec=lambda v: product(v.ravel()), dtype=np.float64)
    found = eigsh(operator, EIGENPAIRS, which="LA", tol=EIGEN_TOL, v0=start)[0]
    return np.sort(found)
