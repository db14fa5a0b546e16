"""Plain values as named arrays, for files that are read without pickle.

encode : numbers, text, arrays, containers of them -> {name: array}      decode : back
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .archives import KINDS
from .errors import describe

TREE = "tree"
"""The entry that tells how the others belong together."""


def encode(value: Any, base: type | None = None) -> dict[str, Any]:
    """Named arrays of which :func:`decode` makes the same value again, bit for bit.

    Parameters
    ----------
    value : object
    base : type, optional
        Dataclasses that inherit from it are taken by their fields.

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
    return {TREE: np.array(json.dumps(_tree_of(value, arrays, base))), **arrays}


def decode(arrays: Mapping[str, Any], base: type | None = None) -> Any:
    """The value that was encoded, with the same ``base``.

    Raises
    ------
    ValueError
        For arrays that nothing was encoded in.
    """
    try:
        return _value_of(json.loads(str(arrays[TREE])), arrays, base)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"nothing was encoded in it ({type(error).__name__}: {error})") from error


def _tree_of(x: Any, arrays: dict[str, Any], base: type | None) -> Any:
    if x is None or type(x) in (bool, int, float, str):
        return x
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in KINDS:
        name = str(len(arrays))
        arrays[name] = np.asarray(x)
        return {"array" if isinstance(x, np.ndarray) else "number": name}
    if type(x) in (list, tuple):
        return {type(x).__name__: [_tree_of(y, arrays, base) for y in x]}
    if type(x) is dict:
        return {
            "dict": [[_tree_of(k, arrays, base), _tree_of(v, arrays, base)] for k, v in x.items()]
        }
    if base is not None and isinstance(x, base):
        fields = [f.name for f in dataclasses.fields(x) if f.init]  # type: ignore[arg-type]
        of = {name: _tree_of(getattr(x, name), arrays, base) for name in fields}
        return {type(x).__name__: of}
    raise TypeError(f"a {describe(x)} is none of these")


def _value_of(tree: Any, arrays: Mapping[str, Any], base: type | None) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind in ("array", "number"):
        return arrays[content] if kind == "array" else arrays[content][()]
    if kind == "dict":
        return {_value_of(k, arrays, base): _value_of(v, arrays, base) for k, v in content}
    if kind not in ("list", "tuple"):
        kinds = {} if base is None else {c.__name__: c for c in _inheriting(base)}
        return kinds[kind](**{name: _value_of(x, arrays, base) for name, x in content.items()})
    items = [_value_of(x, arrays, base) for x in content]
    return tuple(items) if kind == "tuple" else items


def _inheriting(base: type[Any]) -> Iterator[type[Any]]:
    for each in base.__subclasses__():
        yield each
        yield from _inheriting(each)
