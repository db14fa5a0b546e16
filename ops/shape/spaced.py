"""Evenly spaced numbers between ends, differentiable with respect to both."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .._dispatch import as_floating, on_tensors
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import power
from ..elementwise.identity import astype, checked
from .axes import canonical_axis, shape_of
from .broadcasting import reshape
from .rearranging import broadcast_arrays, concatenate, expand_dims, moveaxis


def _ends(start: Array, stop: Array) -> Array:
    """Both as arrays of one shape and type; a Python number takes that of the other."""
    kinds = [x if type(x) in (int, float) else as_floating(x).dtype for x in (start, stop)]
    dtype = np.result_type(*kinds)
    return broadcast_arrays(*(astype(as_floating(x), dtype) for x in (start, stop)))


@on_tensors(np.linspace)
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """``num`` evenly spaced numbers from ``start`` to ``stop``; these may be arrays.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.jacobian(lambda stop: np.linspace(0.0, stop, 3))(2.0)
    array([0. , 0.5, 1. ])
    """
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"linspace: num={num} must not be negative")
    start, stop = _ends(start, stop)
    gaps = num - 1 if endpoint else num
    delta = stop - start
    step = delta / gaps if gaps > 0 else np.full(shape_of(delta), np.nan, delta.dtype)
    steps = np.arange(num, dtype=delta.dtype).reshape(-1, *(1,) * len(shape_of(delta)))
    out = steps * (step if gaps > 0 else delta) + start
    if endpoint and num > 1:
        out = concatenate([out[:-1], expand_dims(stop, 0)])
    if axis:
        out = moveaxis(out, 0, canonical_axis(axis, len(shape_of(out)), "linspace"))
    if dtype is not None:
        out = astype(out, dtype)
    return (out, step) if retstep else out


@on_tensors(np.logspace)
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: ArrayLike = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """Powers of ``base`` at evenly spaced exponents."""
    shape = np.broadcast_shapes(*(shape_of(x) for x in (start, stop, base)))
    exponents = linspace(start, stop, num, endpoint)
    if len(shape_of(exponents)) <= len(shape):
        missing = len(shape) + 1 - len(shape_of(exponents))
        exponents = reshape(exponents, shape=(num, *(1,) * missing, *shape_of(exponents)[1:]))
    out = power(base if type(base) in (int, float) else as_floating(base), exponents)
    if axis:
        out = moveaxis(out, 0, canonical_axis(axis, len(shape_of(out)), "logspace"))
    return out if dtype is None else astype(out, dtype)


def _refuse_zero(x: Array) -> None:
    if np.any(np.equal(x, 0)):
        raise ValueError("geomspace: a geometric sequence cannot include zero")


@on_tensors(np.geomspace)
def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Array:
    """Numbers evenly spaced on a logarithmic scale, from ``start`` to ``stop`` of the same sign."""
    start, stop = (checked(x, _refuse_zero) for x in _ends(start, stop))
    shares = linspace(np.zeros(()), np.ones(()), num, endpoint)
    shares = shares.reshape(-1, *(1,) * len(shape_of(start))).astype(start.dtype)
    out = start * power(stop / start, shares)
    if endpoint and num > 1:
        out = concatenate([out[:-1], expand_dims(stop, 0)])
    if axis:
        out = moveaxis(out, 0, canonical_axis(axis, len(shape_of(out)), "geomspace"))
    return out if dtype is None else astype(out, dtype)
