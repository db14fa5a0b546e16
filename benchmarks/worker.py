"""One library in a process of its own: reads a request a line, answers a line, both as JSON.

{"make": [workload, task, dtype]}       the names of its forms of the task
{"save": form, "path": file}            runs it for the first time, writes its numbers
{"time": form, "repeats": n}            seconds a call
{"call": form}                          what it returns, where that is plain
{"compile": [workload, task, dtype]}    by form, seconds by which a first call exceeds a second
{"versions": null}                      of the library and of what it stands on
{"blas": null}                          NumPy's and SciPy's

python -m benchmarks.worker library_jax
python -m benchmarks.worker library_jax --first WORKLOAD TASK FORM DTYPE      one call, and ends

``--core=1`` after the library pins the process to that core.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

SETTLED = 0.002
"""Seconds asleep between looks at whether this process's other threads sleep too."""

NAMED = ("numpy", "scipy", "jax", "jaxlib", "torch", "autograd", "tinygrad_hess")
"""Packages whose versions are told."""


def timed(run: Any, repeats: int = 1) -> float:
    """Seconds a call."""
    begin = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - begin) / repeats


def settle() -> None:
    """Wait until helper threads have stopped looking for work: the next library has its turn."""
    busy = True
    while busy:
        before = time.process_time()
        time.sleep(SETTLED)
        busy = time.process_time() - before > SETTLED / 4


class Server:
    """Keeps the forms of the task at hand."""

    def __init__(self, library: str):
        self.library = importlib.import_module(f"benchmarks.{library}")
        self.cell: list[str] = []
        self.forms: dict[str, Any] = {}

    def answer(self, request: dict[str, Any]) -> Any:
        (what, given), *more = request.items()
        return getattr(self, what)(given, **dict(more))

    def make(self, cell: list[str]) -> list[str]:
        self.cell, self.forms = cell, {}  # the ones before are released first
        self.forms = self.library.make(*cell)
        return list(self.forms)

    def save(self, form: str, path: str) -> None:
        import numpy as np

        from .flattened import numbers
        from .problems import problem

        workload, task, dtype = self.cell
        np.save(path, numbers(self.forms[form](), task, problem(workload, dtype)))

    def time(self, form: str, repeats: int) -> float:
        run = self.forms[form]
        if repeats > 1:
            run()
        seconds = timed(run, repeats)
        settle()
        return seconds

    def call(self, form: str) -> Any:
        return self.forms[form]()

    def compile(self, cell: list[str]) -> dict[str, float]:
        found = {}
        for form, run in self.library.make(*cell).items():
            first = timed(run)
            found[form] = max(first - timed(run), 0.0)
        settle()
        return found

    def versions(self, _: None) -> dict[str, str]:
        from importlib.metadata import PackageNotFoundError, version

        found = {}
        for name in {m.partition(".")[0] for m in sys.modules} & set(NAMED):
            try:
                found[name] = version(name)
            except PackageNotFoundError:  # run from a checkout that is not installed
                found[name] = getattr(sys.modules[name], "__version__", "unknown")
        return found

    def blas(self, _: None) -> list[str]:
        from threadpoolctl import threadpool_info

        return sorted(
            f"{x['prefix']} {x['version']} ({x['architecture']}, {x['num_threads']} threads)"
            for x in threadpool_info()
            if x["user_api"] == "blas"
        )


def main() -> None:
    library, *first = sys.argv[1:]
    if first and first[0].startswith("--core="):  # before a library counts the cores
        os.sched_setaffinity(0, {int(first.pop(0).removeprefix("--core="))})
    if first:
        _, workload, task, form, dtype = first
        importlib.import_module(f"benchmarks.{library}").make(workload, task, dtype)[form]()
        print("done", flush=True)
        os._exit(0)  # what a library does at its end is not timed
    # answers leave by a channel of their own: what libraries print goes to the errors
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = Server(library)
    print(json.dumps(None), file=channel, flush=True)
    for line in sys.stdin:
        try:
            answer = {"answer": server.answer(json.loads(line))}
        except Exception as error:  # a form that fails is left out of the table, and said to be
            answer = {"error": f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"}
        print(json.dumps(answer), file=channel, flush=True)


if __name__ == "__main__":
    main()
