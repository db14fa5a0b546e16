"""The objectives of examples/autograd beside HIPS/autograd, on the same source.

Ours runs an example as it stands, on plain NumPy; autograd runs it with its own imports. Results
are compared first; then the libraries take turns, one process each, as in ``python -m benchmarks``.

python -m benchmarks.autograd_examples                 everything pinned to one core
python -m benchmarks.autograd_examples --no-pin        each library with its default threads
python -m benchmarks.autograd_examples --only fluid    what matches, as "workload, task, ..."
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from . import report
from .measuring import Measured, measure
from .models import Model
from .problems import KINDS, Made
from .processes import OURS, Worker
from .tasks import GRADIENT, HVP, Cell

FOLDER = Path(__file__).parents[1] / "examples" / "autograd"

OURS_LINE, NUMPY, LOGSUMEXP = (
    "import tinygrad_hess as tg",  # data, optimisers, curvature: no objective needs it
    "import numpy as np",
    "from tinygrad_hess.scipy.special import logsumexp",
)
IMPORTS: dict[str, dict[str, str]] = {
    "tinygrad_hess": {},
    "autograd": {
        OURS_LINE: "",
        NUMPY: "import autograd.numpy as np",
        LOGSUMEXP: "from autograd.scipy.special import logsumexp",
    },
    "numpy": {OURS_LINE: "", LOGSUMEXP: "from scipy.special import logsumexp"},
}
"""What is imported instead, by library. Data come from NumPy alone: no process imports two."""

GOALS = {"jit": 0.5, "recorded": 1.0}
"""Our time over autograd's, at most."""


@functools.cache
def example(name: str, library: str) -> ModuleType:
    """An example as a module, with the imports of a library."""
    path = FOLDER / f"{name}.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    module = ModuleType(f"{name}_on_{library}")
    code = "\n".join(IMPORTS[library].get(line, line) for line in lines)
    exec(compile(code, str(path), "exec"), vars(module))
    return module


# ---- the points at which they are timed ---------------------------------------------------------


def _logistic(size: str) -> Made:
    (w, b), x, signs = KINDS["logistic"](size)
    return [np.concatenate([w, b])], np.hstack([x, np.ones((len(x), 1))]), signs


def _fluid(size: str) -> Made:
    truth, smoke = example("fluid", "numpy").hidden(int(size))
    return [0.5 * truth], smoke, smoke.T


def _mixture(size: str) -> Made:
    module = example("gaussian_mixture", "numpy")
    points = module.pinwheel(int(size) // module.ARMS)
    return [module.start(points)], points


def _rnn(size: str) -> Made:
    module = example("rnn", "numpy")
    return module.start(), *(hot[: int(size)] for hot in module.data())


def _variational(size: str) -> Made:
    module = example("variational_inference", "numpy")
    noise = np.random.default_rng(0).normal(size=(int(size), 4))
    return [np.zeros(4), np.full(4, -1.0)], *module.data(), noise


def _net(size: str) -> Made:
    module = example("bayesian_net", "numpy")
    rng = np.random.default_rng(0)
    start = [0.5 * rng.normal(size=module.SIZE), np.full(module.SIZE, -4.0)]
    return start, *module.data(), rng.normal(size=(int(size), module.SIZE))


KINDS |= {  # the workers look workloads up there
    "logistic_regression": _logistic,
    "fluid": _fluid,
    "gaussian_mixture": _mixture,
    "rnn": _rnn,
    "variational_inference": _variational,
    "bayesian_net": _net,
}

WORKLOADS = (
    "logistic_regression 569x30",  # tumours, measurements
    "fluid 40",  # cells a side
    "gaussian_mixture 300",  # points
    "rnn 30",  # characters
    "variational_inference 32",  # samples
    "bayesian_net 10",  # samples
)


def model(name: str, library: str) -> Model:
    """An example's objective, of a list of arrays."""
    loss = example(name, library).loss
    return Model(lambda params, *args: loss(params if len(params) > 1 else params[0], *args))


# ---- the command --------------------------------------------------------------------------------


def cells(cores: str) -> list[Cell]:
    """All that is measured."""
    return [Cell("tasks", w, task, "float64", cores) for w in WORKLOADS for task in (GRADIENT, HVP)]


def ratios(m: Measured, form: str) -> np.ndarray | None:
    """Our times in this form over autograd's, round by round."""
    ours, theirs = m.times(OURS, form), m.times("autograd")
    return None if ours is None or theirs is None else ours / theirs


def table(measured: list[Measured]) -> str:
    """Times of a call, and ratios with their quartiles."""
    header = ["example", "task", "autograd", *GOALS, *(f"{form} / autograd" for form in GOALS)]
    rows = [
        [
            m.cell.workload,
            m.cell.task,
            report.seconds(m.median("autograd")),
            *(report.seconds(m.median(OURS, form)) for form in GOALS),
            *(report.spread(ratios(m, form)) for form in GOALS),
        ]
        for m in measured
    ]
    return report.table(header, rows)


def shortfalls(measured: list[Measured]) -> list[str]:
    """Which goals are missed, and what could not be compared."""
    found = [f"{m.cell}: {note}" for m in measured for note in m.notes]
    for m in measured:
        for form, most in GOALS.items():
            ratio = ratios(m, form)
            if ratio is not None and np.median(ratio) > most:
                found.append(f"{m.cell}: {form} {report.spread(ratio)}, at most {most} wanted")
    return found


def main(argv: list[str] | None = None) -> int:
    """Exit status 1 when libraries disagreed, one failed, or a goal was missed."""
    parser = argparse.ArgumentParser(description="Times beside HIPS/autograd, as ratios.")
    parser.add_argument("--rounds", type=int, default=11, help="alternations (11)")
    parser.add_argument("--only", type=re.compile, default=re.compile(""))
    parser.add_argument("--pin", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args(argv)
    cores = "one" if options.pin else "all"
    chosen = [cell for cell in cells(cores) if options.only.search(str(cell))]
    if not chosen:
        raise SystemExit("--only matches nothing that is measured")
    workers = {
        OURS: Worker("examples_tinygrad_hess", cores),
        "autograd": Worker("examples_autograd", cores),
    }
    measured = [measure(cell, workers, options.rounds) for cell in chosen]
    for worker in workers.values():
        worker.close()
    print(table(measured))
    missed = shortfalls(measured)
    print(*missed, sep="\n")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
