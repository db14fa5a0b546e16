"""Define by run, without replay: our times over each peer's, one thread for each library.

    python benchmarks/recording.py [--rounds 15] [--pin]

Each library runs in a process of its own, one at a time, in alternation; so a slow moment of the
machine meets all of them. The results are compared first. Ratios are medians over the rounds, with
the quartiles beside them; peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

LIBRARIES = {
    "tinygrad_hess": "library_tinygrad_hess",
    "torch": "library_torch",
    "autograd": "library_autograd",
}
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # they slow a current NumPy down
SECONDS_A_TURN = 0.05
HERE = Path(__file__).parent


class Worker:
    """A library's process."""

    def __init__(self, library: str):
        env = {
            k: v
            for k, v in os.environ.items()
            if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
        }
        env |= ONE_THREAD | {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}"}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), LIBRARIES[library]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
        )  # fmt: skip
        self.tasks: list[str] = json.loads(self._read())

    def _read(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a library's process ended; its error stands above")
        return line

    def ask(self, task: str, repeats: int) -> str:
        assert self.process.stdin is not None
        print(json.dumps([task, repeats]), file=self.process.stdin, flush=True)
        return self._read()

    def seconds(self, task: str, repeats: int) -> float:
        return float(self.ask(task, repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pin", action="store_true", help="pin everything to one core")
    options = parser.parse_args()
    if options.pin:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = [n for n in LIBRARIES if importlib.util.find_spec(n)]
    workers = {name: Worker(name) for name in found}
    ours = workers.pop("tinygrad_hess")
    print(f"{platform.machine()}, Python {platform.python_version()}; ours over theirs")
    gradient: dict[str, float] = {}
    for task in ours.tasks:
        _check(task, ours, workers)
        repeats = max(1, int(SECONDS_A_TURN / ours.seconds(task, 1)))
        times: dict[str, list[float]] = {name: [] for name in found}
        for _ in range(options.rounds):
            for name, worker in {"tinygrad_hess": ours, **workers}.items():
                if task in worker.tasks:
                    times[name].append(worker.seconds(task, repeats))
        mine = times.pop("tinygrad_hess")
        line = f"{task:36s} {statistics.median(mine) * 1e6:10.1f} µs"
        for name, theirs in times.items():
            if theirs:
                line += f"  /{name} {_spread([a / b for a, b in zip(mine, theirs, strict=True)])}"
        net = task.split()[0]
        if task.endswith("value and grad"):
            gradient[net] = statistics.median(mine)
        elif net in gradient:
            line += f"  /own gradient {statistics.median(mine) / gradient[net]:.2f}"
        print(line, flush=True)


def _spread(ratios: list[float]) -> str:
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def _check(task: str, ours: Worker, peers: dict[str, Worker]) -> None:
    expected = json.loads(ours.ask(task, 0))
    for name, worker in peers.items():
        if task in worker.tasks:
            got = json.loads(worker.ask(task, 0))
            scale = max(map(abs, expected))
            error = max(abs(a - b) for a, b in zip(got, expected, strict=True)) / scale
            if error > 1e-9:
                raise SystemExit(f"{task}: {name} differs from ours by {error:.1e}")


if __name__ == "__main__":
    main()
