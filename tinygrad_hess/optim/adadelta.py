"""Adadelta: steps in the units of the parameters."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from .groups import Rate
from .optimizer import Array, Dynamics, Moments, Numbers, Optimizer, Options, Updated


class Adadelta(Optimizer):
    """Steps scaled by the root mean square of earlier steps over that of the gradients.

    With d = g + weight_decay · p::

        s = ρ s + (1 - ρ) d²
        Δ = sqrt(u + eps) / sqrt(s + eps) · d
        u = ρ u + (1 - ρ) Δ²
        p = p - lr · Δ

    Zeiler (2012), ADADELTA: an adaptive learning rate method, algorithm 1 (there lr is 1).

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    rho : float in [0, 1)
    eps : float
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.Adadelta(rho=0.75, eps=1.0)
    >>> w = np.array([1.0, -2.0])
    >>> opt.update(w, 2 * w, opt.init(w))[0]
    array([-0.41421356, -0.21114562])
    """

    moments = 2
    shown = ("lr", "rho", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1.0,
        *,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        self.rho = self._number("rho", rho, least=0, below=1)
        self.eps = self._number("eps", eps, above=0)

    @property
    def dynamics(self) -> Dynamics:
        return Dynamics("sgd")

    def preconditioner(self, slots: tuple[Array, ...], count: int) -> Array:
        """``sqrt(s + eps) / sqrt(u + eps)``."""
        ratio: Array = np.sqrt((slots[0] + self.eps) / (slots[1] + self.eps))
        return ratio

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (rate,), (square, travelled) = numbers, moments
        square = self.rho * square + (1 - self.rho) * (g * g)
        step = np.sqrt((travelled + self.eps) / (square + self.eps)) * g
        travelled = self.rho * travelled + (1 - self.rho) * (step * step)
        return p - rate * step, (square, travelled)
