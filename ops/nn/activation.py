"""Activations of neural nets: relu, the sigmoid's, and their relatives.

At a kink the derivative is the mean of its two sides, but for that of relu itself, which is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import vectorised
from ...core.kinds import elementwise
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import absolute, clip, maximum, minimum, multiply, where
from ..elementwise.comparison import greater, sign
from ..elementwise.exponential import exp, expm1, sigmoid, softplus
from ..elementwise.trigonometric import tanh

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805

relu = elementwise(
    "relu",
    lambda x: np.maximum(x, 0),
    lambda g, y, x: g * greater(x, 0),
    lowered=lambda emit, x: emit(maximum, x, emit.constant(0)),
    domain=(0.2, 2),
    edges=[((0.0,), (0.0,)), ((-1.0,), (0.0,)), ((1.0,), (1.0,))],
    doc="max(x, 0). At 0 its derivative is 0.",
)


def leaky_relu(x: ArrayLike, slope: float = 0.01) -> Array:
    """x where positive, ``slope`` times x elsewhere."""
    return where(greater(x, 0), x, slope * x)


def elu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """x where positive, alpha (exp(x) - 1) elsewhere (Clevert et al. 2016)."""
    negative = where(greater(x, 0), 0.0, x)  # exp of a large positive x would overflow unseen
    return where(greater(x, 0), x, alpha * expm1(negative))


def silu(x: ArrayLike) -> Array:
    """x sigmoid(x), also called swish (Elfwing et al. 2018)."""
    return x * sigmoid(x)


def hard_tanh(x: ArrayLike) -> Array:
    """x limited to [-1, 1]."""
    return where(greater(abs(x), 1), sign(x), x)


def _of_scipy(name: str) -> Any:
    """A function of ``scipy.special``, loaded when it is first called; half precision is kept."""

    def fn(x: Array, out: Array = None) -> Array:
        y: Array = vectorised.of_scipy(name)(x, out)
        return y.astype(np.float16)[()] if getattr(x, "dtype", None) == np.float16 else y

    return fn


erf = elementwise(
    "erf",
    _of_scipy("erf"),
    lambda g, y, x: g * (2 / math.sqrt(math.pi) * exp(-x * x)),
    domain=(-2, 2),
    analytic=True,
    doc="The error function.",
)
_1_ROOT_2PI = 1 / math.sqrt(2 * math.pi)
normal_density: Any = elementwise(
    "normal_density",
    lambda x: exp(-0.5 * x * x) * _1_ROOT_2PI,
    lambda g, y, x: g * (-x * y),
    lowered=lambda emit, x: emit(
        multiply,
        emit(exp, emit(multiply, emit(multiply, x, x), emit.constant(-0.5))),
        emit.constant(_1_ROOT_2PI),
    ),
    label="φ",
    analytic=True,
    domain=(-2, 2),
    edges=[((0.0,), (0.0,))],
    doc="The standard normal density φ.",
)
ndtr = elementwise(
    "ndtr",
    _of_scipy("ndtr"),
    lambda g, y, x: g * normal_density(x),
    analytic=True,
    domain=(-2, 2),
    edges=[((np.inf,), (0.0,)), ((-np.inf,), (0.0,)), ((0.0,), (_1_ROOT_2PI,))],
    doc="The standard normal distribution function Φ.",
)


def gelu(x: ArrayLike, approximate: bool = False) -> Array:
    """x Φ(x), Φ the normal distribution function; or its tanh approximation (Hendrycks 2016)."""
    if approximate:
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return x * ndtr(x)


def relu6(x: ArrayLike) -> Array:
    """min(max(x, 0), 6) (Krizhevsky 2010).

    Examples
    --------
    >>> import numpy as np
    >>> relu6(np.array([-1.0, 2.0, 9.0]))
    array([0., 2., 6.])
    """
    return minimum(relu(x), 6.0)


def prelu(x: ArrayLike, weight: ArrayLike) -> Array:
    """x where positive, ``weight`` times x elsewhere; the weight is learnt (He et al. 2015)."""
    return where(greater(x, 0), x, weight * x)


def celu(x: ArrayLike, alpha: float = 1.0) -> Array:
    """x where positive, alpha (exp(x/alpha) - 1) elsewhere (Barron 2017)."""
    return alpha * elu(x / alpha)


def selu(x: ArrayLike) -> Array:
    """A multiple of elu that keeps mean and variance (Klambauer et al. 2017).

    Examples
    --------
    >>> print(round(float(selu(1.0)), 6))
    1.050701
    """
    return _SELU_SCALE * elu(x, _SELU_ALPHA)


def mish(x: ArrayLike) -> Array:
    """x tanh(softplus(x)) (Misra 2019)."""
    return x * tanh(softplus(x))


def softsign(x: ArrayLike) -> Array:
    """x / (1 + |x|)."""
    return x / (1 + absolute(x))


def log_sigmoid(x: ArrayLike) -> Array:
    """log(sigmoid(x)), precise on both sides."""
    return -softplus(-1.0 * x)


def hard_sigmoid(x: ArrayLike) -> Array:
    """x/6 + 1/2 limited to [0, 1]."""
    return clip(x / 6 + 0.5, 0.0, 1.0)


def hard_swish(x: ArrayLike) -> Array:
    """x hard_sigmoid(x) (Howard et al. 2019)."""
    return x * hard_sigmoid(x)


def quick_gelu(x: ArrayLike) -> Array:
    """x sigmoid(1.702 x), close to gelu (Hendrycks 2016)."""
    return x * sigmoid(1.702 * x)


def hard_shrink(x: ArrayLike, limit: float = 0.5) -> Array:
    """0 up to |x| = limit, x beyond."""
    return where(greater(absolute(x), limit), x, 0.0)


def soft_shrink(x: ArrayLike, limit: float = 0.5) -> Array:
    """x moved towards 0 by ``limit``, and 0 where it would change its sign."""
    return sign(x) * relu(absolute(x) - limit)
