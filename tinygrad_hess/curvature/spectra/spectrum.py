"""A spectrum as it was found: eigenvalues that are counted, and rules for the rest.

A matrix whose eigenvalues are all computed is the case where no rest is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..estimates.dense import numerical_zero
from ..estimates.estimate import student
from ..estimates.operands import Array, Counted, over_unit
from .quadrature import Rule, mass_bounds
from .spectral_sample import SpectralSample


@dataclass(frozen=True)
class Repeated:
    """An eigenvalue that occurs many times, and the narrow interval that holds its copies."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues that are known and, for the rest, what each probe saw.

    Attributes
    ----------
    size : int
        P.
    known : ndarray, shape (n,)
        Ascending, with copies; each has the share 1/P.
    radii : ndarray, shape (n,)
        An eigenvalue lies within this of each.
    rules : list of Rule
        At least one; with weights that sum to ``1 - n / P``.
    points : list of ndarray
        Which nodes of each rule are point masses, known exactly.
    repeated : list of Repeated
    zero : float
        What counts as zero.
    exact : bool
        Whether all eigenvalues are known.
    unit : float
        What all values are divided by; see :class:`Counted`.
    """

    size: int
    known: Array
    radii: Array
    rules: list[Rule]
    points: list[Array]
    repeated: list[Repeated]
    zero: float
    exact: bool
    unit: float

    @classmethod
    def of_all(cls, A: Counted, eigenvalues: Array, zero: float | None) -> Spectrum:
        """Of a matrix with these eigenvalues, ascending, over ``A.unit``; ``zero`` is as given."""
        P = A.size
        rounding = numerical_zero(A, float(np.abs(eigenvalues).max()))
        starts = np.flatnonzero(np.diff(eigenvalues, prepend=-np.inf) > rounding)
        many = min(max(2, min(10, P // 20)), P)
        groups = np.split(eigenvalues, starts[1:])
        empty = np.zeros(0)
        return cls(
            size=P,
            known=eigenvalues,
            radii=np.full(P, rounding / 2),
            rules=[Rule(empty, empty, empty)],
            points=[np.zeros(0, bool)],
            repeated=[
                Repeated(float(g.mean()), float(g[0]), float(g[-1]))
                for g in groups
                if len(g) >= many
            ],
            zero=rounding if zero is None else over_unit(zero, A),
            exact=True,
            unit=A.unit,
        )

    @classmethod
    def of_sample(cls, sample: SpectralSample, zero: float | None) -> Spectrum:
        """As some probes saw it."""
        counted = [e for e in sample.counted for _ in range(e.multiplicity)]
        if len(counted) == sample.A.size:
            return cls.of_all(sample.A, np.array([e.value for e in counted]), zero)
        return cls(
            size=sample.A.size,
            known=np.array([e.value for e in counted]),
            radii=np.array([max(e.high - e.value, e.value - e.low) for e in counted]),
            rules=sample.rules,
            points=[sample.point_masses(rule) for rule in sample.rules],
            repeated=[Repeated(e.value, e.low, e.high) for e in sample.known if not e.counted],
            zero=numerical_zero(sample.A, sample.largest)
            if zero is None
            else over_unit(zero, sample.A),
            exact=False,
            unit=sample.A.unit,
        )

    @property
    def others(self) -> Array:
        """The nodes of all rules, ascending."""
        return np.sort(np.concatenate([rule.nodes for rule in self.rules]))

    @property
    def extent(self) -> tuple[float, float]:
        """The smallest and the largest value found."""
        values = np.concatenate([self.known, self.others])
        return float(values.min()), float(values.max())

    @property
    def typical(self) -> float:
        """The mean magnitude of the eigenvalues."""
        parts = [self.nodes_of(i) for i in range(len(self.rules))]
        return float(np.mean([weights @ np.abs(nodes) for nodes, weights in parts]))

    def quadrature(self) -> tuple[Array, Array]:
        """All nodes, ascending, and their weights: the known ones, and the mean over probes."""
        nodes = np.concatenate([self.known, *(rule.nodes for rule in self.rules)])
        mass = [rule.weights / len(self.rules) for rule in self.rules]
        weights = np.concatenate([np.full(len(self.known), 1 / self.size), *mass])
        order = np.argsort(nodes, kind="stable")
        return nodes[order], weights[order]

    @property
    def resolution(self) -> float:
        """Magnitudes below this are not told apart: the residual of the nodes nearest to zero."""
        near = [r.residuals[np.abs(r.nodes).argmin()] for r in self.rules if len(r.nodes)]
        return max(float(np.median(near)) if near else 0.0, self.zero)

    def top(self, sign: int = 1) -> Array:
        """The known values above all that are not, descending; then the next one after them.

        Of a spectrum that is all known, the upper quarter. ``sign=-1`` looks at the negated
        spectrum: the other end.
        """
        known, others = np.sort(sign * self.known)[::-1], sign * self.others
        if not len(others):
            return known[: max(3, self.size // 4 + 1)]
        return np.append(known[known > others.max()], others.max())

    def nodes_of(self, i: int) -> tuple[Array, Array]:
        """All nodes of probe i with their weights, the known included, ascending."""
        rule = self.rules[i]
        nodes = np.concatenate([self.known, rule.nodes])
        weights = np.concatenate([np.full(len(self.known), 1 / self.size), rule.weights])
        order = np.argsort(nodes, kind="stable")
        return nodes[order], weights[order]

    def zeros_of(self, i: int) -> Array:
        """Which nodes of probe i cannot be told from zero: shape as of :meth:`nodes_of`.

        They are within ``zero`` of it, or converged so far that zero is within their residual.
        """
        rule = self.rules[i]
        largest = max(abs(x) for x in self.extent)
        near = np.minimum(rule.residuals, 1e-6 * largest)
        radii = np.concatenate([np.full(len(self.known), self.zero), np.maximum(near, self.zero)])
        nodes = np.concatenate([self.known, rule.nodes])
        return (np.abs(nodes) <= radii)[np.argsort(nodes, kind="stable")]

    def sign_shares(self) -> dict[str, Array]:
        """The shares of negative, zero and positive nodes by each probe, shapes (k,)."""
        shares = []
        for i in range(len(self.rules)):
            nodes, weights = self.nodes_of(i)
            zero = self.zeros_of(i)
            masses = [weights[~zero & (nodes < 0)].sum(), weights[zero].sum()]
            shares.append([*masses, weights.sum() - sum(masses)])
        negative, none, positive = np.array(shares).T
        return {"negative": negative, "zero": none, "positive": positive}

    def mass_within(self, low: float, high: float) -> Array:
        """The share of the nodes in [low, high] by each probe, shape (k,)."""
        out = []
        for i in range(len(self.rules)):
            nodes, weights = self.nodes_of(i)
            out.append(weights[(nodes >= low) & (nodes <= high)].sum())
        return np.array(out)

    def share_bounds(self, x: float) -> tuple[Array, Array]:
        """Bounds on the share at or below x for each probe, shapes (k,): they hold for certain."""
        certain = float((self.known <= x).sum()) / self.size
        pairs = [mass_bounds(r, x, p) for r, p in zip(self.rules, self.points)]
        bounds = np.array(pairs).T + certain
        return bounds[0], bounds[1]


def over_probes(lower: Array, upper: Array) -> tuple[Array, Array, Array]:
    """The mean of the middle, and a 95% interval for the mean between the bounds.

    By Student's t over the first axis; one row is taken as exact. ``lower`` and ``upper`` may be
    the same.
    """
    k = len(lower)
    middle = (lower + upper).mean(axis=0) / 2
    if k == 1:
        return middle, lower[0], upper[0]
    t = student(k - 1) / np.sqrt(k)
    low = lower.mean(axis=0) - t * lower.std(axis=0, ddof=1)
    high = upper.mean(axis=0) + t * upper.std(axis=0, ddof=1)
    return middle, low, high
