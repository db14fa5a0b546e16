"""What is asked of each library about the Hessian of one net, and what its answer says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from .problems import Array

PRODUCT, VALUES, PAIRS = "product", "values", "pairs"
TRACE, DENSITY = "trace", "density"

MEANINGS = {
    VALUES: "the 10 largest eigenvalues, each to 1e-6 of itself",
    PAIRS: "the 10 largest eigenpairs, with residuals of 1e-6 of the eigenvalues",
    TRACE: "the trace to 1%, 19 times of 20",
    DENSITY: "the distribution of all eigenvalues, from 4 random vectors of 100 Lanczos steps",
}

K, ACCURACY, SHARE = 10, 1e-6, 0.01
PROBES, STEPS = 4, 100


class Session(Protocol):
    """A library that has the net: an operator is made anew for each run, as a user would.

    Each method returns plain numbers, with ``products``: how many products with the Hessian
    were spent on them.
    """

    def product(self, v: Array) -> Array:
        """H v, for the comparison before anything is timed."""

    def values(self) -> dict[str, Any]:
        """``values``: descending."""

    def pairs(self) -> dict[str, Any]:
        """``values``, and the vectors as columns, ``vectors``."""

    def trace(self) -> dict[str, Any]:
        """``value``."""

    def density(self) -> dict[str, Any]:
        """``nodes`` and ``weights`` that sum to 1: the mean over the random vectors."""


def forms(session: Session, task: str, size: int) -> dict[str, Callable[[], Any]]:
    """What a worker can call: ``run``, which is timed, and ``told``, its answer for JSON."""
    kept: dict[str, Any] = {}
    if task == PRODUCT:
        return {"told": lambda: fingerprint(session.product(direction(size)))}

    def run() -> None:
        kept.clear()
        kept.update(getattr(session, task)())

    def told() -> dict[str, Any]:
        found = {name: _plain(x) for name, x in kept.items() if name != "vectors"}
        if "vectors" in kept:
            found["residual"] = _residual(session, kept["vectors"], np.asarray(kept["values"]))
        return found

    return {"run": run, "told": told}


def direction(size: int) -> Array:
    """A random vector, the same for all."""
    return np.random.default_rng(1).normal(size=size)


def fingerprint(y: Array) -> list[float]:
    """Eight projections of a vector, which all change when it does."""
    rng = np.random.default_rng(2)
    return [float(rng.normal(size=y.size) @ y) for _ in range(8)]


def _residual(session: Session, vectors: Array, values: Array) -> float:
    """The largest ``‖H v - λ v‖ / |λ|``, not timed."""
    found = []
    for v, value in zip(vectors.T, values, strict=True):
        v = v / np.linalg.norm(v)
        found.append(float(np.linalg.norm(session.product(v) - value * v) / abs(value)))
    return max(found)


def _plain(x: Any) -> Any:
    return np.asarray(x).tolist() if not isinstance(x, (str, int, float)) else x


def distance(nodes: Array, weights: Array, others: Array, other_weights: Array) -> float:
    """How far mass must be moved, on average, from one distribution to the other (Wasserstein)."""
    x = np.concatenate([nodes, others])
    mass = np.concatenate([weights, -np.asarray(other_weights)])
    order = np.argsort(x, kind="stable")
    between = np.cumsum(mass[order])[:-1]
    return float(np.abs(between) @ np.diff(x[order]))
