"""A number known from random probes, and how well it is known."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from scipy.special import stdtrit

from ...core import arguments
from ...core.plotting import BLUE, axes
from .result import Result


def student(degrees: int) -> float:
    """The factor of a 95% interval by Student's t."""
    return float(stdtrit(degrees, 0.975))


@dataclass(frozen=True)
class Estimate(Result):
    """An estimate with its error.

    Attributes
    ----------
    value : float
    standard_error : float
        Of the value; 0 when exact.
    interval : (float, float)
        The 95% confidence interval.
    matvecs : int
        Products spent.
    converged : bool
        Whether the accuracy asked for was reached; True when none was asked for.
    exact : bool
        Whether the value was computed rather than estimated.
    seconds : float
        Wall-clock time spent; left out when two estimates are compared.
    seed : int or None
        Of the random probes.
    method : str
        How the value was found, such as "Hutchinson" or "XTrace".
    reason : str
        Why ``converged`` is False and what to do; otherwise empty.

    Examples
    --------
    >>> from tinygrad_hess.curvature import Estimate
    >>> Estimate(5.0, 0.5, (4.0, 6.0), matvecs=10)
    Estimate(5 ± 0.5, 95% in [4, 6], 10 products)
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    matvecs: int
    converged: bool = True
    exact: bool = False
    seconds: float = field(default=0.0, compare=False)
    seed: int | None = None
    method: str = ""
    reason: str = ""

    @classmethod
    def of_exact(cls, value: float, matvecs: int, **more: Any) -> Estimate:
        """A value that was computed."""
        return cls(value, 0.0, (value, value), matvecs, True, exact=True, **more)

    def times(self, factor: float) -> Estimate:
        """The estimate of ``factor`` times the quantity, for a positive factor.

        Examples
        --------
        >>> Estimate(5.0, 0.5, (4.0, 6.0), matvecs=10).times(2.0)
        Estimate(10 ± 1, 95% in [8, 12], 10 products)
        """
        factor = arguments.number("times", "factor", factor, above=0)
        low, high = self.interval
        return dataclasses.replace(
            self, value=factor * self.value, standard_error=factor * self.standard_error,
            interval=(factor * low, factor * high),
        )  # fmt: skip

    def __repr__(self) -> str:
        if self.exact:
            return f"Estimate({self.value:.8g}, exact, {self.matvecs} products)"
        low, high = self.interval
        by = f", {self.method}" if self.method else ""
        state = "" if self.converged else f", NOT converged: {self.reason}".rstrip(": ")
        return (
            f"Estimate({self.value:.6g} ± {self.standard_error:.2g}, 95% in "
            f"[{low:.6g}, {high:.6g}], {self.matvecs} products{by}{state})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the value as a point and the interval as a bar; return the matplotlib axes."""
        ax = axes(ax, (6.0, 1.6))
        low, high = self.interval
        ax.errorbar(
            [self.value], [0], xerr=[[self.value - low], [high - self.value]],
            fmt="o", color=BLUE, capsize=5,
        )  # fmt: skip
        ax.set_yticks([])
        error = f"± {(high - low) / 2:.2g} (95%)" if high > low else "exact"
        ax.set_title(f"{self.value:.6g} {error}, {self.matvecs} products", fontsize=10)
        return ax
