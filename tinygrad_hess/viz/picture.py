"""What a picture of a tape shows: vertices, the edges between them, and modules around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.tensor import Tensor
from .phases import FORWARD, Sweep
from .scopes import Scope

SOURCES = ("parameter", "input", "constant")
"""Kinds of vertices for values that are given, not computed."""

COMPUTED = ("op", "module", "group")
"""Kinds of vertices that stand for operations."""


@dataclass(slots=True)
class Vertex:
    """One box.

    Attributes
    ----------
    kind : str
        One of ``COMPUTED`` or ``SOURCES``, "seed" or "output".
    title, detail : str
        The large and the small line.
    phase : Sweep
        Which sweep recorded it.
    scope : int
        The module call that it is part of; -1 for none.
    ops : Counter
        How many nodes of the tape it stands for, by label.
    sources : Counter
        How many parameters, inputs, constants and seeds it stands for, when merged.
    value, grad, tangent
        Its value, the derivative of the output with respect to it, and its derivative in a
        direction; None where unknown.
    key : hashable
        Equal for operations that differ in numbers alone.
    node : Tensor, optional
        What it is on the tape.
    first : Vertex, optional
        The same in the first of the equal steps that it stands for; it is itself the last.
    """

    kind: str
    title: str
    detail: str = ""
    phase: Sweep = FORWARD
    scope: int = -1
    ops: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    value: Any = None
    grad: Any = None
    tangent: Any = None
    key: Hashable = None
    node: Tensor | None = None
    first: Vertex | None = None


Edge = tuple[int, int, str]
"""From, to, and which operand it is (empty where the order does not matter, or ``CARRIED``)."""

CARRIED = "carried"
"""Marks an edge from one of equal steps to the next."""


@dataclass(slots=True)
class Picture:
    """A graph ready to be drawn; vertices are in the order of their recording."""

    vertices: list[Vertex]
    edges: list[Edge]
    scopes: list[Scope]
    note: str = ""

    def merge(
        self,
        block: Sequence[int],
        join: Callable[[Sequence[Vertex]], Vertex],
        keep_slots: bool = False,
    ) -> Picture:
        """One vertex for each block (given as the number of its first member).

        ``join`` makes the vertex of a block with several members. Edges inside blocks go, and
        parallel ones become one; what they said of operands goes too, but for ``keep_slots``.
        """
        members: dict[int, list[int]] = {}
        for i, b in enumerate(block):
            members.setdefault(b, []).append(i)
        vertices: list[Vertex] = []
        vertex_of: dict[int, int] = {}
        for b, inside in members.items():
            vertex_of[b] = len(vertices)
            first = self.vertices[inside[0]]
            vertices.append(first if len(inside) == 1 else join([self.vertices[i] for i in inside]))
        edges: dict[Edge, None] = {}
        for a, b, slot in self.edges:
            if block[a] != block[b]:
                is_merged = len(members[block[b]]) > 1 and not keep_slots
                edges[vertex_of[block[a]], vertex_of[block[b]], "" if is_merged else slot] = None
        return Picture(vertices, list(edges), self.scopes, self.note)


def targets_of(picture: Picture) -> list[set[int]]:
    """For each vertex, those that it has an edge to."""
    out: list[set[int]] = [set() for _ in picture.vertices]
    for a, b, _ in picture.edges:
        out[a].add(b)
    return out


def tally(vertices: Iterable[Vertex]) -> tuple[Counter[str], Counter[str]]:
    """All operations, and all else, that the vertices stand for."""
    ops: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    for v in vertices:
        ops.update(v.ops)
        sources.update(v.sources)
        if v.kind not in COMPUTED and not v.sources:
            sources[v.kind] += 1
    return ops, sources
