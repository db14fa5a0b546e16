"""A loss whose tape does not fit: its gradient and products in segments, computed again as needed.

    product_by_shapes : loss, point, batch -> the program of which a product is the gradient
    RecomputedProgram : loss, point, bytes -> the like of a GradientProgram

``H v`` is the gradient of the tangent ``J v`` of the loss, so one reverse sweep over one scalar
function serves products, too (reverse over forward); the loss is found on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import trees
from ...core.errors import NonDifferentiableError, TracingError
from ...replay.program import Program
from ...replay.recomputation import Recomputation, by_shapes
from ...transforms.gradients import jvp
from .flattening import Array, Flattening


def product_by_shapes(loss: Callable[..., Any], at: Flattening, args: Any) -> Program | None:
    """What a product with one batch records, at no memory; None where that cannot be known."""
    arguments = _Arguments(args)
    values = [*at.values, *at.values, *arguments.arrays]
    try:
        return by_shapes(_tangent(loss, at, arguments), values)
    except (TracingError, NonDifferentiableError, np.linalg.LinAlgError):
        return None


class RecomputedProgram:
    """``loss`` and its derivatives at the flattened parameters, within a budget of bytes."""

    def __init__(self, loss: Callable[..., Any], at: Flattening, budget: float):
        self.at, self.budget = at, budget
        self._loss = loss
        self._known: dict[Any, Recomputation] = {}

    def measured(self, args: Any, point: Any = None) -> tuple[Any, Array]:
        """The loss and its gradient, shape (P,); at another point, if its leaves are given."""
        arguments = _Arguments(args)
        values = [*(self.at.values if point is None else point), *arguments.arrays]
        value, gradient = self._recomputation(_value, values, arguments)(*values)
        return value, self.at.join(gradient)

    def product(self, vector: Array, args: Any) -> tuple[Any, Array]:
        """The loss and ``H v``, shape (P,)."""
        arguments = _Arguments(args)
        values = [*self.at.values, *self.at.leaves(vector), *arguments.arrays]
        (_, value), product = self._recomputation(_tangent, values, arguments)(*values)
        return value, self.at.join(product)

    def _recomputation(
        self, of: Callable[..., Any], values: Sequence[Any], arguments: _Arguments
    ) -> Recomputation:
        key = (of, *[(x.shape, x.dtype) for x in values])
        if key not in self._known:
            f = of(self._loss, self.at, arguments)
            self._known[key] = Recomputation(f, values, len(self.at.values), self.budget)
        return self._known[key]


class _Arguments:
    """Arguments of a loss behind the parameters: their arrays, and how these lie in them."""

    def __init__(self, args: Any):
        self._leaves, self._spec = trees.flatten_every(args)
        self._at = [i for i, x in enumerate(self._leaves) if isinstance(x, np.ndarray)]
        self.arrays = [self._leaves[i] for i in self._at]

    def filled(self, arrays: Sequence[Any]) -> Any:
        """The arguments with others in place of the arrays."""
        return trees.unflatten(self._spec, trees.replaced(self._leaves, self._at, arrays))


def _value(loss: Callable[..., Any], at: Flattening, arguments: _Arguments) -> Callable[..., Any]:
    count = len(at.values)
    return lambda *values: loss(
        trees.unflatten(at.spec, values[:count]), *arguments.filled(values[count:])
    )


def _tangent(loss: Callable[..., Any], at: Flattening, arguments: _Arguments) -> Callable[..., Any]:
    """The loss's tangent, and the loss, of parameters, their tangents and data."""
    value, count = _value(loss, at, arguments), len(at.values)

    def tangent(*values: Any) -> Any:
        primals, tangents, data = values[:count], values[count : 2 * count], values[2 * count :]
        found, along = jvp(lambda *leaves: value(*leaves, *data), primals, tangents)
        return along, found

    return tangent
