"""Operations of random programs that reduce, rearrange, index, sort or join arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from random_operation import ANY, AXES, LIKE, above, axis, family


def every(k: int, x: Any) -> Any:
    """One axis, all axes, or a pair of them."""
    n = len(x.shape)
    return [axis(k, x), None, tuple(range(n))[-2:]][k % 3]


def mask(x: Any) -> np.ndarray:
    """True and False in turns of unequal length, at least one of each but for single elements."""
    n = int(np.prod(x.shape))
    return np.asarray(np.cos(1.3 * np.arange(n)) > -0.2).reshape(x.shape)


REDUCED_AND_KEPT = family((AXES,), False, {
    "mean": lambda l, k, x: l.np.mean(x, axis=every(k, x), keepdims=bool(k % 2)),
    "max": lambda l, k, x: l.np.max(x, axis=every(k, x)),
    "min": lambda l, k, x: l.np.min(x, axis=every(k, x), keepdims=bool(k % 2)),
    "median": lambda l, k, x: l.np.median(x, axis=axis(k, x)),
    "average": lambda l, k, x: l.np.average(
        x, axis=axis(k, x), weights=1.0 + np.arange(x.shape[axis(k, x)])
    ),
    "softmax": lambda l, k, x: l.softmax(x, axis=axis(k, x)),
    "argmax": lambda l, k, x: l.np.take_along_axis(
        x, l.np.expand_dims(l.np.argmax(x, axis=axis(k, x)), axis(k, x)), axis=axis(k, x)
    ),
    "cummax": lambda l, k, x: l.cummax(x, axis(k, x)),
    "cummin": lambda l, k, x: l.cummin(x, axis(k, x)),
})  # fmt: skip

REDUCED = family((AXES,), True, {
    "sum": lambda l, k, x: 0.4 * l.np.sum(x, axis=every(k, x), keepdims=bool(k % 2)),
    "prod": lambda l, k, x: l.np.prod(1.2 * x, axis=every(k, x)),
    "var": lambda l, k, x: l.np.var(x, axis=every(k, x), ddof=(0, 0.5)[k % 2]),
    "std": lambda l, k, x: l.np.std(
        x + np.cos(3.0 * np.arange(x.shape[-1])), axis=(-1, None)[k % 2]
    ),
    "ptp": lambda l, k, x: l.np.ptp(x, axis=axis(k, x)),
    "logsumexp": lambda l, k, x: l.special.logsumexp(x, axis=every(k, x), keepdims=bool(k % 2)),
    "log_softmax": lambda l, k, x: l.log_softmax(x, axis=axis(k, x)),
    "cumsum": lambda l, k, x: l.np.cumsum(x, axis=(None, axis(k, x))[k % 2]),
    "cumprod": lambda l, k, x: l.np.cumprod(x, axis=axis(k, x)),
    "norm": lambda l, k, x: l.np.linalg.norm(x + 2.0, axis=axis(k, x)),
    "norm of order 3": lambda l, k, x: l.np.linalg.norm(x + 2.0, 3, axis=axis(k, x)),
    "norm of order 1": lambda l, k, x: l.np.linalg.norm(x - 0.1, 1, axis=axis(k, x)),
    "norm of order inf": lambda l, k, x: l.np.linalg.norm(x - 0.1, np.inf, axis=axis(k, x)),
    "diff": lambda l, k, x: (
        l.np.diff(x, axis=axis(k, x)) if x.shape[axis(k, x)] > 1 else x * 0.9
    ),
    "layer_norm": lambda l, k, x: l.layer_norm(x, axis=axis(k, x), eps=0.1),
})  # fmt: skip

SHAPED = family((AXES,), False, {
    "reshape": lambda l, k, x: l.np.reshape(x, x.shape[::-1]),
    "reshape and turn": lambda l, k, x: l.np.reshape(x, x.shape[::-1]).T,
    "ravel": lambda l, k, x: l.np.ravel(x)[(k % 2) :: 2] if x.shape != (1,) else x,
    "transpose": lambda l, k, x: l.np.transpose(x),
    "transpose twice": lambda l, k, x: l.np.transpose(l.np.transpose(x)),
    "swapaxes": lambda l, k, x: l.np.swapaxes(x, axis(k, x), -1),
    "moveaxis": lambda l, k, x: l.np.moveaxis(x, axis(k, x), 0),
    "expand_dims": lambda l, k, x: l.np.squeeze(l.np.expand_dims(x, k % 2), axis=k % 2),
    "broadcast_to": lambda l, k, x: l.np.broadcast_to(x, (2, *x.shape)),
    "broadcast and sum": lambda l, k, x: 0.5 * l.np.broadcast_to(x, (2, *x.shape)).sum(axis=0),
    "flip": lambda l, k, x: l.np.flip(x, axis=(axis(k, x), None)[k % 2]),
    "roll": lambda l, k, x: l.np.roll(x, k % 5 - 2, axis=(axis(k, x), None)[k % 2]),
    "tile": lambda l, k, x: l.np.tile(x, (2, 1))[..., -x.shape[-1] :],
    "repeat": lambda l, k, x: l.np.repeat(x, 2, axis=axis(k, x)),
    "pad": lambda l, k, x: l.np.pad(x, (0, k % 3)),
    "pad unevenly": lambda l, k, x: l.np.pad(
        x, [(1, 0)] * (len(x.shape) - 1) + [(0, 2)], constant_values=0.4
    ),
    "split": lambda l, k, x: l.np.array_split(x, 2, axis=axis(k, x))[0],
    "atleast_2d": lambda l, k, x: l.np.atleast_2d(x) * 0.9,
    "tril": lambda l, k, x: l.np.tril(l.np.atleast_2d(x), k % 3 - 1),
    "triu": lambda l, k, x: l.np.triu(l.np.atleast_2d(x), k % 3 - 1),
    "diag": lambda l, k, x: l.np.diag(l.np.reshape(x, (-1,))[:3], k % 2),
    "diagonal": lambda l, k, x: l.np.diagonal(l.np.atleast_2d(x), axis1=-2, axis2=-1),
    "trace": lambda l, k, x: l.np.trace(l.np.atleast_2d(x)) * 0.3,
    "sort": lambda l, k, x: l.np.sort(x, axis=axis(k, x)),
    "argsort": lambda l, k, x: l.np.take_along_axis(
        x, l.np.argsort(x, axis=axis(k, x)), axis=axis(k, x)
    ),
    "topk": lambda l, k, x: l.topk(x, min(2, x.shape[-1])),
})  # fmt: skip

INDEXED = family((AXES,), False, {
    "first": lambda l, k, x: x[0],
    "last of each": lambda l, k, x: x[..., -1],
    "slice": lambda l, k, x: x[..., (k % 2) :] if x.shape[-1] > 1 else x,
    "reversed slice": lambda l, k, x: x[::-1, ...],
    "new axis": lambda l, k, x: x[..., None, :] + 0.0,
    "gather": lambda l, k, x: x[np.array([0, -1, 0])],
    "gather pairs": lambda l, k, x: l.np.atleast_2d(x)[np.array([0, -1, 0]), ..., np.array([0, -1, -1])],
    "gather by a matrix": lambda l, k, x: x[np.array([[0, -1], [-1, 0], [0, 0]])],
    "take": lambda l, k, x: l.np.take(x, np.array([0, 0, -1]), axis=axis(k, x)),
    "take from all": lambda l, k, x: l.np.take(x, np.array([[0, 1], [-1, 0]])),
    "mask": lambda l, k, x: x[mask(x)],
    "masked": lambda l, k, x: l.np.where(mask(x), x, 0.3),
})  # fmt: skip

TWO = family((AXES, LIKE), False, {
    "concatenate": lambda l, k, x, y: l.np.concatenate([l.np.ravel(x), l.np.ravel(y)])[k % 2 :],
    "stack": lambda l, k, x, y: l.np.stack(l.np.broadcast_arrays(x, y), axis=(0, -1)[k % 2]),
    "hstack": lambda l, k, x, y: l.np.hstack([x, x * l.np.mean(y)]),
    "vstack": lambda l, k, x, y: l.np.vstack([x, x * l.np.mean(y)]),
    "set rows": lambda l, k, x, y: l.set_at(x, 0, l.np.mean(y)),
    "set elements": lambda l, k, x, y: l.set_at(
        x, (Ellipsis, np.array([0, -1])[: x.shape[-1]]), l.np.max(y)
    ),
    "add at": lambda l, k, x, y: 0.4 * l.add_at(x, np.array([0, -1, 0]), l.np.sum(y) * 0.2),
    "multiply at": lambda l, k, x, y: l.multiply_at(x, (Ellipsis, 0), l.np.sin(l.np.sum(y))),
    "scatter_add_along": lambda l, k, x, y: 0.5 * l.scatter_add_along(
        x, 0, np.zeros((1, *x.shape[1:]), int), x[-1:] * l.np.mean(y)
    ),
    "sorted by another": lambda l, k, x, y: l.np.ravel(x)[
        l.np.argsort(l.np.ravel(x + 0.0 * l.np.mean(y)) * 3)
    ],
    "weighted average": lambda l, k, x, y: l.np.average(
        l.np.broadcast_arrays(x, y)[0], weights=above(l, l.np.broadcast_arrays(x, y)[1], 0.4)
    ),
    "meshgrid": lambda l, k, x, y: (
        l.np.ravel(x)[:3][:, None] * l.np.ravel(y)[:4][None, :]
    ),
})  # fmt: skip

SCALARS = family((ANY, ANY), False, {
    "difference of means": lambda l, k, x, y: 0.5 * (l.np.mean(x) - l.np.mean(y)),
    "array of numbers": lambda l, k, x, y: l.np.stack([l.np.mean(x), l.np.max(y), 0.4 + 0 * l.np.min(x)]),
})  # fmt: skip

OPERATIONS = REDUCED_AND_KEPT + REDUCED + SHAPED + INDEXED + TWO + SCALARS
