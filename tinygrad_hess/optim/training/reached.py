"""Where a training run stands between two steps: all that it needs to go on, in one value."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..optimizer import State


class Best(NamedTuple):
    """The parameters with the least loss so far, and how many updates had been made then."""

    params: Any
    loss: float
    step: int


class Reached(NamedTuple):
    """What a run has reached.

    Attributes
    ----------
    params, state
        After the last step.
    steps : int
        How many were made.
    epoch, batch : int
        Epochs that are complete, and batches that were taken of the one that is not.
    drawn : dict or None
        The state of the data's random numbers when that epoch began.
    best : Best or None
    waited : int
        Epochs since the best one.
    """

    params: Any
    state: State
    steps: int = 0
    epoch: int = 0
    batch: int = 0
    drawn: Any = None
    best: Best | None = None
    waited: int = 0

    def judged(self, loss: float, params: Any, step: int) -> tuple[Best | None, int]:
        """``best`` and ``waited`` after an epoch with this loss, that of some parameters."""
        before = math.inf if self.best is None else self.best.loss
        if not loss < before:  # nor is a NaN
            return self.best, self.waited + 1
        return Best(params, loss, step), 0
