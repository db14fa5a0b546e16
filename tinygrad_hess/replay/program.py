"""A plain program: a straight line of instructions over numbered slots.

Everything a tape says about derivatives is gone; what is left is what to compute, in order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..core.hashing import hashable

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Instruction:
    """``out = fn(*args)``, where ``args`` and ``out`` are slots."""

    prim: Any  # the primitive; None for a function of which nothing is known
    fn: Callable[..., Any]
    args: tuple[int, ...]
    out: int
    shape: Shape
    dtype: Any
    params: dict[str, Any] = field(default_factory=dict)
    flops: int = 0
    name: str = ""
    fresh: bool = False  # whether the result never shares memory with an operand
    effects: bool = False  # whether it calls a function that is not the library's

    def reading(self, new: dict[int, int]) -> Instruction:
        """The same operation on the slots that stand for its operands now."""
        if new.keys().isdisjoint(self.args):
            return self
        return replace(self, args=tuple(new.get(a, a) for a in self.args))

    def called(
        self, operation: Any, args: tuple[int, ...], params: dict[str, Any] | None = None
    ) -> Instruction:
        """The same result from another operation."""
        return instruction(
            operation.primitive, args, self.out, self.shape, self.dtype, params, self.flops
        )

    def with_params(self, params: dict[str, Any]) -> Instruction:
        """The same operation with other parameters."""
        return replace(self, fn=partial(self.prim.fn, **params), params=params)

    @property
    def key(self) -> Any:
        """Equal keys with equal arguments compute the same; None where unknown."""
        return None if self.prim is None else (self.prim, hashable(self.params))

    @property
    def is_ufunc(self) -> bool:
        """Whether it is a call of one of NumPy's functions that work element by element."""
        return isinstance(self.fn, np.ufunc) and self.prim is not None

    @property
    def nbytes(self) -> int:
        """Bytes of the result."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def __str__(self) -> str:
        operands = ", ".join(f"t{a}" for a in self.args)
        options = "".join(f", {k}={v!r}" for k, v in self.params.items())
        return f"t{self.out} = {self.name}({operands}{options})"


def instruction(
    prim: Any,
    args: tuple[int, ...],
    out: int,
    shape: Shape,
    dtype: Any,
    params: dict[str, Any] | None = None,
    flops: int = 0,
) -> Instruction:
    """The instruction of a primitive, with what its row says."""
    fn = partial(prim.fn, **params) if params else prim.fn
    fresh = prim.aliases is False
    return Instruction(
        prim, fn, args, out, shape, dtype, params or {}, flops, prim.name, fresh, prim.effects
    )


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

    def renamed(self, new: dict[int, int], instructions: Sequence[Instruction]) -> Program:
        """These instructions in place of its own, with outputs by the slots that stand for them."""
        outputs = tuple(new.get(o, o) for o in self.outputs)
        return replace(self, instructions=tuple(instructions), outputs=outputs)

    def __repr__(self) -> str:
        return (
            f"<Program of {len(self.instructions)} instructions from {len(self.inputs)} inputs to "
            f"{len(self.outputs)} outputs; print it to see them>"
        )

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


class Loop(NamedTuple):
    """A loop: its steps, the program of one, and where among its inputs the carry is, of so many
    leaves. The carry that it hands to the next step comes first among its outputs."""

    steps: int
    program: Program
    carry: int
    carries: int
