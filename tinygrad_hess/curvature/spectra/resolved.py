"""Eigenvalues that Lanczos runs from several vectors agree on, and how often each occurs.

A run from one vector sees an eigenspace through one direction, whatever its dimension. Runs from n
random vectors see n directions of it: their rank is the multiplicity if that is below n, for
certain (with probability one), and otherwise shows that it is at least n.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..estimates.operands import Array
from .quadrature import Recurrences, Rule, gauss

FEWEST = 4
"""Runs that the rank of an eigenspace is judged from."""

ISOLATED = 1e3
"""How many residuals away other Ritz values must be; then the vectors are good to 1/1000."""


@dataclass(frozen=True)
class Resolved:
    """An eigenvalue that all runs found.

    Attributes
    ----------
    value : float
    low, high : float
        An interval that holds it, from the residuals.
    multiplicity : int
        How often it occurs; at least so often, where not ``counted``.
    counted : bool
    """

    value: float
    low: float
    high: float
    multiplicity: int
    counted: bool


@dataclass
class Candidates:
    """Converged Ritz pairs of some runs, with their vectors, and all Ritz values beside them.

    Parameters
    ----------
    most : int
        Pairs to keep of one run, those of the largest magnitudes.
    """

    most: int
    values: list[float] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    vectors: list[Array] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)

    def add(self, recurrences: Recurrences, i: int) -> None:
        """The pairs of recurrence i."""
        rule, coordinates = gauss(*recurrences.tridiagonal(i))
        margin = rounding(rule, recurrences.A.eps)
        scale = np.abs(rule.nodes).max()
        converged = np.flatnonzero(rule.residuals <= 1e-4 * scale)
        order = np.argsort(-np.abs(rule.nodes[converged]), kind="stable")
        chosen = np.sort(converged[order[: self.most]])
        run = len(self.rules)
        self.rules.append(rule)
        self.values += rule.nodes[chosen].tolist()
        self.residuals += (rule.residuals[chosen] + margin).tolist()
        self.runs += [run] * len(chosen)
        self.vectors += list(recurrences.ritz_vectors(i, coordinates[:, chosen]).T)

    def resolve(self) -> tuple[list[Resolved], list[Array]]:
        """What all runs agree on, ascending; a basis (P, k) of each counted one, orthonormal."""
        values, residuals = np.array(self.values), np.array(self.residuals)
        runs = np.array(self.runs, int)
        everything = np.sort(np.concatenate([rule.nodes for rule in self.rules]))
        resolved, bases = [], []
        for group in _group_overlapping(values - residuals, values + residuals):
            low = float((values - residuals)[group].min())
            high = float((values + residuals)[group].max())
            reach = ISOLATED * float(residuals[group].max())
            near = everything[(everything > low - reach) & (everything < high + reach)]
            lonely = ((near >= low) & (near <= high)).all()
            if not lonely or len(set(runs[group].tolist())) < len(self.rules):
                continue
            best = group[residuals[group].argmin()]
            rank, basis = _rank_and_basis(np.stack([self.vectors[i] for i in group], axis=1))
            counted = len(self.rules) >= FEWEST and rank < len(self.rules)
            if counted and rank == 1:
                low, high = values[best] - residuals[best], values[best] + residuals[best]
            resolved.append(Resolved(float(values[best]), float(low), float(high), rank, counted))
            if counted:
                bases.append(basis)
        return resolved, bases


def rounding(rule: Rule, eps: float) -> float:
    """How far rounding may move a Ritz value."""
    return 10 * eps * float(np.abs(rule.nodes).max(initial=0.0))


def _group_overlapping(low: Array, high: Array) -> list[Array]:
    """Indices of intervals that overlap, directly or through others, in ascending order."""
    order = np.argsort(low, kind="stable")
    reach = np.maximum.accumulate(high[order])
    breaks = np.flatnonzero(low[order][1:] > reach[:-1]) + 1
    return [g for g in np.split(order, breaks) if len(g)]


def _rank_and_basis(V: Array) -> tuple[int, Array]:
    """The rank of unit columns that are exact to about 1/1000, and an orthonormal basis."""
    gram = (V.T @ V).astype(np.float64)
    squares, U = np.linalg.eigh(gram)
    kept = squares > 1e-2
    basis = V @ (U[:, kept] / np.sqrt(squares[kept])).astype(V.dtype)
    return int(kept.sum()), np.linalg.qr(basis)[0]
