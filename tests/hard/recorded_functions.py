"""Jitted functions that threads and processes share: a module of its own, which processes import."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import curvature

W = np.random.default_rng(0).normal(size=(12, 12)) / 4
POINTS = np.random.default_rng(1).normal(size=(40, 12))


def energy(x: Any) -> Any:
    def step(c: Any, w: Any) -> Any:
        c = np.tanh(w @ c + x)
        return c, (c * c).sum()

    c, ys = tg.scan(step, x, np.stack([W, W.T, W]))
    return (c**2).sum() + ys.sum()


gradient = tg.jit(tg.grad(energy))
product = tg.jit(lambda x: tg.hvp(energy, x, x))


@tg.jit
def slope(x: Any) -> Any:
    """A jitted function that pickle finds by its name."""
    return tg.grad(energy)(x)


def answers() -> list[bytes]:
    operator = curvature.HessianOperator(energy, POINTS[0])
    return [f(x).tobytes() for x in POINTS[:8] for f in (gradient, product)] + [
        operator.matvec(x).tobytes() for x in POINTS[:8]
    ]
