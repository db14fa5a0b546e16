"""A training loop in one call: gradient, update, next batch; each step replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import arguments, trees
from ..core.errors import misfit_of
from ..core.tensor import Tensor
from .optimizer import Optimizer, State, require_state

Callback = Callable[[int, Any, float, State], Any]


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

    def __repr__(self) -> str:
        n = len(self.losses)
        course = f", loss {self.losses[0]:.6g} to {self.losses[-1]:.6g}" if n else ""
        return f"Fitted({n:,} step{'' if n == 1 else 's'}{course})"


def fit(
    loss: Callable[..., Any],
    params: Any,
    data: Any,
    optimizer: Optimizer,
    *,
    epochs: int = 1,
    state: State | None = None,
    callback: Callback | Sequence[Callback] | None = None,
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
        many; anything else is one. A generator, which cannot, is for one epoch.
    optimizer : Optimizer
        Such as ``optim.Adam(lr=1e-3)``, made without parameters.
    epochs : int
        Passes over the data; with one batch, steps.
    state : State, optional
        Of an earlier run, to go on from.
    callback : callable, or a sequence of them, optional
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
        When the loss is not finite.
    ValueError
        When the data hold no batches, or are a generator and ``epochs`` is above 1.

    Notes
    -----
    What a forward pass assigns to buffers (:class:`tinygrad_hess.nn.Buffer`) is kept; what is
    frozen stays. Both are in ``.params``.

    What ends the training early, Ctrl-C too, carries the result so far: ``error.fitted`` is a
    :class:`Fitted` after the last whole step.

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
    _check_arguments(loss, data, optimizer, epochs, state)
    callbacks = _callbacks(callback)
    batches = data if _is_batches(data) else [data]
    step = optimizer.stepper(loss, jit=jit)
    params = trees.map_every(_to_array, params)
    state = optimizer.init(params) if state is None else state
    losses: list[float] = []
    reached = (params, state, 0)
    try:
        for _ in range(epochs):
            for batch in batches:
                value, *new = step(params, state, batch)
                if not np.isfinite(value):
                    raise FloatingPointError(
                        f"fit: the loss is {value} at step {len(losses)}. A smaller learning rate "
                        "may help; debug_nans() finds where a NaN is made."
                    )
                at = (len(losses), params, float(value), state)
                stop = any([call(*at) for call in callbacks])
                losses.append(float(value))
                if stop:
                    return Fitted(params, state, np.array(losses))
                params, state = new
                reached = (params, state, len(losses))
    except BaseException as error:
        params, state, steps = reached
        error.fitted = Fitted(params, state, np.array(losses[:steps]))  # type: ignore[attr-defined]
        error.add_note(f"fit: error.fitted is the result of the {steps:,} steps before")
        raise
    if epochs and not losses:
        raise ValueError("fit: the data hold no batches; a generator is spent after one pass")
    return Fitted(params, state, np.array(losses))


def _check_arguments(loss: Any, data: Any, optimizer: Any, epochs: Any, state: Any) -> None:
    form = "It is called as loss(params, batch)"
    arguments.function("fit", "loss", loss, f"{form}.")
    if misfit := misfit_of(loss, (None, None), {}):
        raise TypeError(f"fit: {misfit}. {form}; one that needs no data ignores the batch.")
    what = "an optimiser, such as optim.Adam(lr=1e-3)"
    arguments.instance("fit", "optimizer", optimizer, Optimizer, what)
    arguments.integer("fit", "epochs", epochs, least=0)
    if state is not None:
        require_state("fit", state)
    if epochs > 1 and isinstance(data, Iterator):
        raise ValueError(
            f"fit: data is a {type(data).__name__}, which gives its batches once, but there are "
            f"{epochs} epochs. Give list(data), or what can be iterated over again, such as "
            "data.batches(x, y, size)."
        )


def _callbacks(given: Any) -> Sequence[Callback]:
    several = given if isinstance(given, (list, tuple)) else [] if given is None else [given]
    form = "It is called as callback(step, params, value, state)"
    for call in several:
        arguments.function("fit", "callback", call, f"{form}.")
        if misfit := misfit_of(call, (0, None, 0.0, None), {}):
            raise TypeError(f"fit: {misfit}. {form}.")
    return several


def _is_batches(data: Any) -> bool:
    container = isinstance(data, (tuple, dict)) or hasattr(data, "shape")
    return isinstance(data, Iterable) and not container


def _to_array(x: Any) -> Any:
    x = x.value if isinstance(x, Tensor) else x
    return x if isinstance(x, np.generic) else np.asarray(x)
