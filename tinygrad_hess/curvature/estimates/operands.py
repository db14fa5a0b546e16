"""Any symmetric matrix as a linear operator that counts what is spent on it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from ...core import arguments
from .interrupts import let_through
from .probes import gaussians

Array = np.ndarray[Any, Any]

BLOCK_MEMORY = 64 * 2**20
"""Bytes of vectors that are multiplied at a time."""

AT_WORK = 5
"""Times a block of vectors that it takes to multiply it: the block, its products, sums of these."""


MATRICES = 5
"""Matrices in float64 that it takes to find the eigenvectors of one, that one included."""


class Counted:
    """A symmetric operator in floating point, with a count of its products.

    Estimators square what they get, and squares of numbers beyond 1e154 or below 1e-154 are lost.
    So products are divided by ``unit``, a power of two of their size; an estimator multiplies its
    results by it at the end. It is 1 where the size is not extreme, and until the first product
    that is not zero.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix
        Square and symmetric. The symmetry of an array is checked; that of an operator is its
        maker's promise.
    who : str
        The caller, for errors.

    Attributes
    ----------
    size : int
        P.
    dtype : dtype
    eps : float
    unit : float
    matvecs : int
    vector_memory : VectorMemory or None
        What an operator with a ``memory_limit`` leaves for vectors.

    Raises
    ------
    ValueError
        For an operator that is not square, an array that is not symmetric or not finite, or a
        product that is not finite.
    TypeError
        For a complex one.

    Examples
    --------
    >>> A = Counted(np.diag([3e200, 1e200]), "example")
    >>> y = A.matvec(np.ones(2))
    >>> bool(0.5 < y[0] < 2), (A.unit * y).tolist(), A.matvecs
    (True, [3e+200, 1e+200], 1)
    """

    def __init__(self, op: Any, who: str):
        self.who = who
        if isinstance(op, np.ndarray):
            op = arguments.array(who, "op", op)
            _check_symmetric(op, who)
        self.op: LinearOperator = as_operator(op, who)
        self.vector_memory = getattr(self.op, "vector_memory", None)
        rows, columns = self.op.shape
        if rows != columns:
            raise ValueError(f"{who}: a symmetric operator is square, not of shape {self.op.shape}")
        if self.op.dtype is not None and self.op.dtype.kind == "c":
            raise TypeError(f"{who}: the operator is complex ({self.op.dtype}); it must be real")
        self.size = rows
        # float32 stays float32; what LAPACK and ARPACK do not take is widened.
        self.dtype = np.dtype(np.float32 if self.op.dtype == np.float32 else np.float64)
        limits = np.finfo(np.float32 if self.dtype == np.float32 else np.float64)
        self.eps = float(limits.eps)
        self.matvecs = 0
        self._exponent: int | None = None  # of the unit; None until it is known
        # Fifth powers of numbers of these exponents, to the base of 2, are in the range of floats.
        self._moderate = int(limits.maxexp) // 5

    @property
    def unit(self) -> float:
        """What products are divided by."""
        return 2.0 ** (self._exponent or 0)

    def matvec(self, x: Array) -> Array:
        """One product over the unit, for x of shape (P,)."""
        with let_through():
            y = self.op.matvec(x)
        y = self._normalized(y, x)
        self.matvecs += 1  # an interrupted product does not count
        return y

    def matmat(self, X: Array) -> Array:
        """Products with the columns of X, shape (P, k), over the unit."""
        with let_through():
            Y = self.op.matmat(X)
        Y = self._normalized(Y, X)
        self.matvecs += X.shape[1]
        return Y

    def scale(self, seed: int) -> float:
        """The root mean square eigenvalue over the unit, estimated from one product."""
        z = gaussians(self.size, range(1), seed, self.dtype)[:, 0]
        return float(np.linalg.norm(self.matvec(z)) / np.linalg.norm(z))

    @functools.cached_property
    def fingerprint(self) -> Array:
        """A few numbers that tell operators apart: sums of parts of one product, made once."""
        y = self.matvec(gaussians(self.size, range(1), 20_090, self.dtype)[:, 0])
        starts = np.linspace(0, self.size, min(self.size, 16), endpoint=False).astype(int)
        return np.add.reduceat(y.astype(np.float64), starts)

    def unit_vectors(self, columns: range) -> Array:
        """Some columns of the identity matrix."""
        return np.eye(self.size, len(columns), -columns.start, dtype=self.dtype)

    @property
    def width(self) -> int:
        """How many vectors to multiply at a time, for bounded memory."""
        size = self.size * self.dtype.itemsize
        limit = self.vector_memory
        room = BLOCK_MEMORY if limit is None else min(BLOCK_MEMORY, limit.share // 2 // AT_WORK)
        return max(1, room // size)

    def columns(self, memory: int, least: int) -> int:
        """How many vectors to keep: what fits into ``memory``, but not fewer than ``least``.

        Raises
        ------
        ValueError
            When the operator has a ``memory_limit`` which so few do not fit.
        """
        size = self.size * self.dtype.itemsize
        found, limit = max(least, memory // size), self.vector_memory
        return found if limit is None else min(found, limit.columns(self.who, size, least))

    @property
    def holds_matrix(self) -> bool:
        """Whether the whole matrix, and what LAPACK makes of it, is within a ``memory_limit``."""
        limit = self.vector_memory
        return limit is None or MATRICES * 8 * self.size**2 <= limit.share

    def blocks(self, count: int, first: int = 0) -> Iterator[range]:
        """``count`` columns from ``first`` on, in blocks of bounded memory."""
        for at in range(first, first + count, self.width):
            yield range(at, min(at + self.width, first + count))

    def normalized(self, y: Array, scale: float = 1.0) -> Array:
        """``y`` over the unit, for numbers of the operator; the first that are not zero set it.

        ``scale`` is the size of what the operator was multiplied with.
        """
        size = float(max(y.max(initial=0), -y.min(initial=0)))  # NaN, if there is one
        if not math.isfinite(size):
            raise ValueError(
                f"{self.who}: a product with the operator is not finite (NaN or infinity); is the "
                f"loss finite at these parameters?{self._of_range()}"
            )
        if self._exponent is None:
            if size == 0:
                return y
            exponent = math.frexp(size)[1] - math.frexp(scale)[1]
            extreme = abs(exponent) > self._moderate
            self._exponent = min(max(exponent, -1022), 1022) if extreme else 0
        if math.frexp(size)[1] - self._exponent > 2 * self._moderate:
            raise ValueError(
                f"{self.who}: products with the operator range from about {self.unit:.1g} to "
                f"{size:.1g}, too far apart for {self.dtype}"
            )
        return np.ldexp(y, -self._exponent) if self._exponent else y

    def _of_range(self) -> str:
        """What numbers of a narrow type may have done, in a sentence."""
        if self.dtype != np.float32:
            return ""
        return (
            f" Numbers of float32 end at {np.finfo(np.float32).max:.2g}: with dtype=np.float64, "
            "the operator tells overflow from a loss that diverged."
        )

    def _normalized(self, y: Any, x: Array) -> Array:
        y = np.asarray(y, self.dtype)
        known = self._exponent is not None
        return self.normalized(y, 1.0 if known else float(np.abs(x).max(initial=0.0)) or 1.0)


def over_unit(x: float, A: Counted | None) -> float:
    """A user's number, such as a tolerance, over the unit of ``A``; infinite where too large."""
    return x if A is None or x == 0 else float(np.divide(x, A.unit))


def check_positive(who: str, **options: float | None) -> None:
    """Refuse an option that is given and not positive (nor a NaN)."""
    for name, given in options.items():
        if given is not None:
            arguments.number(who, name, given, above=0, infinite=True)


def as_operator(op: Any, who: str, name: str = "op") -> LinearOperator:
    """An operator, an array or a sparse matrix, as an operator."""
    try:
        return aslinearoperator(
            arguments.array(who, name, op) if isinstance(op, np.ndarray) else op
        )
    except (TypeError, ValueError):
        raise TypeError(
            f"{who}: {name} must be a LinearOperator (such as a HessianOperator), a square array "
            f"or a sparse matrix, got {arguments.shown(op)}"
        ) from None


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
