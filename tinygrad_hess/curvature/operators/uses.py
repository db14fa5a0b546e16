"""Where a recorded function reads its parameters.

uses : recording -> every Use
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass

import numpy as np

from ...ops.products import PRODUCTS
from ...tensors import Batched, Tensor
from ...transforms.recording import Recording
from .flattening import Array

REARRANGING = frozenset({"alias", "reshape", "transpose", "index", "roll"})
"""Primitives that move elements and leave them as they are."""


class UncopiedError(Exception):
    """Why examples cannot have copies of the parameters."""


@dataclass(frozen=True, eq=False)
class Use:
    """An operand that holds parameters as they are, perhaps rearranged.

    Attributes
    ----------
    node : Tensor
        What is computed from it.
    operand : int
    leaf : int
        The leaf that the parameters come from.
    elements : ndarray of int
        Which elements of the leaf, in the shape of the operand.
    product : bool
        Whether it is a matrix whose other factor does not depend on the leaf: examples times
        weights, or weights times examples.
    """

    node: Tensor
    operand: int
    leaf: int
    elements: Array
    product: bool

    @property
    def rows(self) -> int:
        """Length of the axis along which examples would lie; 0 where there is none."""
        shape = self.node.value.shape
        if self.product:
            return len(self._inputs())
        if self.node.prim.kind != "elementwise" or not shape:  # type: ignore[union-attr]
            return 0
        own = self.elements.shape
        return int(shape[0]) if len(own) < len(shape) or own[0] == 1 else 0

    def suits(self, examples: int) -> bool:
        """Whether each of so many examples has rows of its own, one after the other."""
        if self.product and self._inputs().ndim == 2:
            return self.rows > 0 and self.rows % examples == 0
        return self.rows == examples

    def inputs(self, examples: int) -> Array:
        """A product's other factor as (examples, T, d): T positions that share the weights."""
        x = self._inputs()
        return x.reshape(examples, -1, x.shape[-1])

    def outputs(self, z: Array) -> Array:
        """An array (examples, T, o) as a product's value lies."""
        shape = self.node.value.shape
        if self.operand:
            return z.reshape(shape)
        if len(shape) == 2:
            return z.reshape(shape[::-1]).T
        return z.reshape(*shape[:-2], shape[-1], shape[-2]).swapaxes(-1, -2)

    def _inputs(self) -> Array:
        """A product's other factor, (..., d)."""
        x, name = np.asarray(self.node.args[1 - self.operand]), self.node.prim.name  # type: ignore[union-attr]
        lies = name == "matmul_tn" if self.operand else name != "matmul_nt"  # (..., d, rows)
        return x.swapaxes(-1, -2) if lies else x


def uses(run: Recording) -> list[Use]:
    """Every operand on the tape that holds parameters, in the order of the nodes.

    Raises
    ------
    UncopiedError
        For a tape with nodes that cannot be evaluated again one by one.
    """
    held: dict[int, tuple[int, Array]] = {}  # time -> leaf and elements
    sources: dict[int, int] = {}  # time -> the leaves that it depends on, a bit each
    for i, start in enumerate(run.starts):
        held[start.time] = i, np.arange(start.value.size).reshape(start.value.shape)
        sources[start.time] = 1 << i
    found = []
    for node in run.tape().nodes:
        times = [None if p is None else p.time for p in node.parents]
        read = [0 if t is None else sources.get(t, 0) for t in times]
        sources[node.time] = functools.reduce(operator.or_, read, 0)
        if not sources[node.time]:
            continue  # from within the function, such as a gradient that it takes
        prim = node.prim
        assert prim is not None
        if isinstance(node, Batched) or prim.kind == "composite" or prim.name == "pick":
            raise UncopiedError("the loss uses vmap, checkpoint or a rule of its own")
        moved = _moved(node, held)
        if moved is not None:
            held[node.time] = moved
            continue
        for which, time in enumerate(times):
            if time in held:
                leaf, elements = held[time]
                product = (
                    prim.name in PRODUCTS
                    and times[1 - which] not in held
                    and not read[1 - which] >> leaf & 1
                    and _is_plain(node, which, elements)
                )
                found.append(Use(node, which, leaf, elements, product))
    return found


def _is_plain(node: Tensor, operand: int, elements: Array) -> bool:
    """Whether the parameters are one matrix, and the other factor a matrix or a stack of them."""
    other = np.ndim(node.args[1 - operand])
    if elements.ndim != 2 or other < 2:
        return False
    return other == 2 or node.prim.name != "matmul_tn"  # type: ignore[union-attr]


def _moved(node: Tensor, held: dict[int, tuple[int, Array]]) -> tuple[int, Array] | None:
    """The elements that a node rearranges, each once; None where it computes something."""
    if node.prim.name not in REARRANGING:  # type: ignore[union-attr]
        return None
    parent = node.parents[0]
    if parent is None or parent.time not in held:
        return None
    leaf, elements = held[parent.time]
    moved = np.asarray(node.prim.fn(elements, *node.args[1:], **(node.params or {})))  # type: ignore[union-attr]
    return (leaf, moved) if np.unique(moved).size == moved.size else None
