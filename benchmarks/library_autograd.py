"""HIPS/autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as np
import problems
from autograd.scipy.special import logsumexp


def chain(x: Any) -> Any:
    for _ in range(problems.CHAIN_LENGTH // 4):
        x = np.tanh(np.sin(x) * 1.01 + 0.1)
    return np.sum(x)


def loss(params: Any, x: Any, y: Any) -> Any:
    h = x
    for i in range(0, len(params), 2):
        h = np.dot(h, params[i]) + params[i + 1]
        if i < len(params) - 2:
            h = np.tanh(h)
    return np.mean(logsumexp(h, axis=-1) - np.sum(h * y, axis=-1))


def hvp(params: Any, x: Any, y: Any, v: Any) -> Any:
    """Reverse over reverse, as its documentation has it."""
    return autograd.make_hvp(lambda p: loss(p, x, y))(params)[0](v)


def tasks() -> dict[str, Callable[[], Any]]:
    chain_grad, value_and_grad = autograd.grad(chain), autograd.value_and_grad(loss)
    made: dict[str, Callable[[], Any]] = {"chain grad": lambda: chain_grad(problems.CHAIN_START)}
    for name in problems.NETS:
        params, x, y, v = problems.net(name)
        made[f"{name} value and grad"] = lambda a=(params, x, y): value_and_grad(*a)
        made[f"{name} HVP"] = lambda a=(params, x, y, v): hvp(*a)
    return made
