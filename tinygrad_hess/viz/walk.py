"""A value, its gradient and a tangent, told operation by operation.

    walk : tape, picture -> steps     forward, then reverse, then tangent

Gradients are pulled back here one operand at a time, so that each contribution can be told; the
rules are those of the rows, as in the sweeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core import modes
from ..core.tape import Tape
from ..core.tensor import Parts, Tensor, unrecorded
from ..transforms.sweeps import conform, forward
from . import formulas
from .labels import inline
from .picture import COMPUTED, Picture, Vertex
from .values import numbers_text

_LONGEST_NAME = 20
_NEVER = 10**9


@dataclass(slots=True)
class Step:
    """What one step tells.

    Attributes
    ----------
    phase : {"forward", "reverse", "tangent"}
    boxes : list of int
        Vertices that it is about, the first of all first.
    edges : list of (int, int)
        Along which it goes.
    heading, words : str
        What is computed, and the rule in words.
    lines : list of str
        Formulas with numbers.
    """

    phase: str
    boxes: list[int]
    heading: str
    lines: list[str] = field(default_factory=list)
    words: str = ""
    edges: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Walk:
    """All steps, and for each vertex from which on its value, gradient and tangent are known."""

    steps: list[Step]
    since: list[list[int]]
    grads: Mapping[int, Any]
    tangents: Mapping[int, Any]


def walk(picture: Picture, root: Tensor, tangents: Mapping[int, Any]) -> Walk:
    """Steps of ``root``, a number; ``tangents`` are those of the starts, by time."""
    return _Walker(picture, root, tangents).walk()


class _Walker:
    def __init__(self, picture: Picture, root: Tensor, tangents: Mapping[int, Any]):
        self.picture, self.root = picture, root
        self.nodes = Tape([root]).nodes
        self.vertex = {
            v.node.time: i
            for i, v in enumerate(picture.vertices)
            if v.node is not None and v.kind != "output"
        }
        self.names = _named(picture)
        self.output = next(i for i, v in enumerate(picture.vertices) if v.kind == "output")
        self.grads: dict[int, Any] = {}
        roots = {n.time for n in self.nodes}
        with modes.no_grad():
            self.tangents = forward(Tape([root]), dict(tangents), roots)
        self.steps: list[Step] = []
        self.since = [[_NEVER, _NEVER, _NEVER] for _ in picture.vertices]

    def walk(self) -> Walk:
        self.values()
        self.gradients()
        if self.tangents:
            self.push()
        return Walk(self.steps, self.since, self.grads, self.tangents)

    def now(self) -> int:
        """The number of the step that was added last."""
        return len(self.steps) - 1

    def name(self, x: Tensor | None, raw: Any = None) -> str:
        """What an operand is called in formulas."""
        if x is None:
            return inline(raw) or "constant"
        i = self.index(x)
        return self.names[i] if i is not None else "?"

    def index(self, x: Tensor) -> int | None:
        """The vertex of a node, or of the one that it is another name of."""
        seen: Tensor | None = x
        while seen is not None and seen.time not in self.vertex:
            seen = seen.parents[0] if seen.parents else None
        return None if seen is None else self.vertex[seen.time]

    def operation(self, node: Tensor) -> int | None:
        """The box of an operation; None for what has none of its own."""
        i = self.vertex.get(node.time)
        return i if i is not None and self.picture.vertices[i].kind in COMPUTED else None

    def operands(self, node: Tensor) -> list[str]:
        return [
            self.name(p, a) if p is not None or inline(a) is not None else self.constant(node, a)
            for p, a in zip(node.parents, node.args, strict=True)
        ]

    def constant(self, node: Tensor, value: Any) -> str:
        """The name of a box for an array that is not on the tape."""
        i = self.vertex.get(node.time)
        for a, b, _ in self.picture.edges:
            if b == i and self.picture.vertices[a].value is value:
                return self.names[a]
        return "constant"

    def into(self, node: Tensor) -> list[tuple[int, int]]:
        i = self.vertex.get(node.time)
        return [(a, b) for a, b, _ in self.picture.edges if b == i]

    # ---- values ---------------------------------------------------------------------------------

    def values(self) -> None:
        vertices = self.picture.vertices
        given = [i for i, v in enumerate(vertices) if v.kind not in COMPUTED and v.kind != "output"]
        lines = [
            f"{self.names[i]} = {_short(vertices[i].value)}"
            for i in given
            if _is_known(vertices[i])
        ]
        self.steps.append(
            Step("forward", given, "What is given", lines[:24], "Arguments and constants.")
        )
        for n in given:
            self.since[n][0] = 0
        for node in self.nodes:
            if (i := self.operation(node)) is None:
                continue
            said = formulas.expression(node, self.operands(node))
            self.steps.append(
                Step(
                    "forward", [i], f"{self.names[i]} = {said}",
                    [f"{self.names[i]} = {_short(node.value)}"],
                    "The value is computed, and the operation is recorded with its operands.",
                    self.into(node),
                )
            )  # fmt: skip
            self.since[i][0] = self.now()
        self.since[self.output][0] = self.now()
        self.steps[-1].boxes.append(self.output)

    # ---- gradients ------------------------------------------------------------------------------

    def gradients(self) -> None:
        i = self.index(self.root)
        self.steps.append(
            Step(
                "reverse", [x for x in (i, self.output) if x is not None],
                f"L = {self.name(self.root)}, ∂L/∂{self.name(self.root)} = 1", [],
                "The reverse sweep starts at the output, whose derivative by itself is 1. It then "
                "goes back from each operation to its operands.",
            )
        )  # fmt: skip
        grads = self.grads
        grads[self.root.time] = self.root.dtype.type(1)
        self.since[self.output][1] = self.now()
        if i is not None:
            self.since[i][1] = self.now()
        waiting = _readers(self.nodes)
        for node in reversed(self.nodes):
            if node.parents and node.time in grads:
                self.back(node, waiting)
        for n in self.nodes:  # nothing came back to them
            i = self.vertex.get(n.time)
            if i is not None and self.since[i][1] > self.now():
                self.since[i][1] = self.now()

    def back(self, node: Tensor, waiting: dict[int, int]) -> None:
        """What one operation gives to its operands."""
        prim: Any = node.prim
        g, i = self.grads[node.time], self.operation(node)
        shown = i is not None
        step = Step("reverse", [] if i is None else [i], "", edges=self.into(node) if shown else [])
        names = self.operands(node) if node.args else []
        own = self.name(node)
        if shown:
            step.heading = f"back through {own} = {formulas.expression(node, names)}"
            step.words = formulas.words(node)
        told = {
            p.operand: p.formula
            for p in formulas.partials(node, names, own, f"∂L/∂{own}")
        } if shown else {}  # fmt: skip
        done = []
        for k, (parent, c) in enumerate(zip(node.parents, _pulled(node, g), strict=True)):
            if parent is None:
                continue
            waiting[parent.time] -= 1
            if c is not None:
                wide = np.shape(c)
                c = conform(c, parent, frozenset())
                before = self.grads.get(parent.time)
                self.grads[parent.time] = c if before is None else before + c
                x = self.name(parent)
                formula = told.get(k, "")
                if shown and prim.kind == "elementwise" and formula:
                    step.lines.append(f"∂{own}/∂{x} = {_equals(formula, _local(node, k))}")
                    formula = f"∂L/∂{own} × ∂{own}/∂{x}"
                if shown:
                    gets = f"∂L/∂{x} {'+=' if before is not None else '='} "
                    step.lines.append(f"{gets}{f'{formula} = ' if formula else ''}{_short(c)}")
                if wide != np.shape(c):
                    step.words += (
                        f" {x} was broadcast, so its derivative is summed over the copies."
                    )
                if before is not None and shown:
                    total = _short(self.grads[parent.time])
                    step.lines.append(f"so far ∂L/∂{x} = {total}")
            if not waiting[parent.time]:
                done.append(parent)
        if shown:
            self.steps.append(step)
        for parent in done:
            j = self.index(parent)
            if j is not None and parent.time in self.vertex:
                step.boxes.append(j)
                self.since[j][1] = self.now()

    # ---- tangents -------------------------------------------------------------------------------

    def push(self) -> None:
        vertices = self.picture.vertices
        given = [x for x in self.nodes if not x.parents and x.time in self.vertex]
        boxes = [self.vertex[x.time] for x in given]
        lines = [f"{_d(self.name(x))} = {_short(self.tangents.get(x.time, 0.0))}" for x in given]
        self.steps.append(
            Step(
                "tangent", boxes, "A direction", lines[:24],
                "The tangent sweep goes forward: how fast each value changes when the arguments "
                "move in this direction.",
            )
        )  # fmt: skip
        for n, v in enumerate(vertices):
            if v.kind not in COMPUTED:
                self.since[n][2] = self.now()
        self.since[self.output][2] = _NEVER
        for node in self.nodes:
            if (i := self.operation(node)) is None:
                continue
            t = self.tangents.get(node.time)
            said = self.tangent_formula(node)
            own = _d(self.names[i])
            line = f"{own} = {f'{said} = ' if said else ''}{_short(0.0 if t is None else t)}"
            words = "No tangent reaches it, so it does not change." if t is None else _FORWARD
            self.steps.append(
                Step("tangent", [i], f"{own}, the tangent of {self.names[i]}", [line], words,
                     self.into(node))
            )  # fmt: skip
            self.since[i][2] = self.now()
        self.steps[-1].boxes.append(self.output)
        self.since[self.output][2] = self.now()

    def tangent_formula(self, node: Tensor) -> str:
        """How a tangent follows from those of the operands, where that can be written."""
        prim: Any = node.prim
        names = self.operands(node) if node.args else []
        moving = [
            k for k, p in enumerate(node.parents) if p is not None and p.time in self.tangents
        ]
        if not moving:
            return ""
        with_d = lambda k: [_d(n) if i == k else n for i, n in enumerate(names)]
        if prim.kind in ("linear", "bilinear"):
            terms = [formulas.expression(node, with_d(k)) for k in moving]
        elif prim.kind == "elementwise":
            said = formulas.partials(node, names, self.name(node), "")
            terms = [
                _times(p.formula, _d(names[p.operand]))
                for p in said
                if p.operand in moving and p.formula
            ]
            if len(terms) < len(moving):
                return ""
        else:
            return ""
        return " + ".join(terms)


_FORWARD = "The chain rule, forward: each operand's tangent times the partial derivative."


def _named(picture: Picture) -> list[str]:
    """A short name for each vertex: operations are v1, v2, ... as in Wengert's list."""
    names, count = [], 0
    for v in picture.vertices:
        if v.kind in COMPUTED:
            count += 1
            named = v.node.name if v.node is not None else None
            name = named or f"v{count}"
            v.title = v.title if named else f"{name} = {v.title}"
        else:
            name = v.title
        short = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        v.title = v.title.replace(name, short, 1)
        names.append(short)
    return names


def _readers(nodes: Sequence[Tensor]) -> dict[int, int]:
    """How many operands of the tape each node is."""
    count: dict[int, int] = {}
    for node in nodes:
        for p in node.parents:
            if p is not None:
                count[p.time] = count.get(p.time, 0) + 1
    return count


def _pulled(node: Tensor, g: Any) -> Sequence[Any]:
    """Cotangents of the operands from that of the node, by its row."""
    prim: Any = node.prim
    with modes.no_grad(), np.errstate(all="ignore"):
        if prim.vjps is None:
            parts = prim.pullback(g, unrecorded(node), node.args, node.params)
            return [parts[k] if p is not None else None for k, p in enumerate(node.parents)]
        return [
            rule(g, unrecorded(node), *node.args, **(node.params or {}))
            if p is not None and rule is not None
            else None
            for p, rule in zip(node.parents, prim.vjps, strict=False)  # some operands are optional
        ]


def _local(node: Tensor, operand: int) -> Any:
    prim: Any = node.prim
    one = node.dtype.type(1)
    with modes.no_grad(), np.errstate(all="ignore"):
        return prim.vjps[operand](one, unrecorded(node), *node.args, **(node.params or {}))


def _equals(formula: str, x: Any) -> str:
    """A formula and its value, or that alone where it is the formula."""
    said = _short(x)
    return said if said in (formula, f"all {formula}") else f"{formula} = {said}"


def _short(x: Any) -> str:
    if x is None:
        return "0"
    return numbers_text(x).replace("\n", " ")


def _d(name: str) -> str:
    return f"d{name}" if name.isidentifier() else f"d({name})"


def _times(formula: str, tangent: str) -> str:
    if formula == "1":
        return tangent
    return f"{f'({formula})' if ' ' in formula else formula} × {tangent}"


def _is_known(v: Vertex) -> bool:
    return v.value is not None and not isinstance(v.value, Parts)
