"""Laplace's approximation against Bayesian regression in closed form and direct computation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from comparing import close
from scipy.integrate import dblquad, quad
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import KroneckerFactors, laplace

NOISE = 0.3


def call(model, x):
    return model(x)


def gaussian(f, y):
    """Negative log-likelihood of one output with noise of variance NOISE, mean over examples."""
    return (0.5 * (f - y) ** 2 / NOISE + 0.5 * math.log(2 * math.pi * NOISE)).mean()


def ridge(x, y, alpha):
    """The mode of the posterior under ``N(0, 1/alpha)``, by hand."""
    return np.linalg.solve(x.T @ x / NOISE + alpha * np.eye(x.shape[1]), x.T @ y / NOISE)


def regression(rng, n=30, d=4):
    x = rng.normal(size=(n, d))
    return x, x @ rng.normal(size=d) + NOISE**0.5 * rng.normal(size=n)


def linear(w, x):
    return x @ w


class TestBayesianLinearRegression:
    """Where the approximation is exact (Bishop 2006, section 3.5)."""

    @pytest.mark.parametrize("alpha", [0.01, 1.0, 50.0])
    def test_evidence_is_the_density_of_the_data(self, rng, alpha):
        x, y = regression(rng)
        la = laplace(linear, gaussian, ridge(x, y, alpha), (x, y), prior_precision=alpha)
        of_data = multivariate_normal(np.zeros(30), NOISE * np.eye(30) + x @ x.T / alpha)
        assert la.log_marginal_likelihood == pytest.approx(of_data.logpdf(y), rel=1e-11)

    def test_covariance_and_predictive_variance(self, rng):
        x, y = regression(rng)
        la = laplace(linear, gaussian, ridge(x, y, 2.0), (x, y), prior_precision=2.0)
        S = np.linalg.inv(x.T @ x / NOISE + 2 * np.eye(4))
        close(la.covariance(), S, 1e-10)
        new = rng.normal(size=(7, 4))
        found = la.predict(new)
        close(found.mean, new @ ridge(x, y, 2.0), 1e-10)
        close(found.variance, np.einsum("ni,ij,nj->n", new, S, new), 1e-10)
        assert found.covariance.shape == (7, 1, 1)

    def test_diagonal(self, rng):
        x, y = regression(rng)
        la = laplace(
            linear, gaussian, ridge(x, y, 2.0), (x, y), structure="diagonal", prior_precision=2.0
        )
        close(la.covariance(), np.diag(1 / ((x**2).sum(axis=0) / NOISE + 2)), 1e-10)

    def test_all_structures_agree_on_one_layer(self, rng):
        """A layer with one output under squared error is a Kronecker product, and is the last."""
        x, y = regression(rng)
        y, model = y[:, None], nn.Linear(4, 1, seed=0)
        new = rng.normal(size=(5, 4))
        full = laplace(call, gaussian, model, (x, y), prior_precision=0.7)
        for structure in ("kfac", "last_layer"):
            la = laplace(call, gaussian, model, (x, y), structure=structure, prior_precision=0.7)
            assert la.log_marginal_likelihood == pytest.approx(
                full.log_marginal_likelihood, rel=1e-11
            )
            assert la.effective_dimension == pytest.approx(full.effective_dimension, rel=1e-10)
            close(la.covariance(), full.covariance(), 1e-10)
            close(la.predict(new).variance, full.predict(new).variance, 1e-10)

    def test_prior_with_the_largest_evidence(self, rng):
        """MacKay's fixed point γ = α‖w‖², and no other precision does better."""
        x, y = regression(rng)
        w = ridge(x, y, 1.0)
        la = laplace(linear, gaussian, w, (x, y), prior_precision="marginal_likelihood")
        values = np.linalg.eigvalsh(x.T @ x / NOISE)
        a = la.prior_precision
        assert (values / (values + a)).sum() == pytest.approx(a * (w @ w), rel=1e-9)
        for factor in (0.5, 0.99, 1.01, 2.0):
            other = la.with_prior_precision(factor * a)
            assert other.log_marginal_likelihood < la.log_marginal_likelihood

    def test_prior_iterated_to_the_best_of_all(self, rng):
        """Fit and choose in turn: ends where the exact evidence of the data has its maximum."""
        x, y = regression(rng)
        alpha = 1.0
        for _ in range(60):
            la = laplace(
                linear, gaussian, ridge(x, y, alpha), (x, y), prior_precision="marginal_likelihood"
            )
            alpha = la.prior_precision

        def evidence(log_alpha):
            C = NOISE * np.eye(30) + x @ x.T / np.exp(log_alpha[0])
            return -multivariate_normal(np.zeros(30), C).logpdf(y)

        best = minimize(evidence, [0.0], tol=1e-12).x[0]
        assert np.log(alpha) == pytest.approx(best, abs=1e-4)

    def test_samples_have_its_mean_and_covariance(self, rng):
        x, y = regression(rng)
        y, model = y[:, None], nn.Linear(4, 1, seed=0)
        for structure in ("full", "block", "kfac", "diagonal", "last_layer"):
            la = laplace(call, gaussian, model, (x, y), structure=structure)
            draws = np.array([
                np.append(m.weight[:, 0], m.bias) for m in la.sample(4000, seed=1)
            ])  # fmt: skip
            S = la.covariance()
            sd = np.sqrt(np.diag(S))
            mean = np.append(model.weight[:, 0], model.bias)
            assert (np.abs(draws.mean(axis=0) - mean) < 4 * sd / np.sqrt(4000)).all()
            error = np.sqrt((S**2 + np.outer(sd**2, sd**2)) / 4000)
            assert (np.abs(np.cov(draws.T) - S) < 4.5 * error).all()

    def test_seeds(self, rng):
        x, y = regression(rng)
        la = laplace(linear, gaussian, np.ones(4), (x, y))
        one, two, other = la.sample(2, seed=3), la.sample(2, seed=3), la.sample(2, seed=4)
        np.testing.assert_array_equal(one, two)
        assert np.abs(np.subtract(one, other)).max() > 0


class TestLogisticRegression:
    def problem(self, rng, n=40):
        x = np.c_[rng.normal(size=n), np.ones(n)]
        y = (rng.random(n) < 1 / (1 + np.exp(-(x @ [1.5, -0.5])))).astype(float)
        alpha = 0.5

        def posterior(w):
            z = x @ w
            return np.logaddexp(0, z).sum() - y @ z + 0.5 * alpha * w @ w

        w = minimize(posterior, np.zeros(2), tol=1e-14).x
        return x, y, alpha, w, posterior

    loss = staticmethod(nn.binary_cross_entropy_with_logits)

    def test_direct_computation(self, rng):
        x, y, alpha, w, posterior = self.problem(rng)
        la = laplace(linear, self.loss, w, (x, y), prior_precision=alpha)
        p = 1 / (1 + np.exp(-x @ w))
        precision = (x.T * (p * (1 - p))) @ x + alpha * np.eye(2)
        close(la.covariance(), np.linalg.inv(precision), 1e-9)
        evidence = -posterior(w) + np.log(alpha) - 0.5 * np.linalg.slogdet(precision)[1]
        assert la.log_marginal_likelihood == pytest.approx(evidence, rel=1e-10)

    def test_evidence_is_close_to_the_integral(self, rng):
        x, y, alpha, w, posterior = self.problem(rng)
        la = laplace(linear, self.loss, w, (x, y), prior_precision=alpha)
        density = lambda b, a: math.exp(posterior(w) - posterior(np.array([a, b])))
        sd = np.sqrt(np.diag(la.covariance()))
        (a, b), (r, s) = w, 8 * sd
        integral = dblquad(density, a - r, a + r, b - s, b + s, epsabs=1e-6)[0]
        exact = math.log(integral * alpha / (2 * math.pi)) - posterior(w)
        assert la.log_marginal_likelihood == pytest.approx(exact, abs=0.1)
        assert la.log_marginal_likelihood != pytest.approx(exact, abs=1e-6)  # it is no integral

    def test_probabilities(self, rng):
        """MacKay's formula, and how close it is to the integral over the Gaussian."""
        x, y, alpha, w, _ = self.problem(rng)
        found = laplace(linear, self.loss, w, (x, y), prior_precision=alpha).predict(
            np.array([[0.0, 1.0], [3.0, 1.0], [-6.0, 1.0]])
        )
        p = found.probabilities()
        kappa = 1 / np.sqrt(1 + math.pi * found.variance / 8)
        close(p, 1 / (1 + np.exp(-kappa * found.mean)), 1e-10)
        for q, m, v in zip(p, found.mean, found.variance, strict=True):
            exact, _ = quad(
                lambda z, m=m, v=v: np.exp(-0.5 * z * z) / (1 + np.exp(-(m + v**0.5 * z))), -9, 9
            )
            assert q == pytest.approx(exact / math.sqrt(2 * math.pi), abs=0.02)

    def test_less_sure_away_from_the_data(self, rng):
        x, y, alpha, w, _ = self.problem(rng)
        la = laplace(linear, self.loss, w, (x, y), prior_precision=alpha)
        far = la.predict(np.array([[1.0, 1.0], [10.0, 1.0], [100.0, 1.0]]))
        assert (np.diff(far.variance) > 0).all()
        plain = 1 / (1 + np.exp(-far.mean))
        assert (far.probabilities() < plain).all()


class TestNets:
    def problem(self, rng, n=25):
        x, y = rng.normal(size=(n, 3)), rng.integers(0, 3, n)
        return nn.MLP([3, 4, 3], seed=0), (x, y)

    def gauss_newton(self, model, x):
        """Of the sum over examples, from Jacobians by reverse mode, one output at a time."""
        flat = lambda m: np.concatenate([g.reshape(-1) for g in tg.core.trees.leaves(m)])
        H = 0
        for one in x:
            f = np.asarray(model(one[None]))[0]
            p = np.exp(f) / np.exp(f).sum()
            J = np.array(
                [flat(tg.grad(lambda m, c=c: m(one[None])[0, c])(model)) for c in range(3)]
            )
            H = H + J.T @ (np.diag(p) - np.outer(p, p)) @ J
        return H

    def test_full_and_diagonal(self, rng):
        model, data = self.problem(rng)
        H = self.gauss_newton(model, data[0])
        P = len(H)
        full = laplace(call, nn.cross_entropy, model, data, prior_precision=0.2)
        close(full.covariance(), np.linalg.inv(H + 0.2 * np.eye(P)), 1e-10)
        diagonal = laplace(
            call, nn.cross_entropy, model, data, structure="diagonal", prior_precision=0.2
        )
        close(diagonal.covariance(), np.diag(1 / (np.diag(H) + 0.2)), 1e-10)
        block = laplace(call, nn.cross_entropy, model, data, structure="block", prior_precision=0.2)
        close(block.covariance()[:16, :16], np.linalg.inv(H[:16, :16] + 0.2 * np.eye(16)), 1e-10)
        close(block.covariance()[16:, 16:], np.linalg.inv(H[16:, 16:] + 0.2 * np.eye(15)), 1e-10)
        assert not block.covariance()[:16, 16:].any()
        theta = np.concatenate([g.ravel() for g in tg.core.trees.leaves(model)])
        logp = np.asarray(nn.log_softmax(model(data[0])))[np.arange(25), data[1]].sum()
        evidence = logp - 0.1 * theta @ theta + 0.5 * P * np.log(0.2)
        evidence -= 0.5 * np.linalg.slogdet(H + 0.2 * np.eye(P))[1]
        assert full.log_marginal_likelihood == pytest.approx(evidence, rel=1e-11)
        values = np.linalg.eigvalsh(H)
        assert full.effective_dimension == pytest.approx((values / (values + 0.2)).sum(), rel=1e-9)

    def test_kfac(self, rng):
        model, data = self.problem(rng)
        la = laplace(call, nn.cross_entropy, model, data, structure="kfac", prior_precision=0.2)
        K = 25 * KroneckerFactors(call, nn.cross_entropy, model, data).to_dense()
        precision = K + 0.2 * np.eye(len(K))
        close(la.covariance(), np.linalg.inv(precision), 1e-10)
        new = rng.normal(size=(4, 3))
        J = tg.jacobian(lambda m: m(new))(model)
        J = np.concatenate([g.reshape(4, 3, -1) for g in tg.core.trees.leaves(J)], axis=2)
        wanted = np.einsum("ncp,pq,ndq->ncd", J, np.linalg.inv(precision), J)
        close(la.predict(new).covariance, wanted, 1e-10)

    @pytest.mark.parametrize("chunk_size", [None, 3])
    def test_kfac_of_a_convolution(self, rng, chunk_size):
        """Where weights are shared, gradients are sums of products."""
        model = nn.Sequential(
            nn.Conv2d(1, 2, 2, seed=0), nn.tanh, nn.Flatten(), nn.Linear(8, 3, seed=1)
        )
        x, y = rng.normal(size=(10, 1, 3, 3)), rng.integers(0, 3, 10)
        la = laplace(call, nn.cross_entropy, model, (x, y), structure="kfac", prior_precision=0.4)
        J = tg.jacobian(lambda m: m(x))(model)
        J = np.concatenate([g.reshape(10, 3, -1) for g in tg.core.trees.leaves(J)], axis=2)
        wanted = np.einsum("ncp,pq,ndq->ncd", J, la.covariance(), J)
        close(la.predict(x, chunk_size=chunk_size).covariance, wanted, 1e-10)

    def test_last_layer(self, rng):
        model, data = self.problem(rng)
        la = laplace(
            call, nn.cross_entropy, model, data, structure="last_layer", prior_precision=0.2
        )
        H = self.gauss_newton(model, data[0])[16:, 16:]
        assert (la.parameters, la.layer) == (15, "layers[1]")
        close(la.covariance(), np.linalg.inv(H + 0.2 * np.eye(15)), 1e-10)
        (drawn,) = la.sample(1)
        assert type(drawn) is nn.MLP
        np.testing.assert_array_equal(drawn.layers[0].weight, model.layers[0].weight)
        assert np.abs(drawn.layers[1].weight - model.layers[1].weight).max() > 0
        assert np.asarray(drawn(data[0])).shape == (25, 3)

    def test_last_layer_is_the_one_called_last(self, rng):
        """Not the one that stands last in the tree; other kinds of layers may stand around it."""
        params = {"a": nn.Linear(4, 3, seed=0), "b": nn.Linear(3, 4, seed=1), "c": nn.LayerNorm(4)}
        predict = lambda p, x: p["a"](p["c"](p["b"](x)))
        _, data = self.problem(rng)
        la = laplace(predict, nn.cross_entropy, params, data, structure="last_layer")
        assert la.layer == "['a']"

    @pytest.mark.parametrize("structure", ["full", "block", "diagonal", "kfac", "last_layer"])
    def test_ragged_batches_and_reductions(self, rng, structure):
        model, (x, y) = self.problem(rng)
        whole = laplace(call, nn.cross_entropy, model, (x, y), structure=structure)
        cut = [(x[:12], y[:12]), (x[12:24], y[12:24]), (x[24:], y[24:])]
        summed = lambda f, y: nn.cross_entropy(f, y, reduction="sum")
        for other in (
            laplace(call, nn.cross_entropy, model, iter(cut), structure=structure),
            laplace(call, summed, model, cut, structure=structure, reduction="sum"),
        ):
            assert other.log_marginal_likelihood == pytest.approx(whole.log_marginal_likelihood)
            close(other.covariance(), whole.covariance(), 1e-9)
            assert other.examples == 25

    def test_chunks_of_the_predictive(self, rng):
        model, data = self.problem(rng)
        la = laplace(call, nn.cross_entropy, model, data)
        close(la.predict(data[0], chunk_size=4).covariance, la.predict(data[0]).covariance, 1e-10)
        p = la.predict(data[0]).probabilities()
        close(p.sum(axis=-1), np.ones(25), 1e-10)

    def test_float32_stays(self, rng):
        model = nn.MLP([3, 4, 3], seed=0, dtype=np.float32)
        x, y = rng.normal(size=(9, 3)).astype(np.float32), rng.integers(0, 3, 9)
        for structure in ("full", "block", "diagonal", "kfac", "last_layer"):
            la = laplace(call, nn.cross_entropy, model, (x, y), structure=structure)
            found = la.predict(x)
            assert found.mean.dtype == found.covariance.dtype == np.float32
            assert all(g.dtype == np.float32 for g in tg.core.trees.leaves(la.sample(1)[0]))

    def test_what_else_a_result_can_do(self, rng):
        model, data = self.problem(rng)
        la = laplace(call, nn.cross_entropy, model, data, structure="last_layer")
        assert repr(la).startswith("Laplace(last_layer layers[1], 15 parameters, ")
        assert json.loads(json.dumps(la.to_dict()))["prior_precision"] == 1.0
        ax = la.plot()
        xs, ys = ax.lines[0].get_data()
        assert ys[60] == pytest.approx(la.log_marginal_likelihood)
        assert xs[60] == pytest.approx(1.0)
        assert repr(la.predict(data[0])).startswith("Predictive(25 examples, standard deviations")


class TestErrors:
    data = (np.ones((4, 3)), np.zeros(4))

    def test_options(self):
        w = np.ones(3)
        for options, message in (
            ({"structure": "dense"}, "is not 'full', 'block', 'diagonal', 'kfac'"),
            (
                {"prior_precision": 0.0},
                "must be a positive number or 'marginal_likelihood', got 0.0",
            ),
            ({"prior_precision": "evidence"}, "got 'evidence'"),
            ({"reduction": "none"}, "not 'mean' or 'sum'"),
            ({"structure": "last_layer"}, "looks for a Linear"),
            ({"structure": "kfac"}, "also hold"),
        ):
            with pytest.raises(ValueError, match=message):
                laplace(linear, gaussian, w, self.data, **options)

    def test_no_best_prior(self):
        with pytest.raises(ValueError, match="all parameters are zero"):
            laplace(linear, gaussian, np.zeros(3), self.data, prior_precision="marginal_likelihood")
        flat = lambda f, y: (0 * f).sum()
        with pytest.raises(ValueError, match="the curvature is zero"):
            laplace(linear, flat, np.ones(3), self.data, prior_precision="marginal_likelihood")

    def test_too_large_for_a_full_matrix(self):
        x = np.ones((2, 5001))
        with pytest.raises(ValueError, match=r"full matrix of 5001 parameters.*structure='kfac'"):
            laplace(linear, gaussian, np.ones(5001), (x, np.zeros(2)))
        la = laplace(linear, gaussian, np.ones(5001), (x, np.zeros(2)), structure="diagonal")
        with pytest.raises(ValueError, match=r"Laplace.covariance: a full matrix"):
            la.covariance()

    def test_data(self):
        with pytest.raises(ValueError, match="batch 0 is not a pair"):
            laplace(linear, gaussian, np.ones(3), np.ones((4, 3)))
        with pytest.raises(ValueError, match="holds no example"):
            laplace(linear, gaussian, np.ones(3), (np.ones((0, 3)), np.zeros(0)))
