"""Which sweep recorded a node: forward, reverse or tangent.

A recorded sweep starts by putting seeds on the tape, and their note says when it ended. Every
node recorded in between belongs to it; where such intervals nest, to the innermost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..core.tensor import Tensor
from ..ops.elementwise.identity import seed


class Sweep(NamedTuple):
    """One pass over the tape: its kind, and its number among those of the same kind."""

    kind: str
    number: int


FORWARD = Sweep("forward", 1)


def sweeps(nodes: Sequence[Tensor]) -> list[Sweep]:
    """The sweep of each node; ``nodes`` are in the order of their recording.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess.core.tape import Tape
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> [s.kind for s in sweeps(Tape([tg.grad(lambda x: x * x)(x)]).nodes)]
    ['forward', 'forward', 'reverse', 'reverse', 'reverse', 'reverse']
    """
    first: dict[int, int] = {}  # by note, which all seeds of one sweep share
    for node in nodes:
        if is_seed(node):
            first.setdefault(id(node.params), node.time)
    counts: dict[str, int] = {}
    open_: list[tuple[float, Sweep]] = []
    out = []
    for node in nodes:
        while open_ and node.time > open_[-1][0]:
            open_.pop()
        if is_seed(node) and first[id(node.params)] == node.time:
            note: Any = node.params
            counts[note["sweep"]] = number = counts.get(note["sweep"], 0) + 1
            # a sweep still under way has noted no end
            open_.append((note["until"] or math.inf, Sweep(note["sweep"], number)))
        out.append(open_[-1][1] if open_ else FORWARD)
    return out


def is_seed(node: Tensor) -> bool:
    """Whether the node is the cotangent or tangent that starts a recorded sweep."""
    return node.prim is seed.primitive and "sweep" in (node.params or ())
