"""A plain program: a tape as a straight line of instructions over numbered slots.

    read : tape nodes -> Program

Everything a tape says about derivatives is gone; what is left is what to compute, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..primitive import line_up
from ..tensors import Batched, Parts, Tensor, batched
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


def _hashable(params: dict[str, Any]) -> Any:
    """Static parameters as a key; slices, which cannot be hashed, as their three numbers."""

    def plain(value: Any) -> Any:
        if isinstance(value, slice):
            return ("slice", value.start, value.stop, value.step)
        return tuple(map(plain, value)) if isinstance(value, tuple) else value

    return tuple((k, plain(v)) for k, v in sorted(params.items()))


def _replayable(node: Tensor) -> tuple[Callable[..., Any], Any]:
    """How to compute a node's raw value from its operands' raw values, and a key for it."""
    prim: Any = node.prim
    params = node.params or {}
    fn = prim.fn
    hidden = tuple(
        a.axes if isinstance(a, Batched) else None
        for a in (p if p is not None else a for p, a in zip(node.parents, node.args, strict=True))
    )
    if isinstance(prim, Composite):
        return _composite(prim, hidden), None
    if prim is PICK:
        return (lambda parts: _raw(parts[params["part"]])), None
    if prim.name in ("enter", "leave"):
        return _moved(prim.name, hidden[0], params["axis"]), None
    if type(node) is Batched and not isinstance(node.value, Parts):
        return _in_batch(prim, hidden, node.axes, params), None
    key = (prim.name, _hashable(params)) if prim.name != "seed" else ("seed",)
    if params and prim.name not in ("seed", "alias"):
        return (lambda *values: fn(*values, **params)), key
    return fn, key


def _raw(x: Any) -> Any:
    return x.value if isinstance(x, Tensor) else x


def _composite(prim: Composite, hidden: Any) -> Callable[..., Any]:
    def run(*values: Any) -> Parts:
        given = [v if h is None else batched(v, h) for v, h in zip(values, hidden, strict=True)]
        return prim.fn(*given)

    return run


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


def read(nodes: Sequence[Tensor], starts: Sequence[Tensor], outputs: Sequence[Any]) -> Program:
    """Make a program of the nodes of a tape. Outputs that are not on it become constants."""
    slot: dict[int, int] = {s.time: i for i, s in enumerate(starts)}
    constants: dict[int, Any] = {}
    known: dict[int, int] = {}  # slot of a constant by the identity of its array
    count = len(starts)

    def constant(value: Any) -> int:
        nonlocal count
        if isinstance(value, Tensor):
            value = value.value
        if id(value) not in known:
            constants[count] = value
            known[id(value)] = count
            count += 1
        return known[id(value)]

    instructions = []
    for node in nodes:
        if not node.parents:  # a leaf made on the way
            slot[node.time] = constant(node.value)
            continue
        args = tuple(
            slot[p.time] if p is not None and p.time in slot else constant(a)
            for p, a in zip(node.parents, node.args, strict=True)
        )
        fn, key = _replayable(node)
        prim: Any = node.prim
        raw = node.value
        shape, dtype = (raw.shape, raw.dtype) if not isinstance(raw, Parts) else ((), None)
        flops = getattr(prim, "flops", None)
        params = node.params or {}
        slot[node.time] = count
        instructions.append(
            Instruction(
                prim.name,
                fn,
                args,
                count,
                shape,
                dtype,
                {} if prim.name == "seed" else params,
                key,
                flops(raw, *node.args, **params) if flops is not None and dtype is not None else 0,
            )
        )
        count += 1
    found = tuple(
        slot[y.time] if isinstance(y, Tensor) and y.time in slot else constant(y) for y in outputs
    )
    return Program(tuple(range(len(starts))), constants, tuple(instructions), found)
