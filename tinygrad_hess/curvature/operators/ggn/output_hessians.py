"""The Hessian of a loss in a model's outputs, in closed form where there is one.

    output_hessian : loss, outputs, target -> M           (leaves -> leaves)
    scores         : loss, outputs, seed   -> gradients for targets drawn from the model

With ``f`` the outputs and p the probabilities that they stand for, the Hessians are

    squared error            2 / (number of elements)
    cross entropy, KL        diag(p) - p pᵀ for each row      (the same for every target)
    binary cross entropy     p (1 - p)
    Huber                    1 inside, 0 outside

Any other loss, and one with weights, is differentiated twice, alone: never through the model.
"""

from __future__ import annotations

import contextlib
import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .... import ops
from ....core import arguments
from ....distributed.shards import raw
from ....ops.nn import losses
from ....ops.nn.losses import means_by_count
from ..batches import weighs_means
from ..flattening import Array
from ..linearization import Leaves, OutputProducts, RecordedGradient

CATEGORICAL = (losses.cross_entropy, losses.kl_div)
LIKELIHOODS = (*CATEGORICAL, losses.binary_cross_entropy_with_logits, losses.mse)
"""Losses that are negative log likelihoods, up to a factor."""


def known(loss: Any) -> tuple[Any, dict[str, Any]] | None:
    """One of our losses and its keywords, behind any :func:`functools.partial`; else None."""
    keywords: dict[str, Any] = {}
    while isinstance(loss, functools.partial):
        if loss.args:
            return None
        keywords = {**loss.keywords, **keywords}
        loss = loss.func
    ours = (*LIKELIHOODS, losses.huber)
    return (loss, keywords) if any(loss is known for known in ours) else None


def check_reduction(loss: Any, reduction: str, who: str) -> None:
    """A reduction, with which a loss of ours that says how it reduces must agree."""
    arguments.choice(who, "reduction", reduction, ("mean", "sum"))
    found = known(loss)
    own = "mean" if found is None else found[1].get("reduction", "mean")
    if found is not None and own in ("mean", "sum") and own != reduction:
        raise ValueError(
            f"{who}: the loss has reduction={own!r}, but the operator has reduction={reduction!r}; "
            f"give both the same, as in {who}(..., reduction={own!r})"
        )


WEIGHTS = ("weight", "pos_weight", "ignore_index", "example_weight")
"""Keywords of our losses by which examples do not all count the same."""

OF_TARGETS = ("weight", "pos_weight")
"""Those that depend on the target: with them the loss is no negative log likelihood."""


def has_any(keywords: dict[str, Any], names: tuple[str, ...]) -> bool:
    """Whether a loss is given any of these keywords."""
    return any(keywords.get(name) is not None for name in names)


def counting(
    who: str, reduction: str, single: bool | None = None
) -> contextlib.AbstractContextManager[None]:
    """Refuse losses that divide by weights meanwhile, where examples count all the same.

    With one batch (``single``) there is nothing to count; None where they do all the same.
    """
    if single or reduction == "sum":
        return contextlib.nullcontext()
    return means_by_count(
        weighs_means(who)
        if single is not None
        else f"but {who} counts all examples the same. Give reduction='sum' to the loss and to "
        f"{who}."
    )


def output_hessian(
    loss: Any, outputs: list[Array], target: Any, slope: RecordedGradient
) -> OutputProducts:
    """The Hessian of ``loss(outputs, target)`` in the outputs.

    Parameters
    ----------
    loss : callable
    outputs : list of ndarray
        The leaves of what the model returned.
    target
        As the loss takes it.
    slope : RecordedGradient
        The same loss recorded in the outputs, for what has no closed form.
    """
    found = known(loss)
    if found is None or len(outputs) != 1:
        return slope.sweep
    function, keywords = found
    if has_any(keywords, WEIGHTS):
        return slope.sweep
    f = outputs[0]
    if function in CATEGORICAL:
        return SoftmaxHessian(
            ops.softmax(f), _row_weights(f, target, keywords) * _share(f, keywords)
        )
    if function is losses.binary_cross_entropy_with_logits:
        p = ops.sigmoid(f)
        return DiagonalHessian(p * (1 - p) * _share(f, keywords, elements=True))
    if function is losses.huber:
        inside = np.abs(f - np.asarray(raw(target))) <= keywords.get("delta", 1.0)
        return DiagonalHessian(inside.astype(f.dtype) * _share(f, keywords, elements=True))
    return DiagonalHessian(_squared_error(f, keywords))


def scores(loss: Any, f: Array, rng: np.random.Generator, samples: int) -> OuterProducts:
    """Gradients of a loss in the outputs for targets drawn from the model, as a matrix on them.

    The mean of their outer products has the Hessian of the loss as its expectation.

    Raises
    ------
    ValueError
        When the loss is not one of :data:`LIKELIHOODS`.
    """
    function, keywords = known(loss) or (None, {})
    if function not in LIKELIHOODS:
        raise ValueError(f"scores: {loss!r} is no likelihood that targets can be drawn from")
    if has_any(keywords, WEIGHTS):
        raise ValueError(
            "FisherOperator: targets are not drawn for a loss with weights. Leave out samples= for "
            "the exact one, or give draw="
        )
    shape = (samples, *f.shape)
    if function in CATEGORICAL:
        p = ops.softmax(f)
        # Inverse of the cumulative distribution; rounding must not lead beyond the last class.
        u = rng.random((*shape[:-1], 1), dtype=np.float64)
        drawn = (np.cumsum(p, axis=-1, dtype=np.float64) < u).sum(axis=-1).clip(max=shape[-1] - 1)
        g = p - (drawn[..., None] == np.arange(shape[-1]))
        return OuterProducts(g.reshape(samples, -1, f.shape[-1]), float(_share(f, keywords)))
    if function is losses.mse:
        g, scale = rng.standard_normal(shape), float(_squared_error(f, keywords))
    else:
        p = ops.sigmoid(f)
        g, scale = p - (rng.random(shape) < p), float(_share(f, keywords, elements=True))
    return OuterProducts(g.reshape(samples, f.shape[0] if f.ndim else 1, -1).astype(f.dtype), scale)


# ---- matrices on the outputs -----------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class DiagonalHessian:
    """``M = diag(d)``, with d an array like the outputs or one number."""

    d: Array

    def __call__(self, leaves: list[Array], columns: int | None) -> Leaves:
        return [self.d * leaves[0]]


@dataclass(frozen=True, eq=False)
class SoftmaxHessian:
    """``M = w (diag(p) - p pᵀ)`` for each row of probabilities p, shape (..., C)."""

    p: Array
    weight: Array

    def __call__(self, leaves: list[Array], columns: int | None) -> Leaves:
        u = leaves[0] * self.p
        u -= self.p * u.sum(axis=-1, keepdims=True)
        u *= self.weight
        return [u]


@dataclass(frozen=True, eq=False)
class OuterProducts:
    """``M = scale · mean over s of g_s g_sᵀ`` for each term, with g of shape (S, terms, D)."""

    g: Array
    scale: float

    def __call__(self, leaves: list[Array], columns: int | None) -> Leaves:
        samples, terms, width = self.g.shape
        count = 1 if columns is None else columns
        u = leaves[0].reshape(count, terms, width).transpose(1, 2, 0)  # (terms, D, k)
        g = self.g.transpose(1, 0, 2)  # (terms, S, D)
        found = g.swapaxes(1, 2) @ (g @ u)
        found *= self.scale / samples
        return [found.transpose(2, 0, 1).reshape(leaves[0].shape)]


# ---- what they are made of -------------------------------------------------------------------


def _share(f: Array, keywords: dict[str, Any], elements: bool = False) -> Any:
    """What each row of the outputs, or each element, counts in the loss."""
    if keywords.get("reduction", "mean") == "sum":
        return f.dtype.type(1)
    return f.dtype.type(1 / max(f.size if elements else math.prod(f.shape[:-1]), 1))


def _squared_error(f: Array, keywords: dict[str, Any]) -> Any:
    return (1 if keywords.get("half", False) else 2) * _share(f, keywords, elements=True)


def _row_weights(f: Array, target: Any, keywords: dict[str, Any]) -> Any:
    """The sum of each row of probabilities that the cross entropy is taken against."""
    labels = np.asarray(raw(target))
    if labels.dtype.kind != "f" or labels.shape != f.shape:
        return f.dtype.type(1)
    smoothing = keywords.get("label_smoothing", 0.0)
    total = labels.sum(axis=-1, keepdims=True)
    return ((1 - smoothing) * total + smoothing).astype(f.dtype)
