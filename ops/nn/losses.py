"""Losses: plain functions of predictions and targets, differentiable in both where that means
something, reduced by ``"mean"``, ``"sum"`` or ``"none"``.

Shapes must agree exactly: a prediction (n, 1) against targets (n,) would broadcast to (n, n) and
train on nonsense, so it is an error.

``example_weight``, of shape (n,) or any leading part of the losses' shape, multiplies them; the
mean is then divided by the sum of the weights, not by the count.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from ... import ops
from ...core import arguments
from ...core.boundary import named
from ...core.errors import describe
from ...core.tensor import Batched, Tensor, tensor_or_array
from .._types import Array, ArrayLike
from ..shape.axes import shape_of


@named
def mse(
    prediction: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    *,
    half: bool = False,
    example_weight: ArrayLike | None = None,
) -> Array:
    """Squared error, averaged over all elements; halved with ``half=True``.

    Parameters
    ----------
    prediction, target : array, the same shape
    reduction : {"mean", "sum", "none"}
    half : bool
        Half the squared error, whose gradient is the residual itself.
    example_weight : array, optional
        One for each example, or of any leading part of the predictions' shape; the mean is
        Σ w l / Σ w.

    Raises
    ------
    ValueError
        When the shapes differ, or weights are negative or all zero.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.mse(np.array([1.0, 3.0]), np.array([0.0, 0.0]))
    np.float64(5.0)
    """
    prediction, target = _same_shapes(prediction, target, "mse")
    half = arguments.flag("mse", "half", half)
    total = _reduce(ops.square(prediction - target), reduction, "mse", example_weight)
    return 0.5 * total if half else total


@named
def l1(
    prediction: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    *,
    example_weight: ArrayLike | None = None,
) -> Array:
    """Absolute error, averaged over all elements; at equality its derivative is 0."""
    prediction, target = _same_shapes(prediction, target, "l1")
    return _reduce(ops.absolute(prediction - target), reduction, "l1", example_weight)


@named
def huber(
    prediction: ArrayLike,
    target: ArrayLike,
    delta: float = 1.0,
    reduction: str = "mean",
    *,
    example_weight: ArrayLike | None = None,
) -> Array:
    """d²/2 where |d| <= delta, delta (|d| - delta/2) beyond (Huber 1964).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.huber(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    delta = arguments.number("huber", "delta", delta, above=0, infinite=True)
    prediction, target = _same_shapes(prediction, target, "huber")
    d = prediction - target
    inner = ops.clip(d, -delta, delta)
    return _reduce(inner * (d - 0.5 * inner), reduction, "huber", example_weight)


@named
def hinge(score: ArrayLike, label: ArrayLike, reduction: str = "mean") -> Array:
    """max(0, 1 - label · score) for labels -1 and 1 (Cortes and Vapnik 1995).

    Raises
    ------
    ValueError
        When the shapes differ, or a label is neither -1 nor 1.
    """
    score, label = _same_shapes(score, label, "hinge")
    label = ops.checked(label, _check_signs)
    return _reduce(ops.relu(1 - label * score), reduction, "hinge")


@named
def binary_cross_entropy_with_logits(
    logits: ArrayLike,
    target: ArrayLike,
    reduction: str = "mean",
    *,
    pos_weight: ArrayLike | None = None,
    example_weight: ArrayLike | None = None,
) -> Array:
    """-t log σ(x) - (1 - t) log(1 - σ(x)), as softplus(x) - t x: stable for any logit.

    Parameters
    ----------
    logits, target : array, the same shape
        Targets are in [0, 1].
    reduction : {"mean", "sum", "none"}
    pos_weight : array that broadcasts to them, optional
        Multiplies the first term, as if there were so many more positive examples. The mean
        divides by the count all the same, as in PyTorch.
    example_weight : array, optional
        As for :func:`mse`.

    Raises
    ------
    ValueError
        When the shapes differ, a target is outside [0, 1], or weights are negative or all zero.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.binary_cross_entropy_with_logits(np.array([1000.0, -1000.0]), np.array([1, 0]))
    np.float64(0.0)
    """
    who = "binary_cross_entropy_with_logits"
    logits, target = _same_shapes(logits, target, who)
    target = ops.checked(target, _check_probabilities)
    if pos_weight is None:
        found = ops.softplus(logits) - target * logits
    else:
        more = 1 + (_cast_data(tensor_or_array(pos_weight), logits) - 1) * target
        found = (1 - target) * logits + more * ops.softplus(-logits)
        if found.shape != logits.shape:
            raise ValueError(
                f"{who}: pos_weight {describe(pos_weight)} does not broadcast to logits "
                f"{describe(logits)}"
            )
    return _reduce(found, reduction, who, example_weight)


@named
def cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    example_weight: ArrayLike | None = None,
) -> Array:
    """Cross entropy of softmax(logits) against class numbers or probabilities.

    With class numbers: logsumexp(x) - x[label], without overflow for any logit.

    Parameters
    ----------
    logits : (..., C)
    labels : (...) integers from 0 to C - 1, or (..., C) probabilities
    label_smoothing : float in [0, 1]
        Mix the target with the uniform distribution: (1 - s) target + s / C
        (Szegedy et al. 2016).
    reduction : {"mean", "sum", "none"}
        The mean is over examples; "none" gives one loss for each, shape (...).
    weight : (C,), optional
        Of the classes. With class numbers, the mean divides by the sum of the weights of the
        examples' classes; with probabilities by the count, as in PyTorch.
    ignore_index : int, optional
        Examples of this class number do not count; it may be one that is no class, such as -100.
    example_weight : (...), optional
        Or of any leading part of that shape; the mean divides by the weights' sum.

    Raises
    ------
    ValueError
        When the shapes do not fit, a class number is negative or not below C, probabilities
        are negative or do not sum to 1, or weights are negative or all zero for these examples.
    TypeError
        When class numbers are not integers.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.cross_entropy(np.array([[0.0, 0.0], [0.0, 1000.0]]), np.array([0, 1]), reduction="sum")
    np.float64(0.6931471805599453)
    """
    who = "cross_entropy"
    label_smoothing = arguments.number(who, "label_smoothing", label_smoothing, least=0, most=1)
    logits, labels = tensor_or_array(logits), tensor_or_array(labels)
    shape = logits.shape
    if not shape or not shape[-1]:
        raise ValueError(f"{who}: logits need a last axis of classes, got {describe(logits)}")
    if weight is not None:
        if isinstance(weight, dict):
            raise TypeError(f"{who}: weight must be a list or an array by class number, got a dict")
        weight = _cast_data(tensor_or_array(weight), logits)
        if weight.shape != shape[-1:]:
            raise ValueError(
                f"{who}: weight {describe(weight)} must have shape {shape[-1:]}, one for each class"
            )
    if labels.dtype.kind == "f" and labels.shape == shape:
        if ignore_index is not None:
            raise ValueError(f"{who}: ignore_index={ignore_index} is for class numbers alone")
        labels = _cast_data(ops.checked(labels, Probabilities(who)), logits)
        if label_smoothing:
            labels = (1 - label_smoothing) * labels + label_smoothing / shape[-1]
        labels = labels if weight is None else labels * weight
        losses = -ops.sum(labels * ops.log_softmax(logits), axis=-1)
        return _reduce(losses, reduction, who, example_weight)
    counted = None
    if ignore_index is not None:
        ignore_index = arguments.integer(who, "ignore_index", ignore_index)
        counted = ops.not_equal(labels, ignore_index)
        labels = ops.where(counted, labels, 0)
    labels = _class_numbers(logits, labels, who)
    losses = _against_classes(logits, labels, weight, label_smoothing)
    if weight is None and counted is None:
        return _reduce(losses, reduction, who, example_weight)
    each = ops.astype(counted, logits.dtype) if counted is not None else None
    if counted is not None:
        losses = ops.where(counted, losses, 0)
    if weight is not None:
        of_class = ops.index(weight, (labels,))
        each = of_class if each is None else each * of_class
    return _reduce(losses, reduction, who, example_weight, each)


@named
def kl_div(logits: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Array:
    """Kullback-Leibler divergence of softmax(logits) from target probabilities: Σ p log(p / q).

    Parameters
    ----------
    logits, target : (..., C)
        Probabilities that are 0 contribute 0.
    reduction : {"mean", "sum", "none"}
        As for :func:`cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.kl_div(np.zeros((1, 2)), np.array([[0.5, 0.5]]))
    np.float64(0.0)
    """
    logits, target = _same_shapes(logits, target, "kl_div")
    if not logits.shape:
        raise ValueError("kl_div: logits need a last axis of classes, got a scalar")
    target = ops.checked(target, Probabilities("kl_div"))
    log_p = ops.log(ops.where(ops.greater(target, 0), target, 1.0))
    divergence = ops.sum(target * (log_p - ops.log_softmax(logits)), axis=-1)
    return _reduce(divergence, reduction, "kl_div")


@named
def accuracy(logits: ArrayLike, labels: ArrayLike) -> float:
    """The fraction of examples whose largest logit is that of their class: a plain number.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.accuracy(np.array([[0.1, 2.0], [3.0, 1.0]]), np.array([1, 1]))
    0.5
    """
    logits, labels = tensor_or_array(logits), tensor_or_array(labels)
    if not logits.shape or not logits.shape[-1]:
        raise ValueError(f"accuracy: logits need a last axis of classes, got {describe(logits)}")
    labels = _class_numbers(logits, labels, "accuracy")
    scores, truth = (
        x.numpy() if isinstance(x, Batched) else _concrete(x) for x in (logits, labels)
    )
    if not truth.size:
        raise ValueError("accuracy: there are no examples")
    return float(np.mean(np.argmax(scores, axis=-1) == truth))


# ---- what they share -------------------------------------------------------------------------


def _against_classes(logits: Array, labels: Array, weight: Array | None, smoothing: float) -> Array:
    """Cross entropy of each example, against class numbers mixed with the uniform distribution."""
    total = ops.logsumexp(logits, axis=-1)
    if weight is not None:  # each class has a factor, also in the uniform part
        losses = ops.index(weight, (labels,)) * (total - _class_logits(logits, labels))
        if not smoothing:
            return losses
        uniform = ops.sum(weight * (ops.expand_dims(total, -1) - logits), axis=-1)
        return (1 - smoothing) * losses + smoothing / logits.shape[-1] * uniform
    if smoothing < 1:
        picked = _class_logits(logits, labels)
        total = total - (picked if not smoothing else (1 - smoothing) * picked)
    return total - smoothing * ops.mean(logits, axis=-1) if smoothing else total


def _concrete(x: Array) -> Array:
    """The numbers, for checks (with batch axes in front, inside vmap)."""
    if isinstance(x, Tensor):
        x._refuse_while_traced("a look at the values")
    return np.asarray(x.value if isinstance(x, Tensor) else x)


def _cast_data(target: Array, prediction: Array) -> Array:
    """Targets that are data take the predictions' precision: float32 stays float32."""
    dtype = prediction.dtype
    if dtype.kind != "f" or target.dtype == dtype or getattr(target, "prim", None) is not None:
        return target
    return ops.astype(target, dtype)


def _same_shapes(prediction: Array, target: Array, who: str) -> tuple[Array, Array]:
    prediction, target = tensor_or_array(prediction), tensor_or_array(target)
    for name, x in (("predictions", prediction), ("targets", target)):
        if x.dtype.kind not in "fciub":
            raise TypeError(f"{who}: {name} must be an array of numbers, got {describe(x)}")
    if prediction.shape != target.shape:
        raise ValueError(
            f"{who}: predictions {describe(prediction)} and targets {describe(target)} differ in "
            "shape; reshape one of them (they are not broadcast)"
        )
    if prediction.dtype.kind in "iub":  # differences of unsigned ones would wrap around
        prediction = ops.astype(prediction, np.float64)
    return prediction, _cast_data(target, prediction)


_counted: ContextVar[str | None] = ContextVar("counted", default=None)


@contextlib.contextmanager
def means_by_count(why: str | None) -> Iterator[None]:
    """Refuse means that divide by weights meanwhile, where examples count all the same.

    ``why`` says who counts them and what to write, after a comma; None refuses nothing.
    """
    token = _counted.set(why)
    try:
        yield
    finally:
        _counted.reset(token)


def _reduce(
    losses: Array,
    reduction: str,
    who: str,
    example_weight: ArrayLike | None = None,
    each: Array | None = None,
) -> Array:
    """The reduction of the losses, multiplied by weights of the examples.

    ``each`` is what each of them counts in the mean, by its class, for that is in the loss already.
    """
    arguments.choice(who, "reduction", reduction, ("mean", "sum", "none"))
    if example_weight is not None:
        given = _example_weights(example_weight, losses, who)
        losses = losses * given
        each = given if each is None else each * given
    if reduction == "none":
        return losses
    if reduction == "mean" and each is not None:
        if (why := _counted.get()) is not None:
            raise ValueError(f"{who}: the mean divides by the sum of the examples' weights, {why}")
        total = ops.sum(ops.broadcast_to(each, losses.shape))
        return ops.sum(losses) / ops.checked(total, _PositiveTotal(who))
    return ops.mean(losses) if reduction == "mean" else ops.sum(losses)


def _example_weights(weight: ArrayLike, losses: Array, who: str) -> Array:
    """Weights of a leading part of the losses' shape, with axes for the rest."""
    weight = _cast_data(tensor_or_array(weight), losses)
    rank = len(weight.shape)
    if weight.shape != losses.shape[:rank]:
        raise ValueError(
            f"{who}: example_weight {describe(weight)} must have the shape {losses.shape} of the "
            "losses, or a leading part of it, such as one for each example"
        )
    weight = ops.checked(weight, _NotNegative(who))
    return ops.reshape(weight, (*weight.shape, *(1,) * (len(losses.shape) - rank)))


def _class_logits(logits: Array, labels: Array) -> Array:
    """The logit of each example's class."""
    shape = logits.shape
    if len(shape) == 1:
        return ops.index(logits, (labels,))
    n = math.prod(shape[:-1])
    rows = logits if len(shape) == 2 else ops.reshape(logits, (n, shape[-1]))
    flat = labels if len(shape) == 2 else ops.reshape(labels, (n,))
    picked = ops.index(rows, (np.arange(n), flat))
    return picked if len(shape) == 2 else ops.reshape(picked, shape[:-1])


def _class_numbers(logits: Array, labels: Array, who: str) -> Array:
    """The labels, checked against the logits."""
    shape, classes = shape_of(logits)[:-1], shape_of(logits)[-1]
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"{who}: labels {describe(labels)} for logits {describe(logits)}: class numbers must "
            f"be integers of shape {shape}, as labels.astype(int) gives them"
            + (
                f"; probabilities must have shape {(*shape, classes)}"
                if labels.dtype.kind == "f"
                else ""
            )
        )
    if labels.shape != shape:
        raise ValueError(
            f"{who}: labels {describe(labels)} for logits {describe(logits)}: class numbers must "
            f"have shape {shape}, one for each example"
        )
    return ops.checked(labels, ops.ClassNumbers(who, classes, logits.dtype, shape_of(logits)))


@dataclass(frozen=True)
class Probabilities:
    """A check that each row is a distribution."""

    who: str

    def __call__(self, p: Array) -> None:
        if p.size and not (p >= 0).all():
            raise ValueError(f"{self.who}: probabilities must not be negative, got {_range(p)}")
        off = np.abs(np.add.reduce(p, axis=-1) - 1)
        if not (off <= 1e-3).all():
            raise ValueError(
                f"{self.who}: probabilities must sum to 1, one sum is off by {off.max():.3g}"
            )


@dataclass(frozen=True)
class _NotNegative:
    """A check of weights."""

    who: str

    def __call__(self, w: Array) -> None:
        if w.size and not (w >= 0).all():
            raise ValueError(f"{self.who}: weights must not be negative, got {_range(w)}")


@dataclass(frozen=True)
class _PositiveTotal:
    """A check that there is something to take the mean of."""

    who: str

    def __call__(self, total: Array) -> None:
        if not (total > 0).all():
            raise ValueError(
                f"{self.who}: the weights of these examples sum to {np.min(total):.3g}, so there "
                'is no mean. Leave such a batch out, or give reduction="sum".'
            )


def _check_signs(labels: Array) -> None:
    if not (np.abs(labels) == 1).all():
        raise ValueError(
            "hinge: labels must be -1 or 1; turn labels 0 and 1 into them by 2 * labels - 1"
        )


def _check_probabilities(targets: Array) -> None:
    if not ((targets >= 0) & (targets <= 1)).all():
        raise ValueError(
            "binary_cross_entropy_with_logits: targets must be in [0, 1], got " + _range(targets)
        )


def _range(x: Array) -> str:
    return f"values from {x.min()} to {x.max()}"
