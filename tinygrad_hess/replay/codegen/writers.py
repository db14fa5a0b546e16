"""How an instruction is written as lines of Python that fill a given array.

    writer_of : (instruction, operands) -> Writer, or None where only a fresh result is known

In the lines, OUT stands for the array to fill, OUT_T for its transpose.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ...ops.linalg.products import is_tall
from ...ops.reductions.short_axes import are_short
from ..program import Instruction

GLOBALS: dict[str, Any] = {
    "dot": np.dot, "matmul": np.matmul, "copyto": np.copyto,
}  # fmt: skip
"""What every program may call."""

TALL = 48
"""Rows from which a product may be tall: fewer than in a recording, since what reads it is planned
for the same layout."""


def is_by_columns(shape: tuple[int, ...], columns: int = 0) -> bool:
    """Whether a matrix of more than ``columns`` columns is to be laid out by columns."""
    return len(shape) == 2 and is_tall(*shape, TALL) and shape[1] > columns


Order = tuple[int, ...] | None
"""Axes of an array as it lies in memory, outermost first; None stands for by rows."""

BY_COLUMNS: Order = (1, 0)


def order_of(x: Any) -> Order:
    """The order of an array that fills its memory; None for others too."""
    if x is None or x.flags.c_contiguous:
        return None
    axes = sorted(range(x.ndim), key=lambda k: x.shape[k] > 1 and -x.strides[k])
    return tuple(axes) if x.transpose(axes).flags.c_contiguous else None


class Name(NamedTuple):
    """An operand in the source: its name, the text for its transpose, and what is known of it."""

    text: str
    transposed: Callable[[], str]
    sample: Any  # an array of the same memory layout in each call; None for inputs
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """A call of NumPy that fills OUT, as data: for what makes it without Python."""

    function: Any  # a ufunc, dot, matmul, a primitive, or copyto, whose second operand is a mask
    operands: tuple[str, ...]  # their texts; OUT is what is in the result before
    out: str = "OUT"
    axis: tuple[int, ...] | None = None  # of a reduction by the ufunc
    index: Any = None  # the part of OUT that is filled, or a function that gives it as a view
    part: Any = None  # of the other operands that are read
    dtype: Any = None  # of OUT, where an operand may be a number that takes it
    params: dict[str, Any] | None = None  # where the function is a primitive at positions


@dataclass(frozen=True)
class Writer:
    """A line that fills OUT, and an expression for a fresh result, if there is one."""

    into: str | None
    fresh: str | None
    order: Order = None  # in which OUT must lie in memory
    needs: dict[str, Any] | None = None  # further globals
    template: str | None = None  # of an elementwise line, with holes for operands and result
    over: frozenset[int] = frozenset()  # operands that OUT may be
    calls: tuple[Call, ...] = ()  # the same as data, where it is calls of NumPy alone
    fresh_call: Call | None = None  # of the fresh result, where that is another one


def writer_of(i: Instruction, args: Sequence[Name], by_rows: bool = False) -> Writer | None:
    """How to compute ``i`` into an array.

    ``by_rows`` asks for an array whose rows lie one behind the other: something reshapes it.
    """
    if i.prim is None or i.dtype is None or i.dtype.kind not in "biufc":
        return None
    if i.prim.product is not None:
        return _product(i, args, by_rows)
    if i.is_ufunc:
        return _ufunc(i, args, by_rows)
    if i.prim.positions is not None and len(args) > 1:
        return _at_positions(i, args)
    if i.prim.write is not None and len(args) == _operands_named(i.prim.write):
        return _template(i, args, by_rows)
    if i.prim.reduction is not None:
        return _reduction(i, args)
    if i.prim.added is not None:
        return _added(i, args, by_rows)
    return _with_out(i, args, by_rows) if takes_out(i.prim.fn) else None


def _ufunc(i: Instruction, args: Sequence[Name], by_rows: bool) -> Writer:
    name, texts = i.fn.__name__, [a.text for a in args]
    out = "out={out}" if i.fn in (np.maximum, np.minimum) else "{out}"  # NumPy wants it so
    template = f"{name}({', '.join(f'{{{n}}}' for n in range(len(args)))}, {out})"
    return Writer(
        template.format(*texts, out="OUT"),
        f"{name}({', '.join(texts)})",
        BY_COLUMNS if _is_outer(i, args) and not by_rows else _kept_order(i, args, by_rows),
        {name: i.fn},
        template,
        frozenset(range(len(args))),
        (Call(i.fn, tuple(texts)),),
    )


def _kept_order(i: Instruction, args: Sequence[Name], by_rows: bool) -> Order:
    """That of an operand of the result's shape, so that memory is walked in order."""
    if by_rows and len(i.shape) > 2:
        return None
    orders = (order_of(a.sample) for a in args if a.shape == i.shape)
    return next((order for order in orders if order is not None), None)


def _is_outer(i: Instruction, args: Sequence[Name]) -> bool:
    """Whether it is a tall product of a column with a row, which is laid out as others are."""
    return is_by_columns(i.shape) and all(a.shape != i.shape for a in args)


# ---- what a row says ----------------------------------------------------------------------------


def _holes(template: str) -> list[str]:
    return [hole for _, hole, _, _ in string.Formatter().parse(template) if hole]


@functools.cache
def _operands_named(template: str) -> int:
    """How many operands a template is for."""
    return len({hole for hole in _holes(template) if hole.isdigit()})


def _template(i: Instruction, args: Sequence[Name], by_rows: bool) -> Writer:
    """By the row's own text; a hole with the name of a parameter stands for that."""
    template, needs = i.prim.write, {}
    for hole in _holes(template):
        if hole in i.params:
            needs[f"{hole}{i.out}"] = i.params[hole]
            template = template.replace(f"{{{hole}}}", f"{hole}{i.out}")
    texts = [a.text for a in args]
    if template.startswith("{out} = "):  # an expression, perhaps a view
        return Writer(None, template.removeprefix("{out} = ").format(*texts), needs=needs)
    later = _holes(template.partition(";")[2])
    over = frozenset(n for n in range(len(args)) if str(n) not in later)
    fresh = f"f{i.out}({', '.join(texts)})"
    return Writer(
        template.format(*texts, out="OUT"),
        fresh,
        _kept_order(i, args, by_rows),
        {**needs, f"f{i.out}": i.fn},
        template if i.prim.is_broadcasting else None,
        over,
        _calls(i, texts),
    )


def _calls(i: Instruction, texts: Sequence[str]) -> tuple[Call, ...]:
    """What the row's text does, where that is copies alone."""
    found = []
    for part, *operands in _copies(i.prim.write):
        given = tuple([texts[int(x[1:])] if x.startswith("_") else x for x in operands])
        found.append(Call(np.copyto, given, index=i.params.get(part), dtype=i.dtype))
    return tuple(found)


@functools.cache
def _copies(template: str) -> tuple[tuple[str, ...], ...]:
    """For each statement, the parameter that says which part is filled, value and mask.

    ``_0`` is the first operand. Nothing where a statement is no copy.
    """
    names = {hole: f"_{hole}" for hole in _holes(template) if not hole.isdigit()}
    operands = [f"_{n}" for n in range(_operands_named(template))]
    found = []
    for statement in ast.parse(template.format(*operands, **{**names, "out": "OUT"})).body:
        match statement:
            case ast.Expr(ast.Call(ast.Name("copyto"), [ast.Name("OUT"), value], keywords)):
                if any(k.arg != "where" for k in keywords):
                    return ()
                found.append(("", ast.unparse(value), *[ast.unparse(k.value) for k in keywords]))
            case ast.Assign([ast.Subscript(ast.Name("OUT"), ast.Name(part))], value):
                found.append((part[1:], ast.unparse(value)))
            case _:
                return ()
    return tuple(found)


@functools.cache
def takes_out(fn: Any) -> bool:
    """Whether a function can write its result into an array that it is given as ``out=``."""
    try:
        return "out" in inspect.signature(fn).parameters
    except (TypeError, ValueError):
        return False


def _with_out(i: Instruction, args: Sequence[Name], by_rows: bool) -> Writer:
    call, texts = f"f{i.out}", [a.text for a in args]
    holes = ", ".join(f"{{{n}}}" for n in range(len(args)))
    template = f"{call}({holes}, out={{out}})"
    return Writer(
        template.format(*texts, out="OUT"),
        f"{call}({', '.join(texts)})",
        _kept_order(i, args, by_rows),
        {call: i.fn},
        template if i.prim.is_broadcasting else None,
        calls=_parts(i, args),
    )


def _parts(i: Instruction, args: Sequence[Name]) -> tuple[Call, ...]:
    """Each operand copied into its part of the result, where the row says which that is."""
    if i.prim.parts is None:
        return ()
    parts = i.prim.parts(i.params, [a.shape for a in args])
    found = [
        Call(np.copyto, (a.text,), index=p, dtype=i.dtype) for a, p in zip(args, parts, strict=True)
    ]
    if sum(math.prod(a.shape) for a in args) < math.prod(i.shape):
        found.insert(0, Call(np.copyto, ("0",), index=(Ellipsis,), dtype=i.dtype))
    return tuple(found)


def _added(i: Instruction, args: Sequence[Name], by_rows: bool) -> Writer:
    (x,) = args
    pairs = i.prim.added(i.params, [x.shape])
    order = None
    if x.sample is not None and not by_rows:
        with np.errstate(all="ignore"):  # the sample holds anything
            order = order_of(i.fn(x.sample))
    fill = Call(np.copyto, ("0",), index=(Ellipsis,), dtype=i.dtype)
    adds = [Call(np.add, ("OUT", x.text), index=to, part=part) for to, part in pairs]
    return replace(_with_out(i, args, by_rows), order=order, calls=(fill, *adds))


def _at_positions(i: Instruction, args: Sequence[Name]) -> Writer:
    call, texts = f"f{i.out}", [a.text for a in args]
    made = Call(i.prim, tuple(texts), params=i.params)
    into = f"{call}({', '.join(texts)}, out=OUT)" if takes_out(i.prim.fn) else None
    return Writer(into, f"{call}({', '.join(texts)})", needs={call: i.fn}, calls=(made,))


# ---- products -----------------------------------------------------------------------------------


def _product(i: Instruction, args: Sequence[Name], by_rows: bool = False) -> Writer:
    a, b = args
    left, right = i.prim.product
    if len(i.shape) != 2:
        stacks = ", ".join(
            f"{x.text}.mT" if turn else x.text for x, turn in ((a, left), (b, right))
        )
        call = Call(np.matmul, tuple(stacks.split(", ")))
        return Writer(f"matmul({stacks}, OUT)", f"matmul({stacks})", calls=(call,))
    plain = ", ".join(x.transposed() if turn else x.text for x, turn in ((a, left), (b, right)))
    if is_by_columns(i.shape) and not by_rows:  # the transposes, in the other order
        transposed = ", ".join(
            x.text if turn else x.transposed() for x, turn in ((b, right), (a, left))
        )
        call = Call(np.dot, tuple(transposed.split(", ")), "OUT_T")
        fresh = Call(np.dot, tuple(plain.split(", ")))
        line = f"dot({transposed}, OUT_T)"
        return Writer(line, f"dot({plain})", BY_COLUMNS, calls=(call,), fresh_call=fresh)
    call = Call(np.dot, tuple(plain.split(", ")))
    return Writer(f"dot({plain}, OUT)", f"dot({plain})", calls=(call,))


# ---- reductions ---------------------------------------------------------------------------------


def _reduction(i: Instruction, args: Sequence[Name]) -> Writer | None:
    (x,), axis, keepdims = args, i.params["axis"], i.params["keepdims"]
    is_sum = i.prim.reduction is np.add
    if is_sum and len(axis) == 1 and len(x.shape) > 1 and i.dtype.kind == "f":
        written = _sum_by_product(i, x, axis[0], keepdims)
        if written is not None:
            return written
    if is_sum and len(axis) == 2 and not keepdims and are_short(x.shape, axis):
        return None  # over windows, the operation itself knows a faster way
    call = f"{i.prim.reduction.__name__}_reduce"
    along = axis[0] if len(axis) == 1 else axis
    fills = FILLS_EXTREMES or i.prim.reduction.identity is not None
    return Writer(
        f"{call}({x.text}, {along}, None, OUT, {keepdims})" if fills else None,
        f"{call}({x.text}, {along}, None, None, {keepdims})",
        needs={call: i.prim.reduction.reduce},
        calls=(Call(i.prim.reduction, (x.text,), axis=tuple(axis)),),
    )


FILLS_EXTREMES = np.lib.NumpyVersion(np.__version__) >= "2.2.0"
"""Whether maxima written into a given array are right: before, not of what lies backwards."""

SHORT = 64
"""Elements of a row up to which BLAS sums rows faster than NumPy, up to ten times."""


def _sum_by_product(i: Instruction, x: Name, axis: int, keepdims: bool) -> Writer | None:
    """A sum over one of the last two axes as a product with ones, where that is faster."""
    n = x.shape[axis]
    stacked = len(x.shape) > 2
    lies_otherwise = order_of(x.sample) is not None
    if stacked and lies_otherwise:  # BLAS could not read it
        return None
    if (axis == -1 and (n > SHORT or lies_otherwise)) or axis < -2:
        return None
    shape = (n,) if not keepdims else (1, n) if axis == -2 else (n, 1)
    ones = f"ones{'x'.join(map(str, shape))}{i.dtype.char}"
    operands = (ones, x.text) if axis == -2 else (x.text, ones)
    call = f"{'matmul' if stacked else 'dot'}({', '.join(operands)}"
    made = Call(np.matmul if stacked else np.dot, operands)
    needs = {ones: np.ones(shape, i.dtype)}
    return Writer(f"{call}, OUT)", f"{call})", needs=needs, calls=(made,))
