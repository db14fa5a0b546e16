"""New instructions of a program, made by the library's operations.

Emitter : (operation, operands) -> operand
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.signatures import parsed
from ..core.tensor import Axis
from .program import Instruction, Shape, instruction


class Operand(NamedTuple):
    """A slot, and what is known of the arrays in it."""

    slot: int
    shape: Shape
    dtype: Any  # None of a Python number
    value: Any = None  # of a constant
    axes: tuple[Axis, ...] | None = None  # batch axes, which come first, where a batch is lowered

    @property
    def ndim(self) -> int:
        """Logical axes: all but the batch axes."""
        return len(self.shape) - len(self.axes or ())

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    def hiding(self, axes: tuple[Axis, ...] | None) -> Operand:
        """The same with these batch axes."""
        return self._replace(axes=axes)


class Emitter:
    """Instructions and constants as they are made.

    Parameters
    ----------
    new_slot : callable
        Gives a number that no slot has yet.
    constants : dict of int to array or number, optional
        By slot, those that there are.
    fuses : bool, optional
        Whether elementwise operations in a row are one loop: then one more costs next to nothing.
    """

    def __init__(
        self,
        new_slot: Callable[[], int],
        constants: dict[int, Any] | None = None,
        fuses: bool = False,
    ):
        self.fuses = fuses
        self.instructions: list[Instruction] = []
        self.constants: dict[int, Any] = dict(constants or {})
        self._new_slot = new_slot

    def __call__(self, operation: Any, *operands: Operand, **params: Any) -> Operand:
        """One more instruction: an operation of the library on these operands."""
        return self.append(operation.primitive, operands, params)

    def constant(self, value: Any) -> Operand:
        """A slot for an array or a number that never changes."""
        slot = self._new_slot()
        self.constants[slot] = value
        return Operand(slot, np.shape(value), getattr(value, "dtype", None), value)

    def operand(self, slot: int, sample: Any, axes: Any = None) -> Operand:
        """What a slot holds, of which there is a sample."""
        value = self.constants.get(slot)
        return Operand(slot, np.shape(sample), getattr(sample, "dtype", None), value, axes)

    def append(
        self, prim: Any, operands: Sequence[Operand], params: dict[str, Any], sample: Any = None
    ) -> Operand:
        """One more instruction; ``sample`` is a result, where there is one already."""
        if sample is None:
            shape, dtype = result_type(prim, operands, params)
        else:
            shape, dtype = np.shape(sample), sample.dtype
        stand_ins = [_stand_in(x.shape, x.dtype) for x in operands]
        flops = prim.flops(_stand_in(shape, dtype), *stand_ins, **params)
        slots = tuple(x.slot for x in operands)
        made = instruction(prim, slots, self._new_slot(), shape, dtype, params, flops)
        self.instructions.append(made)
        return Operand(made.out, shape, dtype)

    def unknown(
        self, prim: Any, fn: Callable[..., Any], operands: Sequence[Operand], sample: Any
    ) -> Operand:
        """A call of a function of which no more is known than that a primitive calls it."""
        slots, out = tuple(x.slot for x in operands), self._new_slot()
        shape, dtype, size = np.shape(sample), sample.dtype, int(np.size(sample))
        name, effects = prim.name, prim.effects
        self.instructions.append(
            Instruction(None, fn, slots, out, shape, dtype, {}, size, name, effects=effects)
        )
        return Operand(out, shape, dtype)


@functools.lru_cache(maxsize=1024)
def _stand_in(shape: Shape, dtype: Any) -> Any:
    """An array of a shape and type, of one element's memory."""
    return np.broadcast_to(np.zeros((), dtype or float), shape)


def result_type(
    prim: Any, operands: Sequence[Operand], params: dict[str, Any]
) -> tuple[Shape, Any]:
    """Shape and type of a result, computed on as little as shows it."""
    shape: Shape | None = None
    if prim.is_broadcasting:
        shape = np.broadcast_shapes(*(x.shape for x in operands))
    elif isinstance(prim.signature, str):
        shape = _shape_by_signature(prim, operands)
    few = []
    for x in operands:
        own = x.shape if shape is None else (1,) * len(x.shape)
        few.append(x.value if x.dtype is None else _stand_in(own, x.dtype))
    with np.errstate(all="ignore"):
        found = prim.fn(*few, **params)
    return np.shape(found) if shape is None else shape, found.dtype


def _shape_by_signature(prim: Any, operands: Sequence[Operand]) -> Shape | None:
    """The result's shape, where its core axes all have names that operands have."""
    names = parsed(prim.signature)
    lengths: dict[str, int] = {}
    loops = []
    for x, own in zip(operands, names.operands, strict=True):
        depth = len(x.shape) - len(own)
        lengths.update(zip(own, x.shape[depth:], strict=True))
        loops.append(x.shape[:depth])
    if any(name not in lengths for name in names.result):
        return None
    return np.broadcast_shapes(*loops) + tuple(lengths[name] for name in names.result)
