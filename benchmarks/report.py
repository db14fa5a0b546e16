"""Tables in Markdown: ratios, goals, and what they were measured on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import machine
from .goals import GOALS, Figures
from .measuring import Measured
from .processes import FORMS, OURS, PEERS
from .tasks import MEANINGS

PLACES = {"all": "default threads", "one": "everything pinned to one core"}
NO_RATIO = "–"
MISSED = " (missed)"


def seconds(x: float | None) -> str:
    """A time in a unit that suits it."""
    if x is None:
        return NO_RATIO
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if x >= size or unit == "µs":
            return f"{x / size:.3g} {unit}" if x < 100 * size else f"{x / size:.0f} {unit}"
    raise AssertionError


def spread(ratios: np.ndarray | None) -> str:
    """The median, and the quartiles in brackets."""
    if ratios is None:
        return NO_RATIO
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75))
    return f"{_ratio(middle)} [{_ratio(low)}, {_ratio(high)}]"


def _ratio(x: float) -> str:
    """Two decimals, more where they would be zeros."""
    return f"{x:.2f}" if x >= 0.0995 else f"{x:.2g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose source lines up; text to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    left = [not any(c[:1].isdigit() or c == NO_RATIO for c in cs) for cs in zip(*rows, strict=True)]
    left = left or [True] * len(header)

    def line(cells: Sequence[str]) -> str:
        fitted = [
            c.ljust(w) if at_left else c.rjust(w)
            for c, w, at_left in zip(cells, widths, left, strict=True)
        ]
        return f"| {' | '.join(fitted)} |"

    rule = [
        ":" + "-" * (w + 1) if at_left else "-" * (w + 1) + ":"
        for w, at_left in zip(widths, left, strict=True)
    ]
    return "\n".join([line(header), f"|{'|'.join(rule)}|", *map(line, rows)])


def header(peers: Sequence[str]) -> list[str]:
    """Of the tables of times."""
    return ["workload", "task", *FORMS, *(f"/ {p}" for p in peers), "jit / recorded"]


def row(m: Measured, peers: Sequence[str]) -> list[str]:
    """A line of the tables of times."""
    ratios = [f"{spread(m.ratios(p))} {m.form(p) if p == 'torch' else ''}".strip() for p in peers]
    times = [seconds(m.median(OURS, form)) for form in FORMS]
    return [m.cell.workload, m.cell.task, *times, *ratios, spread(m.replayed)]


def _present(measured: Sequence[Measured]) -> list[str]:
    return [p for p in PEERS if any(m.form(p) for m in measured)]


def _goals(measured: Sequence[Measured]) -> str:
    figures = {cores: Figures(measured, cores) for cores in PLACES}
    missed, reached = [], []
    for goal in GOALS:
        found = {cores: goal.figure(f) for cores, f in figures.items()}
        limits = {"all": goal.limit, "one": goal.pinned}
        if any(x is not None for x in found.values()):
            row = [goal.what, *(_against(found[c], limits[c]) for c in PLACES)]
            (missed if any(MISSED in cell for cell in row) else reached).append(row)
    if not missed and not reached:
        return ""
    said = f"{len(missed)} of {len(missed) + len(reached)} are missed, which stand first."
    return f"{said}\n\n{table(['at most', *PLACES.values()], missed + reached)}"


def _behind(measured: Sequence[Measured], peers: Sequence[str]) -> str:
    """Of each peer, the median over all lines, and those on which it was faster, worst first."""
    lines = []
    for cores, place in PLACES.items():
        for peer in peers:
            ratios = {
                m.cell: float(np.median(r))
                for m in measured
                if m.cell.section == "tasks" and m.cell.cores == cores
                if (r := m.ratios(peer)) is not None
            }
            if ratios:
                slower = sorted((c for c in ratios if ratios[c] > 1), key=lambda c: -ratios[c])
                middle = _ratio(float(np.median(list(ratios.values()))))
                lines.append(
                    f"- {peer}, {place}: a median of {middle} over {len(ratios)} lines; "
                    f"slower on {len(slower)}"
                )
                lines += [
                    f"  - {_ratio(ratios[c])} {c.workload}, {c.task}, {c.dtype}" for c in slower
                ]
    return "\n".join(lines)


def _against(figure: float | None, limit: float | None) -> str:
    if figure is None or limit is None:
        return NO_RATIO
    return f"{figure:.2g} of {limit:.2g}{'' if figure <= limit else MISSED}"


def _tables(measured: Sequence[Measured], peers: Sequence[str]) -> list[str]:
    out = []
    for cores, place in PLACES.items():
        here = [m for m in measured if m.cell.cores == cores]
        for dtype in ("float64", "float32"):
            lines = [m for m in here if m.cell.section == "tasks" and m.cell.dtype == dtype]
            if lines:
                out += [f"## A call: {dtype}, {place}", _table(lines, peers)]
        for section, title in (
            ("start", "From process start to the first result"),
            ("compile", "Compiling: a first call beyond a second one (recording and planning)"),
        ):
            lines = [m for m in here if m.cell.section == section]
            if lines:
                out += [f"## {title}: {place}", _table(lines, _present(lines))]
    return out


def _table(lines: Sequence[Measured], peers: Sequence[str]) -> str:
    return table(header(peers), [row(m, peers) for m in lines])


def _growth(measured: Sequence[Measured], peers: Sequence[str]) -> list[str]:
    lines = [m for m in measured if m.cell.section == "growth"]
    if not lines:
        return []
    names = ["workload", "task", "ours, jit", "ours, recorded", *peers]
    rows = [
        [
            m.cell.workload, m.cell.task,
            *(seconds(m.median(OURS, form)) for form in FORMS),
            *(seconds(m.median(p)) for p in peers),
        ]
        for m in lines
    ]  # fmt: skip
    cores = PLACES[lines[0].cell.cores]
    return [
        f"## Growth with size: float64, {cores}",
        table(names, rows),
    ]


def markdown(measured: Sequence[Measured], about: dict[str, Any]) -> str:
    """RESULTS.md: everything that was measured."""
    peers = _present(measured)
    notes = [f"- {m.cell}: {note}" for m in measured for note in m.notes]
    goals, behind = _goals(measured), _behind(measured, peers)
    parts = [
        "# Times beside other libraries",
        f"Made by `{about['command']}`; see [README.md](README.md) for how.",
        machine.told(
            about,
            f"- BLAS, with default threads: {'; '.join(about['blas'])}",
            f"- Peers: {', '.join(peers) or 'none'}; PyTorch is measured when asked for",
        ),
        "Ratios are our times over theirs (below 1: ours is faster): the median of "
        f"{about['rounds']} alternations, with the quartiles in brackets. \"jit\" and "
        '"recorded" are our two forms; ratios to peers are of the jitted one where there is one. '
        "Of PyTorch's forms the fastest counts, and is named.",
        *(["## Where ours is slower", behind] if behind else []),
        *(["## Goals", goals] if goals else []),
        *_tables(measured, peers),
        *_growth(measured, peers),
        "## Tasks",
        "\n".join(f"- {task}: {meaning}" for task, meaning in MEANINGS.items()),
        *(["## What did not run, or disagreed", "\n".join(notes)] if notes else []),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"
