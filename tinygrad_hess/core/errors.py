"""The exceptions of the library: each says what was done, why it cannot be right, what to write."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


class TapeReleasedError(RuntimeError):
    """A derivative was asked through operations whose tape an earlier ``backward()`` released."""


class NonDifferentiableError(TypeError):
    """Something without a derivative was asked for one: an integer, a conversion, a NumPy call."""


class TracingError(TypeError):
    """Under :func:`tinygrad_hess.jit`, a function looked at a value that another call changes."""


class NanError(FloatingPointError):
    """Under :func:`tinygrad_hess.debug_nans`, an operation or its derivative produced a NaN."""


class CheckError(AssertionError):
    """:func:`tinygrad_hess.check_grads` found a derivative that disagrees with differences."""


def describe(x: Any) -> str:
    """Say what an operand is in a few characters.

    Examples
    --------
    >>> describe(np.zeros((2, 3), np.float32))
    'float32(2, 3)'
    >>> describe(2)
    'int'
    """
    if isinstance(x, type):
        return x.__name__
    if isinstance(x, np.generic) or not hasattr(x, "shape") or not hasattr(x, "dtype"):
        return type(x).__name__
    return f"{x.dtype}{tuple(x.shape)}"


def why_no_gradient(x: Any) -> str:
    """Why something that is no real or complex floating point cannot be differentiated in.

    Examples
    --------
    >>> why_no_gradient("text")
    'is a str, no array of numbers.'
    """
    dtype = None if isinstance(x, type) else getattr(x, "dtype", None)
    if dtype is None and not isinstance(x, (bool, int, type)):
        advice = " Its .params are the trained ones." if hasattr(x, "params") else ""
        return f"is a {describe(x)}, no array of numbers.{advice}"
    return (
        f"has dtype {dtype if dtype is not None else type(x).__name__}, and integers and booleans "
        "carry no gradient. Convert it first, as in x.astype(float)."
    )


def refuse_subclass(x: Any, who: str = "") -> None:
    """Refuse arrays whose operations mean something else than those of their numbers.

    Without ``who``, the error is given its context elsewhere.

    Raises
    ------
    TypeError
        For a masked array and for ``np.matrix``.
    """
    if type(x) is np.ndarray or not isinstance(x, np.ndarray):
        return  # before np.ma is named: that imports it
    if isinstance(x, np.ma.MaskedArray):
        advice = "Fill it, as in x.filled(0.0), and weigh by ~x.mask what is to count"
    elif isinstance(x, np.matrix):
        advice = "Give np.asarray(x), and write products as x @ y"
    else:
        return
    raise TypeError(
        f"{who and who + ': '}a {type(x).__name__} would lose what it means here. {advice}."
    )


def operands(args: Any, params: dict[str, Any] | None = None) -> str:
    """Describe a call's operands and keywords, for an error message."""
    words = [describe(a) for a in args]
    words += [f"{k}={_written(v)}" for k, v in (params or {}).items()]
    return ", ".join(words)


def _written(x: Any) -> str:
    """A keyword's value as it is written, unless it is an array or long."""
    if type(x) in (list, tuple) and len(x) <= 4:
        inner = ", ".join(map(_written, x))
        return f"[{inner}]" if type(x) is list else f"({inner}{',' if len(x) == 1 else ''})"
    if isinstance(x, (str, bytes, int, float, complex, slice, np.dtype, np.generic, type(None))):
        text = repr(x)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return getattr(x, "__name__", None) or describe(x)


def add_context(error: Exception, name: str, args: Any, params: dict[str, Any] | None) -> Exception:
    """Return ``error`` as the same kind of error, naming the operation and its operands."""
    kinds = (
        np.linalg.LinAlgError, IndexError, ValueError, TypeError, OverflowError,
        ZeroDivisionError, NotImplementedError,
    )  # fmt: skip
    is_numpys = type(error).__module__.startswith("numpy")  # such as that of a missing ufunc loop
    kind = next(
        (k for k in kinds if type(error) is k or (is_numpys and isinstance(error, k))), None
    )
    if isinstance(error, np.exceptions.AxisError) or _is_of_an_extension(error):
        kind = ValueError
    if _is_of_an_argument(error, args, params):
        kind = TypeError if type(error) is AttributeError else ValueError
    elif type(error) is AttributeError:  # NumPy asks objects for a method of the ufunc's name
        wrong = [a for a in args if not _is_numeric(a)]
        if wrong:
            return TypeError(
                f"{name}({operands(args, params)}): no array of numbers: {describe(wrong[0])}"
            )
    if kind is None:
        return error
    return kind(f"{name}({operands(args, params)}): {error}")


def _is_of_an_extension(error: Exception) -> bool:
    """Whether a compiled module, or NumPy's masked arrays, raised an exception of its own."""
    kind = type(error)
    return kind.__name__ in ("error", "MaskError") and not issubclass(kind, (ValueError, TypeError))


def _is_of_an_argument(error: Exception, args: Any, params: dict[str, Any] | None) -> bool:
    """Whether what lacks an attribute, or is no key, was given, and is no array or tensor."""
    if type(error) is AttributeError:
        wrong = error.obj
        return not hasattr(wrong, "__array__") and any(x is wrong for x in _items((args, params)))
    if type(error) is KeyError and error.args and isinstance(error.args[0], (str, int)):
        key = error.args[0]
        return any(type(x) is type(key) and x == key for x in _items((args, params)))
    return False


def _items(x: Any) -> Iterator[Any]:
    """All that lists, tuples and dicts hold, and these themselves."""
    yield x
    if isinstance(x, (list, tuple, dict)):
        for item in x.values() if isinstance(x, dict) else x:
            yield from _items(item)


def _is_numeric(x: Any) -> bool:
    if isinstance(x, int):
        return -(2**63) <= x < 2**64  # NumPy makes an object of a larger one
    return isinstance(x, (float, complex)) or (
        hasattr(x, "dtype") and getattr(x.dtype, "kind", "O") in "fciub"
    )


def call_of(
    who: str, f: Callable[..., Any], args: Any, kwargs: dict[str, Any], advice: str = ""
) -> Any:
    """``f(*args, **kwargs)``, a user's function that ``who`` calls; see :func:`failed_call`."""
    try:
        return f(*args, **kwargs)
    except (TypeError, ValueError) as error:
        told = failed_call(error, who, f, args, kwargs, advice)
        if told is error:
            raise
        raise told from error


def failed_call(
    error: Exception, who: str, f: Callable[..., Any], args: Any, kwargs: Any, advice: str = ""
) -> Exception:
    """What to raise where a user's function ``f``, called by ``who``, ended in ``error``.

    NumPy hides our refusal to become a number behind a ``ValueError`` of its own: ours is raised
    again. A call that does not fit the parameters of ``f`` is said to be one. All other errors are
    the user's, and stay as they are.
    """
    if type(error) is ValueError and isinstance(
        error.__cause__, (NonDifferentiableError, TracingError)
    ):
        return type(error.__cause__)(str(error.__cause__))
    if type(error) is TypeError and (misfit := misfit_of(f, args, kwargs)):
        return TypeError(f"{who}: {misfit}" + (f". {advice}" if advice else ""))
    return error


def misfit_of(f: Callable[..., Any], args: Any, kwargs: Any) -> str:
    """How a call does not fit the parameters of ``f``; empty where it does, or who knows."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):  # a ufunc or a built-in
        return ""
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        given = f"{len(args)} argument{'' if len(args) == 1 else 's'}"
        given += "".join(f", {name}=" for name in kwargs)
        name = getattr(f, "__name__", type(f).__name__)
        parameters = ", ".join(signature.parameters)
        return f"the function {name}({parameters}) was called with {given}: {error}"
    return ""
