"""A training loop in one call: gradient, update, next batch; each step replayed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.errors import misfit_of
from ...core.finite import not_finite
from ...core.names import suggesting_keywords
from ...core.progress import progress_bar
from ...core.tensor import Tensor
from ...distributed.workers import Workers
from ...nn.sharing import refuse_shared
from ..model_curvature import ModelCurvature
from ..optimizer import Optimizer, State, require_state
from .accumulation import accumulating_stepper
from .batches import Loader
from .checkpoints import Checkpoints
from .data_parallel import ShardedLoader, data_parallel_stepper
from .fitted import Fitted
from .history import History
from .loop import Callback, Training, recorded_loss
from .reached import Reached
from .validation import Metric, Validation, check_metrics

_PAIR = "Inputs and targets are one argument: fit(loss, model, (x, y), optimizer)."
_VALIDATION = "Give validation=(x, y), as train, test = tg.data.split(x, y, test=0.2) has them."
_ADVICE = {
    "x": _PAIR,
    "y": _PAIR,
    "X": _PAIR,
    "batch_size": "Give tg.data.batches(x, y, size=32) as data.",
    "class_weight": "The loss has it, as in nn.cross_entropy(logits, labels, weight=[1.0, 5.0]).",
    "sample_weight": "The loss has it, as in nn.mse(outputs, y, example_weight=w).",
    "learning_rate": "The optimiser has it, as in optim.Adam(lr=1e-3).",
    "lr": "The optimiser has it, as in optim.Adam(lr=1e-3).",
    "model": "It is params, the second argument.",
    "shuffle": "tg.data.batches does, and anew each epoch with seed=np.random.default_rng(0).",
    "early_stopping": "Write patience=5.",
    "validation_data": _VALIDATION,
    "validation_split": _VALIDATION,
    "verbose": "Write progress=False for silence.",
}


@suggesting_keywords(_ADVICE, _PAIR)
def fit(
    loss: Callable[..., Any],
    params: Any,
    data: Any,
    optimizer: Optimizer,
    *,
    epochs: int = 1,
    state: State | None = None,
    callback: Callback | Sequence[Callback] | None = None,
    validation: Any = None,
    metrics: Mapping[str, Metric] | None = None,
    patience: int | None = None,
    accumulate: int = 1,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int | None = None,
    resume: bool = False,
    progress: bool | None = None,
    jit: bool = True,
    executor: Any = None,
    shards: int | None = None,
) -> Fitted:
    """Train: one step of the optimiser for each batch, epoch after epoch.

    Parameters
    ----------
    loss : callable
        ``loss(params, batch)`` gives a scalar; without data, ``loss(params)`` may.
    params : pytree of floating-point arrays
        Where to start; a module of :mod:`tinygrad_hess.nn` too. It is not changed: the trained one
        is ``.params`` of the result.
    data : one batch, an iterable of batches, or None
        A list of batches, or an iterable that can be iterated over again (``data.batches``), is
        many; anything else is one, such as ``(x, y)`` of arrays or data frames. A generator, which
        cannot, is for one epoch.
    optimizer : Optimizer
        Such as ``optim.Adam(lr=1e-3)``, made without parameters. It has the schedule of the rate
        (``lr=optim.cosine(...)``) and clips gradients (``max_norm=``).
    epochs : int
        Passes over the data; with one batch or none, steps.
    state : State, optional
        Of an earlier run, to go on from.
    callback : callable, or a sequence of them, optional
        ``callback(step, params, value, state)`` before each step, with the loss there and the
        optimiser's state, such as a :class:`tinygrad_hess.curvature.Monitor`. A true answer ends
        the training.
    validation : one batch, or an iterable of batches, optional
        The loss on these is measured after each epoch, with modules in evaluation mode: a mean
        over examples, for a loss that is one. (For one that divides by weights, or by what a mask
        keeps, give one batch.)
    metrics : mapping of str to callable, optional
        What else is measured on them: ``metric(params, batch)`` gives a number, a mean over the
        examples of the batch.
    patience : int, optional
        The training ends when so many epochs in a row were no better than the best before: by the
        loss on the validation data or, without these, by the mean loss of an epoch.
    accumulate : int
        Batches to a step, whose gradients are averaged, weighted by examples; the last step of an
        epoch takes what is left. A loss of :mod:`tinygrad_hess.nn` that divides by weights is
        refused; one by hand that divides by what a mask keeps, say, should divide by the number of
        examples instead.
    checkpoint : path-like, optional
        A folder in which the run is kept, in one file that is replaced whole.
    every : int, optional
        Steps between two checkpoints; by default, a few seconds. The last step, and Ctrl-C, make
        one too.
    resume : bool
        Go on from the checkpoint, if there is one, bit for bit as if the run had not ended;
        ``epochs`` may be larger than it was.
    progress : bool, optional
        Show a bar with the loss, what was measured, and the time left. By default, in a terminal
        and in a notebook.
    jit : bool
        Record the step once for each kind of batch, and replay it. A loss that cannot be replayed
        (it draws random numbers, or branches on values) is recorded each time instead.
    executor : Executor, callable, or list of them, optional
        Who computes the gradients, a shard of a batch at a time, and what is measured on
        validation data, a batch at a time: threads, processes, Dask; see
        :class:`tinygrad_hess.curvature.ShardedData`. ``loss`` must be a mean over examples. Data
        may be functions without arguments, which workers call to open a batch.
    shards : int, optional
        Into how many shards each batch is cut for them; by default 8. The result depends on this,
        and to the last bit on nothing else: not on who the workers are, nor on how many.

    Returns
    -------
    Fitted
        ``.params``, ``.best``, ``.history``; it unpacks as ``params, state, losses``.

    Raises
    ------
    FloatingPointError
        When the loss is not finite.
    ValueError
        When the loss gives a plain number; when the data hold no batches, or are a generator and
        ``epochs`` is above 1; when a file is no checkpoint of such a run, or there is one and
        ``resume`` is False. With an executor, for a loss that assigns to buffers or is no mean over
        examples.

    Notes
    -----
    What a forward pass assigns to buffers (:class:`tinygrad_hess.nn.Buffer`) is kept; what is
    frozen stays. Both are in ``.params``.

    What ends the training early, Ctrl-C too, carries the result so far: ``error.fitted`` is a
    :class:`Fitted` after the last whole step; after an error in a console or a notebook,
    ``sys.last_value.fitted``.

    A checkpoint has weights, buffers (with the random state of dropout), the optimiser's state, the
    history, the best weights, the position in the epoch, and the random state of
    ``data.batches(..., seed=generator)``, as of any data with ``state_dict`` and
    ``load_state_dict``. What a callback keeps, and random numbers that the loss draws elsewhere,
    are no part of it.

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

    Batches, validation data and a metric, until five epochs brought nothing:

    >>> from tinygrad_hess import data
    >>> batches, new = data.batches(x, 2 * x + 1, 5), (x + 0.05, 2 * x + 1.1)
    >>> error = lambda p, b: abs(p["slope"] * b[0] + p["offset"] - b[1]).max()
    >>> line = optim.fit(
    ...     loss, start, batches, optim.SGD(lr=0.5), epochs=99, validation=new,
    ...     metrics={"error": error}, patience=5,
    ... )
    >>> line.stopped, list(line.history), bool(line.history["error"][-1] < 1e-3)
    ('patience', ['step', 'epoch', 'loss', 'val_loss', 'error'], True)
    """
    takes_batch = data is not None or not misfit_of(loss, (None, None), {})
    _check_arguments(loss, params, data, optimizer, epochs, takes_batch)
    callbacks = _callbacks(callback)
    accumulate = arguments.integer("fit", "accumulate", accumulate, least=1)
    if patience is not None:
        patience = arguments.integer("fit", "patience", patience, least=1)
    workers = _workers(executor, shards, takes_batch, data)
    measure = _validation(loss, params, validation, metrics, jit, takes_batch, workers)
    if workers is None:
        step = _step_of_batches(optimizer, recorded_loss(loss), accumulate, jit, takes_batch)
        loader = Loader(data, "fit", "data")
    else:
        step = data_parallel_stepper(optimizer, loss, workers, jit=jit)
        loader = ShardedLoader(data, "fit", "data", workers, shards)
    history = History([] if measure is None else measure.names)
    params = trees.map_every(_to_array, params)
    if not trees.leaves(params) and epochs:
        raise ValueError("fit: params hold no array to train; all are frozen, or buffers")
    state = _first_state(optimizer, params, state)
    start = Reached(params, state, drawn=loader.state_dict())
    saved = _checkpoints(checkpoint, every, resume, optimizer)
    if saved is not None and saved.exists():
        start = saved.load(start, history)
    training = Training(
        step, loader, start, history,
        epochs=epochs, accumulate=accumulate, validation=measure, patience=patience,
        callbacks=callbacks, loss=loss if takes_batch else lambda params, batch: loss(params),
    )  # fmt: skip
    per_epoch = loader.count()
    total = None if per_epoch is None else epochs * -(-per_epoch // accumulate)
    last = start
    bar = progress_bar("fit", progress, unit="steps", total=total)
    try:
        for last in _shown(training, bar):
            if saved is not None and saved.due(last.steps):
                saved.save(last, history)
        if told := not_finite(last.params, "params", every=False):
            raise FloatingPointError(f"fit: after the last step, {told}")
    except BaseException as error:
        interrupted, diverged = (
            isinstance(error, kind) for kind in (KeyboardInterrupt, FloatingPointError)
        )
        why = "interrupted" if interrupted else "diverged" if diverged else "error"
        fitted = training.fitted(why)
        error.fitted = fitted  # type: ignore[attr-defined]
        error.add_note(_note(training, len(fitted.losses)))
        if saved is not None and interrupted and last is not start:
            saved.save(last, history)
        raise
    finally:
        if bar is not None:
            bar.close()
    if saved is not None and last is not start:
        saved.save(last, history)
    return training.fitted()


def _shown(training: Training, bar: Any) -> Iterator[Reached]:
    """The steps of a run, with a bar that follows them."""
    if bar is None:
        yield from training
        return
    bar.n = bar.initial = training.reached.steps
    bar.refresh()
    for reached in training:
        if bar.update(reached.steps - bar.n):  # it was drawn anew, as it is some times a second
            bar.set_postfix_str(training.history.last())
        yield reached


def _step_of_batches(
    optimizer: Optimizer, loss: Callable[..., Any], accumulate: int, jit: bool, takes_batch: bool
) -> Callable[..., Any]:
    """``step(params, state, batches) -> value, params, state``"""
    if accumulate > 1:
        return accumulating_stepper(optimizer, loss, jit=jit)
    step = optimizer.stepper(loss, jit=jit)
    if takes_batch:
        return lambda params, state, batches: step(params, state, batches[0])
    return lambda params, state, batches: step(params, state)


def _note(training: Training, steps: int) -> str:
    """What to add to an error after so many steps."""
    if steps or not training.tried:
        return (
            f"fit: error.fitted is the result of the {steps:,} steps before (in a console or "
            "notebook, sys.last_value.fitted)"
        )
    batch, many = training.tried[0], training.loader.count()
    of = ""
    if many and many > 1:
        of = f", the first of {many:,} (one batch is a tuple, such as (x, y), many are a list)"
    return (
        f"fit: in the first step, loss(params, batch) was called with params "
        f"{arguments.shown(training.reached.params)} and batch {arguments.shown(batch)}"
        f"{of}"
    )


def _workers(executor: Any, shards: int | None, takes_batch: bool, data: Any) -> Workers | None:
    if executor is None:
        if shards is not None:
            raise ValueError(f"fit: shards={shards!r} are for an executor. Give executor=, too.")
        return None
    if data is None or not takes_batch:
        raise ValueError("fit: an executor shares out the batches of data, and there are none")
    return Workers(executor, None, "fit")


def _validation(
    loss: Callable[..., Any],
    params: Any,
    data: Any,
    metrics: Any,
    jit: bool,
    takes_batch: bool,
    workers: Workers | None,
) -> Validation | None:
    if data is None and check_metrics(metrics):
        raise ValueError(
            "fit: metrics are measured on validation data, and there are none. Give "
            "validation=(x, y); validation=data measures on what is trained on."
        )
    if data is None:
        return None
    if isinstance(data, (bool, int, float, str)):
        raise TypeError(
            f"fit: validation must be data like those that are trained on, got {data!r}. Split "
            "them before, as in train, test = tg.data.split(x, y, test=0.2)."
        )
    if not takes_batch:
        raise ValueError("fit: validation data need a loss(params, batch), got one without a batch")
    measure = Validation(loss, data, metrics, jit=jit, workers=workers)
    for name, metric in measure.metrics.items():
        arguments.of_params("fit", f"metrics[{name!r}]", metric, params)
    return measure


def _checkpoints(folder: Any, every: Any, resume: bool, optimizer: Optimizer) -> Checkpoints | None:
    if folder is None:
        if resume or every is not None:
            name = "resume" if resume else "every"
            raise ValueError(f"fit: {name} is of checkpoints; give their folder, checkpoint='run/'")
        return None
    saved, resume = Checkpoints(folder, every, optimizer), arguments.flag("fit", "resume", resume)
    if saved.exists() and not resume:
        raise FileExistsError(
            f"fit: {saved.path} is there from an earlier run. Write resume=True to go on with it, "
            "give another folder, or delete the file to begin anew."
        )
    return saved


def _check_arguments(
    loss: Any, params: Any, data: Any, optimizer: Any, epochs: Any, takes_batch: bool
) -> None:
    form = "It is called as loss(params, batch)"
    arguments.of_params("fit", "loss", loss, params, f"{form}.")
    if misfit := misfit_of(loss, (None, None) if takes_batch else (None,), {}):
        raise TypeError(
            f"fit: {misfit}. {form}, and comes before the model; one that needs no data ignores "
            "the batch."
        )
    what = "an optimiser, such as optim.Adam(lr=1e-3), after loss, params and data (x, y)"
    arguments.instance("fit", "optimizer", optimizer, Optimizer, what)
    if optimizer.parameters is not None:
        kind = type(optimizer).__name__
        raise ValueError(
            f"fit: this {kind} was made with parameters, which fit would not move: it trains the "
            f"params that it is given, and its result has them. Write {kind}(lr=...)."
        )
    if isinstance(params, type):
        raise TypeError(
            f"fit: params must be a model or a tree of arrays, got the class {params.__name__}. "
            f"Make one: {params.__name__}(...)."
        )
    refuse_shared("fit", params)
    if data is None and isinstance(optimizer, ModelCurvature):
        raise ValueError(
            f"fit: {type(optimizer).__name__} takes the curvature of a model from its data, and "
            "there are none; give (x, y) or batches of them"
        )
    arguments.integer("fit", "epochs", epochs, least=0)
    if epochs > 1 and isinstance(data, Iterator):
        raise ValueError(
            f"fit: data is a {type(data).__name__}, which gives its batches once, but there are "
            f"{epochs} epochs. Give list(data), or what can be iterated over again, such as "
            "data.batches(x, y, size)."
        )


def _first_state(optimizer: Optimizer, params: Any, given: Any) -> State:
    """That of an optimiser which begins, or the one that was given, if it fits."""
    fresh = optimizer.init(params)
    if given is None:
        return fresh
    require_state("fit", given)
    kinds = [[[np.shape(x) for x in slots] for slots in state.slots] for state in (fresh, given)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"fit: state is {given}, of another optimiser or other parameters than those of this "
            f"run, which begins with {fresh}. Leave it out, or give the .state of a run of the "
            "same."
        )
    return given


def _callbacks(given: Any) -> Sequence[Callback]:
    several = given if isinstance(given, (list, tuple)) else [] if given is None else [given]
    form = "It is called as callback(step, params, value, state)"
    for call in several:
        arguments.function("fit", "callback", call, f"{form}.")
        if misfit := misfit_of(call, (0, None, 0.0, None), {}):
            raise TypeError(f"fit: {misfit}. {form}.")
    return several


def _to_array(x: Any) -> Any:
    x = x.value if isinstance(x, Tensor) else x
    return x if isinstance(x, np.generic) else np.asarray(x)
