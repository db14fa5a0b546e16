"""Which steps an adaptive solver takes: on plain arrays, before anything is differentiated.

A step is accepted where the estimate of its error, in units of ``atol + rtol |y|`` and as root mean
square over all elements, is at most 1. The next step follows from this estimate and the last one
(a PI controller: Gustafsson, 1991; Hairer, Nørsett and Wanner, section II.4, whose constants these
are). Of a batch, all examples take the same steps, those that the one with the largest error needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .tableaus import Leaves

SAFETY, LEAST, MOST = 0.9, 0.2, 10.0
"""A step is at most so many times its predecessor, and at least, after a safety factor."""

BETA = 0.04
ALPHA = 1 / 5 - 0.75 * BETA

Trial = Callable[[float, float, Leaves, Leaves], tuple[Leaves, Leaves, Any]]
"""``trial(t, h, y, slope) -> (y after the step, slope there, error of each example)``."""


class Tolerances(NamedTuple):
    """How accurate each step is to be, and how many may be tried."""

    rtol: float
    atol: float
    max_steps: int


class Steps(NamedTuple):
    """The steps that were taken.

    Attributes
    ----------
    times : array, shape (accepted + 1,)
        Where they begin and end.
    accepted, rejected, evaluations : int
        Steps, and evaluations of the right-hand side.
    """

    times: Any
    accepted: int
    rejected: int
    evaluations: int


def size(x: Leaves, scale: Leaves, batch: int) -> float:
    """The root mean square of all elements, each over its scale; the largest of the examples."""
    count = sum(math.prod(a.shape[batch:]) for a in x)
    squares: Any = 0.0
    for a, s in zip(x, scale, strict=True):
        squares = squares + np.square(np.abs(a / s)).sum(axis=tuple(range(batch, a.ndim)))
    return float(np.sqrt(np.max(squares, initial=0.0) / max(count, 1)))


def first_step(
    rates: Callable[[float, Leaves], Leaves],
    t: float,
    span: float,
    y: Leaves,
    slope: Leaves,
    tolerances: Tolerances,
    batch: int,
) -> float:
    """A first step from the size of first and second derivatives; Hairer et al., section II.4."""
    scale = [tolerances.atol + tolerances.rtol * np.abs(a) for a in y]
    d0, d1 = size(y, scale, batch), size(slope, scale, batch)
    h = 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
    h = min(h, abs(span))
    signed = math.copysign(h, span)
    after = rates(t + signed, [a + (signed * k).astype(a.dtype) for a, k in zip(y, slope)])
    d2 = size([a - b for a, b in zip(after, slope, strict=True)], scale, batch) / h
    largest = max(d1, d2)
    if not math.isfinite(largest):
        return math.copysign(h, span)
    other = max(1e-6, h * 1e-3) if largest <= 1e-15 else (0.01 / largest) ** (1 / 5)
    return math.copysign(min(100 * h, other, abs(span)), span)


def choose(
    trial: Trial,
    t: float,
    end: float,
    h: float,
    y: Leaves,
    slope: Leaves,
    tolerances: Tolerances,
) -> Steps:
    """Step from ``t`` to ``end``.

    Raises
    ------
    RuntimeError
        When a step becomes too small for the numbers, as where a solution grows without bound, or
        there are too many.
    """
    times, rejected, before = [t], 0, 1e-4
    grown = True  # whether the last step was accepted, and the next may be larger
    while t != end:
        tried = len(times) - 1 + rejected
        if tried >= tolerances.max_steps:
            raise RuntimeError(
                f"solve: max_steps={tolerances.max_steps:,} were tried, and t is {t:.6g} of "
                f"{end:.6g}, the next step {h:.2g}. Give a larger max_steps or tolerance; a stiff "
                "equation needs an implicit method, as in tg.scipy.integrate.solve_ivp(..., "
                "method='Radau')."
            )
        if abs(h) < 16 * math.ulp(t):
            raise RuntimeError(
                f"solve: at t={t:.6g} the step became {h:.2g}, too small to go on: the solution "
                "may grow without bound there, or f is not finite or jumps"
            )
        # a last step that is somewhat longer spares a tiny one
        after = end if 1.01 * abs(h) >= abs(end - t) else t + h
        new, new_slope, errors = trial(t, after - t, y, slope)
        error = float(errors.max(initial=0.0)) if errors.ndim else float(errors)
        if error <= 1:
            factor = error**ALPHA / before**BETA / SAFETY
            factor = min(1 / LEAST, max(1 / MOST, factor))
            if not grown:
                factor = max(1.0, factor)
            before, grown = max(error, 1e-4), True
            h, t, y, slope = (after - t) / factor, after, new, new_slope
            times.append(t)
        else:  # also where it is not a number
            finite = math.isfinite(error)
            h = (after - t) / (min(1 / LEAST, error**ALPHA / SAFETY) if finite else MOST)
            grown = False
            rejected += 1
    accepted = len(times) - 1
    return Steps(np.array(times), accepted, rejected, 2 + 6 * (accepted + rejected))
