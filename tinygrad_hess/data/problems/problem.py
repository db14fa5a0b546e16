"""What a test problem of unconstrained optimisation is: a function, a start, and known minima."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """A function to minimise, with a standard start and what is known of its minima.

    Attributes
    ----------
    name : str
    start : ndarray, shape (n,)
        The standard starting point.
    minimum : float
        The least value of :meth:`loss` that is known.
    source : str
        Where the function, the start and the minimum are from.
    residuals : callable or None
        From a vector of shape (n,) to the residuals, shape (m,), where the loss is their sum of
        squares.
    function : callable or None
        The loss, where it is no sum of squares.
    solution : ndarray, shape (n,), or None
        Where the minimum is, if it is one point that is known in closed form.
    others : tuple of float
        Values at other known local minima or stationary points, also at infinity.

    Examples
    --------
    >>> from tinygrad_hess.data import problems
    >>> p = problems.named("rosenbrock")
    >>> float(p.loss(p.start)), float(p.loss(p.solution))
    (24.199999999999996, 0.0)
    """

    name: str
    start: np.ndarray[Any, Any]
    minimum: float
    source: str
    residuals: Callable[[Any], Any] | None = None
    function: Callable[[Any], Any] | None = None
    solution: np.ndarray[Any, Any] | None = None
    others: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """The number n of variables."""
        return len(self.start)

    def loss(self, x: Any) -> Any:
        """The value to minimise, a scalar; differentiable.

        Parameters
        ----------
        x : array or tensor, shape (n,)
        """
        if self.function is not None:
            return self.function(x)
        assert self.residuals is not None
        return (self.residuals(x) ** 2).sum()

    def is_minimum(self, value: float, rtol: float = 1e-5, atol: float = 1e-9) -> bool:
        """Whether a loss is the known minimum: to ``rtol`` of it, as sources print few digits, or
        to ``atol`` of the loss at the start, or of 1 if that is larger.
        """
        scale = min(1.0, abs(float(self.loss(self.start))))
        return bool(value <= self.minimum + rtol * abs(self.minimum) + atol * scale)

    def __repr__(self) -> str:
        return f"Problem({self.name!r}, {self.size:,} variables, minimum {self.minimum:g})"
