"""Rates from a running diagonal of the Hessian."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from .diagonal_hessian import DiagonalHessianOptimizer
from .groups import Rate
from .optimizer import Array, Dynamics, Moments, Numbers, Options, Updated


class DiagonalNewton(DiagonalHessianOptimizer):
    """A Newton step for each coordinate alone, with a running diagonal of the Hessian.

    With d = z ⊙ H z for random signs z, at update t::

        h = γ h + (1 - γ) d
        p = p - lr · g / (|h| / (1 - γᵗ) + μ)

    Becker and LeCun (1988), Improving the convergence of back-propagation learning with second
    order methods: the pseudo-Newton step. LeCun, Bottou, Orr and Müller (1998), Efficient backprop,
    section 9.1, for the running mean: stochastic diagonal Levenberg-Marquardt. There the diagonal
    is that of the Gauss-Newton matrix, which is never negative.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    decay : float in [0, 1)
        γ.
    damping : float
        μ, which bounds the rate by lr / μ.
    seed : int
        Of the probes.
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.DiagonalNewton(lr=1.0, damping=1e-9)
    >>> step = opt.stepper(lambda w, scale: (scale * w**2).sum() / 2)
    >>> w, scale = np.array([1.0, -2.0]), np.array([1.0, 100.0])
    >>> step(w, opt.init(w), scale)[1].round(6)
    array([ 0., -0.])
    """

    moments = 1
    shown = ("lr", "decay", "damping", "weight_decay")

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1e-2,
        *,
        decay: float = 0.99,
        damping: float = 1e-1,
        weight_decay: float = 0.0,
        seed: int = 0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, seed=seed, weight_decay=weight_decay, **options)
        self.decay = self._number("decay", decay, least=0, below=1)
        self.damping = self._number("damping", damping, above=0)

    @property
    def dynamics(self) -> Dynamics:
        return Dynamics("sgd")

    def preconditioner(self, slots: tuple[Array, ...], count: int) -> Array:
        """``|h| / (1 - γᵗ) + μ``."""
        size: Array = np.abs(slots[0])
        return size / (1 - self.decay**count) + self.damping

    def _numbers(self, rate: float, count: int) -> Numbers:
        return 1 - self.decay**count, rate

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (corrected, rate), (d,) = numbers, observed
        mean = self.decay * moments[0] + (1 - self.decay) * d
        return p - rate * (g / (np.abs(mean) / corrected + self.damping)), (mean,)
