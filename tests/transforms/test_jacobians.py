"""Jacobians and Hessians: directions, chunks, trees, empty arrays, and structure."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg
from tinygrad_hess.transforms.jacobians import chunks

RNG = np.random.default_rng(0)
X = RNG.normal(size=4)
M = RNG.normal(size=(3, 4))
JACOBIANS: dict[str, Any] = {
    "auto": tg.jacobian,
    "forward": functools.partial(tg.jacobian, mode="forward"),
    "reverse": functools.partial(tg.jacobian, mode="reverse"),
    "jacfwd": tg.jacfwd,
    "jacrev": tg.jacrev,
}
FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "wide": (lambda x: np.tanh(M @ x), X),
    "tall": (lambda x: np.outer(x, np.sin(x)).ravel(), X),
    "matrix to matrix": (lambda a: a @ a.T @ a, M),
    "to scalar": (lambda x: np.sum(np.exp(x) * x[::-1]), X),
    "from scalar": (lambda t: np.stack([np.sin(t), t**3, t * 0 + 1.0]), 0.7),
    "scalar to scalar": (lambda t: np.sin(t) * t, 0.7),
    "to 0-d and back": (lambda x: x * x.sum(), X),
    "indices": (lambda x: x[[0, 0, 3, 1]] * x[2], X),
    "sorted": (lambda x: np.sort(x) * np.arange(1.0, 5.0), X),
    "order three": (lambda a: np.einsum("ij,kl->ikjl", a, a), M[:2, :2]),
    "constant": (lambda x: np.ones((2, 3)), X),
    "identity": (lambda x: x, M),
    "softmax": (lambda a: tg.ops.softmax(a, axis=0), M),
}


def by_differences(f: Any, x: Any, h: float = 1e-3) -> Any:
    """Central differences, extrapolated twice, with the axes of the output first."""
    x = np.asarray(x, float)

    def central(h: float) -> Any:
        columns = []
        for e in np.eye(x.size).reshape(x.size, *x.shape):
            columns.append((np.asarray(f(x + h * e)) - np.asarray(f(x - h * e))) / (2 * h))
        return np.stack(columns, -1).reshape(columns[0].shape + x.shape)

    a, b, c = central(h), central(h / 2), central(h / 4)
    d, e = (4 * b - a) / 3, (4 * c - b) / 3
    return (16 * e - d) / 15


@pytest.mark.parametrize("how", JACOBIANS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian_against_differences(name: str, how: str) -> None:
    f, x = FUNCTIONS[name]
    j = JACOBIANS[how](f)(x)
    assert j.shape == np.shape(f(x)) + np.shape(x)
    np.testing.assert_allclose(j, by_differences(f, x), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000, None])
@pytest.mark.parametrize("how", JACOBIANS)
def test_chunks_change_nothing(how: str, size: Any) -> None:
    for f, x in FUNCTIONS.values():
        whole = tg.jacobian(f)(x)
        np.testing.assert_allclose(JACOBIANS[how](f, chunk_size=size)(x), whole, atol=1e-14)
    tree = {"a": X, "b": [M, 0.5]}
    f = lambda p: {"u": M @ p["a"] * p["b"][1], "v": p["b"][0].sum(0)}
    got, want = JACOBIANS[how](f, chunk_size=size)(tree), tg.jacobian(f)(tree)
    for out in ("u", "v"):
        for block in (lambda t: t["a"], lambda t: t["b"][0], lambda t: t["b"][1]):
            np.testing.assert_allclose(block(got[out]), block(want[out]), atol=1e-14)


@pytest.mark.parametrize("size", [1, 3, None])
def test_chunks_of_a_hessian(size: Any) -> None:
    f = lambda p: np.sum(np.tanh(M @ p["a"]) ** 2) * p["b"]
    p = {"a": X, "b": 1.5}
    h = tg.hessian(f, chunk_size=size)(p)
    g = lambda a, b: tg.grad(f)({"a": a, "b": b})
    np.testing.assert_allclose(h["a"]["a"], by_differences(lambda a: g(a, 1.5)["a"], X), atol=1e-8)
    np.testing.assert_allclose(h["a"]["b"], g(X, 1.0)["a"], rtol=1e-12)
    np.testing.assert_allclose(h["b"]["a"], g(X, 1.0)["a"], rtol=1e-12)
    vector = tg.hessian(lambda x: np.tanh(M @ x), chunk_size=size)(X)
    np.testing.assert_allclose(vector, tg.hessian(lambda x: np.tanh(M @ x))(X), atol=1e-14)


@given(count=st.integers(0, 300), each=st.integers(0, 2**30), size=st.none() | st.integers(1, 400))
@settings(derandomize=True, deadline=None)
def test_chunks_cover_all_directions_once(count: int, each: int, size: Any) -> None:
    slices = list(chunks(count, each, size))
    assert [i for s in slices for i in range(count)[s]] == list(range(count))
    if size is not None:
        assert all(s.stop - s.start <= size for s in slices)


def test_auto_takes_the_direction_with_fewer_sweeps() -> None:
    """Told by what the tape is asked: one forward rule, one reverse rule, each counting rows."""
    seen: list[str] = []

    def rule(g: Any, y: Any, x: Any) -> Any:
        seen.append(str(np.shape(g.value) if isinstance(g, tg.Tensor) else np.shape(g)))
        return g * 2.0

    double = tg.elementwise("double_for_the_test_of_auto", lambda x: 2 * x, rule, domain=(-1, 1))
    from tinygrad_hess.core.registry import REGISTRY

    try:
        tg.jacobian(lambda x: double(x).sum())(np.ones(50))
        assert seen == ["(50,)"]  # one reverse sweep
        seen.clear()
        tg.jacobian(lambda t: double(np.broadcast_to(t, (50,))))(1.0)
        assert len(seen) == 1
        assert seen[0] in ("(50,)", "(1, 50)")  # one forward direction
    finally:
        REGISTRY.pop("double_for_the_test_of_auto")


# ---- trees --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", JACOBIANS)
def test_trees_of_outputs_and_inputs(how: str) -> None:
    f = lambda p, k: ({"y": p["w"] @ p["x"] * k}, [p["x"].sum(), None])
    p = {"w": M, "x": X}
    (y, (s, none)) = JACOBIANS[how](f, argnums=0)(p, 2.0)
    assert none is None
    np.testing.assert_allclose(y["y"]["w"], 2 * np.einsum("ik,j->ikj", np.eye(3), X))
    np.testing.assert_allclose(y["y"]["x"], 2 * M)
    np.testing.assert_allclose(s["x"], np.ones(4))
    np.testing.assert_array_equal(s["w"], np.zeros((3, 4)))
    (y, (s, _)) = JACOBIANS[how](f, argnums=(1, 0))(p, 2.0)
    np.testing.assert_allclose(y["y"][0], M @ X)
    np.testing.assert_allclose(y["y"][1]["x"], 2 * M)
    assert s[0] == 0


def test_hessian_of_several_arguments() -> None:
    f = lambda a, b, c: (a @ b) * c**2
    h = tg.hessian(f, argnums=(0, 1, 2))(X, X[::-1], 3.0)
    np.testing.assert_allclose(h[0][0], np.zeros((4, 4)))
    np.testing.assert_allclose(h[0][1], 9 * np.eye(4))
    np.testing.assert_allclose(h[0][2], 6 * X[::-1])
    np.testing.assert_allclose(h[2][1], 6 * X)
    np.testing.assert_allclose(h[2][2], 2 * X @ X[::-1])
    assert isinstance(tg.hessian(f, argnums=(1,))(X, X, 3.0), tuple)


def test_has_aux() -> None:
    f = lambda x: (np.tanh(M @ x), {"raw": M @ x})
    for jacobian in JACOBIANS.values():
        j, aux = jacobian(f, has_aux=True)(X)
        np.testing.assert_allclose(aux["raw"], M @ X)
        assert type(aux["raw"]) is np.ndarray
        assert j.shape == (3, 4)
    h, aux = tg.hessian(f, has_aux=True)(X)
    assert h.shape == (3, 4, 4)
    np.testing.assert_allclose(aux["raw"], M @ X)


# ---- nothing to differentiate -------------------------------------------------------------------


@pytest.mark.parametrize("how", JACOBIANS)
@pytest.mark.parametrize(
    ("f", "x", "shape"),
    [
        (lambda x: x * 2, np.zeros(0), (0, 0)),
        (lambda x: np.concatenate([x, np.ones(2)]), np.zeros(0), (2, 0)),
        (lambda x: x[:0], X, (0, 4)),
        (lambda x: x.sum(), np.zeros((0, 3)), (0, 3)),
        (lambda x: np.zeros((2, 0)), X, (2, 0, 4)),
        (lambda x: x.sum(axis=0), np.zeros((0, 3)), (3, 0, 3)),
    ],
)
def test_empty_arrays(how: str, f: Any, x: Any, shape: Any) -> None:
    j = JACOBIANS[how](f)(x)
    assert j.shape == shape
    assert j.dtype == np.float64
    assert not j.any()


def test_empty_hessians() -> None:
    assert tg.hessian(lambda x: (x * x).sum())(np.zeros((0, 2))).shape == (0, 2, 0, 2)
    assert tg.hessian(lambda x: x * x)(np.zeros(0)).shape == (0, 0, 0)
    h = tg.hessian(lambda p: (p[0] ** 2).sum() + (p[1] ** 2).sum())([np.zeros(0), X])
    assert h[0][1].shape == (0, 4)
    assert h[1][0].shape == (4, 0)
    np.testing.assert_array_equal(h[1][1], 2 * np.eye(4))
    assert tg.jacobian(lambda p: {})(X) == {}
    assert tg.jacobian(lambda p: X)([]) == []


# ---- inside other transforms --------------------------------------------------------------------


@pytest.mark.parametrize("how", JACOBIANS)
def test_jacobians_can_be_differentiated_and_mapped(how: str) -> None:
    f = lambda x: np.tanh(M @ x) * x[:3]
    jac = JACOBIANS[how](f, chunk_size=2)
    norm = lambda x: np.sum(jac(x) ** 2)
    np.testing.assert_allclose(tg.grad(norm)(X), by_differences(norm, X), rtol=1e-8, atol=1e-8)
    _, t = tg.jvp(norm, (X,), (X[::-1],))
    np.testing.assert_allclose(t, by_differences(norm, X) @ X[::-1], rtol=1e-8)
    batch = RNG.normal(size=(5, 4))
    np.testing.assert_allclose(
        tg.vmap(jac)(batch), np.stack([jac(x) for x in batch]), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(
        tg.vmap(tg.hessian(norm))(batch),
        np.stack([tg.hessian(norm)(x) for x in batch]),
        rtol=1e-11, atol=1e-12,
    )  # fmt: skip


def test_hessian_is_symmetric_and_its_blocks_are_transposes() -> None:
    f = lambda a, b: np.sum(np.sin(a @ b.T) ** 2) * np.sum(a)
    h = tg.hessian(f, argnums=(0, 1))(M, M[:2] * 0.3)
    np.testing.assert_allclose(h[0][0], h[0][0].transpose(2, 3, 0, 1), atol=1e-13)
    np.testing.assert_allclose(h[0][1], h[1][0].transpose(2, 3, 0, 1), atol=1e-13)
    columns = np.stack(
        [tg.hvp(f, M, e, M[:2] * 0.3) for e in np.eye(12).reshape(12, 3, 4)], -1
    ).reshape(3, 4, 3, 4)
    np.testing.assert_allclose(h[0][0], columns, atol=1e-13)


def test_a_bound_on_memory_is_kept_by_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a bound below the tape's size, one direction at a time, and the same Jacobian."""
    from tinygrad_hess.transforms import jacobians

    f = lambda x: np.tanh(M @ x)
    want = tg.jacobian(f)(X)
    monkeypatch.setattr(jacobians, "MEMORY_OF_A_SWEEP", 1)
    assert len(list(jacobians.chunks(4, 1000, None))) == 4
    np.testing.assert_allclose(tg.jacobian(f)(X), want)
    np.testing.assert_allclose(tg.jacfwd(f)(X), want)
