"""``stop_gradient``: the same values, through which no derivative flows."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core import trees


def stop_gradient(x: Any) -> Any:
    """The same value, through which no derivative flows.

    Parameters
    ----------
    x : array, tensor, or any pytree of them

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> tg.grad(lambda x: x * tg.stop_gradient(x))(3.0)
    np.float64(3.0)
    >>> tg.grad(lambda p: p["a"] * tg.stop_gradient(p)["a"])({"a": 3.0})
    {'a': np.float64(3.0)}
    """
    return trees.map(ops.stop_gradient, x)
