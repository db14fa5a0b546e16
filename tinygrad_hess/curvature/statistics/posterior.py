"""A Gaussian posterior of parameters: what can be read off it.

Laplace    : the posterior, with its evidence; what :func:`laplace` returns
Predictive : what it says of outputs
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, softmax

from ...core import arguments, trees
from ...core.plotting import BLUE, GREY, axes
from ...distributed.shards import batch_size, raw
from ..estimates.result import Result
from ..operators.flattening import Array, Flattening
from ..operators.kfac.operator import KroneckerFactors
from ..operators.pickling import picklable, restore
from .per_example import output_jacobians

EVIDENCE = "marginal_likelihood"
DENSE = 5_000
"""Up to this many parameters a full covariance is formed."""
EXAMPLES = 256
"""How many examples go through a net at a time where no Jacobian is formed."""


# ---- the curvature of the likelihood, by structure ----------------------------------------------


class Curvature:
    """A positive semidefinite matrix H of P parameters.

    Attributes
    ----------
    values : ndarray, shape (P,)
        Its eigenvalues.
    """

    values: Array

    def root(self, V: Array, precision: float) -> Array:
        """``(H + precision · I)^(-1/2) V``."""
        raise NotImplementedError

    def output_covariance(
        self,
        predict: Callable[..., Any],
        at: Flattening,
        x: Any,
        precision: float,
        chunk_size: int | None,
    ) -> Array:
        """``J (H + precision · I)⁻¹ Jᵀ`` for the Jacobian J of each example's outputs."""
        found = [np.zeros((0, 0, 0), at.dtype)]
        for J in output_jacobians(predict, at, x, chunk_size):
            m, K, P = J.shape
            half = self.root(J.reshape(m * K, P).T, precision).T.reshape(m, K, P)
            found.append((half @ half.swapaxes(1, 2)).astype(at.dtype))
        return np.concatenate(found[1:] or found)


class Dense(Curvature):
    """As its eigendecomposition."""

    def __init__(self, matrix: Array):
        values, self.vectors = np.linalg.eigh(matrix)
        self.values = np.maximum(values, 0)

    def root(self, V: Array, precision: float) -> Array:
        scale = (self.values + precision) ** -0.5
        return self.vectors @ (scale[:, None] * (self.vectors.T @ V))


class Blocks(Curvature):
    """Block-diagonal: positions of each block among the parameters, and its matrix."""

    def __init__(self, blocks: Sequence[tuple[Array, Array]]):
        self.blocks = [(index, Dense(matrix)) for index, matrix in blocks]
        self.values = np.concatenate([block.values for _, block in self.blocks])

    def root(self, V: Array, precision: float) -> Array:
        out = np.empty(V.shape)
        for index, block in self.blocks:
            out[index] = block.root(V[index], precision)
        return out


class Diagonal(Curvature):
    def __init__(self, values: Array):
        self.values = values

    def root(self, V: Array, precision: float) -> Array:
        return ((self.values + precision) ** -0.5)[:, None] * V


class Kronecker(Curvature):
    """A multiple of Kronecker factors."""

    def __init__(self, factors: KroneckerFactors, scale: float):
        self.factors, self.scale = factors, scale
        self.values = factors.eigenvalues().astype(float) * scale

    def root(self, V: Array, precision: float) -> Array:
        return self.factors.inverse_root(V, precision / self.scale) / math.sqrt(self.scale)

    def output_covariance(
        self,
        predict: Callable[..., Any],
        at: Flattening,
        x: Any,
        precision: float,
        chunk_size: int | None,
    ) -> Array:
        n = batch_size(x, at.who, 0)
        step = EXAMPLES if chunk_size is None else chunk_size
        found = [np.zeros((0, 0, 0), at.dtype)]
        for first in range(0, n, step):
            some = trees.map(lambda a: a[first : first + step], x)  # noqa: B023 - used at once
            found.append(self.factors.output_covariance(some, precision / self.scale) / self.scale)
        return np.concatenate(found[1:] or found)


# ---- results ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Predictive:
    """Outputs of a net whose weights are uncertain.

    Attributes
    ----------
    mean : ndarray, shape (n, ...)
        The outputs at the parameters.
    covariance : ndarray, shape (n, K, K)
        Of the K outputs of each example, from the uncertainty of the weights alone: noise of the
        observations comes on top.

    Examples
    --------
    >>> from tinygrad_hess.curvature import Predictive
    >>> unsure = Predictive(np.array([2.0]), np.array([[[9.0]]]))
    >>> unsure.variance, unsure.probabilities().round(3)     # a sure one: 0.881
    (array([9.]), array([0.719]))
    """

    mean: Array
    covariance: Array

    @property
    def variance(self) -> Array:
        """Of each output, shape (n, ...)."""
        return np.diagonal(self.covariance, axis1=1, axis2=2).reshape(self.mean.shape).copy()

    def probabilities(self) -> Array:
        """Class probabilities where the outputs are logits, shape (n, ...): the probit
        approximation of their mean (MacKay 1992; each logit by itself for more than one).

        With one output an example, the probability of class 1.
        """
        logits = self.mean / np.sqrt(1 + math.pi / 8 * self.variance)
        one = self.covariance.shape[1] == 1
        return np.asarray(expit(logits) if one else softmax(logits, axis=-1))

    def __repr__(self) -> str:
        deviation = np.sqrt(self.variance)
        return (
            f"Predictive({len(self.mean)} examples, standard deviations from "
            f"{deviation.min(initial=np.inf):.3g} to {deviation.max(initial=0):.3g})"
        )


@dataclass(frozen=True, eq=False)
class Laplace(Result):
    """A Gaussian approximation of the posterior of a net's parameters.

    Attributes
    ----------
    log_marginal_likelihood : float
        The evidence: ``-L(θ) - α‖θ‖²/2 + (P log α - log det(H + α I)) / 2``, with L the total
        negative log-likelihood as the loss gives it.
    prior_precision : float
        α: the prior is normal with mean 0 and variance 1/α for each parameter.
    effective_dimension : float
        ``Σ λ / (λ + α)`` over the eigenvalues of H: how many parameters the data determine.
    negative_log_likelihood : float
        L(θ).
    structure : str
    parameters : int
        P: how many are uncertain; those of the last layer alone for "last_layer".
    examples : int
    layer : str
        The one that is uncertain, for "last_layer"; otherwise empty.
    seconds : float

    Examples
    --------
    >>> from tinygrad_hess.curvature import laplace
    >>> data = (np.array([[1.0], [2.0]]), np.array([[1.0], [2.0]]))
    >>> la = laplace(lambda w, x: x * w, lambda f, y: ((f - y) ** 2).mean() / 2, np.ones(1), data)
    >>> la
    Laplace(full, 1 parameters, 0.8333 of them determined by 2 examples, prior precision 1, log
    marginal likelihood -1.39588)
    >>> [draw.round(3).tolist() for draw in la.sample(2, seed=0)]
    [[1.051], [0.946]]
    >>> best = la.with_prior_precision("marginal_likelihood")     # where a² + 5 a = 5
    >>> round(best.prior_precision, 6)
    0.854102
    """

    log_marginal_likelihood: float
    prior_precision: float
    effective_dimension: float
    negative_log_likelihood: float
    structure: str
    parameters: int
    examples: int
    layer: str
    seconds: float
    _curvature: Curvature
    _at: Flattening
    _predict: Callable[..., Any]
    _whole: Callable[[Any], Any]

    def __getstate__(self) -> dict[str, Any]:
        return picklable(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state)

    def with_prior_precision(self, prior_precision: float | str) -> Laplace:
        """The same curvature with another prior: nothing is computed again.

        Raises
        ------
        ValueError
            As for :func:`laplace`.
        """
        theta = self._at.join(self._at.values).astype(float)
        values = self._curvature.values
        alpha = _precision(prior_precision, values, theta)
        evidence = -self.negative_log_likelihood - 0.5 * alpha * float(theta @ theta)
        evidence -= 0.5 * float(np.log1p(values / alpha).sum())
        return dataclasses.replace(
            self,
            prior_precision=alpha,
            log_marginal_likelihood=evidence,
            effective_dimension=float((values / (values + alpha)).sum()),
        )

    def predict(self, x: Any, *, chunk_size: int | None = None) -> Predictive:
        """Mean and covariance of the outputs for inputs x, with the net linearised in its weights.

        Parameters
        ----------
        x : array or pytree of arrays
            As ``predict`` takes them, n examples.
        chunk_size : int, optional
            Examples at a time; by default as many as keep their Jacobians below 64 MiB, and 256
            for "kfac", which forms none.

        References
        ----------
        Immer, Korzepa and Bauer (2021), Improving predictions of Bayesian neural nets via local
        linearization.
        """
        mean = np.asarray(raw(self._predict(self._at.tensors(), x)))
        covariance = self._curvature.output_covariance(
            self._predict, self._at, x, self.prior_precision, chunk_size
        )
        return Predictive(mean, covariance)

    def sample(self, count: int, *, seed: int = 0) -> list[Any]:
        """Draws from the posterior: a list of trees like the parameters."""
        count = arguments.integer("Laplace.sample", "count", count)
        rng = arguments.generator("Laplace.sample", seed)
        z = rng.standard_normal((self._at.size, count))
        theta = self._at.join(self._at.values)[:, None]
        draws = theta + self._curvature.root(z, self.prior_precision)
        return [self._whole(self._at.unflatten(d, [False] * len(self._at.values))) for d in draws.T]

    def covariance(self) -> Array:
        """The posterior covariance of the uncertain parameters, shape (P, P).

        Raises
        ------
        ValueError
            For more than 5,000 parameters.
        """
        check_dense(self._at.size, "Laplace.covariance")
        half = self._curvature.root(np.eye(self._at.size), self.prior_precision)
        return half @ half.T

    def __repr__(self) -> str:
        what = f"{self.structure} {self.layer}".rstrip()
        return (
            f"Laplace({what}, {self.parameters} parameters, {self.effective_dimension:.4g} of them "
            f"determined by {self.examples} examples, prior precision {self.prior_precision:.4g}, "
            f"log marginal likelihood {self.log_marginal_likelihood:.6g})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the log marginal likelihood against the prior precision; return the axes."""
        ax = axes(ax)
        alphas = self.prior_precision * np.logspace(-1.5, 1.5, 121)
        found = [self.with_prior_precision(a).log_marginal_likelihood for a in alphas]
        ax.plot(alphas, found, color=BLUE)
        ax.axvline(self.prior_precision, color=GREY, linestyle=":")
        ax.set_xscale("log")
        ax.set_xlabel("prior precision")
        ax.set_ylabel("log marginal likelihood")
        return ax


# ---- checks and choices ------------------------------------------------------------------------


def check_dense(P: int, who: str) -> None:
    if P > DENSE:
        raise ValueError(
            f"{who}: a full matrix of {P} parameters; at most {DENSE} are allowed. Use "
            "structure='kfac', 'block', 'diagonal' or 'last_layer'."
        )


def check_precision(alpha: Any) -> None:
    if not isinstance(alpha, str):
        alpha = arguments.number("laplace", "prior_precision", alpha, infinite=True)
    if alpha != EVIDENCE and not (
        isinstance(alpha, (int, float, np.number)) and 0 < alpha < math.inf
    ):
        raise ValueError(
            f"laplace: prior_precision must be a positive number or {EVIDENCE!r}, got {alpha!r}"
        )


def _precision(alpha: float | str, values: Array, theta: Array) -> float:
    """The prior precision itself, or the one with the largest marginal likelihood."""
    check_precision(alpha)
    if not isinstance(alpha, str):
        return float(alpha)
    square = float(theta @ theta)
    if square == 0 or not (values > 0).any():
        raise ValueError(
            f"laplace: no prior precision maximises the marginal likelihood, since "
            f"{'all parameters are' if square == 0 else 'the curvature is'} zero; give a number"
        )

    def slope(log_alpha: float) -> float:
        a = math.exp(log_alpha)
        return float((values / (values + a)).sum()) - a * square

    high = math.log(len(values) / square)  # γ is at most P
    low = high
    while slope(low) <= 0:
        low -= 1.0
    return math.exp(brentq(slope, low, high)) if low < high else math.exp(high)
