"""An epoch of training beside PyTorch: ``python -m benchmarks.training``.

python -m benchmarks.training            four nets of the examples; writes RESULTS_TRAINING.md
python -m benchmarks.training --quick    two batches of each; saves nothing
python -m benchmarks.training --pin      everything on one core; saves nothing

Ours is trained by ``fit``, each step replayed; PyTorch by the loop that its documentation has,
eager. Each has a process of its own, and only one works at a time, in alternation. From the same
weights, the loss of the first batch and the norm of its gradient are compared before.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import machine
from .processes import OURS, TaskError, Worker
from .report import seconds, spread, table
from .training_problems import EPOCHS, EXAMPLES

HERE = Path(__file__).parent
PEER = "torch"
ROUNDS = 5
TOLERANCE = {"digits_batchnorm": 1e-4}
"""Relative difference of the first loss and gradient, in float32; elsewhere 1e-9."""


@dataclass
class Trained:
    """Seconds of epochs of an example, by library: of each round, the first and a later one."""

    example: str
    first: dict[str, list[float]] = field(default_factory=lambda: {OURS: [], PEER: []})
    later: dict[str, list[float]] = field(default_factory=lambda: {OURS: [], PEER: []})

    def row(self) -> list[str]:
        """A line of the table."""
        ours, theirs = (np.array(self.later[name]) for name in (OURS, PEER))
        extra = np.array(self.first[OURS]) - ours
        return [
            self.example,
            seconds(float(np.median(ours))),
            seconds(float(np.median(theirs))),
            spread(ours / theirs),
            seconds(max(float(np.median(extra)), 0.0)),
        ]


HEADER = ["example", "an epoch", "PyTorch's", "ours / theirs", "recording, once"]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 1 when a library failed or disagreed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training", description="Seconds of an epoch."
    )
    parser.add_argument("--quick", action="store_true", help="two batches of each; saves nothing")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--pin", action="store_true", help="everything on one core; saves nothing")
    parser.add_argument("--save", type=Path, help="a folder for RESULTS_TRAINING.md")
    options = parser.parse_args(argv)
    if options.save is None and not (options.quick or options.pin):
        options.save = HERE
    begin, load, notes = time.time(), machine.load(), []
    cores = "one" if options.pin else "all"
    workers = {name: Worker(f"training_{name}", cores) for name in (OURS, PEER)}
    found: list[Trained] = []
    with tempfile.TemporaryDirectory() as folder:
        for example in EXAMPLES:
            path = f"{folder}/{example}.npz"
            try:
                found.append(_measured(example, path, workers, options))
            except TaskError as error:
                notes.append(f"{example}: {error}")
    about = machine.describe(workers) | {
        "command": shlex.join(["python", "-m", "benchmarks.training", *(argv or sys.argv[1:])]),
        "load": load,
        "minutes": (time.time() - begin) / 60,
        "rounds": options.rounds,
    }
    for worker in workers.values():
        worker.close()
    print(table(HEADER, [t.row() for t in found]), *notes, sep="\n")
    if options.save:
        (options.save / "RESULTS_TRAINING.md").write_text(markdown(found, about, notes))
    return int(bool(notes))


def _measured(example: str, path: str, workers: dict[str, Worker], options: Any) -> Trained:
    given = [example, path, "quick" if options.quick else "full"]
    workers[OURS].ask("make", given)
    workers[OURS].ask("call", "weights")
    workers[PEER].ask("make", given)
    ours, theirs = (np.array(w.ask("call", "told")) for w in workers.values())
    if not np.allclose(ours, theirs, rtol=TOLERANCE.get(example, 1e-9), atol=0):
        raise TaskError(f"loss and gradient's norm are {ours}, PyTorch's {theirs}")
    trained, names = Trained(example), [OURS, PEER]
    for k in range(options.rounds):
        for name in names if k % 2 else names[::-1]:
            first, *later = workers[name].ask("call", "epochs")
            trained.first[name].append(first)
            trained.later[name].append(float(np.median(later)))
    return trained


def markdown(found: Sequence[Trained], about: dict[str, Any], notes: Sequence[str]) -> str:
    """RESULTS_TRAINING.md."""
    parts = [
        "# An epoch of training beside PyTorch",
        f"Made by `{about['command']}`; [training.py](training.py) says how.",
        machine.told(about),
        f"The median of {about['rounds']} alternations, of ratios with the quartiles in brackets "
        f"(below 1: ours is faster); an epoch is the median of those after the first of "
        f"{EPOCHS}. What the first one took beyond is recording and planning.",
        table(HEADER, [t.row() for t in found]),
        "\n".join(f"- {name}: {what}" for name, what in EXAMPLES.items()),
    ]  # fmt: skip
    if notes:
        parts += ["## What did not run, or disagreed", "\n".join(f"- {n}" for n in notes)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
