"""Spectral densities against random-matrix laws, dense eigenvalues and closed forms."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator
from spectra import semicircle, symmetric, wishart

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.curvature import HessianOperator, SpectralDensity, spectral_density
from tinygrad_hess.curvature.spectra.outliers import outliers


def total(s):
    return np.trapezoid(s.density, s.grid)


def shares(s):
    return s.bulk + s.zero_mass.value + sum(a.weight for a in s.atoms)


def marchenko_pastur_share(x, ratio):
    """The share of eigenvalues at or below x, by integrating the density."""
    low, high = (1 - ratio**0.5) ** 2, (1 + ratio**0.5) ** 2
    places = np.linspace(low, high, 20_001)[1:-1]
    density = np.sqrt((high - places) * (places - low)) / (2 * np.pi * ratio * places)
    return np.interp(x, places, np.cumsum(density) * (places[1] - places[0]), 0.0, 1.0)


MIXED = np.r_[
    np.zeros(40),
    np.abs(np.random.default_rng(5).normal(size=152)) * 0.1,
    [1, 1, 2, 3],
    [5] * 3,
    -0.6,
]
"""Zeros, a half-normal bulk, repeated outliers, one negative outlier."""


class TestRandomMatrixLaws:
    @pytest.mark.parametrize("method", ["dense", "lanczos"])
    def test_marchenko_pastur(self, method):
        s = spectral_density(wishart(2000, 500), method=method)
        assert s.extent == pytest.approx((0.25, 2.25), abs=0.06)
        assert s.outliers == 0 and s.atoms == () and s.zero_mass.value == 0
        assert total(s) == pytest.approx(1, abs=1e-3)
        truth = marchenko_pastur_share(s.grid, 0.25)
        if s.exact:
            assert np.abs(s.cumulative - truth).max() <= 0.006
        else:
            assert (s.cumulative_bounds[:, 0] - 0.006 <= truth).all()
            assert (truth <= s.cumulative_bounds[:, 1] + 0.006).all()
            assert np.diff(s.cumulative_bounds).mean() < 0.1
        inside = (s.grid > 0.3) & (s.grid < 2.1)
        x = s.grid[inside]
        law = np.sqrt((2.25 - x) * (x - 0.25)) / (0.5 * np.pi * x)
        assert np.trapezoid(np.abs(s.density[inside] - law), x) < 0.08

    @pytest.mark.parametrize(("spike", "expected"), [(2.0, 2.5), (4.0, 4.333)])
    def test_a_spike_above_the_transition_is_an_outlier(self, spike, expected):
        s = spectral_density(wishart(1200, 300, seed=1, spike=spike), method="lanczos")
        assert s.outliers == 1 and len(s.atoms) == 1
        (atom,) = s.atoms
        assert atom.value == pytest.approx(expected, abs=0.35) and atom.multiplicity == 1
        assert atom.weight == 1 / 300 and atom.interval[1] - atom.interval[0] < 1e-6

    def test_a_spike_below_the_transition_is_none(self):
        s = spectral_density(wishart(1200, 300, seed=1, spike=1.3), method="lanczos")
        assert s.outliers == 0 and s.extent[1] == pytest.approx(2.25, abs=0.12)

    def test_semicircle(self):
        s = spectral_density(semicircle(400), method="lanczos", steps=60)
        assert s.extent == pytest.approx((-2, 2), abs=0.1) and s.outliers == 0
        x = s.grid[np.abs(s.grid) < 1.9]
        law = np.sqrt(4 - x**2) / (2 * np.pi)
        density = s.density[np.abs(s.grid) < 1.9]
        assert np.trapezoid(np.abs(density - law), x) < 0.08


class TestAgainstDense:
    @pytest.mark.parametrize("method", ["dense", "lanczos"])
    def test_zeros_bulk_and_atoms(self, method):
        s = spectral_density(symmetric(MIXED), method=method, steps=120)
        assert shares(s) == pytest.approx(1) and total(s) == pytest.approx(s.bulk, rel=1e-2)
        assert [round(a.value, 9) for a in s.atoms] == [-0.6, 1, 2, 3, 5]
        assert [a.multiplicity for a in s.atoms] == [1, 2, 1, 1, 3]
        for a in s.atoms:
            assert a.weight == a.multiplicity / 200 and a.weight_interval == (a.weight,) * 2
            assert a.interval[0] <= round(a.value, 9) <= a.interval[1]
        assert s.outliers == 7
        low, high = s.zero_mass.interval
        assert low <= 0.2 <= high and s.zero_mass.value == pytest.approx(0.2, abs=0.02)
        # A grid point may be an eigenvalue, to rounding.
        below, above = (np.searchsorted(np.sort(MIXED), s.grid + e) / 200 for e in (-1e-9, 1e-9))
        away = s.grid > 1e-6
        assert (s.cumulative_bounds[away, 0] <= above[away] + 1e-9).all()
        assert (below[away] <= s.cumulative_bounds[away, 1] + 1e-9).all()

    def test_an_eigenvalue_of_many_copies_is_an_atom_of_estimated_weight(self):
        d = np.r_[np.full(60, 2.0), np.linspace(3, 5, 140)]
        s = spectral_density(symmetric(d), method="lanczos", steps=60)
        (atom,) = s.atoms
        assert atom.value == pytest.approx(2) and atom.multiplicity is None
        assert atom.weight_interval[0] <= 0.3 <= atom.weight_interval[1]
        assert atom.weight == pytest.approx(0.3, abs=0.05) and shares(s) == pytest.approx(1)
        (exact,) = spectral_density(symmetric(d)).atoms
        assert exact.multiplicity == 60 and exact.weight == pytest.approx(0.3)

    @pytest.mark.parametrize("method", ["dense", "lanczos"])
    def test_a_positive_semidefinite_spectrum_has_no_mass_below_zero(self, method):
        thin = symmetric(np.r_[np.zeros(50), 1e-9, 1, 2])
        for matrix in (wishart(100, 100), wishart(60, 150), thin):
            s = spectral_density(matrix, method=method, steps=40)
            assert (s.grid >= 0).all()
            assert total(s) == pytest.approx(s.bulk, rel=2e-2, abs=1e-3)
            outside = spectral_density(
                matrix, method=method, steps=40, grid=np.linspace(-1, -1e-12, 50)
            )
            assert not outside.density.any() and not outside.band.any()

    def test_dense_gives_all_eigenvalues(self):
        s = spectral_density(symmetric(MIXED))
        np.testing.assert_allclose(s.eigenvalues, np.sort(MIXED), atol=1e-12)
        assert s.exact and s.converged and s.matvecs == 200 and s.method == "dense"
        np.testing.assert_array_equal(s.band, np.stack([s.density] * 2, axis=1))
        np.testing.assert_array_equal(s.cumulative_bounds[:, 0], s.cumulative_bounds[:, 1])

    def test_fixed_bandwidth_is_a_sum_of_gaussians(self):
        d, grid = np.linspace(1, 2, 50), np.linspace(0.5, 2.5, 101)
        s = spectral_density(np.diag(d), bandwidth=0.1, grid=grid)
        z = (grid[:, None] - d) / 0.1
        expected = np.exp(-(z**2) / 2).mean(axis=1) / (0.1 * (2 * np.pi) ** 0.5)
        np.testing.assert_allclose(s.density, expected, rtol=2e-3, atol=1e-3)

    @pytest.mark.parametrize("scale", [1e-12, 1e12])
    @pytest.mark.parametrize("method", ["dense", "lanczos"])
    def test_scale_changes_nothing_but_the_scale(self, scale, method):
        options = {"method": method, "steps": 80}
        one = spectral_density(symmetric(MIXED), **options)
        other = spectral_density(scale * symmetric(MIXED), **options)
        assert other.outliers == one.outliers and len(other.atoms) == len(one.atoms)
        assert other.extent == pytest.approx(tuple(scale * x for x in one.extent))
        assert other.zero_mass.value == pytest.approx(one.zero_mass.value, abs=0.01)
        assert total(other) == pytest.approx(total(one), abs=0.02)


class TestDegenerate:
    @pytest.mark.parametrize("method", ["dense", "lanczos"])
    @pytest.mark.parametrize(
        ("d", "atoms", "zero"),
        [
            (np.ones(30), [1.0], 0.0),
            (np.zeros(30), [], 1.0),
            (np.r_[np.zeros(29), 3.0], [3.0], 29 / 30),
            ([4.0], [4.0], 0.0),
            ([0.0], [], 1.0),
            ([-2.0, 0.0, 2.0], None, 1 / 3),
        ],
        ids=["identity", "zero", "rank one", "one", "one zero", "fewer than probes"],
    )
    def test_shares(self, method, d, atoms, zero):
        s = spectral_density(symmetric(d), method=method)
        assert shares(s) == pytest.approx(1)
        assert s.zero_mass.value == pytest.approx(zero)
        if atoms is not None:
            assert [a.value for a in s.atoms] == pytest.approx(atoms)
        assert np.isfinite(s.density).all() and json.dumps(s.to_dict())
        assert "nan" not in repr(s)

    def test_float32(self):
        s = spectral_density(symmetric(MIXED).astype(np.float32), method="lanczos", steps=60)
        assert s.outliers == 7 and [round(a.value, 4) for a in s.atoms] == [-0.6, 1, 2, 3, 5]
        assert s.zero_mass.value == pytest.approx(0.2, abs=0.04)
        assert shares(s) == pytest.approx(1)

    def test_scipy_operators_and_one_probe_a_block(self, monkeypatch):
        A = symmetric(MIXED)
        op = LinearOperator(A.shape, matvec=lambda x: A @ x, dtype=float)
        together = spectral_density(op, method="lanczos", steps=40)
        monkeypatch.setattr(
            "tinygrad_hess.curvature.spectra.spectral_sample.BASIS_MEMORY", 41 * 200 * 8
        )
        apart = spectral_density(op, method="lanczos", steps=40)
        assert apart.matvecs == together.matvecs == 400
        # Memory for one basis holds few vectors of eigenvalues, so fewer are counted.
        assert apart.atoms[-1].value == pytest.approx(5) and apart.atoms[-1].multiplicity == 3
        assert apart.extent == pytest.approx(together.extent)
        assert apart.zero_mass.value == pytest.approx(together.zero_mass.value, abs=0.03)


class TestSpending:
    def test_stops_at_the_accuracy_asked_for(self):
        A = wishart(300, 150)
        few = spectral_density(A, method="lanczos", steps=20, probes=4)
        s = spectral_density(A, method="lanczos", steps=20, probes=4, rtol=0.05)
        assert s.converged and s.probes > few.probes and s.matvecs == 20 * s.probes
        assert np.trapezoid(np.diff(s.band)[:, 0] / 2, s.grid) <= 0.05 * s.bulk
        short = spectral_density(A, method="lanczos", steps=20, rtol=1e-4, max_matvecs=400)
        assert not short.converged and "max_matvecs" in short.reason and short.matvecs <= 400

    @pytest.mark.parametrize("limit", [8, 50, 123, 1000])
    def test_products_are_never_overspent(self, limit):
        s = spectral_density(wishart(300, 150), method="lanczos", max_matvecs=limit)
        assert s.matvecs <= limit and np.isfinite(s.density).all()
        assert s.converged == (limit >= 1000)
        assert ("max_matvecs" in s.reason) == (limit < 1000)

    def test_time_is_kept(self):
        def slow(x):
            import time

            time.sleep(0.002)
            return A @ x

        A = wishart(300, 150)
        op = LinearOperator(A.shape, matvec=slow, dtype=float)
        s = spectral_density(op, method="lanczos", seconds=0.4)
        assert not s.converged and "seconds" in s.reason and s.matvecs < 1000

    def test_same_seed_same_answer_whatever_the_global_state(self):
        A = wishart(300, 150)
        options = {"method": "lanczos", "steps": 20, "grid": np.linspace(0, 3, 30)}
        np.random.seed(1)
        one = spectral_density(A, seed=3, **options)
        np.random.seed(2)
        two = spectral_density(A, seed=3, **options)
        np.testing.assert_array_equal(one.density, two.density)
        other = spectral_density(A, seed=4, **options)
        assert np.abs(other.density - one.density).max() > 0

    def test_killed_and_resumed_gives_the_same(self, tmp_path, monkeypatch):
        monkeypatch.setattr("tinygrad_hess.core.pace.SECONDS", 0.0)
        monkeypatch.setattr("tinygrad_hess.core.pace.SHARE", 1e9)
        A, path = symmetric(MIXED), tmp_path / "run.npz"
        options = {"method": "lanczos", "steps": 12, "probes": 4, "rtol": 0.02}

        def dying(after):
            spent = [0]

            def products(X):
                spent[0] += X.shape[1]
                if spent[0] > after:
                    raise RuntimeError("killed")
                return A @ X

            return LinearOperator(A.shape, matvec=lambda x: products(x[:, None])[:, 0],
                                  matmat=products, dtype=float)  # fmt: skip

        whole = spectral_density(dying(10**9), **options)
        assert whole.probes > 4
        for after in (20, 40, 75):
            with pytest.raises(RuntimeError, match="killed"):
                spectral_density(dying(after), checkpoint=path, **options)
        resumed = spectral_density(dying(10**9), checkpoint=path, **options)
        np.testing.assert_array_equal(resumed.density, whole.density)
        np.testing.assert_array_equal(resumed.band, whole.band)
        assert resumed.probes == whole.probes and resumed.atoms == whole.atoms
        with pytest.raises(ValueError, match="seed"):
            spectral_density(A, checkpoint=path, seed=1, **options)

    @pytest.mark.parametrize(("after", "usable"), [(5, False), (300, True), (900, True)])
    def test_interrupted_gives_what_there_is(self, after, usable):
        A, spent = wishart(300, 150), [0]

        def products(X):
            spent[0] += X.shape[1]
            if spent[0] > after:
                raise KeyboardInterrupt
            return A @ X

        op = LinearOperator(A.shape, matvec=lambda x: A @ x, matmat=products, dtype=float)
        if usable:
            s = spectral_density(op, method="lanczos", steps=60, rtol=0.01)
            assert not s.converged and "interrupted" in s.reason
            assert total(s) == pytest.approx(1, abs=0.01)
        else:
            with pytest.raises(KeyboardInterrupt):
                spectral_density(op, method="lanczos", steps=60)


class TestOutliers:
    @pytest.mark.parametrize(
        ("values", "count"),
        [
            ([9, 8, 7, 1, 0.9, 0.8, 0.7], 3),
            ([9, 8, 7, 0.9, 0.8, 0.7, 0, 0], 3),
            ([5, 4.8, 4.6, 4.5, 4.4, 4.2], 0),
            ([3, 3, 3, 3], 0),
            ([7, 0, 0, 0], 1),
            ([2, 2, 2, 0, 0], 3),
            ([0, 0, 0], 0),
            ([-1, -2], 0),
            ([0.3, 0.1, 1e-9], 0),
            ([3, 2], 0),
            ([3, 1], 1),
        ],
    )
    def test_largest_gap(self, values, count):
        assert outliers(np.array(values, float), 1.0)[0] == count

    def test_random_matrices_seldom_have_any(self):
        found = [spectral_density(wishart(120, 60, seed)).outliers for seed in range(40)]
        assert np.mean(np.array(found) > 0) <= 0.15

    @pytest.mark.slow
    @pytest.mark.parametrize("classes", [2, 3, 5])
    def test_one_fewer_than_classes_in_a_digits_classifier(self, classes):
        # Sagun et al. (2016): after some training, C - 1 eigenvalues leave the bulk.
        x, y = digits()
        x, y = x[y < classes], y[y < classes]
        op = trained((64, 32, classes), nn.relu, x, y, steps=100)
        s = spectral_density(op, method="lanczos")
        assert s.outliers == classes - 1 and s.gap > 3


def digits():
    """Pixels between 0 and 1, shape (n, 64), and labels."""
    data = tg.data.digits()
    x = np.asarray(data.x, float).reshape(len(data.y), -1)
    return x / x.max(), np.asarray(data.y)


def trained(sizes, activation, x, y, steps, rate=0.1, seed=0):
    """The Hessian of a net's cross-entropy after some steps of gradient descent."""
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[:-1], sizes[1:]))
    p = [(rng.normal(size=s) * (2 / s[0]) ** 0.5, np.zeros(s[1])) for s in shapes]

    def loss(p, batch):
        h, labels = batch
        for w, b in p[:-1]:
            h = activation(h @ w + b)
        return nn.cross_entropy(h @ p[-1][0] + p[-1][1], labels)

    gradient = tg.jit(tg.grad(loss))
    for _ in range(steps):
        g = gradient(p, (x, y))
        p = [(w - rate * dw, b - rate * db) for (w, b), (dw, db) in zip(p, g)]
    return HessianOperator(loss, p, (x, y))


@pytest.mark.slow
def test_agrees_with_the_exact_density_of_a_trained_net():
    # Ghorbani, Krishnan and Xiao (2019): 90 steps, 10 probes, Gaussians of variance 1e-5.
    x, y = digits()
    op = trained((64, 16, 10), np.tanh, x[:1000], y[:1000], 300)
    H = op.to_dense()
    d = np.linalg.eigvalsh((H + H.T) / 2)
    width = 1e-5**0.5
    grid = np.arange(d[0] - 0.05, d[-1] + 0.05, width / 3)

    def gaussians(centres, weights):
        z = (grid[:, None] - centres) / width
        return np.exp(-(z**2) / 2) @ weights / (width * (2 * np.pi) ** 0.5)

    exact = gaussians(d, np.full(len(d), 1 / len(d)))

    def error(steps, probes):
        s = spectral_density(
            H, method="lanczos", steps=steps, probes=probes, bandwidth=width, grid=grid
        )
        weights = np.array([a.weight for a in s.atoms])
        whole = s.density + gaussians(np.array([a.value for a in s.atoms]), weights)
        whole += gaussians(np.zeros(1), np.array([s.zero_mass.value]))
        return np.trapezoid(np.abs(whole - exact), grid)

    assert error(90, 10) < 0.04
    assert error(30, 10) > 2 * error(90, 10)  # what fewer steps do not resolve


@pytest.mark.slow
def test_bands_cover():
    A = wishart(300, 150, seed=2) + 5 * np.eye(150)  # where no Gaussian reaches zero
    d = np.linalg.eigvalsh(A)
    width, grid = 0.3, np.linspace(5.1, 7.7, 14)
    z = (grid[:, None] - d) / width
    truth = np.exp(-(z**2) / 2).mean(axis=1) / (width * (2 * np.pi) ** 0.5)
    inside = []
    for seed in range(500):
        s = spectral_density(
            A, method="lanczos", steps=12, probes=8, bandwidth=width, grid=grid, seed=seed
        )
        inside.append((s.band[:, 0] <= truth) & (truth <= s.band[:, 1]))
    assert 0.93 <= np.mean(inside) <= 0.97


class TestResult:
    def test_plots(self):
        pytest.importorskip("matplotlib")
        for method in ("dense", "lanczos"):
            s = spectral_density(symmetric(MIXED), method=method, steps=40)
            for scale, label in (("linear", "eigenvalue"), ("log", "magnitude of the eigenvalue")):
                ax = s.plot(scale=scale)
                assert ax.get_xlabel().startswith(label) and len(ax.lines) >= 2
        ax.figure.draw_without_rendering()
        with pytest.raises(ValueError, match="'log'"):
            s.plot(scale="loglog")

    def test_log_magnitudes_hold_the_signs_apart(self):
        s = spectral_density(np.diag(np.r_[-np.logspace(-6, -5, 30), np.logspace(-1, 0, 70)]))
        places, positive, negative = s.magnitudes
        assert np.trapezoid(positive, places) == pytest.approx(0.7, abs=0.01)
        assert np.trapezoid(negative, places) == pytest.approx(0.3, abs=0.01)
        assert negative[places > -4].max() < 1e-3 and positive[places < -2].max() < 1e-3

    def test_resolution_grows_finer_with_steps(self):
        A = symmetric(np.r_[np.logspace(-9, 0, 150)])
        few, many = (spectral_density(A, method="lanczos", steps=m).resolution for m in (10, 60))
        assert 0 < many < few < 1 and spectral_density(A).resolution < 1e-12

    def test_says_what_it_is(self):
        s = spectral_density(symmetric(MIXED), method="lanczos", steps=40, max_matvecs=160)
        assert isinstance(s, SpectralDensity)
        assert "200 eigenvalues" in repr(s) and "NOT converged: max_matvecs=160" in repr(s)
        plain = json.loads(json.dumps(s.to_dict()))
        assert plain["probes"] == s.probes and plain["atoms"][-1]["multiplicity"] == 3
        assert plain["converged"] is False and len(plain["band"]) == len(plain["grid"])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"probes": 3}, "at least 4 probes"),
            ({"steps": 1}, "2 steps"),
            ({"rtol": 0.0}, "rtol must be positive"),
            ({"bandwidth": -1.0}, "bandwidth must be positive"),
            ({"method": "slq"}, "'slq' is not 'auto'"),
            ({"max_matvecs": 5}, "too few"),
        ],
    )
    def test_errors(self, options, message):
        with pytest.raises(ValueError, match=message):
            spectral_density(np.eye(50), **{"method": "lanczos", **options})

    def test_refuses_what_is_not_symmetric_or_finite(self):
        with pytest.raises(ValueError, match="not symmetric"):
            spectral_density(np.array([[1.0, 2.0], [0.0, 1.0]]))
        op = LinearOperator((9, 9), matvec=lambda x: x * np.nan, dtype=float)
        with pytest.raises(ValueError, match="not finite"):
            spectral_density(op, method="lanczos")
