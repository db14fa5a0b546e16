"""Where a recorded function reads its parameters.

uses : recording -> every Use
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ....core.composite import Composite
from ....core.signatures import CORE, Label
from ....core.tensor import Batched, Tensor
from ....transforms.recording import Recording
from ..flattening import Array


class UncopiedError(Exception):
    """Why examples cannot have copies of the parameters."""


class Product(NamedTuple):
    """How a matrix of parameters and its other factor lie: labels of their axes, and the value's.

    The matrix has one axis along which products are summed, and one that is the value's alone.
    """

    matrix: tuple[Label, ...]
    factor: tuple[Label, ...]
    value: tuple[Label, ...]

    @property
    def rows(self) -> tuple[Label, ...]:
        """Labels of the axes that the value has from the other factor."""
        return tuple(k for k in self.value if k in self.factor)

    @property
    def summed(self) -> Label:
        return next(k for k in self.matrix if k in self.factor)

    @property
    def free(self) -> Label:
        return next(k for k in self.matrix if k in self.value)


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
    product : Product, optional
        Where it is a matrix whose other factor does not depend on the leaf: examples times
        weights, or weights times examples.
    """

    node: Tensor
    operand: int
    leaf: int
    elements: Array
    product: Product | None

    @property
    def rows(self) -> int:
        """Length of the axis along which examples would lie; 0 where there is none."""
        shape = self.node.value.shape
        if self.product is not None:
            return len(self._other_factor())
        if not self.node.prim.is_broadcasting or not shape:  # type: ignore[union-attr]
            return 0
        own = self.elements.shape
        return int(shape[0]) if len(own) < len(shape) or own[0] == 1 else 0

    def suits(self, examples: int) -> bool:
        """Whether each of ``examples`` examples has rows of its own, one after the other."""
        if self.product is not None and len(self.product.rows) == 1:
            return self.rows > 0 and self.rows % examples == 0
        return self.rows == examples

    def inputs(self, examples: int) -> Array:
        """A product's other factor as (examples, T, d): T positions that share the weights."""
        x = self._other_factor()
        return x.reshape(examples, -1, x.shape[-1])

    def outputs(self, z: Array) -> Array:
        """An array (examples, T, o) as a product's value lies."""
        assert self.product is not None
        value, laid = self.product.value, (*self.product.rows, self.product.free)
        lengths = dict(zip(value, self.node.value.shape, strict=True))
        wide = z.reshape([lengths[k] for k in laid])
        return wide.transpose([laid.index(k) for k in value])

    def _other_factor(self) -> Array:
        """A product's other factor, (..., d)."""
        assert self.product is not None
        laid = (*self.product.rows, self.product.summed)
        x = np.asarray(self.node.args[1 - self.operand])
        return x.transpose([self.product.factor.index(k) for k in laid])


def uses(run: Recording) -> list[Use]:
    """Every operand on the tape that holds parameters, in the order of the nodes.

    Raises
    ------
    UncopiedError
        For a tape with nodes that cannot be evaluated again one by one.
    """
    origins: dict[int, tuple[int, Array]] = {}  # time -> leaf and elements
    sources: dict[int, int] = {}  # time -> the leaves that it depends on, a bit each
    for i, start in enumerate(run.starts):
        origins[start.time] = i, np.arange(start.value.size).reshape(start.value.shape)
        sources[start.time] = 1 << i
    found = []
    for node in run.tape().nodes:
        times = [None if p is None else p.time for p in node.parents]
        read = [0 if t is None else sources.get(t, 0) for t in times]
        sources[node.time] = functools.reduce(operator.or_, read, 0)
        if not sources[node.time]:
            continue  # from within the function, such as a gradient that it takes
        if isinstance(node, Batched) or isinstance(node.prim, Composite):
            raise UncopiedError("the loss uses vmap, checkpoint or a rule of its own")
        origin = _rearranged_elements(node, origins)
        if origin is not None:
            origins[node.time] = origin
            continue
        for which, time in enumerate(times):
            if time in origins:
                leaf, elements = origins[time]
                other = 1 - which
                apart = (
                    len(times) == 2 and times[other] not in origins and not read[other] >> leaf & 1
                )
                product = _find_product(node, which) if apart else None
                found.append(Use(node, which, leaf, elements, product))
    return found


def _find_product(node: Tensor, operand: int) -> Product | None:
    """How factors lie, where the node sums products of a matrix with rows of the other factor."""
    prim: Any = node.prim
    if prim.kind != "bilinear" or np.ndim(node.args[operand]) != 2:
        return None
    axes = prim.axes(node.params or {}, [np.shape(x) for x in node.args], node.shape)
    found = Product(axes.operands[operand], axes.operands[1 - operand], axes.result)
    summed = set(found.matrix) & set(found.factor) - set(found.value)
    free = set(found.matrix) & set(found.value) - set(found.factor)
    fits = (
        len(summed) == len(free) == 1
        and len(found.factor) == len(found.value) == len(found.rows) + 1 > 1
        and not {CORE, None} & {*found.matrix, *found.factor, *found.value}
    )
    return found if fits and _is_plain(node, operand, found) else None


def _is_plain(node: Tensor, operand: int, product: Product) -> bool:
    """Whether products are summed as they are, with no factor of the operation's own."""
    prim: Any = node.prim
    if prim.product is not None:
        return True
    args = [np.asarray(x) for x in node.args]
    args[operand] = np.random.default_rng(0).standard_normal(args[operand].shape)
    number = {k: i for i, k in enumerate({*product.matrix, *product.factor, *product.value})}
    matrix, factor, value = ([number[k] for k in labels] for labels in product)
    plain = np.einsum(args[operand], matrix, args[1 - operand], factor, value, optimize=True)
    return np.allclose(prim.fn(*args, **(node.params or {})), plain)


def _rearranged_elements(
    node: Tensor, origins: dict[int, tuple[int, Array]]
) -> tuple[int, Array] | None:
    """The elements that a node rearranges, each once; None where it computes something."""
    prim: Any = node.prim
    parent, *others = node.parents
    if not prim.moves or prim.kind != "linear" or any(p is not None for p in others):
        return None
    if parent is None or parent.time not in origins:
        return None
    leaf, elements = origins[parent.time]
    order = np.asarray(prim.fn(elements + 1, *node.args[1:], **(node.params or {}))) - 1
    each_once = np.unique(order).size == order.size and (order >= 0).all()  # not filled with zeros
    return (leaf, order) if each_once else None
