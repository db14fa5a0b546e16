"""When a running computation saves its state: every few seconds, for a small share of its time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

SECONDS = 5.0
"""Between two states that are saved, at least."""

SHARE = 0.05
"""Of the time, spent on saving, at most."""


class Pace:
    """Tells when it is time to save, and how long saving takes.

    Examples
    --------
    >>> pace = Pace()
    >>> with pace.saving():
    ...     pass
    >>> pace.due()
    False
    """

    def __init__(self) -> None:
        self._saved, self._cost = time.perf_counter(), 0.0

    def due(self) -> bool:
        """Whether it is time."""
        return time.perf_counter() - self._saved >= max(SECONDS, self._cost / SHARE)

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """What is timed."""
        begin = time.perf_counter()
        yield
        self._saved = time.perf_counter()
        self._cost = self._saved - begin
