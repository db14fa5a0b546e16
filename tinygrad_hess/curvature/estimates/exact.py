"""The diagonal and the trace by products with the unit vectors: exact, at P products."""

from __future__ import annotations

import numpy as np

from .budget import Budget
from .estimate import Estimate
from .operands import Array, Counted


def exact_trace(A: Counted, budget: Budget) -> Estimate:
    """The sum of the diagonal, by products with the unit vectors."""
    value = float(exact_diagonal(A, budget).sum(dtype=np.float64))
    return Estimate.of_exact(value, A.matvecs, seconds=budget.seconds, method="exact")


def exact_diagonal(A: Counted, budget: Budget) -> Array:
    """The diagonal, shape (P,), by products with the unit vectors."""
    out = np.empty(A.size, A.dtype)
    begun = A.matvecs
    for columns in A.blocks(A.size):
        places = np.arange(columns.start, columns.stop)
        out[places] = A.matmat(A.unit(columns))[places, np.arange(len(columns))]
        budget.show(begun + A.size, "exact")
    return out
