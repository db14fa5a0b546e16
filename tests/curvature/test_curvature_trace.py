"""Traces, diagonals and norms from random probes: laws, intervals, costs, budgets."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator

from tinygrad_hess.curvature import Estimate, diagonal, frobenius_norm, layer_traces, trace
from tinygrad_hess.curvature.eigenpairs.deflation import Deflation
from tinygrad_hess.curvature.estimates.operands import Counted
from tinygrad_hess.curvature.estimates.probes import signs
from tinygrad_hess.curvature.estimates.probing import Running
from tinygrad_hess.curvature.traces.xtrace import XTrace


def symmetric(eigenvalues, seed=0):
    """A symmetric matrix with these eigenvalues and random eigenvectors."""
    d = np.asarray(eigenvalues, float)
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(d.size, d.size)))[0]
    A = (Q * d) @ Q.T
    return (A + A.T) / 2


def low_rank(rank, P=300, seed=0):
    return symmetric(np.r_[np.arange(1.0, rank + 1), np.zeros(P - rank)], seed)


BASE = np.random.default_rng(1).normal(size=200)
SPECTRA = {
    "flat": np.linspace(0.5, 1.5, 200),
    "indefinite": BASE,
    "decaying": 1 / np.arange(1, 201.0),
    "steep": 0.8 ** np.arange(200.0),
    "outliers": np.r_[np.linspace(5, 10, 10), 0.3 * BASE[10:]],
}


def covered(results, truth):
    return np.mean([r.interval[0] <= truth <= r.interval[1] for r in results])


class TestRunning:
    def test_same_as_at_once(self, rng):
        x = rng.normal(3.0, 2.0, size=(4, 50)) * [[1e-8], [1.0], [1e8], [0.0]]
        running = Running()
        for block in np.split(x, [1, 2, 17], axis=1):
            running.add(block)
        np.testing.assert_allclose(running.mean, x.mean(axis=1), rtol=1e-13)
        np.testing.assert_allclose(
            running.standard_error, x.std(axis=1, ddof=1) / 50**0.5, rtol=1e-13
        )

    def test_probes_do_not_depend_on_blocks(self):
        together = signs(30, range(10), seed=3)
        apart = np.concatenate([signs(30, range(4), 3), signs(30, range(4, 10), 3)], axis=1)
        np.testing.assert_array_equal(together, apart)
        assert (signs(30, range(10), seed=4) != together).any()


class TestDeflation:
    def test_it_splits_exactly(self):
        A = symmetric(SPECTRA["outliers"])
        split = Deflation(Counted(A, "test"), 40, seed=0)
        for _ in range(5):
            split.grow()
        P = split.Q @ split.Q.T
        rest = (np.eye(200) - P) @ A @ (np.eye(200) - P)
        z = signs(200, range(7), 0)
        np.testing.assert_allclose(split.remainder(z), rest @ z, atol=1e-12)
        np.testing.assert_allclose(
            split.remaining_forms(z, A @ z), np.einsum("ij,ij->j", z, rest @ z), atol=1e-11
        )
        assert split.trace + np.trace(rest) == pytest.approx(np.trace(A), rel=1e-12)
        np.testing.assert_allclose(split.diagonal() + np.diag(rest), np.diag(A), atol=1e-12)
        assert split.squared_norm + (rest**2).sum() == pytest.approx((A**2).sum(), rel=1e-12)

    def test_remaining_square_has_the_right_mean(self):
        A = symmetric(SPECTRA["outliers"])
        split = Deflation(Counted(A, "test"), 40, seed=0)
        for _ in range(4):
            split.grow()
        P = split.Q @ split.Q.T
        rest = (np.eye(200) - P) @ A @ (np.eye(200) - P)
        z = signs(200, range(4000), 1)
        assert split.remaining_square(A @ z) == pytest.approx((rest**2).sum(), rel=0.03)


class TestMethods:
    @pytest.mark.parametrize("method", ["auto", "hutchinson", "xtrace"])
    @pytest.mark.parametrize("name", SPECTRA)
    def test_reaches_the_accuracy_asked_for(self, name, method):
        A = symmetric(SPECTRA[name])
        truth, allowed = np.trace(A), 0.02 * np.abs(SPECTRA[name]).sum()
        for seed in range(5):
            estimate = trace(A, atol=allowed, method=method, seed=seed)
            low, high = estimate.interval
            assert estimate.converged and estimate.reason == ""
            assert high - low <= 2 * allowed * (1 + 1e-12)
            assert abs(estimate.value - truth) <= 2.5 * allowed

    def test_exact_where_the_rank_is_small(self):
        """XTrace for rank <= m/2 - 1 of m products; the Krylov space for one a vector."""
        A = low_rank(9)
        for method in ("auto", "xtrace"):
            estimate = trace(A, max_matvecs=40, method=method)
            assert estimate.value == pytest.approx(45, rel=1e-11), method
            assert estimate.standard_error < 1e-9

    @pytest.mark.parametrize("rank, m", [(1, 4), (3, 8), (9, 20)])
    def test_xtrace_is_exact_at_its_rank(self, rank, m):
        x = XTrace(Counted(low_rank(rank), "test"), seed=0)
        x.sketch(m // 2)
        x.project()
        value, error = x.estimate()
        assert value == pytest.approx(rank * (rank + 1) / 2, rel=1e-10) and error < 1e-9

    def test_xtrace_is_the_mean_of_what_it_says(self):
        """Each term by its definition, with a basis of all vectors but one."""
        A, m = symmetric(SPECTRA["outliers"]), 7
        x = XTrace(Counted(A, "test"), seed=3)
        x.sketch(4)
        x.project()
        x.sketch(m)  # grown in two steps
        x.project()
        omega = signs(200, range(m), 3)
        terms = []
        for i in range(m):
            Q = np.linalg.qr(A @ np.delete(omega, i, axis=1))[0]
            rest = omega[:, i] - Q @ (Q.T @ omega[:, i])
            terms.append(np.trace(Q.T @ A @ Q) + rest @ A @ rest)
        assert x.estimate()[0] == pytest.approx(np.mean(terms), rel=1e-10)
        np.testing.assert_allclose(x.forms, np.einsum("ij,ij->j", omega, A @ omega))

    def test_xtrace_beats_hutchinson_where_the_spectrum_decays(self):
        A = symmetric(1 / np.arange(1, 301.0) ** 2)
        errors = {
            m: np.sqrt(np.mean([(trace(A, max_matvecs=40, method=m, seed=s).value - np.trace(A)) ** 2
                                for s in range(30)]))
            for m in ("auto", "hutchinson", "xtrace")
        }  # fmt: skip
        assert errors["xtrace"] < 0.1 * errors["hutchinson"]
        assert errors["auto"] < 0.1 * errors["hutchinson"]

    def test_deflates_only_where_that_pays(self):
        flat = symmetric(np.linspace(0.99, 1.01, 500))
        assert trace(flat, rtol=0.01).matvecs <= 24
        assert trace(flat, rtol=0.01).method == "Hutchinson"
        steep = symmetric(0.9 ** np.arange(500.0))
        assert "deflated" in trace(steep, rtol=0.01).method
        assert trace(steep, rtol=0.01).matvecs < trace(steep, 12, rtol=0.01).matvecs / 3

    def test_one_percent_of_a_net_in_thirty_products(self):
        """The Hessian of the demo's net while it trains."""
        from tinygrad_hess import curvature, demo, nn, value_and_grad
        from tinygrad_hess.core import trees

        x, y, _, _ = demo.digits(0)
        model = nn.MLP([64, 32, 10], nn.tanh, bias=False, init=nn.init.xavier_normal, seed=0)
        batch = (x, np.eye(10)[y])
        step = value_and_grad(demo.loss)
        for _ in range(300):
            _, gradient = step(model, batch)
            model = trees.map(lambda p, g: p - 0.5 * g, model, gradient)
        op = curvature.HessianOperator(demo.loss, model, batch)
        truth = np.trace(op.to_dense())
        spent = []
        for seed in range(10):
            estimate = trace(op, rtol=0.01, seed=seed)
            assert estimate.converged and abs(estimate.value - truth) <= 0.02 * truth
            spent.append(estimate.matvecs)
        assert max(spent) < 30


class TestCoverage:
    """95% intervals hold the truth in 93 to 97% of the seeds."""

    SEEDS = range(600)
    MANY = range(2000)  # where 600 would leave the verdict to chance

    def check(self, results, truth):
        assert 0.93 <= covered(results, truth) <= 0.97

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["indefinite", "outliers"])
    def test_hutchinson(self, name):
        A = symmetric(SPECTRA[name])
        self.check([trace(A, samples=24, seed=s) for s in self.MANY], np.trace(A))

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["indefinite", "outliers"])
    def test_deflated(self, name):
        A = symmetric(SPECTRA[name])
        results = [trace(A, max_matvecs=48, seed=s) for s in self.MANY]
        self.check(results, np.trace(A))

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["decaying", "outliers"])
    def test_deflated_to_an_accuracy(self, name):
        A = symmetric(SPECTRA[name])
        allowed = {"decaying": 0.3, "outliers": 3.5}[name]
        results = [trace(A, atol=allowed, seed=s) for s in self.MANY]
        estimated = [r for r in results if not r.exact]  # a few go exact, being nearly there
        assert len(estimated) > 0.98 * len(results)
        self.check(estimated, np.trace(A))

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["decaying", "steep"])
    def test_xtrace(self, name):
        A = symmetric(SPECTRA[name])
        results = [trace(A, max_matvecs=48, method="xtrace", seed=s) for s in self.SEEDS]
        self.check(results, np.trace(A))

    @pytest.mark.slow
    def test_xtrace_is_wider_than_needed_over_a_flat_bulk(self):
        A = symmetric(SPECTRA["outliers"])
        results = [trace(A, max_matvecs=48, method="xtrace", seed=s) for s in self.SEEDS]
        assert 0.95 <= covered(results, np.trace(A)) < 1

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["indefinite", "decaying"])
    def test_frobenius_norm(self, name):
        A = symmetric(SPECTRA[name])
        results = [frobenius_norm(A, max_matvecs=64, seed=s) for s in self.SEEDS]
        self.check(results, np.linalg.norm(A))

    @pytest.mark.slow
    def test_layers_and_diagonal(self):
        A = symmetric(SPECTRA["indefinite"])
        layers = {"a": np.arange(120), "b": np.arange(120, 200)}
        results = [layer_traces(A, layers, max_matvecs=64, seed=s) for s in self.SEEDS]
        for name, places in layers.items():
            self.check([r.layers[name] for r in results], np.diag(A)[places].sum())
        self.check([r.total for r in results], np.trace(A))
        inside = [
            ((d.intervals[:, 0] <= np.diag(A)) & (np.diag(A) <= d.intervals[:, 1])).mean()
            for d in (diagonal(A, samples=30, seed=s) for s in range(100))
        ]
        assert 0.93 <= np.mean(inside) <= 0.97


class TestLayers:
    def test_sum_to_the_trace_and_match_the_blocks(self):
        A = symmetric(SPECTRA["outliers"])
        layers = {"w": np.arange(0, 200, 2), "b": np.arange(1, 200, 2)}
        found = layer_traces(A, layers, rtol=0.01)
        assert found.converged and found.sizes == {"w": 100, "b": 100}
        for name, places in layers.items():
            low, high = found.layers[name].interval
            assert (high - low) / 2 <= 0.01 * abs(found.total.value)
            assert abs(found.layers[name].value - np.diag(A)[places].sum()) <= 1.5 * (high - low)
        assert sum(e.value for e in found.layers.values()) == pytest.approx(found.total.value)

    def test_names_come_from_the_operator(self):
        from tinygrad_hess import nn
        from tinygrad_hess.curvature import HessianOperator

        rng = np.random.default_rng(0)
        model = nn.MLP([3, 5, 2], nn.tanh, seed=0)
        data = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
        op = HessianOperator(lambda m, b: ((m(b[0]) - b[1]) ** 2).mean(), model, data)
        found, H = layer_traces(op), op.to_dense()
        assert found.total.exact and found.layers.keys() == op.layers.keys()
        for name, places in op.layers.items():
            assert found.layers[name].value == pytest.approx(np.diag(H)[places].sum(), rel=1e-12)
        assert found.total.value == pytest.approx(np.trace(H), rel=1e-12)
        assert all(name in repr(found) for name in op.layers)
        json.dumps(found.to_dict())

    def test_layers_that_do_not_fit(self):
        for bad in ({"a": [0, 1]}, {"a": [0, 1], "b": [1, 2]}, {}):
            with pytest.raises(ValueError, match="each of the 3 parameters once"):
                layer_traces(np.eye(3), bad)
        with pytest.raises(ValueError, match="does not name its layers"):
            layer_traces(np.eye(3))


class TestDiagonal:
    def test_unbiased_with_the_error_of_its_rows(self):
        A = symmetric(SPECTRA["indefinite"])
        found = diagonal(A, samples=190)
        variance = ((A**2).sum(axis=1) - np.diag(A) ** 2) / 190
        np.testing.assert_allclose(found.standard_errors**2, variance, rtol=0.4)
        assert np.abs((found.values - np.diag(A)) / found.standard_errors).max() < 5

    def test_exact_when_parameters_are_few_or_it_is_cheaper(self):
        A = symmetric(SPECTRA["indefinite"])
        small = diagonal(A[:50, :50])
        assert small.exact and small.matvecs == 50
        np.testing.assert_allclose(small.values, np.diag(A)[:50], rtol=1e-13)
        precise = diagonal(A, rtol=1e-6)
        assert precise.exact and precise.matvecs < 250
        np.testing.assert_allclose(precise.values, np.diag(A), rtol=1e-12)

    def test_a_diagonal_matrix_takes_few_products(self):
        d = np.arange(1.0, 501)
        found = diagonal(diags_array(d), rtol=0.01)
        assert found.matvecs == 8 and found.converged
        np.testing.assert_allclose(found.values, d)

    def test_stops_on_its_error(self):
        A = symmetric(np.linspace(1, 2, 300))
        found = diagonal(A, rtol=0.05)
        assert found.converged and not found.exact
        error = np.sqrt(np.mean((found.values - np.diag(A)) ** 2) / np.mean(np.diag(A) ** 2))
        assert error < 0.04
        cut = diagonal(A, rtol=1e-3, max_matvecs=20)
        assert not cut.converged and cut.matvecs == 20 and "max_matvecs=20" in cut.reason
        assert "NOT converged" in repr(cut)
        assert len(json.loads(json.dumps(cut.to_dict()))["intervals"]) == 300


class TestFrobeniusNorm:
    @pytest.mark.parametrize("name", SPECTRA)
    def test_against_the_matrix(self, name):
        A = symmetric(SPECTRA[name])
        found = frobenius_norm(A, rtol=0.05)
        assert found.converged
        assert found.value == pytest.approx(np.linalg.norm(A), rel=0.1)

    def test_exact_when_parameters_are_few_and_on_low_rank(self):
        A = symmetric(SPECTRA["indefinite"])
        assert frobenius_norm(A[:60, :60]).exact
        low = frobenius_norm(low_rank(5), rtol=1e-6)
        assert low.value == pytest.approx(55**0.5, rel=1e-9)


EVERY = {
    "trace": trace,
    "xtrace": lambda op, **options: trace(op, method="xtrace", **options),
    "diagonal": diagonal,
    "frobenius_norm": frobenius_norm,
    "layer_traces": lambda op, **options: layer_traces(
        op, {"a": np.arange(150), "b": np.arange(150, 300)}, **options
    ),
}


def total(result):
    """The one number, or the array, of a result."""
    if isinstance(result, Estimate):
        return result.value
    return result.values if hasattr(result, "values") else result.total.value


@pytest.mark.parametrize("name", EVERY)
class TestEvery:
    A = symmetric(np.random.default_rng(0).normal(size=300))

    def test_same_seed_same_answer(self, name):
        np.random.seed(1)
        one = EVERY[name](self.A, max_matvecs=50, seed=7)
        np.random.seed(2)
        two = EVERY[name](self.A, max_matvecs=50, seed=7)
        other = EVERY[name](self.A, max_matvecs=50, seed=8)
        np.testing.assert_array_equal(total(one), total(two))
        assert (
            (total(one) != total(other)).any() if name == "diagonal" else total(one) != total(other)
        )

    def test_budget_in_products_and_seconds(self, name):
        for budget in (4, 9, 40):
            result = EVERY[name](self.A, rtol=1e-9, max_matvecs=budget)
            spent = getattr(result, "matvecs", None) or result.total.matvecs
            assert spent <= budget and not result.converged
        slow = EVERY[name](self.A, rtol=1e-9, max_matvecs=10**6, seconds=1e-4)
        assert not slow.converged
        assert "seconds=0.0001" in (slow.reason if hasattr(slow, "reason") else slow.total.reason)

    def test_interrupt_leaves_what_there_is(self, name):
        calls = []

        def products(X):
            calls.append(1)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return self.A @ X

        op = LinearOperator((300, 300), matvec=lambda x: products(x), matmat=products, dtype=float)
        try:
            result = EVERY[name](op, rtol=1e-3, max_matvecs=290)
        except KeyboardInterrupt:
            assert name in ("frobenius_norm", "layer_traces")  # its space was not there yet
            return
        reason = result.reason if hasattr(result, "reason") else result.total.reason
        assert not result.converged and "interrupted" in reason
        assert np.isfinite(total(result)).all()

    @pytest.mark.parametrize("scale", [1e-12, 1e12])
    def test_scale(self, name, scale):
        one = EVERY[name](self.A, max_matvecs=40)
        np.testing.assert_allclose(
            total(EVERY[name](scale * self.A, max_matvecs=40)) / scale, total(one), rtol=1e-6
        )

    def test_zero_identity_and_rank_one(self, name):
        np.testing.assert_array_equal(total(EVERY[name](np.zeros((300, 300)), max_matvecs=40)), 0)
        expected = {"diagonal": 1.0, "frobenius_norm": 300**0.5}.get(name, 300.0)
        found = total(EVERY[name](np.eye(300), max_matvecs=40))
        # Outside a subspace the identity is no longer diagonal, so it is known to an error.
        rtol = 1e-12 if name in ("trace", "diagonal") else 5e-3
        np.testing.assert_allclose(found, expected, rtol=rtol)
        v = np.ones(300)
        if name != "diagonal":  # one vector is the range
            one = total(EVERY[name](np.outer(v, v), max_matvecs=40))
            assert one == pytest.approx(300, rel=1e-9)

    def test_float32(self, name):
        exact = EVERY[name](self.A, max_matvecs=40)
        single = EVERY[name](self.A.astype(np.float32), max_matvecs=40)
        np.testing.assert_allclose(
            total(single), total(exact), atol=2e-3 * np.abs(self.A).sum() ** 0.5
        )
        if name == "diagonal":
            assert single.values.dtype == single.standard_errors.dtype == np.float32

    def test_few_parameters_go_exact(self, name):
        if name in ("layer_traces", "xtrace"):
            return
        result = EVERY[name](np.array([[3.0]]))
        assert result.exact and np.ravel(total(result))[0] == 3

    def test_plot(self, name):
        figure = pytest.importorskip("matplotlib.figure").Figure()
        ax = figure.subplots()
        assert EVERY[name](self.A, max_matvecs=30).plot(ax) is ax
        figure.draw_without_rendering()

    def test_progress(self, name, capfd):
        EVERY[name](self.A, max_matvecs=30, progress=True)
        out, err = capfd.readouterr()
        assert "products" in err and not out

    def test_accuracies_must_be_positive(self, name):
        for bad in ({"rtol": 0.0}, {"atol": -1.0}):
            with pytest.raises(ValueError, match=r"[ra]tol must be positive"):
                EVERY[name](self.A, **bad)


def test_estimate_repr_and_dict():
    cut = trace(TestEvery.A, rtol=1e-6, max_matvecs=30)
    assert "NOT converged: max_matvecs=30 allows no more; give more" in repr(cut)
    assert cut.to_dict()["reason"] == cut.reason and cut.seconds > 0
    assert trace(TestEvery.A, method="exact").value == pytest.approx(
        np.trace(TestEvery.A), rel=1e-11
    )
    with pytest.raises(ValueError, match="method='power'"):
        trace(TestEvery.A, method="power")
