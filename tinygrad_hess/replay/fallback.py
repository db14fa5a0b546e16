"""Replay where it is possible: what cannot be replayed is called as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import modes
from ..core.errors import NonDifferentiableError, TracingError
from .jitted import Jitted

_enabled = modes.stack("replay sweeps")


def no_replay() -> modes.Block:
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
    return modes.Block(_enabled, False, flagged=False)


def is_replaying() -> bool:
    """Whether sweeps may be planned."""
    return not _enabled.get() or modes.value(_enabled, True)


class Replayed:
    """A function that is replayed as long as it can be, and called as it is where it cannot.

    A caller of a user's function does not know whether that looks at values, and need not ask: it
    gets the same results either way. The first error decides for good, so that no time is lost on
    further attempts.

    Parameters
    ----------
    f : callable
        As for :func:`jit`.
    after : int
        Calls before a plan is worth its making; until then ``f`` is called as it is.
    sweep : bool
        Whether it is a sweep over one tape, ``f(leaves, *numbers)``, a leaf being an array or None.
        Then it is known to be a function of its arguments alone, and is recorded once, not twice to
        compare; :func:`no_replay` holds for it; and each kind of arguments falls back by itself.
        What the tape holds are constants of the plan, and what depends on them alone is computed
        once.
    errors : exceptions
        Those which say that it cannot be replayed. ``f`` is then called again, and raises what is
        its own.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.replay.fallback import Replayed
    >>> def size(x):
    ...     return x.sum() if x[0] > 0 else -x.sum()  # looks at a value
    >>> Replayed(size)(np.array([-1.0, -2.0]))
    np.float64(3.0)
    """

    def __init__(
        self,
        f: Callable[..., Any],
        *,
        after: int = 0,
        sweep: bool = False,
        errors: tuple[type[Exception], ...] = (TracingError, NonDifferentiableError),
    ):
        self._f, self._after, self._sweep, self._errors = f, after, sweep, errors
        self._calls = 0
        self._ways: dict[Any, Callable[..., Any]] = {}  # of each kind: its plan, or f

    def __call__(self, *args: Any) -> Any:
        if self._calls < self._after:
            self._calls += 1
            return self._f(*args)
        if self._sweep and not is_replaying():
            return self._f(*args)
        kind = _kind(*args) if self._sweep else None
        way = self._ways.get(kind)
        if way is None:  # the plan holds f, not self: a cycle would keep its buffers in memory
            way = self._ways[kind] = Jitted(self._f, pure=self._sweep)
        try:
            return way(*args)
        except self._errors:
            if way is self._f:
                raise
            self._ways[kind] = self._f
        return self._f(*args)


def _kind(leaves: list[Any], *numbers: int | None) -> Any:
    """Which leaves are zero, and the numbers: all that a sweep may branch on."""
    return (*numbers, *[x is None for x in leaves])
