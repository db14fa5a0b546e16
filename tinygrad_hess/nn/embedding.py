"""Embeddings: a row of a table for each number."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..core import arguments
from ..core.errors import describe
from ..core.tensor import tensor_or_array
from ..ops.indexing.selecting import ClassNumbers
from .init import Seed, normal
from .module import Module
from .weights import Init, positive


class Embedding(Module):
    """The row of a table that each number names, such as the vector of a word.

    Parameters
    ----------
    count, width : int
        Rows of the table, and their length.
    padding : int, optional
        A number that stands for nothing: its row is zeros, and is not trained.
    init : callable, optional
        ``(shape, generator) -> array``; standard normal by default, as in PyTorch.
    seed, dtype
        As for :class:`Linear`.

    Attributes
    ----------
    weight : (count, width)

    Raises
    ------
    TypeError
        For numbers that are not integers.
    ValueError
        For a number that is negative or not below ``count``; under ``jit`` at each replay.

    Notes
    -----
    The rows that occur add up in the gradient, which is an array like the table: one, however often
    the table is used, replayed and in products with the Hessian too. It costs the zeros of the
    others. Optimisers that hold a row's momentum, and curvature, whose vectors have all elements,
    need those anyhow.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import nn
    >>> table = nn.Embedding(4, 2, seed=0)
    >>> table(np.array([[0, 3, 3]])).shape
    (1, 3, 2)
    >>> tg.grad(lambda m: m(np.array([0, 3, 3])).sum())(table).weight[:, 0]
    array([1., 0., 0., 2.])
    """

    def __init__(
        self,
        count: int,
        width: int,
        padding: int | None = None,
        *,
        init: Init = normal,
        seed: Seed = None,
        dtype: Any = np.float64,
    ):
        positive("Embedding", count=count, width=width)
        if padding is not None:
            padding = arguments.integer("Embedding", "padding", padding, least=0)
            if padding >= count:
                raise ValueError(f"Embedding: padding={padding} must be below count={count}")
        self.padding = padding
        arguments.function("Embedding", "init", init, "Write init=nn.init.normal.")
        drawn = arguments.array("Embedding", "what init gives", init((count, width), seed))
        if drawn.shape != (count, width):
            raise ValueError(
                f"Embedding: init gave a table of shape {drawn.shape}, but {(count, width)} is "
                "needed"
            )
        self.weight = drawn.astype(arguments.floating("Embedding", dtype))
        if padding is not None:
            self.weight[padding] = 0

    def __call__(self, numbers: Any) -> Any:
        """Integers (...) to (..., width)."""
        numbers = tensor_or_array(numbers)
        if numbers.dtype.kind not in "iu":
            raise TypeError(
                f"Embedding: numbers of rows must be integers, got {describe(numbers)}; convert "
                "them, as in numbers.astype(int)"
            )
        count = self.weight.shape[0]
        numbers = ops.checked(numbers, ClassNumbers("Embedding", count, what="numbers of rows"))
        rows = ops.index(self.weight, (numbers,))
        if self.padding is None:
            return rows
        stays = ops.astype(ops.not_equal(numbers, self.padding), self.weight.dtype)
        return rows * ops.expand_dims(stays, -1)
