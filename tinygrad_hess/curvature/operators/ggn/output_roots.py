"""Roots of the Hessian of a loss in the outputs of a net, one example at a time.

output_roots : loss, outputs, targets -> S with  S_n S_nᵀ = ∂²loss / ∂f_n²
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....transforms.gradients import grad
from ....transforms.jacobians import chunks
from ..flattening import Array, Flattening
from ..linearization import RecordedGradient
from .output_hessians import output_hessian


def require_finite(who: str, what: str, x: Array) -> None:
    """Refuse infinity and NaN, before linear algebra fails on them or hides them."""
    if not np.isfinite(x).all():
        raise ValueError(
            f"{who}: the {what} is not finite. Run predict and loss under tg.debug_nans() to see "
            "where that comes from."
        )


def output_gradient(loss: Callable[..., Any], outputs: Array, targets: Any, who: str) -> Array:
    """``∂loss/∂outputs``, shape (n, ...)."""
    found = np.asarray(grad(lambda f: loss(f, targets))(outputs))
    require_finite(who, "gradient of the loss in the outputs", found)
    return found


def output_roots(loss: Callable[..., Any], outputs: Array, targets: Any, who: str) -> Array:
    """Square roots of the loss's Hessian in the outputs of each example, column by column.

    Parameters
    ----------
    loss : callable
        ``loss(outputs, targets)``: a sum (or mean) of terms, each of one example, and convex in
        the outputs.
    outputs : ndarray, shape (n, ...)
        K elements an example.
    targets
        As the loss takes them.
    who : str
        The caller, for errors.

    Returns
    -------
    ndarray, shape (k, n, ...)
        ``Σ_k s_kn s_knᵀ`` is the Hessian of the loss in the outputs of example n. There are k <= K
        columns: directions in which no example has curvature are left out (softmax has one).

    Raises
    ------
    ValueError
        When the loss is not convex in the outputs, or its Hessian there is not finite.

    Notes
    -----
    Terms of different examples do not mix, so K products with a vector that is the same for all
    examples give all n Hessians.

    Examples
    --------
    >>> loss = lambda f, y: 0.5 * ((f - y) ** 2).sum()
    >>> output_roots(loss, np.zeros((3, 1)), np.ones((3, 1)), "example").tolist()
    [[[1.0], [1.0], [1.0]]]
    """
    require_finite(who, "output of predict", outputs)
    K = math.prod(outputs.shape[1:])
    hessians = _hessians(loss, outputs, targets, who)
    require_finite(who, "Hessian of the loss in the outputs", hessians)
    values, vectors = _eigenpairs(hessians)
    eps = np.finfo(outputs.dtype).eps
    least = values.min(initial=0.0)
    if least < -(eps**0.5) * np.abs(values).max(initial=0.0):
        # where a loss is flat, all its curvature may be rounding errors of what it is elsewhere
        elsewhere = np.abs(_hessians(loss, np.zeros_like(outputs), targets, who)).max(initial=0.0)
        if not least >= -K * eps * elsewhere:
            raise ValueError(
                f"{who}: the loss is not convex in the outputs (its Hessian there has eigenvalue "
                f"{least:.3g}), so the Gauss-Newton matrix is not positive semidefinite. Use "
                "HessianOperator for such a loss."
            )
    values[values < K * eps * values.max(axis=1, keepdims=True, initial=0.0)] = 0
    roots = vectors * np.sqrt(values)[:, None, :]
    roots = roots[:, :, values.any(axis=0)]
    return np.moveaxis(roots, 2, 0).reshape(-1, *outputs.shape).astype(outputs.dtype, copy=False)


def _hessians(loss: Callable[..., Any], outputs: Array, targets: Any, who: str) -> Array:
    """The Hessian of each example's term, shape (n, K, K)."""
    n, K = outputs.shape[0], math.prod(outputs.shape[1:])
    slope = RecordedGradient(loss, Flattening(outputs, who, "outputs"), (targets,))
    middle = output_hessian(loss, [outputs], targets, slope)
    hessians = np.empty((n, K, K), outputs.dtype)
    for columns in chunks(K, outputs.nbytes, None):
        count = columns.stop - columns.start
        units = np.zeros((count, n, K), outputs.dtype)
        units[np.arange(count), :, np.arange(columns.start, columns.stop)] = 1
        (found,) = middle([units.reshape(count, *outputs.shape)], count)
        hessians[:, :, columns] = (
            0 if found is None else np.moveaxis(found.reshape(units.shape), 0, 2)
        )
    return (hessians + hessians.swapaxes(1, 2)) / 2


def _eigenpairs(H: Array) -> tuple[Array, Array]:
    """Of a stack of symmetric matrices; at once where all are diagonal, as of squared error."""
    unit = np.eye(H.shape[-1], dtype=H.dtype)
    diagonal = np.diagonal(H, axis1=1, axis2=2)
    if np.count_nonzero(H) == np.count_nonzero(diagonal):
        return diagonal.copy(), np.broadcast_to(unit, H.shape)
    found = np.linalg.eigh(H)
    return found.eigenvalues, found.eigenvectors
