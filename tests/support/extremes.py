"""Every function at the ends of the numbers: infinities, huge, tiny, 0, and NaN.

Run as a script, it prints what it is about to compute, and is ended by an alarm when that takes too
long: some of SciPy's functions never return, and no exception can end them. Values of arrays and of
tensors must be SciPy's; derivatives must come at all, and nestings must agree where they are finite.
"""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.special
import scipy.stats
from precise_special import ALIASES, PRECISE, SEVERAL
from precise_stats import COUNTS
from precise_stats import PRECISE as FAMILIES

import tinygrad_hess as tg
from tinygrad_hess.scipy import special, stats

ENDS = (np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-310, 1e-200, -1e-200, 1e12, -1e12, 1e200, -1e200)
SECONDS = 8
INTEGER = {"bdtr": 2, "bdtrc": 2, "bdtri": 2, "eval_hermite": 1, "eval_hermitenorm": 1, "expn": 1, "kn": 1, "spherical_in": 1, "spherical_jn": 1, "spherical_kn": 1, "spherical_yn": 1, "yn": 1}  # fmt: skip
"""How many of the first arguments SciPy wants as integers."""

KNOWN = (
    "stats.rayleigh",
    "stats.invgauss",
    "stats.skewnorm",
    "stats.cauchy.logpdf",
    "stats.f.cdf",
    "stats.f.logcdf",
    "stats.weibull_",
)
"""Where values at the very ends are not SciPy's: NaN or infinite beyond 1e150, or SciPy's are."""

Call = tuple[str, Any, Any, list[Any], int]


def special_calls() -> Iterator[Call]:
    """A label, our function and SciPy's, the arguments, and which of them moves."""
    rows = {**PRECISE, **{n: parts[0] for n, parts in SEVERAL.items()}}
    rows |= {alias: rows[name] for alias, name in ALIASES.items()}
    for name, (_, cases, _) in rows.items():
        seen = set()
        for args, position in cases:
            if position in seen and len(cases) > 6:
                continue
            seen.add(position)
            given = [int(a) if i < INTEGER.get(name, 0) else float(a) for i, a in enumerate(args)]
            theirs = getattr(scipy.special, name, None) or (lambda x: np.logaddexp(x, 0))
            if name == "hyp1f1":  # SciPy's never returns for some of these
                theirs = special.hyp1f1
            yield (
                f"special.{name}{tuple(given)}[{position}]",
                getattr(special, name),
                theirs,
                given,
                position,
            )


def stats_calls() -> Iterator[Call]:
    for name, (_, _, shapes, _) in FAMILIES.items():
        for what in ("pdf", "logpdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"):
            if what in ("pdf", "logpdf") or what in getattr(stats, name)._functions:
                ours, theirs = (getattr(getattr(m, name), what) for m in (stats, scipy.stats))
                given = [0.5, *shapes[-1], 0.0, 1.0]
                yield f"stats.{name}.{what}", ours, theirs, given, 0
    for name, (_, shapes, counts) in COUNTS.items():
        for what in ("pmf", "logpmf", "cdf", "sf"):
            if what in ("pmf", "logpmf") or what in getattr(stats, name)._functions:
                ours, theirs = (getattr(getattr(m, name), what) for m in (stats, scipy.stats))
                given = [counts[1][0], *shapes[-1]]
                yield f"stats.{name}.{what}", ours, theirs, given, len(given) - 1


def first(x: Any) -> Any:
    return x[0] if isinstance(x, tuple) else x


def problems(call: Call) -> list[str]:
    label, ours, theirs, given, position = call
    exact = label.startswith("special")  # logarithms of probabilities near 1 are not
    f = lambda x: first(ours(*given[:position], x, *given[position + 1 :]))
    x = np.array(ENDS)
    want = np.array(first(theirs(*given[:position], x, *given[position + 1 :])), float)
    recorded = f(tg.tensor(x, requires_grad=True))
    found: list[str] = []
    compared = (
        () if label.startswith(KNOWN) else (("array", f(x)), ("tensor", recorded.detach().numpy()))
    )
    for what, got in compared:
        got = np.broadcast_to(got, want.shape)
        with np.errstate(invalid="ignore"):
            same = (got == want) | (np.isnan(got) & np.isnan(want))
            same |= np.isnan(want) & (not exact)  # ours have an answer there
            same |= np.abs(got - want) <= 1e-9 * np.abs(want) + (1e-300 if exact else 1e-11)
        found += [
            f"{label} at {x[i]}, {what}: {got[i]}, SciPy {want[i]}" for i in np.flatnonzero(~same)
        ]
    ones = np.ones_like(x)
    try:
        reverse = lambda x: tg.vjp(f, x)[1](ones)[0]
        forward = lambda x: tg.jvp(f, (x,), (ones,))[1]
        slopes = reverse(x), forward(x)
        seconds = tg.jvp(reverse, (x,), (ones,))[1], tg.vjp(reverse, x)[1](ones)[0]
        tg.jvp(lambda x: tg.jvp(reverse, (x,), (ones,))[1], (x,), (ones,))
    except tg.NonDifferentiableError:
        return found
    for order, (a, b) in ((1, slopes), (2, seconds)):
        with np.errstate(invalid="ignore", over="ignore"):
            near = np.abs(a - b) <= 0.1 * np.maximum(
                np.abs(a), 1e-30
            )  # far out, differences cancel
        differ = np.isfinite(a) & np.isfinite(b) & ~near
        found += [
            f"{label} at {x[i]}, order {order}: {a[i]} and {b[i]}" for i in np.flatnonzero(differ)
        ]
    return found


def main(skipped: list[str]) -> None:
    """Print each label, then its problems."""
    for call in (*special_calls(), *stats_calls()):
        if call[0] in skipped:
            continue
        print("TRY", call[0], flush=True)
        signal.alarm(SECONDS)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for problem in problems(call):
                print(problem, flush=True)
        signal.alarm(0)
    print("DONE", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
