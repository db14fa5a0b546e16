"""What a loss assigns to the buffers of its model, kept for the model that goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import arguments, trees
from ..core.errors import call_of

ADVICE = "Write loss(model, batch), or loss(model) without data."
"""What is said of a loss that is no function, or does not take the arguments that it is given."""


class Assignments:
    """A loss that notes what its first call left in the buffers of the model.

    A transform calls the loss on a copy of the model, and may call it several times, each time on
    the same one: the first call tells all.

    Parameters
    ----------
    loss : callable
        ``loss(model, *args)``

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import nn
    >>> from tinygrad_hess.nn.assignments import Assignments
    >>> def loss(params, x):
    ...     params["calls"].value = params["calls"].value + 1
    ...     return (params["w"] * x).sum()
    >>> model, noted = {"w": np.ones(2), "calls": nn.Buffer(0)}, Assignments(loss)
    >>> _ = tg.grad(noted)(model, 3.0)
    >>> int(model["calls"].value), int(noted.kept_in(model)["calls"].value)
    (0, 1)
    """

    def __init__(self, loss: Callable[..., Any]):
        self.loss = arguments.function("step", "loss", loss, ADVICE)
        self.values: list[Any] | None = None

    def __call__(self, model: Any, *args: Any) -> Any:
        """The loss."""
        out = call_of("loss", self.loss, (model, *args), {}, ADVICE)
        if self.values is None:
            self.values = [node.value for node in trees.buffers(model)]
        return out

    def write(self, model: Any) -> None:
        """Assign what was noted to the buffers of a model."""
        for node, value in zip(trees.buffers(model), self.values or (), strict=False):
            node.assign(value)

    def kept_in(self, model: Any) -> Any:
        """A copy of a model, with buffers as noted."""
        if not self.values:
            return model
        copy = trees.map(lambda x: x, model)
        self.write(copy)
        return copy
