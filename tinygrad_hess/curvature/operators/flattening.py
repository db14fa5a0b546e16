"""A tree of parameters as one vector, and back.

flatten   : tree -> (P,)          unflatten : (P,) -> tree
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.errors import NonDifferentiableError, why_no_gradient
from ...core.tensor import Batched, Tensor, constant, unrecorded
from ...distributed.shards import raw
from ...nn.sharing import refuse_shared
from .paths import Paths

Array = np.ndarray[Any, Any]


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
    what : str
        What the tree is, for errors.
    dtype : dtype, optional
        What to convert the leaves to.

    Attributes
    ----------
    size : int
        Elements in all, P.
    dtype : dtype
        The widest of the leaves' types.
    described : str
        How many parameters there are, how many are frozen beside them, and whether the model is in
        evaluation.
    values, sizes, slices : list
        Of each leaf: its value, how many elements it has, and where they lie in the vector.

    Raises
    ------
    NonDifferentiableError
        For a leaf that is not real floating point.
    ValueError
        For a tree without a leaf, for parameters without a single element, and for a module with
        one array in two places, which would be two parameters.

    Examples
    --------
    >>> flat = Flattening({"b": np.zeros(2), "w": np.ones((2, 2))}, "example")
    >>> flat.flatten(flat.unflatten(np.arange(6.0)))
    array([0., 1., 2., 3., 4., 5.])
    """

    def __init__(self, tree: Any, who: str, what: str = "params", dtype: Any = None):
        refuse_shared(who, tree, "two parameters", instead="")
        leaves, self.spec = trees.flatten(tree)
        self.who, self.what = who, what
        self.boxed = [isinstance(x, Tensor) for x in leaves]
        where = lambda i: f"{who}: {what}{trees.paths(tree)[i]}"
        self.values = [
            _float_array(x, what, functools.partial(where, i), dtype) for i, x in enumerate(leaves)
        ]
        self.sizes = [math.prod(x.shape) for x in self.values]
        self.size = sum(self.sizes)
        if not leaves or (self.size == 0 and what == "params"):
            why = "all are frozen, or buffers" if trees.fixed(tree) else self.spec
            raise ValueError(f"{who}: {what} hold no element to differentiate ({why})")
        frozen = sum(np.size(raw(n.value)) for n in trees.fixed(tree) if not n.is_buffer)
        self.described = f"{self.size} parameters" + (f" ({frozen} frozen)" if frozen else "")
        self.described += "" if getattr(tree, "training", True) else " in evaluation"
        ends = np.cumsum(self.sizes).tolist()
        self.slices = [slice(end - n, end) for end, n in zip(ends, self.sizes, strict=True)]
        self.dtype = np.result_type(*(x.dtype for x in self.values))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("paths", "spec")} | {
            "tree": self.tree()  # optree's specs pickle for some containers only
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.spec = trees.structure(state["tree"])
        self.__dict__.update({k: v for k, v in state.items() if k != "tree"})

    @functools.cached_property
    def paths(self) -> Paths:
        """The names of the leaves."""
        return Paths(self.tree())

    def indices(self, leaves: Sequence[int]) -> Array:
        """Where the elements of these leaves lie in the vector, in the order of the leaves."""
        return np.concatenate(
            [np.arange(s.start, s.stop) for s in (self.slices[i] for i in leaves)]
        )

    def tree(self) -> Any:
        """The parameters themselves, as arrays in their tree."""
        return trees.unflatten(self.spec, self.values)

    def tensors(self) -> Any:
        """The same as constant tensors: what a function sees when it is differentiated."""
        return trees.unflatten(self.spec, [constant(value) for value in self.values])

    def holds(self, tree: Any) -> bool:
        """Whether ``tree`` has the structure and the shapes of the parameters."""
        leaves, spec = trees.flatten(tree)
        return bool(spec == self.spec) and all(
            np.shape(raw(x)) == v.shape for x, v in zip(leaves, self.values, strict=True)
        )

    def join(self, leaves: Sequence[Any], columns: int | None = None) -> Array:
        """Leaves ``(*shape)`` as ``(P,)``, or leaves ``(columns, *shape)`` as ``(P, columns)``.

        None is zero.
        """
        if columns is None and all(x is not None for x in leaves):
            return np.concatenate([np.asarray(x).ravel() for x in leaves], dtype=self.dtype)
        shape = (self.size,) if columns is None else (self.size, columns)
        out = np.zeros(shape, self.dtype, order="F")
        for x, rows, size in zip(leaves, self.slices, self.sizes, strict=True):
            if x is not None and size:
                flat = np.reshape(x, (size,) if columns is None else (columns, size))
                out[rows] = flat if columns is None else flat.T
        return out

    def part(self, vectors: Array) -> list[Array | None]:
        """:meth:`leaves`, with None where all is exactly zero."""
        blocks = [vectors[rows] for rows in self.slices]
        return [
            _rows_to_leaf(block, value) if _has_numbers(block) else None
            for value, block in zip(self.values, blocks, strict=True)
        ]

    def leaves(self, vectors: Array) -> list[Array]:
        """The converse of :meth:`join`, in each leaf's dtype."""
        return [
            _rows_to_leaf(vectors[rows], value)
            for value, rows in zip(self.values, self.slices, strict=True)
        ]

    def flatten(self, tree: Any, who: str = "") -> Array:
        """A tree like the parameters as one new vector of shape (P,)."""
        who = who or self.who
        given = trees.match(tree, self.values, self.spec, who, "the tree", "the parameters")
        for x in given:
            _refuse_batched(x, lambda: f"{who}: the tree")
        return self.join([raw(x) for x in given])

    def unflatten(self, vector: Any, boxed: Sequence[bool] | None = None) -> Any:
        """A vector of shape (P,) as a tree like the parameters (new arrays, or tensors)."""
        _refuse_batched(vector, lambda: f"{self.who}: the vector")
        vector = arguments.array(self.who, "vector", vector)
        if vector.dtype.kind == "c":
            raise TypeError(f"{self.who}: a complex vector cannot be unflattened; its parts can")
        if vector.shape != (self.size,):
            raise ValueError(
                f"{self.who}: a vector of shape {vector.shape} cannot be unflattened into "
                f"{self.size} parameters; its shape must be ({self.size},)"
            )
        leaves = []
        boxes = self.boxed if boxed is None else boxed
        for value, rows, box in zip(self.values, self.slices, boxes, strict=True):
            x = vector[rows].reshape(value.shape).astype(value.dtype)[()]
            leaves.append(constant(np.asarray(x)) if box else x)
        return trees.unflatten(self.spec, leaves)


def _has_numbers(block: Array) -> bool:
    """Whether not all is exactly zero: mostly the first number tells, and sooner than a sum."""
    return bool((block.ndim == 1 and block.size and block[0] != 0) or block.any())


def _rows_to_leaf(block: Array, like: Array) -> Array:
    """Some rows of a vector, or of k vectors side by side, as a leaf or a stack of k."""
    if block.ndim == 1 and block.dtype == like.dtype:
        return block.reshape(like.shape)
    return np.ascontiguousarray(block.T, like.dtype).reshape((*block.shape[1:], *like.shape))


def converted(dtype: Any) -> Callable[[Any], Any]:
    """A function that gives trees with real floating-point arrays in ``dtype``; None is as is."""

    def convert(x: Any) -> Any:
        value = unrecorded(x)
        return np.asarray(value, dtype) if np.asarray(value).dtype.kind == "f" else value

    return (lambda tree: tree) if dtype is None else functools.partial(trees.map, convert)


def _refuse_batched(x: Any, where: Callable[[], str]) -> None:
    if isinstance(x, Batched):
        raise NonDifferentiableError(
            f"{where()} has a different value for each example of a vmap. Build the operator "
            "outside vmap, or use tg.hvp inside it."
        )


def _float_array(x: Any, what: str, where: Callable[[], str], dtype: Any) -> Array:
    _refuse_batched(x, where)
    value = np.array(raw(x))
    if value.dtype.kind == "O" and not hasattr(x, "dtype"):
        raise NonDifferentiableError(f"{where()} {why_no_gradient(x)}")
    if value.dtype.kind != "f":
        raise NonDifferentiableError(
            f"{where()} has dtype {value.dtype}; curvature needs real floating-point {what}. "
            f"Convert it first, as in x.astype(float), or keep it out of {what}."
        )
    return value if dtype is None else value.astype(dtype, copy=False)
