"""Layers of nets, and transforms inside random programs."""

from __future__ import annotations

from typing import Any

import numpy as np
from random_operation import ANY, AXES, family

M34, M33, T34, T33 = (3, 4), (3, 3), (2, 3, 4), (2, 3, 3)

CONVOLVED = family(((T34,), (T33,)), True, {
    "conv1d": lambda l, k, x, w: l.conv(x, w, stride=1 + k % 2, padding=k % 3),
    "conv1d dilated": lambda l, k, x, w: l.conv(x, w[..., :2], padding=1, dilation=2),
    "conv2d": lambda l, k, x, w: l.conv(x[:, None], w[:, None], padding=1, stride=1 + k % 2),
    "conv2d of channels": lambda l, k, x, w: l.conv(x[None], w[None, :, :2, :2], padding=k % 2),
    "conv2d in groups": lambda l, k, x, w: l.conv(x[None], w[:, None, :2], groups=2, padding=1),
    "conv_transpose1d": lambda l, k, x, w: l.conv_transpose(
        x, l.np.swapaxes(w, 0, 1), stride=1 + k % 2, padding=k % 3
    ),
    "conv_transpose2d": lambda l, k, x, w: l.conv_transpose(
        x[None], w[:, None, :2, :], stride=1 + k % 2, padding=k % 2
    ),
})  # fmt: skip

POOLED = family(((T34,),), False, {
    "avg_pool2d": lambda l, k, x: l.avg_pool2d(x, 2, stride=(None, 1)[k % 2]),
    "avg_pool2d padded": lambda l, k, x: l.avg_pool2d(x[:, None], 3, stride=2, padding=1),
    "max_pool2d": lambda l, k, x: l.max_pool2d(x[None], 2, stride=(None, 1)[k % 2]),
    "max_pool2d padded": lambda l, k, x: l.max_pool2d(x[:, None], 3, stride=1 + k % 2, padding=1),
    "batch_norm": lambda l, k, x: 0.5 * l.batch_norm(x, eps=0.2),
})  # fmt: skip

LABELS = np.array([2, 0, 3])

NETS = [
    *family(((M34,),), True, {
        "cross_entropy": lambda l, k, x: l.cross_entropy(2 * x, LABELS),
        "picked log-probabilities": lambda l, k, x: l.log_softmax(x)[np.arange(3), LABELS],
    }),
    *family(((M33,), (M34,)), True, {
        "dense layer": lambda l, k, w, x: l.np.tanh(x.T @ w + 0.1) @ w.T,
        "attention": lambda l, k, w, x: l.softmax(w @ x @ x.T @ w.T / 2, axis=-1) @ x,
        "recurrence": lambda l, k, w, x: _recurrence(l, w, x),
    }),
]  # fmt: skip


def _recurrence(l: Any, w: Any, x: Any) -> Any:
    """A loop over columns."""
    h = 0.1 * x[:, 0]
    for t in range(4):
        h = l.np.tanh(w @ h + x[:, t])
    return h


def energy(l: Any, x: Any) -> Any:
    return l.np.sum(l.np.sin(x) * x) + l.np.mean(l.np.tanh(x)) ** 2


def _inside(l: Any, x: Any) -> Any:
    return l.grad(lambda y: l.np.sum(y**2 * l.np.sin(x)))(l.np.tanh(x))


TRANSFORMED = family((AXES,), True, {
    "grad": lambda l, k, x: l.grad(lambda y: energy(l, y))(x),
    "grad that closes over": lambda l, k, x: _inside(l, x),
    "grad of grad": lambda l, k, x: l.grad(lambda y: l.np.sum(l.grad(lambda z: energy(l, z))(y) ** 2))(x),
    "jvp": lambda l, k, x: l.jvp(lambda y: l.np.cumsum(l.np.sin(y), axis=0), x, l.np.cos(x)),
    "vmap": lambda l, k, x: l.vmap(lambda r: l.softmax(l.np.atleast_1d(r)) * l.np.sum(r))(x),
    "vmap over the last axis": lambda l, k, x: l.vmap(
        lambda r: l.np.sum(r) * l.np.sin(r), in_axes=-1, out_axes=-1
    )(x),
    "vmap of grad": lambda l, k, x: l.vmap(l.grad(lambda r: energy(l, r)))(x),
    "checkpoint": lambda l, k, x: l.checkpoint(lambda y: l.np.sin(y) * l.np.exp(-y * y))(x),
    "jit": lambda l, k, x: l.jit(lambda y: l.np.cos(y) + y / (1.0 + y * y))(x),
})  # fmt: skip

STOPPED = family((ANY, ANY), True, {
    "product with a stopped mean": lambda l, k, x, y: x * l.stop_gradient(l.np.mean(l.np.exp(y))),
})  # fmt: skip

OPERATIONS = CONVOLVED + POOLED + NETS + TRANSFORMED + STOPPED
