"""Gradients, Hessian-vector products, Jacobians and Hessians against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from comparing import close

import tinygrad_hess as tg

RTOL = 1e-10


def leaf(x: Any) -> Any:
    """A start of the tape, as a user makes one."""
    return tg.tensor(x, requires_grad=True)


class Model(NamedTuple):
    """A loss with its gradient and Hessian worked out by hand, and where to evaluate them."""

    loss: Callable[[Any], Any]
    gradient: Any
    hessian: Any
    point: Any


def quadratic(n: int = 7, scale: float = 1.0) -> Model:
    """½ xᵀAx + bᵀx with A indefinite: gradient Ax + b, Hessian A."""
    rng = np.random.default_rng(n)
    b, x = rng.normal(size=n), rng.normal(size=n)
    a = rng.normal(size=(n, n)) * scale
    a = a + a.T
    return Model(lambda x: 0.5 * x @ a @ x + b @ x, a @ x + b, a, x)


def linear_regression() -> Model:
    """½ mean (Xw − y)² + ½ μ|w|²: gradient Xᵀr/n + μw, Hessian XᵀX/n + μ."""
    rng = np.random.default_rng(1)
    x, y, w, ridge = rng.normal(size=(40, 6)), rng.normal(size=40), rng.normal(size=6), 0.1
    r = x @ w - y
    loss = lambda w: 0.5 * np.mean((x @ w - y) ** 2) + 0.5 * ridge * (w @ w)
    return Model(loss, x.T @ r / 40 + ridge * w, x.T @ x / 40 + ridge * np.eye(6), w)


def multi_output_regression() -> Model:
    """½ |XW − Y|²/n: gradient Xᵀ(XW − Y)/n, Hessian XᵀX/n ⊗ I."""
    rng = np.random.default_rng(2)
    x, y, w = rng.normal(size=(20, 4)), rng.normal(size=(20, 3)), rng.normal(size=(4, 3))
    loss = lambda w: 0.5 * np.sum((x @ w - y) ** 2) / 20
    h = np.einsum("ac,bd->abcd", x.T @ x / 20, np.eye(3))
    return Model(loss, x.T @ (x @ w - y) / 20, h, w)


def logistic_regression() -> Model:
    """mean log(1 + exp(−t Xw)), t = ±1: gradient Xᵀ(p − y)/n, Hessian Xᵀ diag(p(1−p)) X/n."""
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(50, 5)), rng.normal(size=5)
    y = (rng.random(50) > 0.5) * 1.0
    p = 1 / (1 + np.exp(-(x @ w)))
    loss = lambda w: np.mean(np.logaddexp(0, (1 - 2 * y) * (x @ w)))
    return Model(loss, x.T @ (p - y) / 50, (x.T * (p * (1 - p))) @ x / 50, w)


def softmax_regression() -> Model:
    """Mean cross-entropy of W x̃: Hessian mean (diag p − ppᵀ) ⊗ x̃x̃ᵀ, of rank (C−1)(d+1)."""
    rng = np.random.default_rng(4)
    n, d, c = 60, 6, 4
    x = np.concatenate([rng.normal(size=(n, d)), np.ones((n, 1))], axis=1)
    labels = rng.integers(c, size=n)
    w = rng.normal(size=(c, d + 1))
    z = x @ w.T
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    onehot = np.eye(c)[labels]

    def loss(w: Any) -> Any:
        logits = x @ w.T
        picked = logits[np.arange(n), labels]
        return np.mean(tg.ops.logsumexp(logits, axis=1) - picked)

    s = p[:, :, None] * np.eye(c) - p[:, :, None] * p[:, None, :]
    h = np.einsum("nab,ni,nj->aibj", s, x, x) / n
    return Model(loss, (p - onehot).T @ x / n, h, w)


def rosenbrock(n: int, point: Any = None) -> Model:
    """Σ 100 (x[i+1] − x[i]²)² + (1 − x[i])²; its Hessian is tridiagonal."""
    x = np.random.default_rng(n).uniform(-1.5, 1.5, n) if point is None else np.asarray(point)
    g, h = np.zeros(n), np.zeros((n, n))
    r, i = x[1:] - x[:-1] ** 2, np.arange(n - 1)
    g[:-1] += -400 * x[:-1] * r - 2 * (1 - x[:-1])
    g[1:] += 200 * r
    h[i, i] += 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    h[i + 1, i + 1] += 200
    h[i, i + 1] = h[i + 1, i] = -400 * x[:-1]
    loss = lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    return Model(loss, g, h, x)


MODELS = {
    "quadratic": quadratic(),
    "quadratic, n = 1": quadratic(1),
    "quadratic, scale 1e-12": quadratic(5, 1e-12),
    "quadratic, scale 1e12": quadratic(5, 1e12),
    "linear regression": linear_regression(),
    "multi-output regression": multi_output_regression(),
    "logistic regression": logistic_regression(),
    "softmax regression": softmax_regression(),
    **{f"rosenbrock {n}": rosenbrock(n) for n in (2, 3, 10, 100, 1000)},
}


@pytest.mark.parametrize("name", MODELS)
def test_gradient(name: str) -> None:
    loss, gradient, _, x = MODELS[name]
    close(tg.grad(loss)(x), gradient, RTOL)
    t = leaf(x)
    loss(t).backward()
    close(t.grad.numpy(), gradient, RTOL)
    close(tg.jacfwd(loss)(x), gradient, RTOL) if x.size <= 100 else None


@pytest.mark.parametrize("name", MODELS)
def test_hessian_vector_product(name: str) -> None:
    """In every nesting of the two sweeps."""
    loss, _, h, x = MODELS[name]
    v = np.random.default_rng(0).normal(size=x.shape)
    want = np.tensordot(h, v, axes=x.ndim)
    close(tg.hvp(loss, x, v), want, RTOL)
    close(tg.jvp(tg.grad(loss), (x,), (v,))[1], want, RTOL)
    close(tg.grad(lambda x: np.sum(tg.grad(loss)(x) * v))(x), want, RTOL)
    close(tg.grad(lambda x: tg.jvp(loss, (x,), (v,))[1])(x), want, RTOL)
    _, push = tg.linearize(tg.grad(loss), x)
    close(push(v), want, RTOL)
    close(push(-v), -want, RTOL)


@pytest.mark.parametrize("name", [n for n in MODELS if n != "rosenbrock 1000"])
def test_hessian(name: str) -> None:
    loss, _, h, x = MODELS[name]
    close(tg.hessian(loss)(x), h, RTOL)
    close(tg.jacrev(tg.grad(loss))(x), h, RTOL)


def test_hessian_of_rosenbrock_1000() -> None:
    loss, _, h, x = MODELS["rosenbrock 1000"]
    close(tg.hessian(loss)(x), h, RTOL)


def test_softmax_hessian_has_its_known_rank() -> None:
    loss, _, _, w = MODELS["softmax regression"]
    h = tg.hessian(loss)(w).reshape(w.size, w.size)
    assert np.linalg.matrix_rank(h, tol=1e-12) == 3 * 7


def test_rosenbrock_at_its_known_points() -> None:
    """Values that the literature prints, for (1, 1) and the customary start (−1.2, 1)."""
    f = rosenbrock(2).loss
    np.testing.assert_array_equal(tg.grad(f)(np.ones(2)), 0)
    h = tg.hessian(f)(np.ones(2))
    np.testing.assert_array_equal(h, [[802, -400], [-400, 200]])
    np.testing.assert_allclose(np.linalg.eigvalsh(h), [0.3993608, 1001.6006392], rtol=1e-6)
    start = np.array([-1.2, 1.0])
    np.testing.assert_allclose(tg.grad(f)(start), [-215.6, -88], rtol=1e-12)
    np.testing.assert_allclose(tg.hessian(f)(start), [[1330, 480], [480, 200]], rtol=1e-12)
    ends = np.linalg.eigvalsh(tg.hessian(rosenbrock(4).loss)(np.ones(4)))[[0, -1]]
    np.testing.assert_allclose(ends, [0.492959, 1567.6217], rtol=1e-6)


@pytest.mark.parametrize("jacobian", [tg.jacobian, tg.jacfwd, tg.jacrev])
def test_jacobian(jacobian: Any) -> None:
    """Predictions of the regressions, and the residuals whose squares Rosenbrock sums."""
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=(9, 4)), rng.normal(size=4)
    close(jacobian(lambda w: x @ w)(w), x, RTOL)
    p = 1 / (1 + np.exp(-(x @ w)))
    close(jacobian(lambda w: tg.ops.sigmoid(x @ w))(w), (p * (1 - p))[:, None] * x, RTOL)
    z = rng.normal(size=5)
    s = np.exp(z) / np.exp(z).sum()
    close(jacobian(tg.ops.softmax)(z), np.diag(s) - np.outer(s, s), RTOL)
    a, b = rng.normal(size=(3, 2)), rng.normal(size=(2, 4))
    close(jacobian(lambda a: a @ b)(a), np.einsum("ik,lj->ijkl", np.eye(3), b), RTOL)
    y = rng.normal(size=6)
    residuals = lambda y: np.concatenate([10 * (y[1:] - y[:-1] ** 2), 1 - y[:-1]])
    want = np.zeros((10, 6))
    i = np.arange(5)
    want[i, i + 1], want[i, i], want[i + 5, i] = 10, -20 * y[:-1], -1
    close(jacobian(residuals)(y), want, RTOL)


def test_a_hessian_in_closed_form_at_a_saddle_and_in_a_valley() -> None:
    """½ (w₁w₂ − 1)²: a strict saddle at 0, eigenvalues 0 and 4.25 in the valley at (2, ½)."""
    f = lambda w: 0.5 * (w[0] * w[1] - 1) ** 2
    np.testing.assert_array_equal(tg.hessian(f)(np.zeros(2)), [[0, -1], [-1, 0]])
    valley = np.linalg.eigvalsh(tg.hessian(f)(np.array([2.0, 0.5])))
    np.testing.assert_allclose(valley, [0, 4.25], atol=1e-14)


def test_symmetries_fix_the_hessian_without_a_reference() -> None:
    """Scaling a relu layer up and the next one down leaves the loss: H(Aθ) = −Aᵀg, gᵀAθ = 0."""
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    theta = {"first": rng.normal(size=(4, 5)), "last": rng.normal(size=(5, 2))}
    loss = lambda p: np.mean((tg.ops.relu(x @ p["first"]) @ p["last"] - y) ** 2)
    g = tg.grad(loss)(theta)
    moved = {"first": theta["first"], "last": -theta["last"]}
    np.testing.assert_allclose(sum(np.sum(g[k] * moved[k]) for k in g), 0, atol=1e-13)
    h = tg.hvp(loss, theta, moved)
    np.testing.assert_allclose(h["first"], -g["first"], atol=1e-13)
    np.testing.assert_allclose(h["last"], g["last"], atol=1e-13)


def test_products_are_symmetric_and_follow_differences_of_the_gradient() -> None:
    """uᵀHv = vᵀHu, and central differences approach Hv at second order in the step."""
    rng = np.random.default_rng(7)
    x, w = rng.normal(size=(20, 6)), rng.normal(size=(6, 3))
    loss = lambda w: np.sum(np.tanh(x @ w) ** 3) + tg.ops.logsumexp(w)
    u, v = rng.normal(size=w.shape), rng.normal(size=w.shape)
    hv = tg.hvp(loss, w, v)
    np.testing.assert_allclose(np.sum(u * hv), np.sum(v * tg.hvp(loss, w, u)), rtol=1e-12)
    g = tg.grad(loss)
    errors = [np.abs((g(w + h * v) - g(w - h * v)) / (2 * h) - hv).max() for h in (2e-3, 1e-3)]
    assert 3.5 < errors[0] / errors[1] < 4.5
