"""Random vectors of which column i depends on the seed and on i alone.

So a run that draws them in other blocks, or that goes on after it was killed, sees the same ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def signs(size: int, columns: range, seed: int, dtype: Any = np.float64) -> Array:
    """Independent random signs, shape (size, len(columns)).

    Examples
    --------
    >>> many = signs(4, range(3), seed=0)
    >>> one = signs(4, range(2, 3), seed=0)
    >>> bool((many[:, 2:] == one).all()), sorted({*many.ravel().tolist()})
    (True, [-1.0, 1.0])
    """
    out = np.empty((size, len(columns)), dtype, order="F")
    for j, i in enumerate(columns):
        bits = np.random.default_rng([seed, i]).integers(0, 2, size, np.int8)
        out[:, j] = 2 * bits - 1
    return out


def gaussians(size: int, columns: range, seed: int, dtype: Any = np.float64) -> Array:
    """Independent standard normal numbers, shape (size, len(columns)).

    Examples
    --------
    >>> gaussians(5, range(2), seed=0).shape
    (5, 2)
    """
    out = np.empty((size, len(columns)), dtype, order="F")
    for j, i in enumerate(columns):
        out[:, j] = np.random.default_rng([seed, i]).standard_normal(size)
    return out
