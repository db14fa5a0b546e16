"""A plain program: a tape as a straight line of instructions over numbered slots.

    read : tape nodes -> Program

Everything a tape says about derivatives is gone; what is left is what to compute, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .. import modes
from ..primitive import line_up, snapshot
from ..tape import Tape
from ..tensors import START, Batched, Tensor, record, unrecorded
from ..transforms.composite import PICK, Composite


@dataclass(frozen=True)
class Instruction:
    """``out = fn(*args)``, where ``args`` and ``out`` are slots."""

    name: str
    fn: Callable[..., Any]
    args: tuple[int, ...]
    out: int
    shape: tuple[int, ...]
    dtype: Any
    params: dict[str, Any] = field(default_factory=dict)
    key: Any = None  # equal keys with equal arguments compute the same; None where unknown
    fresh: bool = False  # whether the result never shares memory with an operand
    flops: int = 0

    def __str__(self) -> str:
        operands = ", ".join(f"t{a}" for a in self.args)
        options = "".join(f", {k}={v!r}" for k, v in self.params.items())
        return f"t{self.out} = {self.name}({operands}{options})"


@dataclass(frozen=True)
class Program:
    """Instructions in order, with the slots of inputs, constants and outputs."""

    inputs: tuple[int, ...]
    constants: dict[int, Any]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]

    def with_instructions(self, instructions: Sequence[Instruction]) -> Program:
        """The same inputs, constants and outputs around other instructions."""
        return replace(self, instructions=tuple(instructions))

    def __str__(self) -> str:
        lines = [f"inputs {', '.join(f't{i}' for i in self.inputs)}"]
        lines += map(str, self.instructions)
        return "\n".join([*lines, f"outputs {', '.join(f't{i}' for i in self.outputs)}"])

    def run(self, *values: Any) -> list[Any]:
        """Interpret the program, without any planning: the reference for all passes."""
        slots = dict(zip(self.inputs, values, strict=True)) | self.constants
        for i in self.instructions:
            slots[i.out] = i.fn(*[slots[a] for a in i.args])
        return [slots[o] for o in self.outputs]


class SurroundedError(Exception):
    """The function closes over a batch of a ``vmap`` around it: it must be recorded with that."""


def read(tape: Tape, starts: Sequence[Tensor], outputs: Sequence[Any], since: int) -> Program:
    """Make a program of a tape. Outputs that are not on it become constants.

    ``since`` is the time when the recording began: hidden axes older than that lie around it.
    """
    reader = _Reader(starts, since)
    reader.nodes(tape.nodes)
    found = tuple(reader.slot_of(y, y) for y in outputs)
    return Program(tuple(range(len(starts))), reader.constants, tuple(reader.instructions), found)


class _Reader:
    """Slots, constants and instructions as they are found."""

    def __init__(self, starts: Sequence[Tensor], since: int):
        self.slots: dict[int, int] = {s.time: i for i, s in enumerate(starts)}
        self.count = len(starts)
        self.since = since
        self.constants: dict[int, Any] = {}
        self.instructions: list[Instruction] = []
        self._known: dict[int, int] = {}  # slot of a constant by the identity of its value
        self._alive: list[Any] = []  # those values, so that identities stay taken
        self._parts: dict[int, list[int]] = {}  # outputs of composites by the bundle's time

    def _new(self) -> int:
        self.count += 1
        return self.count - 1

    def slot_of(self, on_tape: Tensor | None, held: Any) -> int:
        """The slot of an operand: a node's, or a constant's."""
        if isinstance(on_tape, Tensor) and on_tape.time in self.slots:
            return self.slots[on_tape.time]
        if isinstance(held, Batched) and any(axis.time < self.since for axis in held.axes):
            raise SurroundedError
        if id(held) not in self._known:
            self._known[id(held)] = slot = self._new()
            self._alive.append(held)
            self.constants[slot] = snapshot(held.value if isinstance(held, Tensor) else held)
        return self._known[id(held)]

    def nodes(self, nodes: Sequence[Tensor]) -> None:
        """Append the instructions of nodes in order."""
        for node in nodes:
            prim: Any = node.prim
            if isinstance(node, Batched) and any(a.time < self.since for a in node.axes):
                raise SurroundedError
            if not node.parents:  # a leaf made on the way
                self.slots[node.time] = self.slot_of(None, unrecorded(node))
            elif isinstance(prim, Composite):
                self._parts[node.time] = self._composite(node, prim)
            elif prim is PICK:
                bundle, part = node.parents[0], (node.params or {})["part"]
                assert bundle is not None
                self.slots[node.time] = self._parts[bundle.time][part]
            else:
                self.slots[node.time] = self._instruction(node, prim)

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
        given = [p if p is not None else a for p, a in zip(node.parents, node.args, strict=True)]
        args = tuple(self.slot_of(p, a) for p, a in zip(node.parents, node.args, strict=True))
        params = {} if prim.name == "seed" else node.params or {}
        fn, key = _replayable(node, prim, given, params)
        raw = [x.value if isinstance(x, Tensor) else x for x in given]
        self.instructions.append(
            Instruction(
                prim.name,
                fn,
                args,
                out := self._new(),
                node.value.shape,
                node.value.dtype,
                params,
                key,
                _is_fresh(prim, node.value, raw),
                prim.flops(node.value, *raw, **params),
            )
        )
        return out


_OURS = __name__.partition(".")[0] + "."


def _is_fresh(prim: Any, value: Any, operands: Sequence[Any]) -> bool:
    """A linear operation may be a view, depending on the layout; our others show it if they are.

    What a user's own primitive returns may depend on values, so nothing is concluded from a sample.
    """
    if not prim.module.startswith(_OURS) or not isinstance(value, np.ndarray):
        return False
    if prim.kind == "linear":
        return prim.name == "sum"
    return not any(isinstance(x, np.ndarray) and np.may_share_memory(value, x) for x in operands)


def _hashable(params: dict[str, Any]) -> Any:
    """Static parameters as a key that tells 1, 1.0 and True apart."""

    def plain(value: Any) -> Any:
        if isinstance(value, slice):  # cannot be hashed
            return ("slice", value.start, value.stop, value.step)
        if isinstance(value, tuple):
            return tuple(map(plain, value))
        return (type(value).__name__, repr(value)) if isinstance(value, (int, float)) else value

    return tuple((k, plain(v)) for k, v in sorted(params.items()))


def _replayable(
    node: Tensor, prim: Any, given: Sequence[Any], params: dict[str, Any]
) -> tuple[Callable[..., Any], Any]:
    """How to compute a node's raw value from its operands' raw values, and a key for it."""
    fn = prim.fn
    hidden = [x.axes if isinstance(x, Batched) else None for x in given]
    if prim.name in ("enter", "leave"):
        return _moved(prim.name, hidden[0], params["axis"]), None
    if isinstance(node, Batched):
        return _in_batch(prim, hidden, node.axes, params), None
    key = (prim.name, _hashable(params))
    if params:
        return (lambda *values: fn(*values, **params)), key
    return fn, key


def _in_batch(prim: Any, hidden: Any, axes: Any, params: Any) -> Callable[..., Any]:
    lead = tuple(axis.size for axis in axes)

    def run(*values: Any) -> Any:
        aligned = [
            v if h is None else line_up(v, h, axes) for v, h in zip(values, hidden, strict=True)
        ]
        ndims = [
            None if h is None else v.ndim - len(h) for v, h in zip(values, hidden, strict=True)
        ]
        return prim.batch(aligned, ndims, lead, params)

    return run


def _moved(name: str, hidden: Any, axis: Any) -> Callable[..., Any]:
    """``enter`` names the axis behind the hidden ones and moves nothing; ``leave`` moves it."""
    axes = hidden or ()
    if name == "enter":
        return lambda x: x
    lead = len(axes)
    if axis in axes:
        return lambda x: np.moveaxis(x, axes.index(axis), lead - 1)
    return lambda x: np.broadcast_to(
        np.expand_dims(x, lead), (*np.shape(x)[:lead], axis.size, *np.shape(x)[lead:])
    )
