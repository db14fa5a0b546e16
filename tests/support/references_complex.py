"""The primitives of complex numbers and of Fourier transforms written another way.

COMPLEX has those that the battery for real numbers meets too; ON_COMPLEX replaces references that
are meant for real numbers, in the battery for complex ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from references_linalg import _cofactor


def _dft(x: Any, axes: Any, norm: str, sign: int) -> Any:
    """By the matrix of roots of unity."""
    x = np.asarray(x, np.result_type(x, np.complex64))
    for axis in axes:
        n = x.shape[axis]
        k = np.arange(n)
        matrix = np.exp(sign * 2j * np.pi * np.outer(k, k) / n)
        one_way = norm == ("backward" if sign < 0 else "forward")
        matrix *= 1.0 if one_way else n**-0.5 if norm == "ortho" else 1.0 / n
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.astype(x.dtype), -1, axis)
    return x


def _rfft(x: Any, axis: int, norm: str) -> Any:
    full = _dft(x, (axis,), norm, -1)
    return np.take(full, np.arange(x.shape[axis] // 2 + 1), axis)


def _irfft(x: Any, n: int, axis: int, norm: str) -> Any:
    """The other half by symmetry; what must be real is taken to be."""
    x = np.moveaxis(x, axis, -1)
    half = n // 2 + 1
    first = np.concatenate([x[..., :1].real, x[..., 1:half]], -1)
    if n % 2 == 0 and n > 1:
        first[..., -1] = first[..., -1].real
    rest = np.conj(first[..., 1 : (n + 1) // 2][..., ::-1])
    return np.moveaxis(_dft(np.concatenate([first, rest], -1), (-1,), norm, 1).real, -1, axis)


def _hermitian(x: Any) -> Any:
    return (x + np.conj(np.swapaxes(x, -1, -2))) / 2


def _largest(v: Any) -> Any:
    return (np.abs(v) == np.abs(v).max(-2, keepdims=True)).astype(v.real.dtype)


def _vectors(x: Any) -> Any:
    return np.linalg.eigh(_hermitian(x))[1]


def _each(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def over_stacks(x: Any) -> Any:
        out = np.empty(x.shape, x.dtype)
        for i in np.ndindex(x.shape[:-2]):
            if x.shape[-1]:
                out[i] = fn(x[i])
        return out

    return over_stacks


def _by_eigenvalues(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def of_matrix(x: Any) -> Any:
        w, v = np.linalg.eig(x)
        return (v * fn(w)) @ np.linalg.inv(v)

    return _each(of_matrix)


COMPLEX: dict[str, Callable[..., Any]] = {
    "conjugate": np.conj,
    "imag": np.imag,
    "angle": lambda x: np.arctan2(np.imag(x), np.real(x)),
    "fft": lambda x, axes, norm: _dft(x, axes, norm, -1),
    "ifft": lambda x, axes, norm: _dft(x, axes, norm, 1),
    "rfft": _rfft,
    "irfft": _irfft,
    "largest_of_column": _largest,
    "phase_free": lambda m: m,
    "log_determinant": lambda x: np.log(np.linalg.det(x)),
}

ON_COMPLEX: dict[str, Callable[..., Any]] = {
    "astype": lambda x, dtype: np.real(x).astype(dtype),
    "cofactor_slope": lambda x, t: (_cofactor(x + t) - _cofactor(x - t)) / 2,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "log_of_base": np.log,
    "absolute": lambda x: np.sqrt(x.real**2 + x.imag**2),
    "norm": lambda x, axis, keepdims: np.sqrt(
        np.sum(x.real**2 + x.imag**2, axis=axis, keepdims=keepdims)
    ),
    "symmetrize": _hermitian,
    "cholesky": lambda x: np.linalg.cholesky(_hermitian(x)),
    "eigvalsh": lambda x: np.linalg.eigvalsh(_hermitian(x)),
    "eigenvalue_gradient": lambda g, x: np.einsum(
        "...ik,...k,...jk->...ij", _vectors(x), g, np.conj(_vectors(x))
    ),
    "eigenvalue_slopes": lambda x, t: (
        np.einsum("...ik,...ij,...jk->...k", np.conj(_vectors(x)), _hermitian(t), _vectors(x)).real
    ),
    "half_turn": lambda x: np.ones(x.shape[:-2], x.dtype),  # no eigenvalue is negative
    "tied_groups": lambda w: np.broadcast_to(np.arange(w.shape[-1]), w.shape),
    "expm": lambda x: scipy.linalg.expm(x) if x.size else x,
    "sqrtm": _by_eigenvalues(np.sqrt),
    "logm": _by_eigenvalues(np.log),
}
"""By the name of the row."""
