"""The data error of an answer, against the textbook and against new data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import t

from tinygrad_hess.curvature import jackknife, top_eigenpairs, trace


def loss(w, batch):
    """Half the mean square of x·w: its Hessian is xᵀx / n."""
    return 0.5 * ((batch @ w) ** 2).mean()


def entry(op):
    return op.matvec(np.eye(op.shape[0])[0])[0]


def chunks(x, *sizes):
    return np.split(x, np.cumsum(sizes)[:-1])


class TestLinearAnswers:
    """The mean of squares, whose error any textbook has."""

    def test_one_example_a_batch(self, rng):
        x = rng.normal(size=(12, 1))
        found = jackknife(entry, loss, np.zeros(1), list(x[:, None]))
        squares = x[:, 0] ** 2
        assert found.value == pytest.approx(squares.mean())
        error = squares.std(ddof=1) / np.sqrt(12)
        assert found.standard_error == pytest.approx(error, rel=1e-10)
        assert found.bias == pytest.approx(0, abs=1e-14)
        low, high = found.interval
        half = t(11).ppf(0.975) * error
        assert (low, high) == pytest.approx((squares.mean() - half, squares.mean() + half))

    def test_equal_batches_are_the_classical_jackknife(self, rng):
        x = rng.normal(size=(20, 3))
        answer = lambda op: np.log(np.linalg.det(op.to_dense()))
        found = jackknife(answer, loss, np.zeros(3), chunks(x, 5, 5, 5, 5))
        kept = [np.delete(x, range(i, i + 5), axis=0) for i in range(0, 20, 5)]
        without = np.array([np.log(np.linalg.det(k.T @ k / 15)) for k in kept])
        np.testing.assert_allclose(found.without, without, rtol=1e-10)
        variance = 3 / 4 * ((without - without.mean()) ** 2).sum()
        assert found.standard_error == pytest.approx(np.sqrt(variance), rel=1e-10)
        full = np.log(np.linalg.det(x.T @ x / 20))
        assert found.bias == pytest.approx(3 * (without.mean() - full), rel=1e-8)

    def test_ragged_batches(self, rng):
        """Busing et al. (1999), with the formulas as printed: h_j = n/m_j."""
        x = rng.normal(size=(51, 2))
        sizes = (25, 20, 5, 1)
        batches = chunks(x, *sizes)
        answer = lambda op: np.linalg.eigvalsh(op.to_dense())
        found = jackknife(answer, loss, np.zeros(2), batches)
        whole = np.linalg.eigvalsh(x.T @ x / 51)
        g, n = 4, 51
        without = []
        for j in range(g):
            k = np.concatenate([b for i, b in enumerate(batches) if i != j])
            without.append(np.linalg.eigvalsh(k.T @ k / len(k)))
        estimate = g * whole - sum((1 - m / n) * w for m, w in zip(sizes, without))
        variance = 0.0
        for m, w in zip(sizes, without):
            h = n / m
            variance = variance + (h * whole - (h - 1) * w - estimate) ** 2 / (h - 1) / g
        np.testing.assert_allclose(found.value, whole, rtol=1e-10)
        np.testing.assert_allclose(found.standard_error, np.sqrt(variance), rtol=1e-8)
        np.testing.assert_allclose(found.bias, whole - estimate, rtol=1e-6)
        assert found.sizes == sizes

    def test_sums_are_scaled_to_all_of_the_data(self, rng):
        x = rng.normal(size=(30, 2))
        total = lambda w, b: len(b) * loss(w, b)
        mean = jackknife(entry, loss, np.zeros(2), chunks(x, 10, 12, 8))
        summed = jackknife(entry, total, np.zeros(2), chunks(x, 10, 12, 8), reduction="sum")
        assert summed.value == pytest.approx(30 * mean.value)
        assert summed.standard_error == pytest.approx(30 * mean.standard_error)

    @pytest.mark.slow
    def test_intervals_cover_what_new_data_would_give(self):
        """The expected loss is ½: intervals of 500 data sets hold it in 93 to 97% of them."""
        held = 0
        for seed in range(500):
            x = np.random.default_rng(seed).normal(size=(480, 1))
            found = jackknife(lambda op: op.value, loss, np.ones(1), x, groups=6, seed=seed)
            held += found.interval[0] <= 0.5 <= found.interval[1]
        assert 0.93 <= held / 500 <= 0.97


class TestAnswers:
    def test_results_and_trees(self, rng):
        x, y = rng.normal(size=(24, 3)), rng.normal(size=24)
        model = {"b": 0.0, "w": np.zeros(3)}

        def regression(m, batch):
            x, y = batch
            return ((x @ m["w"] + m["b"] - y) ** 2).mean()

        tops = jackknife(lambda op: top_eigenpairs(op, 2), regression, model, (x, y), groups=4)
        assert tops.value.shape == (2,) and tops.without.shape == (4, 2)
        one = jackknife(trace, regression, model, (x, y), groups=4)
        z = np.c_[np.ones(24), x]
        assert one.value == pytest.approx(2 * (z**2).sum() / 24)
        assert one.sizes == (6, 6, 6, 6)
        # the seed chooses the parts
        same, other = (
            jackknife(trace, regression, model, (x, y), groups=4, seed=s) for s in (0, 1)
        )
        assert same.standard_error == one.standard_error != other.standard_error

    def test_empty_batches_do_not_count(self, rng):
        x = rng.normal(size=(9, 2))
        full = jackknife(entry, loss, np.zeros(2), chunks(x, 3, 3, 3))
        holes = jackknife(entry, loss, np.zeros(2), [x[:3], x[:0], x[3:6], x[6:]])
        assert holes.standard_error == pytest.approx(full.standard_error)

    def test_result(self, rng):
        x = rng.normal(size=(12, 2))
        scalar = jackknife(entry, loss, np.zeros(2), x, groups=3)
        vector = jackknife(lambda op: top_eigenpairs(op, 2), loss, np.zeros(2), x, groups=3)
        assert "over 3 batches of 12 examples" in repr(scalar)
        assert repr(vector).count("±") == 2
        for found in (scalar, vector):
            assert json.loads(json.dumps(found.to_dict()))["sizes"] == [4, 4, 4]
        pytest.importorskip("matplotlib")
        assert len(vector.plot().get_legend().get_texts()) == 2
        scalar.plot().figure.canvas.draw()

    def test_errors(self, rng):
        x = rng.normal(size=(6, 2))
        with pytest.raises(ValueError, match="two or more"):
            jackknife(entry, loss, np.zeros(2), [x])
        with pytest.raises(ValueError, match="groups=7"):
            jackknife(entry, loss, np.zeros(2), x, groups=7)
        with pytest.raises(ValueError, match="groups"):
            jackknife(entry, lambda w: (w**2).sum(), np.zeros(2), None)
        sizes = iter([2, 3, 3])
        with pytest.raises(ValueError, match="without batch 0"):
            jackknife(lambda op: np.zeros(next(sizes)), loss, np.zeros(2), x, groups=2)
