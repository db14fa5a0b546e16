"""Factorials and their ratios for real numbers: 1/Γ, rising factorials, binomial coefficients."""

from __future__ import annotations

import math
from typing import Any

from scipy import special

from ...core.kinds import elementwise
from .._dispatch import as_array, contains_tensor
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import divisor, mod, where
from ..elementwise.comparison import equal, greater_equal, less, rint
from ..elementwise.identity import astype
from ..elementwise.trigonometric import cos, sin
from .gamma import beta, digamma, gamma
from .scipy_ufuncs import narrow, wide

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

# ---- ratios of gamma functions ------------------------------------------------------------------
#
# Where a gamma function in the denominator has a pole, the ratio is 0 and its logarithmic
# derivative infinite. Left of 1/2 both are taken by reflection, 1/Γ(x) = Γ(1 - x) sin(πx)/π, which
# is smooth.


def _turn(x: Array) -> tuple[Array, Array]:
    """sin(πx) and cos(πx), exactly 0 and ±1 at integers."""
    whole = rint(x)
    sign = 1 - 2 * mod(whole, 2)
    part = math.pi * (x - whole)
    return sign * sin(part), sign * cos(part)


def _poch_slopes(y: Array, z: Array, m: Array, position: int) -> Array:
    """In z, y (ψ(z + m) - ψ(z)); in m, y ψ(z + m)."""
    z, m = wide(z, y), wide(m, y)
    left = less(z, 0.5)
    above = z + m
    after = left & less(above, 0.5)  # both gamma functions are reflected
    here = where(left, 1.0, z)
    right = where(left, 1.0, above)
    usual = poch(here, right - here)
    # Γ(z + m) Γ(1 - z) sin(πz)/π
    once = left & ~after
    a, b = where(once, above, 1.0), where(once, 1 - z, 1.0)
    s, c = _turn(1 - b)
    ratio = beta(a, b) * gamma(a + b)
    # Γ(1 - z) / Γ(1 - z - m) times sin(πz) / sin(π(z + m))
    p, q = where(after, 1 - z, 1.0), where(after, 1 - above, 1.0)
    mirrored = poch(q, p - q)
    sin_z, cos_z = _turn(where(after, z, 0.5))
    sin_a, cos_a = _turn(where(after, above, 0.5))
    twice = where(equal(sin_a, 0), _turn(where(after, m, 0.0))[1], sin_z / divisor(sin_a))
    if position == 1:
        by_usual = usual * digamma(right)
        by_once = ratio * s / math.pi * digamma(a)
        by_twice = mirrored * (twice * digamma(q) - math.pi * sin_z * cos_a / (sin_a * sin_a))
    else:
        by_usual = usual * (digamma(right) - digamma(here))
        by_once = ratio * (c + (digamma(a) - digamma(b)) * s / math.pi)
        turned = math.pi * (sin_a * cos_z - sin_z * cos_a) / divisor(sin_a * sin_a)
        by_twice = mirrored * (twice * (digamma(q) - digamma(p)) + turned)
    return where(after, by_twice, where(left, by_once, by_usual))


poch: Any = elementwise(
    "poch",
    narrow(special.poch),
    lambda g, y, z, m: g * _poch_slopes(y, z, m, 0),
    lambda g, y, z, m: g * _poch_slopes(y, z, m, 1),
    domain=(_positive, _positive),
    edges=[((0.0, 2.0), (1.0, 0.0)), ((-1.0, 3.0), (-1.0, 0.0))],
    doc="The rising factorial Γ(z + m)/Γ(z).",
)


def _binom_slopes(y: Array, n: Array, k: Array, position: int) -> Array:
    """In n, y (ψ(n + 1) - ψ(n - k + 1)); in k, y (ψ(n - k + 1) - ψ(k + 1)).

    Where the smaller of k and n - k is below -1/2, y is B(n + 1, -j) sin(π(j + 1))/π for that j.
    """
    n, k = wide(n, y), wide(k, y)
    rest = n - k
    low, high = less(k, -0.5), less(rest, -0.5)
    ends = low | high
    top, inner = where(ends, 2.0, n), where(ends, 1.0, k)
    usual = binom(top, inner)
    j, n = where(high, rest, where(low, k, -1.0)), where(ends, n, 1.0)
    s, c = _turn(j + 1)
    size = beta(n + 1, -j)
    in_n = size * (digamma(n + 1) - digamma(n - j + 1)) * s / math.pi  # with j fixed
    in_j = size * (c + (digamma(n - j + 1) - digamma(-j)) * s / math.pi)
    if position == 0:
        inside = usual * (digamma(top + 1) - digamma(top - inner + 1))
        return where(ends, where(high, in_n + in_j, in_n), inside)
    inside = usual * (digamma(top - inner + 1) - digamma(inner + 1))
    return where(ends, where(high, -in_j, in_j), inside)


binom: Any = elementwise(
    "binom",
    narrow(special.binom),
    lambda g, y, n, k: g * _binom_slopes(y, n, k, 0),
    lambda g, y, n, k: g * _binom_slopes(y, n, k, 1),
    domain=((3, 5), (0.4, 2.5)),
    edges=[((1.0, 2.0), (0.5, -0.5)), ((2.0, -1.0), (0.0, 1 / 3))],
    doc="The binomial coefficient, of real numbers n > -1, and of all k.",
)


def _is_exact(exact: bool, who: str) -> None:
    if exact:
        raise ValueError(f"{who}: exact=True counts integers, which carry no derivative")


def _is_counted(N: ArrayLike, k: ArrayLike) -> Array:
    """Where SciPy counts at all; elsewhere it gives 0."""
    return greater_equal(N, k) & greater_equal(N, 0) & greater_equal(k, 0)


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
    if repetition:
        nothing = equal(N, 0) & equal(k, 0)  # of which there is one choice
        return where(nothing, 1.0, binom(where(nothing, 1.0, N + k - 1), k))
    counted = _is_counted(N, k)
    return where(counted, binom(N, k), 0.0)


def perm(N: ArrayLike, k: ArrayLike, exact: bool = False) -> Array:
    """How many ways to arrange ``k`` of ``N`` things, for real numbers too."""
    if not contains_tensor((N, k)):
        return special.perm(N, k, exact)
    _is_exact(exact, "perm")
    counted = _is_counted(N, k)
    return where(counted, poch(where(counted, N - k + 1, 1.0), k), 0.0)


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
    n = as_array(n)
    y = where(less(n, 0), 0.0, gamma(where(less(n, 0), 0.0, n) + 1))
    return astype(y, n.dtype) if n.dtype.kind == "f" and y.dtype != n.dtype else y
