"""All eigenvalues of an operator that is small enough to be a matrix."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ...core import arguments
from .budget import Budget
from .operands import Array, Counted
from .steps import Steps, beside

T = TypeVar("T")

DENSE = 3000
"""Up to this many parameters the matrix is formed, which takes seconds."""

OFTEN = 64
"""Columns at a time where the clock is watched, or what was done is saved."""

METHODS = ("auto", "dense", "lanczos")


class _Shared:
    """The matrix of an operator, once it is known."""

    def __init__(self, op: Any):
        self.op = op
        self.matrix: Array | None = None


_shared: ContextVar[_Shared | None] = ContextVar("shared matrix", default=None)


@contextlib.contextmanager
def matrix_once(op: Any) -> Iterator[None]:
    """Inside, estimates of this operator that ask for its whole matrix multiply it out once.

    Runs that are saved multiply for themselves, so that one that goes on gives the same bits.

    Examples
    --------
    >>> from tinygrad_hess.curvature.estimates.operands import as_operator
    >>> op = as_operator(np.diag([3.0, 1.0]), "example")
    >>> with matrix_once(op):
    ...     for _ in range(2):
    ...         A = Counted(op, "example")
    ...         print(all_eigenvalues(A, Budget(A), "auto"), A.matvecs)
    [1. 3.] 2
    [1. 3.] 0
    """
    token = _shared.set(_Shared(op))
    try:
        yield
    finally:
        _shared.reset(token)


def _shared_matrix(A: Counted, budget: Budget) -> Array | None:
    """The matrix over ``A.unit``, shape (P, P), if it was multiplied out for another estimate."""
    shared = _shared.get()
    usable = shared is not None and shared.op is A.op and budget.path is None and A.unit == 1
    return shared.matrix if usable and shared is not None else None


def all_eigenvalues(A: Counted, budget: Budget, method: str) -> Array | None:
    """All eigenvalues over ``A.unit``, ascending, in float64; None where they are to be sampled.

    ``"auto"`` forms the matrix, with P products, where P is at most 3,000 and the budget and a
    ``memory_limit`` allow it (an attempt is given up as soon as it is seen not to), ``"dense"``
    always, ``"lanczos"`` never.

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
    if method != "lanczos" and (known := _shared_matrix(A, budget)) is not None:
        return _eigenvalues(known)
    small = P <= DENSE and A.holds_matrix
    if method == "lanczos" or (method == "auto" and (not small or budget.left < needed)):
        return None
    if method == "auto" and budget.path is not None and Path(budget.path).exists():
        return None  # it was given up before
    path = beside(budget.path, "dense")
    matrix = np.empty((P, P), A.dtype)
    why = budget.over(P) if budget.left < P else ""
    if not why:
        often = budget.limit is not None
        with contextlib.closing(unit_products(A, budget, "dense", _whole, often)) as blocks:
            for columns, products in blocks:
                matrix[:, columns.start : columns.stop] = products
                why = budget.over(P - columns.stop) if columns.stop < P else ""
                if why:
                    break
    if why and method == "auto":
        if path is not None:
            path.unlink(missing_ok=True)
        return None
    if why:
        raise ValueError(f"{A.who}: method='dense' needs {P} products, but {why}")
    return _eigenvalues(matrix)


def _eigenvalues(matrix: Array) -> Array:
    matrix = matrix.astype(np.float64, copy=False)
    return np.linalg.eigvalsh((matrix + matrix.T) / 2)


def dense_matrix(A: Counted, budget: Budget) -> Array:
    """The matrix over ``A.unit``, shape (P, P), by products with the unit vectors."""
    matrix = np.empty((A.size, A.size), A.dtype)
    for columns, products in unit_products(A, budget, "dense", _whole):
        matrix[:, columns.start : columns.stop] = products
    return matrix


def unit_products(
    A: Counted,
    budget: Budget,
    name: str,
    take: Callable[[range, Array], T],
    often: bool = False,
) -> Generator[tuple[range, T], None, None]:
    """The indices of some columns of the matrix over ``A.unit``, and ``take(indices, columns)``.

    Blocks of columns have bounded memory, and are small where ``often`` or where what was done is
    saved: in a file beside the budget's, which ``name`` tells from others.
    """
    known = _shared_matrix(A, budget)
    if known is not None:
        for columns in A.blocks(A.size):
            yield columns, take(columns, known[:, columns.start : columns.stop])
        return
    begun, shared = A.matvecs, _shared.get()
    own: Array | None = None
    if shared is not None and shared.op is A.op and budget.path is None:
        own = np.empty((A.size, A.size), A.dtype)
    width = min(A.width, OFTEN) if often or budget.path is not None else A.width
    with Steps(beside(budget.path, name), A, {}) as steps:
        for first in range(0, A.size, width):
            columns = range(first, min(first + width, A.size))

            def part(columns: range = columns) -> T:
                products = A.matmat(A.unit_vectors(columns))
                if own is not None:
                    own[:, columns.start : columns.stop] = products
                return take(columns, products)

            found = steps(str(first), part)
            budget.show(begun + A.size, name)
            yield columns, found
    if shared is not None and own is not None and A.unit == 1:
        shared.matrix = own


def _whole(columns: range, products: Array) -> Array:
    return products


def numerical_zero(A: Counted, largest: float) -> float:
    """Below this an eigenvalue is rounding: ``max(10, √P) eps`` of the largest magnitude."""
    return max(10.0, A.size**0.5) * A.eps * largest
