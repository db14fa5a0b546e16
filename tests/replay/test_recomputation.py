"""Gradients in segments: the fewest steps by Revolve, the same numbers, the peak that was stated."""

from __future__ import annotations

import gc
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.core.errors import NonDifferentiableError, TracingError
from tinygrad_hess.curvature import HessianOperator
from tinygrad_hess.curvature.operators.flattening import Flattening
from tinygrad_hess.curvature.operators.recomputed import RecomputedProgram
from tinygrad_hess.replay.recomputation import (
    Recomputation,
    TooSmallError,
    bounds,
    by_shapes,
    forward_steps,
)

STEPS = 30
X = np.linspace(0.1, 1.0, 4000)


def peak_of(f: Callable[[], Any]) -> tuple[Any, int]:
    """What ``f`` gives, and the bytes that it took."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        found = f()
        return found, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [1, 2, 3, 7, 10, 21, 40])
def test_as_few_steps_as_revolve_takes(length: int) -> None:
    """Griewank and Walther, proposition 1, for ``states + 1`` checkpoints, the start among them."""
    for states in range(length):
        c, r = states + 1, 0
        while math.comb(c + r, r) < length:
            r += 1
        expected = r * length - math.comb(c + r, r - 1) if r else 0
        assert forward_steps(length, states) == expected


def chain(x: Any) -> Any:
    for i in range(STEPS):
        x = np.tanh(1.1 * x + 0.01 * i)
    return (x**2).sum()


def derivatives(x: Any) -> tuple[Any, Any, Any]:
    """Value, first and second derivatives of the chain, each element by itself, by the chain rule."""
    first, second = np.ones_like(x), np.zeros_like(x)
    for i in range(STEPS):
        x = np.tanh(1.1 * x + 0.01 * i)
        slope, bend = 1.1 * (1 - x**2), -2 * 1.21 * x * (1 - x**2)
        first, second = slope * first, bend * first**2 + slope * second
    return (x**2).sum(), 2 * x * first, 2 * (first**2 + x * second)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.1])
def test_a_chain_within_a_share_of_its_tape(share: float) -> None:
    whole = bounds(by_shapes(chain, [X]))[0]
    recomputed = Recomputation(chain, [X], 1, budget=share * whole)
    assert recomputed.schedule.segments > 1
    (value, (gradient,)), peak = peak_of(lambda: recomputed(X))
    assert peak <= recomputed.schedule.peak <= share * whole
    expected, slope, _ = derivatives(X)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, slope, rtol=1e-10)


def net(w: Any, x: Any) -> Any:
    """Branches that meet again, and what is used far from where it was made."""
    h = [np.sin(x @ w[0])]
    for i in range(1, len(w)):
        h.append(np.sin(h[-1] @ w[i]) + 0.5 * h[i // 2])
    a, b = np.split(h[-1], 2, axis=1)
    return (np.exp(a / 3) * b).sum() + (h[1] * h[-1]).mean()


def test_branches_by_the_complex_step() -> None:
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(8, 6, 6)) / 2, rng.normal(size=(5, 6))
    whole, least = bounds(by_shapes(net, [w, x]))
    for budget in (whole, (whole + least) / 2, least):
        value, (gradient,) = Recomputation(net, [w, x], 1, budget)(w, x)
        np.testing.assert_allclose(value, net(w, x), rtol=1e-13)
        for at in [(0, 0, 0), (3, 5, 2), (7, 1, 4)]:
            moved = w.astype(complex)
            moved[at] += 1e-30j
            np.testing.assert_allclose(gradient[at], net(moved, x).imag / 1e-30, rtol=1e-11)


def test_other_values_and_what_does_not_matter() -> None:
    f = lambda x, y, z: np.sum(np.where(x > z, x * y, y)) + 0.0 * np.floor(x).sum()
    args = [np.array([1.0, -2.0]), np.array([3.0, 4.0]), np.float64(0.0)]
    recomputed = Recomputation(f, args, 2, budget=1e6)
    value, (in_x, in_y) = recomputed(np.array([-1.0, 5.0]), args[1], args[2])
    assert value == 23.0
    np.testing.assert_array_equal(in_x, [0.0, 4.0])
    np.testing.assert_array_equal(in_y, [1.0, 5.0])
    both = lambda x, y: (np.sum(x * y), np.max(y))  # the second comes along
    (value, most), (in_x,) = Recomputation(both, args[:2], 1, budget=1e6)(*args[:2])
    assert (value, most) == (-5.0, 4.0)
    np.testing.assert_array_equal(in_x, args[1])
    _, (nothing,) = Recomputation(lambda x: np.float64(2.0) * 3, [X], 1, budget=1e6)(X)
    np.testing.assert_array_equal(nothing, np.zeros_like(X))


def test_recording_by_shapes_takes_no_memory() -> None:
    large = np.linspace(0.0, 1.0, 100_000)
    program, peak = peak_of(lambda: by_shapes(chain, [large]))
    assert len(program.instructions) > 3 * STEPS and peak < 6 * large.nbytes


def test_refusals() -> None:
    with pytest.raises(TooSmallError, match=r"at least \d+ bytes, and 1000 are there") as caught:
        Recomputation(chain, [X], 1, budget=1000)
    assert Recomputation(chain, [X], 1, budget=caught.value.least).schedule.segments > 1
    with pytest.raises(TracingError):
        by_shapes(lambda x: x.sum() if x[0] > 0 else -x.sum(), [X])
    outer = tg.tensor(X, requires_grad=True)
    with pytest.raises(NonDifferentiableError, match="closes over a tensor"):
        by_shapes(lambda x: (x * outer).sum(), [X])


def scanned(x: Any) -> Any:
    step = lambda c, i: (np.tanh(1.1 * c + 0.01 * i), None)
    return (tg.scan(step, x, np.arange(float(STEPS)))[0] ** 2).sum()


@pytest.mark.parametrize("loss", [chain, scanned])
def test_a_hessian_without_data_within_its_limit(loss: Callable[..., Any]) -> None:
    x = np.linspace(0.1, 1.0, 20_000)  # 160 kB; a tape of products takes some 30 MB
    v = np.cos(np.arange(20_000.0))
    limit = 8_000_000

    def made() -> Any:
        H = HessianOperator(loss, x, memory_limit=limit)
        return H.value, H.gradient, H @ v

    (value, gradient, product), peak = peak_of(made)
    assert peak <= limit
    expected, slope, bend = derivatives(x)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, slope, rtol=1e-10)
    np.testing.assert_allclose(product, bend * v, rtol=1e-9, atol=1e-9 * abs(bend).max())


def test_a_product_finds_the_loss_on_its_way() -> None:
    calls = []

    def loss(x: Any) -> Any:
        calls.append(1)
        return chain(x)

    program = RecomputedProgram(loss, Flattening(X, "test"), budget=1e6)
    value, _ = program.product(np.ones(X.size), ())
    np.testing.assert_allclose(value, derivatives(X)[0], rtol=1e-13)
    assert len(calls) == 1  # to record it
    assert program.product(np.cos(X), ())[0] == value and len(calls) == 1


def test_one_example_that_is_larger_than_the_limit() -> None:
    data = np.stack([np.linspace(0.1, 1.0, 20_000), np.linspace(-0.5, 0.5, 20_000)])

    def loss(scale: Any, batch: Any) -> Any:
        x = scale * batch
        for i in range(STEPS):
            x = np.tanh(1.1 * x + 0.01 * i)
        return (x**2).sum(axis=1).mean()

    scale = np.float64(0.7)
    H, peak = peak_of(lambda: HessianOperator(loss, scale, data, memory_limit="8MB"))
    product, more = peak_of(lambda: H @ np.ones(1))
    assert peak + more <= 8_000_000 and len(H._passes.sizes) == 2
    _, slope, bend = derivatives(scale * data)
    np.testing.assert_allclose(H.gradient, (slope * data).sum() / 2, rtol=1e-9)
    np.testing.assert_allclose(product, (bend * data**2).sum() / 2, rtol=1e-9)
    with pytest.raises(ValueError, match=r"in segments with one example .* smallest limit") as e:
        HessianOperator(loss, scale, data, memory_limit="3MB")
    enough = str(e.value).rsplit(" ", 1)[-1]
    again = HessianOperator(loss, scale, data, memory_limit=enough)
    np.testing.assert_allclose(again @ np.ones(1), product, rtol=1e-12)
