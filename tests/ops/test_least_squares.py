"""Pseudo-inverses and least squares where ``rcond`` cuts off singular values that are not 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_hess as tg

CUTS = {  # shape, singular values, rcond
    "square": ((3, 3), [3.0, 2, 0.5], 0.3),
    "tall, tied": ((4, 3), [3.0, 3, 0.9], 0.5),
    "wide, two cut": ((3, 5), [3.0, 1, 0.9], 0.5),
    "close to what is kept": ((3, 3), [1.0, 1, 0.8], 0.9),
    "none": ((4, 3), [3.0, 2, 1], 1e-3),
    "all but one": ((3, 3), [3.0, 0.1, 0.01], 0.1),
}


def _matrix(shape: tuple[int, ...], s: Any, kind: type, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    draw = lambda n: (
        rng.normal(size=(n, len(s))) + (1j * rng.normal(size=(n, len(s))) if kind is complex else 0)
    )
    u, v = (np.linalg.qr(draw(n))[0] for n in shape)
    return (u * np.array(s)) @ v.conj().T


def _difference(f: Any, h: float = 2e-4) -> Any:
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("cut", CUTS)
def test_pinv_of_a_cut_rank(cut: str, kind: type) -> None:
    shape, s, rcond = CUTS[cut]
    a, t = _matrix(shape, s, kind), 0.3 * _matrix(shape, np.ones(len(s)), kind, 1)
    weights = _matrix(shape[::-1], np.ones(len(s)), kind, 2)
    pinv = lambda x: np.linalg.pinv(x, rcond=rcond)
    of = lambda x: np.real(weights * pinv(x)).sum()
    push, gradient = tg.jvp(pinv, (a,), (t,))[1], tg.grad(of)
    assert_allclose(push, _difference(lambda s: pinv(a + s * t)), atol=1e-8)
    along = lambda x: np.real(gradient(x) * t).sum()
    assert_allclose(along(a), _difference(lambda s: of(a + s * t)), atol=1e-8)
    bend = _difference(lambda s: along(a + s * t))
    slope = lambda x: tg.jvp(of, (x,), (t,))[1]
    for got in (
        np.real(tg.hvp(of, a, t) * t).sum(),
        np.real(tg.grad(slope)(a) * t).sum(),
        np.real(tg.grad(along)(a) * t).sum(),
        tg.jvp(slope, (a,), (t,))[1],
    ):
        assert_allclose(got, bend, atol=1e-7)
    assert_allclose(tg.jit(gradient)(a), gradient(a), atol=1e-12)
    both = np.stack([a, 2 * a])
    assert_allclose(tg.vmap(gradient)(both), [gradient(x) for x in both], atol=1e-12)


@pytest.mark.parametrize("cut", CUTS)
def test_lstsq_of_a_cut_rank(cut: str) -> None:
    shape, s, rcond = CUTS[cut]
    a, t = _matrix(shape, s, float), _matrix(shape, np.ones(len(s)), float, 1)
    b = np.arange(1.0, 1 + shape[0])
    solve = lambda a, b: np.linalg.lstsq(a, b, rcond=rcond)[0]
    of = lambda a, b: (solve(a, b) ** 2).sum()
    in_a, in_b = tg.grad(of, argnums=(0, 1))(a, b)
    assert_allclose((in_a * t).sum(), _difference(lambda s: of(a + s * t, b)), atol=1e-7, rtol=1e-8)
    assert_allclose(in_b @ b, _difference(lambda s: of(a, b + s * b)), atol=1e-8, rtol=1e-8)
    found, want = np.linalg.lstsq(tg.tensor(a), tg.tensor(b), rcond=rcond), solve(a, b)
    assert_allclose(found[0].numpy(), want, atol=1e-12)
    assert (
        found[2].item()
        == np.linalg.matrix_rank(a, rtol=rcond)
        == np.sum(np.array(s) > rcond * s[0])
    )


def test_where_nothing_is_kept_derivatives_are_zero() -> None:
    of = lambda a: (np.linalg.pinv(a, rcond=1.5) ** 2).sum()
    for a in (np.zeros((2, 3)), np.ones((2, 3)), np.eye(2), np.zeros((0, 2))):
        assert_allclose(tg.grad(of)(a), 0 * a)
        assert_allclose(tg.hvp(of, a, np.ones_like(a)), 0 * a)


def test_a_negative_rcond_of_lstsq_is_one_rounding() -> None:
    a, b = np.diag([1.0, 0.0]), np.ones(2)
    found = tg.jvp(lambda b: np.linalg.lstsq(a, b, rcond=-1)[0], (b,), (b,))
    assert_allclose(found[0], np.linalg.lstsq(a, b, rcond=-1)[0])
    assert_allclose(found[1], [1, 0])


def test_float32_stays() -> None:
    a = _matrix((3, 2), [3.0, 0.1], float).astype(np.float32)
    of = lambda a: (np.linalg.pinv(a, rcond=0.3) ** 2).sum()
    assert tg.grad(of)(a).dtype == tg.hvp(of, a, a).dtype == np.float32
