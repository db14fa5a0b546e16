"""What a module says of a name that it does not have, and a function of a keyword: which one is
meant, or what to write.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

SYNONYMS = {
    "batch_size": "size",
    "beta_1": "betas",
    "beta_2": "betas",
    "d_model": "width",
    "dim_feedforward": "hidden",
    "embed_dim": "width",
    "embedding_dim": "width",
    "input": "logits",
    "kernel_size": "size",
    "learning_rate": "lr",
    "nhead": "heads",
    "normalized_shape": "shape",
    "num_embeddings": "count",
    "num_features": "channels",
    "random_state": "seed",
    "rate": "p",
    "target": "labels",
    "test_size": "test",
    "units": "out_features",
}
"""Keywords of PyTorch, Keras and scikit-learn that are not like ours, and what they may be here."""


def suggesting(module: str, advice: Mapping[str, str]) -> Callable[[str], Any]:
    """A ``__getattr__`` of a module, with what to write for names of other libraries.

    Examples
    --------
    >>> from tinygrad_hess import nn
    >>> nn.ReLU
    Traceback (most recent call last):
    ...
    AttributeError: module 'tinygrad_hess.nn' has no attribute 'ReLU'; is it relu?
    """

    def look_up(name: str) -> Any:
        held = vars(sys.modules[module]).items()
        known = [other for other, value in held if not isinstance(value, ModuleType)]
        raise missing(module, name, known, advice)

    return look_up


def missing(
    module: str, name: str, known: Iterable[str], advice: Mapping[str, str]
) -> AttributeError:
    """The error for a name that a module does not have, though it has those ``known``."""
    hint = ""
    if not name.startswith("_"):  # Python, pickle and doctest ask for such
        public = [other for other in known if not other.startswith("_")]
        alike = [other for other in public if _plain(other) == _plain(name)]
        near = alike or get_close_matches(name, public)
        if name in advice:
            hint = f". {advice[name]}"
        elif near:
            hint = f"; is it {' or '.join(near)}?"
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint}")


def _plain(name: str) -> str:
    """A name without what libraries differ in: ``CrossEntropyLoss``, ``make_moons``."""
    plain = name.removeprefix("load_").removeprefix("make_").lower().replace("_", "")
    return plain.removesuffix("loss")


def unexpected_keyword(
    who: str,
    functions: Iterable[Callable[..., Any]],
    kwargs: Iterable[str],
    advice: Mapping[str, str] | None = None,
) -> TypeError | None:
    """The error for a keyword that none of the functions takes; None where there is none.

    ``functions`` are those through which a call goes: each passes on what it has no name for.

    Examples
    --------
    >>> def batches(x, y, size): ...
    >>> print(unexpected_keyword("batches", [batches], ["batch_size"]))
    batches() got an unexpected keyword argument 'batch_size'; is it size?
    >>> print(unexpected_keyword("batches", [batches], ["drop"]))
    batches() got an unexpected keyword argument 'drop'; its arguments are x, y, size
    """
    known: dict[str, None] = {}
    for function in functions:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return None
        known |= {p.name: None for p in parameters if p.kind is not p.VAR_KEYWORD}
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    else:
        return None
    known.pop("self", None)
    name = next((name for name in kwargs if name not in known), None)
    if name is None:
        return None
    synonym = SYNONYMS.get(name)
    near = [synonym] if synonym in known else get_close_matches(name, known)
    if advice and name in advice:
        hint = f". {advice[name]}"
    elif near:
        hint = f"; is it {' or '.join(near)}?"
    else:
        hint = f"; its arguments are {', '.join(known)}" if known else ""
    return TypeError(f"{who}() got an unexpected keyword argument {name!r}{hint}")


def suggesting_keywords(
    advice: Mapping[str, str], too_many: str = ""
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Decorate a function to say, of a keyword that it does not take, which one is meant.

    Parameters
    ----------
    advice : mapping
        What to write for keywords of other libraries.
    too_many : str
        What to write for more positional arguments than it takes.

    Examples
    --------
    >>> @suggesting_keywords({"shuffle": "Its order is drawn anew each epoch."}, "Give (x, y).")
    ... def train(data, *, epochs=1): ...
    >>> train(0, shuffle=True)
    Traceback (most recent call last):
    ...
    TypeError: train() got an unexpected keyword argument 'shuffle'. Its order is drawn anew ...
    """

    def decorated(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        who = function.__name__
        kinds = [p.kind for p in inspect.signature(function).parameters.values()]
        most = sum(kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)

        @functools.wraps(function)
        def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            if kwargs and (error := unexpected_keyword(who, [function], kwargs, advice)):
                raise error
            if too_many and len(args) > most:
                raise TypeError(
                    f"{who}() takes {most} positional arguments but {len(args)} were given. "
                    f"{too_many}"
                )
            return function(*args, **kwargs)

        return call

    return decorated
