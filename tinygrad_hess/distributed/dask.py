"""Dask's executor as one for each of its workers, so that what a worker keeps is asked of it again.

A Dask cluster sends a call to whichever worker is free; then each comes to hold the tapes of all
shards. Its scheduler can be told where a call belongs, and may still send it elsewhere.
"""

from __future__ import annotations

import sys
from typing import Any


def of_each_worker(executor: Any) -> list[Any]:
    """Executors that each prefer one worker of the cluster; anything else than Dask's as it is.

    Parameters
    ----------
    executor : object
        Dask's, as ``client.get_executor(pure=False)`` makes it, or its client.

    Examples
    --------
    >>> of_each_worker("something else")
    ['something else']
    """
    dask = sys.modules.get("distributed")  # whoever has one of its objects has loaded it
    if dask is None:
        return [executor]
    client, options = executor, {}
    if isinstance(executor, dask.cfexecutor.ClientExecutor):
        client, options = executor._client, executor._kwargs
    if not isinstance(client, dask.Client) or "workers" in options:
        return [executor]
    options = {**options, "pure": False, "allow_other_workers": True}  # pure calls are not repeated
    workers = client.scheduler_info(n_workers=-1)["workers"]
    each = [client.get_executor(**options, workers=[address]) for address in sorted(workers)]
    return each or [client.get_executor(**options)]


def is_loss(error: Exception) -> bool:
    """Whether it says that the workers which had a call were lost, as Dask says after some."""
    dask = sys.modules.get("distributed")
    return dask is not None and isinstance(error, dask.KilledWorker)
