"""Fisher operators, true, sampled and empirical, against matrices formed by NumPy alone."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from comparing import close
from small_nets import (
    NAMES,
    N,
    Problem,
    cases,
    predict,
    softmax,
)

from tinygrad_hess import nn
from tinygrad_hess.curvature import EmpiricalFisherOperator, FisherOperator
from tinygrad_hess.curvature.operators.ggn.output_hessians import scores


@pytest.fixture(scope="module")
def problem():
    return Problem()


class TestFisher:
    @pytest.mark.parametrize("name", [n for n in NAMES if n != "huber"])
    def test_exact_is_the_gauss_newton_matrix(self, problem, name):
        loss, y, M, count = cases(problem)[name]
        op = FisherOperator(predict, loss, problem.params, (problem.x, y))
        close(op.to_dense(), problem.J.T @ M @ problem.J / count, 1e-12)

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["labels", "kl", "binary", "squared", "half"])
    @pytest.mark.parametrize("reduction", ["mean", "sum"])
    def test_monte_carlo_has_the_exact_one_as_its_mean(self, problem, name, reduction):
        """Its expectation is exact, and its error falls as one over the root of the samples."""
        loss, y, M, count = cases(problem)[name]
        loss = functools.partial(loss, reduction=reduction)
        exact = problem.J.T @ M @ problem.J / (count if reduction == "mean" else 1)
        make = lambda samples, seed: FisherOperator(
            predict, loss, problem.params, (problem.x, y),
            samples=samples, seed=seed, reduction=reduction, check=False,
        )  # fmt: skip
        runs = 60
        few, many = (
            np.array([make(s, seed).to_dense() - exact for seed in range(runs)]) for s in (4, 64)
        )
        rms = [np.sqrt((e**2).sum((1, 2)).mean()) for e in (few, many)]
        assert rms[0] / rms[1] == pytest.approx(4, rel=0.25)
        mean = few.mean(0)
        assert np.linalg.norm(mean) < 2 * rms[0] / np.sqrt(runs)
        assert rms[0] > 0.01 * np.linalg.norm(exact)  # it does sample

    def test_one_matrix_for_all_products(self, problem):
        data = [(problem.x[:7], problem.labels[:7]), (problem.x[7:], problem.labels[7:])]
        make = lambda **k: FisherOperator(
            predict, nn.cross_entropy, problem.params, data, samples=2, **k
        )
        op, v = make(), np.ones(41)
        np.testing.assert_array_equal(op @ v, op @ v)
        np.testing.assert_array_equal(op @ v, make() @ v)
        close(make(tape_memory=0).to_dense(), op.to_dense(), 1e-14)  # recorded anew each time
        assert np.abs(make(seed=1) @ v - op @ v).max() > 1e-3
        state = np.random.get_state()[1].copy()
        make() @ v
        np.testing.assert_array_equal(np.random.get_state()[1], state)

    def test_draws_of_ones_own(self, problem):
        """Poisson regression: the Fisher information is Jᵀ diag(rate) J / n, per example."""
        w, y = np.array([0.3, -0.2, 0.1]), np.arange(N)
        rate = lambda w, x: x @ w
        loss = lambda f, y: (np.exp(f) - y * f).mean()
        draw = lambda f, rng: rng.poisson(np.exp(f))
        exact = (problem.x.T * np.exp(problem.x @ w)) @ problem.x / N
        make = lambda samples, **k: FisherOperator(
            rate, loss, w, (problem.x, y), samples=samples, draw=draw, **k
        )
        found = np.mean([make(50, seed=s).to_dense() for s in range(40)], axis=0)
        close(found, exact, 0.1)
        total = lambda f, y: (np.exp(f) - y * f).sum()
        added = FisherOperator(
            rate, total, w, (problem.x, y), samples=50, draw=draw, reduction="sum"
        )
        close(added.to_dense(), N * make(50).to_dense(), 1e-12)

    def test_batches_draw_each_for_itself(self, problem):
        one = (problem.x, problem.labels)
        make = lambda data: FisherOperator(
            predict, nn.cross_entropy, problem.params, data, samples=2
        ).to_dense()
        assert np.abs(make([one, one]) - make(one)).max() > 1e-3

    def test_draws_stay_among_the_classes(self):
        """Rounded probabilities may add up to less than one, and a draw lie in the gap."""

        class Last:
            def random(self, shape, dtype=float):
                return np.full(shape, np.nextafter(1, 0))

        f = np.random.default_rng(0).normal(size=(200, 7)).astype(np.float32)
        assert (np.cumsum(softmax(f), axis=1, dtype=float)[:, -1] < 1 - 1e-9).any()
        g = scores(nn.cross_entropy, f, Last(), 1).g[0]
        np.testing.assert_allclose(g.sum(axis=1), 0, atol=1e-6)

    def test_certain_predictions_draw_no_class_beyond_the_last(self):
        f = np.array([[0.0, 800.0], [800.0, 0.0]])
        op = FisherOperator(
            lambda w, x: x * w, nn.cross_entropy, np.ones(1), (f, np.array([1, 0])), samples=50
        )
        np.testing.assert_array_equal(op.to_dense(), [[0]])

    def test_empirical_is_made_of_the_examples_own_gradients(self, problem):
        for loss, y, slope in (
            (nn.cross_entropy, problem.labels, softmax(problem.f) - np.eye(5)[problem.labels]),
            (nn.mse, problem.y, 2 * (problem.f - problem.y) / 5),
            (lambda f, y: nn.mse(f, y), problem.y, 2 * (problem.f - problem.y) / 5),
        ):
            J = problem.J.reshape(N, 5, -1)
            g = np.einsum("nc,ncp->np", slope, J)
            op = EmpiricalFisherOperator(predict, loss, problem.params, (problem.x, y))
            close(op.to_dense(), g.T @ g / N, 1e-12)
            close(op.gradient, g.mean(0), 1e-12)
        total = functools.partial(nn.cross_entropy, reduction="sum")
        data = (problem.x, problem.labels)
        mean = EmpiricalFisherOperator(predict, nn.cross_entropy, problem.params, data)
        added = EmpiricalFisherOperator(predict, total, problem.params, data, reduction="sum")
        close(added.to_dense(), N * mean.to_dense(), 1e-12)
