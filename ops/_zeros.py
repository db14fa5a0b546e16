"""Zeros for values that write into some of their elements, in a buffer of a replay if given one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._types import Array


def zeros(shape: Any, dtype: Any, out: Any) -> Array:
    """Zeros of this shape, which are new (much memory is zero already), or fill an array.

    Examples
    --------
    >>> zeros((2,), int, None)
    array([0, 0])
    >>> buffer = np.ones(2)
    >>> zeros((2,), float, buffer) is buffer, buffer
    (True, array([0., 0.]))
    """
    if out is None:
        return np.zeros(shape, dtype)
    out[...] = 0
    return out
