"""Krylov solvers for symmetric systems with several right-hand sides, side by side.

conjugate_gradients : definite           minres : indefinite
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .flattening import Array

Products = Callable[[Array], Any]
"""A matrix by its products with the columns of an array."""


class NotPositiveDefiniteError(ValueError):
    """A direction without positive curvature was met; ``curvature`` says how little it has."""

    def __init__(self, curvature: float):
        super().__init__(f"a direction of curvature {curvature:.3g} was met")
        self.curvature = curvature


def conjugate_gradients(
    A: Products, M: Products | None, B: Array, *, targets: Array, limit: int
) -> tuple[Array, int]:
    """Solve ``A X = B`` by conjugate gradients, each column until its residual is at its target.

    Parameters
    ----------
    A : callable
        Products of a positive semidefinite matrix with columns.
    M : callable, optional
        Products of a positive definite matrix close to its inverse.
    B : ndarray, shape (P, k)
        No column is zero.
    targets : ndarray, shape (k,)
        Norms of the residuals to reach; half of that is aimed at.
    limit : int
        Iterations at most.

    Returns
    -------
    X : ndarray, shape (P, k)
    iterations : int

    Raises
    ------
    NotPositiveDefiniteError
        When a direction of no or negative curvature is met.

    References
    ----------
    Hestenes and Stiefel (1952), Methods of conjugate gradients for solving linear systems.
    """
    X, R = np.zeros_like(B), B
    D, rho = preconditioned(M, R)
    active = np.arange(B.shape[1])
    for iteration in range(limit):
        AD = A(D)
        curvature = _column_dots(D, AD)
        if (curvature <= 0).any():
            raise NotPositiveDefiniteError(float((curvature / _column_dots(D, D)).min()))
        X[:, active] += _scale_columns(D, rho / curvature)
        R = R - _scale_columns(AD, rho / curvature)
        going = np.linalg.norm(R, axis=0) > 0.5 * targets
        if not going.all():
            active, R, D, rho = active[going], R[:, going], D[:, going], rho[going]
            targets = targets[going]
            if not active.size:
                return X, iteration + 1
        before = rho
        Z, rho = preconditioned(M, R)
        D = Z + _scale_columns(D, rho / before)
    return X, limit


def minres(
    A: Products, M: Products | None, B: Array, *, targets: Array, limit: int
) -> tuple[Array, int]:
    """Solve ``A X = B`` by MINRES, for any symmetric A; as :func:`conjugate_gradients`.

    Lanczos vectors v (and z, preconditioned), with Givens rotations (c, s) that reduce the
    tridiagonal matrix; w are the directions of x, Aw those of the residual.

    References
    ----------
    Paige and Saunders (1975), Solution of sparse indefinite systems of linear equations. Elman,
    Silvester and Wathen (2014), Finite elements and fast iterative solvers, section 4.1, for the
    recurrences with a preconditioner.
    """
    X, R = np.zeros_like(B), B.copy()
    active = np.arange(B.shape[1])
    k = B.shape[1]
    v_old, v = np.zeros_like(B), B
    z, gamma = preconditioned_norm(M, v)
    gamma_old, eta = np.ones(k), gamma
    c_old = c = np.ones(k)
    s_old = s = np.zeros(k)
    w_old = w = Aw_old = Aw = np.zeros_like(B)
    size, zero = np.zeros(k), 10 * np.finfo(B.dtype).eps  # of the matrix, and what is nothing to it
    for iteration in range(limit):
        z = _scale_columns(z, 1 / gamma)
        Az = A(z)
        delta = _column_dots(z, Az)
        v_new = Az - _scale_columns(v, delta / gamma) - _scale_columns(v_old, gamma / gamma_old)
        z_new, gamma_new = preconditioned_norm(M, v_new)
        size = np.maximum(size, np.abs(delta) + gamma_new)
        exhausted = gamma_new <= zero * size
        gamma_new[exhausted] = 0.0
        a0 = c * delta - c_old * s * gamma
        a1 = np.hypot(a0, gamma_new)
        a2, a3 = s * delta + c_old * c * gamma, s_old * gamma
        singular = a1 <= zero * size
        a1[singular] = 1.0
        c_old, c, s_old, s = c, a0 / a1, s, gamma_new / a1
        c[singular] = 0.0
        old, new = _scale_columns(w_old, a3) + _scale_columns(w, a2), 1 / a1
        w_old, w = w, _scale_columns(z - old, new)
        old = _scale_columns(Aw_old, a3) + _scale_columns(Aw, a2)
        Aw_old, Aw = Aw, _scale_columns(Az - old, new)
        X[:, active] += _scale_columns(w, c * eta)
        R -= _scale_columns(Aw, c * eta)
        eta = -s * eta
        going = (np.linalg.norm(R, axis=0) > 0.5 * targets) & ~exhausted & ~singular
        v_old, v, z, gamma_old, gamma = v, v_new, z_new, gamma, gamma_new
        if not going.all():
            if not going.any():
                return X, iteration + 1
            active, targets = active[going], targets[going]
            v_old, v, z, w_old, w, Aw_old, Aw, R = (
                x[:, going] for x in (v_old, v, z, w_old, w, Aw_old, Aw, R)
            )
            gamma_old, gamma, eta, c_old, c, s_old, s, size = (
                x[going] for x in (gamma_old, gamma, eta, c_old, c, s_old, s, size)
            )
    return X, limit


def preconditioned(M: Products | None, R: Array) -> tuple[Array, Array]:
    """``M r`` for each column, and ``rᵀ M r``."""
    Z = R if M is None else np.asarray(M(R), R.dtype)
    squares = _column_dots(R, Z)
    if M is not None and (squares < 0).any():
        raise ValueError("the preconditioner is not positive definite")
    return Z, squares


def preconditioned_norm(M: Products | None, V: Array) -> tuple[Array, Array]:
    """``M v`` for each column, and the root of ``vᵀ M v``."""
    Z, squares = preconditioned(M, V)
    return Z, np.sqrt(squares)


def _scale_columns(X: Array, factors: Array) -> Array:
    return X * factors.astype(X.dtype)


def _column_dots(A: Array, B: Array) -> Array:
    """The inner products of columns, summed in float64."""
    return np.einsum("ij,ij->j", A, B, dtype=np.float64)
