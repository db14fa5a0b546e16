"""Runs of elementwise operations, block by block."""

from __future__ import annotations

import numpy as np
from replayed import agrees, same

import tinygrad_hess as tg


def test_large_arrays() -> None:
    """Long enough for blocks and threads, with an odd rest."""
    rng = np.random.default_rng(0)
    f = lambda x, y: (np.sqrt(x * x + y) - np.exp(-x), (np.tanh(x) * y).sum(axis=0))
    calls = [(rng.normal(size=(1003, 127)), rng.uniform(1, 2, 127)) for _ in range(2)]
    agrees(f, *calls)
    total = lambda x, y: sum(a.sum() for a in f(x, y))
    jitted = tg.jit(tg.grad(total, argnums=(0, 1)))
    for args in calls:
        same(jitted(*args), tg.grad(total, argnums=(0, 1))(*args), ulps=2048)
