"""Answers that are known without the library, and how far the library is from each.

ORACLES: one row each, what is computed, what it must equal, the error allowed, and a function that
gives the error reached. tests/test_oracles.py checks them; docs/accuracy.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import rosen_der, rosen_hess
from spectra import symmetric, wishart

import tinygrad_hess as tg
from tinygrad_hess import curvature as c
from tinygrad_hess import nn


class Oracle(NamedTuple):
    group: str
    what: str
    allowed: float
    error: Callable[[], float]


ORACLES: list[Oracle] = []


def oracle(group: str, what: str, allowed: float) -> Callable[..., Any]:
    """Declare a row. The function returns the error reached."""

    def declared(error: Callable[[], float]) -> Callable[[], float]:
        ORACLES.append(Oracle(group, what, allowed, error))
        return error

    return declared


def off(found: Any, true: Any) -> float:
    """The largest difference, relative to the largest element where there is one."""
    found, true = np.asarray(found, float), np.asarray(true, float)
    assert found.shape == true.shape, (found.shape, true.shape)
    return float(abs(found - true).max() / (abs(true).max() or 1.0))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


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


# ---- Gauss-Newton and Fisher ---------------------------------------------------------------------

CURVATURES = "Gauss-Newton and Fisher"


@oracle(CURVATURES, "GGN = Hessian where the model is linear in its parameters", 1e-14)
def _() -> float:
    w, data, true = softmax_regression()
    return off(c.GGNOperator(lambda w, x: x @ w, nn.cross_entropy, w, data).to_dense(), true)


@oracle(CURVATURES, "Fisher = GGN for cross entropy", 1e-13)
def _() -> float:
    net, (x, y) = small_net()
    given = (lambda net, x: net(x)), nn.cross_entropy, net, (x, y)
    return off(c.FisherOperator(*given).to_dense(), c.GGNOperator(*given).to_dense())


@oracle(
    CURVATURES, "Monte Carlo Fisher: 100 times the samples, a tenth of the error (factor off)", 2
)
def _() -> float:
    net, data = small_net()
    given = (lambda net, x: net(x)), nn.cross_entropy, net, data
    true = c.GGNOperator(*given).to_dense()
    few, many = (
        np.mean([np.linalg.norm(c.FisherOperator(*given, samples=s, seed=seed).to_dense() - true)
                 for seed in range(3)])
        for s in (5, 500)
    )  # fmt: skip
    return max(few / many / 10, 10 * many / few)


@oracle(CURVATURES, "GGN = Hessian at zero residual", 1e-12)
def _() -> float:
    net, (x, _) = small_net()
    half = lambda f, y: nn.mse(f, y, half=True)
    data = x, net(x)
    ggn = c.GGNOperator(lambda net, x: net(x), half, net, data).to_dense()
    return off(c.HessianOperator(lambda net, b: half(net(b[0]), b[1]), net, data).to_dense(), ggn)


# ---- symmetries ----------------------------------------------------------------------------------

SYMMETRIES = "Symmetries: gᵀAθ = 0 and H Aθ = -Aᵀg"


def small_net(activation: Any = nn.tanh) -> tuple[Any, Any]:
    net = nn.MLP([4, 6, 3], activation, bias_init=nn.init.normal, seed=0)
    return net, (rng().normal(size=(51, 4)), rng(1).integers(0, 3, 51))


def net_loss(net: Any, batch: Any) -> Any:
    return nn.cross_entropy(net(batch[0]), batch[1])


@oracle(SYMMETRIES, "rescaling of a ReLU layer", 1e-14)
def _() -> float:
    net, data = small_net(nn.relu)
    H = c.HessianOperator(net_loss, net, data)
    sign = np.zeros(H.shape[0])
    sign[H._at.indices([0, 1])] = 1  # weight and bias of the first layer
    sign[H._at.indices([2])] = -1
    theta = H.flatten(net)
    return max(off(H @ (sign * theta), -sign * H.gradient), abs(H.gradient @ (sign * theta)))


@oracle(SYMMETRIES, "the same added to all logits: H 1 = 0 on the output's bias", 1e-15)
def _() -> float:
    net, data = small_net()
    H = c.HessianOperator(net_loss, net, data)
    shift = np.zeros(H.shape[0])
    shift[H._at.indices([3])] = 1
    return float(abs(H @ shift).max())


@oracle(SYMMETRIES, "normalised inputs of a layer: H w = -g where scale is lost", 1e-12)
def _() -> float:
    x, y = rng().normal(size=(51, 4)), rng(1).normal(size=51)

    def loss(w: Any, batch: Any) -> Any:
        z = batch[0] @ w
        z = z - z.mean()
        return nn.mse(np.tanh(z / np.sqrt((z * z).mean())), batch[1])

    w = rng(2).normal(size=4)
    H = c.HessianOperator(loss, w, (x, y))
    return off(H @ w, -H.gradient)


@oracle(SYMMETRIES, "permuted hidden units: the same spectrum", 1e-13)
def _() -> float:
    net, data = small_net()
    order = rng().permutation(6)
    (w1, b1), (w2, b2) = ((layer.weight, layer.bias) for layer in net.layers)
    predict = lambda p, b: nn.cross_entropy(np.tanh(b[0] @ p[0] + p[1]) @ p[2] + p[3], b[1])
    dense = [
        c.HessianOperator(predict, p, data).to_dense()
        for p in ((w1[:, order], b1[order], w2[order], b2), (w1, b1, w2, b2))
    ]
    return off(*map(np.linalg.eigvalsh, dense))


# ---- an operator with itself ---------------------------------------------------------------------

CONSISTENCY = "One operator, several ways"


@oracle(CONSISTENCY, "uᵀ H v = vᵀ H u", 1e-14)
def _() -> float:
    net, data = small_net()
    H = c.HessianOperator(net_loss, net, data)
    u, v = rng(1).normal(size=(2, H.shape[0]))
    return abs(u @ (H @ v) - v @ (H @ u)) / (np.linalg.norm(u) * np.linalg.norm(H @ v))


@oracle(CONSISTENCY, "matmat = stacked products", 1e-14)
def _() -> float:
    net, data = small_net()
    H = c.HessianOperator(net_loss, net, data)
    V = rng(1).normal(size=(H.shape[0], 5))
    return off(H @ V, np.stack([H @ v for v in V.T], axis=1))


@oracle(CONSISTENCY, "batches of 25, 25 and 1 = the whole data", 1e-14)
def _() -> float:
    net, (x, y) = small_net()
    parts = [(x[a:b], y[a:b]) for a, b in ((0, 25), (25, 50), (50, 51))]
    return off(
        c.HessianOperator(net_loss, net, parts).to_dense(),
        c.HessianOperator(net_loss, net, (x, y)).to_dense(),
    )


@oracle(CONSISTENCY, "a sum = n times a mean, over ragged batches", 1e-14)
def _() -> float:
    net, (x, y) = small_net()
    parts = [(x[a:b], y[a:b]) for a, b in ((0, 25), (25, 50), (50, 51))]
    total = lambda net, b: nn.cross_entropy(net(b[0]), b[1], reduction="sum")
    return off(
        c.HessianOperator(total, net, parts, reduction="sum").to_dense(),
        51 * c.HessianOperator(net_loss, net, (x, y)).to_dense(),
    )


@oracle(CONSISTENCY, "a layer's block = the sub-matrix", 1e-14)
def _() -> float:
    net, data = small_net()
    H = c.HessianOperator(net_loss, net, data)
    dense, errors = H.to_dense(), []
    for name, places in H.layers.items():
        errors.append(off(H.block(name).to_dense(), dense[np.ix_(places, places)]))
    return max(errors)


@oracle(CONSISTENCY, "four nestings of two derivatives", 1e-12)
def _() -> float:
    f = lambda x: (np.tanh(x[:-1] * x[1:]) ** 2).sum() + np.exp(x).sum()
    x, forward, reverse = rng().normal(size=5), tg.jacfwd, tg.jacrev
    dense = [a(b(f))(x) for a in (forward, reverse) for b in (forward, reverse)]
    return max(off(d, dense[0]) for d in dense)


@oracle(CONSISTENCY, "central differences: order of the error in the step (from 2)", 0.01)
def _() -> float:
    f = lambda x: (np.tanh(x[:-1] * x[1:]) ** 2).sum() + np.exp(x).sum()
    x, v = rng(1).normal(size=(2, 5))
    true, gradient = tg.hvp(f, x, v), tg.grad(f)
    errors = [
        np.linalg.norm((gradient(x + h * v) - gradient(x - h * v)) / (2 * h) - true)
        for h in (2e-3, 1e-3)
    ]
    return abs(np.log2(errors[0] / errors[1]) - 2)


# ---- random matrices and estimators --------------------------------------------------------------

ESTIMATORS = "Random matrices, estimators and certificates"


@oracle(ESTIMATORS, "Marchenko-Pastur: edges .25 and 2.25 (n = 2,000, p = 500)", 0.03)
def _() -> float:
    ends = c.top_eigenpairs(wishart(2000, 500), 2, "BE", tol=1e-4).values
    return off(ends, [0.25, 2.25])


@oracle(ESTIMATORS, "a spike of 4 above it: λ₁ = 4.333 (BBP), mean of 5", 0.05)
def _() -> float:
    tops = [c.top_eigenpairs(wishart(1000, 250, s, 4.0), 1, tol=1e-4).values[0] for s in range(5)]
    return off(np.mean(tops), 4 * (1 + 0.25 / 3))


@oracle(ESTIMATORS, "Hutchinson's variance = 2 (‖A‖² - Σ aᵢᵢ²) / m (400 runs)", 0.25)
def _() -> float:
    A = symmetric(np.linspace(-1, 3, 60))
    found = [c.trace(A, 10, method="hutchinson", seed=s).value for s in range(400)]
    return off(np.var(found), 2 * ((A**2).sum() - (np.diag(A) ** 2).sum()) / 10)


@oracle(ESTIMATORS, "Hutchinson is exact on a diagonal matrix", 1e-14)
def _() -> float:
    return off(c.trace(np.diag(np.arange(200.0)), 2, method="hutchinson").value, 199 * 100)


@oracle(ESTIMATORS, "XTrace is exact for a rank below m/2 - 1", 1e-12)
def _() -> float:
    A = symmetric(np.r_[np.zeros(290), np.arange(1.0, 11)])
    return off(c.trace(A, method="xtrace", max_matvecs=30).value, 55)


@oracle(ESTIMATORS, "log det(A + δ) by Cholesky, in widths of the 95% interval", 1)
def _() -> float:
    A = symmetric(np.linspace(0, 2, 300) ** 2) + 0.1 * np.eye(300)
    true = 2 * np.log(np.diag(np.linalg.cholesky(A))).sum()
    found = c.log_determinant(A, method="lanczos", probes=20)
    return abs(found.value - true) / (found.interval[1] - found.interval[0])


@oracle(ESTIMATORS, "λ ± residual holds an eigenvalue (times wrong in 100 runs of 10 products)", 0)
def _() -> float:
    d, wrong = rng().normal(size=80), 0
    A = symmetric(d)
    for seed in range(100):
        top = c.top_eigenpairs(A, 1, max_matvecs=10, method="lanczos", seed=seed)
        low, high = top.intervals[0]
        wrong += not ((d >= low - 1e-12) & (d <= high + 1e-12)).any()
    return wrong


@oracle(ESTIMATORS, "no ghosts: 10 eigenvalues above ½ stay 10 (times wrong)", 0)
def _() -> float:
    d = np.r_[np.linspace(0, 0.4, 390), np.linspace(0.6, 5, 10)]
    found = c.top_eigenpairs(symmetric(d), 12, method="lanczos", tol=1e-10)
    return abs(int((found.values > 0.5).sum()) - 10) + (off(found.values[:10], d[:-11:-1]) > 1e-12)
