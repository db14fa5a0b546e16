"""Measure, print, and save: ``python -m benchmarks``.

python -m benchmarks --quick                   a smoke run, well under a minute; saves nothing
python -m benchmarks --only 'rosenbrock.*HVP'  what matches, as "workload, task, dtype, threads"
python -m benchmarks --pin                     pinned to one core only; --no-pin: never pinned
python -m benchmarks --torch                   with PyTorch
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from . import machine, report
from .measuring import Measured, measure
from .processes import FORMS, OURS, installed, workers_of
from .tasks import Cell, cells

HERE = Path(__file__).parent
ROUNDS = 5


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Times, as ratios.")
    parser.add_argument("--rounds", type=int, help="alternations (5; quick: 2)")
    parser.add_argument("--quick", action="store_true", help="a smoke run; saves nothing")
    parser.add_argument("--only", type=re.compile, help="a regular expression; saves nothing")
    parser.add_argument("--pin", action=argparse.BooleanOptionalAction, help="one core only")
    parser.add_argument("--torch", action="store_true", help="with PyTorch")
    parser.add_argument("--save", type=Path, help="a folder for RESULTS.md and .json")
    options = parser.parse_args(argv)
    options.rounds = options.rounds or (2 if options.quick else ROUNDS)
    if options.save is None and not (options.quick or options.only):
        options.save = HERE
    return options


def _chosen(options: argparse.Namespace) -> list[Cell]:
    if options.pin is None:
        cores = ["all"] if options.quick else ["all", "one"]
    else:
        cores = ["one"] if options.pin else ["all"]
    found = cells(cores, options.quick)
    return [c for c in found if options.only is None or options.only.search(str(c))]


def _print(m: Measured, peers: list[str]) -> None:
    line = [report.seconds(m.median(OURS, form)) for form in FORMS]
    line += [f"/{p} {report.spread(m.ratios(p))}" for p in peers if m.form(p)]
    print(f"{m.cell!s:72s} jit {line[0]:>8s}  recorded {line[1]:>8s}  {'  '.join(line[2:])}")
    for note in m.notes:
        print(f"    {note}")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """Exit status 1 when a form of ours failed, or libraries disagreed."""
    options = _options(argv)
    libraries, chosen = installed(options.torch), _chosen(options)
    if options.torch and "torch" not in libraries:
        raise SystemExit("PyTorch is not installed; `make bench TORCH=1` does it")
    if not chosen:
        raise SystemExit("--only matches nothing that is measured")
    print(f"ours over theirs, {options.rounds} alternations; peers: {', '.join(libraries[1:])}")
    begin, load = time.time(), machine.load()
    measured: list[Measured] = []
    about: dict[str, Any] = {}
    for cores, group in itertools.groupby(chosen, key=lambda c: c.cores):
        workers = workers_of(libraries, cores)
        for cell in group:
            measured.append(measure(cell, workers, options.rounds))
            _print(measured[-1], libraries[1:])
        about = about or machine.describe(workers)
        for worker in workers.values():
            worker.close()
    about |= {
        "command": shlex.join(["python", "-m", "benchmarks", *(argv or sys.argv[1:])]),
        "rounds": options.rounds,
        "load": load,
        "minutes": (time.time() - begin) / 60,
    }
    print(f"{len(measured)} lines in {about['minutes']:.1f} minutes")
    if options.save:
        save(options.save, measured, about)
    return int(any(m.notes for m in measured))


def save(folder: Path, measured: list[Measured], about: dict[str, Any]) -> None:
    """Write RESULTS.md, and all times."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text(report.markdown(measured, about))
    plain = {"about": about, "measured": [m.to_dict() for m in measured]}
    (folder / "RESULTS.json").write_text(json.dumps(plain, indent=None) + "\n")


if __name__ == "__main__":
    sys.exit(main())
