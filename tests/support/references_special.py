"""The primitives of special functions written another way, for the battery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special, stats

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


def _scaled_powers(x: Any, a: Any, b: Any, s: Any) -> Any:
    return x**a * (1 - x) ** b * np.exp(s)


def _exprel(x: Any, *, order: int) -> Any:
    """The integral of tⁿ exp(x t) over [0, 1], by Gauss' rule."""
    t, w = np.polynomial.legendre.leggauss(20)
    t, w = 0.5 * (t + 1), 0.5 * w
    found = np.sum(w * t**order * np.exp(t * np.asarray(x, np.float64)[..., None]), -1)
    return np.asarray(found, x.dtype)


def _absolute_power(x: Any, p: Any, *, odd: bool = False) -> Any:
    return np.copysign(1, x) ** odd * (x * x) ** (0.5 * p)


def _exponential_integral(n: Any, x: Any) -> Any:
    """By the recurrence n Eₙ₊₁ = exp(-x) - x Eₙ, from order 1 down and up."""
    x = np.asarray(x)
    found = {1: special.exp1(x)}
    for k in range(1, 5):
        found[k + 1] = (np.exp(-x) - x * found[k]) / k
    for k in range(0, -4, -1):
        found[k] = (np.exp(-x) - k * found[k + 1]) / x
    return np.choose(np.asarray(n) + 3, [found[k] for k in range(-3, 6)])


SPECIAL: dict[str, Callable[..., Any]] = {
    "scaled_power": lambda x, a, s: x**a * np.exp(s),
    "scaled_powers": _scaled_powers,
    "exprel_derivative": _exprel,
    "absolute_power": _absolute_power,
    "exponential_integral": _exponential_integral,
    "signed_ive": lambda v, x, odd: special.ive(np.asarray(v, x.dtype), x) * np.sign(x) ** odd,
    "bessel_ratio": lambda v, x: special.iv(np.asarray(v, x.dtype), x) / special.iv(0, x),
    "log_i0e": lambda x: np.log(special.iv(x.dtype.type(0), x)) - x,
    "chi_cdf": lambda df, x: stats.chi.cdf(x, df).astype(x.dtype),
    "chi_sf": lambda df, x: stats.chi.sf(x, df).astype(x.dtype),
    "laplace_cdf": lambda x: stats.laplace.cdf(x).astype(x.dtype),
    "laplace_log_cdf": lambda x: stats.laplace.logcdf(x).astype(x.dtype),
    "laplace_quantile": lambda p: stats.laplace.ppf(p).astype(p.dtype),
    "erfcx_derivative": _erfcx,
    "dawsn_derivative": _dawsn,
    "gammainc": _of_one_type(special.gammainc),
    "gammaincc": _of_one_type(special.gammaincc),
    "i0": special.i0,  # NumPy's has no type but float64
}
