"""SciPy's ufuncs in the type that NumPy's promotion gives: float32 stays float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def narrow(ufunc: Any) -> Callable[..., Any]:
    """Keep a ufunc from widening float32 beside a Python number or a small integer.

    Some of SciPy's list their float64 loop first, which NumPy then takes for any two types that
    are not the same.
    """

    def fn(*args: Any) -> Any:
        dtype = np.result_type(*args)
        return ufunc(*args, dtype=dtype) if dtype.char in "fd" else ufunc(*args)

    return fn
