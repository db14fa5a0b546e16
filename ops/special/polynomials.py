"""The orthogonal polynomials of ``scipy.special`` in their argument, by degree.

The derivative of a classical polynomial is a multiple of one of the degree below (DLMF 18.9).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scipy import special

from .._types import Array, ArrayLike
from ..elementwise.arithmetic import where
from ..elementwise.comparison import equal
from .scipy_ufuncs import of_orders, wide

_unit = (-0.9, 0.9)
_any = (-2, 2)


def _rule_by_previous_degree(slope: Callable[..., Any]) -> Callable[..., Any]:
    """A rule from a derivative by the degree below; of degree 0, where there is none, it is 0."""

    def rule(g: Array, y: Array, n: Any, *rest: Any) -> Array:
        constant = equal(n, 0)
        return g * where(constant, 0.0, slope(y, where(constant, 1, n), *rest))

    return rule


eval_jacobi: Any = of_orders(
    "eval_jacobi",
    special.eval_jacobi,
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
eval_legendre: Any = of_orders(
    "eval_legendre",
    special.eval_legendre,
    "n",
    _rule_by_previous_degree(lambda y, n, x: 0.5 * (wide(n, y) + 1) * eval_jacobi(n - 1, 1, 1, x)),
    _unit,
    "Legendre's polynomial of degree n.",
    numbers=[(0, 5)],
)
eval_gegenbauer: Any = of_orders(
    "eval_gegenbauer",
    special.eval_gegenbauer,
    "n alpha",
    _rule_by_previous_degree(lambda y, n, a, x: 2 * wide(a, y) * eval_gegenbauer(n - 1, a + 1, x)),
    _unit,
    "Gegenbauer's polynomial of degree n.",
    numbers=[(0, 5), (1, 3)],
)
eval_chebyu: Any = of_orders(
    "eval_chebyu",
    special.eval_chebyu,
    "n",
    _rule_by_previous_degree(lambda y, n, x: 2 * eval_gegenbauer(n - 1, 2, x)),
    _unit,
    "Chebyshev's polynomial of the second kind of degree n.",
    numbers=[(0, 5)],
)
eval_chebyt: Any = of_orders(
    "eval_chebyt",
    special.eval_chebyt,
    "n",
    _rule_by_previous_degree(lambda y, n, x: wide(n, y) * eval_chebyu(n - 1, x)),
    _unit,
    "Chebyshev's polynomial of the first kind of degree n.",
    numbers=[(0, 5)],
)
eval_genlaguerre: Any = of_orders(
    "eval_genlaguerre",
    special.eval_genlaguerre,
    "n alpha",
    _rule_by_previous_degree(lambda y, n, a, x: -eval_genlaguerre(n - 1, a + 1, x)),
    _any,
    "Laguerre's generalised polynomial of degree n.",
    numbers=[(0, 5), (0, 3)],
)
eval_laguerre: Any = of_orders(
    "eval_laguerre",
    special.eval_laguerre,
    "n",
    _rule_by_previous_degree(lambda y, n, x: -eval_genlaguerre(n - 1, 1, x)),
    _any,
    "Laguerre's polynomial of degree n.",
    numbers=[(0, 5)],
)
eval_hermite: Any = of_orders(
    "eval_hermite",
    special.eval_hermite,
    "n",
    _rule_by_previous_degree(lambda y, n, x: 2 * wide(n, y) * eval_hermite(n - 1, x)),
    _any,
    "Hermite's polynomial (physicists') of degree n.",
    numbers=[(0, 5)],
)
eval_hermitenorm: Any = of_orders(
    "eval_hermitenorm",
    special.eval_hermitenorm,
    "n",
    _rule_by_previous_degree(lambda y, n, x: wide(n, y) * eval_hermitenorm(n - 1, x)),
    _any,
    "Hermite's polynomial (probabilists') of degree n.",
    numbers=[(0, 5)],
)


def eval_chebyc(n: ArrayLike, x: ArrayLike) -> Array:
    """2 Tₙ(x/2): Chebyshev's polynomial on [-2, 2]."""
    return 2 * eval_chebyt(n, 0.5 * x)


def eval_chebys(n: ArrayLike, x: ArrayLike) -> Array:
    """Uₙ(x/2): Chebyshev's polynomial of the second kind on [-2, 2]."""
    return eval_chebyu(n, 0.5 * x)


def eval_sh_legendre(n: ArrayLike, x: ArrayLike) -> Array:
    """Legendre's polynomial, shifted to [0, 1]."""
    return eval_legendre(n, 2 * x - 1)


def eval_sh_chebyt(n: ArrayLike, x: ArrayLike) -> Array:
    """Chebyshev's polynomial of the first kind, shifted to [0, 1]."""
    return eval_chebyt(n, 2 * x - 1)


def eval_sh_chebyu(n: ArrayLike, x: ArrayLike) -> Array:
    """Chebyshev's polynomial of the second kind, shifted to [0, 1]."""
    return eval_chebyu(n, 2 * x - 1)
