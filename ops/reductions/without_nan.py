"""Reductions that leave out what is NaN: no derivative flows there.

Each is the reduction with NumPy's options ``where=~isnan(x)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._dispatch import as_array, as_floating, on_tensors
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import divide, where
from ..elementwise.comparison import isnan
from ..elementwise.complexes import squared_magnitude
from ..elementwise.exponential import sqrt
from ..shape.axes import canonical_axes, shape_of
from ..shape.broadcasting import reduce_sum
from .reduction import all as all_of
from .reduction import (
    argmax,
    argmin,
    count,
    deviations,
    in_dtype,
    masked,
    max,
    mean,
    min,
    norm_along,
    prod,
    sum,
)
from .scans import cumprod, cumsum


def _without_nan(a: Array, neutral: float) -> Array:
    """The array with NaN replaced by the neutral element."""
    x = as_array(a)
    if x.dtype.kind in "biu":
        return x  # whose sums and products have types of their own
    return masked(x, ~isnan(x), neutral)


@on_tensors(np.nansum)
def nansum(a: ArrayLike, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The sum over axes of what is not NaN."""
    return sum(_without_nan(a, 0.0), axis, dtype, keepdims)


@on_tensors(np.nanprod)
def nanprod(a: ArrayLike, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The product over axes of what is not NaN."""
    return prod(_without_nan(a, 1.0), axis, dtype, keepdims)


@on_tensors(np.nancumsum)
def nancumsum(a: ArrayLike, axis: int | None = None, dtype: Any = None) -> Array:
    """Running sums along an axis, NaN counting as 0."""
    return cumsum(_without_nan(a, 0.0), axis, dtype)


@on_tensors(np.nancumprod)
def nancumprod(a: ArrayLike, axis: int | None = None, dtype: Any = None) -> Array:
    """Running products along an axis, NaN counting as 1."""
    return cumprod(_without_nan(a, 1.0), axis, dtype)


@on_tensors(np.nanmean)
def nanmean(a: ArrayLike, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The mean over axes of what is not NaN; NaN where nothing else is there.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(np.nanmean)(np.array([1.0, np.nan, 4.0]))
    array([0.5, 0. , 0.5])
    """
    x = in_dtype(as_floating(a), dtype)
    return mean(x, axis, keepdims=keepdims, where=~isnan(x))


def _deviations(
    a: Array, axis: Any, dtype: Any, ddof: float, keepdims: bool, who: str
) -> tuple[Any, tuple[int, ...], Any]:
    """Deviations from the mean of what is not NaN, the axes, and the degrees of freedom.

    These are NaN where they are not positive, as NumPy answers.
    """
    x = in_dtype(as_floating(a), dtype)
    axes, mask = canonical_axes(axis, len(shape_of(x)), who), ~isnan(x)
    free = count(x, axes, keepdims, mask) - ddof
    return deviations(x, axes, mask), axes, where(free > 0, free, np.nan)


@on_tensors(np.nanvar)
def nanvar(
    a: ArrayLike, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False
) -> Array:
    """The variance over axes of what is not NaN: squared deviations over their count - ddof."""
    keepdims = bool(keepdims)
    centred, axes, free = _deviations(a, axis, dtype, ddof, keepdims, "nanvar")
    return divide(reduce_sum(squared_magnitude(centred), axis=axes, keepdims=keepdims), free)


@on_tensors(np.nanstd)
def nanstd(
    a: ArrayLike, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False
) -> Array:
    """The standard deviation over axes of what is not NaN; of constants its derivative is 0."""
    keepdims = bool(keepdims)
    centred, axes, free = _deviations(a, axis, dtype, ddof, keepdims, "nanstd")
    return divide(norm_along(centred, axis=axes, keepdims=keepdims), sqrt(free))


@on_tensors(np.nanmax)
def nanmax(a: ArrayLike, axis: Any = None, keepdims: bool = False) -> Array:
    """The largest over axes of what is not NaN; ties share the derivative evenly."""
    x = as_floating(a)
    none = all_of(isnan(x), axis, keepdims)
    return where(none, np.nan, max(_without_nan(x, -np.inf), axis, keepdims))


@on_tensors(np.nanmin)
def nanmin(a: ArrayLike, axis: Any = None, keepdims: bool = False) -> Array:
    """The smallest over axes of what is not NaN; ties share the derivative evenly."""
    x = as_floating(a)
    none = all_of(isnan(x), axis, keepdims)
    return where(none, np.nan, min(_without_nan(x, np.inf), axis, keepdims))


@on_tensors(np.nanargmax)
def nanargmax(a: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """The position of the largest that is not NaN; 0 where there is none."""
    return argmax(_without_nan(a, -np.inf), axis, keepdims)


@on_tensors(np.nanargmin)
def nanargmin(a: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Array:
    """The position of the smallest that is not NaN; 0 where there is none."""
    return argmin(_without_nan(a, np.inf), axis, keepdims)
