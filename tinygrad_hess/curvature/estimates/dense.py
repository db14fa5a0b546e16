"""All eigenvalues of an operator that is small enough to be a matrix."""

from __future__ import annotations

import numpy as np

from ...core import arguments
from .budget import Budget
from .operands import Array, Counted

DENSE = 3000
"""Up to this many parameters the matrix is formed, which takes seconds."""

METHODS = ("auto", "dense", "lanczos")


def all_eigenvalues(A: Counted, budget: Budget, method: str) -> Array | None:
    """All eigenvalues over ``A.unit``, ascending, in float64; None where they are to be sampled.

    ``"auto"`` forms the matrix, with P products, where P is at most 3,000 and the budget allows
    it (an attempt is given up as soon as it is seen not to), ``"dense"`` always, ``"lanczos"``
    never.

    Raises
    ------
    ValueError
        For another ``method``, or ``"dense"`` beyond what the budget allows.

    Examples
    --------
    >>> A = Counted(np.diag([3.0, 1.0]), "example")
    >>> all_eigenvalues(A, Budget(A), "auto")
    array([1., 3.])
    """
    arguments.choice(A.who, "method", method, METHODS)
    P = A.size
    if method == "lanczos" or (method == "auto" and (P > DENSE or budget.left < P)):
        return None
    matrix = np.empty((P, P), A.dtype)
    width = max(1, 2**23 // P)
    width = min(width, 64) if budget.limit is not None else width  # to see the pace
    for first in range(0, P, width):
        why = budget.over(P - first) if first > 0 or budget.left < P else ""
        if why and method == "auto":
            return None
        if why:
            raise ValueError(f"{A.who}: method='dense' needs {P} products, but {why}")
        columns = range(first, min(first + width, P))
        matrix[:, columns.start : columns.stop] = A.matmat(A.unit_vectors(columns))
        budget.show(P, "dense")
    matrix = matrix.astype(np.float64, copy=False)
    return np.linalg.eigvalsh((matrix + matrix.T) / 2)


def numerical_zero(A: Counted, largest: float) -> float:
    """Below this an eigenvalue is rounding: ``max(10, √P) eps`` of the largest magnitude."""
    return max(10.0, A.size**0.5) * A.eps * largest
