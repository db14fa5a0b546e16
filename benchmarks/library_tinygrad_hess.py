"""tinygrad_hess, recording each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import problems

import tinygrad_hess as tg


def chain(x: Any) -> Any:
    for _ in range(problems.CHAIN_LENGTH // 4):
        x = tg.ops.tanh(tg.ops.sin(x) * 1.01 + 0.1)
    return x.sum()


def loss(params: Any, x: Any, y: Any) -> Any:
    h = x
    for i in range(0, len(params), 2):
        h = h @ params[i] + params[i + 1]
        if i < len(params) - 2:
            h = np.tanh(h)
    return (tg.ops.logsumexp(h, axis=-1) - (h * y).sum(-1)).mean()


def tasks() -> dict[str, Callable[[], Any]]:
    chain_grad, value_and_grad = tg.grad(chain), tg.value_and_grad(loss)
    made: dict[str, Callable[[], Any]] = {"chain grad": lambda: chain_grad(problems.CHAIN_START)}
    for name in problems.NETS:
        params, x, y, v = problems.net(name)
        _, push = tg.linearize(lambda p, x=x, y=y: tg.grad(loss)(p, x, y), params)
        made[f"{name} value and grad"] = lambda a=(params, x, y): value_and_grad(*a)
        made[f"{name} HVP"] = lambda a=(loss, params, v, x, y): tg.hvp(*a)
        made[f"{name} HVP again"] = lambda push=push, v=v: push(v)
    return made
