"""NumPy's reductions with all their options: ``where=``, ``initial=`` and ``dtype=``.

What a mask leaves out is replaced by the value that does not count; an initial value is one more
element. Without these options they are the reductions of :mod:`reduction`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..elementwise.arithmetic import add, divide, multiply, where
from ..elementwise.arithmetic import maximum as larger
from ..elementwise.arithmetic import minimum as smaller
from ..elementwise.complexes import squared_magnitude
from ..elementwise.exponential import sqrt
from ..elementwise.identity import astype
from ..on_tensors import holds_tensor
from ..shape.axes import canonical_axes, shape_of
from ..shape.broadcasting import sum as plain_sum
from ..shape.rearranging import broadcast
from . import reduction

_NONE: Any = np._NoValue


def _typed(x: Any, dtype: Any) -> Any:
    return x if dtype is None else astype(x if hasattr(x, "dtype") else np.asarray(x), dtype)


def _reduced(
    x: Any,
    reduce: Callable[[Any], Any],
    combine: Callable[[Any, Any], Any],
    neutral: Any,
    keep: Any,
    initial: Any,
) -> Any:
    """``reduce`` over what is kept, joined with the initial value."""
    if keep is not True:
        x = where(_mask(keep), x, neutral)
    out = reduce(x)
    return out if initial is _NONE or initial is None else combine(out, initial)


def _mask(keep: Any) -> Any:
    return keep if holds_tensor(keep) else np.asarray(keep, bool)


def sum(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = _NONE,
    where: Any = True,
) -> Any:
    """Sum over axes, of what ``where`` keeps, on top of ``initial``.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.sum(x**2, where=x > 0))(np.array([1.0, -2.0, 3.0]))
    array([ 2., -0.,  6.])
    """
    if where is True and initial is _NONE:
        return plain_sum(x, axis, dtype, keepdims)
    reduce = lambda x: plain_sum(x, axis, dtype, keepdims)
    return _reduced(x, reduce, add, 0, where, initial)


def prod(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = _NONE,
    where: Any = True,
) -> Any:
    """Product over axes, of what ``where`` keeps, times ``initial``."""
    reduce = lambda x: reduction.prod(_typed(x, dtype), axis, keepdims)
    return _reduced(x, reduce, multiply, 1, where, initial)


def max(
    x: Any, axis: Any = None, keepdims: bool = False, initial: Any = _NONE, where: Any = True
) -> Any:
    """Largest over axes of ``initial`` and what ``where`` keeps; ties share the derivative."""
    if where is True and initial is _NONE:
        return reduction.max(x, axis, keepdims)
    _needs_initial("max", initial, where)
    reduce = lambda x: reduction.max(x, axis, keepdims)
    return _reduced(x, reduce, larger, -np.inf, where, initial)


def min(
    x: Any, axis: Any = None, keepdims: bool = False, initial: Any = _NONE, where: Any = True
) -> Any:
    """Smallest over axes of ``initial`` and what ``where`` keeps; ties share the derivative."""
    if where is True and initial is _NONE:
        return reduction.min(x, axis, keepdims)
    _needs_initial("min", initial, where)
    reduce = lambda x: reduction.min(x, axis, keepdims)
    return _reduced(x, reduce, smaller, np.inf, where, initial)


def _needs_initial(who: str, initial: Any, keep: Any) -> None:
    if keep is not True and (initial is _NONE or initial is None):
        raise ValueError(f"{who}: with where=, give an initial value: nothing may be left")


def _count(shape: tuple[int, ...], axis: Any, keep: Any, keepdims: bool, dtype: Any) -> Any:
    kept = astype(broadcast(_mask(keep), shape), np.intp)
    return astype(plain_sum(kept, axis, keepdims=keepdims), dtype)


def mean(
    x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, where: Any = True
) -> Any:
    """Arithmetic mean over axes, of what ``where`` keeps."""
    x = _typed(x, dtype)
    if where is True:
        return reduction.mean(x, axis, keepdims)
    total = sum(x, axis, keepdims=keepdims, where=where)
    return divide(total, _count(shape_of(x), axis, where, keepdims, total.dtype))


def var(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = _NONE,
    correction: Any = _NONE,
) -> Any:
    """Variance over axes, of what ``where`` keeps; around ``mean`` where that is given."""
    x, ddof = _typed(x, dtype), ddof if correction is _NONE else correction
    if where is True and mean is _NONE:
        return reduction.var(x, axis, ddof, keepdims)
    total = sum(
        squared_magnitude(_centred(x, axis, mean, where)), axis, keepdims=keepdims, where=where
    )
    return divide(total, _freedom(x, axis, where, keepdims, ddof, total.dtype))


def std(
    x: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    mean: Any = _NONE,
    correction: Any = _NONE,
) -> Any:
    """Standard deviation over axes, of what ``where`` keeps; of constants its derivative is 0."""
    x, ddof = _typed(x, dtype), ddof if correction is _NONE else correction
    if where is True and mean is _NONE:
        return reduction.std(x, axis, ddof, keepdims)
    apart = _centred(x, axis, mean, where)
    axes = canonical_axes(axis, len(shape_of(x)), "std")
    length = reduction.norm_along(_kept(where, apart), axis=axes, keepdims=bool(keepdims))
    return divide(length, sqrt(_freedom(x, axis, where, keepdims, ddof, length.dtype)))


def _kept(keep: Any, x: Any) -> Any:
    return x if keep is True else where(_mask(keep), x, 0)


def _centred(x: Any, axis: Any, centre: Any, keep: Any) -> Any:
    return x - (mean(x, axis, keepdims=True, where=keep) if centre is _NONE else centre)


def _freedom(x: Any, axis: Any, keep: Any, keepdims: bool, ddof: float, dtype: Any) -> Any:
    freedom = _count(shape_of(x), axis, keep, keepdims, dtype) - ddof
    return larger(freedom, 0)


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sum along an axis (None: of the flattened array)."""
    return reduction.cumsum(_typed(x, dtype), axis)


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running product along an axis (None: of the flattened array)."""
    return reduction.cumprod(_typed(x, dtype), axis)


def cumulative_sum(
    x: Any, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Running sum along an axis, which may be left out of a vector; a leading 0 on demand.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.cumulative_sum(x).sum())(np.ones(3))
    array([3., 2., 1.])
    """
    return _cumulative(x, axis, dtype, include_initial, reduction.cumsum, 0, "cumulative_sum")


def cumulative_prod(
    x: Any, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Running product along an axis, which may be left out of a vector; a leading 1 on demand."""
    return _cumulative(x, axis, dtype, include_initial, reduction.cumprod, 1, "cumulative_prod")


def _cumulative(
    x: Any, axis: Any, dtype: Any, initial: bool, scan: Any, neutral: int, who: str
) -> Any:
    shape = shape_of(x)
    if axis is None:
        if len(shape) != 1:
            raise ValueError(f"{who}: name the axis of an array of shape {shape}")
        axis = 0
    out = scan(_typed(x, dtype), axis)
    if not initial:
        return out
    lead = list(shape)
    lead[axis] = 1
    return reduction.concatenate_along(
        np.full(lead, neutral, out.dtype), out, axis=axis if axis < 0 else axis - len(shape)
    )
