"""Continuous distributions on the whole line, as SciPy parametrises them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ops import arctan, exp, expm1, isinf, log, log1p, sin, tan, where
from ...ops.special.bessel import log_i0e
from ...ops.special.distributions import (
    laplace_cdf,
    laplace_log_cdf,
    laplace_quantile,
    stdtr,
    stdtrit,
)
from ...ops.special.elementary import absolute_power
from ..special import betaln, expit, gammaln, log_expit, log_ndtr, logit, ndtr, ndtri
from .families import Continuous

LOG_2 = math.log(2)
LOG_PI = math.log(math.pi)
LOG_2PI = LOG_2 + LOG_PI


def normal_log_density(z: Any) -> Any:
    """Of the standard normal distribution."""
    return -0.5 * (z * z) - 0.5 * LOG_2PI


def _t(z: Any, df: Any) -> Any:
    """By betaln, since a difference of two gammaln loses all digits at many degrees of freedom."""
    normal = isinf(df)
    finite = where(normal, 1.0, df)
    tail = 0.5 * (finite + 1) * log1p(z * z / finite)
    student = -0.5 * log(finite) - betaln(0.5 * finite, 0.5) - tail
    return where(normal, normal_log_density(z), student)


def _von_mises(z: Any, kappa: Any) -> Any:
    half = sin(0.5 * z)
    return -2 * kappa * half * half - log_i0e(kappa) - LOG_2PI


norm = Continuous(
    "norm",
    normal_log_density,
    cdf=ndtr,
    logcdf=log_ndtr,
    sf=lambda z: ndtr(-z),
    logsf=lambda z: log_ndtr(-z),
    ppf=ndtri,
    isf=lambda q: -ndtri(q),
)
t = Continuous(
    "t",
    _t,
    "df",
    cdf=lambda z, df: stdtr(df, z),
    sf=lambda z, df: stdtr(df, -z),
    ppf=lambda q, df: stdtrit(df, q),
    isf=lambda q, df: -stdtrit(df, q),
)
laplace = Continuous(
    "laplace",
    lambda z: -abs(z) - LOG_2,
    cdf=laplace_cdf,
    sf=lambda z: laplace_cdf(-z),
    logcdf=laplace_log_cdf,
    logsf=lambda z: laplace_log_cdf(-z),
    ppf=laplace_quantile,
    isf=lambda q: -laplace_quantile(q),
)
cauchy = Continuous(
    "cauchy",
    lambda z: -log1p(z * z) - LOG_PI,
    cdf=lambda z: cauchy_tail(-z),
    sf=lambda z: cauchy_tail(z),
    ppf=lambda q: _cauchy_quantile(q),
    isf=lambda q: -_cauchy_quantile(q),
)


def cauchy_tail(z: Any) -> Any:
    """The probability of more than z, without loss where it is small: arctan(1/z)/π there."""
    tail = z > 1
    return where(
        tail,
        arctan(1 / where(tail, z, 1.0)) / math.pi,
        0.5 - arctan(where(tail, 0.0, z)) / math.pi,
    )


def _cauchy_quantile(q: Any) -> Any:
    early = q < 0.25
    tail = -1 / tan(math.pi * where(early, q, 0.25))
    return where(early, tail, tan(math.pi * (where(early, 0.5, q) - 0.5)))


logistic = Continuous(
    "logistic",
    lambda z: log_expit(z) + log_expit(-z),
    cdf=expit,
    sf=lambda z: expit(-z),
    logcdf=log_expit,
    logsf=lambda z: log_expit(-z),
    ppf=logit,
    isf=lambda q: -logit(q),
)
gumbel_r = Continuous(
    "gumbel_r",
    lambda z: -z - exp(-z),
    cdf=lambda z: exp(-exp(-z)),
    logcdf=lambda z: -exp(-z),
    sf=lambda z: -expm1(-exp(-z)),
    ppf=lambda q: -log(-log(q)),
    isf=lambda q: -log(-log1p(-q)),
)
gumbel_l = Continuous(
    "gumbel_l",
    lambda z: z - exp(z),
    cdf=lambda z: -expm1(-exp(z)),
    sf=lambda z: exp(-exp(z)),
    logsf=lambda z: -exp(z),
    ppf=lambda q: log(-log1p(-q)),
    isf=lambda q: log(-log(q)),
)
skewnorm = Continuous(
    "skewnorm",
    lambda z, a: normal_log_density(z) + LOG_2 + log_ndtr(a * z),
    "a",
    allowed=lambda a: abs(a) < np.inf,
)
vonmises = Continuous("vonmises", _von_mises, "kappa", allowed=lambda kappa: kappa >= 0)
gennorm = Continuous(
    "gennorm",
    lambda z, beta: log(0.5 * beta) - gammaln(1 / beta) - absolute_power(z, beta, odd=False),
    "beta",
)
