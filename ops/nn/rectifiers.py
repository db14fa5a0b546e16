"""The relatives of relu and of the sigmoid, composed of what :mod:`activation` has.

At a kink the derivative is the mean of its two sides, but for that of relu itself, which is 0.
"""

from __future__ import annotations

from typing import Any

from ..elementwise.arithmetic import absolute, clip, minimum, where
from ..elementwise.comparison import greater, sign
from ..elementwise.exponential import sigmoid, softplus
from ..elementwise.trigonometric import tanh
from .activation import elu, relu

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6) (Krizhevsky 2010).

    Examples
    --------
    >>> import numpy as np
    >>> relu6(np.array([-1.0, 2.0, 9.0]))
    array([0., 2., 6.])
    """
    return minimum(relu(x), 6.0)


def prelu(x: Any, weight: Any) -> Any:
    """x where positive, ``weight`` times x elsewhere; the weight is learnt (He et al. 2015)."""
    return where(greater(x, 0), x, weight * x)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, alpha (exp(x/alpha) - 1) elsewhere (Barron 2017)."""
    return alpha * elu(x / alpha)


def selu(x: Any) -> Any:
    """A multiple of elu that keeps mean and variance (Klambauer et al. 2017).

    Examples
    --------
    >>> print(round(float(selu(1.0)), 6))
    1.050701
    """
    return _SELU_SCALE * elu(x, _SELU_ALPHA)


def mish(x: Any) -> Any:
    """x tanh(softplus(x)) (Misra 2019)."""
    return x * tanh(softplus(x))


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return x / (1 + absolute(x))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)), precise on both sides."""
    return -softplus(-x)


def hard_sigmoid(x: Any) -> Any:
    """x/6 + 1/2 limited to [0, 1]."""
    return clip(x / 6 + 0.5, 0.0, 1.0)


def hard_swish(x: Any) -> Any:
    """x hard_sigmoid(x) (Howard et al. 2019)."""
    return x * hard_sigmoid(x)


def quick_gelu(x: Any) -> Any:
    """x sigmoid(1.702 x), close to gelu (Hendrycks 2016)."""
    return x * sigmoid(1.702 * x)


def hard_shrink(x: Any, limit: float = 0.5) -> Any:
    """0 up to |x| = limit, x beyond."""
    return where(greater(absolute(x), limit), x, 0.0)


def soft_shrink(x: Any, limit: float = 0.5) -> Any:
    """x moved towards 0 by ``limit``, and 0 where it would change its sign."""
    return sign(x) * relu(absolute(x) - limit)
