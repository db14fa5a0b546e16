"""What a method of optimisation leaves: SciPy's result, with the history of the run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from ...core.display import card
from ...core.plotting import BLUE, ORANGE, axes
from .objective import Counts, Point


@dataclass(frozen=True)
class History:
    """The run, iteration by iteration; the first entry is the start.

    Attributes
    ----------
    loss : ndarray, shape (iterations + 1,)
    gradient_norm : ndarray, shape (iterations + 1,)
        The Euclidean norm.
    step : ndarray, shape (iterations + 1,)
        The norm of the step that led there; NaN at the start.
    radius : ndarray, shape (iterations + 1,)
        Of the trust region, after the step; for cubic regularisation 1/σ, for
        Levenberg-Marquardt 1/μ; NaN for methods that search along a line.
    gradients, products, hessians : ndarray of int, shape (iterations + 1,)
        Evaluations so far. A Jacobian counts as a Hessian.
    time : ndarray, shape (iterations + 1,)
        Seconds since the start.
    """

    loss: np.ndarray[Any, Any]
    gradient_norm: np.ndarray[Any, Any]
    step: np.ndarray[Any, Any]
    radius: np.ndarray[Any, Any]
    gradients: np.ndarray[Any, Any]
    products: np.ndarray[Any, Any]
    hessians: np.ndarray[Any, Any]
    time: np.ndarray[Any, Any]

    def __len__(self) -> int:
        return len(self.loss)

    def __repr__(self) -> str:
        n = len(self) - 1
        return (
            f"History({n:,} iteration{'' if n == 1 else 's'}, loss {self.loss[0]:.6g} to "
            f"{self.loss[-1]:.6g}, gradient {self.gradient_norm[-1]:.2g})"
        )


class Recorder:
    """Collects a history while a method runs, and has the point that was reached."""

    point: Point

    def __init__(self, counts: Counts):
        self._counts, self._began = counts, time.perf_counter()
        self._rows: list[tuple[float, ...]] = []

    @np.errstate(over="ignore")  # a norm may be infinite where the gradient is not
    def append(self, point: Point, step: float = np.nan, radius: float = np.nan) -> None:
        """One more iteration, which led to ``point``."""
        self.point, c = point, self._counts
        self._rows.append((
            point.loss, float(np.linalg.norm(point.gradient)), step, radius,
            c.gradients, c.products, c.hessians, time.perf_counter() - self._began,
        ))  # fmt: skip

    def history(self) -> History:
        """All so far."""
        loss, norm, step, radius, gradients, products, hessians, seconds = np.array(self._rows).T
        return History(
            loss, norm, step, radius, gradients.astype(int), products.astype(int),
            hessians.astype(int), seconds,
        )  # fmt: skip


class Result(OptimizeResult):
    """SciPy's ``OptimizeResult``, with ``history`` and :meth:`plot`.

    Attributes
    ----------
    x : pytree
        The solution, like ``x0``.
    fun : float
        The loss there.
    jac : pytree
        The gradient there.
    success : bool
    message : str
        Why the run ended.
    nit, nfev, njev, nhev, nprod : int
        Iterations, losses, gradients, Hessians (or Jacobians) and Hessian-vector products.
    history : History
    method : str
    """

    def _repr_html_(self) -> str:
        return card(f"{self.method}: {self.message}", {**self})

    def plot(self, ax: Any = None) -> Any:
        """Draw the gradient's norm, and the loss above the least one, over iterations.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            When matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from tinygrad_hess import optim
        >>> found = optim.minimize(lambda x: (x**4).sum(), np.array([1.0, 2.0]))
        >>> found.plot().get_xlabel()
        'iteration'
        """
        ax = axes(ax)
        steps = np.arange(len(self.history))
        excess = self.history.loss - self.history.loss.min()
        for values, label, color in (
            (self.history.gradient_norm, "norm of the gradient", BLUE),
            (excess, "loss above its least", ORANGE),
        ):
            shown = values > 0
            ax.plot(steps[shown], values[shown], label=label, color=color, marker=".")
        ax.set_yscale("log")
        ax.set_xlabel("iteration")
        ax.set_title(f"{self.method}: loss {self.history.loss[-1]:.6g}", fontsize=10)
        ax.legend(frameon=False)
        return ax
