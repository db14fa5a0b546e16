"""Per-example derivatives, one by one; the gradient noise scale of known distributions."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import gradient_noise_scale, per_example_gradients
from tinygrad_hess.curvature.operators.flattening import Flattening
from tinygrad_hess.curvature.statistics.per_example import gradient_rows, output_jacobians


def ce(model, batch):
    return nn.cross_entropy(model(batch[0]), batch[1])


def net():
    return nn.Sequential(
        nn.Conv2d(1, 2, 2, seed=0), nn.relu, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 3, seed=1)
    )


class TestPerExampleGradients:
    @pytest.mark.parametrize("chunk_size", [None, 1, 4])
    def test_each_is_the_gradient_of_its_example(self, rng, chunk_size):
        model, x, y = net(), rng.normal(size=(10, 1, 3, 3)), rng.integers(0, 3, 10)
        found = per_example_gradients(ce, model, (x, y), chunk_size=chunk_size)
        assert type(found) is type(model)
        for i in range(10):
            one = tg.grad(ce)(model, (x[i : i + 1], y[i : i + 1]))
            for g, h in zip(tg.core.trees.leaves(found), tg.core.trees.leaves(one), strict=True):
                np.testing.assert_allclose(g[i], h, rtol=1e-12, atol=1e-15)

    def test_linear_regression_in_closed_form(self, rng):
        x, y, w = rng.normal(size=(8, 3)), rng.normal(size=8), rng.normal(size=3)
        loss = lambda w, batch: ((batch["x"] @ w - batch["y"]) ** 2).sum()
        found = per_example_gradients(loss, w, {"x": x, "y": y})
        np.testing.assert_allclose(found, 2 * (x @ w - y)[:, None] * x, rtol=1e-13)

    def test_an_unused_parameter_and_an_empty_batch(self):
        params = {"used": np.ones(2), "unused": np.ones((2, 3))}
        loss = lambda p, x: (p["used"] * x).sum()
        found = per_example_gradients(loss, params, np.arange(6.0).reshape(3, 2))
        np.testing.assert_array_equal(found["used"], np.arange(6.0).reshape(3, 2))
        assert found["unused"].shape == (3, 2, 3)
        assert not found["unused"].any()
        empty = per_example_gradients(loss, params, np.zeros((0, 2)))
        assert empty["unused"].shape == (0, 2, 3)

    def test_float32_stays_and_tensors_are_taken(self, rng):
        model = nn.Linear(3, 2, dtype=np.float32)
        x, y = rng.normal(size=(4, 3)).astype(np.float32), rng.integers(0, 2, 4)
        plain = per_example_gradients(ce, model, (x, y))
        assert plain.weight.dtype == np.float32
        model.parameters()
        boxed = per_example_gradients(ce, model, (tg.tensor(x), y))
        np.testing.assert_array_equal(np.asarray(boxed.weight), plain.weight)

    def test_errors(self, rng):
        x = np.ones((4, 3))
        with pytest.raises(ValueError, match=r"batch 0 holds \(4, 3\), \(3,\)"):
            per_example_gradients(ce, nn.Linear(3, 2), (x, np.zeros(3, int)))
        with pytest.raises(ValueError, match="chunk_size must be an integer of at least 1, got 0"):
            per_example_gradients(ce, nn.Linear(3, 2), (x, np.zeros(4, int)), chunk_size=0)


class TestRows:
    def test_rows_are_gradients_and_their_mean_is_the_gradient(self, rng):
        model, data = net(), (rng.normal(size=(10, 1, 3, 3)), rng.integers(0, 3, 10))
        at = Flattening(model, "test")
        rows = list(gradient_rows(ce, at, data, 4))
        assert [len(r) for r in rows] == [4, 4, 2]
        whole = at.flatten(tg.grad(ce)(model, data))
        np.testing.assert_allclose(np.concatenate(rows).mean(axis=0), whole, atol=1e-15)

    @pytest.mark.parametrize("chunk_size", [None, 1, 4])
    def test_jacobians_of_outputs(self, rng, chunk_size):
        model, x = net(), rng.normal(size=(10, 1, 3, 3))
        at = Flattening(model, "test")
        J = np.concatenate(list(output_jacobians(lambda m, x: m(x), at, x, chunk_size)))
        assert J.shape == (10, 3, at.size)
        direction = rng.normal(size=at.size)
        _, wanted = tg.jvp(lambda m: m(x), (model,), (at.unflatten(direction),))
        np.testing.assert_allclose(J @ direction, wanted, rtol=1e-12, atol=1e-14)


def quadratic(w, x):
    """The gradient of an example is w - x: normal, with any mean and covariance one likes."""
    return ((w - x) ** 2).sum() / 2


class TestNoiseScale:
    def test_ratio_and_its_parts(self, rng):
        x, w = rng.normal(size=(50, 4)) * [1, 2, 3, 4], np.full(4, 2.0)
        found = gradient_noise_scale(quadratic, w, x)
        g = w - x
        S = np.trace(np.cov(g.T))
        G2 = g.mean(axis=0) @ g.mean(axis=0) - S / 50
        assert found.trace_covariance == pytest.approx(S, rel=1e-12)
        assert found.gradient_norm_squared == pytest.approx(G2, rel=1e-12)
        assert found.value == pytest.approx(S / G2, rel=1e-12)

    def test_error_is_that_of_the_jackknife(self, rng):
        """Against leaving out one example after the other and computing everything again."""
        x, w = rng.standard_t(8, size=(40, 3)), np.array([2.0, 1.0, 0.0])

        def parts(x):
            g = w - x
            S = np.trace(np.cov(g.T))
            return S, g.mean(axis=0) @ g.mean(axis=0) - S / len(x)

        left = np.array([parts(np.delete(x, i, axis=0)) for i in range(40)])
        C = np.cov(left.T, ddof=0) * 39
        S, G2 = parts(x)
        slope = np.array([1, -S / G2]) / G2
        found = gradient_noise_scale(quadratic, w, x)
        assert found.standard_error == pytest.approx(np.sqrt(slope @ C @ slope), rel=1e-9)

    def test_fieller_ends_are_as_far_as_t_errors_allow(self, rng):
        from scipy.stats import t

        from tinygrad_hess.curvature.statistics.noise_scale import _jackknife

        x, w = rng.normal(size=(60, 2)), np.array([1.0, 0.5])
        found = gradient_noise_scale(quadratic, w, x)
        g = w - x
        m = g.mean(axis=0)
        S, G2, C = _jackknife((g**2).sum(axis=1), g @ m, m @ m)
        for r in found.interval:
            distance = (S - r * G2) / np.sqrt(C[0, 0] - 2 * r * C[0, 1] + r**2 * C[1, 1])
            assert abs(distance) == pytest.approx(t.ppf(0.975, 59), rel=1e-9)
        assert found.interval[0] < found.value < found.interval[1]

    def test_a_gradient_lost_in_noise_has_no_upper_end(self, rng):
        found = gradient_noise_scale(quadratic, np.zeros(5), rng.normal(size=(20, 5)))
        assert found.interval[1] == np.inf
        assert not found.converged
        assert "20 examples cannot tell the gradient from zero" in repr(found)

    def test_no_noise(self):
        found = gradient_noise_scale(quadratic, np.ones(3), np.zeros((5, 3)))
        assert found.value == 0
        assert found.interval == (0, 0)

    def test_batches_chunks_and_reductions_do_not_matter(self, rng):
        x, y = rng.normal(size=(51, 3)), rng.integers(0, 2, 51)
        model = nn.Linear(3, 2, seed=0)
        whole = gradient_noise_scale(ce, model, (x, y))
        summed = lambda m, b: nn.cross_entropy(m(b[0]), b[1], reduction="sum")
        cut = [(x[:50], y[:50]), (x[50:], y[50:])]
        for other in (
            gradient_noise_scale(summed, model, cut),
            gradient_noise_scale(ce, model, iter(cut), chunk_size=7),
        ):
            assert other.value == pytest.approx(whole.value, rel=1e-10)
            assert other.interval == pytest.approx(whole.interval, rel=1e-9)

    def test_what_else_a_result_can_do(self, rng):
        found = gradient_noise_scale(quadratic, np.ones(2), rng.normal(size=(30, 2)))
        assert json.loads(json.dumps(found.to_dict()))["examples"] == 30
        assert found.plot().get_xlabel() == "batch size (examples)"
        lost = gradient_noise_scale(quadratic, np.zeros(5), rng.normal(size=(20, 5)))
        assert lost.plot().get_ylim() == (0, 1)

    def test_errors(self, rng):
        with pytest.raises(ValueError, match="at least 3 examples are needed, got 2"):
            gradient_noise_scale(quadratic, np.ones(2), np.ones((2, 2)))
        with pytest.raises(
            ValueError, match=r"on batch . the value is|of its gradient are not finite"
        ):
            gradient_noise_scale(quadratic, np.ones(2), np.full((4, 2), np.nan))

        class Shuffling:
            def __iter__(self):
                yield rng.normal(size=(10, 2))

        with pytest.raises(
            ValueError, match=r"a second pass over the data differs|this pass over the data found"
        ):
            gradient_noise_scale(quadratic, np.ones(2), Shuffling())

    @pytest.mark.parametrize(("n", "P", "mean"), [(50, 10, 0.5), (1000, 1, 0.5), (400, 30, 0.1)])
    def test_intervals_cover(self, n, P, mean):
        """In 93 to 97% of samples (98% where the gradient is weak: wider, never narrower)."""
        from tinygrad_hess.curvature.statistics.noise_scale import _fieller, _jackknife

        rng = np.random.default_rng(0)
        scales = np.linspace(0.5, 2, P)
        true = (scales**2).sum() / (P * mean**2)
        hits = 0
        for _ in range(1000):
            g = rng.normal(size=(n, P)) * scales + mean
            m = g.mean(axis=0)
            S, G2, C = _jackknife((g**2).sum(axis=1), g @ m, m @ m)
            low, high = _fieller(S, G2, C, 1.97)
            hits += low <= true <= high
        assert 0.93 <= hits / 1000 <= 0.98
