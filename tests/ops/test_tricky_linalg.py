"""Derivatives in linear algebra that are easily wrong: singular matrices, coinciding eigenvalues.

Each case is checked to first and second order, recorded, batched and replayed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import close
from orders import Function, first, second, stacked

import tinygrad_hess as tg

SINGULAR = np.array([[1.0, 2], [2, 4]])
SYMMETRIC = np.array([[2.0, 0.5, 0.1], [0.5, 3.0, -0.4], [0.1, -0.4, 4.0]])
DIRECTION = np.array([[0.3, -1.0, 0.7], [0.2, 0.5, -0.6], [1.1, 0.4, -0.2]])


def replayed(f: Function, x: Any, v: Any) -> None:
    """``jit`` gives the gradient and the Hessian-vector product that a recording gives."""
    close(tg.jit(tg.grad(f))(x), tg.grad(f)(x), 1e-12, 1e-13, elementwise=True)
    both = [h(x, v) for h in (tg.jit(lambda x, v: tg.hvp(f, x, v)), lambda x, v: tg.hvp(f, x, v))]
    close(both[0], both[1], 1e-12, 1e-13, elementwise=True)


def test_det_of_singular_matrices_to_second_order() -> None:
    det = np.linalg.det
    first(det, SINGULAR, [[4, -2], [-2, 1]], atol=1e-14)
    second(det, SINGULAR, [[1, -1], [-1, 1]], atol=1e-14)
    replayed(det, SINGULAR, np.ones((2, 2)))
    first(det, np.diag([0.0, 2, 3]), np.diag([6.0, 0, 0]), atol=1e-14)
    second(det, np.diag([0.0, 2, 3]), [[5, -3, -2], [-3, 3, 0], [-2, 0, 2]], atol=1e-14)
    first(det, [[0.0]], [[1.0]])
    second(det, [[0.0]], [[0.0]])
    batch = np.stack([np.diag([0.0, 2, 3]), np.zeros((3, 3)), SYMMETRIC])
    cofactors = np.linalg.det(SYMMETRIC) * np.linalg.inv(SYMMETRIC)
    want = np.stack([np.diag([6.0, 0, 0]), np.zeros((3, 3)), cofactors])
    first(lambda a: det(a).sum(), batch, want, atol=1e-14)


def test_sum_of_squared_eigenvalues_that_coincide() -> None:
    """It is the squared length of the symmetric part, however the eigenvalues coincide."""
    f, v = lambda a: (np.linalg.eigvalsh(a) ** 2).sum(), DIRECTION
    for a in (np.eye(3), np.zeros((3, 3)), np.diag([1.0, 1, 2]), SYMMETRIC):
        close(tg.grad(f)(a), 2 * a, 1e-12, 1e-14, elementwise=True)
        leaf = tg.tensor(a, requires_grad=True)
        f(leaf).backward()
        assert leaf.grad is not None
        close(leaf.grad.numpy(), 2 * a, 1e-12, 1e-14, elementwise=True)
        close(tg.hvp(f, a, v), v + v.T, 1e-12, 1e-13, elementwise=True)
        close(tg.jvp(f, (a,), (v,))[1], 2 * np.sum(a * v), 1e-12, 1e-13, elementwise=True)
        twice = tg.jvp(lambda a: tg.jvp(f, (a,), (v,))[1], (a,), (v,))[1]
        close(twice, np.sum((v + v.T) * v), 1e-12, elementwise=True)
        mapped = tg.vmap(lambda a, v: tg.hvp(f, a, v))(stacked(a), np.stack([v, 2 * v, v.T]))
        close(mapped, np.stack([v + v.T, 2 * (v + v.T), v + v.T]), 1e-12, 1e-13, elementwise=True)
        replayed(f, a, v)
    # Reverse over reverse needs distinct eigenvalues, and says so.
    close(tg.vjp(tg.grad(f), SYMMETRIC)[1](v)[0], v + v.T, 1e-12, 1e-13, elementwise=True)
    with pytest.raises(np.linalg.LinAlgError, match=r"coincide.*tg\.hvp"):
        tg.vjp(tg.grad(f), np.eye(3))[1](v)


def test_projectors_on_eigenvectors() -> None:
    """P = v vᵀ of the top eigenvector: dP = R T P + P T R with the reduced resolvent R."""
    w, q = np.linalg.eigh(SYMMETRIC)
    p = np.outer(q[:, 2], q[:, 2])
    resolvent = sum(np.outer(q[:, i], q[:, i]) / (w[2] - w[i]) for i in range(2))
    weights = DIRECTION.T

    def f(a: Any) -> Any:
        top = np.linalg.eigh(a).eigenvectors[:, 2:]
        return (weights * (top @ top.T)).sum()

    slope = resolvent @ weights @ p + p @ weights @ resolvent
    slope = (slope + slope.T) / 2
    first(f, SYMMETRIC, slope, rtol=1e-11, atol=1e-13)
    eps = 1e-5
    bend = (tg.grad(f)(SYMMETRIC + eps * DIRECTION) - tg.grad(f)(SYMMETRIC - eps * DIRECTION)) / (
        2 * eps
    )
    close(tg.hvp(f, SYMMETRIC, DIRECTION), bend, 1e-7, 1e-8, elementwise=True)
    second(f, SYMMETRIC, tg.hvp(f, SYMMETRIC, np.ones((3, 3))), rtol=1e-10, atol=1e-12)
    replayed(f, SYMMETRIC, DIRECTION)


def test_eigenvectors_of_coinciding_eigenvalues_are_an_error() -> None:
    a = np.diag([1.0, 1.0, 2.0])
    for f in (
        lambda a: np.linalg.eigh(a).eigenvectors[0, 0],
        lambda a: (np.linalg.eigh(a)[1] * np.linalg.eigh(a)[0] @ np.linalg.eigh(a)[1].T)[0, 1],
    ):
        with pytest.raises(np.linalg.LinAlgError, match="coincide to rounding"):
            tg.jvp(f, (a,), (DIRECTION,))
    with pytest.raises(np.linalg.LinAlgError, match="coincide to rounding"):
        tg.vjp(lambda a: np.linalg.eigh(a).eigenvectors, a)[1](DIRECTION)
    top = lambda a: (np.linalg.eigh(a).eigenvectors[:, 2] ** 2)[0]
    close(tg.grad(top)(a), np.zeros((3, 3)), 1e-12, atol=1e-15, elementwise=True)


def test_singular_values_that_coincide_or_vanish() -> None:
    nuclear = lambda a: np.linalg.svdvals(a).sum()
    first(nuclear, np.eye(3), np.eye(3), atol=1e-14)
    close(
        tg.hvp(nuclear, np.eye(3), DIRECTION),
        (DIRECTION - DIRECTION.T) / 2,
        1e-12,
        1e-14,
        elementwise=True,
    )
    u, _, vh = np.linalg.svd(DIRECTION)
    first(nuclear, DIRECTION, u @ vh, rtol=1e-11, atol=1e-13)
    squares = lambda a: (np.linalg.svdvals(a) ** 2).sum()
    deficient = np.outer([1.0, 2, -1], [0.5, 1, 3])
    for a in (np.eye(3), deficient, np.zeros((3, 3)), deficient[:, :2]):
        v = DIRECTION[:, : a.shape[1]]
        close(tg.grad(squares)(a), 2 * a, 1e-12, 1e-13, elementwise=True)
        close(tg.hvp(squares, a, v), 2 * v, 1e-12, 1e-12, elementwise=True)
        replayed(squares, a, v)
    # A singular value of 0 is at a kink, like an absolute value: it adds 0.
    u, _, vh = np.linalg.svd(deficient)
    close(tg.grad(nuclear)(deficient), np.outer(u[:, 0], vh[0]), 1e-12, 1e-13, elementwise=True)
    close(tg.grad(nuclear)(np.zeros((1, 1))), [[0.0]], 1e-12, elementwise=True)


def test_symmetric_and_general_solvers() -> None:
    b = np.array([1.0, -2.0, 0.5])
    inverse = np.linalg.inv(SYMMETRIC)
    x = inverse @ b
    quadratic = lambda a: b @ np.linalg.solve(a, b)
    first(quadratic, SYMMETRIC, -np.outer(x, x), rtol=1e-11, atol=1e-13)
    log_det = lambda a: 2 * np.log(np.linalg.diagonal(np.linalg.cholesky(a))).sum()
    first(log_det, SYMMETRIC, inverse, rtol=1e-11, atol=1e-13)
    for v in (DIRECTION, DIRECTION + DIRECTION.T):
        sym = (v + v.T) / 2
        second(log_det, SYMMETRIC, -inverse @ sym @ inverse, v, 1e-10, 1e-12)
        general = lambda a: np.linalg.slogdet(a)[1]
        second(general, SYMMETRIC, -(inverse @ v @ inverse).T, v, 1e-10, 1e-12)
        bent = inverse @ v.T @ np.outer(x, x) + np.outer(x, x) @ v.T @ inverse
        second(quadratic, SYMMETRIC, bent, v, 1e-10, 1e-12)
        total = lambda a: np.linalg.inv(a).sum()
        ones = np.outer(inverse.sum(0), inverse.sum(0))
        bent = inverse @ v.T @ ones + ones @ v.T @ inverse
        second(total, SYMMETRIC, bent, v, 1e-10, 1e-12)
        for f in (log_det, general, quadratic, total):
            replayed(f, SYMMETRIC, v)
    batch = np.stack([SYMMETRIC, 2 * SYMMETRIC])
    want = np.stack([inverse, inverse / 2])
    close(tg.grad(lambda a: np.linalg.slogdet(a)[1].sum())(batch), want, 1e-11, elementwise=True)
