"""Where an optimiser is stable, and how fast it moves, on a quadratic.

stability_threshold : optimiser -> the largest curvature that it is stable at
contraction         : curvatures, rate, steps -> what is left of an error along each
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import arguments
from ...optim.adam import Adam
from ...optim.optimizer import Optimizer
from ...optim.sgd import SGD
from ..estimates.operands import Array

METHODS = ("sgd", "momentum", "nesterov", "adam")


def _check_method(method: str, beta: float, who: str) -> None:
    arguments.choice(who, "method", method, METHODS)
    arguments.number(who, "beta", beta, least=0, below=1)
    if method == "sgd" and beta:
        raise ValueError(f"{who}: plain SGD has no beta; use method='momentum' or 'nesterov'")


def stability_threshold(rate: Any, method: str = "sgd", beta: float = 0.0) -> float:
    """The curvature above which an optimiser is unstable on a quadratic.

    Parameters
    ----------
    rate : float or Optimizer
        The learning rate η; an optimiser of :mod:`tinygrad_hess.optim` gives method and beta too
        (and, with a schedule, its rate now).
    method : {"sgd", "momentum", "nesterov", "adam"}
        Plain gradient descent 2/η; heavy-ball momentum (2 + 2β)/η; Nesterov's
        (2 + 2β)/((1 + 2β)η); Adam (2 + 2β₁)/((1 - β₁)η), to compare with the largest eigenvalue of
        the *preconditioned* Hessian ``D^-½ H D^-½``, D = diag(sqrt(v̂) + eps): 38/η at β₁ = 0.9.
    beta : float
        The momentum, or Adam's β₁.

    Raises
    ------
    ValueError
        For an unknown method, a beta outside [0, 1), or a rate that is not positive.
    TypeError
        For an optimiser that has no such threshold.

    Notes
    -----
    For the equations of :class:`tinygrad_hess.optim.SGD` (the velocity carries no rate) and of
    Adam after its bias corrections have faded.

    References
    ----------
    Cohen et al. (2021), Gradient descent on neural networks typically occurs at the edge of
    stability, section 2 and appendix B; Cohen et al. (2022), Adaptive gradient methods at the edge
    of stability, equation 5.

    Examples
    --------
    >>> from tinygrad_hess.curvature import stability_threshold
    >>> from tinygrad_hess import optim
    >>> stability_threshold(0.5), stability_threshold(0.5, "momentum", 0.9)
    (4.0, 7.6)
    >>> round(stability_threshold(optim.Adam(lr=0.01)))
    3800
    """
    if isinstance(rate, Optimizer):
        optimizer = rate
        rate = optimizer.rate(optimizer.steps)
        if isinstance(optimizer, Adam):
            method, beta = "adam", optimizer.betas[0]
        elif isinstance(optimizer, SGD):
            beta = optimizer.momentum
            method = "nesterov" if optimizer.nesterov else "momentum" if beta else "sgd"
        else:
            raise TypeError(
                f"stability_threshold: none is known for {type(optimizer).__name__}; give the "
                "rate, the method and beta"
            )
    rate = arguments.number("stability_threshold", "rate", rate, above=0)
    _check_method(method, beta, "stability_threshold")
    limit = 2 + 2 * beta
    if method == "nesterov":
        limit /= 1 + 2 * beta
    elif method == "adam":
        limit /= 1 - beta
    return float(limit / rate)


def contraction(
    curvature: Any, rate: float, steps: int, method: str = "sgd", beta: float = 0.0
) -> Array:
    """What is left of an error after some steps along directions of given curvatures.

    On a quadratic each eigendirection evolves on its own: plain descent multiplies the distance
    from the minimum by ``1 - rate · λ`` in each step; with momentum the pair of distance and
    velocity is multiplied by a matrix. The velocity starts at zero.

    Parameters
    ----------
    curvature : array_like, shape (k,)
        Eigenvalues; those of the preconditioned Hessian for Adam, whose preconditioner is
        taken as constant.
    rate : float
    steps : int
    method : {"sgd", "momentum", "nesterov", "adam"}
    beta : float
        The momentum, or Adam's β₁.

    Returns
    -------
    ndarray, shape (k,)
        Distances after the steps over those before; their signs show oscillation.

    Examples
    --------
    >>> from tinygrad_hess.curvature import contraction
    >>> contraction([1.0, 10.0, 30.0], rate=0.1, steps=2)
    array([0.81, 0.  , 4.  ])
    """
    _check_method(method, beta, "contraction")
    steps = arguments.integer("contraction", "steps", steps, least=0)
    rate = arguments.number("contraction", "rate", rate)
    lam = arguments.array("contraction", "curvature", curvature).astype(float)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if beta == 0:
            return np.asarray((1 - rate * lam) ** steps)
        maps = _step_matrices(lam, rate, method, beta)
        left = np.linalg.matrix_power(maps, steps)[..., 0, 0]
    return np.where(np.isnan(left), np.inf, left)  # what overflowed: inf - inf


def _step_matrices(lam: Array, rate: float, method: str, beta: float) -> Array:
    """One step of (distance, velocity): v' = βv + λx, x' = x - rate v' (Nesterov: λx + βv')."""
    if method == "adam":  # its velocity is an average, (1 - β) times that of the heavy ball
        rate = rate * (1 - beta)
    out = np.empty((*lam.shape, 2, 2))
    out[..., 1, 0], out[..., 1, 1] = lam, beta
    if method == "nesterov":
        out[..., 0, 0], out[..., 0, 1] = 1 - rate * lam * (1 + beta), -rate * beta**2
    else:
        out[..., 0, 0], out[..., 0, 1] = 1 - rate * lam, -rate * beta
    return out
