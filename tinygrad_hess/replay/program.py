"""A plain program: a tape as a straight line of instructions over numbered slots.

    read : tape nodes -> Program

Everything a tape says about derivatives is gone; what is left is what to compute, in order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from .. import modes
from ..primitive import REGISTRY, snapshot
from ..tape import Tape
from ..tensors import START, Batched, Tensor, record, unrecorded
from ..transforms.composite import PICK, Composite, Opaque
from .hidden import Operand, spelled_out


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
    foreign: bool = False  # whether it calls a function that is not the library's

    def reading(self, new: dict[int, int]) -> Instruction:
        """The same operation on the slots that stand for its operands now."""
        if new.keys().isdisjoint(self.args):
            return self
        return replace(self, args=tuple(new.get(a, a) for a in self.args))

    def called(self, name: str, args: tuple[int, ...], params: dict[str, Any]) -> Instruction:
        """The same result from one of the library's operations, which may give a view."""
        fn = partial(REGISTRY[name].fn, **params)
        key = (name, hashable(params))
        return replace(self, name=name, fn=fn, args=args, params=params, key=key, fresh=False)

    def as_ufunc(self, fn: np.ufunc, args: tuple[int, ...]) -> Instruction:
        """The same result from a ufunc."""
        name = fn.__name__
        return replace(self, name=name, fn=fn, args=args, params={}, key=(name, ()))

    @property
    def nbytes(self) -> int:
        """Bytes of the result."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

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
    types: tuple[tuple[tuple[int, ...], Any], ...] = ()  # shapes and dtypes of the inputs, if known

    def shapes(self) -> dict[int, tuple[tuple[int, ...], Any]]:
        """Shape and dtype of every slot of which they are known; no dtype for Python numbers."""
        known = dict(zip(self.inputs, self.types, strict=False))
        known |= {s: (np.shape(c), getattr(c, "dtype", None)) for s, c in self.constants.items()}
        return known | {i.out: (i.shape, i.dtype) for i in self.instructions}

    def fresh_slots(self) -> Iterator[int]:
        """Numbers that no slot has yet."""
        taken = (*self.inputs, *self.constants, *(i.out for i in self.instructions))
        return itertools.count(1 + max(taken, default=0))

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
    types = tuple((x.value.shape, x.value.dtype) for x in starts)
    inputs = tuple(range(len(starts)))
    return Program(inputs, reader.constants, tuple(reader.instructions), found, types)


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
            elif isinstance(prim, Opaque):
                self._parts[node.time] = self._opaque(node, prim)
            elif isinstance(prim, Composite):
                self._parts[node.time] = self._composite(node, prim)
            elif prim is PICK:
                bundle, part = node.parents[0], (node.params or {})["part"]
                assert bundle is not None
                self.slots[node.time] = self._parts[bundle.time][part]
            else:
                self.slots[node.time] = self._instruction(node, prim).slot

    def _opaque(self, node: Tensor, prim: Opaque) -> list[int]:
        """One call, and what takes each result out of it."""
        args = tuple(self.slot_of(p, a) for p, a in zip(node.parents, node.args, strict=True))
        whole = self._new()
        call = Instruction(prim.name, prim.fn, args, whole, (), None, fresh=True, foreign=True)
        self.instructions.append(call)
        parts = []
        for n, value in enumerate(node.value):
            out, shape = self._new(), np.shape(value)
            self.instructions.append(
                Instruction(
                    "part", itemgetter(n), (whole,), out, shape, value.dtype, {"n": n}, fresh=True
                )
            )
            parts.append(out)
        return parts

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

    def _instruction(self, node: Tensor, prim: Any) -> Operand:
        """Append a node's instruction; hidden axes become leading ones like any other."""
        given = [p if p is not None else a for p, a in zip(node.parents, node.args, strict=True)]
        operands = [
            Operand(
                self.slot_of(p, a),
                x.value if isinstance(x, Tensor) else x,
                x.axes if isinstance(x, Batched) else None,
            )
            for x, p, a in zip(given, node.parents, node.args, strict=True)
        ]
        params = {} if prim.name == "seed" else node.params or {}
        if prim.name in ("enter", "leave") or isinstance(node, Batched):
            axes = node.axes if isinstance(node, Batched) else ()
            return spelled_out(self.append, prim, operands, axes, params, node.value)
        return self.append(prim, operands, params, node.value)

    def append(
        self, prim: Any, operands: Sequence[Operand], params: Any, value: Any = None, fn: Any = None
    ) -> Operand:
        """One instruction: ``prim`` of these operands, or ``fn``, of which no more is known.

        ``value`` is a sample of the result where there is one already.
        """
        raw = [x.sample for x in operands]
        key = (prim.name, hashable(params)) if fn is None else None
        fn = fn or (partial(prim.fn, **params) if params else prim.fn)
        if value is None:
            with np.errstate(all="ignore"):
                value = fn(*raw)
        made = Instruction(
            prim.name,
            fn,
            tuple(x.slot for x in operands),
            self._new(),
            np.shape(value),
            value.dtype,
            params,
            key,
            _is_fresh(prim, value, raw),
            prim.flops(value, *raw, **params),
            prim.name == "checked" or not _is_ours(prim),
        )
        self.instructions.append(made)
        return Operand(made.out, value, None)


_OURS = __name__.partition(".")[0] + "."


def _is_ours(prim: Any) -> bool:
    return prim.module.startswith(_OURS)


def _is_fresh(prim: Any, value: Any, operands: Sequence[Any]) -> bool:
    """A linear operation may be a view, depending on the layout; our others show it if they are.

    What a user's own primitive returns may depend on values, so nothing is concluded from a sample.
    """
    if not _is_ours(prim):
        return False
    if not isinstance(value, np.ndarray):
        return True  # a scalar has no memory to share
    if prim.kind == "linear":
        return prim.name == "sum"
    return not any(isinstance(x, np.ndarray) and np.may_share_memory(value, x) for x in operands)


def hashable(params: dict[str, Any]) -> Any:
    """Static parameters as a key that tells 1, 1.0 and True apart."""

    def plain(value: Any) -> Any:
        if isinstance(value, slice):  # cannot be hashed
            return ("slice", value.start, value.stop, value.step)
        if isinstance(value, tuple):
            return tuple(map(plain, value))
        return (type(value).__name__, repr(value)) if isinstance(value, (int, float)) else value

    return tuple((k, plain(v)) for k, v in sorted(params.items()))
