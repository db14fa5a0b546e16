"""Arrays that a model has in two places: one parameter define by run, two of a tree."""

from __future__ import annotations

from typing import Any

from ..core import trees
from .module import is_array, modules


def refuse_shared(who: str, tree: Any) -> None:
    """Raise where a module has an array in two places: a tree is trained leaf by leaf.

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
    first: dict[int, str] = {}
    for path, leaf in zip(trees.paths(tree), trees.leaves(tree), strict=True):
        if is_array(leaf) and id(leaf) in first:
            names = first[id(leaf)], path.removeprefix(".")
            raise ValueError(
                f"{who}: {names[0]} and {names[1]} are one array, and would be trained apart. Keep "
                "it in one place, and use it from there in __call__; or train define by run, with "
                "optim.SGD(model.parameters(), lr=...), where it stays one."
            )
        first[id(leaf)] = path.removeprefix(".")
