"""The main job: train a net on real data, and see the curvature of its loss.

Full-batch gradient descent on handwritten digits. The largest eigenvalue of the Hessian, the
sharpness, climbs until it reaches 2/rate, where a quadratic would become unstable, and stays there
while the loss keeps falling, no longer steadily: the edge of stability (Cohen et al. 2021,
Gradient descent on neural networks typically occurs at the edge of stability).
"""

from __future__ import annotations

import shutil
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from . import curvature, data, nn, viz
from .core import trees
from .curvature import Eigenpairs
from .transforms import grad, hvp, value_and_grad

TRAINING_EXAMPLES = 1000
DRAWN_EXAMPLES = 8
"""The graphs are recorded on a few examples: their form does not depend on how many."""

FOLLOWED = 50
"""Steps between two measurements of the largest five eigenvalues, for the report."""

DIVERGED = 1e3
"""The multiple of the first loss from which no run recovers: spikes at the edge are far smaller."""


@dataclass
class Course:
    """The course of a run.

    Attributes
    ----------
    model : Module
        At the end.
    batch : tuple of arrays
        The training inputs, shape (1000, 64), and one-hot labels, shape (1000, 10).
    rate : float
        The learning rate.
    losses : list of float
        At every step, the start and the end included.
    measured : list of int
        The steps at which the next two were measured.
    sharpness : list of float
        The largest eigenvalue of the Hessian of the training loss.
    accuracy : list of float
        On the test set, a fraction.
    monitor : Monitor or None
        Of the largest five eigenvalues.
    """

    model: Any
    batch: tuple[Any, Any]
    rate: float
    losses: list[float] = field(default_factory=list)
    measured: list[int] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    monitor: curvature.Monitor | None = None

    def at_the_edge(self) -> list[float]:
        """The sharpness times rate/2, from the first time that it is at least 1."""
        relative = [s * self.rate / 2 for s in self.sharpness]
        first = next((i for i, r in enumerate(relative) if r >= 1), len(relative))
        return relative[first:]


def loss(model: Any, batch: Any) -> Any:
    """Half the squared distance of the outputs from the one-hot labels, mean over examples."""
    x, y = batch
    return ((model(x) - y) ** 2).sum() / (2 * len(x))


def digits(seed: int) -> tuple[Any, Any, Any, Any]:
    """Pixels from 0 to 1, centred on the training mean, and labels; 1,000 to train on."""
    known = data.digits()
    order = np.random.default_rng(seed).permutation(len(known.y))
    x, y = known.x[order] / 16, known.y[order]
    cut = TRAINING_EXAMPLES
    x -= x[:cut].mean(axis=0)
    return x[:cut], y[:cut], x[cut:], y[cut:]


def train(steps: int, rate: float, every: int, seed: int) -> Course:
    """Descend, measuring loss, test accuracy and sharpness on the way.

    Raises
    ------
    FloatingPointError
        When the loss diverges.
    """
    x, y, test_x, test_y = digits(seed)
    batch = (x, np.eye(10)[y])
    # Glorot's weights let the climb begin at half of 2/rate; without biases it overshoots less.
    model = nn.MLP([64, 32, 10], nn.tanh, bias=False, init=nn.init.xavier_normal, seed=seed)
    follow = curvature.Monitor(loss, batch, optimizer=rate, every=FOLLOWED, seed=seed)
    course = Course(model, batch, rate, monitor=follow)
    loss_and_gradient = value_and_grad(loss)
    direction = None  # the last top eigenvector: the next one is near it
    with _progress(steps) as bar:
        for step in range(steps + 1):
            value, gradient = loss_and_gradient(model, batch)
            course.losses.append(float(value))
            if not value < DIVERGED * course.losses[0]:  # nor is a NaN
                raise FloatingPointError(
                    f"gradient descent diverged: the loss went from {course.losses[0]:.4g} to "
                    f"{value:.4g} in {step} steps. The rate {rate:g} is too large."
                )
            follow(step, model, value)
            if step % every == 0 or step == steps:
                op = curvature.HessianOperator(loss, model, batch)
                top = curvature.top_eigenpairs(op, 1, v0=direction, tol=3e-4)
                direction = top.vectors
                course.measured.append(step)
                course.sharpness.append(float(top.values[0]))
                course.accuracy.append(nn.accuracy(model(test_x), test_y))
                bar.set_description_str(_progress_line(course), refresh=False)
            if step < steps:
                model = trees.map(lambda p, g: p - rate * g, model, gradient)
                bar.update()
    course.model = model
    return course


def _progress(steps: int) -> tqdm[Any]:
    columns = shutil.get_terminal_size((110, 24)).columns
    return tqdm(
        total=steps,
        file=sys.stdout,
        bar_format="{desc} |{bar}| {percentage:3.0f}% {elapsed}<{remaining}",
        ncols=min(columns, 110),
        mininterval=0.2 if sys.stdout.isatty() else 2.0,  # a log needs fewer lines
    )


def _progress_line(course: Course) -> str:
    sharpness = course.sharpness[-1]
    return (
        f"step {course.measured[-1]:4d}: loss {course.losses[-1]:.4f}, test "
        f"{course.accuracy[-1]:.1%}, sharpness {sharpness:.3f} = "
        f"{sharpness * course.rate / 2:.2f} × 2/rate"
    )


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Keep BLAS from splitting products this small over threads.

    NumPy and SciPy bring a BLAS each, whose threads spin while they wait. ARPACK alternates
    between the two, which on two idle cores doubles its time. On busy cores all products suffer,
    and the run took four times as long.
    """
    return threadpool_limits(1, "blas")


def report(course: Course, seed: int) -> tuple[Eigenpairs, Any]:
    """Print estimates of curvature at the end of a run beside the exact numbers.

    Returns
    -------
    top : Eigenpairs
        The five largest.
    exact : ndarray, shape (P,)
        All eigenvalues of the dense Hessian, ascending.
    """
    op = curvature.HessianOperator(loss, course.model, course.batch)
    print(f"\nThe Hessian at the end, {op.shape[0]:,} parameters:", flush=True)
    top = curvature.top_eigenpairs(op, 5)
    estimate = curvature.trace(op, rtol=0.01, seed=seed)
    dense = op.to_dense()
    exact = np.linalg.eigvalsh(dense)
    print(f"  {'largest eigenvalues':<22}{'residual':>10}{'exact':>16}{'difference':>14}")
    for value, residual, true in zip(top.values, top.residuals, exact[::-1], strict=False):
        print(f"  {value:<22.10f}{residual:>10.1e}{true:>16.10f}{abs(value - true):>14.1e}")
    stopped = "" if top.converged else "; they have NOT converged"
    print(f"  from {top.matvecs} Hessian-vector products{stopped}")
    low, high = estimate.interval
    print(
        f"  trace {estimate.value:.2f} ± {estimate.standard_error:.2f} (standard error, "
        f"{estimate.matvecs} products), 95% in [{low:.2f}, {high:.2f}]; exact {np.trace(dense):.2f}"
    )
    edge = course.at_the_edge()
    if edge:
        print(
            f"  the sharpness since it first reached 2/rate = {2 / course.rate:.4g}: mean "
            f"{np.mean(edge):.3f} × 2/rate, between {min(edge):.2f} and {max(edge):.2f}"
        )
    else:
        print(f"  the sharpness has not reached 2/rate = {2 / course.rate:.4g}: take more steps")
    return top, exact


def draw(course: Course, top: Eigenpairs, exact: Any, out: Path) -> list[tuple[Path, str]]:
    """Write the figures and the graphs; return each path with what it shows."""
    wrote = []
    try:
        curves = viz.plots.loss_and_sharpness(
            range(len(course.losses)),
            course.losses,
            course.sharpness,
            course.rate,
            sharpness_steps=course.measured,
            title="Full-batch gradient descent on digits: the edge of stability",
        )
        spectrum = viz.plots.spectrum(
            exact,
            top.values,
            top.intervals,
            title=f"Eigenvalues of the Hessian after {len(course.losses) - 1:,} steps",
        )
    except ImportError as error:
        print(f"  no figures: {error}")
    else:
        name = "loss_and_sharpness.png"
        wrote.append((viz.plots.save(curves, out / name), "loss and sharpness, with 2/rate"))
        wrote.append((viz.plots.save(spectrum, out / "spectrum.png"), "all eigenvalues"))
    few = tuple(a[:DRAWN_EXAMPLES] for a in course.batch)
    direction = trees.map(np.ones_like, course.model)
    graphs = {
        "graph_loss.svg": ("the loss", loss),
        "graph_gradient.svg": ("the gradient", grad(loss)),
        "graph_hvp.svg": (
            "a Hessian-vector product",
            lambda model, batch: hvp(loss, model, direction, batch),
        ),
    }
    for name, (what, f) in graphs.items():
        title = f"The computation of {what}, for {DRAWN_EXAMPLES} examples"
        picture = viz.graph(f, course.model, few, argnums=0, title=title)
        wrote.append((viz.render(picture, out / name), f"the computation graph of {what}"))
    return wrote


def full_report(course: Course, budget: str | float, seed: int) -> curvature.Report:
    """All that the budget allows to say about the curvature at the end."""
    return curvature.report(
        loss,
        course.model,
        course.batch,
        budget=budget,
        monitor=course.monitor,
        rate=course.rate,
        title=f"The loss on digits after {len(course.losses) - 1:,} steps of gradient descent",
        seed=seed,
    )


def run(
    steps: int = 1500,
    rate: float = 0.5,
    every: int = 10,
    seed: int = 0,
    out: Path | str = "demo_output",
    budget: str | float = "15s",
) -> Course:
    """Train, report, draw, say what was written, and sum up.

    Parameters
    ----------
    steps : int
        Of gradient descent.
    rate : float
        The learning rate.
    every : int
        Steps between two measurements of the sharpness.
    seed : int
        Of the weights, the split and the probes.
    out : path
        The folder for figures, graphs and the report; made if missing. Existing files are replaced.
    budget : str or float
        Time for the report; see :func:`tinygrad_hess.curvature.report`.

    Returns
    -------
    Course

    Raises
    ------
    FloatingPointError
        When the loss diverges.
    OSError
        When the folder cannot be made or written to.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    print(
        f"Training a 64-32-10 tanh net on {TRAINING_EXAMPLES:,} handwritten digits, by full-batch "
        f"gradient descent at rate {rate:g}"
    )
    with _one_blas_thread():
        course = train(steps, rate, every, seed)
        top, exact = report(course, seed)
        print()
        wrote = draw(course, top, exact, out)
        full = full_report(course, budget, seed)
        wrote.append((full.save_html(out / "report.html"), "all of it on one page"))
    print("Wrote")
    for path, what in wrote:
        print(f"  {path!s:<36}  {what}")
    print(f"\n{full.text}")
    return course
