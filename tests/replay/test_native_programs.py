"""Programs as users write them, with runs and without: the same bits, and memory of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optree
import pytest
from numpy_programs import Program, drawn
from replayed import LAYOUTS, one_nan

import tinygrad_hess as tg
from tinygrad_hess.replay.native import why_python

pytestmark = pytest.mark.skipif(why_python() is not None, reason=str(why_python()))

HOSTILE = np.array([
    np.nan, -np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -1e-310, 0.0, -0.0, 1.0, -1.0, 1e-160,
    1e160, 709.8, -745.2, 0.5,
])  # fmt: skip


def _hostile(x: Any, seed: int) -> Any:
    """The same with a third of its numbers such of which something may be lost."""
    if x.dtype.kind not in "fc":
        return x
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        values = rng.choice(HOSTILE, x.shape)
        return np.where(rng.random(x.shape) < 0.3, values, x).astype(x.dtype)


def _windows(x: Any) -> Any:
    """Elements that share memory with each other."""
    base = np.resize(x, sum(x.shape) + 1)
    strides = (x.itemsize,) * x.ndim
    return np.lib.stride_tricks.as_strided(base, x.shape, strides) if x.size else x


def _misaligned(x: Any) -> Any:
    raw = np.zeros(x.nbytes + 1, np.uint8)
    y = np.ndarray(x.shape, x.dtype, raw, 1 if x.size else 0)
    y[...] = x
    return y


def _repeated(x: Any) -> Any:
    return np.broadcast_to(x[:1].copy(), x.shape) if x.size and x.ndim else x


def _rows(x: Any) -> Any:
    return np.repeat(x, 2, axis=0)[::2] if x.ndim else x


WAYS_TO_LIE: list[Callable[[Any], Any]] = [*LAYOUTS, _windows, _misaligned, _repeated, _rows]


def _calls(program: Program, seed: int) -> Iterator[list[Any]]:
    """Arguments of calls that follow each other."""
    first = program.point(0)
    yield first
    yield [_hostile(x, seed) for x in program.point(1)]
    rng = np.random.default_rng(seed)
    lies = rng.integers(len(WAYS_TO_LIE), size=3)
    yield [WAYS_TO_LIE[k](x) for k, x in zip(lies, program.point(2), strict=True)]
    yield _overlapping(program.point(3))
    for x in first:
        x[...] = _hostile(x, seed)
    yield first  # changed in place
    yield program.point(1)


def _overlapping(arrays: list[Any]) -> list[Any]:
    """Those of one type as parts of one memory."""
    memory = {
        x.dtype: np.resize(x, 3 * LONGEST) if x.size else np.ones(3 * LONGEST, x.dtype)
        for x in arrays
    }
    return [memory[x.dtype][3 * k : 3 * k + x.size].reshape(x.shape) for k, x in enumerate(arrays)]


LONGEST = 1000


def _bits(results: list[Any]) -> list[Any]:
    """All of them: types, shapes, and each bit in the order of indices."""
    return [(type(x), x.dtype, x.shape, one_nan(x).tobytes()) for x in results]


def _outcome(f: Any, args: list[Any]) -> tuple[list[Any], str]:
    """The results, or what a call says that fails."""
    try:
        with np.errstate(all="ignore"):
            return optree.tree_leaves(f(*args)), ""
    except (TypeError, ValueError, IndexError, np.linalg.LinAlgError) as error:
        return [], str(error)


def _check(seed: int) -> None:
    program = drawn(seed)
    f = program.function()
    with_runs, without = tg.jit(f), tg.jit(f, native=False)
    kept: list[tuple[list[Any], list[Any]]] = []
    for args in _calls(program, seed):
        before = [x.tobytes() for x in args]
        got, error = _outcome(with_runs, args)
        want, expected = _outcome(without, args)
        assert error == expected, (seed, program)
        assert _bits(got) == _bits(want), (seed, program)
        assert [x.tobytes() for x in args] == before, (seed, program)
        arrays = [x for x in got if isinstance(x, np.ndarray)]
        others = [*args, *(x for results, _ in kept for x in results if isinstance(x, np.ndarray))]
        for x in arrays:
            assert x.flags.writeable, (seed, program)
            assert not any(np.may_share_memory(x, y) for y in others), (seed, program)
        kept.append((got, _bits(got)))
    for results, bits in kept:
        assert _bits(results) == bits, (seed, program)


@pytest.mark.parametrize("ten", range(5))
def test_programs(ten: int) -> None:
    for seed in range(10 * ten, 10 * ten + 10):
        _check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(20))
def test_many_programs(hundred: int) -> None:
    for seed in range(100 * hundred, 100 * hundred + 100):
        _check(seed)
