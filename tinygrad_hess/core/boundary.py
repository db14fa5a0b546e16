"""Where a user's call comes in: what goes wrong inside is said under the name that was called.

    name(described arguments): what was said inside

Errors that name a function already, and those of a function that the user gave, stay as they are.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

import numpy as np

from . import arguments
from .errors import NonDifferentiableError, TracingError, add_context

Function = TypeVar("Function", bound=Callable[..., Any])

_PACKAGE = __name__.partition(".")[0]
_LIBRARIES = {_PACKAGE, "numpy", "scipy", "optree", *sys.stdlib_module_names}
_INDEXING = "getitem: "
_BEGINS_WITH_A_NAME = re.compile(r"[A-Za-z_][\w.]*(\(.*\)|\[.*\])?: ", re.DOTALL)


def raise_named(error: Exception, name: str, args: Any, kwargs: Any) -> NoReturn:
    """Raise ``error`` again, as one that names the function and describes its arguments."""
    cause = error.__cause__
    if isinstance(cause, (NonDifferentiableError, TracingError)) and type(error) is ValueError:
        raise cause  # NumPy hides our refusal to become a number behind an error of its own
    said = str(error)
    if said.startswith(_INDEXING):
        error, said = type(error)(said.removeprefix(_INDEXING)), ""  # an index within the function
    if not (_BEGINS_WITH_A_NAME.match(said) or _is_word(name, said) or _is_users(error)):
        told = add_context(error, name, args, kwargs)
        if told is not error:
            raise told from error
    raise error


def _is_word(name: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def _is_users(error: Exception) -> bool:
    """Whether code that is not a library's had a part in it, as a function that the user gave."""
    trace = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in _LIBRARIES:
            return True
        trace = trace.tb_next
    return False


def named(function: Function, name: str | None = None) -> Function:
    """The function, whose errors name it; see :func:`bare` for itself.

    Examples
    --------
    >>> from tinygrad_hess import ops
    >>> ops.conj("text".split)
    Traceback (most recent call last):
    ...
    TypeError: conj(builtin_function_or_method): ...
    """
    who = name or function.__name__
    flags = flags_of(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if kwargs and flags:
                kwargs = with_flags(who, flags, kwargs)
            return function(*args, **kwargs)
        except Exception as error:
            raise_named(error, who, args, kwargs)

    call.bare = function  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def flags_of(function: Any) -> frozenset[str]:
    """The parameters of a function that are True or False, by their annotations."""
    given = getattr(function, "__annotations__", {})
    return frozenset(name for name, kind in given.items() if kind in ("bool", bool)) - {"return"}


def with_flags(who: str, flags: frozenset[str], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a call, with its flags checked; else each would be true, or a bare error."""
    for name in flags.intersection(kwargs):
        value = kwargs[name]
        if type(value) is not bool and value is not np._NoValue:
            kwargs = {**kwargs, name: arguments.flag(who, name, value)}
    return kwargs


def bare(function: Any) -> Any:
    """The function that :func:`named` was given, where its result is; anything else as it is."""
    inner = getattr(function, "bare", None)  # functools.wraps copies it to other wrappers
    return function if inner is None or function.__wrapped__ is not inner else inner


def is_bare(function: Any) -> bool:
    """Whether it is a function of the library's whose errors nobody names yet.

    A primitive names its own, and what is wrapped already is under a name.
    """
    return (
        inspect.isfunction(function)
        and function.__module__.startswith(_PACKAGE)
        and not hasattr(function, "primitive")
        and not hasattr(function, "__wrapped__")
    )


def all_named(namespace: dict[str, Any], keep: Iterable[Any] = ()) -> dict[str, Any]:
    """The public functions of a namespace, but those to ``keep``, each :func:`named`."""
    kept = tuple(keep)
    made = {}
    for name, f in namespace.items():
        if not name.startswith("_") and is_bare(f) and f not in kept:
            made[name] = call = named(f, name)
            call.__module__ = namespace["__name__"]  # where pickle finds it
            call.__name__ = call.__qualname__ = name
    return made
