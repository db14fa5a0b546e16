"""Linear systems: solve, triangular solve, inverse, and what is made of them.

    solve : A x = b  ->  dx = A⁻¹ (db - dA x),   b̄ = A⁻ᵀ x̄,   Ā = -b̄ xᵀ

Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), section 2.2. A singular matrix raises ``numpy.linalg.LinAlgError``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.kinds import structured
from ...core.primitive import Primitive
from ..elementwise.complexes import conjugated
from ..shape.axes import shape_of
from ..shape.broadcasting import reshape
from ..shape.rearranging import matrix_transpose, moveaxis
from ..shape.triangles import tril, triu
from .products import matmul2, matmul_nt, matmul_tn


def matrices(x: Any, who: str, square: bool = True) -> tuple[int, ...]:
    """The shape of a stack of matrices; a LinAlgError that names the operation if it is none."""
    shape = shape_of(x)
    if len(shape) < 2:
        raise np.linalg.LinAlgError(f"{who}: needs a matrix, got shape {shape}")
    if square and shape[-1] != shape[-2]:
        raise np.linalg.LinAlgError(f"{who}: needs square matrices, got shape {shape}")
    return shape


def well_conditioned(*lead: int, columns: tuple[int, ...] = ()) -> Callable[..., Any]:
    """A test case: random square matrices far from singular, and right-hand sides."""

    def case(rng: Any, lead: Any = lead, columns: Any = columns) -> Any:
        n = lead[-1]
        a = rng.uniform(-1, 1, (*lead, n)) + 2.5 * np.eye(n)
        if not columns:
            return (a,), {}
        return (a, rng.uniform(-1, 1, columns)), {}

    return case


def _two_operands(
    name: str, fn: Any, pushforward: Any, pullback: Any, **row: Any
) -> Callable[..., Any]:
    """A structured primitive whose operands are stacks that broadcast against each other."""
    prim = Primitive(
        name,
        "structured",
        fn,
        vjps=None,
        pushforward=pushforward,
        pullback=pullback,
        analytic=True,
        **row,
    )
    return prim.call


def side_by_side(solve: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """Solve for a stack of right-hand sides as for one of many columns: ``a`` is factorised once.

    Columns lie one after the other in memory, as LAPACK wants them.
    """
    *stack, n, k = b.shape
    columns = np.ascontiguousarray(np.swapaxes(b, -1, -2)).reshape(-1, n).T
    return np.swapaxes(solve(a, columns).T.reshape(*stack, k, n), -1, -2)


def less(a: Any, b: Any) -> Any:
    """a - b, None standing for zero."""
    return a if b is None else -b if a is None else a - b


# ---- general systems ----------------------------------------------------------------------------


def _solve(a: Any, b: Any) -> Any:
    if np.ndim(a) == 2 < np.ndim(b) and np.size(a) and np.size(b):
        return side_by_side(np.linalg.solve, a, b)
    return np.linalg.solve(a, b)


def _solve_pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    ta, tb = tangents
    return solve_columns(args[0], less(tb, None if ta is None else matmul2(ta, y)))


def _solve_pullback(g: Any, y: Any, args: Any, params: Any) -> Any:
    gb = solve_columns(matrix_transpose(args[0]), g)
    return [-matmul_nt(gb, y), gb]


def _cube(y: Any, a: Any, *rest: Any, **params: Any) -> int:
    n = int(np.shape(a)[-1])
    return 2 * n * n * n // 3 * max(int(np.size(a)) // max(n * n, 1), 1) + 2 * n * int(np.size(y))


solve_columns: Any = _two_operands(
    "solve",
    _solve,
    _solve_pushforward,
    _solve_pullback,
    signature="(n,n),(n,k)->(n,k)",
    blas=500_000,
    flops=_cube,
    cases=[
        well_conditioned(3, columns=(3, 2)),
        well_conditioned(2, 3, columns=(3, 1)),
        well_conditioned(3, columns=(2, 3, 2)),
        well_conditioned(1, columns=(1, 1)),
        well_conditioned(0, columns=(0, 2)),
        well_conditioned(0, 2, columns=(0, 2, 1)),
    ],
    doc="x of A x = B, for stacks of matrices A and B that broadcast.",
)


def _with_columns(a: Any, b: Any, who: str, solve: Callable[..., Any]) -> Any:
    """Solve for a vector b as a matrix of one column; other shapes as stacks of matrices."""
    n, have = matrices(a, who)[-1], shape_of(b)
    if not have:
        raise ValueError(f"{who}: the right-hand side is a scalar; give a vector of length {n}")
    if have[-2 if len(have) > 1 else 0] != n:
        raise ValueError(
            f"{who}({shape_of(a)}, {have}): the right-hand side needs {n} rows; "
            "a stack of vectors is b[..., None]"
        )
    if len(have) > 1:
        return solve(a, b)
    x = solve(a, reshape(b, shape=(n, 1)))
    return reshape(x, shape=shape_of(x)[:-1])


def solve(a: Any, b: Any) -> Any:
    """Solve A x = b for square A.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
    b : array_like, shape (n,) or (..., n, k)
        One vector, or columns; the leading axes broadcast, as in NumPy.

    Returns
    -------
    x : shape of ``b``, broadcast
        In the wider type of both.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a matrix is singular or not square.
    ValueError
        When ``b`` has another number of rows.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> a = np.array([[2.0, 0.0], [0.0, 4.0]])
    >>> tg.grad(lambda b: np.linalg.solve(a, b).sum())(np.ones(2))
    array([0.5 , 0.25])
    """
    return _with_columns(a, b, "solve", solve_columns)


# ---- triangular systems -------------------------------------------------------------------------


SMALL = 24
"""Rows from which a stack of triangular matrices is worth a loop over it in Python."""


def _triangular(a: Any, b: Any, *, lower: bool, transposed: bool, unit: bool) -> Any:
    a, b = np.asarray(a), np.asarray(b)
    n = a.shape[-1]
    if not a.size or not b.size or (a.ndim > 2 and n < SMALL):
        part = np.tril(a, -unit) if lower else np.triu(a, int(unit))  # NumPy loops in C
        part = part + np.eye(n, dtype=a.dtype) if unit else part
        return np.linalg.solve(np.swapaxes(part, -1, -2) if transposed else part, b)
    import scipy.linalg  # imported where it is needed: it is slow to load

    def one(a: Any, b: Any) -> Any:
        return scipy.linalg.solve_triangular(
            a, b, trans=1 if transposed else 0, lower=lower, unit_diagonal=unit, check_finite=False
        )

    if a.ndim == 2:
        return one(a, b) if b.ndim == 2 else side_by_side(one, a, b)
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    each = (np.broadcast_to(x, (*stack, *x.shape[-2:])).reshape(-1, *x.shape[-2:]) for x in (a, b))
    solved = [one(*pair) for pair in zip(*each, strict=True)]
    return np.stack(solved).reshape(*stack, n, b.shape[-1])


def _same_triangle(x: Any, lower: bool, unit: bool) -> Any:
    return tril(x, -unit) if lower else triu(x, int(unit))


def _triangular_pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
    ta, tb = tangents
    moved = None
    if ta is not None:
        product = matmul_tn if params["transposed"] else matmul2
        moved = product(_same_triangle(ta, params["lower"], params["unit"]), y)
    return triangular_columns(args[0], less(tb, moved), **params)


def _triangular_pullback(g: Any, y: Any, args: Any, params: Any) -> Any:
    lower, transposed, unit = params["lower"], params["transposed"], params["unit"]
    gb = triangular_columns(args[0], g, lower=lower, transposed=not transposed, unit=unit)
    ga = matmul_nt(y, gb) if transposed else matmul_nt(gb, y)
    return [_same_triangle(-ga, lower, unit), gb]


def _triangular_cases() -> list[Any]:
    def with_params(case: Any, **params: Any) -> Any:
        return lambda rng: (case(rng)[0], params)

    kinds = [
        {"lower": True, "transposed": False, "unit": False},
        {"lower": False, "transposed": True, "unit": False},
        {"lower": True, "transposed": True, "unit": True},
        {"lower": False, "transposed": False, "unit": True},
    ]
    cases = [with_params(well_conditioned(3, columns=(3, 2)), **kind) for kind in kinds]
    cases.append(with_params(well_conditioned(2, 3, columns=(3, 1)), **kinds[0]))
    cases.append(with_params(well_conditioned(3, columns=(2, 3, 1)), **kinds[2]))
    cases.append(with_params(well_conditioned(2, SMALL, columns=(3, 1, SMALL, 2)), **kinds[3]))
    cases.append(with_params(well_conditioned(0, columns=(0, 2)), **kinds[1]))
    return cases


triangular_columns: Any = _two_operands(
    "solve_triangular",
    _triangular,
    _triangular_pushforward,
    _triangular_pullback,
    signature="(n,n),(n,k)->(n,k)",
    blas=500_000,
    flops=lambda y, a, b, **params: int(np.size(y)) * int(np.shape(a)[-1]),
    cases=_triangular_cases(),
    doc="x of T x = B (or Tᵀ x = B), where T is a triangle of A.",
)


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """Solve T x = b, where T is the upper or lower triangle of ``a``; the rest is not read.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
    b : array_like, shape (n,) or (..., n, k)
    trans : {0, 1, 2, 'N', 'T', 'C'}
        1 or 'T' solves Tᵀ x = b; 2 or 'C' Tᴴ x = b, which is the same for real numbers.
    lower, unit_diagonal : bool
        Read the lower triangle; take its diagonal to be 1.

    Raises
    ------
    numpy.linalg.LinAlgError
        When the diagonal has a zero.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import solve_triangular
    >>> solve_triangular(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([2.0, 3.0]), lower=True)
    array([1., 2.])
    """
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"solve_triangular: trans={trans!r} is none of 0, 1, 2, 'N', 'T', 'C'")
    transposed = trans not in (0, "N")
    if trans in (2, "C"):
        a = conjugated(a)
    params = {"lower": bool(lower), "transposed": transposed, "unit": bool(unit_diagonal)}
    return _with_columns(a, b, "solve_triangular", lambda a, b: triangular_columns(a, b, **params))


# ---- inverses -----------------------------------------------------------------------------------

invert_matrix: Any = structured(
    "inv",
    np.linalg.inv,
    jvp=lambda t, y, x: -matmul2(matmul2(y, t), y),
    vjp=lambda g, y, x: -matmul_nt(matmul_tn(y, g), y),
    analytic=True,
    signature="(n,n)->(n,n)",
    blas=500_000,
    flops=lambda y, x: 2 * int(np.size(y)) * int(np.shape(x)[-1]),
    cases=[well_conditioned(*lead) for lead in ((3,), (2, 3), (1,), (0,), (0, 2))],
    edges=[((np.full((1, 1), 2.0), {}), (np.full((1, 1), -0.25),))],
)


def inv(a: Any) -> Any:
    """The inverse of square matrices, shape (..., n, n).

    ``solve(a, b)`` is faster and more accurate than ``inv(a) @ b``.

    Raises
    ------
    numpy.linalg.LinAlgError
        When a matrix is singular or not square.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: np.linalg.inv(a)[0, 0])(2 * np.eye(2))
    array([[-0.25, -0.  ],
           [-0.  , -0.  ]])
    """
    matrices(a, "inv")
    return invert_matrix(a)


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Solve ``tensordot(a, x, x.ndim) == b`` for x.

    Parameters
    ----------
    a : array_like, shape b.shape + x.shape
        With as many elements in x.shape as in b.shape.
    b : array_like
    axes : sequence of int, optional
        Axes of ``a`` to move to its end first.
    """
    if axes is not None:
        a = moveaxis(a, list(axes), list(range(-len(axes), 0)))
    rest = shape_of(a)[len(shape_of(b)) :]
    n = math.prod(rest)
    if shape_of(a)[: len(shape_of(b))] != shape_of(b) or n != math.prod(shape_of(b)):
        raise np.linalg.LinAlgError(
            f"tensorsolve: a of shape {shape_of(a)} does not make a square system with b of "
            f"shape {shape_of(b)}"
        )
    x = solve(reshape(a, shape=(n, n)), reshape(b, shape=(n,)))
    return reshape(x, shape=rest)


def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of ``tensordot(a, x, ind)``: the first ``ind`` axes of ``a`` are its rows."""
    shape = shape_of(a)
    if ind <= 0:
        raise ValueError(f"tensorinv: ind={ind} is not positive")
    rows, columns = shape[:ind], shape[ind:]
    if math.prod(rows) != math.prod(columns):
        raise np.linalg.LinAlgError(
            f"tensorinv: {math.prod(rows)} rows and {math.prod(columns)} columns (shape {shape}, "
            f"ind={ind}) are no square matrix"
        )
    inverse = inv(reshape(a, shape=(math.prod(rows), math.prod(columns))))
    return reshape(inverse, shape=columns + rows)
