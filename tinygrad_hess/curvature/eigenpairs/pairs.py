"""Eigenpairs with their residuals and intervals: the result of every method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.plotting import BLUE, GREY, axes
from ..estimates.budget import Budget
from ..estimates.dense import dense_matrix
from ..estimates.operands import Array, Counted, over_unit
from ..estimates.result import Result
from .ends import gap_intervals, order
from .restarted import Accuracy


@dataclass(frozen=True, eq=False)
class Eigenpairs(Result, omitted=("start",), on_request=("vectors",)):
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
    gap_intervals : ndarray, shape (k, 2)
        Much narrower bounds of the same eigenvalues, by Temple and Kato: the error is about
        ``residual² / gap``. They hold when no eigenvalue close by was missed.
    matvecs : int
        Products spent.
    converged : bool
        Whether all pairs asked for were found to the accuracy asked for, and copies of repeated
        eigenvalues were looked for where they matter.
    which : str
        The end of the spectrum asked for, or "near σ".
    exact : bool
        Whether the dense matrix was diagonalised, so that nothing can be missing.
    method : str
        "Lanczos", "dense", "folded Lanczos" or "eigsh".
    seconds : float
    seed : int
    start : ndarray, shape (P, j)
        What to give as ``v0`` at a point nearby: the vectors and, from Lanczos, one more, which
        tells the last pair from what follows it.
    reason : str
        Why ``converged`` is False and what to do; otherwise empty. Pairs that are not accurate
        yet are still given: their residuals say how far they are.
    """

    values: Array
    vectors: Array
    residuals: Array
    intervals: Array
    gap_intervals: Array
    matvecs: int
    converged: bool
    which: str
    start: Array
    exact: bool = False
    method: str = ""
    seconds: float = 0.0
    seed: int = 0
    reason: str = ""

    def __repr__(self) -> str:
        pairs = ", ".join(
            f"{v:.6g} ± {r:.1g}" for v, r in zip(self.values, self.residuals, strict=True)
        )
        state = "converged" if self.converged else f"NOT converged: {self.reason}"
        return f"Eigenpairs({self.which}: [{pairs}], {self.matvecs} products, {state})"

    def plot(self, ax: Any = None) -> Any:
        """Draw the values in their order, with the certain intervals; return matplotlib axes."""
        ax = axes(ax)
        rank = np.arange(1, len(self.values) + 1)
        ax.errorbar(rank, self.values, yerr=self.residuals, fmt="o", color=BLUE, capsize=3)
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.set_xticks(rank if len(rank) <= 20 else rank[:: len(rank) // 10])
        ax.set_xlabel(f"rank ({self.which})")
        ax.set_ylabel("eigenvalue ± residual")
        return ax


@dataclass(frozen=True)
class Assembly:
    """What the results of all methods share; they give values over ``A.unit``."""

    A: Counted
    k: int
    which: str
    sigma: float | None
    budget: Budget
    seed: int

    def of_dense(self) -> Eigenpairs:
        """Everything, by LAPACK."""
        A = self.A
        matrix = dense_matrix(A, self.budget)
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        chosen = vectors[:, self._order(values)]
        return self.of_vectors(chosen, "dense", products=matrix @ chosen)

    def of_vectors(
        self,
        vectors: Array,
        method: str,
        asked: Accuracy | None = None,
        scale: float = 0.0,
        reason: str = "",
        products: Array | None = None,
    ) -> Eigenpairs:
        """Rayleigh quotients and residuals of orthonormal ``vectors``, from their products."""
        if products is None:
            products = self.A.matmat(vectors) if vectors.shape[1] else vectors
        values = np.einsum("ij,ij->j", vectors, products)
        first = self._order(values)
        values, vectors, products = values[first], vectors[:, first], products[:, first]
        residuals = np.linalg.norm(products - values * vectors, axis=0)
        up = np.argsort(values, kind="stable")
        bounds = np.empty((len(values), 2))
        bounds[up] = _interior_intervals(
            gap_intervals(values[up], residuals[up]), values[up], residuals[up]
        )
        missed = asked is not None and (
            len(values) < self.k or (residuals > asked.allowed(values, scale)).any()
        )
        if missed and not reason:
            reason = "the iteration stopped early; give more max_matvecs"
        return self.assemble(values, vectors, residuals, bounds, method=method, reason=reason)

    def assemble(
        self,
        values: Array,
        vectors: Array,
        residuals: Array,
        bounds: Array,
        *,
        method: str,
        reason: str,
        beyond: Array | None = None,
    ) -> Eigenpairs:
        dtype, unit = self.A.dtype, self.A.unit
        values, residuals = (unit * values).astype(dtype), (unit * residuals).astype(dtype)
        # A vector is known up to its sign: make its largest component positive.
        if vectors.size:
            largest = np.abs(vectors).argmax(axis=0)
            signs = np.where(vectors[largest, np.arange(len(values))] < 0, -1, 1)
            vectors = vectors * signs.astype(dtype)
        return Eigenpairs(
            values=values,
            vectors=vectors,
            residuals=residuals,
            intervals=np.stack([values - residuals, values + residuals], axis=1),
            gap_intervals=(unit * bounds).astype(dtype),
            matvecs=self.A.matvecs,
            converged=not reason,
            which=self.which if self.sigma is None else f"near {self.sigma:g}",
            start=vectors if beyond is None else np.concatenate([vectors, beyond], axis=1),
            exact=method == "dense",
            method=method,
            seconds=self.budget.seconds,
            seed=self.seed,
            reason=reason,
        )

    def _order(self, values: Array) -> Array:
        if self.sigma is None:
            return order(values, self.k, self.which)
        near = over_unit(self.sigma, self.A)
        return np.argsort(np.abs(values - near), kind="stable")[: self.k]


def _interior_intervals(bounds: Array, values: Array, residuals: Array) -> Array:
    """Gap intervals where the ends of ``values`` are not the ends of the spectrum."""
    if len(values):
        bounds[0, 1] = max(bounds[0, 1], values[0] + residuals[0])
        bounds[-1, 0] = min(bounds[-1, 0], values[-1] - residuals[-1])
    return bounds
