"""Tensor's operators and methods, bound from the operations by name.

Methods carry NumPy's names and those that users of PyTorch and tinygrad type. Where the two
differ in meaning, NumPy's wins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import modes, ops
from .backward import backward
from .errors import describe
from .tensors import LEAF, Batched, Tensor, unrecorded

_OPERATORS = {
    "add": ops.add, "sub": ops.subtract, "mul": ops.multiply, "truediv": ops.divide,
    "pow": ops.power, "matmul": ops.matmul, "mod": ops.mod, "floordiv": ops.floor_divide,
    "and": ops.bitwise_and, "or": ops.bitwise_or, "xor": ops.bitwise_xor,
}  # fmt: skip
_COMPARISONS = {
    "eq": ops.equal, "ne": ops.not_equal, "lt": ops.less, "le": ops.less_equal,
    "gt": ops.greater, "ge": ops.greater_equal,
}  # fmt: skip

_METHODS = [
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "cumprod", "cumsum",
    "diagonal", "diff", "dot", "log_softmax", "logsumexp", "max", "mean", "median", "min", "norm",
    "prod", "ptp", "ravel", "repeat", "roll", "sort", "split", "squeeze", "std", "sum",
    "swapaxes", "take", "tile", "trace", "var", "softmax", "matmul", "moveaxis", "exp", "expm1",
    "log", "log1p", "log2", "log10", "sqrt", "cbrt", "square", "reciprocal", "sin", "cos", "tan",
    "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
    "floor", "ceil", "trunc", "sign", "isnan", "isinf", "isfinite", "sinc", "erf", "relu",
    "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "maximum", "minimum", "flip",
    "outer", "tril", "triu", "diag",
]  # fmt: skip
_ALIASES = {
    "abs": ops.absolute, "neg": ops.negative, "pow": ops.power, "round": ops.rint,
    "add": ops.add, "sub": ops.subtract, "mul": ops.multiply, "div": ops.divide,
    "clamp": ops.clip, "unsqueeze": ops.expand_dims,
}  # fmt: skip


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        return function(other, self)

    return method


def _variable(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method that takes a tuple, or its items: ``x.reshape(2, 3)`` or ``x.reshape((2, 3))``."""

    def method(self: Tensor, *items: Any) -> Any:
        nested = len(items) == 1 and (items[0] is None or np.iterable(items[0]))
        return function(self, items[0] if nested else items)

    method.__doc__ = function.__doc__
    return method


def _transpose(self: Tensor, *axes: Any) -> Any:
    """Permute the axes, given as a tuple or one by one; reverse them when none are given."""
    nested = len(axes) == 1 and np.iterable(axes[0])
    return ops.transpose(self, (axes[0] if nested else axes) or None)


def _flatten(self: Tensor, start: int = 0) -> Any:
    """Join all axes from ``start`` on."""
    return ops.reshape(self, (*self.shape[:start], -1))


def _copy(self: Tensor) -> Any:
    """The same values as a new tensor; a gradient flows through the copy."""
    return ops.positive(self)


def _in_place(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """``p -= d`` gives a leaf a new value under ``no_grad``; elsewhere it is ``p = p - d``."""

    def method(self: Tensor, other: Any) -> Any:
        if modes.is_recording() or self.prim is not LEAF:
            return function(self, other)
        value = function(self.value, unrecorded(other))
        if np.shape(value) != self.shape:
            raise ValueError(f"{name}: a leaf {describe(self)} cannot become {describe(value)}")
        self.value = np.asarray(value, self.dtype)[()]
        return self

    return method


def _setitem(self: Tensor, key: Any, value: Any) -> None:
    raise TypeError(
        "a tensor cannot be assigned to in place: the tape may still need its value. Build the "
        "new value instead, as in np.where(mask, new, x), or assign to x.numpy() (a copy)."
    )


def install() -> None:
    """Bind operators, methods and properties to :class:`Tensor`."""
    for name, function in _OPERATORS.items():
        setattr(Tensor, f"__{name}__", function)
        setattr(Tensor, f"__r{name}__", _reflected(function))
    for name in ("add", "sub", "mul", "truediv"):
        setattr(Tensor, f"__i{name}__", _in_place(name, _OPERATORS[name]))
    for name, function in _COMPARISONS.items():
        setattr(Tensor, f"__{name}__", function)
    for name in _METHODS:
        setattr(Tensor, name, getattr(ops, name))
    for name, alias in _ALIASES.items():
        setattr(Tensor, name, alias)
    special: dict[str, Any] = {
        "__neg__": ops.negative,
        "__pos__": ops.positive,
        "__abs__": ops.absolute,
        "__invert__": ops.invert,
        "__getitem__": ops.index,
        "__setitem__": _setitem,
        "backward": backward,
        "reshape": _variable(ops.reshape),
        "view": _variable(ops.reshape),
        "permute": _variable(ops.transpose),
        "expand": _variable(ops.broadcast_to),
        "broadcast_to": _variable(ops.broadcast_to),
        "transpose": _transpose,
        "flatten": _flatten,
        "copy": _copy,
        "T": property(ops.transpose, doc="The axes reversed."),
        "mT": property(ops.matrix_transpose, doc="The last two axes swapped."),
    }
    for name, function in special.items():
        setattr(Tensor, name, function)
    for kind in (Tensor, Batched):
        kind.__hash__ = object.__hash__  # type: ignore  # __eq__ compares elements
