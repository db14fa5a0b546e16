"""The primitives of special functions written another way, for the battery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

import tinygrad_hess.scipy.special  # noqa: F401  (declares the rows)


def _erfcx(x: Any, *, order: int) -> Any:
    """By Faddeeva's function w: erfcx(x) = w(ix), and w' = -2 z w + 2i/√π (DLMF 7.10.2)."""
    z, c = 1j * np.asarray(x, np.float64), 2j / np.sqrt(np.pi)
    w = special.wofz(z)
    first = c - 2 * z * w
    found = {1: first, 2: -2 * w - 2 * z * first}[order] * 1j**order
    return np.asarray(found.real, x.dtype)


def _dawsn(x: Any, *, order: int) -> Any:
    """By the imaginary part of the same: dawsn(x) = √π/2 Im w(x)."""
    z, c = np.asarray(x, np.complex128), 2j / np.sqrt(np.pi)
    w = special.wofz(z)
    first = c - 2 * z * w
    found = {1: first, 2: -2 * w - 2 * z * first}[order] * np.sqrt(np.pi) / 2
    return np.asarray(found.imag, x.dtype)


def _of_one_type(ufunc: Any) -> Callable[..., Any]:
    """SciPy widens float32 beside a small integer."""
    return lambda a, x: ufunc(np.asarray(a, x.dtype), x)


SPECIAL: dict[str, Callable[..., Any]] = {
    "erfcx_derivative": _erfcx,
    "dawsn_derivative": _dawsn,
    "gammainc": _of_one_type(special.gammainc),
    "gammaincc": _of_one_type(special.gammaincc),
    "i0": special.i0,  # NumPy's has no type but float64
}
