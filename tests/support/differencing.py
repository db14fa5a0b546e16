"""The two numerical derivatives: extrapolated differences and the complex step."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Values = tuple[Any, ...]


def inner(a: Any, b: Any) -> float:
    """The sum of products over all parts."""
    a, b = (x if isinstance(x, tuple) else (x,) for x in (a, b))
    return float(sum(np.sum(x * y) for x, y in zip(a, b, strict=True)))


def differences(f: Callable[..., Any], xs: Values, ts: Values, step: float = 1e-2) -> Any:
    """The derivative of ``f`` along ``ts``, by central differences extrapolated to order eight."""

    def central(h: float) -> list[Any]:
        ends = [_parts(f(*(x + s * h * t for x, t in zip(xs, ts, strict=True)))) for s in (1, -1)]
        return [(a - b) / (2 * h) for a, b in zip(*ends, strict=True)]

    table = [central(step / 2**k) for k in range(4)]
    for k in range(1, 4):
        table = [
            [(4**k * fine - coarse) / (4**k - 1) for coarse, fine in zip(a, b, strict=True)]
            for a, b in itertools.pairwise(table)
        ]
    return table[0] if len(table[0]) > 1 else table[0][0]


def _parts(y: Any) -> tuple[Any, ...]:
    return tuple(map(np.asarray, y)) if isinstance(y, tuple) else (np.asarray(y),)


def complex_step(f: Callable[..., Any], xs: Values, ts: Values) -> Any:
    """The derivative of an analytic ``f`` along ``ts``, exact to rounding."""
    h = 1e-30
    return np.imag(f(*(x + 1j * h * t for x, t in zip(xs, ts, strict=True)))) / h
