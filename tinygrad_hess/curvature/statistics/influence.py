"""What each training example does to a test loss, without training again.

influence : loss, params, data, test -> Influence
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments
from ...core.plotting import BLUE, GREY, axes
from ...transforms.gradients import value_and_grad
from ..estimates.budget import INTERRUPTED
from ..estimates.operands import as_operator
from ..estimates.result import Result
from ..operators import checks
from ..operators.batches import Batches
from ..operators.flattening import Array, Flattening
from ..operators.hessian import HessianOperator
from ..operators.inverse import InverseOperator
from .per_example import over_gradient_rows, steps_at


@dataclass(frozen=True, eq=False)
class Influence(Result):
    """How a test loss would change if single training examples were left out.

    Attributes
    ----------
    scores : ndarray, shape (n,)
        The change of the test loss, to first order, when the example is removed and the model
        trained again. Positive: the example helps. In the order of the data.
    test_loss : float
        As it is.
    damping : float
    residual : float
        Of the solve, relative to its right-hand side.
    matvecs : int
        Products with the curvature spent.
    converged : bool
        Whether the solve reached its tolerance.
    seconds : float
    reason : str
        Why not, and what to do.
    """

    scores: Array
    test_loss: float
    damping: float
    residual: float
    matvecs: int
    converged: bool
    seconds: float
    reason: str

    def most_helpful(self, k: int = 10) -> Array:
        """Numbers of the k examples whose removal would raise the test loss most."""
        k = arguments.integer("most_helpful", "k", k, least=0)
        return np.argsort(-self.scores, kind="stable")[:k]

    def most_harmful(self, k: int = 10) -> Array:
        """Numbers of the k examples whose removal would lower the test loss most."""
        k = arguments.integer("most_harmful", "k", k, least=0)
        return np.argsort(self.scores, kind="stable")[:k]

    def __repr__(self) -> str:
        best, worst = self.most_helpful(1), self.most_harmful(1)
        state = "" if self.converged else f", NOT converged: {self.reason}"
        return (
            f"Influence({len(self.scores)} examples on a test loss of {self.test_loss:.6g}: "
            f"removal changes it by {self.scores[worst][0]:+.3g} (example {worst[0]}) to "
            f"{self.scores[best][0]:+.3g} (example {best[0]}), {self.matvecs} products{state})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the scores in ascending order; return the matplotlib axes."""
        ax = axes(ax)
        ax.axhline(0, color=GREY, linewidth=0.8)
        ax.plot(np.sort(self.scores), color=BLUE)
        ax.set_xlabel("training examples, from harmful to helpful")
        ax.set_ylabel("change of the test loss\nwhen the example is removed")
        return ax


def influence(
    loss: Callable[..., Any],
    params: Any,
    data: Any,
    test: Any,
    *,
    test_loss: Callable[..., Any] | None = None,
    op: Any = None,
    damping: float = 0.0,
    reduction: str = "mean",
    tol: float = 1e-8,
    max_iterations: int = 1000,
    chunk_size: int | None = None,
    progress: bool = False,
    checkpoint: Any = None,
) -> Influence:
    """The influence of each training example on a test loss.

    ``s = (H + damping I)⁻¹ ∇test_loss`` is found by one solve; the score of an example with
    gradient g is ``s · g / n``, for a loss that is a mean over n examples (``s · g`` for a sum).

    Parameters
    ----------
    loss : callable
        ``loss(params, batch)``, the training loss: a mean or a sum over the examples of a batch,
        also of single examples. In a mean, a penalty on ``params`` is part of each example.
    params : pytree
        Where the training loss is smallest. Scores mean little elsewhere.
    data
        The training data: one batch, or a list or another iterable of batches, or
        :class:`ShardedData`, whose workers then also take the gradients; n examples.
    test
        One batch that ``test_loss`` is taken of.
    test_loss : callable, optional
        ``test_loss(params, test)``; by default ``loss``.
    op : LinearOperator or ndarray, shape (P, P), optional
        The curvature to solve with, by default ``HessianOperator(loss, params, data)``. Away from
        a strict minimum, as in most nets, a :class:`GGNOperator` with damping stays positive.
    damping : float
        Added to every eigenvalue.
    reduction : {"mean", "sum"}
        What ``loss`` does over the examples of a batch.
    tol : float
        Of the residual of the solve, relative.
    max_iterations : int
        Of conjugate gradients.
    chunk_size : int, optional
        Examples whose gradients are in memory at a time; by default as many as fit into 64 MiB.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done, batch by batch; a run that finds it goes on with the same
        numbers, after a kill as after Ctrl-C.

    Returns
    -------
    Influence
        With ``converged=False`` where the solve did not reach its tolerance. After Ctrl-C, the
        scores of the examples that it came to.

    Raises
    ------
    ValueError
        When the curvature with damping is not positive definite, the tolerance or damping is
        bad, or data hold no example.

    References
    ----------
    Koh and Liang (2017), Understanding black-box predictions via influence functions, equation 2,
    with the sign of a removal. Cook and Weisberg (1982), Residuals and influence in regression.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import influence
    >>> loss = lambda mu, y: 0.5 * ((y - mu) ** 2).mean()      # mu is fitted to the mean of y
    >>> found = influence(loss, 2.0, np.array([1.0, 1.0, 4.0]), np.array([1.0]))
    >>> found.scores                       # without the 4, the mean fits the test example better
    array([ 0.33333333,  0.33333333, -0.66666667])
    """
    who = "influence"
    begin = time.perf_counter()
    arguments.choice(who, "reduction", reduction, ("mean", "sum"))
    checks.check_functions(who, loss=loss)
    at = Flattening(params, who)
    batches = Batches(data, who)
    if op is None:
        op = HessianOperator(loss, params, batches, reduction=reduction)
    elif as_operator(op, who).shape != (at.size, at.size):
        raise ValueError(
            f"{who}: op has shape {op.shape}, but there are {at.size} parameters; it must be of "
            f"shape {(at.size, at.size)}"
        )
    value, slope = value_and_grad(test_loss or loss)(at.tree(), test)
    slope = at.flatten(slope)
    checks.check_finite(who, 0, value, slope)
    inverse = InverseOperator(op, damping=damping, tol=tol, max_iterations=max_iterations)
    options = {"damping": damping, "tol": tol, "max_iterations": max_iterations}
    of_test = {"test": float(value), "slope": float(np.abs(slope).sum()), "chunk_size": chunk_size}
    rows: list[Array] = []
    stopped = ""
    with steps_at(checkpoint, at, batches, loss, options | of_test, progress) as steps:
        solution = steps("solution", lambda: inverse.solve(slope))
        scores_of = over_gradient_rows(
            np.matmul, loss, at, batches, chunk_size, solution.x, steps=steps, name="scores"
        )
        try:
            rows.extend(scores_of)
            batches.reread()
        except KeyboardInterrupt:
            if not rows:
                raise
            stopped = INTERRUPTED
    n = sum(batches.sizes()) if stopped else sum(map(len, rows))
    if n == 0:
        raise ValueError(f"{who}: data hold no example")
    scores = np.concatenate(rows)
    return Influence(
        scores=scores / n if reduction == "mean" else scores,
        test_loss=float(value),
        damping=damping,
        residual=float(solution.residuals.max()),
        matvecs=solution.matvecs,
        converged=solution.converged and not stopped,
        seconds=time.perf_counter() - begin,
        reason=stopped or solution.reason,
    )
