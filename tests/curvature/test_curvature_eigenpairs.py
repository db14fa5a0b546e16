"""Eigenpairs by thick-restart Lanczos: bounds, multiplicities, costs, shifts, warm starts."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from scipy.sparse import diags_array
from scipy.sparse.linalg import LinearOperator
from spectra import symmetric

from tinygrad_hess.curvature import top_eigenpairs
from tinygrad_hess.curvature.eigenpairs.ends import gap_intervals
from tinygrad_hess.curvature.eigenpairs.lanczos import KrylovSpace
from tinygrad_hess.curvature.estimates.operands import Counted


def outliers(P=600, seed=0):
    """Like the Hessian of a trained net: a few large eigenvalues over a bulk around 0."""
    rng = np.random.default_rng(seed)
    return np.r_[rng.exponential(0.01, P - 12) - 0.005, 0.5 * 1.25 ** np.arange(12.0)]


def residuals(A, top):
    return np.linalg.norm(A @ top.vectors - top.vectors * top.values, axis=0)


class TestKrylovSpace:
    def test_basis_projection_and_residuals_through_everything(self):
        """Expansion, compression, dropping, reopening and additions keep what they promise."""
        d = np.r_[np.random.default_rng(0).uniform(0, 1, 245), 2, 3, 4, 5, 5]
        A, rng = symmetric(d), np.random.default_rng(1)
        space = KrylovSpace(Counted(A, "test"), 60)

        def check():
            V, K = space.V[:, : space.total], space.V[:, : space.known]
            np.testing.assert_allclose(V.T @ V, np.eye(space.total), atol=1e-13)
            np.testing.assert_allclose(K.T @ A @ K, space.at.T, atol=1e-13)
            ritz = space.ritz()
            Y = space.vectors(ritz.coefficients)
            true = np.linalg.norm(A @ Y - Y * ritz.values, axis=0)
            assert (true <= ritz.residuals + 1e-13).all()
            if not space.at.D.any():
                np.testing.assert_allclose(true, ritz.residuals, atol=1e-13)

        assert space.add(rng.normal(size=(250, 2))) == 2
        assert space.add(space.V[:, :2].copy()) == 0  # nothing new
        for _ in range(12):
            space.expand()
        check()
        space.compress(space.ritz().coefficients[:, -8:])
        assert (space.known, space.pending) == (8, 2)
        space.expand()
        check()
        space.drop_pending()
        assert space.pending == 0 and space.at.D.any()
        space.add(rng.normal(size=(250, 3)))
        for _ in range(4):
            space.expand()
        check()
        space.reopen(space.ritz().coefficients[:, -5:])
        space.expand()
        assert space.known == 8 and not space.at.D.any()
        check()
        for wanted in ([-1], [-2], [-1, -3], [-1]):  # some directions of what is pending
            ritz = space.ritz()
            count = space.turn(ritz.coefficients[:, wanted])
            assert count <= len(wanted) < space.pending
            np.testing.assert_allclose(  # all of their residuals lies in them
                np.linalg.norm(space.at.B[:count] @ ritz.coefficients[:, wanted], axis=0),
                ritz.residuals[wanted], rtol=0.05,
            )  # fmt: skip
            before = space.known
            space.expand(count)
            assert space.known == before + count
            check()

    def test_no_room_is_an_error_that_is_counted(self):
        A = symmetric(np.arange(40.0))
        space = KrylovSpace(Counted(A, "test"), 6)
        space.add(np.random.default_rng(0).normal(size=(40, 1)))
        while space.pending:
            space.expand()
        ritz = space.ritz()
        Y = space.vectors(ritz.coefficients)
        true = np.linalg.norm(A @ Y - Y * ritz.values, axis=0)
        assert space.known == 6
        np.testing.assert_allclose(ritz.residuals, true, atol=1e-12)

    @pytest.mark.parametrize("dtype, tight", [(np.float64, 1e-12), (np.float32, 1e-4)])
    def test_breakdown_is_relative(self, dtype, tight):
        for scale in (1e-12, 1.0, 1e12):
            A = (scale * symmetric([3.0, 2.0, *np.zeros(98)])).astype(dtype)
            counted = Counted(A, "test")
            space = KrylovSpace(counted, 20)
            space.add(np.random.default_rng(0).normal(size=(100, 1)))
            for _ in range(3):
                space.expand()
            largest = counted.unit * space.ritz().values[[0, -2, -1]] / scale
            np.testing.assert_allclose(largest, [0, 2, 3], atol=tight)
            # what is left is rounding; whether it counts as such depends on its last bits
            assert counted.unit * np.abs(space.at.B).max(initial=0.0) < tight * scale

    def test_no_ghosts(self):
        """Exactly 10 eigenvalues above 0.5 stay 10 after 200 steps."""
        rng = np.random.default_rng(0)
        A = symmetric(np.r_[rng.uniform(-0.1, 0.4, 590), np.linspace(0.6, 1, 10)])
        space = KrylovSpace(Counted(A, "test"), 260)
        space.add(rng.normal(size=(600, 1)))
        for _ in range(200):
            space.expand()
        values = space.ritz().values
        assert (values > 0.5).sum() == 10
        np.testing.assert_allclose(values[-10:], np.linspace(0.6, 1, 10), atol=1e-12)

    def test_what_is_not_symmetric_is_refused(self):
        rng = np.random.default_rng(0)
        M = rng.normal(size=(200, 200))
        skewed = LinearOperator((200, 200), matvec=lambda x: M @ x, dtype=float)
        with pytest.raises(ValueError, match="not symmetric, or changes"):
            top_eigenpairs(skewed)
        changing = LinearOperator(
            (200, 200), matvec=lambda x: rng.integers(0, 2, 200) * x.ravel(), dtype=float
        )
        with pytest.raises(ValueError, match="dropout"):
            top_eigenpairs(changing)

    def test_a_slightly_noisy_operator_is_known_for_it(self):
        """An inner solver's error stands in the residuals; the accuracy is not claimed."""
        A, noise = symmetric(outliers(300)), np.random.default_rng(0)
        op = LinearOperator(
            (300, 300), matvec=lambda x: A @ x.ravel() + 1e-5 * noise.normal(size=300), dtype=float
        )
        top = top_eigenpairs(op, 3, max_matvecs=200)
        assert not top.converged
        assert (np.abs(top.values - np.linalg.eigvalsh(A)[::-1][:3]) <= top.residuals).all()


class TestBounds:
    def test_gap_intervals_are_those_of_temple_and_kato(self):
        bounds = gap_intervals(np.array([0.0, 1.0, 3.0]), np.array([0.1, 0.2, 0.05]))
        np.testing.assert_allclose(bounds[:, 0], [-0.01 / 0.8, 1 - 0.04 / 1.95, 3.0])
        np.testing.assert_allclose(bounds[:, 1], [0.0, 1 + 0.04 / 0.9, 3 + 0.0025 / 1.8])

    def test_intervals_always_hold_an_eigenvalue(self):
        """Stopped early, at any accuracy: 100 of 100."""
        for seed in range(100):
            d = np.random.default_rng(seed).normal(size=120)
            A, exact = symmetric(d, seed), np.sort(d)
            top = top_eigenpairs(A, 4, "BE", max_matvecs=8 + seed // 4, method="lanczos", seed=seed)
            for low, high in top.intervals:
                assert ((exact >= low - 1e-12) & (exact <= high + 1e-12)).any()

    def test_residual_intervals_need_not_hold_the_largest(self):
        """At 8 steps, the Ritz value beside λ2 = .995 λ1 is off, and only its residual says so."""
        d = np.r_[np.linspace(0, 0.9, 398), 0.995, 1.0]
        wrong = 0
        for seed in range(20):
            top = top_eigenpairs(symmetric(d, seed), 1, max_matvecs=8, seed=seed)
            assert not top.converged
            wrong += not top.intervals[0, 0] <= 1.0 <= top.intervals[0, 1]
            assert top.values[0] <= 1.0
        assert wrong < 20

    def test_gap_intervals_hold_and_are_narrower(self):
        for seed in range(30):
            d = np.sort(outliers(300, seed))[::-1]
            top = top_eigenpairs(symmetric(d, seed), 5, tol=1e-3, seed=seed)
            low, high = top.gap_intervals.T
            assert (low - 1e-13 <= d[:5]).all() and (d[:5] <= high + 1e-13).all()
            assert (high - low <= 2 * top.residuals + 1e-15).all()
            assert (high - low)[0] < 0.1 * top.residuals[0]

    def test_a_negative_interval_proves_a_descent_direction(self):
        A = symmetric(np.r_[-0.3, np.random.default_rng(0).uniform(0, 1, 299)])
        top = top_eigenpairs(A, 1, "SA", tol=0.05)
        v = top.vectors[:, 0]
        assert top.intervals[0, 1] < 0 and v @ A @ v < 0


class TestAccuracy:
    def test_values_to_rtol_take_fewer_products(self):
        d = np.sort(outliers())[::-1]
        A = symmetric(d)
        for k in (1, 5):
            sure, values = top_eigenpairs(A, k), top_eigenpairs(A, k, rtol=1e-6)
            assert sure.converged and values.converged and values.matvecs < sure.matvecs
            np.testing.assert_allclose(values.values, d[:k], rtol=1e-6)
            np.testing.assert_allclose(sure.values, d[:k], rtol=1e-10)
        absolute = top_eigenpairs(A, 1, atol=0.1)
        assert absolute.converged and absolute.matvecs < 12
        assert abs(absolute.values[0] - d[0]) <= 0.1

    def test_largest_in_fewer_than_20_products(self):
        for seed in range(10):
            d = outliers(600, seed)
            top = top_eigenpairs(symmetric(d, seed), 1, rtol=1e-6, seed=seed)
            assert top.converged and top.matvecs < 20
            assert abs(top.values[0] - d.max()) <= 1e-6 * d.max()

    def test_clustered(self):
        d = np.r_[1 + 1e-5 * np.arange(5), np.random.default_rng(0).uniform(0, 0.9, 295)]
        top = top_eigenpairs(symmetric(d), 5)
        assert top.converged
        np.testing.assert_allclose(top.values, np.sort(d)[::-1][:5], atol=1e-8)

    def test_stays_accurate_through_many_restarts(self):
        d = np.linspace(0, 1, 1500) ** 0.5
        A = diags_array(d)
        top = top_eigenpairs(A, 3, max_matvecs=3000, method="lanczos")
        assert top.converged and top.matvecs > 150
        np.testing.assert_allclose(top.values, d[::-1][:3], atol=1e-9)
        np.testing.assert_allclose(top.vectors.T @ top.vectors, np.eye(3), atol=1e-12)
        assert (residuals(A, top) <= top.residuals + 1e-13).all()

    def test_goes_dense_when_iterating_is_in_vain(self):
        A = symmetric(1 - 1e-6 * np.arange(120.0) ** 2 / 120)
        top = top_eigenpairs(A, 2, tol=1e-13)
        assert top.converged and top.exact and top.matvecs <= 240

    def test_methods_agree(self):
        A = symmetric(outliers(200))
        for which in ("LA", "SA", "LM", "BE"):
            results = [top_eigenpairs(A, 4, which, method=m) for m in ("lanczos", "dense", "eigsh")]
            assert [r.method for r in results] == ["Lanczos", "dense", "eigsh"]
            for r in results[: 2 if which in ("SA", "BE") else 3]:  # ARPACK is slow in the bulk
                assert r.converged
                np.testing.assert_allclose(r.values, results[1].values, atol=1e-9)

    @pytest.mark.parametrize("block_size", [1, 2, 5])
    def test_block_sizes_agree(self, block_size):
        d = np.r_[outliers(200), 9.0, 9.0, 9.0]
        top = top_eigenpairs(symmetric(d), 4, block_size=block_size)
        np.testing.assert_allclose(top.values, np.sort(d)[::-1][:4], rtol=1e-9)


class TestMultiplicity:
    def test_copies_are_found_for_many_seeds(self):
        d = np.r_[3.0, 3.0, 3.0, np.random.default_rng(0).uniform(-1, 1, 197)]
        A = symmetric(d)
        for seed in range(40):
            top = top_eigenpairs(A, 3, seed=seed)
            np.testing.assert_allclose(top.values, 3.0, rtol=1e-9)
            assert top.converged and top.matvecs < 100

    def test_a_budget_that_ends_before_the_search_is_said(self):
        A = symmetric(outliers())
        full = top_eigenpairs(A, 4)
        cut = top_eigenpairs(A, 4, max_matvecs=full.matvecs - 3)
        assert full.converged and not cut.converged and "max_matvecs" in cut.reason
        np.testing.assert_allclose(cut.values, full.values, rtol=1e-9)

    def test_pairs_are_there_for_every_budget(self):
        d = np.random.default_rng(16).normal(size=300)
        d[:60] = 0
        A = symmetric(d)
        for budget in range(1, 140, 7):
            top = top_eigenpairs(A, 10, "BE", max_matvecs=budget)
            assert top.matvecs <= budget and len(top.values) == min(10, budget)
            assert (residuals(A, top) <= top.residuals + 1e-13).all()


class TestWarmStart:
    def test_right_vectors_cost_one_product_each_and_one(self):
        A = symmetric(outliers())
        for k in (1, 5):
            top = top_eigenpairs(A, k)
            again = top_eigenpairs(A, k, v0=top.vectors)
            assert again.converged and again.matvecs == k + 1
            np.testing.assert_allclose(again.values, top.values, rtol=1e-10)

    def test_nearly_right_vectors_save_products(self):
        A = symmetric(outliers())
        near = A + 1e-4 * symmetric(np.random.default_rng(1).normal(size=600), 2)
        top, cold = top_eigenpairs(A, 1), top_eigenpairs(near, 1, tol=1e-4)
        warm = top_eigenpairs(near, 1, tol=1e-4, v0=top.vectors)
        assert warm.matvecs <= 4 < cold.matvecs
        np.testing.assert_allclose(warm.values, cold.values, rtol=1e-7)

    def test_only_pairs_that_are_not_accurate_cost_more(self):
        A = symmetric(outliers())
        top = top_eigenpairs(A, 5)
        assert top.start.shape == (600, 6) and (top.start[:, :5] == top.vectors).all()
        off = top.start.copy()  # all right but one
        off[:, 3] += 0.1 * np.random.default_rng(9).normal(size=600) / 600**0.5
        again = top_eigenpairs(A, 5, v0=off, rtol=1e-4)
        assert again.converged and 7 < again.matvecs <= 10
        np.testing.assert_allclose(again.values, top.values, rtol=2e-4)

    def test_an_exact_eigenvector_of_the_wrong_end_is_left(self):
        A = np.diag(np.r_[2.0, np.zeros(199)])
        assert top_eigenpairs(A, 1, v0=np.eye(200)[50]).values[0] == pytest.approx(2)

    def test_vectors_that_changed_places_are_sorted(self):
        A = symmetric(outliers())
        top = top_eigenpairs(A, 4)
        again = top_eigenpairs(A, 4, v0=top.vectors[:, ::-1])
        np.testing.assert_allclose(again.values, top.values, rtol=1e-10)


class TestNearAShift:
    d = np.sort(np.random.default_rng(0).normal(size=300))

    @pytest.mark.parametrize("method", ["auto", "lanczos"])
    @pytest.mark.parametrize("sigma", [0.1, 2.0, -9.0])
    def test_nearest_in_order_of_distance(self, method, sigma):
        top = top_eigenpairs(symmetric(self.d), 3, sigma=sigma, method=method, max_matvecs=9000)
        nearest = self.d[np.argsort(np.abs(self.d - sigma))[:3]]
        assert top.converged and top.which == f"near {sigma:g}"
        np.testing.assert_allclose(top.values, nearest, atol=1e-8)
        assert (residuals(symmetric(self.d), top) <= top.residuals + 1e-12).all()

    def test_mirrored_spectrum_and_null_space(self):
        mirrored = np.linspace(-1, 1, 100)
        top = top_eigenpairs(np.diag(mirrored), 2, sigma=0.0, method="lanczos")
        np.testing.assert_allclose(np.sort(top.values), [-1 / 99, 1 / 99], atol=1e-9)
        singular = np.diag(np.r_[np.zeros(40), np.linspace(1, 2, 60)])
        null = top_eigenpairs(singular, 3, sigma=0.0, method="lanczos")
        assert null.converged
        np.testing.assert_allclose(null.values, 0, atol=1e-9)

    def test_eigsh_takes_none(self):
        with pytest.raises(ValueError, match="takes no sigma"):
            top_eigenpairs(np.eye(100), sigma=1.0, method="eigsh")


class TestBudgets:
    def test_seconds_are_kept(self):
        top = top_eigenpairs(diags_array(np.linspace(0, 1, 20_000) ** 0.1), 20, "SA", seconds=1e-3)
        assert not top.converged and "seconds=0.001" in top.reason
        assert top.matvecs < 2000 and len(top.values) > 0

    def test_interrupt_leaves_what_there_is(self):
        A, calls = symmetric(outliers()), []

        def product(x):
            calls.append(1)
            if len(calls) == 15:
                raise KeyboardInterrupt
            return A @ x

        op = LinearOperator(A.shape, matvec=product, dtype=float)
        top = top_eigenpairs(op, 3)
        assert not top.converged and "interrupted" in top.reason and top.matvecs == 14
        assert (residuals(A, top) <= top.residuals + 1e-12).all()

    def test_interrupt_before_anything_is_known_is_raised(self):
        def product(x):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            top_eigenpairs(LinearOperator((300, 300), matvec=product, dtype=float))

    def test_progress_goes_to_standard_error(self, capfd):
        top_eigenpairs(symmetric(outliers()), 2, progress=True)
        out, err = capfd.readouterr()
        assert "top_eigenpairs" in err and "products" in err and not out

    def test_result_and_plot(self):
        top = top_eigenpairs(symmetric(outliers()), 4, seed=5)
        plain = json.loads(json.dumps(top.to_dict()))
        assert plain["seed"] == 5 and plain["method"] == "Lanczos" and plain["seconds"] > 0
        ax = pytest.importorskip("matplotlib.figure").Figure().subplots()
        assert top.plot(ax) is ax and ax.get_xlabel() == "rank (LA)"
        assert len(top.plot().lines[0].get_xdata()) == 4


@pytest.mark.parametrize("asked", [{"rtol": 1e-6}, {"rtol": 1e-3}, {"tol": 1e-3}])
def test_values_close_together_cost_no_more_by_value_than_by_residual(asked):
    """A search that begins before the vectors have settled has to find them over and over."""
    spectrum = np.r_[3, 2.5, 2.4, 2.4, 2.39, 2.38, np.linspace(0, 2.3, 500)]
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(spectrum.size,) * 2))[0]
    A = (Q * spectrum) @ Q.T
    for seed in range(4):
        found = top_eigenpairs(A, 5, method="lanczos", seed=seed, **asked)
        allowed = 3 * asked.get("rtol", 1e-3)
        np.testing.assert_allclose(found.values, [3, 2.5, 2.4, 2.4, 2.39], rtol=0, atol=allowed)
        assert found.matvecs < 300


def test_a_first_block_of_nearly_parallel_columns():
    """There is no basis yet that they could fail to be orthogonal to."""
    X = np.array([[1.0, 1.0], [0.0, 0.05], [0.0, 0.0]])
    for columns, V in ((1, X[:, :1]), (2, X)):
        space = KrylovSpace(Counted(np.diag([3.0, 2.0, 1.0]), "test"), capacity=3)
        assert space.add(V) == columns
        np.testing.assert_allclose(
            space.V[:, :columns].T @ space.V[:, :columns], np.eye(columns), atol=1e-15
        )


def test_ritz_pairs_are_looked_at_seldom(monkeypatch):
    """To look at 100 columns takes the time of many products of a small net."""
    looks, ritz = [], KrylovSpace.ritz
    monkeypatch.setattr(KrylovSpace, "ritz", lambda self: looks.append(1) or ritz(self))
    A = symmetric(np.r_[np.random.default_rng(0).normal(size=500), np.linspace(4, 5, 10)])
    found = top_eigenpairs(A, 10, method="lanczos")
    assert found.converged and len(looks) < found.matvecs / 2
    one = top_eigenpairs(A, 1, method="lanczos", tol=1e-10)
    assert one.converged and one.matvecs < 70  # and yet it stops soon after it is accurate


def interrupted_after(A, count):
    products = []

    def product(x):
        products.extend(np.atleast_2d(x.T))
        if len(products) > count:
            raise KeyboardInterrupt
        return A @ x

    return LinearOperator(A.shape, matvec=product, matmat=product, dtype=float)


@pytest.mark.parametrize("after", [29, 32, 41, 47])
def test_values_asked_for_are_the_same_after_interruptions(tmp_path, after):
    """That the search had just begun when it came changes nothing."""
    rng = np.random.default_rng(0)
    spectrum = np.r_[np.full(3, 3.0), 2.0, 1.9, rng.normal(size=255) * 0.5]
    Q = np.linalg.qr(rng.normal(size=(260, 260)))[0]
    A, options = (Q * spectrum) @ Q.T, {"rtol": 1e-3, "method": "lanczos"}
    whole = top_eigenpairs((A + A.T) / 2, 3, "LM", checkpoint=tmp_path / "whole.npz", **options)
    for count in (after, 7, 11, 10**9):
        op = interrupted_after((A + A.T) / 2, count)
        with contextlib.suppress(KeyboardInterrupt):  # where it has no pair to give
            found = top_eigenpairs(op, 3, "LM", checkpoint=tmp_path / "parts.npz", **options)
    np.testing.assert_array_equal(found.vectors, whole.vectors)
    again = top_eigenpairs(op, 3, "LM", checkpoint=tmp_path / "parts.npz", **options)
    np.testing.assert_array_equal(again.vectors, whole.vectors)


def test_a_looser_accuracy_is_met_by_what_was_saved(tmp_path):
    A, path = symmetric(outliers()), tmp_path / "saved.npz"
    sharp = top_eigenpairs(A, 3, method="lanczos", checkpoint=path)
    loose = top_eigenpairs(A, 3, method="lanczos", tol=1e-2, checkpoint=path)
    assert loose.converged and loose.matvecs <= sharp.matvecs + 1
    np.testing.assert_array_equal(loose.values, sharp.values)
