"""Distributions of ``scipy.stats``, differentiable in the observation and in real parameters.

::

    on the line     : norm t laplace cauchy logistic gumbel_r gumbel_l skewnorm vonmises gennorm
    positive        : expon gamma chi2 chi f invgamma lognorm weibull_min halfnorm halfcauchy
                      rayleigh maxwell levy invgauss fisk pareto; negative: weibull_max
    on an interval  : uniform beta powerlaw loguniform truncnorm wrapcauchy
    counts          : poisson bernoulli binom betabinom nbinom geom logser multinomial
    vectors         : dirichlet multivariate_normal

Each has ``logpdf`` and ``pdf`` (``logpmf`` and ``pmf`` for counts) with SciPy's arguments, and
its answers: minus infinity outside the support, NaN for parameters that make no distribution.
Those of one variable also have ``cdf``, ``sf``, ``logcdf``, ``logsf``, ``ppf`` and ``isf`` where
derivatives are known: in all real parameters, or all but those shapes of incomplete gamma and
beta functions whose derivative is refused by an error. Functions take arrays and tensors alike,
broadcast, and keep float32. Counts carry no derivative.

Examples
--------
>>> import numpy as np, tinygrad_hess as tg
>>> from tinygrad_hess.scipy import stats
>>> x = np.array([-1.0, 0.0, 4.0])
>>> tg.grad(lambda loc: stats.norm.logpdf(x, loc, 2.0).sum())(0.0)
np.float64(0.75)
>>> print(tg.grad(stats.weibull_min.logsf)(2.0, 1.5).round(6))
-2.12132
"""

from __future__ import annotations

from .counting import bernoulli, betabinom, binom, geom, logser, nbinom, poisson
from .interval import beta, loguniform, powerlaw, truncnorm, uniform, wrapcauchy
from .line import (
    cauchy,
    gennorm,
    gumbel_l,
    gumbel_r,
    laplace,
    logistic,
    norm,
    skewnorm,
    t,
    vonmises,
)
from .positive import (
    chi,
    chi2,
    expon,
    f,
    fisk,
    gamma,
    halfcauchy,
    halfnorm,
    invgamma,
    invgauss,
    levy,
    lognorm,
    maxwell,
    pareto,
    rayleigh,
    weibull_max,
    weibull_min,
)
from .vectors import Dirichlet, Multinomial, MultivariateNormal

__all__ = [
    "bernoulli", "beta", "betabinom", "binom", "cauchy", "chi", "chi2", "dirichlet", "expon", "f",
    "fisk", "gamma", "gennorm", "geom", "gumbel_l", "gumbel_r", "halfcauchy", "halfnorm",
    "invgamma", "invgauss", "laplace", "levy", "logistic", "lognorm", "logser", "loguniform",
    "maxwell", "multinomial", "multivariate_normal", "nbinom", "norm", "pareto", "poisson",
    "powerlaw", "rayleigh", "skewnorm", "t", "truncnorm", "uniform", "vonmises", "weibull_max",
    "weibull_min", "wrapcauchy",
]  # fmt: skip

multinomial, dirichlet, multivariate_normal = Multinomial(), Dirichlet(), MultivariateNormal()
