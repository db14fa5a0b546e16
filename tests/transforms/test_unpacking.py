"""Hessians in a vector that the function unpacks, against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg
from tinygrad_hess.transforms.recording import Recording
from tinygrad_hess.transforms.unpacking import unpacked

N = 12
A = np.random.default_rng(0).normal(size=(N, N))
A = A + A.T
W = np.random.default_rng(1).normal(size=N)

UNPACKINGS: dict[str, tuple[Callable[[Any], list[Any]], int]] = {
    "slices": (lambda w: [w[:4], w[4:5], w[5:]], 3),
    "reshaped": (lambda w: [w[:6].reshape(2, 3), w[6:8], w[8:].reshape(4, 1)], 3),
    "transposed": (lambda w: [w[:6].reshape(2, 3).T, w[6:]], 2),
    "split": (lambda w: np.split(w, [3, 7]), 3),
    "numbers": (lambda w: [w[i] for i in range(N)], 1),
    "rows": (lambda w: list(w.reshape(3, 4)), 3),
    "slices of slices": (lambda w: [w[:8][:5], w[:8][5:], w[8:]], 3),
    "backwards": (lambda w: [w[8:], w[3:8], w[:3]], 3),
    "a gap": (lambda w: [w[:4], w[6:]], 2),
    "read as a whole too": (lambda w: [w[:5], w[5:], w], 3),
    "overlapping": (lambda w: [w[:8], w[4:]], 1),
    "every second": (lambda w: [w[::2], w[1::2]], 1),
    "reversed": (lambda w: [w[::-1][:5], w[::-1][5:]], 1),
    "by numbers": (lambda w: [w[np.array([3, 0, 7])], w[np.array([1, 2])]], 1),
    "one slice": (lambda w: [w[3:9]], 1),
    "twice": (lambda w: [w[:4], w[:4], w[4:]], 1),
    "not at all": (lambda w: [w], 1),
    "repeated by broadcasting": (lambda w: [np.broadcast_to(w[:1], (5,)), w[1:]], 2),
}


def matrix(unpack: Callable[[Any], list[Any]]) -> Any:
    """P of ``concatenate(ravel of each part) == P @ w``."""
    columns = [np.concatenate([np.ravel(p) for p in unpack(e)]) for e in np.eye(N)]
    return np.stack(columns, axis=1)


def function(unpack: Callable[[Any], list[Any]]) -> tuple[Callable[[Any], Any], Callable[..., Any]]:
    """A function of the parts, and its Hessian."""
    p = matrix(unpack)
    rng = np.random.default_rng(2)
    a = rng.normal(size=(len(p), len(p)))
    c = rng.normal(size=len(p))

    def f(w: Any) -> Any:
        z = np.concatenate([np.ravel(x) for x in unpack(w)])
        return z @ (a @ z) + np.sum(c * z**3)

    return f, lambda w: p.T @ (a + a.T + np.diag(6 * c * (p @ w))) @ p


@pytest.mark.parametrize("how", UNPACKINGS)
def test_hessian(how: str) -> None:
    unpack, _ = UNPACKINGS[how]
    f, exact = function(unpack)
    for hessian in (tg.hessian(f), tg.jit(tg.hessian(f)), tg.hessian(f, chunk_size=5)):
        found = hessian(W)
        assert type(found) is np.ndarray and found.flags.writeable
        np.testing.assert_allclose(found, exact(W), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("how", UNPACKINGS)
def test_what_is_seen_of_the_slices(how: str) -> None:
    unpack, count = UNPACKINGS[how]
    run = Recording(function(unpack)[0], (W,))
    found = unpacked(run, run.tape())
    assert (1 if found is None else len(found.run.starts)) == count


def test_mapped() -> None:
    f, exact = function(UNPACKINGS["reshaped"][0])
    ws = np.random.default_rng(3).normal(size=(4, N))
    expected = np.stack([exact(w) for w in ws])
    np.testing.assert_allclose(tg.vmap(tg.hessian(f))(ws), expected, atol=1e-12)
    np.testing.assert_allclose(tg.jit(tg.vmap(tg.hessian(f)))(ws), expected, atol=1e-12)


@pytest.mark.parametrize("wrap", [lambda f: f, tg.jit])
def test_differentiated_again(wrap: Any) -> None:
    unpack = UNPACKINGS["reshaped"][0]
    f, exact = function(unpack)
    third = wrap(tg.grad(lambda w: np.sum(tg.hessian(f)(w) * A)))(W)
    step = 1e-3  # the Hessian is linear in w
    slopes = [((exact(W + step * e) - exact(W - step * e)) * A).sum() for e in np.eye(N)]
    np.testing.assert_allclose(third, np.array(slopes) / (2 * step), rtol=1e-8)


def test_several_arguments_of_which_some_are_unpacked() -> None:
    def f(tree: dict[str, Any]) -> Any:
        z = np.concatenate([tree["w"][6:], tree["v"], tree["w"][:6]])
        return z @ (B @ z)

    B = np.random.default_rng(4).normal(size=(N + 3, N + 3))
    blocks = tg.hessian(f)({"w": W, "v": np.ones(3)})
    order = np.r_[9:15, 0:6, 6:9]  # where w, then v, stand in z
    exact = (B + B.T)[np.ix_(order, order)]
    np.testing.assert_allclose(blocks["w"]["w"], exact[:N, :N], atol=1e-12)
    np.testing.assert_allclose(blocks["w"]["v"], exact[:N, N:], atol=1e-12)
    np.testing.assert_allclose(blocks["v"]["w"], exact[N:, :N], atol=1e-12)
    np.testing.assert_allclose(blocks["v"]["v"], exact[N:, N:], atol=1e-12)


def test_a_slice_that_is_written_to() -> None:
    def f(w: Any) -> Any:
        w = w.copy()
        first, second = w[:6], w[6:]
        first[0] = 2.0 * second[0] ** 2
        return np.sum(w**3) + np.sum(first * second)

    def exact(w: Any) -> Any:
        # f of w with w[0] replaced by 2 w[6]^2
        h = np.diag(np.r_[0.0, 6 * w[1:]])
        for i in range(1, 6):
            h[i, 6 + i] = h[6 + i, i] = 1.0
        h[6, 6] += 8 * 30 * w[6] ** 4 + 2 * 6 * w[6]
        return h

    np.testing.assert_allclose(tg.hessian(f)(W.copy()), exact(W), rtol=1e-12, atol=1e-12)


def test_a_stack_of_layers() -> None:
    def f(stack: Any) -> Any:
        y = X
        for i in range(3):
            y = np.tanh(y @ stack[i])
        return np.sum(y)

    X = np.random.default_rng(5).normal(size=(7, 2))
    stack = np.random.default_rng(6).normal(size=(3, 2, 2))
    gradient = tg.grad(f)
    step = 1e-4
    columns = []
    for e in np.eye(12).reshape(12, 3, 2, 2):
        near = gradient(stack + step * e) - gradient(stack - step * e)
        far = gradient(stack + 2 * step * e) - gradient(stack - 2 * step * e)
        columns.append((8 * near - far) / (12 * step))
    found = tg.hessian(f)(stack)
    assert found.shape == (3, 2, 2, 3, 2, 2)
    np.testing.assert_allclose(found.reshape(12, 12), np.reshape(columns, (12, 12)), atol=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, N), min_size=1, max_size=6), st.booleans(), st.booleans())
def test_any_cuts(cuts: list[int], decay: bool, reverse: bool) -> None:
    def unpack(w: Any) -> list[Any]:
        parts = np.split(w, sorted(cuts))
        return [*(parts[::-1] if reverse else parts), *([w] if decay else [])]

    f, exact = function(unpack)
    np.testing.assert_allclose(tg.hessian(f)(W), exact(W), atol=1e-11)
