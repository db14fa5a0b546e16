"""The diagonal and the trace by products with the unit vectors: exact, at P products."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from .budget import Budget
from .dense import unit_products
from .estimate import Estimate
from .operands import Array, Counted

T = TypeVar("T")


def exact_trace(A: Counted, budget: Budget) -> Estimate:
    """The sum of the diagonal, by products with the unit vectors."""
    value = float(exact_diagonal(A, budget).sum(dtype=np.float64))
    return Estimate.of_exact(A.unit * value, A.matvecs, seconds=budget.seconds, method="exact")


def exact_diagonal(A: Counted, budget: Budget) -> Array:
    """The diagonal over ``A.unit``, shape (P,), by products with the unit vectors."""
    pick = lambda columns, products: products[columns, np.arange(len(columns))]
    return np.concatenate(of_unit_products(A, budget, pick))


def of_unit_products(A: Counted, budget: Budget, take: Callable[[range, Array], T]) -> list[T]:
    """``take(indices, columns)`` of the matrix over ``A.unit``, in blocks of bounded memory."""
    return [found for _, found in unit_products(A, budget, "exact", take)]
