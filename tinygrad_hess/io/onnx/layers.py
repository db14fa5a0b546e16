"""Operators that are layers: convolutions, pooling, normalisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ... import ops
from ...ops.shape.axes import shape_of
from .node import Node, Rule, axis_of

Pairs = list[tuple[int, int]]

# ---- windows ------------------------------------------------------------------------------------


def _pads(node: Node, x: Any, size: Sequence[int]) -> Pairs:
    """How much is added before and after each axis of the windows."""
    rank, auto = len(size), node.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        widths = node.get("pads", (0,) * 2 * rank)
        return [*zip(widths[:rank], widths[rank:], strict=True)]
    if auto == "VALID":
        return [(0, 0)] * rank
    strides, dilations = _along(node, "strides", rank), _along(node, "dilations", rank)
    pairs = []
    for n, k, s, d in zip(shape_of(x)[2:], size, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        less, more = total // 2, total - total // 2
        pairs.append((less, more) if auto == "SAME_UPPER" else (more, less))
    return pairs


def _along(node: Node, name: str, rank: int) -> tuple[int, ...]:
    return tuple(node.get(name, (1,) * rank))


def _padded(x: Any, pairs: Pairs, value: float = 0.0) -> Any:
    if not any(a or b for a, b in pairs):
        return x
    return ops.pad(x, [(0, 0), (0, 0), *pairs], constant_values=value)


def _conv(node: Node, x: Any, w: Any, b: Any = None) -> Any:
    size = shape_of(w)[2:]
    rank = len(size)
    convolution = _by_rank(node, rank, ops.conv1d, ops.conv2d)
    strides, dilations = _along(node, "strides", rank), _along(node, "dilations", rank)
    x = _padded(x, _pads(node, x, size))
    return convolution(x, w, b, strides, 0, dilations, node.get("group", 1))


def _conv_transpose(node: Node, x: Any, w: Any, b: Any = None) -> Any:
    size = shape_of(w)[2:]
    rank = len(size)
    convolution = _by_rank(node, rank, ops.conv_transpose1d, ops.conv_transpose2d)
    padding = tuple(before for before, _ in _pads(node, x, size))
    more = tuple(node.get("output_padding", (0,) * rank))
    strides, dilations = _along(node, "strides", rank), _along(node, "dilations", rank)
    return convolution(x, w, b, strides, padding, more, node.get("group", 1), dilations)


def _by_rank(node: Node, rank: int, *functions: Callable[..., Any]) -> Callable[..., Any]:
    if not 1 <= rank <= len(functions):
        raise NotImplementedError(f"{node}: windows along {rank} axes; there are those of 1 and 2")
    return functions[rank - 1]


def _rank_limit(node: Node, known: Mapping[str, Any]) -> str:
    if node.inputs[1] not in known:
        return ""
    rank = np.ndim(known[node.inputs[1]]) - 2
    return "" if rank in (1, 2) else f"along {rank} axes"


def _transpose_limit(node: Node, known: Mapping[str, Any]) -> str:
    widths = node.get("pads", ())
    half = len(widths) // 2
    if node.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or node.get("output_shape"):
        return "auto_pad or output_shape"
    if tuple(widths[:half]) != tuple(widths[half:]):
        return "pads that differ before and after"
    return _rank_limit(node, known)


def _max_pool(node: Node, x: Any) -> Any:
    size = tuple(node.get("kernel_shape"))
    pool = _by_rank(node, len(size), ops.max_pool1d, ops.max_pool2d)
    low = float((np.finfo if x.dtype.kind == "f" else np.iinfo)(x.dtype).min)
    return pool(_padded(x, _pads(node, x, size), low), size, _along(node, "strides", len(size)))


def _average_pool(node: Node, x: Any) -> Any:
    size = tuple(node.get("kernel_shape"))
    pool = _by_rank(node, len(size), ops.avg_pool1d, ops.avg_pool2d)
    strides, pairs = _along(node, "strides", len(size)), _pads(node, x, size)
    out = pool(_padded(x, pairs), size, strides)
    if node.get("count_include_pad", 0) or not any(a or b for a, b in pairs):
        return out
    ones = np.ones((1, 1, *shape_of(x)[2:]), x.dtype)
    return out / pool(_padded(ones, pairs), size, strides)  # the share of a window that is no pad


def _pool_limit(node: Node, known: Mapping[str, Any]) -> str:
    if node.get("ceil_mode", 0):
        return "ceil_mode"
    if any(d != 1 for d in node.get("dilations", ())):
        return "dilations"
    if len(node.outputs) > 1:
        return "positions of maxima"
    rank = len(node.get("kernel_shape", ()))
    return "" if rank in (1, 2) else f"along {rank} axes"


def _over_image(function: Callable[..., Any]) -> Rule:
    return lambda node, x: function(x, axis=tuple(range(2, len(shape_of(x)))), keepdims=True)


# ---- normalisation ------------------------------------------------------------------------------


def _by_channel(x: Any, rank: int) -> Any:
    """(C,) to (C, 1, ...)."""
    return ops.reshape(x, (-1, *(1,) * (rank - 2)))


def _batch_norm(node: Node, x: Any, scale: Any, bias: Any, mean: Any, var: Any) -> Any:
    rank = len(shape_of(x))
    factor = scale / ops.sqrt(var + node.get("epsilon", 1e-5))
    shift = bias - mean * factor
    return x * _by_channel(factor, rank) + _by_channel(shift, rank)


def _batch_norm_limit(node: Node, known: Mapping[str, Any]) -> str:
    training = node.get("training_mode", 0) or len([n for n in node.outputs if n]) > 1
    return "in training; export the model in evaluation mode" if training else ""


def _layer_norm(node: Node, x: Any, scale: Any, bias: Any = None) -> Any:
    rank = len(shape_of(x))
    axes = tuple(range(axis_of(node, rank, -1) - rank, 0))
    return ops.layer_norm(x, axes, scale, bias, node.get("epsilon", 1e-5))


def _layer_norm_limit(node: Node, known: Mapping[str, Any]) -> str:
    return "its mean and deviation as outputs" if len(node.outputs) > 1 else ""


def _rms_norm(node: Node, x: Any, scale: Any) -> Any:
    rank = len(shape_of(x))
    axes = tuple(range(axis_of(node, rank, -1), rank))
    mean = ops.mean(ops.square(x), axes, keepdims=True)
    return x / ops.sqrt(mean + node.get("epsilon", 1e-5)) * scale


def _instance_norm(node: Node, x: Any, scale: Any, bias: Any) -> Any:
    rank = len(shape_of(x))
    out = ops.layer_norm(x, tuple(range(2 - rank, 0)), eps=node.get("epsilon", 1e-5))
    return out * _by_channel(scale, rank) + _by_channel(bias, rank)


def _group_norm(node: Node, x: Any, scale: Any, bias: Any) -> Any:
    shape, groups = shape_of(x), node.get("num_groups")
    rows = ops.reshape(x, (shape[0], groups, -1))
    out = ops.reshape(ops.layer_norm(rows, -1, eps=node.get("epsilon", 1e-5)), shape)
    each = shape[1] // shape_of(scale)[0]  # before version 21, a number for each group
    scale, bias = (ops.repeat(v, each) if each > 1 else v for v in (scale, bias))
    return out * _by_channel(scale, len(shape)) + _by_channel(bias, len(shape))


LAYERS: dict[str, Rule] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _over_image(ops.mean),
    "GlobalMaxPool": _over_image(ops.max),
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
}

LIMITS = {
    "Conv": _rank_limit,
    "ConvTranspose": _transpose_limit,
    "MaxPool": _pool_limit,
    "AveragePool": _pool_limit,
    "BatchNormalization": _batch_norm_limit,
    "LayerNormalization": _layer_norm_limit,
}
