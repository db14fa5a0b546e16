"""What the library means to reach, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .measuring import Measured
from .tasks import AGAIN, BOTH, GRADIENT, HESSIAN, HVP, LARGEST, MANY, SPARSE, STARTED, Cell

SMALL, MIDDLE = STARTED, "net 256x64-64-64-10"


class Figures:
    """Looks up what was measured on some cores, in float64 unless said."""

    def __init__(self, measured: Sequence[Measured], cores: str):
        self.by_cell = {m.cell: m for m in measured}
        self.cores = cores

    def of(self, workload: str, task: str, section: str = "tasks") -> Measured | None:
        """One line, if it was measured."""
        return self.by_cell.get(Cell(section, workload, task, "float64", self.cores))

    def over(self, peer: str, workload: str, task: str, section: str = "tasks") -> float | None:
        """Median ratio of ours, jitted, to a peer's."""
        found = self.of(workload, task, section)
        ratios = None if found is None else found.ratios(peer)
        return None if ratios is None else float(np.median(ratios))

    def seconds(self, workload: str, task: str, section: str = "tasks") -> float | None:
        """Our median, jitted where there is such a form."""
        found = self.of(workload, task, section)
        mine = None if found is None else found.ours
        return None if mine is None else float(np.median(mine))

    def quotient(self, workload: str, task: str, unit: str, count: int = 1) -> float | None:
        """Our time of a task over ``count`` of our times of another one."""
        a, b = self.seconds(workload, task), self.seconds(workload, unit)
        return None if a is None or b is None else a / b / count

    def slowest_jit(self) -> float | None:
        """The largest ratio of jitted to recorded, of all workloads and both dtypes."""
        ratios = [
            float(np.median(m.replayed))
            for c, m in self.by_cell.items()
            if c.cores == self.cores and c.section == "tasks" and m.replayed is not None
        ]
        return max(ratios, default=None)

    def of_all(self, peer: str, summary: Callable[[list[float]], float]) -> float | None:
        """Of the ratios to a peer on all workloads, in the value and gradient and the HVP."""
        ratios = [
            float(np.median(found))
            for c, m in self.by_cell.items()
            if c.cores == self.cores and c.section == "tasks" and c.task in BOTH
            if c.dtype == "float64" and (found := m.ratios(peer)) is not None
        ]
        return summary(ratios) if ratios else None

    def growth(self) -> float | None:
        """Sparse Hessian of Rosenbrock: time a variable at n = 100,000 over that at 1,000."""
        few, many = (self.seconds(f"rosenbrock {n}", SPARSE, "growth") for n in (1_000, 100_000))
        return None if few is None or many is None else many / few / 100


@dataclass(frozen=True)
class Goal:
    """A figure that should be at most ``limit`` (and with one core, ``pinned``)."""

    what: str
    limit: float
    figure: Callable[[Figures], float | None]
    pinned: float | None = None


def _over(peer: str, workload: str, task: str, limit: float) -> Goal:
    pinned = max(limit, 1.0) if peer == "jax" else limit
    figure = lambda f: f.over(peer, workload, task)
    return Goal(f"{task}, {workload}: ours / {peer}", limit, figure, pinned)


def _start(peer: str) -> Goal:
    figure = lambda f: f.over(peer, SMALL, HVP, "start")
    return Goal(f"process start to the first HVP: ours / {peer}", 1 / 3, figure, 1 / 3)


def _again(workload: str) -> Goal:
    figure = lambda f: f.quotient(workload, AGAIN, GRADIENT)
    return Goal(f"HVP again, {workload}: / own value and grad", 1.5, figure, 1.5)


def _planned(task: str) -> Goal:
    figure = lambda f: f.seconds(LARGEST, task, "compile")
    return Goal(f"planning {task}, {LARGEST}: seconds", 0.05, figure, 0.05)


def _median(ratios: list[float]) -> float:
    return float(np.median(ratios))


def _column(f: Figures) -> float | None:
    return f.quotient(MIDDLE, MANY, GRADIENT, 64)


def _columns(f: Figures) -> float | None:
    return f.quotient(SMALL, MANY, HVP)


DENSE = [
    f"{kind} {size}" for size in ("64x2-8-8-2", "1797x64-12-10") for kind in ("net", "one-vector")
]
LIMITS = {SMALL: 0.6, MIDDLE: 0.8, LARGEST: 0.9}
GOALS = [
    Goal(
        "all values and grads and HVPs: median of ours / jax",
        0.6,
        lambda f: f.of_all("jax", _median),
    ),
    Goal("the slowest of them: ours / jax", 1.0, lambda f: f.of_all("jax", max), 1.1),
    *(_over("jax", w, t, limit) for w, limit in LIMITS.items() for t in BOTH),
    *(_over("torch", w, t, 0.5) for w in LIMITS for t in BOTH),
    *(_over("autograd", w, t, 0.25) for w in LIMITS for t in BOTH),
    *(_again(w) for w in LIMITS),
    Goal(f"64 HVPs, {MIDDLE}: a column / own value and grad", 1.0, _column, 1.0),
    Goal(f"64 HVPs, {SMALL}: / own HVP", 16.0, _columns, 16.0),
    *(_over("jax", w, HESSIAN, 0.5) for w in DENSE),
    _start("jax"),
    _start("torch"),
    *(_planned(t) for t in BOTH),
    Goal("sparse Hessian: a variable at n = 100,000 / at 1,000", 1.0, Figures.growth),
    Goal("the slowest jitted / recorded, of all workloads", 1.0, Figures.slowest_jit, 1.0),
]
"""In the order of the report. Sparse Hessians are measured with default threads only."""
