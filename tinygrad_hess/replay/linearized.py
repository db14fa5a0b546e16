"""``linearize``: one recording, many products; from the third on they are replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import modes, trees
from ..transforms.gradients import Push
from ..transforms.recording import is_tracked
from .jitted import Jitted
from .repeated import is_replaying

RECORDED = 2
"""So many products are swept over the tape before a plan is worth its making."""


def linearize(
    f: Callable[..., Any], *primals: Any, jit: bool = True
) -> tuple[Any, Callable[..., Any]]:
    """Record ``f`` and return ``(f(*primals), push)``: products with its Jacobian at one point.

    Each ``push(*tangents)`` is a forward sweep over the tape that is already there. With
    ``f = tg.grad(loss)`` it gives Hessian-vector products at one point in many directions.

    Parameters
    ----------
    f : callable
        Any function of pytrees.
    *primals : pytree
        The point. The arrays are copied, so changing them later does not change ``push``.
    jit : bool
        Plan the sweep when it is asked for the third time, and replay it from then on.

    Returns
    -------
    value : pytree
    push : callable
        Takes a tangent for each primal, and gives the tangent of the value.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> gradient, push = tg.linearize(tg.grad(lambda x: (x**3).sum()), np.array([1.0, 2.0]))
    >>> push(np.array([1.0, 0.0])), push(np.array([0.0, 1.0]))
    (array([6., 0.]), array([ 0., 12.]))
    """
    push = Push(f, primals)
    value = push.value
    return value, _Replayed(push) if jit and not push.tape.outside else push


class _Replayed:
    """A push that is swept at first, and then replayed, where its arguments are plain arrays."""

    def __init__(self, push: Push):
        self._push = push
        self._count = 0
        self._sweep = Jitted(push.sweep, pure=True)

    def __call__(self, *tangents: Any) -> Any:
        given = self._push.leaves(tangents)
        plain = not any(is_tracked(t) or not isinstance(t, (np.ndarray, np.generic)) for t in given)
        self._count += 1
        if not plain or self._count <= RECORDED or modes.special[0] or not is_replaying():
            return self._push(*tangents)
        return trees.unflatten(self._push.run.out_spec, self._sweep(given))
