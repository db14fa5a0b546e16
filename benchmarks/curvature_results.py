"""Tables of seconds and accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import machine
from .curvature_tasks import DENSITY, MEANINGS
from .report import NO_RATIO, seconds, table

HEADER = [
    "library",
    "settings",
    "error",
    "residual",
    "products",
    "time",
    "ours / theirs",
    "at equal error",
]


def _rows(rows: Sequence[Any]) -> list[list[str]]:
    ours = next((r for r in rows if r.library == "tinygrad_hess"), None)
    out = []
    for r in rows:
        ratio = equal = NO_RATIO
        if ours is not None and r is not ours:
            ratio = f"{_median(ours.seconds) / _median(r.seconds):.2f}"
            equal = f"{_equal(ours, r):.2f}"
        out.append([
            r.library, r.how, f"{_mean(r.errors):.1e}",
            f"{max(r.residuals):.1e}" if r.residuals else NO_RATIO,
            f"{_median(r.products):.0f}", seconds(_median(r.seconds)), ratio, equal,
        ])  # fmt: skip
    return out


def _equal(ours: Any, theirs: Any) -> float:
    """The ratio of times at our error.

    The error of a mean over random vectors falls as one over the root of their number, and its
    time grows with it: so a density's time is scaled. Elsewhere both did what was asked, and
    nobody gets credit for more.
    """
    ratio = _median(ours.seconds) / _median(theirs.seconds)
    if ours.task != DENSITY:
        return ratio
    return ratio * (_mean(ours.errors) / _mean(theirs.errors)) ** 2


def _median(x: Sequence[float]) -> float:
    return float(np.median(x))


def _mean(x: Sequence[float]) -> float:
    """Root mean square over rounds."""
    return float(np.sqrt(np.mean(np.square(x))))


def printed(rows: Sequence[Any]) -> list[str]:
    """A task for the terminal."""
    if not rows:
        return []
    return [f"\n{rows[0].task}: {MEANINGS[rows[0].task]}", table(HEADER, _rows(rows))]


def markdown(answered: Sequence[Any], about: dict[str, Any], notes: Sequence[str]) -> str:
    """RESULTS_CURVATURE.md."""
    parts = [
        "# Curvature beside PyHessian and curvlinops",
        f"Made by `{about['command']}`; [curvature.py](curvature.py) says how.",
        machine.told(about),
        f"The net: tanh, {about['size']:,} parameters, float64, mean cross-entropy over "
        f"{about['examples']:,} examples, all libraries with the same weights and data: "
        "handwritten digits of 8x8 pixels drawn on 28x28, with noise; four epochs of Adam.",
        "Errors are root mean squares over rounds (each with other random vectors), relative: of "
        "eigenvalues and trace against a converged reference; of the density, how far its mass "
        "lies on average from where it should (Wasserstein), over the mean magnitude. A density "
        "at equal error has as many more random vectors as its error asks for. "
        "Below 1/3 in the last column is the goal.",
    ]  # fmt: skip
    for task, meaning in MEANINGS.items():
        rows = [r for r in answered if r.task == task]
        if rows:
            parts += [f"## {meaning[0].upper()}{meaning[1:]}", table(HEADER, _rows(rows))]
    if notes:
        parts += ["## What did not run, or disagreed", "\n".join(f"- {n}" for n in notes)]
    return "\n\n".join(parts) + "\n"
