"""The running mean that most rules are made of."""

from __future__ import annotations

import numpy as np

from .optimizer import Array


def running_mean(old: Array, x: Array, decay: float, out: Array) -> Array:
    """``decay · old + (1 - decay) · x``, in ``out``, which may be ``old``.

    Examples
    --------
    >>> m = np.zeros(2)
    >>> running_mean(m, np.array([1.0, 2.0]), 0.5, m)
    array([0.5, 1. ])
    """
    np.multiply(old, decay, out=out)
    out += (1 - decay) * x
    return out
