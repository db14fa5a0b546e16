"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from .adam import Adam
from .groups import Rate
from .optimizer import Array, Dynamics, Moments, Numbers, Options, Updated


class NAdam(Adam):
    """Adam that looks ahead by its momentum.

    With d = g + weight_decay · p and, at update t, μ_t = β₁ (1 - ½ · 0.96^(t · momentum_decay))::

        m = β₁ m + (1 - β₁) d
        v = β₂ v + (1 - β₂) d²
        m̂ = μ_{t+1} m / (1 - μ₁ ⋯ μ_{t+1}) + (1 - μ_t) d / (1 - μ₁ ⋯ μ_t)
        p = p - lr · m̂ / (sqrt(v / (1 - β₂ᵗ)) + eps)

    Dozat (2016), Incorporating Nesterov momentum into Adam; the equations are PyTorch's.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    betas : pair of floats in [0, 1)
    eps : float
    momentum_decay : float
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.NAdam(lr=0.1)
    >>> w = np.array([1.0, -2.0])
    >>> opt.update(w, 2 * w, opt.init(w))[0]
    array([ 0.89435482, -1.89435482])
    """

    shown = ("lr", "betas", "eps", "momentum_decay", "weight_decay")

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 2e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay, **options)
        self.momentum_decay = self._number("momentum_decay", momentum_decay, least=0)
        self._products = [1.0]  # of μ₁ ... μ_t, as far as they were needed

    @property
    def dynamics(self) -> Dynamics:
        return Dynamics("nadam", self.betas[0])

    def preconditioner(self, slots: tuple[Array, ...], count: int) -> Array:
        """``(1 - μ₁ ⋯ μ_t) (sqrt(v / (1 - β₂ᵗ)) + eps)``."""
        root: Array = np.sqrt(slots[1] / (1 - self.betas[1] ** count))
        return (1 - self._product(count)) * (root + self.eps)

    def _mu(self, t: int) -> float:
        return self.betas[0] * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def _product(self, t: int) -> float:
        while len(self._products) <= t:
            self._products.append(self._products[-1] * self._mu(len(self._products)))
        return self._products[t]

    def _numbers(self, rate: float, count: int) -> Numbers:
        """The rate times the coefficients of m and of d; what v is divided by."""
        ahead = self._mu(count + 1) / (1 - self._product(count + 1))
        now = (1 - self._mu(count)) / (1 - self._product(count))
        return rate * ahead, rate * now, 1 - self.betas[1] ** count

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (ahead, now, corrected), (b1, b2) = numbers, self.betas
        mean = b1 * moments[0] + (1 - b1) * g
        square = b2 * moments[1] + (1 - b2) * (g * g)
        step = (ahead * mean + now * g) / (np.sqrt(square / corrected) + self.eps)
        return p - step, (mean, square)
