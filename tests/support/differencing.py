"""Comparing, and the two numerical derivatives: extrapolated differences and the complex step."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Values = tuple[Any, ...]


def close(got: Any, want: Any, rtol: float, what: str) -> None:
    """Equal shapes, and values within ``rtol`` of the largest one."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    if want.dtype.kind != "f":
        assert np.array_equal(got, want), f"{what}: {got} instead of {want}"
        return
    scale = max(1.0, float(np.max(np.abs(want), initial=0.0)))
    worst = np.max(np.abs(got - want), initial=0.0)
    assert worst <= rtol * scale, f"{what}: off by {worst:.3g} (allowed {rtol * scale:.3g})"


def all_close(got: Any, want: Any, rtol: float, what: str) -> None:
    """The same for two sequences."""
    assert len(got) == len(want), f"{what}: {len(got)} results, expected {len(want)}"
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        close(a, b, rtol, f"{what}, part {i}")


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
