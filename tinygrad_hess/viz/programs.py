"""From a program that ``jit`` planned, or of one step of a scan, to vertices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..replay.program import Program
from .labels import constant_title, describe_value, inline, operation_title, params_text
from .phases import FORWARD, Sweep
from .picture import Edge, Picture, Vertex


def operations(
    program: Program, phase: Sweep = FORWARD, scope: int = -1
) -> Iterator[tuple[Vertex, list[tuple[int, str]]]]:
    """Each instruction as a vertex, with the slots that it reads and which operands they are."""
    for i in program.instructions:
        words = [inline(program.constants.get(slot)) for slot in i.args]
        # what is no primitive is called by its name
        row: Any = i.prim if i.prim is not None else i
        named = [
            word if word is not None else slot for word, slot in zip(words, i.args, strict=True)
        ]
        drawn = [slot for slot in named if not isinstance(slot, str)]
        label = getattr(row, "label", i.name)
        shape = "several arrays" if i.dtype is None else _shape_text(i.shape, i.dtype)
        params = params_text(i.params)
        vertex = Vertex(
            "op", operation_title(row, named), f"{params}\n{shape}" if params else shape,
            phase, scope, Counter([label]), key=(label, shape, *sorted(i.params)),
        )  # fmt: skip
        numbered = len(drawn) > 1 and not getattr(row, "commutative", False)
        yield vertex, [(slot, str(n) if numbered else "") for n, slot in enumerate(drawn, 1)]


def read_program(program: Program, names: Sequence[str], values: Sequence[Any] = ()) -> Picture:
    """The picture of a program; ``names`` are those of its inputs."""
    vertices: list[Vertex] = []
    edges: list[Edge] = []
    made: dict[int, int] = {}
    for slot, name, value in zip(program.inputs, names, [*values, *names], strict=False):
        made[slot] = len(vertices)
        given = not isinstance(value, str)
        detail = describe_value(np.asarray(value)) if given else ""
        vertices.append(Vertex("input", name, detail, value=value if given else None))
    for number, (vertex, reads) in enumerate(operations(program)):
        for slot, _ in reads:
            if slot not in made:
                made[slot] = len(vertices)
                value = program.constants[slot]
                vertices.append(
                    Vertex("constant", constant_title(value), describe_value(np.asarray(value)),
                           value=value)
                )  # fmt: skip
        edges += [(made[slot], len(vertices), position) for slot, position in reads]
        made[program.instructions[number].out] = len(vertices)
        vertices.append(vertex)
    for n, slot in enumerate(program.outputs):
        if slot in made:
            edges.append((made[slot], len(vertices), ""))
            vertices.append(
                Vertex("output", f"output {n}" if len(program.outputs) > 1 else "output")
            )
    return Picture(vertices, edges, [])


def _shape_text(shape: Sequence[int], dtype: Any) -> str:
    return f"{'×'.join(map(str, shape)) or 'scalar'} {np.dtype(dtype)}"
