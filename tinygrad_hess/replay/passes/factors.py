"""Linear systems with one matrix: it is factorised once."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

import numpy as np

from ...ops.linalg.solving import solve_columns
from ...ops.shape.permutation import permute
from ..program import Instruction, Program

_SOLVE, _PERMUTE = solve_columns.primitive, permute.primitive


def share_factors(program: Program) -> Program:
    """Solve several systems with a matrix, or with its transpose, by its factors P L U.

    A call of ``solve`` makes them anew, which is most of its work; the derivatives of one have the
    same matrix.
    """
    made = {i.out: i for i in program.instructions}
    known = program.shapes()
    systems: dict[int, list[Instruction]] = {}  # by matrix
    for i in program.instructions:
        if _is_plain_system(i, known):
            systems.setdefault(_untransposed(i.args[0], made)[0], []).append(i)
    shared = {i.out for several in systems.values() if len(several) > 1 for i in several}
    slot = program.fresh_slots().__next__
    factors: dict[int, int] = {}
    kept = []
    for i in program.instructions:
        if i.out in shared:
            matrix, turned = _untransposed(i.args[0], made)
            if matrix not in factors:
                factors[matrix] = slot()
                kept.append(_factorisation(matrix, factors[matrix], i.shape[0]))
            i = _solution(i, factors[matrix], turned)
        kept.append(i)
    return replace(program, instructions=tuple(kept))


def _is_plain_system(i: Instruction, known: dict[int, Any]) -> bool:
    """Whether it is one matrix with numbers that LAPACK knows, the same on both sides."""
    if i.prim is not _SOLVE or i.dtype.char not in "fdFD" or not math.prod(i.shape):
        return False
    kinds = [known.get(a) for a in i.args]
    return all(x is not None and len(x[0]) == 2 and x[1] == i.dtype for x in kinds)


def _untransposed(slot: int, made: dict[int, Instruction]) -> tuple[int, bool]:
    """The matrix that this is the transpose of, or itself; and whether it is."""
    i = made.get(slot)
    if i is None or i.prim is not _PERMUTE or i.params["axes"] != (-1, -2):
        return slot, False
    source, turned = _untransposed(i.args[0], made)
    return source, not turned


def _factorisation(matrix: int, out: int, n: int) -> Instruction:
    work = 2 * n * n * n // 3
    return Instruction(None, _factorised, (matrix,), out, (), None, flops=work, name="factorise")


def _solution(i: Instruction, factors: int, turned: bool) -> Instruction:
    fn = functools.partial(_solved, turned=turned)
    args, work = (factors, i.args[1]), 2 * i.shape[0] * math.prod(i.shape)
    return Instruction(
        None, fn, args, i.out, i.shape, i.dtype, flops=work, name="solve", fresh=True
    )


# ---- in LAPACK ----------------------------------------------------------------------------------


@functools.cache
def _lapack(char: str) -> Any:
    from scipy.linalg import get_lapack_funcs  # imported where it is needed: it is slow to load

    return get_lapack_funcs(("getrf", "getrs"), dtype=np.dtype(char))


def _factorised(a: Any) -> Any:
    getrf, _ = _lapack(a.dtype.char)
    packed, pivots, info = getrf(a)
    if info > 0:
        raise np.linalg.LinAlgError("Singular matrix")  # as NumPy says it
    return packed, pivots


def _solved(factors: Any, b: Any, *, turned: bool) -> Any:
    _, getrs = _lapack(b.dtype.char)
    x, _ = getrs(*factors, b, trans=int(turned))
    return x
