"""Blocks that change how operations are recorded, and that they stay within their thread."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.core import modes

X = np.array([0.0, 4.0])


def quiet() -> Any:
    """NumPy's warnings about the NaNs that these tests make on purpose."""
    return np.errstate(all="ignore")


def leaf(x: Any) -> Any:
    """A start of the tape, as a user makes one."""
    return tg.tensor(x, requires_grad=True)


@pytest.fixture(autouse=True)
def _all_blocks_are_closed_again() -> Any:
    yield
    assert modes.special == [0]


# ---- no_grad, enable_grad -----------------------------------------------------------------------


def test_nesting() -> None:
    x = leaf(2.0)
    recorded = lambda: (x * x).requires_grad
    assert recorded()
    with tg.no_grad():
        assert not recorded()
        with tg.enable_grad():
            assert recorded()
            with tg.no_grad():
                assert not recorded()
            assert recorded()
        assert not recorded()
    assert recorded()


def test_an_error_closes_the_block() -> None:
    x = leaf(2.0)
    with pytest.raises(RuntimeError, match="user"), tg.no_grad():
        raise RuntimeError("user")
    assert (x * x).requires_grad


def test_transforms_work_under_no_grad() -> None:
    with tg.no_grad():
        assert tg.grad(lambda x: x**3)(2.0) == 12
        assert tg.hessian(lambda x: x**3)(2.0) == 12
        assert tg.grad(tg.grad(lambda x: x**3))(2.0) == 12
        assert tg.hvp(lambda x: x**3, 2.0, 1.0) == 12
        assert tg.jvp(lambda x: x**3, (2.0,), (1.0,))[1] == 12
        assert tg.vjp(lambda x: x**3, 2.0)[1](1.0)[0] == 12
        assert tg.linearize(lambda x: x**3, 2.0)[1](1.0) == 12
        np.testing.assert_array_equal(tg.jacobian(lambda x: x**2)(X), np.diag(2 * X))
        np.testing.assert_array_equal(tg.vmap(tg.grad(lambda x: x**2))(X), 2 * X)


def test_no_grad_inside_f_makes_constants() -> None:
    def f(x: Any) -> Any:
        with tg.no_grad():
            y = x * x
        return y * x

    assert tg.grad(f)(3.0) == 9
    assert tg.jvp(f, (3.0,), (1.0,))[1] == 9
    assert tg.hessian(f)(3.0) == 0
    np.testing.assert_array_equal(tg.vmap(tg.grad(f))(X), X * X)
    assert tg.grad(lambda x: tg.stop_gradient(x * x) * x)(3.0) == 9
    assert tg.hessian(lambda x: tg.stop_gradient(x * x) * x)(3.0) == 0


def test_a_transform_inside_no_grad_inside_another() -> None:
    """It computes its own derivative, and lets none of the outer one through."""
    transforms = {
        "grad": lambda f, x: tg.grad(f)(x),
        "jvp": lambda f, x: tg.jvp(f, (x,), (1.0,))[1],
        "vjp": lambda f, x: tg.vjp(f, x)[1](1.0)[0],
        "linearize": lambda f, x: tg.linearize(f, x)[1](1.0),
        "jacfwd": lambda f, x: tg.jacfwd(f)(x),
        "jacrev": lambda f, x: tg.jacrev(f)(x),
    }
    for name, derive in transforms.items():

        def through_argument(x: Any, derive: Any = derive) -> Any:
            with tg.no_grad():
                y = derive(lambda z: z**3, x)
            return y * x

        def through_closure(x: Any, derive: Any = derive) -> Any:
            with tg.no_grad():
                y = derive(lambda z: x * z**3, 1.0)
            return y * x

        np.testing.assert_allclose(tg.grad(through_argument)(3.0), 27, err_msg=name)
        np.testing.assert_allclose(tg.grad(through_closure)(3.0), 9, err_msg=name)
        np.testing.assert_allclose(tg.jvp(through_argument, (3.0,), (1.0,))[1], 27, err_msg=name)
        np.testing.assert_allclose(tg.jvp(through_closure, (3.0,), (1.0,))[1], 9, err_msg=name)


def test_backward_inside_no_grad() -> None:
    x = leaf(3.0)
    y = x * x
    with tg.no_grad():
        y.backward()
    assert x.grad.item() == 6
    assert not x.grad.requires_grad


# ---- nan_safe -----------------------------------------------------------------------------------

# f, x, and the first and second derivatives of the branch that was taken
SAFE: dict[str, tuple[Any, Any, Any, Any]] = {
    "where log": (
        lambda x: np.where(x > 0, np.log(x), 0.0),
        [-1.0, 0.0, 2.0], [0, 0, 0.5], [0, 0, -0.25],
    ),
    "where sqrt": (
        lambda x: np.where(x > 0, np.sqrt(x), 0.0), [0.0, 4.0], [0, 0.25], [0, -1 / 32]
    ),
    "where 1/x": (
        lambda x: np.where(x != 0, 1 / x, 0.0), [0.0, 2.0], [0, -0.25], [0, 0.25]
    ),
    "where power": (
        lambda x: np.where(x > 0, x**-0.5, 0.0), [0.0, 4.0], [0, -1 / 16], [0, 3 / 128]
    ),
    "where arccos": (
        lambda x: np.where(np.abs(x) < 1, np.arccos(x), 0.0), [1.0, 0.0], [0, -1], [0, 0]
    ),
    "sqrt of square": (lambda x: np.sqrt(x * x), [0.0, 2.0], [0, 1], None),
}  # fmt: skip


@pytest.mark.parametrize("name", SAFE)
def test_nan_safe_gives_the_taken_branch(name: str) -> None:
    f, point, first, second = SAFE[name]
    x = np.array(point)
    total = lambda x: f(x).sum()
    with quiet():
        bare = tg.grad(total)(x)
        assert np.isnan(bare).any()  # by IEEE's rules, outside the block
        with tg.nan_safe():
            np.testing.assert_allclose(tg.grad(total)(x), first)
            np.testing.assert_allclose(tg.jvp(f, (x,), (np.ones_like(x),))[1], first)
            np.testing.assert_allclose(tg.vmap(tg.grad(f))(x), first)
            np.testing.assert_allclose(tg.jacobian(f)(x), np.diag(first))
            if second is not None:
                np.testing.assert_allclose(tg.hessian(total)(x), np.diag(second))
                np.testing.assert_allclose(tg.jacrev(tg.grad(total))(x), np.diag(second))
                np.testing.assert_allclose(tg.hvp(total, x, np.ones_like(x)), second)
            t = leaf(x)
            total(t).backward()
            np.testing.assert_allclose(t.grad.numpy(), first)
        assert np.isnan(tg.grad(total)(x)).any()


def test_nan_safe_changes_nothing_where_all_is_finite() -> None:
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(3, 4)), rng.normal(size=(5, 3))
    f = lambda w: np.sum(np.tanh(x @ w) ** 2 / (1 + np.exp(w[0])))
    g, h = tg.grad(f)(w), tg.hessian(f)(w)
    with tg.nan_safe():
        np.testing.assert_allclose(tg.grad(f)(w), g, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(tg.hessian(f)(w), h, rtol=1e-13, atol=1e-13)


def test_nan_safe_keeps_an_honest_nan() -> None:
    with quiet(), tg.nan_safe():
        assert np.isnan(tg.grad(lambda x: np.log(x) * 1.0)(np.nan))


# ---- debug_nans ---------------------------------------------------------------------------------


def bad_log(x: Any) -> Any:
    y = x * 2
    return np.log(y - 3).sum()  # the line that makes a NaN


def bad_root(x: Any) -> Any:
    y = np.sqrt(x)  # the line whose derivative is infinite
    return (y * y).sum()


LOG_LINE = bad_log.__code__.co_firstlineno + 2
ROOT_LINES = [bad_root.__code__.co_firstlineno + k for k in (1, 2)]
WAYS = {
    "value": lambda f: f(tg.tensor(X)),
    "backward": lambda f: f(leaf(X)).backward(),
    "grad": lambda f: tg.grad(f)(X),
    "jvp": lambda f: tg.jvp(f, (X,), (np.ones(2),)),
    "hvp": lambda f: tg.hvp(f, X, np.ones(2)),
    "hessian": lambda f: tg.hessian(f)(X),
    "grad of grad": lambda f: tg.grad(lambda x: tg.grad(f)(x).sum())(X),
    "vmap": lambda f: tg.vmap(tg.grad(f))(np.stack([X, X])),
}


@pytest.mark.parametrize("way", WAYS)
def test_debug_nans_names_operation_and_line_of_a_value(way: str) -> None:
    with quiet(), tg.debug_nans(), pytest.raises(tg.NanError) as caught:
        WAYS[way](bad_log)
    assert "log(float64" in str(caught.value)
    assert f"{__file__}:{LOG_LINE}" in str(caught.value)


@pytest.mark.parametrize("way", [w for w in WAYS if w != "value"])
def test_debug_nans_names_operation_and_line_of_a_derivative(way: str) -> None:
    """sqrt's derivative at 0 is infinite, and what multiplies it there is 0: NaN by IEEE's rules."""
    with quiet(), tg.debug_nans(), pytest.raises(tg.NanError) as caught:
        WAYS[way](bad_root)
    message = str(caught.value)
    assert "derivative of sqrt(" in message or "derivative of multiply(" in message
    assert any(f"{__file__}:{line}" in message for line in ROOT_LINES), message


def test_debug_nans_lets_given_and_finite_values_pass() -> None:
    with tg.debug_nans():
        assert tg.grad(lambda x: (x**3).sum())(X)[1] == 48
        assert np.isnan(tg.tensor(np.nan).numpy())
        assert np.isnan((tg.tensor(np.nan) * 2).numpy())  # made elsewhere, not here
    with quiet():
        assert np.isnan(bad_log(tg.tensor(X)).numpy())
        assert np.isnan(tg.grad(bad_root)(X)).any()


# ---- threads ------------------------------------------------------------------------------------


def test_eight_threads_compute_their_own_derivatives() -> None:
    start = threading.Barrier(8)

    def work(k: int) -> float:
        start.wait()
        worst = 0.0
        for i in range(30):
            at = 0.1 + 0.01 * i
            want = k * at * np.cos(k * at) + np.sin(k * at)
            second = 2 * k * np.cos(k * at) - k * k * at * np.sin(k * at)
            x = leaf(at)
            y = np.sin(k * x) * x
            y.backward()
            f = lambda x: np.sin(k * x) * x
            found = [x.grad.item() - want, tg.grad(f)(at) - want, tg.hessian(f)(at) - second]
            found.append(tg.vmap(tg.grad(f))(np.full(3, at))[2] - want)
            worst = max(worst, *map(abs, found))
        return worst

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(work, range(8))) < 1e-12


def test_modes_of_one_thread_do_not_reach_another() -> None:
    inside, checked = threading.Event(), threading.Event()
    seen = {}

    def holder() -> None:
        with tg.no_grad(), tg.nan_safe(), tg.debug_nans():
            inside.set()
            checked.wait(10)
            seen["holder"] = (leaf(1.0) * 2).requires_grad

    thread = threading.Thread(target=holder)
    thread.start()
    try:
        assert inside.wait(10)
        assert (leaf(1.0) * 2).requires_grad
        with quiet():
            assert np.isnan(tg.grad(bad_root)(X)[0])  # neither safe nor refused
    finally:
        checked.set()
        thread.join()
    assert seen == {"holder": False}


# ---- blocks that are left elsewhere than they were opened ---------------------------------------


def recorded() -> bool:
    return (leaf(1.0) * 2).requires_grad


def in_a_block() -> Any:
    with tg.no_grad():
        yield
        yield


def test_a_generator_closed_in_another_thread_leaves_its_block() -> None:
    g = in_a_block()
    next(g)
    assert not recorded()  # as @contextmanager wants it: the block is the caller's
    thread = threading.Thread(target=g.close)
    thread.start()
    thread.join()
    assert recorded()


def test_generators_end_in_any_order() -> None:
    for last in (0, 1):
        a, b = in_a_block(), in_a_block()
        next(a), next(b)
        (a, b)[1 - last].close()
        assert not recorded()
        (a, b)[last].close()
        assert recorded()
    a = in_a_block()
    next(a)
    with tg.enable_grad():
        a.close()
        assert recorded()
        with tg.no_grad():
            assert not recorded()
    assert recorded()
    b = in_a_block()
    next(b)
    del b  # collected while it is open
    assert recorded()


def test_an_async_generator_closed_in_another_task_leaves_its_block() -> None:
    async def quiet_steps() -> Any:
        with tg.no_grad():
            yield 1
            yield 2

    async def other_task(seen: list[bool]) -> None:
        seen.append(recorded())

    async def main() -> list[bool]:
        seen: list[bool] = []
        steps = quiet_steps()
        await anext(steps)
        await asyncio.create_task(steps.aclose())
        seen.append(recorded())
        with tg.no_grad():
            await asyncio.create_task(other_task(seen), context=Context())
            seen.append(recorded())
        return seen

    assert asyncio.run(main()) == [True, True, False]


def test_one_block_is_opened_twice_and_by_two_threads() -> None:
    block = tg.no_grad()
    with block:
        with block:
            assert not recorded()
        assert not recorded()
    assert recorded()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with block:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(10)
    with block:
        leave.set()
        thread.join()
        assert not recorded()
    assert recorded()


def test_a_block_as_a_decorator() -> None:
    @tg.no_grad()
    def f(n: int) -> bool:
        return recorded() or (n > 0 and f(n - 1))

    assert not f(2) and recorded()

    async def coroutine() -> None: ...

    async def stream() -> Any:
        yield

    for late in (in_a_block, coroutine, stream):
        with pytest.raises(TypeError, match=rf"{late.__name__} is a generator.*inside it"):
            tg.no_grad()(late)


def test_no_replay_is_left_in_another_thread_too() -> None:
    from tinygrad_hess.replay.fallback import is_replaying

    def recorded_sweeps() -> Any:
        with tg.no_replay():
            yield

    g = recorded_sweeps()
    next(g)
    assert not is_replaying() and modes.special == [0]
    thread = threading.Thread(target=g.close)
    thread.start()
    thread.join()
    assert is_replaying()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_while_other_threads_open_blocks() -> None:
    stop = threading.Event()
    jitted = tg.jit(lambda x: x * 2)

    def work() -> None:
        while not stop.is_set():
            with tg.no_grad(), tg.nan_safe():
                leaf(1.0) * 2
            jitted.cache_clear()
            jitted(np.ones(3))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with tg.enable_grad():
            codes = [_in_a_child(jitted) for _ in range(20)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert codes == [0] * 20


def _in_a_child(jitted: Any) -> int | None:
    """How a forked child ends that opens blocks and derives; None if it does not end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert modes.special == [1]  # of the thread that forked
            with tg.no_grad():
                assert not recorded()
            assert recorded() and tg.grad(lambda x: x * x)(3.0) == 6
            assert (jitted(np.ones(4)) == 2).all()
            code = 0
        finally:
            os._exit(code)
    for _ in range(1000):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


def test_a_decorator_without_parentheses() -> None:
    """As PyTorch takes it; with parentheses, too."""

    @tg.no_grad
    def one(x: Any) -> Any:
        """Twice x."""
        return 2 * x

    @tg.no_grad()
    def other(x: Any) -> Any:
        return 2 * x

    x = tg.tensor(1.0, requires_grad=True)
    assert not one(x).requires_grad and not other(x).requires_grad and (2 * x).requires_grad
    assert (one.__name__, one.__doc__) == ("one", "Twice x.")
    assert tg.no_grad(tg.enable_grad(lambda x: 2 * x))(x).requires_grad
