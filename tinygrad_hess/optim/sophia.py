"""Sophia: momentum over a diagonal of the Hessian, clipped."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..core import arguments
from .diagonal_hessian import DiagonalHessianOptimizer
from .groups import Rate
from .optimizer import Array, Moments, Numbers, Options, Updated


class Sophia(DiagonalHessianOptimizer):
    """Momentum divided by a running mean of the diagonal of the Hessian, each step clipped.

    With d = z ⊙ H z for random signs z, taken at every ``every``-th update alone::

        m = β₁ m + (1 - β₁) g
        h = β₂ h + (1 - β₂) d                        (at those updates; else h stays)
        p = p - lr · weight_decay · p
        p = p - lr · clip(m / max(γ h, eps), -1, 1)

    This is Sophia-H. Liu et al. (2023), Sophia: a scalable stochastic second-order optimizer for
    language model pre-training, algorithm 3 with algorithm 1.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    betas : pair of floats in [0, 1)
    gamma : float
        γ: the smaller, the more coordinates are clipped.
    eps : float
    every : int
        Updates from one diagonal to the next.
    seed : int
        Of the probes.
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.Sophia(lr=0.5, gamma=1.0, betas=(0.0, 0.0))
    >>> step = opt.stepper(lambda w, scale: (scale * w**2).sum() / 2)
    >>> w, scale = np.array([1.0, -4.0]), np.array([1.0, 100.0])
    >>> step(w, opt.init(w), scale)[1]  # half of Newton's step, and a clipped one
    array([ 0.5, -3.5])
    """

    moments = 2
    decoupled = True
    shown = ("lr", "betas", "gamma", "eps", "every", "weight_decay")
    unknown_stability = "its steps are clipped coordinate by coordinate"

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1e-3,
        *,
        betas: tuple[float, float] = (0.96, 0.99),
        gamma: float = 0.01,
        eps: float = 1e-12,
        every: int = 10,
        weight_decay: float = 0.0,
        seed: int = 0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, seed=seed, weight_decay=weight_decay, **options)
        self.betas = arguments.numbers("Sophia", "betas", betas, count=2, least=0, below=1)
        self.gamma = self._number("gamma", gamma, above=0)
        self.eps = self._number("eps", eps, above=0)
        self.every = arguments.integer("Sophia", "every", every, least=1)

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (rate,), (mean, curvature), (b1, b2) = numbers, moments, self.betas
        mean = b1 * mean + (1 - b1) * g
        if observed:
            curvature = b2 * curvature + (1 - b2) * observed[0]
        step = np.clip(mean / np.maximum(self.gamma * curvature, self.eps), -1, 1)
        return p - rate * step, (mean, curvature)
