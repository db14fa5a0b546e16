"""A number known from random probes, and how well it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """An estimate with its error.

    Attributes
    ----------
    value : float
    standard_error : float
        Of the mean over the probes; 0 when exact.
    interval : (float, float)
        The 95% confidence interval, by Student's t.
    matvecs : int
        Products spent.
    converged : bool
        Whether the accuracy asked for was reached; True when none was asked for.
    exact : bool
        Whether the value was computed rather than estimated.
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    matvecs: int
    converged: bool
    exact: bool = False

    def __repr__(self) -> str:
        if self.exact:
            return f"Estimate({self.value:.8g}, exact, {self.matvecs} products)"
        low, high = self.interval
        state = "" if self.converged else ", NOT converged"
        return (
            f"Estimate({self.value:.6g} ± {self.standard_error:.2g}, 95% in "
            f"[{low:.6g}, {high:.6g}], {self.matvecs} products{state})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, for JSON."""
        return {
            "value": self.value,
            "standard_error": self.standard_error,
            "interval": list(self.interval),
            "matvecs": self.matvecs,
            "converged": self.converged,
            "exact": self.exact,
        }
