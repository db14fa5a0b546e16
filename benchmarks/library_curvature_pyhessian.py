"""The tasks of curvature by PyHessian, as its tutorial has them.

Its eigenvalues come from power iteration, one after the other, and end when the value changes by
less than ``tol``; its trace ends when the running mean does, which says nothing about its error,
so the number of probes is given that 1% takes by the known variance.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from pyhessian import hessian

from .curvature_problem import Numbers
from .curvature_tasks import PROBES, STEPS, K, forms
from .curvature_torch import batch, net, ours, theirs
from .problems import Array

module = importlib.import_module("pyhessian.hessian")  # its class has the same name

TOLERANCE, MOST = 1e-8, 3000
"""Of the eigenvalues: the largest power of ten that brings them to a few 1e-6, and iterations."""

TRACE_PROBES = 2400
"""``2 ‖H‖² (1.96 / 0.01 trace)²``: the largest eigenvalues make the variance large."""


def make(path: str, task: str, seed: str) -> dict[str, Callable[[], Any]]:
    """What a worker can call."""
    torch.set_default_dtype(torch.float64)  # in float32 nothing comes to 1e-6
    torch.manual_seed(int(seed))
    session = Session(Numbers.load(path))
    return forms(session, task, sum(p.size for p in session.numbers.params))


class Session:
    """See :class:`benchmarks.curvature_tasks.Session`."""

    def __init__(self, numbers: Numbers):
        self.numbers, self.products = numbers, 0
        self._kept: Any = None
        multiply = module.hessian_vector_product

        def counted(*args: Any) -> Any:
            self.products += 1
            return multiply(*args)

        self._multiply, self._counted = multiply, counted

    def analysis(self) -> Any:
        """A new one, which records the gradient, with its count at zero."""
        self.products, module.hessian_vector_product = 0, self._counted
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backward with create_graph
            return hessian(
                net(self.numbers), torch.nn.CrossEntropyLoss(), data=batch(self.numbers), cuda=False
            )

    def product(self, v: Array) -> Array:
        self._kept = self._kept or self.analysis()
        return ours(self._multiply(self._kept.gradsH, self._kept.params, theirs(v, self.numbers)))

    def values(self) -> dict[str, Any]:
        values, _ = self.analysis().eigenvalues(maxIter=MOST, tol=TOLERANCE, top_n=K)
        return {
            "values": sorted(values, reverse=True), "products": self.products,
            "set": f"tol={TOLERANCE:g}, maxIter={MOST}",
        }  # fmt: skip

    def trace(self) -> dict[str, Any]:
        found = self.analysis().trace(maxIter=TRACE_PROBES, tol=0.0)
        return {
            "value": float(np.mean(found)), "products": self.products,
            "set": f"maxIter={TRACE_PROBES}, tol=0",
        }  # fmt: skip

    def density(self) -> dict[str, Any]:
        torch.eig = _eig  # it asks for a function that PyTorch has dropped
        nodes, weights = self.analysis().density(iter=STEPS, n_v=PROBES)
        return {
            "nodes": np.ravel(nodes), "weights": np.ravel(weights) / PROBES,
            "products": self.products, "set": f"iter={STEPS}, n_v={PROBES}",
        }  # fmt: skip


def _eig(T: torch.Tensor, eigenvectors: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """What ``torch.eig`` gave for a symmetric matrix: values as pairs of real and imaginary."""
    values, vectors = torch.linalg.eigh(T)
    return torch.stack([values, torch.zeros_like(values)], dim=1), vectors
