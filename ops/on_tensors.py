"""NumPy's own function where no operand is a tensor; the decorated one where some is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..core.tensor import Tensor
from .shape.rearranging import stack

Function = TypeVar("Function", bound=Callable[..., Any])


def on_tensors(original: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorate what a function of NumPy's is on tensors: arrays go to ``original`` itself.

    So arrays have NumPy's answer to the last bit, all its options, and its speed; a composition of
    operations serves those that have something to differentiate.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if holds_tensor(args) or (kwargs and holds_tensor(tuple(kwargs.values()))):
                return function(*args, **kwargs)
            return original(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate


def holds_tensor(x: Any) -> bool:
    """Whether it is a tensor, or a list or tuple with one in it."""
    if isinstance(x, (list, tuple)):
        return any(map(holds_tensor, x))
    return isinstance(x, Tensor)


def held(x: Any) -> Any:
    """A tensor as it is, a list with tensors as their stack, anything else as an array."""
    if isinstance(x, Tensor):
        return x
    return stack([held(item) for item in x]) if holds_tensor(x) else np.asarray(x)


def floating(x: Any) -> Any:
    """The same; integers and booleans become float64, as in NumPy."""
    x = held(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def seen(x: Any, what: str) -> Any:
    """The values, for a choice that depends on them; an error where a replay may have others."""
    if not isinstance(x, Tensor):
        x = held(x)
    if not isinstance(x, Tensor):
        return x
    x._refuse_while_traced(what)
    return x.numpy()
