"""Muon: steps that are orthogonal matrices."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..core import arguments
from .adam import AdamW
from .groups import Rate
from .optimizer import Array, Moments, Numbers, Optimizer, Options, Updated

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients a, b, c of a step X ← a X + (b A + c A²) X with A = X Xᵀ; they take singular values
from (0, 1] to about 1, in a band from 0.7 to 1.2."""


class Muon(Optimizer):
    """Momentum whose every matrix is replaced by the nearest orthogonal one, nearly.

    For a matrix, from n inputs to k outputs as in :class:`~tinygrad_hess.nn.Linear`::

        m = μ m + (1 - μ) g
        O = orthogonalised((1 - μ) g + μ m)          (Nesterov; else orthogonalised(m))
        p = (1 - lr · weight_decay) p - lr · max(1, k / n)^½ · O

    where five steps of Newton and Schulz take ``U S Vᵀ`` to about ``U Vᵀ``. Of a kernel with more
    axes, the first is the outputs, and the others together the inputs. Leaves of no axis or one
    (biases) are given AdamW's update, at the rate lr · ``adam_scale``.

    Jordan et al. (2024), Muon: an optimizer for hidden layers in neural networks. PyTorch's is the
    same in bfloat16, of transposed matrices; Optax's is the same of matrices.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    momentum : float in [0, 1)
        μ.
    nesterov : bool
    iterations : int
        Of Newton and Schulz.
    adam_scale : float
        The rate of leaves that are no matrices, as a share of ``lr``.
    betas, eps
        AdamW's, for those.
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.Muon(lr=1.0)
    >>> w = np.zeros((2, 2))
    >>> w, state = opt.update(w, np.diag([1.0, 100.0]), opt.init(w))
    >>> bool((np.abs(np.linalg.svd(w)[1] - 1) < 0.35).all())
    True
    """

    decoupled = True
    elementwise = False
    shown = ("lr", "momentum", "nesterov", "iterations", "weight_decay")
    unknown_stability = "its steps are orthogonal matrices of one size, so it never settles"

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 2e-2,
        *,
        momentum: float = 0.95,
        nesterov: bool = True,
        iterations: int = 5,
        adam_scale: float = 0.015,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        self.momentum = self._number("momentum", momentum, least=0, below=1)
        self.nesterov = nesterov
        self.iterations = arguments.integer("Muon", "iterations", iterations, least=1)
        self.adam_scale = self._number("adam_scale", adam_scale, least=0)
        self._adam = AdamW(betas=betas, eps=eps, weight_decay=0.0)

    def _fresh(self, p: Array) -> tuple[Array, ...]:
        return tuple(np.zeros_like(p) for _ in range(1 if p.ndim > 1 else 2))

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        rate, count = numbers
        if p.ndim < 2:
            numbers = self._adam._numbers(rate * self.adam_scale, int(count))
            return self._adam._rule(p, g, moments, numbers)
        mean = self.momentum * moments[0] + (1 - self.momentum) * g
        direction = (1 - self.momentum) * g + self.momentum * mean if self.nesterov else mean
        matrix = direction.reshape(len(direction), -1)
        inputs, outputs = matrix.shape if p.ndim == 2 else matrix.shape[::-1]
        step = orthogonalized(matrix, self.iterations).reshape(p.shape)
        return p - (rate * max(1.0, outputs / inputs) ** 0.5) * step, (mean,)


def orthogonalized(X: Array, iterations: int = 5, eps: float = 1e-7) -> Array:
    """Near ``U Vᵀ`` of a matrix ``U S Vᵀ``, by iterations of Newton and Schulz.

    Examples
    --------
    >>> found = orthogonalized(np.diag([2.0, 2.0]), iterations=40)
    >>> bool((np.abs(np.diag(found) - 1) < 0.35).all())
    True
    """
    if X.shape[0] > X.shape[1]:
        return orthogonalized(X.T, iterations, eps).T
    a, b, c = NEWTON_SCHULZ
    X = X / max(float(np.linalg.norm(X)), eps)
    for _ in range(iterations):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X
