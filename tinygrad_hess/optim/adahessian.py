"""AdaHessian: Adam with a diagonal of the Hessian in place of the gradient's square."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from ..core import arguments, trees
from .diagonal_hessian import DiagonalHessianOptimizer
from .groups import Rate
from .optimizer import Array, Dynamics, Moments, Numbers, Options, Updated


class AdaHessian(DiagonalHessianOptimizer):
    """Steps divided by the root of a running mean of the squared diagonal of the Hessian.

    With d = z ⊙ H z for random signs z, at update t::

        m = β₁ m + (1 - β₁) g
        v = β₂ v + (1 - β₂) d²
        p = p - lr · (m / (1 - β₁ᵗ)) / ((v / (1 - β₂ᵗ))^(k/2) + eps)

    Decay is decoupled. With ``average``, d is first averaged over what a weight is shared with: the
    axes of a convolution's kernel behind the second (the paper's spatial averaging).

    Yao et al. (2021), ADAHESSIAN: an adaptive second order optimizer for machine learning,
    algorithm 1.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
    betas : pair of floats in [0, 1)
    eps : float
    power : float in [0, 1]
        k, the power of the Hessian.
    average : bool
    seed : int
        Of the probes.
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.AdaHessian(lr=1.0)
    >>> step = opt.stepper(lambda w, scale: (scale * w**2).sum() / 2)
    >>> w, scale = np.array([1.0, -2.0]), np.array([1.0, 100.0])
    >>> step(w, opt.init(w), scale)[1].round(6)  # a diagonal Hessian: Newton's step
    array([ 0., -0.])
    """

    moments = 2
    decoupled = True
    shown = ("lr", "betas", "eps", "power", "weight_decay")

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 0.1,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        power: float = 1.0,
        average: bool = True,
        weight_decay: float = 0.0,
        seed: int = 0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, seed=seed, weight_decay=weight_decay, **options)
        self.betas = arguments.numbers("AdaHessian", "betas", betas, count=2, least=0, below=1)
        self.eps = self._number("eps", eps, least=0)
        self.power = self._number("power", power, least=0, most=1)
        self.average = average

    @property
    def linear_in_loss(self) -> bool:  # type: ignore[override]
        """Not with absolute values that are averaged over a kernel."""
        return not self.average

    @property
    def dynamics(self) -> Dynamics:
        return Dynamics("adam", self.betas[0])

    def preconditioner(self, slots: tuple[Array, ...], count: int) -> Array:
        """``(1 - β₁ᵗ) ((v / (1 - β₂ᵗ))^(k/2) + eps)``."""
        b1, b2 = self.betas
        root: Array = (slots[1] / (1 - b2**count)) ** (self.power / 2)
        return (1 - b1**count) * (root + self.eps)

    def _with_diagonal(
        self, loss: Callable[..., Any], params: Any, count: Any, *args: Any
    ) -> tuple[Any, ...]:
        value, grads, diagonal = super()._with_diagonal(loss, params, count, *args)
        return value, grads, trees.map(_averaged, diagonal) if self.average else diagonal

    def _numbers(self, rate: float, count: int) -> Numbers:
        b1, b2 = self.betas
        return 1 - b2**count, rate / (1 - b1**count)

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (corrected, rate), (b1, b2), (d,) = numbers, self.betas, observed
        mean = b1 * moments[0] + (1 - b1) * g
        square = b2 * moments[1] + (1 - b2) * (d * d)
        scale = (square / corrected) ** (self.power / 2) + self.eps
        return p - rate * (mean / scale), (mean, square)


def _averaged(d: Any) -> Any:
    if d.ndim < 3:
        return d
    mean = abs(d).mean(axis=tuple(range(2, d.ndim)), keepdims=True)
    return mean + 0 * d
