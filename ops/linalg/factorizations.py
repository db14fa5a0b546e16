"""Factorizations without eigenvalues: Cholesky's and QR, and systems solved by the former."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...core.errors import NonDifferentiableError
from ...core.kinds import linear, plus, structured
from ...core.tensor import Tensor
from ..elementwise.complexes import adjoint, conjugated, imag, is_complex, real
from ..indexing.index import index
from ..shape.rearranging import concatenate_along, matrix_transpose
from ..shape.triangles import on_diagonal, symmetrize, take_diagonal, tril, triu
from .products import matmul2, matmul_nt, matmul_tn
from .solving import less, matrices, solve, solve_triangular, triangular_columns

# ---- Cholesky -----------------------------------------------------------------------------------


def _halved(x: Any) -> Any:
    """The lower triangle, its diagonal halved."""
    return (tril(x) + tril(x, -1)) * 0.5


def _cholesky_jvp(t: Any, y: Any, x: Any) -> Any:
    left = triangular_columns(y, symmetrize(t), lower=True, transposed=False, unit=False)
    both = triangular_columns(y, adjoint(left), lower=True, transposed=False, unit=False)
    return matmul2(y, _halved(both))


def _cholesky_vjp(g: Any, y: Any, x: Any) -> Any:
    middle = conjugated(_halved(matmul_tn(y, tril(g))))
    left = triangular_columns(conjugated(y), middle, lower=True, transposed=True, unit=False)
    both = triangular_columns(conjugated(y), adjoint(left), lower=True, transposed=True, unit=False)
    return conjugated(symmetrize(both))


def positive_definite(*lead: int) -> Callable[..., Any]:
    """A test case: random symmetric matrices far from singular."""

    def case(rng: Any, lead: Any = lead) -> Any:
        n = lead[-1]
        a = rng.uniform(-1, 1, (*lead, n))
        return (a @ a.swapaxes(-1, -2) + 1.5 * np.eye(n),), {}

    return case


lower_factor: Any = structured(
    "cholesky",
    lambda x: np.linalg.cholesky((x + np.swapaxes(x, -1, -2).conj()) / 2),
    jvp=_cholesky_jvp,
    vjp=_cholesky_vjp,
    on_complex=True,
    signature="(n,n)->(n,n)",
    blas=500_000,
    flops=lambda y, x: int(np.size(y)) * int(np.shape(x)[-1]) // 3,
    cases=[positive_definite(*lead) for lead in ((3,), (2, 3), (1,), (0,), (0, 2))],
    doc="L of A = L Lᴴ, for the Hermitian part A. Murray, arXiv:1602.07527, equations 8 and 10.",
)


def cholesky(a: Any, upper: bool = False) -> Any:
    """The Cholesky factor of symmetric positive definite matrices.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        Taken to be symmetric (Hermitian, if complex): that part of it is factored, so derivatives
        are symmetric too.
    upper : bool
        Return Lᴴ instead of L.

    Returns
    -------
    shape (..., n, n)
        L with A = L Lᴴ, lower triangular with a positive diagonal.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a matrix is not positive definite or not square.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: np.linalg.cholesky(a).sum())(4 * np.eye(2))
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    matrices(a, "cholesky")
    factor = lower_factor(a)
    return adjoint(factor) if upper else factor


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Any:
    """Solve A x = b from the Cholesky factor of A, as ``cho_factor`` gives it.

    Parameters
    ----------
    c_and_lower : (c, lower)
        A factor of shape (..., n, n), of which one triangle is read, and which one.
    b : array_like, shape (n,) or (..., n, k)

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import cho_solve
    >>> cho_solve((2 * np.eye(2), True), np.array([4.0, 8.0]))
    array([1., 2.])
    """
    c, lower = c_and_lower
    half = solve_triangular(c, b, "N" if lower else "C", lower)
    return solve_triangular(c, half, "C" if lower else "N", lower)


def solve_assuming(a: Any, b: Any, lower: bool = False, assume_a: str | None = None) -> Any:
    """SciPy's ``solve``: ``assume_a`` names a structure of A that is taken for granted.

    Parameters
    ----------
    a, b : array_like
        As for ``numpy.linalg.solve``.
    lower : bool
        Not read: a symmetric matrix is represented by both of its triangles.
    assume_a : {None, 'gen', 'sym', 'her', 'pos', 'upper triangular', 'lower triangular'}
        'sym', 'her' and 'pos' take the symmetric part of A ('her' and 'pos' the Hermitian part),
        so that the derivative is symmetric; 'pos' solves by Cholesky's factorization.

    Raises
    ------
    numpy.linalg.LinAlgError
        When A is singular, or under 'pos' not positive definite.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import solve
    >>> a, b = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([3.0, 0.0])
    >>> tg.grad(lambda a: solve(a, b, assume_a="pos")[0])(a).round(2)
    array([[-1.33,  0.67],
           [ 0.67, -0.33]])
    """
    if assume_a in (None, "gen", "general"):
        return solve(a, b)
    if assume_a in ("upper triangular", "lower triangular"):
        return solve_triangular(a, b, lower=assume_a.startswith("lower"))
    matrices(a, "solve")
    if assume_a in ("sym", "symmetric") and is_complex(a):
        return solve((a + matrix_transpose(a)) * 0.5, b)
    if assume_a in ("sym", "symmetric", "her", "hermitian"):
        return solve(symmetrize(a), b)
    if assume_a in ("pos", "positive definite"):
        return cho_solve((lower_factor(a), True), b)
    raise ValueError(
        f"solve: assume_a={assume_a!r} is none of 'gen', 'sym', 'her', 'pos', 'upper triangular', "
        "'lower triangular'"
    )


# ---- QR -----------------------------------------------------------------------------------------


class QRResult(NamedTuple):
    """An orthonormal Q and an upper triangular R, whose product is the matrix."""

    Q: Any
    R: Any


def _refuse_dependent(r: Any) -> Any:
    size = np.abs(np.diagonal(r, 0, -2, -1))
    tolerance = 16 * np.finfo(r.dtype).eps * size.max(-1, keepdims=True, initial=0)
    if (size <= tolerance).any():
        raise np.linalg.LinAlgError(
            "the columns are linearly dependent (R has a zero on its diagonal), where Q and R have "
            "no derivative. For least squares of deficient rank use lstsq or pinv."
        )
    return r.copy()  # a view would be made once for all replays, and so checked once


full_rank: Any = linear(
    "full_rank",
    _refuse_dependent,
    lambda g, y, r: g,
    on_complex=True,
    signature="(n,n)->(n,n)",
    cases=[lambda rng: ((np.triu(rng.uniform(0.5, 1, (3, 3))),), {})],
    doc="A triangular factor as it is; a LinAlgError where it is singular.",
)
full_rank.primitive.pushforward = lambda tangents, y, args, params: tangents[0]


def _times_inverse(x: Any, r: Any, transposed: bool) -> Any:
    """x R⁻¹, or x R⁻ᵀ (without a conjugate)."""
    turned = triangular_columns(
        full_rank(r), matrix_transpose(x), lower=False, transposed=not transposed, unit=False
    )
    return matrix_transpose(turned)


def _qr_jvp(t: Any, y: Any, x: Any) -> Any:
    q, r = y
    scaled = _times_inverse(t, r, transposed=False)
    inner = matmul_tn(conjugated(q), scaled)
    below = tril(inner, -1)
    turn = below - adjoint(below)
    if is_complex(inner):  # the diagonal of R stays real, as LAPACK's
        turn = turn + on_diagonal(1j * imag(take_diagonal(inner, k=0)))
    dq = scaled + matmul2(q, turn - inner)
    return dq, matmul2(inner - turn, r)


def _qr_vjp(g: Any, y: Any, x: Any) -> Any:
    (q, r), (gq, gr) = y, g
    # for complex numbers, the conjugate of what arrives is used throughout
    inner = less(
        None if gr is None else matmul_nt(r, triu(gr)), None if gq is None else matmul_tn(gq, q)
    )
    below = tril(inner, -1)
    mirrored = below + adjoint(below) + on_diagonal(real(take_diagonal(inner, k=0)))
    return _times_inverse(
        plus(gq, matmul2(conjugated(q), conjugated(mirrored))), r, transposed=True
    )


reduced_qr: Any = structured(
    "qr",
    lambda x: tuple(np.linalg.qr(x)),
    jvp=_qr_jvp,
    vjp=_qr_vjp,
    on_complex=True,
    signature="(m,n)->(m,n),(n,n)",
    flops=lambda y, x: 4 * int(np.size(x)) * int(np.shape(x)[-1]),
    cases=[
        lambda rng, shape=shape: (
            (rng.uniform(-1, 1, shape) + 2.5 * np.eye(*shape[-2:]),),
            {},
        )
        for shape in ((3, 3), (4, 2), (2, 3, 2), (1, 1), (3, 0), (0, 3, 2))
    ],
    doc="Q and R of matrices with at least as many rows as columns. Walter and Lehmann, "
    '"Algorithmic differentiation of linear algebra functions" (2010).',
)


def qr(a: Any, mode: str = "reduced") -> Any:
    """QR factorization: orthonormal columns Q and an upper triangular R with A = Q R.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
    mode : {'reduced', 'r', 'complete'}
        'r' returns R alone. 'complete' is differentiable where it equals 'reduced': for m <= n.

    Returns
    -------
    QRResult
        Q of shape (..., m, k) and R of shape (..., k, n), with k = min(m, n). Signs are LAPACK's.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a derivative is taken where the first k columns are linearly dependent.
    NonDifferentiableError
        For mode='complete' with m > n: the added columns of Q are not determined.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: np.linalg.qr(a).R[0, 0])(np.array([[3.0], [4.0]]))
    array([[-0.6],
           [-0.8]])
    """
    m, n = matrices(a, "qr", square=False)[-2:]
    if mode not in ("reduced", "r", "complete"):
        raise ValueError(f"qr: mode={mode!r} is none of 'reduced', 'r', 'complete'")
    if mode == "complete" and m > n:
        if isinstance(a, Tensor):
            raise NonDifferentiableError(
                f"qr: mode='complete' of {m} rows and {n} columns adds columns to Q that are not "
                "determined, so they have no derivative; use mode='reduced'"
            )
        return QRResult(*np.linalg.qr(a, mode="complete"))
    k = min(m, n)
    q, r = reduced_qr(index(a, (Ellipsis, slice(0, k))) if k < n else a)
    if k < n:
        r = concatenate_along(
            r, matmul_tn(conjugated(q), index(a, (Ellipsis, slice(k, n)))), axis=-1
        )
    return r if mode == "r" else QRResult(q, r)
