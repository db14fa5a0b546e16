"""Learning-rate schedules: functions of t, the number of updates made before (0, 1, 2, ...).

Each is a function of this file with its numbers filled in, so that it can be pickled.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from functools import partial

from ..core.arguments import integer, number, sequence

Schedule = Callable[[int], float]


class _Filled(partial[float]):
    """A schedule that tells its numbers.

    Examples
    --------
    >>> step_decay(1.0, every=2, factor=0.5)
    step_decay(lr=1, every=2, factor=0.5)
    """

    def __repr__(self) -> str:
        told = (
            f"{name}={x:g}" if isinstance(x, float) else f"{name}={x!r}"
            for name, x in self.keywords.items()
        )
        return f"{self.func.__name__.removeprefix('_')}({', '.join(told)})"


def _checked_rate(name: str, value: float, what: str = "lr") -> float:
    return float(number(name, what, value, least=0))


def constant(lr: float) -> Schedule:
    """lr, always.

    Examples
    --------
    >>> constant(0.1)(1000)
    0.1
    """
    return _Filled(_constant, lr=_checked_rate("constant", lr))


def _constant(t: int, *, lr: float) -> float:
    return lr


def step_decay(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """lr · factor^floor(t / every).

    Examples
    --------
    >>> [step_decay(1.0, every=2, factor=0.5)(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    who = "step_decay"
    every = integer(who, "every", every, least=1)
    lr, factor = _checked_rate(who, lr), _checked_rate(who, factor, "factor")
    return _Filled(_step_decay, lr=lr, every=every, factor=factor)


def _step_decay(t: int, *, lr: float, every: int, factor: float) -> float:
    return lr * factor ** (t // every)


def exponential_decay(lr: float, every: float, factor: float = 0.1) -> Schedule:
    """lr · factor^(t / every), a smooth :func:`step_decay`.

    Examples
    --------
    >>> exponential_decay(1.0, every=10, factor=0.25)(5)
    0.5
    """
    who = "exponential_decay"
    every = number(who, "every", every, above=0)
    lr, factor = _checked_rate(who, lr), _checked_rate(who, factor, "factor")
    return _Filled(_exponential_decay, lr=lr, every=every, factor=factor)


def _exponential_decay(t: int, *, lr: float, every: float, factor: float) -> float:
    return lr * factor ** (t / every)


def linear_warmup(lr: float | Schedule, steps: int) -> Schedule:
    """Rise in equal parts, then go on: lr(0) · (t + 1) / steps for t < steps, then lr(t - steps).

    Examples
    --------
    >>> [linear_warmup(1.0, steps=4)(t) for t in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    steps = integer("linear_warmup", "steps", steps, least=0)
    lr = lr if callable(lr) else _checked_rate("linear_warmup", lr)
    return _Filled(_linear_warmup, lr=lr, steps=steps)


def _linear_warmup(t: int, *, lr: float | Schedule, steps: int) -> float:
    rate = lr(max(t - steps, 0)) if callable(lr) else lr
    return rate * (t + 1) / steps if t < steps else rate


def cosine(lr: float, steps: int, warmup: int = 0, final: float = 0.0) -> Schedule:
    """Half a cosine from lr down to ``final``, after a linear warm-up (Loshchilov, Hutter 2017).

    For t < warmup, lr · (t + 1) / warmup; then, with u = (t - warmup) / (steps - warmup),
    final + (lr - final) · (1 + cos(π min(u, 1))) / 2. ``steps`` counts the warm-up too.

    Examples
    --------
    >>> [round(cosine(1.0, steps=6, warmup=2)(t), 3) for t in range(8)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    who = "cosine"
    lr, final = _checked_rate(who, lr), _checked_rate(who, final, "final")
    warmup = integer(who, "warmup", warmup, least=0)
    steps = integer(who, "steps", steps, least=warmup + 1)
    return _Filled(_cosine, lr=lr, steps=steps, warmup=warmup, final=final)


def _cosine(t: int, *, lr: float, steps: int, warmup: int, final: float) -> float:
    if t < warmup:
        return lr * (t + 1) / warmup
    u = min((t - warmup) / (steps - warmup), 1)
    return final + (lr - final) * (1 + math.cos(math.pi * u)) / 2


def piecewise(boundaries: Sequence[int], values: Sequence[float]) -> Schedule:
    """values[i], i being how many of the boundaries are at most t.

    Examples
    --------
    >>> [piecewise([2, 3], [1.0, 0.1, 0.01])(t) for t in range(5)]
    [1.0, 1.0, 0.1, 0.01, 0.01]
    """
    who = "piecewise"
    given = sequence(who, "boundaries", boundaries, "integers")
    bounds = [integer(who, f"boundaries[{i}]", b) for i, b in enumerate(given)]
    given = sequence(who, "values", values, "learning rates")
    rates = [_checked_rate(who, v, f"values[{i}]") for i, v in enumerate(given)]
    if len(rates) != len(bounds) + 1:
        raise ValueError(
            f"{who}: {len(bounds)} boundaries need {len(bounds) + 1} values, got {len(rates)}"
        )
    if bounds != sorted(set(bounds)):
        raise ValueError(f"{who}: boundaries must increase, got {bounds}")
    return _Filled(_piecewise, boundaries=bounds, values=rates)


def _piecewise(t: int, *, boundaries: Sequence[int], values: Sequence[float]) -> float:
    return values[bisect.bisect_right(boundaries, t)]
