"""Eigenvectors near a shift, without a factorisation: the folded spectrum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..estimates.budget import Budget
from ..estimates.checkpoints import Checkpoint
from ..estimates.operands import Array, Counted
from .ends import order
from .lanczos import Ritz
from .restarted import Accuracy, RestartedLanczos

SPARE = 1
"""Pairs beyond those asked for: σ + d and σ - d are one eigenvalue of the folded operator."""

LEAST_NEAR = 3
"""Products for the scale and one step; what sorts k pairs out takes up to four for each more."""


class Folded:
    """``(A - σ)²``, of which the smallest eigenvalues belong to those of A nearest to σ."""

    def __init__(self, A: Counted, sigma: float):
        self.A, self.sigma = A, A.dtype.type(sigma)
        self.size, self.dtype, self.eps, self.who = A.size, A.dtype, A.eps, A.who
        self.columns = A.columns

    @property
    def matvecs(self) -> int:
        return self.A.matvecs

    def matvec(self, x: Array) -> Array:
        return self._twice(self.A.matvec, x)

    def matmat(self, X: Array) -> Array:
        return self._twice(self.A.matmat, X)

    def _twice(self, multiply: Callable[[Array], Array], X: Array) -> Array:
        before = self.A.matvecs
        try:
            for _ in range(2):
                X = multiply(X) - self.sigma * X
        except KeyboardInterrupt:
            self.A.matvecs = before  # the first of the two is lost
            raise
        return X


@dataclass(frozen=True)
class FoldedAccuracy:
    """What must hold of ``(A - σ)²`` for A's residuals to be small.

    With θ = d² the folded value of a vector y, and e its error at an eigenvalue μ, the residual of
    A is ``|μ - λ| e`` and the folded one ``|μ - λ| |μ - σ + d| e``; the second factor is at least
    the distance from σ of those beyond, unless μ mirrors λ, which the last projection undoes.
    """

    asked: Accuracy
    sigma: float
    scale: float

    @property
    def numbers(self) -> tuple[float, ...]:
        """As in Accuracy."""
        return self.asked.numbers

    def allowed(self, values: Any, scale: float) -> Any:
        distance = np.sqrt(np.maximum(values, 0.0))
        allowed = self.asked.allowed(abs(self.sigma) - distance, self.scale)
        return 0.3 * allowed * max(distance.max(initial=0.0), 1e-3 * self.scale)

    def errors(self, ritz: Ritz, chosen: Any, scale: float) -> Any:
        """As in Accuracy."""
        return ritz.residuals[chosen] / self.allowed(ritz.values[chosen], scale)


def nearest_vectors(
    A: Counted,
    k: int,
    sigma: float,
    scale: float,
    asked: Accuracy,
    budget: Budget,
    checkpoint: Checkpoint,
    start: Array | None,
    seed: int,
) -> tuple[Array, str]:
    """Orthonormal vectors of the k eigenvalues nearest to ``sigma``; and why not all were found.

    Folding squares the spectrum and mixes the vectors of σ + d and σ - d. A last projection
    sorts these out.

    References
    ----------
    Wang and Zunger (1994), Solving Schrödinger's equation around a desired energy.
    """
    many = min(k + SPARE, A.size)
    iteration = RestartedLanczos(
        Folded(A, sigma), many, "SA", accuracy=FoldedAccuracy(asked, sigma, scale),
        budget=budget, checkpoint=checkpoint, start=start, seed=seed, cost=2, reserve=4 * many,
    )  # fmt: skip
    ritz = iteration.run()
    V = iteration.space.vectors(ritz.coefficients[:, order(ritz.values, many, "SA")])
    W = A.matmat(V)
    # V and A V together span both vectors that a folded one is mixed from.
    W = W - V @ (V.T @ W)
    mixed = np.linalg.norm(W, axis=0) > 0.1 * asked.allowed(np.zeros(V.shape[1]), scale)
    X = np.linalg.qr(np.concatenate([V, W[:, mixed]], axis=1))[0]
    T = X.T @ A.matmat(X)
    values, S = np.linalg.eigh((T + T.T) / 2)
    near = np.argsort(np.abs(values - sigma), kind="stable")[:k]
    return X @ S[:, near].astype(A.dtype), iteration.reason
