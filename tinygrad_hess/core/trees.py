"""Pytrees: nested containers of arrays, walked by optree.

Tensors, arrays and numbers are leaves. Lists, tuples, dicts, dataclass-like modules of
:mod:`tinygrad_hess.nn` and whatever is registered with optree are containers; None is empty.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import optree

from .tensor import Tensor, constant, tensor_or_array

# Typed as Any: optree's own types ask for trees of one kind of leaf.
flatten: Any = optree.tree_flatten
unflatten: Any = optree.tree_unflatten
map: Any = optree.tree_map
structure: Any = optree.tree_structure
leaves: Any = optree.tree_leaves
flatten_with_none: Any = functools.partial(optree.tree_flatten, none_is_leaf=True)

CHILDREN: dict[type, Any] = {}
"""Containers that keep what they hold as attributes: a function of one gives the names of those
that are trees; the others are static."""


def paths(tree: Any) -> list[str]:
    """How to reach each leaf, as one would write it: ``['layers'][0]``."""
    return [accessor.codify("") for accessor in optree.tree_accessors(tree)]


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
