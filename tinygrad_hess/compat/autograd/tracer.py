"""Values that are being recorded: what autograd calls a box is a ``tg.Tensor`` here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optree

from ... import Tensor
from .primitives import Primitive
from .wrap_util import wraps

Box = Tensor


def isbox(x: Any) -> bool:
    """Whether ``x`` is recorded rather than a plain value."""
    return isinstance(x, Tensor)


def getval(x: Any) -> Any:
    """The plain value of ``x``, and of what a container holds."""
    if isinstance(x, Tensor):
        return x.value if type(x) is Tensor else x.numpy()  # an error: it has many values
    if type(x) in (list, tuple, dict):
        return optree.tree_map(getval, x, none_is_leaf=True)
    return x


def primitive(f_raw: Callable[..., Any]) -> Primitive:
    """A function whose derivatives are given by ``defvjp`` and ``defjvp``.

    It is called on plain values. What it is called with outside is on the tape as one node.

    Examples
    --------
    >>> from tinygrad_hess.compat.autograd import grad
    >>> from tinygrad_hess.compat.autograd.extend import defvjp, primitive
    >>> @primitive
    ... def cube(x):
    ...     return x**3
    >>> defvjp(cube, lambda ans, x: lambda g: 3 * g * x**2)
    >>> grad(cube)(2.0), grad(grad(cube))(2.0)
    (np.float64(12.0), np.float64(12.0))
    """
    return Primitive(f_raw)


def notrace_primitive(f_raw: Callable[..., Any]) -> Callable[..., Any]:
    """A function of plain values that carries no derivative."""

    @wraps(f_raw)
    def on_values(*args: Any, **kwargs: Any) -> Any:
        return f_raw(*map(getval, args), **kwargs)

    return on_values


def register_notrace(trace_type: Any, primitive_fun: Any) -> None:
    """Say that a primitive carries no derivative."""
    if isinstance(primitive_fun, Primitive):
        primitive_fun.traced = False
