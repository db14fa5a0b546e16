"""Random programs as data: a straight line of operations over arrays of a few shapes.

    Step    : an operation of the vocabulary, which earlier results it takes, and a variant
    Program : the shapes that come in, the steps, and how many of the results count

Any list of steps is a program: an operand of the wrong shape is made to fit by gathering its
elements, and a result of an unusual shape is cut to one of ``SHAPES``. Results stay of order one,
so that derivatives of long programs are well conditioned. Constants and weights are generic
reals, so that no two numbers tie.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from random_vocabulary import ANY, AXES, LIKE, MATRIX, VOCABULARY, Operation

SHAPES: tuple[tuple[int, ...], ...] = (
    (2, 3, 4), (2, 3, 3), (3, 4), (3, 3), (4,), (3,), (1, 4), (3, 1), (),
)  # fmt: skip
"""Shapes of values, those that broadcast against each other among them."""

WINDOW = 6
"""A step takes its operands from so many results before it."""

VARIANTS = 60
"""How many variants a step may ask for: a multiple of what operations divide it by."""

BOUNDED = (
    lambda lib, x: lib.np.tanh(0.6 * x),
    lambda lib, x: lib.np.sin(x),
    lambda lib, x: lib.np.arctan(x),
    lambda lib, x: x / lib.np.sqrt(1.0 + x * x),
    lambda lib, x: 1.5 * x / (1.0 + lib.np.log1p(x * x)),
)


class Step(NamedTuple):
    operation: int
    first: int
    second: int
    third: int
    variant: int


class Program(NamedTuple):
    """Three arrays come in; the mean of each of the last ``outputs`` results counts."""

    inputs: tuple[int, int, int]
    steps: tuple[Step, ...]
    outputs: int

    def names(self) -> list[str]:
        return [VOCABULARY[s.operation].name for s in self.steps]

    def point(self, seed: int) -> list[np.ndarray]:
        """Generic reals of order one for all that comes in."""
        rng = np.random.default_rng([seed, *self.inputs])
        return [rng.uniform(-1.5, 1.5, SHAPES[i]) for i in self.inputs]

    def values(self, library: Any, *inputs: Any) -> list[Any]:
        """What came in and all results."""
        found = list(inputs)
        for step in self.steps:
            operation = VOCABULARY[step.operation]
            picks = (step.first, step.second, step.third)
            near = found[-WINDOW:]
            operands: list[Any] = []
            for need, pick in zip(operation.operands, picks, strict=False):
                x = near[-1 - pick % len(near)]
                operands.append(_fitted(library, x, need, operands, step.variant))
            y = operation.run(library, step.variant, *operands)
            if operation.grows:
                y = BOUNDED[step.variant % len(BOUNDED)](library, y)
            found.append(_settled(library, y))
        return found

    def loss(self, library: Any) -> Any:
        """The scalar function of what comes in, in that library."""

        def loss(*inputs: Any) -> Any:
            found = self.values(library, *inputs)[3:][-self.outputs :]
            terms = [_weighted(library, i, y) for i, y in enumerate(found)]
            return sum(terms[1:], terms[0])

        return loss


def _weighted(library: Any, i: int, y: Any) -> Any:
    weights = np.cos(1.0 + i + 2.0 * np.arange(math.prod(y.shape))).reshape(y.shape)
    return library.np.mean(y * weights)


def _gathered(library: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """As many elements of x as the shape needs, repeated where it has fewer."""
    n, size = math.prod(shape), math.prod(x.shape)
    flat = library.np.reshape(x, (size,))
    picked = flat[:n] if size >= n else flat[np.arange(n) % size]
    return library.np.reshape(picked, shape)


def _fitted(library: Any, x: Any, need: Any, before: Sequence[Any], variant: int) -> Any:
    if need is ANY:
        return x
    if need is AXES:
        return x if x.shape else _gathered(library, x, (3,))
    if need is LIKE:
        first = before[0].shape
        try:
            np.broadcast_shapes(x.shape, first)
        except ValueError:
            return _gathered(library, x, first)
        return x
    if need is MATRIX:
        need = ((3, 3), (2, 3, 3))
    return x if x.shape in need else _gathered(library, x, need[variant % len(need)])


def _settled(library: Any, y: Any) -> Any:
    """An array of one of ``SHAPES``: of the largest that it can fill, unless it has one."""
    shape = tuple(y.shape)
    if shape in SHAPES:
        return y
    size = math.prod(shape)
    return _gathered(library, y, next(s for s in SHAPES if math.prod(s) <= size))


def programs(least: int, most: int) -> Any:
    """A strategy for programs of so many operations.

    Operations are drawn evenly, by a seed: a program is a stretch of an endless one. So one that
    fails shrinks to the shortest stretch that does.
    """
    seed, skipped = st.integers(0, 2**32 - 1), st.integers(0, most - least)
    return st.builds(drawn, seed, skipped, st.integers(least, most))


def drawn(seed: int, skipped: int, count: int) -> Program:
    """The stretch of ``count`` operations that follows the first ``skipped`` ones."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.integers(len(SHAPES), size=3).tolist()
    outputs = (1, 3, 10**6)[rng.integers(3)]
    limits = (len(VOCABULARY), WINDOW, WINDOW, WINDOW, VARIANTS)
    rows = rng.integers(limits, size=(skipped + count, 5))[skipped:].tolist()
    return Program((a, b, c), tuple(Step(*row) for row in rows), outputs)


__all__ = ["SHAPES", "Operation", "Program", "Step", "drawn", "programs"]
