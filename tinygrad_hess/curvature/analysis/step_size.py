"""What the curvature at a point says about the learning rate.

step_size : operator -> StepSize
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments
from ...core.plotting import BLUE, GREEN, GREY, ORANGE, axes, legend
from ..eigenpairs.eigenpairs import top_eigenpairs
from ..estimates import scaling
from ..estimates.operands import Array
from ..estimates.result import Result
from .at_a_point import scaled, vector_like, with_gradient
from .stability import contraction, stability_threshold


@dataclass(frozen=True, eq=False)
class StepSize(Result):
    """Learning rates that the curvature at a point allows.

    Attributes
    ----------
    steepest : float
        ``gᵀg / gᵀHg``: the minimum of the quadratic model along the gradient; inf where the
        curvature there is not positive, NaN where the gradient is zero.
    safe, limit : float
        1/λ and 2/λ for the largest eigenvalue λ: the model cannot rise below ``limit``; at
        ``safe`` no eigendirection oscillates. inf where no curvature is positive.
    values : ndarray, shape (k,)
        The largest eigenvalues, descending.
    residuals : ndarray, shape (k,)
        Theirs; λ lies within ``values[0] ± residuals[0]`` if no larger eigenvalue was missed.
    preconditioned : bool
        Whether all of this is for ``D^-½ H D^-½``.
    matvecs : int
    converged : bool
        Whether the eigenvalues have.
    reason : str
        Why not, and what to do.
    """

    steepest: float
    safe: float
    limit: float
    values: Array
    residuals: Array
    preconditioned: bool
    matvecs: int
    converged: bool
    reason: str = ""

    def largest_rate(self, method: str = "sgd", beta: float = 0.0) -> float:
        """The rate at which the method becomes unstable here; see :func:`stability_threshold`."""
        top = float(self.values[0])
        return stability_threshold(1.0, method, beta) / top if top > 0 else float("inf")

    def factors(self, rate: float, steps: int, method: str = "sgd", beta: float = 0.0) -> Array:
        """What is left along each eigenvector after some steps, shape (k,).

        See :func:`contraction`.
        """
        return contraction(self.values, rate, steps, method, beta)

    def __repr__(self) -> str:
        what = "preconditioned Hessian" if self.preconditioned else "Hessian"
        state = "" if self.converged else f"; NOT converged: {self.reason}".rstrip(": ")
        return (
            f"StepSize(the {what}'s largest eigenvalue {self.values[0]:.6g} ± "
            f"{self.residuals[0]:.1g} allows rates below {self.limit:.4g}, {self.safe:.4g} without "
            f"oscillation; along the gradient {self.steepest:.4g} is best; {self.matvecs} "
            f"products{state})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the size of each eigendirection's factor in one step against the rate.

        Returns the matplotlib axes.
        """
        ax = axes(ax, (6.0, 3.6))
        end = 1.25 * self.limit if np.isfinite(self.limit) else 1.0
        rates = np.linspace(0, end, 301)
        for i, value in enumerate(self.values):
            label = "eigendirections" if i == 0 else None
            ax.plot(rates, abs(1 - rates * value), color=BLUE, alpha=0.7, label=label)
        ax.axhline(1, color=GREY, linewidth=1)
        for at, name, color in (
            (self.safe, "1/λ", GREEN),
            (self.limit, "2/λ", ORANGE),
            (self.steepest, "gᵀg / gᵀHg", GREY),
        ):
            if np.isfinite(at) and at <= end:
                ax.axvline(at, color=color, linestyle="--", label=f"{name} = {at:.4g}")
        ax.set_ylim(0, 1.6)
        ax.set_xlim(0, end)
        ax.set_xlabel("learning rate")
        ax.set_ylabel("|1 - rate · λ|, one step")
        legend(ax)
        return ax


def step_size(
    op: Any,
    gradient: Any = None,
    *,
    k: int = 5,
    preconditioner: Any = None,
    tol: float = 1e-6,
    max_matvecs: int | None = None,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> StepSize:
    """Which learning rates the curvature at a point allows.

    Parameters
    ----------
    op : HessianOperator, or any symmetric LinearOperator, ndarray or sparse matrix, shape (P, P)
    gradient : ndarray, shape (P,), or pytree like the parameters, optional
        By default that of the operator; needed with a bare matrix.
    k : int
        How many of the largest eigenvalues.
    preconditioner : ndarray, shape (P,), or pytree like the parameters, optional
        The positive diagonal D that an optimiser divides the gradient by, such as Adam's
        ``sqrt(v̂) + eps``. Everything is then about ``D^-½ H D^-½`` and the gradient
        ``D^-½ g``.
    tol, max_matvecs, seed, progress, checkpoint
        As for :func:`top_eigenpairs`.

    Returns
    -------
    StepSize

    Raises
    ------
    ValueError
        For shapes that do not fit, or a preconditioner that is not positive.
    TypeError
        For a matrix without a gradient.

    References
    ----------
    LeCun, Simard and Pearlmutter (1993), Automatic learning rate maximization by on-line
    estimation of the Hessian's eigenvectors. Goh (2017), Why momentum really works, for the
    factors.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import step_size
    >>> sizes = step_size(np.diag([10.0, 1.0]), np.array([0.0, 1.0]))
    >>> sizes.limit, sizes.safe, sizes.steepest
    (0.2, 0.1, 1.0)
    >>> sizes.factors(rate=0.19, steps=10)
    array([0.34867844, 0.12157665])
    """
    who = "step_size"
    k = arguments.integer(who, "k", k, least=1)
    if max_matvecs is not None:
        arguments.number(who, "max_matvecs", max_matvecs, least=2, infinite=True)
        max_matvecs -= 1  # for the curvature along the gradient
    A, g = with_gradient(op, gradient, who)
    products: Any = A.op
    if preconditioner is not None:
        D = vector_like(op, preconditioner, A.size, who, "the preconditioner")
        if not (D > 0).all():
            raise ValueError(f"{who}: the preconditioner must be positive, its least is {D.min()}")
        root = 1 / np.sqrt(D)
        products, g = scaled(A.op, root), root * g
    top = top_eigenpairs(
        products, k, tol=tol, max_matvecs=max_matvecs, seed=seed,
        progress=progress, checkpoint=checkpoint,
    )  # fmt: skip
    largest = float(top.values[0])
    g = g / scaling.power_of_two(g)
    bent = products @ g
    unit = scaling.power_of_two(bent)
    along, square = float(g @ (bent / unit)), float(g @ g)
    if square == 0:
        steepest = float("nan")
    else:
        steepest = square / along / unit if along > 0 else float("inf")
    return StepSize(
        steepest=steepest,
        safe=1 / largest if largest > 0 else float("inf"),
        limit=2 / largest if largest > 0 else float("inf"),
        values=top.values,
        residuals=top.residuals,
        preconditioned=preconditioner is not None,
        matvecs=top.matvecs + 1,
        converged=top.converged,
        reason=top.reason,
    )
