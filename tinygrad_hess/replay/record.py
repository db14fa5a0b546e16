"""From a tape to a program.

read : tape nodes -> Program
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import modes
from ..core.composite import PICK, Composite, Opaque
from ..core.primitive import snapshot
from ..core.tape import Tape
from ..core.tensor import START, Batched, Tensor, record, unrecorded
from .emitter import Emitter
from .lower_batch import ENTER, LEAVE, lower_batch
from .program import Instruction, Program


class SurroundedError(Exception):
    """The function closes over a batch of a ``vmap`` around it: it must be recorded with that."""


def read(tape: Tape, starts: Sequence[Tensor], outputs: Sequence[Any], since: int) -> Program:
    """Make a program of a tape. Outputs that are not on it become constants.

    ``since`` is the time when the recording began: batch axes older than that lie around it.
    """
    reader = _Reader(starts, since)
    reader.nodes(tape.nodes)
    found = tuple(reader.slot_of(y, y) for y in outputs)
    types = tuple((x.value.shape, x.value.dtype) for x in starts)
    inputs = tuple(range(len(starts)))
    return Program(inputs, reader.emit.constants, tuple(reader.emit.instructions), found, types)


class _Reader:
    """Slots, constants and instructions as they are found."""

    def __init__(self, starts: Sequence[Tensor], since: int):
        self.slots: dict[int, int] = {s.time: i for i, s in enumerate(starts)}
        self.since = since
        self._new = itertools.count(len(starts)).__next__
        self.emit = Emitter(self._new)
        self._known: dict[int, int] = {}  # slot of a constant by the identity of its value
        self._alive: list[Any] = []  # those values, so that identities stay taken
        self._parts: dict[int, list[int]] = {}  # outputs of composites by the bundle's time

    def slot_of(self, on_tape: Tensor | None, value: Any) -> int:
        """The slot of an operand: a node's, or a constant's."""
        if isinstance(on_tape, Tensor) and on_tape.time in self.slots:
            return self.slots[on_tape.time]
        if isinstance(value, Batched) and any(axis.time < self.since for axis in value.axes):
            raise SurroundedError
        if id(value) not in self._known:
            self._known[id(value)] = slot = self._new()
            self._alive.append(value)
            self.emit.constants[slot] = snapshot(
                value.value if isinstance(value, Tensor) else value, "jit"
            )
        return self._known[id(value)]

    def nodes(self, nodes: Sequence[Tensor]) -> None:
        """Append the instructions of nodes in order."""
        for node in nodes:
            prim: Any = node.prim
            bundle: Any = node.parents[0] if node.parents else None
            if isinstance(node, Batched) and any(a.time < self.since for a in node.axes):
                raise SurroundedError
            if not node.parents:  # a leaf made on the way
                self.slots[node.time] = self.slot_of(None, unrecorded(node))
            elif isinstance(prim, Opaque):
                self.slots[node.time] = self._opaque(node, prim)
            elif isinstance(prim, Composite):
                self._parts[node.time] = self._composite(node, prim)
            elif prim is PICK and bundle.time in self._parts:
                self.slots[node.time] = self._parts[bundle.time][(node.params or {})["part"]]
            else:
                self.slots[node.time] = self._instruction(node, prim)

    def _opaque(self, node: Tensor, prim: Opaque) -> int:
        """One call, which gives a bundle."""
        args = tuple(self.slot_of(p, a) for p, a in zip(node.parents, node.args, strict=True))
        call = Instruction(
            None, prim.fn, args, self._new(), (), None, name=prim.name, fresh=True, effects=True
        )
        self.emit.instructions.append(call)
        return call.out

    def _composite(self, node: Tensor, prim: Composite) -> list[int]:
        """Record the function inside, and read that in its place."""
        inner = [
            a if p is None else record(START, unrecorded(a), (), ())
            for p, a in zip(node.parents, node.args, strict=True)
        ]
        with modes.recording(), modes.tracing():
            outputs = prim.fn(*inner)
        starts = [x for x in inner if isinstance(x, Tensor) and x.prim is START]
        for x, p, a in zip(inner, node.parents, node.args, strict=True):
            if p is not None:
                self.slots[x.time] = self.slot_of(p, a)
        tape = Tape([y for y in outputs if isinstance(y, Tensor)], starts)
        if tape.outside:
            raise SurroundedError
        self.nodes(tape.nodes)
        return [self.slot_of(y if isinstance(y, Tensor) else None, y) for y in outputs]

    def _instruction(self, node: Tensor, prim: Any) -> int:
        """Append a node's instruction; batch axes become leading ones like any other."""
        given = [p if p is not None else a for p, a in zip(node.parents, node.args, strict=True)]
        operands = [
            self.emit.operand(
                self.slot_of(p, a),
                x.value if isinstance(x, Tensor) else x,
                x.axes if isinstance(x, Batched) else None,
            )
            for x, p, a in zip(given, node.parents, node.args, strict=True)
        ]
        axes = node.axes if isinstance(node, Batched) else None
        value, first, params = node.value, operands[0], node.params or {}
        same_type = (first.shape, first.dtype) == (np.shape(value), value.dtype)
        if prim.identity and same_type and (prim is ENTER or first.axes == axes):
            return first.slot
        if axes is None and prim is not LEAVE:
            return self.emit.append(prim, operands, params, value).slot
        return lower_batch(self.emit, prim, operands, axes or (), params, value).slot
