"""Axis arguments: checked against the logical shape, and made negative.

Counted from the end, an axis does not shift when a sweep adds leading ones.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from .._types import ArrayLike


def canonical_axis(axis: Any, ndim: int, who: str) -> int:
    """One axis as a negative number; a ValueError that names the operation if there is none."""
    try:
        index = operator.index(axis)
    except TypeError:
        raise TypeError(f"{who}: axis must be an integer, got {axis!r}") from None
    if not -ndim <= index < ndim:
        raise ValueError(f"{who}: there is no axis {axis} in an array of {ndim} dimensions")
    return index if index < 0 else index - ndim


def canonical_axes(axis: Any, ndim: int, who: str) -> tuple[int, ...]:
    """Axes (None for all, one, or several) as a sorted tuple of negative numbers."""
    if axis is None or type(axis) is int or (type(axis) is tuple and set(map(type, axis)) <= {int}):
        return _remembered_axes(axis, ndim, who)
    return _canonical_axes(axis, ndim, who)


def _canonical_axes(axis: Any, ndim: int, who: str) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(-ndim, 0))
    given = axis if _is_several(axis) else (axis,)
    axes = tuple(sorted(canonical_axis(a, ndim, who) for a in given))
    if len(set(axes)) != len(axes):
        raise ValueError(f"{who}: an axis is named twice in axis={axis!r}")
    return axes


_remembered_axes = functools.lru_cache(maxsize=4096)(_canonical_axes)


def _is_several(x: Any) -> bool:
    """Whether it is a sequence; an array or tensor without axes is a number."""
    return isinstance(x, Iterable) and getattr(x, "ndim", 1) != 0


def canonical_shape(shape: Any, who: str) -> tuple[int, ...]:
    """A shape given as a number or a sequence, as a tuple of Python integers."""
    if type(shape) is tuple and {int}.issuperset(map(type, shape)):
        return shape
    given = shape if _is_several(shape) else (shape,)
    try:
        return tuple(operator.index(n) for n in given)
    except TypeError:
        raise TypeError(f"{who}: a shape is made of integers, got {shape!r}") from None


def shape_of(x: ArrayLike) -> tuple[int, ...]:
    """The logical shape of a tensor, an array, or anything array-like."""
    try:
        return x.shape
    except AttributeError:
        return np.shape(x)
