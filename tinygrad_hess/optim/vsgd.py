"""vSGD: rates from the signal, the noise and the curvature of each coordinate."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..core import arguments
from .diagonal_hessian import DiagonalHessianOptimizer
from .groups import Rate
from .optimizer import Array, Dynamics, Moments, Numbers, Options, Updated


class VSGD(DiagonalHessianOptimizer):
    """Rates that are best for noisy quadratics, coordinate by coordinate, with nothing to tune.

    With d = |z ⊙ H z| for random signs z, and a memory τ of each coordinate's own::

        ḡ = (1 - 1/τ) ḡ + g / τ
        v = (1 - 1/τ) v + g² / τ
        h = (1 - 1/τ) h + d / τ
        p = p - lr · ḡ² / (h v) · g
        τ = (1 - ḡ² / v) τ + 1

    The first ``slow_start`` updates do not move: ḡ, v and h start as means over them, v and h times
    ``caution``, and τ as their number.

    Schaul, Zhang and LeCun (2013), No more pesky learning rates, algorithm 1 (vSGD-l). There d is
    the diagonal of the Gauss-Newton matrix; give it to :meth:`update` for that.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
        Multiplies the rates; 1 is the paper's.
    slow_start : int
    caution : float
        The paper's C.
    eps : float
        Added to h v.
    seed : int
        Of the probes.
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> opt = optim.VSGD(slow_start=1, caution=1.0)
    >>> step = opt.stepper(lambda w, scale: (scale * w**2).sum() / 2)
    >>> w, scale = np.array([1.0, -2.0]), np.array([1.0, 100.0])
    >>> _, w, state = step(w, opt.init(w), scale)
    >>> step(w, state, scale)[1].round(6)  # without noise, Newton's step
    array([0., 0.])
    """

    moments = 4
    shown = ("lr", "slow_start", "caution", "weight_decay")

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1.0,
        *,
        slow_start: int = 10,
        caution: float = 2.0,
        eps: float = 1e-12,
        weight_decay: float = 0.0,
        seed: int = 0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, seed=seed, weight_decay=weight_decay, **options)
        self.slow_start = arguments.integer("VSGD", "slow_start", slow_start, least=1)
        self.caution = self._number("caution", caution, least=1)
        self.eps = self._number("eps", eps, above=0)

    @property
    def dynamics(self) -> Dynamics:
        return Dynamics("sgd")

    def preconditioner(self, slots: tuple[Array, ...], count: int) -> Array | None:
        """``h v / ḡ²``, once the slow start is over and no ḡ is zero."""
        mean, square, curvature, _ = slots
        if count <= self.slow_start or not mean.all():
            return None
        found: Array = (curvature * square + self.eps) / mean**2
        return found

    def _numbers(self, rate: float, count: int) -> Numbers:
        """The rate, zero in the slow start; whether that is, the update, and the factor of v, h."""
        slow = count <= self.slow_start
        factor = self.caution if count == self.slow_start else 1.0
        return 0.0 if slow else rate, float(slow), count, factor

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (rate, slow, count, factor), (d,), (*means, memory) = numbers, observed, moments
        tau = slow * count + (1 - slow) * np.maximum(memory, 1)
        mean, square, curvature = (
            (1 - 1 / tau) * old + x / tau
            for old, x in zip(means, (g, g * g, np.abs(d)), strict=True)
        )
        square, curvature = factor * square, factor * curvature
        signal = mean * mean
        grown = (1 - signal / np.maximum(square, self.eps)) * tau + 1
        memory = slow * count + (1 - slow) * grown
        step = signal / (curvature * square + self.eps) * g
        return p - rate * step, (mean, square, curvature, memory)
