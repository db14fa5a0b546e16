"""What is known of a spectrum: density, cumulative share, atoms, mass at zero."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import arguments
from ..estimates.estimate import Estimate
from ..estimates.operands import Array
from ..estimates.plotting import BLUE, GREY, ORANGE, axes
from ..estimates.result import Result


@dataclass(frozen=True)
class Atom(Result):
    """An eigenvalue that stands apart, or that occurs many times.

    Attributes
    ----------
    value : float
    interval : (float, float)
        Holds the eigenvalue, from the residual of its Ritz pair.
    multiplicity : int or None
        How often it occurs; None where only its weight was estimated.
    weight : float
        Its share of all eigenvalues.
    weight_interval : (float, float)
        95%, over probes; both ends equal the weight where the multiplicity is known.
    """

    value: float
    interval: tuple[float, float]
    multiplicity: int | None
    weight: float
    weight_interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class SpectralDensity(Result, omitted=("quadrature", "magnitudes")):
    """The distribution of the P eigenvalues of an operator.

    The whole is the bulk, which has a density, the atoms, and the mass at zero; their shares sum
    to 1.

    Attributes
    ----------
    grid : ndarray, shape (G,)
        Over the bulk, denser where its mass is.
    density : ndarray, shape (G,)
        Of the bulk: its integral is ``bulk``.
    band : ndarray, shape (G, 2)
        Pointwise 95% intervals of the smoothed density, over probes.
    cumulative : ndarray, shape (G,)
        The share of all eigenvalues at or below each point, atoms and zeros included; it is not
        smoothed.
    cumulative_bounds : ndarray, shape (G, 2)
        What the rules allow (Chebyshev-Markov-Stieltjes), widened by the 95% interval over probes.
    atoms : tuple of Atom
        Outliers and repeated eigenvalues, ascending; zero is not among them.
    zero_mass : Estimate
        The share of eigenvalues that are zero numerically: of magnitude at most ``zero``.
    bulk : float
        The share of eigenvalues in the bulk.
    outliers : int
        How many eigenvalues stand above the rest, by the largest gap; 0 when no gap stands out.
    gap : float
        That gap, as the ratio of the eigenvalues on its two sides.
    extent : (float, float)
        The smallest and the largest Ritz value (when exact, eigenvalue).
    eigenvalues : ndarray, shape (P,), or None
        All of them, when the matrix was formed.
    probes, steps : int
        Random vectors, and Lanczos steps from each; 0 when exact.
    size : int
        P.
    zero : float
        What counts as zero.
    resolution : float
        Magnitudes below this are not told apart from each other (when exact, ``zero``).
    matvecs : int
        Products spent.
    converged : bool
        Whether the accuracy asked for was reached, and all probes and steps were run.
    exact : bool
    seconds : float
    seed : int
    method : str
    reason : str
        Why ``converged`` is False and what to do; otherwise empty.
    """

    grid: Array
    density: Array
    band: Array
    cumulative: Array
    cumulative_bounds: Array
    atoms: tuple[Atom, ...]
    zero_mass: Estimate
    bulk: float
    outliers: int
    gap: float
    extent: tuple[float, float]
    eigenvalues: Array | None
    probes: int
    steps: int
    size: int
    zero: float
    resolution: float
    matvecs: int
    converged: bool
    exact: bool
    seconds: float
    seed: int
    method: str
    reason: str
    quadrature: tuple[Array, Array] = field(repr=False)
    """Nodes, ascending, and weights that sum to 1: what the density is drawn from. The mean of
    ``f(λ)`` over all eigenvalues is about ``weights @ f(nodes)``; exactly, when exact."""
    magnitudes: tuple[Array, Array, Array] = field(repr=False)
    """Over ``log10 |λ|``: the grid, and the densities on it of the positive and of the negative
    part of the spectrum, atoms included, zeros left out."""

    def __repr__(self) -> str:
        low, high = self.extent
        how = "exact" if self.exact else f"{self.probes} probes of {self.steps} steps"
        plural = "" if self.outliers == 1 else "s"
        gap = f" (gap {self.gap:.3g}x)" if self.outliers else ""
        state = "" if self.converged else f", NOT converged: {self.reason}"
        return (
            f"SpectralDensity({self.size} eigenvalues in [{low:.4g}, {high:.4g}], "
            f"{self.outliers} outlier{plural}{gap}, {self.zero_mass.value:.2%} zero, "
            f"{self.matvecs} products, {how}{state})"
        )

    def plot(self, ax: Any = None, scale: str = "linear") -> Any:
        """Draw the density with its band, the atoms, and all eigenvalues where they are known.

        Parameters
        ----------
        ax : matplotlib axes, optional
        scale : {"linear", "log"}
            ``"log"`` draws the density of ``log10 |λ|`` for positive and negative eigenvalues
            apart, atoms included.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            For another scale.
        """
        arguments.choice("plot", "scale", scale, ("linear", "log"))
        ax = axes(ax, (7.0, 4.0))
        draw = self._draw_linear if scale == "linear" else self._draw_magnitudes
        draw(ax)
        low, high = (f"{share:.1%}" for share in self.zero_mass.interval)
        between = low if low == high else f"{low} to {high}"
        title = f"{between} of {self.size:,} eigenvalues are zero (|λ| ≤ {self.zero:.1g})"
        ax.set_title(title, fontsize=9, color=GREY)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize=8.5)
        return ax

    def _draw_linear(self, ax: Any) -> None:
        if self.eigenvalues is not None and len(self.grid) > 1:
            inside = self.eigenvalues[
                (self.eigenvalues >= self.grid[0])
                & (self.eigenvalues <= self.grid[-1])
                & (np.abs(self.eigenvalues) > self.zero)
            ]
            counts, edges = np.histogram(inside, bins=60)
            heights = counts / (self.size * np.diff(edges))
            ax.stairs(heights, edges, fill=True, color=GREY, alpha=0.35, label="all eigenvalues")
        ax.plot(self.grid, self.density, color=BLUE, linewidth=1.3, label="bulk")
        if not self.exact:
            ax.fill_between(self.grid, *self.band.T, color=BLUE, alpha=0.25, label="95% band")
        ax.set_yscale("log")
        peak = max(float(self.density.max(initial=0.0)), 1e-300)
        bottom, top = 1e-5 * peak, 3 * peak
        shown = [a for a in self.atoms if abs(a.value) > self.zero]
        for n, atom in enumerate(shown):
            # A stem's height is its share of the eigenvalues over the width of a pixel or so.
            width = max((self.extent[1] - self.extent[0]) / 300, 1e-300)
            ax.plot(
                [atom.value] * 2, [bottom, max(atom.weight / width, 2 * bottom)], color=ORANGE,
                linewidth=1.2, marker="o", markevery=[1], markersize=3.5,
                label=f"{len(shown)} atoms" if n == 0 else None,
            )  # fmt: skip
        ax.set_ylim(bottom, top)
        ax.set_xlabel("eigenvalue")
        ax.set_ylabel("density")

    def _draw_magnitudes(self, ax: Any) -> None:
        exponents, *parts = self.magnitudes
        for density, colour, name in zip(parts, (BLUE, ORANGE), ("positive", "negative")):
            if density.any():
                ax.plot(10.0**exponents, density, color=colour, linewidth=1.3, label=name)
                ax.fill_between(10.0**exponents, density, color=colour, alpha=0.15)
        if self.eigenvalues is not None:
            for sign, colour in ((1, BLUE), (-1, ORANGE)):
                part = sign * self.eigenvalues
                part = part[part > self.zero]
                if part.size:
                    counts, edges = np.histogram(np.log10(part), bins=40)
                    heights = counts / (self.size * np.diff(edges))
                    ax.stairs(heights, 10.0**edges, color=colour, alpha=0.6, linewidth=0.8)
        ax.set_xscale("log")
        if len(exponents) and self.resolution > 10.0 ** exponents[0]:
            ax.axvspan(
                10.0 ** exponents[0], self.resolution, color=GREY, alpha=0.15, label="not resolved"
            )
        ax.set_xlabel("magnitude of the eigenvalue")
        ax.set_ylabel("share of eigenvalues a decade")
