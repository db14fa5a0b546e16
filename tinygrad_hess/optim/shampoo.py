"""Shampoo: a preconditioner for every axis of an array."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..core import arguments
from .eigenvectors import eigh
from .groups import Rate
from .modes import along, gram, preconditioned_axes
from .optimizer import Array, Moments, Numbers, Optimizer, Options, Updated


class Shampoo(Optimizer):
    """Gradients multiplied, along each axis, by a root of the sum of their own outer products.

    For a matrix, with d = g + weight_decay · p, and L = R = eps · I at the start::

        L = L + d dᵀ
        R = R + dᵀ d
        v = μ v + L^(-1/4) d R^(-1/4)
        p = p - lr · v

    For an array of k axes, each axis has a matrix, and the power is -1/(2k). With ``beta`` below 1,
    sums become running means: L = β L + (1 - β) d dᵀ.

    Gupta, Koren and Singer (2018), Shampoo: preconditioned stochastic tensor optimization,
    algorithms 1 and 2.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    momentum : float in [0, 1)
        μ.
    beta : float in [0, 1]
    eps : float
    every : int
        Updates between eigendecompositions; in between, the last roots serve.
    max_size : int
        A longer axis has no matrix, and does not count among the k.
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.Shampoo(lr=0.1, eps=1e-12)
    >>> w = np.zeros((2, 2))
    >>> opt.update(w, np.diag([1.0, 100.0]), opt.init(w))[0]  # (g gᵀ)^-1/4 g (gᵀ g)^-1/4
    array([[-0.1,  0. ],
           [ 0. , -0.1]])
    """

    elementwise = False
    shown = ("lr", "momentum", "beta", "eps", "every", "weight_decay")
    unknown_stability = "its preconditioner is no diagonal matrix"

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1e-1,
        *,
        momentum: float = 0.0,
        beta: float = 1.0,
        eps: float = 1e-4,
        every: int = 1,
        max_size: int = 1024,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        self.momentum = self._number("momentum", momentum, least=0, below=1)
        self.beta = self._number("beta", beta, least=0, most=1)
        self.eps = self._number("eps", eps, above=0)
        self.every = arguments.integer("Shampoo", "every", every, least=1)
        self.max_size = arguments.integer("Shampoo", "max_size", max_size, least=1)

    def _fresh(self, p: Array) -> tuple[Array, ...]:
        shape = p.shape or (1,)
        sizes = [shape[axis] for axis in preconditioned_axes(shape, self.max_size)]
        sums = [self.eps * np.eye(size, dtype=p.dtype) for size in sizes]
        roots = [np.eye(size, dtype=p.dtype) for size in sizes]
        return (*([np.zeros_like(p)] if self.momentum else []), *sums, *roots)

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        rate, count = numbers
        x = np.atleast_1d(g)
        axes = preconditioned_axes(x.shape, self.max_size)
        velocity, kept = moments[: bool(self.momentum)], moments[bool(self.momentum) :]
        sums, roots = list(kept[: len(axes)]), list(kept[len(axes) :])
        direction = x
        for n, axis in enumerate(axes):
            added = gram(x, axis) if self.beta == 1 else (1 - self.beta) * gram(x, axis)
            sums[n] = self.beta * sums[n] + added
            if (count - 1) % self.every == 0:
                roots[n] = power(sums[n], -1 / (2 * len(axes)))
            direction = along(roots[n], direction, axis)
        direction = direction.reshape(g.shape)
        if velocity:
            direction = self.momentum * velocity[0] + direction
            velocity = (direction,)
        return p - rate * direction, (*velocity, *sums, *roots)


def power(M: Array, exponent: float) -> Array:
    """A power of a symmetric positive definite matrix.

    Examples
    --------
    >>> power(np.diag([4.0, 16.0]), -0.5)
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    values, vectors = eigh(M)
    least = np.finfo(M.dtype).eps * max(values[-1], np.finfo(M.dtype).tiny)
    found: Array = (vectors * np.maximum(values, least) ** exponent) @ vectors.T
    return found
