"""Optimisers that take curvature from the model, against dense matrices written out by hand."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import tinygrad_hess as tg
from tinygrad_hess import nn, optim
from tinygrad_hess.optim.hessian_free import truncated_conjugate_gradients
from tinygrad_hess.optim.model_curvature import gauss_newton_product

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
Y = np.tanh(X @ RNG.normal(size=4)) + 0.1 * RNG.normal(size=30)


def predict(w: Any, x: Any) -> Any:
    return np.tanh(x @ w)


def loss(w: Any, batch: Any) -> Any:
    return nn.mse(predict(w, batch[0]), batch[1])


def by_hand(w: Any, x: Any = X, y: Any = Y) -> tuple[float, Any, Any, Any]:
    """Loss, gradient, Gauss-Newton matrix, mean of squared gradients of examples."""
    t = np.tanh(x @ w)
    J = (1 - t**2)[:, None] * x
    each = 2 * (t - y)[:, None] * J
    return ((t - y) ** 2).mean(), each.mean(0), 2 * J.T @ J / len(x), (each**2).mean(0)


def test_gauss_newton_products_are_those_of_the_dense_matrix() -> None:
    w, v = RNG.normal(size=(2, 4))
    product = gauss_newton_product(predict, nn.mse)
    np.testing.assert_allclose(product(w, v, X, Y), by_hand(w)[2] @ v, rtol=1e-12)


@pytest.mark.parametrize("jit", [False, True])
def test_the_natural_gradient_solves_with_the_fisher_information(jit: bool) -> None:
    opt = optim.NaturalGradient(
        predict, nn.mse, lr=0.3, damping=0.01, momentum=0.5, weight_decay=0.1, rtol=1e-13
    )
    w = expected = np.zeros(4)
    step, state = opt.stepper(loss, jit=jit), opt.init(w)
    velocity = np.zeros(4)
    for _ in range(100 if jit else 10):
        value, g, G, _ = by_hand(expected)
        d = np.linalg.solve(G + 0.01 * np.eye(4), g)
        velocity = 0.5 * velocity + d + 0.1 * expected
        expected = expected - 0.3 * velocity
        found, w, state = step(w, state, (X, Y))
        np.testing.assert_allclose(found, value, rtol=1e-9)
    np.testing.assert_allclose(w, expected, rtol=1e-10, atol=1e-10)


# ---- KFAC ---------------------------------------------------------------------------------------

TARGETS = RNG.normal(size=(30, 2))


def factors_by_hand(model: Any) -> tuple[list[Any], list[Any]]:
    """Gradients and Kronecker factors of a tanh net with one hidden layer, of squared error."""
    first, last = model.layers
    ones = np.ones((len(X), 1))
    a = np.hstack([X, ones])
    h = np.tanh(X @ first.weight + first.bias)
    c = np.hstack([h, ones])
    out = h @ last.weight + last.bias
    n, k = TARGETS.shape
    delta = 2 * (out - TARGETS) / (n * k)
    back = (delta @ last.weight.T) * (1 - h**2)
    gradients = [a.T @ back, c.T @ delta]
    B = np.zeros((h.shape[1],) * 2)
    for row in h:
        M = (1 - row**2)[:, None] * last.weight
        B += M @ M.T * (2 / k) / n
    return gradients, [(a.T @ a / n, B), (c.T @ c / n, np.eye(k) * 2 / k)]


def running_means(means: Any, factors: Any, decay: float) -> Any:
    """Of Kronecker factors, those of a batch taken in."""
    return factors if means is None else [
        (decay * A + (1 - decay) * A1, decay * B + (1 - decay) * B1)
        for (A, B), (A1, B1) in zip(means, factors, strict=True)
    ]  # fmt: skip


def net_loss(model: Any, batch: Any) -> Any:
    return nn.mse(model(batch[0]), batch[1])


def test_kfac_follows_its_factors() -> None:
    opt = optim.KFAC(
        lambda model, x: model(x), nn.mse, lr=0.05, momentum=0.8, damping=0.02, decay=0.7, every=3,
        expectation="exact", max_kl=1e-3,
    )  # fmt: skip
    model = nn.MLP([4, 3, 2], nn.tanh, seed=0)
    step, state = opt.stepper(net_loss), opt.init(model)
    expected = nn.MLP([4, 3, 2], nn.tanh, seed=0)
    velocity, means = [0.0, 0.0], None
    for t in range(100):
        gradients, factors = factors_by_hand(expected)
        if t % 3 == 0:
            means = running_means(means, factors, min(1 - 1 / (t // 3 + 1), 0.7))
        solved = [
            np.linalg.solve(np.kron(A, B) + 0.02 * np.eye(G.size), G.ravel()).reshape(G.shape)
            for (A, B), G in zip(means, gradients, strict=True)
        ]
        moved = 0.05**2 * sum((d * G).sum() for d, G in zip(solved, gradients, strict=True))
        solved = [d * min(1.0, np.sqrt(1e-3 / moved)) for d in solved]
        velocity = [0.8 * v + d for v, d in zip(velocity, solved, strict=True)]
        for layer, v in zip(expected.layers, velocity, strict=True):
            layer.weight, layer.bias = layer.weight - 0.05 * v[:-1], layer.bias - 0.05 * v[-1]
        _, model, state = step(model, state, (X, TARGETS))
    for ours, theirs in zip(model.layers, expected.layers, strict=True):
        np.testing.assert_allclose(ours.weight, theirs.weight, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(ours.bias, theirs.bias, rtol=1e-10, atol=1e-10)


def fisher_by_hand(model: Any) -> Any:
    """JᵀHJ of the same net, parameters in the order of factors_by_hand's gradients."""
    first, last = model.layers
    a = np.hstack([X, np.ones((len(X), 1))])
    h = np.tanh(X @ first.weight + first.bias)
    c = np.hstack([h, np.ones((len(X), 1))])
    n, k = TARGETS.shape
    rows = []
    for i in range(n):
        for o in range(k):
            at_last = np.zeros((c.shape[1], k))
            at_last[:, o] = c[i]
            rows.append(np.append(np.outer(a[i], (1 - h[i] ** 2) * last.weight[:, o]), at_last))
    J = np.array(rows)
    return J.T @ J * 2 / (n * k)


def test_adaptive_kfac_follows_the_papers_algorithm() -> None:
    """Algorithm 2 of Martens and Grosse (2015), with dense matrices."""
    opt = optim.KFAC(
        lambda model, x: model(x), nn.mse, damping=0.5, every=3, expectation="exact", adaptive=True
    )
    model, expected = (nn.MLP([4, 3, 2], nn.tanh, seed=0) for _ in range(2))
    step, state = opt.stepper(net_loss), opt.init(model)
    means: Any = None
    damping, gamma, last = 0.5, 0.5**0.5, 0.0
    seen = set()
    for t in range(1, 101):
        gradients, factors = factors_by_hand(expected)
        g, F = np.concatenate([G.ravel() for G in gradients]), fisher_by_hand(expected)
        if t % 3 == 1:
            means = running_means(means, factors, min(1 - 1 / (t // 3 + 1), 0.95))
        M = F + damping * np.eye(len(g))
        best = None
        omega = (19 / 20) ** 10
        for trial in [gamma] if t % 20 else [gamma, gamma * omega, gamma / omega]:
            parts = []
            for (A, B), G in zip(means, gradients, strict=True):
                pi = np.sqrt(np.trace(A) / len(A) / (np.trace(B) / len(B)))
                A_damped = A + pi * trial * np.eye(len(A))
                B_damped = B + trial / pi * np.eye(len(B))
                parts.append(np.linalg.solve(A_damped, G) @ np.linalg.inv(B_damped))
            d = -np.concatenate([part.ravel() for part in parts])
            D = np.stack([d] if t == 1 else [d, last])
            s = -np.linalg.solve(D @ M @ D.T, D @ g) @ D
            m = s @ g + s @ M @ s / 2
            if best is None or m < best[0]:
                best = m, trial, s
        assert best is not None
        m, gamma, last = best
        before = net_loss(expected, (X, TARGETS))
        ends = np.cumsum([G.size for G in gradients])[:-1]
        for layer, part in zip(expected.layers, np.split(last, ends), strict=True):
            moved = part.reshape(-1, layer.weight.shape[1])
            layer.weight, layer.bias = layer.weight + moved[:-1], layer.bias + moved[-1]
        if t % 5 == 0:
            ratio = (net_loss(expected, (X, TARGETS)) - before) / m
            damping *= 0.95**5 if ratio > 0.75 else 0.95**-5 if ratio < 0.25 else 1.0
        seen.add((damping, gamma))
        value, model, state = step(model, state, (X, TARGETS))
        np.testing.assert_allclose(value, before, rtol=1e-9)
        np.testing.assert_allclose(state.shared[-3:-1], [damping, gamma], rtol=1e-8)
    assert len({d for d, _ in seen}) > 5 and len({gamma for _, gamma in seen}) > 2
    for ours, theirs in zip(model.layers, expected.layers, strict=True):
        np.testing.assert_allclose(ours.weight, theirs.weight, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(ours.bias, theirs.bias, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("settings", [{"max_kl": 1.0}, {"max_norm": 1.0}, {"weight_decay": 0.1}])
def test_adaptive_kfac_refuses_what_it_does_not_read(settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(ValueError, match=f"KFAC: {name} is for steps that are not adaptive"):
        optim.KFAC(lambda model, x: model(x), nn.mse, adaptive=True, **settings)


def test_adaptive_kfac_trains_on_batches_in_single_precision() -> None:
    small = lambda x: np.asarray(x, np.float32)
    model = tg.core.trees.map(small, nn.MLP([4, 3, 2], nn.tanh, seed=0))
    batches = [(small(X[k::3]), small(TARGETS[k::3])) for k in range(3)]
    opt = optim.KFAC(lambda model, x: model(x), nn.mse, damping=0.1, adaptive=True)
    assert repr(opt) == "KFAC(damping=0.1, decay=0.95, every=1, adaptive=True)"
    fitted = optim.fit(net_loss, model, batches, opt, epochs=10)
    assert fitted.losses[-3:].mean() < 0.9 * fitted.losses[:3].mean()
    for x in tg.core.trees.leaves((fitted.params, fitted.state.shared)):
        assert x.dtype == np.float32
    step, state = opt.stepper(net_loss), opt.init(model)
    _, one, _ = step(model, state, tuple(batches[0]))
    _, other, _ = step(model, state, list(batches[0]))
    np.testing.assert_array_equal(one.layers[0].weight, other.layers[0].weight)
    with pytest.raises(TypeError, match=r"KFAC.update: it needs the curvature of the model"):
        opt.update(model, model, fitted.state)


def test_kfac_is_the_natural_gradient_of_a_linear_layer() -> None:
    """One layer and squared error: the Kronecker factors are exact."""
    model = nn.Linear(4, 2, seed=0)
    call = lambda model, x: model(x)
    settings: dict[str, Any] = {"lr": 0.5, "damping": 0.01, "momentum": 0.0}
    kfac = optim.KFAC(call, nn.mse, expectation="exact", **settings)
    natural = optim.NaturalGradient(call, nn.mse, rtol=1e-13, **settings)
    a, b = (optim.fit(net_loss, model, (X, TARGETS), opt, epochs=5) for opt in (kfac, natural))
    np.testing.assert_allclose(a.params.weight, b.params.weight, rtol=1e-9)
    np.testing.assert_allclose(a.losses, b.losses, rtol=1e-9)


def test_kfac_beats_gradient_descent_in_steps() -> None:
    model = nn.MLP([4, 8, 8, 2], nn.tanh, seed=1)
    kfac = optim.KFAC(lambda model, x: model(x), nn.mse, lr=0.3, momentum=0.5, damping=1e-2)
    best = min(
        optim.fit(net_loss, model, (X, TARGETS), optim.SGD(lr=lr, momentum=0.5), epochs=40).losses[
            -1
        ]
        for lr in (0.1, 0.3, 1.0)
    )
    found = optim.fit(net_loss, model, (X, TARGETS), kfac, epochs=40)
    assert found.losses[-1] < 0.8 * best


@pytest.mark.parametrize("adaptive", [False, True])
def test_states_of_kfac_are_resumed_and_pickled(adaptive: bool) -> None:
    model = nn.MLP([4, 3, 2], nn.tanh, seed=0)
    call = lambda model, x: model(x)
    make = lambda: optim.KFAC(call, nn.mse, every=2, expectation="exact", adaptive=adaptive)
    whole = optim.fit(net_loss, model, (X, TARGETS), make(), epochs=6)
    half = optim.fit(net_loss, model, (X, TARGETS), make(), epochs=3)
    state = pickle.loads(pickle.dumps(half.state))
    rest = optim.fit(net_loss, half.params, (X, TARGETS), make(), epochs=3, state=state)
    np.testing.assert_allclose(rest.params.layers[0].weight, whole.params.layers[0].weight)


# ---- Hessian-free -------------------------------------------------------------------------------


def hessian_free_by_hand(steps: int, damping: float) -> list[tuple[Any, float, float]]:
    """Martens's algorithm on dense matrices: parameters, loss before, damping after each step."""
    w, last, found = np.zeros(4), np.zeros(4), []
    for _ in range(steps):
        before, g, G, squares = by_hand(w)
        A, M = G + damping * np.eye(4), (squares + damping) ** 0.75
        model = lambda d, A=A, g=g: g @ d + d @ A @ d / 2
        d = 0.95 * last
        r = -g - A @ d
        z = r / M
        p, models, kept, following = z, [model(d)], [], 1
        for i in range(1, 251):
            if r @ z <= 0:
                break
            alpha = (r @ z) / (p @ A @ p)
            d, new = d + alpha * p, r - alpha * A @ p
            models.append(model(d))
            k = max(10, i // 10)
            stop = i > k and models[i] < 0 and (models[i] - models[i - k]) / models[i] < k * 5e-4
            if i == following or stop:
                kept.append(d)
                following = int(np.ceil(following * 1.3))
            if stop:
                break
            z, beta = new / M, (new @ (new / M)) / (r @ z)
            r, p = new, new / M + beta * p
        kept = kept if kept[-1] is d else [*kept, d]
        last = d
        values = [by_hand(w + d)[0] for d in kept]
        n = len(kept) - 1
        while n and values[n - 1] < values[n]:
            n -= 1
        d = kept[n]
        ratio = (values[n] - before) / (g @ d + d @ G @ d / 2)
        damping *= 1.5 if ratio < 0.25 else 2 / 3 if ratio > 0.75 else 1
        alpha = 1.0
        while by_hand(w + alpha * d)[0] > before + 0.01 * alpha * (g @ d):
            alpha *= 0.8
        w = w + alpha * d
        found.append((w, before, damping))
    return found


@pytest.mark.parametrize("jit", [False, True])
def test_hessian_free_follows_the_papers_algorithm(jit: bool) -> None:
    opt = optim.HessianFree(predict, nn.mse, damping=0.3)
    w = np.zeros(4)
    step, state = opt.stepper(loss, jit=jit), opt.init(w)
    falling = 0
    for expected, before, damping in hessian_free_by_hand(100 if jit else 12, 0.3):
        value, w, state = step(w, state, (X, Y))
        np.testing.assert_allclose(value, before, rtol=1e-10)
        if loss(expected, (X, Y)) < (1 - 1e-13) * before:  # below, rounding decides
            np.testing.assert_allclose(w, expected, rtol=1e-10, atol=1e-10)
            np.testing.assert_allclose(state.shared[0], damping, rtol=1e-12)
            falling += 1
        np.testing.assert_allclose(w, expected, rtol=1e-9, atol=1e-9)
    assert falling >= 8
    np.testing.assert_allclose(w, expected, rtol=1e-10, atol=1e-10)


def test_hessian_free_never_raises_the_loss_and_fits_a_net() -> None:
    model = nn.MLP([4, 6, 6, 2], nn.tanh, seed=2)
    opt = optim.HessianFree(lambda model, x: model(x), nn.mse, damping=0.1)
    found = optim.fit(net_loss, model, (X, TARGETS), opt, epochs=25)
    assert (np.diff(found.losses) <= 0).all()
    assert found.losses[-1] < 0.15 * found.losses[0]
    adam = optim.fit(net_loss, model, (X, TARGETS), optim.Adam(lr=1e-2), epochs=25)
    assert found.losses[-1] < adam.losses[-1]


def test_conjugate_gradients_end_where_the_matrix_says() -> None:
    H = scipy.linalg.hilbert(6) + 0.1 * np.eye(6)
    b, scale = np.arange(1.0, 7.0), np.linspace(0.5, 2.0, 6)
    path = truncated_conjugate_gradients(lambda v: H @ v, b, np.ones(6), scale, 50, 1e-14)
    np.testing.assert_allclose(path[-1].at, np.linalg.solve(H, b), rtol=1e-9)
    models = [p.at @ H @ p.at / 2 - b @ p.at for p in path]
    np.testing.assert_allclose([p.model for p in path], models, rtol=1e-9)
    assert (np.diff(models) <= 1e-12).all()
    capped = truncated_conjugate_gradients(lambda v: H @ v, b, np.ones(6), scale, 2, 1e-14)
    assert len(capped) == 2  # the first and the second


# ---- what is refused ----------------------------------------------------------------------------


def test_gradients_alone_are_refused() -> None:
    for make in (optim.NaturalGradient, optim.KFAC, optim.HessianFree):
        opt = make(predict, nn.mse)
        w = nn.Linear(2, 1, seed=0)
        with pytest.raises(TypeError, match=rf"{make.__name__}\.update: it needs the curvature"):
            opt.update(w, w, opt.init(w))
        with pytest.raises(ValueError, match="a batch must be a pair"):
            opt.stepper(loss)(w, opt.init(w), X)
        with pytest.raises(ValueError, match="no parameters were given"):
            opt.step()
        with pytest.raises(TypeError, match="predict must be a function"):
            make(3, nn.mse)


def test_names_are_found() -> None:
    assert tg.optim.KFAC is optim.KFAC
    assert {"KFAC", "HessianFree", "NaturalGradient"} <= set(dir(optim))


class Normalized(nn.Module):
    """A net that keeps running statistics."""

    def __init__(self) -> None:
        self.inner, self.norm = nn.Linear(4, 3, seed=0), nn.BatchNorm1d(3)
        self.outer = nn.Linear(3, 2, seed=1)

    def __call__(self, x: Any) -> Any:
        return self.outer(self.norm(self.inner(x)))


@pytest.mark.parametrize("jit", [False, True])
def test_running_statistics_are_kept_by_every_kind_of_step(jit: bool) -> None:
    """After one step they are those of one forward pass, whatever else the rule evaluated."""
    call = lambda model, x: model(x)
    model = Normalized()
    expected = 0.1 * (X @ model.inner.weight + model.inner.bias).mean(axis=0)
    optimizers = [
        optim.SGD(), optim.SAM(optim.SGD()), optim.AdaHessian(), optim.Sophia(every=2),
        optim.NaturalGradient(call, nn.mse), optim.HessianFree(call, nn.mse, preconditioned=False),
    ]  # fmt: skip
    for opt in optimizers:
        step, state = opt.stepper(net_loss, jit=jit), opt.init(model)
        _, moved, state = step(model, state, (X, TARGETS))
        np.testing.assert_allclose(moved.norm.running_mean, expected, rtol=1e-9)
        np.testing.assert_array_equal(model.norm.running_mean, 0.0)
        _, again, _ = step(moved, state, (X, TARGETS))
        batch = 0.1 * (X @ np.asarray(moved.inner.weight) + moved.inner.bias).mean(axis=0)
        np.testing.assert_allclose(
            again.norm.running_mean, 0.9 * expected + batch, rtol=1e-9, err_msg=repr(opt)
        )
