"""Learning rates and stability thresholds, against runs of the optimisers themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tinygrad_hess import optim
from tinygrad_hess.curvature import (
    HessianOperator,
    contraction,
    stability_threshold,
    step_size,
)

OPTIMIZERS = [
    ("sgd", 0.0, lambda rate, beta: optim.SGD(lr=rate)),
    ("momentum", 0.5, lambda rate, beta: optim.SGD(lr=rate, momentum=beta)),
    ("momentum", 0.9, lambda rate, beta: optim.SGD(lr=rate, momentum=beta)),
    ("nesterov", 0.5, lambda rate, beta: optim.SGD(lr=rate, momentum=beta, nesterov=True)),
    ("nesterov", 0.9, lambda rate, beta: optim.SGD(lr=rate, momentum=beta, nesterov=True)),
]


def run(optimizer, curvature, steps):
    """Distances from the minimum of ½ Σ λ x², from 1."""
    x = np.ones_like(curvature)
    state = optimizer.init(x)
    for _ in range(steps):
        x, state = optimizer.update(x, curvature * x, state)
    return x


class Average:
    """Adam with its preconditioner held at 1 and no bias correction, written down again."""

    def __init__(self, rate, beta):
        self.rate, self.beta = rate, beta

    def init(self, x):
        return np.zeros_like(x)

    def update(self, x, g, m):
        m = self.beta * m + (1 - self.beta) * g
        return x - self.rate * m, m


class TestContraction:
    @pytest.mark.parametrize(("method", "beta", "make"), OPTIMIZERS)
    @pytest.mark.parametrize("steps", [0, 1, 2, 7, 40])
    def test_is_what_the_optimizer_does(self, method, beta, make, steps):
        lam = np.array([-0.3, 0.0, 0.1, 1.0, 7.0, 20.0])
        expected = run(make(0.1, beta), lam, steps)
        found = contraction(lam, 0.1, steps, method, beta)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-13)

    def test_adam_averages(self):
        lam = np.array([0.1, 1.0, 30.0])
        found = contraction(lam, 0.1, 25, "adam", 0.9)
        np.testing.assert_allclose(found, run(Average(0.1, 0.9), lam, 25), rtol=1e-9)

    def test_what_overflows_is_infinite(self):
        found = contraction([1e200, 1.0], 1.0, 3000, "momentum", 0.9)
        assert np.isinf(found[0]) and np.isfinite(found[1])

    def test_errors(self):
        with pytest.raises(ValueError, match=r"is not .sgd."):
            contraction([1.0], 0.1, 1, "rmsprop")
        with pytest.raises(ValueError, match="beta"):
            contraction([1.0], 0.1, 1, "momentum", 1.0)
        with pytest.raises(ValueError, match="no beta"):
            contraction([1.0], 0.1, 1, "sgd", 0.5)
        with pytest.raises(ValueError, match="steps must be an integer of at least 0"):
            contraction([1.0], 0.1, -1)


class TestThreshold:
    @pytest.mark.parametrize(("method", "beta", "make"), OPTIMIZERS)
    def test_divides_runs_that_converge_from_runs_that_diverge(self, method, beta, make):
        limit = stability_threshold(0.1, method, beta)
        below, above = run(make(0.1, beta), limit * np.array([0.99, 1.01]), 3000)
        assert abs(below) < 1e-3 and abs(above) > 1e3

    def test_adam(self):
        limit = stability_threshold(0.1, "adam", 0.9)
        assert limit == pytest.approx(38 / 0.1)  # Cohen et al. (2022)
        below, above = run(Average(0.1, 0.9), limit * np.array([0.98, 1.02]), 2500)
        assert abs(below) < 1e-3 and abs(above) > 1e3

    def test_closed_forms(self):
        assert stability_threshold(0.2) == pytest.approx(10)
        assert stability_threshold(0.3, "momentum", 0.5) == pytest.approx(3 / 0.3)
        assert stability_threshold(0.5, "nesterov", 0.9) == pytest.approx(3.8 / 2.8 / 0.5)

    def test_of_an_optimizer(self):
        for method, beta, make in OPTIMIZERS:
            optimizer = make(0.2, beta)
            assert stability_threshold(optimizer) == stability_threshold(0.2, method, beta)
        adam = optim.AdamW(lr=0.01, betas=(0.8, 0.99))
        assert stability_threshold(adam) == pytest.approx(3.6 / 0.2 / 0.01)
        assert stability_threshold(optim.SGD(lr=lambda step: 0.5 / (step + 1))) == 4

    def test_errors(self):
        with pytest.raises(ValueError, match="rate must be positive"):
            stability_threshold(0.0)

        class Other(optim.SGD.__mro__[1]):
            pass

        with pytest.raises(TypeError, match="Other"):
            stability_threshold(Other(None, 0.1))


class TestStepSize:
    def test_closed_forms(self, rng):
        d, g = np.array([4.0, 1.0, 0.5]), rng.normal(size=3)
        found = step_size(np.diag(d), g, k=2)
        assert found.limit == 0.5 and found.safe == 0.25
        assert found.steepest == pytest.approx(g @ g / (g @ (d * g)), rel=1e-14)
        np.testing.assert_allclose(found.values, [4, 1])
        assert found.largest_rate("nesterov", 0.9) == pytest.approx(3.8 / 2.8 / 4)
        assert found.largest_rate() == found.limit
        np.testing.assert_allclose(found.factors(0.3, 4), [(1 - 1.2) ** 4, 0.7**4])

    def test_steepest_is_the_best_rate_along_the_gradient(self, rng):
        A = rng.normal(size=(5, 5))
        H, b = A @ A.T, rng.normal(size=5)
        f = lambda x: 0.5 * x @ H @ x + b @ x
        x = rng.normal(size=5)
        op = HessianOperator(f, x)
        best = step_size(op).steepest
        losses = [f(x - rate * best * op.gradient) for rate in (0.99, 1.0, 1.01)]
        assert losses[1] < min(losses[0], losses[2])

    def test_descent_diverges_above_the_limit_only(self, rng):
        A = rng.normal(size=(6, 6))
        H = A @ A.T
        op = HessianOperator(lambda x: 0.5 * x @ H @ x, np.ones(6))
        limit = step_size(op).limit
        for factor, grows in ((0.999, False), (1.001, True)):
            x = np.ones(6)
            for _ in range(4000):
                x = x - factor * limit * (H @ x)
            assert (abs(np.linalg.eigh(H)[1][:, -1] @ x) > 1) == grows

    def test_preconditioned(self, rng):
        A, g = rng.normal(size=(5, 5)), rng.normal(size=5)
        H, D = A @ A.T, rng.uniform(0.1, 3, 5)
        found = step_size(H, g, preconditioner=D)
        M = H / np.sqrt(np.outer(D, D))
        np.testing.assert_allclose(found.values[0], np.linalg.eigvalsh(M)[-1], rtol=1e-10)
        assert found.preconditioned and "preconditioned" in repr(found)
        # the best step along D⁻¹ g
        step = g / D
        assert found.steepest == pytest.approx(step @ g / (step @ H @ step), rel=1e-12)

    def test_preconditioner_and_gradient_as_trees(self, rng):
        f = lambda p: 2 * (p["a"] ** 2).sum() + p["b"] ** 2
        params = {"a": np.ones(2), "b": 3.0}
        op = HessianOperator(f, params)
        found = step_size(op, params, preconditioner={"a": np.full(2, 4.0), "b": 0.5})
        assert found.values[0] == pytest.approx(2 / 0.5)
        assert found.steepest == pytest.approx((2 / 4 + 9 / 0.5) / (2 / 4 + 9 * 2 / 0.25))

    def test_without_positive_curvature(self):
        found = step_size(-np.eye(2), np.ones(2))
        assert found.limit == found.safe == found.steepest == np.inf
        assert found.largest_rate() == np.inf
        assert np.isnan(step_size(np.eye(2), np.zeros(2)).steepest)

    def test_result(self):
        found = step_size(np.diag([4.0, 1.0]), np.ones(2))
        assert "allows rates below 0.5" in repr(found)
        assert json.loads(json.dumps(found.to_dict()))["values"] == [4.0, 1.0]
        pytest.importorskip("matplotlib")
        labels = [t.get_text() for t in found.plot().get_legend().get_texts()]
        assert "2/λ = 0.5" in labels

    def test_errors(self):
        with pytest.raises(ValueError, match="must be positive"):
            step_size(np.eye(2), np.ones(2), preconditioner=np.array([1.0, 0.0]))
        with pytest.raises(ValueError, match="preconditioner has shape"):
            step_size(np.eye(2), np.ones(2), preconditioner=np.ones(3))
