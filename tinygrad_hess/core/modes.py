"""Modes that a ``with`` block switches on for the current thread.

Recording consults one flag, :data:`special`; only when it is raised does an operation look at
what is on. Outside such blocks the modes cost nothing.

    a mode : variable of the context -> the blocks that were opened in it, oldest first

The newest block that is still open decides. So blocks may be left in any order, and in another
thread or context than they were opened in, as happens with suspended generators.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from contextlib import ContextDecorator, nullcontext
from contextvars import ContextVar
from typing import Any, Self

from .errors import describe
from .locks import module_lock

special = [0]
"""How many flagged blocks are open in all threads; zero keeps every operation on its fast path."""

_open: set[_Opened] = set()
_as_it_is = nullcontext()


class _Opened:
    """One block while it is open: the mode's value inside, and the thread that opened it."""

    __slots__ = ("block", "thread", "value")

    def __init__(self, block: Block):
        self.block, self.value, self.thread = block, block.value, threading.get_ident()


Stack = ContextVar[tuple[_Opened, ...]]
"""The blocks of one mode, in one context."""

_stacks: dict[str, Stack] = {}


def stack(name: str) -> Stack:
    """The variable of a mode, of which there is one of a name: blocks are pickled by it."""
    made: Stack = ContextVar(name, default=())
    return _stacks.setdefault(name, made)


_recording = stack("recording")
_nan_safe = stack("nan_safe")
_debug_nans = stack("debug_nans")
_tracing = stack("tracing")
_noting_lines = stack("noting_lines")
_shapes_alone = stack("shapes_alone")


class Block(ContextDecorator):
    """A block in which a mode has a value; as a decorator, the whole of a function.

    ``flagged`` modes concern each operation, which looks for them where :data:`special` is raised.
    """

    def __init__(self, variable: Stack, value: bool, flagged: bool = True):
        self.variable, self.value, self.flagged = variable, value, flagged

    def __call__(self, f: Callable[..., Any]) -> Any:
        """Run a function inside the block."""
        for is_late in (
            inspect.isgeneratorfunction,
            inspect.iscoroutinefunction,
            inspect.isasyncgenfunction,
        ):
            if is_late(f):  # its body runs after the block is left
                raise TypeError(
                    f"{f.__name__} is a generator or a coroutine, which runs after its call has "
                    "returned. Open the block inside it, as in with tg.no_grad(): ..."
                )
        return super().__call__(f)

    def _recreate_cm(self) -> Self:
        return type(self)(self.variable, self.value, self.flagged)

    def __reduce__(self) -> Any:
        return _block, (self.variable.name, self.value, self.flagged)

    def __enter__(self) -> None:
        opened = _Opened(self)
        with _lock:
            _open.add(opened)
            _raise_flag()
        blocks = self.variable.get()
        self.variable.set((*[b for b in blocks if b in _open], opened))

    def __exit__(self, *error: object) -> None:
        blocks = self.variable.get()
        # else it was opened in another context, as by a generator that is closed in another thread
        here = [b for b in blocks if b.block is self and b in _open]
        for opened in (here or [b for b in _open.copy() if b.block is self])[-1:]:
            with _lock:
                _open.discard(opened)
                _raise_flag()
        self.variable.set(tuple([b for b in blocks if b in _open]))


def _block(name: str, value: bool, flagged: bool) -> Block:
    return Block(stack(name), value, flagged)


def _raise_flag() -> None:
    special[0] = sum([opened.block.flagged for opened in _open])


def _forget_other_threads() -> None:
    """In a forked child they don't live on."""
    _open.intersection_update([b for b in _open if b.thread == threading.get_ident()])
    _raise_flag()


_lock = module_lock(_forget_other_threads)


def value(variable: Stack, otherwise: bool) -> bool:
    """What the newest open block says."""
    for opened in reversed(variable.get()):
        if opened in _open:
            return opened.value
    return otherwise


def _block_or_function(who: str, block: Block, f: Callable[..., Any] | None) -> Any:
    """The block; given a function, as by a decorator without parentheses, that inside the block."""
    if f is None:
        return block
    if not callable(f):
        advice = f"Write with tg.{who}(): ... for a block."
        raise TypeError(f"{who}: f must be a function, got {describe(f)}. {advice}")
    return block(f)


def no_grad(f: Callable[..., Any] | None = None) -> Any:
    """Record nothing inside the block: results are constants.

    Transforms still work inside it; a function that opens it while it is being differentiated
    makes constants, as with :func:`stop_gradient`. ``@no_grad`` makes the block of a function, and
    ``@no_grad()`` does, too.

    Notes
    -----
    The block ends when it is left. A generator that yields inside it leaves it open for whoever
    called (that is how ``@contextlib.contextmanager`` passes a block on), until it goes on or is
    closed, in whichever thread that happens.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> with tg.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """
    return _block_or_function("no_grad", Block(_recording, False), f)


def enable_grad(f: Callable[..., Any] | None = None) -> Any:
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
    return _block_or_function("enable_grad", Block(_recording, True), f)


def nan_safe(f: Callable[..., Any] | None = None) -> Any:
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
    return _block_or_function("nan_safe", Block(_nan_safe, True), f)


def debug_nans(f: Callable[..., Any] | None = None) -> Any:
    """Raise :class:`NanError` where an operation or a derivative first makes a NaN.

    The error names the operation, its operands, the sweep, and the line of user code that called
    it. Nothing is replayed meanwhile: functions of :func:`jit` and bodies of :func:`scan` are
    recorded each time. Workers of an executor that curvature operators call do the same. A NaN that
    data or parameters already hold is not made: :func:`check_finite` finds it. Infinities are no
    error, as in masks; but ``where`` evaluates both of its branches, and so does their derivative:
    replace what is not chosen before (``log(where(x > 0, x, 1))``), or open :func:`nan_safe`.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> with tg.debug_nans():
    ...     tg.grad(lambda x: tg.numpy.sqrt(x) ** 2)(0.0)
    Traceback (most recent call last):
    ...
    tinygrad_hess.core.errors.NanError: the derivative of sqrt(float64) is NaN, in the reverse sweep
    (cotangents); recorded at ...
    """
    return _block_or_function("debug_nans", Block(_debug_nans, True), f)


def recording() -> Any:
    """A block in which operations are recorded; free where they already are."""
    return _as_it_is if is_recording() else Block(_recording, True)


def is_recording() -> bool:
    """Whether operations on tape tensors extend the tape here."""
    return not special[0] or value(_recording, True)


def is_nan_safe() -> bool:
    """Whether :func:`nan_safe` is on here."""
    return bool(special[0]) and value(_nan_safe, False)


def tracing() -> Block:
    """A block in which recorded values stand for all others of their shape and type."""
    return Block(_tracing, True)


def shapes_alone() -> Block:
    """A block in which nodes keep shapes and types alone: one element stands for all of a value."""
    return Block(_shapes_alone, True)


def are_shapes_alone() -> bool:
    """Whether nodes keep shapes and types alone here."""
    return bool(special[0]) and value(_shapes_alone, False)


def untraced() -> Any:
    """A block whose values are looked at anew in each replay; free where nothing is traced."""
    return Block(_tracing, False) if is_tracing() else _as_it_is


def is_tracing() -> bool:
    """Whether a recording is being made for replay on other values."""
    return bool(special[0]) and value(_tracing, False)


def is_debugging_nans() -> bool:
    """Whether :func:`debug_nans` is on here."""
    return bool(special[0]) and value(_debug_nans, False)


def noting_lines() -> Block:
    """A block in which each node notes the line of user code that made it."""
    return Block(_noting_lines, True)


def is_noting_lines() -> bool:
    """Whether nodes note their lines here; errors of :func:`debug_nans` tell them."""
    return bool(special[0]) and (value(_noting_lines, False) or value(_debug_nans, False))
