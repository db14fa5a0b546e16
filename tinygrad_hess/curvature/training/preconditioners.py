"""What an optimiser divides the gradient by, and where that makes it unstable."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...core import arguments, trees
from ...core.tensor import unrecorded
from ..analysis.stability import Rule, stability_threshold
from ..estimates.operands import Array


class Stability(NamedTuple):
    """What is known of an optimiser at a point.

    Attributes
    ----------
    rate : float or None
        The learning rate.
    threshold : float or None
        The curvature that is stable up to; None where it is unknown.
    unknown : str
        Why it is.
    """

    rate: float | None = None
    threshold: float | None = None
    unknown: str = ""


def updates_made(optimizer: Any, state: Any, step: int) -> int:
    """How many updates an optimiser has made: by its state, its own count, or the step."""
    if state is not None:
        if not hasattr(state, "step"):
            raise TypeError(
                "Monitor: state must be a state, as opt.init(params) makes it, got "
                f"{arguments.shown(state)}"
            )
        return int(state.step)
    if getattr(optimizer, "parameters", None) is not None:
        return int(optimizer.steps)
    return arguments.integer("Monitor", "step", step)


def preconditioner(optimizer: Any, params: Any, state: Any = None) -> Array | None:
    """The diagonal that an optimiser divides by, as a vector of shape (P,).

    None for optimisers without one, where the state is not known, and before the first update.

    References
    ----------
    Cohen et al. (2022), Adaptive gradient methods at the edge of stability, equation 2.
    """
    if not isinstance(optimizer, Rule) or not optimizer.is_preconditioned:
        return None
    known: list[tuple[int, tuple[Array, ...]]] = []
    if state is not None:
        known = [(int(state.step), slots) for slots in state.slots]
    elif getattr(optimizer, "parameters", None) is not None:
        own: Any = optimizer
        positions = {id(p): i for i, p in enumerate(own.parameters)}
        known = [own._slots.get(positions.get(id(p), -1), (0, ())) for p in trees.leaves(params)]
    if not known or not all(count for count, _ in known):
        return None
    found = [optimizer.preconditioner(_raw(slots), count) for count, slots in known]
    if any(d is None for d in found):
        return None
    return np.concatenate([np.ravel(d) for d in found if d is not None])


def _raw(slots: tuple[Any, ...]) -> tuple[Array, ...]:
    return tuple(np.asarray(unrecorded(x)) for x in slots)


def stability_of(optimizer: Any, made: int, preconditioned: bool) -> Stability:
    """The learning rate after ``made`` updates, and the curvature that is stable up to.

    The threshold is unknown where it would not be about the eigenvalues at hand: for a rule with a
    preconditioner that is not, for a rule without one, for a rate of zero.
    """
    if optimizer is None:
        return Stability(unknown="no optimizer was given")
    if isinstance(optimizer, str):
        return Stability(unknown=f"{optimizer} chooses the length of each step anew")
    if not isinstance(optimizer, Rule):
        rate = float(optimizer)
        if rate > 0:
            return Stability(rate, stability_threshold(rate))
        return Stability(rate, unknown="the rate is zero")
    rate = optimizer.rate(made)
    if optimizer.dynamics is None:
        return Stability(rate, unknown=optimizer.unknown_stability)
    if getattr(getattr(optimizer, "groups", None), "have_rates", False):
        return Stability(rate, unknown="groups of parameters have rates of their own")
    if optimizer.is_preconditioned and not preconditioned:
        return Stability(rate, unknown="its preconditioner is not known yet, or not at all")
    if not rate > 0:
        return Stability(rate, unknown="the rate is zero")
    return Stability(rate, stability_threshold(rate, *optimizer.dynamics))
