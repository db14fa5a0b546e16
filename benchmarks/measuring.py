"""One line of the tables: values compared first, then times in alternation."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .processes import FORMS, OURS, AnyWorker, TaskError, seconds_to_first
from .tasks import EIGENVALUES, Cell

SECONDS_A_TURN = 0.03
"""How long a library works before the next one does, unless one call takes longer."""

SLOW, FEW_ROUNDS = 5.0, 2
"""Seconds of a round from which a line of the chart is measured so many times."""

TOLERANCE = {"float64": 1e-9, "float32": 2e-3}
"""Largest difference of two libraries' numbers, as a share of the largest number."""

LOOSER = {EIGENVALUES: 1e-7}
"""Of tasks whose results are as exact as they were asked to be."""

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

    def times(self, library: str, form: str = "") -> np.ndarray | None:
        """Of a library, in this form or in the one that the table holds."""
        for entry, seconds in self.seconds.items():
            if entry.split()[0] == library and form in ("", entry.split()[1]):
                return np.array(seconds)
        return None

    def quartiles(self, library: str, form: str = "") -> tuple[float, float, float] | None:
        """The first quartile of its times, the median, and the third."""
        found = self.times(library, form)
        if found is None:
            return None
        low, middle, high = np.quantile(found, (0.25, 0.5, 0.75))
        return float(low), float(middle), float(high)

    def median(self, library: str, form: str = "") -> float | None:
        """Seconds of a library."""
        found = self.quartiles(library, form)
        return None if found is None else found[1]

    def form(self, library: str) -> str:
        """The form of a peer that was the fastest; "" when it is not in the table."""
        return next((k.split()[1] for k in self.seconds if k.split()[0] == library), "")

    @property
    def ours(self) -> np.ndarray | None:
        """Our times, jitted where there is such a form."""
        jitted = self.times(OURS, "jit")
        return self.times(OURS) if jitted is None else jitted

    @property
    def replayed(self) -> np.ndarray | None:
        """Jitted over recorded, round by round."""
        jitted, recorded = (self.times(OURS, form) for form in FORMS)
        return None if jitted is None or recorded is None else jitted / recorded

    def ratios(self, peer: str) -> np.ndarray | None:
        """Our times over a peer's, round by round."""
        mine, theirs = self.ours, self.times(peer)
        return None if mine is None or theirs is None else mine / theirs

    def to_dict(self) -> dict[str, Any]:
        """Plain, for JSON."""
        return {"cell": asdict(self.cell), "seconds": self.seconds, "notes": self.notes}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Measured:
        """What :meth:`to_dict` made."""
        return cls(Cell(**plain["cell"]), plain["seconds"], plain["notes"])


def measure(cell: Cell, workers: Mapping[str, AnyWorker], rounds: int) -> Measured:
    """Fill one line; what a library cannot do is noted, and left out."""
    found = Measured(cell)
    try:
        HOW[cell.section](found, workers, rounds)
    except TaskError as error:
        found.notes.append(str(error))
    return found


def _task(found: Measured, workers: Mapping[str, AnyWorker], rounds: int) -> None:
    forms = _agreeing(found, workers)
    first = {e: workers[e[0]].ask("time", e[1], repeats=1) for e in forms}
    kept = _best(first)
    repeats = {e: max(1, int(SECONDS_A_TURN / max(first[e], 1e-7))) for e in kept}
    turn = lambda e: workers[e[0]].ask("time", e[1], repeats=repeats[e])
    if found.cell.section == "growth" and sum(first[e] for e in kept) > SLOW:
        rounds = min(rounds, FEW_ROUNDS)
    # a single call says little where calls are short: once more, for the number of repeats
    repeats = {e: max(1, int(SECONDS_A_TURN / max(turn(e), 1e-7))) for e in kept}
    _alternate(found, kept, turn, rounds)


def _start(found: Measured, workers: Mapping[str, AnyWorker], rounds: int) -> None:
    what, cores = _named(found.cell), found.cell.cores
    turn = lambda e: seconds_to_first(e[0], cores, what, e[1])
    first = {}
    for library, worker in workers.items():
        for form in worker.ask("make", what):
            if form != "compile":  # never the quickest to a first result
                first[library, form] = turn((library, form))
    _alternate(found, _best(first), turn, rounds)


def _compile(found: Measured, workers: Mapping[str, AnyWorker], rounds: int) -> None:
    """Of ours and JAX, whose form is "jit"; PyTorch's compiler keeps its results on disk."""
    what = _named(found.cell)
    compiling = {n: w for n, w in workers.items() if n in (OURS, "jax")}
    for worker in compiling.values():
        worker.ask("compile", what)  # what is prepared once in a process
    for _ in range(rounds):
        for library, worker in compiling.items():
            seconds = worker.ask("compile", what)["jit"]
            found.seconds.setdefault(f"{library} jit", []).append(seconds)


def _named(cell: Cell) -> list[str]:
    return [cell.workload, cell.task, cell.dtype]


HOW: dict[str, Callable[[Measured, Mapping[str, AnyWorker], int], None]] = {
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


def _agreeing(found: Measured, workers: Mapping[str, AnyWorker]) -> list[Entry]:
    """The forms that run, and whose numbers agree with the first one's."""
    agreed: list[Entry] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numbers.npy"
        reference = None
        for library, worker in workers.items():
            try:
                forms = worker.ask("make", _named(found.cell))
            except TaskError as error:
                found.notes.append(str(error))
                continue
            for form in forms:
                if form == "compile" and found.cell.section == "growth":
                    continue  # by PyTorch, which takes seconds for each size
                try:
                    worker.ask("save", form, path=str(path))
                except TaskError as error:
                    found.notes.append(f"{form}, {error}")
                    continue
                got = np.load(path)
                reference = got if reference is None else reference
                tolerance = LOOSER.get(found.cell.task, TOLERANCE[found.cell.dtype])
                wrong = difference(got, reference, found.cell.dtype, tolerance)
                if wrong:
                    found.notes.append(f"{library} {form}: {wrong}")
                else:
                    agreed.append((library, form))
    return agreed


def difference(
    got: np.ndarray, want: np.ndarray, dtype: str, tolerance: float | None = None
) -> str:
    """What is wrong with a result in ``dtype``; "" when nothing is."""
    if got.dtype != np.dtype(dtype):
        return f"the result is {got.dtype}, not {dtype}"
    if got.shape != want.shape:
        return f"{got.size} numbers, not {want.size}"
    scale = float(np.abs(want).max(initial=0.0)) or 1.0
    error = float(np.abs(got - want).max(initial=0.0)) / scale
    if not (math.isfinite(error) and error <= (tolerance or TOLERANCE[dtype])):
        return f"differs from the first by {error:.1e} of the largest number"
    return ""
