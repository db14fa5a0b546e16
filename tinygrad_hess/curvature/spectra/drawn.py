"""From a spectrum to curves: atoms apart, the bulk smoothed, bands over probes."""

from __future__ import annotations

import numpy as np

from ..estimates.operands import Array
from .density_result import Atom
from .outliers import outliers
from .quadrature import Rule
from .smoothing import grid_for, grid_steps, local_bandwidths, smooth
from .spectrum import Spectrum, over_probes

POINTS = 1024
"""Places of a density, about."""


class Drawn:
    """The parts of a spectral density.

    Parameters
    ----------
    spectrum : Spectrum
    bandwidth : float or None
        Of the smoothing; local where None.
    grid : ndarray or None
        Where to give the density.

    Attributes
    ----------
    atoms : tuple of Atom
    outliers : int
    gap : float
    grid : ndarray, shape (G,)
    density : ndarray, shape (G,)
    band : ndarray, shape (G, 2)
    bulk : float
        The share that is neither zero nor in an atom.
    """

    def __init__(self, spectrum: Spectrum, bandwidth: float | None, grid: Array | None):
        self.spectrum = spectrum
        # One node of a rule stands for several eigenvalues.
        self._neighbours = max(2, round(spectrum.size**0.5 / 2)) if spectrum.exact else 2
        self.outliers, self.gap = outliers(spectrum.top(), spectrum.typical)
        below, _ = outliers(spectrum.top(-1), spectrum.typical)
        self.atoms, self._apart = self._atoms_and_intervals(self.outliers, below)
        parts = [self._bulk_nodes(i) for i in range(len(spectrum.rules))]
        self.bulk = float(np.mean([weights.sum() for _, weights in parts]))
        self.grid, densities = self._densities(parts, bandwidth, grid)
        self.density, low, high = over_probes(densities, densities)
        self.band = np.stack([np.maximum(low, 0.0), high], axis=1)

    # ---- atoms -----------------------------------------------------------------------------------

    def _atoms_and_intervals(
        self, above: int, below: int
    ) -> tuple[tuple[Atom, ...], list[tuple[float, float]]]:
        """The atoms, and the intervals whose nodes are theirs."""
        s = self.spectrum
        atoms, apart = [], []
        for r in s.repeated:
            if abs(r.value) <= s.zero:
                continue
            mass = s.mass_within(r.low, r.high)
            weight, low, high = (float(x) for x in over_probes(mass, mass))
            times = round(weight * s.size) if s.exact else None
            interval = (max(low, 0.0), min(high, 1.0))
            atoms.append(Atom(r.value, (r.low, r.high), times, weight, interval))
            apart.append((r.low, r.high))
        n = len(s.known)
        ends = np.r_[: min(below, n), max(n - above, min(below, n)) : n]
        alone = [i for i in ends if not any(a <= s.known[i] <= b for a, b in apart)]
        for group in _group_overlapping(s.known[alone], s.radii[alone]):
            values, radii = s.known[alone][group], s.radii[alone][group]
            low, high = float((values - radii).min()), float((values + radii).max())
            share = len(group) / s.size
            atoms.append(Atom(float(values.mean()), (low, high), len(group), share, (share, share)))
            apart.append((low, high))
        return tuple(sorted(atoms, key=lambda a: a.value)), apart

    def _bulk_nodes(self, i: int) -> tuple[Array, Array]:
        """The nodes and weights of probe i that are in the bulk."""
        nodes, weights = self.spectrum.nodes_of(i)
        kept = ~self.spectrum.zeros_of(i)
        for low, high in self._apart:
            kept &= (nodes < low) | (nodes > high)
        return nodes[kept], weights[kept]

    # ---- curves ----------------------------------------------------------------------------------

    def _densities(
        self, parts: list[tuple[Array, Array]], bandwidth: float | None, grid: Array | None
    ) -> tuple[Array, Array]:
        """The grid, and the density of each probe on it, shape (k, G)."""
        nodes = np.concatenate([n for n, _ in parts])
        weights = np.concatenate([w for _, w in parts])
        if not len(nodes):
            grid = np.zeros(0) if grid is None else grid
            return grid, np.zeros((len(parts), len(grid)))
        widths = [
            local_bandwidths(n, self._neighbours)
            if bandwidth is None
            else np.full(len(n), bandwidth)
            for n, _ in parts
        ]
        # One value alone has no spacing; draw it narrow.
        least = 1e-3 * max(float(np.ptp(nodes)), 1e-3 * float(np.abs(nodes).max()))
        low, high = _bulk_support(parts, least if bandwidth is None else 4 * bandwidth)
        if grid is None:
            grid = grid_for(nodes, weights, (low, high), POINTS)
        curves = []
        for (n, w), width in zip(parts, widths):
            if bandwidth is None:  # narrower than the grid's steps it would not be seen
                width = np.maximum(width, np.maximum(2 * grid_steps(grid, n), least / 3))
            curves.append(smooth(n, w, width, grid, (low, high)))
        return grid, np.array(curves)

    def magnitudes(self) -> tuple[Array, Array, Array]:
        """Over log10 |λ|: the grid, and the densities of the positive and the negative part."""
        s = self.spectrum
        parts = []
        for i in range(len(s.rules)):
            nodes, weights = s.nodes_of(i)
            kept = ~s.zeros_of(i)
            parts.append((nodes[kept], weights[kept]))
        everything = np.concatenate([n for n, _ in parts])
        if not len(everything):
            return np.zeros(0), np.zeros(0), np.zeros(0)
        logs = np.log10(np.abs(everything))
        grid = np.linspace(logs.min() - 0.5, logs.max() + 0.5, POINTS)
        curves = []
        for sign in (1, -1):
            total = np.zeros(len(grid))
            for nodes, weights in parts:
                chosen = sign * nodes > 0
                exponents = np.log10(np.abs(nodes[chosen]))
                order = np.argsort(exponents)
                width = np.maximum(local_bandwidths(exponents[order], self._neighbours), 0.03)
                # An empty decade is empty: nothing is smeared further than a third of one.
                width = np.minimum(width, 0.3)
                mass = weights[chosen][order]
                total += smooth(exponents[order], mass, width, grid, (-np.inf, np.inf))
            curves.append(total / len(parts))
        return grid, curves[0], curves[1]

    # ---- shares ----------------------------------------------------------------------------------

    def cumulative(self) -> tuple[Array, Array]:
        """The share at or below each point of the grid, and bounds on it (G, 2)."""
        s, x = self.spectrum, self.grid
        certain = np.searchsorted(s.known, x, side="right") / s.size
        lower, upper = [], []
        for rule, point in zip(s.rules, s.points):
            exact = _share_below(rule.nodes[point], rule.weights[point], x)
            below, above = _separation(rule, ~point, x)
            lower.append(certain + exact + below)
            upper.append(certain + exact + above)
        middle, low, high = over_probes(np.array(lower), np.array(upper))
        return middle, np.clip(np.stack([low, high], axis=1), 0.0, 1.0)


def _group_overlapping(values: Array, radii: Array) -> list[Array]:
    """Indices of ascending values whose intervals overlap, group by group."""
    if not len(values):
        return []
    reach = np.maximum.accumulate(values + radii)
    return np.split(np.arange(len(values)), 1 + np.flatnonzero((values - radii)[1:] > reach[:-1]))


def _bulk_support(parts: list[tuple[Array, Array]], least: float) -> tuple[float, float]:
    """Where the bulk may lie: its nodes and one spacing beyond; on one side of 0 if they are."""
    lows, highs = [], []
    for nodes, _ in parts:
        if len(nodes):
            lows.append(nodes[0] - max(float(np.diff(nodes[:2]).sum()), least))
            highs.append(nodes[-1] + max(float(np.diff(nodes[-2:]).sum()), least))
    smallest = min(float(nodes[0]) for nodes, _ in parts if len(nodes))
    largest = max(float(nodes[-1]) for nodes, _ in parts if len(nodes))
    low, high = min(lows), max(highs)
    return (max(low, 0.0) if smallest > 0 else low), (min(high, 0.0) if largest < 0 else high)


def _share_below(nodes: Array, weights: Array, x: Array) -> Array:
    return np.append(0.0, np.cumsum(weights))[np.searchsorted(nodes, x, side="right")]


def _separation(rule: Rule, chosen: Array, x: Array) -> tuple[Array, Array]:
    """Bounds at any x from one Gauss rule: its node on either side is all that is uncertain."""
    nodes, sums = rule.nodes[chosen], np.append(0.0, np.cumsum(rule.weights[chosen]))
    at = np.searchsorted(nodes, x, side="right")
    return sums[np.maximum(at - 1, 0)], sums[np.minimum(at + 1, len(nodes))]
