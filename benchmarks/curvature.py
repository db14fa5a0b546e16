"""Curvature beside PyHessian and curvlinops: ``python -m benchmarks.curvature``.

python -m benchmarks.curvature                   784-256-256-10; writes RESULTS_CURVATURE.md
python -m benchmarks.curvature --quick           64-24-24-10, under a minute; saves nothing
python -m benchmarks.curvature --only trace      one task; saves nothing
python -m benchmarks.curvature --pin             everything on one core

Each library has a process of its own, and only one works at a time, in alternation. Products with
one vector are compared before anything is timed. Every answer is judged against a converged
reference: the eigenvalues against SciPy's eigsh at the limit of rounding, the trace against its
exact value, the density against one from 24 other random vectors.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from . import machine
from .curvature_problem import made
from .curvature_reference import Reference
from .curvature_results import markdown, printed
from .curvature_tasks import DENSITY, MEANINGS, PAIRS, PRODUCT, TRACE, VALUES
from .processes import TaskError, Worker

HERE = Path(__file__).parent
LIBRARIES = {
    "tinygrad_hess": (VALUES, PAIRS, TRACE, DENSITY),
    "PyHessian": (VALUES, TRACE, DENSITY),  # power iteration gives no vectors to 1e-6
    "curvlinops": (VALUES, PAIRS, TRACE, DENSITY),
}
OURS = "tinygrad_hess"
ROUNDS, LONG = 3, 240.0
"""Rounds, and seconds from which a run is not repeated."""


@dataclass
class Answered:
    """What a library did of a task.

    Attributes
    ----------
    seconds, errors, residuals, products : list
        Of each round.
    how : str
        The settings.
    """

    task: str
    library: str
    seconds: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)
    products: list[int] = field(default_factory=list)
    how: str = ""


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.curvature", description="Curvature: seconds and accuracy."
    )
    parser.add_argument("--quick", action="store_true", help="a small net; saves nothing")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=list(MEANINGS), help="one task; saves nothing")
    parser.add_argument("--pin", action="store_true", help="everything on one core")
    parser.add_argument("--save", type=Path, help="a folder for RESULTS_CURVATURE.md and .json")
    options = parser.parse_args(argv)
    if options.save is None and not (options.quick or options.only):
        options.save = HERE
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 1 when a library failed or disagreed."""
    options = _options(argv)
    begin, load = time.time(), machine.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numbers.npz"
        numbers = made(options.quick)
        numbers.save(path)
        cores = "one" if options.pin else "all"
        workers = {n: Worker(f"curvature_{n.lower()}", cores) for n in LIBRARIES}
        notes = _disagreements(workers, path)
        answered = []
        if not notes:
            reference = Reference(numbers)
            for task in [options.only] if options.only else MEANINGS:
                answered += _measured(task, workers, path, reference, options.rounds, notes)
        about = machine.describe(workers) | {
            "command": shlex.join(
                ["python", "-m", "benchmarks.curvature", *(argv or sys.argv[1:])]
            ),
            "load": load,
            "minutes": (time.time() - begin) / 60,
            "size": sum(p.size for p in numbers.params),
            "examples": len(numbers.y),
            "pinned": options.pin,
        }
        for worker in workers.values():
            worker.close()
    for note in notes:
        print(note)
    if options.save:
        (options.save / "RESULTS_CURVATURE.md").write_text(markdown(answered, about, notes))
        plain = {"about": about, "answered": [asdict(a) for a in answered], "notes": notes}
        (options.save / "RESULTS_CURVATURE.json").write_text(json.dumps(plain) + "\n")
    return int(bool(notes))


def _disagreements(workers: Mapping[str, Worker], path: Path) -> list[str]:
    """Products with one vector, compared."""
    found, notes = {}, []
    for name, worker in workers.items():
        try:
            worker.ask("make", [str(path), PRODUCT, "0"])
            found[name] = np.array(worker.ask("call", "told"))
        except TaskError as error:
            notes.append(str(error))
    for name, projections in found.items():
        error = np.abs(projections - found[OURS]).max() / np.abs(found[OURS]).max()
        if not error <= 1e-10:
            notes.append(f"{name}: a product differs from ours by {error:.1e}")
    return notes


def _measured(
    task: str,
    workers: Mapping[str, Worker],
    path: Path,
    reference: Reference,
    rounds: int,
    notes: list[str],
) -> list[Answered]:
    rows = [Answered(task, name) for name, tasks in LIBRARIES.items() if task in tasks]
    for i in range(rounds):
        for row in rows[i % len(rows) :] + rows[: i % len(rows)]:
            if row.seconds and row.seconds[0] > LONG:
                continue
            worker = workers[row.library]
            try:
                worker.ask("make", [str(path), task, str(i)])
                row.seconds.append(worker.ask("time", "run", repeats=1))
                told = worker.ask("call", "told")
            except TaskError as error:
                notes.append(f"{task}, {error}")
                continue
            row.how = told["set"]
            row.products.append(told["products"])
            row.errors.append(reference.error(task, told))
            if "residual" in told:
                row.residuals.append(told["residual"])
    rows = [r for r in rows if r.errors]
    for line in printed(rows):
        print(line)
    sys.stdout.flush()
    return rows


if __name__ == "__main__":
    sys.exit(main())
