"""What the quadratic model says of one step of an optimiser, beside what the step did.

explain_step : loss, before, after -> StepExplanation
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments
from ..analysis.quadratic import quadratic_model
from ..eigenpairs.eigenpairs import top_eigenpairs
from ..estimates.operands import Array
from ..estimates.result import Result


@dataclass(frozen=True, eq=False)
class StepExplanation(Result, derived=("predicted", "ratio")):
    """A step d from a point: the change of the loss, and its parts in the quadratic model.

    Attributes
    ----------
    value : float
        The loss before the step.
    actual : float
        Its change.
    slope : float
        ``gᵀ d``: what the gradient foretells, negative for a step downhill.
    bend : float
        ``½ dᵀ H d``: what the curvature adds.
    length : float
        ‖d‖.
    curvature : float
        ``dᵀ H d / dᵀ d``; NaN for no step at all.
    values : ndarray, shape (k,)
        The largest eigenvalues of the Hessian.
    shares : ndarray, shape (k,)
        Of the squared length of the step along each of their eigenvectors.
    share : float
        In all of them together.
    bend_share : float
        What those directions hold of ``bend``; NaN where that is zero.
    converged : bool
        Whether the eigenvalues have.
    why : str
        Why they have not.
    """

    value: float
    actual: float
    slope: float
    bend: float
    length: float
    curvature: float
    values: Array
    shares: Array
    share: float
    bend_share: float
    converged: bool
    why: str = ""

    @property
    def predicted(self) -> float:
        """The change by the quadratic model: slope and bend."""
        return self.slope + self.bend

    @property
    def ratio(self) -> float:
        """Actual over predicted change: 1 where the model is right; NaN where it predicts none."""
        return self.actual / self.predicted if self.predicted else float("nan")

    @property
    def reason(self) -> str:
        """In a few words, why the loss rose, or that it fell."""
        if not self.actual > 0:
            return "the loss fell"
        if self.slope >= 0:
            return "the step goes uphill already to first order"
        if self.predicted > 0:
            return f"it is too long for the curvature along it, {self.curvature:.4g}"
        return "the model predicts a fall: higher derivatives decide"

    def __repr__(self) -> str:
        state = "" if self.converged else f"; eigenvalues NOT converged: {self.why}"
        return (
            f"StepExplanation(loss {self.value:.6g} {self.actual:+.4g}; predicted "
            f"{self.predicted:+.4g} = {self.slope:+.4g} (slope) {self.bend:+.4g} (curvature): "
            f"{self.reason}; {self.share:.1%} of the step lies in the top {len(self.values)} "
            f"eigendirections{state})"
        )


def explain_step(
    loss: Callable[..., Any],
    before: Any,
    after: Any,
    data: Any = None,
    *args: Any,
    k: int = 5,
    rtol: float = 1e-2,
    reduction: str = "mean",
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> StepExplanation:
    """Explain how a step changed the loss: predicted by the quadratic model, and in truth.

    A step ``d`` with rate η along the negative gradient raises the model's loss where the curvature
    along it is above 2/η; at the edge of stability that happens along the top eigenvectors.

    Parameters
    ----------
    loss, data, *args, reduction
        As for :class:`HessianOperator`.
    before, after : pytree
        The parameters before and after the step.
    k : int
        How many of the largest eigenvalues the step is split by, at most all.
    rtol : float
        Accuracy of the eigenvalues, relative.
    seed : int
    progress, checkpoint
        As for :func:`top_eigenpairs`, which takes most of the time.

    Returns
    -------
    StepExplanation

    Raises
    ------
    ValueError
        When ``after`` is not built like ``before``.

    References
    ----------
    Cohen et al. (2021), Gradient descent on neural networks typically occurs at the edge of
    stability, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import explain_step
    >>> loss = lambda w: (np.array([1.0, 30.0]) * w**2).sum() / 2
    >>> w = np.array([1.0, 1.0])
    >>> explain_step(loss, w, w - 0.1 * np.array([1.0, 30.0]), k=1)  # 30 is above 2 / 0.1
    StepExplanation(loss 15.5 +44.91; predicted +44.91 = -90.1 (slope) +135 (curvature): it is too
    long for the curvature along it, 29.97; 99.9% of the step lies in the top 1 eigendirections)
    """
    k = arguments.integer("explain_step", "k", k, least=1)
    model = quadratic_model(loss, before, data, *args, reduction=reduction)
    op, total = model._op, model._total
    d = total.flat(after) - total.start
    Hd = op.matvec(d)
    square, twist = float(d @ d), float(d @ Hd)
    top = top_eigenpairs(
        op, min(k, op.shape[0]), rtol=rtol, seed=seed, progress=progress, checkpoint=checkpoint
    )
    along = (top.vectors.T @ d) ** 2
    shares = along / square if square else np.full(len(along), np.nan)
    return StepExplanation(
        value=model.value,
        actual=model.actual(d) - model.value,
        slope=float(model.gradient @ d),
        bend=twist / 2,
        length=square**0.5,
        curvature=twist / square if square else float("nan"),
        values=top.values,
        shares=shares,
        share=float(shares.sum()),
        bend_share=float(top.values @ along) / twist if twist else float("nan"),
        converged=bool(top.converged),
        why=top.reason,
    )
