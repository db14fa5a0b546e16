"""How KFAC sets step, momentum and damping by itself, from an exact quadratic model.

adapted : (gradient, factors, Adaptation, product, change of the loss) -> step, Adaptation

Martens and Grosse (2015), Optimizing neural networks with Kronecker-factored approximate curvature,
sections 6 and 7, with the constants of their algorithm 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .optimizer import Array

DAMPING_EVERY, GAMMA_EVERY = 5, 20
"""Updates from one change of λ, and of γ, to the next."""

OMEGA = 19 / 20
"""λ changes by this factor for each update in between, and γ by its root."""


class Adaptation(NamedTuple):
    """What is kept from update to update: λ, γ, and the last step."""

    damping: float
    gamma: float
    step: Array


def adapted(
    count: int,
    g: Array,
    solve: Callable[[float], Array],
    last: Adaptation,
    product: Callable[[Array], Array],
    change: Callable[[Array], float],
) -> Adaptation:
    """The next step, and the damping after it.

    Parameters
    ----------
    count : int
        The number of this update, from 1.
    g : ndarray, shape (P,)
        The gradient.
    solve : callable
        The gradient times the inverse of the factors, damped by γ: ``solve(γ)``.
    last : Adaptation
    product : callable
        Products with the Fisher information F of the batch.
    change : callable
        By how much the loss changes along a step; called at some updates only.

    Examples
    --------
    >>> F, g = np.diag([1.0, 4.0]), np.array([1.0, 4.0])
    >>> start = Adaptation(1e-9, 1e-5, np.zeros(2))
    >>> adapted(1, g, lambda gamma: g / F.diagonal(), start, lambda v: F @ v, lambda d: 0.0).step
    array([-1., -1.])
    """
    gammas = [last.gamma]
    if count % GAMMA_EVERY == 0:
        factor = OMEGA ** (GAMMA_EVERY / 2)
        gammas += [last.gamma * factor, last.gamma / factor]
    along = lambda d: (d, product(d) + last.damping * d)
    before, found = along(last.step), []
    for gamma in gammas:
        step, model = minimized(g, [along(-solve(gamma)), before])
        found.append((model, gamma, step))
    model, gamma, step = min(found, key=lambda one: one[0])
    damping = last.damping
    if count % DAMPING_EVERY == 0 and model < 0:
        ratio, factor = change(step) / model, OMEGA**DAMPING_EVERY
        damping *= 1 / factor if not ratio >= 0.25 else factor if ratio > 0.75 else 1.0
    return Adaptation(damping, gamma, step)


def minimized(g: Array, directions: Sequence[tuple[Array, Array]]) -> tuple[Array, float]:
    """The minimum of ``gᵀ d + ½ dᵀ M d`` among combinations of directions, and the model there.

    Directions come with their products with M. Some may be zero, or multiples of others.

    Examples
    --------
    >>> M, e = np.diag([2.0, 1.0]), np.array([1.0, 0.0])
    >>> minimized(np.array([4.0, 1.0]), [(e, M @ e), (0 * e, 0 * e)])
    (array([-2.,  0.]), -4.0)
    """
    sizes = [float(np.linalg.norm(d)) or 1.0 for d, _ in directions]
    D, MD = (np.stack([x / s for x, s in zip(xs, sizes, strict=True)]) for xs in zip(*directions))
    inside = D @ MD.T
    weights = np.linalg.lstsq(inside, -(D @ g), rcond=None)[0]
    step = weights @ D
    return step, float(step @ g + weights @ inside @ weights / 2)


def damped_solution(factors: Sequence[Any], G: Array, gamma: float) -> Array:
    """``(A + π γ I)⁻¹ G (B + γ/π I)⁻¹`` for G of inputs by outputs: factored Tikhonov damping.

    π² is the mean eigenvalue of A over that of B (section 6.3).
    """
    A, B, a, U, b, V = factors
    means = np.trace(A) / len(A), np.trace(B) / len(B)
    pi = np.sqrt(means[0] / means[1]) if min(means) > 0 else 1.0
    inside = np.outer(np.maximum(a, 0) + pi * gamma, np.maximum(b, 0) + gamma / pi)
    found: Array = U @ ((U.T @ G @ V) / inside) @ V.T
    return found
