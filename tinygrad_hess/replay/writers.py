"""How an instruction is written as lines of Python that fill a given array.

    writer_of : (instruction, operands) -> Writer, or None where only a fresh result is known

In the lines, OUT stands for the array to fill, OUT_T for its transpose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..ops.reduction import shift
from .program import Instruction

GLOBALS: dict[str, Any] = {
    "dot": np.dot, "matmul": np.matmul, "add_reduce": np.add.reduce,
    "max_reduce": np.maximum.reduce, "shift": shift, "copyto": np.copyto,
}  # fmt: skip
"""What every program may call."""

TALL = 48
"""Rows from which a product with more rows than columns is laid out by columns: OpenBLAS was
measured up to 20% faster so, a bias is added faster, and what reduces short rows several times."""


class Name(NamedTuple):
    """An operand in the source: its name, the text for its transpose, and what is known of it."""

    text: str
    transposed: Callable[[], str]
    sample: Any  # an array of the same memory layout in each call; None for inputs
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Writer:
    """A line that fills OUT, and an expression for a fresh result."""

    into: str
    fresh: str
    order: str = "C"  # memory layout that OUT must have
    needs: dict[str, Any] | None = None  # further globals
    template: str | None = None  # of an elementwise line, with holes for operands and result


def writer_of(i: Instruction, args: Sequence[Name]) -> Writer | None:
    """How to compute ``i`` into an array."""
    if i.key is None or i.dtype is None:
        return None
    if isinstance(i.fn, np.ufunc):
        return _ufunc(i, args)
    write = _WRITERS.get(i.name)
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
        if like and x.flags.f_contiguous and not x.flags.c_contiguous:
            return "F"
    return "C"


def _product(i: Instruction, args: Sequence[Name]) -> Writer:
    a, b = args
    left, right = _TRANSPOSED[i.name]
    if len(i.shape) != 2:
        stacks = ", ".join(
            f"{x.text}.mT" if turn else x.text for x, turn in ((a, left), (b, right))
        )
        return Writer(f"matmul({stacks}, OUT)", f"matmul({stacks})")
    plain = ", ".join(x.transposed() if turn else x.text for x, turn in ((a, left), (b, right)))
    rows, columns = i.shape
    if rows >= TALL and rows > columns:  # the transposes, in the other order
        turned = ", ".join(
            x.text if turn else x.transposed() for x, turn in ((b, right), (a, left))
        )
        return Writer(f"dot({turned}, OUT_T)", f"dot({plain})", "F")
    return Writer(f"dot({plain}, OUT)", f"dot({plain})")


_TRANSPOSED = {"matmul": (False, False), "matmul_nt": (False, True), "matmul_tn": (True, False)}


def _sum(i: Instruction, args: Sequence[Name]) -> Writer | None:
    (x,), axis, keepdims = args, i.params["axis"], i.params["keepdims"]
    if axis == (-2,) and not keepdims and len(x.shape) == 2 and i.dtype.kind == "f":
        ones = f"ones{x.shape[0]}_{i.dtype.char}"  # BLAS sums rows several times faster
        call = f"dot({ones}, {x.text}"
        return Writer(f"{call}, OUT)", f"{call})", needs={ones: np.ones(x.shape[0], i.dtype)})
    if len(axis) > 1 and not keepdims and i.shape:
        return None  # over windows, the operation itself knows a faster way
    return _reduction("add_reduce", i, args)


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


_WRITERS: dict[str, Callable[[Instruction, Sequence[Name]], Writer | None]] = {
    "matmul": _product, "matmul_nt": _product, "matmul_tn": _product,
    "sum": _sum, "amax": lambda i, args: _reduction("max_reduce", i, args), "shift": _shift,
}  # fmt: skip
