"""Parts of floating-point numbers: whole and fractional, mantissa and exponent, spacing.

Exponents, whole parts and spacings are piecewise constant: their derivative is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.kinds import elementwise, zero
from .._dispatch import as_floating, on_tensors
from .._types import Array, ArrayLike
from .arithmetic import absolute, mod, power, subtract
from .comparison import floor_divide, trunc
from .identity import astype


def _case(*shape: int) -> Any:
    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (rng.uniform(0.5, 2, (2, 3)), rng.integers(-3, 4, shape).astype(np.int32)), {}

    return make


ldexp: Any = elementwise(
    "ldexp",
    np.ldexp,
    lambda g, y, x, n: ldexp(g, n),
    None,
    cases=[_case(2, 3), _case(3), _case()],
    doc="x times 2 to the power n, an integer.",
)

exponent_of: Any = zero(
    "binary_exponent",
    lambda x: np.frexp(x)[1],
    domain=(-3, 3),
    doc="The exponent e of x = m 2^e, with 1/2 <= |m| < 1; 0 at 0.",
)

spacing: Any = zero(
    "spacing", np.spacing, domain=(-3, 3), doc="The distance to the next number beyond x."
)


@on_tensors(np.frexp)
def frexp(x: ArrayLike) -> tuple[Array, Array]:
    """Mantissa and exponent: x = m 2^e, with 1/2 <= |m| < 1.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.frexp(x)[0])(3.0)
    np.float64(0.25)
    """
    x = as_floating(x)
    exponent = exponent_of(x)
    return ldexp(x, -exponent), exponent


@on_tensors(np.modf)
def modf(x: ArrayLike) -> tuple[Array, Array]:
    """Fractional and whole part, both with the sign of x."""
    x = as_floating(x)
    whole = trunc(x)
    return subtract(x, whole), whole


@on_tensors(np.divmod)
def divmod(x1: ArrayLike, x2: ArrayLike) -> tuple[Array, Array]:
    """Quotient, rounded down, and remainder."""
    return floor_divide(x1, x2), mod(x1, x2)


@on_tensors(np.float_power)
def float_power(x1: ArrayLike, x2: ArrayLike) -> Array:
    """``x1 ** x2`` in float64 at least."""
    wide = lambda x: x if type(x) in (int, float) else _widened(as_floating(x))
    return power(wide(x1), float(x2) if type(x2) is int else wide(x2))


def _widened(x: Array) -> Array:
    return astype(x, np.result_type(x.dtype, np.float64))


@on_tensors(np.fabs)
def fabs(x: ArrayLike) -> Array:
    """The absolute value; at 0 its derivative is 0."""
    return absolute(as_floating(x))


@on_tensors(np.fix)
def fix(x: ArrayLike) -> Array:
    """Round towards 0: piecewise constant."""
    return trunc(x)
