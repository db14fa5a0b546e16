"""Distributions of vectors: multinomial, Dirichlet, and normal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import arguments
from ...core.tensor import Tensor
from ...ops import (
    all,
    cholesky,
    concatenate,
    diag,
    diagonal,
    eigvalsh,
    equal,
    exp,
    expand_dims,
    floor,
    index,
    log,
    matmul,
    norm,
    pinv,
    reshape,
    solve_triangular,
    sum,
    transpose,
    where,
)
from ..special import gammaln, xlogy
from .line import LOG_2PI
from .operands import counts, is_count, is_share, limited, nan_unless, operands, positive
from .products import product_of_powers


def _sums_to_one(p: Any, axis: int) -> Any:
    total = sum(p, axis)
    dtype = total.dtype if total.dtype.kind == "f" else np.dtype(float)
    return abs(total - 1) <= math.sqrt(np.finfo(dtype).eps)


class Multinomial:
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
            one along the simplex. Where they do not sum to one, the result is NaN (SciPy
            replaces the last).

        Examples
        --------
        >>> import numpy as np, tinygrad_hess as tg
        >>> from tinygrad_hess.scipy.stats import multinomial
        >>> tg.grad(lambda p: multinomial.logpmf([2, 1], 3, p))(np.array([0.5, 0.5]))
        array([4., 2.])
        """
        x, p, ways, inside, valid = self._at(x, n, p)
        return limited(ways + sum(xlogy(x, p), -1), inside, valid)

    def _at(self, x: Any, n: Any, p: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Counts, probabilities, the log of the ways, and what is inside and valid."""
        x, n, p = operands("multinomial", ("x", "n", "p"), x, n, p)
        x, n = counts(x, p), counts(n, p)
        inside = all(is_count(x), -1) & equal(sum(x, -1), n)
        x = floor(where(is_count(x), x, 0.0))
        valid = all(is_share(p), -1) & _sums_to_one(p, -1) & is_count(n)
        ways = gammaln(floor(n) + 1) - sum(gammaln(x + 1), -1)
        return x, p, ways, inside, valid

    def pmf(self, x: Any, n: Any, p: Any) -> Any:
        """The probability of the counts ``x``: see :meth:`logpmf`."""
        x, p, ways, inside, valid = self._at(x, n, p)
        return nan_unless(valid, where(inside, product_of_powers(p, x, ways, -1), 0.0))


class Dirichlet:
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
        x, powers, scale, inside, valid = self._at(x, alpha)
        return limited(sum(xlogy(powers, x), 0) - scale, inside, valid)

    def _at(self, x: Any, alpha: Any) -> tuple[Any, Any, Any, Any, Any]:
        """All components, their exponents, the log of the scale, and what is inside and valid."""
        x, alpha = operands("dirichlet", ("x", "alpha"), x, alpha)
        if len(alpha.shape) != 1 or not x.shape or x.shape[0] not in (n := alpha.shape[0], n - 1):
            raise ValueError(
                f"dirichlet.logpdf: x of shape {x.shape} does not fit alpha of shape "
                f"{alpha.shape}: x needs as many components along its first axis, or one less"
            )
        alpha = positive(alpha)
        powers = reshape(alpha - 1, shape=(n, *(1,) * (len(x.shape) - 1)))
        if x.shape[0] == n:
            inside = all(x >= 0, 0) & _sums_to_one(x, 0)
        else:
            x = concatenate([x, expand_dims(1 - sum(x, 0), 0)], 0)
            inside = all(x >= 0, 0)
        scale = sum(gammaln(alpha)) - gammaln(sum(alpha))
        return where(x >= 0, x, 1.0), powers, scale, inside, all(equal(alpha, alpha))

    def pdf(self, x: Any, alpha: Any) -> Any:
        """The density at ``x``: see :meth:`logpdf`."""
        x, powers, scale, inside, valid = self._at(x, alpha)
        density = product_of_powers(x, powers, -scale, 0)
        return nan_unless(valid, where(inside, density, 0.0))


class MultivariateNormal:
    """Normal distributions of vectors."""

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
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
        allow_singular : bool
            Take the density on the plane that the covariance spans, and zero beside it. Its
            derivatives hold for covariances of the same rank, which ``jit`` cannot know.

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
        x, mean, cov = operands(
            "multivariate_normal", ("x", "mean", "cov"), x, 0 if mean is None else mean, cov
        )
        d = max((p.shape[-1] for p in (mean, cov) if p.shape), default=1)
        if d == 1 and len(x.shape) < 2:
            x = expand_dims(x, -1)
        fits = len(x.shape) > 0 and x.shape[-1] == d and mean.shape in ((), (1,), (d,))
        if not fits or cov.shape not in ((), (d,), (d, d)):
            raise ValueError(
                f"multivariate_normal.logpdf: x of shape {x.shape}, mean of shape {mean.shape} and "
                f"cov of shape {cov.shape} do not fit: they are to be (..., d), (d,) and (d, d)"
            )
        lead = x.shape[:-1]
        deviations = reshape(x - mean, shape=(math.prod(lead), d))
        if arguments.flag("multivariate_normal.logpdf", "allow_singular", allow_singular):
            return reshape(_on_span(deviations, _as_matrix(cov, d)), shape=lead)
        lower = _cholesky_factor(cov, d)
        white = solve_triangular(lower, transpose(deviations), lower=True)
        distance = reshape(sum(white * white, 0), shape=lead)
        return -0.5 * (d * LOG_2PI + distance) - sum(log(diagonal(lower)))

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        """The density at ``x``: see :meth:`logpdf`."""
        return exp(self.logpdf(x, mean, cov, allow_singular))

    def entropy(self, mean: Any = None, cov: Any = 1) -> Any:
        """The differential entropy, (d log 2πe + log det cov) / 2, in nats; any mean has the same.

        Examples
        --------
        >>> import numpy as np, tinygrad_hess as tg
        >>> from tinygrad_hess.scipy.stats import multivariate_normal
        >>> print(tg.grad(lambda c: multivariate_normal.entropy(cov=c))(np.diag([1.0, 4.0])))
        [[0.5   0.   ]
         [0.    0.125]]
        """
        mean, cov = operands(
            "multivariate_normal", ("mean", "cov"), 0 if mean is None else mean, cov
        )
        d = max((p.shape[-1] for p in (mean, cov) if p.shape), default=1)
        if mean.shape not in ((), (d,)) or cov.shape not in ((), (d,), (d, d)):
            raise ValueError(
                f"multivariate_normal.entropy: mean of shape {mean.shape} and cov of shape "
                f"{cov.shape} do not fit: they are to be (d,) and (d, d)"
            )
        return 0.5 * d * (1 + LOG_2PI) + sum(log(diagonal(_cholesky_factor(cov, d))))


def _cholesky_factor(cov: Any, d: int) -> Any:
    """The lower Cholesky factor of a covariance: a matrix, its diagonal, or one variance."""
    return cholesky(_as_matrix(cov, d))


def _as_matrix(cov: Any, d: int) -> Any:
    return cov if len(cov.shape) == 2 else diag(cov * np.ones(d, cov.dtype))


def _on_span(deviations: Any, cov: Any) -> Any:
    """The log-density of rows on the plane that a covariance spans; beside it, minus infinity."""
    plain = cov.detach().numpy() if isinstance(cov, Tensor) else cov
    sizes = np.abs(np.linalg.eigvalsh(plain))
    share = 1e6 * float(np.finfo(sizes.dtype).eps)  # SciPy's
    rank = int(np.sum(sizes > share * sizes.max(initial=0.0)))
    variances = index(eigvalsh(cov), slice(len(sizes) - rank, None))
    solved = matmul(deviations, pinv(cov, share))
    beside = norm(deviations - matmul(solved, cov), axis=-1) > share
    density = -0.5 * (rank * LOG_2PI + sum(log(variances)) + sum(solved * deviations, -1))
    return where(beside, -np.inf, density)
