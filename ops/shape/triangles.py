"""Triangles and diagonals of matrices: linear maps that are their own transposes, or each other's.

tril, triu, symmetrize : (..., n, m) -> (..., n, m)
take_diagonal          : (..., n, m) -> (..., k)      place_diagonal : its transpose
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.kinds import linear
from .._types import Array, ArrayLike
from .._zeros import zeros
from ..elementwise.arithmetic import add, multiply, where
from .axes import shape_of
from .broadcasting import broadcast_to, ravel
from .permutation import permute

_square: list[Any] = [([(3, 3)], {}), ([(2, 3, 3)], {}), ([(1, 1)], {}), ([(0, 0)], {})]
_parts: list[Any] = [
    ([(3, 3)], {"k": 0}),
    ([(2, 3)], {"k": 1}),
    ([(2, 4, 3)], {"k": -1}),
    ([(0, 3)], {"k": 0}),
]


def _lowered_triangle(of: Any) -> Any:
    """As a choice by a mask; ``of`` makes the mask from ones."""

    def lowered(emit: Any, x: Any, *, k: int) -> Any:
        mask = emit.constant(of(np.ones(x.shape[-2:], bool), k))
        return emit(where, mask, x, emit.constant(x.dtype.type(0)))

    return lowered


_triangles: dict[str, Any] = {
    "analytic": True, "signature": "(m,n)->(m,n)", "moves": True, "cases": _parts,
}  # fmt: skip

lower: Any = linear(
    "tril",
    lambda x, *, k: np.tril(x, k),
    lambda g, y, x, k: lower(g, k=k),
    lowered=_lowered_triangle(np.tril),
    **_triangles,
)
upper: Any = linear(
    "triu",
    lambda x, *, k: np.triu(x, k),
    lambda g, y, x, k: upper(g, k=k),
    lowered=_lowered_triangle(np.triu),
    **_triangles,
)


def _lowered_symmetrize(emit: Any, x: Any) -> Any:
    if x.dtype.kind != "f":
        return None
    axes = (*range(-len(x.shape), -2), -1, -2)
    return emit(multiply, emit(add, x, emit(permute, x, axes=axes)), emit.constant(0.5))


symmetrize: Any = linear(
    "symmetrize",
    lambda x: (x + np.swapaxes(x, -1, -2).conj()) / 2,
    lambda g, y, x: symmetrize(g),
    on_complex=True,
    lowered=_lowered_symmetrize,
    signature="(n,n)->(n,n)",
    cases=_square,
    doc="The symmetric part of a square matrix; the Hermitian part of a complex one.",
)


def _place_on_diagonal(x: Array, *, k: int, shape: tuple[int, int], out: Any = None) -> Array:
    x = np.asarray(x)
    out = zeros(x.shape[:-1] + shape, x.dtype, out)
    steps = np.arange(x.shape[-1])
    out[..., steps + max(-k, 0), steps + max(k, 0)] = x
    return out


take_diagonal: Any = linear(
    "take_diagonal",
    lambda x, *, k: np.diagonal(x, k, -2, -1),
    lambda g, y, x, k: place_diagonal(g, k=k, shape=x.shape[-2:]),
    analytic=True,
    signature="(m,n)->(k)",
    moves=True,
    aliases=True,
    label="diagonal",
    cases=[*_parts, ([(2, 3)], {"k": 5})],
    doc="The k-th diagonal of the last two axes.",
)
place_diagonal: Any = linear(
    "place_diagonal",
    _place_on_diagonal,
    lambda g, y, x, k, shape: take_diagonal(g, k=k),
    analytic=True,
    signature="(k)->(m,n)",
    moves=True,
    parts=lambda params, shapes: [lambda out: np.diagonal(out, params["k"], -2, -1)],
    label="diag",
    cases=[
        ([(3,)], {"k": 0, "shape": (3, 3)}),
        ([(2, 3)], {"k": -1, "shape": (4, 3)}),
        ([(2,)], {"k": 1, "shape": (2, 3)}),
        ([(0,)], {"k": 0, "shape": (0, 0)}),
    ],
    doc="Matrices of zeros with this k-th diagonal.",
)


def on_diagonal(x: ArrayLike) -> Array:
    """The square matrices with these diagonals: (..., n) to (..., n, n)."""
    n = shape_of(x)[-1]
    return place_diagonal(x, k=0, shape=(n, n))


def _triangle(x: Array, k: Any, part: Array) -> Array:
    shape = shape_of(x)
    if not shape:
        raise ValueError(f"{part.primitive.name}: a scalar has no triangle; give a matrix")
    if len(shape) == 1:
        x = broadcast_to(x, shape=shape * 2)
    return part(x, k=operator.index(k))


def tril(x: ArrayLike, k: int = 0) -> Array:
    """The lower triangle of the last two axes, zeros above its k-th diagonal.

    Parameters
    ----------
    x : array_like, shape (..., n, m)
        A vector counts as a matrix of equal rows, as in NumPy.
    k : int
        The last diagonal to keep; 0 is the main one.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.tril(x).sum())(np.ones((2, 2)))
    array([[1., 0.],
           [1., 1.]])
    """
    return _triangle(x, k, lower)


def triu(x: ArrayLike, k: int = 0) -> Array:
    """The upper triangle of the last two axes, zeros below its k-th diagonal.

    Parameters
    ----------
    x : array_like, shape (..., n, m)
        A vector counts as a matrix of equal rows, as in NumPy.
    k : int
        The first diagonal to keep; 0 is the main one.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.triu(x, 1).sum())(np.ones((2, 2)))
    array([[0., 1.],
           [0., 0.]])
    """
    return _triangle(x, k, upper)


def diag(x: ArrayLike, k: int = 0) -> Array:
    """A vector as the k-th diagonal of a square matrix, or the k-th diagonal of a matrix.

    Raises
    ------
    ValueError
        When ``x`` has neither one nor two axes.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: (np.diag(x) ** 2).sum())(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    shape, k = shape_of(x), operator.index(k)
    if len(shape) == 1:
        n = shape[0] + abs(k)
        return place_diagonal(x, k=k, shape=(n, n))
    if len(shape) == 2:
        return take_diagonal(x, k=k)
    raise ValueError(f"diag: needs a vector or a matrix, got shape {shape}; see diagonal, diagflat")


def diagflat(x: ArrayLike, k: int = 0) -> Array:
    """All elements, flattened, as the k-th diagonal of a square matrix."""
    return diag(ravel(x), k)
