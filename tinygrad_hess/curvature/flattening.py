"""A tree of parameters as one vector, and back.

flatten   : tree -> (P,)          unflatten : (P,) -> tree
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import trees
from ..errors import NonDifferentiableError
from ..tensors import Batched, Tensor, constant


class Flattening:
    """How the leaves of one tree lie one after the other in a vector.

    Leaves may be arrays, tensors or Python floats. Values are copied, so that nothing done here
    can change the tree, and training it further does not change what was flattened.

    Parameters
    ----------
    tree : pytree
        Real floating-point leaves, of any shape; at least one element in all.
    who : str
        The caller, for errors.

    Raises
    ------
    NonDifferentiableError
        For a leaf that is not real floating point.
    ValueError
        For a tree without a single element.

    Examples
    --------
    >>> flat = Flattening({"b": np.zeros(2), "w": np.ones((2, 2))}, "example")
    >>> flat.flatten(flat.unflatten(np.arange(6.0)))
    array([0., 1., 2., 3., 4., 5.])
    """

    def __init__(self, tree: Any, who: str):
        leaves, self.spec = trees.flatten(tree)
        self.who = who
        self.boxed = [isinstance(x, Tensor) for x in leaves]
        self.values = [
            _value(x, f"{who}: params{path}")
            for x, path in zip(leaves, trees.paths(tree), strict=True)
        ]
        self.sizes = [math.prod(x.shape) for x in self.values]
        self.size = sum(self.sizes)
        if self.size == 0:
            raise ValueError(f"{who}: params hold no element to differentiate ({self.spec})")
        ends = np.cumsum(self.sizes).tolist()
        self.slices = [slice(end - n, end) for end, n in zip(ends, self.sizes, strict=True)]
        self.dtype = np.result_type(*(x.dtype for x in self.values))

    def tree(self) -> Any:
        """The parameters themselves, as arrays in their tree."""
        return trees.unflatten(self.spec, self.values)

    def holds(self, tree: Any) -> bool:
        """Whether ``tree`` has the structure and the shapes of the parameters."""
        leaves, spec = trees.flatten(tree)
        return bool(spec == self.spec) and all(
            np.shape(_raw(x)) == v.shape for x, v in zip(leaves, self.values, strict=True)
        )

    def join(self, leaves: Sequence[Any], columns: int | None = None) -> np.ndarray[Any, Any]:
        """Leaves ``(*shape)`` as ``(P,)``, or leaves ``(columns, *shape)`` as ``(P, columns)``.

        None is zero.
        """
        shape = (self.size,) if columns is None else (self.size, columns)
        out = np.zeros(shape, self.dtype)
        for x, place, size in zip(leaves, self.slices, self.sizes, strict=True):
            if x is not None and size:
                flat = np.reshape(x, (size,) if columns is None else (columns, size))
                out[place] = flat if columns is None else flat.T
        return out

    def part(self, vectors: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any] | None]:
        """The converse of :meth:`join`, in each leaf's dtype; None where all is exactly zero."""
        out: list[np.ndarray[Any, Any] | None] = []
        for value, place in zip(self.values, self.slices, strict=True):
            block = vectors[place]
            if not block.any():
                out.append(None)
                continue
            shape = value.shape if vectors.ndim == 1 else (vectors.shape[1], *value.shape)
            flat = np.ascontiguousarray(block.T, value.dtype).reshape(shape)
            out.append(flat)
        return out

    def flatten(self, tree: Any) -> np.ndarray[Any, Any]:
        """A tree like the parameters as one new vector of shape (P,)."""
        given = trees.match(tree, self.values, self.spec, self.who, "the tree", "the parameters")
        return self.join([_raw(x) for x in given])

    def unflatten(self, vector: Any, boxed: Sequence[bool] | None = None) -> Any:
        """A vector of shape (P,) as a tree like the parameters (new arrays, or tensors)."""
        vector = np.asarray(vector)
        if vector.shape != (self.size,):
            raise ValueError(
                f"{self.who}: a vector of shape {vector.shape} cannot be unflattened into "
                f"{self.size} parameters; its shape must be ({self.size},)"
            )
        leaves = []
        boxes = self.boxed if boxed is None else boxed
        for value, place, box in zip(self.values, self.slices, boxes, strict=True):
            x = vector[place].reshape(value.shape).astype(value.dtype)[()]
            leaves.append(constant(np.asarray(x)) if box else x)
        return trees.unflatten(self.spec, leaves)


def _raw(x: Any) -> Any:
    return x.value if isinstance(x, Tensor) else x


def _value(x: Any, what: str) -> np.ndarray[Any, Any]:
    if isinstance(x, Batched):
        raise NonDifferentiableError(
            f"{what} has a different value for each example of a vmap. Build the operator outside "
            "vmap, or use tg.hvp inside it."
        )
    value = np.array(_raw(x))
    if value.dtype.kind != "f":
        raise NonDifferentiableError(
            f"{what} has dtype {value.dtype}; a Hessian needs real floating-point parameters. "
            "Convert it first, as in x.astype(float), or keep it out of params."
        )
    return value
