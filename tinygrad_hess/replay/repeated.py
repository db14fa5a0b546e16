"""Sweeps over one tape, done many times: planned once and replayed."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..transforms.batched_sweeps import REPLAYED, Leaves, Sweep
from .attempted import Attempted

_enabled = ContextVar("replay sweeps", default=True)


@contextmanager
def no_replay() -> Any:
    """Sweep over the tape each time inside the block: nothing is planned, but by :func:`jit`.

    Products with curvature operators, Jacobians and Hessians of many directions, and
    ``linearize`` replay their sweeps by themselves. Recorded sweeps give the same to the last few
    digits. For a handful of them it is faster: a plan costs some milliseconds and about the memory
    of the tape.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> op = tg.curvature.HessianOperator(lambda x: (x**3).sum(), np.array([1.0, 2.0]))
    >>> with tg.no_replay():
    ...     op @ np.array([1.0, 1.0])
    array([ 6., 12.])
    """
    token = _enabled.set(False)
    try:
        yield
    finally:
        _enabled.reset(token)


def is_replaying() -> bool:
    """Whether sweeps may be planned."""
    return _enabled.get()


class Replayed:
    """A sweep of leaves to leaves, planned when it is first done, and replayed.

    What the tape holds are constants of the plan, and all that depends on them alone is computed
    once. Every product of a kind runs the same way, so it is the same to the last bit.
    """

    def __init__(self, sweep: Sweep):
        self._sweep = sweep
        self._plans: dict[Any, Attempted] = {}

    def __call__(self, given: Leaves, columns: int | None) -> Leaves:
        if not is_replaying():
            return self._sweep(given, columns)
        kind = (columns, tuple(x is None for x in given))
        if kind not in self._plans:
            sweep = self._sweep  # not self: a cycle would keep the buffers until a collection
            self._plans[kind] = Attempted(lambda leaves: sweep(leaves, columns), pure=True)
        return self._plans[kind](given)


REPLAYED[:] = [Replayed]
