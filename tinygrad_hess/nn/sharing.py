"""Arrays that a model has in two places: one parameter define by run, two of a tree."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ..core import trees
from ..core.tensor import Tensor
from .module import is_array, modules

DEFINE_BY_RUN = (
    "; or train define by run, with optim.SGD(model.parameters(), lr=...), where it stays one"
)
"""What else there is for those who train."""


def refuse_shared(
    who: str, tree: Any, how: str = "trained apart", instead: str = DEFINE_BY_RUN
) -> None:
    """Raise where a module has an array in two places: a tree has leaves that know nothing of
    each other.

    A transpose or another view of all of an array is the same array.

    Parameters
    ----------
    who : str
        The caller, for errors.
    tree : pytree
    how, instead : str
        What the two would be, and what else to do than to keep the array in one place.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> from tinygrad_hess import nn
    >>> layer = nn.Linear(2, 2)
    >>> refuse_shared("fit", nn.Sequential(layer, nn.tanh, layer))
    Traceback (most recent call last):
    ...
    ValueError: fit: layers[0].weight and layers[2].weight are one array, and would be trained
    apart. Keep it in one place, and use it from there in __call__; or train define by run, with
    optim.SGD(model.parameters(), lr=...), where it stays one.
    """
    if not any(True for _ in modules(tree)):
        return  # the same zeros may begin several arrays of a dictionary
    first: dict[Hashable, int] = {}
    for i, leaf in enumerate(trees.leaves(tree)):
        if not is_array(leaf):
            continue
        if (known := first.setdefault(_memory(leaf), i)) != i:
            names = [trees.paths(tree)[j].removeprefix(".") for j in (known, i)]
            raise ValueError(
                f"{who}: {names[0]} and {names[1]} are one array, and would be {how}. Keep it in "
                f"one place, and use it from there in __call__{instead}."
            )


def _memory(leaf: Any) -> Hashable:
    """Where the elements of a leaf lie, or which object it is."""
    x = leaf.value if isinstance(leaf, Tensor) and leaf.prim is None else leaf
    if isinstance(x, np.ndarray) and x.size:
        return x.__array_interface__["data"][0], x.nbytes
    return id(leaf)
