"""What is known of a spectrum: density, cumulative share, atoms, mass at zero."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import arguments
from ...core.plotting import BLUE, GREY, ORANGE, axes, legend
from ..estimates.estimate import Estimate
from ..estimates.operands import Array
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
        legend(ax, f"{self._zeros_in_words()} (|λ| ≤ {self.zero:.1g})")
        return ax

    def _zeros_in_words(self) -> str:
        low, high = self.zero_mass.interval
        if low == high == 0:
            return f"none of {self.size:,} eigenvalues is zero"
        if low == high == 1:
            return f"all {self.size:,} eigenvalues are zero"
        most = f"at most {high:.1%}" if high >= 0.001 else "less than 0.1%"
        between = most if low == 0 else f"{low:.1%} to {high:.1%}"
        share = f"{low:.1%}" if low == high else between
        return f"{share} of {self.size:,} eigenvalues are zero"

    def _draw_linear(self, ax: Any) -> None:
        ax.set_xlabel("eigenvalue")
        if len(self.grid) > 1 and self.density.any():
            self._draw_bulk(ax)
            self._mark_atoms(ax)
        else:
            self._draw_shares(ax)

    def _draw_bulk(self, ax: Any) -> None:
        """The density, over all eigenvalues where they are known."""
        low, high = float(self.grid[0]), float(self.grid[-1])
        if self.eigenvalues is not None:
            inside = (self.eigenvalues >= low) & (self.eigenvalues <= high)
            inside &= np.abs(self.eigenvalues) > self.zero
            counts, edges = np.histogram(self.eigenvalues[inside], bins=60)
            heights = counts / (self.size * np.diff(edges))
            ax.stairs(heights, edges, fill=True, color=GREY, alpha=0.35, label="all eigenvalues")
        ax.plot(self.grid, self.density, color=BLUE, linewidth=1.3, label="bulk")
        if not self.exact:
            ax.fill_between(self.grid, *self.band.T, color=BLUE, alpha=0.25, label="95% band")
        ax.set_yscale("log")
        peak = float(self.density.max())
        ax.set_ylim(1e-5 * peak, 3 * peak)
        ax.set_ylabel("density")
        if high - low < 0.1 * (self.extent[1] - self.extent[0]):  # else hardly seen
            edge = _rounded_up(max(abs(low), abs(high)))
            ax.set_xscale("symlog", linthresh=edge, linscale=1.5)
            ends = min(low, self.extent[0]), max(high, self.extent[1])
            margin = lambda x, end: x * 1.4 if abs(x) > edge else x + end * 0.1 * edge
            ax.set_xlim(margin(ends[0], -1), margin(ends[1], 1))
            ax.set_xlabel("eigenvalue (logarithmic beyond the bulk)")
            first, last = (math.floor(math.log10(x)) for x in (2 * edge, max(map(abs, ends))))
            powers = [edge, *(10.0 ** np.arange(first + 1, last + 1))]
            ticks = [0.0, *powers, *(-x for x in powers)]
            ax.set_xticks([x for x in ticks if ends[0] <= x <= max(ends[1], edge)])
            ax.minorticks_off()
            ax.xaxis.set_major_formatter("{x:g}")

    def _mark_atoms(self, ax: Any) -> None:
        """Stems up to half the height; above a few of them, how often each occurs."""
        shown = [a for a in self.atoms if abs(a.value) > self.zero]
        for n, atom in enumerate(shown):
            ax.plot(
                [atom.value] * 2, [0, 0.5], color=ORANGE, linewidth=1.2 if len(shown) < 20 else 0.8,
                marker="o", markevery=[1], markersize=3.5 if len(shown) < 20 else 2,
                transform=ax.get_xaxis_transform(),
                label=f"{len(shown)} that stand{'s' * (len(shown) == 1)} out" if n == 0 else None,
            )  # fmt: skip
            if len(shown) <= 8 and (atom.multiplicity or 0) > 1:
                ax.annotate(
                    f"{atom.multiplicity}×", (atom.value, 0.5), (0, 5), ha="center", fontsize=8,
                    xycoords=ax.get_xaxis_transform(), textcoords="offset points",
                )  # fmt: skip

    def _draw_shares(self, ax: Any) -> None:
        """Without a bulk: each eigenvalue as a stem, as high as its share of all."""
        stems = [(0.0, self.zero_mass.value, "zero", GREY)] if self.zero_mass.value else []
        shown = [a for a in self.atoms if abs(a.value) > self.zero]
        name = f"{len(shown)} eigenvalue{'' if len(shown) == 1 else 's'}"
        stems += [(a.value, a.weight, name, ORANGE) for a in shown]
        named: set[str] = set()
        for value, share, name, colour in stems:
            label = None if name in named else name
            named.add(name)
            ax.plot([value] * 2, [0, share], color=colour, linewidth=1.8, label=label,
                    marker="o", markevery=[1], markersize=5)  # fmt: skip
        low, high = min(0.0, self.extent[0]), max(0.0, self.extent[1])
        margin = 0.1 * (high - low) or 1.0
        ax.set_xlim(low - margin, high + margin)
        ax.set_ylim(0, 1.1 * max([share for _, share, _, _ in stems], default=1.0))
        ax.set_ylabel("share of all eigenvalues")

    def _draw_magnitudes(self, ax: Any) -> None:
        from matplotlib.ticker import LogLocator

        exponents, *parts = self.magnitudes
        ax.set_xlabel("magnitude of the eigenvalue")
        ax.set_ylabel("share of eigenvalues a decade")
        if not len(exponents):
            ax.text(0.5, 0.5, "all eigenvalues are zero", transform=ax.transAxes, ha="center")
            ax.set_xticks([])
            ax.set_yticks([])
            return
        for density, colour, name in zip(parts, (BLUE, ORANGE), ("positive", "negative")):
            if density.any():
                ax.plot(10.0**exponents, density, color=colour, linewidth=1.3, label=name)
                ax.fill_between(10.0**exponents, density, color=colour, alpha=0.15)
        if self.eigenvalues is not None:
            for sign, colour in ((1, BLUE), (-1, ORANGE)):
                part = sign * self.eigenvalues
                part = part[part > self.zero]
                if part.size and part[0] != part[-1]:
                    counts, edges = np.histogram(np.log10(part), bins=40)
                    heights = counts / (self.size * np.diff(edges))
                    ax.stairs(heights, 10.0**edges, color=colour, alpha=0.6, linewidth=0.8)
        ax.set_xscale("log")
        if exponents[-1] - exponents[0] < 2:  # powers of ten alone would be few
            ax.minorticks_off()
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.xaxis.set_major_formatter("{x:g}")
        if self.resolution > 10.0 ** exponents[0]:
            ax.axvspan(
                10.0 ** exponents[0], self.resolution, color=GREY, alpha=0.15, label="not resolved"
            )


def _rounded_up(x: float) -> float:
    """To one digit."""
    unit = 10.0 ** math.floor(math.log10(x))
    return math.ceil(x / unit) * unit
