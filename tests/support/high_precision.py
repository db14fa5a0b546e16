"""One-sided limits of derivatives, from values at high precision: what is right at special points.

A function of mpmath's numbers is evaluated beside the point, not at it, at two distances. Where both
differences agree, that is the limit; where they grow without end, it is infinite; where the function
has no real value on a side, there is no limit from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
from mpmath import mp

DIGITS = 90
NEAR, NEARER = mpmath.mpf(10) ** -14, mpmath.mpf(10) ** -21


def _beside(f: Callable[[Any], Any], x: Any, h: Any) -> list[Any] | None:
    """The value, first and second differences on the side of ``h``; None where one is not real."""
    values = []
    for k in (1, 2, 3):
        try:
            v = f(x + k * h)
        except (ValueError, ZeroDivisionError, TypeError, ArithmeticError, mp.NoConvergence):
            return None
        if v is None:
            return None
        v = mpmath.mpmathify(v)
        if mp.im(v) != 0 or not mp.isfinite(v):
            return None
        values.append(mp.re(v))
    a, b, c = values
    return [a, (b - a) / h, (c - 2 * b + a) / (h * h)]


def one_sided(f: Callable[[Any], Any], x: float, side: int) -> list[float] | None:
    """The limits of ``f``, f' and f'' at ``x`` from one side (1 or -1)."""
    with mp.workdps(DIGITS):
        at = mpmath.mpf(x)
        size = abs(at) if at else mpmath.mpf(1)
        far, near = (_beside(f, at, side * size * h) for h in (NEAR, NEARER))
        if far is None or near is None:
            return None
        return [_limit(a, b) for a, b in zip(far, near, strict=True)]


def _limit(far: Any, near: Any) -> float:
    if abs(far - near) <= 1e-9 * max(abs(near), mpmath.mpf("1e-3")):
        return float(near)
    if abs(near) > 1.2 * abs(far) and near * far > 0:
        return math.copysign(math.inf, float(mp.sign(near)))
    return float(near) if abs(near) < abs(far) and abs(near) < 1e-6 else math.nan


def limits(f: Callable[[Any], Any], x: float) -> tuple[list[float | None], int | None]:
    """The value, f' and f'' at ``x``, and the lowest order at which both sides differ, if any does.

    At a kink it is the mean of both sides; None where these are infinite with different signs.
    """
    sides = [s for s in (one_sided(f, x, 1), one_sided(f, x, -1)) if s is not None]
    if not sides:
        return [None, None, None], None
    right, left = sides[0], sides[-1]
    found: list[float | None] = []
    kink = None
    for order, (a, b) in enumerate(zip(right, left, strict=True)):
        same = a == b or abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-3)
        if not same and kink is None:
            kink = order
        infinite = math.isinf(a) or math.isinf(b)
        found.append(0.5 * (a + b) if not infinite else a if a == b else None)
    return found, kink
