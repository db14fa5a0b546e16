"""Eigenpairs by SciPy's ARPACK, as a check of our own iteration."""

from __future__ import annotations

import inspect

import numpy as np
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from ..estimates.operands import Array, Counted
from ..estimates.probes import gaussians

SHIFTS = {"LA": 2.0, "SA": -2.0, "LM": 0.0, "BE": 2.0}


def arpack_vectors(
    A: Counted,
    k: int,
    which: str,
    scale: float,
    tol: float,
    start: Array | None,
    limit: int,
    seed: int,
) -> Array:
    """Vectors of up to k eigenpairs, shape (P, at most k), by implicitly restarted Lanczos.

    ARPACK stops at ``tol * |θ|``, but never below a floor that is absolute; so the operator is
    scaled by the root mean square of its eigenvalues, and, where the order allows, shifted so that
    the wanted end is never near zero (a Hessian's smallest eigenvalue often is).

    References
    ----------
    Lehoucq, Sorensen and Yang (1998), ARPACK Users' Guide.
    """
    if k == 1 and which == "BE":
        which = "LA"
    z = gaussians(A.size, range(1), seed, A.dtype)[:, 0]
    if scale == 0:
        return np.eye(A.size, k, dtype=A.dtype)
    shift = A.dtype.type(SHIFTS[which])

    def product(x: Array) -> Array:
        x = x.astype(A.dtype, copy=False).reshape(-1)
        return A.matvec(x) / scale + shift * x

    size = ncv(k, A.size)
    # Without a generator of our own, ARPACK draws from the global one when a space ends early.
    seeded = {"rng": np.random.default_rng(seed)} if _takes_rng() else {}
    try:
        _, vectors = eigsh(
            LinearOperator((A.size, A.size), matvec=product, dtype=A.dtype),
            k=k,
            which=which,
            v0=z if start is None else start.sum(axis=1) + 1e-3 * z,
            ncv=size,
            tol=tol / 3,  # θ = λ/s ± 2, so |θ| is at most 3 max(|λ|/s, 1)
            maxiter=max(1, (limit - A.matvecs - k - size) // (size - k)),
            **seeded,
        )
    except ArpackNoConvergence as stopped:
        vectors = stopped.eigenvectors
    except ArpackError:  # the recurrence broke down, and nothing came of it
        vectors = np.zeros((A.size, 0))
    return np.linalg.qr(np.asarray(vectors, A.dtype))[0]


def ncv(k: int, size: int) -> int:
    """Lanczos vectors that ARPACK keeps for k pairs, and products until it first looks at them."""
    return min(max(2 * k + 1, 20), size)


def _takes_rng() -> bool:
    return "rng" in inspect.signature(eigsh).parameters
