"""Dispatch between NumPy's own function, of arrays, and a composition of operations, of tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..core.tensor import Tensor
from ._types import Array, ArrayLike
from .shape.rearranging import stack

Function = TypeVar("Function", bound=Callable[..., Any])


def on_tensors(original: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorate what a function of NumPy's is on tensors; calls without one go to ``original``.

    So arrays have NumPy's answer to the last bit, all its options, and its speed; a composition of
    operations serves those that have something to differentiate.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if contains_tensor(args) or (kwargs and contains_tensor(tuple(kwargs.values()))):
                return function(*args, **kwargs)
            return original(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate


def contains_tensor(x: ArrayLike) -> bool:
    """Whether it is a tensor, or a list or tuple that contains one."""
    if isinstance(x, (list, tuple)):
        return any(map(contains_tensor, x))
    return isinstance(x, Tensor)


def as_array(x: ArrayLike) -> Array:
    """A tensor as it is, a list that contains tensors as their stack, anything else as an array."""
    if isinstance(x, Tensor):
        return x
    return stack([as_array(item) for item in x]) if contains_tensor(x) else np.asarray(x)


def as_floating(x: ArrayLike) -> Array:
    """As :func:`as_array`; integers and booleans become float64, as in NumPy."""
    x = as_array(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def concrete(x: ArrayLike, what: str) -> Any:
    """The concrete values, for what depends on them; an error if a replay may have others."""
    x = as_array(x)
    if not isinstance(x, Tensor):
        return x
    x._refuse_while_traced(what)
    return x.numpy()
