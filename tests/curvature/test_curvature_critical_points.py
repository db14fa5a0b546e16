"""Kinds of critical points, against functions whose kind is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse import diags_array
from spectra import symmetric

from tinygrad_hess.curvature import HessianOperator, classify_critical_point


def classify(eigenvalues, **options):
    A = symmetric(eigenvalues)
    return classify_critical_point(A, np.zeros(len(A)), **options)


class TestKinds:
    @pytest.mark.parametrize(
        ("eigenvalues", "kind", "index", "nullity"),
        [
            ([1, 2, 3.0], "minimum", 0, 0),
            ([1, 1, 1.0], "minimum", 0, 0),
            ([4.0], "minimum", 0, 0),
            ([-1, -2, -3.0], "maximum", 3, 0),
            ([-1, 2, 3.0], "saddle", 1, 0),
            ([-1, 0, 3.0], "saddle", 1, 1),
            ([-1e-6, 2, 3.0], "saddle", 1, 0),
            ([0, 2, 3.0], "degenerate", 0, 1),
            ([0, 0, -3.0], "degenerate", 1, 2),
            ([0, 0, 0.0], "degenerate", 0, 3),
        ],
    )
    @pytest.mark.parametrize("scale", [1e-12, 1e-7, 1.0, 1e12])
    def test_by_all_eigenvalues(self, eigenvalues, kind, index, nullity, scale):
        found = classify(scale * np.array(eigenvalues))
        assert (found.kind, found.proved) == (kind, True)
        assert found.index == (index, index) and found.nullity == (nullity, nullity)
        positive = len(eigenvalues) - index - nullity
        assert found.positive == (positive, positive)
        assert found.smallest[0] == pytest.approx(scale * min(eigenvalues), abs=1e-14 * scale)
        assert found.largest[1] == pytest.approx(scale * max(eigenvalues), abs=1e-14 * scale)

    def test_two_parameters(self):
        f = lambda w: 0.5 * (w[0] * w[1] - 1) ** 2
        saddle = classify_critical_point(HessianOperator(f, np.zeros(2)))
        assert saddle.kind == "saddle" and saddle.index == (1, 1)
        np.testing.assert_allclose(abs(saddle.negative_direction), [0.5**0.5] * 2, rtol=1e-12)
        valley = classify_critical_point(HessianOperator(f, np.array([2.0, 0.5])))
        assert valley.kind == "degenerate" and valley.nullity == (1, 1)
        assert valley.negative_direction is None
        assert "no direction curves down" in valley.reason
        np.testing.assert_allclose(np.mean(valley.largest), 4.25)
        slope = classify_critical_point(HessianOperator(f, np.array([1.0, 2.0])))
        assert slope.kind == "not critical"
        assert slope.gradient_norm == pytest.approx(np.hypot(2, 1))

    @pytest.mark.parametrize("scale", [1e-7, 1.0, 1e7])
    def test_how_near_to_critical_does_not_depend_on_the_units_of_the_loss(self, scale):
        f = lambda x: scale * ((x - 3) ** 2).sum()
        near, off = np.full(3, 3 + 1e-9), np.full(3, 3 + 1e-4)
        assert classify_critical_point(HessianOperator(f, near)).kind == "minimum"
        assert classify_critical_point(HessianOperator(f, off)).kind == "not critical"
        loose = classify_critical_point(HessianOperator(f, off), gradient_tol=1e-3)
        assert loose.kind == "minimum"

    def test_a_slope_without_curvature(self):
        found = classify_critical_point(np.zeros((3, 3)), np.ones(3))
        assert found.kind == "not critical"

    def test_float32(self):
        f = lambda x: ((x[0] - 1) ** 2 - x[1] ** 2) * np.float32(2)
        found = classify_critical_point(HessianOperator(f, np.array([1, 0], np.float32)))
        assert found.kind == "saddle"
        assert found.negative_direction.dtype == np.float32


class TestManyParameters:
    """Over 3,000 parameters, or with few products, only the ends are looked at."""

    def test_a_saddle_is_proved(self, rng):
        d = np.r_[-3.0, -1.0, rng.uniform(0.5, 2, 3998)]
        found = classify_critical_point(diags_array(d), np.zeros(4000), k=3)
        assert (found.kind, found.proved) == ("saddle", True)
        assert found.index[0] == 2 and found.index[1] >= 2
        assert found.matvecs < 1000
        v = found.negative_direction
        assert v @ (d * v) == pytest.approx(-3, rel=1e-5)

    def test_a_minimum_is_not_proved(self, rng):
        d = rng.uniform(0.5, 2, 4000)
        found = classify_critical_point(diags_array(d), np.zeros(4000), k=2)
        assert (found.kind, found.proved) == ("minimum", False)
        assert "no proof" in found.reason
        assert found.index == (0, 4000 - found.positive[0]) and found.positive[0] >= 2

    def test_repeated_eigenvalues_are_counted_once_each(self):
        found = classify_critical_point(diags_array(np.ones(3500)), np.zeros(3500), k=4)
        assert found.kind == "minimum"
        assert 0 < found.positive[0] <= 8

    def test_flat_directions_leave_it_undecided(self, rng):
        d = np.r_[np.zeros(500), rng.uniform(0.5, 2, 3000)]
        found = classify_critical_point(diags_array(d), np.zeros(3500), k=2)
        assert (found.kind, found.proved) == ("undecided", False)
        assert "cannot be told from zero" in found.reason

    def test_a_smaller_tolerance_sees_a_small_eigenvalue(self, rng):
        d = np.r_[-1e-5, rng.uniform(0.5, 2, 3500)]
        blunt, sharp = (
            classify_critical_point(diags_array(d), np.zeros(3501), k=2, tol=tol)
            for tol in (1e-2, 1e-7)
        )
        assert (sharp.kind, sharp.proved) == ("saddle", True)
        assert blunt.matvecs < sharp.matvecs
        assert blunt.kind in ("undecided", "saddle") and blunt.index[0] <= 1 <= blunt.index[1]

    @pytest.mark.parametrize("seed", range(20))
    def test_bounds_hold(self, seed):
        rng = np.random.default_rng(seed)
        d = rng.normal(size=300) + rng.normal()
        d[: rng.integers(0, 100)] = 0
        found = classify_critical_point(
            symmetric(d, seed), np.zeros(300), k=5, max_matvecs=100, seed=seed
        )
        assert found.matvecs <= 100
        for bounds, true in (
            (found.index, (d < 0).sum()),
            (found.positive, (d > 0).sum()),
            (found.nullity, (d == 0).sum()),
        ):
            assert bounds[0] <= true <= bounds[1]
        assert found.kind == "saddle"
        v, A = found.negative_direction, symmetric(d, seed)
        theta = v @ A @ v
        assert theta + np.linalg.norm(A @ v - theta * v) < 0


class TestInterface:
    def test_result(self):
        found = classify([-1, 0, 2.0])
        assert "saddle" in repr(found) and "1 negative, 1 zero, 1 positive" in repr(found)
        plain = json.loads(json.dumps(found.to_dict(vectors=True)))
        assert plain["index"] == [1, 1] and len(plain["negative_direction"]) == 3
        assert "negative_direction" not in found.to_dict()
        pytest.importorskip("matplotlib")
        ax = found.plot()
        assert [bar.get_width() for bar in ax.patches][::2] == [1, 1, 1]

    def test_errors(self):
        with pytest.raises(TypeError, match="no gradient"):
            classify_critical_point(np.eye(2))
        with pytest.raises(ValueError, match=r"shape \(3,\)"):
            classify_critical_point(np.eye(2), np.zeros(3))
        with pytest.raises(ValueError, match="NaN"):
            classify_critical_point(np.eye(2), np.array([0, np.nan]))
        for name in ("gradient_tol", "zero_tol"):
            with pytest.raises(ValueError, match=name):
                classify_critical_point(np.eye(2), np.zeros(2), **{name: 0.0})

    def test_tolerance_of_zero(self):
        assert classify([1e-3, 1.0]).kind == "minimum"
        assert classify([1e-3, 1.0], zero_tol=1e-2).kind == "degenerate"
