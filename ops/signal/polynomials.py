"""Polynomials by their coefficients, highest power first, as ``numpy.poly1d`` has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._dispatch import as_floating, concrete, on_tensors
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import square
from ..elementwise.exponential import sqrt
from ..elementwise.identity import astype
from ..indexing.index import index
from ..linalg.eigen import eigvals
from ..linalg.least_squares import lstsq
from ..linalg.matrix_products import vander
from ..linalg.products import matmul, outer
from ..linalg.solving import inv
from ..reductions.reduction import sum
from ..shape.axes import shape_of
from ..shape.broadcasting import reshape
from ..shape.rearranging import atleast_1d, concatenate, pad_zeros
from .correlation import convolve


@on_tensors(np.polyval)
def polyval(p: ArrayLike, x: ArrayLike) -> Array:
    """The value at ``x``, by Horner's scheme; ``x`` may have any shape.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda p: np.polyval(p, 2.0))(np.array([1.0, 1.0, 1.0]))
    array([4., 2., 1.])
    """
    p = as_floating(p)
    y: Any = 0.0 * as_floating(x)
    for i in range(p.shape[0]):
        y = y * x + index(p, i)
    return y


def _coefficients(p: Array, who: str) -> Array:
    p = atleast_1d(as_floating(p))
    if len(p.shape) != 1:
        raise ValueError(f"{who}: coefficients form a vector, not an array of shape {p.shape}")
    return p


def _lengthened(p: Array, n: int) -> Array:
    return pad_zeros(p, width=((n - shape_of(p)[0], 0),))


@on_tensors(np.polyadd)
def polyadd(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The coefficients of the sum."""
    a1, a2 = _coefficients(a1, "polyadd"), _coefficients(a2, "polyadd")
    n = max(a1.shape[0], a2.shape[0])
    return _lengthened(a1, n) + _lengthened(a2, n)


@on_tensors(np.polysub)
def polysub(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The coefficients of the difference."""
    return polyadd(_coefficients(a1, "polysub"), -_coefficients(a2, "polysub"))


@on_tensors(np.polymul)
def polymul(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The coefficients of the product.

    Leading zeros of the factors are left out, as in NumPy; they must not depend on arguments of a
    jitted function.
    """
    return convolve(_trimmed(a1), _trimmed(a2))


def _trimmed(p: Array) -> Array:
    p = _coefficients(p, "polymul")
    lead = np.flatnonzero(concrete(p, "leading coefficients that may be 0"))
    return index(p, slice(lead[0] if lead.size else p.shape[0] - 1, None))


@on_tensors(np.polydiv)
def polydiv(u: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    """The coefficients of quotient and remainder, by long division.

    Leading coefficients of the remainder that are 0 to rounding are left out, as in NumPy.
    """
    u, v = _coefficients(u, "polydiv"), _coefficients(v, "polydiv")
    dtype, n = np.result_type(u.dtype, v.dtype), v.shape[0]
    quotient: list[Any] = []
    rest = astype(u, dtype)
    for k in range(max(u.shape[0] - n + 1, 0)):
        factor = index(rest, k) / index(v, 0)
        quotient.append(factor)
        taken = pad_zeros(factor * v, width=((k, u.shape[0] - n - k),))
        rest = rest - taken
    if not quotient:
        quotient = [astype(0.0 * index(v, 0), dtype)]
    values = concrete(rest, "leading coefficients that may be 0")
    first = 0
    while first < len(values) - 1 and np.allclose(values[first], 0, rtol=1e-14):
        first += 1
    return concatenate([reshape(q, shape=(1,)) for q in quotient]), index(rest, slice(first, None))


@on_tensors(np.polyder)
def polyder(p: ArrayLike, m: int = 1) -> Array:
    """The coefficients of the ``m``-th derivative."""
    p = as_floating(p)
    for _ in range(min(_times(m, "polyder"), p.shape[0])):
        n = p.shape[0] - 1
        p = index(p, slice(None, -1)) * np.arange(n, 0, -1, dtype=p.dtype)
    return p


@on_tensors(np.polyint)
def polyint(p: ArrayLike, m: int = 1, k: Any = None) -> Array:
    """The coefficients of the ``m``-th integral, with constants ``k``, the first step's first."""
    p, steps = as_floating(p), _times(m, "polyint")
    constants = np.zeros(steps, p.dtype) if k is None else atleast_1d(as_floating(k))
    if shape_of(constants)[0] == 1 and steps > 1:
        constants = index(constants, np.zeros(steps, int))
    if shape_of(constants)[0] < steps:
        raise ValueError(f"polyint: {shape_of(constants)[0]} constants for {steps} integrals")
    for i in range(steps):
        p = p / np.arange(p.shape[0], 0, -1, dtype=p.dtype)
        p = concatenate([p, index(constants, slice(i, i + 1))])
    return p


def _times(m: int, who: str) -> int:
    if int(m) < 0:
        raise ValueError(f"{who}: m={m!r} must not be negative")
    return int(m)


@on_tensors(np.polyfit)
def polyfit(
    x: ArrayLike,
    y: ArrayLike,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: ArrayLike = None,
    cov: Any = False,
) -> Any:
    """The polynomial of degree ``deg`` of least squares: coefficients, highest power first.

    Parameters
    ----------
    x : array_like, shape (m,)
    y : array_like, shape (m,) or (m, k)
    deg : int
    rcond : float, optional
        Singular values up to this fraction of the largest count as 0; m roundings by default.
    full : bool
        Return also residuals, rank, singular values and ``rcond``.
    w : array_like, shape (m,), optional
        Weights of the residuals, unsquared.
    cov : bool or "unscaled"
        Return also the covariance matrix of the coefficients.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> line = lambda y: np.polyfit(np.array([0.0, 1.0, 2.0]), y, 1)[0]
    >>> tg.grad(line)(np.array([1.0, 3.0, 4.0])).round(12)
    array([-0.5,  0. ,  0.5])
    """
    x, y, order = as_floating(x), as_floating(y), int(deg) + 1
    if deg < 0 or len(x.shape) != 1 or len(y.shape) not in (1, 2) or x.shape[0] != y.shape[0]:
        raise ValueError(f"polyfit: degree {deg} through points {x.shape} and {y.shape}")
    limit = x.shape[0] * np.finfo(x.dtype).eps if rcond is None else rcond
    left, right = vander(x, order), y
    if w is not None:
        column = reshape(as_floating(w), shape=(x.shape[0], 1))
        left = left * column
        right = right * (column if len(y.shape) == 2 else reshape(column, shape=x.shape))
    scale = sqrt(sum(square(left), 0))
    found = lstsq(left / scale, right, limit)
    by = scale if len(y.shape) == 1 else reshape(scale, shape=(order, 1))
    c = found[0] / by
    if full:
        return c, found[1], found[2], found[3], limit
    if not cov:
        return c
    base = inv(matmul((left / scale).T, left / scale)) / outer(scale, scale)
    if cov == "unscaled":
        factor: Any = 1
    else:
        if x.shape[0] <= order:
            raise ValueError(f"polyfit: a scaled covariance needs more than {order} points")
        factor = found[1] / (x.shape[0] - order)
    return c, base * factor if len(y.shape) == 1 else reshape(base, shape=(*base.shape, 1)) * factor


@on_tensors(np.poly)
def poly(seq_of_zeros: ArrayLike) -> Array:
    """The coefficients of the polynomial with these zeros, or of a matrix's characteristic one."""
    zeros = atleast_1d(as_floating(seq_of_zeros))
    if len(zeros.shape) == 2 and zeros.shape[0] == zeros.shape[1]:
        zeros = eigvals(zeros)
    if len(zeros.shape) != 1:
        raise ValueError(f"poly: needs zeros or a square matrix, got shape {zeros.shape}")
    one = np.ones(1, zeros.dtype)
    p: Any = one
    for i in range(zeros.shape[0]):
        shifted = concatenate([p, np.zeros(1, zeros.dtype)])
        p = shifted - index(zeros, i) * concatenate([np.zeros(1, zeros.dtype), p])
    return p


@on_tensors(np.roots)
def roots(p: ArrayLike) -> Array:
    """The zeros of a polynomial: the eigenvalues of its companion matrix.

    Which coefficients at the ends are 0 decides how many there are, so these must not depend on
    arguments of a jitted function.
    """
    p = _coefficients(p, "roots")
    there = np.flatnonzero(concrete(p, "coefficients that may be 0"))
    if not there.size:
        return np.array([])
    behind = p.shape[0] - int(there[-1]) - 1
    p = index(p, slice(int(there[0]), int(there[-1]) + 1))
    n = p.shape[0] - 1
    if not n:
        return np.zeros(behind)
    top = reshape(-index(p, slice(1, None)) / index(p, 0), shape=(1, n))
    found = eigvals(concatenate([top, np.eye(n - 1, n, dtype=p.dtype)]))
    return concatenate([found, np.zeros(behind, found.dtype)])
