"""Functions of two arrays, or of one, that jit must replay: every kind of transform and of result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optree
from replayed import W

import tinygrad_hess as tg
from tinygrad_hess import nn


def energy(x: Any, m: Any) -> Any:
    """A scalar with a full Hessian."""
    h = np.tanh(m @ x)
    return (h * h).sum() + np.exp(-(x @ x)) * h[0] + np.log1p(x[1:] ** 2).sum()


@tg.custom_vjp
def clipped(x: Any) -> Any:
    """The identity, whose cotangent is limited."""
    return x


clipped.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -0.1, 0.1),))


@tg.custom_jvp
def cube(x: Any) -> Any:
    """x³ with a rule of its own."""
    return x**3


cube.defjvp(lambda x, t: (cube(*x), 3 * x[0] ** 2 * t[0]))


def _linearized(x: Any, m: Any) -> Any:
    y, push = tg.linearize(lambda x: np.sin(m @ x), x)
    return y, [push(x * k) for k in (1.0, 2.0)]


def _pulled(x: Any, m: Any) -> Any:
    y, pull = tg.vjp(lambda x, m: np.sin(m @ x), x, m)
    return y, pull(np.cos(y)), pull(y)


INSIDE: dict[str, Callable[[Any, Any], Any]] = {
    "value": energy,
    "grad": tg.grad(energy),
    "grad of both": tg.grad(energy, argnums=(0, 1)),
    "value_and_grad": tg.value_and_grad(energy),
    "has_aux": tg.value_and_grad(lambda x, m: (energy(x, m), {"y": m @ x}), has_aux=True),
    "hvp": lambda x, m: tg.hvp(energy, x, x[::-1], m),
    "hessian": tg.hessian(energy),
    "jacobian": tg.jacobian(lambda x, m: np.tanh(m @ x)),
    "jacfwd": tg.jacfwd(lambda x, m: np.tanh(m @ x)),
    "jacrev": tg.jacrev(lambda x, m: np.tanh(m @ x)),
    "vmap": lambda x, m: tg.vmap(lambda row: energy(row, m))(m * x),
    "vmap of grad": lambda x, m: tg.vmap(tg.grad(energy), (0, None))(m * x, m),
    "vmap of hvp": lambda x, m: tg.vmap(lambda v: tg.hvp(energy, x, v, m))(m),
    "vmap of vmap": lambda x, m: tg.vmap(tg.vmap(lambda a, b: np.sin(a) * b, (0, None)), (None, 0))(
        x, m
    ),
    "grad of vmap": tg.grad(lambda x, m: tg.vmap(lambda row: np.tanh(row @ x))(m).sum()),
    "vmap over columns": lambda x, m: tg.vmap(np.cumsum, in_axes=1, out_axes=1)(m * x),
    "linearize": _linearized,
    "vjp": _pulled,
    "jvp": lambda x, m: tg.jvp(lambda x: m @ np.sin(x), (x,), (x**2,)),
    "grad of grad": lambda x, m: tg.grad(lambda x: (tg.grad(energy)(x, m) ** 2).sum())(x),
    "checkpoint": tg.checkpoint(energy),
    "grad of checkpoint": tg.grad(tg.checkpoint(energy)),
    "hvp of checkpoint": lambda x, m: tg.hvp(tg.checkpoint(energy), x, x, m),
    "custom_vjp": lambda x, m: clipped(x) * 2,
    "grad of custom_vjp": tg.grad(lambda x, m: (clipped(x) * x).sum()),
    "custom_jvp": lambda x, m: cube(m).sum(axis=0) + x,
    "hvp of custom_jvp": lambda x, m: tg.hvp(lambda x: (cube(x) * x).sum(), x, x),
    "vmap of custom_jvp": lambda x, m: tg.vmap(tg.grad(lambda r: cube(r).sum()))(m * x),
    "vmap of checkpoint": lambda x, m: tg.vmap(tg.grad(tg.checkpoint(energy)), (0, None))(m, m),
    "stop_gradient": tg.grad(lambda x, m: (x * tg.stop_gradient(x * 2)).sum()),
    "enable_grad": lambda x, m: _with_grad(x),
}


def _with_grad(x: Any) -> Any:
    with tg.enable_grad():
        return np.sin(x) * 2


RETURNS: dict[str, Callable[[Any], Any]] = {
    "inputs": lambda x: (x, x, {"again": x}),
    "views of inputs": lambda x: (x.T, x[1:], x.reshape(-1), np.broadcast_to(x[0], x.shape)),
    "constants": lambda x: (W, W, x * 0, W[1:]),
    "intermediate results": lambda x: _chain(x),
    "views of intermediate results": lambda x: _views(x),
    "one result twice": lambda x: _twice(np.sin(x)),
    "identity of a custom rule": lambda x: (clipped(x), clipped(x * 2), clipped(np.sin(x)) + 1),
    "identities": lambda x: (tg.stop_gradient(x), +x, x.astype(x.dtype), tg.checkpoint(np.sin)(x)),
    "a gradient": lambda x: tg.vjp(lambda x: (x, x, x + 1), x),
    "cotangents shared by two": lambda x: tg.grad(lambda a, b: (a + b).sum() * 2, (0, 1))(x, x),
    "a product": lambda x: (x.reshape(-1, 1) @ x.reshape(1, -1), (x.reshape(1, -1) @ x.reshape(-1, 1)).T),
    "mapped": lambda x: tg.vmap(lambda r: (r, r * 2, r.sum()))(np.stack([x, x])),
    "split": lambda x: np.split(np.sin(x.reshape(-1)), 3),
}  # fmt: skip


def _twice(y: Any) -> Any:
    return y, y, y.T, y[::-1]


def _chain(x: Any) -> Any:
    a = x * 2
    b = np.exp(a)
    c = b + a
    return a, c * b, b, np.tanh(c)


def _views(x: Any) -> Any:
    a = np.sin(x)
    b = a.reshape(-1)[::-1]
    c = np.cos(a) * 2
    return b, c, c.reshape(-1)[:2], c.T, (c + 1).reshape(-1)


def _unwrapped(f: Callable[..., Any]) -> Callable[..., Any]:
    """Results of a vjp without the function that comes with them."""
    return lambda *a: [y for y in optree.tree_leaves(f(*a)) if not callable(y)]


def mlp(seed: int, dtype: Any) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    model = nn.MLP([4, 8, 3], seed=rng, dtype=dtype)
    return model, rng.normal(size=(16, 4)).astype(dtype), rng.integers(0, 3, 16)


def convnet(seed: int, dtype: Any) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    draw: dict[str, Any] = {"seed": rng, "dtype": dtype}
    conv: Any = nn.Conv2d
    model = nn.Sequential(
        conv(1, 3, 3, padding="same", **draw), nn.relu, nn.MaxPool2d(2),
        conv(3, 4, 3, padding="same", **draw), nn.relu, nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(16, 3, **draw),
    )  # fmt: skip
    return model, rng.normal(size=(6, 1, 8, 8)).astype(dtype), rng.integers(0, 3, 6)


NETS = {"mlp": mlp, "convnet": convnet}


def loss(model: Any, x: Any, labels: Any) -> Any:
    return nn.cross_entropy(model(x), labels)
