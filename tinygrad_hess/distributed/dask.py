"""Dask's executor as one for each of its workers, so that what a worker keeps is asked of it again.

A Dask cluster sends a call to whichever worker is free; then each comes to hold the tapes of all
shards. Its scheduler can be told where a call belongs, and may still send it elsewhere. A message
costs it milliseconds, and tens of them where the machine is busy: so a worker gets one for all its
calls.
"""

from __future__ import annotations

import functools
import sys
from typing import Any


def of_each_thread(executor: Any) -> list[tuple[Any, bool]]:
    """What makes executors that prefer one worker of the cluster, one for each of its threads.

    Parameters
    ----------
    executor : object
        Dask's, as ``client.get_executor(pure=False)`` makes it, or its client.

    Returns
    -------
    list of (object, bool)
        Each, and whether it makes one call after the other; anything else than Dask's as it is.

    Examples
    --------
    >>> of_each_thread("something else")
    [('something else', False)]
    """
    dask = sys.modules.get("distributed")  # whoever has one of its objects has loaded it
    if dask is None:
        return [(executor, False)]
    client, options = executor, {}
    if isinstance(executor, dask.cfexecutor.ClientExecutor):
        client, options = executor._client, executor._kwargs
    if not isinstance(client, dask.Client):
        return [(executor, False)]
    options = {**options, "pure": False}  # pure calls are not repeated
    if "workers" in options:
        return [(client.get_executor(**options), False)]
    count = len(_threads(client))
    each = [functools.partial(_of_thread, client, options, number) for number in range(count)]
    return [(one, True) for one in each] or [(client.get_executor(**options), False)]


def _threads(client: Any) -> list[str]:
    """The address of the worker of each thread there is now."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return [address for address in sorted(workers) for _ in range(workers[address]["nthreads"])]


def _of_thread(client: Any, options: dict[str, Any], number: int) -> Any:
    """An executor that prefers the worker of one thread; a worker started again is another."""
    threads = _threads(client)
    if not threads:
        return client.get_executor(**options)
    address = threads[number % len(threads)]
    return client.get_executor(**options, workers=[address], allow_other_workers=True)


def has_left(executor: Any) -> bool:
    """Whether the worker that it prefers is no more, and there are others.

    A call that found no worker at all waits for that one for ever, though it may go to others.
    """
    client, options = getattr(executor, "_client", None), getattr(executor, "_kwargs", {})
    if client is None or "workers" not in options or client.status != "running":
        return False
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return bool(workers) and options["workers"][0] not in workers


def is_loss(error: Exception) -> bool:
    """Whether it says that the workers which had a call were lost, as Dask says after some."""
    dask = sys.modules.get("distributed")
    return dask is not None and isinstance(error, dask.KilledWorker)


def is_deserted(executor: Any) -> bool:
    """Whether it is for one worker of a cluster that has none now; the scheduler waits for others.

    A worker that ends is started again by Dask, but not one that ends while it starts.
    """
    client, options = getattr(executor, "_client", None), getattr(executor, "_kwargs", {})
    if client is None or "workers" not in options or client.status != "running":
        return False
    return not client.scheduler_info(n_workers=1)["workers"]
