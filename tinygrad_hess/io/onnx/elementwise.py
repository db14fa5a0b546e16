"""Operators of single elements, activations, choices and types."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ... import ops
from ...core.tensor import Tensor, tensor_or_array
from ...ops.nn import activation
from ...ops.shape.axes import shape_of
from .node import Node, Rule, axis_of

TYPES = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64,
    9: np.bool_, 10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
"""ONNX's numbers of element types that NumPy has."""


def _of(function: Callable[..., Any]) -> Rule:
    """The rule of a function of the inputs alone."""
    return lambda node, *inputs: function(*inputs)


def _folded(function: Callable[[Any, Any], Any]) -> Rule:
    return lambda node, *inputs: functools.reduce(function, inputs)


def _divide(node: Node, a: Any, b: Any) -> Any:
    if _is_integer(a) and _is_integer(b):  # towards zero, as in C
        return ops.sign(a) * ops.sign(b) * ops.floor_divide(ops.absolute(a), ops.absolute(b))
    return ops.divide(a, b)


def _is_integer(x: Any) -> bool:
    return bool(tensor_or_array(x).dtype.kind in "iu")


def _is_infinite(node: Node, x: Any) -> Any:
    up, down = node.get("detect_positive", 1), node.get("detect_negative", 1)
    sides = [ops.greater(x, 0)] * bool(up) + [ops.less(x, 0)] * bool(down)
    side = functools.reduce(ops.logical_or, sides, np.False_)
    return ops.logical_and(ops.isinf(x), side)


def _modulo(node: Node, a: Any, b: Any) -> Any:
    return ops.fmod(a, b) if node.get("fmod", 0) else ops.mod(a, b)


def _power(node: Node, a: Any, b: Any) -> Any:
    if not isinstance(b, Tensor) and np.ndim(b) == 0:  # smooth at 0, as x**2 is
        return ops.power(a, np.asarray(b).item())
    out, dtype = ops.power(a, b), tensor_or_array(a).dtype
    return out if out.dtype == dtype else ops.astype(out, dtype)


def _mean(node: Node, *inputs: Any) -> Any:
    return functools.reduce(ops.add, inputs) / len(inputs)


def _clip(node: Node, x: Any, low: Any = None, high: Any = None) -> Any:
    low = node.get("min") if low is None else low
    high = node.get("max") if high is None else high
    return x if low is None and high is None else ops.clip(x, low, high)


def _cast(node: Node, x: Any) -> Any:
    return ops.astype(x, np.dtype(TYPES[node.get("to")]))


def _cast_limit(node: Node, known: Mapping[str, Any]) -> str:
    return "" if node.get("to") in TYPES else f"to element type {node.get('to')}"


def _cast_like(node: Node, x: Any, like: Any) -> Any:
    return ops.astype(x, tensor_or_array(like).dtype)


def _dropout(node: Node, x: Any, *_: Any) -> Any:
    return x if len(node.outputs) == 1 else (x, np.ones(shape_of(x), bool))


def _dropout_limit(node: Node, known: Mapping[str, Any]) -> str:
    mode = node.inputs[2] if len(node.inputs) > 2 else ""
    off = not mode or (mode in known and not np.any(known[mode]))
    return "" if off else "in training; export the model in evaluation mode"


def _hard_sigmoid(node: Node, x: Any) -> Any:
    return ops.clip(node.get("alpha", 0.2) * x + node.get("beta", 0.5), 0, 1)


def _selu(node: Node, x: Any) -> Any:
    return node.get("gamma", 1.0507010221481323) * ops.elu(x, node.get("alpha", 1.6732631921768188))


def _gelu(node: Node, x: Any) -> Any:
    return ops.gelu(x, node.get("approximate", "none") == "tanh")


def _prelu(node: Node, x: Any, slope: Any) -> Any:
    return ops.where(ops.greater(x, 0), x, slope * x)


def _thresholded(node: Node, x: Any) -> Any:
    return ops.where(ops.greater(x, node.get("alpha", 1.0)), x, 0.0)


def _normalised(function: Callable[..., Any], node: Node, x: Any) -> Any:
    """Softmax and its logarithm: before version 13 over all axes from one on."""
    if node.opset >= 13:
        return function(x, node.get("axis", -1))
    shape = shape_of(x)
    return function(x, tuple(range(axis_of(node, len(shape), 1), len(shape))))


ELEMENTWISE: dict[str, Rule] = {
    "Abs": _of(ops.absolute), "Neg": _of(ops.negative), "Exp": _of(ops.exp), "Log": _of(ops.log),
    "Sqrt": _of(ops.sqrt), "Reciprocal": _of(ops.reciprocal), "Erf": _of(ops.erf),
    "Sign": _of(ops.sign), "Floor": _of(ops.floor), "Ceil": _of(ops.ceil), "Round": _of(ops.rint),
    "Sin": _of(ops.sin), "Cos": _of(ops.cos), "Tan": _of(ops.tan), "Asin": _of(ops.arcsin),
    "Acos": _of(ops.arccos), "Atan": _of(ops.arctan), "Sinh": _of(ops.sinh), "Cosh": _of(ops.cosh),
    "Asinh": _of(ops.arcsinh), "Acosh": _of(ops.arccosh), "Atanh": _of(ops.arctanh),
    "Tanh": _of(ops.tanh), "Sigmoid": _of(ops.sigmoid), "Relu": _of(ops.relu),
    "Softplus": _of(ops.softplus), "Softsign": _of(activation.softsign),
    "Mish": _of(activation.mish), "HardSwish": _of(activation.hard_swish),
    "IsNaN": _of(ops.isnan), "IsInf": _is_infinite, "Not": _of(ops.logical_not),
    "And": _of(ops.logical_and), "Or": _of(ops.logical_or), "Xor": _of(ops.logical_xor),
    "Equal": _of(ops.equal), "Less": _of(ops.less), "Greater": _of(ops.greater),
    "LessOrEqual": _of(ops.less_equal), "GreaterOrEqual": _of(ops.greater_equal),
    "Add": _of(ops.add), "Sub": _of(ops.subtract), "Mul": _of(ops.multiply), "Div": _divide,
    "Mod": _modulo, "Pow": _power, "Min": _folded(ops.minimum), "Max": _folded(ops.maximum),
    "Sum": _folded(ops.add), "Mean": _mean, "Where": _of(ops.where), "Clip": _clip,
    "Cast": _cast, "CastLike": _cast_like, "Identity": _of(lambda x: x), "Dropout": _dropout,
    "LeakyRelu": lambda node, x: ops.leaky_relu(x, node.get("alpha", 0.01)),
    "Elu": lambda node, x: ops.elu(x, node.get("alpha", 1.0)),
    "Celu": lambda node, x: activation.celu(x, node.get("alpha", 1.0)),
    "Selu": _selu, "Gelu": _gelu, "PRelu": _prelu, "ThresholdedRelu": _thresholded,
    "HardSigmoid": _hard_sigmoid,
    "Softmax": functools.partial(_normalised, ops.softmax),
    "LogSoftmax": functools.partial(_normalised, ops.log_softmax),
}  # fmt: skip

LIMITS = {"Cast": _cast_limit, "Dropout": _dropout_limit}
