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
    "mean": lambda lib, k, x: lib.np.mean(x, axis=every(k, x), keepdims=bool(k % 2)),
    "max": lambda lib, k, x: lib.np.max(x, axis=every(k, x)),
    "min": lambda lib, k, x: lib.np.min(x, axis=every(k, x), keepdims=bool(k % 2)),
    "median": lambda lib, k, x: lib.np.median(x, axis=axis(k, x)),
    "average": lambda lib, k, x: lib.np.average(
        x, axis=axis(k, x), weights=1.0 + np.arange(x.shape[axis(k, x)])
    ),
    "softmax": lambda lib, k, x: lib.softmax(x, axis=axis(k, x)),
    "argmax": lambda lib, k, x: lib.np.take_along_axis(
        x, lib.np.expand_dims(lib.np.argmax(x, axis=axis(k, x)), axis(k, x)), axis=axis(k, x)
    ),
    "cummax": lambda lib, k, x: lib.cummax(x, axis(k, x)),
    "cummin": lambda lib, k, x: lib.cummin(x, axis(k, x)),
})  # fmt: skip

REDUCED = family((AXES,), True, {
    "sum": lambda lib, k, x: 0.4 * lib.np.sum(x, axis=every(k, x), keepdims=bool(k % 2)),
    "prod": lambda lib, k, x: lib.np.prod(1.2 * x, axis=every(k, x)),
    "var": lambda lib, k, x: lib.np.var(x, axis=every(k, x), ddof=(0, 0.5)[k % 2]),
    "std": lambda lib, k, x: lib.np.std(
        x + np.cos(3.0 * np.arange(x.size).reshape(x.shape)),
        axis=-1 if k % 2 and x.shape[-1] > 1 else None,
    ),
    "ptp": lambda lib, k, x: lib.np.ptp(x, axis=axis(k, x)),
    "logsumexp": lambda lib, k, x: lib.special.logsumexp(x, axis=every(k, x), keepdims=bool(k % 2)),
    "log_softmax": lambda lib, k, x: lib.log_softmax(x, axis=axis(k, x)),
    "cumsum": lambda lib, k, x: lib.np.cumsum(x, axis=(None, axis(k, x))[k % 2]),
    "cumprod": lambda lib, k, x: lib.np.cumprod(x, axis=axis(k, x)),
    "norm": lambda lib, k, x: lib.np.linalg.norm(x + 2.0, axis=axis(k, x)),
    "norm of order 3": lambda lib, k, x: lib.np.linalg.norm(x + 2.0, 3, axis=axis(k, x)),
    "norm of order 1": lambda lib, k, x: lib.np.linalg.norm(x - 0.1, 1, axis=axis(k, x)),
    "norm of order inf": lambda lib, k, x: lib.np.linalg.norm(x - 0.1, np.inf, axis=axis(k, x)),
    "diff": lambda lib, k, x: (
        lib.np.diff(x, axis=axis(k, x)) if x.shape[axis(k, x)] > 1 else x * 0.9
    ),
    "layer_norm": lambda lib, k, x: lib.layer_norm(x, axis=axis(k, x), eps=0.1),
})  # fmt: skip

SHAPED = family((AXES,), False, {
    "reshape": lambda lib, k, x: lib.np.reshape(x, x.shape[::-1]),
    "reshape and turn": lambda lib, k, x: lib.np.reshape(x, x.shape[::-1]).T,
    "ravel": lambda lib, k, x: lib.np.ravel(x)[(k % 2) :: 2] if x.shape != (1,) else x,
    "transpose": lambda lib, k, x: lib.np.transpose(x),
    "transpose twice": lambda lib, k, x: lib.np.transpose(lib.np.transpose(x)),
    "swapaxes": lambda lib, k, x: lib.np.swapaxes(x, axis(k, x), -1),
    "moveaxis": lambda lib, k, x: lib.np.moveaxis(x, axis(k, x), 0),
    "expand_dims": lambda lib, k, x: lib.np.squeeze(lib.np.expand_dims(x, k % 2), axis=k % 2),
    "broadcast_to": lambda lib, k, x: lib.np.broadcast_to(x, (2, *x.shape)),
    "broadcast and sum": lambda lib, k, x: 0.5 * lib.np.broadcast_to(x, (2, *x.shape)).sum(axis=0),
    "flip": lambda lib, k, x: lib.np.flip(x, axis=(axis(k, x), None)[k % 2]),
    "roll": lambda lib, k, x: lib.np.roll(x, k % 5 - 2, axis=(axis(k, x), None)[k % 2]),
    "tile": lambda lib, k, x: lib.np.tile(x, (2, 1))[..., -x.shape[-1] :],
    "repeat": lambda lib, k, x: lib.np.repeat(x, 2, axis=axis(k, x)),
    "pad": lambda lib, k, x: lib.np.pad(x, (0, k % 3)),
    "pad unevenly": lambda lib, k, x: lib.np.pad(
        x, [(1, 0)] * (len(x.shape) - 1) + [(0, 2)], constant_values=0.4
    ),
    "split": lambda lib, k, x: lib.np.array_split(x, 2, axis=axis(k, x))[0],
    "atleast_2d": lambda lib, k, x: lib.np.atleast_2d(x) * 0.9,
    "tril": lambda lib, k, x: lib.np.tril(lib.np.atleast_2d(x), k % 3 - 1),
    "triu": lambda lib, k, x: lib.np.triu(lib.np.atleast_2d(x), k % 3 - 1),
    "diag": lambda lib, k, x: lib.np.diag(lib.np.reshape(x, (-1,))[:3], k % 2),
    "diagonal": lambda lib, k, x: lib.np.diagonal(lib.np.atleast_2d(x), axis1=-2, axis2=-1),
    "trace": lambda lib, k, x: lib.np.trace(lib.np.atleast_2d(x)) * 0.3,
    "sort": lambda lib, k, x: lib.np.sort(x, axis=axis(k, x)),
    "argsort": lambda lib, k, x: lib.np.take_along_axis(
        x, lib.np.argsort(x, axis=axis(k, x)), axis=axis(k, x)
    ),
    "topk": lambda lib, k, x: lib.topk(x, min(2, x.shape[-1])),
})  # fmt: skip

INDEXED = family((AXES,), False, {
    "first": lambda lib, k, x: x[0],
    "last of each": lambda lib, k, x: x[..., -1],
    "slice": lambda lib, k, x: x[..., (k % 2) :] if x.shape[-1] > 1 else x,
    "reversed slice": lambda lib, k, x: x[::-1, ...],
    "new axis": lambda lib, k, x: x[..., None, :] + 0.0,
    "gather": lambda lib, k, x: x[np.array([0, -1, 0])],
    "gather pairs": lambda lib, k, x: lib.np.atleast_2d(x)[np.array([0, -1, 0]), ..., np.array([0, -1, -1])],
    "gather by a matrix": lambda lib, k, x: x[np.array([[0, -1], [-1, 0], [0, 0]])],
    "take": lambda lib, k, x: lib.np.take(x, np.array([0, 0, -1]), axis=axis(k, x)),
    "take from all": lambda lib, k, x: lib.np.take(x, np.array([[0, 1], [-1, 0]])),
    "mask": lambda lib, k, x: x[mask(x)],
    "masked": lambda lib, k, x: lib.np.where(mask(x), x, 0.3),
})  # fmt: skip

TWO = family((AXES, LIKE), False, {
    "concatenate": lambda lib, k, x, y: lib.np.concatenate([lib.np.ravel(x), lib.np.ravel(y)])[k % 2 :],
    "stack": lambda lib, k, x, y: lib.np.stack(lib.np.broadcast_arrays(x, y), axis=(0, -1)[k % 2]),
    "hstack": lambda lib, k, x, y: lib.np.hstack([x, x * lib.np.mean(y)]),
    "vstack": lambda lib, k, x, y: lib.np.vstack([x, x * lib.np.mean(y)]),
    "set rows": lambda lib, k, x, y: lib.set_at(x, 0, lib.np.mean(y)),
    "set elements": lambda lib, k, x, y: lib.set_at(
        x, (Ellipsis, np.array([0, -1])[: x.shape[-1]]), lib.np.max(y)
    ),
    "add at": lambda lib, k, x, y: 0.4 * lib.add_at(x, np.array([0, -1, 0]), lib.np.sum(y) * 0.2),
    "multiply at": lambda lib, k, x, y: lib.multiply_at(x, (Ellipsis, 0), lib.np.sin(lib.np.sum(y))),
    "scatter_add_along": lambda lib, k, x, y: 0.5 * lib.scatter_add_along(
        x, 0, np.zeros((1, *x.shape[1:]), int), x[-1:] * lib.np.mean(y)
    ),
    "sorted by another": lambda lib, k, x, y: lib.np.ravel(x)[
        lib.np.argsort(lib.np.ravel(x + 0.0 * lib.np.mean(y)) * 3)
    ],
    "weighted average": lambda lib, k, x, y: lib.np.average(
        lib.np.broadcast_arrays(x, y)[0], weights=above(lib, lib.np.broadcast_arrays(x, y)[1], 0.4)
    ),
    "meshgrid": lambda lib, k, x, y: (
        lib.np.ravel(x)[:3][:, None] * lib.np.ravel(y)[:4][None, :]
    ),
})  # fmt: skip

SCALARS = family((ANY, ANY), False, {
    "difference of means": lambda lib, k, x, y: 0.5 * (lib.np.mean(x) - lib.np.mean(y)),
    "array of numbers": lambda lib, k, x, y: lib.np.stack([lib.np.mean(x), lib.np.max(y), 0.4 + 0 * lib.np.min(x)]),
})  # fmt: skip

OPERATIONS = REDUCED_AND_KEPT + REDUCED + SHAPED + INDEXED + TWO + SCALARS
