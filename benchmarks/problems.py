"""The problems that all libraries solve: the same numbers for each."""

from __future__ import annotations

import numpy as np

NETS = {
    "64x2-16-16-2": (64, (2, 16, 16, 2)),
    "256x64-64-64-10": (256, (64, 64, 64, 10)),
    "1797x64-256-256-10": (1797, (64, 256, 256, 10)),
}
"""Dense tanh nets: batch by layer sizes."""

CHAIN_LENGTH = 2000
CHAIN_START = np.linspace(0.1, 1.0, 10)


def net(name: str) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, list[np.ndarray]]:
    """Parameters [W, b, ...], inputs, one-hot labels, and a direction like the parameters."""
    batch, sizes = NETS[name]
    rng = np.random.default_rng(0)
    params: list[np.ndarray] = []
    for n, m in zip(sizes, sizes[1:], strict=False):
        params += [rng.normal(size=(n, m)) / n**0.5, np.zeros(m)]
    x = rng.normal(size=(batch, sizes[0]))
    y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], batch)]
    direction = [rng.normal(size=p.shape) for p in params]
    return params, x, y, direction
