"""Lengths and spreads of numbers whose squares may leave the range of floats.

norm, std : as NumPy's
power_of_two : numbers -> a number of their size, to divide them by without rounding
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def power_of_two(x: Any) -> float:
    """A power of two of the size of the largest element; 1 where sixth powers are in range.

    Examples
    --------
    >>> power_of_two(np.array([3.0, -5.0])), power_of_two(np.zeros(2))
    (1.0, 1.0)
    >>> 0.5 <= 3e200 / power_of_two(np.array([3e200])) <= 2
    True
    """
    x = np.asarray(x)
    largest = float(np.abs(x).max(initial=0))
    if largest == 0 or not math.isfinite(largest):
        return 1.0
    exponent = math.frexp(largest)[1]
    range_ = np.finfo(x.dtype).maxexp if x.dtype.kind == "f" else 1024
    return 1.0 if abs(exponent) < range_ // 6 else 2.0 ** min(exponent, 1023)


def norm(x: Any) -> float:
    """The length of a vector.

    Examples
    --------
    >>> round(norm(np.array([3e200, 4e200])) / 1e200, 9), norm(np.zeros(2))
    (5.0, 0.0)
    """
    x = np.asarray(x)
    unit = power_of_two(x)
    return float(np.linalg.norm(x)) if unit == 1 else unit * float(np.linalg.norm(x / unit))


def std(x: Array, ddof: int = 0) -> float:
    """The standard deviation of numbers.

    Examples
    --------
    >>> std(np.array([1e200, 3e200])), round(std(np.array([1.0, 3.0]), ddof=1), 6)
    (1e+200, 1.414214)
    """
    unit = power_of_two(x)
    return float(x.std(ddof=ddof)) if unit == 1 else unit * float((x / unit).std(ddof=ddof))
