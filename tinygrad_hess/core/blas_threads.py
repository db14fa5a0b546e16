"""Cores: how many a replay may use, and BLAS kept to one thread while shards run side by side."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


@cache
def _loaded(scipy: bool) -> list[Any]:
    return [c for c in ThreadpoolController().lib_controllers if c.user_api == "blas"]


def _blas() -> list[Any]:
    """NumPy's BLAS library, and SciPy's as soon as that is loaded; looked up once each."""
    return _loaded("scipy.linalg" in sys.modules)


def _is_main() -> bool:
    """OpenBLAS heeds its first thread alone: told by another, it goes on as before."""
    return threading.current_thread() is threading.main_thread()


def available() -> int:
    """Threads that BLAS would use: the user's limits on it are limits on us.

    In any thread but the main one it is 1, since BLAS cannot be told from there to leave the cores
    to the shards.
    """
    found = _blas()
    if not found or not _is_main():
        return 1
    return min(int(found[0].get_num_threads()), len(_cores()))


def _cores() -> set[int]:
    """Those that this thread may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


class _OneThread:
    """How many blocks are open that want BLAS on one thread, and what its setting was before."""

    def __init__(self) -> None:
        self._open = 0
        self._before: list[tuple[Any, int]] = []

    def __enter__(self) -> None:
        if not _is_main():
            return
        if self._open == 0:
            self._before = [(c, int(c.get_num_threads())) for c in _blas()]
            for c, _ in self._before:
                c.set_num_threads(1)
        self._open += 1

    def __exit__(self, *error: object) -> None:
        if _is_main():
            self._open -= 1
            if self._open == 0:
                self.put_back()

    def put_back(self) -> None:
        """Give BLAS the setting that it had before; in a forked child, the block is no more."""
        for c, n in self._before:
            c.set_num_threads(n)
        self._open, self._before = 0, []


one_blas_thread = _OneThread()
"""``with one_blas_thread:`` BLAS works on one thread inside, and afterwards as before.

The setting is the whole process's. Blocks of other threads than the main one change nothing.
"""


_own_core: Any = getattr(ctypes.CDLL(None), "sched_getcpu", None) if os.name == "posix" else None
"""Which core this thread runs on, where the system says so."""


class _Pool:
    """Threads that wait for work."""

    def __init__(self, count: int):
        self._ids: list[int] = []
        note = lambda: self._ids.append(threading.get_native_id())
        self.executor = ThreadPoolExecutor(count, "tinygrad_hess", note)

    def leave_own_core(self) -> None:
        """Let threads run on any core but this thread's.

        After a pause, Linux often wakes them there: they would begin when this thread is done.
        """
        others = _cores() - {_own_core()} if _own_core is not None else set()
        for thread in self._ids if others else ():
            with contextlib.suppress(OSError):  # where that is not allowed
                os.sched_setaffinity(thread, others)


@cache
def _pool(count: int) -> _Pool:
    return _Pool(count)


def side_by_side(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all calls at once, the first in this thread; their results in order."""
    others = []
    if calls[1:]:
        pool = _pool(len(calls) - 1)
        pool.leave_own_core()
        others = [pool.executor.submit(call) for call in calls[1:]]
    try:
        first = calls[0]()
    finally:
        results = [f.exception() or f for f in others]  # wait for all, also when one has failed
    for r in results:
        if isinstance(r, BaseException):
            raise r
    return [first, *(f.result() for f in others)]


if hasattr(os, "register_at_fork"):  # threads do not live on in a child
    os.register_at_fork(after_in_child=_pool.cache_clear)
    os.register_at_fork(after_in_child=one_blas_thread.put_back)
