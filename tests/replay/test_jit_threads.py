"""Several threads on one function, several threads in one call, and exceptions in the middle."""

from __future__ import annotations

import concurrent.futures
import functools
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from comparing import close
from jit_routes import route
from replayed import X, Y, declared
from threadpoolctl import ThreadpoolController

import tinygrad_hess as tg
from tinygrad_hess.core import blas_threads as threads


def test_eight_threads_on_one_function() -> None:
    """Each running call has buffers of its own, also while the first is being recorded."""
    f = tg.value_and_grad(lambda x, m: (np.tanh(m @ x) ** 2).sum() + np.exp(-(x @ x)))
    jitted = tg.jit(f)
    rng = np.random.default_rng(0)
    work = [(rng.normal(size=n), rng.normal(size=(40, n))) for n in (60, 61) for _ in range(20)]
    gate = threading.Barrier(8)

    def run(k: int) -> None:
        gate.wait()
        for i in range(len(work)):
            args = work[(i + 5 * k) % len(work)]
            close(jitted(*args), wanted[id(args)], ulps=256, strict=True)

    wanted = {id(args): f(*args) for args in work}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(run, k) for k in range(8)]:
            done.result()


def test_threads_inside_a_call_do_not_meet() -> None:
    """One call waits in the middle while another runs from start to end."""
    inside, go = threading.Event(), threading.Event()

    def value(x: Any) -> Any:
        if x[0] == 99:
            inside.set()
            go.wait(10)
        return x * 1.0

    with declared("waits"):
        waits = tg.elementwise("waits", value, lambda g, y, x: g, domain=(-1, 1))
        jitted = tg.jit(lambda x: np.sin(waits(np.exp(x * 0.5) * 0 + x) + 1) * np.cos(x * 2))
        x, slow = np.arange(3.0), np.array([99.0, 1.0, 2.0])
        jitted(x)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(jitted, slow)
            assert inside.wait(10)
            close(jitted(x), np.sin(x + 1) * np.cos(x * 2), strict=True)
            go.set()
            close(first.result(), np.sin(slow + 1) * np.cos(slow * 2), strict=True)


def test_an_exception_in_mid_replay_leaves_it_usable() -> None:
    def value(x: Any) -> Any:
        if np.any(x > 100):
            raise ArithmeticError("too large")
        return x + 1

    with declared("limited"):
        limited = tg.elementwise("limited", value, lambda g, y, x: g, domain=(-1, 1))
        f = lambda x: limited(np.exp(x) * 2).sum() + np.cos(limited(x)).prod()
        jitted = tg.jit(f)
        close(jitted(X), f(X), strict=True)
        for _ in range(2):
            with pytest.raises(ArithmeticError, match="too large"):
                jitted(X * 100)
            close(jitted(Y), f(Y), strict=True)


# ---- several threads in one call ----------------------------------------------------------------


def _objective(x: Any, w: Any) -> Any:
    return (np.tanh(x @ w) ** 2).sum() + np.sin(x).sum()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_eight_threads_on_one_function_in_shards(count: int) -> None:
    """Calls and their chunks run in one pool side by side; each result is its call's."""
    f = tg.value_and_grad(_objective, argnums=(0, 1))
    rng = np.random.default_rng(0)
    work = [(rng.normal(size=(n, 4)), rng.normal(size=(4, 3))) for n in (20, 21) for _ in range(10)]
    wanted = [f(*args) for args in work]
    gate = threading.Barrier(8)
    with route(count):
        jitted = tg.jit(f)

        def run(k: int) -> None:
            gate.wait()
            kept = []
            for i in range(len(work)):
                j = (i + 5 * k) % len(work)
                got = jitted(*work[j])
                close(got, wanted[j], ulps=512, strict=True)
                kept.append((got, wanted[j]))
            for got, want in kept:
                close(got, want, ulps=512, strict=True, what="later")

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(run, k) for k in range(8)]:
                done.result()


@contextmanager
def blas_on(count: int) -> Iterator[Callable[[], list[int]]]:
    """BLAS on so many threads inside; gives what tells on how many it is now."""
    controller = ThreadpoolController()
    told = lambda: [
        c.num_threads for c in ThreadpoolController().lib_controllers if c.user_api == "blas"
    ]
    with controller.limit(limits=count, user_api="blas"):
        yield told


@contextmanager
def told_from_inside(seen: list[list[int]], fail: Callable[[Any], bool]) -> Iterator[Any]:
    """A primitive that notes the number of BLAS threads, and raises where it is asked to."""

    def value(x: Any) -> Any:
        seen.append([int(c.get_num_threads()) for c in threads._blas()])
        if fail(x):
            raise ArithmeticError("too large")
        return x * 1.0

    with declared("told"):
        yield tg.elementwise("told", value, lambda g, y, x: g, domain=(-1, 1))


def test_blas_threads_are_one_inside_and_as_before_after_a_call() -> None:
    seen: list[list[int]] = []
    x = np.arange(12.0).reshape(6, 2)
    with blas_on(2) as told, told_from_inside(seen, lambda x: False) as note, route(2, cache=10**9):
        before = told()
        jitted = tg.jit(lambda x: np.sin(note(x * 2.0)).sum())  # what is summed goes on threads
        jitted(x)
        seen.clear()
        for _ in range(3):
            close(jitted(x), np.sin(2 * x).sum(), strict=True)
            assert told() == before == [2] * len(before)
    assert len(seen) == 6 and all(n == 1 for counts in seen for n in counts)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("bad", range(6))
def test_an_exception_in_one_shard(count: int, bad: int) -> None:
    """It reaches the caller from whichever stretch; BLAS is as before, and the next call is right."""
    x = np.arange(12.0).reshape(6, 2) / 12
    spoiled = x.copy()
    spoiled[bad] = 1000.0
    with (
        blas_on(2) as told,
        told_from_inside([], lambda x: bool(np.any(x > 100))) as limited,
        route(count, cache=16),
    ):
        f = lambda x: (np.cos(limited(np.exp(x) * 2)), limited(x).sum(axis=0))
        jitted = tg.jit(f)
        close(jitted(x), f(x), strict=True)
        kept = jitted(x)
        before = told()
        with np.errstate(over="ignore"):
            for _ in range(2):
                with pytest.raises(ArithmeticError, match="too large"):
                    jitted(spoiled)
                assert told() == before
                close(jitted(2 * x), f(2 * x), strict=True)
        close(kept, f(x), strict=True)


def test_exceptions_in_several_threads_at_once() -> None:
    """Those that fail do not disturb the others, and leave BLAS as it was."""
    x = np.arange(12.0).reshape(6, 2) / 12
    with (
        blas_on(2) as told,
        told_from_inside([], lambda x: bool(np.any(x > 100))) as limited,
        route(2),
    ):
        before = told()
        f = lambda x: limited(np.sin(x) + x).sum(axis=0)
        jitted = tg.jit(f)
        want = f(x)

        def run(k: int) -> None:
            for n in range(10):
                if (n + k) % 3:
                    close(jitted(x), want, ulps=512, strict=True)
                else:
                    with pytest.raises(ArithmeticError, match="too large"):
                        jitted(x + 1000)

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for done in [pool.submit(run, k) for k in range(6)]:
                done.result()
        assert told() == before


def test_blocks_that_want_one_blas_thread_may_overlap() -> None:
    """The setting is put back by the last one that closes, to what the first one found."""
    with blas_on(2) as told:
        before = told()
        with threads.one_blas_thread:
            assert set(told()) <= {1}
            with threads.one_blas_thread:
                assert set(told()) <= {1}
            assert set(told()) <= {1}
        assert told() == before
        with pytest.raises(KeyError), threads.one_blas_thread:
            raise KeyError
        assert told() == before


def test_the_last_to_close_may_be_another_thread() -> None:
    """OpenBLAS may heed its main thread alone: what is set must be put back all the same."""
    opened, closed = threading.Event(), threading.Event()

    def other() -> None:
        with threads.one_blas_thread:
            opened.set()
            closed.wait(10)

    with blas_on(2) as told, concurrent.futures.ThreadPoolExecutor(1) as pool:
        before = told()
        with threads.one_blas_thread:
            running = pool.submit(other)
            assert opened.wait(10)
        closed.set()
        running.result()
        assert told() == before
        running = pool.submit(other)
        with threads.one_blas_thread:
            running.result()
            assert set(told()) <= {1}
        assert told() == before


def test_calls_from_several_threads_leave_blas_as_it_was() -> None:
    """Also calls of the main thread that end while others run."""
    x = np.random.default_rng(0).normal(size=(20, 4))
    with blas_on(2) as told, route(2):
        before = told()
        jitted = tg.jit(tg.grad(lambda x: _objective(x, x.T)))
        want = jitted(x)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            running = [pool.submit(lambda: [jitted(x) for _ in range(20)]) for _ in range(3)]
            for _ in range(5):
                close(jitted(x), want, strict=True)
            for done in running:
                for y in done.result():
                    close(y, want, strict=True)
        assert told() == before


def test_limits_on_blas_are_limits_on_replay() -> None:
    """No more threads than the user lets BLAS have, and one inside another's call."""
    with blas_on(1):
        assert threads.available() == 1
    with blas_on(2):
        assert threads.available() == min(2, len(os.sched_getaffinity(0)))
        with threads.one_blas_thread:
            assert threads.available() == 1


def test_calls_side_by_side_give_results_in_order() -> None:
    gate = threading.Barrier(3, timeout=10)

    def call(k: int) -> int:
        gate.wait()  # passes only where all run at once
        return k

    assert threads.side_by_side([functools.partial(call, k) for k in range(3)]) == [0, 1, 2]


@pytest.mark.parametrize("bad", [{0}, {1}, {2}, {0, 2}, {0, 1, 2}])
def test_calls_side_by_side_are_all_waited_for(bad: set[int]) -> None:
    """Also when one raises: nothing writes to buffers any more when the caller goes on."""
    ended = []

    def call(k: int) -> None:
        if k in bad:
            raise KeyError(k)
        time.sleep(0.02)
        ended.append(k)

    with pytest.raises(KeyError):
        threads.side_by_side([functools.partial(call, k) for k in range(3)])
    assert set(ended) == {0, 1, 2} - bad


def test_another_number_of_threads_in_each_call() -> None:
    """Each has plans of its own, and all give the same."""
    x, w = np.random.default_rng(0).normal(size=(2, 4, 4))
    f = tg.grad(_objective, argnums=(0, 1))
    with route():
        jitted = tg.jit(f)
        jitted(x, w)
    for count in (1, 3, 2, 1, 2, 3, 9):
        with route(count):
            for k in (1.0, 2.0):
                close(jitted(k * x, w), f(k * x, w), ulps=512, strict=True)


# ---- processes ----------------------------------------------------------------------------------


def _in_a_child(work: Callable[[], None]) -> int:
    """Fork, run ``work`` in the child, and give its exit status; a child that hangs is ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forks of processes with threads
        child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(20)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    """The parent's pool does not live on in it; it makes another, and plans stay as they are."""
    x, w = np.random.default_rng(0).normal(size=(2, 4, 4))
    with route(3):
        jitted = tg.jit(_objective)
        want = jitted(x, w)

        def work() -> None:
            close(jitted(x, w), want, strict=True)
            close(tg.jit(_objective)(2 * x, w), _objective(2 * x, w), ulps=512, strict=True)

        assert _in_a_child(work) == 0
        close(jitted(x, w), want, strict=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_while_a_call_runs() -> None:
    """The child is alone in the block's stead: BLAS is not left on one thread in it for ever."""
    with blas_on(2) as told, concurrent.futures.ThreadPoolExecutor(1) as pool:
        before = told()

        def work() -> None:
            assert told() == before
            with threads.one_blas_thread:
                pass
            assert told() == before

        with threads.one_blas_thread:
            assert pool.submit(_in_a_child, work).result() == 0
        assert told() == before
