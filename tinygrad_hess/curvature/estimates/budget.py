"""What an estimate may spend: products and seconds; and how far it has come."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from ...core.progress import progress_bar
from .interrupts import held
from .operands import Counted, check_positive

T = TypeVar("T")


class Budget:
    """Products and seconds that may be spent on one estimate, with a progress bar on request.

    As a block, it keeps what is between the products from being interrupted.

    Parameters
    ----------
    A : Counted
        Counts the products.
    max_matvecs : int, optional
        Products to spend at most, those already counted by ``A`` included.
    seconds : float, optional
        Wall-clock time to spend at most. A step is not begun when, at the pace so far, it would
        end too late; so the limit is kept, but for the first products.
    progress : bool
        Show a bar (tqdm, on standard error) with the time that is expected to remain.

    path : path-like, optional
        Where the run that spends it is saved.

    Raises
    ------
    ValueError
        For a budget that is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature.estimates.operands import Counted
    >>> A = Counted(np.eye(3), "example")
    >>> budget = Budget(A, max_matvecs=2)
    >>> y = A.matvec(np.ones(3))
    >>> budget.over(1), budget.over(2)
    ('', 'max_matvecs=2 allows no more; give more')
    """

    def __init__(
        self,
        A: Counted,
        max_matvecs: int | None = None,
        seconds: float | None = None,
        *,
        progress: bool = False,
        path: Any = None,
    ):
        check_positive(A.who, max_matvecs=max_matvecs, seconds=seconds)
        self.A, self.max_matvecs, self.limit, self.path = A, max_matvecs, seconds, path
        self.bar: Any = progress_bar(A.who, progress, unit="products")
        self._held = held()
        self._begin, self._before, self._earlier = time.perf_counter(), A.matvecs, 0.0

    def state(self) -> dict[str, Any]:
        """What was spent, for a checkpoint."""
        return {"matvecs": self.A.matvecs, "seconds": self.seconds}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Count what an earlier run has spent, by its :meth:`state`."""
        self._earlier = float(saved["seconds"])
        self.A.matvecs = self._before = int(saved["matvecs"])
        if self.bar is not None:  # the time left is told by what this run does
            self.bar.n = self.bar.initial = self._before

    @property
    def seconds(self) -> float:
        """Spent so far."""
        return self._earlier + time.perf_counter() - self._begin

    @property
    def left(self) -> float:
        """Products that ``max_matvecs`` still allows."""
        return math.inf if self.max_matvecs is None else self.max_matvecs - self.A.matvecs

    @property
    def exhausted(self) -> str:
        """The reason when ``max_matvecs`` is too small."""
        return f"max_matvecs={self.max_matvecs} allows no more; give more"

    def has_room(self, needed: int) -> bool:
        """Whether ``needed`` more products are allowed for certain: no clock runs."""
        return self.limit is None and needed <= self.left

    def over(self, needed: int = 1) -> str:
        """Why ``needed`` more products would be too many; empty when they are not."""
        if needed > self.left:
            return self.exhausted
        if self.limit is not None:
            spent = time.perf_counter() - self._begin
            pace = spent / max(self.A.matvecs - self._before, 1)
            if self._earlier + spent + needed * pace > self.limit:
                return f"seconds={self.limit:g} allow no more; give more"
        return ""

    def show(self, expected: float | None, text: str = "") -> None:
        """Move the bar: products spent of those that are ``expected`` in all."""
        if self.bar is None:
            return
        known = expected is not None and math.isfinite(expected)
        self.bar.total = max(math.ceil(expected or 0), self.A.matvecs) if known else None
        self.bar.set_postfix_str(text, refresh=False)
        self.bar.update(self.A.matvecs - self.bar.n)

    def __enter__(self) -> Self:
        self._held.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.close()
        self._held.__exit__(kind, error, traceback)


def was_interrupted(found: Any) -> bool:
    """Whether a result, or one in a tuple, is what an interrupted run had."""
    if isinstance(found, tuple):
        return any(was_interrupted(x) for x in found)
    return any(INTERRUPTED in str(getattr(found, name, "")) for name in ("reason", "why"))


def finished(found: T) -> T:
    """A result that can be gone on with; where it is what an interrupted run had, the interruption.

    Examples
    --------
    >>> finished(2.0)
    2.0
    """
    if was_interrupted(found):
        raise KeyboardInterrupt
    return found


INTERRUPTED = "interrupted (Ctrl-C); call again to go on, with checkpoint= from where it stopped"
"""The reason of a partial result after a KeyboardInterrupt."""
