"""Convolution and pooling, in one and two dimensions.

    windows : (..., *space)             -> (..., *positions, *size)  every window, as a view
    fold    : (..., *positions, *size)  -> (..., *space)             each put back and added

The pair are transposes of each other. A convolution is a matrix product over windows, pooling a
reduction over them; so their derivatives of every order need no rules of their own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...core import signatures
from ...core.kinds import linear
from .._types import Array, ArrayLike
from ..linalg.products import matmul_nt
from ..reductions.reduction import max as reduce_max
from ..shape.axes import canonical_shape, shape_of
from ..shape.broadcasting import reduce_sum, reshape
from ..shape.rearranging import concatenate_along, index, pad_zeros, permute


def _position_counts(
    space: Sequence[int], size: Any, stride: Any, dilation: Any
) -> tuple[int, ...]:
    """How many windows fit along each axis."""
    return tuple(
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(space, size, stride, dilation, strict=True)
    )


def _windows(x: Array, *, size: Any, stride: Any, dilation: Any) -> Array:
    x = np.asarray(x)
    rank = len(size)
    space = x.shape[-rank:]
    positions = _position_counts(space, size, stride, dilation)
    steps = x.strides[-rank:]
    lead = x.shape[:-rank]
    return as_strided(
        x,
        (*lead, *positions, *size),
        (
            *x.strides[: len(lead)],
            *(t * s for t, s in zip(steps, stride, strict=True)),
            *(t * d for t, d in zip(steps, dilation, strict=True)),
        ),
        writeable=False,
    )


def _overlaps(params: Any, shapes: Any) -> list[tuple[Any, Any]]:
    """For each element of a window: where it is put in space, and where it is among windows."""
    size, stride, dilation = params["size"], params["stride"], params["dilation"]
    (shape,), rank = shapes, len(size)
    found = []
    for offset in itertools.product(*(range(k) for k in size)):
        target = [
            slice(o * d, o * d + s * (p - 1) + 1, s)
            for o, d, s, p in zip(offset, dilation, stride, shape[-2 * rank : -rank], strict=True)
        ]
        found.append(((Ellipsis, *target), (Ellipsis, *offset)))
    return found


def _fold(g: Array, *, space: Any, out: Any = None, **params: Any) -> Array:
    g = np.asarray(g)
    rank = len(space)
    if out is None:
        one_each = g[(Ellipsis, *(0,) * rank)]  # whose order of axes in memory the sum keeps
        out = np.zeros_like(one_each, shape=(*g.shape[: -2 * rank], *space))
    else:
        out[...] = 0
    for target, offset in _overlaps(params, (g.shape,)):
        there = out[target]
        there += g[offset]
    return out


def _put_back(g: Array, space: Any, size: Any, stride: Any, dilation: Any) -> Array:
    """What ``fold`` does; side by side, where windows fill space and do not overlap."""
    shape, rank = shape_of(g), len(size)
    lead, positions = shape[: -2 * rank], shape[-2 * rank : -rank]
    filled = [p * k for p, k in zip(positions, size, strict=True)]
    if tuple(stride) != tuple(size) or any(d != 1 for d in dilation) or filled != list(space):
        return fold(g, space=space, size=size, stride=stride, dilation=dilation)
    pairs = [axis for k in range(rank) for axis in (k - 2 * rank, k - rank)]
    others = range(-len(shape), -2 * rank)
    if not lead:
        return reshape(permute(g, axes=(*pairs,)), shape=tuple(space))
    # channels as the last axis, as they lie in memory behind a convolution
    *rest, channels = others
    side_by_side = permute(g, axes=(*rest, *pairs, channels))
    return _channels_first(reshape(side_by_side, shape=(*lead[:-1], *space, lead[-1])), rank)


_cases = [
    ([(2, 5)], {"size": (3,), "stride": (1,), "dilation": (1,)}),
    ([(2, 7)], {"size": (2,), "stride": (2,), "dilation": (3,)}),
    ([(2, 4, 5)], {"size": (2, 3), "stride": (2, 1), "dilation": (1, 1)}),
]

windows: Any = linear(
    "windows",
    _windows,
    lambda g, y, x, size, stride, dilation: _put_back(
        g, x.shape[-len(size) :], size, stride, dilation
    ),
    analytic=True,
    signature=lambda params, shapes, shape: signatures.last_axes(
        (len(params["size"]),), 2 * len(params["size"]), shapes, shape
    ),
    moves=True,
    aliases=True,
    cases=_cases,
)

fold: Any = linear(
    "fold",
    _fold,
    lambda g, y, x, space, size, stride, dilation: windows(
        g, size=size, stride=stride, dilation=dilation
    ),
    analytic=True,
    signature=lambda params, shapes, shape: signatures.last_axes(
        (2 * len(params["size"]),), len(params["size"]), shapes, shape
    ),
    added=_overlaps,
    cases=[
        ([(2, 3, 3)], {"space": (5,), "size": (3,), "stride": (1,), "dilation": (1,)}),
        (
            [(2, 2, 3, 2, 3)],
            {"space": (4, 5), "size": (2, 3), "stride": (2, 1), "dilation": (1, 1)},
        ),
    ],
)


def _per_axis(value: Any, rank: int, who: str, what: str, least: int = 1) -> tuple[int, ...]:
    """One number for all spatial axes, or one for each."""
    given = canonical_shape(value, f"{who} {what}")
    given = given * rank if len(given) == 1 else given
    if len(given) != rank or any(n < least for n in given):
        kind = "positive" if least else "non-negative"
        raise ValueError(f"{who}: {what}={value!r} must be one or {rank} {kind} integers")
    return given


def _padded(x: Array, padding: Any, rank: int, size: Any, dilation: Any, who: str) -> Array:
    pairs = _padding_pairs(padding, rank, size, dilation, who)
    if all(p == (0, 0) for p in pairs):
        return x
    return pad_zeros(x, width=((0, 0),) * (len(shape_of(x)) - rank) + pairs)


def _padding_pairs(
    padding: Any, rank: int, size: Any, dilation: Any, who: str
) -> tuple[tuple[int, int], ...]:
    """Zeros before and after, along each spatial axis."""
    if padding == "valid":
        padding = 0
    if padding == "same":
        return tuple(
            (d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2)
            for k, d in zip(size, dilation, strict=True)
        )
    return tuple((p, p) for p in _per_axis(padding, rank, who, "padding", least=0))


def _padded_channels_last(x: Array, pairs: Any, rank: int) -> Array:
    """(N, C, *space) with zeros around it, in memory as (N, *space, C).

    Windows are then copied in runs of channels, several times faster than a number at a time.
    """
    last = channels_last(x, rank)
    return _channels_first(pad_zeros(last, width=((0, 0), *pairs, (0, 0))), rank)


def channels_last(x: Array, rank: int) -> Array:
    """(..., C, *space) as (..., *space, C), where space has ``rank`` axes."""
    before = range(-len(shape_of(x)), -rank - 1)
    return permute(x, axes=(*before, *range(-rank, 0), -rank - 1))


def _channels_first(x: Array, rank: int) -> Array:
    """What :func:`channels_last` undoes."""
    before = range(-len(shape_of(x)), -rank - 1)
    return permute(x, axes=(*before, -1, *range(-rank - 1, -1)))


def _conv(
    x: Array, w: Array, b: Array, stride: Any, padding: Any, dilation: Any, groups: int, rank: int
) -> Array:
    who = f"conv{rank}d"
    xs, ws = shape_of(x), shape_of(w)
    if len(xs) != rank + 2 or len(ws) != rank + 2:
        axes = (
            "(N, C, H, W) and (O, C/groups, h, w)"
            if rank == 2
            else "(N, C, L) and (O, C/groups, l)"
        )
        raise ValueError(f"{who}: input and weight must be {axes}, got {xs} and {ws}")
    if xs[1] != ws[1] * groups or ws[0] % groups:
        raise ValueError(
            f"{who}: with groups={groups}, an input of {xs[1]} channels needs a weight of "
            f"{xs[1]}/{groups} channels and a multiple of {groups} outputs, got weight {ws}"
        )
    size = ws[2:]
    stride, dilation = (
        _per_axis(v, rank, who, what) for v, what in ((stride, "stride"), (dilation, "dilation"))
    )
    pairs = _padding_pairs(padding, rank, size, dilation, who)
    space = [before + n + after for n, (before, after) in zip(xs[2:], pairs, strict=True)]
    if any(n < 1 for n in _position_counts(space, size, stride, dilation)):
        raise ValueError(f"{who}: a window {size} does not fit an input of {xs} after padding")
    x = _padded_channels_last(x, pairs, rank)
    one = lambda x, w: _conv_group(x, w, stride, dilation, rank)
    return with_bias(in_groups(one, x, w, groups, rank), b, rank)


def in_groups(one: Any, x: ArrayLike, w: ArrayLike, groups: int, rank: int) -> Array:
    """``one(x, w)`` for equal parts of the channels of x and the first axis of w, concatenated."""
    if groups == 1:
        return one(x, w)
    c, o = shape_of(x)[1] // groups, shape_of(w)[0] // groups
    parts = [
        one(
            index(x, (slice(None), slice(i * c, (i + 1) * c))),
            index(w, slice(i * o, (i + 1) * o)),
        )
        for i in range(groups)
    ]
    return concatenate_along(*parts, axis=-rank - 1)


def with_bias(x: ArrayLike, b: ArrayLike, rank: int) -> Array:
    """Add one number for each channel."""
    return x if b is None else x + reshape(b, shape=(*shape_of(b), *(1,) * rank))


def _conv_group(x: Array, w: Array, stride: Any, dilation: Any, rank: int) -> Array:
    n, c = shape_of(x)[:2]
    o, size = shape_of(w)[0], shape_of(w)[2:]
    patches = windows(x, size=size, stride=stride, dilation=dilation)  # (N, C, *positions, *size)
    positions = shape_of(patches)[2 : 2 + rank]
    # one row per position, one column per element of the window
    rows = reshape(
        channels_last(patches, 2 * rank),  # (N, *positions, *size, C)
        shape=(n * math.prod(positions), math.prod(size) * c),
    )
    kernel = reshape(channels_last(w, rank), shape=(o, math.prod(size) * c))
    out = reshape(matmul_nt(rows, kernel), shape=(n, *positions, o))
    return _channels_first(out, rank)


def conv1d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Cross-correlation of (N, C, L) with (O, C/groups, l), as in PyTorch; see :func:`conv2d`."""
    return _conv(x, w, b, stride, padding, dilation, groups, 1)


def conv2d(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Cross-correlation of images with kernels: what neural nets call a convolution.

    Parameters
    ----------
    x : (N, C, H, W)
    w : (O, C / groups, h, w)
    b : (O,), optional
    stride, dilation : int or pair
    padding : int, pair, "same" or "valid"
        Zeros on both sides.
    groups : int
        Split input and output channels into groups that do not see each other.

    Returns
    -------
    (N, O, H', W')

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.ops.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2))).shape
    (1, 1, 2, 2)
    """
    return _conv(x, w, b, stride, padding, dilation, groups, 2)


def _pooled_windows(x: Array, size: Any, stride: Any, padding: Any, rank: int, who: str) -> Array:
    if len(shape_of(x)) < rank + 1:
        raise ValueError(f"{who}: needs at least {rank + 1} axes, got shape {shape_of(x)}")
    size = _per_axis(size, rank, who, "size")
    stride = size if stride is None else _per_axis(stride, rank, who, "stride")
    ones = (1,) * rank
    x = _padded(x, padding, rank, size, ones, who)
    if any(n < 1 for n in _position_counts(shape_of(x)[-rank:], size, stride, ones)):
        raise ValueError(f"{who}: a window {size} does not fit an input of {shape_of(x)}")
    return windows(x, size=size, stride=stride, dilation=ones)


def _pad_lowest(x: Array, padding: Any, rank: int, who: str) -> Array:
    """Surround by minus infinity, which no maximum selects."""
    pairs = tuple((p, p) for p in _per_axis(padding, rank, who, "padding", least=0))
    if all(p == (0, 0) for p in pairs):
        return x
    width = ((0, 0),) * (len(shape_of(x)) - rank) + pairs
    frame = np.zeros(shape_of(x)[-rank:], getattr(x, "dtype", float))
    return pad_zeros(x, width=width) + np.pad(frame, pairs, constant_values=-np.inf)


def _max_pool(x: Array, size: Any, stride: Any, padding: Any, rank: int) -> Array:
    who = f"max_pool{rank}d"
    x = _pad_lowest(x, padding, rank, who)
    patches = _pooled_windows(x, size, stride, 0, rank, who)
    # elements of a window as the first axis: whole arrays are compared, not short runs; channels as
    # the last one, as they lie in memory behind a convolution
    ndim, size = len(shape_of(patches)), shape_of(patches)[-rank:]
    *rest, channels = range(-ndim, -2 * rank)
    positions = range(-2 * rank, -rank)
    first = permute(patches, axes=(*range(-rank, 0), *rest, *positions, channels))
    alternatives = reshape(first, shape=(math.prod(size), *shape_of(first)[rank:]))
    largest = reduce_max(alternatives, axis=(rank - ndim - 1,), keepdims=False)
    return _channels_first(largest, rank)


def _avg_pool(x: Array, size: Any, stride: Any, padding: Any, rank: int) -> Array:
    patches = _pooled_windows(x, size, stride, padding, rank, f"avg_pool{rank}d")
    count = math.prod(shape_of(patches)[-rank:])
    return reduce_sum(patches, axis=tuple(range(-rank, 0)), keepdims=False) / count


def max_pool1d(x: ArrayLike, size: Any, stride: Any = None, padding: Any = 0) -> Array:
    """Largest element of each window of the last axis; ties share the derivative."""
    return _max_pool(x, size, stride, padding, 1)


def max_pool2d(x: ArrayLike, size: Any, stride: Any = None, padding: Any = 0) -> Array:
    """Largest element of each window of the last two axes; ties share the derivative."""
    return _max_pool(x, size, stride, padding, 2)


def avg_pool1d(x: ArrayLike, size: Any, stride: Any = None, padding: Any = 0) -> Array:
    """Mean of each window of the last axis (padding counts as zeros)."""
    return _avg_pool(x, size, stride, padding, 1)


def avg_pool2d(x: ArrayLike, size: Any, stride: Any = None, padding: Any = 0) -> Array:
    """Mean of each window of the last two axes (padding counts as zeros)."""
    return _avg_pool(x, size, stride, padding, 2)
