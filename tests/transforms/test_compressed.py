"""Dense Jacobians and Hessians of many zeros, made from few sweeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

import tinygrad_hess as tg
from tinygrad_hess.transforms import jacobians
from tinygrad_hess.transforms.batched_sweeps import Sweeps
from tinygrad_hess.transforms.gradients import gradients_on_tape
from tinygrad_hess.transforms.recording import Recording
from tinygrad_hess.transforms.sparse import dense as module
from tinygrad_hess.transforms.sparse.pattern import fill

RNG = np.random.default_rng(3)
N = jacobians.MANY_RECORDED + 8


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_hessian(x: Any) -> Any:
    """Its second derivatives, by hand."""
    main = np.zeros(len(x))
    main[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    main[1:] += 200
    return np.diag(main) - np.diag(400 * x[:-1], 1) - np.diag(400 * x[:-1], -1)


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many directions each compressed matrix took; empty where the dense way was gone."""
    counts: list[int] = []

    class Counted(Sweeps):
        def along(self, *args: Any, **kwargs: Any) -> Any:
            for cut, found in super().along(*args, **kwargs):
                counts.append(cut.stop - cut.start)
                yield cut, found

    def counted(*args: Any) -> Any:
        *others, sweeps = args
        return compressed(*others, Counted(sweeps.cut, sweeps.replayed))

    compressed = module.compressed
    monkeypatch.setattr(module, "compressed", counted)
    return counts


def test_a_dense_hessian_by_three_products(sweeps: list[int]) -> None:
    x = RNG.normal(size=N)
    found = tg.hessian(rosenbrock)(x)
    assert type(found) is np.ndarray and sum(sweeps) == 3
    np.testing.assert_allclose(found, rosenbrock_hessian(x), rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("n", [jacobians.MANY_TRACED, 200])
def test_replayed_from_fewer_columns_on(n: int, sweeps: list[int]) -> None:
    f = tg.jit(tg.hessian(rosenbrock))
    for _ in range(3):
        x = RNG.normal(size=n)
        np.testing.assert_allclose(f(x), rosenbrock_hessian(x), rtol=1e-12, atol=1e-11)
    assert set(sweeps) == {3}
    first = f(np.zeros(n))
    f(np.ones(n))
    np.testing.assert_array_equal(first, rosenbrock_hessian(np.zeros(n)))


def test_blocks_of_several_leaves_are_written_once() -> None:
    """Each into zeros of its own, with no copy of the whole matrix."""
    f = lambda p: np.sum(p["a"] ** 3) * p["c"] + np.sum((p["a"] * p["b"].ravel()) ** 2)
    p = {"a": RNG.normal(size=64), "b": RNG.normal(size=(8, 8)), "c": np.array(2.0)}
    jitted = tg.jit(tg.hessian(f))
    got = jitted(p)
    a, b, c = p["a"], p["b"].ravel(), p["c"]
    want = {
        "a": {"a": np.diag(6 * a * c + 2 * b**2), "b": np.diag(4 * a * b), "c": 3 * a**2},
        "b": {"a": np.diag(4 * a * b), "b": np.diag(2 * a**2), "c": np.zeros(64)},
        "c": {"a": 3 * a**2, "b": np.zeros(64), "c": np.zeros(())},
    }
    for i, x in p.items():
        for j, y in p.items():
            assert got[i][j].shape == x.shape + y.shape
            np.testing.assert_allclose(got[i][j].reshape(want[i][j].shape), want[i][j], atol=1e-13)
    source = jitted.source(p)
    assert source.count("= f") and ".copy" not in source
    done = [i.name for i in jitted.plan_for(p)[0].program.instructions]
    assert "scatter_unique" in done and not {"scatter", "transpose"} & {*done}


def test_few_columns_go_the_dense_way(sweeps: list[int]) -> None:
    x = RNG.normal(size=jacobians.MANY_RECORDED - 1)
    np.testing.assert_allclose(
        tg.hessian(rosenbrock)(x), rosenbrock_hessian(x), rtol=1e-12, atol=1e-11
    )
    assert not sweeps


def test_full_matrices_go_the_dense_way(sweeps: list[int]) -> None:
    x = RNG.normal(size=N)
    found = tg.hessian(lambda x: np.sum(x) ** 3 / 3)(x)
    np.testing.assert_allclose(found, np.full((N, N), 2 * x.sum()))
    assert not sweeps


def test_several_leaves(sweeps: list[int]) -> None:
    p = {"a": RNG.normal(size=(N // 4, 2)), "b": RNG.normal(size=N // 2 + 1), "c": np.zeros(0)}

    def f(p: Any) -> Any:
        return np.sum(p["a"][:, 0] ** 2 * p["a"][:, 1]) + np.sum(
            np.sin(p["b"][: len(p["a"])]) * p["a"][:, 1] ** 2
        )

    found = tg.hessian(f)(p)
    assert sum(sweeps) <= 3
    (u, v), m = p["a"].T, len(p["a"])
    b = p["b"][:m]
    aa, ab = np.zeros((m, 2, m, 2)), np.zeros((m, 2, m * 2 + 1))
    i = np.arange(m)
    aa[i, 0, i, 0], aa[i, 0, i, 1], aa[i, 1, i, 0] = 2 * v, 2 * u, 2 * u
    aa[i, 1, i, 1], ab[i, 1, i] = 2 * np.sin(b), 2 * np.cos(b) * v
    bb = np.zeros((len(p["b"]),) * 2)
    bb[i, i] = -np.sin(b) * v**2
    np.testing.assert_allclose(found["a"]["a"], aa, atol=1e-14)
    np.testing.assert_allclose(found["a"]["b"], ab[..., : len(p["b"])], atol=1e-14)
    np.testing.assert_allclose(found["b"]["a"], np.moveaxis(ab, -1, 0)[: len(p["b"])], atol=1e-14)
    np.testing.assert_allclose(found["b"]["b"], bb, atol=1e-14)
    assert found["a"]["c"].shape == (m, 2, 0) and found["c"]["c"].shape == (0, 0)


def test_jacobians(sweeps: list[int]) -> None:
    x = RNG.normal(size=N)
    np.testing.assert_allclose(tg.jacobian(np.tanh)(x), np.diag(1 - np.tanh(x) ** 2), atol=1e-15)
    assert sweeps == [1]
    np.testing.assert_array_equal(
        tg.jacobian(lambda x: x[1:] - x[:-1])(x), np.diff(np.eye(N), axis=0)
    )
    assert sweeps == [1, 2]


def test_types_and_tensors(sweeps: list[int]) -> None:
    x = RNG.normal(size=N).astype(np.float32)
    found = tg.hessian(rosenbrock)(x)
    assert found.dtype == np.float32 and sweeps
    np.testing.assert_allclose(found, rosenbrock_hessian(x.astype(float)), rtol=1e-4, atol=1e-2)
    assert type(tg.hessian(rosenbrock)(tg.tensor(x))) is tg.Tensor


def test_derived_once_more(sweeps: list[int]) -> None:
    x = RNG.normal(size=N)
    found = tg.grad(lambda x: (tg.hessian(lambda x: np.sum(x**4))(x) ** 2).sum())(x)
    assert sweeps == [1]
    np.testing.assert_allclose(found, 4 * 144 * x**3, rtol=1e-12)


def test_inside_vmap(sweeps: list[int]) -> None:
    x = RNG.normal(size=(2, N))
    found = tg.vmap(tg.hessian(rosenbrock))(x)
    np.testing.assert_allclose(
        found, [rosenbrock_hessian(row) for row in x], rtol=1e-12, atol=1e-11
    )
    assert not sweeps


def test_places_that_depend_on_arguments_are_not_frozen() -> None:
    f = tg.jit(lambda x, i: tg.hessian(lambda x: np.sum(x[i] ** 3))(x))
    x = RNG.normal(size=100)
    for seed in range(3):
        i = np.random.default_rng(seed).integers(100, size=50)
        want = np.diag(6 * x * np.bincount(i, minlength=100))
        np.testing.assert_allclose(f(x, i), want, rtol=1e-13)


@pytest.mark.parametrize("n", [10, 64, 500])
@pytest.mark.parametrize("width", [1, 3])
def test_the_sketch_tells_how_full(n: int, width: int) -> None:
    band = sparse.diags_array([1.0] * width, offsets=range(width), shape=(n, n)).toarray()
    for matrix, want in ((band, width / min(n, 64)), (np.ones((n, n)), 1.0)):
        rows = [np.flatnonzero(row) for row in matrix]
        run = Recording(
            lambda x, rows=rows: sum((np.sum(x[r]) ** 2 for r in rows[:40]), 0.0),
            (np.ones(n),), {}, (0,), "test",
        )  # fmt: skip
        gradients, tape = gradients_on_tape(run)
        near = fill(tape, run.starts, gradients)
        assert near == 1.0 if want == 1.0 else near <= 2 * want
