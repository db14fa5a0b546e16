"""Measures of sharpness, against closed forms on quadratics and the laws they are known to obey."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from scipy.optimize import brentq
from spectra import symmetric

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.core import trees
from tinygrad_hess.curvature import HessianOperator, sharpness


def highest_in_ball(H, g, rho):
    """``max gᵀe + ½ eᵀHe`` over a ball, by the secular equation (Moré and Sorensen 1983)."""
    values, Q = np.linalg.eigh(H)
    b = Q.T @ g
    e = lambda mu: b / (mu - values)
    length = lambda mu: np.linalg.norm(e(mu)) - rho
    low = max(values[-1], 0.0) + 1e-12
    step = np.zeros_like(b) if low > values[-1] + 1e-9 and length(low) < 0 else None
    if step is None:
        step = e(brentq(length, low, values[-1] + abs(values).max() + np.linalg.norm(b) / rho + 1))
    else:
        step = b / -values
    return float(b @ step + 0.5 * values @ step**2)


def quadratic(H, g, at):
    return lambda x: 0.5 * (x - at) @ H @ (x - at) + g @ (x - at)


def digits_net(steps=300, sizes=(64, 16, 10), n=400):
    d = tg.data.digits()
    batch = (d.x[:n] / 16, d.y[:n])
    model = nn.MLP(list(sizes), nn.relu, bias=False, init=nn.init.he_normal, seed=0)
    loss = lambda model, batch: nn.cross_entropy(model(batch[0]), batch[1])
    step = tg.jit(lambda m, b: trees.map(lambda p, g: p - 0.2 * g, m, tg.grad(loss)(m, b)))
    for _ in range(steps):
        model = step(model, batch)
    return loss, model, batch


class TestOnQuadratics:
    @pytest.mark.parametrize(
        "eigenvalues",
        [[1, 2, 3, 4, 5.0], [0, 0, 0, 1, 3.0], [-4, -1, 0, 1, 2.0], [-5, -4, -3, -2, -1.0], [2.0]],
    )
    def test_sam_is_the_maximum_over_the_ball(self, rng, eigenvalues):
        H = symmetric(eigenvalues)
        at, g = rng.normal(size=(2, len(eigenvalues)))
        found = sharpness(quadratic(H, g, at), at, rho=0.3)
        assert found.converged
        assert found.sam == pytest.approx(highest_in_ball(H, g, 0.3), rel=2e-3)
        e = 0.3 * g / np.linalg.norm(g)
        assert found.sam_one_step == pytest.approx(g @ e + 0.5 * e @ H @ e, rel=1e-12)
        assert found.largest_eigenvalue == pytest.approx(max(eigenvalues), rel=1e-10)
        low, high = found.interval
        assert low - 1e-12 <= max(eigenvalues) <= high + 1e-12

    def test_at_a_minimum_sam_is_half_the_eigenvalue_times_the_square(self):
        H = symmetric([0.5, 1.0, 4.0])
        found = sharpness(lambda x: 0.5 * x @ H @ x, np.zeros(3), rho=0.1)
        assert found.sam == pytest.approx(0.5 * 4.0 * 0.1**2, rel=1e-9)
        assert found.sam_one_step == 0

    def test_adaptive_measures_are_those_of_relative_steps(self, rng):
        H = symmetric([0.5, 1.0, 2.0, 4.0])
        at, g = rng.normal(size=(2, 4))
        D = np.diag(abs(at))
        found = sharpness(quadratic(H, g, at), at, adaptive_rho=0.2)
        expected = highest_in_ball(D @ H @ D, D @ g, 0.2)
        assert found.adaptive_sam == pytest.approx(expected, rel=2e-3)
        assert found.adaptive_eigenvalue == pytest.approx(np.linalg.eigvalsh(D @ H @ D)[-1])

    def test_keskar_is_a_corner_of_the_box(self):
        d, at, epsilon = np.array([1.0, 3.0, 0.0, 2.0]), np.array([1.0, -2.0, 0.5, 3.0]), 1e-2
        loss = lambda x: 0.5 * (d * x**2).sum() + x[2]
        width = epsilon * (abs(at) + 1)
        f = 0.5 * (d * at**2).sum() + at[2]
        rise = (d * abs(at) * width + 0.5 * d * width**2).sum() + width[2]  # separable and convex
        found = sharpness(loss, at, keskar_epsilon=epsilon)
        assert found.keskar == pytest.approx(100 * rise / (1 + f), rel=1e-10)

    def test_a_tiny_loss_is_as_sharp(self, rng):
        H, at = symmetric([1.0, 2.0, 5.0]), rng.normal(size=3)
        g = rng.normal(size=3)
        one = sharpness(quadratic(H, g, at), at)
        tiny = sharpness(lambda x: 1e-7 * quadratic(H, g, at)(x), at)
        for name in ("largest_eigenvalue", "sam", "adaptive_sam", "adaptive_eigenvalue", "keskar"):
            assert getattr(tiny, name) == pytest.approx(1e-7 * getattr(one, name), rel=1e-6), name


class TestFisherRao:
    def test_logistic_regression(self, rng):
        x, w, y = rng.normal(size=(30, 4)), rng.normal(size=4), rng.integers(0, 2, 30)
        loss = lambda w, x, y: (nn.softplus(x @ w) - y * (x @ w)).mean()
        p = 1 / (1 + np.exp(-x @ w))
        gradients = (p - y)[:, None] * x
        expected = np.sqrt(((gradients @ w) ** 2).mean())
        batched = lambda w, b: loss(w, *b)
        assert sharpness(batched, w, (x, y)).fisher_rao == pytest.approx(expected, rel=1e-12)
        ragged = [(x[:13], y[:13]), (x[13:29], y[13:29]), (x[29:], y[29:])]
        assert sharpness(batched, w, ragged).fisher_rao == pytest.approx(expected, rel=1e-12)
        total = lambda w, b: loss(w, *b) * len(b[0])
        found = sharpness(total, w, ragged, reduction="sum")
        assert found.fisher_rao == pytest.approx(expected, rel=1e-12)

    def test_deep_rectified_nets(self, rng):
        """Liang et al. (2019), theorem 3.1: ``(L + 1)² E <∂ℓ/∂f, f>²`` without biases."""
        x, y = rng.normal(size=(25, 3)), rng.normal(size=(25, 2))
        weights = [rng.normal(size=s) for s in ((3, 6), (6, 5), (5, 2))]

        def outputs(weights):
            h = x
            for w in weights[:-1]:
                h = np.maximum(h @ w, 0)
            return h @ weights[-1]

        def loss(weights, batch):
            h, y = batch
            for w in weights[:-1]:
                h = nn.relu(h @ w)
            return 0.5 * ((h @ weights[-1] - y) ** 2).sum(axis=1).mean()

        f = outputs(weights)
        expected = 3 * np.sqrt((((f - y) * f).sum(axis=1) ** 2).mean())
        assert sharpness(loss, weights, (x, y)).fisher_rao == pytest.approx(expected, rel=1e-12)

    def test_a_loss_that_branches_on_values(self, rng):
        x, w = rng.normal(size=(8, 3)), rng.normal(size=3)

        def loss(w, x):
            out = x @ w
            return (out**2).mean() if (out**2).mean() > 0 else out.mean()

        expected = np.sqrt(((2 * (x @ w) ** 2) ** 2).mean())
        assert sharpness(loss, w, x).fisher_rao == pytest.approx(expected, rel=1e-12)

    def test_without_data_there_is_none(self):
        assert sharpness(lambda x: (x**2).sum(), np.ones(2)).fisher_rao is None


class TestRescaling:
    """Dinh et al. (2017): multiplying one layer and dividing the next changes no output."""

    def test_sharp_minima_by_rescaling(self):
        loss, model, batch = digits_net()
        results = []
        for alpha in (1.0, 3.0, 10.0, 30.0):
            scales = itertools.cycle([alpha, 1 / alpha])
            rescaled = trees.map(lambda w, s=scales: w * next(s), model)
            results.append(sharpness(loss, rescaled, batch, tol=1e-8))
        losses = [r.loss for r in results]
        np.testing.assert_allclose(losses, losses[0], rtol=0, atol=1e-10)
        eigenvalues = [r.largest_eigenvalue for r in results]
        assert eigenvalues[1] > 2 * eigenvalues[0]
        assert eigenvalues[3] / eigenvalues[2] == pytest.approx(9, rel=0.02)  # as α² in the end
        for name, rtol in (
            ("adaptive_eigenvalue", 1e-6),
            ("fisher_rao", 1e-10),
            ("adaptive_sam", 2e-3),
        ):
            values = [getattr(r, name) for r in results]
            np.testing.assert_allclose(values, values[0], rtol=rtol, err_msg=name)

    def test_what_sam_finds_grows_with_the_ball(self):
        loss, model, batch = digits_net(60)
        rises = [sharpness(loss, model, batch, rho=r).sam for r in (0.02, 0.1, 0.5)]
        assert 0 < rises[0] < rises[1] < rises[2]


class TestInterface:
    def test_operator_or_loss_and_data(self, rng):
        x, w = rng.normal(size=(12, 3)), rng.normal(size=3)
        loss = lambda w, x: np.cosh(x @ w).mean()
        one, other = sharpness(loss, w, x), sharpness(HessianOperator(loss, w, x))
        assert {k: v for k, v in one.to_dict().items() if k != "seconds"} == {
            k: v for k, v in other.to_dict().items() if k != "seconds"
        }

    def test_result(self, rng):
        found = sharpness(lambda w: np.cosh(w).sum(), rng.normal(size=3).astype(np.float32))
        assert json.loads(json.dumps(found.to_dict()))["sam"] == found.sam
        assert "largest eigenvalue" in repr(found) and "Fisher" not in repr(found)
        pytest.importorskip("matplotlib")
        ax = found.plot()
        assert ax.get_yticklabels()[0].get_text() == "largest eigenvalue"

    def test_unfinished_work_is_said(self, rng):
        A = symmetric(np.linspace(-1, 1, 200))
        found = sharpness(lambda w: 0.5 * w @ A @ w, rng.normal(size=200), max_matvecs=4, tol=1e-9)
        assert not found.converged
        assert "eigenvalue" in found.reason and "NOT converged" in repr(found)

    @pytest.mark.parametrize("name", ["rho", "adaptive_rho", "keskar_epsilon", "keskar_iterations"])
    def test_sizes_are_positive(self, name):
        with pytest.raises(ValueError, match=name):
            sharpness(lambda x: (x**2).sum(), np.ones(2), **{name: 0})

    def test_what_is_not_a_loss(self):
        with pytest.raises(TypeError, match="HessianOperator, or loss"):
            sharpness(np.eye(2))
        op = HessianOperator(lambda x: (x**2).sum(), np.ones(2))
        with pytest.raises(TypeError, match="brings its parameters"):
            sharpness(op, np.ones(2))
        with pytest.raises(ValueError, match="reduction"):
            sharpness(lambda x: (x**2).sum(), np.ones(2), reduction="none")
