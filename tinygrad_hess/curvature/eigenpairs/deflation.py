"""An operator split into what a Krylov space sees of it, known exactly, and a remainder.

With Q an orthonormal basis and P = Q Qᵀ,

    A = P A + A P - P A P + (I - P) A (I - P)

Where the spectrum decays, the remainder is small, and so is the variance of what is estimated
from random probes of it. This is the idea of Hutch++, and it serves the trace, the diagonal and
the norm alike. In a Krylov space A Q is known already: a column costs one product, not two, and
large eigenvalues are caught better than by ``A Ω``.

References
----------
Meyer, Musco, Musco and Woodruff (2021), Hutch++: optimal stochastic trace estimation. Chen and
Hallman (2023), Krylov-aware stochastic trace estimation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..estimates.operands import Array, Counted
from ..estimates.probes import gaussians
from .lanczos import KrylovSpace

BLOCK = 4
"""Vectors that the space grows by: a few are multiplied faster than one by one."""

SKETCH = 48
"""Columns of Q where the number is not adapted."""

SKETCH_MEMORY = 512 * 2**20
"""Bytes of Q, at most."""

STREAM = 10**9
"""Where the random columns of the start begin, so that probes are independent of them."""


class Deflation:
    """A Krylov space that grows, and what lies outside it.

    Parameters
    ----------
    A : Counted
    most : int
        Columns that it may grow to; fewer where memory is short.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> split = Deflation(Counted(np.diag([5.0, 1.0, 0.0, 0.0]), "example"), 4, seed=0)
    >>> split.grow()
    >>> float(split.trace.round(12)), split.diagonal().round(12).tolist()
    (6.0, [5.0, 1.0, 0.0, 0.0])
    """

    def __init__(self, A: Counted, most: int, seed: int):
        self.A, self.seed = A, seed
        room = A.columns(SKETCH_MEMORY, min(4 * BLOCK, A.size))
        self.space = KrylovSpace(A, min(A.size, most + BLOCK, room))

    @property
    def columns(self) -> int:
        return self.space.known

    @property
    def next(self) -> int:
        """Products that :meth:`grow` would spend; 0 when there is no room."""
        space = self.space
        width = space.pending if space.known else min(BLOCK, space.capacity)
        return width if space.known + 2 * width <= space.capacity or not space.known else 0

    def grow(self) -> None:
        """Add a block of columns, at a product each."""
        if not self.space.total:
            columns = range(STREAM, STREAM + self.next)
            self.space.add(gaussians(self.A.size, columns, self.seed, self.A.dtype))
        self.space.expand()

    @property
    def Q(self) -> Array:  # noqa: N802 (a matrix)
        return self.space.V[:, : self.columns]

    @property
    def trace(self) -> Any:
        """Of the part that is known."""
        return np.trace(self.space.at.T)

    @property
    def squared_norm(self) -> float:
        """``‖A‖² - ‖(I - P) A (I - P)‖²``, in the Frobenius norm."""
        T, B, D = self.space.at
        return float((T**2).sum() + 2 * (B**2).sum() + 2 * (D**2).sum())

    def diagonal(self) -> Array:
        """Of the part that is known, shape (P,), in float64."""
        T, B, _ = self.space.at
        Q = self.Q.astype(np.float64)
        outside = self.space.V[:, self.columns : self.space.total] @ B
        return (Q * (Q @ T + 2 * outside)).sum(axis=1)

    def outside(self, X: Array) -> Array:
        """``(I - P) X``."""
        return X - self.Q @ (self.Q.T @ X) if self.columns else X

    def remainder(self, z: Array) -> Array:
        """``(I - P) A (I - P) z``, for the columns of z."""
        return self.outside(self.A.matmat(self.outside(z)))

    def remaining_forms(self, z: Array, Az: Array) -> Array:
        """``zᵀ (I - P) A (I - P) z`` from products that are known; at no cost for any Q."""
        W = (self.Q.T @ z).astype(np.float64)
        forms = np.einsum("ij,ij->j", z, Az, dtype=np.float64)
        return (
            forms - 2 * (W * (self.Q.T @ Az)).sum(axis=0) + (W * (self.space.at.T @ W)).sum(axis=0)
        )

    def remaining_square(self, Az: Array) -> float:
        """``‖(I - P) A (I - P)‖²`` in the Frobenius norm, estimated from products of random z."""
        squares = np.einsum("ij,ij->j", Az, Az, dtype=np.float64)
        inside = ((self.Q.T @ Az).astype(np.float64) ** 2).sum(axis=0)
        return float((squares - inside).mean() - (self.space.at.B**2).sum())

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return self.space.state()

    def restore(self, state: Any) -> None:
        """From :meth:`state`."""
        self.space.restore(state)
