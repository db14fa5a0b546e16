"""Products of powers with an exponential: what densities are made of.

The derivative of a power is a power of one less, which is right where the base is 0 too. That of
exp(a log x) is not: it is 0 times infinity there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from ...core.kinds import elementwise
from .._types import Array
from ..elementwise.arithmetic import log_of_base, where
from ..elementwise.comparison import equal
from ..elementwise.exponential import log1p
from .scipy_ufuncs import wide

_positive, _share, _exponent = (0.6, 3), (0.1, 0.9), (0.5, 3)


def _lower(a: Array, x: Array, end: int) -> Array:
    """The exponent of the derivative; 0 stays 0 at the end, where its factor 0 is to prevail."""
    return where(equal(a, 0) & equal(x, end), 0.0, a - 1)


def _loop_type(*operands: Array) -> np.dtype[Any]:
    """The type in which SciPy computes: float32 for float16, which it has no loops for."""
    dtype = np.result_type(*operands)
    return np.dtype(np.float32) if dtype == np.float16 else dtype


# ---- one power ----------------------------------------------------------------------------------


def _scaled_power(x: Array, a: Array, s: Array) -> Array:
    return np.exp(special.xlogy(a, x, dtype=_loop_type(x, a, s)) + s)


scaled_power: Any = elementwise(
    "scaled_power",
    _scaled_power,
    lambda g, y, x, a, s: g * (a * scaled_power(x, _lower(wide(a, y), x, 0), s)),
    lambda g, y, x, a, s: g * (y * log_of_base(x)),
    lambda g, y, x, a, s: g * y,
    domain=(_positive, _exponent, (-1, 1)),
    cases=[([(2, 3), (2, 3), (2, 3)], {}), ([(2, 3), (3,), ()], {})],
    edges=[
        ((0.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
        ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
        ((0.0, 2.0, 0.0), (0.0, 0.0, 0.0)),
        ((0.0, 0.5, 0.0), (np.inf, 0.0, 0.0)),
    ],
    doc="x ** a * exp(s), for x >= 0, which overflows only as a whole.",
)

# ---- two powers ---------------------------------------------------------------------------------


def _scaled_powers(x: Array, a: Array, b: Array, s: Array) -> Array:
    dtype = _loop_type(x, a, b, s)
    return np.exp(special.xlogy(a, x, dtype=dtype) + special.xlog1py(b, -x, dtype=dtype) + s)


def _scaled_powers_slope(y: Array, x: Array, a: Array, b: Array, s: Array) -> Array:
    """xᵃ⁻¹ (1 - x)ᵇ⁻¹ (a (1 - x) - b x) exp(s): one product, since two may be infinite apart."""
    a, b = wide(a, y), wide(b, y)
    left, right = _lower(a, x, 0), _lower(b, x, 1)
    flat_left, flat_right = equal(a, 0) & equal(x, 0), equal(b, 0) & equal(x, 1)
    factor = where(flat_left, -b, where(flat_right, a, a - (a + b) * x))
    return factor * scaled_powers(x, left, right, s)


def _case(powers: tuple[int, ...], scale: tuple[int, ...]) -> Any:
    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        a, b = rng.uniform(*_exponent, (2, *powers))
        return (rng.uniform(*_share, (2, 3)), a, b, rng.uniform(-1, 1, scale)), {}

    return make


def _log_complement(x: Array) -> Array:
    """log(1 - x), but 0 at 1: there (1 - x)ᵇ stays 0 as b moves."""
    end = equal(x, 1)
    return where(end, 0.0, log1p(-where(end, 0.0, x)))


scaled_powers: Any = elementwise(
    "scaled_powers",
    _scaled_powers,
    lambda g, y, x, a, b, s: g * _scaled_powers_slope(y, x, a, b, s),
    lambda g, y, x, a, b, s: g * (y * log_of_base(x)),
    lambda g, y, x, a, b, s: g * (y * _log_complement(x)),
    lambda g, y, x, a, b, s: g * y,
    cases=[_case((2, 3), (2, 3)), _case((3,), ())],
    edges=[
        ((0.0, 1.0, 2.0, 0.0), (1.0, 0.0, 0.0, 0.0)),
        ((1.0, 2.0, 1.0, 0.0), (-1.0, 0.0, 0.0, 0.0)),
        ((0.0, 0.0, 2.0, 0.0), (-2.0, 0.0, 0.0, 1.0)),
        ((1.0, 2.0, 0.0, 0.0), (2.0, 0.0, 0.0, 1.0)),
    ],
    doc="x ** a * (1 - x) ** b * exp(s), for x in [0, 1], which overflows only as a whole.",
)
