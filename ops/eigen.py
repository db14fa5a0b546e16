"""Eigenvalues and eigenvectors of general square matrices, where they are real.

    A V = V diag(w)  ->  dw = diag(M), dV = V (F ∘ M) with M = V⁻¹ dA V, F_ij = 1 / (w_j - w_i)

Giles (2008), section 3.1; the columns of V keep length 1, as LAPACK's have.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import NonDifferentiableError
from ..primitive import structured
from ..tensors import Tensor
from .broadcasting import reduce_sum
from .products import matmul2, matmul_nt, matmul_tn
from .shape import matrix_transpose
from .solving import matrices, solve_columns
from .spectral import pack, unpack
from .ties import groups, reciprocal_gaps, untied
from .triangles import on_diagonal, take_diagonal


def _packed(x: Any) -> Any:
    w, v = np.linalg.eig(x)
    if w.dtype.kind == "c":
        if w.imag.any():
            raise NonDifferentiableError(
                "the matrix has complex eigenvalues, whose derivatives are not supported. Of a "
                "symmetric matrix use eigh or eigvalsh; for the values alone pass x.numpy()."
            )
        w, v = w.real, v.real
    return np.concatenate([w[..., None, :], v], axis=-2)


def _along(x: Any, v: Any) -> Any:
    """x without what would change the length of the columns of v."""
    return x - v * reduce_sum(x * v, axis=(-2,), keepdims=True)


def _eig_jvp(t: Any, y: Any, x: Any) -> Any:
    w, v = unpack(y)
    m = solve_columns(v, matmul2(t, v))
    turn = matmul2(v, reciprocal_gaps(w) * untied(m, groups(w), ascending=False))
    return pack(take_diagonal(m, k=0), _along(turn, v))


def _eig_vjp(g: Any, y: Any, x: Any) -> Any:
    (w, v), (gw, gv) = unpack(y), unpack(g)
    turn = untied(matmul_tn(v, _along(gv, v)), groups(w), ascending=False)
    inner = on_diagonal(gw) + reciprocal_gaps(w) * turn
    return solve_columns(matrix_transpose(v), matmul_nt(inner, v))


def _distinct(*lead: int) -> Any:
    """A test case: V diag(1, 2, ...) V⁻¹, with V far from singular and no two alike."""

    def case(rng: Any, lead: Any = lead) -> Any:
        n = lead[-1]
        v = rng.uniform(-0.4, 0.4, (*lead, n)) + np.eye(n)
        w = np.arange(n) + rng.uniform(0.8, 1.2, lead)
        return ((v * w[..., None, :]) @ np.linalg.inv(v),), {}

    return case


packed_eig: Any = structured(
    "eig",
    _packed,
    jvp=_eig_jvp,
    vjp=_eig_vjp,
    flops=lambda y, x: 25 * int(np.size(x)) * int(np.shape(x)[-1]),
    cases=[_distinct(*lead) for lead in ((3,), (2, 3), (1,), (0,), (0, 2))],
    doc="Real eigenvalues in LAPACK's order, and below them their eigenvectors as columns.",
)


class EigResult(NamedTuple):
    """Eigenvalues in no particular order, and the eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


def eig(a: Any) -> EigResult:
    """Eigenvalues and eigenvectors of square matrices, differentiable where they are real.

    Parameters
    ----------
    a : array_like, shape (..., n, n)

    Returns
    -------
    EigResult
        ``eigenvalues`` (..., n) and ``eigenvectors`` (..., n, n), as columns of length 1 with
        LAPACK's signs. Of plain arrays they may be complex, as NumPy's.

    Raises
    ------
    NonDifferentiableError
        When a tensor has complex eigenvalues.
    numpy.linalg.LinAlgError
        When a derivative depends on the choice of eigenvectors of a repeated eigenvalue, or the
        eigenvectors do not span the space.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: np.linalg.eig(a).eigenvalues.max())(np.array([[2.0, 1.0], [0.0, 1.0]]))
    array([[1., 0.],
           [1., 0.]])
    """
    matrices(a, "eig")
    if not isinstance(a, Tensor):
        return EigResult(*np.linalg.eig(a))
    return EigResult(*unpack(packed_eig(a)))


def eigvals(a: Any) -> Any:
    """Eigenvalues of square matrices, differentiable where they are real; see :func:`eig`."""
    matrices(a, "eigvals")
    if not isinstance(a, Tensor):
        return np.linalg.eigvals(a)
    return eig(a).eigenvalues
