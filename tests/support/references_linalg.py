"""The primitives of linear algebra written another way, for the battery.

Where the library takes the symmetric part of its input, so do these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

import tinygrad_hess.scipy.linalg  # noqa: F401  (declares the rows)


def _turned(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _symmetric(x: Any) -> Any:
    return (x + _turned(x)) / 2


def _place_diagonal(x: Any, k: int, shape: Any) -> Any:
    out = np.zeros((*x.shape[:-1], *shape), x.dtype)
    for i in range(x.shape[-1]):
        out[..., i - min(k, 0), i + max(k, 0)] = x[..., i]
    return out


def _triangular(a: Any, b: Any, lower: bool, transposed: bool, unit: bool) -> Any:
    part = np.tril(a, -1) if lower else np.triu(a, 1)
    part = part + (np.eye(a.shape[-1]) if unit else a * np.eye(a.shape[-1])).astype(a.dtype)
    return np.linalg.solve(_turned(part) if transposed else part, b)


def _cofactor(x: Any) -> Any:
    """Minors, one determinant each."""
    out = np.zeros_like(x)
    n = x.shape[-1]
    for i in range(n):
        for j in range(n):
            minor = np.delete(np.delete(x, i, -2), j, -1)
            out[..., i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    return out


def _cofactor_slope(x: Any, t: Any) -> Any:
    """Cofactors are polynomials of degree n - 1 <= 2, so that central differences are exact."""
    return ((_cofactor(x + t) - _cofactor(x - t)) / 2).astype(x.dtype)


def _svd(x: Any) -> Any:
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return u, s, _turned(vh)


def _eigenvalue_gradient(g: Any, x: Any) -> Any:
    v = np.linalg.eigh(_symmetric(x))[1]
    return np.einsum("...ik,...k,...jk->...ij", v, g, v)


def _eigenvalue_slopes(x: Any, t: Any) -> Any:
    v = np.linalg.eigh(_symmetric(x))[1]
    return np.einsum("...ik,...ij,...jk->...k", v, t, v)


def _singular_value_gradient(g: Any, x: Any) -> Any:
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return np.einsum("...ik,...k,...kj->...ij", u, g, vh)


def _each(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def over_stacks(x: Any) -> Any:
        out = np.empty(x.shape, x.dtype)
        for i in np.ndindex(x.shape[:-2]):
            if x.shape[-1]:
                out[i] = fn(x[i])
        return out

    return over_stacks


def _of_symmetric(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """By eigenvalues, in general those of a matrix that is only nearly symmetric."""

    def of_matrix(x: Any) -> Any:
        w, v = np.linalg.eig(np.asarray(x, np.float64))
        return ((v * fn(w)) @ np.linalg.inv(v)).real

    return _each(of_matrix)


def _sylvester(a: Any, b: Any, q: Any) -> Any:
    """As one linear system for the elements of X, row by row."""
    n, m = q.shape[-2:]
    left = np.einsum("...ij,kl->...ikjl", a, np.eye(m)) + np.einsum(
        "ij,...kl->...iljk", np.eye(n), b
    )
    left = left.reshape(*left.shape[:-4], n * m, n * m)
    solved = np.linalg.solve(left, q.reshape(*q.shape[:-2], n * m, 1))
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2])
    return solved.reshape(*lead, n, m).astype(np.result_type(a, b, q))


def _eliminated(x: Any) -> tuple[Any, Any, Any]:
    """L + U - I of the rows in order, that order, and the swaps, by Gauss's elimination."""
    a, rows, swaps = x.astype(np.float64 if x.dtype.kind == "f" else x.dtype), np.arange(len(x)), []
    for k in range(len(a)):
        j = k + int(np.argmax(np.abs(a[k:, k])))
        a[[k, j]], rows[[k, j]] = a[[j, k]], rows[[j, k]]
        swaps.append(j)
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return a.astype(x.dtype), rows, np.array(swaps)


def _elimination(part: int) -> Callable[[Any], Any]:
    def over_stacks(x: Any) -> Any:
        if not x.size:
            return x
        found = [_eliminated(m)[part] for m in x.reshape(-1, *x.shape[-2:])]
        return np.array(found).reshape(x.shape if part == 0 else x.shape[:-1])

    return over_stacks


def _order(pivots: Any) -> Any:
    """By the product of the swaps as matrices."""
    n = pivots.shape[-1]

    def one(swaps: Any) -> Any:
        total = np.eye(n, dtype=int)
        for i, j in enumerate(swaps):
            swap = np.eye(n, dtype=int)
            swap[[i, j]] = swap[[j, i]]
            total = swap @ total
        return total @ np.arange(n)

    return np.array([one(p) for p in pivots.reshape(-1, n)]).reshape(pivots.shape)


def _banded(ab: Any, b: Any, *, bands: Any) -> Any:
    """As a full matrix."""
    n, upper = ab.shape[-1], bands[1]
    full = np.zeros((*ab.shape[:-2], n, n), ab.dtype)
    for i in range(n):
        for j in range(max(i - bands[0], 0), min(i + upper + 1, n)):
            full[..., i, j] = ab[..., upper + i - j, j]
    return np.linalg.solve(full, b)


def _unitary(x: Any) -> Any:
    """A (AᵀA)^(-1/2), by eigenvalues."""
    w, v = np.linalg.eigh(_turned(x) @ x)
    return (x @ (v / np.sqrt(w)[..., None, :]) @ _turned(v)).astype(x.dtype)


LINALG: dict[str, Callable[..., Any]] = {
    "solve_banded": _banded,
    "polar_unitary": _unitary,
    "solve_sylvester": _sylvester,
    "lu_packed": _elimination(0),
    "lu_permutation": _elimination(1),
    "lu_pivots": _elimination(2),
    "order_of_pivots": _order,
    "symmetrize": _symmetric,
    "take_diagonal": lambda x, k: np.diagonal(x, k, -2, -1),
    "place_diagonal": _place_diagonal,
    "solve": lambda a, b: np.linalg.inv(a) @ b,
    "solve_triangular": _triangular,
    "inv": lambda x: np.linalg.solve(
        x, np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)
    ),
    "cholesky": lambda x: np.linalg.cholesky(_symmetric(x)),
    "full_rank": lambda r: r,
    "qr": np.linalg.qr,
    "det": np.linalg.det,
    "slogdet": np.linalg.slogdet,
    "cofactor": _cofactor,
    "cofactor_slope": _cofactor_slope,
    "half_turn": lambda x: np.ones(x.shape[:-2], x.dtype),
    "tied_groups": lambda w: np.argsort(np.argsort(w, -1), -1),
    "untied": lambda m, numbers, ascending: m,
    "alignment": lambda m, w, g: np.broadcast_to(np.eye(m.shape[-1]), m.shape).astype(m.dtype),
    "eigh": lambda x: np.linalg.eigh(_symmetric(x)),
    "eigenvalue_gradient": _eigenvalue_gradient,
    "eigenvalue_slopes": _eigenvalue_slopes,
    "eigvalsh": lambda x: np.linalg.eigvalsh(_symmetric(x)),
    "eig": lambda x, real: np.linalg.eig(x),
    "svd": _svd,
    "over_singular_values": lambda x, s: x / s[..., None, :],
    "positive_values": lambda s: s > 1e-12,
    "singular_value_gradient": _singular_value_gradient,
    "svdvals": lambda x: np.linalg.svd(x, compute_uv=False),
    "pinv": lambda x, rcond: np.linalg.pinv(x, rcond),
    "rank_above": lambda s, rtol: np.sum(s > rtol * np.max(s, -1, keepdims=True, initial=0), -1),
    "expm": lambda x: scipy.linalg.expm(x) if x.size else x,
    "sqrtm": _of_symmetric(np.sqrt),
    "logm": _of_symmetric(np.log),
}
"""By the name of the row."""
