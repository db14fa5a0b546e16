"""A batch cut into shards: the same program on each part, side by side on the machine's cores.

    split : Program -> Split (before, shard, after), or None

One long axis of an input is cut. What becomes of it in each operation is read from the axes that
the operation's row gives: it goes on, or is summed, and then each shard gives a part of the sum.
Everything else is computed once, before or after. A program in which a finished sum flows back
into what is cut is not split.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...core.cuts import Cut
from ...core.signatures import CORE, Axes
from ..passes.signs import is_sum_of_two
from ..program import Instruction, Program

WHOLE, SUM = "whole", "sum"

State = Any  # WHOLE, SUM (a part of a sum), or a Cut


class _NotSplitError(Exception):
    """Why an instruction cannot run on a part of a cut operand."""


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
        Slots of which each shard gives its own chunk, and how they are cut.
    states, shapes : dict
        What becomes of each slot; shapes and types of all as wholes.
    refused : tuple of (Instruction, str)
        What had to wait for the whole of a cut operand, and why, though nothing before it did.
    """

    length: int
    before: Program
    shard: Program
    after: Program
    cut: dict[int, tuple[int, Cut]]
    sums: tuple[int, ...]
    parts: dict[int, Cut]
    states: dict[int, State]
    shapes: dict[int, Any]
    refused: tuple[tuple[Instruction, str], ...]

    @property
    def work(self) -> int:
        """Floating-point operations in the shards."""
        return sum(i.flops for i in self.shard.instructions)

    def resized(self, length: int) -> Program:
        """The shard's program for ``length`` elements of the axis."""
        types = tuple(
            (self.cut[slot][1].shape(shape, length) if slot in self.cut else shape, dtype)
            for slot, (shape, dtype) in zip(self.shard.inputs, self.shard.types, strict=True)
        )
        made = tuple(self._resized(i, length) for i in self.shard.instructions)
        return replace(self.shard, instructions=made, types=types)

    def _resized(self, i: Instruction, length: int) -> Instruction:
        def shape(slot: int, whole: tuple[int, ...]) -> tuple[int, ...]:
            cut = self.cut[slot][1] if slot in self.cut else self.states.get(slot, WHOLE)
            return cut.shape(whole, length) if isinstance(cut, Cut) else whole

        mine = shape(i.out, i.shape)
        flops = i.flops * length // self.length
        i = replace(i, shape=mine, flops=flops)
        if i.prim.resized is None:
            return i
        shapes = [shape(a, self.shapes[a][0]) for a in i.args]
        return i.with_params(i.prim.resized(i.params, shapes, mine))


MOST = 0.9
"""Share of the work that must be in the shards."""


def split(program: Program, least: int = 2) -> Split | None:
    """Cut the program along an axis that leaves most of its work to the shards.

    Best is an axis along which nothing is summed, then the longest. ``least`` is the smallest
    length worth cutting.
    """
    total = sum(i.flops for i in program.instructions)
    worth = [s for s in _attempts(program, least) if s.work > MOST * total]
    return max(worth, key=lambda s: (not s.sums, s.length), default=None)


def why_not(program: Program, least: int = 2) -> str:
    """What stopped the cut that came farthest."""
    best = max(_attempts(program, least), key=lambda s: s.work, default=None)
    if best is None:
        return "no argument has an axis to cut along"
    if not best.refused:
        return "no axis of an argument is part of most of the work"
    line, why = best.refused[0]
    return f"cut along an axis of {best.length}, it stops at {line}: {why}"


def _attempts(program: Program, least: int) -> Iterator[Split]:
    shapes = program.shapes()
    known: dict[int, Axes] = {}
    tried: set[tuple[int, int]] = set()
    for slot, axis in _candidates(program, shapes, least):
        if (slot, axis) not in tried:
            found = _whole_split(program, shapes, known, slot, axis)
            tried |= {(whole, cut.axis) for whole, cut in found.cut.values()}
            yield found


def _whole_split(program: Program, shapes: Any, known: Any, slot: int, axis: int) -> Split:
    """Cut along an axis, together with all other inputs that have the same one.

    What a shard reads a part of, but comes from an input as a whole, shows which those are.
    """
    seeds = {slot: Cut(axis)}
    while True:
        splitter = _Splitter(program, shapes, known, seeds)
        found = splitter.run()
        more = splitter.sources()
        if more.keys() <= seeds.keys():
            return found
        seeds = more | seeds


ATTEMPTS = 200_000
"""Instructions to look at, in all attempts together, for an axis to cut along."""


def _candidates(program: Program, shapes: Any, least: int) -> Iterator[tuple[int, int]]:
    """Axes of the arrays that come in, those of the largest first."""
    arrays = [s for s in (*program.inputs, *program.constants) if shapes.get(s, ((),))[0]]
    arrays.sort(key=lambda s: -math.prod(shapes[s][0]))
    found = [
        (slot, axis - len(shapes[slot][0]))
        for slot in arrays
        for axis, length in enumerate(shapes[slot][0])
        if length >= least
    ]
    yield from found[: max(8, ATTEMPTS // (1 + len(program.instructions)))]


class _Splitter:
    """One attempt: inputs and constants that are cut, and how."""

    def __init__(self, program: Program, shapes: Any, known: Any, seeds: dict[int, Cut]):
        self.program, self.shapes = program, shapes
        self._known: dict[int, Axes] = known  # of instructions, by their slot
        self._refused: list[tuple[Instruction, str]] = []
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
                except _NotSplitError as why:
                    late.add(i.out)
                    self._refused.append((old, str(why)))
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
            shapes,
            tuple(self._refused),
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
        """Operands that the axis of a result comes from, where it keeps its position."""
        if i.prim is None:
            return
        if i.prim.cut is not None:
            before = i.prim.cut(i.shape, self._shape(i.args[0]), cut, self.length)
            if before is not None:
                yield i.args[0], before
            return
        axes = self._axes(i)
        label = axes.result[cut.axis]
        for a, labels in zip(i.args, axes.operands, strict=True):
            if label in labels and label is not CORE:
                found = cut._replace(axis=labels.index(label) - len(labels))
                shape = self._shape(a)
                if shape == found.shape(shape, self.length):
                    yield a, found

    # ---- what becomes of a cut operand -----------------------------------------------------------

    def _advanced(self, i: Instruction) -> tuple[Instruction, State]:
        """The instruction as a shard runs it, and what becomes of its result."""
        states = [self.states[a] for a in i.args]
        if all(s is WHOLE for s in states):
            return i, WHOLE
        if i.prim is None:
            raise _NotSplitError("nothing is known of its axes")
        if any(s is SUM for s in states):
            same = len({self._shape(a) for a in i.args} | {i.shape}) == 1
            if is_sum_of_two(i) and states == [SUM, SUM] and same:
                return i, SUM
            raise _NotSplitError("it needs a finished sum")
        if i.prim.cut is not None:
            found = i.prim.cut(self._shape(i.args[0]), i.shape, states[0], self.length)
            if found is None:
                raise _NotSplitError("a part of the axis is no part of one afterwards")
            return i, found
        return self._by_labels(i, states)

    def _shape(self, slot: int) -> tuple[int, ...]:
        return self.shapes[slot][0] if slot in self.shapes else ()

    def _axes(self, i: Instruction) -> Axes:
        if i.out not in self._known:
            shapes = [self._shape(a) for a in i.args]
            self._known[i.out] = i.prim.axes(i.params, shapes, i.shape)
        return self._known[i.out]

    def _by_labels(self, i: Instruction, states: Sequence[State]) -> tuple[Instruction, State]:
        axes = self._axes(i)
        cuts = {
            (labels[s.axis], s._replace(axis=0))
            for labels, s in zip(axes.operands, states, strict=True)
            if s is not WHOLE
        }
        if len(cuts) != 1:
            raise _NotSplitError("its operands are cut along different axes")
        ((label, cut),) = cuts
        if label is CORE or label is None:
            axis = next(s.axis for s in states if s is not WHOLE)
            raise _NotSplitError(f"it needs axis {axis} of its operand as a whole")
        args = []
        for a, labels, s in zip(i.args, axes.operands, states, strict=True):
            if labels.count(label) > 1:
                raise _NotSplitError("it needs one axis twice")
            if s is WHOLE and label in labels:
                a = self._part(a, cut._replace(axis=labels.index(label) - len(labels)))
            args.append(a)
        i = replace(i, args=tuple(args))
        if label not in axes.result:
            return i, SUM
        state = cut._replace(axis=axes.result.index(label) - len(axes.result))
        if i.shape != state.shape(i.shape, self.length):
            raise _NotSplitError("its result has another length along the axis")
        return i, state

    def _part(self, slot: int, cut: Cut) -> int:
        """The slot of a shard's own part of an operand that is there as a whole."""
        if cut.times > 1:
            raise _NotSplitError("a part of the axis is no slice of another operand")
        if (slot, cut) not in self._aliases:
            self._aliases[slot, cut] = alias = self._slot()
            self.cut[alias] = (slot, cut)
        return self._aliases[slot, cut]
