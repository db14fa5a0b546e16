"""``linearize``: one recording, many products; from the third on they are replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import modes, trees
from ..core.boundary import named
from ..transforms.gradients import Push
from ..transforms.recording import distinct
from .fallback import Replayed

RECORDED = 2
"""So many products are swept over the tape before a plan is worth its making."""


@named
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
    return value, _replayed(push) if jit and not push.tape.outside else push


def _replayed(push: Push) -> Callable[..., Any]:
    """The same push, whose sweep is replayed where the tangents are plain arrays."""
    run = push.run
    sweep = Replayed(push.sweep, after=RECORDED, sweep=True)

    def replayed(*tangents: Any) -> Any:
        given = push.leaves(tangents)
        if modes.special[0] or not all([isinstance(t, (np.ndarray, np.generic)) for t in given]):
            return push(*tangents)
        results = [run.result(t, y, False) for t, y in zip(sweep(given), run.outputs, strict=True)]
        return trees.unflatten(run.out_spec, distinct(results, given))

    return replayed
