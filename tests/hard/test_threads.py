"""Calls of every kind in many threads at once, on what they share: always the bits of one thread.

Where Python has no global lock, threads run at the same time, in C and in Python.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from figures import note
from recorded_functions import POINTS, energy, gradient, product

import tinygrad_hess as tg
from tinygrad_hess import curvature, nn, optim

pytestmark = pytest.mark.hard
THREADS, CALLS = 16, 60

NET = nn.MLP([12, 8, 3], seed=0)
SHARED = tg.tensor(np.linspace(-1, 1, 12), requires_grad=True)
LABELS = np.arange(40) % 3
OPERATOR = curvature.HessianOperator(
    lambda net, batch: nn.cross_entropy(net(batch[0]), batch[1]), NET, (POINTS, LABELS)
)
SIZED = tg.jit(tg.grad(lambda x: (np.sin(x) * x).sum()))
"""Of arguments of any length: each length is recorded by the thread that comes first."""


def by_tape(x: Any) -> Any:
    """A tape that leads to a tensor all threads share; its own gradient is not kept there."""
    y = tg.tensor(x, requires_grad=True)
    loss = (np.tanh(y * SHARED) ** 2).sum() + np.exp(-y).sum()
    loss.backward()
    return y.grad


def training(x: Any) -> Any:
    net = nn.MLP([12, 4, 3], seed=1)
    fitted = optim.fit(
        lambda net, batch: nn.cross_entropy(net(batch[0]), batch[1]),
        net,
        tg.data.batches(POINTS + x, LABELS, size=20, seed=0),
        optimizer=optim.Adam(lr=1e-2),
        epochs=2,
    )
    return tg.ravel(fitted.params)[0]


def in_modes(x: Any) -> Any:
    """Modes are of the thread that switches them on."""
    with tg.no_grad():
        constant = np.sin(tg.tensor(x, requires_grad=True))
    with tg.nan_safe():
        safe = tg.grad(lambda x: np.sqrt(np.maximum(x, 0)).sum())(x)
    try:
        with tg.debug_nans(), np.errstate(invalid="ignore"):
            tg.grad(lambda x: np.log(-abs(x)).sum())(x)
    except FloatingPointError:
        return np.concatenate([constant.numpy(), safe])
    raise AssertionError("debug_nans saw no NaN")


CALLS_OF: dict[str, Callable[[Any], Any]] = {
    "gradient by the tape": by_tape,
    "gradient, recorded": tg.grad(energy),
    "product, recorded": lambda x: tg.hvp(energy, x, x),
    "Hessian": lambda x: tg.hessian(lambda x: (np.sin(x) * x[::-1]).sum())(x),
    "jacfwd": lambda x: tg.jacfwd(lambda x: np.cumsum(x) ** 2)(x),
    "vmap of a gradient": lambda x: tg.vmap(tg.grad(lambda x: np.exp(x).sum()))(POINTS + x),
    "jit, one shape": gradient,
    "jit, a product": product,
    "jit, shapes anew": lambda x: SIZED(np.resize(x, 2 + int(abs(x[0]) * 1000) % 50)),
    "jit, made anew": lambda x: tg.jit(tg.grad(lambda y: (y * np.cos(x)).sum() ** 2))(x),
    "a large result": lambda x: SIZED(np.resize(x, 40_000)),
    "a net": lambda x: NET(tg.tensor(x)).numpy(),
    "an operator": lambda x: OPERATOR.matvec(np.resize(x, OPERATOR.shape[0])),
    "eigenvalues": lambda x: curvature.top_eigenpairs(OPERATOR, 2, seed=0).values,
    "a trace": lambda x: np.float64(curvature.trace(OPERATOR, seed=0).value),
    "training": training,
    "modes": in_modes,
}


def test_threads_get_the_bits_of_one_thread() -> None:
    calls = list(CALLS_OF.values())
    expected = [[np.asarray(f(x)).tobytes() for x in POINTS[:5]] for f in calls]
    start, interval = threading.Barrier(THREADS), sys.getswitchinterval()

    def work(k: int) -> list[str]:
        start.wait()
        wrong = []
        for i in range(CALLS):
            n, m = (i + k) % len(calls), (i * 7 + k) % 5
            if np.asarray(calls[n](POINTS[m])).tobytes() != expected[n][m]:
                wrong.append(list(CALLS_OF)[n])
        return wrong

    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            wrong = [name for found in pool.map(work, range(THREADS)) for name in found]
    finally:
        sys.setswitchinterval(interval)
    note(f"threads on calls of {len(calls)} kinds", calls=THREADS * CALLS, wrong=len(wrong))
    assert wrong == []
