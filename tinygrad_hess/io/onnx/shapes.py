"""Operators that move elements, ask for shapes, reduce axes, and multiply arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ... import ops
from ...core.tensor import tensor_or_array
from ...ops.shape.axes import shape_of
from .node import Node, Rule, axes_of, axis_of, concrete, integers, sized

# ---- shapes -------------------------------------------------------------------------------------


def _shape(node: Node, x: Any) -> Any:
    return np.array(shape_of(x)[node.get("start", 0) : node.get("end")], np.int64)


def _size(node: Node, x: Any) -> Any:
    return np.array(math.prod(shape_of(x)), np.int64)


def _reshape(node: Node, x: Any, shape: Any) -> Any:
    wanted = list(integers(node, shape, "shape"))
    if not node.get("allowzero", 0):
        given = shape_of(x)
        wanted = [given[i] if n == 0 else n for i, n in enumerate(wanted)]
    return ops.reshape(x, tuple(wanted))


def _flatten(node: Node, x: Any) -> Any:
    shape = shape_of(x)
    axis = axis_of(node, len(shape), 1, end=True)
    return ops.reshape(x, (math.prod(shape[:axis]), math.prod(shape[axis:])))


def _squeeze(node: Node, x: Any, axes: Any = None) -> Any:
    found = axes_of(node, axes)
    return ops.squeeze(x) if found is None else ops.squeeze(x, found)


def _unsqueeze(node: Node, x: Any, axes: Any = None) -> Any:
    return ops.expand_dims(x, axes_of(node, axes))


def _transpose(node: Node, x: Any) -> Any:
    return ops.transpose(x, node.get("perm"))


def _expand(node: Node, x: Any, shape: Any) -> Any:
    wanted = np.broadcast_shapes(shape_of(x), integers(node, shape, "shape"))
    return ops.broadcast_to(x, sized(node, wanted))


def _tile(node: Node, x: Any, repeats: Any) -> Any:
    counts = integers(node, repeats, "repeats")
    sized(node, [n * c for n, c in zip(shape_of(x), counts, strict=True)])
    return ops.tile(x, counts)


def _pad(node: Node, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    rank = len(shape_of(x))
    widths = axes_of(node, pads, "pads") or ()
    chosen = range(rank) if axes is None else integers(node, axes, "axes")
    pairs = [(0, 0)] * rank
    for axis, before, after in zip(chosen, widths, widths[len(widths) // 2 :]):
        pairs[axis] = (before, after)
    sized(node, [n + a + b for n, (a, b) in zip(shape_of(x), pairs, strict=True)])
    fill = node.get("value", 0.0) if value is None else concrete(node, value, "value").item()
    mode = node.get("mode", "constant")
    return ops.pad(x, pairs, mode, **({"constant_values": fill} if mode == "constant" else {}))


def _concat(node: Node, *inputs: Any) -> Any:
    return ops.concatenate(list(inputs), axis=node.get("axis"))


def _split(node: Node, x: Any, sizes: Any = None) -> Any:
    axis, count = axis_of(node, len(shape_of(x)), 0), len(node.outputs)
    n = shape_of(x)[axis]
    given = axes_of(node, sizes, "split")
    if given is None:
        most = -(-n // count)
        given = tuple(min(most, n - most * i) for i in range(count))
    if sum(given) != n or len(given) != count or min(given) < 0:
        raise ValueError(f"{node}: {n} elements are not split into {count} parts of {given}")
    return tuple(ops.split(x, list(np.cumsum(given)[:-1]), axis=axis))


def _slice(
    node: Node, x: Any, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None
) -> Any:
    first, last = axes_of(node, starts, "starts") or (), axes_of(node, ends, "ends") or ()
    chosen = axes_of(node, axes)
    by = (1,) * len(first) if steps is None else integers(node, steps, "steps")
    key = [slice(None)] * len(shape_of(x))
    for axis, *bounds in zip(range(len(first)) if chosen is None else chosen, first, last, by):
        key[axis] = slice(*bounds)
    return ops.index(x, tuple(key))


def _gather(node: Node, x: Any, indices: Any) -> Any:
    before = axis_of(node, len(shape_of(x)), 0)
    return ops.index(x, (*[slice(None)] * before, tensor_or_array(indices)))


def _gather_elements(node: Node, x: Any, indices: Any) -> Any:
    return ops.take_along_axis(x, tensor_or_array(indices), axis=node.get("axis", 0))


def _constant_of_shape(node: Node, shape: Any) -> Any:
    value = node.get("value", np.zeros(1, np.float32))
    return np.full(sized(node, integers(node, shape, "shape")), value[0], value.dtype)


def _range(node: Node, start: Any, stop: Any, step: Any) -> Any:
    bounds: list[Any] = [concrete(node, v, "bounds")[()] for v in (start, stop, step)]
    sized(node, [max(0, math.ceil((bounds[1] - bounds[0]) / bounds[2]))])
    return np.arange(*bounds, dtype=np.asarray(start).dtype)


def _one_hot(node: Node, indices: Any, depth: Any, values: Any) -> Any:
    (n,), axis = integers(node, depth, "depth"), node.get("axis", -1)
    off, on = concrete(node, values, "values")
    indices = tensor_or_array(indices)
    sized(node, [*shape_of(indices), n])
    from_zero = ops.where(ops.less(indices, 0), indices + n, indices)
    here = ops.equal(ops.expand_dims(from_zero, -1), np.arange(n))
    return ops.moveaxis(ops.where(here, on, off), -1, axis)


def _trilu(node: Node, x: Any, k: Any = None) -> Any:
    diagonal = 0 if k is None else integers(node, k, "k")[0]
    return (ops.triu if node.get("upper", 1) else ops.tril)(x, diagonal)


def _cumsum(node: Node, x: Any, axis: Any) -> Any:
    return ops.cumsum(x, axis=integers(node, axis, "axis")[0])


def _cumsum_limit(node: Node, known: Mapping[str, Any]) -> str:
    return "exclusive or reverse" if node.get("exclusive", 0) or node.get("reverse", 0) else ""


# ---- reductions and products --------------------------------------------------------------------


def _reduced(function: Callable[..., Any], node: Node, x: Any, axes: Any = None) -> Any:
    found = axes_of(node, axes)
    if not found:
        if node.get("noop_with_empty_axes", 0):
            return x
        found = tuple(range(len(shape_of(x))))
    return function(x, axis=found, keepdims=bool(node.get("keepdims", 1)))


def _norm2(x: Any, **how: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(x), **how))


def _position(function: Callable[..., Any], node: Node, x: Any) -> Any:
    axis = node.get("axis", 0)
    found = function(x, axis=axis)
    return ops.expand_dims(found, axis) if node.get("keepdims", 1) else found


def _position_limit(node: Node, known: Mapping[str, Any]) -> str:
    return "select_last_index" if node.get("select_last_index", 0) else ""


def _gemm(node: Node, a: Any, b: Any, c: Any = None) -> Any:
    a = ops.swapaxes(a, 0, 1) if node.get("transA", 0) else a
    b = ops.swapaxes(b, 0, 1) if node.get("transB", 0) else b
    out, alpha, beta = ops.matmul(a, b), node.get("alpha", 1.0), node.get("beta", 1.0)
    out = out if alpha == 1 else alpha * out
    return out if c is None else out + (c if beta == 1 else beta * c)


def _einsum(node: Node, *inputs: Any) -> Any:
    return ops.einsum(node.get("equation").replace(" ", ""), *inputs)


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "Sum": ops.sum,
    "Mean": ops.mean,
    "Max": ops.max,
    "Min": ops.min,
    "Prod": ops.prod,
    "L1": lambda x, **how: ops.sum(ops.absolute(x), **how),
    "L2": _norm2,
    "SumSquare": lambda x, **how: ops.sum(ops.square(x), **how),
    "LogSum": lambda x, **how: ops.log(ops.sum(x, **how)),
    "LogSumExp": ops.logsumexp,
}

SHAPES: dict[str, Rule] = {
    "Shape": _shape, "Size": _size, "Reshape": _reshape, "Flatten": _flatten,
    "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Transpose": _transpose, "Expand": _expand,
    "Tile": _tile, "Pad": _pad, "Concat": _concat, "Split": _split, "Slice": _slice,
    "Gather": _gather, "GatherElements": _gather_elements, "Range": _range, "OneHot": _one_hot,
    "ConstantOfShape": _constant_of_shape, "Trilu": _trilu, "CumSum": _cumsum,
    "ArgMax": functools.partial(_position, ops.argmax),
    "ArgMin": functools.partial(_position, ops.argmin),
    "MatMul": lambda node, a, b: ops.matmul(a, b), "Gemm": _gemm, "Einsum": _einsum,
    **{f"Reduce{n}": functools.partial(_reduced, f) for n, f in _REDUCTIONS.items()},
}  # fmt: skip

LIMITS = {"CumSum": _cumsum_limit, "ArgMax": _position_limit, "ArgMin": _position_limit}
