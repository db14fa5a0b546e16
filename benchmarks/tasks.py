"""What is timed: tasks, and which workload has which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

VALUE, GRADIENT, HVP, AGAIN = "value", "value and grad", "HVP", "HVP again"
MANY, EACH, JACOBIAN = "64 HVPs", "gradient of each example", "Jacobian of outputs"
HESSIAN, SPARSE, ADAM = "Hessian", "sparse Hessian", "Adam step"
EIGENVALUES = "10 eigenvalues"

MEANINGS = {
    VALUE: "the loss",
    GRADIENT: "the loss and its gradient",
    HVP: "a Hessian-vector product at a new point",
    AGAIN: "a Hessian-vector product at the same point in a new direction",
    MANY: "products with 64 directions at one new point",
    EACH: "the gradient of each example's loss",
    JACOBIAN: "of the outputs of 16 examples by all parameters",
    HESSIAN: "the full matrix",
    SPARSE: "the matrix as scipy.sparse, its pattern known from the first call; "
    "peers: the full matrix",
    EIGENVALUES: "the largest of the Hessian; ours: everything from its recording on; peers: by "
    "SciPy's eigsh on their products, compiled before",
    ADAM: "gradient and update, the state carried on",
}

BOTH = (GRADIENT, HVP)
MAIN = (VALUE, GRADIENT, HVP, AGAIN)
FULL = (*MAIN, MANY, EACH, JACOBIAN, ADAM)
WORKLOADS = {
    "net 64x2-16-16-2": FULL,
    "net 256x64-64-64-10": FULL,
    "net 1797x64-256-256-10": (*MAIN, ADAM),
    "one-hot 512x32-128-128-128-3": MAIN,
    "labels 512x32-128-128-128-3": MAIN,
    "relu 512x32-128-128-128-3": BOTH,
    "gelu 512x32-128-128-128-3": BOTH,
    "layer-norm 512x32-128-128-128-3": BOTH,
    "batch-norm 512x32-128-128-128-3": BOTH,
    "transformer 32x16": BOTH,
    "lstm 100": BOTH,
    "pairs 128": BOTH,
    "joined 300": BOTH,
    "logistic 569x30": (*MAIN, MANY, EACH, HESSIAN),
    "conv 128": (*MAIN, ADAM),
    "recurrent 100": (*MAIN, ADAM),
    "predators 200": (VALUE, *BOTH),
    "rosenbrock 1000": (*MAIN, MANY, HESSIAN),
    "gaussian 200": (*MAIN, HESSIAN),
    "net 64x2-8-8-2": (HESSIAN,),
    "net 1797x64-12-10": (HESSIAN,),
    "one-vector 64x2-8-8-2": (HESSIAN,),
    "one-vector 1797x64-12-10": (HESSIAN,),
    "chain 2000": (GRADIENT,),
}
LARGEST = "net 1797x64-256-256-10"
QUICK = ("net 64x2-16-16-2", "rosenbrock 1000", "net 64x2-8-8-2")

STARTED = "net 64x2-16-16-2"
PLANNED = (STARTED, "net 256x64-64-64-10", LARGEST)
WIDTHS = {
    GRADIENT: (8, 16, 32, 64, 128, 256, 512),
    HVP: (8, 16, 32, 64, 128, 256, 512),
    HESSIAN: (4, 8, 16, 32),
    EIGENVALUES: (8, 16, 32, 64, 128),
}
"""Of the layers of nets, for the chart."""

EIGENPAIRS, EIGEN_TOL = 10, 1e-6
"""How many, and the size of residuals beside the eigenvalue's."""

VARIABLES = (100, 300, 1_000, 10_000, 100_000)
DENSE_LIMIT = 1_000
"""Variables up to which a peer makes the full matrix where ours makes the sparse one."""


@dataclass(frozen=True)
class Cell:
    """One line of the tables.

    Attributes
    ----------
    section : {"tasks", "start", "compile", "growth"}
        Time of a call; from process start to the first result; of the first call beyond the
        second; of a call against size, where nothing is compiled that takes seconds.
    workload, task, dtype : str
    cores : {"all", "one"}
        Each library's default threads, or everything pinned to one core.
    """

    section: str
    workload: str
    task: str
    dtype: str
    cores: str

    def __str__(self) -> str:
        what = "" if self.section == "tasks" else f"{self.section}: "
        where = "one core" if self.cores == "one" else "default threads"
        return f"{what}{self.workload}, {self.task}, {self.dtype}, {where}"


def cells(cores: list[str], quick: bool) -> Iterator[Cell]:
    """All that is measured, in order."""
    for where in cores:
        # a quarter of the time would go into what the other three parts say
        for dtype in ("float64",) if quick or where == "one" else ("float64", "float32"):
            for workload, tasks in WORKLOADS.items():
                for task in tasks if not quick or workload in QUICK else ():
                    yield Cell("tasks", workload, task, dtype, where)
        for task in (GRADIENT, HVP):
            yield Cell("start", STARTED, task, "float64", where)
        for workload in PLANNED[:1] if quick else PLANNED:
            for task in (GRADIENT, HVP):
                yield Cell("compile", workload, task, "float64", where)
    if not quick:
        for n in VARIABLES:
            yield Cell("growth", f"rosenbrock {n}", SPARSE, "float64", cores[0])


def growth(where: str, quick: bool = False) -> Iterator[Cell]:
    """For the chart: nets of growing width, and Rosenbrock's function of more variables."""
    for task, widths in WIDTHS.items():
        net = "net 64x2-{0}-{0}-2" if task == HESSIAN else "net 256x64-{0}-{0}-10"
        for width in widths[:2] if quick else widths:
            yield Cell("growth", net.format(width), task, "float64", where)
    for n in VARIABLES[:2] if quick else VARIABLES:
        yield Cell("growth", f"rosenbrock {n}", SPARSE, "float64", where)


Run = Callable[[], Any]
Forms = dict[str, Run]
"""The ways in which a library does one task, by name."""
