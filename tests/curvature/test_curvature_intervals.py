"""Intervals of means over probes: skewness is transformed away, and counts begin at what is certain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from spectra import symmetric

from tinygrad_hess.curvature import inertia
from tinygrad_hess.curvature.estimates.probing import SKEWED, Running


def ran(x: Any, *ends: int) -> Running:
    """Rows of numbers, taken in as blocks that end there."""
    running = Running()
    for block in np.split(np.atleast_2d(x), ends, axis=1):
        running.add(block)
    return running


def covered(running: Running, truth: float) -> float:
    low, high = running.interval
    return float(np.mean((low <= truth) & (truth <= high)))


@pytest.mark.parametrize("ends", [(), (1, 2, 17), (25,), tuple(range(1, 50))])
def test_skewness_is_that_of_the_whole(rng: Any, ends: tuple[int, ...]) -> None:
    x = rng.exponential(size=(5, 50)) * [[1e-120], [1.0], [-1.0], [1e120], [3.0]] + [
        [0], [0], [0], [0], [10]
    ]  # fmt: skip
    expected = stats.skew(x[1:3], axis=1, bias=False)
    np.testing.assert_allclose(ran(x[1:3], *ends).skewness, expected, rtol=1e-11)
    expected = stats.skew(x[4:] - 10, axis=1, bias=False)
    np.testing.assert_allclose(ran(x[4:], *ends).skewness, expected, rtol=1e-9)


def test_as_student_where_nothing_is_skewed(rng: Any) -> None:
    x = rng.normal(size=(3, 10))
    x = np.concatenate([x, -x], axis=1) + 2.0
    low, high = ran(x).interval
    expected = stats.t.interval(0.95, 19, x.mean(axis=1), x.std(axis=1, ddof=1) / 20**0.5)
    np.testing.assert_allclose([low, high], expected, rtol=1e-12)
    few = rng.exponential(size=(3, SKEWED - 1))
    low, high = ran(few).interval
    error = few.std(axis=1, ddof=1) / (SKEWED - 1) ** 0.5
    expected = stats.t.interval(0.95, SKEWED - 2, few.mean(axis=1), error)
    np.testing.assert_allclose([low, high], expected, rtol=1e-12)


@pytest.mark.parametrize("scale", [-1e60, -1.0, 1e-60, 1e60])
def test_moves_and_grows_with_the_numbers(rng: Any, scale: float) -> None:
    x = rng.exponential(size=(1, 30))
    ends = np.ravel(ran(x).interval)
    np.testing.assert_allclose(np.ravel(ran(scale * x).interval), np.sort(scale * ends), rtol=1e-12)
    np.testing.assert_allclose(np.ravel(ran(x + 5).interval), ends + 5, rtol=1e-12)


def test_holds_the_mean_and_has_no_width_without_spread(rng: Any) -> None:
    x = np.r_[np.zeros(39), 1.0]  # as skewed as 40 numbers can be
    for row in (x, -x, rng.exponential(size=40)):
        running = ran(row)
        low, high = running.interval
        assert (low < running.mean).all() and (running.mean < high).all()
    np.testing.assert_array_equal(np.ravel(ran(np.full(9, 7.0)).interval), [7.0, 7.0])
    assert np.isinf(ran(np.ones(1)).half_width).all()


@pytest.mark.parametrize("probes", [10, 20, 50])
@pytest.mark.parametrize("values", [[1.0], [5.0, 4.0, 3.0, 2.0, 1.0], [1.0] * 40])
def test_covers_forms_of_few_eigenvalues(rng: Any, values: list[float], probes: int) -> None:
    """The law of zᵀAz for Gaussian z: a sum of chi-squares, more skewed the fewer they are."""
    seeds = 8000
    forms = sum(v * rng.normal(size=(seeds, probes)) ** 2 for v in values)
    running = ran(forms)
    assert 0.93 <= covered(running, sum(values)) <= 0.97
    if len(values) == 1 and probes < 50:  # where Student's t alone does not
        half = stats.t.ppf(0.975, probes - 1) * running.standard_error
        assert np.mean(abs(running.mean - 1) <= half) < 0.91


def test_a_count_begins_at_the_ritz_values_of_its_sign() -> None:
    values = np.r_[-np.linspace(0.1, 1.0, 30), np.linspace(0.01, 3.0, 120)]
    A = symmetric(values)
    found = [inertia(A, method="lanczos", probes=4, steps=40, seed=seed) for seed in range(20)]
    for name, truth in (("negative", 30), ("positive", 120), ("zero", 0)):
        intervals = np.array([getattr(f, name).interval for f in found])
        inside = (intervals[:, 0] <= truth) & (truth <= intervals[:, 1])
        assert inside.mean() >= 0.9, (name, intervals)
    lows = [f.negative.interval[0] for f in found]
    assert min(lows) >= 5  # of the 40 Ritz values of a probe, the negative ones
