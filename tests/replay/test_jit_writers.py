"""Products and reductions in the memory layouts that the planner chooses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import close

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.ops._rows import load_all


@pytest.mark.parametrize("rows", [511, 512, 1000, 1797])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_tall_products(rows: int, dtype: Any) -> None:
    """Products that are laid out by columns from 512 rows on, under everything that follows."""
    rng = np.random.default_rng(0)
    p = [rng.normal(size=s).astype(dtype) / 4 for s in ((8, 6), (6,), (6, 5), (5,))]
    calls = []
    for _ in range(2):
        calls.append(
            (
                [q * dtype(rng.uniform(0.5, 2)) for q in p],
                rng.normal(size=(rows, 8)).astype(dtype),
                rng.integers(0, 5, rows),
            )
        )

    def objective(p: Any, x: Any, k: Any) -> Any:
        h = np.tanh(x @ p[0] + p[1])
        return nn.cross_entropy(h @ p[2] + p[3], k)

    def outputs(p: Any, x: Any, k: Any) -> Any:
        h = np.tanh(x @ p[0] + p[1])
        return h, (h @ p[2]).T, (h.reshape(-1, 2)).sum(axis=1), h[::2] @ p[2]

    for f in (
        outputs,
        objective,
        tg.grad(objective),
        lambda p, x, k: tg.hvp(objective, p, p, x, k),
    ):
        jitted = tg.jit(f)
        for args in [*calls, calls[0]]:
            close(jitted(*args), f(*args), ulps=256, strict=True, what=f"{rows} rows")
        p, x, k = calls[1]
        close(
            jitted(p, np.asfortranarray(x), k), f(p, x, k), ulps=256, strict=True, what="by columns"
        )


load_all()
IN_PARTS = [row for row in REGISTRY.values() if row.parts is not None]


@pytest.mark.parametrize("row", IN_PARTS, ids=lambda row: row.name)
def test_operands_are_where_a_row_says(row: Any) -> None:
    rng = np.random.default_rng(0)
    for shapes, params in row.cases:
        operands = [rng.normal(size=shape) for shape in shapes]
        value = row.fn(*operands, **params)
        filled = np.zeros_like(value)
        numbers = np.arange(value.size).reshape(value.shape)
        for x, part in zip(operands, row.parts(params, shapes), strict=True):
            places = part(numbers) if callable(part) else numbers[part]
            filled.flat[np.ravel(places)] = np.ravel(x)
        np.testing.assert_array_equal(filled, value)


def test_joined_and_scattered_vectors_are_replayed() -> None:
    def f(x: Any) -> Any:
        y = np.concatenate([x[2:] * 2, x[:1], x * x])
        return np.stack([y, y[::-1]]) * np.concatenate([x, x[:1], x, x])[: y.shape[0]]

    x = np.array([0.5, -1.0, 2.0])
    total = lambda x: (f(x) * f(x)).sum()
    for g in (f, tg.grad(total), tg.hessian(total)):
        np.testing.assert_array_equal(tg.jit(g)(x), tg.jit(g, native=False)(x))
        close(tg.jit(g)(x), g(x))
