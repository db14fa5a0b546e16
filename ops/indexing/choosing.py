"""Choosing among arrays by conditions, and applying functions to parts of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from .._dispatch import as_array, concrete, items_as_arrays, on_tensors
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import where
from ..elementwise.identity import astype
from ..shape.axes import canonical_axis, shape_of
from ..shape.broadcasting import ravel, reshape
from ..shape.rearranging import broadcast, expand_dims, moveaxis, stack
from .index import index, take, take_along_axis
from .scatter import set_at


def _as_choice(x: Array) -> Array:
    return x if type(x) in (int, float) else as_array(x)


# ---- by conditions ------------------------------------------------------------------------------


@on_tensors(np.select, items_as_arrays)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """The choice of the first condition that is true, and ``default`` where none is.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> f = lambda x: np.select([x < 0, x < 2], [-x, x**2], 10.0).sum()
    >>> tg.grad(f)(np.array([-1.0, 1.0, 3.0]))
    array([-1.,  2.,  0.])
    """
    if not len(condlist) or len(condlist) != len(choicelist):
        raise ValueError(f"select: {len(condlist)} conditions for {len(choicelist)} choices")
    choices = [_as_choice(c) for c in (*choicelist, default)]
    dtype = np.result_type(*(getattr(c, "dtype", c) for c in choices))
    out: Any = choices[-1]
    for i, condition in reversed(list(enumerate(condlist))):
        condition = _as_choice(condition)
        if getattr(condition, "dtype", None) != np.bool:
            raise TypeError(f"select: condition {i} must be boolean")
        out = where(condition, choices[i], out)
    return out if out.dtype == dtype else astype(out, dtype)


@on_tensors(np.choose, items_as_arrays)
def choose(a: ArrayLike, choices: Any, mode: str = "raise") -> Array:
    """From arrays, element by element the one whose number ``a`` gives.

    Parameters
    ----------
    a : integer array_like
    choices : sequence of array_like
        They broadcast with each other and with ``a``.
    mode : {"raise", "wrap", "clip"}
        What a number outside means: an error, its remainder, or the nearest.
    """
    a = as_array(a)
    if isinstance(choices, (Tensor, np.ndarray)):
        options = [index(choices, i) for i in range(shape_of(choices)[0])]
    else:
        options = [_as_choice(c) for c in choices]
    n = len(options)
    if a.dtype.kind not in "iu":
        raise TypeError(f"choose: numbers of choices must be integers, got {a.dtype}")
    if mode == "wrap":
        a = a % n
    elif mode == "clip":
        a = where(a < 0, 0, where(a > n - 1, n - 1, a))
    elif mode != "raise":
        raise ValueError(f"choose: mode={mode!r} is none of raise, wrap, clip")
    elif np.any((numbers := concrete(a, "numbers of choices")) < 0) or np.any(numbers >= n):
        raise ValueError(f"choose: numbers must lie in 0..{n - 1}")
    shape = np.broadcast_shapes(a.shape, *(shape_of(c) for c in options))
    stacked = stack([broadcast(c, shape) for c in options])
    return index(take_along_axis(stacked, expand_dims(broadcast(a, shape), 0), 0), 0)


@on_tensors(np.compress)
def compress(condition: ArrayLike, a: ArrayLike, axis: int | None = None) -> Array:
    """The slices along an axis (None: elements) where the condition is true."""
    positions = np.flatnonzero(concrete(condition, "the number of elements that meet a condition"))
    return take(a, positions, axis)


@on_tensors(np.extract)
def extract(condition: ArrayLike, arr: ArrayLike) -> Array:
    """The elements where the condition is true, in one dimension."""
    return compress(ravel(condition), ravel(arr))


@on_tensors(np.piecewise, items_as_arrays, constants=False)
def piecewise(
    x: ArrayLike, condlist: ArrayLike, funclist: Sequence[Any], *args: Any, **kw: Any
) -> Array:
    """A function of ``x`` for each condition, on the elements that meet it; the last one counts.

    A number is a constant function. One more function than there are conditions is for elements
    that meet none, which give 0 otherwise. The conditions must not depend on arguments of a jitted
    function: use ``where`` or ``select`` there.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> f = lambda x: np.piecewise(x, [x > 0], [np.log, 0.0]).sum()
    >>> tg.grad(f)(np.array([-1.0, 0.0, 2.0]))
    array([0. , 0. , 0.5])
    """
    x = as_array(x)
    if _is_one(condlist, x):
        condlist = [condlist]
    masks = [
        np.asarray(concrete(c, "the conditions of a piecewise function"), bool) for c in condlist
    ]
    if len(masks) == len(funclist) - 1:
        masks.append(~np.any(masks, axis=0))
    if len(masks) != len(funclist):
        raise ValueError(f"piecewise: {len(masks)} conditions for {len(funclist)} functions")
    if x.dtype.kind not in "fc":
        raise TypeError(f"piecewise: the result takes the type of x, {x.dtype}, not a floating one")
    out: Any = np.zeros(x.shape, x.dtype)
    for mask, function in zip(masks, funclist, strict=True):
        if not callable(function):
            out = set_at(out, mask, function)
        elif mask.any():
            out = set_at(out, mask, function(index(x, mask), *args, **kw))
    return out


def _is_one(condition: Array, x: Array) -> bool:
    """Whether it is one condition on ``x``, rather than a list of several."""
    if isinstance(condition, (list, tuple)):
        return bool(x.shape) and shape_of(condition[0]) == ()
    return len(shape_of(condition)) <= min(len(x.shape), 1)


# ---- to parts -----------------------------------------------------------------------------------


@on_tensors(np.apply_along_axis, constants=False)
def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: ArrayLike, *args: Any, **kwargs: Any
) -> Array:
    """``func1d`` of every line along an axis; its axes replace that axis.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> f = lambda x: np.apply_along_axis(lambda line: line @ line, 0, x).sum()
    >>> tg.grad(f)(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[2., 4.],
           [6., 8.]])
    """
    shape = shape_of(arr)
    axis = canonical_axis(axis, len(shape), "apply_along_axis")
    rest = tuple(n for i, n in enumerate(shape) if i - len(shape) != axis)
    if not math.prod(rest):
        raise ValueError(f"apply_along_axis: no lines along axis {axis} of shape {shape}")
    lines = reshape(moveaxis(arr, axis, -1), shape=(math.prod(rest), shape[axis]))
    parts = [func1d(index(lines, i), *args, **kwargs) for i in range(math.prod(rest))]
    stacked = stack([as_array(p) for p in parts])
    inner = shape_of(stacked)[1:]
    out = reshape(stacked, shape=(*rest, *inner))
    sources = range(len(rest), len(rest) + len(inner))
    start = axis + len(shape)
    return moveaxis(out, tuple(sources), tuple(range(start, start + len(inner)))) if inner else out


@on_tensors(np.apply_over_axes, constants=False)
def apply_over_axes(func: Callable[..., Any], a: ArrayLike, axes: Any) -> Array:
    """``func(x, axis)`` over one axis after the other, each kept with length 1."""
    ndim = len(shape_of(a))
    for axis in [axes] if np.ndim(axes) == 0 else list(axes):
        axis = canonical_axis(axis, ndim, "apply_over_axes")
        out = func(a, axis + ndim)
        a = out if len(shape_of(out)) == ndim else expand_dims(out, axis)
        if len(shape_of(a)) != ndim:
            raise ValueError("apply_over_axes: the function must keep or drop its axis")
    return a
