"""Dense matrices most of whose entries are zero at every point: made from few sweeps, as sparse
ones are.

Finding the pattern out costs as much as some hundred sweeps. So a sketch of it comes first, which
costs as much as a few, and the dense way is taken where that is not nearly empty.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...core.tape import Tape
from ...core.tensor import Batched
from ...ops.indexing.scatter import set_at
from ...ops.shape.broadcasting import reshape
from ...ops.shape.rearranging import concatenate_along, index
from ..batched_sweeps import Sweeps
from ..recording import Recording
from .pattern import dependences, fill
from .plan import plan_hessian, plan_jacobian

FULL = 0.25
"""A pattern that is fuller is not worth colouring."""

FEW = 4
"""How many times fewer sweeps than columns there must be."""


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
    products = [np.zeros((0, pattern.shape[0]))]
    push = lambda seeds: run.push(tape, outputs, seeds, recorded)
    cuts = sweeps.cut(plan.count)
    for colors, found in sweeps.along(push, starts, plan.colors, cuts, recorded):
        count = colors.stop - colors.start
        rows = [_as_rows(t, y, count) for t, y in zip(found, outputs, strict=True)]
        products.append(concatenate_along(*rows, axis=-1))
    entries = index(concatenate_along(*products, axis=-2), (plan.product, plan.index))
    zeros = np.zeros(pattern.shape, np.result_type(*[x.dtype for x in (*starts, *outputs)]))
    matrix = set_at(zeros, plan.pattern.nonzero(), entries)
    return [
        [reshape(index(matrix, (i, j)), shape=(*y.shape, *x.shape)) for x, j in _slices(starts)]
        for y, i in _slices(outputs)
    ]


def _as_rows(tangents: Any, like: Any, count: int) -> Any:
    """One product a row."""
    shape = (count, math.prod(like.shape))
    return np.zeros(shape, like.dtype) if tangents is None else reshape(tangents, shape=shape)


def _slices(arrays: Sequence[Any]) -> Iterator[tuple[Any, slice]]:
    """Each array, and the slice of its elements among those of all."""
    at = 0
    for x in arrays:
        size = math.prod(x.shape)
        yield x, slice(at, at + size)
        at += size
