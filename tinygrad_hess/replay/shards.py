"""A batch cut into shards: the same program on each part, side by side on the machine's cores.

    split : Program -> Split (before, shard, after), or None

One long axis of an input is cut. What is computed from it element by element, or row by row, is
cut likewise; what sums over it gives a part of the sum. Everything else is computed once, before
or after. A program in which a finished sum flows back into what is cut is not split.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..ops.products import PRODUCTS
from ..primitive import REGISTRY
from .program import Instruction, Program

WHOLE, SUM = "whole", "sum"


class Cut(NamedTuple):
    """Which axis is cut, counted from the last, and what a reshape has joined with it.

    Each step of the cut takes ``each`` elements of the axis; and so again ``times`` over, where
    another axis in front was joined: then a stretch is no stretch of the whole.
    """

    axis: int
    each: int = 1
    times: int = 1

    def part(self, low: int, high: int) -> tuple[Any, ...]:
        """The index of the stretch from ``low`` to ``high``."""
        stretch = slice(low * self.each, high * self.each)
        return (Ellipsis, stretch, *(slice(None),) * (-self.axis - 1))

    def shape(self, shape: tuple[int, ...], length: int) -> tuple[int, ...]:
        """The shape of a stretch of ``length`` steps."""
        lengths = list(shape)
        lengths[self.axis] = length * self.each * self.times
        return tuple(lengths)


class _NotSplitError(Exception):
    """An instruction for which a cut operand has no rule."""


State = Any  # WHOLE, SUM (a part of a sum), or a Cut


@dataclass(frozen=True)
class Split:
    """A program in three: what comes first, what runs on each shard, and what comes after.

    Attributes
    ----------
    length : int
        Of the axis that is cut.
    before, shard, after : Program
        ``before`` reads the inputs; ``shard`` reads inputs, results of ``before``, and its own
        parts of them; ``after`` reads the inputs, and what the two others gave.
    cut : dict
        Inputs of ``shard`` that are parts: the slot of the whole, and how it is cut.
    sums : tuple of int
        Slots of which each shard gives a part of the sum.
    parts : dict
        Slots of which each shard gives its own stretch, and how they are cut.
    """

    length: int
    before: Program
    shard: Program
    after: Program
    cut: dict[int, tuple[int, Cut]]
    sums: tuple[int, ...]
    parts: dict[int, Cut]
    states: dict[int, State]

    def resized(self, length: int) -> Program:
        """The shard's program for ``length`` elements of the axis."""
        types = tuple(
            (self.cut[slot][1].shape(shape, length) if slot in self.cut else shape, dtype)
            for slot, (shape, dtype) in zip(self.shard.inputs, self.shard.types, strict=True)
        )
        made = tuple(self._resized(i, length) for i in self.shard.instructions)
        return replace(self.shard, instructions=made, types=types)

    def _resized(self, i: Instruction, length: int) -> Instruction:
        state = self.states[i.out]
        flops = i.flops * length // self.length
        if state is SUM:
            return replace(i, flops=flops)
        shape = state.shape(i.shape, length)
        if i.name not in ("reshape", "broadcast_to"):
            return replace(i, shape=shape, flops=flops)
        return replace(i, shape=shape, flops=flops).called(i.name, i.args, {"shape": shape})


MOST = 0.9
"""Share of the work that must be in the shards."""


def split(program: Program, least: int = 2) -> Split | None:
    """Cut the program along an axis that leaves most of its work to the shards.

    Best is an axis along which nothing is summed, then the longest. ``least`` is the smallest
    length worth cutting.
    """
    shapes = program.shapes()
    total = sum(i.flops for i in program.instructions)
    found = [_whole_split(program, shapes, *c) for c in _candidates(program, shapes, least)]
    worth = [s for s in found if sum(i.flops for i in s.shard.instructions) > MOST * total]
    return max(worth, key=lambda s: (not s.sums, s.length), default=None)


def _whole_split(program: Program, shapes: Any, slot: int, axis: int) -> Split:
    """Cut along an axis, together with all other inputs that have the same one.

    What a shard reads a part of, but comes from an input as a whole, shows which those are.
    """
    seeds = {slot: Cut(axis)}
    while True:
        splitter = _Splitter(program, shapes, seeds)
        found = splitter.run()
        more = splitter.sources()
        if more.keys() <= seeds.keys():
            return found
        seeds = more | seeds


def _candidates(program: Program, shapes: Any, least: int) -> Iterator[tuple[int, int]]:
    """The largest arrays that come in, each by its first axis or by its second."""
    arrays = [s for s in (*program.inputs, *program.constants) if shapes.get(s, ((),))[0]]
    arrays.sort(key=lambda s: -math.prod(shapes[s][0]))
    for slot in arrays[:4]:
        shape = shapes[slot][0]
        for axis in range(min(2, len(shape))):
            if shape[axis] >= least:
                yield slot, axis - len(shape)


class _Splitter:
    """One attempt: inputs and constants that are cut, and how."""

    def __init__(self, program: Program, shapes: Any, seeds: dict[int, Cut]):
        self.program, self.shapes = program, shapes
        self.length: int = next(shapes[s][0][cut.axis] // cut.each for s, cut in seeds.items())
        self.states: dict[int, State] = dict.fromkeys((*program.inputs, *program.constants), WHOLE)
        self.states |= seeds
        self.cut = {slot: (slot, cut) for slot, cut in seeds.items()}
        self._aliases: dict[tuple[int, Cut], int] = {}
        self._slot = program.fresh_slots().__next__

    def run(self) -> Split:
        before, shard, after = [], [], []
        late: set[int] = set()  # slots that need a finished sum, or all of what is cut
        for old in self.program.instructions:
            i, state = old, WHOLE
            if not any(a in late for a in i.args):
                try:
                    i, state = self._advanced(old)
                except _NotSplitError:
                    late.add(i.out)
            self.states[i.out] = state
            if state is not WHOLE:
                shard.append(i)
            elif i.out in late or any(a in late for a in i.args):
                late.add(i.out)
                after.append(old)
            else:
                before.append(i)
        return self._parted(before, shard, after)

    def _parted(self, before: Any, shard: Any, after: Any) -> Split:
        program, states, shapes = self.program, self.states, dict(self.shapes)
        shapes |= {alias: shapes[whole] for alias, (whole, _) in self.cut.items()}
        constants = program.constants
        in_shard, first = {i.out for i in shard}, {i.out for i in before}
        read = {a for i in shard for a in i.args} - in_shard
        read -= set(constants) - set(self.cut)
        cut = {slot: where for slot, where in self.cut.items() if slot in read}
        wholes = read - set(cut) | {whole for whole, _ in cut.values()}
        read_later = {a for i in after for a in i.args} | set(program.outputs)
        given = sorted(in_shard & read_later)

        def typed(slots: Any) -> tuple[tuple[int, ...], Any]:
            ordered = tuple(sorted(slots))
            return ordered, tuple(shapes[s] for s in ordered)

        read_slots, read_types = typed(read)
        late_slots, late_types = typed((read_later & first) | set(given))
        return Split(
            self.length,
            Program(
                program.inputs,
                constants,
                tuple(before),
                tuple(sorted((wholes | read_later) & first)),
                program.types,
            ),
            Program(
                read_slots,
                {slot: c for slot, c in constants.items() if slot not in cut},
                tuple(shard),
                tuple(given),
                read_types,
            ),
            Program(
                program.inputs + late_slots,
                constants,
                tuple(after),
                program.outputs,
                program.types + late_types,
            ),
            cut,
            tuple(s for s in given if states[s] is SUM),
            {s: states[s] for s in given if states[s] is not SUM},
            states,
        )

    def sources(self) -> dict[int, Cut]:
        """Inputs and constants whose axis became the cut one of an operand computed as a whole."""
        made = {i.out: i for i in self.program.instructions}
        found: dict[int, Cut] = {}
        waiting = [(slot, cut) for slot, cut in self._aliases if slot in made]
        seen = set(waiting)
        while waiting:
            slot, cut = waiting.pop()
            if slot not in made:
                if cut.times == 1:
                    found.setdefault(slot, cut)
                continue
            for step in self._behind(made[slot], cut):
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)
        return found

    def _behind(self, i: Instruction, cut: Cut) -> Iterator[tuple[int, Cut]]:
        """Operands that the axis of a result comes from, where it keeps its place."""
        axis = cut.axis
        if i.name in PRODUCTS and axis >= -2:
            a, b = i.args
            if axis == -2:
                yield a, cut._replace(axis=-1 if i.name == "matmul_tn" else -2)
            else:
                yield b, cut._replace(axis=-2 if i.name == "matmul_nt" else -1)
        elif i.name == "reshape":
            before = _reshaped_cut(i.shape, self._shape(i.args[0]), cut, self.length)
            if before is not None:
                yield i.args[0], before
        elif i.name == "transpose":
            yield i.args[0], cut._replace(axis=i.params["axes"][cut.axis])
        elif i.name in PRODUCTS or isinstance(i.fn, np.ufunc) or _is_elementwise(i):
            for a in i.args:
                shape = self._shape(a)
                if len(shape) >= -axis and shape == cut.shape(shape, self.length):
                    yield a, cut

    # ---- rules: what becomes of a cut operand ----------------------------------------------------

    def _advanced(self, i: Instruction) -> tuple[Instruction, State]:
        """The instruction as a shard runs it, and what becomes of its result."""
        held = [self.states[a] for a in i.args]
        if all(s is WHOLE for s in held):
            return i, WHOLE
        if i.key is None:
            raise _NotSplitError
        if any(s is SUM for s in held):
            same = len({self._shape(a) for a in i.args} | {i.shape}) == 1
            if i.name in ("add", "subtract") and held == [SUM, SUM] and same:
                return i, SUM
            raise _NotSplitError
        if i.name in PRODUCTS:
            return self._product(i, held)
        if len(i.args) == 1 and i.name in _UNARY:
            return i, _UNARY[i.name](i, self._shape(i.args[0]), held[0], self.length)
        if isinstance(i.fn, np.ufunc) or i.name == "shift" or _is_elementwise(i):
            return self._elementwise(i, held)
        raise _NotSplitError

    def _shape(self, slot: int) -> tuple[int, ...]:
        return self.shapes[slot][0] if slot in self.shapes else ()

    def _elementwise(self, i: Instruction, held: Sequence[State]) -> tuple[Instruction, State]:
        cuts = {s for s in held if s is not WHOLE}
        if len(cuts) != 1:
            raise _NotSplitError
        (cut,) = cuts
        if len(i.shape) < -cut.axis or i.shape != cut.shape(i.shape, self.length):
            raise _NotSplitError
        args = [self._part(a, cut) if s is WHOLE else a for a, s in zip(i.args, held, strict=True)]
        return replace(i, args=tuple(args)), cut

    def _part(self, slot: int, cut: Cut) -> int:
        """The slot of a shard's own part of a whole operand, if that has the axis."""
        shape = self._shape(slot)
        if len(shape) < -cut.axis or shape[cut.axis] == 1:
            return slot
        if cut.times > 1:
            raise _NotSplitError
        if (slot, cut) not in self._aliases:
            self._aliases[slot, cut] = alias = self._slot()
            self.cut[alias] = (slot, cut)
        return self._aliases[slot, cut]

    def _product(self, i: Instruction, held: Sequence[State]) -> tuple[Instruction, State]:
        (a, b), (left, right) = held, i.args
        rows, inner_a = (-1, -2) if i.name == "matmul_tn" else (-2, -1)
        inner_b, columns = (-1, -2) if i.name == "matmul_nt" else (-2, -1)
        if b is WHOLE and a.axis == rows:
            return i, a._replace(axis=-2)
        if a is WHOLE and b.axis == columns:
            return i, b._replace(axis=-1)
        cut = b if a is WHOLE else a
        cut_a, cut_b = cut._replace(axis=inner_a), cut._replace(axis=inner_b)
        if a in (cut_a, WHOLE) and b in (cut_b, WHOLE):
            left = self._part(left, cut_a) if a is WHOLE else left
            right = self._part(right, cut_b) if b is WHOLE else right
            return replace(i, args=(left, right)), SUM
        if (a is WHOLE or a.axis < -2) and (b is WHOLE or b.axis < -2):
            return self._elementwise(i, held)  # one of the stacked axes
        raise _NotSplitError


def _is_elementwise(i: Instruction) -> bool:
    row = REGISTRY.get(i.name)
    return row is not None and row.is_broadcasting


def _of_sum(i: Instruction, shape: Any, cut: Cut, length: int) -> State:
    return SUM if cut.axis in i.params["axis"] else _of_reduction(i, shape, cut, length)


def _of_reduction(i: Instruction, shape: Any, cut: Cut, length: int) -> State:
    if cut.axis in i.params["axis"]:
        raise _NotSplitError
    if i.params["keepdims"]:
        return cut
    return cut._replace(axis=cut.axis + sum(a > cut.axis for a in i.params["axis"]))


def _reshaped_cut(old: tuple[int, ...], new: tuple[int, ...], cut: Cut, length: int) -> Cut | None:
    """The same steps through memory after a reshape: as much before them, and as much in each."""
    place = len(old) + cut.axis
    before, unit = math.prod(old[:place]) * cut.times, cut.each * math.prod(old[place + 1 :])
    for k in reversed(range(len(new))):
        front, behind = math.prod(new[:k]), math.prod(new[k + 1 :])
        if front and behind and before % front == 0 and unit % behind == 0:
            found = Cut(k - len(new), unit // behind, before // front)
            if new[k] == length * found.each * found.times:
                return found
    return None


def _of_reshape(i: Instruction, shape: Any, cut: Cut, length: int) -> State:
    found = _reshaped_cut(shape, i.shape, cut, length)
    if found is None:
        raise _NotSplitError
    return found


def _of_transpose(i: Instruction, shape: Any, cut: Cut, length: int) -> State:
    return cut._replace(axis=i.params["axes"].index(cut.axis) - len(shape))


def _of_spread(i: Instruction, shape: Any, cut: Cut, length: int) -> State:
    return cut


_UNARY: Any = {
    "sum": _of_sum, "amax": _of_reduction, "transpose": _of_transpose,
    "broadcast_to": _of_spread, "reshape": _of_reshape,
}  # fmt: skip
