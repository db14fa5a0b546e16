"""Adam, and AdamW with its decoupled weight decay."""

from __future__ import annotations

import math
from typing import Any, Unpack

import numpy as np

from ..core import arguments
from .groups import Rate
from .optimizer import Array, Dynamics, Moments, Numbers, Optimizer, Options, Updated


class Adam(Optimizer):
    """Steps scaled by running moments of the gradient (Kingma and Ba 2015, algorithm 1).

    With d = g + weight_decay · p, at update t = 1, 2, ...::

        m = β₁ m + (1 - β₁) d
        v = β₂ v + (1 - β₂) d²
        p = p - lr · (m / (1 - β₁ᵗ)) / (sqrt(v / (1 - β₂ᵗ)) + eps)

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    betas : pair of floats in [0, 1)
    eps : float
    weight_decay : float
        Adds weight_decay · p to the gradient. :class:`AdamW` decays the parameters instead.
    groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess import optim
    >>> w = tg.tensor([1.0, -2.0], requires_grad=True)
    >>> opt = optim.Adam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> opt.step()
    >>> w
    tensor([ 0.9, -1.9], requires_grad=True)
    """

    moments = 2
    shown: tuple[str, ...] = ("lr", "betas", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        who = type(self).__name__
        self.betas = arguments.numbers(who, "betas", betas, count=2, least=0, below=1)
        self.eps = self._number("eps", eps, least=0)

    @property
    def dynamics(self) -> Dynamics:
        return Dynamics("adam", self.betas[0])

    def preconditioner(self, slots: tuple[Array, ...], count: int) -> Array:
        """``(1 - β₁ᵗ) (sqrt(v / (1 - β₂ᵗ)) + eps)`` (Cohen et al. 2022, equation 2)."""
        b1, b2 = self.betas
        root: Array = np.sqrt(slots[1] / (1 - b2**count))
        return (1 - b1**count) * (root + self.eps)

    def _numbers(self, rate: float, count: int) -> Numbers:
        """Both corrections moved into scalars: one division and one product, whatever the size."""
        b1, b2 = self.betas
        correction = math.sqrt(1 - b2**count)
        return rate * correction / (1 - b1**count), self.eps * correction

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (rate, eps), (b1, b2) = numbers, self.betas
        mean = moments[0] + (1 - b1) * (g - moments[0])
        square = b2 * moments[1] + (1 - b2) * (g * g)
        return p - rate * (mean / (np.sqrt(square) + eps)), (mean, square)


class AdamW(Adam):
    """Adam with decoupled weight decay: p shrinks by lr · weight_decay · p at each update.

    The moments take in the gradient alone (Loshchilov and Hutter 2019, algorithm 2; the decay is
    multiplied by the learning rate, as in PyTorch). Parameters as for :class:`Adam`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.AdamW(lr=0.1, weight_decay=0.5)
    >>> params, grads = np.array([1.0, 2.0]), np.zeros(2)
    >>> opt.update(params, grads, opt.init(params))[0]
    array([0.95, 1.9 ])
    """

    decoupled = True

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay, **options)
