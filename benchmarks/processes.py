"""The libraries' processes, from outside."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
OURS = "tinygrad_hess"
PEERS = ("jax", "autograd", "torch")
FORMS = ("jit", "recorded")
"""Ours."""

OF_A_FORM = ("time", "save", "call")
"""Requests whose argument is a form."""

THREADS = [f"{name}_NUM_THREADS" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")]
UNSET = (
    *THREADS,  # each library chooses for itself
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE",  # they slow a current NumPy down
    "PYTHONDONTWRITEBYTECODE",  # a start would compile all sources
)  # fmt: skip


class TaskError(Exception):
    """A library could not do a task, or ended in it."""


def installed(torch: bool) -> list[str]:
    """Ours and the peers that are here, PyTorch only when asked for."""
    asked = [n for n in PEERS if torch or n != "torch"]
    return [OURS, *(n for n in asked if importlib.util.find_spec(n) is not None)]


def one_core() -> int:
    """The core that everything is pinned to: the last one we may use."""
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("this system cannot pin processes to a core; measure with --no-pin")
    return max(os.sched_getaffinity(0))


def _started(library: str, cores: str, *first: str, **pipes: Any) -> subprocess.Popen[str]:
    env = {k: v for k, v in os.environ.items() if k not in UNSET}
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.worker", f"library_{library}"]
    if cores == "one":
        env |= dict.fromkeys(THREADS, "1")
        command.append(f"--core={one_core()}")
    return subprocess.Popen(
        [*command, *first], cwd=ROOT, env=env, text=True,
        stdout=subprocess.PIPE, **pipes,
    )  # fmt: skip


def seconds_to_first(library: str, cores: str, cell: list[str], form: str) -> float:
    """From the start of a process to the first result."""
    workload, task, dtype = cell
    begin = time.perf_counter()
    with _started(library, cores, "--first", workload, task, form, dtype) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        taken = time.perf_counter() - begin
    if not line:
        raise TaskError(f"{library}: ended before its first result of {task} as {form}")
    return taken


class Worker:
    """A library's process; only one of them works at a time.

    Parameters
    ----------
    library : str
    cores : {"all", "one"}
        The library's default threads, or pinned to one core.
    """

    def __init__(self, library: str, cores: str):
        self.library, self.cores = library, cores
        self._start()

    def _start(self) -> None:
        self.process = _started(self.library, self.cores, stdin=subprocess.PIPE)
        self._read()

    def ask(self, what: str, given: Any, **more: Any) -> Any:
        """The answer to a request, as worker.py lists them.

        Raises
        ------
        TaskError
            When the library could not, with the first line of its error.
        """
        if self.process.returncode is not None:  # it ended in the last task, out of memory say
            self.close()
            self._start()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then there is no answer, which says more
            print(json.dumps({what: given, **more}), file=self.process.stdin, flush=True)
        return self._read()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise TaskError(f"{self.library}: its process ended; its error stands above")
        reply = json.loads(line)
        if reply and "error" in reply:
            raise TaskError(f"{self.library}: {reply['error']}")
        return reply and reply["answer"]

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Apart:
    """A library's forms, each in a process of its own; asked as a :class:`Worker` is.

    In one process, a form would find the threads of the one before it still at work.
    """

    def __init__(self, library: str, cores: str, forms: Sequence[str] = FORMS):
        self.library = library
        self._workers = {form: Worker(library, cores) for form in forms}
        self._first = self._workers[forms[0]]

    def ask(self, what: str, given: Any, **more: Any) -> Any:
        """What the process of the form says; of what concerns no form, the first one."""
        if what == "make":
            answers = [worker.ask(what, given) for worker in self._workers.values()]
            return answers[0]
        worker = self._workers.get(given, self._first) if what in OF_A_FORM else self._first
        return worker.ask(what, given, **more)

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers.values():
            worker.close()


AnyWorker = Worker | Apart


def workers_of(libraries: Sequence[str], cores: str) -> dict[str, AnyWorker]:
    """By name: a process for each library, and for each form of ours."""
    return {name: (Apart if name == OURS else Worker)(name, cores) for name in libraries}
