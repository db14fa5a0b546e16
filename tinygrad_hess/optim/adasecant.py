"""ADASECANT: rates from secants, the changes of the gradient between steps."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from .groups import Rate
from .optimizer import Array, Moments, Numbers, Optimizer, Options, Updated


class AdaSecant(Optimizer):
    """Rates that an estimate of the diagonal of the Hessian by secants gives, with less noise.

    Gradients are normalised leaf by leaf, g = gradient / ‖gradient‖; α = g - g' is the change since
    the last one, g̃' the last one corrected. With a memory τ of each coordinate's own, E[x] stands
    for (1 - 1/τ) E[x] + x/τ, and ḡ for ρ ḡ + (1 - ρ) g::

        γ = min(sqrt(E[(g̃' - g)² (g̃' - ḡ)²] / E[(g̃' - ḡ)² (g - ḡ)²]), clip)      (ḡ before g)
        g̃ = (g + γ ḡ) / (1 + γ)
        Δ = -(sqrt(E[Δ²]) / sqrt(E[α²]) - E[α Δ] / E[α²]) g̃
        τ = (1 - E[Δ]² / E[Δ²]) τ + 1,  kept in [1.5, 10⁸];
            2.2 where g or α is more than two standard deviations from its mean
        p = p + lr · Δ

    At the first update g and g² stand for E[Δ] and E[Δ²], which are zero. No Hessian is computed.

    Gulcehre, Moczulski and Bengio (2014), ADASECANT: robust adaptive secant method for stochastic
    gradient; Gulcehre, Sotelo, Moczulski and Bengio (2017), A robust adaptive stochastic gradient
    method for deep learning, algorithm 1.

    Parameters
    ----------
    parameters : Module or list of Tensor, optional
        See :class:`Optimizer`.
    lr : float or callable
        Multiplies the steps; 1 is the paper's.
    decay : float in [0, 1)
        ρ.
    clip : float
        The largest γ.
    eps : float
        Added to denominators and under roots.
    weight_decay, groups, max_norm
        See :class:`Optimizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> loss = lambda w, scale: (scale * w**2).sum() / 2
    >>> w, scale = np.array([1.0, -2.0]), np.array([1.0, 100.0])
    >>> found = optim.fit(loss, w, scale, optim.AdaSecant(lr=0.1), epochs=200)
    >>> bool(found.losses[-1] < 0.01 * found.losses[0])
    True
    """

    moments = 12
    elementwise = False
    shown = ("lr", "decay", "clip", "weight_decay")
    unknown_stability = "its rates follow the changes of the gradient from step to step"

    def __init__(
        self,
        parameters: Any = None,
        lr: Rate = 1.0,
        *,
        decay: float = 0.95,
        clip: float = 1.8,
        eps: float = 1e-7,
        weight_decay: float = 0.0,
        **options: Unpack[Options],
    ):
        super().__init__(parameters, lr, weight_decay=weight_decay, **options)
        self.decay = self._number("decay", decay, least=0, below=1)
        self.clip = self._number("clip", clip, least=0)
        self.eps = self._number("eps", eps, above=0)

    def _fresh(self, p: Array) -> tuple[Array, ...]:
        return (*super()._fresh(p)[:-1], np.full_like(p, 2.2))

    def _rule(
        self, p: Array, g: Array, moments: Moments, numbers: Numbers, *observed: Array
    ) -> Updated:
        (rate, count), eps = numbers, self.eps
        (mean, square, corrected, last, top, bottom, secant, secants, step, steps, both, tau) = (
            moments
        )
        g = g / (np.linalg.norm(g) + eps)
        running = lambda of, x: of + (x - of) / tau
        now_mean = self.decay * mean + (1 - self.decay) * g
        now_square = self.decay * square + (1 - self.decay) * g * g
        now_top = running(top, ((corrected - g) * (corrected - mean)) ** 2)
        now_bottom = running(bottom, ((corrected - mean) * (g - mean)) ** 2)
        gamma = np.minimum(np.sqrt(now_top) / (np.sqrt(now_bottom) + eps), self.clip)
        now_corrected = (g + gamma * now_mean) / (1 + gamma)
        change = g - last
        now_secant, now_secants = running(secant, change), running(secants, change * change)
        sizes, direction = (steps, step) if count > 1 else (g * g, g)
        rates = np.sqrt(sizes + eps) / np.sqrt(now_secants + eps) - both / (now_secants + eps)
        delta = -rates * now_corrected
        memory = (1 - direction**2 / (sizes + eps)) * tau + 1
        outlier = _is_far(g, now_mean, now_square) | _is_far(change, now_secant, now_secants)
        memory = np.clip(np.where(outlier, 2.2, memory), 1.5, 1e8)
        return p + rate * delta, (
            now_mean, now_square, now_corrected, g, now_top, now_bottom, now_secant, now_secants,
            running(step, delta), running(steps, delta**2), running(both, delta * change), memory,
        )  # fmt: skip


def _is_far(x: Array, mean: Array, square: Array) -> Array:
    """More than two standard deviations from the mean."""
    far: Array = (x - mean) ** 2 > 4 * np.maximum(square - mean * mean, 0)
    return far
