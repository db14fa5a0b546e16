"""What of a tape decides its pattern: operations, shapes, and how they are connected.

structure : tape -> key

Values decide it only where an operand carries no derivative, such as an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.hashing import hashable
from ...core.primitive import Primitive
from ...core.tape import Tape
from ...core.tensor import Batched, Tensor
from .pattern import has_vjp

MOST = 2**20
"""Bytes of an operand without a derivative up to which its values are part of a key."""


def structure(tape: Tape, starts: Sequence[Tensor], outputs: Sequence[Any]) -> Any:
    """A key, so that tapes of equal keys have equal patterns; None where there is none.

    Parameters
    ----------
    tape, starts, outputs
        As of :func:`~.pattern.dependences`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.transforms.recording import Recording
    >>> def key(f, x):
    ...     run = Recording(f, (x,))
    ...     return structure(run.tape(), run.starts, run.outputs)
    >>> square, cube = lambda x: x[1:] * x[:-1], lambda x: x[1:] * x[1:]
    >>> key(square, np.ones(3)) == key(square, np.zeros(3)), key(square, np.ones(3)) == key(
    ...     cube, np.ones(3)
    ... )
    (True, False)
    """
    number = {x.time: i for i, x in enumerate(starts)}
    key: list[Any] = [x.shape for x in starts]
    for node in tape.nodes:
        prim = node.prim
        if not any(p is not None and p.time in number for p in node.parents):
            continue  # a constant
        if not isinstance(prim, Primitive) or type(node) is Batched:
            return None
        operands = [
            _operand(prim, i, x, p, number)
            for i, (x, p) in enumerate(zip(node.args, node.parents, strict=True))
        ]
        if None in operands:
            return None
        number[node.time] = len(number)
        key.append((prim, hashable(node.params or {}), tuple(operands), node.shape))
    key.append(tuple(number.get(y.time) if isinstance(y, Tensor) else y.shape for y in outputs))
    found = tuple(key)
    try:
        hash(found)
    except TypeError:  # a parameter that cannot be hashed
        return None
    return found


def _operand(prim: Primitive, i: int, x: Any, parent: Tensor | None, number: dict[int, int]) -> Any:
    """Where an operand stands on the tape, or what is to be known of a constant; None: too much."""
    carries = has_vjp(prim, i)
    if carries and parent is not None and parent.time in number:
        return number[parent.time]
    if type(x) is Batched:
        return None
    value = np.asarray(x.value if isinstance(x, Tensor) else x)
    if carries:
        return value.shape, value.dtype.kind
    if value.dtype.hasobject or value.nbytes > MOST:
        return None
    return value.shape, value.dtype.str, value.tobytes()
