"""The loss and other metrics on data that are not trained on: means over all examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.errors import misfit_of
from ...core.tensor import unrecorded
from ...nn.module import modules
from ...replay import Replayed
from .batches import Loader, count_examples
from .history import FIXED

Metric = Callable[[Any, Any], Any]

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
    ):
        if isinstance(data, Iterator):  # passed over again after every epoch
            data = list(data)
        self.loader = Loader(data, "fit", "validation")
        self.loss = Replayed(loss) if jit else loss
        self.metrics = check_metrics(metrics)

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
        params = in_evaluation_mode(params)
        totals, examples = np.zeros(1 + len(self.metrics)), 0
        for batch in self.loader:
            n = count_examples(batch)
            found = [_number("loss", self.loss(params, batch))]
            found += [_number(f"metrics[{k!r}]", f(params, batch)) for k, f in self.metrics.items()]
            totals += n * np.array(found)
            examples += n
        if not examples:
            raise ValueError("fit: the validation data hold no examples")
        return dict(zip(self.names, (totals / examples).tolist(), strict=True))


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
