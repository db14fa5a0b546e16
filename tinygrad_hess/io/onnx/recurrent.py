"""Recurrent operators: each direction is one scan along the steps.

x : (T, N, inputs)   w : (ways, gates · H, inputs)   r : (ways, gates · H, H)
b : (ways, 2 · gates · H)                      ->    y : (T, ways, N, H), last states (ways, N, H)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ... import ops
from ...ops.shape.axes import shape_of
from ...replay import scan
from .node import Node, Rule

Step = Callable[[Any, Any, Any, Any], Any]
"""From what the input gives, the state, the matrix and the bias of the state, the next state."""


def _part(x: Any, number: int, width: int) -> Any:
    return ops.index(x, (Ellipsis, slice(number * width, (number + 1) * width)))


def _rnn_step(x: Any, state: Any, r: Any, b: Any) -> Any:
    return (ops.tanh(x + ops.matmul(state[0], r) + b),)


def _lstm_step(x: Any, state: Any, r: Any, b: Any) -> Any:
    h, c = state
    width = shape_of(h)[-1]
    gates = x + ops.matmul(h, r) + b
    i, o, f = (ops.sigmoid(_part(gates, n, width)) for n in range(3))
    c = f * c + i * ops.tanh(_part(gates, 3, width))
    return o * ops.tanh(c), c


def _gru_step(reset_after: bool, x: Any, state: Any, r: Any, b: Any) -> Any:
    (h,) = state
    width = shape_of(h)[-1]
    gate = lambda n: ops.sigmoid(
        _part(x, n, width) + ops.matmul(h, _part(r, n, width)) + _part(b, n, width)
    )
    update, reset = gate(0), gate(1)
    own, bias = _part(r, 2, width), _part(b, 2, width)
    if reset_after:
        inner = reset * (ops.matmul(h, own) + bias)
    else:
        inner = ops.matmul(reset * h, own) + bias
    new = ops.tanh(_part(x, 2, width) + inner)
    return (new + update * (h - new),)


def _run(node: Node, step: Step, x: Any, w: Any, r: Any, b: Any, starts: Any) -> tuple[Any, ...]:
    ways, rows, width = shape_of(r)
    lead = (shape_of(x)[1], width)
    outputs, lasts = [], []
    for way in range(ways):
        one = lambda a, way=way: ops.index(a, way)
        bias = np.zeros(2 * rows, w.dtype) if b is None else one(b)
        inside = ops.matmul(x, ops.swapaxes(one(w), 0, 1)) + _part(bias, 0, rows)
        matrix, state_bias = ops.swapaxes(one(r), 0, 1), _part(bias, 1, rows)
        first = tuple(np.zeros(lead, w.dtype) if s is None else one(s) for s in starts)

        def body(state: Any, xs: Any, matrix: Any = matrix, bias: Any = state_bias) -> Any:
            state = step(xs, state, matrix, bias)
            return state, state[0]

        reverse = way == 1 or node.get("direction", "forward") == "reverse"
        last, ys = scan(body, first, inside, reverse=reverse)
        outputs.append(ys)
        lasts.append(last)
    states = (ops.stack(parts) for parts in zip(*lasts, strict=True))
    return (ops.stack(outputs, axis=1), *states)


def _rnn(node: Node, x: Any, w: Any, r: Any, b: Any = None, _: Any = None, h: Any = None) -> Any:
    return _run(node, _rnn_step, x, w, r, b, [h])


def _gru(node: Node, x: Any, w: Any, r: Any, b: Any = None, _: Any = None, h: Any = None) -> Any:
    reset_after = bool(node.get("linear_before_reset", 0))
    step: Step = lambda *args: _gru_step(reset_after, *args)
    return _run(node, step, x, w, r, b, [h])


def _lstm(
    node: Node, x: Any, w: Any, r: Any, b: Any = None, _: Any = None, h: Any = None, c: Any = None
) -> Any:
    return _run(node, _lstm_step, x, w, r, b, [h, c])


def _limit(node: Node, known: Mapping[str, Any]) -> str:
    ways = 2 if node.get("direction", "forward") == "bidirectional" else 1
    usual = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
    if node.get("activations", usual[node.operator] * ways) != usual[node.operator] * ways:
        return f"activations {', '.join(node.get('activations'))}"
    if node.get("clip") or node.get("layout", 0) or node.get("input_forget", 0):
        return "clip, layout or input_forget"
    given = [*node.inputs, *[""] * 8]
    if given[4] or given[7]:
        return "lengths of sequences" if given[4] else "peepholes"
    return ""


RECURRENT: dict[str, Rule] = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}

LIMITS = dict.fromkeys(RECURRENT, _limit)
