"""Replay for functions that may not allow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import NonDifferentiableError, TracingError
from .jitted import Jitted


class Attempted:
    """A function that is replayed as long as it can be, and recorded each time where it cannot.

    Parameters
    ----------
    f : callable
        As for :func:`jit`.
    pure : bool
        Whether it is known to be a function of its arguments alone, and need not be recorded
        twice to see that.
    """

    def __init__(self, f: Callable[..., Any], pure: bool = False):
        self._recorded = f
        self._call: Callable[..., Any] = Jitted(f, pure=pure)

    def __call__(self, *args: Any) -> Any:
        try:
            return self._call(*args)
        except (TracingError, NonDifferentiableError):
            if self._call is self._recorded:
                raise
            self._call = self._recorded
            return self._call(*args)
