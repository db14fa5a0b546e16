"""Products and linear algebra of random programs, of well-conditioned matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from random_operation import MATRIX, family

V3, V4, M34, M33, T34, T33 = (3,), (4,), (3, 4), (3, 3), (2, 3, 4), (2, 3, 3)
EYE = np.eye(3)
APART = np.diag([0.5, 2.0, 4.5])


def near_identity(lib: Any, x: Any) -> Any:
    return EYE * 2.0 + 0.4 * lib.np.tanh(x)


def positive(lib: Any, x: Any) -> Any:
    y = lib.np.tanh(x)
    return EYE + 0.4 * lib.np.matmul(y, lib.np.swapaxes(y, -1, -2))


def symmetric(lib: Any, x: Any) -> Any:
    """With eigenvalues well apart."""
    y = 0.2 * lib.np.tanh(x)
    return APART + y + lib.np.swapaxes(y, -1, -2)


def column(lib: Any, x: Any) -> Any:
    """A column of right-hand sides for each matrix."""
    return x[..., :, :1] + x[..., :, 1:]


PRODUCTS = [
    *family(((M33, T33), (M34, T34)), True, {
        "matmul": lambda lib, k, a, b: lib.np.matmul(a, b),
        "product with a transpose": lambda lib, k, a, b: lib.np.swapaxes(b, -1, -2) @ a,
        "einsum batched": lambda lib, k, a, b: lib.np.einsum("...ij,...jk->...ik", a, b),
        "matmul of a constant": lambda lib, k, a, b: np.cos(np.arange(9.0)).reshape(3, 3) @ b,
    }),
    *family(((M34,), (V4,)), True, {
        "matrix times vector": lambda lib, k, a, x: a @ x,
        "matvec": lambda lib, k, a, x: lib.np.matvec(a, x),
        "dot": lambda lib, k, a, x: lib.np.dot(a, x),
        "inner": lambda lib, k, a, x: lib.np.inner(x, a),
        "einsum of a vector": lambda lib, k, a, x: lib.np.einsum("ij,j->i", a, x),
        "tensordot": lambda lib, k, a, x: lib.np.tensordot(a, x, axes=1),
    }),
    *family(((M34,), (V3,)), True, {
        "vecmat": lambda lib, k, a, x: lib.np.vecmat(x, a),
        "quadratic form": lambda lib, k, a, x: lib.np.einsum("i,ij,kj,k->", x, a, a, x) / 6,
        "outer": lambda lib, k, a, x: lib.np.outer(x, a[0]),
        "kron": lambda lib, k, a, x: lib.np.kron(x, a[:, 1]),
        "cross": lambda lib, k, a, x: lib.np.cross(a.T, x),
        "gram matrix": lambda lib, k, a, x: a @ a.T + x,
        "vander": lambda lib, k, a, x: lib.np.vander(x + 0.1, 3),  # JAX: NaN at 0
    }),
    *family(((M34,), (M34,)), True, {
        "einsum of rows": lambda lib, k, a, b: lib.np.einsum("ij,ij->i", a, b),
        "einsum of three": lambda lib, k, a, b: lib.np.einsum("ij,kj,kl->il", a, b, b),
        "vdot": lambda lib, k, a, b: lib.np.vdot(a, b),
        "vecdot": lambda lib, k, a, b: lib.np.vecdot(a, b),
        "tensordot of matrices": lambda lib, k, a, b: lib.np.tensordot(a, b, axes=([1], [1])),
        "multi_dot": lambda lib, k, a, b: lib.np.linalg.multi_dot([a, b.T, a]),
    }),
    *family(((T34,), (T33,)), True, {
        "einsum of a stack": lambda lib, k, a, b: lib.np.einsum("bij,bkj->bik", lib.np.swapaxes(a, 1, 2), b),
        "einsum diagonal": lambda lib, k, a, b: lib.np.einsum("bii,bij->bj", b, a),
        "tensordot of stacks": lambda lib, k, a, b: lib.np.tensordot(a, b, axes=([0, 1], [0, 2])),
    }),
]  # fmt: skip

ALGEBRA = family((MATRIX,), True, {
    "inv": lambda lib, k, a: lib.np.linalg.inv(near_identity(lib, a)),
    "det": lambda lib, k, a: lib.np.linalg.det(near_identity(lib, a)) / 8,
    "slogdet": lambda lib, k, a: lib.np.linalg.slogdet(near_identity(lib, a))[1],
    "cholesky": lambda lib, k, a: lib.np.linalg.cholesky(positive(lib, a)),
    "qr": lambda lib, k, a: lib.np.linalg.qr(near_identity(lib, a))[k % 2],
    "eigvalsh": lambda lib, k, a: lib.np.linalg.eigvalsh(symmetric(lib, a)) / 3,
    "eigh": lambda lib, k, a: lib.np.linalg.eigh(symmetric(lib, a))[1] ** 2,
    "svdvals": lambda lib, k, a: lib.np.linalg.svd(
        APART + 0.2 * lib.np.tanh(a), compute_uv=False
    ) / 3,
    "svd": lambda lib, k, a: lib.np.linalg.svd(APART + 0.2 * lib.np.tanh(a))[(0, 2)[k % 2]] ** 2,
    "pinv": lambda lib, k, a: lib.np.linalg.pinv(near_identity(lib, a)[..., :2]),
    "matrix_power": lambda lib, k, a: lib.np.linalg.matrix_power(
        near_identity(lib, a) / 2, (2, 3, -1, -2, 0, 5)[k % 6]
    ),
    "expm": lambda lib, k, a: lib.linalg.expm(0.5 * lib.np.tanh(a)),
    "nuclear norm": lambda lib, k, a: lib.matrix_norm(APART + 0.2 * lib.np.tanh(a), "nuc") / 4,
    "spectral norm": lambda lib, k, a: lib.matrix_norm(APART + 0.2 * lib.np.tanh(a), 2) / 4,
    "Frobenius norm": lambda lib, k, a: lib.matrix_norm(near_identity(lib, a), "fro") / 3,
    "norm of columns": lambda lib, k, a: lib.matrix_norm(near_identity(lib, a), (1, np.inf)[k % 2]) / 3,
    "cond": lambda lib, k, a: lib.np.linalg.cond(APART + 0.2 * lib.np.tanh(a)) / 9,
})  # fmt: skip

SOLVED = family(((M33, T33), (M34, T34)), True, {
    "solve": lambda lib, k, a, b: lib.np.linalg.solve(near_identity(lib, a), b),
    "solve for a vector": lambda lib, k, a, b: lib.np.linalg.solve(near_identity(lib, a), column(lib, b)),
    "solve_triangular": lambda lib, k, a, b: lib.triangular(near_identity(lib, a), b, bool(k % 2))
    if len(a.shape) == len(b.shape) == 2 else lib.np.linalg.solve(near_identity(lib, a), b),
    "solve positive definite": lambda lib, k, a, b: lib.linalg.cho_solve(
        (lib.linalg.cholesky(positive(lib, a[..., :, :]), lower=True), True), b
    ) if len(a.shape) == len(b.shape) == 2 else lib.np.linalg.solve(positive(lib, a), b),
    "log-density of a Gaussian": lambda lib, k, a, b: _log_density(lib, a, b),
    "lstsq": lambda lib, k, a, b: lib.np.linalg.lstsq(  # JAX: NaN at equal singular values
        (APART + 0.2 * lib.np.tanh(a))[..., :2] if len(a.shape) == 2
        else (APART + 0.2 * lib.np.tanh(a))[0, :, :2],
        b if len(b.shape) == 2 else b[0],
    )[0],
})  # fmt: skip


def _log_density(lib: Any, a: Any, b: Any) -> Any:
    """Of the columns, by the Cholesky factor of one covariance."""
    factor = lib.np.linalg.cholesky(positive(lib, a if len(a.shape) == 2 else a[0]))
    white = lib.triangular(factor, b if len(b.shape) == 2 else b[1], True)
    return -0.5 * (white**2).sum(axis=0) - lib.np.log(lib.np.diagonal(factor)).sum()


OPERATIONS = PRODUCTS + ALGEBRA + SOLVED
