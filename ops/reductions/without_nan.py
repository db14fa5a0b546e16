"""Reductions that leave out what is NaN: no derivative flows there.

Each is the plain reduction after NaN was replaced by the value that does not count in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..elementwise.arithmetic import divide, where
from ..elementwise.comparison import isnan
from ..elementwise.complexes import real_dtype, squared_magnitude
from ..elementwise.exponential import sqrt
from ..elementwise.identity import astype
from ..on_tensors import floating, on_tensors
from ..shape.axes import canonical_axes, shape_of
from ..shape.broadcasting import reduce_sum, sum
from .reduction import all as all_of
from .reduction import argmax, argmin, cumprod, cumsum, max, min, norm_along, prod


def _counted(x: Any, axis: Any, keepdims: bool = False) -> Any:
    return astype(sum(astype(~isnan(x), np.intp), axis, keepdims=keepdims), real_dtype(x.dtype))


def _filled(a: Any, value: float) -> Any:
    x = floating(a)
    return where(isnan(x), value, x)


@on_tensors(np.nansum)
def nansum(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The sum over axes of what is not NaN."""
    return sum(_filled(a, 0.0), axis, dtype, keepdims)


@on_tensors(np.nanprod)
def nanprod(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The product over axes of what is not NaN."""
    x = _filled(a, 1.0)
    return prod(x if dtype is None else astype(x, dtype), axis, keepdims)


@on_tensors(np.nancumsum)
def nancumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums along an axis, NaN counting as 0."""
    x = _filled(a, 0.0)
    return cumsum(x if dtype is None else astype(x, dtype), axis)


@on_tensors(np.nancumprod)
def nancumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products along an axis, NaN counting as 1."""
    x = _filled(a, 1.0)
    return cumprod(x if dtype is None else astype(x, dtype), axis)


@on_tensors(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The mean over axes of what is not NaN; NaN where nothing else is there.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(np.nanmean)(np.array([1.0, np.nan, 4.0]))
    array([0.5, 0. , 0.5])
    """
    x = floating(a) if dtype is None else astype(floating(a), dtype)
    return divide(nansum(x, axis, keepdims=keepdims), _counted(x, axis, keepdims))


def _deviations(x: Any, axes: tuple[int, ...]) -> Any:
    return where(isnan(x), 0.0, x - nanmean(x, axes, keepdims=True))


def _freedom(x: Any, axes: tuple[int, ...], ddof: float, keepdims: bool) -> Any:
    """Counts less ``ddof``; NaN where that is not positive, as NumPy answers."""
    freedom = _counted(x, axes, keepdims) - ddof
    return where(freedom > 0, freedom, np.nan)


@on_tensors(np.nanvar)
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False
) -> Any:
    """The variance over axes of what is not NaN: squared deviations over their count - ddof."""
    x = floating(a) if dtype is None else astype(floating(a), dtype)
    axes = canonical_axes(axis, len(shape_of(x)), "nanvar")
    total = reduce_sum(squared_magnitude(_deviations(x, axes)), axis=axes, keepdims=bool(keepdims))
    return divide(total, _freedom(x, axes, ddof, keepdims))


@on_tensors(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False
) -> Any:
    """The standard deviation over axes of what is not NaN; of constants its derivative is 0."""
    x = floating(a) if dtype is None else astype(floating(a), dtype)
    axes = canonical_axes(axis, len(shape_of(x)), "nanstd")
    length = norm_along(_deviations(x, axes), axis=axes, keepdims=bool(keepdims))
    return divide(length, sqrt(_freedom(x, axes, ddof, keepdims)))


@on_tensors(np.nanmax)
def nanmax(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest over axes of what is not NaN; ties share the derivative evenly."""
    x = floating(a)
    none = all_of(isnan(x), axis, keepdims)
    return where(none, np.nan, max(_filled(x, -np.inf), axis, keepdims))


@on_tensors(np.nanmin)
def nanmin(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest over axes of what is not NaN; ties share the derivative evenly."""
    x = floating(a)
    none = all_of(isnan(x), axis, keepdims)
    return where(none, np.nan, min(_filled(x, np.inf), axis, keepdims))


@on_tensors(np.nanargmax)
def nanargmax(a: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The position of the largest that is not NaN; 0 where there is none."""
    return argmax(_filled(a, -np.inf), axis, keepdims)


@on_tensors(np.nanargmin)
def nanargmin(a: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The position of the smallest that is not NaN; 0 where there is none."""
    return argmin(_filled(a, np.inf), axis, keepdims)
