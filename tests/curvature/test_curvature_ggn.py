"""The Gauss-Newton operator against matrices formed by NumPy alone."""

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
    categorical,
    complex_step,
    layers_of,
    predict,
    vector,
)

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import (
    EmpiricalFisherOperator,
    FisherOperator,
    GGNOperator,
    HessianOperator,
    JacobianOperator,
    top_eigenpairs,
)


@pytest.fixture(scope="module")
def problem():
    return Problem()


class TestGaussNewton:
    @pytest.mark.parametrize("name", NAMES)
    def test_closed_forms(self, problem, name):
        loss, y, M, count = cases(problem)[name]
        dense = problem.J.T @ M @ problem.J
        mean = GGNOperator(predict, loss, problem.params, (problem.x, y))
        close(mean.to_dense(), dense / count, 1e-12)
        total = functools.partial(loss, reduction="sum")
        added = GGNOperator(predict, total, problem.params, (problem.x, y), reduction="sum")
        close(added.to_dense(), dense, 1e-12)
        v = np.random.default_rng(1).normal(size=mean.shape[0])
        close(mean @ v, dense @ v / count, 1e-12)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_loss_behind_a_function_is_differentiated_alone(self, problem, name):
        loss, y, M, count = cases(problem)[name]
        hidden = lambda f, y: loss(f, y)
        op = GGNOperator(predict, hidden, problem.params, (problem.x, y))
        close(op.to_dense(), problem.J.T @ M @ problem.J / count, 1e-12)

    @pytest.mark.parametrize("name", NAMES)
    def test_value_and_gradient_are_those_of_the_loss(self, problem, name):
        loss, y, *_ = cases(problem)[name]
        op = GGNOperator(predict, loss, problem.params, (problem.x, y))
        total = lambda v: float(loss(predict(layers_of(v), problem.x), y))
        v, h = vector(problem.params), 1e-6
        assert op.value == pytest.approx(total(v), rel=1e-13)
        differences = [(total(v + h * e) - total(v - h * e)) / (2 * h) for e in np.eye(v.size)]
        close(op.gradient, np.array(differences), 1e-7)

    def test_a_loss_of_ones_own(self, problem):
        loss = lambda f, y: tg.numpy.sqrt(1 + (f - y) ** 2).mean()
        M = np.diag(((1 + (problem.f - problem.y) ** 2) ** -1.5).ravel()) / (5 * N)
        op = GGNOperator(predict, loss, problem.params, (problem.x, problem.y))
        close(op.to_dense(), problem.J.T @ M @ problem.J, 1e-12)

    def test_rows_that_do_not_sum_to_one(self, problem):
        """Targets may be off by the loss's tolerance; the Hessian follows them exactly."""
        q = problem.probabilities * np.linspace(0.9995, 1.0005, N)[:, None]
        M = categorical(problem.f) * np.repeat(q.sum(1), 5)[:, None] / N
        op = GGNOperator(predict, nn.cross_entropy, problem.params, (problem.x, q))
        close(op.to_dense(), problem.J.T @ M @ problem.J, 1e-12)

    def test_outputs_with_several_axes(self):
        rng = np.random.default_rng(2)
        x, w = rng.normal(size=(4, 6, 3)), rng.normal(size=(3, 5))
        labels, y = rng.integers(0, 5, (4, 6)), rng.normal(size=(4, 6, 5))
        J = np.kron(x.reshape(24, 3), np.eye(5))
        f = (x @ w).reshape(24, 5)
        for loss, target, M in (
            (nn.cross_entropy, labels, categorical(f) / 24),
            (nn.mse, y, 2 * np.eye(120) / 120),
        ):
            op = GGNOperator(lambda w, x: x @ w, loss, w, (x, target))
            close(op.to_dense(), J.T @ M @ J, 1e-12)

    def test_outputs_in_a_tree(self, problem):
        both = lambda p, x: {"first": predict(p, x)[:, :2], "rest": predict(p, x)[:, 2:]}

        def loss(f, y):
            return ((f["first"] - y[:, :2]) ** 2).sum() + ((f["rest"] - y[:, 2:]) ** 2).sum()

        op = GGNOperator(both, loss, problem.params, (problem.x, problem.y), reduction="sum")
        close(op.to_dense(), 2 * problem.J.T @ problem.J, 1e-12)
        one = lambda p, x: {"used": predict(p, x), "constant": np.ones(3)}
        loss = lambda f, y: ((f["used"] - y) ** 2).sum() * f["constant"].sum()
        op = GGNOperator(one, loss, problem.params, (problem.x, problem.y), reduction="sum")
        close(op.to_dense(), 6 * problem.J.T @ problem.J, 1e-12)

    def test_equals_the_hessian_where_the_model_is_linear(self):
        rng = np.random.default_rng(3)
        x, w, y = rng.normal(size=(20, 4)), rng.normal(size=(4, 3)), rng.integers(0, 3, 20)
        G = GGNOperator(lambda w, x: x @ w, nn.cross_entropy, w, (x, y)).to_dense()
        H = HessianOperator(lambda w, x, y: nn.cross_entropy(x @ w, y), w, x, y).to_dense()
        close(G, H, 1e-12)
        ones = np.c_[np.ones(20), x]
        linear = {"b": np.zeros(3), "w": w}
        op = GGNOperator(lambda p, x: x @ p["w"] + p["b"], nn.cross_entropy, linear, (x, y))
        assert np.linalg.matrix_rank(op.to_dense(), tol=1e-12) == 2 * 5  # (C - 1)(d + 1)
        bound = 0.5 * np.linalg.eigvalsh(ones.T @ ones / 20)[-1]  # Böhning (1992)
        assert top_eigenpairs(op, 1).values[0] <= bound

    def test_what_it_leaves_out_is_the_curvature_of_the_model(self, problem):
        """H - GGN = Σ ∂loss/∂f · ∂²f, which is nothing where the residuals are zero."""
        data = (problem.x, problem.y)
        loss = lambda p, x, y: nn.mse(predict(p, x), y)
        H = HessianOperator(loss, problem.params, *data).to_dense()
        G = GGNOperator(predict, nn.mse, problem.params, data).to_dense()
        slope = 2 * (problem.f - problem.y) / (5 * N)
        v, h = vector(problem.params), 1e-5
        jacobian = lambda v: complex_step(
            lambda s: (slope * predict(layers_of(s), problem.x)).sum(), v
        )
        rest = [(jacobian(v + h * e) - jacobian(v - h * e))[0] / (2 * h) for e in np.eye(v.size)]
        assert np.abs(H - G).max() > 0.01
        close(H - G, np.array(rest), 1e-8)
        fitted = (problem.x, problem.f)
        H = HessianOperator(loss, problem.params, *fitted).to_dense()
        close(H, GGNOperator(predict, nn.mse, problem.params, fitted).to_dense(), 1e-12)

    def test_positive_semidefinite_where_the_hessian_is_not(self, problem):
        data = (problem.x, problem.labels)
        loss = lambda p, x, y: nn.cross_entropy(predict(p, x), y)
        H = HessianOperator(loss, problem.params, *data).to_dense()
        G = GGNOperator(predict, nn.cross_entropy, problem.params, data).to_dense()
        assert np.linalg.eigvalsh(H)[0] < -1e-3
        assert np.linalg.eigvalsh(G)[0] > -1e-15

    def test_predict_runs_once_and_never_for_a_product(self, problem):
        calls = []

        def counted(p, x):
            calls.append(1)
            return predict(p, x)

        op = GGNOperator(counted, nn.mse, problem.params, (problem.x, problem.y), check=False)
        op @ np.ones((op.shape[0], 3))
        op @ np.ones(op.shape[0])
        assert len(calls) == 1


class TestBadInput:
    def test_batches_that_are_not_pairs(self, problem):
        for data in (problem.x, (problem.x,), (problem.x, problem.y, problem.y), {"x": problem.x}):
            with pytest.raises(ValueError, match=r"must be a pair \(x, y\)"):
                GGNOperator(predict, nn.mse, problem.params, data)

    def test_reductions_that_disagree(self, problem):
        data = (problem.x, problem.y)
        total = functools.partial(nn.mse, reduction="sum")
        with pytest.raises(ValueError, match=r"GGNOperator\(..., reduction='sum'\)"):
            GGNOperator(predict, total, problem.params, data)
        with pytest.raises(ValueError, match=r"reduction='mean'"):
            FisherOperator(predict, nn.mse, problem.params, data, reduction="sum")

    def test_losses_without_a_known_likelihood(self, problem):
        data = (problem.x, problem.y)
        for loss in (nn.huber, lambda f, y: nn.mse(f, y)):
            for options in ({}, {"samples": 3}, {"draw": lambda f, rng: f}):
                with pytest.raises(ValueError, match="likelihood"):
                    FisherOperator(predict, loss, problem.params, data, **options)
        with pytest.raises(ValueError, match="samples must be an integer of at least 1"):
            FisherOperator(predict, nn.mse, problem.params, data, samples=0)

    def test_outputs_without_examples(self, problem):
        data = (problem.x, np.float64(1.0))
        with pytest.raises(ValueError, match="first axis of examples"):
            EmpiricalFisherOperator(lambda p, x: predict(p, x).sum(), nn.mse, problem.params, data)

    def test_losses_that_are_not_scalar(self, problem):
        loss = functools.partial(nn.mse, reduction="none")
        with pytest.raises(ValueError, match="GGNOperator: f must return a scalar"):
            GGNOperator(predict, loss, problem.params, (problem.x, problem.y))

    def test_chunks(self):
        with pytest.raises(ValueError, match="chunk_size"):
            JacobianOperator(lambda w: w, np.ones(2), chunk_size=0)
