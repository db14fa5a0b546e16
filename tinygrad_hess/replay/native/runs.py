"""From lines of a plan to fewer lines, some of which are runs of operations.

    lower : (lines, what is returned, arrays by name) -> Lowered
    Lowered.functions : the arrays of an instance -> the callable of each run

A run has the locals that its lines read as arguments, and returns those that are read after it.
Where an argument lies in memory in another way than was planned for, its lines are lowered anew for
that way, or else are a function in Python. Views of inputs and of results are pointers in a run;
outside, they are made where a line of Python reads them.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..codegen.cache_blocking import Line
from . import fused, library
from .liveness import Roots, live_after
from .memory import Memory
from .operations import Operation, work

LEAST = 2
"""Lines from which a run is worth its call."""

RELEASED = 4096
"""Elements that a run goes through, about, from which other threads may run beside it."""

_LOCAL = re.compile(r"\b[xt]\d+\b")
"""Names in a line that are no globals: inputs, and results that are in no buffer."""


class Words(NamedTuple):
    """What the C code runs."""

    fixed: list[str]  # names of arrays that stay where they are
    words: Any
    pointers: Any
    release: bool
    code: list[Any]  # machine code that the words call


@dataclass(frozen=True)
class Run:
    """A run as it is planned.

    Operations are put together when they are first called: a plan that is made to be looked at, as
    that for one thread where two share the work, need not be.
    """

    name: str
    args: dict[str, Any]  # by name: an array that lies in memory as the argument does
    results: dict[str, Any]
    lines: list[Line]  # the same in Python, with the views that they read
    live: list[str]  # names of arrays that stay where they are, and are read after it
    unknown: set[str]  # arguments that may be views of others, or of arrays that stay in place
    operations: Sequence[Operation]
    numbers: dict[str, int]  # those that nobody else reads: where they are, in bytes
    roots: Roots
    read_later: set[Any]  # roots

    @functools.cached_property
    def words(self) -> Words:
        """The operations, those together that can be, as words."""
        operations = self.operations
        if fused.why_not() is None:
            operations = fused.fuse(operations, self.roots, self.read_later)
        owners = [*self.args, *self.results]
        number = {n: k for k, n in enumerate(owners)}
        words: list[int] = []
        pointers: list[int] = []
        for operation in operations:
            at, row = len(words) + library.HEAD, operation.row
            for k, place in enumerate(operation.places):
                owner, offset = place.owner, place.offset
                if owner in self.numbers:
                    owner, offset = SCRATCH, offset + self.numbers[owner]
                if owner not in number:
                    number[owner] = len(number)
                pointers += (at + k, number[owner], offset)
            words += row.words()
        fixed = [*number][len(owners) :]
        release = sum(map(work, operations)) > RELEASED
        both = np.array(words, np.intp), np.array(pointers, np.intp)
        code = [o.code for o in operations if o.code is not None]
        return Words(fixed, *both, release, code)

    @property
    def returned(self) -> str:
        """What a function of its lines returns."""
        return f"({''.join(f'{name}, ' for name in self.results)})"

    def source(self, lines: Sequence[Line]) -> str:
        """Such lines, as a function of its name."""
        texts = [f"    {line.text}" for line in lines]
        head = f"def {self.name}({', '.join(self.args)}):"
        return "\n".join([head, *texts, f"    return {self.returned}"])


WAYS = 4
"""Ways for arguments to lie in memory for which the lines of a run are lowered."""


class Lines:
    """The lines of a run on the arrays of one instance, for arguments not as they were planned."""

    __slots__ = ("_functions", "_own", "_run")

    def __init__(self, run: Run, own: dict[str, Any]):
        self._run, self._own = run, own
        self._functions: dict[Any, Any] = {}  # by the way in which arguments lie

    def __call__(self, *args: Any) -> Any:
        way = self._way(args)
        function = self._functions.get(way)
        if function is None:
            function = self._functions[way] = self._made(args if way else None)
        return function(*args)

    def _way(self, args: Sequence[Any]) -> tuple[Any, ...] | None:
        """How all arguments lie; None where one is no array, or there are enough other ways."""
        way = tuple([_way(x) for x in args])
        known = way in self._functions or len(self._functions) < WAYS
        return way if known and None not in way else None

    def _made(self, args: Sequence[Any] | None) -> types.FunctionType:
        """A function of arguments that lie as these do; None stands for any."""
        run, own, lines = self._run, self._own, self._run.lines
        if args is not None:
            inputs = {name: _like(x) for name, x in zip(run.args, args, strict=True)}
            fixed = {name: x for name, x in own.items() if type(x) is np.ndarray}
            read = " ".join([run.returned, *run.live])
            found = lower(lines, read, inputs, fixed, run.unknown)
            own, lines = {**own, **found.functions(own)}, found.lines
        code = compile(run.source(lines), "<jit>", "exec").co_consts[0]
        return types.FunctionType(code, own)


def _way(x: Any) -> Any:
    """How an array lies in memory; None of what is no array."""
    return (x.strides, x.flags.aligned) if type(x) is np.ndarray else None


def _like(x: Any) -> Any:
    """An array of its own that lies in memory as ``x`` does."""
    reach = [(n - 1) * s for n, s in zip(x.shape, x.strides, strict=True)] if x.size else []
    below, above = (sum([r for r in reach if sign * r > 0]) for sign in (-1, 1))
    memory = np.empty(above - below + x.itemsize + 1, np.uint8)[0 if x.flags.aligned else 1 :]
    return np.ndarray(x.shape, x.dtype, memory, -below, x.strides)


class Lowered(NamedTuple):
    """The lines of a plan with runs among them, and what makes those."""

    lines: list[Line]
    runs: list[Run]
    lines_in_runs: int
    constants: dict[str, Any]  # arrays that runs read besides those of the plan

    def functions(self, own: dict[str, Any]) -> dict[str, Any]:
        """Each run on the arrays of one instance, whose globals these are."""
        known = {**own, **self.constants}
        made = {}
        for r in self.runs:
            fixed, *program, _ = r.words
            known[SCRATCH] = np.empty((len(r.numbers), 2))
            likes = (list(r.args.values()), list(r.results.values()))
            lines = Lines(r, own)
            made[r.name] = library.run(lines, *likes, [known[n] for n in fixed], *program)
        return made


SCRATCH = "scratch"
"""Name of the memory for numbers that only their run reads: 16 bytes each."""


def lower(
    lines: Sequence[Line],
    returned: str,
    inputs: Mapping[str, Any],
    fixed: Mapping[str, Any],
    unknown: Collection[str] = (),
) -> Lowered:
    """Put lines that are plain calls of NumPy, and follow each other, in runs.

    Parameters
    ----------
    lines : sequence of Line
    returned : str
        The expression that the program returns, and names of other arrays that are read after it.
    inputs, fixed : mapping of str to ndarray
        Arrays like the inputs, and those that are the same memory in each call.
    unknown : collection of str, optional
        Inputs that may be views of others, or of those arrays.
    """
    return _Lowering(lines, returned, inputs, fixed, unknown).lowered()


class _Lowering:
    def __init__(
        self,
        lines: Sequence[Line],
        returned: str,
        inputs: Mapping[str, Any],
        fixed: Mapping[str, Any],
        unknown: Collection[str],
    ):
        self.lines = lines
        self.unknown = set(unknown)
        self.inputs, self.fixed = inputs, fixed
        self.memory = Memory(inputs, fixed)
        self.reads = [set(_LOCAL.findall(line.text)) for line in lines]
        self.text = returned
        self.returned = set(_LOCAL.findall(returned))
        self.views: dict[str, int] = {}  # local -> the line that makes it, where that is a view
        self.made: set[str] = set()  # those that are made in the program itself
        self.last: dict[str, int] = {}  # local -> the last line that reads it
        self.found: list[Line] = []
        self.runs: list[Run] = []
        self.count = 0

    def lowered(self) -> Lowered:
        lines = self.lines
        operations = []
        for k, line in enumerate(lines):
            found = self.memory.operations(line)
            if found is not None and not found:
                self.views[str(line.local)] = k
            operations.append(found)
        self.last = self._last_reads()
        self.unknown |= self._may_be_views(operations)
        self.roots = Roots(self.fixed, self.unknown)
        read = self.roots.read_in(self.text)
        self.live = live_after(lines, operations, self.roots, read)
        waiting: list[int] = []
        for k, found in enumerate(operations):
            if found is not None:
                waiting.append(k)
                continue
            self._flush(waiting, operations, k)
            waiting = []
            self._write(k)
        self._flush(waiting, operations, len(lines))
        self._make(self.returned)
        return Lowered(self.found, self.runs, self.count, self.memory.constants)

    def _may_be_views(self, operations: Sequence[Any]) -> set[str]:
        """Locals that Python makes, perhaps of memory that stays where it is, but for numbers."""
        made = zip(self.lines, operations, strict=True)
        unknown = (x for x, found in made if found is None and (x.is_view or not x.calls))
        return {str(x.local) for x in unknown if x.kind is None or x.kind[0]}

    def _last_reads(self) -> dict[str, int]:
        last = dict.fromkeys(self.returned, len(self.lines))
        for k in reversed(range(len(self.lines))):
            name = self.lines[k].local
            # who reads a view reads what it views
            until = last.get(str(name), k) if name in self.views else k
            for read in self.reads[k]:
                last[read] = max(last.get(read, 0), until)
        return last

    # ---- lines of the program -------------------------------------------------------------------

    def _write(self, k: int) -> None:
        """A line as it is, after the views that it reads."""
        self._make(self.reads[k] - {self.lines[k].local})
        self.found.append(self.lines[k])

    def _make(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            if name in self.views and name not in self.made:
                self.made.add(name)
                self._write(self.views[name])

    def _flush(self, waiting: Sequence[int], operations: Sequence[Any], end: int) -> None:
        """What waits before a line, as a run or line by line; views wait on."""
        body = [k for k in waiting if operations[k]]
        if len(body) < LEAST:
            for k in body:
                self._write(k)
            return
        self.count += len(body)
        run = self._run(body, [o for k in body for o in operations[k]], self.live[end - 1])
        self.runs.append(run)
        call = f"{run.name}({', '.join(run.args)})"
        self.found.append(Line(f"{', '.join(run.results)}, = {call}" if run.results else call))

    # ---- a run ----------------------------------------------------------------------------------

    def _run(self, body: Sequence[int], operations: Sequence[Operation], live: set[Any]) -> Run:
        name = f"run{len(self.runs)}"
        own = {self.lines[k].local for k in body} - {None}
        like = self.memory.like
        results: dict[str, Any] = {}
        numbers: dict[str, int] = {}  # offsets in the scratch memory
        for k in body:
            local = self.lines[k].local
            if local is not None and (like[local].ndim or self.last.get(local, -1) > body[-1]):
                results[local] = like[local]
            elif local is not None:
                numbers[local] = 16 * len(numbers)
        lines, read = self._lines(body)
        outside = read | {p.owner for o in operations for p in o.places if p.owner in like}
        args = {n: like[n] for n in sorted(outside - own)}
        later, unknown = self.roots.names(live), self.unknown & args.keys()
        kept = live | results.keys()
        return Run(
            name, args, results, lines, later, unknown, operations, numbers, self.roots, kept
        )

    def _lines(self, body: Sequence[int]) -> tuple[list[Line], set[str]]:
        """The lines of a run with the views that they read, and the locals from outside."""
        found: list[Line] = []
        seen: set[str] = set()
        read: set[str] = set()

        def write(k: int) -> None:
            for name in sorted(self.reads[k] - {self.lines[k].local}):
                if name in self.views and name not in seen:
                    seen.add(name)
                    write(self.views[name])
            found.append(self.lines[k])
            read.update(self.reads[k])

        for k in body:
            write(k)
        return found, read - self.views.keys()
