"""Exponentials, logarithms and roots."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import vectorised
from ...core.kinds import elementwise
from .arithmetic import absolute, add, divide, maximum, multiply, negative, subtract, where
from .comparison import equal, greater_equal, isinf

_any = (-2, 2)
_positive = (0.3, 3)
_LN2, _LN10 = float(np.log(2)), float(np.log(10))

exp = elementwise("exp", vectorised.exp, lambda g, y, x: g * y, analytic=True, domain=_any)
exp2 = elementwise("exp2", np.exp2, lambda g, y, x: g * (_LN2 * y), domain=_any, on_complex=True)
expm1 = elementwise("expm1", np.expm1, lambda g, y, x: g * (y + 1), analytic=True, domain=_any)
log = elementwise(
    "log",
    np.log,
    lambda g, y, x: g / x,
    analytic=True,
    domain=_positive,
    edges=[((0.0,), (np.inf,))],
)
log2 = elementwise(
    "log2", np.log2, lambda g, y, x: g / (_LN2 * x), domain=_positive, on_complex=True
)
log10 = elementwise(
    "log10", np.log10, lambda g, y, x: g / (_LN10 * x), domain=_positive, on_complex=True
)
log1p = elementwise(
    "log1p",
    np.log1p,
    lambda g, y, x: g / (1 + x),
    analytic=True,
    domain=(-0.6, 2),
    edges=[((-1.0,), (np.inf,))],
)
sqrt = elementwise(
    "sqrt",
    np.sqrt,
    lambda g, y, x: g * 0.5 / y,
    analytic=True,
    domain=_positive,
    edges=[((0.0,), (np.inf,))],
)
cbrt = elementwise(
    "cbrt",
    np.cbrt,
    lambda g, y, x: g / (3 * (y * y)),
    domain=_positive,
    edges=[((0.0,), (np.inf,)), ((-8.0,), (1 / 12,))],
)


def _inexact(x):  # type: ignore[no-untyped-def]
    """Integers as float64: their negative may not exist, and exponentials need the digits."""
    return np.asarray(x, float)[()] if np.asarray(x).dtype.kind in "biu" else x


def _sigmoid(x, out=None):  # type: ignore[no-untyped-def]
    x = _inexact(x)
    if np.iscomplexobj(x):
        return np.multiply(0.5, 1 + vectorised.tanh(0.5 * x), out)  # no overflow here either
    if out is None:
        small = vectorised.exp(-np.abs(x))  # never overflows, and keeps precision at both ends
        return np.where(x >= 0, np.ones_like(small), small) / (1 + small)
    positive = x >= 0  # before out is filled, which may be x itself
    small = vectorised.exp(np.negative(np.abs(x, out), out), out)
    return np.divide(np.where(positive, 1, small), np.add(1, small, out), out)


def _softplus(x, out=None):  # type: ignore[no-untyped-def]
    return np.logaddexp(_inexact(x), 0, out)


def _lowered_sigmoid(emit, x):  # type: ignore[no-untyped-def]
    if x.dtype.kind != "f" or not emit.fuses:  # apart, these steps take longer than its own
        return None
    one = emit.constant(x.dtype.type(1))
    small = emit(exp, emit(negative, emit(absolute, x)))
    below = emit(add, one, small)
    return emit(divide, emit(where, emit(greater_equal, x, emit.constant(0)), one, small), below)


# g y (1 - y) as one node, as that of tanh.
sigmoid_slope: Any = elementwise(
    "sigmoid_slope",
    lambda g, y: g * (y * (1 - y)),
    lambda t, out, g, y: sigmoid_slope(t, y),
    lambda t, out, g, y: t * (g * (1 - 2 * y)),
    lowered=lambda emit, g, y: emit(
        multiply, g, emit(multiply, y, emit(subtract, emit.constant(1), y))
    ),
    label="sigmoid'",
    analytic=True,
    domain=(_any, _any),
)
sigmoid = elementwise(
    "sigmoid",
    _sigmoid,
    lambda g, y, x: sigmoid_slope(g, y),
    on_complex=True,
    lowered=_lowered_sigmoid,
    domain=_any,
    edges=[((800.0,), (0.0,)), ((-800.0,), (0.0,)), ((0.0,), (0.25,))],
    doc="The logistic function 1 / (1 + exp(-x)), without overflow.",
)


def _difference(a, b):  # type: ignore[no-untyped-def]
    """``a - b``, with 0 for two equal infinities."""
    return where(equal(a, b) & isinf(a), 0.0, a - b)


def _lowered_logaddexp(emit: Any, a: Any, b: Any) -> Any:
    """The larger one, and log(1 + exp(-d)) of their distance d: 0 of two equal infinities."""
    if any(x.dtype is not None and x.dtype.kind != "f" for x in (a, b)):
        return None
    apart = emit(where, emit(equal, a, b), emit.constant(0.0), emit(subtract, a, b))
    more = emit(log1p, emit(exp, emit(negative, emit(absolute, apart))))
    return emit(add, emit(maximum, a, b), more)


logaddexp = elementwise(
    "logaddexp",
    np.logaddexp,
    lambda g, y, a, b: g * sigmoid(_difference(a, b)),
    lambda g, y, a, b: g * sigmoid(_difference(b, a)),
    lowered=_lowered_logaddexp,
    commutative=True,
    domain=(_any, _any),
    edges=[
        ((1000.0, 1000.0), (0.5, 0.5)),
        ((1.0, -np.inf), (1.0, 0.0)),
        ((-np.inf, -np.inf), (0.5, 0.5)),
    ],
)
logaddexp2 = elementwise(
    "logaddexp2",
    np.logaddexp2,
    lambda g, y, a, b: g * sigmoid(_LN2 * _difference(a, b)),
    lambda g, y, a, b: g * sigmoid(_LN2 * _difference(b, a)),
    commutative=True,
    domain=(_any, _any),
)
softplus = elementwise(
    "softplus",
    _softplus,
    lambda g, y, x: g * sigmoid(x),
    lowered=lambda emit, x: _lowered_logaddexp(emit, x, emit.constant(0.0)),
    domain=_any,
    edges=[((800.0,), (1.0,)), ((-800.0,), (0.0,))],
    doc="log(1 + exp(x)), without overflow.",
)
