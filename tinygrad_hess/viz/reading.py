"""From a tape to a picture: one vertex for each node worth showing.

Nodes that only rename (``alias``) or take one part of several (``pick``) are left out; their
readers are joined to their operands. Numbers are written in the label of the operation that uses
them; arrays that are not on the tape become constants, or inputs where they are recognised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.composite import PICK
from ..core.primitive import Primitive
from ..core.tape import Tape
from ..core.tensor import Batched, Parts, Tensor, _Released
from ..ops.elementwise.identity import alias
from ..replay.program import Loop
from .labels import (
    constant_title,
    content,
    describe_value,
    inline,
    is_one,
    operation_title,
    params_text,
)
from .naming import named_scopes, tell_apart
from .phases import FORWARD, Sweep, is_seed, sweeps
from .picture import CARRIED, Edge, Picture, Vertex
from .programs import operations
from .scopes import Scope, scopes, with_primals


class Given(NamedTuple):
    """The kind and the name of a start, or of an argument."""

    kind: str
    name: str
    told: bool = False  # whether the caller said so; else what is differentiated tells


def read(
    outputs: Sequence[tuple[str, Tensor]],
    starts: Mapping[int, Given],
    arrays: Mapping[Any, str],
    constants: bool,
    grads: Mapping[int, Any] | None = None,
) -> Picture:
    """The picture of everything from which ``outputs`` were computed.

    Parameters
    ----------
    outputs : sequence of (name, tensor)
        The roots.
    starts : mapping from time to Given
        What leaves of the tape are; those not listed are parameters.
    arrays : mapping from content key to name
        Arguments that are not on the tape; see :func:`content`.
    constants : bool
        Whether to draw arrays that are neither.
    grads : mapping from time to array, optional
        Derivatives of the output.
    """
    nodes = Tape([tensor for _, tensor in outputs]).nodes
    known = with_primals(nodes)
    phases = sweeps(known)
    calls, inside = scopes(known, phases)
    reader = _Reader(_differentiated(nodes, starts), arrays, constants, grads, calls)
    drawn = {node.time for node in nodes}
    for node, phase, scope in zip(known, phases, inside, strict=True):
        if node.time in drawn:
            reader.add(node, phase, scope)
    for name, tensor in outputs:
        reader.add_output(name, tensor)
    picture = Picture(reader.vertices, list(dict.fromkeys(reader.edges)), calls)
    _move_sources_inside(picture)
    tell_apart([v for v in picture.vertices if v.kind in ("parameter", "input")])
    picture.scopes = named_scopes(picture)
    if any(isinstance(node.prim, _Released) for node in nodes):
        picture.note = "backward() released what is before this: call backward(retain_graph=True)"
    return picture


def _differentiated(nodes: Sequence[Tensor], starts: Mapping[int, Given]) -> Mapping[int, Given]:
    """Starts that are arguments of a transform inside are parameters; then the others are not."""
    if not any(map(is_seed, nodes)):
        return starts
    again = {p.time for n in nodes if n.prim is alias.primitive for p in n.parents if p is not None}
    return {
        time: g if g.told else g._replace(kind="parameter" if time in again else "input")
        for time, g in starts.items()
    }


class _Reader:
    """Vertices and edges so far, and the vertex of each node of the tape."""

    def __init__(
        self,
        starts: Mapping[int, Given],
        arrays: Mapping[Any, str],
        constants: bool,
        grads: Mapping[int, Any] | None,
        calls: list[Scope],
    ):
        self.starts, self.arrays, self.constants = starts, arrays, constants
        self.grads, self.calls = grads, calls
        self.vertices: list[Vertex] = []
        self.edges: list[Edge] = []
        self.vertex_of: dict[int, int] = {}  # by the time of a node
        self.parts: dict[int, str] = {}  # by time: which part of that vertex it is
        self.constant_of: dict[Any, int] = {}  # by content: the vertex of a constant
        self.made: dict[tuple[int, int], int] = {}  # by time and part: the vertex in a loop's body

    def new(self, vertex: Vertex, node: Tensor | None = None) -> int:
        if node is not None:
            vertex.node, vertex.value = node, node.value
            if self.grads is not None:
                vertex.grad = self.grads.get(node.time)
                if vertex.grad is None and not isinstance(node.value, Parts):
                    vertex.grad = np.zeros_like(node.value)[()]  # no cotangent arrived
        self.vertices.append(vertex)
        return len(self.vertices) - 1

    def add(self, node: Tensor, phase: Sweep, scope: int) -> None:
        prim: Any = node.prim
        parent = node.parents[0] if node.parents else None
        if parent is not None and (prim is alias.primitive or prim is PICK):
            part: Any = (node.params or {}).get("part")
            self.vertex_of[node.time] = self.made.get(
                (parent.time, part), self.vertex_of[parent.time]
            )
            self.parts[node.time] = self.parts.get(parent.time, "")
            if (
                (parent.time, part) not in self.made
                and prim is PICK
                and isinstance(parent.value, Parts)
                and len(parent.value) > 1
            ):
                self.parts[node.time] = f"[{part}]"
        elif not node.parents:
            start = self.starts.get(node.time, Given("parameter", node.name or "parameter"))
            vertex = Vertex(start.kind, start.name, describe_value(node))
            self.vertex_of[node.time] = self.new(vertex, node)
        elif is_seed(node):
            title = "cotangent" if phase.kind == "reverse" else "tangent"
            if phase.kind == "reverse" and parent is None and is_one(node.value):
                title = "1"
            self.vertex_of[node.time] = i = self.new(
                Vertex("seed", title, describe_value(node), phase, scope), node
            )
            if parent is not None:
                self.join(parent, i, "")
        elif getattr(prim, "loop", None) is not None and prim.loop.program.instructions:
            self.add_loop(node, prim.loop, phase, scope)
        else:
            self.add_operation(node, phase, scope)

    def operands_of(self, node: Tensor, phase: Sweep, scope: int) -> list[Any]:
        """What is drawn: vertices or tensors; text where it is inline, None where it is not."""
        operands: list[Any] = []
        for arg, parent in zip(node.args or (None,) * len(node.parents), node.parents, strict=True):
            if parent is not None:
                operands.append(parent)
            elif (text := inline(arg)) is not None:
                operands.append(text)
            else:
                operands.append(self.constant(arg, phase, scope))
        return operands

    def add_loop(self, node: Tensor, loop: Loop, phase: Sweep, scope: int) -> None:
        """One step of a loop, in a frame, with what it hands to the next."""
        operands = self.operands_of(node, phase, scope)
        depth = self.calls[scope].depth if scope >= 0 else 0
        name = f"{loop.steps:,} steps × this body"
        self.calls.append(Scope(name, scope, depth + 1, loop.steps))
        frame = len(self.calls) - 1
        program = loop.program
        given = dict(zip(program.inputs, operands, strict=True))
        made: dict[int, int] = {}
        readers: dict[int, list[int]] = {}
        for vertex, reads in operations(program, phase, frame):
            i = self.new(vertex)
            for slot, position in reads:
                readers.setdefault(slot, []).append(i)
                source = given.get(slot)
                if slot in made:
                    self.edges.append((made[slot], i, position))
                elif isinstance(source, Tensor):
                    self.join(source, i, position)
                elif isinstance(source, int):
                    self.edges.append((source, i, position))
                elif self.constants:
                    title = source or constant_title(program.constants.get(slot, 0.0))
                    constant = Vertex("constant", title, "", phase, frame)
                    self.edges.append((self.new(constant), i, position))
            made[program.instructions[len(made)].out] = i
        carries = program.inputs[loop.carry : loop.carry + loop.carries]
        for slot, out in zip(carries, program.outputs, strict=False):
            if out in made:
                self.edges += [(made[out], i, CARRIED) for i in readers.get(slot, ())]
        self.vertex_of[node.time] = last = max(made.values())
        # after the results of the step come the carries that were stored for derivatives
        results = [*program.outputs, *program.outputs[: loop.carries]]
        for part, out in enumerate(results):
            self.made[node.time, part] = made.get(out, last)
        for part, out in enumerate(program.outputs[: loop.carries]):
            if out in made:
                self.vertices[made[out]].value = node.value[part]

    def add_operation(self, node: Tensor, phase: Sweep, scope: int) -> None:
        prim: Any = node.prim
        operands = [x for x in self.operands_of(node, phase, scope) if x is not None]
        drawn = [x for x in operands if not isinstance(x, str)]
        title = operation_title(prim, operands)
        detail = describe_value(node)
        if text := params_text(node.params):
            detail = f"{text}\n{detail}"
        label = getattr(prim, "label", prim.name)
        key = (label, describe_value(node), *sorted(node.params or ()))
        if node.name is not None:
            title = f"{node.name} = {title}"
        vertex = Vertex("op", title, detail, phase, scope, Counter([label]), key=key)
        self.vertex_of[node.time] = i = self.new(vertex, node)
        orderless = isinstance(prim, Primitive) and prim.commutative
        numbered = len(drawn) > 1 and not orderless
        for n, x in enumerate(drawn, 1):
            slot = str(n) if numbered else ""
            if isinstance(x, Tensor):
                self.join(x, i, slot)
            else:
                self.edges.append((x, i, slot))

    def join(self, parent: Tensor, to: int, slot: str) -> None:
        part = self.parts.get(parent.time, "")
        words = " ".join(word for word in (part, slot) if word)
        self.edges.append((self.vertex_of[parent.time], to, words))

    def constant(self, arg: Any, phase: Sweep, scope: int) -> int | None:
        """The vertex of an array that is not on the tape; one for each sweep and module."""
        if not isinstance(arg, (np.ndarray, Batched)):
            return None
        key = content(arg)
        name = self.arrays.get(key)
        if name is None and not self.constants:
            return None
        where = (key, phase, -1 if name else scope)
        if where not in self.constant_of:
            vertex = (
                Vertex("input", name, describe_value(arg), phase)
                if name
                else Vertex("constant", constant_title(arg), describe_value(arg), phase, scope)
            )
            vertex.value = arg
            self.constant_of[where] = self.new(vertex)
        return self.constant_of[where]

    def add_output(self, name: str, tensor: Tensor) -> None:
        i = self.new(Vertex("output", name, describe_value(tensor)), tensor)
        if tensor.time in self.vertex_of:
            self.vertices[i].phase = self.vertices[self.vertex_of[tensor.time]].phase
            self.join(tensor, i, "")


def _move_sources_inside(picture: Picture) -> None:
    """Put a parameter into the module call that alone reads it in the forward part."""
    vertices, calls = picture.vertices, picture.scopes
    common: dict[int, int] = {}
    for a, b, _ in picture.edges:
        reader = vertices[b]
        if vertices[a].kind in ("parameter", "constant") and reader.phase == FORWARD:
            scope = reader.scope
            if a in common:
                other = common[a]
                while scope != other and scope >= 0 and other >= 0:
                    if calls[scope].depth >= calls[other].depth:
                        scope = calls[scope].outer
                    else:
                        other = calls[other].outer
                scope = scope if scope == other else -1
            common[a] = scope
    for a, scope in common.items():
        vertices[a].scope = scope
