"""Time against size for each library, and where ours goes: ``python -m benchmarks.limits``.

python -m benchmarks.limits --torch    beside autograd, JAX and PyTorch; about five minutes; writes
                                       docs/limits.md, .svg and .json
python -m benchmarks.limits --quick    two sizes of each; saves nothing

The chart is measured as lines of the main tables are, with default threads. What the machine can do
at most, and what programs take of it, is measured in the same run, pinned to one core.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import machine
from .chart import draw
from .measuring import Measured, measure
from .processes import FORMS, OURS, PEERS, Worker, installed, workers_of
from .report import NO_RATIO, seconds, table
from .tasks import GRADIENT, HVP, WIDTHS, growth

HERE = Path(__file__).parent.parent / "docs"
ROUNDS = 5
PROGRAMS = [
    *(("net 64x2-16-16-2", task) for task in (GRADIENT, HVP)),
    *((f"net 256x64-{w}-{w}-10", task) for w in WIDTHS[HVP][::2] for task in (GRADIENT, HVP)),
    *((w, task) for w in ("lstm 100", "chain 2000", "rosenbrock 1000") for task in (GRADIENT,)),
]
"""Of which it is told where the time goes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 1 when a library failed, or they disagreed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.limits", description="Time against size, and its limits."
    )
    parser.add_argument("--quick", action="store_true", help="two sizes of each; saves nothing")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="alternations")
    parser.add_argument("--torch", action="store_true", help="with PyTorch")
    parser.add_argument("--save", type=Path, help="a folder for limits.md, .svg and .json")
    options = parser.parse_args(argv)
    if options.save is None and not options.quick:
        options.save = HERE
    if options.save and importlib.util.find_spec("matplotlib") is None:
        raise SystemExit("the chart needs matplotlib: pip install '.[viz]'")
    begin, load = time.time(), machine.load()
    limits, programs = _limits(PROGRAMS[:2] if options.quick else PROGRAMS)
    workers = workers_of(installed(options.torch), "all")
    measured: list[Measured] = []
    for cell in growth("all", options.quick):
        measured.append(measure(cell, workers, options.rounds))
        _print(measured[-1])
    about = machine.describe(workers) | {
        "command": shlex.join(["python", "-m", "benchmarks.limits", *(argv or sys.argv[1:])]),
        "load": load,
        "minutes": (time.time() - begin) / 60,
        "rounds": options.rounds,
    }
    for worker in workers.values():
        worker.close()
    print(markdown(limits, programs, measured, about))
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
        draw(measured, options.save / "limits.svg")
        (options.save / "limits.md").write_text(markdown(limits, programs, measured, about))
        plain = {"about": about, "limits": limits, "programs": programs}
        plain["measured"] = [m.to_dict() for m in measured]
        (options.save / "limits.json").write_text(json.dumps(plain) + "\n")
    return int(any(m.notes for m in measured))


def _print(m: Measured) -> None:
    times = [f"{entry} {seconds(m.median(*entry.split()))}" for entry in m.seconds]
    print(f"{m.cell}: {', '.join(times)}", *m.notes, sep="\n    ", flush=True)


def _limits(wanted: Sequence[tuple[str, str]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Those of the machine, and programs beside them, of one process on one core."""
    worker = Worker("limits", "one")
    found, limits = [], {}
    for workload, task in wanted:
        worker.ask("make", [workload, task, "float64"])
        limits = limits or worker.ask("call", "machine")
        program = worker.ask("call", "program")
        found.append({"workload": workload, "task": task, **program})
    worker.close()
    return limits, found


# ---- the page ------------------------------------------------------------------------------------


def markdown(
    limits: Mapping[str, Any],
    programs: Sequence[Mapping[str, Any]],
    measured: Sequence[Measured],
    about: Mapping[str, Any],
) -> str:
    """docs/limits.md."""
    peers = [p for p in PEERS if any(m.form(p) for m in measured)]
    notes = [f"- {m.cell}: {note}" for m in measured for note in m.notes]
    parts = [
        "# Time against size, and its limits",
        "How long gradients, Hessian-vector products, Hessians and eigenvalues take as problems "
        "grow, in each library; and how far a replayed program is from what this machine can do.",
        "![Time against size for each library](limits.svg)",
        machine.told(about),
        f"Medians of {about['rounds']} alternations; made by `{about['command']}`. Results were "
        "compared before they were timed. Both axes are logarithmic: where a line is flat, a call "
        "costs what it costs however little it computes; where it rises, arithmetic and memory do.",
        "## What the machine can do",
        "Measured in the same run, pinned to one core: the best of several turns.",
        _machine_table(limits),
        "## Where the time goes",
        "What replayed programs ask of it, and the seconds that this takes at these limits. "
        "*Products* are the floating-point operations of products of matrices, at the speed of a "
        "large one. *Loops* are all other operations, each element at the speed of NumPy's loop "
        "on arrays in the first cache. *Traffic* are the bytes that these read and write when "
        "each operation passes over its arrays once, at the speed of copies in the level that "
        "holds the plan's buffers: a loop waits for whichever of the two is slower. *Calls* are a "
        "call of the jitted function, NumPy's own for each line that is left to Python, and the "
        "runner's for each other operation. *At the limit* is products, the slower of loops and "
        "traffic, and calls. What is measured may be less, where blocks of a run stay in a nearer "
        "cache than its buffers would.",
        _program_table(programs),
        _where(programs),
        "## The figures of the chart",
        _chart_table(measured, peers),
        *(["## What did not run, or disagreed", "\n".join(notes)] if notes else []),
    ]
    return "\n\n".join(parts) + "\n"


def _machine_table(limits: Mapping[str, Any]) -> str:
    rows = [["products of matrices", f"{limits['peak'] / 1e9:.0f} GFLOP/s"]]
    for name, size in limits["levels"].items():
        where = "memory" if name == "memory" else f"{name} ({size // 1024:,} kB)"
        speed = f"{limits['bandwidths'][name] / 1e9:.0f} GB/s"
        rows.append([f"copies in {where}, read and written", speed])
    for what, name in (
        ("a call of NumPy on one number", "numpy call"),
        ("a call of a jitted function", "replayed call"),
        ("one operation more within it, on 4 numbers", "replayed operation"),
    ):
        rows.append([what, f"{limits[name] * 1e9:.0f} ns"])
    return table(["limit", "measured"], rows)


def _at_limit(program: Mapping[str, Any]) -> float:
    s = program["seconds"]
    return float(s["products"] + max(s["loops"], s["traffic"]) + s["calls"])


def _program_table(programs: Sequence[Mapping[str, Any]]) -> str:
    header = [
        "workload", "task", "operations", "lines of Python", "MFLOP of products", "MB of traffic",
        "in", "products", "loops", "traffic", "calls", "at the limit", "measured",
        "limit / measured",
    ]  # fmt: skip
    rows = [
        [
            p["workload"], p["task"], f"{p['operations']:,}", f"{p['lines']:,}",
            f"{p['flops'] / 1e6:.3g}", f"{p['traffic'] / 1e6:.3g}", p["level"],
            *(seconds(p["seconds"][k]) for k in ("products", "loops", "traffic", "calls")),
            seconds(_at_limit(p)), seconds(p["measured"]),
            f"{_at_limit(p) / p['measured']:.2f}",
        ]
        for p in programs
    ]  # fmt: skip
    return table(header, rows)


def _where(programs: Sequence[Mapping[str, Any]]) -> str:
    """The largest part of each program, in words."""
    lines = []
    for p in programs:
        s, limit = p["seconds"], _at_limit(p)
        passes = max(s["loops"], s["traffic"])
        kind = "loops" if s["loops"] >= s["traffic"] else "traffic"
        shares = {"products": s["products"], kind: passes, "calls": s["calls"]}
        said = ", ".join(
            f"{name} {x / limit:.0%}" for name, x in sorted(shares.items(), key=lambda i: -i[1])
        )
        rest = p["measured"] - limit
        beyond = f"{rest / p['measured']:.0%} of the time is beyond it" if rest > 0 else "reached"
        lines.append(f"- {p['workload']}, {p['task']}: {said} of the limit; {beyond}")
    return "\n".join(lines)


def _chart_table(measured: Sequence[Measured], peers: Sequence[str]) -> str:
    header = ["workload", "task", "ours, jit", "ours, recorded", *peers]
    rows = [
        [
            m.cell.workload, m.cell.task,
            *(seconds(m.median(OURS, form)) for form in FORMS),
            *(seconds(m.median(p)) for p in peers),
        ]
        for m in measured
    ]  # fmt: skip
    return table(header, rows) if rows else NO_RATIO


if __name__ == "__main__":
    sys.exit(main())
