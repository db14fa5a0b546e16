"""Full Jacobians and Hessians: many directions in each sweep over one recorded tape.

What users call is in :mod:`tinygrad_hess.replay.jacobians`, which knows how a sweep is replayed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core import arguments, modes, trees
from ..core.errors import NonDifferentiableError
from ..core.tape import Tape
from ..core.tensor import Tensor
from ..ops.elementwise.complexes import complex_dtype
from ..ops.elementwise.identity import astype
from ..ops.shape.broadcasting import reshape
from ..ops.shape.rearranging import concatenate_along, index, moveaxis
from .batched_sweeps import Sweep, Sweeps
from .gradients import Argnums, _require_function, gradients_on_tape
from .hessian_by_symmetry import hessian_by_symmetry, is_symmetric
from .holomorphic import complexes, require_real_arguments, sweep_for
from .recording import Recording
from .unpacking import unpacked

MEMORY_OF_A_SWEEP = 64 * 2**20
"""Bytes that one batched sweep may take, when the number of directions is chosen automatically."""

CACHED_SWEEP, REPLAYED_SWEEP = 4 * 2**20, 2 * 2**20
"""Bytes that it takes where possible: a sweep in cache was measured up to twice as fast as one of
64 MiB. Replayed, a sweep costs no Python, and smaller ones pay."""

FEW_DIRECTIONS = 16
"""Directions of a sweep in any case, where memory allows."""

MANY_TRACED, MANY_RECORDED = 64, 512
"""Columns from which it pays to look whether most entries are zero: once, or at every call."""


def chunks(count: int, bytes_each: int, chunk_size: int | None) -> Iterator[slice]:
    """Cut ``count`` directions into sweeps of bounded memory."""
    if chunk_size is None:
        best = REPLAYED_SWEEP if modes.is_tracing() else CACHED_SWEEP
        cached = max(best // max(bytes_each, 1), FEW_DIRECTIONS)
        chunk_size = max(1, min(MEMORY_OF_A_SWEEP // max(bytes_each, 1), cached))
    for first in range(0, count, chunk_size):
        yield slice(first, min(first + chunk_size, count))


def _batched_sweeps(
    sweep: Callable[[list[Any]], list[Any]],
    over: Sequence[Any],
    results: Sequence[Any],
    sweeps: Sweeps,
    recorded: bool,
) -> list[Any]:
    """Run ``sweep`` on all unit vectors of ``over``; each result has them as its first axis."""
    count = sum(math.prod(x.shape) for x in over)
    parts: list[list[Any]] = [[] for _ in results]
    for rows, found in sweeps.along(sweep, over, np.arange(count), sweeps.cut(count), recorded):
        for part, c, y in zip(parts, found, results, strict=True):
            part.append(np.zeros((rows.stop - rows.start, *y.shape), y.dtype) if c is None else c)
    return [
        p[0] if len(p) == 1 else concatenate_along(*p, axis=-len(y.shape) - 1)
        if p else np.zeros((0, *y.shape), y.dtype)
        for p, y in zip(parts, results, strict=True)
    ]  # fmt: skip


def _with_shape(x: Any) -> Any:
    if hasattr(x, "shape"):
        return x
    found = arguments.array("jacobian or hessian", "the output of f", x)
    return found if found.dtype.kind == "c" else found.astype(float)


def _split_axis(stacked: Any, over: Sequence[Any], tail: tuple[int, ...], last: bool) -> list[Any]:
    """Split the axis of unit vectors into the shapes of their leaves; put it last."""
    out, at = [], 0
    for x in over:
        size = math.prod(x.shape)
        block = index(stacked, slice(at, at + size))
        block = reshape(block, shape=(*x.shape, *tail))
        if last:
            block = moveaxis(block, tuple(range(len(x.shape))), tuple(range(-len(x.shape), 0)))
        out.append(block)
        at += size
    return out


def _nested(blocks: list[list[Any]], run: Recording, out_spec: Any, single: bool) -> Any:
    """blocks[output][input] as a tree of outputs, each a tree of arguments."""
    return trees.unflatten(out_spec, [run.split(row, single) for row in blocks])


def jacobian_of(
    f: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    mode: str,
    chunk_size: int | None,
    sparse: Any,
    holomorphic: bool,
    replayed: Callable[[Sweep], Sweep],
) -> Callable[..., Any]:
    """As :func:`tinygrad_hess.jacobian`; ``replayed`` is for sweeps that are done many times."""
    arguments.choice("jacobian", "mode", mode, ("auto", "forward", "reverse"))
    nums, single = _checked("jacobian", f, argnums, chunk_size)
    sweeps_over = _sweeps(chunk_size, replayed)
    planner = _planner(sparse, "jacobian")

    @functools.wraps(f)
    def jacobian_f(*args: Any, **kwargs: Any) -> Any:
        run = Recording(f, args, kwargs, nums, "jacobian", has_aux)
        tape = run.tape()
        chosen = sweep_for(run.starts, run.outputs, mode, holomorphic, "jacobian")
        if planner is None:
            by_rows = any(getattr(node.prim, "reverse_only", False) for node in tape.nodes)
            forward = chosen == "forward" or (chosen == "auto" and _is_tall(run) and not by_rows)
            dense = chosen != "auto" or holomorphic or by_rows
            sweeps = sweeps_over(tape)
            few = None if dense else _compressed(run, tape, run.outputs, False, sweeps)
            blocks = few or (_forward if forward else _reverse)(run, tape, run.outputs, sweeps)
            blocks = _results(blocks, run, run.is_tracked(tape))
        else:
            if complexes([*run.starts, *run.outputs]):
                raise NonDifferentiableError(
                    "jacobian: sparse is for real arguments and outputs, not for complex ones"
                )
            outputs = [_with_shape(y) for y in run.outputs]
            blocks = planner.jacobian(run, tape, outputs, mode, sweeps_over(tape))
        out = _nested(blocks, run, run.out_spec, single)
        return (out, run.auxiliary()) if has_aux else out

    return jacobian_f


def _checked(
    who: str, f: Any, argnums: Argnums, chunk_size: int | None
) -> tuple[tuple[int, ...], bool]:
    """Which arguments to differentiate, and whether that is one and no sequence."""
    _require_function(f, who)
    if chunk_size is not None:
        arguments.integer(who, "chunk_size", chunk_size, least=1)
    return arguments.argument_numbers(who, argnums)


def _is_tall(run: Recording) -> bool:
    n, m = (sum(math.prod(_with_shape(x).shape) for x in xs) for xs in (run.starts, run.outputs))
    return n <= m


def _planner(sparse: Any, who: str) -> Any:
    if sparse is False:
        return None
    from .sparse.plan import Planner

    return Planner(sparse, who)


def _sweeps(chunk_size: int | None, replayed: Callable[[Sweep], Sweep]) -> Callable[[Tape], Sweeps]:
    """How to sweep along many directions, over a tape."""
    return lambda tape: Sweeps(lambda count: chunks(count, tape.nbytes, chunk_size), replayed)


def _forward(run: Recording, tape: Tape, outputs: Any, sweeps: Sweeps) -> list[list[Any]]:
    recorded, shaped = run.is_tracked(tape), [_with_shape(y) for y in outputs]
    with modes.recording():
        stacked = _batched_sweeps(
            lambda seeds: run.push(tape, outputs, seeds, recorded),
            run.starts,
            shaped,
            sweeps,
            recorded,
        )
        return [
            _split_axis(c, run.starts, y.shape, last=True)
            for c, y in zip(stacked, shaped, strict=True)
        ]


def _reverse(run: Recording, tape: Tape, outputs: Any, sweeps: Sweeps) -> list[list[Any]]:
    recorded, shaped = run.is_tracked(tape), [_with_shape(y) for y in outputs]
    with modes.recording():
        if len(shaped) == 1 and shaped[0].shape == ():
            one = [shaped[0].dtype.type(1)]
            found = run.pull(tape, one if isinstance(outputs[0], Tensor) else [None], recorded)
            blocks = [list(found)]
        else:
            stacked = _batched_sweeps(
                lambda seeds: run.pull(tape, seeds, recorded),
                shaped,
                run.starts,
                sweeps,
                recorded,
            )
            columns = [
                _split_axis(c, shaped, x.shape, last=False)
                for c, x in zip(stacked, run.starts, strict=True)
            ]
            blocks = [list(row) for row in zip(*columns, strict=True)]
    return blocks


def _compressed(
    run: Recording, tape: Tape, outputs: Any, symmetric: bool, sweeps: Sweeps
) -> list[list[Any]] | None:
    """From few sweeps, if most entries are zero at every point; else None."""
    columns = sum(math.prod(x.shape) for x in run.starts)
    if columns < (MANY_TRACED if modes.is_tracing() else MANY_RECORDED):
        return None
    from .sparse.dense import compressed

    shaped = [_with_shape(y) for y in outputs]
    with modes.recording():
        return compressed(run, tape, shaped, symmetric, sweeps)


def _results(blocks: list[list[Any]], run: Recording, recorded: bool) -> list[list[Any]]:
    """Blocks as the caller gets them, in the dtype of the argument they are derivatives in."""
    return [
        [
            run.result(b if b is None else astype(b, _dtype_of(b, x)), x, recorded)
            for b, x in zip(row, run.starts, strict=True)
        ]
        for row in blocks
    ]


def _dtype_of(block: Any, x: Tensor) -> Any:
    """The dtype of the argument, complex where the block is."""
    return complex_dtype(x.dtype) if block.dtype.kind == "c" else x.dtype


def hessian_of(
    f: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    chunk_size: int | None,
    sparse: Any,
    holomorphic: bool,
    replayed: Callable[[Sweep], Sweep],
) -> Callable[..., Any]:
    """As :func:`tinygrad_hess.hessian`; ``replayed`` is for sweeps that are done many times."""
    nums, single = _checked("hessian", f, argnums, chunk_size)
    sweeps_over = _sweeps(chunk_size, replayed)
    planner = _planner(sparse, "hessian")

    @functools.wraps(f)
    def hessian_f(*args: Any, **kwargs: Any) -> Any:
        run = Recording(f, args, kwargs, nums, "hessian", has_aux)
        if not holomorphic or planner is not None:
            require_real_arguments(run.starts, "hessian")
        if planner is not None:
            blocks = planner.hessian(run, sweeps_over)
            out = run.split([run.split(row, single) for row in blocks], single)
        elif not run.starts:  # all arrays are frozen
            out = run.split([], single)
        elif len(run.outputs) == 1 and _with_shape(run.outputs[0]).shape == ():
            tape = run.tape()
            slices = unpacked(run, tape)
            blocks, tracked = _scalar_hessian(
                slices.run if slices else run, is_symmetric(tape), holomorphic, sweeps_over
            )
            if slices:
                with modes.recording():
                    blocks = slices.joined(blocks)
            blocks = _results(blocks, run, tracked)
            out = run.split([run.split(row, single) for row in blocks], single)
        else:
            last = (chunk_size, False, holomorphic, replayed)
            inner = jacobian_of(_without_aux(f) if has_aux else f, argnums, False, "reverse", *last)
            out = jacobian_of(inner, argnums, False, "forward", *last)(*args, **kwargs)
        return (out, run.auxiliary()) if has_aux else out

    return hessian_f


def _scalar_hessian(
    run: Recording, symmetric: bool, holomorphic: bool, sweeps_over: Callable[[Tape], Sweeps]
) -> tuple[list[list[Any]], bool]:
    """``blocks[a][b]`` in all pairs of starts, and whether they can be differentiated again."""
    gradients, tape = gradients_on_tape(run, holomorphic)
    sweeps, tracked = sweeps_over(tape), run.is_tracked(tape)
    few = None if holomorphic else _compressed(run, tape, gradients, symmetric, sweeps)
    if few is not None:
        return few, tracked
    dense = hessian_by_symmetry if symmetric else _forward
    return dense(run, tape, gradients, sweeps), tracked


def _without_aux(f: Any) -> Any:
    return lambda *args, **kwargs: f(*args, **kwargs)[0]
