"""Arrays of a plan lie in memory as their operands do; sums over rows are part of fused loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close

import tinygrad_hess as tg
from tinygrad_hess import ops
from tinygrad_hess.replay.codegen.plan import Buffer
from tinygrad_hess.replay.codegen.writers import order_of


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (4, 1, 3), (2, 3, 4, 5)])
def test_a_buffer_has_the_order_that_an_array_has(shape: tuple[int, ...]) -> None:
    for axes in ([*range(len(shape))], [*range(len(shape))][::-1], [*range(1, len(shape)), 0]):
        axes = axes[: len(shape)]
        x = np.empty([shape[k] for k in axes]).transpose(np.argsort(axes))
        assert x.shape == shape
        made = Buffer("b0", shape, np.dtype(float), order_of(x)).make()
        moving = [k for k, n in enumerate(shape) if n > 1]
        assert made.shape == shape
        assert [made.strides[k] for k in moving] == [x.strides[k] for k in moving]


def test_an_array_with_gaps_has_no_order() -> None:
    x = np.zeros((4, 6))
    assert order_of(x[:, ::2]) is None and order_of(x[::-1]) is None
    assert order_of(np.broadcast_to(x[0], (3, 6)).T) is None
    assert order_of(x.T) == (1, 0) and order_of(x) is None


def _moments(x: Any) -> Any:
    mean = x.mean((0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean((0, 2, 3), keepdims=True) + 0.1)


KERNEL = np.random.default_rng(5).standard_normal((6, 3, 3, 3)) / 4

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "channels last": lambda x: (
        _moments(x.transpose(0, 3, 1, 2)) * np.arange(1.0, 4).reshape(3, 1, 1)
    ),
    "convolved": lambda x: _moments(ops.conv2d(x.transpose(0, 3, 1, 2), KERNEL, padding=1)),
    "with a stride": lambda x: (
        ops.conv2d(x.transpose(0, 3, 1, 2), KERNEL, stride=2, padding=2) ** 2
    ),
    "dilated": lambda x: ops.conv2d(x.transpose(0, 3, 1, 2), KERNEL, dilation=2, padding=2) ** 2,
    "pooled": lambda x: ops.max_pool2d(ops.conv2d(x.transpose(0, 3, 1, 2), KERNEL, padding=1), 2),
    "pooled apart": lambda x: ops.max_pool2d(x.transpose(0, 3, 1, 2) ** 2, 2, 3),
    "pooled with overlaps": lambda x: ops.avg_pool2d(x.transpose(0, 3, 1, 2) ** 2, 3, 1),
    "sums over rows": lambda x: (np.sin(x) * x).sum((0, 1, 2)) * (x * x - x).sum((0, 1, 2)),
    "a sum that is read at once": lambda x: (x - (x * x).sum((0, 1))) * x.sum((0, 1)),
    "turned and reshaped": lambda x: (x.transpose(3, 0, 2, 1) * 2.0).reshape(6, -1) ** 2,
    "heads": lambda x: (x.transpose(0, 2, 1, 3) * 0.5) @ (x.transpose(0, 2, 3, 1) + 1.0),
}


@pytest.mark.parametrize("dtype", "df")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_replayed_is_recorded(name: str, dtype: str) -> None:
    f = FUNCTIONS[name]
    loss = lambda x: (f(x) ** 2 + f(x)).sum()
    rng = np.random.default_rng(3)
    x, v = (rng.standard_normal((4, 6, 6, 3)).astype(dtype) for _ in range(2))
    tolerance = {"rtol": 1e-9, "atol": 1e-9} if dtype == "d" else {"rtol": 2e-3, "atol": 2e-3}
    for made in (loss, tg.grad(loss), lambda x: tg.hvp(loss, x, v)):
        replayed, apart = tg.jit(made), tg.jit(made, native=False)
        for k in range(3):
            at = x + np.asarray(0.1 * k, dtype)
            got = replayed(at)
            scale = np.abs(np.asarray(got)).max()
            close(got / scale, made(at) / scale, **tolerance)
            np.testing.assert_array_equal(got, apart(at))


def test_channels_of_a_convolution_lie_together() -> None:
    f = lambda x: (np.tanh(ops.conv2d(x, KERNEL, padding=1) + 1.0) ** 2).sum()
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 6))
    plan = tg.jit(tg.grad(f))._traced((x,), {})[0].plan
    orders = {b.order for b in plan.buffers if b.shape == (2, 6, 6, 6)}
    assert orders == {(0, 2, 3, 1)}


def test_rows_that_go_to_positions_lie_one_behind_the_other() -> None:
    """Products of tall matrices lie by columns, but not where their rows are moved."""
    rng = np.random.default_rng(0)
    x, w, at = rng.normal(size=(700, 6)), rng.normal(size=(6, 8)), rng.integers(0, 700, 900)
    jitted = tg.jit(tg.grad(lambda w: (np.tanh(x @ w)[at] ** 2).sum()))
    y = np.tanh(x @ w)
    count = np.bincount(at, minlength=700)[:, None]
    np.testing.assert_allclose(jitted(w), x.T @ (2 * count * y * (1 - y**2)), rtol=1e-11)
    plan = jitted.plan_for(w)[0].plan
    moved = [b for b in plan.buffers if b.shape in ((700, 8), (900, 8))]
    assert moved and all(b.order is None for b in moved)
