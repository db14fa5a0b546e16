"""Eigenvectors of the small symmetric matrices of a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.blas_threads import one_blas_thread

LARGE = 512
"""Rows from which more threads may pay."""


def eigh(M: Any) -> Any:
    """``numpy.linalg.eigh``, on one thread of BLAS where the matrix is small.

    The threads wait for each other at every reflection: on two cores with other work on them, a
    matrix of 200 rows took them 43 ms, and one alone 13 ms.

    Examples
    --------
    >>> eigh(np.diag([4.0, 16.0])).eigenvalues
    array([ 4., 16.])
    """
    if len(M) >= LARGE:
        return np.linalg.eigh(M)
    with one_blas_thread:
        return np.linalg.eigh(M)
