"""Order statistics: partition, median, quantile and percentile, also of what is not NaN.

A quantile lies between two neighbours of the sorted sample. Which two is piecewise constant in the
data; how far between them is a function of q. So derivatives go to those two elements, and to q.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import arguments
from ...core.tensor import Tensor
from .._dispatch import as_floating, on_tensors
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import divide, maximum, minimum, where
from ..elementwise.comparison import ceil, equal, floor, isnan, rint
from ..elementwise.identity import astype
from ..indexing.index import index, take_along_axis
from ..indexing.sorting import sort
from ..shape.axes import canonical_axes, canonical_axis, shape_of
from ..shape.broadcasting import expanded_shape, ravel, reshape
from ..shape.rearranging import moveaxis
from .reduction import any as any_of
from .reduction import mean
from .reduction import sum as sum_over

# ---- where a quantile lies: positions in a sorted sample of n (Hyndman and Fan 1996) ------------


def _between(alpha: float, beta: float) -> Callable[[Any, Any], Any]:
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


_CONTINUOUS: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda n, q: (n - 1) * q,
    "interpolated_inverted_cdf": _between(0, 1),
    "hazen": _between(0.5, 0.5),
    "weibull": _between(0, 0),
    "median_unbiased": _between(1 / 3, 1 / 3),
    "normal_unbiased": _between(3 / 8, 3 / 8),
}


def _closest_observation(n: Any, q: Array) -> Array:
    position = n * q - 1.5
    below = floor(position)
    return where(equal(position, below) & equal(below % 2, 1), below, below + 1)


_DISCRETE: dict[str, Callable[[Any, Any], Any]] = {
    "lower": lambda n, q: floor((n - 1) * q),
    "higher": lambda n, q: ceil((n - 1) * q),
    "nearest": lambda n, q: rint((n - 1) * q),
    "inverted_cdf": lambda n, q: ceil(n * q - 1),
    "closest_observation": _closest_observation,
}
_MEANS: dict[str, Callable[[Any, Any], Any]] = {
    "averaged_inverted_cdf": lambda n, q: n * q - 1,
    "midpoint": lambda n, q: (n - 1) * q,
}


def _neighbor_and_fraction(method: str, n: Any, q: Array) -> tuple[Any, Any]:
    """The position of the lower neighbour, and how far the quantile is on the way to the next."""
    if method in _DISCRETE:
        return _DISCRETE[method](n, q), 0.0
    if method in _CONTINUOUS:
        position = _CONTINUOUS[method](n, q)
        below = floor(position)
        return below, position - below
    if method not in _MEANS:
        known = ", ".join(sorted({*_DISCRETE, *_CONTINUOUS, *_MEANS}))
        raise ValueError(f"quantile: method={method!r} is none of {known}")
    position = _MEANS[method](n, q)
    below = floor(position)
    at_one, elsewhere = (0.5, 1.0) if method == "averaged_inverted_cdf" else (0.0, 0.5)
    number = position.dtype.type
    return below, where(equal(position, below), number(at_one), number(elsewhere))


# ---- samples along the last axis ----------------------------------------------------------------


def _merge_axes(x: Array, axis: Any, who: str) -> tuple[Array, tuple[int, ...]]:
    """The axes merged into the last one, and the shape of a reduction with ``keepdims``."""
    shape = shape_of(x)
    axes = canonical_axes(axis, len(shape), who)
    rest = tuple(n for i, n in enumerate(shape) if i - len(shape) not in axes)
    n = math.prod(shape[a] for a in axes)
    if not n:
        raise ValueError(f"{who}: nothing to take it of along axis={axis!r} of shape {shape}")
    moved = moveaxis(x, axes, range(-len(axes), 0)) if axes else x
    return reshape(moved, shape=(*rest, n)), expanded_shape(shape, axes)


def _take_clipped(ordered: Array, at: Array, size: Any) -> Array:
    """The elements at these positions, clipped to the range that there is, along the last axis."""
    at = astype(maximum(minimum(at, size - 1), 0), np.intp)
    if shape_of(size):
        return take_along_axis(ordered, at, -1)
    return index(ordered, (Ellipsis, at))


def _quantile(
    x: Array, q: Array, axis: Any, method: str, keepdims: bool, skip: bool, who: str
) -> Array:
    x = as_floating(x)
    lines, expanded = _merge_axes(x, axis, who)
    weak = type(q) in (int, float)
    q = np.asarray(q, x.dtype if weak else None) if not isinstance(q, Tensor) else q
    if len(q.shape) > 1:
        raise ValueError(f"{who}: q must be a number or one row of them, got shape {q.shape}")
    if not isinstance(q, Tensor) and not np.all((q >= 0) & (q <= 1)):
        raise ValueError(f"{who}: probabilities must lie in [0, 1]")
    row = q if q.shape else reshape(q, shape=(1,))
    n: Any = shape_of(lines)[-1]
    bad = isnan(lines)
    none = any_of(bad, -1, keepdims=True)
    if skip:  # those that are left out stand last, and are not counted
        count = n - sum_over(astype(bad, np.intp), -1, keepdims=True)
        none = equal(count, 0)
        number = lines.dtype.type
        lines = where(bad, where(none, number(0), number(np.inf)), lines)
        n = astype(count, row.dtype)
    ordered = sort(lines, -1)
    below, share = _neighbor_and_fraction(method, n, row)
    a = _take_clipped(ordered, below, n)
    if method in _DISCRETE:
        out = a
    else:
        b = _take_clipped(ordered, below + 1, n)
        step = b - a
        out = where(share >= 0.5, b - step * (1 - share), a + step * share)
    out = where(none, np.nan, out)  # (*rest, q)
    rest = shape_of(lines)[:-1]
    if not q.shape:
        return reshape(out, shape=expanded if keepdims else rest)
    out = moveaxis(out, -1, 0)
    return reshape(out, shape=(*q.shape, *expanded)) if keepdims else out


@on_tensors(np.quantile)
def quantile(
    a: ArrayLike, q: ArrayLike, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """The q-th quantile over axes.

    Parameters
    ----------
    a : array_like
    q : float or sequence of floats in [0, 1]
        May be a tensor: the derivative with respect to it is the slope between the two neighbours.
    axis : int, tuple of int or None
    method : str
        One of NumPy's thirteen: "linear", "hazen", "weibull", "median_unbiased", ...
    keepdims : bool

    Returns
    -------
    The axes of ``q`` first, then those of ``a`` that are left. NaN where a sample contains one.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.quantile(x, 0.25))(np.array([3.0, 1.0, 7.0]))
    array([0.5, 0.5, 0. ])
    """
    return _quantile(a, q, axis, method, keepdims, False, "quantile")


@on_tensors(np.nanquantile)
def nanquantile(
    a: ArrayLike, q: ArrayLike, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """The q-th quantile of what is not NaN; see :func:`quantile`."""
    return _quantile(a, q, axis, method, keepdims, True, "nanquantile")


def _from_percent(a: Array, q: Array) -> Array:
    if type(q) in (int, float):
        return as_floating(a).dtype.type(q) / as_floating(a).dtype.type(100)
    return divide(q if isinstance(q, Tensor) else np.asarray(q, float), 100)


@on_tensors(np.percentile)
def percentile(
    a: ArrayLike, q: ArrayLike, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """The q-th percentile over axes, q from 0 to 100; see :func:`quantile`."""
    return _quantile(a, _from_percent(a, q), axis, method, keepdims, False, "percentile")


@on_tensors(np.nanpercentile)
def nanpercentile(
    a: ArrayLike, q: ArrayLike, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """The q-th percentile of what is not NaN, q from 0 to 100; see :func:`quantile`."""
    return _quantile(a, _from_percent(a, q), axis, method, keepdims, True, "nanpercentile")


@on_tensors(np.median)
def median(a: ArrayLike, axis: Any = None, keepdims: bool = False) -> Array:
    """The median over axes: with an even count, the mean of the middle two.

    NaN where a sample contains one, as in NumPy.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(np.median)(np.array([3.0, 1.0, 7.0, 5.0]))
    array([0.5, 0. , 0. , 0.5])
    """
    lines, expanded = _merge_axes(as_floating(a), axis, "median")
    ordered, n = sort(lines, -1), shape_of(lines)[-1]
    middle = mean(index(ordered, (Ellipsis, slice((n - 1) // 2, n // 2 + 1))), -1)
    out = where(any_of(isnan(lines), -1), np.nan, middle)
    return reshape(out, shape=expanded) if keepdims else out


@on_tensors(np.nanmedian)
def nanmedian(a: ArrayLike, axis: Any = None, keepdims: bool = False) -> Array:
    """The median of what is not NaN over axes; see :func:`median`."""
    a = as_floating(a)
    return _quantile(a, a.dtype.type(0.5), axis, "linear", keepdims, True, "nanmedian")


# ---- partitions: a full sort is one, and its derivative is known --------------------------------


@on_tensors(np.partition)
def partition(a: ArrayLike, kth: Any, axis: int | None = -1) -> Array:
    """Elements along an axis, the ``kth`` as in a sort, no smaller one behind it.

    On tensors all are sorted, so that the order of the others is determined too.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.partition(x, 1)[1])(np.array([3.0, 1.0, 7.0]))
    array([1., 0., 0.])
    """
    x, axis = (ravel(a), -1) if axis is None else (a, axis)
    n = shape_of(x)[canonical_axis(axis, len(shape_of(x)), "partition")]
    if any(not -n <= arguments.integer("partition", "kth", k) < n for k in np.ravel(kth)):
        raise ValueError(f"partition: kth={kth!r} of {n} elements")
    return sort(x, axis)
