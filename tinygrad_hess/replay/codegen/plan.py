"""From a program to straight-line Python: buffers are assigned, views are made once.

    plan : Program -> Plan        Plan.instance() -> a function of its own buffers

An operation that can write into a given array gets a buffer, and the last reader of a buffer hands
it on. Rearrangements of a buffer are views of it, made when the buffer is. What a caller receives
is always fresh. The generated source is a line an operation and can be read.
"""

from __future__ import annotations

import builtins
import math
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ...ops.indexing.index import put_pattern, put_unique, take_pattern
from ...transforms.recording import owned
from ..native import Lowered, Repeated, lower, repeated, why_python
from ..passes.views import changes_shape
from ..program import Instruction, Program
from .cache_blocking import LARGE, Line, Run, Touched, blocked
from .writers import GLOBALS, Call, Name, Order, Writer, is_by_columns, writer_of

_ALIGNMENT = 64
"""Bytes of a cache line: wide loads that cross one cost twice."""


@dataclass(frozen=True)
class Buffer:
    """An array that belongs to the plan: its name in the source, shape, type and order."""

    name: str
    shape: tuple[int, ...]
    dtype: Any
    order: Order = None

    def make(self) -> Any:
        raw = np.empty(self.nbytes + _ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % _ALIGNMENT
        flat = raw[start : start + self.nbytes].view(self.dtype)
        axes = self.order or range(len(self.shape))
        return flat.reshape([self.shape[k] for k in axes]).transpose(np.argsort(axes))

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Plan:
    """The source of a program, and what its functions need around them.

    Parameters
    ----------
    program : Program
    given : slots, optional
        Inputs that are nobody else's, so that they may be returned as they are.
    likes : dict of slot to array, optional
        For inputs that do not lie in memory in order: an array that lies as they do.
    native : bool, optional
        Whether runs of lines may be left to :mod:`~tinygrad_hess.replay.native`.

    Attributes
    ----------
    source : str
        The straight-line program.
    lowered : Lowered or None
        The same with runs of lines that are one call each, where there are any.
    buffers : list of Buffer
    views : list of (name, function, name)
        Views of buffers and constants, and of views before them, in order.
    """

    def __init__(
        self,
        program: Program,
        given: Collection[int] = (),
        native: bool = True,
        likes: Mapping[int, Any] | None = None,
    ):
        self.program = program
        self._likes = likes or {}
        self._given = set(given)
        self.buffers: list[Buffer] = []
        self.views: list[tuple[str, Callable[..., Any], str]] = []
        # NumPy looks for builtins among the globals when it raises an error
        self.globals: dict[str, Any] = {**GLOBALS, "__builtins__": builtins}
        self._loops: dict[str, tuple[list[str], Any]] = {}  # arrays, and slices of them
        lines, returned = self._write()
        self.source = self._function(lines, returned)
        self.lowered = self._lowered(lines, returned) if native and why_python() is None else None
        source = self._function(self.lowered.lines, returned) if self.lowered else self.source
        code = compile(source, "<jit>", "exec")
        self._code = next(c for c in code.co_consts if isinstance(c, types.CodeType))

    def repeated(self) -> Repeated | None:
        """The program as the body of a loop without Python, where that can be."""
        program, names = self.program, self._names
        inputs, outputs = ([names[s] for s in x] for x in (program.inputs, program.outputs))
        known = {names[s]: c for s, c in program.constants.items()}
        return repeated(self.lowered, inputs, outputs, known, lambda: self.instance().__globals__)

    def instance(self) -> Callable[..., tuple[Any, ...]]:
        """A function with buffers of its own, so that two threads can each have one."""
        own = dict(self.globals)
        for b in self.buffers:
            own[b.name] = b.make()
        for name, make, of in self.views:
            own[name] = make(own[of])
        for name, (arrays, slices) in self._loops.items():
            own[name] = [(i, *(_part(i, own[a]) for a in arrays)) for i in slices]
        if self.lowered is not None:  # beside what their own lines read: no cycle holds the buffers
            own = {**own, **self.lowered.functions(own)}
        return types.FunctionType(self._code, own, "replay")

    # ---- writing the source ---------------------------------------------------------------------

    def _write(self) -> tuple[list[Line], str]:
        """The lines of the program, and the expression that it returns."""
        program = self.program
        self._shapes = program.shapes()
        self._lives = _lifetimes(program)
        self._by_rows = _stored_by_rows(program, self._shapes)
        self._free: dict[Any, list[Buffer]] = {}
        self._held: dict[int, Buffer] = {}  # slot -> the buffer that it fills
        self._names: dict[int, str] = {s: f"x{n}" for n, s in enumerate(program.inputs)}
        # arrays that stand for slots which are the same memory in each call, layout and all
        self._samples: dict[int, Any] = {}
        self._made: dict[str, Any] = {}  # a sample of each buffer
        self._viewed: set[str] = set()  # names of transposes that are among the views
        self._owned: set[int] = set()  # results that are nobody else's
        self._apart = {*program.inputs, *program.constants}  # slots that are in no buffer
        self._memory: dict[str, str] = {}  # of a buffer, constant or view: whose memory it is
        for slot, c in program.constants.items():
            self._constant(slot, c)
        lines: list[Line] = []
        for step, i in enumerate(program.instructions):
            line = self._instruction(i, step)
            if line is not None:
                lines.append(line)
            for slot in self._lives.ends[step]:
                buffer = self._held.get(slot)
                if buffer is not None:
                    self._give_back(buffer)
        return lines, f"({self._results()})"

    def _function(self, lines: Sequence[Line], returned: str) -> str:
        arguments = ", ".join(self._names[s] for s in self.program.inputs)
        text = [*blocked(lines, self._add_loop), f"return {returned}"]
        numbers = [n for n, x in self.globals.items() if isinstance(x, np.ndarray) and not x.ndim]
        body = [f"    # {n} = {self.globals[n]}" for n in numbers]
        body += [f"    {line}" for line in text]
        return "\n".join([f"def replay({arguments}):", *body, ""])

    def _lowered(self, lines: Sequence[Line], returned: str) -> Lowered | None:
        """The lines with runs among them; None where there is none."""
        types = zip(self.program.inputs, self.program.types, strict=False)
        likes = {s: self._likes[s] if s in self._likes else np.empty(*t) for s, t in types}
        inputs = {self._names[s]: x for s, x in likes.items()}
        views = {self._names[s]: x for s, x in self._samples.items()}
        arrays = {n: x for n, x in (self.globals | views | self._made).items() if _is_array(x)}
        found = lower(lines, returned, inputs, arrays)
        return found if found.runs else None

    def _constant(self, slot: int, c: Any) -> None:
        if type(c) is int or (type(c) is float and math.isfinite(c)):
            self._names[slot] = f"({c!r})" if repr(c).startswith("-") else repr(c)
            return
        self._names[slot] = f"c{slot}"
        if isinstance(c, np.generic):
            c = np.asarray(c)  # which runs of operations can read
        if isinstance(c, np.ndarray):
            if slot not in self._by_rows and is_by_columns(c.shape):
                c = np.asfortranarray(c)
            self._samples[slot] = c
            self._memory[f"c{slot}"] = f"c{slot}"
        self.globals[f"c{slot}"] = c

    def _results(self) -> str:
        """What is returned: nothing that the caller has, or that a later call overwrites."""
        self.globals |= {"own": _own, "copied": _copied}
        out, seen = "", {*self.program.inputs, *self.program.constants} - self._given
        for o in self.program.outputs:
            name = self._names[o]
            if o in seen:
                name = f"copied({name})"
            elif o not in self._owned | self._given:
                others = [self._names[s] for s in sorted(self._lives.aliases[o] & seen)]
                name = f"own({', '.join([name, *others])})"
            out += f"{name}, "
            seen.add(o)
        return out

    def _take(self, shape: tuple[int, ...], dtype: Any, order: Order) -> Buffer:
        waiting = self._free.get((shape, dtype, order))
        if waiting:
            return waiting.pop()
        buffer = Buffer(f"b{len(self.buffers)}", shape, dtype, order)
        self.buffers.append(buffer)
        return buffer

    def _give_back(self, buffer: Buffer) -> None:
        self._free.setdefault((buffer.shape, buffer.dtype, buffer.order), []).append(buffer)

    def _operand(self, slot: int) -> Name:
        text = self._names[slot]
        sample = self._samples.get(slot)
        if sample is None:
            return Name(text, lambda: f"{text}.T", None, self._shapes.get(slot, ((), None))[0])
        return Name(text, lambda: self._transposed(text), sample, sample.shape)

    def _operands(self, i: Instruction) -> list[Name]:
        """The operands of an instruction; numbers beside arrays as arrays of the type they take.

        NumPy finds the type of a Python number anew in each call, which takes as long as the rest
        of the call does for ten elements.
        """
        args = [self._operand(a) for a in i.args]
        found = [self.program.constants.get(a) for a in i.args]
        numbers = {n: c for n, c in enumerate(found) if type(c) in (int, float)}
        types = [self._shapes.get(a, ((), None))[1] for a in i.args]
        untyped = {n for n, t in enumerate(types) if t is None}  # None == np.dtype(float) is true
        if not numbers or not i.is_ufunc or untyped != numbers.keys():
            return args
        given = [type(numbers[n]) if n in numbers else t for n, t in enumerate(types)]
        ufunc: Any = i.fn
        try:
            taken = ufunc.resolve_dtypes((*given, *[None] * ufunc.nout))
            with np.errstate(over="ignore"):
                values = {n: np.array(c, taken[n]) for n, c in numbers.items()}
        except (TypeError, OverflowError):  # the call itself says so
            return args
        for n, value in values.items():
            name = f"c{i.args[n]}_{value.dtype}"
            self.globals[name] = value
            args[n] = args[n]._replace(text=name)
        return args

    def _transposed(self, name: str) -> str:
        """The name of the transpose of a buffer, constant or view: a view made once."""
        transposed = f"{name}_T"
        if transposed not in self._viewed:
            self._viewed.add(transposed)
            self.views.append((transposed, np.transpose, name))
        return transposed

    def _add_loop(self, name: str, arrays: list[str], slices: Any) -> None:
        self._loops[name] = (arrays, slices)

    def _instruction(self, i: Instruction, step: int) -> Line | None:
        args = self._operands(i)
        if self._is_fixed_view(i):
            self._names[i.out] = f"v{i.out}"
            self._samples[i.out] = i.fn(self._samples[i.args[0]])
            self.views.append((f"v{i.out}", i.fn, args[0].text))
            self._memory[f"v{i.out}"] = self._memory[args[0].text]
            return None
        name = self._names[i.out] = f"t{i.out}"
        writer = writer_of(i, args, by_rows=i.out in self._by_rows)
        alone = i.shape == () or i.out in self._lives.escaping
        view = (Call(i.fn, (args[0].text,)),) if _may_be_view(i) else ()
        local = Line("", None, name, _kind(i), view, bool(view))
        if writer is None or (alone and writer.fresh is None):
            self.globals[f"f{i.out}"] = i.fn
            return replace(local, text=f"{name} = f{i.out}({', '.join(a.text for a in args)})")
        self.globals |= writer.needs or {}
        if writer.into is None:
            calls = writer.calls if not i.effects else ()
            return replace(local, text=f"{name} = {writer.fresh}", calls=calls or local.calls)
        if alone:
            self._owned.add(i.out)
            self._apart.add(i.out)
            calls = (writer.fresh_call,) if writer.fresh_call else writer.calls
            calls = calls if not i.effects else ()
            return replace(local, text=f"{name} = {writer.fresh}", calls=calls, is_view=False)
        buffer = self._overwritten(i, step, writer) or self._take(i.shape, i.dtype, writer.order)
        self._held[i.out] = buffer
        self._names[i.out] = buffer.name
        if buffer.name not in self._made:
            self._made[buffer.name] = buffer.make()
            self._memory[buffer.name] = buffer.name
        self._samples[i.out] = self._made[buffer.name]
        text = self._filled(writer.into, buffer.name)
        outs = {"OUT": buffer.name, "OUT_T": f"{buffer.name}_T"}
        calls = tuple([replace(c, out=outs[c.out]) for c in writer.calls if not i.effects])
        if writer.template is None or buffer.nbytes < LARGE:
            return Line(text, calls=calls)
        known = (
            a.text in self._memory or s in self._apart for a, s in zip(args, i.args, strict=True)
        )
        if not all(known):  # an operand may be a view of a buffer
            return Line(text, calls=calls)
        touched = [Touched(a.text, a.shape, self._memory.get(a.text)) for a in args]
        out = Touched(buffer.name, i.shape, buffer.name)
        run = Run(writer.template, (*touched, out), i.shape, writer.order, buffer.nbytes)
        return Line(text, run, calls=calls)

    def _filled(self, line: str, name: str) -> str:
        if "OUT_T" in line:
            line = line.replace("OUT_T", self._transposed(name))
        return line.replace("OUT", name)

    def _is_fixed_view(self, i: Instruction) -> bool:
        """Whether the result is one and the same view in each call."""
        if i.prim is None or not i.prim.aliases or i.effects or len(i.args) != 1:
            return False
        sample = self._samples.get(i.args[0])
        if sample is None or i.out in self._lives.escaping or not sample.size:
            return False
        with np.errstate(all="ignore"):  # the sample holds anything
            return bool(np.shares_memory(i.fn(sample), sample))

    def _overwritten(self, i: Instruction, step: int, writer: Writer) -> Buffer | None:
        """The buffer of an operand that is read here for the last time, if ``i`` may fill it."""
        for n, a in enumerate(i.args):
            buffer = self._held.get(a)
            if (
                buffer is not None
                and n in writer.over
                and all(k in writer.over for k, b in enumerate(i.args) if b == a)
                and (buffer.shape, buffer.dtype, buffer.order) == (i.shape, i.dtype, writer.order)
                and a in self._lives.ends[step]
            ):
                self._lives.ends[step].remove(a)
                return buffer
        return None


def _kind(i: Instruction) -> tuple[tuple[int, ...], Any] | None:
    """Shape and type of a result, if those of an array are known."""
    return None if i.dtype is None or i.dtype.hasobject else (i.shape, i.dtype)


def _may_be_view(i: Instruction) -> bool:
    """Whether it only moves elements of one operand, and gives a view of it where NumPy can."""
    return i.prim is not None and i.prim.makes_views and not i.effects and len(i.args) == 1


def _is_array(x: Any) -> bool:
    return type(x) is np.ndarray


def _part(i: Any, x: Any) -> Any:
    return x[i] if x.ndim >= len(i) else x[i[-1]]


def _copied(x: Any) -> Any:
    return x.copy()[()] if isinstance(x, np.ndarray) else x


def _own(x: Any, *others: Any) -> Any:
    """A result of which no more is known: copied if it is one of these, or a view."""
    return _copied(x) if any([x is y for y in others]) else owned(x)


def _stored_by_rows(program: Program, shapes: Any) -> set[int]:
    """Slots of arrays whose rows lie one behind the other.

    Those are arrays that are reshaped; and matrices, tall as they may be, beside stacks of
    matrices, or that meet an input element by element (inputs lie by rows), or whose rows go to
    positions or come from there, and constants that meet nothing element by element.
    """
    elementwise = [i for i in program.instructions if i.is_ufunc]
    reshaped = {i.args[0] for i in program.instructions if changes_shape(i)}
    if any(len(i.shape) > 2 for i in elementwise):
        return reshaped | {s for s, (shape, _) in shapes.items() if len(shape) == 2}
    slots = {*program.constants, *(i.out for i in program.instructions)}
    inputs = set(program.inputs)
    beside_inputs = {
        i.shape
        for i in elementwise
        for a in i.args
        if a in inputs and shapes.get(a, ((),))[0] == i.shape and is_by_columns(i.shape, _NARROW)
    }
    met = {a for i in elementwise for a in i.args if shapes.get(a, ((),))[0] == i.shape}
    found = {s for s in slots if shapes.get(s, ((),))[0] in beside_inputs}
    return found | reshaped | _moved_by_rows(program) | (set(program.constants) - met)


def _moved_by_rows(program: Program) -> set[int]:
    """Slots whose elements are gathered from positions, or go there; and what they are made of,
    element by element."""
    found: set[int] = set()
    for i in reversed(program.instructions):
        if i.prim in _AT_POSITIONS and len(i.args) > 1:
            found.add(i.args[0])
        elif i.is_ufunc and i.out in found:
            found.update(i.args)
    return found


_AT_POSITIONS = {f.primitive for f in (take_pattern, put_pattern, put_unique)}


_NARROW = 16
"""Columns of a matrix that may meet one of the other layout: what reduces its rows gains more."""


class _Lifetimes(NamedTuple):
    ends: list[list[int]]  # by instruction: the slots whose memory nobody reads after it
    escaping: set[int]  # slots that the caller receives, or receives a view of
    aliases: dict[int, set[int]]  # slot -> slots whose memory it may share


def _lifetimes(program: Program) -> _Lifetimes:
    """How long the memory of each slot is read, directly or through what may be a view of it."""
    aliases = {slot: {slot} for slot in (*program.inputs, *program.constants)}
    last: dict[int, int] = {}
    for step, i in enumerate(program.instructions):
        mine = {i.out}
        if not i.fresh:
            for a in i.args:
                mine |= aliases[a]
        aliases[i.out] = mine
        for a in i.args:
            for root in aliases[a]:
                last[root] = step
        last.setdefault(i.out, step)
    escaping: set[int] = set()
    for o in program.outputs:
        escaping |= aliases[o]
    ends: list[list[int]] = [[] for _ in program.instructions]
    for slot, step in last.items():
        ends[step].append(slot)
    return _Lifetimes(ends, escaping, aliases)
