"""RMSProp: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from .groups import Rate
from .optimizer import Array, Dynamics, Moments, Numbers, Optimizer, Options, Updated


class RMSProp(Optimizer):
    """Steps divided by the root of a running mean of squared gradients.

    With d = g + weight_decay · p::

        s = ρ s + (1 - ρ) d²
        m = ρ m + (1 - ρ) d                      (where centred; otherwise m = 0)
        v = μ v + d / (sqrt(s - m²) + eps)
        p = p - lr · v

    Tieleman and Hinton (2012), lecture 6.5 of Neural networks for machine learning; centred in
    Graves (2013), Generating sequences with recurrent neural networks, equations 38 to 41. As in
    PyTorch, eps is outside the root.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    decay : float in [0, 1)
        ρ.
    momentum : float in [0, 1)
        μ.
    centered : bool
    eps : float
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.RMSProp(lr=0.1, decay=0.75)
    >>> w = np.array([1.0, -2.0])
    >>> opt.update(w, 2 * w, opt.init(w))[0]
    array([ 0.8, -1.8])
    """

    shown = ("lr", "decay", "momentum", "centered", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1e-2,
        *,
        decay: float = 0.99,
        momentum: float = 0.0,
        centered: bool = False,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        self.decay = self._number("decay", decay, least=0, below=1)
        self.momentum = self._number("momentum", momentum, least=0, below=1)
        self.eps = self._number("eps", eps, least=0)
        self.centered = centered
        self.moments = 1 + bool(centered) + bool(momentum)

    @property
    def dynamics(self) -> Dynamics:
        return Dynamics("momentum" if self.momentum else "sgd", self.momentum)

    def preconditioner(self, slots: tuple[Array, ...], count: int) -> Array:
        """``sqrt(s - m²) + eps``."""
        variance = slots[0] - slots[1] ** 2 if self.centered else slots[0]
        root: Array = np.sqrt(np.maximum(variance, 0))
        return root + self.eps

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (rate,), rho = numbers, self.decay
        square = rho * moments[0] + (1 - rho) * (g * g)
        kept, variance = [square], square
        if self.centered:
            mean = rho * moments[1] + (1 - rho) * g
            kept.append(mean)
            variance = np.maximum(square - mean * mean, 0)  # it may be rounded below zero
        step = g / (np.sqrt(variance) + self.eps)
        if self.momentum:
            step = self.momentum * moments[-1] + step
            kept.append(step)
        return p - rate * step, tuple(kept)
