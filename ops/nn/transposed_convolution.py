"""Transposed convolution: the transpose of a convolution in its input; the stride upsamples.

Each element of the input lays down a copy of the kernel; the copies add up where they overlap.
"""

from __future__ import annotations

import math
from typing import Any

from .._types import Array, ArrayLike
from ..linalg.products import matmul
from ..shape.axes import shape_of
from ..shape.broadcasting import reshape
from ..shape.rearranging import index, pad_zeros, permute
from .windows import _per_axis, channels_last, fold, in_groups, with_bias


def conv_transpose1d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """(N, C, L) with a kernel (C, O/groups, l) to (N, O, L'); see :func:`conv_transpose2d`."""
    return _conv_transpose(x, w, b, stride, padding, output_padding, groups, dilation, 1)


def conv_transpose2d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """Transposed convolution of images, as in PyTorch.

    Parameters
    ----------
    x : (N, C, H, W)
    w : (C, O / groups, h, w)
    b : (O,), optional
    stride, dilation : int or pair
    padding : int or pair
        How much of each side of the result to cut off.
    output_padding : int or pair
        How much longer to make the result at the end; less than the stride or the dilation.
    groups : int
        Split input and output channels into groups that do not see each other.

    Returns
    -------
    (N, O, H', W') with H' = (H - 1) stride - 2 padding + dilation (h - 1) + output_padding + 1

    Raises
    ------
    ValueError
        When shapes do not fit, or nothing would be left.

    References
    ----------
    Zeiler, Krishnan, Taylor and Fergus (2010), Deconvolutional networks.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.nn.transposed_convolution import conv_transpose2d
    >>> conv_transpose2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)))[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    return _conv_transpose(x, w, b, stride, padding, output_padding, groups, dilation, 2)


def _conv_transpose(
    x: Array, w: Array, b: Array, stride: Any, padding: Any, extra: Any, groups: int, dilation: Any,
    rank: int,
) -> Array:  # fmt: skip
    who = f"conv_transpose{rank}d"
    xs, ws = shape_of(x), shape_of(w)
    if len(xs) != rank + 2 or len(ws) != rank + 2:
        raise ValueError(
            f"{who}: input and weight must have {rank + 2} axes, (N, C, ...) and (C, O/groups, "
            f"...), got {xs} and {ws}"
        )
    if groups < 1 or xs[1] != ws[0] or xs[1] % groups:
        raise ValueError(
            f"{who}: an input of {xs[1]} channels needs a weight of as many, a multiple of "
            f"groups={groups}, got weight {ws}"
        )
    stride, dilation = (
        _per_axis(v, rank, who, what) for v, what in ((stride, "stride"), (dilation, "dilation"))
    )
    padding, extra = (
        _per_axis(v, rank, who, what, least=0)
        for v, what in ((padding, "padding"), (extra, "output_padding"))
    )
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ValueError(
            f"{who}: output_padding={extra} must be less than stride={stride} or "
            f"dilation={dilation}"
        )
    size = ws[2:]
    space = tuple(
        (n - 1) * s + d * (k - 1) + 1
        for n, s, d, k in zip(xs[2:], stride, dilation, size, strict=True)
    )
    kept = tuple(slice(p, n + e - p) for n, e, p in zip(space, extra, padding, strict=True))
    if any(k.stop <= k.start for k in kept):
        raise ValueError(f"{who}: padding={padding} leaves nothing of a result of {space}")
    out = in_groups(lambda x, w: _overlap_add(x, w, space, stride, dilation), x, w, groups, rank)
    if any(extra):
        out = pad_zeros(out, width=((0, 0), (0, 0), *((0, e) for e in extra)))
    return with_bias(index(out, (Ellipsis, *kept)), b, rank)


def _overlap_add(x: Array, w: Array, space: Any, stride: Any, dilation: Any) -> Array:
    """One group: a matrix product for the copies of the kernel, then their sum."""
    (n, c, *positions), (_, o, *size) = shape_of(x), shape_of(w)
    rank, ndim = len(size), 2 + 2 * len(size)
    rows = reshape(channels_last(x, rank), shape=(n * math.prod(positions), c))
    copies = matmul(rows, reshape(w, shape=(c, o * math.prod(size))))
    copies = reshape(copies, shape=(n, *positions, o, *size))
    order = (0, 1 + rank, *range(1, 1 + rank), *range(2 + rank, ndim))
    copies = permute(copies, axes=tuple(a - ndim for a in order))
    return fold(copies, space=space, size=tuple(size), stride=stride, dilation=dilation)
