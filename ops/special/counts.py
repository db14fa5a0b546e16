"""Factorials and their ratios for real numbers: 1/Γ, rising factorials, binomial coefficients."""

from __future__ import annotations

import math
from typing import Any

from scipy import special

from ...core.kinds import elementwise
from .._dispatch import contains_tensor
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import where
from ..elementwise.comparison import less
from ..elementwise.trigonometric import cos, sin
from .gamma import digamma, gamma
from .scipy_ufuncs import narrow

_positive = (0.6, 3)


def _rgamma_rule(g: Array, y: Array, x: Array) -> Array:
    """-y ψ(x); below 1/2, by reflection, that of Γ(1 - x) sin(πx)/π, which has no poles there."""
    left = less(x, 0.5)
    mirrored, here = 1 - where(left, x, 0.0), where(left, 1.0, x)
    turn = math.pi * (1 - mirrored)
    by_reflection = gamma(mirrored) * (cos(turn) - digamma(mirrored) * sin(turn) / math.pi)
    return g * where(left, by_reflection, -rgamma(here) * digamma(here))


rgamma: Any = elementwise(
    "rgamma",
    special.rgamma,
    _rgamma_rule,
    domain=(-2.2, 3),
    edges=[((0.0,), (1.0,)), ((-1.0,), (-1.0,)), ((-2.0,), (2.0,))],
    doc="1/Γ(x), which is 0 at 0, -1, -2, ...",
)
poch = elementwise(
    "poch",
    narrow(special.poch),
    lambda g, y, z, m: g * (y * (digamma(z + m) - digamma(z))),
    lambda g, y, z, m: g * (y * digamma(z + m)),
    domain=(_positive, _positive),
    doc="The rising factorial Γ(z + m)/Γ(z).",
)
binom = elementwise(
    "binom",
    narrow(special.binom),
    lambda g, y, n, k: g * (y * (digamma(n + 1) - digamma(n - k + 1))),
    lambda g, y, n, k: g * (y * (digamma(n - k + 1) - digamma(k + 1))),
    domain=((3, 5), (0.4, 2.5)),
    doc="The binomial coefficient, of real numbers n > -1 and -1 < k < n + 1.",
)


def _is_exact(exact: bool, who: str) -> None:
    if exact:
        raise ValueError(f"{who}: exact=True counts integers, which carry no derivative")


def comb(N: ArrayLike, k: ArrayLike, *, exact: bool = False, repetition: bool = False) -> Array:
    """How many ways to choose ``k`` of ``N`` things, for real numbers too.

    Examples
    --------
    >>> from tinygrad_hess.scipy import special
    >>> print(special.comb(4.0, 2.0))
    6.0
    """
    if not contains_tensor((N, k)):
        return special.comb(N, k, exact=exact, repetition=repetition)
    _is_exact(exact, "comb")
    return binom(N + k - 1, k) if repetition else binom(N, k)


def perm(N: ArrayLike, k: ArrayLike, exact: bool = False) -> Array:
    """How many ways to arrange ``k`` of ``N`` things, for real numbers too."""
    if not contains_tensor((N, k)):
        return special.perm(N, k, exact)
    _is_exact(exact, "perm")
    return poch(N - k + 1, k)


def factorial(n: ArrayLike, exact: bool = False, extend: str = "zero") -> Array:
    """Γ(n + 1), for real numbers n >= 0 too; 0 below.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess.scipy import special
    >>> print(tg.grad(special.factorial)(0.0).round(6))
    -0.577216
    """
    if not contains_tensor(n):
        options = {} if extend == "zero" else {"extend": extend}  # which older SciPy lacks
        return special.factorial(n, exact, **options)
    _is_exact(exact, "factorial")
    return where(less(n, 0), 0.0, gamma(where(less(n, 0), 0.0, n) + 1))
