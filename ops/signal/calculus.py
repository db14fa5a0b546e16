"""Calculus on samples: differences, slopes, integrals, interpolation, and phases made continuous.

interp : (x, xp, fp) -> y, piecewise linear     trapezoid : its integral     gradient : slopes
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from .._dispatch import as_array, as_floating, on_tensors
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import absolute, mod, where
from ..elementwise.identity import astype
from ..indexing.index import index
from ..indexing.sorting import argsort
from ..reductions.ordering import search
from ..reductions.reduction import sum
from ..reductions.scans import cumsum, diff
from ..shape.axes import canonical_axis, shape_of
from ..shape.broadcasting import ravel, reshape
from ..shape.rearranging import concatenate


def _key_for_axis(axis: int, *parts: Any) -> tuple[Any, ...]:
    """A key for a (negative) axis."""
    return (Ellipsis, *parts, *(slice(None),) * (-axis - 1))


@on_tensors(np.ediff1d)
def ediff1d(ary: ArrayLike, to_end: ArrayLike = None, to_begin: ArrayLike = None) -> Array:
    """Differences of neighbours of the flattened array, between what is put before and behind.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.ediff1d(x, to_end=x[0]).sum())(np.array([1.0, 4.0]))
    array([0., 1.])
    """
    ary = ravel(as_array(ary))
    before, after = ([] if end is None else [astype(ravel(as_array(end)), ary.dtype)]
                     for end in (to_begin, to_end))  # fmt: skip
    return concatenate([*before, diff(ary), *after])


@on_tensors(np.trapezoid)
def trapezoid(y: ArrayLike, x: ArrayLike = None, dx: ArrayLike = 1.0, axis: int = -1) -> Array:
    """The integral along an axis by the trapezoidal rule.

    Parameters
    ----------
    y : array_like
    x : array_like, optional
        Where the samples were taken: a vector, or an array like ``y``; ``dx`` apart without it.
    dx : float
    axis : int

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(np.trapezoid)(np.ones(3))
    array([0.5, 1. , 0.5])
    """
    y = as_floating(y)
    axis = canonical_axis(axis, len(y.shape), "trapezoid")
    width = dx
    if x is not None:
        line = len(shape_of(x)) == 1
        width = diff(x, axis=-1 if line else axis)
        if line:
            width = reshape(width, shape=(*shape_of(width), *(1,) * (-axis - 1)))
    ends = index(y, _key_for_axis(axis, slice(1, None))) + index(
        y, _key_for_axis(axis, slice(None, -1))
    )
    return sum(width * ends / 2.0, axis)


# ---- slopes -------------------------------------------------------------------------------------


def _spacings(given: tuple[Any, ...], axes: list[int], shape: tuple[int, ...]) -> list[Any]:
    """For each axis the step, a number, or the steps, a vector of one less than its length."""
    if len(given) <= 1 and all(shape_of(h) == () for h in given):
        return list(given or (1.0,)) * len(axes)
    if len(given) != len(axes):
        raise TypeError(f"gradient: {len(given)} spacings for {len(axes)} axes")
    found = []
    for h, axis in zip(given, axes, strict=True):
        if shape_of(h):
            if shape_of(h) != (shape[axis],):
                raise ValueError(
                    f"gradient: coordinates of shape {shape_of(h)} along an axis of {shape[axis]}"
                )
            h = diff(as_floating(h))
            if not isinstance(h, Tensor) and np.all(h == h[0]):
                h = h[0]
        found.append(h)
    return found


def _differences(f: Array, h: Array, axis: int, edge_order: int) -> Array:
    """Central differences inside, one-sided ones of that order at both ends."""

    def at(*bounds: Any) -> Any:
        return index(f, _key_for_axis(axis, slice(*bounds)))

    def weighed(first: int, *weights: Array) -> Array:
        parts = [w * at(i, i + 1 or None) for i, w in enumerate(weights, first)]
        return parts[0] + parts[1] + parts[2]

    if shape_of(h) == ():
        inner = (at(2, None) - at(None, -2)) / (2.0 * h)
        if edge_order == 1:
            first, last = (at(1, 2) - at(0, 1)) / h, (at(-1, None) - at(-2, -1)) / h
        else:
            first = weighed(0, -1.5 / h, 2.0 / h, -0.5 / h)
            last = weighed(-3, 0.5 / h, -2.0 / h, 1.5 / h)
        return concatenate([first, inner, last], axis)
    a, b = index(h, slice(None, -1)), index(h, slice(1, None))
    column = (*shape_of(a), *(1,) * (-axis - 1))
    left, middle, right = (
        reshape(w, shape=column) for w in (-b / (a * (a + b)), (b - a) / (a * b), a / (b * (a + b)))
    )
    inner = left * at(None, -2) + middle * at(1, -1) + right * at(2, None)
    if edge_order == 1:
        first = (at(1, 2) - at(0, 1)) / index(h, 0)
        last = (at(-1, None) - at(-2, -1)) / index(h, -1)
    else:
        p, q = index(h, 0), index(h, 1)
        first = weighed(0, -(2.0 * p + q) / (p * (p + q)), (p + q) / (p * q), -p / (q * (p + q)))
        p, q = index(h, -2), index(h, -1)
        last = weighed(-3, q / (p * (p + q)), -(q + p) / (p * q), (2.0 * q + p) / (q * (p + q)))
    return concatenate([first, inner, last], axis)


@on_tensors(np.gradient)
def gradient(f: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes of samples on a grid: central differences inside, one-sided ones at the ends.

    Parameters
    ----------
    f : array_like
    *spacing : float or vectors
        One step for all axes, or for each axis a step or its coordinates (which may be tensors).
    axis : int, tuple of int or None
    edge_order : {1, 2}

    Returns
    -------
    An array like ``f``, or with several axes a tuple of them. (This is ``numpy.gradient``; the
    gradient of a function is ``tg.grad``.)

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.jacobian(np.gradient)(np.array([1.0, 2.0, 4.0]))
    array([[-1. ,  1. ,  0. ],
           [-0.5,  0. ,  0.5],
           [ 0. , -1. ,  1. ]])
    """
    f = as_floating(f)
    shape = f.shape
    if axis is None:
        axes = list(range(-len(shape), 0))
    else:
        given = axis if isinstance(axis, (tuple, list)) else (axis,)
        axes = [canonical_axis(a, len(shape), "gradient") for a in given]
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order={edge_order!r} is neither 1 nor 2")
    short = [shape[a] for a in axes if shape[a] <= edge_order]
    if short:
        raise ValueError(f"gradient: edge_order={edge_order} needs more than {short[0]} elements")
    slopes = []
    for a, h in zip(axes, _spacings(spacing, axes, shape)):
        slope = _differences(f, h, a, edge_order)
        if slope.dtype.kind != f.dtype.kind:
            raise TypeError(f"gradient: complex coordinates of {f.dtype} samples")
        slopes.append(astype(slope, f.dtype))
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


# ---- interpolation ------------------------------------------------------------------------------


@on_tensors(np.interp)
def interp(
    x: ArrayLike,
    xp: ArrayLike,
    fp: ArrayLike,
    left: Any = None,
    right: Any = None,
    period: Any = None,
) -> Array:
    """Piecewise linear interpolation: the value at ``x`` of the line through the points.

    Parameters
    ----------
    x : array_like
    xp, fp : array_like, shape (n,)
        The points, ``xp`` increasing.
    left, right : float, optional
        The values outside; those at the ends by default.
    period : float, optional
        The points repeat with this period; ``left`` and ``right`` count for nothing.

    Notes
    -----
    All three carry derivatives. At a point the slope is the mean of those at its two sides.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> slope = tg.grad(lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0]))
    >>> print(slope(0.5), slope(1.0), slope(1.5))
    1.0 2.5 4.0
    """
    x, xp, fp = (as_floating(a) for a in (x, xp, fp))
    x, xp = astype(x, np.float64), astype(xp, np.float64)
    fp = astype(fp, np.complex128 if fp.dtype.kind == "c" else np.float64)
    if len(xp.shape) != 1 or xp.shape != fp.shape or not xp.shape[0]:
        raise ValueError(f"interp: points of shapes {xp.shape} and {fp.shape}: needs two vectors")
    if period is not None:
        if period == 0:
            raise ValueError("interp: period must not be 0")
        period = abs(period)
        left = right = None
        x, xp = mod(x, period), mod(xp, period)
        order = argsort(xp)
        xp, fp = index(xp, order), index(fp, order)
        ends = slice(-1, None), slice(0, 1)
        xp = concatenate([index(xp, ends[0]) - period, xp, index(xp, ends[1]) + period])
        fp = concatenate([index(fp, ends[0]), fp, index(fp, ends[1])])
    left = index(fp, 0) if left is None else left
    right = index(fp, -1) if right is None else right
    return 0.5 * (
        _interpolate_from(x, xp, fp, left, right, "left")
        + _interpolate_from(x, xp, fp, left, right, "right")
    )


def _interpolate_from(x: Array, xp: Array, fp: Array, left: Any, right: Any, side: str) -> Array:
    """The interpolation that takes, at a point, the line on its left or on its right."""
    n = xp.shape[0]
    after = search(xp, x, side=side)
    if n > 1:
        line = where(after < 1, 1, where(after > n - 1, n - 1, after))
        below, above = line - 1, line
        x0, x1, y0, y1 = (
            index(a, i) for a, i in ((xp, below), (xp, above), (fp, below), (fp, above))
        )
        level = y0 + (x - x0) * ((y1 - y0) / (x1 - x0))
    else:
        level = index(fp, 0)
    level = where(x < index(xp, 0), left, where(x > index(xp, -1), right, level))
    edge = (x == index(xp, 0)) & (after < 1) | (x == index(xp, -1)) & (after > n - 1)
    ends = where(x == index(xp, 0), index(fp, 0), index(fp, -1))
    return where(edge, ends, level)  # the side that is constant


# ---- phases -------------------------------------------------------------------------------------


@on_tensors(np.unwrap)
def unwrap(
    p: ArrayLike, discont: Any = None, axis: int = -1, *, period: float = 2 * math.pi
) -> Array:
    """Phases without jumps: multiples of the period are added where neighbours differ too much.

    The corrections are piecewise constant, so each phase has derivative 1 in itself.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda p: np.unwrap(p)[1])(np.array([0.0, 6.0]))
    array([0., 1.])
    """
    p = as_floating(p)
    axis = canonical_axis(axis, len(p.shape), "unwrap")
    half = period / 2
    step = diff(p, axis=axis)
    wrapped = mod(step + half, period) - half
    wrapped = where((wrapped == -half) & (step > 0), half, wrapped)
    jump = where(absolute(step) < (half if discont is None else discont), 0.0, wrapped - step)
    later = index(p, _key_for_axis(axis, slice(1, None))) + cumsum(jump, axis)
    return concatenate([index(p, _key_for_axis(axis, slice(0, 1))), later], axis)
