"""What kind of point this is: minimum, maximum, saddle, or not to be decided.

classify_critical_point : operator -> CriticalPoint
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments
from ...core.plotting import BLUE, GREY, ORANGE, axes
from ..eigenpairs.eigenpairs import top_eigenpairs
from ..estimates import scaling
from ..estimates.budget import Budget, was_interrupted
from ..estimates.dense import dense_matrix
from ..estimates.operands import Array, Counted, check_positive
from ..estimates.result import Result
from .at_a_point import with_gradient

DENSE = 3000
"""Up to this many parameters all eigenvalues are computed, by as many products."""

MEANING = {
    "minimum": "all curvature is positive",
    "maximum": "all curvature is negative",
    "saddle": "there is curvature of both signs",
}


@dataclass(frozen=True, eq=False)
class CriticalPoint(Result, on_request=("negative_direction",)):
    """The kind of a point, with the evidence.

    Attributes
    ----------
    kind : str
        "minimum" (all eigenvalues above zero), "maximum", "saddle" (some on either side),
        "degenerate" (none on one side, some numerically zero: the second-order test is silent),
        "undecided" (what was found does not settle it), "not critical" (the gradient is not zero).
    proved : bool
        Whether the eigenvalues leave no other answer. A saddle always is, by two directions; a
        minimum only where all eigenvalues were computed: Lanczos iteration finds the smallest
        almost surely, but cannot show that none is smaller.
    gradient_norm, gradient_limit : float
        The norm, and what counts as zero.
    smallest, largest : (float, float)
        Intervals that hold an eigenvalue, for the smallest and the largest found.
    negative_direction : ndarray, shape (P,), or None
        A unit vector v along which the loss curves down: ``vᵀHv + ‖Hv - (vᵀHv) v‖ < -zero``.
    index : (int, int)
        Certain bounds on the number of eigenvalues below ``-zero``.
    positive : (int, int)
        The same above ``zero``.
    nullity : (int, int)
        The same between the two.
    zero : float
        Eigenvalues up to this size count as zero.
    parameters, matvecs : int
    reason : str
        In words, why this kind.
    """

    kind: str
    proved: bool
    gradient_norm: float
    gradient_limit: float
    smallest: tuple[float, float]
    largest: tuple[float, float]
    negative_direction: Array | None
    index: tuple[int, int]
    positive: tuple[int, int]
    nullity: tuple[int, int]
    zero: float
    parameters: int
    matvecs: int
    reason: str

    def __repr__(self) -> str:
        negative, zero, positive = map(_format_bounds, (self.index, self.nullity, self.positive))
        return (
            f"CriticalPoint({self.kind}: {self.reason}; gradient norm {self.gradient_norm:.3g}, "
            f"eigenvalues from {np.mean(self.smallest):.4g} to {np.mean(self.largest):.4g}, of "
            f"{self.parameters} {negative} negative, {zero} zero, {positive} positive; "
            f"{self.matvecs} products)"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the bounds on how many eigenvalues are negative, zero and positive.

        Returns the matplotlib axes.
        """
        ax = axes(ax, (6.0, 2.2))
        names = ("negative", "zero", "positive")
        counts = (self.index, self.nullity, self.positive)
        for row, ((low, high), color) in enumerate(zip(counts, (ORANGE, GREY, BLUE), strict=True)):
            ax.barh(row, low, color=color)
            ax.barh(row, high - low, left=low, color=color, alpha=0.25, hatch="//")
            text = f" {_format_bounds((low, high))}"
            ax.annotate(text, (high, row), va="center", fontsize=9)
        ax.set_yticks(range(3), names)
        ax.invert_yaxis()
        ax.set_xlim(0, 1.15 * self.parameters)
        ax.set_xlabel(f"eigenvalues, of {self.parameters} (hatched: not settled)")
        ax.set_title(f"{self.kind}, gradient norm {self.gradient_norm:.2g}", fontsize=10)
        return ax


def _format_bounds(bounds: tuple[int, int]) -> str:
    low, high = bounds
    return str(low) if low == high else f"{low} to {high}"


def classify_critical_point(
    op: Any,
    gradient: Any = None,
    *,
    gradient_tol: float | None = None,
    zero_tol: float | None = None,
    k: int = 5,
    tol: float = 1e-3,
    max_matvecs: int | None = None,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> CriticalPoint:
    """Whether a point is a minimum, a maximum, a saddle or degenerate, with the evidence.

    Parameters
    ----------
    op : HessianOperator, or any symmetric LinearOperator, ndarray or sparse matrix, shape (P, P)
    gradient : ndarray, shape (P,), or pytree like the parameters, optional
        By default that of the operator; needed with a bare matrix.
    gradient_tol : float, optional
        The gradient counts as zero up to ``gradient_tol * λ * max(1, ‖θ‖)``, λ the largest
        magnitude of an eigenvalue found and θ the parameters: a critical point is then within a
        relative distance of about ``gradient_tol``. By default 1e-6, in float32 1e-3. The test
        does not change when the loss is multiplied by a number.
    zero_tol : float, optional
        An eigenvalue counts as zero up to ``zero_tol`` times λ. By default ``10 P`` rounding
        units.
    k : int
        How many eigenvalues to find at either end where there are too many parameters (over
        3,000) to compute all.
    tol : float
        To what accuracy, as for :func:`top_eigenpairs`. Signs need no more, but an eigenvalue that
        is smaller than this times the typical one is not told from zero.
    max_matvecs : int, optional
        Products to spend at most; by default as many as it takes.
    seed : int
        Of the starting vectors.
    progress, checkpoint
        As for :func:`top_eigenpairs`.

    Returns
    -------
    CriticalPoint

    Raises
    ------
    ValueError
        For shapes that do not fit or tolerances that are not positive.
    TypeError
        For a matrix without a gradient.

    Notes
    -----
    Bounds on the counts are certain up to rounding: as many eigenvalues as orthonormal Ritz
    vectors have values below ``-zero`` lie there too (Cauchy's interlacing theorem). Where all
    eigenvalues are computed the bounds meet.

    References
    ----------
    Dauphin et al. (2014), Identifying and attacking the saddle point problem. Parlett (1998), The
    Symmetric Eigenvalue Problem, section 10.1 (interlacing) and theorem 4.5.1 (residuals).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import HessianOperator, classify_critical_point
    >>> saddle = HessianOperator(lambda w: 0.5 * (w[0] * w[1] - 1) ** 2, np.zeros(2))
    >>> classify_critical_point(saddle)
    CriticalPoint(saddle: there is curvature of both signs; gradient norm 0, eigenvalues from -1 to
    1, of 2 1 negative, 0 zero, 1 positive; 2 products)
    """
    who = "classify_critical_point"
    k = arguments.integer(who, "k", k, least=1)
    check_positive(who, gradient_tol=gradient_tol, zero_tol=zero_tol)
    A, g = with_gradient(op, gradient, who)
    P = A.size
    stopped = ""
    if min(DENSE, P if max_matvecs is None else max_matvecs) >= P and A.holds_matrix:
        found = _all_eigenpairs(A, progress, checkpoint)
    else:
        ends = top_eigenpairs(
            A.op, 2 * k, "BE", tol=tol, max_matvecs=max_matvecs, seed=seed,
            progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
        A.matvecs += ends.matvecs
        stopped = f"; {ends.reason}" if was_interrupted(ends) else ""
        # orthonormal together, as interlacing needs
        found = ends.values, ends.residuals, ends.vectors, False
    values, residuals, vectors, complete = found
    scale = float(np.abs(values).max(initial=0.0))
    zero = (10 * P * A.eps if zero_tol is None else zero_tol) * scale
    low, high = int(values.argmin()), int(values.argmax())
    negative = int((values + residuals < -zero).sum())
    positive = int((values - residuals > zero).sum())
    null = P - negative - positive if complete else 0
    descent = values[low] + residuals[low] < -zero

    if gradient_tol is None:
        gradient_tol = 1e-6 if A.eps < 1e-10 else 1e-3
    norm = scaling.norm(g)
    limit = gradient_tol * scale * max(1.0, _parameter_norm(op))
    kind, proved = _classify(norm <= limit, (negative, positive, len(values)), null, complete)
    smallest, largest = (_residual_interval(values[i], residuals[i]) for i in (low, high))
    if norm <= limit:
        nearest = smallest if positive else largest
        why = _explain(kind, proved, (negative, positive), nearest)
    else:
        why = f"the gradient norm is above {limit:.3g}, which would count as zero"
    return CriticalPoint(
        kind=kind,
        proved=proved,
        gradient_norm=norm,
        gradient_limit=limit,
        smallest=smallest,
        largest=largest,
        negative_direction=vectors[:, low] if descent else None,
        index=(negative, negative if complete else P - positive),
        positive=(positive, positive if complete else P - negative),
        nullity=(null, null if complete else P - negative - positive),
        zero=zero,
        parameters=P,
        matvecs=A.matvecs,
        reason=why + stopped,
    )


def _classify(
    critical: bool, counts: tuple[int, int, int], null: int, complete: bool
) -> tuple[str, bool]:
    """``counts`` are the negative, the positive and all the eigenvalues found."""
    negative, positive, found = counts
    if not critical:
        return "not critical", True
    if negative and positive:
        return "saddle", True
    if complete and null:
        return "degenerate", True
    if negative + positive < found:  # one cannot be told from zero
        return "undecided", False
    return ("minimum" if positive else "maximum"), complete


def _explain(
    kind: str, proved: bool, signs: tuple[int, int], nearest_zero: tuple[float, float]
) -> str:
    if kind == "degenerate":
        way = "up or down" if not any(signs) else "up" if signs[0] else "down"
        return f"no direction curves {way}, but flat ones, which second derivatives cannot judge"
    if kind == "undecided":
        low, high = nearest_zero
        return (
            f"an eigenvalue in [{low:.3g}, {high:.3g}] cannot be told from zero; a smaller tol may"
        )
    if kind in ("minimum", "maximum") and not proved:
        return f"{MEANING[kind]} as far as Lanczos iteration finds, which is no proof"
    return MEANING[kind]


def _residual_interval(value: Any, residual: Any) -> tuple[float, float]:
    return float(value - residual), float(value + residual)


def _all_eigenpairs(
    A: Counted, progress: bool, checkpoint: Any
) -> tuple[Array, Array, Array, bool]:
    """All eigenvalues, whose errors are rounding, within what counts as zero."""
    with Budget(A, progress=progress, path=checkpoint) as budget:
        matrix = dense_matrix(A, budget)
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (A.unit * values).astype(A.dtype), np.zeros_like(values), vectors, True


def _parameter_norm(op: Any) -> float:
    at = getattr(op, "_at", None)
    return 0.0 if at is None else scaling.norm(at.join(at.values))
