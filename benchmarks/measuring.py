"""One line of the tables: values compared first, then times in alternation."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .processes import OURS, TaskError, Worker, seconds_to_first
from .tasks import Cell

SECONDS_A_TURN = 0.03
"""How long a library works before the next one does, unless one call takes longer."""

TOLERANCE = {"float64": 1e-9, "float32": 2e-3}
"""Largest difference of two libraries' numbers, as a share of the largest number."""

Entry = tuple[str, str]
"""A library and its form: ours stays in the table in both forms, a peer in its best one."""


@dataclass
class Measured:
    """What was found of one cell.

    Attributes
    ----------
    cell : Cell
    seconds : dict of lists
        A call's seconds by "library form", one for each round.
    notes : list of str
        What failed, or disagreed.
    """

    cell: Cell
    seconds: dict[str, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def median(self, library: str, form: str = "") -> float | None:
        """Median seconds of a library, in the form that the table holds."""
        found = self._of(library, form)
        return None if found is None else float(np.median(found))

    def ratios(self, library: str, ours: str = "jit") -> np.ndarray | None:
        """Our times over a peer's, round by round."""
        mine = self._of(OURS, ours)
        mine = self._of(OURS, "recorded") if mine is None else mine
        theirs = self._of(library, "")
        return None if mine is None or theirs is None else mine / theirs

    def form(self, library: str) -> str:
        """The form of a peer that was the fastest."""
        return next((k.split()[1] for k in self.seconds if k.split()[0] == library), "")

    def _of(self, library: str, form: str) -> np.ndarray | None:
        for entry, seconds in self.seconds.items():
            if entry.startswith(f"{library} {form}"):
                return np.array(seconds)
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {"cell": asdict(self.cell), "seconds": self.seconds, "notes": self.notes}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Measured:
        """What :meth:`to_dict` made."""
        return cls(Cell(**plain["cell"]), plain["seconds"], plain["notes"])


def measure(cell: Cell, workers: Mapping[str, Worker], rounds: int) -> Measured:
    """Fill one line; what a library cannot do is noted, and left out."""
    return HOW[cell.section](cell, workers, rounds)


def _task(cell: Cell, workers: Mapping[str, Worker], rounds: int) -> Measured:
    found = Measured(cell)
    forms = _agreeing(cell, workers, found)
    first = {e: workers[e[0]].ask("time", e[1], repeats=1) for e in forms}
    kept = _best(first)
    repeats = {e: max(1, int(SECONDS_A_TURN / max(first[e], 1e-7))) for e in kept}
    turn = lambda e: workers[e[0]].ask("time", e[1], repeats=repeats[e])
    # a single call says little where calls are short: once more, for the number of repeats
    repeats = {e: max(1, int(SECONDS_A_TURN / max(turn(e), 1e-7))) for e in kept}
    _alternate(found, kept, turn, rounds)
    return found


def _start(cell: Cell, workers: Mapping[str, Worker], rounds: int) -> Measured:
    found, what = Measured(cell), [cell.workload, cell.task, cell.dtype]
    turn = lambda e: seconds_to_first(e[0], cell.cores, what, e[1])
    first = {}
    for library, worker in workers.items():
        for form in worker.ask("make", what):
            if form != "compile":  # never the quickest to a first result
                first[library, form] = turn((library, form))
    _alternate(found, _best(first), turn, rounds)
    return found


def _compile(cell: Cell, workers: Mapping[str, Worker], rounds: int) -> Measured:
    """Of libraries that compile: of each, the forms that are named so."""
    found, what = Measured(cell), [cell.workload, cell.task, cell.dtype]
    compiling = {n: w for n, w in workers.items() if n in (OURS, "jax")}
    for worker in compiling.values():
        worker.ask("compile", what)  # what is prepared once in a process
    for _ in range(rounds):
        for library, worker in compiling.items():
            seconds = worker.ask("compile", what)["jit"]
            found.seconds.setdefault(f"{library} jit", []).append(seconds)
    return found


HOW: dict[str, Callable[[Cell, Mapping[str, Worker], int], Measured]] = {
    "tasks": _task,
    "growth": _task,
    "start": _start,
    "compile": _compile,
}


def _alternate(
    found: Measured, entries: list[Entry], turn: Callable[[Entry], float], rounds: int
) -> None:
    """One turn each in a round; each round begins with another one."""
    found.seconds.update({f"{library} {form}": [] for library, form in entries})
    for i in range(rounds):
        begin = i % len(entries) if entries else 0
        for e in entries[begin:] + entries[:begin]:
            found.seconds[" ".join(e)].append(turn(e))


def _best(seconds: Mapping[Entry, float]) -> list[Entry]:
    """Our forms, and the quickest of each peer."""
    kept = [e for e in seconds if e[0] == OURS]
    for library in dict.fromkeys(e[0] for e in seconds if e[0] != OURS):
        kept.append(min((e for e in seconds if e[0] == library), key=seconds.__getitem__))
    return kept


def _agreeing(cell: Cell, workers: Mapping[str, Worker], found: Measured) -> list[Entry]:
    """The forms that run, and whose numbers agree with the first one's."""
    agreed: list[Entry] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numbers.npy"
        reference = None
        for library, worker in workers.items():
            try:
                forms = worker.ask("make", [cell.workload, cell.task, cell.dtype])
            except TaskError as error:
                found.notes.append(str(error))
                continue
            for form in forms:
                try:
                    worker.ask("save", form, path=str(path))
                except TaskError as error:
                    found.notes.append(f"{form}, {error}")
                    continue
                got = np.load(path)
                reference = got if reference is None else reference
                wrong = difference(got, reference, cell.dtype)
                if wrong:
                    found.notes.append(f"{library} {form}: {wrong}")
                else:
                    agreed.append((library, form))
    return agreed


def difference(got: np.ndarray, want: np.ndarray, dtype: str) -> str:
    """What is wrong with a result in ``dtype``; "" when nothing is."""
    if got.dtype != np.dtype(dtype):
        return f"the result is {got.dtype}, not {dtype}"
    if got.shape != want.shape:
        return f"{got.size} numbers, not {want.size}"
    scale = float(np.abs(want).max(initial=0.0)) or 1.0
    error = float(np.abs(got - want).max(initial=0.0)) / scale
    if not (math.isfinite(error) and error <= TOLERANCE[dtype]):
        return f"differs from the first by {error:.1e} of the largest number"
    return ""
