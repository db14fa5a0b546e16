"""The C extension: whether it may be used, and the inner loops that NumPy's ufuncs have.

why_python : () -> a reason, or None where it may be used
loop       : (ufunc, types of operands and result) -> addresses of the loop and its data, or None
own_loop   : the same by the extension itself
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core import extensions

_runner, _missing = extensions.loaded("._runner", __package__)

TYPES = "?fdFD"
"""Types of numbers for which loops are taken. Those of integers may raise, as powers do."""

Loop = tuple[int, int]


class Row(NamedTuple):
    """An operation without its pointers: a loop, what it is called with, and axes around it.

    Each axis is its length, and the stride of each operand.
    """

    loop: Loop
    operands: int
    dimensions: tuple[int, ...]
    steps: tuple[int, ...]
    axes: tuple[tuple[int, ...], ...] = ()

    def words(self) -> list[int]:
        """As the C code reads it; the pointers stand from word ``HEAD`` on."""
        around = [word for axis in self.axes for word in axis]
        size = HEAD + self.operands + len(self.dimensions) + len(self.steps) + len(around)
        lengths = (self.operands, len(self.dimensions), len(self.steps), len(self.axes))
        pointers = [0] * self.operands
        return [size, *self.loop, *lengths, *pointers, *self.dimensions, *self.steps, *around]


HEAD = 7
"""Words of an operation before its pointers."""


def copy(itemsize: int) -> Loop:
    """The loop that copies items of that size."""
    return _runner.COPY, itemsize


def copy_where(itemsize: int) -> Loop:
    """The same where a mask, its second operand, is true."""
    return _runner.COPY_WHERE, itemsize


def at_positions(what: str, arrays: int) -> Loop:
    """The loop that does something at positions, which so many arrays of them give.

    Parameters
    ----------
    what : {"gather", "put", "add d", "add f"}
        From positions, to them, or adding there numbers of a type.
    """
    return _runner.AT_POSITIONS[what], arrays


def run(
    fallback: Any,
    args: Sequence[Any],
    results: Sequence[Any],
    fixed: Sequence[Any],
    words: Any,
    pointers: Any,
    release: bool,
) -> Any:
    """A callable that runs operations, or calls ``fallback`` on arguments that lie in another way.

    Parameters
    ----------
    fallback : callable
        The same in Python, of the same arguments.
    args, results : sequence of arrays
        Like those that come in, and like those that are made and returned in a tuple.
    fixed : sequence of arrays
        Which stay where they are.
    words : array of intp
        Of all operations, one after the other.
    pointers : array of intp
        A word to be filled with an address, whose it is (a position in ``args``, ``results`` and
        ``fixed``, one after the other), and the offset in bytes; and so on.
    release : bool
        Whether Python's lock is released.
    """
    return _runner.Run(
        fallback, tuple(args), tuple(results), tuple(fixed), words, pointers, release
    )


def run_once(rows: Sequence[Row], operands: Sequence[Any]) -> None:
    """Run operations now, each on the same operands."""
    words: list[int] = []
    pointers: list[int] = []
    for row in rows:
        for k in range(row.operands):
            pointers += (len(words) + HEAD + k, k, 0)
        words += row.words()
    both = np.array(words, np.intp), np.array(pointers, np.intp)
    run(None, (), (), operands, *both, False)()


def code(machine_code: bytes) -> Any:
    """Machine code in executable memory, at its ``address`` as long as the object lives.

    Raises
    ------
    OSError
        If the system gives no such memory.
    """
    return _runner.Code(machine_code)


def has_avx2() -> bool:
    """Whether machine code for AVX2 may be run."""
    return bool(_runner.AVX2)


# ---- whether it may be used ---------------------------------------------------------------------


def why_python() -> str | None:
    """Why lines stay Python; None where they need not.

    Examples
    --------
    >>> import os
    >>> kept = os.environ.get("TINYGRAD_HESS_NATIVE", "1")
    >>> os.environ["TINYGRAD_HESS_NATIVE"] = "0"
    >>> why_python()
    'TINYGRAD_HESS_NATIVE=0'
    >>> os.environ["TINYGRAD_HESS_NATIVE"] = kept
    """
    return extensions.switched_off() or _unusable()


@functools.cache
def _unusable() -> str | None:
    if _runner is None:
        return _missing
    if not hasattr(_runner, "AT_POSITIONS"):
        return "the C extension is of an earlier version: install the package again"
    for ufunc in (np.add, np.exp, np.matmul):
        if not _is_read_rightly(ufunc):
            return f"NumPy {np.__version__} lays out a ufunc in another way than it was built for"
    if loop(np.add, (np.dtype(float).num,) * 3) is None:
        return f"sums by the C extension differ from those of NumPy {np.__version__}"
    return None


def _is_read_rightly(ufunc: np.ufunc) -> bool:
    found = _runner.structure(ufunc)
    return bool(found == (ufunc.nin, ufunc.nout, ufunc.ntypes, ufunc.__name__))


@functools.cache
def loop(ufunc: np.ufunc, types: tuple[int, ...]) -> Loop | None:
    """The inner loop for exactly these types, by number, if it gives what the ufunc gives.

    Parameters
    ----------
    ufunc : numpy.ufunc
        With one result. Of those with core axes, only ``matmul``.
    types : tuple of int
        ``dtype.num`` of operands and result.

    Returns
    -------
    (int, int) or None
        None where NumPy would cast, has no such loop, or gives something else on a sample.
    """
    if ufunc.nout != 1 or len(types) != ufunc.nin + 1 or not _is_read_rightly(ufunc):
        return None
    if ufunc.signature is not None and ufunc is not np.matmul:
        return None
    found: Loop | None = _runner.loop(ufunc, types)
    return found if found is not None and _agrees(ufunc, types, found) else None


FEW = 8
"""Elements up to which a loop of the extension is faster than NumPy's."""


@functools.cache
def own_loop(ufunc: np.ufunc, types: tuple[int, ...]) -> Loop | None:
    """The same loop of the extension's own, if it has one: for a few numbers, and any strides.

    NumPy's own loops write amiss where results lie apart: ``np.negative(x[::8], out=y[::2])``, by
    NumPy 2.4 on a processor with AVX2.
    """
    own = {getattr(np, name): address for name, address in _runner.OWN.items()}
    if ufunc in own and set(types) == {np.dtype(float).num}:
        found = own[ufunc], 0
        return found if _agrees(ufunc, types, found) else None
    return None


_SAMPLE = [0.5, -1.25, 3.0, -0.0, 0.0, np.inf, -np.inf, np.nan, 1e-3, 40.0, 1.5, -2.5]


def _agrees(ufunc: np.ufunc, types: tuple[int, ...], found: Loop) -> bool:
    """Whether a loop gives what the ufunc gives on one sample, bit by bit."""
    kinds: dict[int, Any] = {np.dtype(c).num: np.dtype(c) for c in TYPES}
    with np.errstate(all="ignore"):
        given = [np.roll(_SAMPLE, 5 * k).astype(kinds[t]) for k, t in enumerate(types)]
        *operands, out = given
        steps: tuple[int, ...] = tuple(x.itemsize for x in given)
        row = Row(found, len(given), (out.size,), steps)
        if ufunc is np.matmul:
            a = np.nan_to_num(operands[0][:6], posinf=2, neginf=3).reshape(2, 3)
            operands, out = [a, a.T], np.empty((2, 2), out.dtype)
            steps = (0, 0, 0, *a.strides, *a.T.strides, *out.strides)
            row = Row(found, 3, (1, 2, 3, 2), steps)
        run_once([row], [*operands, out])
        want = ufunc(*operands)
    return bool(want.dtype == out.dtype and want.tobytes() == out.tobytes())


@functools.cache
def start_of_sum(num: int) -> float | None:
    """From which number NumPy begins a sum of this type; None where it does it in another way."""
    kinds: dict[int, Any] = {np.dtype(c).num: np.dtype(c) for c in "fd"}
    if num not in kinds or loop(np.add, (num, num, num)) is None:
        return None
    # it was 0 before NumPy kept the sign of sums of -0.0 alone
    return float(np.copysign(0.0, np.add.reduce(np.array([-0.0, -0.0], kinds[num]))))


@functools.cache
def most_reduced() -> float:
    """Elements of an array up to which NumPy reduces it as a whole.

    Before NumPy 2.3, sums of more were made in parts, of as many as fit in its buffer.
    """
    size = np.getbufsize()
    x = np.sin(np.arange(3.0 * size))
    total = np.zeros(())
    sums = loop(np.add, (x.dtype.num,) * 3)
    if sums is None:
        return 0
    row = Row(sums, 3, (x.size,), (0, x.itemsize, 0))
    run_once([row], [total, x, total])
    return np.inf if total == x.sum() else size
