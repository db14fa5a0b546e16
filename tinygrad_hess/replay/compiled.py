"""One recording, ready to be replayed: on one thread, or in shards on several."""

from __future__ import annotations

import ast
import math
import time
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any

import numpy as np

from ..core import blas_threads as threads
from ..core import trees
from ..core.tensor import constant
from .arguments import builder_of
from .codegen.plan import Plan
from .native import fused, why_python
from .passes import PASSES
from .program import Instruction, Program
from .shard import run
from .shard.run import Sharded, chunks
from .shard.split import Split, split, why_not

CUT = 5_000_000
"""Floating-point operations from which it is looked whether a program can be cut."""

SHARED = 450_000
"""Work of a line, on average, from which threads share a program that sums over its batch.

Below, one thread does all: waking another one and giving it Python's lock for each line costs more
than it brings. A run of operations without Python between them is one line. Measured on nets of
four layers, two threads took 0.7 of one thread's time from 512 examples of 64 units on, and 1.2
times that at 256 of 64. Stacks of small products, as a batch of directions has them, were measured
to gain nothing from a second thread.
"""

WOKEN = 15_000_000
"""Work of a program from which it is worth to wake another thread.

Measured on two threads over one: 1.9 at 13 million, 0.9 at 29, 0.7 to 0.8 from 38 on.
"""

TOUCHED = 8
"""Work of an element that is read and written once, in floating-point operations of a product."""

BLAS_THREADS = 200_000_000
"""Operations from which BLAS may use threads of its own, in a program that is not shared.

They spin while they wait, gain little on an idle machine and make it several times slower on a busy
one.
"""


class Traced:
    """A recorded program, its plan, and the functions that replay it.

    Attributes
    ----------
    recorded, program : Program
        As read from the tape, and after all passes.
    plan : Plan
        For one thread.
    sizes : list of (str, int)
        Operations after each pass.
    alone : context manager, optional
        In which it runs where it is not shared, so that BLAS does not share its products.
    """

    def __init__(self, program: Program, out_spec: Any, boxed: Sequence[bool], native: bool = True):
        self.recorded, self._native = program, native
        self.sizes = [("recorded", len(program.instructions))]
        for simplify in PASSES:
            program = simplify(program)
            self.sizes.append((simplify.__name__, len(program.instructions)))
        self.program, self.plan = program, Plan(program, native=native)
        self.flops = sum(i.flops for i in program.instructions)
        lines = self._lines() if self.flops >= CUT else 0
        self._may_gain = self.flops >= CUT and _may_gain(program, lines)
        self._split = split(program) if self._may_gain else None
        self._is_shared = self._split is not None and _is_worth_sharing(self._split, lines)
        # whether one thread alone works off chunks too, for the sake of its cache: chunks of a sum
        # are added, those of an array would have to be copied into one
        self._cut_alone = (
            self._split is not None and bool(self._split.sums) and len(chunks(self._split, 1)) > 1
        )
        self._sharded: dict[int, Sharded] = {}
        # BLAS's own threads are for single products that are large, where nothing can be cut
        small = self.flops < BLAS_THREADS or (
            self._split is None and not any(map(_is_large, program.instructions))
        )
        small = small and any(map(_threaded, program.instructions))
        self.alone: Any = threads.one_blas_thread if small else None
        self._quiet = _in_context if not any(i.effects for i in program.instructions) else _ignoring
        self._boxed = boxed if any(boxed) else None
        self._build = builder_of(out_spec, len(boxed)) or partial(trees.unflatten, out_spec)
        self._idle: dict[int, list[Callable[..., Any]]] = {0: []}  # by number of threads

    def replay(self, values: Sequence[Any]) -> Any:
        """Run on an idle function, or a new one where all are busy in other threads."""
        count = self._threads()
        try:
            function = self._idle[count].pop()
        except (IndexError, KeyError):
            self._idle.setdefault(count, [])
            function = self._quiet(self._planned(count).instance())
        if count == 0 and self.alone is not None:
            with self.alone:
                results = function(*values)
        else:
            results = function(*values)
        self._idle[count].append(function)  # not after an exception: its buffers are half-written
        if self._boxed:
            results = [constant(y) if b else y for y, b in zip(results, self._boxed, strict=True)]
        return self._build(results)

    def _lines(self) -> int:
        """Lines of the plan, a run as one; without runs too, so that sums are cut alike."""
        lowered = (self.plan if self._native else Plan(self.program)).lowered
        return len(lowered.lines) if lowered else len(self.program.instructions)

    def _threads(self) -> int:
        """On how many threads a call would run now; 0 where it is not cut into chunks."""
        if self._split is None:
            return 0
        count = min(threads.available(), self._split.length) if self._is_shared else 1
        return 0 if count == 1 and not self._cut_alone else count

    def _planned(self, count: int) -> Plan | Sharded:
        if count == 0 or self._split is None:
            return self.plan
        if count not in self._sharded:
            self._sharded[count] = Sharded(self._split, count, self._native)
        return self._sharded[count]

    @property
    def source(self) -> str:
        """The program as it runs now."""
        return self._planned(self._threads()).source

    @property
    def described(self) -> str:
        """The plan in a line: operations, threads, and what runs without Python."""
        count = len(self.program.instructions)
        return f"{count} operation{'' if count == 1 else 's'}, {self._parts()}, {self._runs()}"

    def explained(self, values: Sequence[Any], repeats: int) -> str:
        """What the plan consists of, and where its time goes."""
        plan = self.plan
        nbytes = sum(b.nbytes for b in plan.buffers)
        lines = ["operations after each pass"]
        lines += [f"  {name:<16} {count:>6}" for name, count in self.sizes]
        lines += [
            f"{len(plan.buffers)} buffers of {nbytes:,} bytes, {len(plan.views)} views made once, "
            f"{self.flops:,} floating-point operations",
            self._parts(),
            self._runs(),
            *self._fused(),
        ]
        if repeats:
            lines += ["microseconds by line on one thread, slowest first"]
            lines += _timed(plan, values, repeats)
        return "\n".join(lines)

    def _runs(self) -> str:
        """What of the plan for one thread runs without Python, or why nothing does."""
        lowered = self.plan.lowered
        if lowered is not None:
            runs = f"{len(lowered.runs)} run{'s' if len(lowered.runs) > 1 else ''}"
            return f"{lowered.lines_in_runs} lines in {runs} without Python between them"
        reason = why_python() if self._native else "native=False"
        return f"all lines in Python: {reason or 'no two in a row are plain calls of NumPy'}"

    def _fused(self) -> list[str]:
        """How many loops are fused ones, or why none can be."""
        if self.plan.lowered is None:
            return []
        loops = sum(len(run.words.code) for run in self.plan.lowered.runs)
        return [fused.why_not() or f"{loops} loop{'' if loops == 1 else 's'} of fused operations"]

    def _parts(self) -> str:
        if self._split is None:
            if not self._may_gain:
                return "on one thread: too small to share"
            return f"on one thread: {why_not(self.program)}"
        count = self._threads()
        if count == 0:
            return "on one thread: too small to share, or BLAS is limited to one"
        cut, planned = self._split, self._planned(count)
        assert isinstance(planned, Sharded)
        pieces = len(planned.bounds)
        arguments = {slot: f"x{n}" for n, slot in enumerate(self.program.inputs)}
        wholes = sorted(c for c in cut.cut.values() if c[0] in arguments)
        named = ", ".join(
            f"axis {len(cut.shapes[slot][0]) + axis} of {arguments[slot]}"
            for slot, (axis, _, _) in wholes
        )
        return (
            f"an axis of {cut.length} cut into {pieces} chunks, on {count} threads"
            f"{': ' if named else ''}{named}"
        )


def _in_context(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function without floating-point warnings.

    NumPy keeps that setting in a context variable, and to enter a context where it is made costs a
    twentieth of making it. Other variables are those of now: only for what reads none of them.
    """
    context = copy_context()
    context.run(np.seterr, all="ignore")
    return partial(context.run, function)


def _ignoring(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a function that may read context variables."""

    def quiet(*values: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*values)

    return quiet


def _is_large_work(operations: Sequence[Instruction], lines: int) -> bool:
    """Whether the work of operations, in so many lines, is worth another thread."""
    products = (i.prim is not None and i.prim.product for i in operations)
    work = sum(i.flops * (1 if p else TOUCHED) for i, p in zip(operations, products, strict=True))
    return work >= max(SHARED * lines, WOKEN)


def _is_worth_sharing(split: Split, lines: int) -> bool:
    operations = split.shard.instructions
    return bool(split.sums) and _is_large_work(operations, min(lines, len(operations)))


def _may_gain(program: Program, lines: int) -> bool:
    """Whether a cut could be of use: to share the work, or to keep arrays in cache."""
    sizes = (i.nbytes for i in program.instructions if i.dtype is not None)
    return _is_large_work(program.instructions, lines) or max(sizes, default=0) > run.CACHE


def _threaded(i: Instruction) -> bool:
    """Whether OpenBLAS would share it, though it may be too small to gain by that."""
    least = None if i.prim is None else i.prim.blas
    return least is not None and i.flops > least


def _is_large(i: Instruction) -> bool:
    """Whether one call of BLAS in it is worth a second thread."""
    return i.flops > BLAS_THREADS // 2 * math.prod(i.shape[:-2])


def _timed(plan: Plan, values: Sequence[Any], repeats: int) -> list[str]:
    function: Any = plan.instance()
    names = {**function.__globals__, **{f"x{n}": v for n, v in enumerate(values)}}
    definition = ast.parse(plan.source).body[0]
    assert isinstance(definition, ast.FunctionDef)
    rows = []
    for statement in definition.body[:-1]:
        text = ast.unparse(statement)
        code = compile(text, "<jit>", "exec")
        best = float("inf")
        for n in range(repeats):
            kept = dict(names) if n < repeats - 1 else names
            begin = time.perf_counter()
            with np.errstate(all="ignore"):
                exec(code, kept)
            best = min(best, time.perf_counter() - begin)
        rows.append((best, "; ".join(line.strip() for line in text.splitlines())))
    return [f"  {seconds * 1e6:>10.1f}  {text}" for seconds, text in sorted(rows, reverse=True)]
