"""One operator of a graph, and what rules ask of it.

rule  : (node, *inputs) -> output, or a tuple of several; an input that is left out is None
limit : (node, known arrays) -> what of it is not supported; empty if all is
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor

LARGEST = 2**28
"""How many elements an array may have whose shape a file names: 2 GiB of float64."""


@dataclasses.dataclass(frozen=True)
class Node:
    """An operator with the names of its inputs and outputs.

    Attributes
    ----------
    operator, name : str
    inputs, outputs : tuple of str
        Empty where one is left out.
    attributes : dict
    opset : int
        The version of ONNX's operators: some mean something else since.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    opset: int

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, or its default."""
        return self.attributes.get(name, default)

    def __str__(self) -> str:
        return f"{self.operator} {self.name or ', '.join(self.outputs)!r}"


Rule = Callable[..., Any]
Limit = Callable[[Node, Mapping[str, Any]], str]


def concrete(node: Node, x: Any, what: str) -> np.ndarray[Any, Any]:
    """An input whose numbers must be known while the model is recorded."""
    if isinstance(x, Tensor):
        if x.prim is not None or type(x) is not Tensor:
            raise TypeError(
                f"{node}: its {what} depends on the data, so that shapes would change from call to "
                "call; such models are not supported"
            )
        x = x.value
    return np.asarray(x)


def integers(node: Node, x: Any, what: str) -> tuple[int, ...]:
    """The same, as Python's integers."""
    return tuple(int(n) for n in concrete(node, x, what).reshape(-1))


def axes_of(node: Node, given: Any, name: str = "axes") -> tuple[int, ...] | None:
    """Axes from an input, as newer operators have them, or from an attribute."""
    if given is not None:
        return integers(node, given, name)
    found = node.get(name)
    return None if found is None else tuple(found)


def axis_of(node: Node, rank: int, default: int, end: bool = False) -> int:
    """The attribute ``axis``, counted from the front; it may be the end where ``end`` says so."""
    axis = node.get("axis", default)
    if not isinstance(axis, int) or not -rank <= axis < rank + end:
        raise ValueError(f"{node}: there is no axis {axis} in an array of {rank} dimensions")
    return axis + rank if axis < 0 else axis


def sized(node: Node, shape: Sequence[int]) -> tuple[int, ...]:
    """A shape that a file names, if an array of it is not absurdly large."""
    if min(shape, default=0) < 0 or math.prod(shape) > LARGEST:
        raise ValueError(f"{node}: an array of shape {tuple(shape)} is not made")
    return tuple(shape)
