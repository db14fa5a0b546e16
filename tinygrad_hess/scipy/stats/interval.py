"""Continuous distributions between two ends."""

from __future__ import annotations

import math
from typing import Any

from ...ops import cos, exp, log, log1p, where
from ...ops.special.distributions import betaincc, betainccinv, betaincinv
from ..special import betainc, betaln, log_ndtr, ndtr, ndtri, powm1, xlogy
from .families import Continuous
from .line import LOG_2PI, normal_log_density
from .products import Powers

uniform = Continuous(
    "uniform",
    lambda z: 0.0 * z,
    low=0,
    high=1,
    cdf=lambda z: 1.0 * z,
    sf=lambda z: 1 - z,
    ppf=lambda q: 1.0 * q,
    isf=lambda q: 1 - q,
)
beta = Continuous(
    "beta",
    lambda z, a, b: Powers(z, a - 1, -betaln(a, b), b - 1),
    "a",
    "b",
    low=0,
    high=1,
    cdf=lambda z, a, b: betainc(a, b, z),
    sf=lambda z, a, b: betaincc(a, b, z),
    ppf=lambda q, a, b: betaincinv(a, b, q),
    isf=lambda q, a, b: betainccinv(a, b, q),
)
powerlaw = Continuous(
    "powerlaw",
    lambda z, a: Powers(z, a - 1, log(a)),
    "a",
    low=0,
    high=1,
    cdf=lambda z, a: z**a,
    sf=lambda z, a: 0.0 - powm1(z, a),  # not -0.0, whose log' is -inf
    logcdf=lambda z, a: xlogy(a, z),
    ppf=lambda q, a: q ** (1 / a),
    isf=lambda q, a: exp(log1p(-q) / a),
)
wrapcauchy = Continuous(
    "wrapcauchy",
    lambda z, c: log((1 - c) * (1 + c) / (1 + c * c - 2 * c * cos(z))) - LOG_2PI,
    "c",
    low=0,
    high=2 * math.pi,
    allowed=lambda c: (c > 0) & (c < 1),
)
loguniform = Continuous(
    "loguniform",
    lambda z, a, b: -log(z) - log(log(b / a)),
    "a",
    "b",
    low=lambda a, b: a,
    high=lambda a, b: b,
    allowed=lambda a, b: (a > 0) & (b > a),
    cdf=lambda z, a, b: log(z / a) / log(b / a),
    sf=lambda z, a, b: log(b / z) / log(b / a),
    ppf=lambda q, a, b: a * exp(q * log(b / a)),
    isf=lambda q, a, b: b * exp(-q * log(b / a)),
)


def _in_left_tail(a: Any, b: Any) -> tuple[Any, Any]:
    """The interval, mirrored where it is right of 0, since the left tail keeps its digits."""
    right = a > 0
    return where(right, -b, a), where(right, -a, b)


def _mass(a: Any, b: Any) -> Any:
    """The normal probability of an interval."""
    a, b = _in_left_tail(a, b)
    return ndtr(b) - ndtr(a)


def _log_mass(a: Any, b: Any) -> Any:
    a, b = _in_left_tail(a, b)
    log_upper = log_ndtr(b)
    return log_upper + log1p(-exp(log_ndtr(a) - log_upper))


def _truncated_quantile(q: Any, a: Any, b: Any) -> Any:
    right = a > 0
    mirrored, other = _in_left_tail(a, b)
    share = where(right, 1 - q, q)
    z = ndtri(ndtr(mirrored) + share * (ndtr(other) - ndtr(mirrored)))
    return where(right, -z, z)


truncnorm = Continuous(
    "truncnorm",
    lambda z, a, b: normal_log_density(z) - _log_mass(a, b),
    "a",
    "b",
    low=lambda a, b: a,
    high=lambda a, b: b,
    allowed=lambda a, b: a < b,
    cdf=lambda z, a, b: _mass(a, z) / _mass(a, b),
    sf=lambda z, a, b: _mass(z, b) / _mass(a, b),
    ppf=_truncated_quantile,
)
