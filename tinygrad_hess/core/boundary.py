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
from typing import Any, NamedTuple, NoReturn, TypeVar

import numpy as np

from . import arguments
from .errors import NonDifferentiableError, TracingError, add_context
from .names import unexpected_keyword

Function = TypeVar("Function", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)

_PACKAGE = __name__.partition(".")[0]
_LIBRARIES = {_PACKAGE, "numpy", "scipy", "optree", *sys.stdlib_module_names}
_INDEXING = "getitem: "
_BEGINS_WITH_A_NAME = re.compile(r"[A-Za-z_][\w.]*(\(.*\)|\[.*\])?: ", re.DOTALL)


def raise_named(
    error: Exception, name: str, args: Any, kwargs: Any, integers: Iterable[Check] = ()
) -> NoReturn:
    """Raise ``error`` again, as one that names the function and describes its arguments.

    Where one that must be an integer is none, it says that.
    """
    cause = error.__cause__
    if isinstance(cause, (NonDifferentiableError, TracingError)) and type(error) is ValueError:
        raise cause  # NumPy hides our refusal to become a number behind an error of its own
    said = str(error)
    if said.startswith(_INDEXING):
        error, said = type(error)(said.removeprefix(_INDEXING)), ""  # an index within the function
    if not (_BEGINS_WITH_A_NAME.match(said) or _is_word(name, said) or _is_users(error)):
        checked(name, integers, args, kwargs)
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

    Arguments annotated ``bool`` are checked to be True or False, as all else is one of these, too.
    Those annotated ``int`` the function checks by itself; an error that it left to others names
    the one that is no integer.

    Examples
    --------
    >>> from tinygrad_hess import ops
    >>> ops.conj("text".split)
    Traceback (most recent call last):
    ...
    TypeError: conj(builtin_function_or_method): ...
    """
    who = name or function.__name__
    flags, integers = checks_of(function, bool), checks_of(function, int)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if flags:
                args, kwargs = checked(who, flags, args, kwargs)
            return function(*args, **kwargs)
        except Exception as error:
            if type(error) is TypeError and (told := unexpected_keyword(who, [function], kwargs)):
                raise told from None
            raise_named(error, who, args, kwargs, integers)

    call.bare = function  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def named_methods(cls: Class) -> Class:
    """The class, each of whose own public methods is :func:`named` after the object's class.

    A class of a user's stays as it is: its methods say by themselves what is wrong.

    Examples
    --------
    >>> from tinygrad_hess import nn
    >>> nn.LSTMCell(3, 4).start(slice(2))
    Traceback (most recent call last):
    ...
    TypeError: LSTMCell.start(slice): ...
    """
    if cls.__module__.partition(".")[0] != _PACKAGE:
        return cls
    for name, method in list(vars(cls).items()):
        is_public = name in _CALLS or not name.startswith("_")
        if is_public and inspect.isfunction(method) and not hasattr(method, "bare"):
            setattr(cls, name, _named_method(method, "" if name in _CALLS else f".{name}"))
    return cls


_CALLS = ("__init__", "__call__")


def _named_method(method: Callable[..., Any], suffix: str) -> Callable[..., Any]:
    flags, integers = checks_of(method, bool, first=1), checks_of(method, int, first=1)

    @functools.wraps(method)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            if flags:
                args, kwargs = checked(type(self).__name__ + suffix, flags, args, kwargs)
            return method(self, *args, **kwargs)
        except Exception as error:
            who = type(self).__name__ + suffix
            if type(error) is TypeError and kwargs:
                takers = [vars(base).get(method.__name__) for base in type(self).__mro__]
                if told := unexpected_keyword(who, filter(None, takers), kwargs):
                    raise told from None
            raise_named(error, who, args, kwargs, integers)

    call.bare = method  # type: ignore[attr-defined]
    return call


class Check(NamedTuple):
    """A parameter whose annotation says what its argument must be."""

    name: str
    position: int
    kind: type
    check: Callable[[str, str, Any], Any]


_CHECKS: dict[type, Callable[[str, str, Any], Any]] = {
    bool: arguments.flag,
    int: arguments.integer,
}


def checks_of(function: Any, kind: type, first: int = 0) -> tuple[Check, ...]:
    """The parameters of a function that its annotations say to be of this kind.

    ``first`` is the number of the one that a call gives first: 1 after ``self``.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return ()
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return tuple(
        Check(name, at - first if at < code.co_argcount else sys.maxsize, kind, _CHECKS[kind])
        for at, name in enumerate(names)
        if function.__annotations__.get(name) in (kind, kind.__name__)
    )


def checked(
    who: str, checks: Iterable[Check], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call, after these checks."""
    for name, at, kind, check in checks:
        if at < len(args):
            value = args[at]
        elif name in kwargs:
            value = kwargs[name]
        else:
            continue
        if type(value) is kind or value is np._NoValue:
            continue
        value = check(who, name, value)
        if at < len(args):
            args = (*args[:at], value, *args[at + 1 :])
        else:
            kwargs = {**kwargs, name: value}
    return args, kwargs


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
    """The public functions of a namespace, but those to ``keep``, each :func:`named`.

    Its own classes have their methods named, those that they inherit too.
    """
    kept = tuple(keep)
    made = {}
    for name, f in namespace.items():
        if inspect.isclass(f) and f.__module__.startswith(namespace["__name__"]):
            for cls in f.__mro__:
                named_methods(cls)
        elif not name.startswith("_") and is_bare(f) and f not in kept:
            made[name] = call = named(f, name)
            call.__module__ = namespace["__name__"]  # where pickle finds it
            call.__name__ = call.__qualname__ = name
    return made
