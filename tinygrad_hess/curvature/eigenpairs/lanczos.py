"""A Krylov space of a symmetric operator that grows by blocks and can be compressed.

The basis V has two parts. Of the first p columns the products are known; the rest are *pending*:

    A V[:, :p] = V[:, :p] T + V[:, p:] B + (what was dropped, of norm D)

T is what the operator is on the space; its eigenpairs (θ, s) give the Ritz pairs (θ, V s), and
‖B s‖ is the residual. This form holds for one vector as for blocks, after a thick restart, after a
breakdown, and when vectors from outside are added at any time, so one class serves all of these.

References
----------
Wu and Simon (2000), Thick-restart Lanczos method for large symmetric eigenvalue problems. Parlett
(1998), The Symmetric Eigenvalue Problem, chapter 13.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import qr

from ...core.blas_threads import one_blas_thread

SHORT = 0.7
"""The part of a vector's length that must be left for it to be orthogonal after one pass."""

SMALL = 1e-2
"""Parts of residuals, relative to the largest, that are not worth a product of their own."""

ROWS = 2**15
"""Rows of the basis that are multiplied at a time when it is compressed in place."""


class Projection(NamedTuple):
    """What is known of the operator on the basis; replaced whole, so that it is always whole."""

    T: Any
    B: Any
    D: Any


@dataclass(frozen=True)
class Ritz:
    """Ritz pairs: values ascending, coefficients in the basis, bounds of the residual norms."""

    values: Any
    coefficients: Any
    residuals: Any


class KrylovSpace:
    """An orthonormal basis with full reorthogonalisation.

    Parameters
    ----------
    A : operator
        With ``size``, ``dtype``, ``eps``, ``who``, and ``matvec`` and ``matmat`` for its products;
        such as :class:`~tinygrad_hess.curvature.estimates.operands.Counted`.
    capacity : int
        Columns to make room for.

    Attributes
    ----------
    known, pending, total : int
        Columns with known products, columns that the next expansion multiplies, and all.
    at : Projection
        T, B and a D with the norms above, in float64; shapes (known, known), (pending, known),
        (any, known).
    whole : bool
        False while the basis is being rewritten; an interrupt then leaves nothing to use.
    noise : float
        How far the products were from those of one symmetric matrix: rounding, or an operator
        that is itself approximate. Part of every residual.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature.estimates.operands import Counted
    >>> space = KrylovSpace(Counted(np.diag([3.0, 2.0, 1.0]), "example"), capacity=3)
    >>> space.add(np.ones((3, 1)))
    1
    >>> while space.pending:
    ...     norms = space.expand()
    >>> space.ritz().values.round(12)
    array([1., 2., 3.])
    """

    def __init__(self, A: Any, capacity: int):
        self.A, self.capacity = A, capacity
        self.V = np.empty((A.size, capacity), A.dtype, order="F")
        self.at = Projection(np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)))
        self.whole = True
        self.norm = 0.0  # a lower bound of the operator's norm, for relative tests
        self.noise = 0.0

    @property
    def known(self) -> int:
        return self.at.T.shape[0]

    @property
    def pending(self) -> int:
        return self.at.B.shape[0]

    @property
    def total(self) -> int:
        return self.known + self.pending

    def add(self, X: Any) -> int:
        """Append the part of X, shape (P, j), that is new, as pending columns; return how many."""
        X = np.array(X, self.A.dtype, order="F")
        lengths = np.linalg.norm(X, axis=0)
        X = X[:, lengths > 0] / lengths[lengths > 0]
        _, lengths = self._orthogonalize(X)
        Q, _ = self._new_directions(X, lengths, threshold=1e-3)
        T, B, D = self.at
        self.V[:, self.total : self.total + Q.shape[1]] = Q
        self.at = Projection(T, np.concatenate([B, np.zeros((Q.shape[1], self.known))]), D)
        return Q.shape[1]

    def expand(self, count: int | None = None) -> Any:
        """Multiply the first ``count`` pending columns, or all; what is new becomes pending.

        Returns the norms of the products, shape (count,).
        """
        A, p = self.A, self.known
        X = self.V[:, p : self.total if count is None else p + count]
        W = A.matvec(X[:, 0])[:, None] if X.shape[1] == 1 else A.matmat(X)
        with one_blas_thread:  # others would go on spinning, and slow the next product
            return self._add_products(np.array(W, A.dtype, order="F"))

    def _add_products(self, W: Any) -> Any:
        """Take in the products of the first pending columns."""
        A, p, n = self.A, self.known, self.total
        q = p + W.shape[1]
        lengths = _lengths(W)
        self.norm = max(self.norm, float(lengths.max(initial=0.0)))
        C = self._subtract_known(W)
        more, left = self._orthogonalize(W)
        C += more
        self._check_symmetry(C[:q])
        T = np.empty((q, q))
        T[:p, :p] = self.at.T
        T[:p, p:] = C[:p]  # Bᵀ, but where something was dropped
        T[p:, :p] = T[:p, p:].T
        T[p:, p:] = (C[p:q] + C[p:q].T) / 2
        # Below the rounding of the products there is nothing but rounding.
        Q, R = self._new_directions(W, left, threshold=10 * A.eps * self.norm)
        waiting = n - q  # columns that were pending, and are still
        B = np.zeros((waiting + Q.shape[1], q))
        B[:waiting, :p], B[:waiting, p:], B[waiting:, p:] = self.at.B[q - p :], C[q:], R
        D = np.zeros((len(self.at.D), q))
        D[:, :p] = self.at.D
        room = self.capacity - n
        if Q.shape[1] > room:  # what has no room is error
            Q, B, D = Q[:, :room], B[: waiting + room], _combined_errors(D, B[waiting + room :])
        self.V[:, n : n + Q.shape[1]] = Q
        self.at = Projection(T, B, D)
        return lengths

    def turn(self, S: Any) -> int:
        """Turn the pending columns so that the first ones span the residuals of the Ritz vectors
        with coefficients S; return how many these are, but for what is small.
        """
        T, B, D = self.at
        with one_blas_thread:
            U, sizes, _ = np.linalg.svd(B @ S)
        p, n = self.known, self.total
        self.whole = False
        self.V[:, p:n] = self.V[:, p:n] @ U.astype(self.A.dtype)
        self.at = Projection(T, U.T @ B, D)
        self.whole = True
        return int((sizes > SMALL * sizes.max(initial=0.0)).sum()) or self.pending

    def ritz(self) -> Ritz:
        """All Ritz pairs of the part with known products."""
        with one_blas_thread:  # more make small matrices slower, on a busy machine a hundred times
            values, S = np.linalg.eigh(self.at.T)
            return Ritz(values, S, self.residuals(S))

    def residuals(self, S: Any, first: int = 0) -> Any:
        """Residual norms of Ritz vectors that combine the columns from ``first`` on."""
        _, B, D = self.at
        known = [M[:, first:] @ S for M in (B, D) if len(M)]
        return sum(map(_lengths, known), np.full(S.shape[1], self.noise))

    def vectors(self, S: Any) -> Any:
        """``V s`` for coefficients S, shape (known, j)."""
        return self.V[:, : self.known] @ S.astype(self.A.dtype)

    def compress(self, S: Any) -> None:
        """Keep only the span of the Ritz vectors with coefficients S, and the pending columns."""
        p, q, b = self.known, S.shape[1], self.pending
        small = S.astype(self.A.dtype)
        self.whole = False
        for first in range(0, self.A.size, ROWS):
            rows = slice(first, first + ROWS)
            self.V[rows, :q] = self.V[rows, :p] @ small
        self.V[:, q : q + b] = self.V[:, p : p + b].copy()
        T, B, D = self.at
        self.at = Projection(S.T @ T @ S, B @ S, D @ S)
        self.whole = True

    def drop_pending(self) -> None:
        """Forget the pending columns, but not what they say about the residuals."""
        T, B, D = self.at
        self.at = Projection(T, np.zeros((0, self.known)), _combined_errors(D, B))

    def reopen(self, S: Any) -> None:
        """Keep only the span of these vectors, and multiply them again: nothing is dropped then."""
        self.compress(S)
        none = np.zeros((0, 0))
        self.at = Projection(none, np.zeros((self.total, 0)), none)

    def state(self) -> dict[str, Any]:
        """Everything, as arrays and numbers."""
        return {
            "V": self.V[:, : self.total],
            **self.at._asdict(),
            "norm": self.norm,
            "noise": self.noise,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """The converse of :meth:`state`."""
        self.norm, self.noise = float(state["norm"]), float(state["noise"])
        self.V[:, : state["V"].shape[1]] = state["V"]
        self.at = Projection(state["T"], state["B"], state["D"])

    # ---- orthogonality ---------------------------------------------------------------------------

    def _subtract_known(self, W: Any) -> Any:
        """Subtract from the products W of the pending columns what T and B say of them.

        That is nearly all of their part in the basis, in the last few columns, where B is not zero,
        and in the pending ones. One pass over the whole basis is then enough.
        """
        p, n = self.known, self.total
        B = self.at.B[: W.shape[1]]
        C = np.zeros((n, W.shape[1]))
        first = int(B.any(axis=0).argmax()) if B.any() else p
        if 2 * (n - first) > n:
            return C  # after a restart: no fewer than all
        C[first:p] = B.T[first:]
        C[p:] = self.V[:, p:n].T @ W
        W -= self.V[:, first:n] @ C[first:].astype(W.dtype)
        return C

    def _orthogonalize(self, W: Any) -> tuple[Any, Any]:
        """Subtract from W, in place, its part in the basis; return that part, and the lengths that
        are left.

        What rounding leaves of it is small beside what is left of W unless most of W was
        subtracted: then once more, and twice is enough.
        """
        V = self.V[:, : self.total]
        C = np.zeros((self.total, W.shape[1]))
        before = _lengths(W)
        for _ in range(2):
            c = V.T @ W
            W -= V @ c
            C += c
            after = _lengths(W)
            if (after >= SHORT * before).all():
                break
            before = after
        return C, after

    def _new_directions(self, W: Any, sizes: Any, threshold: float) -> tuple[Any, Any]:
        """Q orthonormal and orthogonal to the basis, and R, with W = Q R to the threshold.

        W is orthogonal to the basis but for rounding, and its columns have these sizes.
        """
        if W.shape[1] <= 1:
            if not (sizes > threshold).any() or self.total == self.A.size:
                return W[:, :0], np.zeros((0, W.shape[1]))
            return W / sizes.astype(W.dtype), sizes[:, None]
        Q, R, order = qr(W, mode="economic", pivoting=True, check_finite=False)
        sizes = np.abs(np.diagonal(R))
        rank = min(int((sizes > threshold).sum()), self.A.size - self.total)
        Q, back = np.asfortranarray(Q[:, :rank]), np.argsort(order)
        # Where W was short, its rounding is long in Q, and not yet orthogonal to the basis.
        short = rank > 0 and sizes[rank - 1] < 0.1 * sizes[0]
        if short and np.abs(self._orthogonalize(Q)[0]).max(initial=0.0) > 10 * self.A.eps:
            Q = np.linalg.qr(Q)[0]
        return Q, R[:rank, back].astype(np.float64)

    def _check_symmetry(self, C: Any) -> None:
        p = self.known
        old, new = C[:p] - self.at.B[: C.shape[1]].T, C[p:] - C[p:].T
        found = math.hypot(np.linalg.norm(old), np.linalg.norm(new) / math.sqrt(2))
        expected = float(np.linalg.norm(self.at.D))
        if found > 0.1 * self.norm + expected:
            raise ValueError(
                f"{self.A.who}: the operator is not symmetric, or changes from product to product: "
                f"uᵀAv and vᵀAu differ by {found:.1e}, beside a norm of {self.norm:.1e}. If it is "
                "the Hessian of a loss with dropout or shuffled data, switch that off."
            )
        if found > expected:
            self.noise = float(np.hypot(self.noise, found))


def _lengths(W: Any) -> Any:
    """Norms of columns."""
    return np.sqrt(np.einsum("ij,ij->j", W, W, dtype=np.float64))


def _combined_errors(D: Any, B: Any) -> Any:
    """M with ``‖M s‖ >= ‖D s‖ + ‖B s‖``: the errors need not be orthogonal."""
    stacked = np.concatenate([D, B]) * (2**0.5 if D.any() and B.any() else 1)
    return np.linalg.qr(stacked)[1] if stacked.size else stacked
