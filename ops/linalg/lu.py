"""LU factorization with row pivoting: P A = L U, where P holds still under small changes of A.

    lu_permutation : A  -> rows           the order in which pivoting takes the rows
    lu_packed      : PA -> L + U - I      of rows in that order already

With F = L⁻¹ d(PA) U⁻¹, dL = L tril(F, -1) and dU = triu(F) U; backward, the cotangent of PA is
L⁻ᵀ (tril(Lᵀ L̄, -1) + triu(Ū Uᵀ)) U⁻ᵀ (de Hoog, Anderssen and Lukas, "Differentiation of matrix
functionals using triangular factorization", 2011).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.kinds import structured, zero
from ...core.tensor import tensor_or_array
from ..indexing.index import index, take_along_axis
from ..indexing.sorting import argsort
from ..shape.axes import shape_of
from ..shape.rearranging import concatenate_along, expand_dims, matrix_transpose
from ..shape.triangles import tril, triu
from .products import matmul2, matmul_nt, matmul_tn
from .solving import matrices, solve_triangular, triangular_columns


def _factored(x: Any) -> tuple[Any, Any]:
    from scipy.linalg import get_lapack_funcs  # imported where it is needed: it is slow to load

    (getrf,) = get_lapack_funcs(("getrf",), (x,))
    packed, pivots, _ = getrf(x)  # a zero pivot is no error here: it is one in what divides by it
    return packed, pivots


def _over_stacks(one: Any, x: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    x = np.asarray(x)
    out = np.zeros(x.shape[:-2] + shape, dtype)
    for i in np.ndindex(x.shape[:-2]):
        if x[i].size:
            out[i] = one(x[i])
    return out


def _pivots(x: Any) -> Any:
    return _over_stacks(lambda a: _factored(a)[1], x, (min(np.shape(x)[-2:]),), np.int64)


def _rows(x: Any) -> Any:
    m = np.shape(x)[-2]

    def one(a: Any) -> Any:
        rows = np.arange(m)
        for i, j in enumerate(_factored(a)[1]):
            rows[[i, j]] = rows[[j, i]]
        return rows

    return np.arange(m) + _over_stacks(lambda a: one(a) - np.arange(m), x, (m,), np.int64)


def _packed(x: Any) -> Any:
    x = np.asarray(x)
    return _over_stacks(lambda a: _factored(a)[0], x, x.shape[-2:], x.dtype)


def _regular(*shape: int) -> Any:
    """Rows that pivoting leaves where they are."""

    def case(rng: Any) -> Any:
        return (rng.uniform(-1, 1, shape) / 4 + np.eye(shape[-1]),), {}

    return case


def _mixed(*shape: int) -> Any:
    def case(rng: Any) -> Any:
        (a,), _ = _regular(*shape)(rng)
        return (a[..., ::-1, :].copy(),), {}

    return case


lu_pivots: Any = zero(
    "lu_pivots",
    _pivots,
    along=True,
    signature="(m,n)->(k)",
    cases=[_mixed(3, 3), _mixed(2, 3, 3)],
    doc="The row that LAPACK swaps each row with.",
)
lu_permutation: Any = zero(
    "lu_permutation",
    _rows,
    along=True,
    signature="(m,n)->(m)",
    cases=[_mixed(3, 3), _mixed(2, 3, 3)],
    doc="The rows in the order in which pivoting takes them.",
)


def _jvp(t: Any, y: Any, x: Any) -> Any:
    left = triangular_columns(y, t, lower=True, transposed=False, unit=True)
    middle = matrix_transpose(
        triangular_columns(y, matrix_transpose(left), lower=False, transposed=True, unit=False)
    )
    below = tril(middle, -1)
    moved = below + matmul2(tril(y, -1), below)  # L has a diagonal of ones
    return moved + matmul2(triu(middle), triu(y))


def _vjp(g: Any, y: Any, x: Any) -> Any:
    below = tril(g, -1)
    inner = tril(below + matmul_tn(tril(y, -1), below), -1)
    inner = inner + triu(matmul_nt(triu(g), triu(y)))
    left = triangular_columns(y, inner, lower=True, transposed=True, unit=True)
    return matrix_transpose(
        triangular_columns(y, matrix_transpose(left), lower=False, transposed=False, unit=False)
    )


lu_packed: Any = structured(
    "lu_packed",
    _packed,
    jvp=_jvp,
    vjp=_vjp,
    analytic=True,
    signature="(n,n)->(n,n)",
    flops=lambda y, x: 2 * int(np.size(x)) * int(np.shape(x)[-1]) // 3,
    cases=[_regular(3, 3), _regular(2, 3, 3), _regular(1, 1), _regular(0, 0)],
    doc="L + U - I of square matrices whose rows are in pivoting's order.",
)


def _factors(x: Any) -> tuple[Any, Any]:
    """L and U of (..., m, n) rows in pivoting's order: of the square part, and what that leaves."""
    m, n = shape_of(x)[-2:]
    k = min(m, n)
    packed = lu_packed(x[..., :k, :k])
    lower, upper = tril(packed, -1) + np.eye(k, dtype=packed.dtype), triu(packed)
    if m > k:
        rest = matrix_transpose(x[..., k:, :])
        below = matrix_transpose(
            triangular_columns(packed, rest, lower=False, transposed=True, unit=False)
        )
        lower = concatenate_along(lower, below, axis=-2)
    if n > k:
        right = triangular_columns(packed, x[..., :, k:], lower=True, transposed=False, unit=True)
        upper = concatenate_along(upper, right, axis=-1)
    return lower, upper


def _ordered(a: Any, who: str) -> tuple[Any, Any]:
    """The matrix with its rows in pivoting's order, and that order."""
    matrices(a, who, square=False)
    a = tensor_or_array(a)
    if a.dtype.kind not in "fc":
        a = a * 1.0
    rows = lu_permutation(a)
    return take_along_axis(a, expand_dims(rows, -1), -2), rows


def lu(a: Any, permute_l: bool = False, p_indices: bool = False) -> tuple[Any, ...]:
    """Factor A = P L U.

    Parameters
    ----------
    a : array_like, shape (..., m, n)
    permute_l : bool
        Return P L and U instead.
    p_indices : bool
        Return P as the indices p with A = L[p] U.

    Returns
    -------
    P : shape (..., m, m)
        A permutation, through which no derivative flows.
    L : shape (..., m, k), with k = min(m, n)
        Lower trapezoidal with a diagonal of ones.
    U : shape (..., k, n)
        Upper trapezoidal.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a derivative is taken where the leading square part of U is singular.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import lu
    >>> a = np.array([[1.0, 2.0], [4.0, 2.0]])
    >>> print(tg.grad(lambda a: lu(a)[2][1, 1])(a))
    [[-0.5    1.   ]
     [ 0.125 -0.25 ]]
    """
    x, rows = _ordered(a, "lu")
    lower, upper = _factors(x)
    positions = _inverse(rows)
    if permute_l:
        return take_along_axis(lower, expand_dims(positions, -1), -2), upper
    if p_indices:
        return positions, lower, upper
    return index(np.eye(shape_of(x)[-2], dtype=x.dtype), (positions,)), lower, upper


def _inverse(rows: Any) -> Any:
    return argsort(rows, -1)


def lu_factor(a: Any) -> tuple[Any, Any]:
    """L + U - I and the pivots of an LU factorization, for :func:`lu_solve`.

    Parameters
    ----------
    a : array_like, shape (..., m, n)

    Returns
    -------
    lu : shape (..., m, n)
    piv : shape (..., min(m, n))
        Row i was swapped with row ``piv[i]``.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import lu_factor, lu_solve
    >>> lu_solve(lu_factor(np.array([[0.0, 2.0], [4.0, 0.0]])), np.array([2.0, 4.0]))
    array([1., 1.])
    """
    x, _ = _ordered(a, "lu_factor")
    lower, upper = _factors(x)
    k = shape_of(upper)[-2]
    m, n = shape_of(x)[-2:]
    below = tril(lower, -1)
    if n > k:
        below = concatenate_along(below, np.zeros((*below.shape[:-1], n - k), x.dtype), axis=-1)
    if m > k:
        zeros = np.zeros((*upper.shape[:-2], m - k, n), x.dtype)
        upper = concatenate_along(upper, zeros, axis=-2)
    return below + upper, lu_pivots(a)


def _order_of(pivots: Any) -> Any:
    """The order of rows after swapping them one by one."""
    pivots = np.asarray(pivots)
    rows = np.broadcast_to(np.arange(pivots.shape[-1]), pivots.shape).copy()
    for at in np.ndindex(pivots.shape[:-1]):
        for i, j in enumerate(pivots[at]):
            rows[(*at, [i, j])] = rows[(*at, [j, i])]
    return rows


order_of_pivots: Any = zero(
    "order_of_pivots",
    _order_of,
    along=True,
    signature="(n)->(n)",
    cases=[
        lambda rng: ((np.array([2, 2, 2]),), {}),
        lambda rng: ((np.array([[1, 1], [0, 1]]),), {}),
    ],
    doc="The order of rows after they were swapped, one after the other.",
)


def lu_solve(lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0) -> Any:
    """Solve A x = b from what :func:`lu_factor` gives.

    Parameters
    ----------
    lu_and_piv : (lu, piv)
    b : array_like, shape (n,) or (..., n, k)
    trans : {0, 1, 2}
        Solve with A, Aᵀ or Aᴴ.

    Raises
    ------
    numpy.linalg.LinAlgError
        When U is singular, or not square.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import lu_factor, lu_solve
    >>> lu_solve(lu_factor(np.array([[1.0, 2.0], [0.0, 4.0]])), np.array([1.0, 4.0]), trans=1)
    array([1. , 0.5])
    """
    factors, pivots = lu_and_piv
    matrices(factors, "lu_solve")
    b = tensor_or_array(b)
    rows = order_of_pivots(pivots)
    if trans == 0:
        ordered = _take_rows(b, rows)
        half = solve_triangular(factors, ordered, lower=True, unit_diagonal=True)
        return solve_triangular(factors, half)
    if trans not in (1, 2):
        raise ValueError(f"lu_solve: trans={trans!r} is none of 0, 1, 2")
    how = {1: "T", 2: "C"}[trans]
    half = solve_triangular(factors, b, how)
    return _take_rows(
        solve_triangular(factors, half, how, lower=True, unit_diagonal=True), _inverse(rows)
    )


def _take_rows(b: Any, rows: Any) -> Any:
    if len(b.shape) == 1:
        return take_along_axis(b, rows, -1)
    return take_along_axis(b, expand_dims(rows, -1), -2)
