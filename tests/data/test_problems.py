"""Problems of optimisation against what the paper and its program print, and their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.data import problems

MGH, LARGE = problems.more_garbow_hillstrom(), problems.large()
EVERY = [*MGH, *LARGE]

AT_THE_START = {
    "rosenbrock": 24.2,
    "freudenstein_roth": 400.5,
    "powell_badly_scaled": 1.1352618,
    "brown_badly_scaled": 999998000003.0,
    "beale": 14.203125,
    "jennrich_sampson": 4171.3062,
    "helical_valley": 2500.0,
    "bard": 41.68170,
    "gaussian": 3.888107e-6,
    "meyer": 1.693608e9,
    "box": 1031.154,
    "powell_singular": 215.0,
    "wood": 19192.0,
    "kowalik_osborne": 5.313172e-3,
    "brown_dennis": 7926693.337,
    "osborne_1": 0.8790259,
    "biggs_exp6": 0.779070,
    "osborne_2": 2.093420,
    "watson": 30.0,
    "penalty_1": 148032.56,
    "variably_dimensioned": 2198551.16,
    "brown_almost_linear": 273.24805,
    "chebyquad": 3.8617699e-2,
}
"""Losses at the starts, from the reference outputs of MINPACK's and UNCMIN's test drivers, which
hold the authors' program."""


@pytest.mark.parametrize("name", AT_THE_START)
def test_value_at_the_start(name: str) -> None:
    p = problems.named(name)
    assert float(p.loss(p.start)) == pytest.approx(AT_THE_START[name], rel=2e-6)


def test_there_are_35_and_20_and_names_are_unique() -> None:
    assert len(MGH) == 35
    assert len(LARGE) >= 20
    assert [f"problem {i}" for i in range(1, 36)] == [p.source.split(", ")[-1] for p in MGH]
    assert len({p.name for p in EVERY}) == len(EVERY)


@pytest.mark.parametrize("p", [p for p in EVERY if p.solution is not None], ids=lambda p: p.name)
def test_a_solution_has_the_minimum_and_no_gradient(p: Any) -> None:
    assert float(p.loss(p.solution)) == pytest.approx(p.minimum, rel=1e-12, abs=1e-18)
    assert np.abs(tg.grad(p.loss)(p.solution)).max() < 1e-8


@pytest.mark.parametrize("p", EVERY, ids=lambda p: p.name)
def test_gradient_against_differences(p: Any) -> None:
    """Of the loss along one direction, at a point off the start."""
    rng = np.random.default_rng(0)
    x = p.start + 0.01 * rng.uniform(0.5, 1, p.size) * np.maximum(np.abs(p.start), 0.1)
    v = rng.normal(size=p.size) * np.maximum(np.abs(p.start), 0.1)
    h = 1e-5
    value = lambda t: float(p.loss(x + t * v))
    slope = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h)
    scale = np.abs(tg.grad(p.loss)(x)) @ np.abs(v)
    rounding = 1e-16 * abs(value(0)) / h
    assert tg.grad(p.loss)(x) @ v == pytest.approx(slope, abs=1e-6 * scale + 10 * rounding)


def test_linear_problems_have_the_minima_of_linear_algebra() -> None:
    for name in ("linear_full_rank", "linear_rank_1", "linear_rank_1_with_zeros"):
        p = problems.named(name)
        zero = np.zeros(p.size)
        offset = np.asarray(p.residuals(zero))
        matrix = np.stack([p.residuals(e) - offset for e in np.eye(p.size)], 1)
        x = np.linalg.lstsq(matrix, -offset, rcond=None)[0]
        assert np.sum((matrix @ x + offset) ** 2) == pytest.approx(p.minimum, rel=1e-12)


def test_chebyquad_against_numpy() -> None:
    p = problems.named("chebyquad")
    x = np.linspace(0.1, 0.8, p.size)
    for i, r in enumerate(p.residuals(x), 1):
        series = np.polynomial.Chebyshev.basis(i, domain=[0, 1])
        mean = series.integ()(1) - series.integ()(0)
        assert r == pytest.approx(series(x).mean() - mean, abs=1e-13)


def test_the_known_minimum_is_recognised() -> None:
    p = problems.named("bard")
    assert p.is_minimum(8.21487e-3)
    assert not p.is_minimum(8.3e-3)
    assert not problems.named("gaussian").is_minimum(1.2e-8)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="named: name='powel' is not 'rosenbrock'"):
        problems.named("powel")
