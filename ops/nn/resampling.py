"""Resampling of images: nearest neighbour, and linear along each axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._types import Array, ArrayLike
from ..indexing.index import take
from ..shape.axes import canonical_shape, shape_of

_MODES = ("nearest", "linear", "bilinear")


def interpolate(
    x: ArrayLike,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Array:
    """Resample the axes after the first two, of (N, C, H, W) say, as in PyTorch.

    Parameters
    ----------
    x : (N, C, ...)
    size : int or one for each axis
        Lengths of the result; or give ``scale_factor``.
    scale_factor : number or one for each axis
    mode : {"nearest", "linear", "bilinear"}
        "linear" and "bilinear" mean the same: linear along each axis in turn.
    align_corners : bool
        Linear only: whether the centres of the corner elements coincide, or their outer edges.

    Returns
    -------
    (N, C, ...)

    Raises
    ------
    ValueError
        For another mode, both or neither of size and factor, or an empty image.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.nn.resampling import interpolate
    >>> interpolate(np.array([[[0.0, 2.0]]]), size=4)
    array([[[0., 0., 2., 2.]]])
    >>> interpolate(np.array([[[0.0, 2.0]]]), size=3, mode="linear", align_corners=True)
    array([[[0., 1., 2.]]])
    """
    shape = shape_of(x)
    space = shape[2:]
    if mode not in _MODES:
        raise ValueError(f"interpolate: mode={mode!r} is not one of {', '.join(_MODES)}")
    if mode == "nearest" and align_corners:
        raise ValueError("interpolate: align_corners is for the linear modes")
    if not space or 0 in space:
        raise ValueError(f"interpolate: needs axes of elements after the first two, got {shape}")
    steps: list[float | None] = [None] * len(space)
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor")
    if size is not None:
        given = canonical_shape(size, "interpolate")
        lengths = given * len(space) if len(given) == 1 else given
    else:
        factors = np.broadcast_to(scale_factor, (len(space),)).tolist()
        lengths = tuple(math.floor(n * f) for n, f in zip(space, factors, strict=True))
        steps = [1 / f for f in factors]
    if len(lengths) != len(space) or min(lengths) < 1:
        raise ValueError(f"interpolate: cannot make {lengths} of axes of lengths {space}")
    dtype = getattr(x, "dtype", np.dtype(float))
    for i, (n, out, step) in enumerate(zip(space, lengths, steps, strict=True)):
        axis = i - len(space)
        at = np.arange(out)
        if mode == "nearest":
            near = at * n // out if step is None else np.floor(at * step).astype(int)
            x = take(x, np.minimum(near, n - 1), axis)
            continue
        if align_corners:
            where = at * ((n - 1) / max(out - 1, 1))
        else:
            where = np.maximum((at + 0.5) * (n / out if step is None else step) - 0.5, 0)
        low = np.minimum(where.astype(int), n - 1)
        share = (where - low).clip(0, 1).astype(dtype if dtype.kind == "f" else float)
        share = share.reshape((-1,) + (1,) * (-axis - 1))
        high = np.minimum(low + 1, n - 1)
        x = take(x, low, axis) * (1 - share) + take(x, high, axis) * share
    return x
