"""Extreme eigenvalues of a symmetric operator, each with a proof: its residual.

top_eigenpairs : operator -> Eigenpairs
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from .operands import Array, Counted

ENDS = ("LA", "SA", "LM", "BE")
SHIFTS = {"LA": 2.0, "SA": -2.0, "LM": 0.0, "BE": 2.0}
DENSE = 64
"""Up to this many parameters, LAPACK on the dense matrix is cheaper than iterating."""


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """Some eigenpairs of a symmetric operator.

    Attributes
    ----------
    values : ndarray, shape (k,)
        Eigenvalues, as Rayleigh quotients of the vectors.
    vectors : ndarray, shape (P, k)
        Orthonormal columns. ``HessianOperator.unflatten`` makes a tree of one.
    residuals : ndarray, shape (k,)
        ``‖H v - λ v‖`` for each pair.
    intervals : ndarray, shape (k, 2)
        ``λ ± residual``: each holds an eigenvalue for certain (up to rounding), since the operator
        is symmetric. Which one in the order it is, a residual cannot tell.
    matvecs : int
        Products spent.
    converged : bool
        Whether all pairs asked for were found to the tolerance.
    which : str
        The end of the spectrum asked for.
    """

    values: Array
    vectors: Array
    residuals: Array
    intervals: Array
    matvecs: int
    converged: bool
    which: str

    def __repr__(self) -> str:
        pairs = ", ".join(
            f"{v:.6g} ± {r:.1g}" for v, r in zip(self.values, self.residuals, strict=True)
        )
        state = "converged" if self.converged else "NOT converged"
        return f"Eigenpairs({self.which}: [{pairs}], {self.matvecs} products, {state})"

    def to_dict(self, vectors: bool = False) -> dict[str, Any]:
        """Plain Python values, for JSON; the vectors only on request."""
        out: dict[str, Any] = {
            "which": self.which,
            "values": self.values.tolist(),
            "residuals": self.residuals.tolist(),
            "intervals": self.intervals.tolist(),
            "matvecs": self.matvecs,
            "converged": self.converged,
        }
        if vectors:
            out["vectors"] = self.vectors.tolist()
        return out


def top_eigenpairs(
    op: Any,
    k: int = 5,
    which: str = "LA",
    *,
    tol: float = 1e-6,
    v0: Any = None,
    max_matvecs: int | None = None,
    seed: int = 0,
) -> Eigenpairs:
    """Extreme eigenpairs of a symmetric operator, with their residuals.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        Real and symmetric, such as a :class:`HessianOperator`.
    k : int
        How many pairs; at most P are returned.
    which : {"LA", "SA", "LM", "BE"}
        Largest or smallest by value, largest by magnitude, or both ends (half of them from each,
        one more from the top when k is odd). Values come in descending order for LA, in
        descending order of magnitude for LM, ascending for SA and BE.
    tol : float
        A pair has converged when ``‖H v - λ v‖ <= tol * max(|λ|, s)``, where s is the root mean
        square eigenvalue, estimated from one product. The error of λ is about the square of that
        where its neighbours are apart. In float32, tol is taken as at least 1.2e-5.
    v0 : ndarray, shape (P,) or (P, j), optional
        Where to start: the vectors of an earlier, similar operator (their sum is taken).
    max_matvecs : int, optional
        Products to spend at most; by default ``max(2000, 100 * k)``. At least ``2 * k + 6``.
    seed : int
        Of the random starting vectors.

    Returns
    -------
    Eigenpairs
        With ``converged=False`` and the pairs that did converge (perhaps none) when the products
        ran out.

    Raises
    ------
    ValueError
        For an unknown ``which``, a bad shape, a matrix that is not symmetric, too few products, or
        products that are not finite.

    Notes
    -----
    The work is done by ARPACK (implicitly restarted Lanczos), or by LAPACK on the dense matrix
    where P is at most ``max(64, 4 * k)``. Lanczos from one vector can miss copies of a repeated
    eigenvalue; for ``k > 1`` the complement of what was found is therefore searched too, at a cost
    of some 10 to 30 products, until it shows nothing that belongs among the pairs (or the products
    run out).

    References
    ----------
    Lehoucq, Sorensen and Yang (1998), ARPACK Users' Guide. Parlett (1998), The Symmetric
    Eigenvalue Problem, theorem 4.5.1 (the residual interval).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import top_eigenpairs
    >>> top = top_eigenpairs(np.diag([3.0, -4.0, 1.0]), k=2)
    >>> top.values
    array([3., 1.])
    >>> top_eigenpairs(np.diag([3.0, -4.0, 1.0]), k=1, which="LM").values
    array([-4.])
    """
    if which not in ENDS:
        raise ValueError(f"top_eigenpairs: which={which!r} is not one of {', '.join(ENDS)}")
    if k < 1:
        raise ValueError(f"top_eigenpairs: k must be at least 1, got {k}")
    if not tol > 0:
        raise ValueError(f"top_eigenpairs: tol must be positive, got {tol}")
    A = Counted(op, "top_eigenpairs")
    P, k = A.size, min(k, A.size)
    budget = max(2000, 100 * k) if max_matvecs is None else max_matvecs
    tol = max(tol, 100 * A.eps)
    if (max(DENSE, 4 * k) >= P or k >= P - 1) and budget >= P:
        return _dense(A, k, which)
    if budget < 2 * k + 6:
        raise ValueError(
            f"top_eigenpairs: max_matvecs={budget} is too few for k={k} pairs of {P} parameters; "
            f"give at least {min(2 * k + 6, P)}"
        )
    return _Iteration(A, k, which, tol=tol, budget=budget, seed=seed).run(_starting_vector(v0, P))


def _starting_vector(v0: Any, P: int) -> Array | None:
    if v0 is None:
        return None
    v = np.asarray(v0, float)
    if v.ndim not in (1, 2) or v.shape[0] != P or not np.isfinite(v).all():
        raise ValueError(
            f"top_eigenpairs: v0 of shape {v.shape} must be finite and of shape ({P},) or ({P}, j)"
        )
    v = v if v.ndim == 1 else v.sum(axis=1)
    norm = np.linalg.norm(v)
    return v / norm if norm > 0 else None


def _order(values: Array, k: int, which: str) -> Array:
    """The indices of the k values that ``which`` asks for, in the order it asks for."""
    ascending = np.argsort(values, kind="stable")
    if which == "LM":
        return np.argsort(-np.abs(values), kind="stable")[:k]
    if which == "LA":
        return ascending[::-1][:k]
    if which == "SA":
        return ascending[:k]
    low, high = k // 2, k - k // 2
    return np.r_[ascending[:low], ascending[len(values) - high :]]


def _result(
    A: Counted, vectors: Array, products: Array, *, wanted: int, which: str, allowed: Any
) -> Eigenpairs:
    """Rayleigh quotients and residuals of orthonormal ``vectors``, given ``A @ vectors``.

    ``allowed(values)`` are the residuals that count as converged.
    """
    values = np.einsum("ij,ij->j", vectors, products)
    order = _order(values, min(wanted, len(values)), which)
    values, vectors, products = values[order], vectors[:, order], products[:, order]
    residuals = np.linalg.norm(products - values * vectors, axis=0)
    # A vector is known up to its sign: make its largest component positive.
    if vectors.size:
        largest = np.abs(vectors).argmax(axis=0)
        signs = np.where(vectors[largest, np.arange(len(values))] < 0, -1, 1)
        vectors = vectors * signs.astype(vectors.dtype)
    return Eigenpairs(
        values=values,
        vectors=vectors,
        residuals=residuals,
        intervals=np.stack([values - residuals, values + residuals], axis=1),
        matvecs=A.matvecs,
        converged=bool(len(values) == wanted and (residuals <= allowed(values)).all()),
        which=which,
    )


def _dense(A: Counted, k: int, which: str) -> Eigenpairs:
    matrix = A.matmat(np.eye(A.size, dtype=A.dtype))
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    chosen = vectors[:, _order(values, k, which)]
    return _result(A, chosen, matrix @ chosen, wanted=k, which=which, allowed=lambda values: np.inf)


class _Iteration:
    """ARPACK on an operator of size one: what it works with is ``A / scale + shift``.

    ARPACK stops at ``tol * |θ|``, but never below a floor that is absolute; so the operator is
    scaled by the root mean square of its eigenvalues, and, where the order allows, shifted so that
    the wanted end is never near zero (a Hessian's smallest eigenvalue often is).
    """

    def __init__(self, A: Counted, k: int, which: str, *, tol: float, budget: int, seed: int):
        self.A, self.k, self.tol, self.budget = A, k, tol, budget
        self.which = which
        self.rng = np.random.default_rng(seed)
        z = self.rng.standard_normal(A.size).astype(A.dtype)
        self.scale = _norm(A.matvec(z)) / _norm(z)

    def run(self, start: Array | None) -> Eigenpairs:
        A, k = self.A, self.k
        if self.scale == 0:  # almost surely the zero operator: every vector is an eigenvector
            vectors = np.eye(A.size, k, dtype=A.dtype)
        else:
            which = "LA" if k == 1 and self.which == "BE" else self.which
            vectors = self._arpack(np.zeros((A.size, 0), A.dtype), k, which, start, reserve=k)
        products = A.matmat(vectors)
        if self.scale > 0 and k > 1 and vectors.shape[1] == k:
            vectors, products = self._search_the_complement(vectors, products)
        return _result(A, vectors, products, wanted=k, which=self.which, allowed=self._allowed)

    def _allowed(self, values: Any) -> Any:
        return self.tol * np.maximum(np.abs(values), self.scale)

    def _arpack(
        self,
        known: Array,
        k: int,
        which: str,
        start: Array | None,
        *,
        reserve: int,
        tol: float | None = None,
    ) -> Array:
        """Orthonormal vectors of up to k pairs, orthogonal to the columns of ``known``.

        ``reserve`` products are kept back of what may be spent.
        """
        A, P = self.A, self.A.size
        left = self.budget - A.matvecs - reserve - 1
        # Of the Krylov basis. ARPACK restarts at least once before it gives up, so leave room.
        least = 10 if known.shape[1] or start is not None else 20  # a good start needs less
        size = min(max(2 * k + 1, least), P, (left + k) // 2)
        if size < k + 2:
            return np.zeros((P, 0), A.dtype)
        shift = A.dtype.type(SHIFTS[which])
        scale = A.dtype.type(self.scale)

        def product(x: Array) -> Array:
            x = _outside(known, x.astype(A.dtype, copy=False).reshape(-1))
            return _outside(known, A.matvec(x) / scale + shift * x)

        # An exact eigenvector would end the recurrence at once, with nothing else found.
        noise = self.rng.standard_normal(P) / np.sqrt(P)
        start = noise if start is None else start + 1e-3 * noise
        try:
            _, vectors = eigsh(
                LinearOperator((P, P), matvec=product, dtype=A.dtype),
                k=k,
                which=which,
                v0=_outside(known, start.astype(A.dtype)),
                ncv=size,
                tol=(tol or self.tol) / 3,  # θ = λ/s ± 2, so |θ| is at most 3 max(|λ|/s, 1)
                maxiter=(left - size) // (size - k),
                **_seeded(self.rng),
            )
        except ArpackNoConvergence as stopped:
            vectors = stopped.eigenvectors
        except ArpackError:  # the recurrence broke down, and nothing came of it
            vectors = np.zeros((P, 0))
        vectors = _outside(known, np.asarray(vectors, A.dtype))
        # A vector that lay in the span of what is known is no new one.
        return np.linalg.qr(vectors[:, np.linalg.norm(vectors, axis=0) > 0.5])[0]

    def _search_the_complement(self, vectors: Array, products: Array) -> tuple[Array, Array]:
        """Add what a Krylov space of one vector cannot see: copies of repeated eigenvalues."""
        A = self.A
        for end in ("LA", "SA") if self.which == "BE" else (self.which,):
            for _ in range(self.k):
                found = self._arpack(vectors, 1, end, None, reserve=2, tol=1e-2)
                if found.shape[1] == 0:
                    break
                value = found[:, 0] @ A.matvec(found[:, 0])
                if not self._belongs(value, vectors, products, end):
                    break
                better = self._arpack(vectors, 1, end, found[:, 0], reserve=1)
                found = better if better.shape[1] else found
                vectors = np.concatenate([vectors, found], axis=1)
                products = np.concatenate([products, A.matmat(found)], axis=1)
        return vectors, products

    def _belongs(self, value: Any, vectors: Array, products: Array, end: str) -> bool:
        """Whether ``value`` lies further out than the innermost one that is now kept at ``end``."""
        values = np.einsum("ij,ij->j", vectors, products)
        count = self.k if self.which != "BE" else self.k // 2 + (self.k % 2 if end == "LA" else 0)
        innermost = values[_order(values, count, end)[-1]]
        further = {"LA": value - innermost, "SA": innermost - value}.get(
            end, abs(value) - abs(innermost)
        )
        return bool(further > self._allowed(innermost))


def _seeded(rng: np.random.Generator) -> dict[str, Any]:
    """What ARPACK draws from when a Krylov space ends early; older SciPy cannot be told."""
    return {"rng": rng} if "rng" in inspect.signature(eigsh).parameters else {}


def _outside(known: Array, x: Array) -> Array:
    """The part of x orthogonal to the columns of ``known``."""
    return x - known @ (known.T @ x) if known.shape[1] else x


def _norm(x: Array) -> float:
    return float(np.linalg.norm(x))
