"""A scan on leaves: a step that is recorded and planned once, and the node that repeats it.

    run : step, carry, xs -> carry, ys

Its derivatives are scans again, of the step's jvp over the stored carries, and of its vjp over them
in reverse. So any order of derivative follows. What the step closes over are operands of the node.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..core import modes, trees
from ..core.composite import Opaque, append, or_zeros, parts
from ..core.hashing import hashable
from ..core.tape import Tape
from ..core.tensor import (
    Axis,
    Batched,
    Parts,
    Tensor,
    batched,
    constant,
    is_tracked,
    leaf,
    unrecorded,
)
from ..ops.elementwise.identity import alias
from ..ops.shape.batch_axes import axes_of, entered, left
from ..ops.shape.rearranging import moveaxis
from ..transforms.sweeps import forward, reverse
from .compiled import CUT, Traced
from .program import Loop, Program
from .record import read

Leaves = list[Any]
Step = Callable[[Leaves, Leaves, Leaves], tuple[Leaves, Leaves]]
"""``step(fixed, carry, x) -> (carry, y)``, on leaves."""

_native = modes.stack("native loops")


def native_loops(native: bool) -> modes.Block:
    """A block in which steps are planned with runs of lines in C, or with none."""
    return modes.Block(_native, native, flagged=False)


CACHE_SIZE = 128
"""How many plans are remembered; the least recently used goes first."""


def run(
    step: Step,
    symbols: Sequence[_Symbol],
    outer: Sequence[Any],
    fixed: Leaves,
    carry: Leaves,
    xs: Leaves,
    n: int,
    backward: bool,
    sums: int = 0,
) -> tuple[Leaves, Leaves]:
    """Scan on leaves: the last carry, and the stacked ``y``.

    ``symbols`` are tensors that ``step`` closes over, and ``outer`` what to put in their places;
    others are found, and stand for themselves. The last ``sums`` leaves of the carry are only
    added to, so that no derivative reads their values.

    Under a vmap, all operands have its axes, and cotangents are those of each example: the sweep
    around the node knows which of them to sum.
    """
    r = recorded(step, symbols, outer, fixed, carry, xs, n)
    scanned = _Scan(r.body, len(fixed), len(carry), n, backward, sums)
    after, ys = scanned([*r.outer, *r.fixed, *r.carry, *r.xs])
    return [entered(c, r.axes) for c in after], [entered_rows(y, r.axes) for y in ys]


class Recorded(NamedTuple):
    """A step recorded on whole batches, and its operands, whose batch axes are logical ones.

    ``outer`` are the values of the body's symbols.
    """

    body: Body
    axes: tuple[Axis, ...]
    outer: Leaves
    fixed: Leaves
    carry: Leaves
    xs: Leaves


def recorded(
    step: Step,
    symbols: Sequence[_Symbol],
    outer: Sequence[Any],
    fixed: Leaves,
    carry: Leaves,
    xs: Leaves,
    n: int,
) -> Recorded:
    """Record a step of ``n``; arguments are those of :func:`run`."""
    axes = axes_of((*fixed, *carry, *xs))
    while True:
        plain = without_batch(step, axes)
        plain_fixed = [left(x, axes) for x in fixed]
        plain_carry = [left(x, axes) for x in carry]
        plain_xs = [_time_first(left(x, axes), len(axes)) for x in xs]
        body = Body(plain, symbols, axes, plain_fixed, plain_carry, plain_xs, n)
        missing = body.axes - set(axes)
        if not missing:
            break
        axes = tuple(sorted({*axes, *missing}, key=lambda axis: axis.time))
    values = [left(x, axes) for x in (*outer, *(s.tensor for s in body.symbols[len(outer) :]))]
    return Recorded(body, axes, values, plain_fixed, plain_carry, plain_xs)


def _time_first(x: Any, axis: int) -> Any:
    return moveaxis(x, axis, 0) if axis else x


def entered_rows(y: Any, axes: Sequence[Axis]) -> Any:
    """Batch axes that follow the first one, which is that of the steps."""
    return entered(moveaxis(y, 0, len(axes)) if axes else y, axes)


def without_batch(step: Step, axes: Sequence[Axis]) -> Step:
    """The step of a whole batch, whose axes are the first logical ones."""
    if not axes:
        return step

    def plain(fixed: Leaves, carry: Leaves, x: Leaves) -> tuple[Leaves, Leaves]:
        after, ys = step(*([entered(v, axes) for v in group] for group in (fixed, carry, x)))
        return [left(v, axes) for v in after], [left(v, axes) for v in ys]

    return plain


class _Symbol(NamedTuple):
    """A tensor that a step closes over; its operand has all of ``axes`` in front."""

    tensor: Tensor
    axes: tuple[Axis, ...]

    def value(self, operand: Any) -> Any:
        """The tensor's own value, of that of its operand."""
        own = self.tensor.axes if isinstance(self.tensor, Batched) else ()
        if not self.axes:
            return operand
        operand = operand[tuple(slice(None) if a in own else 0 for a in self.axes)]
        order = [a for a in self.axes if a in own]
        lead = [order.index(a) for a in own]
        return operand.transpose((*lead, *range(len(lead), operand.ndim)))


class Body:
    """A step, its plan, and the tensors that it closes over."""

    def __init__(
        self,
        step: Step,
        symbols: Sequence[_Symbol],
        axes: tuple[Axis, ...],
        fixed: Leaves,
        carry: Leaves,
        xs: Leaves,
        n: int,
    ):
        self.step = step
        first = [_raw(x)[0] if n else np.zeros(x.shape[1:], x.dtype)[()] for x in xs]
        began = leaf(np.float64(0))
        starts = [leaf(np.array(_raw(x))[()]) for x in (*fixed, *carry, *first)]
        nf, nc = len(fixed), len(carry)
        with modes.recording(), modes.tracing(), np.errstate(all="ignore"):
            after, ys = step(starts[:nf], starts[nf : nf + nc], starts[nf + nc :])
        outputs = [*after, *ys]
        known = [s.tensor for s in symbols]
        new = _closed_over(outputs, began.time, known)
        self.axes = set(axes_of((*outputs, *new)))
        if not self.axes <= {*axes}:
            return
        old = [_Symbol(s.tensor, (*axes, *s.axes)) for s in symbols]
        self.symbols = [*old, *(_Symbol(x, axes) for x in new)]
        self.tensors = [*known, *new]
        tape = Tape([y for y in outputs if is_tracked(y)], _oldest_first(self.tensors, starts))
        program = read(tape, [*self.tensors, *starts], outputs, since=0)
        self.types = [(np.shape(_raw(y)), _raw(y).dtype) for y in ys]
        self.program, self.plan = program, _planned(program)

    def at(self, outer: Sequence[Any]) -> Callable[[Leaves], Leaves]:
        """The plan of raw operands, with what is closed over at these values."""
        own = self.own(outer)
        replay = self.plan.traced.replay
        return lambda operands: replay([*own, *operands])

    def own(self, outer: Sequence[Any]) -> Leaves:
        """The values of what is closed over."""
        return [s.value(x) for s, x in zip(self.symbols, outer, strict=True)]


def _raw(x: Any) -> Any:
    return x.value if isinstance(x, Tensor) else x


def _oldest_first(*tensors: Sequence[Tensor]) -> list[Tensor]:
    return sorted((x for group in tensors for x in group), key=lambda x: x.time)


def _closed_over(outputs: Sequence[Any], since: int, known: Sequence[Tensor]) -> list[Tensor]:
    """Tensors older than the recording on which the outputs depend, besides those known."""
    seen = {s.time for s in known}
    found = []
    stack = [y for y in outputs if is_tracked(y)]
    while stack:
        x = stack.pop()
        if x.time in seen:
            continue
        seen.add(x.time)
        if x.time < since:
            found.append(x)
        else:
            stack += [p for p in x.parents if p is not None]
    return _oldest_first(found)


@dataclass(frozen=True)
class _Known:
    """A program that is equal to another of the same content."""

    content: Any
    program: Program = field(compare=False)


class _Plan:
    """A program, to be replayed, or to be repeated in C where that can be."""

    def __init__(self, program: Program, native: bool):
        count = len(program.outputs)
        self.traced = Traced(program, trees.structure([0] * count), [False] * count, native)
        self._repeated = self.traced.plan.repeated() if self.traced.flops < CUT else None

    def repeat(self, *loop: Any) -> tuple[Leaves, Leaves, Leaves] | None:
        """All steps; None where they are to be replayed one by one."""
        if self._repeated is None:
            return None
        with self.traced.alone or nullcontext():
            return self._repeated(*loop)


@functools.lru_cache(maxsize=CACHE_SIZE)
def _plan(known: _Known, native: bool) -> _Plan:
    return _Plan(known.program, native)


def forget_plans() -> None:
    """Free the memory of all plans of steps that are remembered."""
    _plan.cache_clear()


def _planned(program: Program) -> _Plan:
    """The plan of a program, which is that of an equal one if that was planned before."""
    instructions = tuple(
        (i.prim or i.fn, i.args, i.out, i.shape, i.dtype, hashable(i.params))
        for i in program.instructions
    )
    constants = tuple((s, _content(c)) for s, c in program.constants.items())
    content = (instructions, constants, program.inputs, program.outputs, program.types)
    known, native = _Known(content, program), modes.value(_native, True)
    try:
        hash(known)
    except TypeError:  # a parameter that cannot be hashed
        return _plan.__wrapped__(known, native)
    return _plan(known, native)


def _content(c: Any) -> Any:
    if isinstance(c, (np.ndarray, np.generic)):
        return type(c), c.shape, c.dtype, c.tobytes()
    return type(c), repr(c)


class _Scan(Opaque):
    """The node of a scan: operands are what is closed over, what is fixed, the carry, and ``xs``.

    Outputs are the last carry, ``ys``, and the carries that came into the steps.
    """

    def __init__(self, body: Body, nf: int, nc: int, n: int, backward: bool, sums: int):
        super().__init__("scan", self._loop)
        self.pullback, self.pushforward = self._pullback, self._pushforward
        self.body, self.n, self.backward, self.sums = body, n, backward, sums
        self.ns, self.nf, self.nc, self.ny = len(body.symbols), nf, nc, len(body.types)
        self.kept = nc - sums  # so many leaves of the carry are stored
        self.loop = Loop(n, body.program, self.ns + nf, nc)

    def __call__(self, operands: Leaves) -> tuple[Leaves, Leaves]:
        nc, ny = self.nc, self.ny
        raw = [unrecorded(x) for x in operands]
        if modes.is_recording() and any(map(is_tracked, operands)):
            found: Any = append(self, operands, self._loop(*raw))
        else:
            boxed = any(isinstance(x, Tensor) for x in operands)
            found = self._steps(raw, stored=False)
            found = [constant(y) for y in found] if boxed else found
        return list(found[:nc]), list(found[nc : nc + ny])

    def _split(self, leaves: Any) -> tuple[Leaves, Leaves, Leaves, Leaves]:
        a, b = self.ns, self.ns + self.nf
        c = b + self.nc
        return list(leaves[:a]), list(leaves[a:b]), list(leaves[b:c]), list(leaves[c:])

    def _loop(self, *operands: Any) -> Parts:
        return Parts(self._steps(operands, stored=True))

    def _steps(self, operands: Sequence[Any], stored: bool) -> Leaves:
        outer, fixed, carry, xs = self._split(operands)
        constants, nc = [_in_order(x) for x in (*self.body.own(outer), *fixed)], self.nc
        xs = [_in_order(x) for x in xs]
        if self.n:
            count = self.kept if stored else 0
            given = [*constants, *carry, *xs]
            loop = (len(constants), nc, given, count, self.body.types, self.n, self.backward)
            found = self.body.plan.repeat(*loop)
            if found is not None:
                return [y for part in found for y in part]
        replay = self.body.plan.traced.replay
        ys = [np.empty((self.n, *shape), dtype) for shape, dtype in self.body.types]
        kept = [np.empty((self.n, *np.shape(c)), c.dtype) for c in carry[: self.kept]]
        carry = [np.asarray(c)[()] for c in carry]
        for t in range(self.n - 1, -1, -1) if self.backward else range(self.n):
            if stored:
                for stack, c in zip(kept, carry, strict=False):
                    stack[t] = c
            out = replay([*constants, *carry, *[x[t] for x in xs]])
            carry = out[:nc]
            for stack, y in zip(ys, out[nc:], strict=True):
                stack[t] = y
        last = [np.array(c)[()] for c in carry] if self.n == 0 else carry
        return [*last, *ys, *(kept if stored else ())]

    # ---- its derivatives ------------------------------------------------------------------------

    def _at(self, fixed: Leaves, carries: Leaves, x: Leaves, carry: Leaves) -> Any:
        """The step recorded at a stored carry: operands, outputs and the tape between them.

        Of ``carry``, which are leaves like those that were not stored, only types are read.
        """
        empty = [np.zeros(c.shape, c.dtype)[()] for c in carry]
        starts = [_start(v) for v in (*fixed, *carries, *empty, *x)]
        a, b = self.nf, self.nf + self.nc
        after, ys = self.body.step(starts[:a], starts[a:b], starts[b:])
        outputs = [*after, *ys]
        tensors = self.body.tensors
        roots: Leaves = [y for y in outputs if is_tracked(y)]
        axes = tuple({a for s in self.body.symbols for a in s.axes})
        if axes:  # a root with these axes: the sweep is not to sum over them
            roots.append(batched(np.zeros([a.size for a in axes]), axes))
        return [*tensors, *starts], outputs, Tape(roots, _oldest_first(tensors, starts))

    def _axes(self, i: int) -> tuple[Axis, ...]:
        """Batch axes that an operand has in front, and the tensor in its place does not show."""
        return self.body.symbols[i].axes if i < self.ns else ()

    def _known(self, y: Any, carry: Leaves, xs: Leaves) -> tuple[Leaves, Leaves]:
        """What the steps of a derivative read: stored carries and ``xs``, and the other carry."""
        return [*parts(y)[self.nc + self.ny :], *xs], carry[self.kept :]

    def _pullback(self, g: Any, y: Any, operands: Any, params: Any) -> Leaves:
        outer, fixed, carry, xs = self._split(operands)
        nf, nc, ny, kept = self.nf, self.nc, self.ny, self.kept
        known, unread = self._known(y, carry, xs)
        like = [*carry, *parts(y)[nc : nc + ny]]
        floats = [i for i, v in enumerate(operands) if _is_float(v)]
        first = self.ns + nf
        summed = [i for i in floats if i < first]
        moving = [i for i in floats if first <= i < first + nc]
        at_x = [i for i in floats if i >= first + nc]
        seeded = [i for i in range(nc, nc + ny) if g[i] is not None and _is_float(like[i])]
        stored = [i for i in range(kept) if g[nc + ny + i] is not None and _is_float(carry[i])]

        def step(f: Leaves, c: Leaves, x: Leaves) -> tuple[Leaves, Leaves]:
            here, given = x[: len(known)], x[len(known) :]
            starts, outputs, tape = self._at(f, here[:kept], here[kept:], unread)
            seeds: dict[int, Any] = {}
            at = [i - first for i in moving] + seeded
            for i, s in zip(at, [*c[: len(moving)], *given], strict=False):
                out = outputs[i]
                if is_tracked(out):
                    seeds[out.time] = seeds[out.time] + s if out.time in seeds else s
            found = reverse(tape, seeds, True)
            new = {i: found.get(starts[i].time) for i in floats}
            extra = dict(zip(stored, given[len(seeded) :], strict=True))
            before = [_sum(new[i], extra.get(i - first), starts[i]) for i in moving]
            totals = [
                t if new[i] is None else t + left(new[i], self._axes(i))
                for i, t in zip(summed, c[len(moving) :], strict=True)
            ]
            return [*before, *totals], [_sum(new[i], None, starts[i]) for i in at_x]

        begin = [or_zeros(g[i - first], operands[i]) for i in moving]
        begin += [np.zeros(operands[i].shape, operands[i].dtype)[()] for i in summed]
        given = [g[i] for i in seeded] + [g[nc + ny + i] for i in stored]
        symbols = self.body.symbols
        at = [*known, *given]
        after, gxs = run(
            step, symbols, outer, fixed, begin, at, self.n, not self.backward, len(summed)
        )
        places = [*moving, *summed, *at_x]
        return trees.replaced([None] * len(operands), places, [*after, *gxs])

    def _pushforward(self, ts: Any, y: Any, operands: Any, params: Any) -> Parts:
        outer, fixed, carry, xs = self._split(operands)
        nf, nc, ny, kept = self.nf, self.nc, self.ny, self.kept
        known, unread = self._known(y, carry, xs)
        first = self.ns + nf
        active = [i for i, t in enumerate(ts) if t is not None and _is_float(operands[i])]
        constant_ts = [i for i in active if i < first]
        moving = [i for i in range(first, first + nc) if _is_float(operands[i])]
        at_x = [i for i in active if i >= first + nc]
        outputs_like = parts(y)[nc : nc + ny]
        float_ys = [i for i in range(ny) if _is_float(outputs_like[i])]

        def step(f: Leaves, c: Leaves, x: Leaves) -> tuple[Leaves, Leaves]:
            here, given = x[: len(known)], x[len(known) :]
            starts, outputs, tape = self._at(f[:nf], here[:kept], here[kept:], unread)
            tangents = {}
            for i, t in zip([*constant_ts, *moving, *at_x], [*f[nf:], *c, *given], strict=True):
                tangents[starts[i].time] = entered(t, self._axes(i))
            found = forward(tape, tangents, {v.time for v in outputs if is_tracked(v)}, True)
            new = [_sum(found.get(v.time if is_tracked(v) else -1), None, v) for v in outputs]
            after = [new[i - first] for i in moving]
            before = [t for i, t in zip(moving, c, strict=True) if i - first < kept]
            return after, [*(new[nc + i] for i in float_ys), *before]

        begin = [or_zeros(ts[i], operands[i]) for i in moving]
        constants = [*fixed, *(ts[i] for i in constant_ts)]
        at = [*known, *(ts[i] for i in at_x)]
        after, ys = run(step, self.body.symbols, outer, constants, begin, at, self.n, self.backward)
        stored = [nc + ny + i - first for i in moving if i - first < kept]
        places = [*(i - first for i in moving), *(nc + i for i in float_ys), *stored]
        return Parts(trees.replaced([None] * (nc + ny + kept), places, [*after, *ys]))


COPIED = 2**24
"""Bytes of an operand up to which it is copied, so that its rows lie as the plan takes them."""


def _in_order(x: Any) -> Any:
    """An operand without gaps, as plans expect it; else each step would do without its runs."""
    is_array = isinstance(x, np.ndarray) and not x.flags.c_contiguous
    return x.copy() if is_array and x.nbytes <= COPIED else x


def _is_float(x: Any) -> bool:
    return x.dtype.kind in "fc"


def _start(x: Any) -> Tensor:
    return alias(x) if is_tracked(x) else leaf(unrecorded(x))


def _sum(a: Any, b: Any, like: Any) -> Any:
    """The sum of two, either of which may be missing."""
    if a is None or b is None:
        return or_zeros(b if a is None else a, like)
    return a + b
