"""Distribution functions of ``scipy.special`` and their inverses, in their real argument.

Their derivative is the density; that of an inverse is its reciprocal. Counts carry no derivative,
and asking for one in a shape is an error.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from ...core.kinds import elementwise
from .._types import Array
from ..elementwise.arithmetic import absolute
from ..elementwise.comparison import floor
from ..elementwise.exponential import exp, log, log1p
from .error import log_ndtr
from .gamma import _beta_density, _gamma_density, betaln, gammaln
from .powers import scaled_power
from .scipy_ufuncs import of_orders, wide

_LOG_2 = math.log(2)
_share = (0.1, 0.9)
_positive = (0.6, 3)

# ---- densities ----------------------------------------------------------------------------------


def _student(y: Array, df: Array, t: Array) -> Array:
    df = wide(df, y)
    level = gammaln(0.5 * (df + 1)) - gammaln(0.5 * df) - 0.5 * log(math.pi * df)
    return exp(level - 0.5 * (df + 1) * log1p(t * t / df))


def _chi_squared(y: Array, v: Array, x: Array) -> Array:
    return 0.5 * _gamma_density(y, 0.5 * wide(v, y), 0.5 * x)


def _f(y: Array, n: Array, d: Array, x: Array) -> Array:
    n, d = wide(n, y), wide(d, y)
    ratio = n / d
    level = 0.5 * n * log(ratio) - betaln(0.5 * n, 0.5 * d)
    return scaled_power(x, 0.5 * n - 1, level - 0.5 * (n + d) * log1p(ratio * x))


def _poisson(y: Array, k: Array, m: Array) -> Array:
    return _gamma_density(y, floor(wide(k, y)) + 1, m)


def _binomial(y: Array, k: Array, n: Array, p: Array) -> Array:
    k, n = floor(wide(k, y)), wide(n, y)
    return _beta_density(y, k + 1, n - k, p)


# ---- gamma and beta -----------------------------------------------------------------------------

betaincc: Any = of_orders(
    "betaincc",
    special.betaincc,
    "a b",
    lambda g, y, a, b, x: -g * _beta_density(y, a, b, x),
    _share,
    "1 - betainc(a, b, x).",
)
betaincinv: Any = of_orders(
    "betaincinv",
    special.betaincinv,
    "a b",
    lambda g, y, a, b, p: g / _beta_density(y, a, b, y),
    _share,
    "The inverse of betainc in x.",
)
betainccinv: Any = of_orders(
    "betainccinv",
    special.betainccinv,
    "a b",
    lambda g, y, a, b, p: -g / _beta_density(y, a, b, y),
    _share,
    "The inverse of betaincc in x.",
)
gammaincinv: Any = of_orders(
    "gammaincinv",
    special.gammaincinv,
    "a",
    lambda g, y, a, p: g / _gamma_density(y, a, y),
    _share,
    "The inverse of gammainc in x.",
)
gammainccinv: Any = of_orders(
    "gammainccinv",
    special.gammainccinv,
    "a",
    lambda g, y, a, p: -g / _gamma_density(y, a, y),
    _share,
    "The inverse of gammaincc in x.",
)

# ---- continuous distributions -------------------------------------------------------------------

stdtr: Any = of_orders(
    "stdtr",
    special.stdtr,
    "df",
    lambda g, y, df, t: g * _student(y, df, t),
    (-2, 2),
    "Student's distribution function.",
)
stdtrit: Any = of_orders(
    "stdtrit",
    special.stdtrit,
    "df",
    lambda g, y, df, p: g / _student(y, df, y),
    _share,
    "The quantiles of Student's distribution.",
)
chdtr: Any = of_orders(
    "chdtr",
    special.chdtr,
    "v",
    lambda g, y, v, x: g * _chi_squared(y, v, x),
    _positive,
    "The distribution function of chi squared.",
)
chdtrc: Any = of_orders(
    "chdtrc",
    special.chdtrc,
    "v",
    lambda g, y, v, x: -g * _chi_squared(y, v, x),
    _positive,
    "The upper tail of chi squared.",
)
chdtri: Any = of_orders(
    "chdtri",
    special.chdtri,
    "v",
    lambda g, y, v, p: -g / _chi_squared(y, v, y),
    _share,
    "The inverse of chdtrc in x.",
)
fdtr: Any = of_orders(
    "fdtr",
    special.fdtr,
    "dfn dfd",
    lambda g, y, n, d, x: g * _f(y, n, d, x),
    _positive,
    "The distribution function of F.",
)
fdtrc: Any = of_orders(
    "fdtrc",
    special.fdtrc,
    "dfn dfd",
    lambda g, y, n, d, x: -g * _f(y, n, d, x),
    _positive,
    "The upper tail of F.",
)
fdtri: Any = of_orders(
    "fdtri",
    special.fdtri,
    "dfn dfd",
    lambda g, y, n, d, p: g / _f(y, n, d, y),
    _share,
    "The quantiles of F.",
)
gdtr: Any = of_orders(
    "gdtr",
    special.gdtr,
    "a b",
    lambda g, y, a, b, x: g * (wide(a, y) * _gamma_density(y, b, wide(a, y) * x)),
    _positive,
    "The distribution function of gamma, of rate a and shape b.",
)
gdtrc: Any = of_orders(
    "gdtrc",
    special.gdtrc,
    "a b",
    lambda g, y, a, b, x: -g * (wide(a, y) * _gamma_density(y, b, wide(a, y) * x)),
    _positive,
    "The upper tail of gamma, of rate a and shape b.",
)


# ---- chi ----------------------------------------------------------------------------------------


def _chi(y: Array, df: Array, x: Array) -> Array:
    df = wide(df, y)
    level = math.log(2) * (1 - 0.5 * df) - gammaln(0.5 * df)
    return scaled_power(x, df - 1, level - 0.5 * x * x)


chi_cdf: Any = of_orders(
    "chi_cdf",
    lambda df, x: special.gammainc(0.5 * df, 0.5 * x * x),
    "df",
    lambda g, y, df, x: g * _chi(y, df, x),
    _positive,
    "The distribution function of chi, the root of chi squared.",
)
chi_sf: Any = of_orders(
    "chi_sf",
    lambda df, x: special.gammaincc(0.5 * df, 0.5 * x * x),
    "df",
    lambda g, y, df, x: -g * _chi(y, df, x),
    _positive,
    "The upper tail of chi.",
)

# ---- Laplace ------------------------------------------------------------------------------------


def _laplace_cdf(x: Array) -> Array:
    tail = 0.5 * np.exp(-np.abs(x))
    return np.where(np.less(x, 0), tail, 1 - tail)[()]


def _laplace_log_cdf(x: Array) -> Array:
    tail = -0.5 * np.exp(-np.abs(x))
    return np.where(np.less(x, 0), x - _LOG_2, np.log1p(tail)).astype(tail.dtype)[()]


def _laplace_quantile(p: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.less(p, 0.5), np.log(2 * p), -np.log(2 * (1 - p)))[()]


laplace_cdf = elementwise(
    "laplace_cdf",
    _laplace_cdf,
    lambda g, y, x: g * (0.5 * exp(-absolute(x))),
    domain=(0.2, 2),
    edges=[((0.0,), (0.5,))],
    doc="Laplace's distribution function.",
)
laplace_log_cdf = elementwise(
    "laplace_log_cdf",
    _laplace_log_cdf,
    lambda g, y, x: g * exp(-absolute(x) - _LOG_2 - y),
    domain=(0.2, 2),
    edges=[((0.0,), (1.0,)), ((-1e3,), (1.0,)), ((1e3,), (0.0,))],
    doc="The logarithm of Laplace's distribution function.",
)
laplace_quantile = elementwise(
    "laplace_quantile",
    _laplace_quantile,
    lambda g, y, p: g * (2 * exp(absolute(y))),
    domain=(0.1, 0.4),
    edges=[((0.5,), (2.0,))],
    doc="The quantiles of Laplace's distribution.",
)


def _whole_trials(ufunc: Any) -> Any:
    """SciPy wants the number of trials as an integer of its own type."""

    def fn(k: Array, n: Array, p: Array) -> Array:
        return ufunc(np.asarray(k, float), np.asarray(n).astype(np.intp), np.asarray(p, float))

    return fn


gdtrix: Any = of_orders(
    "gdtrix",
    special.gdtrix,
    "a b",
    lambda g, y, a, b, p: g / (wide(a, y) * _gamma_density(y, b, wide(a, y) * y)),
    _share,
    "The quantiles of gamma, of rate a and shape b.",
)

# ---- counts -------------------------------------------------------------------------------------

pdtr: Any = of_orders(
    "pdtr",
    special.pdtr,
    "k",
    lambda g, y, k, m: -g * _poisson(y, k, m),
    _positive,
    "Poisson's distribution function, in its mean m.",
)
pdtrc: Any = of_orders(
    "pdtrc",
    special.pdtrc,
    "k",
    lambda g, y, k, m: g * _poisson(y, k, m),
    _positive,
    "The upper tail of Poisson's distribution, in its mean m.",
)
pdtri: Any = of_orders(
    "pdtri",
    special.pdtri,
    "k",
    lambda g, y, k, p: -g / _poisson(y, k, y),
    _share,
    "The inverse of pdtr in m.",
)
bdtr: Any = of_orders(
    "bdtr",
    _whole_trials(special.bdtr),
    "k n",
    lambda g, y, k, n, p: -g * _binomial(y, k, n, p),
    _share,
    "The binomial distribution function, in the probability p.",
    numbers=[(0, 4), (4, 7)],
    whole="n",
)
bdtrc: Any = of_orders(
    "bdtrc",
    _whole_trials(special.bdtrc),
    "k n",
    lambda g, y, k, n, p: g * _binomial(y, k, n, p),
    _share,
    "The upper tail of the binomial distribution, in the probability p.",
    numbers=[(0, 4), (4, 7)],
    whole="n",
)
bdtri: Any = of_orders(
    "bdtri",
    _whole_trials(special.bdtri),
    "k n",
    lambda g, y, k, n, p: -g / _binomial(y, k, n, y),
    _share,
    "The inverse of bdtr in p.",
    numbers=[(0, 4), (4, 7)],
    whole="n",
)
nbdtr: Any = of_orders(
    "nbdtr",
    special.nbdtr,
    "k n",
    lambda g, y, k, n, p: g * _beta_density(y, n, wide(k, y) + 1, p),
    _share,
    "The negative binomial distribution function, in the probability p.",
    whole="k n",
)
nbdtrc: Any = of_orders(
    "nbdtrc",
    special.nbdtrc,
    "k n",
    lambda g, y, k, n, p: -g * _beta_density(y, n, wide(k, y) + 1, p),
    _share,
    "The upper tail of the negative binomial distribution, in the probability p.",
    whole="k n",
)
nbdtri: Any = of_orders(
    "nbdtri",
    special.nbdtri,
    "k n",
    lambda g, y, k, n, p: g / _beta_density(y, n, wide(k, y) + 1, y),
    _share,
    "The inverse of nbdtr in p.",
    whole="k n",
)

ndtri_exp = elementwise(
    "ndtri_exp",
    special.ndtri_exp,
    lambda g, y, p: g * (math.sqrt(2 * math.pi) * exp(0.5 * y * y + log_ndtr(y))),
    domain=(-4, -0.2),
    doc="The normal quantile of a probability given by its logarithm: the inverse of log_ndtr.",
)
