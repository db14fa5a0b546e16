"""What public functions ask of their arguments: the checks, and how their errors read.

    who: name must be <what>, got <value>. <What to write instead.>

Each check returns the value as the function goes on with it. A value of the wrong type is a
``TypeError``, one out of range a ``ValueError``.
"""

from __future__ import annotations

import contextlib
import math
import operator
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import describe
from .interchange import is_foreign, to_array
from .tensor import Tensor

_OPS = f"{__name__.partition('.')[0]}.ops."
"""How names of modules of operations begin."""


def shown(value: Any) -> str:
    """A value in a message: short ones as they are written, arrays and objects by their kind.

    Examples
    --------
    >>> shown("relu"), shown(1.5), shown(np.zeros((2, 3)))
    ("'relu'", '1.5', 'float64(2, 3)')
    """
    if isinstance(value, Tensor):
        return describe(value)  # its text may be that of a traced value
    if value is None or isinstance(value, (str, bytes, bool, int, float, complex, np.generic)):
        text = repr(value.item() if isinstance(value, np.generic) else value)
        return text if len(text) <= 60 else text[:57] + "..."
    if isinstance(value, (tuple, list)) and len(value) <= 4:
        inner = ", ".join(map(shown, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    name = getattr(value, "__name__", None) if callable(value) else None
    return f"the function {name}" if isinstance(name, str) else describe(value)


def _must(who: str, name: str, what: str, value: Any, advice: str = "") -> str:
    return f"{who}: {name} must be {what}, got {shown(value)}" + (f". {advice}" if advice else "")


def integer(
    who: str,
    name: str,
    value: Any,
    least: int | None = None,
    advice: str = "",
    most: int | None = None,
) -> int:
    """An integer (Python's or NumPy's, no boolean), not below ``least`` nor above ``most``.

    Examples
    --------
    >>> integer("fit", "epochs", np.int64(3), least=0)
    3
    >>> integer("fit", "epochs", 1.5, least=0)
    Traceback (most recent call last):
    ...
    TypeError: fit: epochs must be an integer of at least 0, got 1.5
    """
    what = "an integer" if least is None else f"an integer of at least {least}"
    if most is not None:
        what += f" and at most {most}"
    try:
        if isinstance(value, (bool, np.bool)):
            raise TypeError
        found = operator.index(value)
    except TypeError:
        if isinstance(value, (float, np.floating)) and float(value).is_integer():
            advice = advice or f"Write {int(value)}."
        raise TypeError(_must(who, name, what, value, advice)) from None
    if (least is not None and found < least) or (most is not None and found > most):
        raise ValueError(_must(who, name, what, value, advice))
    return found


def number(
    who: str,
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    infinite: bool = False,
    advice: str = "",
) -> float:
    """A real number within bounds: not below ``least`` or above ``most``; or strictly within
    ``above`` and ``below``. It is never NaN.

    Examples
    --------
    >>> number("SGD", "momentum", 0.9, least=0, below=1)
    0.9
    >>> number("SGD", "momentum", 1.0, least=0, below=1)
    Traceback (most recent call last):
    ...
    ValueError: SGD: momentum must be in [0, 1), got 1.0
    >>> number("SGD", "lr", "fast", least=0)
    Traceback (most recent call last):
    ...
    TypeError: SGD: lr must be a number, at least 0, got 'fast'
    """
    what = _range(least, above, most, below)
    try:
        wrong = isinstance(value, (str, bytes, bytearray, bool, np.bool)) or np.ndim(value)
        if wrong or np.iscomplexobj(value):  # whose imaginary part float() would drop
            raise TypeError
        found = float(value)
    except OverflowError:  # an integer beyond all floats
        found = math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        what = "a number" + (f", {what}" if what else "")
        raise TypeError(_must(who, name, what, value, advice)) from None
    inside = (
        (least is None or found >= least)
        and (above is None or found > above)
        and (most is None or found <= most)
        and (below is None or found < below)
    )
    if math.isnan(found) or not inside or (math.isinf(found) and not infinite):
        raise ValueError(_must(who, name, what if what and not inside else "finite", value, advice))
    return value if type(value) is int and math.isfinite(found) else found


def flag(who: str, name: str, value: Any) -> bool:
    """True or False; an integer, too, as NumPy takes it.

    Examples
    --------
    >>> flag("to_dict", "vectors", np.zeros(3))
    Traceback (most recent call last):
    ...
    TypeError: to_dict: vectors must be True or False, got float64(3,)
    """
    try:
        found = int(value) if isinstance(value, np.bool) else operator.index(value)
        if abs(found) > _LARGEST_FLAG:
            raise TypeError
        return bool(found)
    except TypeError:
        raise TypeError(_must(who, name, "True or False", value)) from None


_LARGEST_FLAG = np.iinfo(np.intc).max
"""NumPy reads flags as integers of C, and takes no larger ones."""


def numbers(who: str, name: str, value: Any, *, count: int, **bounds: Any) -> tuple[float, ...]:
    """So many real numbers, each within the bounds of :func:`number`.

    Examples
    --------
    >>> numbers("Adam", "betas", 3, count=2, least=0, below=1)
    Traceback (most recent call last):
    ...
    TypeError: Adam: betas must be 2 numbers in [0, 1), got 3
    """
    what = f"{count} numbers"
    if ends := _range(*(bounds.get(end) for end in ("least", "above", "most", "below"))):
        what += f" {ends}" if ends.startswith("in") else f", each {ends}"
    try:
        if isinstance(value, str) or len(given := tuple(value)) != count:
            raise (TypeError if isinstance(value, str) else ValueError)
        return tuple(number(who, name, x, **bounds) for x in given)
    except (TypeError, ValueError) as error:
        raise type(error)(_must(who, name, what, value)) from None


def sequence(who: str, name: str, value: Any, of: str, advice: str = "") -> list[Any]:
    """Several things, as a list; a text is none of these.

    Examples
    --------
    >>> sequence("piecewise", "values", 0.1, "learning rates")
    Traceback (most recent call last):
    ...
    TypeError: piecewise: values must be a sequence of learning rates, got 0.1
    """
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict, set)):
        with contextlib.suppress(TypeError):  # an array without axes
            return list(value)
    raise TypeError(_must(who, name, f"a sequence of {of}", value, advice))


def _range(
    least: float | None, above: float | None, most: float | None, below: float | None
) -> str:
    low, high = (least if above is None else above), (most if below is None else below)
    if low is not None and high is not None:
        return f"in {'[' if above is None else '('}{low:g}, {high:g}{']' if below is None else ')'}"
    if low is not None:
        return f"at least {low:g}" if above is None else "positive" if not above else f"> {above:g}"
    return "" if high is None else f"at most {high:g}" if below is None else f"below {high:g}"


def function(
    who: str, name: str, value: Any, advice: str = "", *, what: str = "a function"
) -> Callable[..., Any]:
    """Something that can be called, and no tensor.

    Examples
    --------
    >>> function("fit", "loss", 3.0, "Write loss(params, batch).")
    Traceback (most recent call last):
    ...
    TypeError: fit: loss must be a function, got 3.0. Write loss(params, batch).
    """
    if not callable(value):
        raise TypeError(_must(who, name, what, value, advice))
    return value


def of_params(who: str, name: str, value: Any, params: Any, advice: str = "") -> Any:
    """A user's function of parameters and a batch: no loss of this library, of outputs and targets.

    Parameters that are one array may be the outputs themselves.

    Examples
    --------
    >>> from tinygrad_hess import nn
    >>> of_params("fit", "loss", nn.mse, nn.Linear(3, 1))
    Traceback (most recent call last):
    ...
    TypeError: fit: loss is called with parameters and a batch, but mse is a function of outputs and
    targets. Write lambda model, batch: mse(model(batch[0]), batch[1]).
    """
    function(who, name, value, advice)
    if (getattr(value, "__module__", None) or "").startswith(_OPS) and not hasattr(params, "shape"):
        called = value.__name__
        raise TypeError(
            f"{who}: {name} is called with parameters and a batch, but {called} is a function of "
            f"outputs and targets. Write lambda model, batch: {called}(model(batch[0]), batch[1])."
        )
    return value


def choice(who: str, name: str, value: Any, choices: Sequence[str], also: str = "") -> str:
    """One of a few names; ``also`` says what is checked elsewhere.

    Examples
    --------
    >>> choice("jacobian", "mode", "sideways", ("auto", "forward", "reverse"))
    Traceback (most recent call last):
    ...
    ValueError: jacobian: mode='sideways' is not 'auto', 'forward' or 'reverse'
    """
    if isinstance(value, str) and value in choices:
        return value
    *most, last = [*([also] if also else []), *map(repr, choices)]
    raise (ValueError if isinstance(value, str) else TypeError)(
        f"{who}: {name}={shown(value)} is not {', '.join(most)} or {last}"
    )


def instance(who: str, name: str, value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    """An object of one of these classes; ``what`` says which, and how one is made.

    Examples
    --------
    >>> instance("fit", "state", 3, tuple, "a state, as opt.init(params) makes it")
    Traceback (most recent call last):
    ...
    TypeError: fit: state must be a state, as opt.init(params) makes it, got 3
    """
    if isinstance(value, kind):
        return value
    made = isinstance(value, type) and issubclass(value, kind)
    advice = f"Make one: {value.__name__}(...)." if made else ""
    raise TypeError(_must(who, name, what, value, advice))


def generator(who: str, seed: Any) -> np.random.Generator:
    """NumPy's generator of a seed.

    Examples
    --------
    >>> generator("moons", "lucky")
    Traceback (most recent call last):
    ...
    TypeError: moons: seed must be an integer of at least 0 or a numpy.random.Generator, got 'lucky'
    """
    if isinstance(seed, np.matrix):
        seed = np.asarray(seed)  # NumPy would iterate over its rows, and theirs, until it crashes
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        what = "an integer of at least 0 or a numpy.random.Generator"
        raise type(error)(_must(who, "seed", what, seed)) from None


def array(who: str, name: str, value: Any) -> np.ndarray[Any, Any]:
    """An array of numbers (a tensor's value), from anything like one.

    Examples
    --------
    >>> array("batches", "x", [[1.0], [2.0, 3.0]])
    Traceback (most recent call last):
    ...
    TypeError: batches: x must be an array of numbers, got [[1.0], [2.0, 3.0]]
    """
    if is_foreign(value):
        return to_array(who, name, value)
    try:
        found = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
    except ValueError:  # rows of different lengths
        found = None
    if found is None or found.dtype.kind not in "fciub":
        raise TypeError(_must(who, name, "an array of numbers", value))
    return found


def floating(who: str, dtype: Any) -> np.dtype[Any]:
    """A real floating-point dtype.

    Examples
    --------
    >>> floating("Linear", int)
    Traceback (most recent call last):
    ...
    ValueError: Linear: dtype must be a floating-point type such as np.float32, got int
    """
    what = "a floating-point type such as np.float32"
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError):
        raise TypeError(_must(who, "dtype", what, dtype)) from None
    if found.kind != "f":
        raise ValueError(f"{who}: dtype must be {what}, got {describe(dtype)}")
    return found


def device(who: str, value: Any) -> None:
    """The one device that there is, or None.

    Examples
    --------
    >>> device("zeros_like", "cuda")
    Traceback (most recent call last):
    ...
    ValueError: zeros_like: device='cuda' is not there; give 'cpu', or nothing
    """
    if value not in (None, "cpu"):
        raise ValueError(f"{who}: device={value!r} is not there; give 'cpu', or nothing")


def path(who: str, value: Any, what: str = "path") -> Path:
    """A path to a file that can be written: its folder is there, and it is no folder itself.

    Examples
    --------
    >>> path("render", "nowhere/graph.svg")
    Traceback (most recent call last):
    ...
    FileNotFoundError: render: there is no folder 'nowhere' to write 'graph.svg' into. Make it: ...
    """
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(_must(who, what, "a path to a file", value))
    found = Path(value)
    if not found.parent.is_dir():
        folder = str(found.parent)
        raise FileNotFoundError(
            f"{who}: there is no folder {folder!r} to write {found.name!r} into. Make it: "
            f"Path({folder!r}).mkdir(parents=True)"
        )
    if found.is_dir():
        raise IsADirectoryError(f"{who}: {str(found)!r} is a folder; name a file in it")
    return found


def existing_file(who: str, value: str | os.PathLike[str]) -> Path:
    """A path to a file that is there, to be read.

    Examples
    --------
    >>> existing_file("load", "nowhere.npz")
    Traceback (most recent call last):
    ...
    FileNotFoundError: load: there is no file 'nowhere.npz'
    """
    found = Path(value)
    if not found.is_file():
        raise FileNotFoundError(f"{who}: there is no file {str(found)!r}")
    return found


def argument_numbers(who: str, argnums: Any) -> tuple[tuple[int, ...], bool]:
    """Argument numbers as a tuple, and whether one was given, not a sequence.

    Examples
    --------
    >>> argument_numbers("grad", 1), argument_numbers("grad", [0, 2])
    (((1,), True), ((0, 2), False))
    >>> argument_numbers("grad", 3.0)
    Traceback (most recent call last):
    ...
    TypeError: grad: argnums must be an integer or a tuple of integers, got 3.0. The arguments of \
f go to the function that grad makes: write tg.grad(f)(3.0).
    """
    single = not isinstance(argnums, Iterable) or hasattr(argnums, "shape")
    given = (argnums,) if single else tuple(argnums)
    try:
        return tuple(integer(who, "argnums", n) for n in given), single
    except TypeError:
        point = shown(argnums) if isinstance(argnums, (int, float, complex)) else "x"
        advice = (
            f"The arguments of f go to the function that {who} makes: write tg.{who}(f)({point})."
        )
        what = "an integer or a tuple of integers"
        raise TypeError(_must(who, "argnums", what, argnums, advice)) from None
