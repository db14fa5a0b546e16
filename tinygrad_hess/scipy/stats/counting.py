"""Distributions of counts: their log-probabilities and distribution functions."""

from __future__ import annotations

from typing import Any

from ...ops import floor, log, log1p
from ...ops.special.powers import scaled_powers
from ..special import betainc, betaln, gammainc, gammaincc, gammaln, xlog1py, xlogy
from .families import Discrete
from .operands import counts, is_count, is_share
from .products import Powers


def _log_binomial(n: Any, k: Any) -> Any:
    """The logarithm of the binomial coefficient."""
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _binom(k: Any, n: Any, p: Any) -> Any:
    n = floor(counts(n, p))
    return Powers(p, k, _log_binomial(n, k), n - k)


def _betabinom(k: Any, n: Any, a: Any, b: Any) -> Any:
    n = floor(counts(n, a, b))
    return _log_binomial(n, k) + betaln(k + a, n - k + b) - betaln(a, b)


poisson = Discrete(
    "poisson",
    lambda k, mu: Powers(mu, k, -gammaln(k + 1) - mu),
    lambda mu: mu >= 0,
    "mu",
    cdf=lambda k, mu: gammaincc(k + 1, mu),
    sf=lambda k, mu: gammainc(k + 1, mu),
)
bernoulli = Discrete(
    "bernoulli",
    lambda k, p: Powers(p, k, 0.0 * p, 1 - k),
    is_share,
    "p",
    bound=lambda p: 1,
    cdf=lambda k, p: 1 - p + 0 * k,
    sf=lambda k, p: p + 0 * k,
)
binom = Discrete(
    "binom",
    _binom,
    lambda n, p: is_count(n) & is_share(p),
    "n",
    "p",
    bound=lambda n, p: n,
    cdf=lambda k, n, p: betainc(n - k, k + 1, 1 - p),
    sf=lambda k, n, p: betainc(k + 1, n - k, p),
)
betabinom = Discrete(
    "betabinom",
    _betabinom,
    lambda n, a, b: is_count(n) & (a > 0) & (b > 0),
    "n",
    "a",
    "b",
    bound=lambda n, a, b: n,
)
nbinom = Discrete(
    "nbinom",
    lambda k, n, p: Powers(p, n, gammaln(k + n) - gammaln(n) - gammaln(k + 1), k),
    lambda n, p: (n > 0) & (p > 0) & (p <= 1),
    "n",
    "p",
    cdf=lambda k, n, p: betainc(n, k + 1, p),
    sf=lambda k, n, p: betainc(k + 1, n, 1 - p),
)
geom = Discrete(
    "geom",
    lambda k, p: Powers(p, 1.0, 0.0 * p, k - 1),
    lambda p: (p > 0) & (p <= 1),
    "p",
    first=1,
    cdf=lambda k, p: betainc(1.0, k, p),
    sf=lambda k, p: scaled_powers(p, 0.0, k, 0.0 * p),
    logsf=lambda k, p: xlog1py(k, -p),
)
logser = Discrete(
    "logser",
    lambda k, p: xlogy(k, p) - log(k) - log(-log1p(-p)),
    lambda p: (p > 0) & (p < 1),
    "p",
    first=1,
)
