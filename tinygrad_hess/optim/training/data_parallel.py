"""Data-parallel steps: workers observe the shards of a batch, and one update follows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...core import trees
from ...core.interchange import to_arrays
from ...core.named_arrays import names
from ...core.tensor import unrecorded
from ...distributed.shards import (
    batch_size,
    check_halves,
    check_shards,
    contiguous,
    cut,
)
from ...distributed.transport import Sent
from ...distributed.workers import Workers
from ...nn.assignments import Assignments
from ...ops.nn.losses import means_by_count
from ...replay import Replayed
from ..model_curvature import ModelCurvature
from ..optimizer import Optimizer, State
from .accumulation import WEIGHS
from .batches import Loader, ShardedBatch, count_examples
from .loop import recorded_loss


class ShardedLoader(Loader):
    """A loader whose batches are cut into shards for workers.

    Batches that are in memory are cut and sent once; a loader's, which differ from pass to pass,
    each time. What a function gives is opened by the workers.

    Parameters
    ----------
    data, who, what
        As for :class:`Loader`.
    workers : Workers
    shards : int, optional
        Into how many nearly equal shards each batch is cut.
    """

    def __init__(self, data: Any, who: str, what: str, workers: Workers, shards: int | None):
        super().__init__(data, who, what)
        self._workers, self._count = workers, check_shards(who, shards)
        self._sent: dict[int, ShardedBatch] = {}

    def __iter__(self) -> Iterator[ShardedBatch]:
        for number, batch in enumerate(self.batches):
            if not self.in_memory:
                yield self._sharded(to_arrays(self.who, self.what, batch))
                continue
            if number not in self._sent:
                self._sent[number] = self._sharded(batch)
            yield self._sent[number]

    def _sharded(self, batch: Any) -> ShardedBatch:
        parts = cut(batch, self.who, self._count)
        parts = [part if callable(part) else contiguous(part) for part in parts]
        sent = [Sent(part, self._workers.store(), kept=self.in_memory) for part in parts]
        return ShardedBatch(sent, 0 if callable(batch) else batch_size(batch, self.who, 0))


def data_parallel_stepper(
    optimizer: Optimizer, loss: Callable[..., Any], workers: Workers, *, jit: bool = True
) -> Callable[[Any, State, Sequence[ShardedBatch]], tuple[Any, Any, State]]:
    """``step(params, state, batches) -> value, params, state``.

    What the optimiser takes from the loss is computed by workers, shard by shard, and averaged here
    in the order of the shards, weighted by examples.

    Raises
    ------
    ValueError
        For an optimiser that takes more than means from the loss; in a step, for a loss that is no
        mean over examples, or that assigns to buffers.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from tinygrad_hess import optim
    >>> loss, opt = lambda w, x: ((w - x) ** 2).mean(), optim.SGD(lr=0.5)
    >>> with ThreadPoolExecutor(2) as executor:
    ...     workers = Workers(executor, None, "example")
    ...     (batch,) = ShardedLoader(np.array([1.0, 2.0, 3.0]), "example", "data", workers, 2)
    ...     w = np.array(0.0)
    ...     value, w, state = data_parallel_stepper(opt, loss, workers)(w, opt.init(w), [batch])
    >>> float(value.round(4)), float(w)
    (4.6667, 2.0)
    """
    kind = type(optimizer).__name__
    if isinstance(optimizer, ModelCurvature) or not optimizer.linear_in_loss:
        raise ValueError(
            f"fit: executor does not go with {kind}, which takes {optimizer.observes} from one "
            "whole batch: that is no mean over its shards. Leave out executor=, or give another "
            "optimiser."
        )
    observe = _Observation(optimizer, loss, jit)
    checked = False

    def step(params: Any, state: State, batches: Sequence[ShardedBatch]) -> tuple[Any, Any, State]:
        nonlocal checked
        counts = [len(batch.shards) for batch in batches]
        shards = list(enumerate(itertools.chain(*[batch.shards for batch in batches])))
        args = [(params, state.step, not checked)]
        sizes: list[int] = []
        total: Any = None
        for n, found in workers.each(observe, shards, args):
            sizes.append(n)
            if n:
                part = trees.map(lambda x: n * x, found)  # noqa: B023 - used at once
                total = part if total is None else trees.map(lambda a, b: a + b, total, part)
        if total is None:
            raise ValueError("fit: the batch holds no examples")
        left = iter(sizes)
        for batch, count in zip(batches, counts, strict=True):
            batch.examples = sum(itertools.islice(left, count))
        checked = True
        value, grads, *observed = trees.map(lambda x: x / sum(sizes), total)
        return value, *optimizer.update(params, grads, state, *observed)

    return step


class _Observation:
    """What an optimiser takes from the loss of a shard, by a worker, who replays it.

    Parameters
    ----------
    optimizer : Optimizer
    loss : callable
    jit : bool
    """

    def __init__(self, optimizer: Optimizer, loss: Callable[..., Any], jit: bool):
        self._given = optimizer, loss, jit
        loss = self._loss = recorded_loss(loss)

        def observe(params: Any, count: Any, batch: Any) -> tuple[Any, list[Any]]:
            noted = Assignments(loss)
            with means_by_count(WEIGHS):
                observed = optimizer._observe(noted, params, count, batch)
            return observed, noted.values or []

        self._observe = Replayed(observe) if jit else observe

    def __reduce__(self) -> Any:
        return _Observation, self._given

    def __call__(
        self, read: Callable[[], Any], number: int, params: Any, count: Any, check: bool
    ) -> tuple[int, Any]:
        """Examples of a shard, and what was observed there; None where there are none."""
        batch = read()
        n = count_examples(batch)
        if not n:
            return 0, None
        found, values = self._observe(params, count, batch)
        _refuse_assignments(params, values)
        if check and n > 1:
            self._refuse_other_than_means(params, batch, n, found[0])
        return n, found

    def _refuse_other_than_means(self, params: Any, batch: Any, n: int, value: Any) -> None:
        """The loss of a shard is the mean of those of its halves."""
        of = lambda part: np.asarray(unrecorded(self._loss(_copy(params), part)))
        check_halves(
            "fit", of, batch, value, True,
            "With executor=, a batch is cut into shards, so the loss must be a mean over "
            "examples, and must not be random. Leave out executor= for a loss that sums, weighs "
            "or compares its examples.",
        )  # fmt: skip


def _copy(params: Any) -> Any:
    """A model to assign to, since threads share the one that is trained."""
    return trees.map_every(lambda x: x, params)


def _refuse_assignments(params: Any, values: Sequence[Any]) -> None:
    if not values:
        return
    changed = [
        node.value
        for node, new in zip(trees.buffers(params), values, strict=False)
        if not np.array_equal(np.asarray(unrecorded(node.value)), np.asarray(unrecorded(new)))
    ]
    if not changed:
        return
    named = {id(x): name for x, name in zip(trees.leaves_every(params), names(params), strict=True)}
    called = [named[id(x)] for x in changed]
    shown = ", ".join(called[:3]) + (", ..." if len(called) > 3 else "")
    raise ValueError(
        f"fit: the loss assigns to the model's buffers ({shown}), as batch norm and dropout do in "
        "training mode. With executor=, each shard of a batch would have its own. Put these "
        "modules into evaluation mode (module.eval()), take layer or group norm, or leave out "
        "executor=."
    )
