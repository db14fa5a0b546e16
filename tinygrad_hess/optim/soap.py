"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..core import arguments
from .eigenvectors import eigh
from .groups import Rate
from .modes import along, gram, preconditioned_axes
from .optimizer import Array, Moments, Numbers, Optimizer, Options, Updated


class SOAP(Optimizer):
    """Adam, run on coordinates in which the second moment of the gradient is nearly diagonal.

    For a matrix, with orthogonal Q_L and Q_R, at update t = 2, 3, ... (n = t - 1 of Adam's)::

        m = β₁ m + (1 - β₁) g
        g' = Q_Lᵀ g Q_R,    m' = Q_Lᵀ m Q_R
        v = β₂ v + (1 - β₂) g'²
        p = p - lr · Q_L (m' / (1 - β₁ⁿ)) / (sqrt(v / (1 - β₂ⁿ)) + eps) Q_Rᵀ
        L = β L + (1 - β) g gᵀ,    R = β R + (1 - β) gᵀ g
        Q_L = qr(L Q_L),    Q_R = qr(R Q_R)                      (where ``every`` divides n)

    The first update only starts L and R, and takes Q_L and Q_R as their eigenvectors. Arrays of
    more axes have a matrix for each; leaves of no axis or one are given Adam's update. Decay is
    decoupled.

    Vyas et al. (2024), SOAP: improving and stabilizing Shampoo using Adam, algorithms 3 and 4.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    betas : pair of floats in [0, 1)
    beta : float in [0, 1)
        Of the running means L and R.
    eps : float
    every : int
        Updates between steps of orthogonal iteration.
    max_size : int
        A longer axis keeps its own coordinates.
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.SOAP(lr=0.1)
    >>> w, g = np.zeros((2, 2)), np.diag([1.0, 100.0])
    >>> w, state = opt.update(w, g, opt.init(w))
    >>> opt.update(w, g, state)[0].round(6)
    array([[-0.1,  0. ],
           [ 0. , -0.1]])
    """

    elementwise = False
    decoupled = True
    shown = ("lr", "betas", "beta", "eps", "every", "weight_decay")
    unknown_stability = "its preconditioner is no diagonal matrix"

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 3e-3,
        *,
        betas: tuple[float, float] = (0.95, 0.95),
        beta: float = 0.95,
        eps: float = 1e-8,
        every: int = 10,
        max_size: int = 1024,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        self.betas = arguments.numbers("SOAP", "betas", betas, count=2, least=0, below=1)
        self.beta = self._number("beta", beta, least=0, below=1)
        self.eps = self._number("eps", eps, least=0)
        self.every = arguments.integer("SOAP", "every", every, least=1)
        self.max_size = arguments.integer("SOAP", "max_size", max_size, least=1)

    def _axes(self, p: Array) -> list[int]:
        return preconditioned_axes(p.shape, self.max_size) if p.ndim > 1 else []

    def _fresh(self, p: Array) -> tuple[Array, ...]:
        sizes = [p.shape[axis] for axis in self._axes(p)]
        means = [np.zeros((size, size), p.dtype) for size in sizes]
        bases = [np.eye(size, dtype=p.dtype) for size in sizes]
        return (np.zeros_like(p), np.zeros_like(p), *means, *bases)

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (rate, count), axes = numbers, self._axes(p)
        mean, square, *kept = moments
        grams, bases = kept[: len(axes)], kept[len(axes) :]
        if axes and count == 1:
            grams = [(1 - self.beta) * gram(g, axis) for axis in axes]
            bases = [eigh(G)[1][:, ::-1] for G in grams]
            return p.copy(), (mean, square, *grams, *bases)
        n = count - bool(axes)
        b1, b2 = self.betas
        mean = b1 * mean + (1 - b1) * g
        turned, step = g, mean
        for Q, axis in zip(bases, axes, strict=True):
            turned, step = along(Q.T, turned, axis), along(Q.T, step, axis)
        square = b2 * square + (1 - b2) * (turned * turned)
        step = step / (1 - b1**n) / (np.sqrt(square / (1 - b2**n)) + self.eps)
        for Q, axis in zip(bases, axes, strict=True):
            step = along(Q, step, axis)
        for i, (Q, axis) in enumerate(zip(bases, axes, strict=True)):
            grams[i] = self.beta * grams[i] + (1 - self.beta) * gram(g, axis)
            bases[i] = np.linalg.qr(grams[i] @ Q)[0] if n % self.every == 0 else Q
        return p - rate * step, (mean, square, *grams, *bases)
