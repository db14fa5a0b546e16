"""All arrays of a pytree by name, and a tree with others in their place.

    named_arrays : tree -> {name: array}
    with_arrays  : tree, {name: array} -> tree

Frozen arrays and buffers are among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import optree

from . import arguments, trees
from .errors import describe
from .tensor import Tensor

Array = np.ndarray[Any, Any]


class Unmatched(NamedTuple):
    """Names that a tree and given arrays do not share.

    Attributes
    ----------
    missing : tuple of str
        Arrays of the tree that were not given; they stay what they are.
    unexpected : tuple of str
        Arrays that were given, and that the tree does not have.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()


def names(tree: Any) -> list[str]:
    """How each array is called: as it is reached, ``layers[0].weight``; a key of a dictionary at
    the top as it is.

    Examples
    --------
    >>> names({"w": np.ones(2), "layers": [np.ones(2), {"b": 1.0}]})
    ['layers[0]', "layers[1]['b']", 'w']
    """
    accessors = trees.accessors_every(tree)
    return [_name(accessor) for accessor in accessors]


def _name(accessor: Any) -> str:
    first = accessor[0] if len(accessor) else None
    if isinstance(first, optree.MappingEntry) and isinstance(first.entry, str):
        return first.entry + accessor[1:].codify("")
    path: str = accessor.codify("")
    return path.removeprefix(".")


def named_arrays(who: str, tree: Any) -> dict[str, Array]:
    """The arrays of a tree by name; numbers are arrays without axes. None of them is copied.

    Raises
    ------
    TypeError
        For what is no array of numbers.
    ValueError
        When two have one name.

    Examples
    --------
    >>> named_arrays("save", {"w": np.ones(2), "rate": 0.1})
    {'rate': array(0.1), 'w': array([1., 1.])}
    """
    found: dict[str, Array] = {}
    for name, leaf in zip(names(tree), trees.leaves_every(tree), strict=True):
        if name in found:
            raise ValueError(f"{who}: two arrays are called {name!r}; rename a key of the tree")
        value = leaf.numpy() if isinstance(leaf, Tensor) else np.asarray(leaf)
        if value.dtype.kind not in "fciub":
            raise TypeError(
                f"{who}: {name or 'it'} must be an array of numbers, got {describe(leaf)}"
            )
        found[name] = value
    return found


def with_arrays(
    who: str, tree: Any, given: Mapping[str, Any], strict: bool = True
) -> tuple[Any, Unmatched]:
    """A tree like ``tree`` that holds the given arrays, in the types of those that it had.

    Raises
    ------
    ValueError
        When names are missing or unexpected (if ``strict``), or shapes or types do not fit: all of
        them are named.

    Examples
    --------
    >>> with_arrays("load", {"w": np.zeros(2), "rate": 0.0}, {"w": np.ones(2), "rate": 0.5})[0]
    {'w': array([1., 1.]), 'rate': 0.5}
    >>> with_arrays("load", {"w": np.zeros(2)}, {"w": np.ones(3), "b": np.ones(1)})
    Traceback (most recent call last):
    ...
    ValueError: load: the arrays do not fit:
      unexpected: b
      misshapen: w is float64(3,), not float64(2,)
    """
    form = "arrays by name, as state_dict() gives them"
    arguments.instance(who, "state_dict", given, Mapping, form)
    leaves, spec = trees.flatten_every(tree)
    called = names(tree)
    known = set(called)
    unmatched = Unmatched(
        tuple(name for name in called if name not in given),
        tuple(name for name in given if name not in known),
    )
    values, misshapen = [], []
    for name, leaf in zip(called, leaves, strict=True):
        old = leaf.value if isinstance(leaf, Tensor) else leaf
        new = np.asarray(given.get(name, old))
        kind = np.asarray(old)
        if new.shape != kind.shape or not np.can_cast(new.dtype, kind.dtype, "same_kind"):
            misshapen.append(f"{name} is {describe(new)}, not {describe(kind)}")
            continue
        values.append(_in_type_of(old, np.array(new, kind.dtype)))
    told = {**unmatched._asdict(), "misshapen": misshapen}
    if misshapen or (strict and any(unmatched)):
        lines = [f"  {what}: {', '.join(found)}" for what, found in told.items() if found]
        raise ValueError("\n".join([f"{who}: the arrays do not fit:", *lines]))
    return trees.unflatten(spec, values), unmatched


def _in_type_of(old: Any, new: Array) -> Any:
    if isinstance(old, np.ndarray):
        return new
    return type(old)(new[()]) if type(old) in (bool, int, float, complex) else new[()]
