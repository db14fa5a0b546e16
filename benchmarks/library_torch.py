"""PyTorch, eager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import problems
import torch


def chain(x: Any) -> Any:
    for _ in range(problems.CHAIN_LENGTH // 4):
        x = torch.tanh(torch.sin(x) * 1.01 + 0.1)
    return x.sum()


def loss(params: Any, x: Any, y: Any) -> Any:
    h = x
    for i in range(0, len(params), 2):
        h = h @ params[i] + params[i + 1]
        if i < len(params) - 2:
            h = torch.tanh(h)
    return (torch.logsumexp(h, -1) - (h * y).sum(-1)).mean()


def value_and_grad(params: Any, x: Any, y: Any) -> Any:
    value = loss(params, x, y)
    return value.detach(), torch.autograd.grad(value, params)


def hvp(params: Any, x: Any, y: Any, v: Any) -> Any:
    """Reverse over reverse, the cheapest form in PyTorch eager."""
    gradient = torch.autograd.grad(loss(params, x, y), params, create_graph=True)
    return torch.autograd.grad(gradient, params, v)


def tasks() -> dict[str, Callable[[], Any]]:
    start = torch.tensor(problems.CHAIN_START)

    def chain_grad() -> Any:
        x = start.clone().requires_grad_()
        return torch.autograd.grad(chain(x), x)[0]

    made: dict[str, Callable[[], Any]] = {"chain grad": chain_grad}
    for name in problems.NETS:
        params, x, y, v = problems.net(name)
        p = [torch.tensor(a).requires_grad_() for a in params]
        tx, ty, tv = torch.tensor(x), torch.tensor(y), [torch.tensor(a) for a in v]
        made[f"{name} value and grad"] = lambda a=(p, tx, ty): value_and_grad(*a)
        made[f"{name} HVP"] = lambda a=(p, tx, ty, tv): hvp(*a)
    return made
