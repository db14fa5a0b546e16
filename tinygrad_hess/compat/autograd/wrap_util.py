"""Operators on functions of one argument, made operators on functions of several."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any


def get_name(f: Any) -> str:
    """The name of a function."""
    return getattr(f, "__name__", "[unknown name]")


def get_doc(f: Any) -> str:
    """The docstring of a function."""
    return getattr(f, "__doc__", "") or ""


def wraps(
    fun: Any, namestr: str = "{fun}", docstr: str = "{doc}", **kwargs: Any
) -> Callable[[Any], Any]:
    """Give a function the name and docstring of another, put into templates."""

    def named(f: Any) -> Any:
        f.__name__ = namestr.format(fun=get_name(fun), **kwargs)
        f.__doc__ = docstr.format(fun=get_name(fun), doc=get_doc(fun), **kwargs)
        return f

    return named


def wrap_nary_f(fun: Any, op: Any, argnum: Any) -> Callable[[Any], Any]:
    """Name a function after the operator that made it of ``fun``."""
    doc = "{op} of {fun} with respect to argument {argnum}, with the arguments of {fun}."
    return wraps(fun, "{op}_of_{fun}_wrt_argnum_{argnum}", doc, op=get_name(op), argnum=argnum)


def unary_to_nary(unary_operator: Callable[..., Any]) -> Callable[..., Any]:
    """Make ``operator(fun, x)`` into ``operator(fun, argnum=0)(*args)``.

    With a list or tuple of argument numbers, ``x`` is the tuple of these arguments.
    """

    @wraps(unary_operator)
    def nary_operator(fun: Any, argnum: Any = 0, *op_args: Any, **op_kwargs: Any) -> Any:
        if type(argnum) not in (int, tuple, list):
            raise AssertionError(f"argnum must be a number or a list of them, but is {argnum!r}")
        single = builtins.isinstance(argnum, int)
        numbers = [argnum] if single else argnum

        @wrap_nary_f(fun, unary_operator, argnum)
        def nary_f(*args: Any, **kwargs: Any) -> Any:
            @wraps(fun)
            def unary_f(x: Any) -> Any:
                call = list(args)
                for i, value in zip(numbers, [x] if single else x, strict=True):
                    call[i] = value
                return fun(*call, **kwargs)

            x = args[argnum] if single else tuple(args[i] for i in numbers)
            return unary_operator(unary_f, x, *op_args, **op_kwargs)

        return nary_f

    return nary_operator
