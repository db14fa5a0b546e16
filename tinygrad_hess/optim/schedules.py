"""Learning-rate schedules: functions of t, the number of updates made before (0, 1, 2, ...)."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence

Schedule = Callable[[int], float]


def _checked_rate(name: str, value: float) -> float:
    if not value >= 0:
        raise ValueError(f"{name}: a learning rate must be at least 0, got {value}")
    return float(value)


def _checked_count(name: str, what: str, value: int, least: int = 1) -> int:
    if not value >= least:
        raise ValueError(f"{name}: {what} must be at least {least}, got {value}")
    return value


def constant(lr: float) -> Schedule:
    """lr, always.

    Examples
    --------
    >>> constant(0.1)(1000)
    0.1
    """
    lr = _checked_rate("constant", lr)
    return lambda t: lr


def step_decay(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """lr · factor^floor(t / every).

    Examples
    --------
    >>> [step_decay(1.0, every=2, factor=0.5)(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    lr, every = _checked_rate("step_decay", lr), _checked_count("step_decay", "every", every)
    factor = _checked_rate("step_decay", factor)
    return lambda t: lr * factor ** (t // every)


def exponential_decay(lr: float, every: float, factor: float = 0.1) -> Schedule:
    """lr · factor^(t / every), a smooth :func:`step_decay`.

    Examples
    --------
    >>> exponential_decay(1.0, every=10, factor=0.25)(5)
    0.5
    """
    lr, factor = _checked_rate("exponential_decay", lr), _checked_rate("exponential_decay", factor)
    if not every > 0:
        raise ValueError(f"exponential_decay: every must be positive, got {every}")
    return lambda t: lr * factor ** (t / every)


def linear_warmup(lr: float | Schedule, steps: int) -> Schedule:
    """Rise in equal parts, then go on: lr(0) · (t + 1) / steps for t < steps, then lr(t - steps).

    Examples
    --------
    >>> [linear_warmup(1.0, steps=4)(t) for t in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    steps = _checked_count("linear_warmup", "steps", steps, 0)
    after = lr if callable(lr) else constant(lr)
    return lambda t: after(0) * (t + 1) / steps if t < steps else after(t - steps)


def cosine(lr: float, steps: int, warmup: int = 0, final: float = 0.0) -> Schedule:
    """Half a cosine from lr down to ``final``, after a linear warm-up (Loshchilov, Hutter 2017).

    For t < warmup, lr · (t + 1) / warmup; then, with u = (t - warmup) / (steps - warmup),
    final + (lr - final) · (1 + cos(π min(u, 1))) / 2. ``steps`` counts the warm-up too.

    Examples
    --------
    >>> [round(cosine(1.0, steps=6, warmup=2)(t), 3) for t in range(8)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    lr, final = _checked_rate("cosine", lr), _checked_rate("cosine", final)
    warmup = _checked_count("cosine", "warmup", warmup, 0)
    length = _checked_count("cosine", "steps", steps, warmup + 1) - warmup

    def falling(t: int) -> float:
        return final + (lr - final) * (1 + math.cos(math.pi * min(t / length, 1))) / 2

    return linear_warmup(falling, warmup)


def piecewise(boundaries: Sequence[int], values: Sequence[float]) -> Schedule:
    """values[i], i being how many of the boundaries are at most t.

    Examples
    --------
    >>> [piecewise([2, 3], [1.0, 0.1, 0.01])(t) for t in range(5)]
    [1.0, 1.0, 0.1, 0.01, 0.01]
    """
    bounds, rates = list(boundaries), [_checked_rate("piecewise", v) for v in values]
    if len(rates) != len(bounds) + 1:
        raise ValueError(
            f"piecewise: {len(bounds)} boundaries need {len(bounds) + 1} values, got {len(rates)}"
        )
    if bounds != sorted(set(bounds)):
        raise ValueError(f"piecewise: boundaries must increase, got {bounds}")
    return lambda t: rates[bisect.bisect_right(bounds, t)]
