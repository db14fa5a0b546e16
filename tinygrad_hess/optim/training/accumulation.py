"""One update from the gradients of several batches: the memory of one, the step of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core import trees
from ...nn.assignments import Assignments
from ...ops.nn.losses import means_by_count
from ...replay import Replayed
from ..model_curvature import ModelCurvature
from ..optimizer import Optimizer, State
from .batches import count_examples

WEIGHS = (
    "but fit weighs the parts of a step, which accumulate= or executor= make, by their number of "
    "examples. Divide by that, as in nn.cross_entropy(..., reduction='sum') / len(y)."
)
"""Why a mean that divides by weights is refused."""


def accumulating_stepper(
    optimizer: Optimizer, loss: Callable[..., Any], *, jit: bool = True
) -> Callable[[Any, State, Sequence[Any]], tuple[Any, Any, State]]:
    """``step(params, state, batches) -> value, params, state``.

    What the optimiser takes from the loss, the gradient and perhaps more, is averaged over the
    batches, each weighted by its examples: for a loss that is a mean over examples, that is the
    gradient of the mean over all of them.

    Raises
    ------
    ValueError
        For an optimiser that takes the curvature of a model from one whole batch.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> loss = lambda w, x: ((w - x) ** 2).mean()
    >>> opt = optim.SGD(lr=0.5)
    >>> step, w = accumulating_stepper(opt, loss), np.array(0.0)
    >>> value, w, state = step(w, opt.init(w), [np.ones(3), np.array([5.0])])
    >>> float(value), float(w)
    (7.0, 2.0)
    """
    if isinstance(optimizer, ModelCurvature):
        raise ValueError(
            f"fit: accumulate does not go with {type(optimizer).__name__}, which takes its "
            "curvature from one whole batch. Give larger batches, or another optimiser."
        )

    def observe(params: Any, count: Any, batch: Any) -> tuple[Any, Any]:
        noted = Assignments(loss)
        with means_by_count(WEIGHS):
            observed = optimizer._observe(noted, params, count, batch)
        return observed, noted.kept_in(params)

    observed_on = Replayed(observe) if jit else observe

    def step(params: Any, state: State, batches: Sequence[Any]) -> tuple[Any, Any, State]:
        sizes = [count_examples(batch) for batch in batches]
        total: Any = None
        for batch, size in zip(batches, sizes, strict=True):
            found, params = observed_on(params, state.step, batch)
            share = size / sum(sizes)
            scaled = trees.map(lambda x: share * x, found)  # noqa: B023
            total = scaled if total is None else trees.map(lambda a, b: a + b, total, scaled)
        value, grads, *observed = total
        return value, *optimizer.update(params, grads, state, *observed)

    return step
