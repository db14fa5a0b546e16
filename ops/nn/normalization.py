"""Normalisation of activations: over the features of an example, or over a batch."""

from __future__ import annotations

from typing import Any

from .._types import Array, ArrayLike
from ..elementwise.arithmetic import reciprocal, square
from ..elementwise.exponential import sqrt
from ..reductions.reduction import mean
from ..shape.axes import canonical_axes, canonical_axis, shape_of
from ..shape.broadcasting import reshape


def layer_norm(
    x: ArrayLike, axis: Any = -1, weight: ArrayLike = None, bias: ArrayLike = None, eps: Any = 1e-5
) -> Array:
    """Centre and scale over axes: (x - mean) / sqrt(var + eps), times weight, plus bias.

    Parameters
    ----------
    x : array
    axis : int or sequence of int
    weight, bias : arrays that broadcast against ``x``, optional
    eps : float

    References
    ----------
    Ba, Kiros and Hinton (2016), Layer normalization.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.nn.normalization import layer_norm
    >>> layer_norm(np.array([[1.0, 3.0]]), eps=0.0)
    array([[-1.,  1.]])
    """
    axes = canonical_axes(axis, len(shape_of(x)), "layer_norm")
    centred = x - mean(x, axes, keepdims=True)
    out = centred / sqrt(mean(square(centred), axes, keepdims=True) + eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def batch_norm(
    x: ArrayLike,
    weight: ArrayLike = None,
    bias: ArrayLike = None,
    mean_of: ArrayLike = None,
    inverse_std: ArrayLike = None,
    axis: int = 1,
    eps: Any = 1e-5,
) -> Array:
    """Centre and scale each channel, over all other axes.

    Parameters
    ----------
    x : (N, C, ...)
    weight, bias : (C,), optional
    mean_of, inverse_std : (C,), optional
        Known statistics, 1 / sqrt(variance + eps) for the second; without them those of ``x``,
        the variance divided by the count (and differentiated through).
    axis : int
        That of the channels.
    eps : float
        Added to the variance of ``x``.

    References
    ----------
    Ioffe and Szegedy (2015), Batch normalization.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.nn.normalization import batch_norm
    >>> batch_norm(np.array([[1.0], [3.0]]), eps=0.0)
    array([[-1.],
           [ 1.]])
    """
    shape = shape_of(x)
    axis = canonical_axis(axis, len(shape), "batch_norm")
    others = tuple(a for a in range(-len(shape), 0) if a != axis)
    along = tuple(n if i - len(shape) == axis else 1 for i, n in enumerate(shape))

    def aligned(name: str, v: Array) -> Array:
        if shape_of(v) != (shape[axis],):
            raise ValueError(
                f"batch_norm: {name} of shape {shape_of(v)} for {shape[axis]} channels, "
                f"axis {axis} of {shape}"
            )
        return reshape(v, shape=along)

    centre = mean(x, others, keepdims=True) if mean_of is None else aligned("mean", mean_of)
    centred = x - centre
    if inverse_std is None:
        scale = reciprocal(sqrt(mean(square(centred), others, keepdims=True) + eps))
    else:
        scale = aligned("invstd", inverse_std)
    out = centred * scale
    out = out if weight is None else out * aligned("weight", weight)
    return out if bias is None else out + aligned("bias", bias)
