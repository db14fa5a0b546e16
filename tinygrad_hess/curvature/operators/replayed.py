"""A loss and its gradient as programs of a batch: planned once, replayed on each batch of a shape.

    GradientProgram  : loss, point -> what is planned
    ReplayedGradient : program, batch -> value, gradient, H v

A tape serves many products with one batch; a program serves one product with each of many batches,
which come by one after the other and are not kept. It computes loss and gradient again with each
product, and needs no tape.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import trees
from ...replay import Replayed
from ...transforms.gradients import jvp, value_and_grad
from .flattening import Array, Flattening


class GradientProgram:
    """``loss`` and its derivatives at a point, as functions of a batch.

    Batches of one shape are replayed, the one that came most often; plans of all would hold the
    memory of as many tapes. Others are recorded each time, and so is a loss that looks at values.
    """

    def __init__(self, loss: Callable[..., Any], at: Flattening):
        self.at = at
        self._functions = (
            functools.partial(_measured, loss, at.spec),
            functools.partial(_product, loss, at.spec),
        )
        self._calls: dict[Any, int] = {}  # by shapes
        self._shapes: Any = None  # that are replayed
        self._replayed: list[Replayed] = []

    def measured(self, args: Any, point: Any = None) -> tuple[Any, Array]:
        """The loss and its gradient, shape (P,); at another point, if its leaves are given."""
        values = self.at.values if point is None else point
        value, gradient = self._function(0, args)(values, args)
        return value, self.at.join(gradient)

    def product(self, vector: Array, args: Any) -> tuple[Any, Array]:
        """The loss and ``H v``, shape (P,)."""
        run = self._function(1, args)
        value, product = run(self.at.values, self.at.leaves(vector), args)
        return value, self.at.join(product)

    def _function(self, number: int, args: Any) -> Callable[..., Any]:
        shapes = tuple([(np.shape(x), getattr(x, "dtype", None)) for x in trees.leaves_every(args)])
        calls = self._calls[shapes] = self._calls.get(shapes, 0) + 1
        if shapes != self._shapes and calls > 2 * self._calls.get(self._shapes, 0):
            self._shapes, self._replayed = shapes, [Replayed(f) for f in self._functions]
        return (self._replayed if shapes == self._shapes else self._functions)[number]


class ReplayedGradient:
    """What a sum over batches needs of one batch.

    Parameters
    ----------
    program : GradientProgram
    args : tuple
        Of the loss, behind the parameters.
    """

    def __init__(self, program: GradientProgram, args: Any):
        self._program, self._args = program, args
        self._value: Any = None
        self.nbytes = sum(np.asarray(x).nbytes for x in trees.leaves_every(args))

    @functools.cached_property
    def gradient(self) -> Array:
        """Shape (P,)."""
        self._value, found = self._program.measured(self._args)
        return found

    @property
    def value(self) -> Any:
        """The loss, which comes with whatever is computed first."""
        if self._value is None:
            _ = self.gradient
        return self._value

    def product(self, vector: Array) -> Array:
        """``H v``."""
        self._value, found = self._program.product(vector, self._args)
        return found

    def products(self, vectors: Array, chunk_size: int | None = None) -> Array:
        """``H V``, a column at a time."""
        return np.stack([self.product(v) for v in vectors.T], axis=1)


def _measured(
    loss: Callable[..., Any], spec: Any, values: Sequence[Any], args: Any
) -> tuple[Any, list[Any]]:
    value, gradient = value_and_grad(loss)(trees.unflatten(spec, values), *args)
    return value, trees.leaves(gradient)


def _product(
    loss: Callable[..., Any], spec: Any, values: Sequence[Any], tangents: list[Any], args: Any
) -> tuple[Any, list[Any]]:
    both = lambda params: value_and_grad(loss)(params, *args)
    point, tangent = trees.unflatten(spec, values), trees.unflatten(spec, tangents)
    (value, _), (_, product) = jvp(both, (point,), (tangent,))
    return value, trees.leaves(product)
