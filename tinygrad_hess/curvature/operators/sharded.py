"""Data cut into shards, of which workers take the terms of a sum.

ShardedData : data, executor -> data
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import trees
from ...distributed.shards import batch_size, contiguous, cut, raw
from ...distributed.transport import Sent, Stored, read
from ...distributed.workers import Workers
from .batches import Batches


class ShardedData(Batches):
    """Data for a curvature operator, estimate or report that is computed by workers.

    It stands wherever ``data`` does. Operators at new points, and other operators on the same
    data, go on with the shards that the workers have.

    Parameters
    ----------
    data
        One batch, which is cut along its first axis; or a list or another iterable of batches, each
        of which is a shard. A function without arguments stands for the batch that it gives: it is
        called by the worker, so that the data need not pass through this process. (Of one batch,
        all of it for each shard: a list of functions opens less.)
    executor : Executor, callable, or list of them
        Any :class:`concurrent.futures.Executor`: threads, processes, loky's, Dask's
        (``client.get_executor(pure=False)``), mpi4py's. A function without arguments, such as
        ``lambda: ProcessPoolExecutor(2)``, makes one, and another when a worker was killed. With a
        list, each shard stays with one of them, so that what is kept of it is kept once:
        ``[lambda: ProcessPoolExecutor(1)] * 2``.
    shards : int, optional
        Into how many nearly equal shards one batch is cut; by default 8.
    shard_size : int, optional
        Examples in each, instead.
    folder : path-like, optional
        Where what processes are sent is stored as files, by default the system's folder for
        temporary ones. Workers on other machines must see it.

    Raises
    ------
    TypeError, ValueError
        For what is no executor, and for data that cannot be cut.

    Notes
    -----
    Terms are computed with one BLAS thread and added up in the order of the shards. So results
    depend on where the data are cut, and are the same to the last bit for any number of workers,
    threads or processes. (Threads: where products are asked for by the main thread, for BLAS takes
    no orders from another.)

    Processes are best started by "spawn" or "forkserver", as in
    ``ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))``: a process that was
    forked while a thread held a lock may wait for it for ever.

    When a worker is killed, its shards go to another executor of the list, or to a new one if
    ``executor`` is a function. Otherwise an error names the shard.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from tinygrad_hess.curvature import HessianOperator, ShardedData
    >>> loss = lambda w, x: ((x @ w) ** 2).mean() / 2
    >>> x = np.arange(12.0).reshape(6, 2)
    >>> with ThreadPoolExecutor(2) as executor:
    ...     H = HessianOperator(loss, np.ones(2), ShardedData(x, executor, shards=3))
    ...     print(H.to_dense())
    [[36.66666667 41.66666667]
     [41.66666667 47.66666667]]
    """

    def __init__(
        self,
        data: Any,
        executor: Any,
        *,
        shards: int | None = None,
        shard_size: int | None = None,
        folder: Any = None,
        who: str = "ShardedData",
    ):
        if data is None:
            raise ValueError(f"{who}: an executor shares out data, but data=None")
        given = Batches(data, who)
        if given.workers is not None:
            raise ValueError(f"{who}: the data have an executor already. Leave out executor=.")
        super().__init__(given, who)
        self.workers = Workers(executor, folder, who)
        if given.single:
            (whole,) = given.data
            self.data, self.in_memory = cut(whole, who, shards, shard_size), True
            self.examples_cut = 0 if callable(whole) else batch_size(whole, who, 0)
        elif shards is not None or shard_size is not None:
            raise ValueError(
                f"{who}: the data are many batches, each of which is a shard; shards= and "
                "shard_size= cut one batch. Leave them out."
            )
        self.single = False
        places = []
        if self.in_memory:
            self.data = [x if callable(x) else contiguous(x) for x in self.data]
            places = [self.workers.store() for _ in self.data]
        else:  # a loader is read once, without holding it all
            for batch in given:
                places.append(self.workers.store())
                places[-1].path(batch)
            self.data, self.in_memory = [_Reader(place) for place in places], True
        if not self.data:
            raise ValueError(f"{who}: data holds no batch")
        self.shards = [Sent(x, at, kept=False) for x, at in zip(self.data, places, strict=True)]

    def __repr__(self) -> str:
        return f"<ShardedData: {len(self.data)} shards>"


def as_batches(data: Any, who: str, executor: Any, shards: int | None) -> Batches:
    """Data as an operator is given them, with an executor or without."""
    if executor is not None:
        return ShardedData(data, executor, shards=shards, who=who)
    if shards is not None:
        raise ValueError(f"{who}: shards={shards!r} are for an executor. Give executor=, too.")
    return Batches(data, who)


def check_arguments(batches: Batches, args: Any, who: str) -> None:
    """Refuse further arguments that look as if they should have been cut, too."""
    n = batches.examples_cut
    for x in trees.leaves(args) if n else []:
        if np.ndim(raw(x)) and np.shape(raw(x))[0] == n:
            raise ValueError(
                f"{who}: data were cut into shards of examples, but a further argument of shape "
                f"{np.shape(raw(x))} was not. Give all that belongs to examples as data, as in "
                "(x, y), and write loss(params, batch)."
            )


class _Reader:
    """Gives the batch in a file."""

    def __init__(self, place: Stored):
        self._place = place

    def __call__(self) -> Any:
        return read(self._place.path(None))
