"""How well data determine the parameters: standard errors from the curvature of a likelihood.

observed_information : loss, params, data -> ObservedInformation
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtri

from ...core import arguments
from ...core.plotting import BLUE, GREY, axes, literal
from ..estimates import scaling
from ..estimates.budget import Budget
from ..estimates.dense import dense_matrix
from ..estimates.operands import Counted
from ..estimates.result import Result, plain
from ..estimates.steps import Steps
from ..operators import checks
from ..operators.batches import Batches
from ..operators.flattening import Array, Flattening
from ..operators.hessian import HessianOperator
from .per_example import identity_of, over_gradient_rows

DENSE = 5_000
"""Up to this many parameters the matrix is formed and inverted."""


@dataclass(frozen=True, eq=False)
class ObservedInformation(
    Result, omitted=("estimate", "standard_errors", "lower", "upper", "information", "covariance")
):
    """Maximum likelihood estimates with their standard errors.

    Attributes
    ----------
    estimate, standard_errors, lower, upper : pytree
        Like the parameters: the estimates, their standard errors, and the ends of Wald's
        confidence intervals.
    information : ndarray, shape (P, P)
        Hessian of the total negative log-likelihood.
    covariance : ndarray, shape (P, P)
        Of the estimates: the inverse of the information, or the sandwich.
    names : list of str
        Of the P parameters, such as ``['w'][2]``.
    level : float
        Of the intervals.
    robust : bool
        Whether the covariance is the sandwich.
    examples : int or None
        How many, where known.
    converged : bool
        Whether the parameters are at the optimum, measured in standard errors.
    newton_step : float
        How far from it they are: the largest Newton step, in standard errors.
    matvecs : int
    seconds : float
    reason : str
        Why ``converged`` is False and what to do.
    """

    estimate: Any
    standard_errors: Any
    lower: Any
    upper: Any
    information: Array
    covariance: Array
    names: list[str]
    level: float
    robust: bool
    examples: int | None
    converged: bool
    newton_step: float
    matvecs: int
    seconds: float
    reason: str
    _vectors: tuple[Array, Array, Array, Array] = field(repr=False)

    def __repr__(self) -> str:
        width = max(9, *(len(n) for n in self.names[:20]))
        kind = "sandwich" if self.robust else "inverse information"
        count = f"{len(self.names)} parameter{'' if len(self.names) == 1 else 's'}"
        head = f"ObservedInformation ({count}, {kind})"
        lines = [
            head if self.converged else f"{head}: NOT at the optimum: {self.reason}",
            f"{'':{width}}  {'estimate':>12} {'std. error':>12}  {self.level:.0%} interval",
        ]
        for i, name in enumerate(self.names[:20]):
            value, error, low, high = (v[i] for v in self._vectors)
            lines.append(f"{name:{width}}  {value:12.5g} {error:12.5g}  [{low:.5g}, {high:.5g}]")
        if len(self.names) > 20:
            lines.append(f"and {len(self.names) - 20} more")
        return "\n".join(lines)

    def to_dict(self, vectors: bool = False) -> dict[str, Any]:
        """Plain Python values, for JSON: vectors in the order of ``names``; no matrices."""
        value, error, low, high = self._vectors
        intervals = np.stack([low, high], axis=1)
        listed = {"estimate": value, "standard_errors": error, "intervals": intervals}
        return super().to_dict(vectors) | plain(listed)

    def plot(self, ax: Any = None) -> Any:
        """Draw estimates and intervals, one line a parameter (the first 40); return the axes."""
        shown = min(len(self.names), 40)
        ax = axes(ax, (6.0, 1.2 + 0.24 * shown))
        value, _, low, high = (v[:shown] for v in self._vectors)
        rows = np.arange(shown)
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.errorbar(
            value,
            rows,
            xerr=[value - low, high - value],
            fmt="o",
            color=BLUE,
            capsize=3,
            markersize=4,
        )
        ax.set_yticks(rows, [literal(name) for name in self.names[:shown]])
        ax.set_ylim(shown - 0.5, -0.5)  # the first on top
        ax.set_xlabel(f"estimate and {self.level:.0%} interval")
        return ax


def observed_information(
    loss: Callable[..., Any],
    params: Any,
    data: Any = None,
    *,
    reduction: str = "mean",
    n: int | None = None,
    robust: bool = False,
    level: float = 0.95,
    progress: bool = False,
    checkpoint: Any = None,
) -> ObservedInformation:
    """Standard errors and confidence intervals of maximum likelihood estimates.

    The inverse of the observed information, the Hessian of the total negative log-likelihood at
    its minimum, is the covariance of the estimates in large samples.

    Parameters
    ----------
    loss : callable
        ``loss(params)`` without data, else ``loss(params, batch)``: the negative log-likelihood,
        up to a constant, as a sum or a mean over examples. For a Gaussian, the squared error has
        to be divided by twice the variance.
    params : pytree
        Where it is smallest; P elements, at most 5,000.
    data : optional
        One batch, or a list or another iterable of batches.
    reduction : {"mean", "sum"}
        What ``loss`` does over the examples of a batch.
    n : int, optional
        Number of examples, where ``reduction="mean"`` and the data do not show it.
    robust : bool
        Give the sandwich covariance ``H⁻¹ (Σ g gᵀ) H⁻¹`` instead, from the gradient g of each
        example, which is right for independent examples even where the model is not (HC0). Needs
        data, and a loss without terms that are no example's own.
    level : float
        Of the intervals, in (0, 1).
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done, columns of the matrix and sums over batches; a run that
        finds it goes on with the same numbers, after a kill as after Ctrl-C.

    Returns
    -------
    ObservedInformation
        With ``converged=False`` where a Newton step would move an estimate by more than 0.05
        standard errors: the parameters are then not at the minimum.

    Raises
    ------
    ValueError
        When the information is not positive definite (not a minimum, or a parameter that the data
        do not determine), when n is needed, or for more than 5,000 parameters.

    References
    ----------
    Efron and Hinkley (1978), Assessing the accuracy of the maximum likelihood estimator: observed
    versus expected Fisher information. White (1980, 1982), for the sandwich.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import observed_information
    >>> y = np.array([1.0, 2.0, 3.0, 6.0])
    >>> loss = lambda mu, y: 0.5 * ((y - mu["mean"]) ** 2).mean()  # unit variance
    >>> observed_information(loss, {"mean": 3.0}, y)
    ObservedInformation (1 parameter, inverse information)
                  estimate   std. error  95% interval
    ['mean']             3          0.5  [2.02, 3.98]
    """
    who = "observed_information"
    begin = time.perf_counter()
    level = arguments.number(who, "level", level, above=0, below=1)
    arguments.choice(who, "reduction", reduction, ("mean", "sum"))
    n = None if n is None else arguments.integer(who, "n", n, least=1)
    robust = arguments.flag(who, "robust", robust)
    if robust and data is None:
        raise ValueError(f"{who}: robust=True needs data: the sandwich is a sum over examples")
    checks.check_functions(who, loss=loss)
    at = Flattening(params, who)
    if at.size > DENSE:
        raise ValueError(
            f"{who}: {at.size} parameters; the inverse of a dense matrix is computed for at most "
            f"{DENSE}. tg.curvature.laplace has approximations for larger models."
        )
    batches = None if data is None else Batches(data, who)
    if reduction == "mean" and n is None:
        n = _count_examples(batches, who)
    op = HessianOperator(loss, params, batches, reduction=reduction)
    scale = float(n) if reduction == "mean" and n is not None else 1.0
    A, unit = Counted(op, who), 1.0
    meat = np.zeros((at.size, at.size) if robust else 0)
    options: dict[str, Any] = {"scale": scale, "robust": robust}
    if checkpoint is not None and batches is not None:  # its Hessian may not depend on all of it
        options["set of data"] = identity_of(batches, loss, at)[1]
    with Steps(checkpoint, A, options) as steps:
        own = steps.beside("matrix")
        matrix, of = steps("matrix", lambda: _matrix(A, Budget(A, progress=progress, path=own)))
        information = matrix.astype(float) * of * scale
        information = (information + information.T) / 2
        if robust and batches is not None:
            unit = scaling.power_of_two(information)
            rows = over_gradient_rows(
                _second_moments, loss, at, batches, None, unit, steps=steps, name="moments"
            )
            for part in rows:
                meat += part
    inverse = _invert_information(
        information, float(np.finfo(at.dtype).eps), _element_names(at), who
    )
    step = inverse @ (op.gradient.astype(float) * scale)
    covariance = inverse
    if robust:
        covariance = (unit * inverse) @ meat @ (unit * inverse)
        covariance = (covariance + covariance.T) / 2
    error = np.sqrt(np.diag(covariance))
    away = float(np.max(np.abs(step) / np.sqrt(np.diag(inverse))))
    half = float(ndtri((1 + level) / 2)) * error
    value = at.join(at.values).astype(float)
    vectors = (value, error, value - half, value + half)
    trees = [at.unflatten(v, [False] * len(at.values)) for v in vectors]
    estimate, standard_errors, lower, upper = trees
    converged, problem = away <= 0.05, "a Newton step would move an estimate"
    return ObservedInformation(
        estimate=estimate,
        standard_errors=standard_errors,
        lower=lower,
        upper=upper,
        information=information,
        covariance=covariance,
        names=_element_names(at),
        level=level,
        robust=robust,
        examples=n,
        converged=converged,
        newton_step=away,
        matvecs=A.matvecs,
        seconds=time.perf_counter() - begin,
        reason="" if converged else f"{problem} by {away:.2g} standard errors; minimise further",
        _vectors=vectors,
    )


def _matrix(A: Counted, budget: Budget) -> tuple[Array, float]:
    """The matrix over its unit, and the unit."""
    with budget:
        return dense_matrix(A, budget), A.unit


def _count_examples(batches: Batches | None, who: str) -> int:
    if batches is None:
        raise ValueError(
            f"{who}: loss is a mean (reduction='mean') over unknown data; give n, the number of "
            "examples, or reduction='sum' if it sums over them"
        )
    return sum(batches.sizes())


def _second_moments(g: Array, unit: float) -> Array:
    return np.asarray((g.T.astype(float) / unit) @ (g / unit))


def _element_names(at: Flattening) -> list[str]:
    """A name for each element: the path of its leaf, and its index there."""
    out = []
    for name, value in zip(at.paths.names, at.values, strict=True):
        for index in np.ndindex(value.shape):
            out.append(f"{name}[{', '.join(map(str, index))}]" if index else name or "params")
    return out


def _invert_information(information: Array, eps: float, names: list[str], who: str) -> Array:
    """By the eigendecomposition of the matrix scaled to unit diagonal: units do not matter."""
    if not np.isfinite(information).all():
        raise ValueError(f"{who}: the information is not finite; is the loss finite here?")
    diagonal = np.diag(information)
    if not (diagonal > 0).all():
        i = int(np.argmin(diagonal))
        raise ValueError(
            f"{who}: the information about {names[i]} is {diagonal[i]:.3g}, which is not positive: "
            "either the loss does not depend on it, or this is not a minimum"
        )
    scale = 1 / np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(information * np.outer(scale, scale))
    if values[0] <= 100 * eps * len(values):
        most = np.argsort(-np.abs(vectors[:, 0]))[:3]
        involved = ", ".join(names[i] for i in most if abs(vectors[i, 0]) > 0.1)
        raise ValueError(
            f"{who}: the information is not positive definite (smallest eigenvalue {values[0]:.3g} "
            f"when scaled to unit diagonal). This is not a minimum, or the data do not determine a "
            f"combination of {involved}. Minimise further, drop or fix one of them, or add a prior."
        )
    root = vectors / np.sqrt(values) * scale[:, None]
    return root @ root.T
