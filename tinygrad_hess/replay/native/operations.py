"""From a call of NumPy to the inner loops that it runs.

    lowered : (call, operands, result) -> rows with their operands, or None where it stays Python

What NumPy would do before its loop must not be missed: no casts, no copies of operands that overlap
the result, and for functions whose last bits depend on how they are called, the very same call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core import vectorised
from ..codegen.writers import Call
from .library import (
    FEW,
    TYPES,
    Loop,
    Row,
    copy,
    copy_where,
    loop,
    most_reduced,
    own_loop,
    start_of_sum,
)

NUMBERS = frozenset(np.dtype(c).num for c in TYPES)

EXACT = frozenset({
    np.absolute, np.add, np.ceil, np.copysign, np.divide, np.equal, np.floor, np.greater,
    np.greater_equal, np.isfinite, np.isinf, np.isnan, np.less, np.less_equal, np.logical_and,
    np.logical_not, np.logical_or, np.logical_xor, np.maximum, np.minimum, np.multiply, np.negative,
    np.not_equal, np.positive, np.reciprocal, np.rint, np.sign, np.signbit, np.sqrt, np.square,
    np.subtract, np.trunc,
}) | ({vectorised.exp, vectorised.tanh} - {np.exp, np.tanh})  # fmt: skip
"""Of real numbers, correctly rounded: the same bits however the loop goes through memory, but for
the sign of a NaN where two of them meet, which NumPy's own loops take from either one. (Of zeros of
both signs, ``fmax`` and ``fmin`` choose as they go.) So are loops of this library's own."""


class Place(NamedTuple):
    """Where an operand is: whose memory, an array that lies as it does, and the offset in bytes."""

    owner: str
    array: Any
    offset: int = 0


class Operation(NamedTuple):
    """A row, and the places of its operands; the last one is that of the result."""

    row: Row
    places: tuple[Place, ...]
    function: Any = None  # the ufunc, or copyto, that it is element by element
    axes: Sequence[tuple[int, ...]] = ()  # of the row, in the order in which its result lies
    reads_result: bool = False
    code: Any = None  # the machine code that the row is a loop of


def lowered(call: Call, operands: Sequence[Place], out: Place) -> list[Operation] | None:
    """The operations of a call; None where NumPy does more than run its loop."""
    arrays = [*(p.array for p in operands), out.array]
    if not all([is_plain(x) for x in arrays]) or not out.array.size:
        return None
    if not all([is_apart(p, out) for p in operands]):
        return None
    if call.function is np.copyto:
        return _copied(operands, out)
    if call.function is np.dot or call.function is np.matmul:
        return _product(call.function, operands, out)
    if call.axis is not None:
        return _reduced(call.function, call.axis, operands[0], out)
    if out.array.dtype.kind == "c" and out.array.size == 1:
        return None  # NumPy rounds products of complex numbers by the strides of a single element
    types = tuple([x.dtype.num for x in arrays])
    found = loop(call.function, types)
    if found is None and call.function in EXACT and is_of_numbers((*operands, out)):
        found = NO_LOOP
    if found is None:
        return None
    own = own_loop(call.function, types)
    if own is not None and out.array.size <= FEW:
        found = own
    row, axes = _looped(found, arrays), ()
    if row is None and not any([x.dtype.kind == "c" for x in arrays]):
        exact = call.function in EXACT
        row, axes = _nested(found, own, arrays) if exact else _nested_as_by_numpy(found, arrays)
    return None if row is None else [Operation(row, (*operands, out), call.function, axes)]


NO_LOOP: Loop = (0, 0)
"""Of an operation that NumPy does by casting masks to numbers: only as machine code."""


def types_of_numbers(places: Sequence[Place]) -> set[str]:
    """Of what types operands are that are no masks, as NumPy writes types in one character."""
    return {p.array.dtype.char for p in places} - {"?"}


def is_of_numbers(places: Sequence[Place]) -> bool:
    """Whether operands are doubles or floats, or some of them masks that count as such."""
    *operands, _ = places
    return bool(types_of_numbers(operands)) and types_of_numbers(places) in ({"d"}, {"f"})


def is_plain(x: Any) -> bool:
    """Whether there are loops for such memory."""
    return x.dtype.num in NUMBERS and x.dtype.isnative and x.flags.aligned


def is_apart(x: Place, out: Place) -> bool:
    """Whether an operand is the result itself, or no part of it: NumPy would copy it otherwise."""
    a, b = x.array, out.array
    if x.owner != out.owner and not np.may_share_memory(a, b):
        return True
    same = (a.dtype, a.shape, a.strides) == (b.dtype, b.shape, b.strides)
    return same and a.__array_interface__["data"] == b.__array_interface__["data"]


# ---- element by element -------------------------------------------------------------------------


def _looped(found: Loop, arrays: Sequence[Any]) -> Row | None:
    """As one loop, where NumPy does it in one."""
    out = arrays[-1]
    steps = []
    for x in arrays:
        if x.ndim == 0:
            steps.append(x.itemsize if x is out else 0)
        elif x.shape != out.shape:
            return None
        else:
            steps.append(x.strides[0] if x.ndim == 1 else x.itemsize)
    if out.ndim > 1:
        flags = [x.flags for x in arrays if x.ndim]
        if not all([f.c_contiguous for f in flags]) and not all([f.f_contiguous for f in flags]):
            return None
    return Row(found, len(arrays), (out.size,), tuple(steps))


def _nested(found: Loop, own: Loop | None, arrays: Sequence[Any]) -> tuple[Row | None, Any]:
    """As loops over axes, as few as there can be, and these axes; the result has no gaps.

    Where the innermost axis is short, a loop that takes any strides walks along another inside.
    """
    out = arrays[-1]
    axes = _merged(out.shape, [spread(x, out.shape) for x in arrays])
    if out.size > 1 and axes[-1][-1] != out.itemsize:
        return None, ()
    longer = longest_inside(axes)
    return _row(found, axes) if own is None or longer is axes else _row(own, longer), axes


def _nested_as_by_numpy(found: Loop, arrays: Sequence[Any]) -> tuple[Row | None, Any]:
    """As the very loops that NumPy runs, where there is one way for it to go through memory.

    It walks along axes in the order of memory, if that is the same for all operands, and makes one
    of those that continue each other.
    """
    out = arrays[-1]
    axes = _merged(out.shape, [spread(x, out.shape) for x in arrays])
    forwards = all([step > 0 for _, *steps in axes for step in steps])
    whole = axes[-1][-1] == out.itemsize and axes[-1][0] <= np.getbufsize()
    if not (forwards and whole and _is_in_order([axis[1:] for axis in axes])):
        return None, ()
    return _row(found, axes), axes


SHORT = 16
"""Length of an axis up to which another is walked inside of it: a loop that is begun for a few
elements costs as much as a dozen of them."""


def longest_inside(axes: list[tuple[int, ...]], short: int = SHORT) -> list[tuple[int, ...]]:
    """The axes with a long one last, if the last is short."""
    k = max(range(len(axes)), key=lambda k: (axes[k][0], k))
    if axes[-1][0] >= short or axes[k][0] < 2 * axes[-1][0]:
        return axes
    return [*axes[:k], *axes[k + 1 :], axes[k]]


def _row(found: Loop, axes: Sequence[tuple[int, ...]]) -> Row:
    *outer, (length, *steps) = axes
    return Row(found, len(steps), (length,), tuple(steps), tuple(outer))


def spread(x: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of an operand as it is broadcast."""
    lead = len(shape) - x.ndim
    return (0,) * lead + tuple(
        [0 if n == 1 else s for n, s in zip(x.shape, x.strides, strict=True)]
    )


def _merged(shape: tuple[int, ...], strides: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Axes with the strides of all operands, the last one's memory in order, merged where one
    continues another."""
    axes = [k for k, n in enumerate(shape) if n != 1]
    axes.sort(key=lambda k: -abs(strides[-1][k]))
    found = joined([(shape[k], *[s[k] for s in strides]) for k in axes])
    return found or [(1, *[0] * len(strides))]


def joined(axes: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Axes, each with the strides of all operands, merged where one continues another."""
    found: list[tuple[int, ...]] = []
    for n, *steps in axes:
        if found and all([outer == n * s for outer, s in zip(found[-1][1:], steps, strict=True)]):
            found[-1] = (found[-1][0] * n, *steps)
        else:
            found.append((n, *steps))
    return found


def _copied(operands: Sequence[Place], out: Place) -> list[Operation] | None:
    """``copyto(out, value)``, and ``copyto(out, value, where=mask)``."""
    value, *mask = operands
    if any(m.array.dtype != bool for m in mask):
        return None
    found = (copy_where if mask else copy)(out.array.itemsize)
    if value.array.dtype != out.array.dtype:
        if value.array.dtype != bool or out.array.dtype.char not in "df":
            return None
        found = NO_LOOP
    places, shape = (*operands, out), out.array.shape
    if any(p.array.ndim > len(shape) for p in operands):
        return None
    axes = _merged(shape, [spread(p.array, shape) for p in places])
    return [Operation(_row(found, axes), places, np.copyto, axes, bool(mask))]


def filled_with_zeros(out: Place) -> list[Operation] | None:
    """``copyto(out, 0)``."""
    dtype = out.array.dtype
    return _copied([Place(f"number_0_{dtype.char}", np.zeros((), dtype))], out)


# ---- sums and maxima over axes ------------------------------------------------------------------


def _reduced(
    ufunc: np.ufunc, axis: tuple[int, ...], x: Place, out: Place
) -> list[Operation] | None:
    """A reduction as loops whose first operand is their result.

    NumPy takes the axis along which memory is walked as the innermost; along it, sums are pairwise.
    Where several axes are summed over that are not one in memory, it copies parts into its buffer,
    and sums those; where elements repeat along an axis, the order of axes is not that of memory.
    """
    num = x.array.dtype.num
    if out.array.dtype != x.array.dtype or x.array.dtype.kind != "f" or not x.array.size:
        return None
    found = loop(ufunc, (num, num, num))
    if found is None or x.array.size > most_reduced():
        return None
    reduced = {k % x.array.ndim for k in axis}
    kept = iter(out.array.strides)
    keepdims = out.array.ndim == x.array.ndim
    to = []
    for k in range(x.array.ndim):
        if k not in reduced:
            to.append(next(kept))
        else:
            to.append(0)
            if keepdims:
                next(kept)
    axes = _merged(x.array.shape, (tuple(to), x.array.strides))
    inner = [k for k, a in enumerate(axes) if not a[1]]  # the reduced ones
    if not inner or not _is_in_order([a[1:] for a in axes]):
        return None
    places = (out, x, out)
    whole = [(n, o, step, o) for n, o, step in axes]
    if ufunc is np.add:
        begin = start_of_sum(num)
        is_buffered = any(k - 1 in inner for k in inner)
        repeats = not all(step for _, _, step in axes)
        if begin is None or is_buffered or repeats:
            return None
        zero = Place(f"start_of_sum_{x.array.dtype.char}", np.array(begin, x.array.dtype))
        fill = _copied([zero], out)
        if fill is None:
            return None
        # element by element, if in order: the same bits in a loop of other operations too
        function = np.add if axes[-1][1] else None
        return [*fill, Operation(_row(found, whole), places, function, whole)]
    if len(inner) > 1:
        return None
    # others begin with the first element, and go on with the second
    (k,) = inner
    length, _, step = axes[k]
    kept_axes = [(n, s, o) for n, o, s in axes if o] or [(1, 0, 0)]
    first = Operation(_row(copy(x.array.itemsize), kept_axes), (x, out))
    whole[k] = (length - 1, 0, step, 0)
    rest = x._replace(offset=x.offset + step)
    return [first, Operation(_row(found, whole), (out, rest, out), reads_result=True)]


def _is_in_order(strides: Sequence[tuple[int, ...]]) -> bool:
    """Whether no operand takes smaller steps along an axis than along one inside of it."""
    for steps in zip(*strides, strict=True):
        moving = [abs(s) for s in steps if s]
        if moving != sorted(moving, reverse=True):
            return False
    return True


# ---- products -----------------------------------------------------------------------------------


def _product(function: Any, operands: Sequence[Place], out: Place) -> list[Operation] | None:
    """A product of matrices and vectors, or of stacks of them, by the loop of ``matmul``.

    That and ``dot`` call BLAS in the same way where BLAS can read the operands as they are.
    """
    a, b = (p.array for p in operands)
    y = out.array
    num = y.dtype.num
    if {a.dtype.num, b.dtype.num} != {num} or y.dtype.kind != "f" or not a.ndim or not b.ndim:
        return None
    found = loop(np.matmul, (num, num, num))
    if found is None or not a.size or not b.size:
        return None
    column, row = b.ndim == 1, a.ndim == 1
    m, n = (1 if row else a.shape[-2]), a.shape[-1]
    p = 1 if column else b.shape[-1]
    steps_a = (0 if row else a.strides[-2], a.strides[-1])
    steps_b = (b.strides[-1], 0) if column else b.strides[-2:]
    core = (not row) + (not column)
    steps_y = iter(y.strides[y.ndim - core :])
    to = (0 if row else next(steps_y), 0 if column else next(steps_y))
    if function is np.dot and not _is_same_as_dot(a, b, y, m, n, p):
        return None
    stack = y.shape[: y.ndim - core]
    outer = [
        _spread_stack(a, 1 if row else 2, stack),
        _spread_stack(b, 1 if column else 2, stack),
        y.strides[: len(stack)],
    ]
    axes = _merged(stack, outer)
    *around, (length, *loops) = axes
    steps = (*loops, *steps_a, *steps_b, *to)
    row_ = Row(found, 3, (length, m, n, p), steps, tuple(around))
    return [Operation(row_, (*operands, out))]


def _spread_stack(x: Any, core: int, stack: tuple[int, ...]) -> tuple[int, ...]:
    lead = x.ndim - core
    strides = [0 if n == 1 else s for n, s in zip(x.shape[:lead], x.strides, strict=False)]
    return (0,) * (len(stack) - lead) + tuple(strides)


def _is_same_as_dot(a: Any, b: Any, y: Any, m: int, n: int, p: int) -> bool:
    """Whether ``dot`` leaves it to BLAS as ``matmul`` does.

    It multiplies by a single number in a loop of its own, and copies what BLAS cannot read.
    """
    if n == 1 and 1 in (m, p):
        return False
    return y.flags.c_contiguous and _is_read_by_blas(a) and _is_read_by_blas(b)


def _is_read_by_blas(x: Any) -> bool:
    if any(s <= 0 or s % x.itemsize for n, s in zip(x.shape, x.strides, strict=True) if n > 1):
        return False
    if x.ndim == 1:
        return True
    return x.flags.c_contiguous or x.flags.f_contiguous


def work(operation: Operation) -> int:
    """Elements that it goes through, about."""
    row = operation.row
    return math.prod(row.dimensions) * math.prod([axis[0] for axis in row.axes])
