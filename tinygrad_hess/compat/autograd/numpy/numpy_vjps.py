"""``autograd.numpy.numpy_vjps``: what rules of others are written with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .... import numpy as tnp
from ..primitives import defvjp, defvjp_argnum
from ..tracer import primitive, register_notrace
from . import numpy_wrapper as anp
from .numpy_boxes import ArrayBox

__all__ = [
    "ArrayBox", "anp", "balanced_eq", "defvjp", "defvjp_argnum", "match_complex", "primitive",
    "register_notrace", "repeat_to_match_shape", "replace_zero", "unbroadcast", "unbroadcast_f",
]  # fmt: skip


def unbroadcast(x: Any, target_meta: Any, broadcast_idx: int = 0) -> Any:
    """Sum over the axes along which an operand was broadcast; ``target_meta`` describes it."""
    shape, ndim, _, is_complex = target_meta
    while tnp.ndim(x) > ndim:
        x = tnp.sum(x, axis=broadcast_idx)
    for axis, size in enumerate(shape):
        if size == 1:
            x = tnp.sum(x, axis=axis, keepdims=True)
    return tnp.real(x) if tnp.iscomplexobj(x) and not is_complex else x


def unbroadcast_f(target: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``f``, a rule for ``target``, with what was broadcast summed."""
    meta = anp.metadata(target)
    return lambda g: unbroadcast(f(g), meta)


def balanced_eq(x: Any, z: Any, y: Any) -> Any:
    """The share of ``x`` in the maximum ``z`` of ``x`` and ``y``: a half where they are equal."""
    return (x == z) / (1.0 + (x == y))


def replace_zero(x: Any, val: Any) -> Any:
    """``x`` with ``val`` in place of zeros."""
    return tnp.where(x, x, val)


def match_complex(target: Any, x: Any) -> Any:
    """``x``, real or complex as ``target`` is."""
    if tnp.iscomplexobj(target) == tnp.iscomplexobj(x):
        return x
    return tnp.real(x) if tnp.iscomplexobj(x) else x + 0j


def repeat_to_match_shape(
    g: Any, shape: tuple[int, ...], dtype: Any, axis: Any, keepdims: bool
) -> tuple[Any, int]:
    """``g`` repeated along the axes of a reduction, and how often."""
    if shape == ():
        return g, 1
    axes = range(len(shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    kept = {i % len(shape) for i in axes}
    one = tuple(1 if i in kept else n for i, n in enumerate(shape))
    count = 1
    for i in kept:
        count *= shape[i]
    return tnp.broadcast_to(tnp.reshape(g, one), shape), count
