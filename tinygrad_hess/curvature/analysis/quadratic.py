"""The second-order Taylor model of a loss, and how far it can be trusted.

quadratic_model : loss at a point -> QuadraticModel
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.plotting import BLUE, GREEN, GREY, ORANGE, axes, legend
from ...transforms.gradients import jvp
from ..estimates import scaling
from ..estimates.operands import Array
from ..estimates.result import Result
from ..operators.hessian import HessianOperator
from .total_loss import TotalLoss, as_hessian

TRUSTED = 0.1
"""The quadratic is trusted while the cubic term is at most this share of the second-order term."""


@dataclass(frozen=True, eq=False)
class QuadraticModel(Result, omitted=("gradient",)):
    """``m(d) = L + gᵀ d + ½ dᵀ H d`` at one point.

    Attributes
    ----------
    value : float
        The loss L.
    gradient : ndarray, shape (P,)
    gradient_curvature : float
        ``gᵀ H g / gᵀ g``, the curvature along the gradient; NaN where the gradient is zero.

    Notes
    -----
    Steps and directions are trees like the parameters, or vectors of shape (P,).
    """

    value: float
    gradient: Array
    gradient_curvature: float
    _total: TotalLoss = field(repr=False)
    _op: HessianOperator = field(repr=False)

    def predict(self, step: Any) -> float:
        """The model's loss after a step; one product."""
        return self._predicted(self._total.flat(step, "QuadraticModel.predict"))

    def _predicted(self, d: Array) -> float:
        return self.value + float(self.gradient @ d) + 0.5 * float(d @ self._op.matvec(d))

    def actual(self, step: Any) -> float:
        """The loss after a step; one evaluation."""
        return self._actual(self._total.flat(step, "QuadraticModel.actual"))

    def _actual(self, d: Array) -> float:
        return self._total.value(self._total.start + d)

    def ratio(self, step: Any) -> float:
        """Actual over predicted change of the loss: 1 where the model is right.

        NaN where the model predicts no change. Trust-region methods steer by it (Nocedal and
        Wright 2006, equation 4.4).
        """
        d = self._total.flat(step, "QuadraticModel.ratio")
        predicted = self._predicted(d) - self.value
        return (self._actual(d) - self.value) / predicted if predicted else float("nan")

    def along(self, direction: Any, radius: float = 1.0, points: int = 41) -> QuadraticSlice:
        """The model and the loss on a line through the point.

        Parameters
        ----------
        direction : pytree like the parameters, or ndarray, shape (P,)
            Used as given, not normalised; not zero.
        radius : float
            The line runs from ``-radius`` to ``radius`` times the direction.
        points : int
            Evaluations of the loss, at least 3; an odd number includes the point itself.
        """
        who = "QuadraticModel.along"
        radius = arguments.number(who, "radius", radius, above=0)
        points = arguments.integer(who, "points", points, least=3)
        d = self._total.flat(direction, who)
        if not d.any():
            raise ValueError(f"{who}: the direction is zero; give one along which to move")
        t = np.linspace(-radius, radius, points)
        steps = self._total.start + np.outer(t, d).astype(d.dtype)
        return QuadraticSlice(
            t=t,
            actual=self._total.values(steps),
            value=self.value,
            slope=float(self.gradient @ d),
            curvature=float(d @ self._op.matvec(d)),
            third=third_derivative(self._total, d),
        )

    def __repr__(self) -> str:
        norm = scaling.norm(self.gradient)
        return (
            f"QuadraticModel(loss {self.value:.6g}, gradient norm {norm:.3g}, curvature "
            f"{self.gradient_curvature:.4g} along the gradient, {self.gradient.size} parameters)"
        )

    def to_dict(self, vectors: bool = False) -> dict[str, Any]:
        """Plain Python values, for JSON; the gradient by its norm."""
        norm = scaling.norm(self.gradient)
        more = {"gradient_norm": norm, "parameters": int(self.gradient.size)}
        return super().to_dict(vectors) | more

    def plot(self, ax: Any = None) -> Any:
        """Draw loss and model along the steepest descent, to twice the model's minimum there.

        Where the model has no minimum along the gradient, or no gradient, to a length of 1.

        Returns the matplotlib axes.
        """
        norm = scaling.norm(self.gradient)
        if norm == 0:
            raise ValueError(
                "QuadraticModel.plot: the gradient is zero, so there is no direction of descent; "
                "draw model.along(direction).plot()"
            )
        bent = self.gradient_curvature > 0
        length = 2 / self.gradient_curvature if bent else 1 / norm
        ax = self.along(-self.gradient, length).plot(ax)
        ax.set_xlabel("step along the negative gradient (learning rate)")
        return ax


@dataclass(frozen=True, eq=False)
class QuadraticSlice(Result, derived=("quadratic", "trusted")):
    """Loss and quadratic model along a line ``t ↦ θ + t d``.

    Attributes
    ----------
    t : ndarray, shape (n,)
    actual : ndarray, shape (n,)
        The loss.
    value, slope, curvature, third : float
        The loss at t = 0 and its first three derivatives in t, exact (no differences are taken).
    """

    t: Array
    actual: Array
    value: float
    slope: float
    curvature: float
    third: float

    @property
    def quadratic(self) -> Array:
        """The model, shape (n,)."""
        return self.value + self.slope * self.t + 0.5 * self.curvature * self.t**2

    @property
    def error(self) -> Array:
        """``actual - quadratic``, shape (n,)."""
        return self.actual - self.quadratic

    @property
    def cubic_term(self) -> Array:
        """``third · t³ / 6``, shape (n,): what the error is near the point, to leading order."""
        return self.third * self.t**3 / 6

    @property
    def trusted(self) -> float:
        """The ``|t|`` where the cubic term is 10% of the second-order term; inf without a cubic."""
        return abs(3 * TRUSTED * self.curvature / self.third) if self.third else float("inf")

    def __repr__(self) -> str:
        worst = int(np.argmax(np.abs(self.error)))
        return (
            f"QuadraticSlice(t in [{self.t[0]:.3g}, {self.t[-1]:.3g}]: slope {self.slope:.4g}, "
            f"curvature {self.curvature:.4g}, third {self.third:.4g}; largest error "
            f"{self.error[worst]:.3g} at t = {self.t[worst]:.3g}; trusted to |t| = "
            f"{self.trusted:.3g})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the loss, the quadratic and the cubic, and shade where it is trusted.

        Returns the matplotlib axes.
        """
        ax = axes(ax, (6.0, 3.6))
        ax.plot(self.t, self.actual, color=BLUE, linewidth=1.8, label="loss")
        # The cubic may run far off; the window is that of the loss and the quadratic.
        ax.plot(self.t, self.quadratic, "--", color=ORANGE, linewidth=1.5, label="quadratic")
        ax.set_ylim(ax.get_ylim())
        ax.plot(
            self.t, self.quadratic + self.cubic_term, ":", color=GREEN, linewidth=1.5, label="cubic"
        )
        ax.plot([0], [self.value], "o", color=GREY, markersize=5)
        reach = min(self.trusted, abs(self.t).max())
        ax.axvspan(-reach, reach, color=ORANGE, alpha=0.08, linewidth=0)
        ax.set_xlabel("t, in lengths of the direction")
        ax.set_ylabel("loss")
        legend(ax)
        return ax


def third_derivative(total: TotalLoss, d: Array) -> float:
    """``d³/dt³ L(θ + t d)`` at t = 0, by three nested forward sweeps."""
    direction = total.at.unflatten(d, boxed=[False] * len(total.at.values))
    start = total.at.tree()

    zero, one = np.zeros((), total.at.dtype), np.ones((), total.at.dtype)

    def on_one(args: tuple[Any, ...]) -> float:
        def loss(t: Any) -> Any:
            return total.loss(trees.map(lambda p, v: p + t * v, start, direction), *args)

        first = lambda t: jvp(loss, (t,), (one,))[1]
        second = lambda t: jvp(first, (t,), (one,))[1]
        return float(jvp(second, (zero,), (one,))[1])

    return float(total.over_batches(on_one))


def quadratic_model(
    loss: Any, params: Any = None, data: Any = None, *args: Any, reduction: str = "mean"
) -> QuadraticModel:
    """The second-order Taylor model of a loss: what a step is predicted to do, and what it does.

    Parameters
    ----------
    loss : HessianOperator or callable
        An operator brings its point and data along. Otherwise as for :class:`HessianOperator`.
    params, data, *args, reduction
        As for :class:`HessianOperator`; not given with an operator.

    Returns
    -------
    QuadraticModel
        With ``predict(step)``, ``actual(step)``, ``ratio(step)`` and ``along(direction)``, which
        compares the error with the third-order term. One product is spent at once.

    References
    ----------
    Nocedal and Wright (2006), Numerical Optimization, chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import quadratic_model
    >>> model = quadratic_model(lambda x: (x**3).sum() / 6, np.array([1.0, 0.0]))
    >>> model
    QuadraticModel(loss 0.166667, gradient norm 0.5, curvature 1 along the gradient, 2 parameters)
    >>> step = np.array([0.3, 0.0])
    >>> round(model.predict(step), 6), round(model.actual(step), 6)
    (0.361667, 0.366167)
    >>> model.along(step).third  # the cubic term explains the difference
    0.027
    """
    total, op = as_hessian(loss, params, data, args, reduction, "quadratic_model")
    gradient = op.gradient
    g = gradient / scaling.power_of_two(gradient)
    square, Hg = float(g @ g), op.matvec(g)
    unit = scaling.power_of_two(Hg)
    bent = unit * (float(g @ (Hg / unit)) / square) if square else float("nan")
    return QuadraticModel(float(op.value), gradient, bent, total, op)
