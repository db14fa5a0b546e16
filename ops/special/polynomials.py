"""The orthogonal polynomials of ``scipy.special`` in their argument, by degree.

The derivative of a classical polynomial is a multiple of one of the degree below (DLMF 18.9).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from ...core.tensor import tensor_or_array
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import where
from ..elementwise.comparison import equal, less
from ..elementwise.identity import astype
from .scipy_ufuncs import of_orders, wide

_unit = (-0.9, 0.9)
_any = (-2, 2)


LARGEST_DEGREE = 2**27
"""SciPy takes a step for each degree, and some tenths of a second for so many."""


def _polynomial(name: str, orders: str, rule: Any, domain: Any, doc: str, **row: Any) -> Any:
    """A row of the polynomial of this name, which refuses integer degrees that would take hours."""
    ufunc = getattr(special, name)

    def fn(n: Any, *rest: Any) -> Array:
        degrees = np.asarray(n)
        if degrees.dtype.kind in "iu" and np.any(np.abs(degrees) > LARGEST_DEGREE):
            raise ValueError(
                f"{name}: the degree {np.abs(degrees).max()} is beyond {LARGEST_DEGREE}; "
                "SciPy would take a step for each"
            )
        return ufunc(n, *rest)

    return of_orders(name, fn, orders, rule, domain, doc, **row)


def _rule_by_previous_degree(
    slope: Callable[..., Any], mirror: int | None = None, sign: int = 1
) -> Callable[..., Any]:
    """A rule from a derivative by the degree below; of degree 0, where there is none, it is 0.

    With ``mirror``, that of a negative degree n is ``sign`` times that of ``mirror - n``.
    """

    def rule(g: Array, y: Array, n: Any, *rest: Any) -> Array:
        if mirror is not None:
            negative = less(n, 0)
            n, g = where(negative, mirror - n, n), where(negative, sign * g, g)
        constant = equal(n, 0) if mirror is None else equal(n, 0) | equal(n, -1)
        return g * where(constant, 0.0, slope(y, where(constant, 1, n), *rest))

    return rule


eval_jacobi: Any = _polynomial(
    "eval_jacobi",
    "n alpha beta",
    _rule_by_previous_degree(
        lambda y, n, a, b, x: (
            0.5 * (wide(n, y) + wide(a, y) + wide(b, y) + 1) * eval_jacobi(n - 1, a + 1, b + 1, x)
        )
    ),
    _unit,
    "Jacobi's polynomial of degree n.",
    numbers=[(0, 5), (0, 3), (0, 3)],
)
eval_legendre: Any = _polynomial(
    "eval_legendre",
    "n",
    _rule_by_previous_degree(
        lambda y, n, x: 0.5 * (wide(n, y) + 1) * eval_jacobi(n - 1, 1, 1, x), mirror=-1
    ),
    _unit,
    "Legendre's polynomial of degree n.",
    numbers=[(0, 5)],
)
eval_gegenbauer: Any = _polynomial(
    "eval_gegenbauer",
    "n alpha",
    _rule_by_previous_degree(lambda y, n, a, x: 2 * wide(a, y) * eval_gegenbauer(n - 1, a + 1, x)),
    _unit,
    "Gegenbauer's polynomial of degree n.",
    numbers=[(0, 5), (1, 3)],
)
eval_chebyu: Any = _polynomial(
    "eval_chebyu",
    "n",
    _rule_by_previous_degree(lambda y, n, x: 2 * eval_gegenbauer(n - 1, 2, x), mirror=-2, sign=-1),
    _unit,
    "Chebyshev's polynomial of the second kind of degree n.",
    numbers=[(0, 5)],
)
eval_chebyt: Any = _polynomial(
    "eval_chebyt",
    "n",
    _rule_by_previous_degree(lambda y, n, x: wide(n, y) * eval_chebyu(n - 1, x)),
    _unit,
    "Chebyshev's polynomial of the first kind of degree n.",
    numbers=[(0, 5)],
)
eval_genlaguerre: Any = _polynomial(
    "eval_genlaguerre",
    "n alpha",
    _rule_by_previous_degree(lambda y, n, a, x: -eval_genlaguerre(n - 1, a + 1, x)),
    _any,
    "Laguerre's generalised polynomial of degree n.",
    numbers=[(0, 5), (0, 3)],
)
eval_laguerre: Any = _polynomial(
    "eval_laguerre",
    "n",
    _rule_by_previous_degree(lambda y, n, x: -eval_genlaguerre(n - 1, 1, x)),
    _any,
    "Laguerre's polynomial of degree n.",
    numbers=[(0, 5)],
)
eval_hermite: Any = _polynomial(
    "eval_hermite",
    "n",
    _rule_by_previous_degree(lambda y, n, x: 2 * wide(n, y) * eval_hermite(n - 1, x)),
    _any,
    "Hermite's polynomial (physicists') of degree n.",
    numbers=[(0, 5)],
)
eval_hermitenorm: Any = _polynomial(
    "eval_hermitenorm",
    "n",
    _rule_by_previous_degree(lambda y, n, x: wide(n, y) * eval_hermitenorm(n - 1, x)),
    _any,
    "Hermite's polynomial (probabilists') of degree n.",
    numbers=[(0, 5)],
)


def _as_scipy_computes(x: ArrayLike) -> Array:
    """In float64 if of integers, which would overflow, and in float32 if of half floats."""
    if isinstance(x, (int, float)):  # a number takes the type of the degree
        return float(x)
    x = tensor_or_array(x)
    if x.dtype.kind in "iub":
        return astype(x, np.float64)
    return astype(x, np.float32) if x.dtype == np.float16 else x


def eval_chebyc(n: ArrayLike, x: ArrayLike) -> Array:
    """2 Tₙ(x/2): Chebyshev's polynomial on [-2, 2]."""
    return 2 * eval_chebyt(n, 0.5 * _as_scipy_computes(x))


def eval_chebys(n: ArrayLike, x: ArrayLike) -> Array:
    """Uₙ(x/2): Chebyshev's polynomial of the second kind on [-2, 2]."""
    return eval_chebyu(n, 0.5 * _as_scipy_computes(x))


def eval_sh_legendre(n: ArrayLike, x: ArrayLike) -> Array:
    """Legendre's polynomial, shifted to [0, 1]."""
    return eval_legendre(n, 2 * _as_scipy_computes(x) - 1)


def eval_sh_chebyt(n: ArrayLike, x: ArrayLike) -> Array:
    """Chebyshev's polynomial of the first kind, shifted to [0, 1]."""
    return eval_chebyt(n, 2 * _as_scipy_computes(x) - 1)


def eval_sh_chebyu(n: ArrayLike, x: ArrayLike) -> Array:
    """Chebyshev's polynomial of the second kind, shifted to [0, 1]."""
    return eval_chebyu(n, 2 * _as_scipy_computes(x) - 1)
