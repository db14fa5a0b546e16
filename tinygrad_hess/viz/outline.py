"""A picture as an outline of scopes, none of which has more direct members than can be laid out.

Modules and repeated bodies are scopes already. Where one has too many operations in it, they become
parts, of consecutive operations of one sweep, and parts of parts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from .collapse import counts_text
from .picture import Picture, Vertex, tally
from .scopes import Scope

MOST = 24
"""Direct members of a scope, where there are parts."""

WHOLE = 300
"""A picture of no more boxes than this has no parts: it can be laid out as it is."""


def outline(picture: Picture, most: int = MOST) -> Picture:
    """The same picture, with parts where a large one has scopes of more than ``most`` members.

    Scopes without members, as calls in steps that are drawn as one, go.
    """
    builder = _Builder(picture, most if len(picture.vertices) > WHOLE else sys.maxsize)
    builder.divide(-1)
    return Picture(builder.vertices, picture.edges, builder.scopes, picture.note)


class _Builder:
    def __init__(self, picture: Picture, most: int):
        self.vertices = [replace(v) for v in picture.vertices]
        self.scopes: list[Scope] = []
        self.old, self.most = picture.scopes, most
        self.members: dict[int, list[tuple[int, int]]] = {}  # (first vertex, scope or -1), by scope
        first: dict[int, int] = {}
        for i, v in enumerate(picture.vertices):
            self.members.setdefault(v.scope, []).append((i, -1))
            scope = v.scope
            while scope >= 0 and scope not in first:
                first[scope] = i
                scope = self.old[scope].outer
        for scope, i in first.items():
            self.members.setdefault(self.old[scope].outer, []).append((i, scope))

    def divide(self, old: int, new: int = -1) -> None:
        """Give the members of a scope, numbered as it was, to what it is called now."""
        self.put(sorted(self.members.get(old, [])), new)

    def put(self, members: Sequence[tuple[int, int]], scope: int) -> None:
        if len(members) > self.most:
            size = self.most
            while size * self.most < len(members):
                size *= self.most
            for part in self.parts(members, size):
                if len(part) == 1:
                    self.put(part, scope)
                else:
                    self.put(part, self.add(self.title(part), scope))
            return
        for i, old in members:
            if old < 0:
                self.vertices[i].scope = scope
            else:
                name, steps = self.old[old].name, self.old[old].steps
                self.divide(old, self.add(name, scope, steps))

    def add(self, name: str, outer: int, steps: int = 1) -> int:
        depth = self.scopes[outer].depth + 1 if outer >= 0 else 1
        self.scopes.append(Scope(name, outer, depth, steps))
        return len(self.scopes) - 1

    def parts(
        self, members: Sequence[tuple[int, int]], size: int
    ) -> list[Sequence[tuple[int, int]]]:
        """Runs of at most ``size`` members of one sweep."""
        out: list[list[tuple[int, int]]] = []
        for member in members:
            last = out[-1] if out else None
            same = last is not None and self.kind(last[-1]) == self.kind(member)
            if last is None or not same or len(last) >= size:
                out.append([])
            out[-1].append(member)
        if len(out) > self.most:  # sweeps alternate: cut regardless of them
            out = [list(members[at : at + size]) for at in range(0, len(members), size)]
        return [*out]

    def kind(self, member: tuple[int, int]) -> str:
        return self.vertices[member[0]].phase.kind

    def title(self, part: Sequence[tuple[int, int]]) -> str:
        return f"boxes {part[0][0] + 1:,} to {part[-1][0] + 1:,}"


def closed_box(members: Sequence[Vertex], scope: Scope) -> Vertex:
    """A scope that is closed, as one vertex."""
    ops, sources = tally(members)
    words = [f"{ops.total():,} op{'s' if ops.total() != 1 else ''}"] if ops else []
    words += [f"{n:,} {kind}{'s' if n != 1 else ''}" for kind, n in sources.items()]
    detail = "\n".join(line for line in (", ".join(words), counts_text(ops, most=3)) if line)
    phase = next((v.phase for v in members if v.kind == "op"), members[0].phase)
    return Vertex("module", scope.name, detail, phase, scope.outer, ops, sources)
