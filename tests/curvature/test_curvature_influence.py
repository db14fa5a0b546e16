"""Influence of training examples against leaving them out and training again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import KroneckerFactors, influence


def squared(w, batch):
    x, y = batch
    return 0.5 * ((x @ w - y) ** 2).mean()


def linear_problem(rng, n=30, d=4):
    x, y = rng.normal(size=(n, d)), rng.normal(size=n)
    return x, y, np.linalg.lstsq(x, y, rcond=None)[0]


class TestLinearRegression:
    def test_leaving_out_is_exact_but_for_the_leverage(self, rng):
        """Removing example i moves w by (XᵀX)⁻¹ x_i e_i / (1 - h_i), with e_i = x_i w - y_i (Cook);
        the influence function leaves out the leverage h_i."""
        x, y, w = linear_problem(rng)
        towards = rng.normal(size=4)
        found = influence(squared, w, (x, y), towards, test_loss=lambda w, v: w @ v)
        h = np.einsum("ni,ij,nj->n", x, np.linalg.inv(x.T @ x), x)
        exact = []
        for i in range(30):
            kept = np.delete(np.arange(30), i)
            exact.append(towards @ (np.linalg.lstsq(x[kept], y[kept], rcond=None)[0] - w))
        np.testing.assert_allclose(found.scores / (1 - h), exact, rtol=1e-7)
        assert found.converged
        assert found.residual <= 1e-8

    def test_scores_add_up_to_nothing_at_the_optimum(self, rng):
        """They are linear in gradients, which sum to zero there."""
        x, y, w = linear_problem(rng)
        found = influence(squared, w, (x, y), (x[:5], y[:5] + 1))
        assert abs(found.scores.sum()) < 1e-9 * np.abs(found.scores).sum()

    def test_ways_to_give_data(self, rng):
        x, y, w = linear_problem(rng)
        test = (rng.normal(size=(6, 4)), rng.normal(size=6))
        whole = influence(squared, w, (x, y), test)
        cut = [(x[:13], y[:13]), (x[13:], y[13:])]
        total = lambda w, batch: squared(w, batch) * len(batch[1])
        for other in (
            influence(squared, w, cut, test, chunk_size=4),
            influence(squared, w, iter(cut), test),
            influence(total, w, cut, test, reduction="sum", test_loss=squared),
        ):
            np.testing.assert_allclose(other.scores, whole.scores, rtol=1e-7, atol=1e-12)
        assert whole.test_loss == pytest.approx(squared(w, test))

    def test_damping(self, rng):
        x, y, w = linear_problem(rng)
        towards = rng.normal(size=4)
        found = influence(squared, w, (x, y), towards, test_loss=lambda w, v: w @ v, damping=0.5)
        s = np.linalg.solve(x.T @ x / 30 + 0.5 * np.eye(4), towards)
        np.testing.assert_allclose(found.scores, ((x @ w - y)[:, None] * x) @ s / 30, rtol=1e-6)


class TestLogisticRegression:
    def problem(self, rng, n=200):
        x = np.c_[rng.normal(size=(n, 3)), np.ones(n)]
        y = (rng.random(n) < expit(x @ [1.0, -2.0, 0.5, 0.3])).astype(float)

        def loss(w, batch):  # with a penalty: part of each example, in a mean
            x, y = batch
            z = x @ w
            return nn.binary_cross_entropy_with_logits(z, y) + 0.01 * (w**2).sum()

        def fit(x, y, w, steps=15):
            for _ in range(steps):
                p = expit(x @ w)
                slope = x.T @ (p - y) / len(y) + 0.02 * w
                H = (x.T * (p * (1 - p))) @ x / len(y) + 0.02 * np.eye(4)
                w = w - np.linalg.solve(H, slope)
            return w

        return x, y, loss, fit

    def test_leave_one_out(self, rng):
        """Every example left out, the model fitted again, and the test loss taken."""
        x, y, loss, fit = self.problem(rng)
        w = fit(x, y, np.zeros(4))
        new = np.c_[rng.normal(size=(40, 3)), np.ones(40)]
        test = (new, (rng.random(40) < expit(new @ [1.0, -2.0, 0.5, 0.3])).astype(float))
        found = influence(loss, w, (x, y), test)
        change = []
        for i in range(len(x)):
            kept = np.delete(np.arange(len(x)), i)
            change.append(loss(fit(x[kept], y[kept], w, 5), test) - loss(w, test))
        change = np.array(change)
        assert np.corrcoef(found.scores, change)[0, 1] > 0.99
        assert np.polyfit(found.scores, change, 1)[0] == pytest.approx(1.0, abs=0.1)
        assert set(found.most_harmful(5)) & set(np.argsort(change)[:5])
        assert found.scores[found.most_helpful(1)[0]] == found.scores.max()

    def test_a_wrong_label_stands_out(self, rng):
        x, y, loss, fit = self.problem(rng)
        sure = int(np.argmax(x @ [1.0, -2.0, 0.5, 0.3]))
        clean = (x.copy(), y.copy())
        y[sure] = 0.0
        found = influence(loss, fit(x, y, np.zeros(4)), (x, y), clean)
        assert found.most_harmful(1)[0] == sure


class TestNets:
    def test_with_other_curvature(self, rng):
        """Kronecker factors in place of the Hessian, solved by conjugate gradients or at once."""
        x, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
        model = nn.MLP([3, 4, 2], seed=0)
        loss = lambda m, b: nn.cross_entropy(m(b[0]), b[1])
        K = KroneckerFactors(lambda m, x: m(x), nn.cross_entropy, model, (x, y))
        found = influence(loss, model, (x, y), (x[:3], y[:3]), op=K, damping=0.1)
        slope = K.flatten(tg.grad(loss)(model, (x[:3], y[:3])))
        for i in (0, 7):
            g = K.flatten(tg.grad(loss)(model, (x[i : i + 1], y[i : i + 1])))
            assert found.scores[i] == pytest.approx(g @ K.solve(slope, 0.1) / 20, rel=1e-6)
        preconditioned = influence(
            loss, model, (x, y), (x[:3], y[:3]), op=K, damping=0.1, max_iterations=1
        )
        assert not preconditioned.converged
        assert "max_iterations=1" in repr(preconditioned)

    def test_float32_stays(self, rng):
        x, y, w = linear_problem(rng)
        data = (x.astype(np.float32), y.astype(np.float32))
        found = influence(squared, w.astype(np.float32), data, data, tol=1e-5)
        assert found.scores.dtype == np.float32


class TestResults:
    def test_what_else_a_result_can_do(self, rng):
        x, y, w = linear_problem(rng)
        found = influence(squared, w, (x, y), (x[:5], y[:5] + 1))
        assert json.loads(json.dumps(found.to_dict()))["scores"] == found.scores.tolist()
        drawn = found.plot().lines[-1].get_ydata()
        np.testing.assert_array_equal(drawn, np.sort(found.scores))
        assert repr(found).startswith("Influence(30 examples on a test loss of")

    def test_errors(self, rng):
        x, y, w = linear_problem(rng)
        with pytest.raises(ValueError, match="not 'mean' or 'sum'"):
            influence(squared, w, (x, y), (x, y), reduction="none")
        with pytest.raises(ValueError, match=r"op has shape \(3, 3\), but there are 4 parameters"):
            influence(squared, w, (x, y), (x, y), op=np.eye(3))
        with pytest.raises(ValueError, match=r"direction of curvature -"):
            influence(lambda w, b: -squared(w, b), w, (x, y), (x, y + 1))
        with pytest.raises(ValueError, match="hold no example"):
            influence(squared, w, (x[:0], y[:0]), (x, y), op=np.eye(4))
