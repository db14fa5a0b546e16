"""Standard errors of maximum likelihood estimates against textbook formulas and figures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit

from tinygrad_hess import nn
from tinygrad_hess.curvature import observed_information

# Temperature (°F) and whether an O-ring was damaged, 23 flights before Challenger (Dalal, Fowlkes
# and Hoadley 1989).
TEMPERATURE = [
    66,
    70,
    69,
    68,
    67,
    72,
    73,
    70,
    57,
    63,
    70,
    78,
    67,
    53,
    67,
    75,
    70,
    81,
    76,
    79,
    75,
    76,
    58,
]
DAMAGE = [0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1]


def logistic(params, batch):
    x, y = batch
    return nn.binary_cross_entropy_with_logits(params["slope"] * x + params["intercept"], y)


def fit_logistic(x, y, steps=30):
    """Newton's method, by hand: (intercept, slope)."""
    X, w = np.c_[np.ones(len(x)), x], np.zeros(2)
    for _ in range(steps):
        p = expit(X @ w)
        w = w + np.linalg.solve((X.T * (p * (1 - p))) @ X, X.T @ (y - p))
    return w


def squared(w, batch):
    x, y = batch
    return 0.5 * ((x @ w - y) ** 2).mean()


class TestLinearRegression:
    def problem(self, rng, n=40, d=3):
        x = rng.normal(size=(n, d)) * [1, 10, 0.01]
        y = x @ rng.normal(size=d) + (0.5 + np.abs(x[:, 0])) * rng.normal(size=n)
        w, rss, *_ = np.linalg.lstsq(x, y, rcond=None)
        return x, y, w, rss[0] / (n - d)

    def test_known_covariance(self, rng):
        x, y, w, s2 = self.problem(rng)
        loss = lambda w, batch: squared(w, batch) / s2
        found = observed_information(loss, w, (x, y))
        covariance = s2 * np.linalg.inv(x.T @ x)
        np.testing.assert_allclose(found.covariance, covariance, rtol=1e-9)
        np.testing.assert_allclose(found.standard_errors, np.sqrt(np.diag(covariance)), rtol=1e-10)
        half = 1.959963984540054 * found.standard_errors
        np.testing.assert_allclose(found.lower, w - half, rtol=1e-10)
        np.testing.assert_allclose(found.upper, w + half, rtol=1e-10)
        np.testing.assert_allclose(found.information, x.T @ x / s2, rtol=1e-10)
        assert found.converged
        assert found.examples == 40

    def test_sandwich(self, rng):
        """White's HC0; the scale of the likelihood drops out."""
        x, y, w, _ = self.problem(rng)
        bread, e = np.linalg.inv(x.T @ x), y - x @ w
        wanted = bread @ (x.T * e**2) @ x @ bread
        for scale in (1.0, 7.0):
            loss = lambda w, batch: scale * squared(w, batch)
            found = observed_information(loss, w, (x, y), robust=True)
            np.testing.assert_allclose(found.covariance, wanted, rtol=1e-9)

    def test_all_ways_to_give_data(self, rng):
        x, y, w, _ = self.problem(rng)
        want = observed_information(squared, w, (x, y)).covariance
        cut = [(x[:25], y[:25]), (x[25:], y[25:])]
        total = lambda w, batch: squared(w, batch) * len(batch[1])
        for found in (
            observed_information(squared, w, cut),
            observed_information(squared, w, iter(cut)),
            observed_information(total, w, cut, reduction="sum"),
            observed_information(lambda w: squared(w, (x, y)), w, n=40),
            observed_information(lambda w: total(w, (x, y)), w, reduction="sum"),
        ):
            np.testing.assert_allclose(found.covariance, want, rtol=1e-9)
        robust = observed_information(squared, w, (x, y), robust=True).covariance
        for options in ({}, {"reduction": "sum"}):
            loss = total if options else squared
            found = observed_information(loss, w, iter(cut), robust=True, **options)
            np.testing.assert_allclose(found.covariance, robust, rtol=1e-9)

    def test_float32(self, rng):
        x, y, w, _ = self.problem(rng)
        exact = observed_information(squared, w, (x, y))
        narrow = (a.astype(np.float32) for a in (x, y))
        found = observed_information(squared, w.astype(np.float32), tuple(narrow))
        assert found.standard_errors.dtype == np.float32
        np.testing.assert_allclose(found.standard_errors, exact.standard_errors, rtol=1e-4)


class TestOtherLikelihoods:
    def test_logistic_regression_of_a_textbook(self):
        """The figures that statistics packages print for these data."""
        x, y = np.array(TEMPERATURE, float), np.array(DAMAGE, float)
        intercept, slope = fit_logistic(x, y)
        params = {"intercept": intercept, "slope": slope}
        found = observed_information(logistic, params, (x, y))
        assert found.estimate["intercept"] == pytest.approx(15.0429, abs=5e-5)
        assert found.estimate["slope"] == pytest.approx(-0.2322, abs=5e-5)
        assert found.standard_errors["intercept"] == pytest.approx(7.3786, abs=5e-5)
        assert found.standard_errors["slope"] == pytest.approx(0.1082, abs=5e-5)
        assert found.converged

    def test_exponential_distribution(self):
        """A rate is known to 1/√n of itself."""
        y = np.array([0.5, 1.0, 2.5, 4.0])
        loss = lambda rate, y: rate * y.mean() - np.log(rate)
        found = observed_information(loss, 0.5, y)
        assert found.standard_errors == pytest.approx(0.25)
        assert found.names == ["params"]

    def test_normal_distribution_with_unknown_variance(self, rng):
        y = rng.normal(size=50)
        loss = lambda p, y: 0.5 * ((y - p[0]) ** 2).mean() * np.exp(-2 * p[1]) + p[1]
        s = y.std()
        found = observed_information(loss, np.array([y.mean(), np.log(s)]), y)
        np.testing.assert_allclose(found.standard_errors, [s / 50**0.5, 1 / 100**0.5], rtol=1e-9)

    @pytest.mark.slow
    @pytest.mark.parametrize("robust", [False, True])
    def test_intervals_cover(self, robust):
        """In 93 to 97% of 500 samples, for both parameters of a logistic regression."""
        rng = np.random.default_rng(0)
        true, hits = np.array([0.3, -0.8]), np.zeros(2)
        for _ in range(500):
            x = rng.normal(size=300)
            y = (rng.random(300) < expit(true[0] + true[1] * x)).astype(float)
            a, b = fit_logistic(x, y, 8)
            found = observed_information(
                logistic, {"intercept": a, "slope": b}, (x, y), robust=robust
            )
            for i, name in enumerate(("intercept", "slope")):
                hits[i] += found.lower[name] <= true[i] <= found.upper[name]
        assert ((hits / 500 >= 0.93) & (hits / 500 <= 0.97)).all()


class TestResults:
    def test_not_at_the_optimum(self, rng):
        """A Newton step of this quadratic leads to its minimum: it is the true distance."""
        y = rng.normal(size=25)
        loss = lambda mu, y: 0.5 * ((y - mu) ** 2).mean()
        found = observed_information(loss, y.mean() + 0.3, y)
        assert not found.converged
        assert found.newton_step == pytest.approx(0.3 / (1 / 5))
        assert "NOT at the optimum: a Newton step would move an estimate by 1.5" in repr(found)
        near = observed_information(loss, y.mean() + 0.004, y)
        assert near.converged

    def test_level(self):
        loss = lambda mu, y: 0.5 * ((y - mu) ** 2).mean()
        found = observed_information(loss, 0.0, np.array([-1.0, 1.0]), level=0.5)
        assert found.upper == pytest.approx(0.6744897501960817 / 2**0.5)

    def test_a_model_and_what_else_a_result_can_do(self, rng):
        x = rng.normal(size=(60, 3))
        model = nn.Linear(3, 1, seed=0)
        ones = np.c_[x, np.ones(60)]
        y = ones @ [[1.0], [2.0], [0.5], [-1.0]] + rng.normal(size=(60, 1))
        w = np.linalg.lstsq(ones, y, rcond=None)[0]
        model.weight, model.bias = w[:3], w[3]
        found = observed_information(lambda m, b: nn.mse(m(b[0]), b[1], half=True), model, (x, y))
        wanted = np.sqrt(np.diag(np.linalg.inv(ones.T @ ones)))
        np.testing.assert_allclose(found.standard_errors.weight[:, 0], wanted[:3])
        assert found.names == ["weight[0, 0]", "weight[1, 0]", "weight[2, 0]", "bias[0]"]
        listed = json.loads(json.dumps(found.to_dict()))
        np.testing.assert_allclose(
            listed["intervals"][3], [found.lower.bias[0], found.upper.bias[0]]
        )
        ax = found.plot()
        assert [t.get_text() for t in ax.get_yticklabels()] == found.names
        assert len(repr(found).splitlines()) == 6

    def test_a_long_listing_is_cut(self):
        loss = lambda w, x: 0.5 * ((w - x) ** 2).sum(axis=1).mean()
        x = np.random.default_rng(0).normal(size=(5, 30))
        found = observed_information(loss, x.mean(axis=0), x)
        assert repr(found).endswith("and 10 more")
        assert len(found.plot().get_yticklabels()) == 30


class TestErrors:
    y = np.array([1.0, 2.0, 3.0])

    def test_a_combination_that_is_not_determined(self):
        loss = lambda p, y: 0.5 * ((y - p["a"] - p["b"]) ** 2).mean()
        with pytest.raises(
            ValueError, match=r"not positive definite.*combination of \['[ab]'\], \['[ab]'\]"
        ):
            observed_information(loss, {"a": 1.0, "b": 1.0}, self.y)

    def test_a_parameter_without_effect(self):
        loss = lambda p, y: 0.5 * ((y - p["a"]) ** 2).mean()
        with pytest.raises(ValueError, match=r"information about \['b'\] is 0"):
            observed_information(loss, {"a": 2.0, "b": 1.0}, self.y)

    def test_a_saddle_and_a_maximum(self):
        with pytest.raises(ValueError, match="not positive definite"):
            observed_information(
                lambda x: x[0] ** 2 + 4 * x[0] * x[1] + x[1] ** 2, np.zeros(2), n=1
            )
        with pytest.raises(ValueError, match="is -2, which is not positive"):
            observed_information(lambda x: -(x**2), 0.0, n=1)

    def test_units_do_not_make_it_singular(self):
        """Scales 20 orders of magnitude apart are no degeneracy."""
        scale = np.array([1e-10, 1.0, 1e10])
        found = observed_information(
            lambda x: 0.5 * (((x - 1) * scale) ** 2).sum(), np.ones(3), n=1
        )
        np.testing.assert_allclose(found.standard_errors, 1 / scale, rtol=1e-12)

    def test_options(self):
        loss = lambda mu, y: ((y - mu) ** 2).mean()
        for options, message in (
            ({"level": 95}, "level must be .*0, 1.*, got 95"),
            ({"reduction": "none"}, "not 'mean' or 'sum'"),
        ):
            with pytest.raises(ValueError, match=message):
                observed_information(loss, 2.0, self.y, **options)
        with pytest.raises(ValueError, match="give n, the number of examples"):
            observed_information(lambda mu: (mu - 1) ** 2, 1.0)
        with pytest.raises(ValueError, match="robust=True needs data"):
            observed_information(lambda mu: (mu - 1) ** 2, 1.0, n=3, robust=True)
        with pytest.raises(ValueError, match="5001 parameters"):
            observed_information(lambda x: (x**2).sum(), np.ones(5001), n=3)
