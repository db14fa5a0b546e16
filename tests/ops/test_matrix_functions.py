"""Functions of complex matrices with eigenvalues on the branch cut, where rounding decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

import tinygrad_hess as tg
from tinygrad_hess.scipy import linalg

RNG = np.random.default_rng(7)
Q = np.linalg.qr(RNG.normal(size=(8, 8)))[0]
POINTS = {
    "one negative": np.diag([3.0, -1.0, 2.0]),
    "negative": -(Q[:3] @ Q[:3].T + np.diag([1.0, 2.0, 3.0])),
    "tied": (Q * np.repeat([-1.0, 3.0], 4)) @ Q.T,
    "a multiple of the identity": -4 * np.eye(3),
    "positive": (Q * np.arange(1.0, 9)) @ Q.T,
}
FUNCTIONS = {"sqrtm": np.emath.sqrt, "logm": np.emath.log, "expm": np.exp}
COMPLEX = {
    "astype": lambda x: x.astype(complex),
    "Hermitian": lambda x: x + 1j * (x - x.T),
}


def _reference(f: Any, a: Any) -> Any:
    w, v = np.linalg.eigh(a)
    return (v * f(w)) @ v.T


@pytest.mark.parametrize("part", [np.real, np.imag])
@pytest.mark.parametrize("cast", COMPLEX)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_symmetric_matrices_made_complex(name: str, point: str, cast: str, part: Any) -> None:
    """To second order in all nestings, along symmetric changes, which leave the cut nowhere."""
    a, f = POINTS[point], getattr(linalg, name)
    rng = np.random.default_rng(3)
    weights, t = rng.normal(size=a.shape), rng.normal(size=a.shape)
    t = (t + t.T) / 4
    of = lambda x: (weights * part(f(COMPLEX[cast](x)))).sum()
    along = lambda s: (weights * part(_reference(FUNCTIONS[name], a + s * t))).sum()
    h, scale = 1e-3, 1 + np.abs(_reference(FUNCTIONS[name], a)).max()
    far, near = along(2 * h) - along(-2 * h), along(h) - along(-h)
    sums = along(2 * h) + along(-2 * h), along(h) + along(-h)
    first = (8 * near - far) / (12 * h)
    second = (16 * sums[1] - sums[0] - 30 * along(0)) / (12 * h * h)
    slope = lambda x: tg.jvp(of, (x,), (t,))[1]
    assert_allclose(tg.value_and_grad(of)(a)[0], along(0), atol=1e-12 * scale)
    assert_allclose((tg.grad(of)(a) * t).sum(), first, atol=1e-8 * scale)
    nestings = {
        "forward over reverse": (tg.hvp(of, a, t) * t).sum(),
        "reverse over forward": (tg.grad(slope)(a) * t).sum(),
        "reverse over reverse": (tg.grad(lambda x: (tg.grad(of)(x) * t).sum())(a) * t).sum(),
        "forward over forward": tg.jvp(slope, (a,), (t,))[1],
    }
    for nesting, got in nestings.items():
        assert_allclose(got, second, atol=1e-6 * scale, err_msg=nesting)


@pytest.mark.parametrize("name", ["sqrtm", "logm"])
def test_off_the_cut_the_answer_is_scipys(name: str) -> None:
    a = RNG.normal(size=(4, 4)) + 1j * RNG.normal(size=(4, 4))
    want = getattr(scipy.linalg, name)(a)
    assert np.array_equal(getattr(linalg, name)(a), want)
    assert np.array_equal(getattr(linalg, name)(tg.tensor(a)).numpy(), want)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_recorded_roots_of_negative_numbers_are_above_the_real_axis(dtype: Any) -> None:
    a = ((Q * np.repeat([-4.0, 9.0], 4)) @ Q.T).astype(dtype)
    rough = 1e3 * np.finfo(dtype).eps
    for given in (a, a - 1e-17j, np.stack([a, a.conj()])):
        root, _ = tg.jvp(linalg.sqrtm, (given.astype(dtype),), (0 * given.astype(dtype),))
        assert root.dtype == dtype
        assert_allclose(root - (Q * np.repeat([2j, 3], 4)) @ Q.T, 0 * given, atol=rough)
