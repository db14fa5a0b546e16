"""The polar decomposition A = U P of real matrices of full rank.

With A = U P, dA = U' P + U P'. The skew part of Uᵀ dA is Ω P with Ω = Uᵀ U' skew, so that
P Ω + Ω P = Uᵀ dA - dAᵀ U, a Sylvester equation which is solvable though singular values may be
equal; and U' = U Ω + (I - U Uᵀ) dA P⁻¹. P is Uᵀ A (Kenney and Laub, "Polar decomposition and
matrix sign function condition estimates", 1991).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.kinds import structured
from ..shape.axes import shape_of
from ..shape.rearranging import matrix_transpose
from ..shape.triangles import symmetrize
from .products import matmul2, matmul_nt, matmul_tn
from .solving import matrices, solve
from .sylvester import sylvester


def _unitary(x: Any) -> Any:
    x = np.asarray(x)
    if not x.size:
        return x.copy()
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return u @ vh


def _turning(p: Any, x: Any) -> Any:
    """Ω of P Ω + Ω P = X - Xᵀ."""
    return sylvester(p, p, x - matrix_transpose(x))


def _orthogonal_to_columns(x: Any, u: Any) -> Any:
    """What is orthogonal to the columns of U."""
    return x - matmul2(u, matmul_tn(u, x))


def _jvp(t: Any, y: Any, x: Any) -> Any:
    p = symmetrize(matmul_tn(y, x))
    out = matmul2(y, _turning(p, matmul_tn(y, t)))
    if x.shape[-2] == x.shape[-1]:
        return out
    return out + matrix_transpose(solve(p, matrix_transpose(_orthogonal_to_columns(t, y))))


def _vjp(g: Any, y: Any, x: Any) -> Any:
    p = symmetrize(matmul_tn(y, x))
    out = matmul2(y, _turning(p, matmul_tn(y, g)))
    if x.shape[-2] == x.shape[-1]:
        return out
    return out + _orthogonal_to_columns(matrix_transpose(solve(p, matrix_transpose(g))), y)


def _full_rank(*shape: int) -> Any:
    def case(rng: Any) -> Any:
        return (rng.uniform(-1, 1, shape) / 3 + np.eye(shape[-2], shape[-1]),), {}

    return case


tall_unitary: Any = structured(
    "polar_unitary",
    _unitary,
    jvp=_jvp,
    vjp=_vjp,
    signature="(m,n)->(m,n)",
    flops=lambda y, x: 20 * int(np.size(x)) * int(np.shape(x)[-1]),
    cases=[_full_rank(3, 3), _full_rank(2, 3, 3), _full_rank(4, 2), _full_rank(1, 1)],
    doc="U of A = U P, for matrices with no more columns than rows.",
)


def polar(a: Any, side: str = "right") -> tuple[Any, Any]:
    """The polar decomposition A = U P, or A = P U with ``side="left"``.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
        Real. Derivatives need full rank, but singular values may be equal.
    side : {"right", "left"}

    Returns
    -------
    u : shape (..., m, n)
        With orthonormal columns, or rows if there are more columns than rows.
    p : shape (..., n, n) or (..., m, m)
        Symmetric and positive semidefinite.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a derivative is taken at a matrix without full rank, or ``a`` is no matrix.
    ValueError
        For another ``side``.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import polar
    >>> u, p = polar(np.array([[0.0, -2.0], [3.0, 0.0]]))
    >>> print(abs(u).round(12))
    [[0. 1.]
     [1. 0.]]
    >>> print(abs(p).round(12))
    [[3. 0.]
     [0. 2.]]
    """
    matrices(a, "polar", square=False)
    if side not in ("right", "left"):
        raise ValueError(f'polar: side={side!r} is neither "right" nor "left"')
    m, n = shape_of(a)[-2:]
    u = tall_unitary(a) if m >= n else matrix_transpose(tall_unitary(matrix_transpose(a)))
    return u, symmetrize(matmul_tn(u, a) if side == "right" else matmul_nt(a, u))
