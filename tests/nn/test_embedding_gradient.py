"""The gradient of a table of which rows are read: one array of its size, however often it is used."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import nn

RNG = np.random.default_rng(0)
USES = 6


def uses(table: Any, numbers: Any, targets: Any) -> Any:
    """Squared distances of rows that are read in several places, by other numbers each."""
    return sum(((table[numbers[k]] - targets[k]) ** 2).sum() for k in range(USES))


def problem(count: int, width: int) -> tuple[Any, Any, Any]:
    numbers = RNG.integers(0, count, (USES, 2, 3))
    return RNG.normal(size=(count, width)), numbers, RNG.normal(size=(USES, 2, 3, width))


@pytest.mark.parametrize("jit", [True, False])
def test_rows_add_up(jit: bool) -> None:
    table, numbers, targets = problem(5, 4)
    wrap: Any = tg.jit if jit else lambda f: f
    gradient, product = np.zeros_like(table), np.zeros_like(table)
    v = RNG.normal(size=table.shape)
    for n, t in zip(numbers.reshape(-1), targets.reshape(-1, 4), strict=True):
        gradient[n] += 2 * (table[n] - t)
        product[n] += 2 * v[n]
    np.testing.assert_allclose(wrap(tg.grad(uses))(table, numbers, targets), gradient, rtol=1e-12)
    hvp = wrap(lambda *args: tg.hvp(uses, *args))
    np.testing.assert_allclose(hvp(table, v, numbers, targets), product, rtol=1e-12)
    second = wrap(tg.grad(lambda w: (tg.grad(uses)(w, numbers, targets) * v).sum()))
    np.testing.assert_allclose(second(table), product, rtol=1e-12)


def test_axes_types_and_batches_of_numbers() -> None:
    x, v = RNG.normal(size=(4, 5)), RNG.normal(size=(4, 5))
    rows, columns = np.array([0, 3, -4], np.int8), np.array([[1, 1], [-1, 4]])

    def f(x: Any, rows: Any, columns: Any) -> Any:
        parts = [x[rows], x[:, columns], x[:, columns[0]], x[rows.astype(int)], x[rows, rows], x[1]]
        return sum((k + 1) * (np.tanh(part) ** 2).sum() for k, part in enumerate(parts))

    step = 1e-6
    want = (f(x + step * v, rows, columns) - f(x - step * v, rows, columns)) / (2 * step)
    for gradient in (tg.grad(f), tg.jit(tg.grad(f))):
        assert (gradient(x, rows, columns) * v).sum() == pytest.approx(want, rel=1e-8)
    difference = tg.grad(f)(x + step * v, rows, columns) - tg.grad(f)(x - step * v, rows, columns)
    for product in (
        tg.hvp(f, x, v, rows, columns),
        tg.jit(lambda x: tg.hvp(f, x, v, rows, columns))(x),
    ):
        np.testing.assert_allclose(product, difference / (2 * step), rtol=1e-6, atol=1e-7)
    several = np.stack([rows, rows[::-1], np.zeros(3, np.int8)])
    mapped = tg.vmap(tg.jit(tg.grad(f)), in_axes=(None, 0, None))(x, several, columns)
    for k, one in enumerate(several):
        np.testing.assert_allclose(mapped[k], tg.grad(f)(x, one, columns), rtol=1e-12)


@pytest.mark.parametrize("kind", ["recorded", "jit", "backward", "hvp"])
def test_it_holds_one_array_of_the_size_of_the_table(kind: str) -> None:
    table, numbers, targets = problem(20_000, 16)
    calls: dict[str, Callable[[], Any]] = {}
    compiled = tg.jit(tg.grad(uses))
    leaf = tg.tensor(table, requires_grad=True)

    def backward() -> None:
        leaf.grad = None
        uses(leaf, numbers, targets).backward()

    calls = {
        "recorded": lambda: tg.grad(uses)(table, numbers, targets),
        "jit": lambda: compiled(table, numbers, targets),
        "backward": backward,
        "hvp": lambda: tg.hvp(uses, table, table, numbers, targets),
    }
    calls[kind]()
    tracemalloc.start()
    calls[kind]()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # a transform copies its argument; a product has the tangent and the two derivatives
    assert peak < {"jit": 1.5, "hvp": 3.5}.get(kind, 2.5) * table.nbytes


def test_a_padded_row_has_no_gradient() -> None:
    layer = nn.Embedding(4, 2, padding=1, seed=0)
    total = lambda m: m(np.array([1, 0])).sum() + (m(np.array([1, 3, 3])) ** 2).sum()
    found = tg.jit(tg.grad(total))(layer).weight
    want = np.zeros((4, 2))
    want[0], want[3] = 1, 4 * layer.weight[3]
    np.testing.assert_allclose(found, want, rtol=1e-12)
