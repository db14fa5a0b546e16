"""Jacobians and Hessians of many sweeps replay them by themselves, unless told not to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.replay import repeated
from tinygrad_hess.transforms import batched_sweeps as directions
from tinygrad_hess.transforms.batched_sweeps import OFTEN

RNG = np.random.default_rng(5)
N = 2 * OFTEN
A = RNG.normal(size=(N, N))
X = RNG.normal(size=N)


def f(x: Any) -> Any:
    return np.sum(np.sin(A @ x)) + (x @ x) ** 2


def hessian(x: Any) -> Any:
    return -A.T @ (np.sin(A @ x)[:, None] * A) + 4 * (x @ x) * np.eye(N) + 8 * np.outer(x, x)


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of directions of each sweep that may be replayed."""
    counts: list[int] = []

    class Counted(repeated.Replayed):
        def __call__(self, given: Any, columns: Any) -> Any:
            if repeated.is_replaying():
                counts.append(columns)
            return super().__call__(given, columns)

    monkeypatch.setattr(directions, "REPLAYED", [Counted])
    return counts


@pytest.mark.parametrize("chunk", [1, 2, 3, N // OFTEN, N])
def test_a_hessian(chunk: int, replays: list[int]) -> None:
    np.testing.assert_allclose(
        tg.hessian(f, chunk_size=chunk)(X), hessian(X), rtol=1e-10, atol=1e-10
    )
    sweeps = -(-N // chunk)
    assert len(replays) == (sweeps if sweeps >= OFTEN else 0)
    assert not replays or sum(replays) == N


@pytest.mark.parametrize("transform", [tg.jacfwd, tg.jacrev])
def test_a_jacobian(transform: Any, replays: list[int]) -> None:
    found = transform(lambda x: np.tanh(A @ x), chunk_size=2)(X)
    np.testing.assert_allclose(found, (1 - np.tanh(A @ X) ** 2)[:, None] * A)
    assert replays == [2] * (N // 2)


def test_a_sparse_hessian(replays: list[int]) -> None:
    x = RNG.normal(size=4 * OFTEN)
    g = lambda x: np.sum(x[: OFTEN + 4].sum() ** 3) + np.sum(x**4)
    found = tg.hessian(g, sparse=True, chunk_size=1)(x).toarray()
    want = np.diag(12 * x**2)
    want[: OFTEN + 4, : OFTEN + 4] += 6 * x[: OFTEN + 4].sum()
    np.testing.assert_allclose(found, want, rtol=1e-12)
    assert len(replays) >= OFTEN


def test_not_when_told(replays: list[int]) -> None:
    with tg.no_replay():
        np.testing.assert_allclose(
            tg.hessian(f, chunk_size=1)(X), hessian(X), rtol=1e-10, atol=1e-10
        )
    assert not replays


def test_not_what_another_transform_goes_through(replays: list[int]) -> None:
    third = tg.grad(lambda x: np.sum(tg.hessian(f, chunk_size=1)(x) * np.eye(N)))(X)
    want = -np.einsum("k,ki,kj->j", np.cos(A @ X), A**2, A) + 8 * (N + 2) * X
    np.testing.assert_allclose(third, want, rtol=1e-9)
    both = tg.vmap(tg.hessian(f, chunk_size=1))(np.stack([X, 2 * X]))
    np.testing.assert_allclose(both, [hessian(X), hessian(2 * X)], rtol=1e-9, atol=1e-9)
    assert not replays


def test_rules_of_ones_own() -> None:
    @tg.custom_jvp
    def g(x: Any) -> Any:
        return x**2

    @g.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        (x,), (t,) = primals, tangents
        return g(x), 2 * x * t

    np.testing.assert_allclose(
        tg.jacfwd(lambda x: g(x) * x.sum(), chunk_size=1)(X),
        2 * np.diag(X) * X.sum() + X[:, None] ** 2,
    )


def test_what_a_function_closes_over_is_read_at_each_call() -> None:
    scale = np.ones(1)
    h = tg.hessian(lambda x: scale[0] * f(x), chunk_size=1)
    np.testing.assert_allclose(h(X), hessian(X), rtol=1e-10, atol=1e-10)
    scale[0] = 3.0
    np.testing.assert_allclose(h(X), 3 * hessian(X), rtol=1e-10, atol=1e-10)
