"""From a tape to a picture: one vertex for each node worth showing.

Nodes that only rename (``alias``) or take one part of several (``pick``) are left out; their
readers are joined to their operands. Numbers are written in the label of the operation that uses
them; arrays that are not on the tape become constants, or inputs where they are recognised.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.composite import PICK
from ..core.primitive import Primitive
from ..core.tape import Tape
from ..core.tensor import Batched, Parts, Tensor, _Released
from ..ops.elementwise.identity import alias
from .phases import FORWARD, Sweep, is_seed, sweeps
from .picture import Edge, Picture, Vertex
from .scopes import scopes

_SHOWN_ELSEWHERE = frozenset(("shape", "dtype", "sweep", "until", "part"))
"""Static parameters that the shape and type of the result already show."""

_HASHED_BYTES = 1 << 26
"""Larger arrays are distinguished by identity, smaller ones by content."""


class Given(NamedTuple):
    """The kind and the name of a start, or of an argument."""

    kind: str
    name: str


def read(
    outputs: Sequence[tuple[str, Tensor]],
    starts: Mapping[int, Given],
    arrays: Mapping[Any, str],
    constants: bool,
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
    """
    nodes = Tape([tensor for _, tensor in outputs]).nodes
    phases = sweeps(nodes)
    calls, inside = scopes(nodes, phases)
    reader = _Reader(starts, arrays, constants)
    for node, phase, scope in zip(nodes, phases, inside, strict=True):
        reader.add(node, phase, scope)
    for name, tensor in outputs:
        reader.add_output(name, tensor)
    picture = Picture(reader.vertices, list(dict.fromkeys(reader.edges)), calls)
    _move_sources_inside(picture)
    return picture


class _Reader:
    """Vertices and edges so far, and the vertex of each node of the tape."""

    def __init__(self, starts: Mapping[int, Given], arrays: Mapping[Any, str], constants: bool):
        self.starts, self.arrays, self.constants = starts, arrays, constants
        self.vertices: list[Vertex] = []
        self.edges: list[Edge] = []
        self.vertex_of: dict[int, int] = {}  # by the time of a node
        self.parts: dict[int, str] = {}  # by time: which part of that vertex it is
        self.constant_of: dict[Any, int] = {}  # by content: the vertex of a constant

    def new(self, vertex: Vertex) -> int:
        self.vertices.append(vertex)
        return len(self.vertices) - 1

    def add(self, node: Tensor, phase: Sweep, scope: int) -> None:
        prim: Any = node.prim
        parent = node.parents[0] if node.parents else None
        if parent is not None and (prim is alias.primitive or prim is PICK):
            self.vertex_of[node.time] = self.vertex_of[parent.time]
            self.parts[node.time] = self.parts.get(parent.time, "")
            if prim is PICK and isinstance(parent.value, Parts) and len(parent.value) > 1:
                self.parts[node.time] = f"[{(node.params or {}).get('part')}]"
        elif not node.parents:
            kind, name = self.starts.get(node.time, Given("parameter", node.name or "parameter"))
            self.vertex_of[node.time] = self.new(Vertex(kind, name, describe_value(node)))
        elif is_seed(node):
            title = "cotangent" if phase.kind == "reverse" else "tangent"
            if phase.kind == "reverse" and parent is None and _is_one(node.value):
                title = "1"
            self.vertex_of[node.time] = i = self.new(
                Vertex("seed", title, describe_value(node), phase, scope)
            )
            if parent is not None:
                self.join(parent, i, "")
        else:
            self.add_operation(node, phase, scope)

    def add_operation(self, node: Tensor, phase: Sweep, scope: int) -> None:
        prim: Any = node.prim
        operands: list[Any] = []  # what is drawn: vertices or tensors; text where it is inline
        for arg, parent in zip(node.args or (None,) * len(node.parents), node.parents, strict=True):
            if parent is not None:
                operands.append(parent)
            elif (text := _inline(arg)) is not None:
                operands.append(text)
            elif (vertex := self.constant(arg, phase, scope)) is not None:
                operands.append(vertex)
        drawn = [x for x in operands if not isinstance(x, str)]
        title = _title(prim, operands)
        detail = describe_value(node)
        if text := _params_text(node.params):
            detail = f"{text}\n{detail}"
        label = getattr(prim, "label", prim.name)
        self.vertex_of[node.time] = i = self.new(
            Vertex("op", title, detail, phase, scope, Counter([label]))
        )
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
                else Vertex("constant", _constant_title(arg), describe_value(arg), phase, scope)
            )
            self.constant_of[where] = self.new(vertex)
        return self.constant_of[where]

    def add_output(self, name: str, tensor: Tensor) -> None:
        i = self.new(Vertex("output", name, describe_value(tensor)))
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


# ---- what is written on a vertex ----------------------------------------------------------------


def describe_value(x: Any) -> str:
    """Shape and type, as in ``64×16 float64``; batch axes come first, in brackets."""
    value = x.value if isinstance(x, Tensor) else x
    if isinstance(value, Parts):
        shown = [describe_value(part) for part in value[:4]]
        return "\n".join([*shown, "..."] if len(value) > 4 else shown)
    batch = "".join(f"[{axis.size}] " for axis in x.axes) if type(x) is Batched else ""
    shape = "×".join(str(n) for n in x.shape) if len(x.shape) else "scalar"
    return f"{batch}{shape} {getattr(x, 'dtype', type(x).__name__)}"


def content(x: Any) -> Any:
    """What distinguishes constants; operands on a tape are copies of what was given."""
    value = np.asarray(x.value if isinstance(x, Tensor) else x)
    key = (type(x) is Batched, value.shape, value.dtype.str)
    if value.nbytes > _HASHED_BYTES or value.dtype.hasobject:
        return (*key, id(value))
    return (*key, hashlib.sha256(value.tobytes()).digest())


def _is_one(value: Any) -> bool:
    return not isinstance(value, Parts) and np.ndim(value) == 0 and bool(value == 1)


def _inline(x: Any) -> str | None:
    """A number as text; None for anything with axes."""
    if isinstance(x, (Batched, Parts)) or np.ndim(x) != 0 or x is None:
        return None
    x = x.value if isinstance(x, Tensor) else x
    value = x.item() if isinstance(x, (np.ndarray, np.generic)) else x
    if isinstance(value, (bool, int)):
        return str(value)
    return f"{value:.4g}" if isinstance(value, (float, complex)) else None


def _title(prim: Any, operands: Sequence[Any]) -> str:
    """The operation, with the numbers among its operands: ``÷ 192``, ``1 -``, ``power(·, 3)``."""
    if isinstance(prim, _Released):
        return f"{prim.name} (released)"
    label = getattr(prim, "label", prim.name)
    if not any(isinstance(x, str) for x in operands):
        return label
    words = [x if isinstance(x, str) else "·" for x in operands]
    if len(words) == 2 and not label[0].isalnum():
        return f"{words[0]} {label}" if isinstance(operands[0], str) else f"{label} {words[1]}"
    return f"{label}({', '.join(words)})"


def _params_text(params: dict[str, Any] | None, longest: int = 28) -> str:
    """Static parameters worth reading, in few characters."""
    words = []
    for key, value in (params or {}).items():
        if key in _SHOWN_ELSEWHERE or value is None or value is False:
            continue
        if key == "pattern":
            words.append(f"[{', '.join(_entry_text(entry) for entry in value)}]")
            continue
        if isinstance(value, tuple) and len(value) == 1:
            words.append(f"{key} {value[0]}")
        else:
            words.append(key if value is True else f"{key} {value}")
    text = ", ".join(words)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _entry_text(entry: Any) -> str:
    """One entry of an index as it is written: ``1:3``, ``...``, ``0``, or ``array``."""
    if isinstance(entry, slice):
        ends = [entry.start, entry.stop, *([] if entry.step in (None, 1) else [entry.step])]
        return ":".join("" if end is None else str(end) for end in ends)
    return "..." if entry is Ellipsis else str(entry)


def _constant_title(x: Any) -> str:
    value = np.asarray(x.value if isinstance(x, Tensor) else x)
    if value.size and value.dtype.kind in "fciub" and (value == value.flat[0]).all():
        first = value.flat[0]
        known = {0: "zeros", 1: "ones"} if value.dtype.kind != "b" else {}
        return known.get(first.item(), f"all {_inline(first)}")
    return "mask" if value.dtype.kind == "b" else "constant"
