"""Microseconds an operation, of a chain of 2,000 on ten numbers: NumPy, recording, gradient."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import problems
from library_tinygrad_hess import chain

import tinygrad_hess as tg


def microseconds(f: Callable[[], Any], rounds: int = 15) -> float:
    """Median time of a call, an operation of the chain."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        f()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e6 / problems.CHAIN_LENGTH


def main() -> None:
    start = tg.tensor(problems.CHAIN_START, requires_grad=True)
    gradient = tg.grad(chain)
    print(f"NumPy alone  {microseconds(lambda: chain(problems.CHAIN_START)):5.2f} µs an operation")
    print(f"recorded     {microseconds(lambda: chain(start)):5.2f}")
    print(f"gradient     {microseconds(lambda: gradient(problems.CHAIN_START)):5.2f}")


if __name__ == "__main__":
    main()
