"""A trained net in one file: its arrays, and how it was made.

    save : path, model, Made -> path            load : path -> model, Made

The file is that of :func:`tinygrad_hess.io.save`; the description is JSON in an array of bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import io, nn
from ..core.named_arrays import named_arrays, with_arrays
from .datasets import Preparation
from .errors import refuse, refusing

FORMAT = "tinygrad_hess train, 1"
_FUNCTIONS = (
    *(nn.tanh, nn.relu, nn.gelu, nn.silu, nn.elu),
    *(nn.sigmoid, nn.softplus, nn.leaky_relu),
)
ACTIVATIONS = tuple(f.__name__ for f in _FUNCTIONS)
LOSSES = ("cross-entropy", "mse")


class Made(NamedTuple):
    """How a model was made.

    Attributes
    ----------
    sizes : list of int
        Widths from input to output.
    activation, loss : str
    preparation : Preparation
        How rows of data become inputs.
    """

    sizes: list[int]
    activation: str
    loss: str
    preparation: Preparation


def build(made: Made, seed: int = 0) -> nn.MLP:
    """The net, untrained."""
    return nn.MLP(made.sizes, getattr(nn, made.activation), seed=seed)


def loss_of(name: str) -> Any:
    """``loss(model, (x, y))``, a mean over examples."""

    def loss(model: Any, batch: Any) -> Any:
        x, y = batch
        outputs = model(x)
        if name == "cross-entropy":
            return nn.cross_entropy(outputs, y)
        return nn.mse(outputs, np.reshape(y, outputs.shape))

    return loss


def save(path: Path, model: Any, made: Made) -> Path:
    """Write the file."""
    told = {**made._asdict(), "preparation": made.preparation._asdict(), "format": FORMAT}
    text = json.dumps(told).encode()
    return io.save(path, {**named_arrays("train", model), "about": np.frombuffer(text, np.uint8)})


def load(path: str) -> tuple[nn.MLP, Made]:
    """Read the file."""
    with refusing():
        arrays = io.load(path)
    try:
        told = json.loads(bytes(arrays.pop("about")))
        if told.pop("format") != FORMAT:
            raise ValueError
        made = Made(**{**told, "preparation": Preparation(**told["preparation"])})
        model = with_arrays("report", build(made), arrays)[0]
    except (KeyError, ValueError, TypeError, AttributeError):
        refuse(f"{path} is no model that tinygrad-hess train --save wrote")
    return model, made
