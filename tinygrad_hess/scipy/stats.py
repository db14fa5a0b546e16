"""Log-densities of ``scipy.stats``, differentiable in the observation and in every real parameter.

    univariate   : norm t gamma beta expon laplace cauchy logistic uniform
    counts       : poisson bernoulli binom multinomial
    multivariate : dirichlet multivariate_normal

Each has ``logpdf`` and ``pdf`` (``logpmf`` and ``pmf`` for counts) with SciPy's arguments, and
its answers: minus infinity outside the support, NaN for parameters that make no distribution.
Functions take arrays and tensors alike, broadcast, and keep float32. Counts carry no derivative.

Examples
--------
>>> import numpy as np, tinygrad_hess as tg
>>> from tinygrad_hess.scipy import stats
>>> x = np.array([-1.0, 0.0, 4.0])
>>> tg.grad(lambda loc: stats.norm.logpdf(x, loc, 2.0).sum())(0.0)
np.float64(0.75)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ops import equal, exp, floor, isinf, log, log1p, where
from ._stats_operands import counts, is_count, is_share, limited, operands, positive
from ._stats_vectors import LOG_2PI, Dirichlet, Multinomial, MultivariateNormal
from .special import betaln, gammaln, log_expit, log_ndtr, ndtr, ndtri, xlog1py, xlogy

__all__ = [
    "bernoulli", "beta", "binom", "cauchy", "dirichlet", "expon", "gamma", "laplace", "logistic",
    "multinomial", "multivariate_normal", "norm", "poisson", "t", "uniform",
]  # fmt: skip


class _Family:
    """A family of univariate distributions: its name, and its arguments as SciPy orders them."""

    def __init__(self, name: str, arguments: dict[str, Any]):
        self.name, self.arguments = name, arguments

    def __repr__(self) -> str:
        return f"<{self.name} distributions: ({', '.join(self.arguments)})>"

    def _bound(self, x: Any, args: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        """``x`` and each argument; a TypeError where one is missing, unknown or given twice."""
        names = list(self.arguments)
        given = dict(zip(names, args, strict=False))
        wrong = [n for n in named if n not in names or n in given]
        found = {**self.arguments, **given, **named}
        missing = [n for n in names if found[n] is None]
        if wrong or missing or len(args) > len(names):
            told = [*(f"{v!r} by position" for v in args[len(names) :]), *wrong]
            what = f"got {', '.join(told)}" if told else f"{', '.join(missing)} is missing"
            raise TypeError(f"{self.name}: {what}; its arguments are ({', '.join(names)})")
        return operands(x, *(found[n] for n in names))


class _Continuous(_Family):
    """Distributions with a location and a scale.

    ``standard(z, *shapes)`` is the log-density at location 0 and scale 1, inside the closed
    support from ``low`` to ``high``. Shapes must be positive.
    """

    def __init__(
        self,
        name: str,
        standard: Callable[..., Any],
        *shapes: str,
        low: float = -np.inf,
        high: float = np.inf,
    ):
        super().__init__(name, {**dict.fromkeys(shapes), "loc": 0, "scale": 1})
        self._standard, self._low, self._high = standard, low, high

    def logpdf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The logarithm of the density at ``x``.

        Parameters
        ----------
        x : array_like
        *args, **named
            The shapes, then ``loc`` and ``scale``, by position or name; they broadcast with ``x``.

        Returns
        -------
        The broadcast shape. Minus infinity outside the support; NaN where ``x`` is NaN, or a
        shape or the scale is not positive.
        """
        x, *shapes, loc, scale = self._bound(x, args, named)
        shapes, scale = [positive(shape) for shape in shapes], positive(scale)
        z = (x - loc) / scale
        if self._low == -np.inf and self._high == np.inf:
            return self._standard(z, *shapes) - log(scale)
        valid = equal(z, z)
        inside = (z >= self._low) & (z <= self._high) | ~valid  # NaN goes through
        for shape in shapes:
            valid = valid & equal(shape, shape)
        within = where(inside, z, 0.5)  # which every support holds
        return limited(self._standard(within, *shapes) - log(scale), inside, valid)

    def pdf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The density at ``x``: see :meth:`logpdf`."""
        return exp(self.logpdf(x, *args, **named))


class _Normal(_Continuous):
    """The normal distributions, with their distribution function."""

    def _z(self, x: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
        x, loc, scale = self._bound(x, args, named)
        return (x - loc) / positive(scale)

    def cdf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The probability of at most ``x``; arguments ``loc`` and ``scale``."""
        return ndtr(self._z(x, args, named))

    def logcdf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The logarithm of :meth:`cdf`, precise far to the left."""
        return log_ndtr(self._z(x, args, named))

    def sf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The probability of more than ``x``, precise far to the right."""
        return ndtr(-self._z(x, args, named))

    def logsf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The logarithm of :meth:`sf`."""
        return log_ndtr(-self._z(x, args, named))

    def ppf(self, q: Any, *args: Any, **named: Any) -> Any:
        """The quantile: the inverse of :meth:`cdf`, for ``q`` from 0 to 1."""
        q, loc, scale = self._bound(q, args, named)
        return ndtri(q) * positive(scale) + loc


def _t(z: Any, df: Any) -> Any:
    """By betaln, since a difference of two gammaln loses all digits at many degrees of freedom."""
    normal = isinf(df)
    finite = where(normal, 1.0, df)
    tail = 0.5 * (finite + 1) * log1p(z * z / finite)
    student = -0.5 * log(finite) - betaln(0.5 * finite, 0.5) - tail
    return where(normal, _norm(z), student)


def _norm(z: Any) -> Any:
    return -0.5 * (z * z) - 0.5 * LOG_2PI


norm = _Normal("norm", _norm)
t = _Continuous("t", _t, "df")
gamma = _Continuous("gamma", lambda z, a: xlogy(a - 1, z) - z - gammaln(a), "a", low=0)
beta = _Continuous(
    "beta",
    lambda z, a, b: xlogy(a - 1, z) + xlog1py(b - 1, -z) - betaln(a, b),
    "a",
    "b",
    low=0,
    high=1,
)
expon = _Continuous("expon", lambda z: -z, low=0)
laplace = _Continuous("laplace", lambda z: -abs(z) - math.log(2))
cauchy = _Continuous("cauchy", lambda z: -log1p(z * z) - math.log(math.pi))
logistic = _Continuous("logistic", lambda z: log_expit(z) + log_expit(-z))
uniform = _Continuous("uniform", lambda z: 0.0 * z, low=0, high=1)

# ---- counts -------------------------------------------------------------------------------------


class _Discrete(_Family):
    """Distributions over counts from 0 up to a bound, shifted by a location.

    ``standard(k, *shapes)`` is the log-probability, ``valid(*shapes)`` says which are allowed.
    """

    def __init__(
        self,
        name: str,
        standard: Callable[..., Any],
        valid: Callable[..., Any],
        *shapes: str,
        bound: Callable[..., Any] = lambda *shapes: np.inf,
    ):
        super().__init__(name, {**dict.fromkeys(shapes), "loc": 0})
        self._standard, self._valid, self._bound_of = standard, valid, bound

    def logpmf(self, k: Any, *args: Any, **named: Any) -> Any:
        """The logarithm of the probability of ``k``.

        Parameters
        ----------
        k : array_like
            Counts, of an integer or floating type. No derivative flows to them.
        *args, **named
            The shapes, then ``loc``, by position or name; they broadcast with ``k``.

        Returns
        -------
        The broadcast shape. Minus infinity for what is no count or beyond the bound; NaN where
        ``k`` is NaN or a parameter is not allowed.
        """
        k, *shapes, loc = self._bound(k, args, named)
        k = counts(k, *shapes) - loc
        inside = is_count(k) & (k <= self._bound_of(*shapes))
        whole = where(inside, floor(k), 0.0)
        valid = self._valid(*shapes) & equal(k, k)
        return limited(self._standard(whole, *shapes), inside, valid)

    def pmf(self, k: Any, *args: Any, **named: Any) -> Any:
        """The probability of ``k``: see :meth:`logpmf`."""
        return exp(self.logpmf(k, *args, **named))


def _binom(k: Any, n: Any, p: Any) -> Any:
    n = floor(counts(n, p))
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return ways + xlogy(k, p) + xlog1py(n - k, -p)


poisson = _Discrete(
    "poisson",
    lambda k, mu: xlogy(k, mu) - gammaln(k + 1) - mu,
    lambda mu: mu >= 0,
    "mu",
)
bernoulli = _Discrete(
    "bernoulli",
    lambda k, p: xlogy(k, p) + xlog1py(1 - k, -p),
    is_share,
    "p",
    bound=lambda p: 1,
)
binom = _Discrete(
    "binom",
    _binom,
    lambda n, p: is_count(n) & is_share(p),
    "n",
    "p",
    bound=lambda n, p: n,
)


multinomial, dirichlet, multivariate_normal = Multinomial(), Dirichlet(), MultivariateNormal()
