"""Special functions far out, where SciPy's neighbours of them overflow, cancel or never return."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp
from tinygrad_hess.scipy import special

FAR = [1e5, 1e10, 1e100]


@pytest.mark.parametrize("x", FAR)
@pytest.mark.parametrize(
    ("name", "constant", "terms"),
    [  # slope and value of constant * (1 + terms / x) / sqrt(x), up to rounding
        ("i0e", (2 * np.pi) ** -0.5, (1 / 8, 9 / 128)),
        ("i1e", (2 * np.pi) ** -0.5, (-3 / 8, -15 / 128)),
        ("k0e", (np.pi / 2) ** 0.5, (-1 / 8, 9 / 128)),
        ("k1e", (np.pi / 2) ** 0.5, (3 / 8, -15 / 128)),
    ],
)
def test_scaled_bessel_functions(name: str, constant: float, terms: Any, x: float) -> None:
    f = getattr(special, name)
    a, b = terms
    slope = -constant * x**-1.5 * (0.5 + 1.5 * a / x + 2.5 * b / x / x)
    bend = constant * x**-2.5 * (0.75 + 3.75 * a / x + 8.75 * b / x / x)
    assert_allclose(tg.grad(f)(x), slope, rtol=1e-13)
    assert_allclose(tg.hvp(f, x, 1.0), bend, rtol=1e-13)
    assert_allclose(tg.jit(tg.grad(f))(x), slope, rtol=1e-13)
    assert_allclose(tg.vmap(tg.grad(f))(np.array([x, 1.0])), [slope, tg.grad(f)(1.0)], rtol=1e-13)


@pytest.mark.parametrize("name", ["i0e", "i1e", "k0e", "k1e", "ellipkm1", "rgamma"])
@pytest.mark.parametrize("x", [1e200, 1e300])
def test_slopes_vanish(name: str, x: float) -> None:
    f = getattr(special, name)
    assert abs(tg.grad(f)(x)) < 1e-290
    assert abs(tg.hvp(f, x, 1.0)) < 1e-290


@pytest.mark.parametrize("name", ["eval_chebyu", "eval_chebyt", "eval_legendre"])
def test_degrees_that_take_hours_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}.*2\\*\\*40|{name}.*{2**40}"):
        tg.grad(lambda x: getattr(special, name)(2**40, x))(0.3)


def test_comb_with_repetition_follows_scipy() -> None:
    n, k = np.array([4.0, 4.5, 0.5, 3.0]), np.array([-0.5, 1.5, 3.7, 2.0])
    comb = lambda n, k: special.comb(n, k, repetition=True)
    want = comb(n, k)
    assert_allclose(tg.jvp(comb, (n, k), (n, k))[0], want)
    assert_allclose(tg.jit(comb)(n, k), want)
    assert_allclose(tg.vmap(comb)(n, k), want)
    assert tg.value_and_grad(comb)(0.0, 0.0)[0] == 1


def test_geomspace_refuses_zero() -> None:
    with pytest.raises(ValueError, match="cannot include zero"):
        tg.grad(lambda a: tnp.geomspace(a, np.zeros(2), 4).sum())(0.2)


@pytest.mark.parametrize("name", ["k0e", "k1e"])
def test_no_slope_left_of_the_domain(name: str) -> None:
    """There is no function there; a formula of the absolute value would give a slope."""
    f, x = getattr(special, name), np.array([-1.0, -2e3, -1e200])
    with np.errstate(all="ignore"):
        assert np.isnan(f(x)).all()
        assert np.isnan(tg.grad(lambda x: f(x).sum())(x)).all()
        assert np.isnan(tg.hvp(lambda x: f(x).sum(), x, np.ones(3))).all()
