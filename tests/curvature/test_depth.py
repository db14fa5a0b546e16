"""Programs of any length: no recursion, linear walks, and memory that comes back."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.core.tape import Tape

DEEP = 200_000
RATE = 1e-6
START = np.array([1.0, -2.0])
GROWTH = (1 + RATE) ** DEEP


def leaf(x: Any) -> Any:
    """A start of the tape, as a user makes one."""
    return tg.tensor(x, requires_grad=True)


def chain(x: Any, length: int = DEEP) -> Any:
    for _ in range(length):
        x = x * (1 + RATE)
    return x


def curved(x: Any, length: int) -> Any:
    """x ↦ x + RATE x² again and again: nothing is zero to second order."""
    for _ in range(length):
        x = x + RATE * x * x
    return x


def curved_by_hand(x: Any, length: int) -> tuple[Any, Any, Any]:
    """Value, first and second derivative of the composed map, by their recurrences."""
    y, d, h = x, 1.0, 0.0
    for _ in range(length):
        slope = 1 + 2 * RATE * y
        h = slope * h + 2 * RATE * d * d
        y, d = y + RATE * y * y, slope * d
    return y, d, h


# ---- depth --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_backward_through_200_000_operations() -> None:
    x = leaf(START)
    y = chain(x).sum()
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), GROWTH * np.ones(2), rtol=1e-9)
    del y


@pytest.mark.slow
def test_grad_and_jvp_through_200_000_operations() -> None:
    np.testing.assert_allclose(tg.grad(lambda x: chain(x).sum())(START), GROWTH, rtol=1e-9)
    _, t = tg.jvp(chain, (START,), (START,))
    np.testing.assert_allclose(t, GROWTH * START, rtol=1e-9)


@pytest.mark.slow
def test_second_order_through_100_000_recorded_operations() -> None:
    length = DEEP // 12  # three operations a step, and as many again in the reverse sweep
    y, d, h = curved_by_hand(0.7, length)
    f = lambda x: curved(x, length)
    np.testing.assert_allclose(tg.value_and_grad(f)(0.7), (y, d), rtol=1e-9)
    np.testing.assert_allclose(tg.hvp(f, 0.7, 2.0), 2 * h, rtol=1e-9)
    x = leaf(0.7)
    f(x).backward(create_graph=True)
    g, x.grad = x.grad, None
    g.backward()
    np.testing.assert_allclose(x.grad.item(), h, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["dropped", "backward", "retained", "shared"])
def test_a_deep_tape_is_freed_without_recursion(how: str) -> None:
    """Freeing a linked chain naively recurses in C and crashes the interpreter."""
    x = leaf(START)
    y = chain(x)
    total = y.sum()
    if how == "backward":
        total.backward()
    elif how == "retained":
        total.backward(retain_graph=True)
    elif how == "shared":
        total = (y * y + chain(y)).sum()
    del y, total
    gc.collect()
    assert (x * 1).requires_grad


@pytest.mark.slow
def test_deep_trees_of_both_operands_are_freed_too() -> None:
    x = leaf(1.0)
    y, z = x, x
    for _ in range(DEEP // 2):
        y, z = y * z, z
        z = z + 0.0
    y.backward()
    np.testing.assert_allclose(x.grad.item(), DEEP // 2 + 1)
    del y, z
    gc.collect()


# ---- linear length ------------------------------------------------------------------------------


def test_one_node_an_operation_and_each_walked_once() -> None:
    """The length of a tape is the number of operations, also where values are shared."""
    sizes = []
    for length in (1000, 4000):
        x = leaf(START)
        sizes.append(len(Tape([chain(x, length)]).nodes))
    assert sizes == [1001, 4001]
    x = leaf(1.0)
    y = x
    for _ in range(1000):
        y = y + y
    assert len(Tape([y]).nodes) == 1001


def test_each_rule_runs_once_in_a_reverse_sweep() -> None:
    calls = {"forward": 0, "reverse": 0}

    def value(x: Any) -> Any:
        calls["forward"] += 1
        return 0.5 * x

    def rule(g: Any, y: Any, x: Any) -> Any:
        calls["reverse"] += 1
        return 0.5 * g

    half = tg.elementwise("half_for_the_test_of_depth", value, rule, domain=(-1, 1))
    try:

        def f(x: Any) -> Any:
            for _ in range(500):
                y = half(x)
                x = y + y
            return x

        assert tg.grad(f)(3.0) == 1
        assert calls == {"forward": 500, "reverse": 500}
        assert tg.jvp(f, (3.0,), (1.0,))[1] == 1
        assert calls == {"forward": 1000, "reverse": 1000}
    finally:
        REGISTRY.pop("half_for_the_test_of_depth")


def test_the_tape_of_a_gradient_grows_linearly() -> None:
    """Nodes of the gradient's own tape, for lengths 100 and 400: affine in the length."""

    def nodes(length: int) -> int:
        x = leaf(0.7)
        curved(x, length).backward(create_graph=True)
        return len(Tape([x.grad]).nodes)

    a, b, c = nodes(100), nodes(200), nodes(400)
    assert c - b == 2 * (b - a)
    assert c < 30 * 400


# ---- memory -------------------------------------------------------------------------------------

KIB = 1024


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Bytes in use, after a collection of cycles."""
    gc.collect()
    tracemalloc.start()

    def used() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    yield used
    tracemalloc.stop()


def net(seed: int = 0) -> tuple[dict[str, Any], Any, Any]:
    rng = np.random.default_rng(seed)
    params = {"a": rng.normal(size=(8, 16)) / 3, "b": rng.normal(size=(16, 2)) / 4}
    return params, rng.normal(size=(32, 8)), rng.normal(size=(32, 2))


def loss_of(p: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(x @ p["a"]) @ p["b"] - y) ** 2)


def test_a_thousand_steps_of_backward_leave_memory_flat(traced: Any) -> None:
    params, x, y = net()
    p = {k: leaf(v) for k, v in params.items()}
    first = None

    def step() -> float:
        nonlocal p
        loss = loss_of(p, x, y)
        loss.backward()
        p = {k: leaf(v.numpy() - 0.1 * v.grad.numpy()) for k, v in p.items()}
        return loss.item()

    first = step()
    for _ in range(20):
        step()
    before = traced()
    for _ in range(1000):
        last = step()
    assert traced() - before < 64 * KIB  # free lists fill up; one small object a step would be more
    assert last < first


@pytest.mark.slow
def test_a_thousand_functional_steps_leave_memory_flat(traced: Any) -> None:
    params, x, y = net()
    step = tg.value_and_grad(loss_of)
    first, _ = step(params, x, y)
    before = traced()
    for i in range(1000):
        value, g = step(params, x, y)
        params = {k: params[k] - 0.1 * g[k] for k in params}
        if i % 250 == 0:  # second order now and then
            tg.hvp(loss_of, params, g, x, y)
            tg.linearize(tg.grad(lambda p: loss_of(p, x, y)), params)[1](g)
    assert traced() - before < 64 * KIB  # free lists fill up; one small object a step would be more
    assert value < first


def test_no_cycles_are_left_for_the_collector() -> None:
    """Reference counts alone must free a tape: a large one may not wait for a collection."""
    params, x, y = net()
    tg.grad(loss_of)(params, x, y)
    gc.collect()
    earlier = [o for o in gc.get_objects() if isinstance(o, tg.Tensor)]  # of other tests
    gc.disable()
    try:
        for _ in range(20):
            tg.grad(loss_of)(params, x, y)
            tg.hvp(loss_of, params, params, x, y)
            p = {k: leaf(v) for k, v in params.items()}
            loss_of(p, x, y).backward()
        del p
        known = {id(o) for o in earlier}
        alive = [o for o in gc.get_objects() if isinstance(o, tg.Tensor) and id(o) not in known]
        assert max((len(Tape([t]).nodes) for t in alive), default=0) <= 1
    finally:
        gc.enable()


@pytest.mark.slow
def test_ten_thousand_dropped_losses_leave_memory_flat(traced: Any) -> None:
    x = leaf(np.ones(1000))
    evaluate = lambda: (np.tanh(x) * x).sum()
    evaluate()
    before = traced()
    for _ in range(10_000):
        evaluate()
    assert traced() - before < 4 * KIB


def test_kept_losses_do_not_keep_their_tapes_after_backward(traced: Any) -> None:
    x = leaf(np.ones(1000))
    kept = []
    before = traced()
    for _ in range(200):
        loss = (np.tanh(x * 2) * x).sum()
        loss.backward()
        x.grad = None
        kept.append(loss)
    assert traced() - before < 200 * 2 * KIB  # the arrays alone would be 200 · 24 KiB
    assert len({k.item() for k in kept}) == 1


def test_results_of_transforms_do_not_keep_the_tape(traced: Any) -> None:
    x = np.ones(1000)
    kept = []
    before = traced()
    for _ in range(100):
        kept.append(tg.value_and_grad(lambda x: (np.tanh(x * 2) * x).sum())(x)[0])
        kept.append(tg.jvp(lambda x: (np.tanh(x * 2) * x).sum(), (x,), (x,))[0])
    assert traced() - before < 100 * 2 * KIB


def test_a_forward_sweep_over_a_deep_tape_keeps_only_what_is_read_again(traced: Any) -> None:
    """Tangents are dropped after their last reader: the sweep needs a few, not one a node."""
    n, length = 2000, 300
    _, push = tg.linearize(lambda x: chain(x, length), np.ones(n))
    push(np.ones(n))
    before = traced()
    tracemalloc.reset_peak()
    push(np.ones(n))
    peak = tracemalloc.get_traced_memory()[1]
    assert peak - before < 20 * n * 8  # 300 tangents would take 300 · n · 8


def test_a_reverse_sweep_drops_cotangents_on_the_way(traced: Any) -> None:
    n, length = 2000, 300
    _, pull = tg.vjp(lambda x: chain(x, length), np.ones(n))
    pull(np.ones(n))
    before = traced()
    tracemalloc.reset_peak()
    pull(np.ones(n))
    peak = tracemalloc.get_traced_memory()[1]
    assert peak - before < 20 * n * 8


def test_checkpoint_bounds_the_memory_of_a_deep_function(traced: Any) -> None:
    n, blocks, each = 5000, 20, 20

    def block(x: Any) -> Any:
        for _ in range(each):
            x = np.sin(x)
        return x

    def peak(piece: Any) -> int:
        def f(x: Any) -> Any:
            for _ in range(blocks):
                x = piece(x)
            return x.sum()

        tg.grad(f)(np.ones(n))
        before = traced()
        tracemalloc.reset_peak()
        tg.grad(f)(np.ones(n))
        return tracemalloc.get_traced_memory()[1] - before

    assert peak(tg.checkpoint(block)) < 0.4 * peak(block)
