"""Extra arguments of a user's function as one vector, and back.

Parameters : pytree of arrays, numbers and anything else  <->  vector of its floating leaves
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import trees
from ...core.errors import NonDifferentiableError, describe
from ...core.tensor import Batched, Tensor, tensor_or_array
from ...ops import astype, concatenate, ravel, reshape, stack

DOUBLE = np.dtype(np.float64)


class Parameters:
    """The floating leaves of ``args`` as one vector; the others stay as they are.

    Parameters
    ----------
    args : tuple
        Further arguments of a user's function: pytrees of arrays, tensors, numbers and others.
    who : str
        The operation, for errors.

    Attributes
    ----------
    vector : array or tensor, shape (p,)
        The floating leaves, in float64.
    dtypes : list of dtype
        Of the arrays and tensors among those leaves.
    """

    def __init__(self, args: Any, who: str):
        leaves, self.spec = trees.flatten_every(tuple(args))
        self.fixed: dict[int, Any] = {}
        self.slices: list[tuple[int, int, tuple[int, ...]]] = []
        self.dtypes = []
        parts, at = [], 0
        for i, x in enumerate(leaves):
            kind = "f" if isinstance(x, float) else getattr(getattr(x, "dtype", None), "kind", "O")
            if kind == "c":
                raise NonDifferentiableError(
                    f"{who}: an argument is {describe(x)}; keep real and imaginary parts as two "
                    "real arrays"
                )
            if kind != "f":
                self.fixed[i] = x
                continue
            if hasattr(x, "dtype") and not isinstance(x, float):
                self.dtypes.append(x.dtype)
            shape = np.shape(x) if not isinstance(x, Tensor) else x.shape
            size = math.prod(shape)
            self.slices.append((at, at + size, shape))
            at += size
            parts.append(as_double(ravel(x)))
        self.count = len(leaves)
        self.vector = concatenate(parts) if parts else np.zeros(0)

    def tree(self, vector: Any) -> tuple[Any, ...]:
        """The arguments, with floating leaves from a vector."""
        supply = iter(self.slices)
        leaves = []
        for i in range(self.count):
            if i in self.fixed:
                leaves.append(self.fixed[i])
            else:
                start, stop, shape = next(supply)
                leaves.append(reshape(vector[start:stop], shape=shape) if shape else vector[start])
        return tuple(trees.unflatten(self.spec, leaves))


def as_double(x: Any) -> Any:
    """In float64, in which solvers work."""
    return x if getattr(x, "dtype", None) == DOUBLE else astype(x, DOUBLE)


def flat(x: Any, who: str, size: int | None = None) -> Any:
    """What a user's function returned (an array, a tensor, a number, a list of those) as a vector.

    Raises
    ------
    ValueError
        When it does not have ``size`` elements.
    """
    if isinstance(x, (list, tuple)):
        if any(isinstance(part, Tensor) for part in x):
            x = stack([tensor_or_array(part) for part in x])
        else:
            x = np.asarray(x, float)
    elif not isinstance(x, Tensor):
        x = np.asarray(x)
    if x.dtype.kind == "c":
        raise NonDifferentiableError(
            f"{who} returned {describe(x)}; keep real and imaginary parts as two real arrays"
        )
    found = math.prod(x.shape)
    if size is not None and found != size:
        raise ValueError(f"{who} returned {describe(x)}, of which {size} elements were expected")
    return as_double(x if len(x.shape) == 1 else ravel(x))


def plain(x: Any, who: str) -> Any:
    """The value of a function of arrays, which must not have come from anything recorded.

    Raises
    ------
    NonDifferentiableError
        When the function closes over a tensor that is being differentiated, replayed or mapped.
    """
    if not isinstance(x, Tensor):
        return x
    if x.prim is not None or isinstance(x, Batched):
        how = "mapped by vmap" if isinstance(x, Batched) else "being recorded"
        raise NonDifferentiableError(
            f"{who} uses a tensor from outside that is {how}: its derivative would be lost. Pass "
            "it in args, as in func(..., w) with args=(w,), and it is differentiated."
        )
    return x.value
