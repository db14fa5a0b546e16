"""Several threads on one function, several threads in one call, and exceptions in the middle."""

from __future__ import annotations

import concurrent.futures
import threading
from typing import Any

import numpy as np
import pytest
from replayed import X, Y, declared, same

import tinygrad_hess as tg


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
            same(jitted(*args), wanted[id(args)], ulps=256)

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
            same(jitted(x), np.sin(x + 1) * np.cos(x * 2))
            go.set()
            same(first.result(), np.sin(slow + 1) * np.cos(slow * 2))


def test_an_exception_in_mid_replay_leaves_it_usable() -> None:
    def value(x: Any) -> Any:
        if np.any(x > 100):
            raise ArithmeticError("too large")
        return x + 1

    with declared("limited"):
        limited = tg.elementwise("limited", value, lambda g, y, x: g, domain=(-1, 1))
        f = lambda x: limited(np.exp(x) * 2).sum() + np.cos(limited(x)).prod()
        jitted = tg.jit(f)
        same(jitted(X), f(X))
        for _ in range(2):
            with pytest.raises(ArithmeticError, match="too large"):
                jitted(X * 100)
            same(jitted(Y), f(Y))
