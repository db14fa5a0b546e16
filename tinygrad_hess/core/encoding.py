"""Plain values as named arrays, for files that are read without pickle.

encode : numbers, text, arrays, containers of them -> {name: array}      decode : back
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .archives import KINDS
from .errors import describe

TREE = "tree"
"""The entry that tells how the others belong together."""


def encode(value: Any) -> dict[str, Any]:
    """Named arrays of which :func:`decode` makes the same value again, bit for bit.

    Raises
    ------
    TypeError
        For other objects than None, numbers, text, arrays, and lists, tuples and dicts of them.

    Examples
    --------
    >>> decode(encode({"values": np.arange(2.0), "error": np.float32(0.1), "ends": (1, None)}))
    {'values': array([0., 1.]), 'error': np.float32(0.1), 'ends': (1, None)}
    """
    arrays: dict[str, Any] = {}
    return {TREE: np.array(json.dumps(_tree_of(value, arrays))), **arrays}


def decode(arrays: Mapping[str, Any]) -> Any:
    """The value that was encoded.

    Raises
    ------
    ValueError
        For arrays that nothing was encoded in.
    """
    try:
        return _value_of(json.loads(str(arrays[TREE])), arrays)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"nothing was encoded in it ({type(error).__name__}: {error})") from error


def _tree_of(x: Any, arrays: dict[str, Any]) -> Any:
    if x is None or type(x) in (bool, int, float, str):
        return x
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in KINDS:
        name = str(len(arrays))
        arrays[name] = np.asarray(x)
        return {"array" if isinstance(x, np.ndarray) else "number": name}
    if type(x) in (list, tuple):
        return {type(x).__name__: [_tree_of(y, arrays) for y in x]}
    if type(x) is dict:
        return {"dict": [[_tree_of(k, arrays), _tree_of(v, arrays)] for k, v in x.items()]}
    raise TypeError(f"a {describe(x)} is none of these")


def _value_of(tree: Any, arrays: Mapping[str, Any]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind in ("array", "number"):
        return arrays[content] if kind == "array" else arrays[content][()]
    if kind == "dict":
        return {_value_of(k, arrays): _value_of(v, arrays) for k, v in content}
    items = [_value_of(x, arrays) for x in content]
    return tuple(items) if kind == "tuple" else items
