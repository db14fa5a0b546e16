"""The right answers, each to more than is asked of anyone."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse.linalg import eigsh

import tinygrad_hess as tg

from .curvature_problem import Numbers
from .curvature_tasks import DENSITY, STEPS, TRACE, K, distance
from .library_curvature_tinygrad_hess import loss

PROBES, SEED = 24, 12345


class Reference:
    """Answers to each task, made when they are first asked for.

    Parameters
    ----------
    numbers : Numbers
    """

    def __init__(self, numbers: Numbers):
        self.numbers = numbers

    def error(self, task: str, told: dict[str, Any]) -> float:
        """The relative error of an answer.

        Of a density, how far its mass lies from where it should, over the mean magnitude.
        """
        if task == TRACE:
            return abs(told["value"] - self.trace) / abs(self.trace)
        if task == DENSITY:
            nodes, weights = np.array(told["nodes"]), np.array(told["weights"])
            return distance(nodes, weights, *self.density) / float(
                np.abs(self.density[0]) @ self.density[1]
            )
        return float((np.abs(np.array(told["values"]) - self.values) / np.abs(self.values)).max())

    @cached_property
    def _operator(self) -> Any:
        n = self.numbers
        return tg.curvature.HessianOperator(loss, n.params, (n.x, n.y))

    @cached_property
    def values(self) -> Any:
        """The largest eigenvalues, by ARPACK until rounding is all that is left."""
        op = self._operator
        start = np.random.default_rng(SEED).normal(size=op.shape[0])
        return eigsh(op, k=K, which="LA", tol=1e-12, v0=start, return_eigenvectors=False)[::-1]

    @cached_property
    def trace(self) -> float:
        """Exact, from small Hessians.

        A layer's outputs are linear in its weights. So the trace over its weights and biases is
        the mean over examples of ``(|a|² + 1) tr(∂²l/∂z²)``, where a goes into the layer and z
        comes out: the trace of the Hessian, in a shift that all z share, of the sum of losses
        with these weights.
        """
        n = self.numbers
        inputs = [n.x]
        for w, b in ((n.w1, n.b1), (n.w2, n.b2)):
            inputs.append(np.tanh(inputs[-1] @ w + b))
        total = 0.0
        for layer, a in enumerate(inputs):
            weights = (a**2).sum(axis=1) + 1
            size = n.params[2 * layer + 1].size
            shifted = tg.curvature.HessianOperator(
                lambda shift, batch, at=layer: self._weighted(shift, at, *batch),
                np.zeros(size), (weights, n.y), reduction="sum",
            )  # fmt: skip
            total += float(np.trace(shifted.to_dense())) / len(n.y)
        return total

    def _weighted(self, shift: Any, at: int, weights: Any, y: Any) -> Any:
        n = self.numbers
        z: Any = n.x
        for layer, (w, b) in enumerate(((n.w1, n.b1), (n.w2, n.b2), (n.w3, n.b3))):
            z = (np.tanh(z) if layer else z) @ w + b
            z = z + shift if layer == at else z
        losses = tg.nn.cross_entropy(z, y, reduction="none")
        return (weights * losses).sum()

    @cached_property
    def density(self) -> tuple[Any, Any]:
        """Nodes and weights."""
        found = tg.curvature.spectral_density(self._operator, probes=PROBES, steps=STEPS, seed=SEED)
        return found.quadrature
