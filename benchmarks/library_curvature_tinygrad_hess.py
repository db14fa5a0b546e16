"""The tasks of curvature by tinygrad_hess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_hess as tg

from .curvature_problem import Numbers
from .curvature_tasks import ACCURACY, PROBES, SHARE, STEPS, K, forms
from .problems import Array


def make(path: str, task: str, seed: str) -> dict[str, Callable[[], Any]]:
    """What a worker can call."""
    session = Session(Numbers.load(path), int(seed))
    return forms(session, task, sum(p.size for p in session.numbers.params))


def loss(params: Any, batch: Any) -> Any:
    """Mean cross-entropy of the tanh net."""
    x, y = batch
    w1, b1, w2, b2, w3, b3 = params
    return tg.nn.cross_entropy(np.tanh(np.tanh(x @ w1 + b1) @ w2 + b2) @ w3 + b3, y)


class Session:
    """See :class:`benchmarks.curvature_tasks.Session`."""

    def __init__(self, numbers: Numbers, seed: int):
        self.numbers, self.seed = numbers, seed
        self._kept: Any = None

    def operator(self) -> Any:
        """New, with nothing planned."""
        n = self.numbers
        return tg.curvature.HessianOperator(loss, n.params, (n.x, n.y))

    def product(self, v: Array) -> Array:
        self._kept = self._kept or self.operator()
        return self._kept @ v

    def values(self) -> dict[str, Any]:
        top = tg.curvature.top_eigenpairs(self.operator(), K, rtol=ACCURACY, seed=self.seed)
        return {"values": top.values, "products": top.matvecs, "set": f"rtol={ACCURACY:g}"}

    def pairs(self) -> dict[str, Any]:
        top = tg.curvature.top_eigenpairs(self.operator(), K, tol=ACCURACY, seed=self.seed)
        return {
            "values": top.values, "vectors": top.vectors, "products": top.matvecs,
            "set": f"tol={ACCURACY:g}",
        }  # fmt: skip

    def trace(self) -> dict[str, Any]:
        found = tg.curvature.trace(self.operator(), rtol=SHARE, seed=self.seed)
        return {"value": found.value, "products": found.matvecs, "set": f"rtol={SHARE:g}"}

    def density(self) -> dict[str, Any]:
        found = tg.curvature.spectral_density(
            self.operator(), probes=PROBES, steps=STEPS, seed=self.seed, method="lanczos"
        )
        nodes, weights = found.quadrature
        return {
            "nodes": nodes, "weights": weights,
            "products": found.matvecs, "set": f"probes={PROBES}, steps={STEPS}",
        }  # fmt: skip
