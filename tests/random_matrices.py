"""Products and linear algebra of random programs, of well-conditioned matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from random_operation import MATRIX, family

V3, V4, M34, M33, T34, T33 = (3,), (4,), (3, 4), (3, 3), (2, 3, 4), (2, 3, 3)
EYE = np.eye(3)
APART = np.diag([0.5, 2.0, 4.5])


def near_identity(l: Any, x: Any) -> Any:
    return EYE * 2.0 + 0.4 * l.np.tanh(x)


def positive(l: Any, x: Any) -> Any:
    y = l.np.tanh(x)
    return EYE + 0.4 * l.np.matmul(y, l.np.swapaxes(y, -1, -2))


def symmetric(l: Any, x: Any) -> Any:
    """With eigenvalues well apart."""
    y = 0.2 * l.np.tanh(x)
    return APART + y + l.np.swapaxes(y, -1, -2)


def column(l: Any, x: Any) -> Any:
    """A column of right-hand sides for each matrix."""
    return x[..., :, :1] + x[..., :, 1:]


PRODUCTS = [
    *family(((M33, T33), (M34, T34)), True, {
        "matmul": lambda l, k, a, b: l.np.matmul(a, b),
        "product with a transpose": lambda l, k, a, b: l.np.swapaxes(b, -1, -2) @ a,
        "einsum batched": lambda l, k, a, b: l.np.einsum("...ij,...jk->...ik", a, b),
        "matmul of a constant": lambda l, k, a, b: np.cos(np.arange(9.0)).reshape(3, 3) @ b,
    }),
    *family(((M34,), (V4,)), True, {
        "matrix times vector": lambda l, k, a, x: a @ x,
        "matvec": lambda l, k, a, x: l.np.matvec(a, x),
        "dot": lambda l, k, a, x: l.np.dot(a, x),
        "inner": lambda l, k, a, x: l.np.inner(x, a),
        "einsum of a vector": lambda l, k, a, x: l.np.einsum("ij,j->i", a, x),
        "tensordot": lambda l, k, a, x: l.np.tensordot(a, x, axes=1),
    }),
    *family(((M34,), (V3,)), True, {
        "vecmat": lambda l, k, a, x: l.np.vecmat(x, a),
        "quadratic form": lambda l, k, a, x: l.np.einsum("i,ij,kj,k->", x, a, a, x) / 6,
        "outer": lambda l, k, a, x: l.np.outer(x, a[0]),
        "kron": lambda l, k, a, x: l.np.kron(x, a[:, 1]),
        "cross": lambda l, k, a, x: l.np.cross(a.T, x),
        "gram matrix": lambda l, k, a, x: a @ a.T + x,
        "vander": lambda l, k, a, x: l.np.vander(x, 3),
    }),
    *family(((M34,), (M34,)), True, {
        "einsum of rows": lambda l, k, a, b: l.np.einsum("ij,ij->i", a, b),
        "einsum of three": lambda l, k, a, b: l.np.einsum("ij,kj,kl->il", a, b, b),
        "vdot": lambda l, k, a, b: l.np.vdot(a, b),
        "vecdot": lambda l, k, a, b: l.np.vecdot(a, b),
        "tensordot of matrices": lambda l, k, a, b: l.np.tensordot(a, b, axes=([1], [1])),
        "multi_dot": lambda l, k, a, b: l.np.linalg.multi_dot([a, b.T, a]),
    }),
    *family(((T34,), (T33,)), True, {
        "einsum of a stack": lambda l, k, a, b: l.np.einsum("bij,bkj->bik", l.np.swapaxes(a, 1, 2), b),
        "einsum diagonal": lambda l, k, a, b: l.np.einsum("bii,bij->bj", b, a),
        "tensordot of stacks": lambda l, k, a, b: l.np.tensordot(a, b, axes=([0, 1], [0, 2])),
    }),
]  # fmt: skip

ALGEBRA = family((MATRIX,), True, {
    "inv": lambda l, k, a: l.np.linalg.inv(near_identity(l, a)),
    "det": lambda l, k, a: l.np.linalg.det(near_identity(l, a)) / 8,
    "slogdet": lambda l, k, a: l.np.linalg.slogdet(near_identity(l, a))[1],
    "cholesky": lambda l, k, a: l.np.linalg.cholesky(positive(l, a)),
    "qr": lambda l, k, a: l.np.linalg.qr(near_identity(l, a))[k % 2],
    "eigvalsh": lambda l, k, a: l.np.linalg.eigvalsh(symmetric(l, a)) / 3,
    "eigh": lambda l, k, a: l.np.linalg.eigh(symmetric(l, a))[1] ** 2,
    "svdvals": lambda l, k, a: l.np.linalg.svd(
        APART + 0.2 * l.np.tanh(a), compute_uv=False
    ) / 3,
    "svd": lambda l, k, a: l.np.linalg.svd(APART + 0.2 * l.np.tanh(a))[(0, 2)[k % 2]] ** 2,
    "pinv": lambda l, k, a: l.np.linalg.pinv(near_identity(l, a)[..., :2]),
    "matrix_power": lambda l, k, a: l.np.linalg.matrix_power(
        near_identity(l, a) / 2, (2, 3, -1, -2, 0, 5)[k % 6]
    ),
    "expm": lambda l, k, a: l.linalg.expm(0.5 * l.np.tanh(a)),
    "nuclear norm": lambda l, k, a: l.matrix_norm(APART + 0.2 * l.np.tanh(a), "nuc") / 4,
    "spectral norm": lambda l, k, a: l.matrix_norm(APART + 0.2 * l.np.tanh(a), 2) / 4,
    "Frobenius norm": lambda l, k, a: l.matrix_norm(near_identity(l, a), "fro") / 3,
    "norm of columns": lambda l, k, a: l.matrix_norm(near_identity(l, a), (1, np.inf)[k % 2]) / 3,
    "cond": lambda l, k, a: l.np.linalg.cond(APART + 0.2 * l.np.tanh(a)) / 9,
})  # fmt: skip

SOLVED = family(((M33, T33), (M34, T34)), True, {
    "solve": lambda l, k, a, b: l.np.linalg.solve(near_identity(l, a), b),
    "solve for a vector": lambda l, k, a, b: l.np.linalg.solve(near_identity(l, a), column(l, b)),
    "solve_triangular": lambda l, k, a, b: l.triangular(near_identity(l, a), b, bool(k % 2))
    if len(a.shape) == len(b.shape) == 2 else l.np.linalg.solve(near_identity(l, a), b),
    "solve positive definite": lambda l, k, a, b: l.linalg.cho_solve(
        (l.linalg.cholesky(positive(l, a[..., :, :]), lower=True), True), b
    ) if len(a.shape) == len(b.shape) == 2 else l.np.linalg.solve(positive(l, a), b),
    "log-density of a Gaussian": lambda l, k, a, b: _log_density(l, a, b),
    "lstsq": lambda l, k, a, b: l.np.linalg.lstsq(
        near_identity(l, a)[..., :2] if len(a.shape) == 2 else near_identity(l, a)[0, :, :2],
        b if len(b.shape) == 2 else b[0],
    )[0],
})  # fmt: skip


def _log_density(l: Any, a: Any, b: Any) -> Any:
    """Of the columns, by the Cholesky factor of one covariance."""
    factor = l.np.linalg.cholesky(positive(l, a if len(a.shape) == 2 else a[0]))
    white = l.triangular(factor, b if len(b.shape) == 2 else b[1], True)
    return -0.5 * (white**2).sum(axis=0) - l.np.log(l.np.diagonal(factor)).sum()


OPERATIONS = PRODUCTS + ALGEBRA + SOLVED
