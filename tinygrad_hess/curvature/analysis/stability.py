"""Where an optimiser is stable, and how fast it moves, on a quadratic.

stability_threshold : optimiser -> the largest curvature that it is stable at
contraction         : curvatures, rate, steps -> what is left of an error along each
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from ...core import arguments
from ..estimates.operands import Array

METHODS = ("sgd", "momentum", "nesterov", "adam", "nadam")


@runtime_checkable
class Rule(Protocol):
    """What an optimiser of :mod:`tinygrad_hess.optim` tells of itself.

    ``dynamics`` is the method and its beta, or None where there is no threshold, for the reason
    ``unknown_stability``.
    """

    steps: int
    unknown_stability: str
    is_preconditioned: bool

    @property
    def dynamics(self) -> tuple[str, float] | None: ...

    def rate(self, step: int) -> float: ...

    def preconditioner(self, slots: tuple[Array, ...], count: int) -> Array | None: ...


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
    method : {"sgd", "momentum", "nesterov", "adam", "nadam"}
        Plain gradient descent 2/η; heavy-ball momentum (2 + 2β)/η; Nesterov's
        (2 + 2β)/((1 + 2β)η); Adam (2 + 2β₁)/((1 - β₁)η), to compare with the largest eigenvalue of
        the *preconditioned* Hessian ``D^-½ H D^-½``, D = diag(sqrt(v̂) + eps): 38/η at β₁ = 0.9;
        NAdam (2 + 2β₁)/((1 + 2β₁)(1 - β₁)η), likewise. So for other optimisers that divide by a
        diagonal.
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
    if isinstance(rate, Rule):
        optimizer = rate
        rate = optimizer.rate(optimizer.steps)
        if optimizer.dynamics is None:
            raise TypeError(
                f"stability_threshold: {type(optimizer).__name__} has none: "
                f"{optimizer.unknown_stability}. Give the rate, the method and beta of another."
            )
        method, beta = optimizer.dynamics
    rate = arguments.number("stability_threshold", "rate", rate, above=0)
    _check_method(method, beta, "stability_threshold")
    limit = 2 + 2 * beta
    if method in ("nesterov", "nadam"):
        limit /= 1 + 2 * beta
    if method in ("adam", "nadam"):
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
    method : {"sgd", "momentum", "nesterov", "adam", "nadam"}
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
    if method in ("adam", "nadam"):  # the velocity is an average, (1 - β) times the heavy ball's
        rate = rate * (1 - beta)
    out = np.empty((*lam.shape, 2, 2))
    out[..., 1, 0], out[..., 1, 1] = lam, beta
    if method in ("nesterov", "nadam"):
        out[..., 0, 0], out[..., 0, 1] = 1 - rate * lam * (1 + beta), -rate * beta**2
    else:
        out[..., 0, 0], out[..., 0, 1] = 1 - rate * lam, -rate * beta
    return out
