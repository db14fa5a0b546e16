"""All eigenvalues of an operator that is small enough to be a matrix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...core import arguments
from .budget import Budget
from .operands import Array, Counted
from .steps import Steps, beside

DENSE = 3000
"""Up to this many parameters the matrix is formed, which takes seconds."""

OFTEN = 64
"""Columns at a time where the clock is watched, or what was done is saved."""

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
    needed = P if budget.path is None else P + 1  # what tells operators apart
    if method == "lanczos" or (method == "auto" and (P > DENSE or budget.left < needed)):
        return None
    if method == "auto" and budget.path is not None and Path(budget.path).exists():
        return None  # it was given up before
    path = beside(budget.path, "dense")
    matrix = np.empty((P, P), A.dtype)
    why = budget.over(P) if budget.left < P else ""
    with Steps(path, A, {}) as steps:
        for columns in column_blocks(A, budget.path is not None or budget.limit is not None):
            if why:
                break
            part = lambda own=columns: A.matmat(A.unit_vectors(own))
            matrix[:, columns.start : columns.stop] = steps(str(columns.start), part)
            budget.show(P, "dense")
            why = budget.over(P - columns.stop) if columns.stop < P else ""
    if why and method == "auto":
        if path is not None:
            path.unlink(missing_ok=True)
        return None
    if why:
        raise ValueError(f"{A.who}: method='dense' needs {P} products, but {why}")
    matrix = matrix.astype(np.float64, copy=False)
    return np.linalg.eigvalsh((matrix + matrix.T) / 2)


def dense_matrix(A: Counted, budget: Budget) -> Array:
    """The matrix over ``A.unit``, shape (P, P), by products with the unit vectors."""
    begun, matrix = A.matvecs, np.empty((A.size, A.size), A.dtype)
    with Steps(beside(budget.path, "dense"), A, {}) as steps:
        for columns in column_blocks(A, budget.path is not None):
            part = lambda own=columns: A.matmat(A.unit_vectors(own))
            matrix[:, columns.start : columns.stop] = steps(str(columns.start), part)
            budget.show(begun + A.size, "dense")
    return matrix


def column_blocks(A: Counted, often: bool) -> Iterator[range]:
    """The columns of the matrix, in blocks of bounded memory; in small ones where ``often``."""
    width = min(A.width, OFTEN) if often else A.width
    for first in range(0, A.size, width):
        yield range(first, min(first + width, A.size))


def numerical_zero(A: Counted, largest: float) -> float:
    """Below this an eigenvalue is rounding: ``max(10, √P) eps`` of the largest magnitude."""
    return max(10.0, A.size**0.5) * A.eps * largest
