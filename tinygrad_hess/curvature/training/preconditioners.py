"""What an optimiser divides the gradient by, and where that makes it unstable."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.tensor import unrecorded
from ...optim.adam import Adam
from ...optim.optimizer import Optimizer
from ...optim.sgd import SGD
from ..analysis.stability import stability_threshold
from ..estimates.operands import Array


def updates_made(optimizer: Any, state: Any, step: int) -> int:
    """How many updates an optimiser has made: by its state, its own count, or the step."""
    if state is not None:
        if not hasattr(state, "step"):
            raise TypeError(
                "Monitor: state must be a state, as opt.init(params) makes it, got "
                f"{arguments.shown(state)}"
            )
        return int(state.step)
    if isinstance(optimizer, Optimizer) and optimizer.parameters is not None:
        return optimizer.steps
    return arguments.integer("Monitor", "step", step)


def preconditioner(optimizer: Any, params: Any, state: Any = None) -> Array | None:
    """Adam's ``(1 - β₁ᵗ) (sqrt(v / (1 - β₂ᵗ)) + eps)`` as a vector of shape (P,).

    None for other optimisers, where the state is not known, and before the first update.

    References
    ----------
    Cohen et al. (2022), Adaptive gradient methods at the edge of stability, equation 2.
    """
    if not isinstance(optimizer, Adam):
        return None
    squares: list[tuple[int, Array]] = []
    if state is not None:
        squares = [(int(state.step), slots[1]) for slots in state.slots]
    elif optimizer.parameters is not None:
        none = (0, ())
        positions = {id(p): i for i, p in enumerate(optimizer.parameters)}
        known = [optimizer._slots.get(positions.get(id(p), -1), none) for p in trees.leaves(params)]
        if all(count for count, _ in known):
            squares = [(count, slots[1]) for count, slots in known]
    if not squares or not all(count for count, _ in squares):
        return None
    b1, b2 = optimizer.betas
    return np.concatenate([
        (1 - b1**t) * (np.sqrt(np.ravel(unrecorded(v)) / (1 - b2**t)) + optimizer.eps)
        for t, v in squares
    ])  # fmt: skip


def threshold_of(
    optimizer: Any, made: int, preconditioned: bool
) -> tuple[float | None, float | None]:
    """The learning rate after ``made`` updates, and the curvature that is stable up to.

    The threshold is None where it would not be about the eigenvalues at hand: for Adam without
    its preconditioner, for an optimiser that is not known, for a rate of zero.
    """
    if optimizer is None:
        return None, None
    if not isinstance(optimizer, Optimizer):
        rate = float(optimizer)
        return rate, stability_threshold(rate) if rate > 0 else None
    rate = optimizer.rate(made)
    if not rate > 0:
        return rate, None
    if isinstance(optimizer, Adam):
        beta = optimizer.betas[0]
        return rate, stability_threshold(rate, "adam", beta) if preconditioned else None
    if isinstance(optimizer, SGD):
        beta = optimizer.momentum
        method = "nesterov" if optimizer.nesterov else "momentum" if beta else "sgd"
        return rate, stability_threshold(rate, method, beta)
    return rate, None
