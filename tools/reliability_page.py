"""Write docs/reliability.md: ``python tools/reliability_page.py``.

It counts the walk over special points that ``tests/scipy/test_special_points.py`` makes, lists what
is known to differ, from the tables that the tests read, and what hard tests measured, from the file
that they write.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), *(str(ROOT / p) for p in ("tests/support", "tests/hard", "tools"))]

from accuracy_page import replace, table  # noqa: E402
from extremes import ENDS, special_calls, stats_calls  # noqa: E402
from figures import figures  # noqa: E402
from special_points import KNOWN, checks  # noqa: E402
from versions import COLUMNS  # noqa: E402

PAGE = ROOT / "docs" / "reliability.md"
ROOMS = {"special": "`scipy.special`", "stats": "`scipy.stats`", "nn": "losses of `nn`"}


def page() -> str:
    names: dict[str, set[str]] = {room: set() for room in ROOMS}
    functions: dict[str, set[str]] = {room: set() for room in ROOMS}
    points: Counter[str] = Counter()
    for check in checks():
        room = check.label.split(".")[0]
        names[room].add(check.name)
        functions[room].add(check.label.split("(")[0].split("[")[0])
        points[room] += len(check.points)
    rows = [
        (
            what,
            str(len(names[room])),
            str(len(functions[room])),
            f"{points[room]:,}",
            f"{3 * points[room]:,}",
        )
        for room, what in ROOMS.items()
    ]
    calls = len([*special_calls(), *stats_calls()])
    reasons = "\n".join(f"- `{pattern}`: {reason}." for pattern, reason in KNOWN.items())
    return f"""# Reliability

Written by `python tools/reliability_page.py` from the tables of the tests, and from what hard tests
measured.

## Derivatives at special points

Every function of real numbers is differentiated in each real argument (the observation, location,
scale and shapes of a distribution) at 0, at ±1, at locations and the ends of supports, at integers
and where its formula changes. The value, the first and the second derivative are compared with their
limits, taken from both sides by mpmath with 90 digits; the first by reverse and forward sweeps, the
second in all four nestings, most of them replayed and mapped, too. At a kink the first derivative is
the mean of both sides, and a second one is not compared. An argument whose derivative is refused by
an error is counted, and not compared.

{table("of | names | functions | points | points × orders", rows)}

What differs, by the pattern of the label, and why:

{reasons}

## The ends of the numbers

{calls} calls at {len(ENDS)} arguments each (infinities, NaN, zeros of both signs, 1e-310 to 1e200):
values of arrays and of tensors are SciPy's, and derivatives to third order return, in a process of
their own that an alarm would end. Where two nestings are both finite they agree, but for rounding.

{hard_tests()}"""


DRAWN = ("random programs", "malformed calls")
"""How tests begin whose programs or calls are drawn."""


def hard_tests() -> str:
    """What the long tests and `make versions` measured when they were run last."""
    found = figures()
    killed, versions = found.pop("killed runs", {}), found.pop("versions", {})
    killed.pop("on", None)  # each run has its own
    columns = ("kills", "ends", "same", "on")
    runs = [(name, *(str(x.get(k, "")) for k in columns)) for name, x in killed.items()]
    rest, drawn = [], []
    for name, x in found.items():
        on = x.pop("on", "")
        what = "; ".join(f"{key.replace('_', ' ')}: {value:,}" for key, value in x.items())
        (drawn if name.startswith(DRAWN) else rest).append((name, what, on))
    parts = [
        "## Random programs and malformed calls\n\nPrograms are drawn from some 300 operations and "
        "compared (`make slow`, `make peers`); every public name is called with what nobody should "
        "give it, and an offence is a crash, a hang, a wrong number, or an error that does not say "
        "what is wrong (`make fuzz`).\n\n" + table("drawn | measured | on", drawn),
        "## Hard tests\n\nMeasured by the tests of `make hard`.\n\nRuns are killed (SIGKILL) "
        "at random moments, and go on from their checkpoint. Each that comes to its end gives the "
        "bits of a run that was left alone.\n\n"
        + table("run | kills | came to the end | with the same bits | on", runs),
        "Files are cut short, or up to three of their bits are flipped: they are refused by one "
        "error that names them, or read, where a format has no checksum or the bit says nothing. A "
        "write to a full disk is one error, and leaves what was there.\n\n"
        + table("test | measured | on", rest),
    ]
    if versions:
        rows = [tuple(row) for row in versions["rows"]]
        parts.append("Versions, by `make versions`:\n\n" + table(COLUMNS, rows))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    replace(PAGE, page())
