"""A lock of a module that does not stay closed in a forked child."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager


def module_lock(forget: Callable[[], None] = lambda: None) -> AbstractContextManager[bool]:
    """A lock that a fork waits for, so that no thread that is gone in the child holds it there.

    ``forget`` runs in the child: for what belonged to other threads. The lock is one that the
    thread may take again, since the collector may run anything in the midst of what it guards.
    """
    lock = threading.RLock()

    def after_in_child() -> None:
        lock.release()
        forget()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=after_in_child
        )
    return lock
