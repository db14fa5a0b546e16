"""Leaves of a tree by how one would write the way to them: ``layers[0]``, ``['w']``.

under    : path -> numbers of the leaves below it
by_layer : -> numbers of the leaves of each layer
"""

from __future__ import annotations

import re
from typing import Any

import optree

from ...core import arguments
from ...core.text import first_of

STEP = re.compile(r"""\.?([^\W\d]\w*) | \[(-?\d+)\] | \[(?:'([^']*)'|"([^"]*)")\]""", re.VERBOSE)


class Paths:
    """The ways to the leaves of a tree.

    Attributes
    ----------
    names : list of str
        One for each leaf, such as ``layers[0].weight`` or ``['layers'][0]['w']``; the empty string
        for a tree that is itself a leaf.

    Examples
    --------
    >>> paths = Paths({"a": [1.0, 2.0], "b": 3.0})
    >>> paths.names
    ["['a'][0]", "['a'][1]", "['b']"]
    >>> paths.under("a[1]"), paths.under("['a']")
    ([1], [0, 1])
    """

    def __init__(self, tree: Any):
        self._accessors = optree.tree_accessors(tree)
        self.names = [_path_string(a) for a in self._accessors]
        self.steps = [tuple(entry.entry for entry in a) for a in self._accessors]
        entries = [list(a) for a in self._accessors]
        layer = all(len(e) == 1 and e[0].kind == optree.PyTreeKind.CUSTOM for e in entries)
        self._single = entries[0][0].type.__name__ if layer and entries else ""
        self._prefixes = [[_path_string(a[:i]) for i in range(len(a))] for a in self._accessors]

    def under(self, path: str, who: str = "paths") -> list[int]:
        """The leaves at or below ``path``.

        Keys of dictionaries may be written like attributes: ``layers[0].w`` also finds
        ``['layers'][0]['w']``.

        Raises
        ------
        ValueError
            When nothing is there; the error lists what is.
        """
        return [i for i, _ in self._leaves_under(path, who)]

    def node(self, tree: Any, path: str, who: str = "paths") -> Any:
        """What stands at ``path`` in ``tree``: a leaf, or a container of leaves."""
        leaf, depth = self._leaves_under(path, who)[0]
        return self._accessors[leaf][:depth](tree)

    def _leaves_under(self, path: str, who: str) -> list[tuple[int, int]]:
        """The leaves at or below ``path``, and how many steps of theirs lead to it."""
        if not isinstance(path, str):
            arguments.instance(who, "a path", path, str, "a string, as 'layers[0].weight'")
        written = [[*before, name] for before, name in zip(self._prefixes, self.names, strict=True)]
        found = [(i, names.index(path)) for i, names in enumerate(written) if path in names]
        if not found and (steps := _parse_path(path)) is not None:
            n = len(steps)
            found = [(i, n) for i, own in enumerate(self.steps) if own[:n] == steps]
        if not found and path == self._single:
            found = [(i, 0) for i in range(len(self.names))]
        if not found:
            raise ValueError(
                f"{who}: params have nothing at {path!r}. There is {self._list_paths()}"
            )
        return found

    def by_layer(self) -> dict[str, list[int]]:
        """The leaves of each layer: those in one container, or one that stands in none.

        A module that holds nothing but arrays is one layer, by the name of its class.
        """
        layers: dict[str, list[int]] = {}
        for i, (name, steps) in enumerate(zip(self.names, self.steps, strict=True)):
            layer = self._single or name if len(steps) < 2 else self._prefixes[i][-1]
            layers.setdefault(layer, []).append(i)
        return layers

    def _list_paths(self) -> str:
        layers = [name for name in self.by_layer() if name not in self.names]
        return first_of(map(repr, [*layers, *self.names]), most=40)


def _path_string(accessor: Any) -> str:
    return str(accessor.codify("")).removeprefix(".")


def _parse_path(path: str) -> tuple[Any, ...] | None:
    """The steps of a path; None where it is not written as one."""
    steps: list[Any] = []
    at = 0
    while at < len(path):
        step = STEP.match(path, at)
        if step is None:
            return None
        name, number, single, double = step.groups()
        steps.append(int(number) if number else name or single or double or "")
        at = step.end()
    return tuple(steps)
