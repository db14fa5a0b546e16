"""The loss and other metrics on data that are not trained on: means over all examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.errors import misfit_of
from ...core.tensor import unrecorded
from ...distributed.shards import contiguous
from ...distributed.transport import Sent
from ...distributed.workers import Workers
from ...nn.module import modules
from ...replay import Replayed
from .batches import Loader, count_examples
from .history import FIXED

Metric = Callable[[Any, Any], Any]

AHEAD = 32
"""Batches of a loader that are with workers at a time."""

_FORM = "It is called as metric(params, batch), and gives a number"


class Validation:
    """Measures parameters on validation data, with modules in evaluation mode.

    Parameters
    ----------
    loss : callable
        ``loss(params, batch)``, a mean over the examples of a batch.
    data : one batch, or an iterable of batches
    metrics : mapping of str to callable, optional
        ``metric(params, batch)`` gives a number, a mean over examples too.
    jit : bool
        Whether the loss is replayed; metrics, which may be any functions of arrays, are not.
    workers : Workers, optional
        Who measures, a batch at a time: none is cut, since a metric may be no mean.

    Examples
    --------
    >>> loss = lambda w, x: (w * x).mean()
    >>> uneven = [np.array([1.0, 1.0, 1.0]), np.array([5.0])]
    >>> Validation(loss, uneven, {"largest": lambda w, x: x.max()}, jit=True)(1.0)
    {'val_loss': 2.0, 'largest': 2.0}
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        data: Any,
        metrics: Mapping[str, Metric] | None = None,
        *,
        jit: bool = True,
        workers: Workers | None = None,
    ):
        if isinstance(data, Iterator):  # passed over again after every epoch
            data = list(data)
        self.loader = Loader(data, "fit", "validation")
        self.metrics = check_metrics(metrics)
        self._measure = _Measurement(loss, self.metrics, jit)
        self._workers = workers
        self._sent: list[Sent] = []

    @property
    def names(self) -> list[str]:
        """Of what is measured."""
        return ["val_loss", *self.metrics]

    def __call__(self, params: Any) -> dict[str, float]:
        """The loss and the metrics by name.

        Raises
        ------
        ValueError
            When there are no examples, or a metric gives anything but a number.
        """
        totals, examples = np.zeros(1 + len(self.metrics)), 0
        for n, found in self._measured(in_evaluation_mode(params)):
            totals += n * np.array(found)
            examples += n
        if not examples:
            raise ValueError("fit: the validation data hold no examples")
        return dict(zip(self.names, (totals / examples).tolist(), strict=True))

    def _measured(self, params: Any) -> Iterator[tuple[int, list[float]]]:
        """Examples of each batch and what was measured there, in their order."""
        if self._workers is None:
            for number, batch in enumerate(self.loader):
                yield self._measure(partial(_same, batch), number, params)
            return
        for sent in self._batches_sent(self._workers):
            yield from self._workers.each(self._measure, list(enumerate(sent)), [(params,)])

    def _batches_sent(self, workers: Workers) -> Iterator[list[Sent]]:
        """Batches for workers: all of them, sent once; those of a loader some at a time."""
        if not self.loader.in_memory:
            for group in self.loader.groups(AHEAD):
                yield [Sent(contiguous(batch), workers.store(), kept=False) for batch in group]
            return
        if not self._sent:
            batches = [x if callable(x) else contiguous(x) for x in self.loader.batches]
            self._sent = [Sent(x, workers.store()) for x in batches]
        yield self._sent


class _Measurement:
    """The loss and the metrics on a batch, here or by a worker.

    Parameters
    ----------
    loss : callable
    metrics : mapping of str to callable
    jit : bool
    """

    def __init__(self, loss: Callable[..., Any], metrics: Mapping[str, Metric], jit: bool):
        self._given = loss, metrics, jit
        self._loss = Replayed(loss) if jit else loss

    def __reduce__(self) -> Any:
        return _Measurement, self._given

    def __call__(
        self, read: Callable[[], Any], number: int, params: Any
    ) -> tuple[int, list[float]]:
        """Examples of the batch, its loss and its metrics."""
        batch, metrics = read(), self._given[1]
        found = [_number("loss", self._loss(params, batch))]
        found += [_number(f"metrics[{k!r}]", f(params, batch)) for k, f in metrics.items()]
        return count_examples(batch), found


def _same(x: Any) -> Any:
    return x


def in_evaluation_mode(params: Any) -> Any:
    """A copy of a tree whose modules are in evaluation mode.

    Examples
    --------
    >>> from tinygrad_hess import nn
    >>> net = nn.Linear(2, 1)
    >>> in_evaluation_mode(net).training, net.training
    (False, True)
    """
    copy = trees.map_every(lambda x: x, params)
    for module in modules(copy):
        module.eval()
    return copy


def check_metrics(metrics: Any) -> dict[str, Metric]:
    """Metrics by name."""
    what = "a dictionary of functions by name, such as {'accuracy': accuracy}"
    given = {} if metrics is None else metrics
    found = dict(arguments.instance("fit", "metrics", given, Mapping, what))
    for name, metric in found.items():
        if not isinstance(name, str) or name in (*FIXED, "val_loss", "examples"):
            raise ValueError(f"fit: a metric cannot be called {name!r}; the history has that name")
        arguments.function("fit", f"metrics[{name!r}]", metric, f"{_FORM}.")
        if misfit := misfit_of(metric, (None, None), {}):
            raise TypeError(f"fit: metrics[{name!r}]: {misfit}. {_FORM}.")
    return found


def _number(name: str, value: Any) -> float:
    value = np.asarray(unrecorded(value))
    if value.ndim or value.dtype.kind not in "fiub":
        raise ValueError(f"fit: {name} must give a number, got {arguments.shown(value)}")
    return float(value)
