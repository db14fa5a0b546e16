"""Dense Hessians by symmetry: of two mirrored blocks, the cheaper one is computed.

Parameters are taken in the order in which the function first uses them. A direction in one of them
changes nothing that was computed before its use; and gradients in parameters that are used later
are known to the reverse sweep before it gets there. So for directions in a parameter, the sweep
runs only between its use and its gradient, and what is missing is in the mirrored block.
"""

from __future__ import annotations

import bisect
import collections
import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.composite import Composite
from ..core.tape import Tape
from ..core.tensor import Tensor
from ..ops.shape.broadcasting import reshape
from ..ops.shape.rearranging import concatenate_along, index, moveaxis
from .batched_sweeps import Sweeps
from .recording import Recording


def is_symmetric(tape: Tape) -> bool:
    """Whether the Hessian of the function on this tape must be symmetric.

    A custom derivative rule, as of a straight-through estimator, need not be that of any
    function; the Jacobian of such a gradient may have any form.
    """
    return all(not isinstance(n.prim, Composite) for n in tape.nodes if n.parents)


def by_first_use(tape: Tape, starts: Sequence[Tensor]) -> list[int]:
    """Positions of the starts, those used first coming first; unused ones last."""
    used: dict[int, int] = {}
    for node in tape.nodes:
        for parent in node.parents:
            if parent is not None:
                used.setdefault(parent.time, node.time)
    return sorted(range(len(starts)), key=lambda i: used.get(starts[i].time, math.inf))


def hessian_by_symmetry(
    run: Recording, tape: Tape, gradients: Sequence[Any], sweeps: Sweeps
) -> list[list[Any]]:
    """``blocks[a][b]`` of the Hessian of a scalar, of shape ``shape(a) + shape(b)``.

    Parameters
    ----------
    run : Recording
        Of the function, which has no custom rules (:func:`is_symmetric`).
    tape : Tape
        From its starts to its gradients.
    gradients : tensors or arrays
        One for each start, recorded.
    sweeps : Sweeps
        How to sweep along many directions.
    """
    recorded = run.is_tracked(tape)
    order = by_first_use(tape, run.starts)
    leaves = [run.starts[i] for i in order]
    edges = list(itertools.accumulate((math.prod(x.shape) for x in leaves), initial=0))
    spans = sorted(zip(order, itertools.pairwise(edges), strict=True))
    numbers = np.concatenate([np.arange(*span) for _, span in spans])
    pieces: dict[tuple[int, int], list[Any]] = collections.defaultdict(list)
    for first, cuts in itertools.groupby(
        sweeps.cut(edges[-1]), lambda rows: bisect.bisect_right(edges, rows.start) - 1
    ):
        wanted = [gradients[i] for i in order[first:]]
        needed = Tape([g for g in wanted if isinstance(g, Tensor)], run.starts)
        push = functools.partial(run.push, needed, wanted, recorded=recorded)
        for rows, found in sweeps.along(push, run.starts, numbers, cuts, recorded):
            for b, tangents in enumerate(found, first):
                for a in range(first, b + 1):
                    chosen = slice(max(edges[a], rows.start), min(edges[a + 1], rows.stop))
                    if chosen.start < chosen.stop:
                        pieces[a, b].append(_directions_of_sweep(tangents, chosen, rows, leaves[b]))
    blocks: list[list[Any]] = [[None] * len(order) for _ in order]
    for a, i in enumerate(order):
        for b, j in enumerate(order[a:], a):
            blocks[i][j] = _block_of(pieces[a, b], leaves[a], leaves[b])
            if i != j:
                n, m = len(leaves[a].shape), len(leaves[b].shape)
                blocks[j][i] = moveaxis(blocks[i][j], range(n), range(m, m + n))
    return blocks


def _directions_of_sweep(tangents: Any, chosen: slice, rows: slice, like: Any) -> Any:
    """The directions ``chosen`` of a sweep over ``rows``."""
    if tangents is None:
        return np.broadcast_to(np.zeros((), like.dtype), (chosen.stop - chosen.start, *like.shape))
    if chosen == rows:
        return tangents
    return index(tangents, slice(chosen.start - rows.start, chosen.stop - rows.start))


def _block_of(pieces: list[Any], a: Tensor, b: Tensor) -> Any:
    if not pieces:
        return np.zeros((*a.shape, *b.shape), b.dtype)  # one of the two is empty
    stacked = pieces[0] if len(pieces) == 1 else concatenate_along(*pieces, axis=-len(b.shape) - 1)
    return reshape(stacked, shape=(*a.shape, *b.shape))
