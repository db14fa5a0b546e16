"""The diagonal and the trace by products with the unit vectors: exact, at P products."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .budget import Budget
from .estimate import Estimate
from .operands import Array, Counted


def exact_trace(A: Counted, budget: Budget) -> Estimate:
    """The sum of the diagonal, by products with the unit vectors."""
    value = float(exact_diagonal(A, budget).sum(dtype=np.float64))
    return Estimate.of_exact(A.unit * value, A.matvecs, seconds=budget.seconds, method="exact")


def exact_diagonal(A: Counted, budget: Budget) -> Array:
    """The diagonal over ``A.unit``, shape (P,), by products with the unit vectors."""
    out = np.empty(A.size, A.dtype)
    for columns, products in unit_products(A, budget):
        out[columns] = products[columns, np.arange(len(columns))]
    return out


def unit_products(A: Counted, budget: Budget) -> Iterator[tuple[range, Array]]:
    """The columns of the matrix over ``A.unit``, in blocks of bounded memory, and their indices."""
    begun = A.matvecs
    for columns in A.blocks(A.size):
        products = A.matmat(A.unit_vectors(columns))
        budget.show(begun + A.size, "exact")
        yield columns, products
