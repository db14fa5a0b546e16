"""Systems with a banded matrix, kept by its diagonals: ab[u + i - j, j] = A[i, j].

Besides the solution itself all that derivatives need are products within the bands, which are sums
of shifted arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._dispatch import as_floating
from ..elementwise.arithmetic import where
from ..elementwise.complexes import conjugated
from ..elementwise.identity import checked
from ..indexing.index import index
from ..shape.axes import shape_of
from ..shape.broadcasting import reduce_sum, reshape
from .factorizations import cholesky
from .solving import _two_operands, less


def _shifted(bands: tuple[int, int], n: int) -> tuple[Any, Any]:
    """The row i of each kept element, shape (l + u + 1, n), and whether there is such a row."""
    lower, upper = bands
    rows = np.arange(n) + np.arange(-upper, lower + 1)[:, None]
    inside = (rows >= 0) & (rows < n)
    return np.where(inside, rows, 0), inside


def _transposed(ab: Any, bands: tuple[int, int]) -> Any:
    """The transposed matrix, whose bands are (u, l)."""
    lower, upper = bands
    n = ab.shape[-1]
    columns, inside = _shifted((upper, lower), n)
    rows = lower + upper - np.arange(lower + upper + 1)[:, None]
    return where(inside, index(ab, (Ellipsis, rows, columns)), 0.0)


def _times(ab: Any, x: Any, bands: tuple[int, int]) -> Any:
    """A x, for columns x of shape (..., n, k)."""
    lower, upper = bands
    n = ab.shape[-1]
    columns, inside = _shifted((upper, lower), n)  # of the transpose: the columns of row i
    rows = lower + upper - np.arange(lower + upper + 1)[:, None]
    kept = where(inside, index(ab, (Ellipsis, rows, columns)), 0.0)
    gathered = index(x, (Ellipsis, columns, slice(None)))  # (..., bands, n, k)
    return reduce_sum(reshape(kept, shape=(*kept.shape, 1)) * gathered, axis=(-3,), keepdims=False)


def _outer(g: Any, x: Any, bands: tuple[int, int]) -> Any:
    """The bands of g xᵀ."""
    rows, inside = _shifted(bands, g.shape[-2])
    picked = index(g, (Ellipsis, rows, slice(None)))
    others = reshape(x, shape=(*x.shape[:-2], 1, *x.shape[-2:]))
    return where(inside, reduce_sum(picked * others, axis=(-1,), keepdims=False), 0.0)


def _solution(ab: Any, b: Any, *, bands: tuple[int, int]) -> Any:
    dtype = np.result_type(ab, b)
    lead = np.broadcast_shapes(ab.shape[:-2], b.shape[:-2])
    out = np.empty(lead + b.shape[-2:], dtype)
    if not out.size:
        return out
    from scipy.linalg import solve_banded  # imported where it is needed: it is slow to load

    ab, b = (np.broadcast_to(x, lead + x.shape[-2:]) for x in (ab, b))
    for i in np.ndindex(lead):
        out[i] = solve_banded(bands, ab[i], b[i], check_finite=False)
    return out


def _pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    (ab, _), (ta, tb) = args, tangents
    moved = None if ta is None else _times(ta, y, params["bands"])
    return banded(ab, less(tb, moved), **params)


def _pullback(g: Any, y: Any, args: Any, params: Any) -> Any:
    lower, upper = params["bands"]
    of_b = banded(_transposed(args[0], (lower, upper)), g, bands=(upper, lower))
    return [-_outer(of_b, y, (lower, upper)), of_b]


def _case(bands: tuple[int, int], n: int, *lead: int) -> Any:
    def case(rng: Any) -> Any:
        ab = rng.uniform(-1, 1, (*lead, sum(bands) + 1, n))
        ab[..., bands[1], :] += 4
        return (ab, rng.uniform(-1, 1, (*lead, n, 2))), {"bands": bands}

    return case


banded: Any = _two_operands(
    "solve_banded",
    _solution,
    _pushforward,
    _pullback,
    signature="(bands,n),(n,k)->(n,k)",
    flops=lambda y, ab, b, bands: 2 * int(np.size(ab)) * (bands[0] + 1) + 4 * int(np.size(y)),
    cases=[_case((1, 1), 4), _case((2, 0), 3), _case((1, 2), 4, 2), _case((0, 0), 2)],
    doc="x of A x = B, from the diagonals of A.",
)


def solve_banded(l_and_u: tuple[int, int], ab: Any, b: Any) -> Any:
    """Solve A x = b, where A has ``l`` diagonals below the main one and ``u`` above.

    Parameters
    ----------
    l_and_u : (int, int)
    ab : array_like, shape (..., l + u + 1, n)
        The diagonals: ``ab[u + i - j, j] = A[i, j]``. What lies outside of A is not read.
    b : array_like, shape (n,) or (..., n, k)

    Raises
    ------
    numpy.linalg.LinAlgError
        When A is singular.
    ValueError
        When shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import solve_banded
    >>> ab = np.array([[0.0, 1.0], [2.0, 2.0], [1.0, 0.0]])
    >>> solve_banded((1, 1), ab, np.array([3.0, 3.0]))
    array([1., 1.])
    """
    lower, upper = (int(n) for n in l_and_u)
    have, right = shape_of(ab), shape_of(b)
    fits = len(have) > 1 and have[-2] == lower + upper + 1 and len(right) > 0
    if min(lower, upper) < 0 or not fits or right[-2 if len(right) > 1 else 0] != have[-1]:
        raise ValueError(
            f"solve_banded: with (l, u) = {(lower, upper)}, ab of shape {have} and b of shape "
            f"{right} do not fit: they are to be (l + u + 1, n) and (n,) or (n, k)"
        )
    bands = (lower, upper)
    if len(right) > 1:
        return banded(ab, b, bands=bands)
    x = banded(ab, reshape(b, shape=(*right, 1)), bands=bands)
    return reshape(x, shape=shape_of(x)[:-1])


# ---- positive definite matrices, of which the diagonals on one side are kept ---------------------


def _both_sides(ab: Any, lower: bool) -> Any:
    """All diagonals of a Hermitian matrix, shape (..., 2 u + 1, n), from those on one side."""
    count, n = shape_of(ab)[-2:]
    offset = np.arange(1 - count, count)[:, None]  # i - j
    mirrored = offset < 0 if lower else offset > 0
    columns = np.arange(n) + np.where(mirrored, offset, 0)
    inside = (columns >= 0) & (columns < n) & (np.arange(n) + offset >= 0)
    inside &= np.arange(n) + offset < n
    rows = np.broadcast_to(abs(offset) if lower else count - 1 - abs(offset), columns.shape)
    kept = index(ab, (Ellipsis, rows, np.where(inside, columns, 0)))
    if kept.dtype.kind == "c":
        kept = where(mirrored, conjugated(kept), kept)
    return where(inside, kept, 0.0)


def _one_side(ab: Any, b_shape: Any, who: str) -> None:
    have = shape_of(ab)
    fits = len(have) > 1 and (
        b_shape is None or (b_shape and b_shape[-2 if len(b_shape) > 1 else 0] == have[-1])
    )
    if not fits:
        if b_shape is None:
            raise ValueError(f"{who}: ab must have the shape (u + 1, n), got {have}")
        raise ValueError(
            f"{who}: ab of shape {have} and b of shape {b_shape} do not fit: they are to be "
            "(u + 1, n) and (n,) or (n, k)"
        )


def _positive(lower: bool) -> Any:
    """A check that matrices are positive definite."""

    def check(ab: Any) -> None:
        from scipy.linalg import cholesky_banded as factor

        for i in np.ndindex(ab.shape[:-2]):
            factor(ab[i], lower=lower)

    return check


_CHECKS = {lower: _positive(lower) for lower in (False, True)}


def solveh_banded(ab: Any, b: Any, lower: bool = False) -> Any:
    """Solve A x = b, where A is symmetric (Hermitian), positive definite and banded.

    Parameters
    ----------
    ab : array_like, shape (..., u + 1, n)
        The diagonals on and above the main one, ``ab[u + i - j, j] = A[i, j]``; or, with
        ``lower``, those on and below it, ``ab[i - j, j] = A[i, j]``.
    b : array_like, shape (n,) or (..., n, k)
    lower : bool

    Raises
    ------
    numpy.linalg.LinAlgError
        When A is not positive definite.
    ValueError
        When shapes do not fit.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import solveh_banded
    >>> ab = np.array([[0.0, 1.0], [2.0, 2.0]])
    >>> solveh_banded(ab, np.array([3.0, 3.0]))
    array([1., 1.])
    >>> tg.grad(lambda ab: solveh_banded(ab, np.array([3.0, 3.0])).sum())(ab).round(12)
    array([[ 0.        , -0.66666667],
           [-0.33333333, -0.33333333]])
    """
    ab, b = as_floating(ab), as_floating(b)
    _one_side(ab, shape_of(b), "solveh_banded")
    width = shape_of(ab)[-2] - 1
    return solve_banded((width, width), _both_sides(checked(ab, _CHECKS[bool(lower)]), lower), b)


def cholesky_banded(ab: Any, lower: bool = False) -> Any:
    """The Cholesky factor of a symmetric (Hermitian), positive definite, banded matrix.

    Parameters
    ----------
    ab : array_like, shape (..., u + 1, n)
        As for :func:`solveh_banded`.
    lower : bool
        Whether the diagonals are those below the main one, of A and of its factor.

    Returns
    -------
    shape (..., u + 1, n)
        The diagonals of U in A = Uᴴ U, or with ``lower`` of L in A = L Lᴴ; ``ab`` outside of them.

    Notes
    -----
    It is differentiated as the factor of the dense matrix is, which takes n² numbers.

    Raises
    ------
    numpy.linalg.LinAlgError
        When A is not positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import cholesky_banded
    >>> cholesky_banded(np.array([[4.0, 5.0], [2.0, 0.0]]), lower=True)
    array([[2., 2.],
           [1., 0.]])
    """
    ab = as_floating(ab)
    _one_side(ab, None, "cholesky_banded")
    count, n = shape_of(ab)[-2:]
    i, j = np.indices((n, n))
    near = abs(i - j) < count
    rows = np.where(near, count - 1 + i - j, 0)
    dense = where(near, index(_both_sides(ab, lower), (Ellipsis, rows, j)), 0.0)
    factor = cholesky(dense)
    step = np.arange(count)[:, None] if lower else np.arange(1 - count, 1)[:, None]
    other = np.arange(n) + step
    inside = (other >= 0) & (other < n)
    other, own = np.where(inside, other, 0), np.broadcast_to(np.arange(n), other.shape)
    picked = index(factor, (Ellipsis, other, own) if lower else (Ellipsis, own, other))
    return where(inside, picked if lower else conjugated(picked), ab)
