"""An operator at a point, with the gradient there.

with_gradient : operator, gradient or None -> Counted, (P,)
vector_like   : operator, tree or vector -> (P,)
scaled        : operator, diagonal D -> D op D
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ...core import arguments
from ..estimates.operands import Array, Counted

NUMBER = (int, float, np.generic)


def with_gradient(op: Any, gradient: Any, who: str) -> tuple[Counted, Array]:
    """An operator that counts, and the gradient: the one given or the operator's own."""
    A = Counted(op, who)
    if gradient is None:
        gradient = getattr(op, "gradient", None)
        if gradient is None:
            raise TypeError(
                f"{who}: {type(op).__name__} has no gradient; give gradient= beside it, or a "
                "HessianOperator"
            )
    return A, vector_like(op, gradient, A.size, who, "the gradient")


def vector_like(op: Any, given: Any, size: int, who: str, what: str) -> Array:
    """A vector of shape (size,), perhaps from a tree like the operator's parameters."""
    numbers = isinstance(given, list) and all(isinstance(x, NUMBER) for x in given)
    if (isinstance(given, np.ndarray) or numbers) and np.shape(given) == (size,):
        vector = arguments.array(who, what, given)
    elif hasattr(op, "unflatten"):
        vector = op.flatten(given)
    else:
        shape = arguments.array(who, what, given).shape
        raise ValueError(f"{who}: {what} has shape {shape}; it must be ({size},)")
    if vector.dtype.kind == "c":
        raise TypeError(f"{who}: {what} is complex ({vector.dtype}); it must be real")
    if vector.dtype.kind != "f":
        vector = vector.astype(float)
    if not np.isfinite(vector).all():
        raise ValueError(f"{who}: {what} holds NaN or infinity")
    return vector


def scaled(op: Any, diagonal: Array) -> LinearOperator:
    """``D op D`` for a diagonal D, given as its elements."""
    d = np.asarray(diagonal)

    def times(X: Array) -> Array:
        rows = d if X.ndim == 1 else d[:, None]
        return rows * (op @ (rows * X))

    return LinearOperator(
        op.shape, matvec=times, matmat=times, rmatvec=times, rmatmat=times, dtype=op.dtype
    )
