"""The tasks of curvature by curvlinops, as its documentation has them.

Eigenvalues are those of SciPy's eigsh, traces those of its Hutch++ with the number of products
that 1% takes (it estimates no error), the density that of its Lanczos iteration, not yet smoothed:
its smoothing, with bumps as wide as 1/30 of the spectrum, would hide all but the outliers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from curvlinops import HessianLinearOperator, hutchpp_trace
from curvlinops.papyan2020traces.spectrum import fast_lanczos
from scipy.sparse.linalg import eigsh

from .curvature_problem import Numbers
from .curvature_tasks import ACCURACY, PROBES, STEPS, K, forms
from .curvature_torch import batch, net, ours, theirs
from .problems import Array

VALUE_TOLERANCE = 1e-3
"""Of ARPACK's residuals: the value's error is about its square."""

TRACE_PRODUCTS = 900
"""A third of them makes the basis, a third multiplies it, a third are probes."""


def make(path: str, task: str, seed: str) -> dict[str, Callable[[], Any]]:
    """What a worker can call."""
    torch.manual_seed(int(seed))
    session = Session(Numbers.load(path), int(seed))
    return forms(session, task, sum(p.size for p in session.numbers.params))


COLUMNS = 8
"""Vectors multiplied side by side: hundreds, as Hutch++ asks for, would take 10 GB."""


class Counting(HessianLinearOperator):  # type: ignore[misc]
    """Counts the columns that it multiplies, a few at a time."""

    products = 0

    def _matmat_batch(self, X: Any, y: Any, M: Any) -> Any:
        self.products += M[0].shape[-1]
        groups = zip(*(m.split(COLUMNS, dim=-1) for m in M))
        done = [super(Counting, self)._matmat_batch(X, y, list(group)) for group in groups]
        return [torch.cat(parts, dim=-1) for parts in zip(*done)]


class Session:
    """See :class:`benchmarks.curvature_tasks.Session`."""

    def __init__(self, numbers: Numbers, seed: int):
        self.numbers, self.seed = numbers, seed
        self._kept: Any = None

    def operator(self) -> Counting:
        """New."""
        model = net(self.numbers)
        return Counting(
            model, torch.nn.CrossEntropyLoss(), list(model.parameters()), [batch(self.numbers)]
        )

    def product(self, v: Array) -> Array:
        self._kept = self._kept or self.operator()
        return ours(self._kept @ theirs(v, self.numbers))

    def values(self) -> dict[str, Any]:
        found = self._eigsh(VALUE_TOLERANCE)
        del found["vectors"]
        return found

    def pairs(self) -> dict[str, Any]:
        return self._eigsh(ACCURACY)

    def _eigsh(self, tol: float) -> dict[str, Any]:
        op = self.operator()
        start = np.random.default_rng(self.seed).normal(size=op.shape[0])
        values, vectors = eigsh(op.to_scipy(), k=K, which="LA", tol=tol, v0=start)
        return {
            "values": values[::-1], "vectors": self._ours(vectors[:, ::-1]),
            "products": op.products, "set": f"eigsh, tol={tol:g}",
        }  # fmt: skip

    def _ours(self, vectors: Array) -> Array:
        shapes = [p.shape[::-1] for p in self.numbers.params]
        cuts = np.cumsum([p.size for p in self.numbers.params])[:-1]
        columns = []
        for v in vectors.T:
            parts = np.split(v, cuts)
            tensors = [torch.from_numpy(p.copy()).reshape(s) for p, s in zip(parts, shapes)]
            columns.append(ours(tensors))
        return np.stack(columns, axis=1)

    def trace(self) -> dict[str, Any]:
        op = self.operator()
        value = float(hutchpp_trace(op, TRACE_PRODUCTS))
        return {"value": value, "products": op.products, "set": f"Hutch++, {TRACE_PRODUCTS}"}

    def density(self) -> dict[str, Any]:
        op = self.operator()
        rules = [fast_lanczos(op, STEPS) for _ in range(PROBES)]
        nodes = torch.cat([values for values, _ in rules])
        weights = torch.cat([vectors[0] ** 2 for _, vectors in rules]) / PROBES
        return {
            "nodes": nodes.numpy(), "weights": weights.numpy(), "products": op.products,
            "set": f"ncv={STEPS}, num_repeats={PROBES}",
        }  # fmt: skip
