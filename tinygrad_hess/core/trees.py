"""Pytrees: nested containers of arrays, walked by optree.

Tensors, arrays and numbers are leaves. Lists, tuples, dicts, dataclass-like modules of
:mod:`tinygrad_hess.nn` and whatever is registered with optree are containers; None is empty.

A :class:`Fixed` array is passed along with a tree, and no derivative is taken in it. There are
three views of it, each a namespace of optree:

    flatten         it is no leaf, and comes back as it was: for what differentiates or trains
    flatten_every   it is a leaf: for what passes all arrays on, as jit and vmap do
    derivatives     None stands in its place: what grad returns
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import optree
from optree.registry import __GLOBAL_NAMESPACE as GLOBAL_NAMESPACE

from .tensor import Tensor, constant, tensor_or_array

# Typed as Any: optree's own types ask for trees of one kind of leaf.
flatten: Any = optree.tree_flatten
unflatten: Any = optree.tree_unflatten
map: Any = optree.tree_map
structure: Any = optree.tree_structure
leaves: Any = optree.tree_leaves

_EVERY, _DERIVATIVE = "every array", "derivative"

flatten_every: Any = functools.partial(optree.tree_flatten, namespace=_EVERY)
leaves_every: Any = functools.partial(optree.tree_leaves, namespace=_EVERY)
flatten_every_or_none: Any = functools.partial(
    optree.tree_flatten, none_is_leaf=True, namespace=_EVERY
)
broadcast_prefix: Any = functools.partial(
    optree.broadcast_prefix, none_is_leaf=True, namespace=_EVERY
)
map_every: Any = functools.partial(optree.tree_map, namespace=_EVERY)
accessors_every: Any = functools.partial(optree.tree_accessors, namespace=_EVERY)

CHILDREN: dict[type, Any] = {}
"""Containers that keep what they hold as attributes: a function of one gives the names of those
that are trees; the others are static."""


class Fixed:
    """A node of a tree: an array that is passed along, and not differentiated.

    Parameters
    ----------
    value : array
    owner : object, optional
        Whose attribute ``name`` it is, where the node was made for one flattening alone.
    """

    is_buffer = False  # whether a forward pass may assign it

    def __init__(self, value: Any, owner: Any = None, name: str = ""):
        self.value, self.owner, self.name = value, owner, name

    def assign(self, value: Any) -> None:
        """Give it another value, in its owner too."""
        if self.owner is None:
            self.value = value
        else:
            setattr(self.owner, self.name, value)


class _Kept:
    """A fixed array as data of a tree's structure, which it does not change."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Kept)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "fixed"


class _SamePlace(optree.PyTreeEntry):
    """The step from the node to its array, which nobody writes."""

    def __call__(self, node: Any) -> Any:
        return node.value

    def codify(self, node: str = "") -> str:
        return node


def register_fixed(kind: type[Fixed]) -> None:
    """Make a subclass of :class:`Fixed` a node of trees."""
    register: Any = optree.register_pytree_node
    kept = lambda node: ((), _Kept(node.value), ())

    def made(value: Any) -> Fixed:  # anything, also what is no array
        node = object.__new__(kind)
        node.__dict__.update(value=value, owner=None, name="")
        return node

    register(kind, kept, lambda data, _: made(data.value), namespace=GLOBAL_NAMESPACE)
    register(kind, kept, lambda data, _: made(None), namespace=_DERIVATIVE)
    register(
        kind,
        lambda node: ((node.value,), None, (0,)),
        lambda _, children: made(*children),
        path_entry_type=_SamePlace,
        namespace=_EVERY,
    )


register_fixed(Fixed)


def is_module_or_fixed(x: Any) -> bool:
    """Whether it is a module or a fixed array: where a walk through plain containers stops."""
    return type(x) in CHILDREN or isinstance(x, Fixed)


def buffers(tree: Any) -> list[Fixed]:
    """The nodes of all fixed arrays that a forward pass may assign, in order."""
    return [node for node in fixed(tree) if node.is_buffer]


def fixed(tree: Any) -> list[Fixed]:
    """The nodes of all fixed arrays, in order."""
    if structure(tree, namespace=_EVERY).namespace == "":
        return []
    found = optree.tree_leaves(tree, is_leaf=lambda x: isinstance(x, Fixed))
    return [x for x in found if isinstance(x, Fixed)]


def flatten_for_derivatives(tree: Any) -> tuple[list[Any], Any, Any]:
    """Leaves, their structure, and that of a derivative: None where there is a fixed array."""
    found, derivative = flatten(tree, namespace=_DERIVATIVE)
    return found, structure(tree) if derivative.namespace else derivative, derivative


def paths(tree: Any, every: bool = False) -> list[str]:
    """How to reach each leaf, as one would write it: ``['layers'][0]``; fixed arrays too."""
    found = accessors_every(tree) if every else optree.tree_accessors(tree)
    return [a.codify("") for a in found]


def replaced(leaves: Iterable[Any], at: Iterable[int], by: Iterable[Any]) -> list[Any]:
    """The leaves, with others at these places.

    Examples
    --------
    >>> replaced("abc", [0, 2], [1, 3])
    [1, 'b', 3]
    """
    found = list(leaves)
    for i, x in zip(at, by, strict=True):
        found[i] = x
    return found


def match(values: Any, like: Sequence[Any], spec: Any, who: str, what: str, of: str) -> list[Any]:
    """Leaves of ``values``, checked against the structure and shapes of ``like``."""
    given, other = flatten(values)
    if other != spec:
        raise ValueError(f"{who}: {what} must have the structure of {of}, {spec}, but has {other}")
    out = []
    for v, x in zip(given, like, strict=True):
        v = tensor_or_array(v)
        shape = x.shape if hasattr(x, "shape") else ()
        if v.shape != shape:
            raise ValueError(f"{who}: {what} of shape {v.shape} for {of} of shape {shape}")
        dtype = getattr(x, "dtype", np.dtype(float))
        if v.dtype != dtype:
            if v.dtype.kind not in "fciub":
                raise TypeError(f"{who}: {what} must hold numbers, got {v.dtype}")
            if v.dtype.kind == "c" and dtype.kind != "c":
                raise TypeError(f"{who}: {what} is complex ({v.dtype}), but {of} is {dtype}")
            v = v.astype(dtype)
        out.append(v[()] if isinstance(v, np.ndarray) and v.ndim == 0 else v)
    return out


def stacked(x: Any) -> Any:
    """A list or tuple that contains tensors as their stack, anything else as it is.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> stacked([[tg.tensor(1.0), 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    if type(x) not in (list, tuple):
        return x
    items = [stacked(item) for item in x]
    if not any(isinstance(item, Tensor) for item in items):
        return x
    first, *others = (i if isinstance(i, Tensor) else constant(np.asarray(i)) for i in items)
    return first.stack(*others)


def refuse_container(x: Any) -> None:
    """Refuse what holds tensors and is no array, of which NumPy would make an array of objects.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> refuse_container({"a": tg.tensor(1.0)})
    Traceback (most recent call last):
    ...
    TypeError: a dict that holds tensors is no array. Give its tensors.
    """
    if any(isinstance(leaf, Tensor) for leaf in leaves(x)):
        raise TypeError(f"a {type(x).__name__} that holds tensors is no array. Give its tensors.")
