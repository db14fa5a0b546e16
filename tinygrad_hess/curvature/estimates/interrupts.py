"""Ctrl-C during an estimate: it takes effect within products, between which its state is whole.

held        : a block in which Ctrl-C waits
let_through : a block inside of it, in which it does not
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class _Held:
    """What the open blocks of the main thread, which alone gets signals, have come to."""

    handler: Any = None  # that of the user, while a block holds Ctrl-C
    passing = False
    waiting = False


def _note(number: int, frame: FrameType | None) -> None:
    if _Held.passing:
        _Held.passing = False  # what is done with the interruption is not interrupted again
        _Held.handler(number, frame)
    else:
        _Held.waiting = True


def _concerns_this_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Inside, Ctrl-C waits for the next :func:`let_through`, or for the end.

    Examples
    --------
    >>> import signal
    >>> done = []
    >>> try:
    ...     with held():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("all of it")
    ... except KeyboardInterrupt:
    ...     done.append("interrupted")
    >>> done
    ['all of it', 'interrupted']
    """
    handler = signal.getsignal(signal.SIGINT)
    if not _concerns_this_thread() or _Held.handler is not None or not callable(handler):
        yield
        return
    _Held.handler, _Held.passing, _Held.waiting = handler, False, False
    signal.signal(signal.SIGINT, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        _Held.handler = None
        if _Held.waiting:
            handler(signal.SIGINT, None)


@contextlib.contextmanager
def let_through() -> Iterator[None]:
    """Inside, Ctrl-C does what it does elsewhere; also one that has waited."""
    if _Held.handler is None or not _concerns_this_thread():
        yield
        return
    before, _Held.passing = _Held.passing, True
    try:
        if _Held.waiting:
            _Held.waiting = False
            _note(signal.SIGINT, None)
        yield
    finally:
        _Held.passing = before and _Held.passing
