"""The result of a training run: the trained parameters, and how it went."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.display import card
from ...core.plotting import BLUE, GREY, ORANGE, axes, legend
from ..optimizer import State
from .curve import curve
from .history import FIXED, Array


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Fitted:
    """What a training run ends with.

    It unpacks as ``params, state, losses``.

    Attributes
    ----------
    params : pytree
        The last parameters: the trained model. What was given to :func:`fit` is as it was.
    state : State
        The optimiser's; give it to the next run to go on where this one stopped.
    history : dict of str to ndarray, shape (steps,)
        Columns ``step``, ``epoch`` and ``loss`` (before the step, on its batch); with validation
        data, ``val_loss`` and the metrics, in the last row of an epoch (after its step) and NaN in
        the others. ``pandas.DataFrame(history)`` is a table.
    best : pytree
        The parameters with the least loss on the validation data. Without those, of the epoch with
        the least mean loss, before its last step: with one batch, where the loss was least. None
        where no epoch was completed.
    best_loss : float
        That loss.
    best_step : int
        How many updates had been made then.
    stopped : str
        Why it ended before its last epoch: ``"patience"``, ``"callback"``, ``"interrupted"``,
        ``"diverged"`` or ``"error"``; empty where it did not.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> loss = lambda w, target: ((w - target) ** 2).sum()
    >>> fitted = optim.fit(loss, np.zeros(2), np.ones(2), optim.SGD(lr=0.25), epochs=3)
    >>> fitted
    Fitted(3 steps, loss 2 -> 0.125, best 0.125 at 2)  # .params is trained, .best is the best
    >>> fitted.params, fitted.history["loss"]
    (array([0.875, 0.875]), array([2.   , 0.5  , 0.125]))
    """

    params: Any
    state: State
    history: dict[str, Array]
    best: Any = None
    best_loss: float = np.inf
    best_step: int = 0
    stopped: str = ""

    @property
    def losses(self) -> Array:
        """The loss before each step, on that step's batch; shape (steps,)."""
        return self.history["loss"]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.params, self.state, self.losses))

    def __getitem__(self, index: Any) -> Any:
        return tuple(self)[index]

    def __repr__(self) -> str:
        return f"{self._course()}  # .params is trained" + (
            "" if self.best is None else ", .best is the best"
        )

    def _course(self) -> str:
        n = len(self.losses)
        words = [f"{n:,} step{'' if n == 1 else 's'}"]
        for name in ("loss", *self._measured()):
            known = self._known(name)[1]
            if known.size:
                words.append(f"{name} {known[0]:.3g} -> {known[-1]:.3g}")
        if self.best is not None:
            of = "val_loss " if "val_loss" in self.history else ""
            words.append(f"best {of}{self.best_loss:.3g} at {self.best_step:,}")
        if self.stopped:
            words.append(_REASONS[self.stopped])
        return f"Fitted({', '.join(words)})"

    def _measured(self) -> list[str]:
        return [name for name in self.history if name not in FIXED]

    def _known(self, name: str) -> tuple[Array, Array]:
        """Where a column has numbers, and these."""
        column = self.history[name]
        known = ~np.isnan(column)
        return self.history["step"][known], column[known]

    def _repr_html_(self) -> str:
        shown = [name for name in ("loss", "val_loss") if name in self.history]
        drawn = curve({name: self._known(name) for name in shown})
        best = None if self.best is None else ".best"
        return f"{card(self._course(), {'trained': '.params', 'best': best})}{drawn}"

    def plot(self, ax: Any = None) -> Any:
        """Draw the loss over the steps, and that on the validation data.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Draw into these.

        Returns
        -------
        matplotlib axes

        Raises
        ------
        ImportError
            When matplotlib is not installed.
        ValueError
            When there are no steps.
        """
        if not len(self.losses):
            raise ValueError("Fitted.plot: no step was made")
        ax = axes(ax)
        ax.plot(*self._known("loss"), color=BLUE, linewidth=1.2, label="loss")
        if "val_loss" in self.history:
            few = "o-" if np.isfinite(self.history["val_loss"]).sum() <= 60 else "-"
            ax.plot(
                *self._known("val_loss"), few, color=ORANGE, markersize=3, label="validation loss"
            )
        if self.best is not None:
            ax.axvline(
                self.best_step, color=GREY, linestyle=(0, (4, 3)), linewidth=1,
                label=f"best, {self.best_loss:.3g}",
            )  # fmt: skip
        if self.losses.min() > 0 and self.losses.max() > 10 * self.losses.min():
            ax.set_yscale("log")
        ax.set_xlabel("step")
        ax.set_ylabel("loss")
        legend(ax)
        return ax


_REASONS = {
    "patience": "out of patience",
    "callback": "stopped by a callback",
    "interrupted": "interrupted",
    "diverged": "diverged",
    "error": "ended by an error",
}
