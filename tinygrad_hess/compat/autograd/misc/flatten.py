"""Trees of arrays as flat vectors, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .... import numpy as tnp
from ..core import make_vjp


def flatten(value: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A flat vector of what lists, tuples and dicts hold (by sorted keys), and the way back.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.compat.autograd.misc import flatten
    >>> flat, unflatten = flatten({"b": np.ones(2), "a": 3.0})
    >>> flat, unflatten(flat)["b"]
    (array([3., 1., 1.]), array([1., 1.]))
    """
    unflatten, flat = make_vjp(_flat, value)
    return flat, unflatten


def _flat(value: Any) -> Any:
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if not isinstance(value, (list, tuple)):
        return tnp.ravel(value)
    return tnp.concatenate([_flat(item) for item in value]) if value else tnp.zeros(0)


def flatten_func(
    func: Callable[..., Any], example: Any
) -> tuple[Callable[..., Any], Callable[[Any], Any], Any]:
    """``func`` of flat vectors, the way back, and the flat example."""
    flat, unflatten = flatten(example)
    return lambda x, *args: flatten(func(unflatten(x), *args))[0], unflatten, flat
