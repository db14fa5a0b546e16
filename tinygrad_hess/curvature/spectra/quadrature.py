"""Gauss quadrature of a spectrum from Lanczos recurrences: the kernel of what samples spectra.

For a symmetric A and a unit vector z, the spectral measure of z puts the weight (qᵢ·z)² at the
eigenvalue λᵢ. After m Lanczos steps from z, the tridiagonal matrix T holds the m-point Gauss rule
of that measure: its nodes are the eigenvalues of T, its weights the squared first components of
their eigenvectors. The rule is exact for polynomials of degree up to 2m - 1.

Recurrences : operator, starting vectors -> T of each     gauss : T -> Rule
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh_tridiagonal

from ...core.blas_threads import one_blas_thread
from ..eigenpairs.lanczos import SHORT
from ..estimates.operands import Array, Counted
from .orthogonality import Orthogonality


@dataclass(frozen=True, eq=False)
class Rule:
    """A quadrature rule of the spectral measure of one vector.

    Attributes
    ----------
    nodes : ndarray, shape (m,)
        Ascending Ritz values.
    weights : ndarray, shape (m,)
    residuals : ndarray, shape (m,)
        Of the Ritz pairs: an eigenvalue lies within each ``node ± residual``, and where the
        residual vanishes the measure has a point mass, equal to the weight.
    """

    nodes: Array
    weights: Array
    residuals: Array

    def without(self, removed: Array, total: float) -> Rule:
        """The rule without the nodes where ``removed`` is true, its weights summing to total."""
        kept = self.weights[~removed]
        left = float(kept.sum())
        scale = total / left if left > 0 else 0.0
        return Rule(self.nodes[~removed], kept * scale, self.residuals[~removed])


def gauss(alpha: Array, beta: Array) -> tuple[Rule, Array]:
    """The Gauss rule of a tridiagonal matrix, and the matrix's eigenvectors as columns.

    Parameters
    ----------
    alpha : ndarray, shape (m,)
        The diagonal.
    beta : ndarray, shape (m,)
        Beside it; the last number is the norm of what the recurrence goes on with.

    Examples
    --------
    >>> rule, _ = gauss(np.array([0.0, 0.0]), np.array([1.0, 0.0]))
    >>> rule.nodes, rule.weights
    (array([-1.,  1.]), array([0.5, 0.5]))
    """
    nodes, vectors = eigh_tridiagonal(alpha, beta[:-1], check_finite=False)
    return Rule(nodes, vectors[0] ** 2, beta[-1] * np.abs(vectors[-1])), vectors


def tridiagonal(rule: Rule) -> tuple[Array, Array]:
    """The tridiagonal matrix that a rule belongs to, as (alpha, beta): the inverse of `gauss`.

    By Lanczos on the diagonal matrix of the nodes. Nodes of no weight are left out.
    """
    kept = rule.weights > 1e-26 * rule.weights.sum()
    nodes, q = rule.nodes[kept], np.sqrt(rule.weights[kept])
    q = q / np.linalg.norm(q)
    m = len(nodes)
    basis = np.zeros((m, m))
    alpha, beta = np.zeros(m), np.zeros(m)
    for j in range(m):
        basis[j] = q
        w = nodes * q
        alpha[j] = q @ w
        for _ in range(2):
            w -= (basis[: j + 1] @ w) @ basis[: j + 1]
        beta[j] = np.linalg.norm(w)
        if j + 1 == m or beta[j] == 0:
            return alpha[: j + 1], np.r_[beta[:j], 0.0]
        q = w / beta[j]
    raise AssertionError("the loop returns at its last step")


def mass_bounds(rule: Rule, x: float, resolved: Array) -> tuple[float, float]:
    """Bounds on the mass of the measure at or below x, for certain up to rounding.

    The nodes where ``resolved`` is true are point masses. For the rest, the Chebyshev-Markov-
    Stieltjes inequalities hold in the rule that has a node at x, which no other rule of that
    degree can better.

    References
    ----------
    Golub and Meurant (2010), Matrices, Moments and Quadrature, sections 6.2 (the rule with a
    prescribed node). Akhiezer (1965), The Classical Moment Problem, section 2.5 (the bounds).

    Examples
    --------
    >>> rule = Rule(np.array([-1.0, 1.0]), np.array([0.5, 0.5]), np.ones(2))
    >>> mass_bounds(rule, 0.0, np.zeros(2, bool))
    (0.0, 1.0)
    >>> mass_bounds(rule, 0.0, np.ones(2, bool))
    (0.5, 0.5)
    """
    certain = float(rule.weights[resolved & (rule.nodes <= x)].sum())
    rest = Rule(rule.nodes[~resolved], rule.weights[~resolved], rule.residuals[~resolved])
    total = float(rest.weights.sum())
    if total <= 0:
        return certain, certain
    if len(rest.nodes) == 1:  # one moment and no more: the mass may lie anywhere
        return certain, certain + total
    alpha, beta = tridiagonal(rest)
    alpha = alpha.copy()
    m = len(alpha)
    if m == 1:
        return certain, certain + total
    # The last diagonal entry such that x is an eigenvalue, by the ratios of the polynomials at x.
    scale = float(np.abs(rest.nodes - x).max())
    tiny = np.finfo(float).eps * scale or 1.0
    pivot = alpha[0] - x
    for j in range(1, m):
        pivot = pivot if abs(pivot) > tiny else tiny
        shift = beta[j - 1] ** 2 / pivot
        if j < m - 1:
            pivot = alpha[j] - x - shift
        else:
            alpha[j] = x + shift
    fixed, _ = gauss(alpha, beta)
    at = int(np.abs(fixed.nodes - x).argmin())
    below = float(fixed.weights[:at].sum()) * total
    return certain + below, certain + below + float(fixed.weights[at]) * total


def dot(x: Array, y: Array) -> float:
    """The inner product, its sum in float64: in float32 a million terms would cost two digits."""
    return float(np.einsum("i,i->", x, y, dtype=np.float64))


class Recurrences:
    """Lanczos recurrences from several vectors, side by side, with partial reorthogonalisation.

    Side by side they share the passes over the data: one step is one block of products. Each is
    kept orthogonal to all of its basis to about the root of the rounding, which is enough for a
    tridiagonal matrix that is exact to rounding and has no ghosts (copies of an eigenvalue that
    rounding makes); see :class:`~.orthogonality.Orthogonality`.

    Parameters
    ----------
    A : Counted
    Z : ndarray, shape (P, b)
        Where to start, not zero; in A's dtype.
    steps : int
        At most; P or fewer.
    against : ndarray, shape (P, k), optional
        Orthonormal columns, spanning an invariant subspace to stay orthogonal to.
    """

    def __init__(self, A: Counted, Z: Array, steps: int, against: Array | None = None):
        P, b = Z.shape
        self.A = A
        self.against = np.zeros((P, 0), A.dtype) if against is None else against
        Z = Z - self.against @ (self.against.T @ Z)
        Z = Z - self.against @ (self.against.T @ Z)
        # One row more than steps: the vector that a recurrence would go on with.
        self.basis = np.empty((b, min(steps, P) + 1, P), A.dtype)
        self.alpha = np.zeros((b, min(steps, P)))
        self.beta = np.zeros_like(self.alpha)
        self.lengths = np.zeros(b, int)
        self.ended = np.zeros(b, bool)
        self.orthogonality = [Orthogonality(min(steps, P), P, A.eps) for _ in range(b)]
        self.steps = 0
        norms = np.array([dot(z, z) for z in Z.T]) ** 0.5
        self.basis[:, 0] = (Z / np.where(norms > 0, norms, 1).astype(A.dtype)).T

    @property
    def live(self) -> Array:
        """The recurrences that have not ended in an invariant subspace, shape (number,)."""
        return np.flatnonzero(~self.ended)

    def advance(self) -> None:
        """One step of all that have not ended, in one block of products."""
        j, live = self.steps, self.live
        products = self.A.matmat(np.ascontiguousarray(self.basis[live, j]).T)
        with one_blas_thread:  # others would go on spinning, and slow the next products
            for i, w in zip(live, np.ascontiguousarray(products.T)):
                self._absorb(i, w)
        self.steps += 1

    def _absorb(self, i: int, w: Array) -> None:
        """Take in the product of the last vector of recurrence i."""
        j, Q = self.steps, self.basis[i, : self.steps + 1]
        limit = self.basis.shape[2] - self.against.shape[1]  # no larger space is left
        size = dot(w, w) ** 0.5
        self.alpha[i, j] = dot(Q[j], w)
        # The recurrence itself leaves little to take out of w: mostly one pass is enough.
        w -= self.A.dtype.type(self.alpha[i, j]) * Q[j]
        if j:
            w -= self.A.dtype.type(self.beta[i, j - 1]) * Q[j - 1]
        norm = dot(w, w) ** 0.5
        tracked = self.orthogonality[i]
        window = tracked.lost(self.alpha[i, : j + 1], self.beta[i, :j], norm)
        nearest = Q[max(j - 1, window.stop, 0) :]
        for repeated in range(2):
            if self.against.size:
                w -= self.against @ (self.against.T @ w)
            if window.stop:
                found = Q[window] @ w
                w -= found @ Q[window]
                if not repeated and norm > 0:
                    tracked.restored(window, found / norm)
            w -= (nearest @ w) @ nearest
            before, norm = norm, dot(w, w) ** 0.5
            if norm >= SHORT * before:
                break
        tracked.advance(j)
        self.lengths[i] = j + 1
        before = self.beta[i, :j].max(initial=0.0)
        scale = max(size, before, float(np.abs(self.alpha[i, : j + 1]).max()))
        if norm <= 10 * self.A.eps * scale or j + 1 >= limit:
            self.ended[i] = True
        else:
            self.beta[i, j] = norm
            self.basis[i, j + 1] = w / self.A.dtype.type(norm)

    def tridiagonal(self, i: int) -> tuple[Array, Array]:
        """``(alpha, beta)`` of recurrence i, for :func:`gauss`."""
        m = self.lengths[i]
        return self.alpha[i, :m], self.beta[i, :m]

    def ritz_vectors(self, i: int, coordinates: Array) -> Array:
        """Columns in the space of recurrence i, shape (P, k), from coordinates (m, k)."""
        m = self.lengths[i]
        return self.basis[i, :m].T @ coordinates.astype(self.A.dtype)

    # ---- saved and restored ----------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Arrays from which :meth:`restore` goes on."""
        return {
            "basis": self.basis[:, : self.steps + 1],
            "alpha": self.alpha,
            "beta": self.beta,
            "lengths": self.lengths,
            "ended": self.ended,
            "orthogonality": np.array([tracked.state() for tracked in self.orthogonality]),
        }

    def restore(self, state: dict[str, Array]) -> None:
        """Go on from a :meth:`state`."""
        self.steps = state["basis"].shape[1] - 1
        self.basis[:, : self.steps + 1] = state["basis"]
        self.alpha[...], self.beta[...] = state["alpha"], state["beta"]
        self.lengths[...], self.ended[...] = state["lengths"], state["ended"]
        for tracked, saved in zip(self.orthogonality, state["orthogonality"], strict=True):
            tracked.restore(saved)
