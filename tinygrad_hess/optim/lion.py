"""Lion: the sign of an interpolated momentum."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..core import arguments
from .groups import Rate
from .optimizer import Array, Moments, Numbers, Optimizer, Options, Updated


class Lion(Optimizer):
    """Steps of one length in every coordinate, by the sign of a momentum.

    ::

        p = p - lr · (sign(β₁ m + (1 - β₁) g) + weight_decay · p)
        m = β₂ m + (1 - β₂) g

    Chen et al. (2023), Symbolic discovery of optimization algorithms, program 1.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    betas : pair of floats in [0, 1)
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.Lion(lr=0.1)
    >>> w = np.array([1.0, -2.0])
    >>> opt.update(w, 2 * w, opt.init(w))[0]
    array([ 0.9, -1.9])
    """

    moments = 1
    decoupled = True
    shown = ("lr", "betas", "weight_decay")
    unknown_stability = "its steps have one length whatever the gradient is, so it never settles"

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        self.betas = arguments.numbers("Lion", "betas", betas, count=2, least=0, below=1)

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (rate,), (mean,), (b1, b2) = numbers, moments, self.betas
        step = np.sign(b1 * mean + (1 - b1) * g)
        return p - rate * step, (b2 * mean + (1 - b2) * g,)
