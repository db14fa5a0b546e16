"""Several indices of one array: their cotangents arrive at once, at a cost linear in their number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.core.tape import Tape
from tinygrad_hess.core.tensor import Tensor

ROWS = [row for row in REGISTRY.values() if getattr(row, "accumulate", None) is not None]


def stacked(x: Any) -> Any:
    return (np.stack([x[i] * (i + 1.0) for i in range(len(x))]) ** 3).sum()


def neighbours(x: Any) -> Any:
    return sum((x[i] - x[i + 1] ** 2) ** 2 for i in range(len(x) - 1))


def flat(x: Any) -> Any:
    w, b, rest = x[:4].reshape(2, 2), x[4:6], x[6:]
    return (np.tanh(w @ b) * b).sum() + (rest**3).sum() * x[0] + x[-1] * x[..., 1] * x[None, 2][0]


def rows_and_columns(x: Any) -> Any:
    x = x[:4].reshape(2, 2)
    return sum((x[i] * x[:, i] * x[i, i] ** 2).sum() for i in range(2)) + (x[::-1, 1] ** 3).sum()


def by_positions(x: Any) -> Any:
    first, second = np.array([0, 0, 3]), np.array([[3, 1], [1, 1]])
    return (x[first] ** 3).sum() * (x[second] * x[2:4]).sum() + (x[second] ** 2 * x[5]).sum()


LOSSES = [by_positions, stacked, neighbours, flat, rows_and_columns]
X = np.array([0.3, -0.7, 1.1, 0.4, -0.2, 0.9, 0.5, -1.3])


def by_matrix(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, with each element of x taken by a product with a unit vector instead."""
    return lambda x: f(_Products(x))


class _Products:
    """An array whose items are products with rows of the identity: no index is recorded."""

    def __init__(self, x: Any):
        self.x = x

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, key: Any) -> Any:
        eye = np.eye(len(X))
        index = np.arange(len(X))[key]
        return (eye[index].reshape(-1, len(X)) @ self.x).reshape(index.shape)


@pytest.mark.parametrize("f", LOSSES, ids=lambda f: f.__name__)
def test_derivatives_are_those_of_the_same_function_without_indices(f: Any) -> None:
    g, v = by_matrix(f), np.cos(np.arange(8.0))
    close(tg.grad(f)(X), tg.grad(g)(X), 1e-13)
    close(tg.hvp(f, X, v), tg.hvp(g, X, v), 1e-13)
    close(tg.hessian(f)(X), tg.jacfwd(tg.grad(g))(X), 1e-13)
    close(tg.jacrev(tg.grad(f))(X), tg.jacfwd(tg.grad(g))(X), 1e-13)
    third = lambda f: tg.grad(lambda x: (tg.grad(lambda x: (tg.grad(f)(x) * v).sum())(x) * v).sum())
    close(third(f)(X), third(g)(X), 1e-12)


@pytest.mark.parametrize("f", LOSSES, ids=lambda f: f.__name__)
def test_mapped_replayed_and_by_hand(f: Any) -> None:
    many, v = np.stack([X, X * 2, X - 1]), np.sin(np.arange(8.0))
    each = np.stack([tg.grad(f)(x) for x in many])
    close(tg.vmap(tg.grad(f))(many), each, 1e-13)
    close(tg.jit(tg.grad(f))(X), each[0], 1e-13)
    close(tg.jit(tg.vmap(tg.grad(f)))(many), each, 1e-13)
    products = np.stack([tg.hvp(f, x, v) for x in many])
    close(tg.vmap(lambda x: tg.hvp(f, x, v))(many), products, 1e-13)
    close(tg.jit(lambda x: tg.hvp(f, x, v))(X), products[0], 1e-13)
    x = tg.tensor(X, requires_grad=True)
    f(x).backward()
    close(x.grad.numpy(), each[0], 1e-13)  # type: ignore[union-attr]
    with tg.debug_nans():  # goes by each node's own rule
        close(tg.grad(f)(X), each[0], 1e-13)
    with tg.nan_safe():
        close(tg.grad(f)(X), each[0], 1e-13)


def test_float32_and_complex_numbers_keep_their_type() -> None:
    assert tg.grad(stacked)(X.astype(np.float32)).dtype == np.float32
    z = X[:3] + 1j * X[3:6]
    f = lambda z: sum((z[i] * z[i + 1].conj()).real for i in range(2))
    by_vectors = lambda z: (z[:-1] * z[1:].conj()).real.sum()
    close(tg.grad(f)(z), tg.grad(by_vectors)(z), 1e-15)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.data())
def test_any_indices_of_any_array(data: st.DataObject) -> None:
    """Against the dense transpose: zeros, and an addition for each index."""
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    entry = lambda n: st.integers(-n, n - 1) | st.slices(n)
    keys = data.draw(st.lists(st.tuples(*map(entry, shape)), min_size=1, max_size=5))
    x = np.random.default_rng(0).normal(size=shape)
    weights = [np.asarray(np.cos(np.arange(x[k].size)).reshape(x[k].shape)) for k in keys]
    f = lambda x: sum((w * x[k] ** 2).sum() for w, k in zip(weights, keys, strict=True))
    want, second = np.zeros(shape), np.zeros(shape)
    for w, k in zip(weights, keys, strict=True):
        want[k] += 2 * w * x[k]
        second[k] += 2 * w
    close(tg.grad(f)(x), want, 1e-13, atol=1e-15)
    close(tg.hvp(f, x, np.ones(shape)), second, 1e-13, atol=1e-15)
    close(tg.grad(lambda x: tg.grad(f)(x).sum())(x), second, 1e-13, atol=1e-15)


@pytest.mark.parametrize("f", [stacked, neighbours], ids=lambda f: f.__name__)
def test_a_recorded_sweep_is_linear_in_the_number_of_indices(f: Any) -> None:
    """Elements of all values on the tape of a gradient: four times as many, not sixteen times."""

    def elements(n: int) -> int:
        x = tg.tensor(np.linspace(0, 1, n), requires_grad=True)
        (gradient,) = tg.vjp(tg.grad(f), x)[1](tg.tensor(np.ones(n)) + 0 * x)
        assert isinstance(gradient, Tensor)
        return sum(int(np.size(node.value)) for node in Tape([gradient]).nodes)

    assert elements(64) < 5 * elements(16)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_that_accumulates_gives_the_sum_of_its_transposes(row: Any) -> None:
    rng = np.random.default_rng(0)
    tried = 0
    for case in row.cases:
        args, params = case(rng)
        x, *others = args
        gs = [rng.normal(size=np.shape(row.fn(x, *others, **params))) for _ in range(3)]
        want = sum(row.vjps[0](g, None, x, *others, **params) for g in gs)
        close(row.accumulate([(g, others, params) for g in gs], x), want, 1e-14)
        on_tape = [(tg.tensor(g, requires_grad=True), others, params) for g in gs]
        close(row.accumulate(on_tape, x).numpy(), want, 1e-14)
        tried += 1
    assert tried > 2
