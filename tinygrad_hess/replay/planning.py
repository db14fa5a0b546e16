"""From a program to straight-line Python: buffers are assigned, views are made once.

    plan : Program -> Plan        Plan.instance() -> a function of its own buffers

An operation that can write into a given array gets a buffer, and the last reader of a buffer hands
it on. Rearrangements of a buffer are views of it, made when the buffer is. What a caller receives
is always fresh. The generated source is a line an operation and can be read.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..ops.products import _TALL
from ..ops.reduction import shift
from .program import Instruction, Program

_VIEWS = ("reshape", "transpose", "broadcast_to", "index", "windows")


@dataclass(frozen=True)
class Buffer:
    """An array that belongs to the plan: its name in the source, its shape, type and layout."""

    name: str
    shape: tuple[int, ...]
    dtype: Any

    def make(self) -> Any:
        return np.empty(self.shape, self.dtype)

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=int)) * np.dtype(self.dtype).itemsize


class Plan:
    """The source of a program, and what its functions need around them.

    Attributes
    ----------
    source : str
        The straight-line program.
    buffers : list of Buffer
    views : list of (name, function, name)
        Views of buffers and constants, and of views before them, in order.
    """

    def __init__(self, program: Program):
        self.program = program
        self.buffers: list[Buffer] = []
        self.views: list[tuple[str, Callable[..., Any], str]] = []
        self.globals: dict[str, Any] = {
            "dot": np.dot, "matmul": np.matmul, "add_reduce": np.add.reduce,
            "multiply": np.multiply, "subtract": np.subtract, "max_reduce": np.maximum.reduce,
            "shift": shift,
        }  # fmt: skip
        self._write()
        code = compile(self.source, "<jit>", "exec")
        self._code = next(c for c in code.co_consts if isinstance(c, types.CodeType))

    def instance(self) -> Callable[..., tuple[Any, ...]]:
        """A function with buffers of its own, so that two threads can each have one."""
        own = dict(self.globals)
        for b in self.buffers:
            own[b.name] = b.make()
        for name, make, of in self.views:
            own[name] = make(own[of])
        return types.FunctionType(self._code, own, "replay")

    # ---- writing the source ---------------------------------------------------------------------

    def _write(self) -> None:
        program = self.program
        self._lives = _lifetimes(program)
        self._free: dict[Any, list[Buffer]] = {}
        self._held: dict[int, Buffer] = {}  # slot -> the buffer that it fills
        self._names: dict[int, str] = {s: f"x{n}" for n, s in enumerate(program.inputs)}
        # arrays that stand for slots which are the same memory in each call, layout and all
        self._samples: dict[int, Any] = {}
        for slot, c in program.constants.items():
            self._names[slot] = f"c{slot}"
            if type(c) is int or (type(c) is float and math.isfinite(c)):
                self._names[slot] = f"({c!r})" if repr(c).startswith("-") else repr(c)
                continue
            self.globals[f"c{slot}"] = c
            if isinstance(c, np.ndarray):
                self._samples[slot] = c
        lines = []
        for place, i in enumerate(program.instructions):
            lines += self._instruction(i, place)
            for slot in self._lives.ends[place]:
                buffer = self._held.get(slot)
                if buffer is not None:
                    self._give_back(buffer)
        arguments = ", ".join(self._names[s] for s in program.inputs)
        results = "".join(f"{self._names[o]}, " for o in program.outputs)
        body = [f"    {line}" for line in lines] + [f"    return ({results})"]
        self.source = "\n".join([f"def replay({arguments}):", *body, ""])

    def _take(self, shape: tuple[int, ...], dtype: Any) -> Buffer:
        waiting = self._free.get((shape, dtype))
        if waiting:
            return waiting.pop()
        buffer = Buffer(f"b{len(self.buffers)}", shape, dtype)
        self.buffers.append(buffer)
        return buffer

    def _give_back(self, buffer: Buffer) -> None:
        self._free.setdefault((buffer.shape, buffer.dtype), []).append(buffer)

    def _instruction(self, i: Instruction, place: int) -> list[str]:
        args = [self._names[a] for a in i.args]
        if self._is_fixed_view(i):
            self._names[i.out] = f"v{i.out}"
            self._samples[i.out] = i.fn(self._samples[i.args[0]])
            self.views.append((f"v{i.out}", i.fn, args[0]))
            return []
        name = self._names[i.out] = f"t{i.out}"
        writer = self._writer(i, args)
        if writer is None:
            self.globals[f"f{i.out}"] = i.fn
            return [f"{name} = f{i.out}({', '.join(args)})"]
        if i.shape == () or i.out in self._lives.escaping:
            return [f"{name} = {writer.fresh}"]
        shape = i.shape[::-1] if writer.turned else i.shape
        buffer = self._overwritten(i, place) or self._take(shape, i.dtype)
        self._held[i.out] = buffer
        self._names[i.out] = buffer.name
        self._samples[i.out] = sample = buffer.make()
        if writer.turned:
            self._names[i.out] = f"v{i.out}"
            self._samples[i.out] = sample.T
            self.views.append((f"v{i.out}", np.transpose, buffer.name))
        return [line.replace("OUT", buffer.name) for line in writer.into]

    def _is_fixed_view(self, i: Instruction) -> bool:
        """Whether the result is one and the same view in each call."""
        if i.name not in _VIEWS or i.key is None or len(i.args) != 1:
            return False
        sample = self._samples.get(i.args[0])
        if sample is None or i.out in self._lives.escaping or not sample.size:
            return False
        return bool(np.shares_memory(i.fn(sample), sample))

    def _overwritten(self, i: Instruction, place: int) -> Buffer | None:
        """The buffer of an operand that is read here for the last time, if ``i`` may fill it."""
        if not isinstance(i.fn, np.ufunc):
            return None
        for a in i.args:
            buffer = self._held.get(a)
            if (
                buffer is not None
                and self._names[a] == buffer.name
                and (buffer.shape, buffer.dtype) == (i.shape, i.dtype)
                and a in self._lives.ends[place]
            ):
                self._lives.ends[place].remove(a)
                return buffer
        return None

    def _writer(self, i: Instruction, args: list[str]) -> _Writer | None:
        """How to compute ``i`` into an array named OUT; None where only a fresh result is known."""
        call = ", ".join(args)
        if i.key is None or i.dtype is None:
            return None
        if isinstance(i.fn, np.ufunc):
            name = i.fn.__name__
            self.globals[name] = i.fn
            into = "out=OUT" if i.fn in (np.maximum, np.minimum) else "OUT"  # NumPy wants it so
            return _Writer([f"{name}({call}, {into})"], f"{name}({call})")
        if i.name in _PRODUCTS and len(i.shape) == 2:
            left, right = _PRODUCTS[i.name]
            a, b = args[0] + left, args[1] + right
            rows, columns = i.shape
            if rows >= _TALL and rows > columns:  # by columns, as the operation does by itself
                a, b = (x.removesuffix(".T") if x.endswith(".T") else f"{x}.T" for x in (a, b))
                return _Writer([f"dot({b}, {a}, OUT)"], f"dot({b}, {a}).T", turned=True)
            return _Writer([f"dot({a}, {b}, OUT)"], f"dot({a}, {b})")
        if i.name == "sum":
            options = f"axis={i.params['axis']}, keepdims={i.params['keepdims']}"
            return _Writer(
                [f"add_reduce({call}, {options}, out=OUT)"], f"add_reduce({call}, {options})"
            )
        if i.name == "amax":
            options = f"axis={i.params['axis']}, keepdims={i.params['keepdims']}"
            return _Writer(
                [f"max_reduce({call}, {options}, out=OUT)"], f"max_reduce({call}, {options})"
            )
        if i.name == "shift":
            return _Writer([f"shift({call}, OUT)"], f"shift({call})")
        if i.name == "tanh_slope":
            g, y = args
            return _Writer(
                [
                    f"multiply({y}, {y}, OUT)",
                    "subtract(1, OUT, OUT)",
                    f"multiply(OUT, {g}, OUT)",
                ],
                f"{g} * (1 - {y} * {y})",
            )
        return None


@dataclass(frozen=True)
class _Writer:
    """Lines that fill OUT, and an expression for a fresh result."""

    into: list[str]
    fresh: str
    turned: bool = False  # OUT is the transpose of the result


_PRODUCTS = {"matmul": ("", ""), "matmul_nt": ("", ".T"), "matmul_tn": (".T", "")}


class _Lifetimes(NamedTuple):
    ends: list[list[int]]  # by instruction: the slots whose memory nobody reads after it
    escaping: set[int]  # slots that the caller receives, or receives a view of


def _lifetimes(program: Program) -> _Lifetimes:
    """How long the memory of each slot is read, directly or through what may be a view of it."""
    aliases: dict[int, set[int]] = {}  # slot -> slots whose memory it may share
    last: dict[int, int] = {}
    for place, i in enumerate(program.instructions):
        mine = {i.out}
        if not i.fresh:
            for a in i.args:
                mine |= aliases.get(a, set())
        aliases[i.out] = mine
        for a in i.args:
            for root in aliases.get(a, ()):
                last[root] = place
        last.setdefault(i.out, place)
    escaping: set[int] = set()
    for o in program.outputs:
        escaping |= aliases.get(o, set())
    ends: list[list[int]] = [[] for _ in program.instructions]
    for slot, place in last.items():
        ends[place].append(slot)
    return _Lifetimes(ends, escaping)
