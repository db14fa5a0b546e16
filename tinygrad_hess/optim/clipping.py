"""Gradient clipping by the norm of all gradients together (Pascanu et al. 2013)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import arguments, trees
from ..core.errors import NonDifferentiableError, describe
from ..core.tensor import Batched, Tensor, constant


def global_norm(grads: Any) -> float:
    """The Euclidean norm of all leaves together, without overflow or underflow on the way.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> optim.global_norm([np.array([3.0]), np.array([4.0])])
    5.0
    """
    return _norm([_gradient_array("global_norm", g) for g in trees.leaves(grads)])


def clip_by_global_norm(grads: Any, max_norm: float) -> tuple[Any, float]:
    """Scale gradients down so that their global norm is at most ``max_norm``.

    Parameters
    ----------
    grads : pytree of arrays
    max_norm : float

    Returns
    -------
    grads : pytree
        ``grads`` itself where the norm is small enough.
    norm : float
        The norm before clipping.

    Raises
    ------
    ValueError
        When ``max_norm`` is not positive.
    FloatingPointError
        When a gradient is infinite or NaN, so that no scaling helps.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> optim.clip_by_global_norm({"a": np.array([3.0, 4.0])}, 1.0)
    ({'a': array([0.6, 0.8])}, 5.0)
    """
    who = "clip_by_global_norm"
    leaves, spec = trees.flatten(grads)
    raw = [_gradient_array(who, g) for g in leaves]
    norm = _finite_norm(who, raw, max_norm, lambda i: trees.paths(grads)[i] or "the gradient")
    if norm <= max_norm:
        return grads, norm
    scale = max_norm / norm
    scaled = [
        constant(r * scale) if isinstance(g, Tensor) else r * scale
        for g, r in zip(leaves, raw, strict=True)
    ]
    return trees.unflatten(spec, scaled), norm


def clipping_factor(arrays: Iterable[Any], max_norm: float) -> float:
    """What :func:`clip_by_global_norm` multiplies by: 1 where the norm is small enough."""
    norm = _finite_norm("clip_by_global_norm", list(arrays), max_norm, lambda i: f"[{i}]")
    return 1.0 if norm <= max_norm else max_norm / norm


def clip_grad_norm(parameters: Any, max_norm: float) -> float:
    """The same for the define-by-run loop: between ``loss.backward()`` and ``opt.step()``.

    Parameters
    ----------
    parameters : Module or list of Tensor
        Those without a gradient are skipped. A clipped gradient is a new tensor.
    max_norm : float

    Returns
    -------
    float
        The norm before clipping.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> from tinygrad_hess import optim
    >>> w = tg.tensor([3.0, 4.0], requires_grad=True)
    >>> (0.5 * w * w).sum().backward()
    >>> optim.clip_grad_norm([w], 1.0)
    5.0
    >>> w.grad
    tensor([0.6, 0.8])
    """
    method = getattr(parameters, "parameters", None)
    given: Any = method() if callable(method) else parameters
    who, what = "clip_grad_norm", "a list of tensors or a Module"
    if isinstance(given, Tensor):
        given = [given]
    if not isinstance(given, Iterable):
        arguments.instance(who, "parameters", given, (), what)
    distinct = {id(p): p for p in given}.values()
    for p in distinct:
        arguments.instance(who, "parameters", p, Tensor, f"{what} (or use clip_by_global_norm)")
    tensors = [p for p in distinct if p.grad is not None]
    arrays: list[Any] = [p.grad.value for p in tensors]
    norm = _finite_norm(who, arrays, max_norm, lambda i: f"the gradient of {describe(tensors[i])}")
    if norm > max_norm:
        for p, g in zip(tensors, arrays, strict=True):
            p.grad = constant(g * (max_norm / norm))
    return norm


def _gradient_array(who: str, g: Any) -> Any:
    if isinstance(g, Tensor):
        if g.prim is not None:
            raise NonDifferentiableError(
                f"{who}: clipping a {describe(g)} tensor on a tape would lose its gradient; "
                "pass g.numpy() or g.detach()"
            )
        return g.numpy() if isinstance(g, Batched) else g.value  # numpy() of a batch is an error
    return arguments.array(who, "a gradient", g)


def _norm(arrays: list[Any]) -> float:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        total = sum(float(np.vdot(a, a).real) for a in arrays)
    if 1e-30 < total < 1e30:  # no float32 sum came near its limits
        return math.sqrt(total)
    top = max((float(np.abs(a).max()) for a in arrays if a.size), default=0.0)
    if not 0 < top < math.inf:
        return top
    return top * math.sqrt(sum(float((np.abs(a.astype(float) / top) ** 2).sum()) for a in arrays))


def _finite_norm(who: str, arrays: list[Any], max_norm: float, name: Any) -> float:
    arguments.number(who, "max_norm", max_norm, above=0, infinite=True)
    norm = _norm(arrays)
    if not math.isfinite(norm):
        for i, a in enumerate(arrays):
            if not np.isfinite(a).all():
                raise FloatingPointError(f"{who}: {name(i)} is not finite (norm {norm})")
    return norm
