"""Dense matrices most of whose entries are zero at every point: made from few sweeps, as sparse
ones are.

Finding the pattern out costs as much as some hundred sweeps. So a sketch of it comes first, which
costs as much as a few, and the dense way is taken where that is not nearly empty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.tape import Tape
from ...core.tensor import Batched
from ...ops.indexing.index import put_unique
from ...ops.indexing.keys import ARRAY
from ...ops.shape.broadcasting import reshape
from ...ops.shape.rearranging import index
from ..batched_sweeps import Sweeps
from ..recording import Recording
from .pattern import dependences, fill
from .plan import blocks_of, plan_hessian, plan_jacobian

FULL = 0.25
"""A pattern that is fuller is not worth colouring."""

FEW = 4
"""How many times fewer sweeps than columns there must be."""

MOST_AXES = 8
"""Of a block that is filled in its own shape: as many as an index may have arrays."""


def compressed(
    run: Recording,
    tape: Tape,
    outputs: Sequence[Any],
    symmetric: bool,
    sweeps: Sweeps,
) -> list[list[Any]] | None:
    """``blocks[output][input]`` of a Jacobian by few forward sweeps; None if that does not pay.

    Parameters
    ----------
    run : Recording
        What the tape starts at.
    tape : Tape
        From its starts to ``outputs``.
    outputs : tensors or arrays
    symmetric : bool
        Whether the matrix is known to be: entries may then be read off their mirror images.
    sweeps : Sweeps
        How to sweep along many directions.
    """
    starts = run.starts
    if any(type(x) is Batched for x in (*starts, *outputs)) or fill(tape, starts, outputs) > FULL:
        return None
    pattern = dependences(tape, starts, outputs)
    plan = plan_hessian(pattern) if symmetric else plan_jacobian(pattern, "forward")
    if plan.count * FEW > pattern.shape[1]:
        return None
    recorded = run.is_tracked(tape)
    push = lambda seeds: run.push(tape, outputs, seeds, recorded)
    entries = plan.entries(push, starts, outputs, sweeps, recorded)
    return [
        [
            _block(index(entries, part.chosen), part.pattern, (*y.shape, *x.shape))
            for part, x in zip(parts, starts, strict=True)
        ]
        for parts, y in zip(blocks_of(plan.pattern, outputs, starts), outputs, strict=True)
    ]


def _block(entries: Any, pattern: Any, shape: tuple[int, ...]) -> Any:
    """Entries of a pattern, written into zeros of the shape of an output and an input."""
    if not shape:
        return reshape(entries, shape=()) if pattern.nnz else np.zeros((), entries.dtype)
    rows, columns = pattern.tocoo().coords
    flat = rows.astype(int) * pattern.shape[1] + columns
    if len(shape) > MOST_AXES:
        flat_block = put_unique(entries, flat, pattern=(ARRAY,), shape=(math.prod(shape),))
        return reshape(flat_block, shape=shape)
    positions = np.unravel_index(flat, shape)
    return put_unique(entries, *positions, pattern=(ARRAY,) * len(shape), shape=shape)
