"""Layers of nets, and transforms inside random programs."""

from __future__ import annotations

from typing import Any

import numpy as np
from random_operation import ANY, AXES, family

M34, M33, T34, T33 = (3, 4), (3, 3), (2, 3, 4), (2, 3, 3)

CONVOLVED = family(((T34,), (T33,)), True, {
    "conv1d": lambda lib, k, x, w: lib.conv(x, w, stride=1 + k % 2, padding=k % 3),
    "conv1d dilated": lambda lib, k, x, w: lib.conv(x, w[..., :2], padding=1, dilation=2),
    "conv2d": lambda lib, k, x, w: lib.conv(x[:, None], w[:, None], padding=1, stride=1 + k % 2),
    "conv2d of channels": lambda lib, k, x, w: lib.conv(x[None], w[None, :, :2, :2], padding=k % 2),
    "conv2d in groups": lambda lib, k, x, w: lib.conv(x[None], w[:, None, :2], groups=2, padding=1),
    "conv_transpose1d": lambda lib, k, x, w: lib.conv_transpose(
        x, lib.np.swapaxes(w, 0, 1), stride=1 + k % 2, padding=k % 3
    ),
    "conv_transpose2d": lambda lib, k, x, w: lib.conv_transpose(
        x[None], w[:, None, :2, :], stride=1 + k % 2, padding=k % 2
    ),
})  # fmt: skip

POOLED = family(((T34,),), False, {
    "avg_pool2d": lambda lib, k, x: lib.avg_pool2d(x, 2, stride=(None, 1)[k % 2]),
    "avg_pool2d padded": lambda lib, k, x: lib.avg_pool2d(x[:, None], 3, stride=2, padding=1),
    "max_pool2d": lambda lib, k, x: lib.max_pool2d(x[None], 2, stride=(None, 1)[k % 2]),
    "max_pool2d padded": lambda lib, k, x: lib.max_pool2d(x[:, None], 3, stride=1 + k % 2, padding=1),
    "batch_norm": lambda lib, k, x: 0.5 * lib.batch_norm(x, eps=0.2),
})  # fmt: skip

LABELS = np.array([2, 0, 3])

NETS = [
    *family(((M34,),), True, {
        "cross_entropy": lambda lib, k, x: lib.cross_entropy(2 * x, LABELS),
        "picked log-probabilities": lambda lib, k, x: lib.log_softmax(x)[np.arange(3), LABELS],
    }),
    *family(((M33,), (M34,)), True, {
        "dense layer": lambda lib, k, w, x: lib.np.tanh(x.T @ w + 0.1) @ w.T,
        "attention": lambda lib, k, w, x: lib.softmax(w @ x @ x.T @ w.T / 2, axis=-1) @ x,
        "recurrence": lambda lib, k, w, x: _recurrence(lib, w, x),
    }),
]  # fmt: skip


def _recurrence(lib: Any, w: Any, x: Any) -> Any:
    """A loop over columns."""
    h = 0.1 * x[:, 0]
    for t in range(4):
        h = lib.np.tanh(w @ h + x[:, t])
    return h


def energy(lib: Any, x: Any) -> Any:
    return lib.np.sum(lib.np.sin(x) * x) + lib.np.mean(lib.np.tanh(x)) ** 2


def _inside(lib: Any, x: Any) -> Any:
    return lib.grad(lambda y: lib.np.sum(y**2 * lib.np.sin(x)))(lib.np.tanh(x))


TRANSFORMED = family((AXES,), True, {
    "grad": lambda lib, k, x: lib.grad(lambda y: energy(lib, y))(x),
    "grad that closes over": lambda lib, k, x: _inside(lib, x),
    "grad of grad": lambda lib, k, x: lib.grad(lambda y: lib.np.sum(lib.grad(lambda z: energy(lib, z))(y) ** 2))(x),
    "jvp": lambda lib, k, x: lib.jvp(lambda y: lib.np.cumsum(lib.np.sin(y), axis=0), x, lib.np.cos(x)),
    "vmap": lambda lib, k, x: lib.vmap(lambda r: lib.softmax(lib.np.atleast_1d(r)) * lib.np.sum(r))(x),
    "vmap over the last axis": lambda lib, k, x: lib.vmap(
        lambda r: lib.np.sum(r) * lib.np.sin(r), in_axes=-1, out_axes=-1
    )(x),
    "vmap of grad": lambda lib, k, x: lib.vmap(lib.grad(lambda r: energy(lib, r)))(x),
    "checkpoint": lambda lib, k, x: lib.checkpoint(lambda y: lib.np.sin(y) * lib.np.exp(-y * y))(x),
    "jit": lambda lib, k, x: lib.jit(lambda y: lib.np.cos(y) + y / (1.0 + y * y))(x),
})  # fmt: skip

STOPPED = family((ANY, ANY), True, {
    "product with a stopped mean": lambda lib, k, x, y: x * lib.stop_gradient(lib.np.mean(lib.np.exp(y))),
})  # fmt: skip

OPERATIONS = CONVOLVED + POOLED + NETS + TRANSFORMED + STOPPED
