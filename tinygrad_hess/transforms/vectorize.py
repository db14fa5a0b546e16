"""Mapping a function of one example over a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import arguments, trees
from ..core.errors import call_of
from ..core.tensor import Axis, Batched, Tensor, tensor_or_array
from ..ops.shape.batch_axes import enter, leave
from ..ops.shape.rearranging import moveaxis
from .recording import owned


def _broadcast_axes(axes: Any, tree: Any, who: str, what: str) -> list[Any]:
    """One axis (or None) for each leaf of ``tree``, from a prefix of it."""
    try:
        return trees.broadcast_prefix(axes, tree)
    except ValueError as error:
        raise ValueError(f"{who}: {what}={axes!r} does not fit the structure: {error}") from None


_CALL = "It says which axis of each argument is the batch; write tg.vmap(f, in_axes=0)(xs)."


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """Map ``f`` over a batch, without a Python loop: every operation runs once, on all examples.

    Parameters
    ----------
    f : callable
        Written for one example.
    in_axes : int, None, or a pytree prefix of the arguments
        Which axis of each argument to map over; None to give all examples the same.
    out_axes : int or pytree prefix of the output
        The position of the batch axis in the results.

    Raises
    ------
    ValueError
        When mapped axes differ in size, or nothing is mapped.

    Notes
    -----
    Inside, a tensor has no one value, so branches on it (``if x > 0``) are an error: use
    ``where``. ``vmap(grad(f))`` gives per-example gradients.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> w, xs = np.array([1.0, 2.0]), np.array([[1.0, 0.0], [0.0, 3.0]])
    >>> per_example = tg.vmap(tg.grad(lambda w, x: (w @ x) ** 2), in_axes=(None, 0))
    >>> per_example(w, xs)
    array([[ 2.,  0.],
           [ 0., 36.]])
    """

    arguments.function("vmap", "f", f, "It makes another function of it: write tg.vmap(f)(xs).")
    for name, axes in (("in_axes", in_axes), ("out_axes", out_axes)):
        for axis in trees.leaves(axes):
            arguments.integer("vmap", name, axis, advice=_CALL)

    @functools.wraps(f)
    def vmap_f(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = trees.flatten_every_or_none(args)
        axes = _broadcast_axes(
            tuple(in_axes) if isinstance(in_axes, list) else in_axes, args, "vmap", "in_axes"
        )
        axes = [None if x is None else a for x, a in zip(leaves, axes, strict=True)]
        # keyword arguments: the first axis, as in JAX
        named, named_spec = trees.flatten_every(kwargs)
        leaves, axes = leaves + named, axes + [0] * len(named)
        axis = _common_axis(leaves, axes)
        batched = [
            x if a is None else enter(_batch_first(x, a), axis=axis)
            for x, a in zip(leaves, axes, strict=True)
        ]
        count = len(batched) - len(named)
        mapped = trees.unflatten(spec, batched[:count])
        named = trees.unflatten(named_spec, batched[count:])
        out = call_of("vmap", f, mapped, named)
        results, out_spec = trees.flatten_every_or_none(out)
        out_positions = _broadcast_axes(out_axes, out, "vmap", "out_axes")
        as_tensors = any(isinstance(x, Tensor) for x in leaves)
        unbatched = [
            _unbatched(y, axis, a, as_tensors) for y, a in zip(results, out_positions, strict=True)
        ]
        return trees.unflatten(out_spec, unbatched)

    return vmap_f


def _common_axis(leaves: list[Any], axes: list[Any]) -> Axis:
    sizes: dict[int, list[str]] = {}
    for x, a in zip(leaves, axes, strict=True):
        if a is None:
            continue
        shape = x.shape if hasattr(x, "shape") else np.shape(x)
        if not -len(shape) <= a < len(shape):
            advice = "" if shape else "; lists are trees: map over an array, np.asarray(list)"
            raise ValueError(f"vmap: there is no axis {a} in an argument of shape {shape}{advice}")
        sizes.setdefault(shape[a], []).append(f"axis {a} of {shape}")
    if not sizes:
        raise ValueError("vmap: no argument is mapped; give at least one an axis in in_axes")
    if len(sizes) > 1:
        found = "; ".join(f"{n}: {', '.join(where)}" for n, where in sizes.items())
        raise ValueError(f"vmap: mapped axes differ in size ({found})")
    return Axis(next(iter(sizes)))


def _batch_first(x: Any, axis: int) -> Any:
    x = tensor_or_array(x)
    return x if axis == 0 else moveaxis(x, axis, 0)


def _unbatched(y: Any, axis: Axis, out_axis: Any, as_tensors: bool) -> Any:
    if y is None:
        return None
    if out_axis is None:
        if isinstance(y, Batched) and axis in y.axes:
            raise ValueError("vmap: out_axes=None for an output that differs between examples")
        return y
    y = leave(tensor_or_array(y), axis=axis)
    y = y if out_axis == 0 else moveaxis(y, 0, out_axis)
    if type(y) is Tensor and y.prim is None and not as_tensors:
        return owned(y.value)
    return owned(y)
