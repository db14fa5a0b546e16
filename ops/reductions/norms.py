"""Norms of vectors and of matrices, of every order."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._dispatch import as_floating
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import absolute, power, where
from ..elementwise.comparison import equal
from ..linalg.singular_values import singular_values
from ..shape.axes import canonical_axes, shape_of
from ..shape.broadcasting import expanded_shape, reshape
from ..shape.rearranging import moveaxis
from .reduction import inexact_dtype, length_of_axes, max, min, norm_along, sum

_COLUMNS: dict[Any, Any] = {1: max, -1: min}
_LIMITS: dict[Any, Any] = {np.inf: max, -np.inf: min}


def matrix_norm(
    x: ArrayLike, /, *, keepdims: bool = False, ord: Any = "fro", axis: Any = (-2, -1)
) -> Array:
    """The norm of matrices: shape (..., m, n) to (...).

    Parameters
    ----------
    x : array_like
        With at least two axes.
    ord : {'fro', 'nuc', 1, -1, 2, -2, inf, -inf}
        'fro': the root of the sum of squares. 'nuc': the sum of singular values. 2 and -2: the
        largest and smallest singular value. 1 and -1: the largest and smallest sum of absolute
        values down a column; inf and -inf: along a row.
    keepdims : bool
        Leave the two axes as length 1.

    Notes
    -----
    At a kink the derivative is a subgradient: ties among sums share it evenly, that of 0 is 0.
    Tied singular values have no gradient; one of their subgradients is given.

    Raises
    ------
    ValueError
        When ``ord`` is none of these.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.linalg.matrix_norm(x, ord="nuc"))(np.eye(2))
    array([[1., 0.],
           [0., 1.]])
    """
    x = as_floating(x)  # squares and sums of integers overflow
    shape = shape_of(x)
    if len(shape) < 2:
        raise ValueError(f"matrix_norm: needs at least two axes, got shape {shape}")
    return _matrix_norm(x, ord, axis, keepdims, "matrix_norm")


def _matrix_norm(x: Array, ord: Any, axis: Any, keepdims: bool, who: str) -> Array:
    shape = shape_of(x)
    axes = canonical_axes(axis, len(shape), who)
    if len(axes) != 2:
        raise ValueError(f"{who}: a matrix has two axes, got axis={axis!r}")
    if ord is None or ord == "fro":
        return norm_along(x, axis=axes, keepdims=keepdims)
    row, column = axis if axis is not None else (-2, -1)
    x = moveaxis(x, (row, column), (-2, -1))
    if ord == "nuc":
        out = sum(singular_values(x), -1)
    elif ord == 2:
        out = max(singular_values(x), -1)
    elif ord == -2:
        out = min(singular_values(x), -1)
    elif ord in _COLUMNS:
        out = _COLUMNS[ord](sum(absolute(x), -2), -1)
    elif ord in _LIMITS:
        out = _LIMITS[ord](sum(absolute(x), -1), -1)
    else:
        raise ValueError(
            f"{who}: ord={ord!r} is no norm of a matrix; use 'fro', 'nuc', 1, -1, 2, -2, inf or "
            "-inf, or vector_norm for a norm of all elements"
        )
    return reshape(out, shape=expanded_shape(shape, axes)) if keepdims else out


def vector_norm(
    x: ArrayLike, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Array:
    """The norm of elements over axes, taken as one vector (None: over all).

    Parameters
    ----------
    x : array_like
    axis : int or tuple of int, optional
    ord : float
        2, or 1, inf, -inf, 0 (the count of nonzero elements), or any power.

    Notes
    -----
    At a kink the derivative is 0, the middle of the subgradients: at the origin, and for orders
    up to 1 where an element is 0.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.linalg.vector_norm(x, ord=1))(np.array([3.0, -4.0, 0.0]))
    array([ 1., -1.,  0.])
    """
    x = as_floating(x)
    shape = shape_of(x)
    axes = canonical_axes(axis, len(shape), "vector_norm")
    if isinstance(ord, str):
        raise ValueError(f"vector_norm: ord={ord!r} is no norm of a vector; give a number")
    if ord == 2:
        return norm_along(x, axis=axes, keepdims=keepdims)
    if len(axes) != 1:
        ends = tuple(range(-len(axes), 0))
        x = moveaxis(x, axes, ends)
        x = reshape(x, shape=(*shape_of(x)[: len(shape) - len(axes)], length_of_axes(shape, axes)))
    else:
        x = moveaxis(x, axes[0], -1)
    out = _of_vectors(x, ord)
    return reshape(out, shape=expanded_shape(shape, axes)) if keepdims else out


def _of_vectors(x: Array, ord: Any) -> Array:
    """The norm along the last axis. A kink at 0 counts as flat: its derivative is 0."""
    size = absolute(x)
    if ord in _LIMITS:
        return _LIMITS[ord](size, -1)
    if ord == 0:
        return sum((size != 0).astype(inexact_dtype(size)), -1)
    if ord == 1:
        return sum(size, -1)
    one = np.ones((), size.dtype)
    if 1 < ord < 2:  # flat at 0, and infinitely curved: an honest NaN in the second derivative
        terms = power(size, ord)
    else:
        zero = equal(size, 0)
        terms = where(zero, one * (np.inf if ord < 0 else 0), power(where(zero, one, size), ord))
    total = sum(terms, -1)
    none = equal(total, 0)
    return where(none, 0 * one, power(where(none, one, total), 1 / ord))


def norm(x: ArrayLike, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    """The norm of a vector or a matrix.

    Parameters
    ----------
    x : array_like
    ord : optional
        None: the root of the sum of squares over the axes. Over one axis as for
        :func:`vector_norm`, over two as for :func:`matrix_norm`.
    axis : int or pair of int, optional
        None stands for all axes; with an ``ord`` there may be one or two.
    keepdims : bool
        Leave the axes as length 1.

    Notes
    -----
    At the origin the derivative is 0, the middle of the subgradients; the second derivative is
    not defined there. For a smooth one use ``squared_norm``.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(np.linalg.norm)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    x = as_floating(x)
    shape = shape_of(x)
    axes = canonical_axes(axis, len(shape), "norm")
    if ord is None:
        return norm_along(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axis, keepdims, "norm")
    raise ValueError(f"norm: ord={ord!r} needs one or two axes, got axis={axis!r} of shape {shape}")
