"""Microseconds an operation, of a chain of 2,000 on ten numbers: NumPy, recording, gradient."""

from __future__ import annotations

import statistics

import tinygrad_hess as tg

from .library_tinygrad_hess import FUNCTIONS
from .models import chain
from .problems import problem
from .worker import timed

LENGTH = 2000
ROUNDS = 15


def main() -> None:
    start, loss = problem(f"chain {LENGTH}", "float64"), chain(FUNCTIONS).loss
    params, rounds = start.params, start.args[0]
    recorded, gradient = [tg.tensor(params[0], requires_grad=True)], tg.grad(loss)
    for name, run in {
        "NumPy alone": lambda: loss(params, rounds),
        "recorded": lambda: loss(recorded, rounds),
        "gradient": lambda: gradient(params, rounds),
    }.items():
        each = statistics.median(timed(run) for _ in range(ROUNDS)) / LENGTH
        print(f"{name:12s} {each * 1e6:5.2f} µs an operation")


if __name__ == "__main__":
    main()
