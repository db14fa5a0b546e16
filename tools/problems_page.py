"""Write docs/problems.md: ``python tools/problems_page.py``.

With ``--run`` all is run anew first; with names of problems behind it, on these alone.

Every method of ``tg.optim.minimize`` and SciPy's on every problem of ``tg.data.problems``, from the
standard start. What was measured is in docs/problems.csv, a row for each run; the page is made of it.
"""

from __future__ import annotations

import csv
import signal
import statistics
import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "tools")]

from accuracy_page import replace  # noqa: E402

import tinygrad_hess as tg  # noqa: E402
from tinygrad_hess.data import problems  # noqa: E402
from tinygrad_hess.optim.deterministic.minimization import METHODS  # noqa: E402

FIGURE = ROOT / "docs" / "problems_saddle.svg"
PAGE, DATA = ROOT / "docs" / "problems.md", ROOT / "docs" / "problems.csv"
TOL, MAXITER, SECONDS = 1e-8, 2000, 5
MATRIX = 300
"""Variables up to which methods that keep a dense matrix in any case are tried."""

SCIPY: dict[str, dict[str, Any]] = {
    "CG": {"gtol": TOL},
    "BFGS": {"gtol": TOL},
    "L-BFGS-B": {"gtol": TOL, "ftol": 1e-20, "maxfun": 10 * MAXITER},
    "TNC": {"gtol": TOL, "ftol": 1e-20, "xtol": 1e-20, "maxfun": 10 * MAXITER},
    "SLSQP": {"ftol": 1e-16},
    "Newton-CG": {"xtol": 1e-12},
    "trust-ncg": {"gtol": TOL},
    "trust-krylov": {"gtol": TOL},
    "trust-exact": {"gtol": TOL},
}
SQUARES = {"trf": {}, "lm": {}}
WITH_MATRIX = {
    "bfgs", "sr1", "SciPy BFGS", "SciPy SLSQP", "SciPy trust-exact", "SciPy least_squares lm",
}  # fmt: skip

OURS = [*METHODS]
THEIRS = [f"SciPy {name}" for name in (*SCIPY, *(f"least_squares {name}" for name in SQUARES))]


class Row(NamedTuple):
    """One run. ``outcome`` is found, local (a minimum, not the known one), or failed."""

    problem: str
    size: int
    method: str
    outcome: str
    value: float
    iterations: int
    gradients: int
    hessians: int
    products: int
    seconds: float
    message: str


class TimeIsOverError(Exception):
    """The time of a run is over."""


def _ring(*_: Any) -> None:
    raise TimeIsOverError


def run(p: Any, method: str) -> Row | None:
    """One method on one problem; None where it is not tried."""
    theirs = method.removeprefix("SciPy ")
    squares = theirs.startswith("least_squares") or (
        method in METHODS and METHODS[method].needs_residuals
    )
    if (squares and p.residuals is None) or (method in WITH_MATRIX and p.size > MATRIX):
        return None
    f = p.residuals if squares else p.loss
    began = time.process_time()
    signal.signal(signal.SIGPROF, _ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = _solve(f, p, method, theirs)
    except TimeIsOverError:
        message = f"more than {SECONDS} seconds of the processor"
        return Row(p.name, p.size, method, "failed", np.nan, 0, 0, 0, 0, SECONDS, message)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"[:160]
        spent = time.process_time() - began
        return Row(p.name, p.size, method, "failed", np.nan, 0, 0, 0, 0, spent, text)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    spent = time.process_time() - began
    value = 2 * float(found.get("cost", found.get("fun"))) if squares else float(found.fun)
    outcome = "found" if p.is_minimum(value) else "local" if found.success else "failed"
    return Row(
        p.name, p.size, method, outcome, value, int(found.get("nit", found.nfev)),
        int(found.get("njev") or found.nfev), int(found.get("nhev", 0) or 0), int(found.get("nprod", 0)),
        spent, " ".join(str(found.message).split()),
    )  # fmt: skip


def _solve(f: Any, p: Any, method: str, theirs: str) -> Any:
    if method in METHODS:
        return tg.optim.minimize(f, p.start, method=method, tol=TOL, maxiter=MAXITER)
    if theirs.startswith("least_squares"):
        name = theirs.split()[1]
        return tg.optim.least_squares(
            f, p.start, method=name, gtol=TOL, ftol=1e-15, xtol=1e-15, max_nfev=MAXITER
        )
    return tg.optim.scipy_minimize(f, p.start, method=theirs, maxiter=MAXITER, **SCIPY[theirs])


# ---- the data -----------------------------------------------------------------------------------


def measure(names: list[str]) -> list[Row]:
    """All runs on problems of these names, and what is stored of the others."""
    every = (*problems.more_garbow_hillstrom(), *problems.large())
    kept = stored() if DATA.exists() else []
    rows = []
    for p in every:
        if names and p.name not in names:
            rows += [r for r in kept if r.problem == p.name]
            continue
        for method in (*OURS, *THEIRS):
            row = run(p, method)
            if row is not None:
                rows.append(row)
                print(f"{row.problem} {row.method}: {row.outcome}, {row.seconds:.2f} s", flush=True)
    return rows


def store(rows: Iterable[Row]) -> None:
    with DATA.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        for r in rows:
            writer.writerow([*r[:4], f"{r.value:.9g}", *r[5:9], f"{r.seconds:.3f}", r.message])


def stored() -> list[Row]:
    kinds = get_type_hints(Row)
    with DATA.open(newline="", encoding="utf-8") as file:
        return [
            Row(**{key: kinds[key](value) for key, value in line.items()})
            for line in csv.DictReader(file)
        ]


# ---- the page -----------------------------------------------------------------------------------


def only_theirs(rows: list[Row]) -> list[str]:
    """Problems whose known minimum a method of SciPy's finds, and none of ours."""
    found = lambda names: {r.problem for r in rows if r.method in names and r.outcome == "found"}
    return sorted(found(THEIRS) - found(OURS))


def table(header: list[str], lines: list[list[str]]) -> str:
    marks = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, marks, *lines))


def summary(rows: list[Row]) -> str:
    lines = []
    for method in (*OURS, *THEIRS):
        mine = [r for r in rows if r.method == method]
        if not mine:
            continue
        found = [r for r in mine if r.outcome == "found"]
        middle = lambda name: f"{statistics.median(getattr(r, name) for r in found):,.0f}"
        counts = [
            sum(r.outcome == outcome for r in mine) for outcome in ("found", "local", "failed")
        ]
        lines.append([
            f"`{method}`", str(len(mine)), *map(str, counts),
            *([middle(n) for n in ("iterations", "gradients")] if found else ["", ""]),
            f"{1e3 * statistics.median(r.seconds for r in found):,.0f}" if found else "",
        ])  # fmt: skip
    header = ["method", "tried", "found", "elsewhere", "failed", "iterations", "gradients", "ms"]
    return table(header, lines)


def grid(rows: list[Row], methods: list[str]) -> str:
    by = {(r.problem, r.method): r for r in rows}
    names = list(dict.fromkeys((r.problem, r.size) for r in rows))
    lines = []
    for name, size in names:
        cells = [cell(by.get((name, method))) for method in methods]
        lines.append([f"{name.replace('_', ' ')}, {size:,}", *cells])
    short = [m.replace("SciPy ", "").replace("least_squares ", "") for m in methods]
    return table(["problem, n", *short], lines)


def cell(row: Row | None) -> str:
    if row is None:
        return ""
    if row.outcome == "failed":
        return "✗"
    counts = f"{row.iterations:,}"
    return f"{counts}*" if row.outcome == "local" else counts


def reasons(rows: list[Row]) -> str:
    seen: dict[str, list[str]] = {}
    for r in rows:
        if r.method in OURS and r.outcome == "failed":
            seen.setdefault(r.method, []).append(f"{r.problem.replace('_', ' ')}: {r.message}")
    parts = []
    for method, texts in seen.items():
        parts.append(f"- `{method}`\n" + "\n".join(f"  - {text}" for text in texts))
    return "\n".join(parts)


def page(rows: list[Row]) -> str:
    small = {p.name for p in problems.more_garbow_hillstrom()}
    mgh = [r for r in rows if r.problem in small]
    large = [r for r in rows if r.problem not in small]
    missing = only_theirs(rows)
    verdict = (
        "Wherever a method of SciPy's finds the known minimum, one of ours does."
        if not missing
        else f"Found by SciPy's methods alone: {', '.join(missing)}."
    )
    sources = "\n".join(
        f"- {p.name.replace('_', ' ')}: {p.source}; minimum {p.minimum:.7g}"
        for p in problems.large()
    )
    tried_matrices = f"Methods that keep a dense matrix in any case are tried up to {MATRIX:,}"
    return f"""# Optimisers on standard problems

Written by `python tools/problems_page.py` from [problems.csv](problems.csv), which has a row for each
run: value, iterations, gradients, Hessians, products, seconds and the method's own message. With
`--run` all runs are made anew.

All methods start at the standard points of `tg.data.problems`, with gradients from the library,
replayed; SciPy's run through `tg.optim.scipy_minimize` and `least_squares`. They stop at gradients
below {TOL:g}, after {MAXITER:,} iterations, or after {SECONDS} seconds of the processor. *Found*: the known minimum, to
1e-5 of it or 1e-9 of the loss at the start. *Elsewhere*: the method says that it converged, at
another value: another local minimum, most often. *Failed*: it says that it did not; ours also where
the gradient vanishes at a saddle point, which SciPy's do not look for. Iterations, gradients and milliseconds are medians
over the problems that a method solved, so over other problems for each; times are of one processor,
each run once, with the planning of replays, which is most of them where n is small: good for orders of
magnitude alone. {tried_matrices} variables.

{verdict}

## The 35 of Moré, Garbow and Hillstrom

{summary(mgh)}

Iterations of our methods; ✗ failed, * elsewhere:

{grid(mgh, OURS)}

Of SciPy's:

{grid(mgh, THEIRS)}

## Larger ones

{summary(large)}

{grid(large, [m for m in OURS if any(r.method == m for r in large)])}

Of SciPy's:

{grid(large, [m for m in THEIRS if any(r.method == m for r in large)])}

Sources and minima:

{sources}

## A saddle

Of x²/2 + y⁴/4 - y²/2, from (0.9, 0.15). The plain iteration of Newton goes to the stationary point
that is near; the others leave it for the minimum.

![Paths of four methods from near a saddle](problems_saddle.svg)

## Why runs failed

{reasons(rows)}
"""


def draw_saddle() -> None:
    """Paths from near a saddle, over the contours of the loss."""
    import matplotlib
    from matplotlib.figure import Figure

    loss = lambda x: x[0] ** 2 / 2 + x[1] ** 4 / 4 - x[1] ** 2 / 2
    matplotlib.rcParams["svg.hashsalt"] = "problems"
    ax = Figure(figsize=(6.4, 3.6), layout="constrained").add_subplot()
    a, b = np.meshgrid(np.linspace(-0.35, 1.05, 141), np.linspace(-0.4, 1.3, 171))
    ax.contour(a, b, loss(np.stack([a, b])), 24, colors="#CFCFCF", linewidths=0.8)
    runs = {
        "newton, modify=False": ("newton", {"modify": False}, "#6B6B6B", "s"),
        "saddle-free newton": ("saddle-free-newton", {}, "#D55E00", "o"),
        "trust region": ("trust-region", {}, "#0072B2", "^"),
        "cubic": ("cubic", {}, "#009E73", "v"),
    }
    start = np.array([0.9, 0.15])
    for label, (method, options, color, marker) in runs.items():
        path = [start]
        keep = lambda r, path=path: path.append(r.x)
        tg.optim.minimize(loss, start, method=method, callback=keep, **options)
        ax.plot(*np.array(path).T, color=color, marker=marker, markersize=4, label=label)
    ax.plot(0, 0, "x", color="black")
    ax.annotate("saddle", (0, 0), (-34, -14), textcoords="offset points")
    ax.plot(0, 1, "+", color="black", markersize=9)
    ax.annotate("minimum", (0, 1), (-60, 6), textcoords="offset points")
    ax.legend(frameon=True, fontsize=8, loc="lower right")
    ax.figure.savefig(FIGURE, metadata={"Date": None})


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        store(measure(sys.argv[2:]))
    draw_saddle()
    replace(PAGE, page(stored()))


if __name__ == "__main__":
    main()
