"""The net in PyTorch, with the weights and the data of the others."""

from __future__ import annotations

from typing import Any

import torch

from .curvature_problem import Numbers


def net(numbers: Numbers) -> torch.nn.Sequential:
    """Linear, tanh, linear, tanh, linear, in float64."""
    weights, biases = numbers.params[::2], numbers.params[1::2]
    layers: list[Any] = []
    for w, b in zip(weights, biases, strict=True):
        layer = torch.nn.Linear(*w.shape, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(w.T))
            layer.bias.copy_(torch.from_numpy(b))
        layers += [layer, torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


def batch(numbers: Numbers) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and labels."""
    return torch.from_numpy(numbers.x), torch.from_numpy(numbers.y)


def theirs(v: Any, numbers: Numbers) -> list[torch.Tensor]:
    """A vector in our order as tensors of their shapes: their weights are (outputs, inputs)."""
    given, parts = torch.as_tensor(v), []
    at = 0
    for p in numbers.params:
        part = given[at : at + p.size].reshape(p.shape)
        parts.append((part.T if p.ndim == 2 else part).contiguous())
        at += p.size
    return parts


def ours(parts: Any) -> Any:
    """The converse: tensors of their shapes as a vector, in our order."""
    flat = [(p.T if p.ndim == 2 else p).reshape(-1) for p in parts]
    return torch.cat(flat).detach().numpy()
