"""What moves elements, and formulas of several steps, in runs: the same bits as by NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import same

import tinygrad_hess as tg
from tinygrad_hess.replay.native import why_python

RNG = np.random.default_rng(7)
HOSTILE = np.array([0.5, -1.0, np.inf, -np.inf, np.nan, -0.0, 0.0, 800.0, -800.0, 1e308, 5e-324])

needs_runner = pytest.mark.skipif(why_python() is not None, reason=why_python() or "")


def lines_in_python(f: Any, *args: Any) -> list[str]:
    """Those that are no runs."""
    plan = tg.jit(f).plan_for(*args)[0].plan
    assert plan.lowered is not None
    return [line.text for line in plan.lowered.lines if "run" not in line.text]


def both(f: Callable[..., Any], *calls: tuple[Any, ...]) -> None:
    """Jitted with the runner and without it, at each of these arguments."""
    jitted, python = tg.jit(f), tg.jit(f, native=False)
    for args in calls:
        got, want = jitted(*args), python(*args)
        same(got, want)
        assert got.strides == want.strides
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(got, f(*args), rtol=1e-4 if got.dtype.char == "f" else 1e-12)


KEYS: dict[str, Callable[[Any, Any], Any]] = {
    "rows": lambda i, j: i,
    "elements": lambda i, j: (i, j),
    "columns": lambda i, j: (slice(None), j),
    "columns of some rows": lambda i, j: (slice(None, None, -2), j),
    "a grid": lambda i, j: (i[:, None], j[None]),
    "a number": lambda i, j: i[0],
    "by a constant": lambda i, j: np.array([2, -1, 2]),
    "each once": lambda i, j: np.array([2, -1, 0]),
    "in two axes": lambda i, j: i.reshape(2, -1),
    "with a gap": lambda i, j: (i, slice(1, 2)),
    "steps of positions": lambda i, j: (i[::-2], j[::2]),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_an_index_and_its_transposes(key: Any, dtype: Any) -> None:
    def f(x: Any, i: Any, j: Any) -> Any:
        y = (x * 2)[key(i, j)] * 3
        return (y * y.conj()).real if dtype is np.complex128 else y * y

    value = lambda x, i, j: f(x, i, j).sum()
    calls = []
    for _ in range(3):
        x = RNG.normal(size=(5, 3)).astype(dtype)
        x[0, 0] = -0.0
        calls.append((x, RNG.integers(-5, 5, 6), RNG.integers(-3, 3, 6)))
    both(f, *calls)
    both(tg.grad(value), *calls)
    both(lambda x, i, j: tg.hvp(lambda x: value(x, i, j), x, x), *calls)


@pytest.mark.parametrize("axis", [0, 1])
def test_along_an_axis(axis: int) -> None:
    f = lambda x, p: np.take_along_axis(x * 2, p, axis) ** 2 * 3
    for shape in ((4, 3), (2, 3) if axis == 0 else (4, 2), (1, 3) if axis == 0 else (4, 1)):
        calls = [
            (RNG.normal(size=(4, 3)), RNG.integers(-(4, 3)[axis], (4, 3)[axis], shape))
            for _ in range(3)
        ]
        both(f, *calls)
        both(tg.grad(lambda x, p: f(x, p).sum()), *calls)


@needs_runner
def test_all_of_it_in_one_run() -> None:
    x, i, j = RNG.normal(size=(5, 3)), RNG.integers(0, 5, 6), RNG.integers(0, 3, 6)
    f = lambda x, i, j: ((x * 2)[i, j] * 3).sum()
    for g in (f, tg.grad(f), lambda x, i, j: tg.hvp(lambda x: f(x, i, j) ** 2, x, x)):
        assert lines_in_python(g, x, i, j) == []


@pytest.mark.parametrize("wrong", [3, -4, 2**40])
def test_a_position_that_is_not_there_is_refused_in_each_call(wrong: int) -> None:
    f = tg.jit(lambda x, i: (x * 2)[:, i] * 3)
    x, i = RNG.normal(size=(2, 3)), np.array([0, 2])
    want = (x * 2)[:, i] * 3
    for _ in range(2):
        np.testing.assert_array_equal(f(x, i), want)
        with pytest.raises(
            IndexError, match=f"index {wrong} is out of bounds for axis 1 with size 3"
        ):
            f(x, np.array([0, wrong]))


def test_positions_of_other_types_and_layouts() -> None:
    f = tg.jit(lambda x, i: (x * 2)[i] * 3)
    x = RNG.normal(size=9)
    for i in (
        np.array([1, 2], np.int32),
        np.array([1, 2], np.uint8),
        np.arange(8)[::4],
        np.array([8, 1]),
    ):
        for y in (x, RNG.normal(size=18)[::2], x[::-1]):
            np.testing.assert_array_equal(f(y, i), (y * 2)[i] * 3)


def test_positions_that_are_views_of_what_is_written() -> None:
    """An argument may be the memory of another, and of the result of an earlier call."""
    f = tg.jit(lambda x, i: tg.grad(lambda x: ((x * 2)[i] ** 2).sum())(x))
    memory = np.zeros(8)
    i = memory.view(np.intp)[:3]
    x = memory[4:]
    for at in ([1, 2, 1], [0, 0, 3]):
        i[:], x[:] = at, RNG.normal(size=4)
        want = np.zeros(4)
        np.add.at(want, i, 8 * x[i])
        np.testing.assert_allclose(f(x, i), want, rtol=1e-15)


# ---- sigmoid, symmetric parts, diagonals, sums that keep an axis ----------------------------------

FORMULAS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], Callable[[Any], Any]]] = {
    "sigmoid": (
        lambda x: tg.ops.sigmoid(x) * 2,
        (11,),
        lambda x: np.where(x >= 0, 2 / (1 + np.exp(-np.abs(x))), 2 - 2 / (1 + np.exp(-np.abs(x)))),
    ),
    "symmetrize": (
        lambda x: tg.ops.symmetrize(x) * 2,
        (2, 11, 11),
        lambda x: x + np.moveaxis(x, 1, 2),
    ),
    "diagonal": (
        lambda x: tg.ops.place_diagonal(x * 2, k=1, shape=(11, 12)) + 1,
        (2, 11),
        lambda x: np.stack([np.pad(np.diag(2 * row), ((0, 0), (1, 0))) + 1 for row in x]),
    ),
    "lower diagonal": (
        lambda x: tg.ops.place_diagonal(x * 2, k=-1, shape=(12, 11)) + 1,
        (11,),
        lambda x: np.pad(np.diag(2 * x), ((1, 0), (0, 0))) + 1,
    ),
    "sum of rows": (
        lambda x: (x * 2).sum(-1).reshape(3, 1),
        (3, 5),
        lambda x: 2 * x.sum(-1, keepdims=True),
    ),
    "a sum": (lambda x: (x * 2).sum().reshape(1), (4,), lambda x: np.array([2 * x.sum()])),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_in_one_run(name: str, dtype: Any) -> None:
    f, shape, want = FORMULAS[name]
    x = RNG.normal(size=shape).astype(dtype)
    np.testing.assert_allclose(tg.jit(f)(x), want(x), rtol=1e-5 if dtype is np.float32 else 1e-13)
    with np.errstate(over="ignore"):
        hostile = np.resize(HOSTILE, shape).astype(dtype)
    jitted, python = tg.jit(f), tg.jit(f, native=False)
    same(jitted(hostile), python(hostile))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(jitted(hostile), f(hostile))
    if why_python() is None:
        assert lines_in_python(f, x) == []


def test_a_sum_that_is_read_as_it_is_stays() -> None:
    def f(x: Any) -> Any:
        total = (x * 2).sum(axis=1)
        return total, total.reshape(3, 1) * x

    x = RNG.normal(size=(3, 4))
    total, product = tg.jit(f)(x)
    np.testing.assert_allclose(total, 2 * x.sum(1))
    np.testing.assert_allclose(product, 2 * x.sum(1, keepdims=True) * x)
    done = [i.name for i in tg.jit(f).plan_for(x)[0].program.instructions]
    assert done.count("sum") == 1


# ---- functions whose last bits depend on how they are called, and reshapes that copy --------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["tanh", "sin", "log", "expm1", "arctan", "cbrt", "exp2"])
def test_functions_of_slices_in_one_run(name: str, dtype: Any) -> None:
    """Gates of a recurrent net are columns of one product."""
    columns = {"some": np.s_[:, 3:20], "few": np.s_[:, :2], "spaced": np.s_[::2, ::3]}
    for chosen in columns.values():
        f = lambda x, chosen=chosen: getattr(np, name)((x + 0.0)[chosen]) * 1.5
        with np.errstate(over="ignore"):
            hostile = np.resize(HOSTILE, (7, 33)).astype(dtype)
        jitted, python = tg.jit(f), tg.jit(f, native=False)
        for x in (hostile, RNG.normal(size=(7, 33)).astype(dtype)):
            same(jitted(x), python(x))
            with np.errstate(all="ignore"):
                np.testing.assert_array_equal(jitted(x), f(x))
    if why_python() is None:
        assert lines_in_python(lambda x: np.tanh((x + 0.0)[:, 3:20]) * 1.5, hostile) == []


def test_a_reshape_that_copies_in_one_run() -> None:
    f = lambda x: ((x * 2).swapaxes(0, 1).reshape(6, 4) + 1) * 3
    x = RNG.normal(size=(2, 3, 4))
    both(f, (x,), (x[:, ::-1],), (np.asfortranarray(x),))
    np.testing.assert_array_equal(tg.jit(f)(x), (2 * x.transpose(1, 0, 2).reshape(6, 4) + 1) * 3)
    if why_python() is None:
        assert lines_in_python(f, x) == []
