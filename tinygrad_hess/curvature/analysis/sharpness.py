"""How sharp a minimum is, by the measures in use, side by side.

sharpness : loss at a point -> Sharpness
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import Bounds, minimize

from ...core import arguments, trees
from ...core.plotting import BLUE, axes
from ...core.tensor import unrecorded
from ...distributed.shards import batch_size
from ...transforms.gradients import jvp
from ...transforms.vectorize import vmap
from ..eigenpairs.eigenpairs import top_eigenpairs
from ..estimates import scaling
from ..estimates.budget import INTERRUPTED, finished
from ..estimates.operands import Array, Counted, check_positive
from ..estimates.result import Result
from ..estimates.steps import Steps
from ..operators.batches import OnBatch
from .at_a_point import scaled
from .search_regions import Ball, ascend
from .total_loss import TotalLoss, as_hessian

STEPS = 30
"""Steps of each ascent."""

STATIONARY = 1e-3
"""An ascent has converged when the gap that its gradient leaves is this share of the rise."""


@dataclass(frozen=True, eq=False)
class Sharpness(Result):
    """Measures of sharpness at one point.

    Attributes
    ----------
    loss : float
    largest_eigenvalue : float
        λ of the Hessian: changes when layers are rescaled.
    interval : (float, float)
        Holds an eigenvalue for certain.
    sam : float
        The largest rise of the loss found within distance ``rho`` of the parameters (Foret et
        al. 2021): a lower bound of the maximum, from ascent.
    sam_one_step : float
        The rise after the one step ``rho g / ‖g‖`` that training with SAM takes; 0 without a
        gradient.
    adaptive_eigenvalue : float
        λ of ``D H D``, D = diag(|θ|): does not change when layers of a ReLU net are rescaled.
    adaptive_sam : float
        The largest rise found where ``‖e / |θ|‖ <= adaptive_rho`` (Kwon et al. 2021).
    keskar : float
        ``100 (max f - f) / (1 + f)`` over the box ``|e_i| <= keskar_epsilon (|θ_i| + 1)``, by some
        iterations of L-BFGS-B (Keskar et al. 2017): a lower bound, too.
    fisher_rao : float or None
        ``sqrt(θᵀ F θ)``, F the mean of ``g_i g_iᵀ`` over the examples' gradients (Liang et
        al. 2019); None without data.
    rho, adaptive_rho, keskar_epsilon : float
        Sizes of the neighbourhoods.
    matvecs, gradients : int
        Spent on eigenvalues and on ascents.
    converged : bool
        Whether eigenvalues and both SAM ascents have.
    reason : str
        What has not. What an interrupted run had not come to is NaN.
    seconds : float
    """

    loss: float
    largest_eigenvalue: float
    interval: tuple[float, float]
    sam: float
    sam_one_step: float
    adaptive_eigenvalue: float
    adaptive_sam: float
    keskar: float
    fisher_rao: float | None
    rho: float
    adaptive_rho: float
    keskar_epsilon: float
    matvecs: int
    gradients: int
    converged: bool
    reason: str
    seconds: float

    def __repr__(self) -> str:
        fisher = "" if self.fisher_rao is None else f", Fisher-Rao norm {self.fisher_rao:.4g}"
        state = "" if self.converged else f"; NOT converged: {self.reason}"
        return (
            f"Sharpness(largest eigenvalue {self.largest_eigenvalue:.6g}, adaptive "
            f"{self.adaptive_eigenvalue:.4g}; the loss {self.loss:.4g} rises by {self.sam:.4g} "
            f"within {self.rho:g}, by {self.adaptive_sam:.4g} within {self.adaptive_rho:g} "
            f"relative (ASAM); Keskar's φ {self.keskar:.4g}{fisher}; {self.matvecs} products, "
            f"{self.gradients} gradients{state})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the measures that are positive as bars on a logarithmic axis.

        Returns the matplotlib axes.
        """
        measures = {
            "largest eigenvalue": self.largest_eigenvalue,
            "adaptive eigenvalue": self.adaptive_eigenvalue,
            f"SAM, ρ = {self.rho:g}": self.sam,
            f"ASAM, ρ = {self.adaptive_rho:g}": self.adaptive_sam,
            f"Keskar's φ, ε = {self.keskar_epsilon:g}": self.keskar,
            "Fisher-Rao norm": self.fisher_rao or 0.0,
        }
        shown = {name: value for name, value in measures.items() if value > 0}
        ax = axes(ax, (6.4, 2.8))
        bars = ax.barh(list(shown), list(shown.values()), color=BLUE, height=0.6)
        ax.bar_label(bars, [f" {value:.4g}" for value in shown.values()], fontsize=9)
        ax.set_xscale("log")
        ax.margins(x=0.25)
        ax.invert_yaxis()
        ax.set_title(f"sharpness at loss {self.loss:.4g}", fontsize=10)
        return ax


def sharpness(
    loss: Any,
    params: Any = None,
    data: Any = None,
    *args: Any,
    reduction: str = "mean",
    rho: float = 0.05,
    adaptive_rho: float = 0.5,
    keskar_epsilon: float = 1e-3,
    keskar_iterations: int = 10,
    tol: float = 1e-4,
    max_matvecs: int | None = None,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Sharpness:
    """The sharpness of a loss at a point, by the measures in use, side by side.

    Parameters
    ----------
    loss : HessianOperator or callable
        An operator brings its point and data along. Otherwise as for :class:`HessianOperator`.
    params, data, *args, reduction
        As for :class:`HessianOperator`; not given with an operator.
    rho : float
        Radius of SAM's ball.
    adaptive_rho : float
        Radius of ASAM's, relative to the parameters.
    keskar_epsilon : float
        Half the width of Keskar's box, relative to ``|θ| + 1``.
    keskar_iterations : int
        Of L-BFGS-B, as in the paper.
    tol, max_matvecs, seed
        As for :func:`top_eigenpairs`, for each of the two eigenvalues.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done; a run that finds it goes on.

    Returns
    -------
    Sharpness

    Raises
    ------
    ValueError
        For sizes that are not positive.

    Notes
    -----
    The maxima over neighbourhoods are found by local ascent: from the gradient's direction and
    from both ends of the top eigenvector. What is reported was reached, and the true maximum may
    be larger.

    References
    ----------
    Foret et al. (2021), Sharpness-aware minimization. Kwon et al. (2021), ASAM. Keskar et al.
    (2017), On large-batch training for deep learning, metric 2.1. Liang et al. (2019), Fisher-Rao
    metric, geometry, and complexity of neural networks, definition 2. Dinh et al. (2017), Sharp
    minima can generalize for deep nets, on why to look at more than one.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import sharpness
    >>> found = sharpness(lambda x: (x**2 * np.array([4.0, 1.0])).sum() / 2, np.array([0.0, 2.0]))
    >>> found.largest_eigenvalue, found.adaptive_eigenvalue, found.fisher_rao
    (4.0, 4.0, None)
    >>> round(found.sam_one_step, 6)  # 2 · 0.05 + 0.05² / 2
    0.10125
    """
    who = "sharpness"
    check_positive(who, rho=rho, adaptive_rho=adaptive_rho, keskar_epsilon=keskar_epsilon)
    keskar_iterations = arguments.integer(who, "keskar_iterations", keskar_iterations, least=1)
    started = time.perf_counter()
    total, op = as_hessian(loss, params, data, args, reduction, who)
    limits: dict[str, Any] = {"tol": tol, "max_matvecs": max_matvecs, "seed": seed}
    sizes = {"rho": rho, "adaptive_rho": adaptive_rho, "keskar_epsilon": keskar_epsilon}
    options = {**limits, **sizes, "keskar_iterations": keskar_iterations}
    relative = np.abs(total.start)
    value, gradient = float(op.value), op.gradient
    found: dict[str, Any] = {}
    A, spent = Counted(op, who), 0
    with Steps(checkpoint, A, options, progress=progress, total=6, unit="measures") as steps:

        def eigenpair(name: str, operator: Any) -> Any:
            return top_eigenpairs(operator, 1, checkpoint=steps.beside(name), **limits)

        def rise(radius: float, pair: str, scale: Array | None = None) -> Any:
            v = found[pair].vectors[:, 0]
            return _largest_rise(total, value, gradient, radius, v, scale)

        measures: dict[str, Callable[[], Any]] = {
            "eigenvalue": lambda: eigenpair("eigenvalue", op),
            "adaptive": lambda: eigenpair("adaptive", scaled(op, relative)),
            "sam": lambda: rise(rho, "eigenvalue"),
            "asam": lambda: rise(adaptive_rho, "adaptive", relative),
            "keskar": lambda: _keskar(total, value, keskar_epsilon, keskar_iterations),
            "fisher": lambda: _fisher_rao(total),
        }
        try:
            for i, (name, measure) in enumerate(measures.items()):
                begun = total.gradients_spent
                counted = lambda f=measure, n=begun: (f(), total.gradients_spent - n)
                measured, gradients = steps(name, counted)
                found[name] = finished(measured)
                spent += gradients
                steps.advance(i + 1, name)
        except KeyboardInterrupt:
            if "adaptive" not in found:
                raise
    top, adaptive, nothing = found["eigenvalue"], found["adaptive"], float("nan")
    sam, one_step, sam_done = found.get("sam", (nothing, nothing, False))
    asam, _, asam_done = found.get("asam", (nothing, nothing, False))
    unfinished = [
        name
        for name, done in (
            ("the largest eigenvalue", top.converged),
            ("the adaptive eigenvalue", adaptive.converged),
            ("the ascent of SAM", sam_done),
            ("the ascent of ASAM", asam_done),
            ("Keskar's φ", "keskar" in found),
            ("the Fisher-Rao norm", "fisher" in found),
        )
        if not done
    ]
    if len(found) < len(measures):
        unfinished.append(INTERRUPTED)
    return Sharpness(
        loss=value,
        largest_eigenvalue=float(top.values[0]),
        interval=(float(top.intervals[0, 0]), float(top.intervals[0, 1])),
        sam=sam,
        sam_one_step=one_step,
        adaptive_eigenvalue=float(adaptive.values[0]),
        adaptive_sam=asam,
        keskar=found.get("keskar", nothing),
        fisher_rao=found.get("fisher", nothing),
        rho=rho,
        adaptive_rho=adaptive_rho,
        keskar_epsilon=keskar_epsilon,
        matvecs=A.matvecs + top.matvecs + adaptive.matvecs,
        gradients=spent,
        converged=not unfinished,
        reason=", ".join(unfinished),
        seconds=time.perf_counter() - started,
    )


def _largest_rise(
    total: TotalLoss,
    value: float,
    gradient: Array,
    rho: float,
    eigenvector: Array,
    scale: Array | None = None,
) -> tuple[float, float, bool]:
    """The largest rise within a ball of steps ``u``, after one step, and whether ascent converged.

    The parameters move by ``scale * u``.
    """
    s = np.ones_like(total.start) if scale is None else scale
    region = Ball(rho, np.zeros_like(total.start))

    def rise(u: Array) -> tuple[float, Array]:
        found, g = total.value_and_gradient(total.start + s * u)
        return (found - value if np.isfinite(found) else -np.inf), s * g

    def ascent_from(start: Array) -> Any:
        return ascend(
            rise,
            lambda u, g: g,
            region,
            start,
            steps=STEPS,
            done=lambda found, gap: gap <= STATIONARY * abs(found),
        )

    first = s * gradient
    norm = scaling.norm(first)
    starts = [eigenvector * s.dtype.type(rho), -eigenvector * s.dtype.type(rho)]
    one_step = 0.0
    if norm:
        starts.append(first * s.dtype.type(rho / norm))
        one_step = rise(starts[-1])[0]
    best = max((ascent_from(u) for u in starts), key=lambda found: found.value)
    return best.value, one_step, best.gap <= STATIONARY * abs(best.value)


def _keskar(total: TotalLoss, value: float, epsilon: float, iterations: int) -> float:
    """Keskar's φ: L-BFGS-B over the box, from the parameters themselves."""
    width = epsilon * (np.abs(total.start) + 1).astype(float)
    best = value

    def falling(step: Array) -> tuple[float, Array]:
        nonlocal best
        found, g = total.value_and_gradient(total.start + step.astype(total.start.dtype))
        best = max(best, found)
        return -found, -g.astype(float)

    minimize(
        falling,
        np.zeros(total.at.size),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(-width, width),
        # The number of iterations decides, not the size of the loss.
        options={"maxiter": iterations, "gtol": 0.0, "ftol": 0.0},
    )
    return 100 * (best - value) / (1 + value)


def _fisher_rao(total: TotalLoss) -> float | None:
    """The root mean square over examples of ``θᵀ g_i``, by one forward sweep for all."""
    if total.batches.single and total.batches.data[0] is None:
        return None
    square, count, unit = 0.0, 0, 1.0
    params = total.at.tree()

    def along_parameters(batch: Any) -> Array:
        more = list(total.arguments(batch)[1:])
        arrays = trees.map(lambda x: np.asarray(unrecorded(x)), batch)
        return _along_parameters(total, params, arrays, more, batch_size(batch, total.who, 0))

    for _, size, along in total.batches.each(OnBatch(along_parameters), weighted=True):
        unit = unit if square else scaling.power_of_two(along)
        square += float(np.square(along / unit).sum())
        count += size
    return unit * float(np.sqrt(square / count))


def _along_parameters(
    total: TotalLoss, params: Any, batch: Any, more: list[Any], size: int
) -> Array:
    """``θᵀ g_i`` for each example i of a batch, each as a batch of one."""
    ones = trees.map(lambda x: x[:, None], batch)

    def losses(p: Any) -> Any:
        return vmap(lambda one: total.loss(p, one, *more))(ones)

    try:
        return np.asarray(jvp(losses, (params,), (params,))[1], float)
    except Exception:  # a loss that cannot be mapped; one example after the other shows its errors
        each = [trees.map(lambda x, i=i: x[i], ones) for i in range(size)]
        alone = [lambda p, one=one: total.loss(p, one, *more) for one in each]
        return np.array([jvp(f, (params,), (params,))[1] for f in alone], float)
