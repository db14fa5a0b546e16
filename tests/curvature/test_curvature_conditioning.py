"""Condition numbers and counts of signs against dense eigenvalues and closed forms."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from spectra import covered, semicircle, symmetric, wishart

from tinygrad_hess.curvature import HessianOperator, condition_number, inertia

METHODS = pytest.mark.parametrize("method", ["dense", "lanczos"])


def counts(result):
    return [round(getattr(result, name).value) for name in ("negative", "zero", "positive")]


class TestConditionNumber:
    def test_rosenbrock(self):
        f = lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        c = condition_number(HessianOperator(f, np.ones(2)))
        assert c.value == pytest.approx(2508.0096, abs=1e-4) and c.exact and c.converged
        assert condition_number(HessianOperator(f, np.ones(10))).value == pytest.approx(
            1762.8409 / 0.498752, rel=1e-6
        )

    @METHODS
    @pytest.mark.parametrize(("n", "limit", "near"), [(2000, 9.0, 0.6), (1000, 33.97, 3.0)])
    def test_marchenko_pastur(self, method, n, limit, near):
        A = wishart(n, 500)
        d = np.linalg.eigvalsh(A)
        c = condition_number(A, method=method)
        assert c.converged and c.value == pytest.approx(d[-1] / d[0], rel=1e-3)
        assert c.value == pytest.approx(limit, abs=near)
        assert c.interval[0] <= d[-1] / d[0] * (1 + 1e-9)
        assert c.interval[1] >= d[-1] / d[0] * (1 - 1e-9)
        assert counts(c.inertia) == [0, 0, 500]

    @METHODS
    def test_never_the_largest_over_the_smallest_of_an_indefinite_matrix(self, method):
        d = np.r_[np.linspace(-2, -1, 30), np.zeros(20), np.linspace(0.5, 8, 50)]
        c = condition_number(symmetric(d), method=method)
        assert c.converged and c.value == pytest.approx(16) and counts(c.inertia) == [30, 20, 50]
        assert c.largest == pytest.approx(8) and c.smallest == pytest.approx(0.5)
        assert "30 negative, 20 zero, 50 positive" in repr(c)

    @METHODS
    def test_zeros_of_a_semidefinite_matrix_are_left_out(self, method):
        A = wishart(60, 150)
        d = np.linalg.eigvalsh(A)[-60:]
        c = condition_number(A, method=method)
        assert c.converged and c.value == pytest.approx(d[-1] / d[0], rel=1e-3)
        assert c.inertia.zero.interval[0] - 1e-6 <= 90 <= c.inertia.zero.interval[1] + 1e-6

    def test_what_is_not_resolved_is_said_and_bounded(self):
        d = np.r_[semicircle_values(300), 9.0]
        c = condition_number(symmetric(d), method="lanczos", steps=60)
        assert not c.converged and "smallest positive" in c.reason
        truth = d.max() / d[d > 0].min()
        assert c.interval[0] <= truth <= c.interval[1]
        # The lower end is proved: some eigenvalue lies in the interval around the Ritz value.
        low, high = c.smallest_interval
        assert ((d > 0) & (d <= high)).any() and low == c.inertia.threshold

    @METHODS
    @pytest.mark.parametrize("scale", [1e-12, 1e12])
    def test_scale_changes_nothing(self, method, scale):
        A = symmetric(np.r_[np.zeros(3), np.linspace(1, 10, 40), -4])
        c = condition_number(scale * A, method=method)
        assert c.value == pytest.approx(10) and counts(c.inertia) == [1, 3, 40]

    @METHODS
    @pytest.mark.parametrize(
        ("d", "value"),
        [(np.ones(9), 1), ([2.0], 1), (np.r_[np.zeros(8), 3], 1), (np.zeros(9), None),
         (-np.ones(9), None), ([4, 2.0], 2)],
    )  # fmt: skip
    def test_degenerate(self, method, d, value):
        c = condition_number(symmetric(d), method=method)
        if value is None:
            assert math.isnan(c.value) and not c.converged and "positive" in c.reason
        else:
            assert c.value == pytest.approx(value) and c.converged
        assert sum(counts(c.inertia)) == len(d) and json.dumps(c.to_dict())

    def test_float32(self):
        A = symmetric(np.linspace(0.1, 2, 80)).astype(np.float32)
        c = condition_number(A, method="lanczos")
        assert c.converged and c.value == pytest.approx(20, rel=1e-3)

    def test_a_larger_zero_is_respected(self):
        c = condition_number(np.diag([1e-6, 0.5, 4.0]), zero=1e-3)
        assert c.value == pytest.approx(8) and counts(c.inertia) == [0, 1, 2]

    def test_budget_plot_and_errors(self):
        c = condition_number(wishart(300, 200), method="lanczos", max_matvecs=60)
        assert c.matvecs <= 60 and not c.converged and "max_matvecs" in c.reason
        pytest.importorskip("matplotlib")
        assert c.plot().get_title().startswith("condition number")
        with pytest.raises(ValueError, match="rtol must be positive"):
            condition_number(np.eye(3), rtol=0)
        with pytest.raises(ValueError, match="at least 4 probes"):
            condition_number(np.eye(3), probes=1, method="lanczos")


def semicircle_values(p):
    return np.linalg.eigvalsh(semicircle(p))


class TestInertia:
    @METHODS
    def test_counts(self, method):
        d = np.r_[np.full(25, -1.0), np.zeros(40), np.linspace(1, 3, 60)]
        result = inertia(symmetric(d), method=method)
        for name, truth in (("negative", 25), ("zero", 40), ("positive", 60)):
            e = getattr(result, name)
            assert e.interval[0] - 1e-6 <= truth <= e.interval[1] + 1e-6
            assert e.value == pytest.approx(truth, abs=0 if method == "dense" else 12)
        total = sum(getattr(result, name).value for name in ("negative", "zero", "positive"))
        assert total == pytest.approx(125)
        assert json.loads(json.dumps(result.to_dict()))["size"] == 125

    def test_certified_ones_bound_the_interval(self):
        d = np.r_[-5.0, -4.0, -3.0, np.abs(np.random.default_rng(0).normal(size=400)) + 0.5]
        result = inertia(symmetric(d), method="lanczos", steps=60)
        assert result.negative.value == pytest.approx(3)
        assert result.negative.interval == pytest.approx((3, 3))
        assert result.positive.value == pytest.approx(400)

    def test_unresolved_mass_at_zero_widens_the_interval(self):
        d = np.r_[np.logspace(-12, -3, 150), -np.logspace(-12, -3, 50), np.linspace(0.1, 1, 100)]
        result = inertia(symmetric(d), method="lanczos", steps=30)
        low, high = result.negative.interval
        assert low <= 50 <= high and high - low > 30
        sharper = inertia(symmetric(d), method="lanczos", steps=30, zero=0.02).zero
        assert sharper.interval[0] <= 200 <= sharper.interval[1]
        assert np.diff(sharper.interval)[0] < high - low

    def test_plot_repr_and_errors(self):
        pytest.importorskip("matplotlib")
        result = inertia(wishart(100, 50), method="lanczos", steps=10)
        assert len(result.plot().get_yticks()) == 3 and "positive 50" in repr(result)
        with pytest.raises(ValueError, match="zero must be positive"):
            inertia(np.eye(3), zero=-1.0)


@pytest.mark.slow
def test_counts_cover():
    d = semicircle_values(60)
    A, truth = symmetric(d), (d < 0).sum()
    found = [
        inertia(A, method="lanczos", steps=20, probes=6, seed=seed).negative for seed in range(500)
    ]
    assert covered(found, truth) >= 0.93  # bounds, not only chance: more is right
    assert np.mean([np.diff(e.interval)[0] for e in found]) < 25
