"""Numbers as a report writes them: with the digits that are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

DIGITS = 10
"""Significant digits to write at most."""


def with_error(value: float, half: float, digits: int = 5) -> str:
    """A number and half the width of its interval, to two digits of that.

    Examples
    --------
    >>> with_error(0.0297, 1.1e-5), with_error(1951.2, 35), with_error(50.0, 0)
    ('0.029700 ± 1.1e-05', '1951 ± 35', '50 (exact)')
    """
    if not math.isfinite(value):
        return "unknown"
    if half == 0:
        return f"{value:.{DIGITS}g} (exact)"
    if not math.isfinite(half):
        return f"{value:.{digits}g}"
    if abs(value) <= half:
        return f"{value:.2g} ± {half:.2g}"
    known = math.floor(math.log10(abs(value))) - math.floor(math.log10(half)) + 2
    if 1e-4 <= abs(value) < 1e6:
        after = min(known, DIGITS) - 1 - math.floor(math.log10(abs(value)))
        return f"{value:.{max(after, 0)}f} ± {half:.2g}"
    return f"{value:.{min(known, DIGITS)}g} ± {half:.2g}"


def rounding(value: Any, dtype: Any) -> float:
    """What rounding makes of an eigenvalue, at least: no bound is narrower."""
    return 10 * float(np.finfo(dtype).eps) * abs(float(value))


def estimate(found: Any) -> str:
    """An :class:`Estimate` with half its interval."""
    return with_error(found.value, half_width(found.interval))


def half_width(interval: tuple[float, float]) -> float:
    """Half the width of an interval."""
    return float(interval[1] - interval[0]) / 2


def percent(share: float) -> str:
    """A share, to two digits where it is small.

    Examples
    --------
    >>> percent(0.234), percent(0.00645), percent(3e-9), percent(0.0)
    ('23%', '0.65%', '< 0.01%', '0%')
    """
    if not math.isfinite(share):
        return ""
    if 0 < share < 1e-4:
        return "< 0.01%"
    return f"{share:.0%}" if share > 0.095 or share == 0 else f"{100 * share:.2g}%"


def large(x: float) -> str:
    """A large number to two digits, without powers of ten where it has up to seven.

    Examples
    --------
    >>> large(2512.0), large(3.4e9), large(1.0)
    ('2,500', '3.4e+09', '1')
    """
    if not math.isfinite(x) or abs(x) >= 1e7 or abs(x) < 10:
        return f"{x:.2g}"
    scale = 10 ** (math.floor(math.log10(abs(x))) - 1)
    return f"{round(x / scale) * scale:,.0f}"


def count(n: int, one: str, many: str = "") -> str:
    """A number of things.

    Examples
    --------
    >>> count(1, "layer"), count(0, "layer"), count(2, "is", "are")
    ('1 layer', 'no layers', '2 are')
    """
    return f"{f'{n:,}' if n else 'no'} {one if n == 1 else many or one + 's'}"
