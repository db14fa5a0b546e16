"""Any symmetric matrix as a linear operator that counts what is spent on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from .probes import gaussians

Array = np.ndarray[Any, Any]

BLOCK_MEMORY = 64 * 2**20
"""Bytes of vectors that are multiplied at a time."""


class Counted:
    """A symmetric operator in floating point, with a count of its products.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix
        Square and symmetric. The symmetry of an array is checked; that of an operator is its
        maker's promise.
    who : str
        The caller, for errors.

    Raises
    ------
    ValueError
        For an operator that is not square, an array that is not symmetric or not finite, or a
        product that is not finite.
    TypeError
        For a complex one.
    """

    def __init__(self, op: Any, who: str):
        self.who = who
        if isinstance(op, np.ndarray):
            _check_symmetric(op, who)
        self.op: LinearOperator = aslinearoperator(op)
        rows, columns = self.op.shape
        if rows != columns:
            raise ValueError(f"{who}: a symmetric operator is square, not of shape {self.op.shape}")
        if self.op.dtype is not None and self.op.dtype.kind == "c":
            raise TypeError(f"{who}: the operator is complex ({self.op.dtype}); it must be real")
        self.size = rows
        # float32 stays float32; what LAPACK and ARPACK do not take is widened.
        self.dtype = np.dtype(np.float32 if self.op.dtype == np.float32 else np.float64)
        self.eps = float(np.finfo(np.float32 if self.dtype == np.float32 else np.float64).eps)
        self.matvecs = 0

    def matvec(self, x: Array) -> Array:
        """One product, for x of shape (P,)."""
        y = self._finite(self.op.matvec(x))
        self.matvecs += 1  # an interrupted product does not count
        return y

    def matmat(self, X: Array) -> Array:
        """Products with the columns of X, shape (P, k)."""
        Y = self._finite(self.op.matmat(X))
        self.matvecs += X.shape[1]
        return Y

    def scale(self, seed: int) -> float:
        """The root mean square eigenvalue, estimated from one product."""
        z = gaussians(self.size, range(1), seed, self.dtype)[:, 0]
        return float(np.linalg.norm(self.matvec(z)) / np.linalg.norm(z))

    def dense(self) -> Array:
        """The matrix, shape (P, P), by products with the unit vectors."""
        out = np.empty((self.size, self.size), self.dtype)
        for columns in self.blocks(self.size):
            out[:, columns.start : columns.stop] = self.matmat(self.unit(columns))
        return out

    def unit(self, columns: range) -> Array:
        """Some columns of the identity matrix."""
        return np.eye(self.size, len(columns), -columns.start, dtype=self.dtype)

    @property
    def width(self) -> int:
        """How many vectors to multiply at a time, for bounded memory."""
        return max(1, BLOCK_MEMORY // (self.size * self.dtype.itemsize))

    def blocks(self, count: int, first: int = 0) -> Iterator[range]:
        """``count`` columns from ``first`` on, in blocks of bounded memory."""
        for at in range(first, first + count, self.width):
            yield range(at, min(at + self.width, first + count))

    def _finite(self, y: Any) -> Array:
        y = np.asarray(y, self.dtype)
        if not np.isfinite(y).all():
            raise ValueError(
                f"{self.who}: a product with the operator is not finite (NaN or infinity); is the "
                "loss finite at these parameters?"
            )
        return y


def check_positive(who: str, **options: float | None) -> None:
    """Refuse an option that is given and not positive (nor a NaN)."""
    for name, given in options.items():
        if given is not None and not given > 0:
            raise ValueError(f"{who}: {name} must be positive, got {given}")


def _check_symmetric(A: Array, who: str) -> None:
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"{who}: a symmetric matrix is square, not of shape {A.shape}")
    scale = np.abs(A).max(initial=0.0)
    eps = np.finfo(A.dtype).eps if A.dtype.kind == "f" else 0.0
    if not np.isfinite(scale):
        raise ValueError(f"{who}: the matrix holds NaN or infinity")
    if np.abs(A - A.T).max(initial=0.0) > 1e4 * eps * scale:
        raise ValueError(
            f"{who}: the matrix of shape {A.shape} is not symmetric; (A + A.T) / 2 is its "
            "symmetric part"
        )
