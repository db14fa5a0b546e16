"""Hessians that are known as formulas: quadratics, regressions, Rosenbrock."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracle_rows import off, oracle, rng
from scipy.optimize import rosen_der, rosen_hess
from spectra import symmetric

from tinygrad_hess import curvature as c
from tinygrad_hess import nn

# ---- quadratics ----------------------------------------------------------------------------------

QUADRATICS = "Quadratic ½ xᵀAx"
SPECTRA = {
    "1, 2, …, 50": np.arange(1.0, 51),
    "a cluster: 1 + 1e-10 k": 1 + 1e-10 * np.arange(50),
    "indefinite": np.linspace(-3, 2, 50),
    "zero": np.zeros(50),
    "the identity": np.ones(50),
    "rank one": np.r_[np.zeros(49), 5.0],
    "one parameter": np.array([2.0]),
    "of scale 1e-12": 1e-12 * np.arange(1.0, 51),
    "of scale 1e12": 1e12 * np.arange(1.0, 51),
}


def quadratic(A: Any) -> c.HessianOperator:
    return c.HessianOperator(lambda x: 0.5 * (x @ (A @ x)), rng().normal(size=len(A)))


for name, values in SPECTRA.items():

    @oracle(QUADRATICS, f"Hessian = A, spectrum {name}", 1e-13)
    def _(values: Any = values) -> float:
        A = symmetric(values)
        return off(quadratic(A).to_dense(), A)

    @oracle(QUADRATICS, f"largest and smallest eigenvalue, spectrum {name}", 1e-12)
    def _(values: Any = values) -> float:
        H, k = quadratic(symmetric(values)), min(2, len(values))
        ends = c.top_eigenpairs(H, k, "BE", method="lanczos", tol=1e-12)
        return off(ends.values, np.sort(values)[[0, -1]] if k == 2 else values)


@oracle(QUADRATICS, "one Newton step ends at the minimum", 1e-9)
def _() -> float:
    A, b = symmetric(np.arange(1.0, 51)), rng(1).normal(size=50)
    H = c.HessianOperator(lambda x: 0.5 * (x @ (A @ x)) - b @ x, np.ones(50))
    return off(np.ones(50) - c.InverseOperator(H, tol=1e-12) @ H.gradient, np.linalg.solve(A, b))


@oracle(QUADRATICS, "descent grows just above 2/λ₁ and shrinks just below (times wrong)", 0)
def _() -> float:
    limit = c.stability_threshold(1.0) / 10.0  # the rate for λ₁ = 10
    A, wrong = np.diag([10.0, 1.0]), 0
    for rate, grows in ((0.99 * limit, False), (1.01 * limit, True)):
        x = np.ones(2)
        for _ in range(400):
            x = x - rate * (A @ x)
        wrong += bool(np.linalg.norm(x) > 1) != grows
    return wrong


# ---- regressions ---------------------------------------------------------------------------------

REGRESSIONS = "Closed forms"


def regression() -> tuple[Any, Any]:
    x = rng().normal(size=(40, 6))
    return x, rng(1).normal(size=40)


@oracle(REGRESSIONS, "linear regression: XᵀX / n", 1e-14)
def _() -> float:
    x, y = regression()
    H = c.HessianOperator(lambda w, b: nn.mse(b[0] @ w, b[1], half=True), np.zeros(6), (x, y))
    return off(H.to_dense(), x.T @ x / 40)


@oracle(REGRESSIONS, "ridge adds exactly μ to every eigenvalue", 1e-13)
def _() -> float:
    x, y = regression()
    plain = lambda w, b: nn.mse(b[0] @ w, b[1], half=True)
    ridge = lambda w, b: plain(w, b) + 0.35 * (w @ w)
    dense = [c.HessianOperator(f, np.ones(6), (x, y)).to_dense() for f in (ridge, plain)]
    return off(*(np.linalg.eigvalsh(d) - s for d, s in zip(dense, (0.7, 0.0), strict=True)))


@oracle(REGRESSIONS, "logistic regression: Xᵀ diag(p(1 - p)) X / n", 1e-14)
def _() -> float:
    x, w = regression()[0], rng(2).normal(size=6)
    bits = (rng(3).random(40) < 0.5).astype(float)
    loss = lambda w, b: nn.binary_cross_entropy_with_logits(b[0] @ w, b[1])
    p = 1 / (1 + np.exp(-x @ w))
    return off(c.HessianOperator(loss, w, (x, bits)).to_dense(), (x.T * (p * (1 - p))) @ x / 40)


def softmax_regression(C: int = 4) -> tuple[Any, Any, Any]:
    """Parameters, data, and the mean of x̃x̃ᵀ ⊗ (diag p - ppᵀ), weights and bias as one matrix."""
    x = np.c_[regression()[0], np.ones(40)]
    w = rng(2).normal(size=(7, C))
    z = np.exp(x @ w)
    p = z / z.sum(axis=1, keepdims=True)
    blocks = [np.kron(np.outer(a, a), np.diag(q) - np.outer(q, q)) for a, q in zip(x, p)]
    return w, (x, rng(3).integers(0, C, 40)), np.mean(blocks, axis=0)


def labelled(w: Any, batch: Any) -> Any:
    return nn.cross_entropy(batch[0] @ w, batch[1])


@oracle(REGRESSIONS, "softmax regression: mean of x̃x̃ᵀ ⊗ (diag p - ppᵀ)", 1e-14)
def _() -> float:
    w, data, true = softmax_regression()
    return off(c.HessianOperator(labelled, w, data).to_dense(), true)


@oracle(REGRESSIONS, "its rank is (C - 1)(d + 1) (difference)", 0)
def _() -> float:
    w, data, _ = softmax_regression()
    found = c.inertia(c.HessianOperator(labelled, w, data))
    return abs(found.positive.value - 3 * 7) + abs(found.negative.value)


@oracle(REGRESSIONS, "Böhning's bound λ₁ <= ½ λ₁(X̃ᵀX̃/n) (excess)", 0)
def _() -> float:
    w, (x, y), _ = softmax_regression()
    largest = c.top_eigenpairs(c.HessianOperator(labelled, w, (x, y)), 1).values[0]
    return max(0.0, largest - np.linalg.eigvalsh(x.T @ x / 40)[-1] / 2)


@oracle(REGRESSIONS, "Rosenbrock at (1, 1), (-1.2, 1) and in 10 dimensions, by SciPy", 1e-13)
def _() -> float:
    f = lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
    points = np.ones(2), np.array([-1.2, 1.0]), np.ones(10), rng().normal(size=10)
    errors = []
    for x in points:
        H = c.HessianOperator(f, x)
        errors += [off(H.to_dense(), rosen_hess(x)), off(H.gradient, rosen_der(x))]
    return max(errors)


@oracle(REGRESSIONS, "Rosenbrock's condition number at the minimum, 2508.0096", 1e-7)
def _() -> float:
    f = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    found = c.condition_number(c.HessianOperator(f, np.ones(2)))
    return off(found.value, 2508.0096012772)


@oracle(REGRESSIONS, "½(w₁w₂ - 1)²: a strict saddle at 0, a flat valley at (2, ½) (times wrong)", 0)
def _() -> float:
    f = lambda w: 0.5 * (w[0] * w[1] - 1) ** 2
    kinds = [
        c.classify_critical_point(c.HessianOperator(f, np.array(w))).kind
        for w in ([0.0, 0.0], [2.0, 0.5])
    ]
    return sum(a != b for a, b in zip(kinds, ("saddle", "degenerate"), strict=True))
