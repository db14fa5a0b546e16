"""AdaGrad: rates that fall with the sum of squared gradients."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from .groups import Rate
from .optimizer import Array, Dynamics, Moments, Numbers, Optimizer, Options, Updated


class AdaGrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far.

    With d = g + weight_decay · p, and s = ``initial`` at the start::

        s = s + d²
        p = p - lr · d / (sqrt(s) + eps)

    Duchi, Hazan and Singer (2011), Adaptive subgradient methods for online learning and stochastic
    optimization, figure 1 (diagonal matrices).

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    initial : float
        Where the sums start.
    eps : float
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.AdaGrad(lr=0.1)
    >>> w = np.array([1.0, -2.0])
    >>> opt.update(w, 2 * w, opt.init(w))[0]
    array([ 0.9, -1.9])
    """

    moments = 1
    shown = ("lr", "initial", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1e-2,
        *,
        initial: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        self.initial = self._number("initial", initial, least=0)
        self.eps = self._number("eps", eps, least=0)

    @property
    def dynamics(self) -> Dynamics:
        return Dynamics("sgd")

    def preconditioner(self, slots: tuple[Array, ...], count: int) -> Array:
        """``sqrt(s) + eps``."""
        root: Array = np.sqrt(slots[0])
        return root + self.eps

    def _fresh(self, p: Array) -> tuple[Array, ...]:
        return (np.full_like(p, self.initial),)

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (rate,) = numbers
        total = moments[0] + g * g
        return p - rate * (g / (np.sqrt(total) + self.eps)), (total,)
