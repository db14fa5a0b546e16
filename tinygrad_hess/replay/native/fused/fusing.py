"""Which operations are computed together, and what of them is written to memory.

    fuse : operations, what is read later -> fewer operations

Operations of one shape join the last group that they may join: between it and them, nothing may
write what they read, or read or write what they write. In a group, two of them may share memory
only element by element.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import library
from ..liveness import Roots, Unknown
from ..operations import (
    NO_LOOP,
    Operation,
    Place,
    is_of_numbers,
    joined,
    longest_inside,
    types_of_numbers,
)
from .kernels import LOAD, STORE, Operand, Step, kernel
from .rules import MASKS, NUMBERS, Steps, number

MOST_OPERANDS, MOST_ROOTS, MOST_STEPS = 60, 24, 250
"""Of one loop: the C runner has room for 64 operands, and code has to stay small."""

MOST_BYTES = 2**30
"""Of a row, or from one to the next: instructions have 32 bits for it."""

VECTOR = 32
"""Bytes. Shorter rows are walked along another axis, if that is longer."""

MOST_APART = 256
"""Elements up to which operations on different arrays go together too, for the call that it saves:
of many arrays at a time, a cache holds less."""

LOOKED_BACK = 24
"""Groups before an operation of which it may join one."""

Loops = list[tuple[int, ...]]  # outermost first: a length, and the stride of each operand


class Access(NamedTuple):
    """How a loop walks through memory: whose it is, the first byte, and a stride for each axis."""

    root: Any
    start: int
    strides: tuple[int, ...]

    def is_summed(self, lengths: Sequence[int]) -> bool:
        """Whether it comes back to the same element, and that is finished at the end alone."""
        return any(n > 1 and not s for n, s in zip(lengths, self.strides, strict=True))


# ---- groups -------------------------------------------------------------------------------------


class _Member:
    """An operation with what is asked of it many times."""

    def __init__(self, operation: Operation, roots: Roots):
        self.operation = operation
        self.loops = _loops(operation)
        self.lengths = [axis[0] for axis in self.loops]
        self.touched = [roots.touched(p) for p in operation.places]
        self.starts = [roots.find(p) for p in operation.places]
        self.arrays = {
            at for at, p in zip(self.starts, operation.places, strict=True) if p.array.size > 1
        }
        *read, out = self.touched
        self.written = out
        self.read = [*read, out] if operation.reads_result else read
        self.roots = {x.root for x in self.touched}
        self.types = types_of_numbers(operation.places)
        self.has_unknown = any(isinstance(root, Unknown) for root in self.roots)
        self.is_fusible = is_fusible(operation)
        self._lengths: Sequence[int] = ()
        self._accesses: list[Access] = []

    def may_share(self, other: _Member) -> bool:
        """Whether it may write what the other uses, or the other way round."""
        return (
            self.written.root in other.roots
            or other.written.root in self.roots
            or self.has_unknown
            or other.has_unknown
        )

    def meets(self, later: _Member) -> bool:
        """Whether a later operation must stay behind it."""
        return self.may_share(later) and (
            any(self.written.meets(x) for x in (*later.read, later.written))
            or any(x.meets(later.written) for x in self.read)
        )

    def accesses(self, lengths: Sequence[int]) -> list[Access]:
        """Of each operand, with loops of such lengths."""
        if self._lengths != lengths:
            strides = [*zip(*[axis[1:] for axis in _refined(self.loops, lengths)], strict=True)]
            walks = zip(self.starts, strides, strict=True)
            self._lengths, self._accesses = lengths, [Access(*start, s) for start, s in walks]
        return self._accesses


class _Group:
    """Operations that go together, or one that is left as it is."""

    def __init__(self, member: _Member):
        self.members = [member]
        self.lengths = member.lengths
        self.roots = member.roots
        self.types = member.types
        self.arrays = member.arrays

    def meets(self, new: _Member) -> bool:
        """Whether an operation must come after this group."""
        return any(m.meets(new) for m in self.members)

    def join(self, new: _Member) -> bool:
        """Take an operation in, if it may be computed together with these."""
        if not (self.members[0].is_fusible and new.is_fusible and len(self.types | new.types) < 2):
            return False
        if len(self.roots | new.roots) > MOST_ROOTS or len(self.members) > MOST_STEPS // 4:
            return False
        if self.arrays.isdisjoint(new.arrays) and math.prod(new.lengths) > MOST_APART:
            return False
        lengths = _common(self.lengths, new.lengths)
        if lengths is None or any(_conflict(m, new, lengths) for m in self.members):
            return False
        self.members.append(new)
        self.lengths = lengths
        self.roots = self.roots | new.roots
        self.types = self.types | new.types
        self.arrays = self.arrays | new.arrays
        return True

    def _is_better_fused(self) -> bool:
        """Whether a single operation has no loop without Python, or one that is called by rows."""
        (member,) = self.members
        row = member.operation.row
        return row.loop == NO_LOOP or (member.is_fusible and bool(row.axes))

    def operations(self, live: Collection[Any]) -> list[Operation]:
        """As one operation, if it can be one; ``live`` are the roots that are read later."""
        alone = [m.operation for m in self.members]
        if len(alone) == 1 and not self._is_better_fused():
            return alone
        together = _Together(self, live)
        if not together.stored:
            return []
        found = together.operation()
        if found is not None:
            return [found]
        everything = {m.written.root for m in self.members}
        return [x for m in self.members for x in _Group(m).operations(everything)]


def _conflict(one: _Member, two: _Member, lengths: Sequence[int]) -> bool:
    """Whether one writes memory that the other uses, but not element by element."""
    if not one.may_share(two):
        return False
    last = len(one.touched) - 1, len(two.touched) - 1
    shared = [
        (j, k)
        for j, x in enumerate(one.touched)
        for k, y in enumerate(two.touched)
        if (j == last[0] or k == last[1]) and x.meets(y)
    ]
    if not shared:
        return False
    left, right = one.accesses(lengths), two.accesses(lengths)
    if left[-1].is_summed(lengths) or right[-1].is_summed(lengths):
        return True
    return any(left[j] != right[k] for j, k in shared)


def is_fusible(operation: Operation) -> bool:
    """Whether an operation may be computed together with others."""
    return _rule(operation) is not None


def _rule(operation: Operation) -> Any:
    """What it is in steps; None where it is something else."""
    if types_of_numbers(operation.places) not in ({"d"}, {"f"}, set()):
        return None
    if operation.function is np.copyto:
        return _copied
    return (NUMBERS if is_of_numbers(operation.places) else MASKS).get(operation.function)


def _copied(steps: Steps, value: int, *mask_and_old: int) -> int:
    if not mask_and_old:
        return value
    mask, old = mask_and_old
    return steps.add("vblendv", old, value, mask)


def _loops(operation: Operation) -> Loops:
    """Its loops without those of length one."""
    row = operation.row
    axes = operation.axes or (*row.axes, (*row.dimensions, *row.steps))
    found = [axis for axis in axes if axis[0] != 1]
    return found or [(1, *[0] * row.operands)]


def _common(a: list[int], b: list[int]) -> list[int] | None:
    """Lengths of loops into which those of both can be cut; None where there are none."""
    if a == b:
        return a
    if math.prod(a) != math.prod(b):
        return None
    left, right = list(a), list(b)
    found: list[int] = []
    while left:
        m, n = left.pop(), right.pop()
        least = min(m, n)
        if m % least or n % least:
            return None
        found.append(least)
        left += [m // least] if m > least else []
        right += [n // least] if n > least else []
    return found[::-1]


def _refined(loops: Loops, lengths: Sequence[int]) -> Loops:
    """The same loops, cut into such lengths."""
    if len(loops) == len(lengths):
        return loops
    rest = list(loops)
    found: Loops = []
    for n in reversed(lengths):
        length, *strides = rest.pop()
        found.append((n, *strides))
        if length > n:
            rest.append((length // n, *[s * n for s in strides]))
    return found[::-1]


# ---- operations to fewer ------------------------------------------------------------------------


def fuse(operations: Sequence[Operation], roots: Roots, live: Collection[Any]) -> list[Operation]:
    """Fewer operations that leave the same in all memory that is read later.

    Parameters
    ----------
    operations : sequence of Operation
    roots : Roots
    live : collection
        The roots that are read after them.
    """
    groups: list[_Group] = []
    for operation in operations:
        new = _Member(operation, roots)
        for group in reversed(groups[-LOOKED_BACK:]):
            if group.join(new):
                break
            if group.meets(new):
                groups.append(_Group(new))
                break
        else:
            groups.append(_Group(new))
    found: list[list[Operation]] = []
    live = set(live)
    for group in reversed(groups):
        found.append(group.operations(live))
        for member in reversed(group.members):
            roots.step_back(live, member.operation)
    return [operation for part in reversed(found) for operation in part]


class _Together:
    """A group as one operation: a loop that goes through memory as they all do."""

    def __init__(self, group: _Group, live: Collection[Any]):
        self.type = next(iter(group.types), "f")
        self.walked = []  # by operation: where its operands are, and how a loop goes through them
        self.loaded: dict[Access, Place] = {}  # what is in memory before
        self.stored: dict[Access, tuple[Place, int]] = {}  # and after which operation it is written
        for n, member in enumerate(group.members):
            operation, accesses = member.operation, member.accesses(group.lengths)
            count = len(member.read)
            for access, place in zip(accesses[:count], operation.places, strict=False):
                if access not in self.stored:
                    self.loaded[access] = place
            self.stored[accesses[-1]] = operation.places[-1], n
            self.walked.append((operation, accesses))
        self.stored = {a: x for a, x in self.stored.items() if a.root in live}
        operands = [(a, x, LOAD) for a, x in self.loaded.items()]
        operands += [(a, x, STORE) for a, (x, _) in self.stored.items()]
        walks = zip(group.lengths, *[a.strides for a, _, _ in operands], strict=True)
        axes = joined(list(walks))
        if not any(a.is_summed(group.lengths) for a in self.stored):  # sums keep their order
            axes = longest_inside(axes, VECTOR // np.dtype(self.type).itemsize)
        *around, (self.length, *self.inner) = axes
        *self.outer, (self.rows, *self.between) = around or [(1, *[0] * len(operands))]
        self.places = tuple([x for _, x, _ in operands])
        self.number = {(a, way): k for k, (a, _, way) in enumerate(operands)}

    def operation(self) -> Operation | None:
        """As one operation; None where it would be too long."""
        if len(self.places) > MOST_OPERANDS:
            return None
        if max([self.length * abs(s) for s in self.inner] + [*map(abs, self.between)]) > MOST_BYTES:
            return None
        steps = self._steps()
        if len(steps) > MOST_STEPS:
            return None
        sizes = [x.array.itemsize for x in self.places]
        operands = tuple(map(Operand, sizes, self.inner, self.between))
        several = self.length if self.rows > 1 else 0
        code = _code(tuple(steps), operands, np.dtype(self.type).itemsize, several)
        dimensions, loop = (self.length, self.rows), (code.address, 0)
        row = library.Row(loop, len(sizes), dimensions, tuple(self.inner), tuple(self.outer))
        return Operation(row, self.places, code=code)

    def _steps(self) -> Steps:
        steps = Steps(self.type)
        values: dict[Access, int] = {}
        overwritten = {k for (a, way), k in self.number.items() if way == LOAD and a in self.stored}
        for access in self.loaded:
            values[access] = steps.add(LOAD, detail=self.number[access, LOAD])
        for n, (operation, accesses) in enumerate(self.walked):
            *given, out = accesses
            arguments = [values[a] for a in given]
            if operation.row.loop == NO_LOOP:  # it casts masks to numbers, but where it is a copy
                count = 1 if operation.function is np.copyto else len(arguments)  # to chosen places
                for k, place in enumerate(operation.places[:count]):
                    if place.array.dtype == bool:
                        arguments[k] = number(steps, arguments[k])
            if operation.reads_result:
                arguments.append(values[out])
            found = _rule(operation)(steps, *arguments)
            if steps[found].name == LOAD and steps[found].detail in overwritten:
                found = steps.add("vor", found, found)  # a copy, which later steps may need
            values[out] = found
            if out in self.stored and self.stored[out][1] == n:
                steps.add(STORE, found, detail=self.number[out, STORE])
        return steps


@functools.lru_cache(maxsize=1024)
def _code(
    steps: tuple[Step, ...], operands: tuple[Operand, ...], itemsize: int, length: int = 0
) -> Any:
    return library.code(kernel(steps, operands, itemsize, length))


@functools.cache
def why_not() -> str | None:
    """Why no operations are fused here; None where they are."""
    if not library.has_avx2():
        return "operations are not fused: that needs a processor with AVX2, on Linux or macOS"
    try:
        _code((Step(LOAD), Step(STORE, (0,), 1)), (Operand(8, 0), Operand(8, 8)), 8)
    except OSError as error:
        return f"operations are not fused: {error}"
    for table, dtype in ((NUMBERS, "d"), (NUMBERS, "f"), (MASKS, "?")):
        for ufunc in table:
            if not _agrees(ufunc, dtype):
                return f"operations are not fused: numpy.{ufunc.__name__} gives other bits"
    return None


_SAMPLE = [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, -1.5, 2.5, -3.7, 40.0, 1e-3]


def _agrees(ufunc: Any, dtype: str) -> bool:
    """Whether fused code gives what the ufunc gives on all pairs of a sample, bit by bit."""
    extremes = [] if dtype == "?" else [np.finfo(dtype).max, -np.finfo(dtype).smallest_subnormal]
    sample = np.array([*_SAMPLE, *extremes]).astype(dtype)
    given = [x.ravel() for x in np.meshgrid(sample, sample)[: ufunc.nin]]
    with np.errstate(all="ignore"):
        want = ufunc(*given)
    out = np.empty_like(want)
    places = tuple([Place(f"x{n}", x) for n, x in enumerate((*given, out))])
    steps = [x.itemsize for x in (*given, out)]
    row = library.Row((1, 0), len(steps), (out.size,), tuple(steps))
    group = _Group(_Member(Operation(row, places, ufunc), Roots({})))
    made = _Together(group, {places[-1].owner}).operation()
    assert made is not None
    library.run_once([made.row], [x.array for x in made.places])
    return bool(out.tobytes() == want.tobytes())
