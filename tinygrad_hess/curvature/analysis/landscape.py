"""Slices of a loss along lines and planes, beside its quadratic model.

landscape : loss at a point, directions -> Landscape
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments
from ...core.plotting import BLUE, GREY, ORANGE, axes, legend
from ..eigenpairs.eigenpairs import Eigenpairs, top_eigenpairs
from ..estimates.budget import INTERRUPTED, finished
from ..estimates.operands import Array, Counted
from ..estimates.result import Result
from ..estimates.steps import Steps
from ..operators import checks
from .directions import filter_normalized, trajectory_directions
from .total_loss import TotalLoss, as_hessian

KINDS = ("eigenvectors", "random")


@dataclass(frozen=True, eq=False)
class Landscape(Result, omitted=("directions",)):
    """The loss on a line or a plane through a point, and its quadratic model there.

    Attributes
    ----------
    coordinates : tuple of 1 or 2 ndarrays
        In lengths of the directions; the point itself is at 0.
    values : ndarray, shape (n,) or (n, m)
        The loss; the first axis is the first direction.
    quadratic : ndarray, of the same shape
        The second-order Taylor model.
    directions : ndarray, shape (P, 1) or (P, 2)
    slopes : ndarray, shape (1,) or (2,)
        First derivatives along the directions.
    curvatures : ndarray, shape (1, 1) or (2, 2)
        Second derivatives.
    value : float
        The loss at the point.
    labels : tuple of str
        What the directions are.
    path : ndarray, shape (T, d), or None
        A training run, projected.
    explained : float
        The share of the run's squared distances that lies in the slice; NaN without a run.
    evaluations, matvecs : int
        Spent.
    reason : str
        Why values are NaN: those that an interrupted run had not come to.
    """

    coordinates: tuple[Array, ...]
    values: Array
    quadratic: Array
    directions: Array
    slopes: Array
    curvatures: Array
    value: float
    labels: tuple[str, ...]
    path: Array | None
    explained: float
    evaluations: int
    matvecs: int
    reason: str = ""

    @property
    def error(self) -> Array:
        """``values - quadratic``."""
        return self.values - self.quadratic

    def __repr__(self) -> str:
        known = self.values[np.isfinite(self.values)]
        values = f"{known.min():.4g} to {known.max():.4g}" if known.size else "nowhere finite"
        shape = " x ".join(str(len(c)) for c in self.coordinates)
        run = "" if self.path is None else f", {self.explained:.0%} of the run"
        state = f"; NOT complete: {self.reason}" if self.reason else ""
        return (
            f"Landscape({shape} points along {' and '.join(self.labels)}: loss {self.value:.4g} "
            f"at the point, {values} around it{run}; {self.evaluations} evaluations, "
            f"{self.matvecs} products{state})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw a line with its parabola, or a plane as contours with the model's dashed.

        Returns the matplotlib axes.
        """
        return _line(self, ax) if len(self.coordinates) == 1 else _plane(self, ax)


def _line(found: Landscape, ax: Any) -> Any:
    ax = axes(ax, (6.0, 3.6))
    (t,) = found.coordinates
    ax.plot(t, found.values, color=BLUE, linewidth=1.8, label="loss")
    if np.isfinite(found.values).any():
        ax.set_ylim(ax.get_ylim())  # the parabola may run far off
    ax.plot(t, found.quadratic, "--", color=ORANGE, linewidth=1.5, label="quadratic")
    ax.plot([0], [found.value], "o", color=GREY, markersize=5)
    ax.set_xlabel(found.labels[0])
    ax.set_ylabel("loss")
    legend(ax)
    return ax


def _plane(found: Landscape, ax: Any) -> Any:
    ax = axes(ax, (5.6, 4.4))
    x, y = found.coordinates
    known = np.ma.masked_invalid(found.values.T)
    low, high = float(known.min()), float(known.max())
    if low > 0 and high > 100 * low:  # then a linear scale shows one level near the bottom
        levels = np.geomspace(low, high, 16)
    else:
        levels = np.linspace(low, high if high > low else low + 1, 16)
    filled = ax.contourf(x, y, known, levels=levels, cmap="Blues_r")
    bar = ax.figure.colorbar(filled, ax=ax, label="loss", ticks=levels[::3])
    bar.ax.set_yticklabels([f"{level:.3g}" for level in levels[::3]])
    ax.contour(
        x, y, found.quadratic.T, levels=levels, colors=ORANGE, linewidths=0.8, linestyles="dashed"
    )
    ax.plot([], [], "--", color=ORANGE, linewidth=0.8, label="quadratic")
    ax.plot([0], [0], "o", color="black", markersize=5)
    if found.path is not None:
        ax.plot(*found.path.T, ".-", color="black", linewidth=1, markersize=3, label="run")
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(y[0], y[-1])
    ax.set_xlabel(found.labels[0])
    ax.set_ylabel(found.labels[1])
    ax.grid(False)
    legend(ax)
    return ax


def landscape(
    loss: Any,
    params: Any = None,
    data: Any = None,
    *args: Any,
    reduction: str = "mean",
    directions: Any = "eigenvectors",
    dimensions: int = 1,
    trajectory: Sequence[Any] | None = None,
    radius: float | None = None,
    points: int | None = None,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Landscape:
    """Slices of a loss through a point, with the quadratic prediction.

    Parameters
    ----------
    loss : HessianOperator or callable
        An operator brings its point and data along. Otherwise as for :class:`HessianOperator`.
    params, data, *args, reduction
        As for :class:`HessianOperator`; not given with an operator.
    directions : {"eigenvectors", "random"}, Eigenpairs, or 1 or 2 directions
        The top eigenvectors of the Hessian, of length 1; filter-normalised random directions
        (:func:`filter_normalized`); or a list of trees or vectors, used as they are, not
        normalised.
    dimensions : {1, 2}
        A line or a plane.
    trajectory : sequence of pytrees, optional
        Parameters along a training run; the slice then goes through the given point along the
        principal directions of the run (:func:`trajectory_directions`), and shows the run.
        Its last point should be the given one.
    radius : float, optional
        How far to go on either side, in lengths of the directions; by default 1, and with a
        trajectory as far as it takes to show it.
    points : int, optional
        On each axis, at least 3; by default 51 on a line, 25 on a plane.
    seed : int
        Of random directions and of starting vectors.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done; a run that finds it goes on.

    Returns
    -------
    Landscape

    Raises
    ------
    ValueError
        For unknown directions, more than two, dependent ones, or too few points.

    Notes
    -----
    Many points are evaluated in one call, in bounded memory, where that is faster: small nets on
    few examples gain up to tenfold. The quadratic costs one product for each direction.

    References
    ----------
    Li et al. (2018), Visualizing the loss landscape of neural nets.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import landscape
    >>> found = landscape(lambda x: (x**4).sum(), np.array([1.0, 0.0]), points=5)
    >>> found.values.tolist()
    [0.0, 0.0625, 1.0, 5.0625, 16.0]
    >>> found.quadratic.tolist()
    [3.0, 0.5, 1.0, 4.5, 11.0]
    """
    who = "landscape"
    total, op = as_hessian(loss, params, data, args, reduction, who)
    dimensions = arguments.integer(who, "dimensions", dimensions, least=1)
    if dimensions > 2:
        raise ValueError(f"{who}: dimensions must be 1 or 2, got {dimensions}")
    points = (51, 25)[dimensions - 1] if points is None else points
    points = arguments.integer(who, "points", points, least=3)
    if radius is not None:
        radius = arguments.number(who, "radius", radius, above=0)
    given = trajectory if trajectory is not None else directions
    options = {
        "dimensions": dimensions, "points": points, "radius": radius, "seed": seed,
        "directions": given if isinstance(given, str) else checks.fingerprint(_arrays_of(given)),
    }  # fmt: skip
    A, reason = Counted(op, who), ""
    with Steps(
        checkpoint, A, options, progress=progress, total=points**dimensions, unit="points"
    ) as steps:
        path, explained = None, float("nan")
        if trajectory is not None:
            run = trajectory_directions(trajectory, dimensions)
            D, path, explained = run.directions, run.path, float(run.explained.sum())
            labels = [f"principal direction {i + 1} of the run" for i in range(dimensions)]
        else:
            if isinstance(directions, str) and directions == "eigenvectors":
                directions = steps(
                    "eigenvectors",
                    lambda: top_eigenpairs(
                        op, dimensions, tol=1e-4, seed=seed, checkpoint=steps.beside("eigenvectors")
                    ),
                )
                A.matvecs += finished(directions).matvecs
            D, labels = _directions(directions, dimensions, total, seed)
        coordinates = [
            _coordinate(None if path is None else path[:, i], radius, points).astype(D.dtype)
            for i in range(D.shape[1])
        ]
        grid = np.stack([c.ravel() for c in np.meshgrid(*coordinates, indexing="ij")], axis=1)
        shape = tuple(len(c) for c in coordinates)
        unit = A.unit
        bent = unit * steps("curvatures", lambda: A.matmat(D))
        slopes, curvatures = D.T @ op.gradient, D.T @ bent
        quadratic = float(op.value) + grid @ slopes + 0.5 * ((grid @ curvatures) * grid).sum(axis=1)
        values, evaluations = np.full(len(grid), np.nan, total.at.dtype), 0
        try:
            while evaluations < len(grid):
                rows = grid[evaluations : evaluations + total.together]
                block = lambda rows=rows: total.values(total.start + rows @ D.T)
                found = steps(f"values from {evaluations} on", block)
                values[evaluations : evaluations + len(found)] = found
                evaluations += len(found)
                steps.advance(evaluations)
        except KeyboardInterrupt:
            reason = INTERRUPTED
    return Landscape(
        coordinates=tuple(coordinates),
        values=values.reshape(shape),
        quadratic=quadratic.reshape(shape),
        directions=D,
        slopes=slopes,
        curvatures=curvatures,
        value=float(op.value),
        labels=tuple(labels),
        path=path,
        explained=explained,
        evaluations=evaluations,
        matvecs=A.matvecs,
        reason=reason,
    )


def _arrays_of(given: Any) -> Any:
    return given.vectors if isinstance(given, Eigenpairs) else given


def _directions(given: Any, count: int, total: TotalLoss, seed: int) -> tuple[Array, list[str]]:
    """Directions as columns (P, d), and what they are."""
    if isinstance(given, Eigenpairs):
        if given.vectors.shape[1] < count:
            raise ValueError(
                f"landscape: {given.vectors.shape[1]} eigenvectors for {count} dimensions"
            )
        labels = [f"eigenvector {i + 1} (λ = {given.values[i]:.3g})" for i in range(count)]
        return given.vectors[:, :count], labels
    if isinstance(given, str):
        if given != "random":
            raise ValueError(f"landscape: directions={given!r} is not one of {', '.join(KINDS)}")
        rng = arguments.generator("landscape", seed)
        tree = total.at.tree()
        columns = [filter_normalized(tree, seed=rng) for _ in range(count)]
        return np.stack(columns, axis=1), [f"random direction {i + 1}" for i in range(count)]
    if not isinstance(given, (list, tuple)) or len(given) != count:
        raise ValueError(
            f"landscape: give {count} direction{'s' if count > 1 else ''} in a list (dimensions="
            f"{count}), got {type(given).__name__}"
        )
    D = np.stack([total.flat(d) for d in given], axis=1)
    if np.linalg.matrix_rank(D) < count:
        raise ValueError("landscape: the directions are zero or dependent; they span no slice")
    return D, [f"direction {i + 1}" for i in range(count)]


def _coordinate(run: Array | None, radius: float | None, points: int) -> Array:
    """Evenly spaced points around 0, or enough to show a run with a margin."""
    if run is None or radius is not None:
        r = 1.0 if radius is None else radius
        return np.linspace(-r, r, points)
    low, high = float(run.min()), float(run.max())
    margin = 0.2 * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, points)
