"""Continuous distributions on the positive (one on the negative) half line."""

from __future__ import annotations

import math
from typing import Any

from ...ops import arctan, erf, exp, expm1, log, log1p, sqrt, tan, where
from ...ops.special.distributions import betaincinv, chi_cdf, chi_sf, gammainccinv, gammaincinv
from ...ops.special.powers import scaled_power
from ..special import (
    betainc,
    betaln,
    erfc,
    erfinv,
    expit,
    gammainc,
    gammaincc,
    gammaln,
    log_expit,
    log_ndtr,
    logit,
    ndtr,
    ndtri,
    xlogy,
)
from .families import Continuous
from .line import LOG_2, LOG_2PI, LOG_PI, cauchy_tail, normal_log_density
from .products import Powers


def _log_normal(z: Any, s: Any) -> Any:
    level = log(z)
    return -level * (1 + 0.5 * level / (s * s)) - log(s) - 0.5 * LOG_2PI


def _f(z: Any, n: Any, d: Any) -> Any:
    level = 0.5 * (n * log(n) + d * log(d)) - betaln(0.5 * n, 0.5 * d)
    return Powers(z, 0.5 * n - 1, level - 0.5 * (n + d) * log(d + n * z))


def _inverse_gauss(z: Any, mu: Any) -> Any:
    deviation = (z - mu) / mu
    return -0.5 * (LOG_2PI + 3 * log(z) + deviation * deviation / z)


def _small_or_large(z: Any, small: Any, large: Any) -> Any:
    """By z up to 1, and beyond by its logarithm, since a power of z may overflow there."""
    inside = z <= 1
    return where(inside, small(where(inside, z, 1.0)), large(log(where(inside, 1.0, z))))


def _fisk_log_sf(z: Any, c: Any) -> Any:
    return _small_or_large(z, lambda z: -log1p(z**c), lambda level: log_expit(-c * level))


def _fisk(z: Any, c: Any) -> Any:
    rest = _small_or_large(
        z,
        lambda z: -2 * log1p(z**c),
        lambda level: log_expit(c * level) + log_expit(-c * level) - level,
    )
    return Powers(where(z <= 1, z, 1.0), c - 1, log(c) + rest)


expon = Continuous(
    "expon",
    lambda z: -z,
    low=0,
    cdf=lambda z: -expm1(-z),
    sf=lambda z: exp(-z),
    logsf=lambda z: -z,
    ppf=lambda q: -log1p(-q),
    isf=lambda q: -log(q),
)
gamma = Continuous(
    "gamma",
    lambda z, a: Powers(z, a - 1, -z - gammaln(a)),
    "a",
    low=0,
    cdf=lambda z, a: gammainc(a, z),
    sf=lambda z, a: gammaincc(a, z),
    ppf=lambda q, a: gammaincinv(a, q),
    isf=lambda q, a: gammainccinv(a, q),
)
chi2 = Continuous(
    "chi2",
    lambda z, df: Powers(z, 0.5 * df - 1, -0.5 * z - gammaln(0.5 * df) - 0.5 * LOG_2 * df),
    "df",
    low=0,
    cdf=lambda z, df: gammainc(0.5 * df, 0.5 * z),
    sf=lambda z, df: gammaincc(0.5 * df, 0.5 * z),
    ppf=lambda q, df: 2 * gammaincinv(0.5 * df, q),
    isf=lambda q, df: 2 * gammainccinv(0.5 * df, q),
)
chi = Continuous(
    "chi",
    lambda z, df: Powers(z, df - 1, LOG_2 * (1 - 0.5 * df) - gammaln(0.5 * df) - 0.5 * z * z),
    "df",
    low=0,
    cdf=lambda z, df: chi_cdf(df, z),
    sf=lambda z, df: chi_sf(df, z),
    ppf=lambda q, df: sqrt(2 * gammaincinv(0.5 * df, q)),
    isf=lambda q, df: sqrt(2 * gammainccinv(0.5 * df, q)),
)
f = Continuous(
    "f",
    _f,
    "dfn",
    "dfd",
    low=0,
    cdf=lambda z, n, d: betainc(0.5 * n, 0.5 * d, n * z / (n * z + d)),
    sf=lambda z, n, d: betainc(0.5 * d, 0.5 * n, d / (n * z + d)),
    ppf=lambda q, n, d: _odds(betaincinv(0.5 * n, 0.5 * d, q)) * d / n,
    isf=lambda q, n, d: d / n / _odds(betaincinv(0.5 * d, 0.5 * n, q)),
)


def _odds(p: Any) -> Any:
    return p / (1 - p)


invgamma = Continuous(
    "invgamma",
    lambda z, a: -(a + 1) * log(z) - gammaln(a) - 1 / z,
    "a",
    low=0,
    is_open=True,
    cdf=lambda z, a: gammaincc(a, 1 / z),
    sf=lambda z, a: gammainc(a, 1 / z),
    ppf=lambda q, a: 1 / gammainccinv(a, q),
    isf=lambda q, a: 1 / gammaincinv(a, q),
)
lognorm = Continuous(
    "lognorm",
    _log_normal,
    "s",
    low=0,
    is_open=True,
    cdf=lambda z, s: ndtr(log(z) / s),
    logcdf=lambda z, s: log_ndtr(log(z) / s),
    sf=lambda z, s: ndtr(-log(z) / s),
    logsf=lambda z, s: log_ndtr(-log(z) / s),
    ppf=lambda q, s: exp(s * ndtri(q)),
    isf=lambda q, s: exp(-s * ndtri(q)),
)
weibull_min = Continuous(
    "weibull_min",
    lambda z, c: Powers(z, c - 1, log(c) - z**c),
    "c",
    low=0,
    cdf=lambda z, c: -expm1(-(z**c)),
    sf=lambda z, c: exp(-(z**c)),
    logsf=lambda z, c: -(z**c),
    ppf=lambda q, c: (-log1p(-q)) ** (1 / c),
    isf=lambda q, c: (-log(q)) ** (1 / c),
)
weibull_max = Continuous(
    "weibull_max",
    lambda z, c: Powers(0.0 - z, c - 1, log(c) - (0.0 - z) ** c),  # not -0.0, whose log' is -inf
    "c",
    high=0,
    within=-0.5,
    cdf=lambda z, c: exp(-((0.0 - z) ** c)),
    logcdf=lambda z, c: -((0.0 - z) ** c),
    sf=lambda z, c: -expm1(-((0.0 - z) ** c)),
    ppf=lambda q, c: -((-log(q)) ** (1 / c)),
    isf=lambda q, c: -((-log1p(-q)) ** (1 / c)),
)
halfnorm = Continuous(
    "halfnorm",
    lambda z: normal_log_density(z) + LOG_2,
    low=0,
    cdf=lambda z: erf(z / math.sqrt(2)),
    sf=lambda z: erfc(z / math.sqrt(2)),
    logsf=lambda z: log_ndtr(-z) + LOG_2,
    ppf=lambda q: ndtri(0.5 + 0.5 * q),
    isf=lambda q: -ndtri(0.5 * q),
)
halfcauchy = Continuous(
    "halfcauchy",
    lambda z: LOG_2 - LOG_PI - log1p(z * z),
    low=0,
    cdf=lambda z: 2 / math.pi * arctan(z),
    sf=lambda z: 2 * cauchy_tail(z),
    ppf=lambda q: tan(0.5 * math.pi * q),
    isf=lambda q: 1 / tan(0.5 * math.pi * q),
)
rayleigh = Continuous(
    "rayleigh",
    lambda z: Powers(z, 1.0, -0.5 * z * z),
    low=0,
    cdf=lambda z: -expm1(-0.5 * z * z),
    sf=lambda z: exp(-0.5 * z * z),
    logsf=lambda z: -0.5 * z * z,
    ppf=lambda q: sqrt(-2 * log1p(-q)),
    isf=lambda q: sqrt(-2 * log(q)),
)
maxwell = Continuous(
    "maxwell",
    lambda z: Powers(z, 2.0, 0.5 * (LOG_2 - LOG_PI) - 0.5 * z * z),
    low=0,
    cdf=lambda z: chi_cdf(3.0, z),
    sf=lambda z: chi_sf(3.0, z),
    ppf=lambda q: sqrt(2 * gammaincinv(1.5, q)),
    isf=lambda q: sqrt(2 * gammainccinv(1.5, q)),
)
levy = Continuous(
    "levy",
    lambda z: -0.5 * (LOG_2PI + 3 * log(z) + 1 / z),
    low=0,
    is_open=True,
    cdf=lambda z: erfc(sqrt(0.5 / z)),
    sf=lambda z: erf(sqrt(0.5 / z)),
    ppf=lambda q: ndtri(0.5 * q) ** -2,
    isf=lambda q: 0.5 * erfinv(q) ** -2,
)
invgauss = Continuous("invgauss", _inverse_gauss, "mu", low=0, is_open=True)
fisk = Continuous(
    "fisk",
    _fisk,
    "c",
    low=0,
    cdf=lambda z, c: _small_or_large(
        z, lambda z: scaled_power(z, c, -log1p(z**c)), lambda level: expit(c * level)
    ),
    sf=lambda z, c: exp(_fisk_log_sf(z, c)),
    logcdf=lambda z, c: _small_or_large(
        z, lambda z: xlogy(c, z) - log1p(z**c), lambda level: log_expit(c * level)
    ),
    logsf=lambda z, c: _fisk_log_sf(z, c),
    ppf=lambda q, c: exp(logit(q) / c),
    isf=lambda q, c: exp(-logit(q) / c),
)
pareto = Continuous(
    "pareto",
    lambda z, b: log(b) - (b + 1) * log(z),
    "b",
    low=1,
    within=2.0,
    cdf=lambda z, b: -expm1(-b * log(z)),
    sf=lambda z, b: exp(-b * log(z)),
    logsf=lambda z, b: -b * log(z),
    ppf=lambda q, b: exp(-log1p(-q) / b),
    isf=lambda q, b: exp(-log(q) / b),
)
