"""Where the operands of a line are, by their names in the source.

Memory.operations : line -> its operations, none for a view; None where it stays Python
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...ops.shape.broadcasting import reshape
from ..codegen.cache_blocking import Line
from ..codegen.writers import Call
from . import fused
from .indexing import lowered_at_positions, sample_of
from .operations import NO_LOOP, NUMBERS, SHORT, Operation, Place, lowered

_RESHAPE = reshape.primitive.fn

FEW_COPIED = 2**10
"""Elements up to which they are copied without Python, however they lie."""

LARGE = 2**16
"""Elements of an operand above which a call does not weigh: what cannot be fused stays Python."""


class Memory:
    """Arrays by name: of the plan, and such as lie in memory as its locals will.

    Attributes
    ----------
    like : dict of str to ndarray
        For each local that has memory of its own, an array that lies as it does.
    constants : dict of str to ndarray
        What operations read besides the arrays of the plan.
    """

    def __init__(self, inputs: Mapping[str, Any], fixed: Mapping[str, Any]):
        self.like: dict[str, Any] = dict(inputs)
        self.constants: dict[str, Any] = {}
        self._fixed = fixed
        self._places = {name: Place(name, x) for name, x in (*fixed.items(), *inputs.items())}

    def operations(self, line: Line) -> list[Operation] | None:
        """What a line does, in order; what it makes has a place from now on."""
        found = self._view(line) if line.is_view else self._calls(line)
        unknown = line.local is not None and line.local not in self.like
        if found is None and unknown and line.kind is not None:
            self._add(str(line.local), np.empty(*line.kind))  # as most lie; a run looks before
        return found

    def _add(self, local: str, array: Any) -> Place:
        self.like[local] = array
        place = self._places[local] = Place(local, array)
        return place

    def _view(self, line: Line) -> list[Operation] | None:
        (call,) = line.calls
        base = self._place(call.operands[0])
        if base is None or not base.array.size:
            return None
        view = _viewed(call.function, base.array)
        if view is None:
            return self._reshaped(line, call, base)
        self._places[str(line.local)] = Place(base.owner, view, _offset(base, view))
        return []

    def _reshaped(self, line: Line, call: Call, base: Place) -> list[Operation] | None:
        """A reshape that copies: element after element into what has the shape of its operand.

        Where few lie in a row, as in windows of an image, NumPy is faster.
        """
        if getattr(call.function, "func", None) is not _RESHAPE or line.kind is None:
            return None
        result = np.empty(*line.kind)
        whole = Place(str(line.local), result.reshape(base.array.shape))
        found = lowered(Call(np.copyto, call.operands), [base], whole)
        if found is None:
            return None
        (in_a_row,) = found[0].row.dimensions
        if result.size > (LARGE if in_a_row >= SHORT else FEW_COPIED):
            return None
        self._add(str(line.local), result)
        return found

    def _calls(self, line: Line) -> list[Operation] | None:
        found: list[Operation] = []
        for call in line.calls:
            given = [self._operand(text, call) for text in call.operands if text != "OUT"]
            known = [p for p in given if p is not None]
            if len(known) < len(given):
                return None
            out = self._result(line, call, known)
            if out is not None and "OUT" in call.operands:
                known.insert(call.operands.index("OUT"), out)
            lower = lowered if call.params is None else lowered_at_positions
            operations = None if out is None else lower(call, known, out)
            if operations is None or not all([_is_worth_it(o) for o in operations]):
                return None
            found += operations
        for place in (p for o in found for p in o.places):
            if place.owner not in self._places:
                self.constants[place.owner] = place.array
        return found or None

    def _operand(self, text: str, call: Call) -> Place | None:
        """An operand by its text; a number that is copied has the type of the result."""
        place = self._place(text)
        if place is not None and call.part is not None:
            part = place.array[call.part]
            return Place(place.owner, part, _offset(place, part))
        if place is not None or call.function is not np.copyto or call.dtype is None:
            return place
        try:
            number = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return None
        if type(number) not in (int, float) or call.dtype.num not in NUMBERS:
            return None
        return Place(f"number_{text}_{call.dtype.char}", np.array(number, call.dtype))

    def _place(self, text: str) -> Place | None:
        found = self._places.get(text)
        if found is not None:
            return found
        name, dot, turned = text.rpartition(".")
        if dot and turned in ("T", "mT"):
            base = self._place(name)
            return None if base is None else base._replace(array=getattr(base.array, turned))
        name, bar, _ = text.rpartition("_T")
        base = self._places.get(name) if bar else None
        return None if base is None else base._replace(array=base.array.T)

    def _result(self, line: Line, call: Call, operands: Sequence[Place]) -> Place | None:
        if line.local in self.like:
            out: Place | None = self._places[line.local]
        elif line.local is not None:
            array = None if line.kind is None else _made(call, operands, *line.kind)
            out = None if array is None else self._add(line.local, array)
        else:
            out = self._place(call.out)
        if out is None or call.index is None:
            return out
        index = call.index
        if isinstance(index, tuple) and not any([k is Ellipsis for k in index]):
            index = (*index, ...)  # of one element, too, an array that shares memory
        part = index(out.array) if callable(index) else out.array[index]
        if not isinstance(part, np.ndarray) or not np.may_share_memory(part, out.array):
            return None
        return Place(out.owner, part, _offset(out, part))


def _is_worth_it(operation: Operation) -> bool:
    """Whether it can run without Python and gains by that: it is small, or may be fused."""
    is_small = max(p.array.size for p in operation.places) <= LARGE
    is_small = is_small and operation.row.loop != NO_LOOP
    return is_small or (fused.why_not() is None and fused.is_fusible(operation))


def _offset(base: Place, view: Any) -> int:
    start, at = (x.__array_interface__["data"][0] for x in (base.array, view))
    return base.offset + int(at - start)


def _viewed(function: Any, x: Any) -> Any:
    """What a function that moves elements makes of ``x``, as a view; None where it copies them."""
    with np.errstate(all="ignore"):  # the sample holds anything
        y = function(x)
    if isinstance(y, np.ndarray):
        return y if y.size and np.may_share_memory(x, y) else None
    if x.size > LARGE:
        return None
    # a number: which one is shown by numbering them
    at = np.unravel_index(int(function(np.arange(x.size).reshape(x.shape))), x.shape)
    return x[(*at, ...)]


def _made(call: Call, operands: Sequence[Place], shape: tuple[int, ...], dtype: Any) -> Any:
    """An array like the one that NumPy makes; None where it is not contiguous."""
    arrays = [p.array for p in operands]
    if call.params is not None:
        y = sample_of(call, arrays)
        return y if y.flags.forc and (y.shape, y.dtype) == (shape, dtype) else None
    if call.function is np.copyto:  # made by other functions, whose layout and type are their own
        return np.empty(shape, dtype) if call.index is not None and len(shape) == 1 else None
    if not shape or all([x.flags.c_contiguous for x in arrays]):
        return np.empty(shape, dtype)
    with np.errstate(all="ignore"):
        if call.axis is None:
            y = call.function(*arrays)
        else:
            y = call.function.reduce(arrays[0], call.axis, keepdims=len(shape) == arrays[0].ndim)
    plain = y.flags.c_contiguous or y.flags.f_contiguous
    return y if plain and (y.shape, y.dtype) == (shape, dtype) else None
