"""A program: estimates within a memory limit, on data ten times as large that it opens in parts.

    python peak_within_limit.py X.npy Y.npy     prints a line of JSON for each step

The peak is tracemalloc's, which counts all memory of Python and of NumPy's arrays from the point
where the library and what it makes once are there. The resident size of the process is told too: it
has the interpreter, the libraries and pages of the mapped files, which the system takes back as it
likes, so it says little about a few megabytes.
"""

from __future__ import annotations

import json
import resource
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_hess import curvature, nn

LIMIT = 4_000_000
ROWS = 600


def open_rows(paths: tuple[str, str], first: int) -> Any:
    """Some examples of the files."""
    return tuple(np.array(np.load(p, mmap_mode="r")[first : first + ROWS]) for p in paths)


def loss(model: Any, batch: Any) -> Any:
    return nn.cross_entropy(model(batch[0]), batch[1])


def steps(data: Any, budget: float) -> dict[str, Callable[[], Any]]:
    """What is measured, by name; in this order."""
    model, op = nn.MLP([64, 8, 4], seed=0), None

    def operator() -> Any:
        nonlocal op
        op = curvature.HessianOperator(loss, model, data, memory_limit=LIMIT)
        return float(op.value)

    return {
        "loss": operator,
        "eigenvalues": lambda: curvature.top_eigenpairs(op, 2, tol=1e-3).values.tolist(),
        "trace": lambda: curvature.trace(op, max_matvecs=24).interval,
        "report": lambda: {k: x.why for k, x in curvature.report(op, budget=budget).parts.items()},
    }


def main() -> None:
    paths, budget = (sys.argv[1], sys.argv[2]), float(sys.argv[3])
    n = len(np.load(paths[0], mmap_mode="r"))
    data = [partial(open_rows, paths, first) for first in range(0, n, ROWS)]
    for step in steps(data[:1], budget).values():  # what is made once
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    for name, step in steps(data, budget).items():
        tracemalloc.reset_peak()
        answer, peak = step(), tracemalloc.get_traced_memory()[1]
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        told = {"step": name, "answer": answer, "peak": peak, "resident growth": grown}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
