"""Try every name of NumPy's and SciPy's namespaces, and write what came of it.

``python tools/coverage_page.py`` writes ``docs/coverage.md`` and the table behind
``tg.supported()``. What counts as tested is what passed here: see :mod:`walking`.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

import battery  # noqa: E402
import scipy  # noqa: E402
import specimens  # noqa: E402
import specimens_scipy as of_scipy  # noqa: E402
from names import MODULES, not_called, public_names  # noqa: E402
from specimens import Call, M, V  # noqa: E402
from walking import MODES, Tried, try_call, try_complex  # noqa: E402

import tinygrad_hess as tg  # noqa: E402
from tinygrad_hess.numpy._coverage import KINDS, Support, SupportTable  # noqa: E402
from tinygrad_hess.numpy._protocols import WHY  # noqa: E402

PAGE = ROOT / "docs" / "coverage.md"
TABLE = ROOT / "tinygrad_hess" / "numpy" / "coverage.txt"

# ---- trying -------------------------------------------------------------------------------------

TOO_WIDE = ("outer", "kron")  # slow, and no different, in more than a vector


def names() -> list[str]:
    """Every name that is accounted for, of NumPy, scipy.special and what is here of SciPy."""
    found = [f"{space}.{n}" for space, m in MODULES.items() for n in public_names(m)]
    for space in ("linalg", "signal", "integrate"):
        module = importlib.import_module(f"tinygrad_hess.scipy.{space}")
        found += [
            f"scipy.{space}.{n}" for n in module.__all__ if not isinstance(getattr(module, n), type)
        ]
    stats = importlib.import_module("tinygrad_hess.scipy.stats")
    for family in stats.__all__:
        methods = [
            m
            for m in dir(getattr(stats, family))
            if m.startswith(("log", "pdf", "pmf", "cdf", "sf", "ppf"))
        ]
        found += [f"scipy.stats.{family}.{m}" for m in methods]
    return found


def examine(path: str, deep: bool = True) -> Support:
    """Call one function in all the ways known for it; without ``deep``, to the first order only."""
    space, _, name = path.rpartition(".")
    if space in MODULES:
        reason = not_called(name, getattr(MODULES[space], name))
        if reason is not None:
            return Support(path, "none", note=reason)
    theirs, ours, calls, on_complex = _found(path)
    tried = _tried(name, theirs, ours, calls, on_complex, deep)
    note = ""
    if tried.kind in ("refused", "not tried") and space == "numpy":
        own = getattr(tg.numpy, name)
        if own is not theirs:
            tried = _tried(name, theirs, own, calls, on_complex, deep)
            note = f"as tinygrad_hess.numpy.{name}; NumPy's own asks for arrays"
    if tried.kind == "not tried" and space == "scipy.special":
        tried = _tried(name, theirs, ours, of_scipy.INTEGERS, [], deep)
        assert tried.kind in ("no derivative", "refused"), (
            f"{path}: no sensible call of it is known"
        )
        return Support(path, "none", note="takes degrees, orders or counts alone")
    return _row(path, name, tried, note)


def _row(path: str, name: str, tried: Tried, note: str) -> Support:
    modes = tuple(m for m in MODES if tried.modes.get(m) == {True})
    partly = tuple(m for m in MODES if tried.modes.get(m) == {True, False})
    if tried.kind == "differentiable":
        if path.startswith("scipy.") and not isinstance(_theirs(path), np.ufunc) and _ours(path):
            note = f"as tinygrad_hess.{path}"
        return Support(path, "differentiable", modes, partly, note)
    if tried.kind == "piecewise constant":
        return Support(path, "constant", modes, partly, note)
    if tried.kind == "no derivative":
        return Support(path, "none", note="integers, booleans, text or types")
    assert tried.kind == "refused", f"{path}: no sensible call of it is known"
    why = WHY.get(name, "no derivative is known here" if path.startswith("scipy.") else "")
    assert why, f"{path}: say in protocols.WHY why it is refused: {tried.refusals[0]}"
    return Support(path, "unsupported", note=why)


def _theirs(path: str) -> Any:
    space, _, rest = path.partition(".")
    found: Any = importlib.import_module(space)
    for part in rest.split("."):
        found = getattr(found, part, None) or importlib.import_module(f"{found.__name__}.{part}")
    return found


def _ours(path: str) -> Any:
    found: Any = tg
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def _found(path: str) -> tuple[Any, Any, list[Call], list[Call]]:
    """The function as NumPy or SciPy has it, as it is here, and how to try it."""
    theirs = _theirs(path)
    name = path.rpartition(".")[2]
    if path.startswith("numpy."):
        calls = specimens.calls(name, theirs)
        return theirs, theirs, calls, specimens.OF_COMPLEX.get(name, calls)
    ours = _ours(path)
    if path.startswith("scipy.special."):
        calls = of_scipy.special_calls(name, theirs)
        here = theirs if isinstance(theirs, np.ufunc) or ours is None else ours
        return theirs, here, calls, calls if isinstance(theirs, np.ufunc) else []
    if path.startswith("scipy.stats."):
        family = path.split(".")[2]
        return theirs, ours, of_scipy.stats_calls(family, ours.__self__, name), []
    if path.startswith("scipy.signal."):
        return theirs, ours, of_scipy.SIGNAL.get(name, of_scipy.SLID), []
    if path.startswith("scipy.integrate."):
        return theirs, ours, of_scipy.INTEGRATE[name], []
    return theirs, ours, of_scipy.LINALG.get(name, specimens.UNARY), []


def _tried(
    name: str, theirs: Any, ours: Any, calls: list[Call], on_complex: list[Call], deep: bool
) -> Tried:
    tried = Tried()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for x in (V,) if name in TOO_WIDE else (V, M):
            for call in calls:
                try_call(tried, name, ours, call, x, theirs, deep)
            for call in on_complex:
                try_complex(tried, name, ours, call, x, theirs)
    return tried


# ---- writing ------------------------------------------------------------------------------------


def as_table(rows: list[Support]) -> str:
    """The table that ``tg.supported()`` reads."""
    lines = []
    for row in rows:
        tested = " ".join([*row.modes, *(f"{m}?" for m in row.partly)])
        lines.append(f"{row.name}|{row.kind}|{tested}|{row.note}")
    versions = f"NumPy {np.__version__}, SciPy {scipy.__version__}"
    return "\n".join([versions, *lines, ""])


INTRODUCTION = """# What is differentiable

Written by `make supported`, which calls every public function of the namespaces below on tensors
({versions}). `tg.supported("numpy.cumsum")` tells the same.

A mark (✓) says that each of the calls tried holds; (·) that some of them do, and the others are
refused with an error that says so; a gap, that the mode does not apply or is refused. The columns:

| column | what was checked |
| --- | --- |
| value | equal to NumPy's or SciPy's, in value, shape and type |
| f32 | float32 in, NumPy's type out (or float32), gradient in float32 |
| jvp | against extrapolated differences of NumPy's or SciPy's function |
| vjp | the transpose of the jvp; cotangents have the shape and type of their operand |
| 2nd | the derivative of the gradient against differences of the gradient; reverse over reverse |
| vmap | value and gradient of a batch against a loop |
| jit | value and gradient replayed, on other values too |
| complex | value, jvp and vjp on complex numbers |

Derivatives of any order follow from the same rules; the tests of primitives below go further.
"""

COLUMNS = dict(
    zip(MODES, ("value", "f32", "jvp", "vjp", "2nd", "vmap", "jit", "complex"), strict=True)
)


def page(rows: list[Support]) -> str:
    """The page for readers."""
    table = SupportTable(rows)
    parts = [INTRODUCTION.format(versions=f"NumPy {np.__version__}, SciPy {scipy.__version__}")]
    parts += ["## How many", _counts(table)]
    by_space: dict[str, list[Support]] = defaultdict(list)
    for row in rows:
        by_space[tg.numpy._coverage.namespace(row.name)].append(row)
    for space, members in by_space.items():
        parts += [f"## {space}", *_sections(space, members)]
    parts += ["## Primitives", _primitives()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _counts(table: SupportTable) -> str:
    heads = ["namespace", *KINDS.values(), "names"]
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    totals: dict[str, int] = dict.fromkeys(KINDS, 0)
    for space, counts in table.counts().items():
        lines.append(
            f"| {space} | {' | '.join(map(str, counts.values()))} | {sum(counts.values())} |"
        )
        totals = {kind: totals[kind] + counts[kind] for kind in KINDS}
    lines.append(f"| all | {' | '.join(map(str, totals.values()))} | {len(table)} |")
    return "\n".join(lines)


def _short(space: str, row: Support) -> str:
    return row.name.removeprefix(f"{space}.")


def _merged(space: str, rows: list[Support]) -> Iterator[tuple[str, Support]]:
    """Methods of one distribution that were tested alike share a line."""
    alike: dict[Any, list[str]] = defaultdict(list)
    first: dict[Any, Support] = {}
    for row in rows:
        family, dot, method = _short(space, row).rpartition(".")
        key = (family, row.kind, row.modes, row.partly) if dot else (row.name,)
        alike[key].append(f".{method}" if dot else method)
        first.setdefault(key, row)
    for key, methods in alike.items():
        family = _short(space, first[key]).rpartition(".")[0]
        yield f"{family}: {', '.join(methods)}" if family else methods[0], first[key]


def _sections(space: str, rows: list[Support]) -> Iterator[str]:
    derived = [r for r in rows if r.kind in ("differentiable", "constant")]
    if space not in MODULES:
        yield f"Of SciPy's names, those that `tinygrad_hess.{space}` has; called as such."
    lines = [f"| name | {' | '.join(COLUMNS.values())} | |", "| --- " * (len(COLUMNS) + 2) + "|"]
    for name, r in _merged(space, derived):
        marks = ["✓" if m in r.modes else "·" if m in r.partly else " " for m in COLUMNS]
        note = "piecewise constant: 0" if r.kind == "constant" else r.note
        lines.append(f"| {name} | {' | '.join(marks)} | {note if space in MODULES else ''} |")
    yield "\n".join(lines)
    for kind, title in (("none", "No derivative by nature"), ("unsupported", "Not supported")):
        by_note: dict[str, list[str]] = defaultdict(list)
        for r in rows:
            if r.kind == kind:
                by_note[r.note].append(_short(space, r))
        if by_note:
            lines = [f"- {note}: {', '.join(names)}" for note, names in sorted(by_note.items())]
            yield f"### {title} ({space})\n\n" + "\n".join(lines)


def _primitives() -> str:
    """Every primitive, and the checks of the battery that it must pass."""
    titles = [*battery.CHECKS]
    lines = [
        f"Each of the {len(battery.ROWS)} primitives passes these checks of `tests/support/battery.py`, over "
        "float32 and float64, several shapes and parameters.",
        "",
        f"| primitive | kind | {' | '.join(titles)} |",
        "| --- " * (len(titles) + 2) + "|",
    ]
    for row in sorted(battery.ROWS, key=lambda row: row.name):
        marks = ["✓" if battery.applies(check, row) else " " for check in titles]
        lines.append(f"| {row.name} | {row.kind} | {' | '.join(marks)} |")
    return "\n".join(lines)


def main() -> None:
    """Try all names, run the battery, and write both files; nothing where something is wrong."""
    rows, wrong = [], []
    for row in battery.ROWS:
        battery.run_all(row)
    for path in names():
        try:
            rows.append(examine(path))
        except AssertionError as error:
            wrong.append(f"{path}: {error}")
    if wrong:
        sys.exit("\n".join(wrong))
    TABLE.write_text(as_table(rows), encoding="utf-8")
    PAGE.write_text(page(rows), encoding="utf-8")
    print(SupportTable(rows))


if __name__ == "__main__":
    main()
