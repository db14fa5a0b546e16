"""The loop of a training run: steps, and what is judged at the end of each epoch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.finite import not_finite, why_not
from ...core.tensor import Tensor
from ..optimizer import State
from .batches import Loader, count_examples, parts_of
from .fitted import Fitted
from .history import History
from .reached import Best, Reached
from .validation import Validation

Callback = Callable[[int, Any, float, State], Any]


class Training:
    """A run that can begin anywhere, and says after each step what it has reached.

    Parameters
    ----------
    step : callable
        ``step(params, state, batches) -> value, params, state``
    loader : Loader
    start : Reached
    history : History
        Of the steps before ``start``.
    epochs, accumulate : int
        Passes over the data in all, and batches to a step.
    validation : Validation, optional
    patience : int, optional
        Epochs without a better one after which it ends.
    callbacks : sequence of callables
        Called before each step; a true answer ends the run.
    loss : callable, optional
        ``loss(params, batch)``, to tell why it is not finite.
    """

    def __init__(
        self,
        step: Callable[..., Any],
        loader: Loader,
        start: Reached,
        history: History,
        *,
        epochs: int,
        accumulate: int = 1,
        validation: Validation | None = None,
        patience: int | None = None,
        callbacks: Sequence[Callback] = (),
        loss: Callable[..., Any] | None = None,
    ):
        self.step, self.loader, self.reached, self.history = step, loader, start, history
        self.epochs, self.accumulate, self.patience = epochs, accumulate, patience
        self.validation, self.callbacks = validation, callbacks
        self.loss, self.stopped = loss, ""
        self.tried: Sequence[Any] = ()
        """The batches of the step that was begun last."""

    def __iter__(self) -> Iterator[Reached]:
        """What is reached after each step; after the last of an epoch, with that judged."""
        while not self._is_over():
            epoch = self.reached.epoch
            self.loader.load_state_dict(self.reached.drawn)
            groups = self.loader.groups(self.accumulate, skip=self.reached.batch)
            group = next(groups, None)
            if group is None and not self.history.losses:
                raise ValueError(
                    "fit: the data hold no batches; a generator is spent after one pass"
                )
            before = self.reached.params
            while group is not None:
                before = self.reached.params
                if not self._make_step(group):
                    return
                group = next(groups, None)  # may raise: the step before it counts
                if group is not None:
                    yield self.reached
            best, waited = self._judge(before)
            at, drawn = self.reached, self.loader.state_dict()
            self.reached = Reached(at.params, at.state, at.steps, epoch + 1, 0, drawn, best, waited)
            yield self.reached

    def _is_over(self) -> bool:
        if self.patience is not None and self.reached.waited >= self.patience:
            self.stopped = "patience"
        return bool(self.stopped) or self.reached.epoch >= self.epochs

    def _make_step(self, group: Sequence[Any]) -> bool:
        """Whether it was made; a callback can end the run before it."""
        at, self.tried = self.reached, group
        value, params, state = self.step(at.params, at.state, group)
        examples = sum(map(count_examples, group))  # which workers may have counted
        if not examples:
            raise ValueError(f"fit: batch {at.batch} of epoch {at.epoch} holds no examples")
        value = float(value)
        if not math.isfinite(value):
            advice = (
                "A smaller learning rate may help"
                if at.steps
                else "No update was made yet: look at the data and the parameters to start from"
            )
            raise FloatingPointError(
                f"fit: the loss is {value} at step {at.steps}. {self.why_not(at.params, group)}"
                f"{advice}; debug_nans() finds where a NaN is made."
            )
        stop = self.callbacks and any(
            [_ends(call(at.steps, at.params, value, at.state)) for call in self.callbacks]
        )
        self.history.append(at.epoch, value, examples)
        if stop:
            self.stopped = "callback"
            if self.validation is None:
                best, waited = at.judged(self.history.mean_loss(at.epoch), at.params, at.steps)
                self.reached = at._replace(best=best, waited=waited)
            return False
        taken = at.batch + len(group)
        self.reached = Reached(
            params, state, at.steps + 1, at.epoch, taken, at.drawn, at.best, at.waited
        )
        return True

    def why_not(self, params: Any, group: Sequence[Any]) -> str:
        """What its arguments hold that is not finite, or whether it overflows, or diverges."""
        try:
            batches = [part for batch in group for part in parts_of(batch)]
        except Exception:  # whatever opening what workers have opened raises here
            return ""
        told = not_finite(params, "params", every=False)
        if told := told or "; ".join(filter(None, [not_finite(b, "batch") for b in batches])):
            return f"Before it, {told}. "
        if self.loss is None:
            return ""
        loss = self.loss
        whole = lambda params, *batches: sum(loss(params, b) for b in batches) / len(batches)
        return why_not(whole, (params, *batches), self.history.losses)

    def _judge(self, before: Any) -> tuple[Best | None, int]:
        """The best after an epoch, and epochs since; its last step was made at ``before``."""
        at = self.reached
        if self.validation is not None:
            found = self.validation(at.params)
            self.history.measure(found)
            return at.judged(found["val_loss"], at.params, at.steps)
        if at.batch == 0:  # the epoch had no batches
            return at.best, at.waited
        return at.judged(self.history.mean_loss(at.epoch), before, at.steps - 1)

    def fitted(self, stopped: str = "") -> Fitted:
        """The result so far; of a run that an error ended, by the reason ``stopped``."""
        at = self.reached
        columns = self.history.columns(at.steps if stopped else len(self.history.losses))
        why = stopped or self.stopped
        if at.best is None:
            return Fitted(at.params, at.state, columns, stopped=why)
        return Fitted(at.params, at.state, columns, *at.best, why)


def _ends(answer: Any) -> bool:
    """Whether a callback's answer ends the run."""
    try:
        return bool(answer)
    except ValueError:
        raise TypeError(
            f"fit: a callback answered with {arguments.shown(answer)}, which is neither true nor "
            "false. A true answer ends the training; return nothing to go on."
        ) from None


def recorded_loss(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The loss, which must not give a plain number where its parameters are recorded."""

    @functools.wraps(loss)
    def call(params: Any, *batch: Any) -> Any:
        value = loss(params, *batch)
        if isinstance(value, (float, np.floating)) and any(
            isinstance(x, Tensor) for x in trees.leaves(params)
        ):
            raise ValueError(
                "fit: loss gave a plain number, through which no gradient flows: it does not "
                "depend on params, or ends in .item() or .numpy(). Leave these out."
            )
        return value

    return call
