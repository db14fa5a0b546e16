"""Functions that a solver calls again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...replay import jit

PATIENCE = 24
"""Calls after which planning a replay, which costs about as many, begins to pay."""


class Often:
    """A function of arrays that is recorded and replayed once it has been called often enough.

    One that cannot be replayed, because it looks at values, is called as it is.
    """

    def __init__(self, f: Callable[..., Any]):
        self._f = f
        self._calls = 0
        self._replayed: Any = jit(f)

    def __call__(self, *args: Any) -> Any:
        if self._calls < PATIENCE:
            self._calls += 1
        elif self._replayed is not None:
            try:
                return self._replayed(*args)
            except Exception:  # whatever is wrong with the function itself is raised again below
                self._replayed = None
        return self._f(*args)
