"""Sliding products of two sequences, and the covariances of several."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .._dispatch import as_floating, on_tensors
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import clip, divide
from ..elementwise.complexes import conjugated, real
from ..elementwise.exponential import sqrt
from ..elementwise.identity import astype
from ..linalg.products import matmul
from ..reductions.reduction import average, sum
from ..shape.axes import shape_of
from ..shape.broadcasting import reshape
from ..shape.rearranging import atleast_1d, atleast_2d, concatenate, flip, matrix_transpose, squeeze
from ..shape.triangles import diag
from .convolution import convolution

# ---- convolution --------------------------------------------------------------------------------


def _vectors(a: Array, v: Array, who: str) -> tuple[Array, Array]:
    a, v = atleast_1d(as_floating(a)), atleast_1d(as_floating(v))
    if len(a.shape) != 1 or len(v.shape) != 1 or not a.shape[0] or not v.shape[0]:
        raise ValueError(f"{who}: needs two vectors that are not empty, got {a.shape}, {v.shape}")
    dtype = np.result_type(a.dtype, v.dtype)
    return astype(a, dtype), astype(v, dtype)


@on_tensors(np.convolve)
def convolve(a: ArrayLike, v: ArrayLike, mode: str = "full") -> Array:
    """The convolution of two vectors.

    Parameters
    ----------
    a, v : array_like, shapes (m,) and (n,)
    mode : {"full", "same", "valid"}
        Of length m + n - 1, max(m, n), or max(m, n) - min(m, n) + 1.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda v: np.convolve([1.0, 2.0], v)[1])(np.array([3.0, 4.0]))
    array([2., 1.])
    """
    a, v = _vectors(a, v, "convolve")
    if v.shape[0] > a.shape[0]:
        a, v = v, a
    return convolution(a, v, mode, rank=1, method="direct", who="np.convolve")


@on_tensors(np.correlate)
def correlate(a: ArrayLike, v: ArrayLike, mode: str = "valid") -> Array:
    """The cross-correlation of two vectors: c[k] = sum over n of a[n + k] conj(v[n]).

    Modes are those of :func:`convolve`.
    """
    a, v = _vectors(a, v, "correlate")
    swapped = v.shape[0] > a.shape[0]
    if swapped:
        a, v = v, a
    out = convolution(a, flip(conjugated(v)), mode, rank=1, method="direct", who="np.correlate")
    return flip(conjugated(out)) if swapped else out


# ---- covariance ---------------------------------------------------------------------------------


def _variables(m: Array, rowvar: bool, dtype: Any) -> Array:
    """Variables as rows, observations as columns."""
    x = astype(as_floating(m), dtype)
    if len(x.shape) > 2:
        raise ValueError(f"cov: needs a vector or a matrix of observations, got shape {x.shape}")
    vector = len(x.shape) < 2
    x = atleast_2d(x)
    return x if rowvar or vector else matrix_transpose(x)


@on_tensors(np.cov)
def cov(
    m: ArrayLike,
    y: ArrayLike = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: ArrayLike = None,
    aweights: ArrayLike = None,
    *,
    dtype: Any = None,
) -> Array:
    """The covariance matrix of variables (rows, unless ``rowvar=False``).

    Parameters
    ----------
    m, y : array_like
        Observations; those of ``y`` are further variables.
    rowvar, bias, ddof
        As in NumPy: divided by n - 1, by n with ``bias``, by n - ddof with that.
    fweights, aweights : array_like, optional
        How often each observation counts, and its relative weight (which may be a tensor).
    dtype : dtype, optional
        At least float64 by default.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.cov(x)[0, 1])(np.array([[1.0, 2.0], [3.0, 7.0]]))
    array([[-2. ,  2. ],
           [-0.5,  0.5]])
    """
    given = [as_floating(a) for a in (m, y) if a is not None]
    dtype = dtype or np.result_type(np.float64, *(a.dtype for a in given))
    x = _variables(given[0], rowvar, dtype)
    if y is not None:
        extra = _variables(given[1], rowvar, dtype)
        x = concatenate([x, extra], 0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    weights = fweights if fweights is None else astype(as_floating(fweights), dtype)
    if aweights is not None:
        relative = astype(as_floating(aweights), dtype)
        weights = relative if weights is None else weights * relative
    if weights is None:
        freedom: Any = x.shape[1] - ddof
    else:
        freedom = sum(weights)
        if aweights is None:
            freedom = freedom - ddof
        elif ddof:
            freedom = freedom - ddof * sum(weights * relative) / freedom
    if x.shape[1] <= ddof and weights is None:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        freedom = 0.0
    apart = x - reshape(average(x, 1, weights), shape=(x.shape[0], 1))
    weighed = apart if weights is None else apart * weights
    return squeeze(divide(matmul(apart, matrix_transpose(conjugated(weighed))), freedom))


@on_tensors(np.corrcoef)
def corrcoef(x: ArrayLike, y: ArrayLike = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """The correlation coefficients of variables; see :func:`cov`.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> slope = tg.grad(lambda x: np.corrcoef(x, [1.0, 2.0, 4.0])[0, 1])
    >>> print(slope(np.array([1.0, 2.0, 3.0])).round(4))
    [ 0.0546 -0.1091  0.0546]
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if not shape_of(c):
        return c / c
    n = shape_of(c)[0]
    deviation = sqrt(real(diag(c)))
    c = c / reshape(deviation, shape=(n, 1)) / deviation
    return c if c.dtype.kind == "c" else clip(c, -1, 1)
