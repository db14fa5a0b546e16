"""NumPy's functions that write to their first argument: ``put``, ``place``, ``copyto``, ...

A tensor takes the new value as by assignment (:mod:`tensor_methods.assignment`). An array cannot
contain what is recorded: writing that into one is refused, as ``array[0] = tensor`` is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import NonDifferentiableError, describe
from ..core.tensor import Tensor, tensor_or_array
from ..ops import broadcast_to, index, ravel, reshape, where
from ..ops._dispatch import concrete, contains_tensor, on_tensors


def _is_array(who: str, x: Any, *written: Any) -> bool:
    """Whether ``x`` is an array; an error where what is written to it has a gradient to lose."""
    if isinstance(x, Tensor):
        return False
    for value in written:
        if isinstance(value, Tensor) and value.requires_grad:
            raise NonDifferentiableError(
                f"{who}: a recorded {describe(value)} tensor written into an array would lose its "
                "gradient. Make the target a tensor, or write np.where(mask, value, x) or "
                "tg.tensor(x).at[key].set(value); where no gradient should flow, value.numpy()."
            )
    return True


def _to_numpy(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else x


@on_tensors(np.copyto, constants=False)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Write ``src`` into ``dst``, where ``where`` holds."""
    if _is_array("copyto", dst, src):
        np.copyto(dst, _to_numpy(src), casting, where=_to_numpy(where))
        return
    source = tensor_or_array(src)
    if not np.can_cast(source.dtype if source.shape else np.min_scalar_type(_to_numpy(source)),
                       dst.dtype, casting):  # fmt: skip
        raise TypeError(f"copyto: {describe(source)} does not go into {describe(dst)}: {casting}")
    dst[...] = source if where is True else _where(where, source, dst)


def _where(mask: Any, a: Any, b: Any) -> Any:
    return where(mask if contains_tensor(mask) else np.asarray(mask, bool), a, b)


@on_tensors(np.put, constants=False)
def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    """Write values, again and again if too few, at indices of the flattened array."""
    if _is_array("put", a, v):
        np.put(a, _to_numpy(ind), _to_numpy(v), mode)
        return
    indices, n = np.ravel(concrete(ind, "indices to write to")), a.size
    if not indices.size:
        return
    if mode == "wrap":
        indices = indices % n
    elif mode == "clip":
        indices = np.clip(indices, 0, n - 1)
    values = ravel(v)
    repeated = index(values, np.arange(indices.size) % math.prod(np.shape(values) or (1,)))
    a[np.unravel_index(np.where(indices < 0, indices + n, indices), a.shape)] = repeated


@on_tensors(np.place, constants=False)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Write values, again and again if too few, one after the other where the mask holds."""
    if _is_array("place", arr, vals):
        np.place(arr, _to_numpy(mask), _to_numpy(vals))
        return
    put(arr, np.flatnonzero(concrete(mask, "where a mask holds")), vals)


@on_tensors(np.putmask, constants=False)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Write where the mask holds, from values of the same shape (or repeated to it)."""
    if _is_array("putmask", a, values):
        np.putmask(a, _to_numpy(mask), _to_numpy(values))
        return
    flat = ravel(values)
    full = reshape(index(flat, np.arange(a.size) % math.prod(flat.shape)), shape=a.shape)
    a[...] = _where(mask, full, a)


@on_tensors(np.fill_diagonal, constants=False)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Write on the main diagonal, of tall matrices again and again with ``wrap``."""
    if _is_array("fill_diagonal", a, val):
        np.fill_diagonal(a, _to_numpy(val), wrap)
        return
    mask = np.zeros(a.shape, bool)
    np.fill_diagonal(mask, True, wrap)
    place(a, mask, val)


@on_tensors(np.put_along_axis, constants=False)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """Write at indices that differ along the other axes, as ``argsort`` gives them."""
    if _is_array("put_along_axis", arr, values):
        np.put_along_axis(arr, _to_numpy(indices), _to_numpy(values), axis)
        return
    if axis is None:
        put(arr, indices, values)
        return
    at = tensor_or_array(indices)
    if len(at.shape) != arr.ndim:
        raise ValueError(
            f"put_along_axis: indices of shape {at.shape} need as many axes as {arr.shape}"
        )
    axis = axis % arr.ndim
    shape = tuple(n if i != axis else at.shape[i] for i, n in enumerate(arr.shape))
    grid = [
        broadcast_to(at, shape)
        if i == axis
        else np.arange(n).reshape((-1,) + (1,) * (arr.ndim - 1 - i))
        for i, n in enumerate(arr.shape)
    ]
    arr[tuple(grid)] = values
