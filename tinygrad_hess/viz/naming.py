"""Names that tell things apart: parameters that nobody named, and the layers around operations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from .picture import Picture, Vertex
from .scopes import Scope

_ATTRIBUTE = re.compile(r"\.?[^.\[\]]+|\.?\[[^\[\]]*\]")


def tell_apart(vertices: Iterable[Vertex]) -> None:
    """Number those that have one title."""
    vertices = list(vertices)
    for v, title in zip(vertices, numbered([v.title for v in vertices]), strict=True):
        v.title = title


def numbered(names: list[str]) -> list[str]:
    """Names with a number after those that occur more than once.

    Examples
    --------
    >>> numbered(["w", "parameter", "parameter"])
    ['w', 'parameter 1', 'parameter 2']
    """
    total, seen = Counter(names), Counter[str]()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if total[name] == 1 else f"{name} {seen[name]}")
    return out


def named_scopes(picture: Picture) -> list[Scope]:
    """Calls of modules, with the attribute by which the module is reached.

    It is what the names of all parameters have in common that were read inside. What a sweep
    recorded of a call has the call's name, and says which sweep it was.
    """
    scopes = picture.scopes
    paths = _paths(picture)
    names = []
    for number, scope in enumerate(scopes):
        if scope.primal >= 0:
            names.append("")
            continue
        path = paths[number]
        around = paths[scope.outer] if scope.outer >= 0 else []
        if path[: len(around)] == around:
            path = path[len(around) :]
        attribute = "".join(path).removeprefix(".")
        same = attribute.lower() in ("", scope.name.lower())
        names.append(scope.name if same else f"{attribute} {scope.name}")
    siblings: dict[int, list[int]] = {}
    for number, scope in enumerate(scopes):
        if scope.primal < 0:
            siblings.setdefault(scope.outer, []).append(number)
    out = list(scopes)
    for members in siblings.values():
        for number, name in zip(members, numbered([names[n] for n in members]), strict=True):
            out[number] = scopes[number]._replace(name=name)
    for number, scope in enumerate(scopes):
        if scope.primal >= 0:
            out[number] = scope._replace(name=f"{out[scope.primal].name}, {scope.name}")
    return out


def _paths(picture: Picture) -> list[list[str]]:
    """For each call, the parts of its attribute path; empty where no parameter tells it."""
    vertices, scopes = picture.vertices, picture.scopes
    common: list[list[str] | None] = [None] * len(scopes)
    for a, b, _ in picture.edges:
        if vertices[a].kind == "parameter" and vertices[b].phase.kind == "forward":
            parts = _ATTRIBUTE.findall(vertices[a].title)
            owner = parts[:-1] if "".join(parts) == vertices[a].title else []
            scope = vertices[b].scope
            while scope >= 0:
                known = common[scope]
                common[scope] = owner if known is None else _shared(known, owner)
                scope = scopes[scope].outer
    found = [path or [] for path in common]
    for a, b, _ in picture.edges:
        if vertices[a].kind == "parameter" and vertices[b].phase.kind == "forward":
            parts = _ATTRIBUTE.findall(vertices[a].title)
            scope = vertices[b].scope
            while scope >= 0:  # a list of modules is an attribute of the module, not the module
                while found[scope] and parts[len(found[scope])].startswith("["):
                    found[scope] = found[scope][:-1]
                scope = scopes[scope].outer
    for number in range(len(scopes) - 1, -1, -1):  # inner calls first
        outer = scopes[number].outer
        if outer >= 0 and found[outer] and found[outer] == found[number]:
            found[outer] = found[outer][:-1]  # the only module inside another one
    return found


def _shared(a: list[str], b: list[str]) -> list[str]:
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return a[:n]
