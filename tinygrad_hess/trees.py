"""Pytrees: nested containers of arrays, walked by optree.

Tensors, arrays and numbers are leaves. Lists, tuples, dicts, dataclass-like modules of
:mod:`tinygrad_hess.nn` and whatever is registered with optree are containers; None is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import optree

from .tape import Tensor

flatten = optree.tree_flatten
unflatten = optree.tree_unflatten
map = optree.tree_map
structure = optree.tree_structure
leaves = optree.tree_leaves


def paths(tree: Any) -> list[str]:
    """How to reach each leaf, as one would write it: ``['layers'][0]``."""
    return [
        "".join(_step(e) for e in accessor) for accessor in optree.tree_accessors(tree)
    ]


def _step(entry: Any) -> str:
    return entry.codify("")


def same_structure(a: Any, b: Any, who: str, what_a: str, what_b: str) -> tuple[list[Any], Any]:
    """Leaves of ``a`` (and its structure), after checking that ``b`` has the same structure."""
    leaves_a, spec = flatten(a)
    other = structure(b)
    if spec != other:
        raise ValueError(f"{who}: {what_a} and {what_b} differ in structure: {spec} and {other}")
    return leaves_a, spec


def match(
    values: Any, like: Sequence[Any], spec: Any, who: str, what: str, of: str
) -> list[Any]:
    """Leaves of ``values``, checked against the structure and shapes of ``like``."""
    given, other = flatten(values)
    if other != spec:
        raise ValueError(
            f"{who}: {what} must have the structure of {of}, {spec}, but has {other}"
        )
    out = []
    for v, x in zip(given, like, strict=True):
        v = v if isinstance(v, Tensor) else np.asarray(v)
        if v.shape != np.shape(x) if not hasattr(x, "shape") else v.shape != x.shape:
            raise ValueError(f"{who}: {what} of shape {v.shape} for {of} of shape {x.shape}")
        dtype = getattr(x, "dtype", np.dtype(float))
        if v.dtype != dtype:
            v = v.astype(dtype)
        out.append(v[()] if isinstance(v, np.ndarray) and v.ndim == 0 else v)
    return out
