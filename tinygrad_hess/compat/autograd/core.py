"""Products with the Jacobian of a function of one argument, from either side."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optree

from ... import Tensor
from ... import jvp as _jvp
from ... import vjp as _vjp
from .primitives import (
    Primitive,
    SparseObject,
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    sweeping,
)
from .vector_spaces import VSpace, vspace
from .wrap_util import wraps

__all__ = [
    "Primitive", "SparseObject", "VSpace", "def_linear", "defjvp", "defjvp_argnum",
    "defjvp_argnums", "defvjp", "defvjp_argnum", "defvjp_argnums", "floating", "make_jvp",
    "make_vjp", "noticing_independence", "primitive", "primitive_with_deprecation_warnings",
    "vspace",
]  # fmt: skip


def floating(x: Any) -> Any:
    """An argument to differentiate: arrays of integers as floats, as autograd's come out.

    Raises
    ------
    TypeError
        For numbers that are integers, and for what is no number.
    """

    def convert(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "iub":
            return leaf.astype(float)
        if isinstance(leaf, (Tensor, np.ndarray, np.inexact, float, complex)):
            return leaf
        raise TypeError(f"Can't differentiate w.r.t. type {type(leaf)}")

    return optree.tree_map(convert, x, none_is_leaf=True)


def noticing_independence(fun: Callable[..., Any]) -> Callable[[Any], Any]:
    """``fun``, with autograd's warning where its output is not computed from its argument."""

    @wraps(fun)
    def recorded(x: Any) -> Any:
        starts = [t.time for t in optree.tree_leaves(x) if isinstance(t, Tensor)]
        out = fun(x)
        leaves = [y for y in optree.tree_leaves(out) if isinstance(y, Tensor)]
        made = [y.time for y in leaves if y.requires_grad]
        if starts and max(made, default=-1) < min(starts):
            warnings.warn("Output seems independent of input.", stacklevel=2)
        return out

    return recorded


def make_vjp(fun: Callable[..., Any], x: Any) -> tuple[Callable[[Any], Any], Any]:
    """``(vjp, value)`` of ``fun`` at ``x``; ``vjp(g)`` has the structure of ``x``."""
    value, pullback = _vjp(noticing_independence(fun), floating(x))
    return lambda g: pullback(_like(g, value))[0], value


def make_jvp(fun: Callable[..., Any], x: Any) -> Callable[[Any], tuple[Any, Any]]:
    """A function from a tangent of ``x`` to ``(value, tangent)`` of ``fun``."""
    x = floating(x)

    def jvp(v: Any) -> tuple[Any, Any]:
        with sweeping("forward"):
            return _jvp(noticing_independence(fun), (x,), (_like(v, x),))

    return jvp


def _like(given: Any, value: Any) -> Any:
    """What stands for an element beside ``value``, broadcast to its shape."""

    def fit(y: Any, c: Any) -> Any:
        if np.shape(y) == np.shape(c):
            return c
        return np.broadcast_to(c, np.shape(y)) if isinstance(c, (float, np.ndarray)) else c

    same = optree.tree_structure(given) == optree.tree_structure(value)
    return optree.tree_map(fit, value, given) if same else given


# ---- the way to give rules before autograd 1.2 --------------------------------------------------

_DEPRECATED = "The {} method is deprecated: use autograd.extend.defvjp."


def _deprecated(name: str) -> Callable[[Any], Any]:
    def make(fun: Primitive) -> Any:
        rules: dict[int, Any] = {}

        def define(rule: Any = None, argnum: Any = 0, argnums: Any = (0,)) -> None:
            warnings.warn(_DEPRECATED.format(name), stacklevel=2)
            if name == "defvjp_is_zero":
                rules.update(dict.fromkeys(rule if rule is not None else argnums))
            elif name == "defgrad":
                rules[argnum] = rule
            else:
                rules[argnum] = lambda ans, *args, **kwargs: (
                    lambda g: rule(g, ans, vspace(args[argnum]), vspace(g), *args, **kwargs)
                )
            defvjp(fun, *rules.values(), argnums=tuple(rules))

        return define

    return make


def primitive_with_deprecation_warnings(f_raw: Callable[..., Any]) -> Any:
    """A primitive that also has ``defvjp``, ``defgrad`` and ``defvjp_is_zero`` as methods."""
    made: Any = Primitive(f_raw)
    for name in ("defvjp", "defgrad", "defvjp_is_zero"):
        setattr(made, name, _deprecated(name)(made))
    return made


primitive = primitive_with_deprecation_warnings
