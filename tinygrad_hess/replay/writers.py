"""How an instruction is written as lines of Python that fill a given array.

    writer_of : (instruction, operands) -> Writer, or None where only a fresh result is known

In the lines, OUT stands for the array to fill, OUT_T for its transpose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..ops.reduction import _shift as shift
from .program import Instruction

GLOBALS: dict[str, Any] = {
    "dot": np.dot, "matmul": np.matmul, "add_reduce": np.add.reduce,
    "max_reduce": np.maximum.reduce, "shift": shift, "copyto": np.copyto, "where": np.where,
}  # fmt: skip
"""What every program may call."""

TALL = 48
"""Rows from which a product with more rows than columns is laid out by columns: OpenBLAS was
measured up to 20% faster so, a bias is added faster, and what reduces short rows several times."""


def is_tall(shape: tuple[int, ...], columns: int = 0) -> bool:
    """Whether a matrix of more than so many columns is to be laid out by columns."""
    return len(shape) == 2 and shape[0] >= TALL and shape[0] > shape[1] > columns


class Name(NamedTuple):
    """An operand in the source: its name, the text for its transpose, and what is known of it."""

    text: str
    transposed: Callable[[], str]
    sample: Any  # an array of the same memory layout in each call; None for inputs
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Writer:
    """A line that fills OUT, and an expression for a fresh result, if there is one."""

    into: str
    fresh: str | None
    order: str = "C"  # memory layout that OUT must have
    needs: dict[str, Any] | None = None  # further globals
    template: str | None = None  # of an elementwise line, with holes for operands and result


def writer_of(i: Instruction, args: Sequence[Name], by_rows: bool = False) -> Writer | None:
    """How to compute ``i`` into an array.

    ``by_rows`` asks for a matrix whose rows lie one behind the other: something reshapes it.
    """
    if i.key is None or i.dtype is None:
        return None
    if isinstance(i.fn, np.ufunc):
        return _ufunc(i, args)
    write = _WRITERS.get(i.name)
    if write is _product:
        return _product(i, args, by_rows)
    return None if write is None else write(i, args)


def _ufunc(i: Instruction, args: Sequence[Name]) -> Writer:
    name, texts = i.fn.__name__, [a.text for a in args]
    out = "out={}" if i.fn in (np.maximum, np.minimum) else "{}"  # NumPy wants it so
    template = f"{name}({', '.join(['{}'] * len(args))}, {out})"
    return Writer(
        template.format(*texts, "OUT"),
        f"{name}({', '.join(texts)})",
        _kept_order(i, args),
        {name: i.fn},
        template,
    )


def _kept_order(i: Instruction, args: Sequence[Name]) -> str:
    """By columns if an operand of the result's shape is, so that memory is walked in order."""
    for a in args:
        x = a.sample
        like = isinstance(x, np.ndarray) and x.shape == i.shape and x.ndim == 2
        if like and _order(x) == "F":
            return "F"
    return "C"


def _product(i: Instruction, args: Sequence[Name], by_rows: bool = False) -> Writer:
    a, b = args
    left, right = _TRANSPOSED[i.name]
    if len(i.shape) != 2:
        stacks = ", ".join(
            f"{x.text}.mT" if turn else x.text for x, turn in ((a, left), (b, right))
        )
        return Writer(f"matmul({stacks}, OUT)", f"matmul({stacks})")
    plain = ", ".join(x.transposed() if turn else x.text for x, turn in ((a, left), (b, right)))
    if is_tall(i.shape) and not by_rows:  # the transposes, in the other order
        turned = ", ".join(
            x.text if turn else x.transposed() for x, turn in ((b, right), (a, left))
        )
        return Writer(f"dot({turned}, OUT_T)", f"dot({plain})", "F")
    return Writer(f"dot({plain}, OUT)", f"dot({plain})")


_TRANSPOSED = {"matmul": (False, False), "matmul_nt": (False, True), "matmul_tn": (True, False)}


def _sum(i: Instruction, args: Sequence[Name]) -> Writer | None:
    (x,), axis, keepdims = args, i.params["axis"], i.params["keepdims"]
    if len(axis) == 1 and len(x.shape) > 1 and i.dtype.kind == "f":
        written = _sum_by_product(i, x, axis[0], keepdims)
        if written is not None:
            return written
    if len(axis) > 1 and not keepdims and i.shape:
        return None  # over windows, the operation itself knows a faster way
    return _reduction("add_reduce", i, args)


SHORT = 64
"""Up to so many elements a row, BLAS sums rows faster than NumPy, up to ten times."""


def _sum_by_product(i: Instruction, x: Name, axis: int, keepdims: bool) -> Writer | None:
    """A sum over one of the last two axes as a product with ones, where that is faster."""
    n = x.shape[axis]
    stacked = len(x.shape) > 2
    if (axis == -1 and (n > SHORT or (not stacked and _order(x.sample) == "F"))) or axis < -2:
        return None
    shape = (n,) if not keepdims else (1, n) if axis == -2 else (n, 1)
    ones = f"ones{'x'.join(map(str, shape))}{i.dtype.char}"
    operands = f"{ones}, {x.text}" if axis == -2 else f"{x.text}, {ones}"
    call = f"{'matmul' if stacked else 'dot'}({operands}"
    return Writer(f"{call}, OUT)", f"{call})", needs={ones: np.ones(shape, i.dtype)})


def _order(x: Any) -> str:
    """The memory layout of a matrix."""
    return "F" if x is not None and x.flags.f_contiguous and not x.flags.c_contiguous else "C"


def _reduction(call: str, i: Instruction, args: Sequence[Name]) -> Writer:
    axis, keepdims = i.params["axis"], i.params["keepdims"]
    along = axis[0] if len(axis) == 1 else axis
    x = args[0].text
    return Writer(
        f"{call}({x}, {along}, None, OUT, {keepdims})",
        f"{call}({x}, {along}, None, None, {keepdims})",
    )


def _shift(i: Instruction, args: Sequence[Name]) -> Writer:
    call = f"shift({args[0].text}, {args[1].text}"
    return Writer(f"{call}, OUT)", f"{call})", _kept_order(i, args))


def _scatter(i: Instruction, args: Sequence[Name]) -> Writer | None:
    if len(args) != 1:  # positions that may coincide
        return None
    key = f"part{i.out}"
    into = f"copyto(OUT, 0); OUT[{key}] = {args[0].text}"
    return Writer(into, None, needs={key: i.params["pattern"]})


def _where(i: Instruction, args: Sequence[Name]) -> Writer:
    condition, a, b = (x.text for x in args)
    into = f"copyto(OUT, {b}); copyto(OUT, {a}, where={condition})"
    return Writer(into, f"where({condition}, {a}, {b})", _kept_order(i, args))


_WRITERS: dict[str, Callable[[Instruction, Sequence[Name]], Writer | None]] = {
    **dict.fromkeys(_TRANSPOSED, _product),
    "scatter_add": _scatter, "where": _where, "shift": _shift, "sum": _sum,
    "amax": lambda i, args: _reduction("max_reduce", i, args),
}  # fmt: skip
