"""Densities that are products of powers, whose derivatives are right where a base is 0.

There the logarithm is infinite, and a density derived from it is 0 times infinity.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ...ops import equal, exp, prod, sum, where
from ...ops.special.powers import scaled_power, scaled_powers
from ..special import xlog1py, xlogy


class Powers(NamedTuple):
    """base ** exponent * (1 - base) ** complement * exp(rest)."""

    base: Any
    exponent: Any
    rest: Any
    complement: Any = None


def log_of(density: Any) -> Any:
    """The logarithm of what a row gives: ``Powers``, or the logarithm itself."""
    if not isinstance(density, Powers):
        return density
    base, exponent, rest, complement = density
    if complement is None:
        return xlogy(exponent, base) + rest
    return xlogy(exponent, base) + xlog1py(complement, -base) + rest


def value_of(density: Any, log_scale: Any) -> Any:
    """The density itself, divided by the scale."""
    if not isinstance(density, Powers):
        return exp(density - log_scale)
    base, exponent, rest, complement = density
    if complement is None:
        return scaled_power(base, exponent, rest - log_scale)
    return scaled_powers(base, exponent, complement, rest - log_scale)


def product_of_powers(base: Any, exponent: Any, rest: Any, axis: int) -> Any:
    """exp(rest) times the product of powers along an axis: bases of 0 apart from the others."""
    zero = equal(base, 0)
    others = sum(xlogy(exponent, where(zero, 1.0, base)), axis)
    return exp(others + rest) * prod(where(zero, base, 1.0) ** exponent, axis)
