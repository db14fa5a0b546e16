"""What bounds a replayed program: the machine's own limits, and what a program asks of them.

{"machine": ...}: a call gives the limits                of any task
{"program": ...}: what the plan of a task consists of, and the seconds that it takes
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess.replay.program import Instruction

from .library_tinygrad_hess import FUNCTIONS
from .models import MODELS
from .problems import problem
from .tasks import GRADIENT, HVP

ROUNDS = 9
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
MEMORY = 2**27
"""Bytes of arrays that no cache holds."""

LENGTH = 1024
"""Of arrays on which NumPy's loops are timed; they lie in the first cache."""


def make(workload: str, task: str, dtype: str) -> dict[str, Callable[[], Any]]:
    """What can be called."""
    return {"machine": machine, "program": lambda: program(workload, task, dtype)}


def seconds(run: Callable[[], Any], least: float = 2e-3) -> float:
    """A call's, the least of several turns: what the machine can do."""
    run()
    begin = time.perf_counter()
    run()
    repeats = max(1, int(least / max(time.perf_counter() - begin, 1e-7)))
    return min(_turn(run, repeats) for _ in range(ROUNDS))


def _turn(run: Callable[[], Any], repeats: int) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - begin) / repeats


# ---- the machine ---------------------------------------------------------------------------------


@cache
def levels() -> dict[str, int]:
    """Bytes of each cache of data, and of memory."""
    found = {}
    for index in sorted(CACHES.glob("index*")):
        read = lambda name, index=index: (index / name).read_text().strip()
        if read("type") != "Instruction":
            found[f"L{read('level')}"] = int(read("size").removesuffix("K")) * 1024
    return {**found, "memory": MEMORY}


@cache
def bandwidth(level: str) -> float:
    """Bytes a second, read and written, of copies that fill half of a level."""
    size = levels()[level]
    count = (size if level == "memory" else min(size // 2, MEMORY // 4)) // 16
    a, b = np.ones(count), np.empty(count)
    return 16 * count / seconds(partial(np.copyto, b, a))


@cache
def peak() -> float:
    """Floating-point operations a second, of a product of matrices."""
    a = np.random.default_rng(0).normal(size=(1024, 1024))
    out = np.empty_like(a)
    return 2 * 1024**3 / seconds(lambda: np.matmul(a, a, out), 0.1)


@cache
def numpy_call() -> float:
    """Seconds of a call of NumPy that computes next to nothing."""
    a, out = np.ones(1), np.empty(1)
    return seconds(lambda: np.add(a, a, out))


@cache
def replayed_calls() -> tuple[float, float]:
    """Seconds of a call of a jitted function, and of one operation more within it."""
    x = np.linspace(0.0, 1.0, 4)

    def chain(count: int) -> Callable[[Any], Any]:
        def f(x: Any) -> Any:
            for _ in range(count):
                x = x * 0.5 + x
            return x

        return tg.jit(f)

    few, many = (seconds(partial(chain(n), x)) for n in (1, 101))
    return few, max(many - few, 0.0) / 200


def machine() -> dict[str, Any]:
    """The limits, plain."""
    call, operation = replayed_calls()
    return {
        "peak": peak(),
        "levels": levels(),
        "bandwidths": {level: bandwidth(level) for level in levels()},
        "numpy call": numpy_call(),
        "replayed call": call,
        "replayed operation": operation,
    }


# ---- a program -----------------------------------------------------------------------------------


def program(workload: str, task: str, dtype: str) -> dict[str, Any]:
    """What a plan consists of, in seconds at the machine's limits, and its own seconds."""
    p = problem(workload, dtype)
    loss = MODELS[p.model](FUNCTIONS).loss
    f, args = {
        GRADIENT: (tg.value_and_grad(loss), (p.params, *p.args)),
        HVP: (partial(tg.hvp, loss), (p.params, p.direction, *p.args)),
    }[task]  # fmt: skip
    jitted = tg.jit(f)
    traced, _ = jitted.plan_for(*args)
    shapes = traced.program.shapes()
    size = lambda slot: int(np.prod(shapes[slot][0])) * np.dtype(shapes[slot][1] or float).itemsize
    products, loops, traffic, count = 0, 0.0, 0, 0
    for i in traced.program.instructions:
        if i.prim is not None and i.prim.aliases:
            continue  # a view, made once
        count += 1
        if i.prim is not None and i.prim.product:
            products += i.flops
        else:
            loops += _loop_seconds(i)
            traffic += i.nbytes + sum(map(size, i.args))
    held = sum(b.nbytes for b in traced.plan.buffers)
    level = next((name for name, room in levels().items() if held <= room), "memory")
    lowered = traced.plan.lowered
    lines = len(lowered.lines) if lowered else count
    call, operation = replayed_calls()
    jitted(*args)
    turns = [_turn(lambda: jitted(*args), 3) for _ in range(ROUNDS)]
    return {
        "operations": count,
        "lines": lines,
        "flops": products,
        "traffic": traffic,
        "level": level,
        "seconds": {
            "products": products / peak(),
            "loops": loops,
            "traffic": traffic / bandwidth(level),
            "calls": call + lines * numpy_call() + (count - lines) * operation,
        },
        "measured": statistics.median(turns),
    }


def _loop_seconds(i: Instruction) -> float:
    """Of its elements, at the speed of NumPy's loop on arrays in the first cache."""
    count = i.nbytes // np.dtype(i.dtype).itemsize
    if not i.is_ufunc or np.dtype(i.dtype).kind != "f":
        return i.nbytes / bandwidth("L1")
    return count * _element_seconds(i.fn, np.dtype(i.dtype))


@cache
def _element_seconds(ufunc: np.ufunc, dtype: Any) -> float:
    operands = [np.linspace(0.1, 0.9, LENGTH, dtype=dtype) for _ in range(ufunc.nin)]
    out = np.empty(LENGTH, dtype)
    return max(seconds(lambda: ufunc(*operands, out=out)) - numpy_call(), 0.0) / LENGTH
