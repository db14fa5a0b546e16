"""Matrices without an inverse: pseudo-inverse, least squares, rank, condition number.

The pseudo-inverse jumps where the rank changes. Its derivative is that along changes which keep
the rank: dA⁺ = -A⁺ dA A⁺ + A⁺ A⁺ᴴ dAᴴ (I - A A⁺) + (I - A⁺ A) dAᴴ A⁺ᴴ A⁺ (Golub and Pereyra,
"The differentiation of pseudo-inverses and nonlinear least squares", 1973, equation 4.12).

Where ``rcond`` cuts off singular values that are not 0, C = A - A A⁺ A is left of A, and changes
mix its singular vectors with those that are kept. With Z the last term above, and E = A Aᴴ of what
is kept, X E - Cᴴ C X = Cᴴ (dA A⁺ + C Z) gives what is to be added to it; to the other, likewise.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...core.kinds import structured, zero
from ..elementwise.arithmetic import where
from ..elementwise.comparison import equal, greater, not_equal
from ..elementwise.complexes import adjoint, conjugated, squared_magnitude
from ..elementwise.identity import astype
from ..indexing.index import index
from ..reductions.norms import matrix_norm
from ..reductions.reduction import any, sum
from ..shape.axes import shape_of
from ..shape.broadcasting import reduce_sum, reshape
from ..shape.rearranging import matrix_transpose
from .products import matmul2, matmul_nt, matmul_tn
from .singular_values import SHAPES, distinct, singular_values, svdvals
from .solving import inv, matrices
from .sylvester import sylvester

_cases = [distinct(*shape) for shape in SHAPES]


def _default_rcond(x: Any) -> float:
    """A rounding for each row or column, whichever are more."""
    dtype = getattr(x, "dtype", np.dtype(float))
    eps = np.finfo(dtype if dtype.kind in "fc" else float).eps
    return float(max(shape_of(x)[-2:]) * eps)


def _mixed(r: Any, y: Any, x: Any, cut: Any) -> Any:
    """X of X E - Cᴴ C X = R, for the matrix C that was cut off, and E = A Aᴴ of what is kept.

    Where nothing is kept, E is any number that makes the equation regular: R is 0 there.
    """
    kept = matmul2(x, y)
    size = reduce_sum(squared_magnitude(x), axis=(-2, -1), keepdims=True)
    outside = 2 * where(equal(size, 0), 1, size) * (np.eye(shape_of(x)[-2], dtype=x.dtype) - kept)
    part = matmul2(kept, x)
    e = matmul_nt(part, conjugated(part)) + outside
    return sylvester(-matmul_tn(conjugated(cut), cut), e, r)


def _mixed_jvp(t: Any, y: Any, x: Any) -> Any:
    cut = x - matmul2(x, matmul2(y, x))
    last = matmul2(adjoint(t), matmul_tn(conjugated(y), y))
    return _mixed(matmul2(adjoint(cut), matmul2(t, y) + matmul2(cut, last)), y, x, cut)


def _mixed_vjp(g: Any, y: Any, x: Any) -> Any:
    cut = x - matmul2(x, matmul2(y, x))
    v = matmul2(cut, _mixed(g, y, x, cut))
    back = matmul2(matmul_tn(conjugated(y), y), matmul2(adjoint(v), cut))
    return matmul_nt(v, conjugated(y)) + back


def _may_cut(x: Any, rcond: float) -> bool:
    """Whether more than rounding may be cut off."""
    return rcond > _default_rcond(x)


def _pinv_jvp(t: Any, y: Any, x: Any, rcond: float) -> Any:
    residual = adjoint(t - matmul2(x, matmul2(y, t)))
    outside = adjoint(t - matmul2(matmul2(t, y), x))
    rise = matmul2(matmul_nt(y, conjugated(y)), residual) + matmul2(
        outside, matmul_tn(conjugated(y), y)
    )
    slope = rise - matmul2(matmul2(y, t), y)
    if not _may_cut(x, rcond):
        return slope
    other = _mixed_jvp(adjoint(t), adjoint(y), adjoint(x))
    return slope + _mixed_jvp(t, y, x) + adjoint(other)


def _pinv_vjp(g: Any, y: Any, x: Any, rcond: float) -> Any:
    gt = matrix_transpose(g)  # of the gradient conj(g), the conjugate transpose
    left, right = matmul2(gt, matmul_nt(y, conjugated(y))), matmul2(matmul_tn(conjugated(y), y), gt)
    rise = left - matmul2(x, matmul2(y, left)) + right - matmul2(matmul2(right, y), x)
    slope = conjugated(rise) - matmul_nt(matmul_tn(y, g), y)
    if not _may_cut(x, rcond):
        return slope
    w = conjugated(g)
    other = _mixed_vjp(adjoint(w), adjoint(y), adjoint(x))
    return slope + conjugated(_mixed_vjp(w, y, x) + adjoint(other))


pseudo_inverse: Any = structured(
    "pinv",
    lambda x, *, rcond: np.linalg.pinv(x, rcond),
    jvp=_pinv_jvp,
    vjp=_pinv_vjp,
    on_complex=True,
    signature="(m,n)->(n,m)",
    flops=lambda y, x, **params: 20 * int(np.size(x)) * min(np.shape(x)[-2:]),
    cases=[lambda rng, case=case: (case(rng)[0], {"rcond": 1e-5}) for case in _cases],
)


def pinv(a: Any, rcond: float | None = None, hermitian: bool = False, rtol: Any = None) -> Any:
    """The Moore-Penrose pseudo-inverse: shape (..., m, n) to (..., n, m).

    Parameters
    ----------
    a : array_like, shape (..., m, n)
    rcond, rtol : float, optional
        Singular values up to this fraction of the largest count as 0. By default ``max(m, n)``
        roundings.
    hermitian : bool
        For NumPy's sake: the general method is used.

    Notes
    -----
    At a matrix of deficient rank the derivative is that along changes which keep the rank; along
    others the pseudo-inverse is not continuous. Where ``rcond`` cuts off singular values, it is
    that of the pseudo-inverse of what is kept.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: np.linalg.pinv(a).sum())(np.array([[2.0], [0.0]]))
    array([[-0.25],
           [ 0.25]])
    """
    matrices(a, "pinv", square=False)
    given = rtol if rcond is None else rcond
    return pseudo_inverse(a, rcond=_default_rcond(a) if given is None else float(given))


# ---- rank and least squares -------------------------------------------------------------

rank_above = zero(
    "rank_above",
    lambda s, *, rtol: np.count_nonzero(
        s > rtol * np.max(s, axis=-1, keepdims=True, initial=0), axis=-1
    ),
    along=True,
    signature="(n)->()",
    cases=[([(3,)], {"rtol": 0.1}), ([(2, 3)], {"rtol": 0.1}), ([(0,)], {"rtol": 0.1})],
    doc="How many numbers along the last axis exceed this fraction of the largest.",
)


class LstsqResult(NamedTuple):
    """The solution, the sums of squared residuals, the rank, and the singular values."""

    x: Any
    residuals: Any
    rank: Any
    s: Any


def lstsq(a: Any, b: Any, rcond: float | None = None) -> LstsqResult:
    """The least squares solution of A x = b that has the least length.

    Parameters
    ----------
    a : array_like, shape (m, n)
    b : array_like, shape (m,) or (m, k)
    rcond : float, optional
        Singular values up to this fraction of the largest count as 0. By default ``max(m, n)``
        roundings.

    Returns
    -------
    LstsqResult
        ``x`` (n,) or (n, k); ``residuals`` (1,) or (k,), empty for m <= n and, of arrays, where the
        rank is below n (of tensors they are always there, since their shape must not depend on
        values); ``rank``, an integer; ``s``, the singular values. The derivative of ``x`` is that
        along changes of A which keep its rank.

    Raises
    ------
    numpy.linalg.LinAlgError
        When ``a`` is no matrix, or ``b`` has another number of rows.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> a, b = np.array([[1.0], [1.0]]), np.array([1.0, 3.0])
    >>> tg.grad(lambda b: np.linalg.lstsq(a, b)[0][0])(b).round(12)
    array([0.5, 0.5])
    """
    m, n = matrices(a, "lstsq", square=False)[-2:]
    have = shape_of(b)
    if len(shape_of(a)) != 2 or len(have) not in (1, 2) or have[0] != m:
        raise np.linalg.LinAlgError(
            f"lstsq({shape_of(a)}, {have}): needs one matrix, and a right-hand side of {m} rows"
        )
    limit = _default_rcond(a) if rcond is None else float(rcond)
    if not 0 <= limit < 1:  # as LAPACK takes it: one rounding
        limit = _default_rcond(a) / max(m, n, 1)
    columns = b if len(have) == 2 else reshape(b, shape=(m, 1))
    x = matmul2(pseudo_inverse(a, rcond=limit), columns)
    rank = astype(rank_above(singular_values(a), rtol=limit), np.intc)
    off = squared_magnitude(columns - matmul2(a, x))
    residuals = reduce_sum(off, axis=(-2,), keepdims=False)
    if m <= n:
        residuals = index(residuals, slice(0, 0))
    elif isinstance(rank, (int, np.integer)) and rank < n:
        residuals = residuals[:0]
    if len(have) == 1:
        x = reshape(x, shape=(n,))
    return LstsqResult(x, residuals, rank, singular_values(a))


def matrix_rank(a: Any, tol: Any = None, hermitian: bool = False, rtol: Any = None) -> Any:
    """How many singular values are not zero; its derivative is zero.

    Parameters
    ----------
    a : array_like, shape (..., m, n), or (n,)
        Of a vector the rank is 1, or 0 where all of it is 0.
    tol : float, optional
        Count singular values above this number.
    rtol : float, optional
        Count those above this fraction of the largest. By default ``max(m, n)`` roundings.
    hermitian : bool
        For NumPy's sake: the general method is used.
    """
    if tol is not None and rtol is not None:
        raise ValueError("matrix_rank: give tol or rtol, not both")
    if len(shape_of(a)) < 2:
        return astype(any(not_equal(a, 0)), int)
    s = svdvals(a)
    if tol is not None:
        return sum(astype(greater(s, reshape(tol, shape=(*shape_of(tol), 1))), int), -1)
    return rank_above(s, rtol=_default_rcond(a) if rtol is None else float(rtol))


def cond(a: Any, p: Any = None) -> Any:
    """The condition number: the norm of a matrix times that of its inverse.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
        Square, unless p is None, 2 or -2.
    p : {None, 1, -1, 2, -2, inf, -inf, 'fro', 'nuc'}
        Which norm; None and 2 give the ratio of the largest singular value to the smallest, -2
        its inverse.

    Returns
    -------
    shape (...)
        Of a singular matrix inf for p None or 2; for other norms inverting it raises
        ``numpy.linalg.LinAlgError``.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(np.linalg.cond)(np.diag([4.0, 2.0]))
    array([[ 0.5,  0. ],
           [ 0. , -1. ]])
    """
    if p in (None, 2, -2):
        s = svdvals(a)
        largest, smallest = index(s, (Ellipsis, 0)), index(s, (Ellipsis, -1))
        return smallest / largest if p == -2 else largest / smallest
    return matrix_norm(a, ord=p) * matrix_norm(inv(a), ord=p)
