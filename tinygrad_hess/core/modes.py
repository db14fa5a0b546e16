"""Modes that a ``with`` block switches on for the current thread.

Recording consults one flag, :data:`special`; only when it is raised does an operation look at
what is on. Outside such blocks the modes cost nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

special = [0]
"""How many mode blocks are open in all threads; zero keeps every operation on its fast path."""

_lock = threading.Lock()
_as_it_is = nullcontext()
_recording = ContextVar("recording", default=True)
_nan_safe = ContextVar("nan_safe", default=False)
_debug_nans = ContextVar("debug_nans", default=False)
_tracing = ContextVar("tracing", default=False)


@contextmanager
def _mode(variable: ContextVar[bool], value: bool) -> Iterator[None]:
    with _lock:
        special[0] += 1
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
        with _lock:
            special[0] -= 1


def no_grad():  # type: ignore[no-untyped-def]
    """Record nothing inside the block: results are constants.

    Transforms still work inside it; a function that opens it while it is being differentiated
    makes constants, as with :func:`stop_gradient`.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> with tg.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    return _mode(_recording, False)


def enable_grad():  # type: ignore[no-untyped-def]
    """Record again inside a :func:`no_grad` block.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> with tg.no_grad(), tg.enable_grad():
    ...     y = x * x
    >>> y.requires_grad
    True
    """
    return _mode(_recording, True)


def nan_safe():  # type: ignore[no-untyped-def]
    """Take an exactly zero cotangent or tangent, times anything, as zero inside the block.

    By IEEE's rules, zero times infinity is NaN; so a branch that ``where`` did not take can
    still poison a gradient. In this mode it contributes exactly zero. Elementwise rules cost
    about twice as much.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> f = lambda x: np.where(x > 0, np.sqrt(x), 0.0).sum()
    >>> with tg.nan_safe():
    ...     tg.grad(f)(np.array([0.0, 4.0]))
    array([0.  , 0.25])
    """
    return _mode(_nan_safe, True)


def debug_nans():  # type: ignore[no-untyped-def]
    """Raise :class:`NanError` where an operation or a derivative first makes a NaN.

    The error names the operation, its operands, and the line of user code that called it.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> with tg.debug_nans():
    ...     tg.grad(lambda x: tg.numpy.sqrt(x) ** 2)(0.0)
    Traceback (most recent call last):
    ...
    tinygrad_hess.core.errors.NanError: the derivative of sqrt(float64) is NaN; recorded at ...
    """
    return _mode(_debug_nans, True)


def recording():  # type: ignore[no-untyped-def]
    """A block in which operations are recorded; free where they already are."""
    return _as_it_is if is_recording() else _mode(_recording, True)


def is_recording() -> bool:
    """Whether operations on tape tensors extend the tape here."""
    return not special[0] or _recording.get()


def is_nan_safe() -> bool:
    """Whether :func:`nan_safe` is on here."""
    return bool(special[0]) and _nan_safe.get()


def tracing():  # type: ignore[no-untyped-def]
    """A block in which recorded values stand for all others of their shape and type."""
    return _mode(_tracing, True)


def untraced():  # type: ignore[no-untyped-def]
    """A block whose values are looked at anew in each replay; free where nothing is traced."""
    return _mode(_tracing, False) if is_tracing() else _as_it_is


def is_tracing() -> bool:
    """Whether a recording is being made for replay on other values."""
    return bool(special[0]) and _tracing.get()


def is_debugging_nans() -> bool:
    """Whether :func:`debug_nans` is on here."""
    return bool(special[0]) and _debug_nans.get()
