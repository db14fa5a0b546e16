"""A result of any library as one vector, in an order that all libraries share."""

from __future__ import annotations

from typing import Any

import numpy as np

from .problems import JACOBIAN_EXAMPLES, Array, Problem
from .tasks import DENSE_LIMIT, HESSIAN, JACOBIAN, SPARSE


def numbers(result: Any, task: str, problem: Problem) -> Array:
    """All numbers of a result.

    Hessians and Jacobians may be matrices or blocks by arrays of parameters: they are put together
    as the matrix. Sparse matrices too, up to 1,000 rows; above, their entries stand alone.
    """
    if task in (HESSIAN, SPARSE):
        return _hessian(result, problem.sizes).ravel()
    if task == JACOBIAN:
        rows = JACOBIAN_EXAMPLES * problem.args[1].shape[1]
        return np.concatenate([a.reshape(rows, -1) for a in arrays(result)], axis=1).ravel()
    return np.concatenate([a.ravel() for a in arrays(result)])


def arrays(result: Any) -> list[Array]:
    """The arrays in nests of lists and tuples, in order."""
    if isinstance(result, (list, tuple)):
        return [a for item in result for a in arrays(item)]
    if hasattr(result, "detach"):
        result = result.detach()
    if hasattr(result, "tocsr"):
        result = result.toarray() if result.shape[0] <= DENSE_LIMIT else result.data
    return [np.asarray(result)]


def _hessian(result: Any, sizes: list[int]) -> Array:
    found = arrays(result)
    if len(found) == 1:
        return found[0]
    blocks = iter(found)
    return np.block([[next(blocks).reshape(n, m) for m in sizes] for n in sizes])
