"""What a training run has measured, step by step, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FIXED = ("step", "epoch", "loss")
"""Columns that every history has."""


class History:
    """Columns that grow by one row a step.

    Parameters
    ----------
    measured : sequence of str
        Columns that have a number only in the last row of an epoch, NaN elsewhere.

    Examples
    --------
    >>> history = History(["val_loss"])
    >>> for loss, examples in ((3.0, 2), (1.0, 6)):
    ...     history.append(epoch=0, loss=loss, examples=examples)
    >>> history.measure({"val_loss": 0.5})
    >>> history.columns(2)
    {'step': array([0, 1]), 'epoch': array([0, 0]), 'loss': array([3., 1.]), \
'val_loss': array([nan, 0.5])}
    >>> history.mean_loss(epoch=0)
    1.5
    """

    def __init__(self, measured: Sequence[str] = ()):
        self.epochs: list[int] = []
        self.losses: list[float] = []
        self.examples: list[int] = []
        self.measured: dict[str, list[float]] = {name: [] for name in measured}

    def append(self, epoch: int, loss: float, examples: int) -> None:
        """A step's loss, on a batch of so many examples."""
        self.epochs.append(epoch)
        self.losses.append(loss)
        self.examples.append(examples)
        for column in self.measured.values():
            column.append(np.nan)

    def measure(self, values: Mapping[str, float]) -> None:
        """What was measured after the last step."""
        for name, value in values.items():
            self.measured[name][-1] = value

    def mean_loss(self, epoch: int) -> float:
        """The mean of the losses of the last epoch, weighted by examples."""
        first = len(self.epochs)
        while first and self.epochs[first - 1] == epoch:
            first -= 1
        if first == len(self.epochs) - 1:
            return self.losses[-1]
        weights = np.array(self.examples[first:], float)
        return float(weights @ self.losses[first:] / weights.sum())

    def last(self) -> str:
        """The last number of each column, in words."""
        columns = {"loss": self.losses, **self.measured}
        known = {
            name: next((x for x in reversed(column) if not np.isnan(x)), None)
            for name, column in columns.items()
        }
        return ", ".join(f"{name} {x:.4g}" for name, x in known.items() if x is not None)

    def columns(self, steps: int) -> dict[str, Array]:
        """The first rows, as arrays."""
        return {
            "step": np.arange(steps),
            "epoch": np.array(self.epochs[:steps], int),
            "loss": np.array(self.losses[:steps]),
            **{name: np.array(column[:steps]) for name, column in self.measured.items()},
        }

    def arrays(self, steps: int) -> dict[str, Array]:
        """All that a checkpoint keeps of the first rows."""
        return {**self.columns(steps), "examples": np.array(self.examples[:steps], int)}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Go on from what :meth:`arrays` gave; a column that it did not have is NaN."""
        self.epochs = arrays["epoch"].tolist()
        self.losses = arrays["loss"].tolist()
        self.examples = arrays["examples"].tolist()
        unknown = np.full(len(self.losses), np.nan)
        for name in self.measured:
            self.measured[name] = arrays.get(name, unknown).tolist()
