"""Activations of neural nets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.kinds import elementwise
from ..elementwise.arithmetic import maximum, where
from ..elementwise.comparison import greater, sign
from ..elementwise.exponential import exp, expm1, sigmoid
from ..elementwise.trigonometric import tanh

_any = (-2, 2)

relu = elementwise(
    "relu",
    lambda x: np.maximum(x, 0),
    lambda g, y, x: g * greater(x, 0),
    lowered=lambda emit, x: emit(maximum, x, emit.constant(0)),
    domain=(0.2, 2),
    edges=[((0.0,), (0.0,)), ((-1.0,), (0.0,)), ((1.0,), (1.0,))],
    doc="max(x, 0). At 0 its derivative is 0.",
)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where positive, ``slope`` times x elsewhere."""
    return where(greater(x, 0), x, slope * x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, alpha (exp(x) - 1) elsewhere (Clevert et al. 2016)."""
    negative = where(greater(x, 0), 0.0, x)  # exp of a large positive x would overflow unseen
    return where(greater(x, 0), x, alpha * expm1(negative))


def silu(x: Any) -> Any:
    """x sigmoid(x), also called swish (Elfwing et al. 2018)."""
    return x * sigmoid(x)


def hard_tanh(x: Any) -> Any:
    """x limited to [-1, 1]."""
    return where(greater(abs(x), 1), sign(x), x)


def _erf(x: Any) -> Any:
    from scipy.special import erf as scipy_erf

    return scipy_erf(x)


erf = elementwise(
    "erf",
    _erf,
    lambda g, y, x: g * (2 / math.sqrt(math.pi) * exp(-x * x)),
    domain=_any,
    analytic=True,
    doc="The error function.",
)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x Φ(x), Φ the normal distribution function; or its tanh approximation (Hendrycks 2016)."""
    if approximate:
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return x * (0.5 * (1 + erf(x * math.sqrt(0.5))))
