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

from ..ops import (
    all,
    astype,
    cholesky,
    diag,
    diagonal,
    equal,
    exp,
    expand_dims,
    floor,
    isinf,
    log,
    log1p,
    reshape,
    solve_triangular,
    sum,
    transpose,
    where,
)
from .special import betaln, gammaln, log_expit, log_ndtr, ndtr, ndtri, xlog1py, xlogy

__all__ = [
    "bernoulli", "beta", "binom", "cauchy", "dirichlet", "expon", "gamma", "laplace", "logistic",
    "multinomial", "multivariate_normal", "norm", "poisson", "t", "uniform",
]  # fmt: skip

_LOG_2PI = math.log(2 * math.pi)


def _operands(*given: Any) -> list[Any]:
    """Arrays and tensors as they are, lists as arrays, Python numbers in the type of the others."""
    found = [x if hasattr(x, "dtype") or _is_number(x) else np.asarray(x) for x in given]
    types = [x.dtype for x in found if not _is_number(x) and x.dtype.kind == "f"]
    number = np.result_type(*types).type if types else np.float64
    return [number(x) if _is_number(x) else x for x in found]


def _is_number(x: Any) -> bool:
    return type(x) in (int, float, bool)


def _positive(x: Any) -> Any:
    """``x`` where it may be a scale or a shape, NaN elsewhere."""
    return where(x > 0, x, np.nan)


def _limited(out: Any, inside: Any, valid: Any) -> Any:
    """``out``, with minus infinity outside the support, and NaN for invalid parameters."""
    out = where(valid, where(inside, out, -np.inf), np.nan)
    return out[()] if isinstance(out, np.ndarray) else out


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
        return _operands(x, *(found[n] for n in names))


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
        shapes, scale = [_positive(shape) for shape in shapes], _positive(scale)
        z = (x - loc) / scale
        inside = (z >= self._low) & (z <= self._high)
        valid = equal(z, z)
        for shape in shapes:
            valid = valid & equal(shape, shape)
        within = where(inside, z, 0.5)  # which every support holds
        return _limited(self._standard(within, *shapes) - log(scale), inside, valid)

    def pdf(self, x: Any, *args: Any, **named: Any) -> Any:
        """The density at ``x``: see :meth:`logpdf`."""
        return exp(self.logpdf(x, *args, **named))


class _Normal(_Continuous):
    """The normal distributions, with their distribution function."""

    def _z(self, x: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
        x, loc, scale = self._bound(x, args, named)
        return (x - loc) / _positive(scale)

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
        return ndtri(q) * _positive(scale) + loc


def _t(z: Any, df: Any) -> Any:
    """By betaln, since a difference of two gammaln loses all digits at many degrees of freedom."""
    normal = isinf(df)
    finite = where(normal, 1.0, df)
    tail = 0.5 * (finite + 1) * log1p(z * z / finite)
    student = -0.5 * log(finite) - betaln(0.5 * finite, 0.5) - tail
    return where(normal, _norm(z), student)


def _norm(z: Any) -> Any:
    return -0.5 * (z * z) - 0.5 * _LOG_2PI


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


def _counts(k: Any, *parameters: Any) -> Any:
    """Counts in the floating type of the parameters: integers do not widen float32."""
    types = [p.dtype for p in parameters if hasattr(p, "dtype") and p.dtype.kind == "f"]
    if types and hasattr(k, "dtype") and k.dtype.kind in "iub":
        return astype(k, np.result_type(*types))
    return k


def _is_count(k: Any) -> Any:
    return equal(k, floor(k)) & (k >= 0)


def _is_share(p: Any) -> Any:
    return (p >= 0) & (p <= 1)


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
        k = _counts(k, *shapes) - loc
        inside = _is_count(k) & (k <= self._bound_of(*shapes))
        whole = where(inside, floor(k), 0.0)
        valid = self._valid(*shapes) & equal(k, k)
        return _limited(self._standard(whole, *shapes), inside, valid)

    def pmf(self, k: Any, *args: Any, **named: Any) -> Any:
        """The probability of ``k``: see :meth:`logpmf`."""
        return exp(self.logpmf(k, *args, **named))


def _binom(k: Any, n: Any, p: Any) -> Any:
    n = floor(_counts(n, p))
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
    _is_share,
    "p",
    bound=lambda p: 1,
)
binom = _Discrete(
    "binom",
    _binom,
    lambda n, p: _is_count(n) & _is_share(p),
    "n",
    "p",
    bound=lambda n, p: n,
)


def _sums_to_one(p: Any, axis: int) -> Any:
    total = sum(p, axis)
    dtype = total.dtype if total.dtype.kind == "f" else np.dtype(float)
    return abs(total - 1) <= math.sqrt(np.finfo(dtype).eps)


class _Multinomial:
    """Counts of ``n`` draws over categories."""

    def logpmf(self, x: Any, n: Any, p: Any) -> Any:
        """The logarithm of the probability of the counts ``x``.

        Parameters
        ----------
        x : array_like, shape (..., k)
            Counts. No derivative flows to them, nor to ``n``.
        n : array_like, shape (...)
        p : array_like, shape (..., k)
            Probabilities, each a parameter of its own: the derivative is that of Σ x log(p), not
            one along the simplex. Where they do not sum to one, the result is NaN (SciPy puts
            another number in place of the last).

        Examples
        --------
        >>> import numpy as np, tinygrad_hess as tg
        >>> from tinygrad_hess.scipy.stats import multinomial
        >>> tg.grad(lambda p: multinomial.logpmf([2, 1], 3, p))(np.array([0.5, 0.5]))
        array([4., 2.])
        """
        x, n, p = _operands(x, n, p)
        x, n = _counts(x, p), _counts(n, p)
        inside = all(_is_count(x), -1) & equal(sum(x, -1), n)
        x = floor(where(_is_count(x), x, 0.0))
        valid = all(_is_share(p), -1) & _sums_to_one(p, -1) & _is_count(n)
        ways = gammaln(floor(n) + 1) - sum(gammaln(x + 1), -1)
        return _limited(ways + sum(xlogy(x, p), -1), inside, valid)

    def pmf(self, x: Any, n: Any, p: Any) -> Any:
        """The probability of the counts ``x``: see :meth:`logpmf`."""
        return exp(self.logpmf(x, n, p))


class _Dirichlet:
    """Distributions over probability vectors."""

    def logpdf(self, x: Any, alpha: Any) -> Any:
        """The logarithm of the density at ``x``.

        Parameters
        ----------
        x : array_like, shape (k, ...) or (k - 1, ...)
            Points of the simplex, their components along the first axis, as in SciPy. Given k,
            each is a variable of its own; given k - 1, the last is what is left to one.
        alpha : array_like, shape (k,)

        Returns
        -------
        shape (...). Minus infinity off the simplex, NaN where an ``alpha`` is not positive.

        Raises
        ------
        ValueError
            When the number of components fits ``alpha`` in neither way.

        Examples
        --------
        >>> import numpy as np
        >>> from tinygrad_hess.scipy.stats import dirichlet
        >>> print(round(float(dirichlet.logpdf(np.array([0.5, 0.5]), np.array([2.0, 2.0]))), 6))
        0.405465
        """
        x, alpha = _operands(x, alpha)
        if len(alpha.shape) != 1 or not x.shape or x.shape[0] not in (n := alpha.shape[0], n - 1):
            raise ValueError(
                f"dirichlet.logpdf: x of shape {x.shape} does not fit alpha of shape "
                f"{alpha.shape}: x needs as many components along its first axis, or one less"
            )
        alpha = _positive(alpha)
        powers = reshape(alpha - 1, shape=(n, *(1,) * (len(x.shape) - 1)))
        inside = all(x >= 0, 0)
        if x.shape[0] == n:
            inside = inside & _sums_to_one(x, 0)
            density = sum(xlogy(powers, where(x >= 0, x, 1.0)), 0)
        else:
            rest = sum(x, 0)
            inside = inside & (rest <= 1)
            density = sum(xlogy(powers[:-1], where(x >= 0, x, 1.0)), 0)
            density = density + xlog1py(powers[-1], -where(rest <= 1, rest, 0.0))
        scale = sum(gammaln(alpha)) - gammaln(sum(alpha))
        return _limited(density - scale, inside, all(equal(alpha, alpha)))

    def pdf(self, x: Any, alpha: Any) -> Any:
        """The density at ``x``: see :meth:`logpdf`."""
        return exp(self.logpdf(x, alpha))


class _MultivariateNormal:
    """Normal distributions of vectors."""

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1) -> Any:
        """The logarithm of the density at ``x``.

        Parameters
        ----------
        x : array_like, shape (..., d)
            Points. In one dimension also shape () or (n,).
        mean : array_like, shape (d,), optional
            Zero by default.
        cov : array_like, shape (d, d), (d,) or ()
            The covariance; its diagonal; or one variance for all. Of a matrix, the symmetric
            part is taken, so its derivative is symmetric.

        Returns
        -------
        shape (...)

        Raises
        ------
        numpy.linalg.LinAlgError
            When the covariance is not positive definite.
        ValueError
            When shapes do not fit.

        Examples
        --------
        >>> import numpy as np, tinygrad_hess as tg
        >>> from tinygrad_hess.scipy.stats import multivariate_normal
        >>> x, cov = np.array([1.0, 2.0]), np.diag([1.0, 4.0])
        >>> print(tg.grad(lambda m: multivariate_normal.logpdf(x, m, cov))(np.zeros(2)))
        [1.  0.5]
        """
        x, mean, cov = _operands(x, 0 if mean is None else mean, cov)
        d = max((p.shape[-1] for p in (mean, cov) if p.shape), default=1)
        if d == 1 and len(x.shape) < 2:
            x = expand_dims(x, -1)
        fits = len(x.shape) > 0 and x.shape[-1] == d and mean.shape in ((), (1,), (d,))
        if not fits or cov.shape not in ((), (d,), (d, d)):
            raise ValueError(
                f"multivariate_normal.logpdf: x of shape {x.shape}, mean of shape {mean.shape} and "
                f"cov of shape {cov.shape} do not fit: they are to be (..., d), (d,) and (d, d)"
            )
        if len(cov.shape) < 2:
            cov = diag(cov * np.ones(d, cov.dtype))
        lower = cholesky(cov)
        lead = x.shape[:-1]
        deviations = reshape(x - mean, shape=(math.prod(lead), d))
        white = solve_triangular(lower, transpose(deviations), lower=True)
        distance = reshape(sum(white * white, 0), shape=lead)
        return -0.5 * (d * _LOG_2PI + distance) - sum(log(diagonal(lower)))

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1) -> Any:
        """The density at ``x``: see :meth:`logpdf`."""
        return exp(self.logpdf(x, mean, cov))


multinomial, dirichlet, multivariate_normal = _Multinomial(), _Dirichlet(), _MultivariateNormal()
