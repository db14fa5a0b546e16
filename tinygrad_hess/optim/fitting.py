"""A training loop in one call: gradient, update, next batch; each step replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..core import trees
from ..core.tensor import Tensor
from ..replay import Replayed
from ..transforms import value_and_grad
from .optimizer import Optimizer, State


class Fitted(NamedTuple):
    """What a training run ends with.

    Attributes
    ----------
    params : pytree
        The last parameters.
    state : State
        The optimiser's; give it to the next run to go on where this one stopped.
    losses : ndarray, shape (steps,)
        The loss before each step, on that step's batch.
    """

    params: Any
    state: State
    losses: np.ndarray[Any, Any]


def fit(
    loss: Callable[..., Any],
    params: Any,
    data: Any,
    optimizer: Optimizer,
    *,
    epochs: int = 1,
    state: State | None = None,
    callback: Callable[[int, Any, float, State], Any] | None = None,
    jit: bool = True,
) -> Fitted:
    """Train: one step of the optimiser for each batch, epoch after epoch.

    Parameters
    ----------
    loss : callable
        ``loss(params, batch)`` gives a scalar.
    params : pytree of floating-point arrays
        Where to start; a module of :mod:`tinygrad_hess.nn` too. It is not changed.
    data : one batch, or an iterable of batches
        A list of batches, or an iterable that can be iterated over again (``data.batches``), is
        many; anything else is one.
    optimizer : Optimizer
        Such as ``optim.Adam(lr=1e-3)``, made without parameters.
    epochs : int
        Passes over the data; with one batch, steps.
    state : State, optional
        Of an earlier run, to go on from.
    callback : callable, optional
        ``callback(step, params, value, state)`` before each step, with the loss there and the
        optimiser's state, such as a :class:`tinygrad_hess.curvature.Monitor`. A true answer ends
        the training.
    jit : bool
        Record the step once for each kind of batch, and replay it. A loss that cannot be replayed
        (it draws random numbers, or branches on values) is recorded each time instead.

    Returns
    -------
    Fitted

    Raises
    ------
    FloatingPointError
        When the loss is not finite: the parameters are those of the step before.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> x = np.linspace(-1, 1, 20)
    >>> loss = lambda p, batch: ((p["slope"] * batch[0] + p["offset"] - batch[1]) ** 2).mean()
    >>> start = {"slope": np.array(0.0), "offset": np.array(0.0)}
    >>> line = optim.fit(loss, start, (x, 2 * x + 1), optim.SGD(lr=0.5), epochs=50)
    >>> round(float(line.params["slope"]), 4), round(float(line.params["offset"]), 4)
    (2.0, 1.0)
    """
    if epochs < 0:
        raise ValueError(f"fit: epochs must be at least 0, got {epochs}")
    batches = data if _is_batches(data) else [data]
    step = _update_step(loss, optimizer)
    if jit:
        step = Replayed(step)
    params = trees.map(_to_array, params)
    state = optimizer.init(params) if state is None else state
    losses: list[float] = []
    for _ in range(epochs):
        for batch in batches:
            value, new_params, new_state = step(params, state, batch)
            if not np.isfinite(value):
                raise FloatingPointError(
                    f"fit: the loss is {value} at step {len(losses)}. A smaller learning rate may "
                    "help; debug_nans() finds where a NaN is made."
                )
            stop = callback is not None and callback(len(losses), params, float(value), state)
            losses.append(float(value))
            if stop:
                return Fitted(params, state, np.array(losses))
            params, state = new_params, new_state
    return Fitted(params, state, np.array(losses))


def _is_batches(data: Any) -> bool:
    container = isinstance(data, (tuple, dict)) or hasattr(data, "shape")
    return isinstance(data, Iterable) and not container


def _to_array(x: Any) -> Any:
    return np.asarray(x.value if isinstance(x, Tensor) else x)


def _update_step(loss: Callable[..., Any], optimizer: Optimizer) -> Callable[..., Any]:
    """One update: ``step(params, state, batch) -> value, params, state``."""
    gradient = value_and_grad(loss)

    def step(params: Any, state: State, batch: Any) -> tuple[Any, Any, State]:
        value, grads = gradient(params, batch)
        return value, *optimizer.update(params, grads, state)

    return step
