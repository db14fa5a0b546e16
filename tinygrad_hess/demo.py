"""The main job: train a net on real data, and see the curvature of its loss.

Full-batch gradient descent on handwritten digits. The largest eigenvalue of the Hessian, the
sharpness, climbs until it reaches 2/rate, where a quadratic would become unstable, and stays there
while the loss goes on falling: the edge of stability (Cohen et al. 2021).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from . import curvature, data, nn, trees, viz
from .transforms import grad, hvp, value_and_grad

TRAINING_EXAMPLES = 1000


@dataclass
class Course:
    """What a run leaves behind."""

    model: Any
    batch: tuple[Any, Any]
    losses: list[float] = field(default_factory=list)
    measured: list[int] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    accuracy: float = 0.0


def loss(model: Any, batch: Any) -> Any:
    """Half the squared distance of the outputs from the one-hot labels, mean over examples."""
    x, y = batch
    return nn.mse(model(x), y, half=True) * y.shape[-1]


def digits(seed: int) -> tuple[Any, Any, Any, Any]:
    """Pixels centred on the training mean, and labels; the first 1,000 to train on."""
    known = data.digits()
    order = np.random.default_rng(seed).permutation(len(known.y))
    x, y = known.x[order] / 16, known.y[order]
    x -= x[:TRAINING_EXAMPLES].mean(0)
    cut = TRAINING_EXAMPLES
    return x[:cut], y[:cut], x[cut:], y[cut:]


def train(steps: int, rate: float, every: int, seed: int) -> Course:
    """Descend, measuring loss, test accuracy and sharpness on the way."""
    x, y, test_x, test_y = digits(seed)
    batch = (x, np.eye(10)[y])
    model = nn.MLP([64, 32, 10], activation=nn.tanh, seed=seed)
    course = Course(model, batch)
    step_of = value_and_grad(loss)
    direction = None  # the last top eigenvector: the next one is near it
    bar = tqdm(range(steps + 1), unit="step", file=sys.stdout, mininterval=0.2, ncols=110)
    for step in bar:
        value, gradient = step_of(model, batch)
        course.losses.append(float(value))
        if step % every == 0 or step == steps:
            op = curvature.HessianOperator(loss, model, batch)
            top = curvature.top_eigenpairs(op, 1, v0=direction, tol=1e-3)
            direction = top.vectors
            course.measured.append(step)
            course.sharpness.append(float(top.values[0]))
            course.accuracy = nn.accuracy(model(test_x), test_y)
            bar.set_postfix_str(
                f"loss {value:.4f}, test {course.accuracy:.1%}, "
                f"sharpness {top.values[0]:.3f} = {top.values[0] * rate / 2:.2f} of 2/rate"
            )
        if not np.isfinite(value):
            bar.close()
            raise SystemExit(f"the loss is {value} at step {step}: the rate {rate} is too large")
        if step < steps:
            model = trees.map(lambda p, g: p - rate * g, model, gradient)
    course.model = model
    return course


def report(course: Course, rate: float, seed: int) -> tuple[Any, Any]:
    """Print estimates beside the exact answers; return the top eigenpairs and the spectrum."""
    op = curvature.HessianOperator(loss, course.model, course.batch)
    print(f"\nThe Hessian at the end, {op.shape[0]:,} parameters:", flush=True)
    top = curvature.top_eigenpairs(op, 5)
    estimate = curvature.trace(op, samples=128, seed=seed)
    dense = op.to_dense()
    exact = np.linalg.eigvalsh(dense)
    print(f"  {'largest eigenvalues':<28}{'residual':>10}{'exact':>14}{'difference':>13}")
    for value, residual, true in zip(top.values, top.residuals, exact[::-1], strict=False):
        print(f"  {value:<28.10f}{residual:>10.1e}{true:>14.10f}{abs(value - true):>13.1e}")
    print(f"  from {top.matvecs} Hessian-vector products")
    low, high = estimate.interval
    print(
        f"  trace {estimate.value:.3f} ± {estimate.standard_error:.3f} (standard error), "
        f"95% in [{low:.3f}, {high:.3f}], from {estimate.matvecs} products; "
        f"exact {np.trace(dense):.3f}"
    )
    late = [
        s
        for n, s in zip(course.measured, course.sharpness, strict=True)
        if _reached(course, rate, n)
    ]
    if late:
        print(
            f"  sharpness since it first reached 2/rate = {2 / rate:g}: mean {np.mean(late):.3f}, "
            f"{np.mean(late) * rate / 2:.2f} of 2/rate"
        )
    else:
        print(f"  the sharpness has not reached 2/rate = {2 / rate:g}; train for more steps")
    return top, exact


def _reached(course: Course, rate: float, step: int) -> bool:
    pairs = zip(course.measured, course.sharpness, strict=True)
    first = next((n for n, s in pairs if s >= 2 / rate), None)
    return first is not None and step >= first


def draw(course: Course, rate: float, top: Any, exact: Any, out: Path) -> list[tuple[Path, str]]:
    """Write the figures and the graphs; return each path with what it shows."""
    figure = viz.plots.loss_and_sharpness(
        range(len(course.losses)),
        course.losses,
        course.sharpness,
        rate,
        sharpness_steps=course.measured,
        title="Gradient descent on digits: the sharpness climbs to 2/rate and stays",
    )
    wrote = [
        (viz.plots.save(figure, out / "loss_and_sharpness.png"), "loss and sharpness, with 2/rate")
    ]
    figure = viz.plots.spectrum(
        exact, top.values, top.intervals, title="Eigenvalues of the Hessian at the end"
    )
    wrote.append((viz.plots.save(figure, out / "spectrum.png"), "all eigenvalues of the Hessian"))
    few = tuple(a[:8] for a in course.batch)
    direction = trees.map(np.ones_like, course.model)
    graphs = {
        "graph_loss.svg": ("the loss", loss),
        "graph_gradient.svg": ("its gradient", grad(loss)),
        "graph_hvp.svg": (
            "a Hessian-vector product",
            lambda model, batch: hvp(loss, model, direction, batch),
        ),
    }
    for name, (what, f) in graphs.items():
        picture = viz.graph(f, course.model, few, argnums=0, title=f"The tape of {what}")
        wrote.append((viz.render(picture, out / name), f"the computation graph of {what}"))
    return wrote


def run(
    steps: int = 1500,
    rate: float = 0.5,
    every: int = 10,
    seed: int = 0,
    out: Path | str = "demo_output",
) -> Course:
    """Train, report, draw, and say what was written.

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
        The folder for figures and graphs; made if missing.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    print(
        f"Training a 64-32-10 tanh net on {TRAINING_EXAMPLES:,} handwritten digits, rate {rate:g}"
    )
    course = train(steps, rate, every, seed)
    top, exact = report(course, rate, seed)
    print("\nWrote")
    for path, what in draw(course, rate, top, exact, out):
        print(f"  {path}  {what}")
    return course
