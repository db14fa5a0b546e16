"""More products and special matrices, composed: Kronecker, cross, chains, Vandermonde, Toeplitz."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..elementwise.arithmetic import power
from ..elementwise.complexes import conj
from ..elementwise.identity import astype
from ..indexing.index import index
from ..reductions.scans import cumprod
from ..shape.axes import canonical_axis, shape_of
from ..shape.broadcasting import ravel, reduce_sum, reshape
from ..shape.rearranging import broadcast, concatenate, moveaxis, stack
from .products import matmul, outer


def kron(a: Any, b: Any) -> Any:
    """The Kronecker product: every element of ``a`` times the whole of ``b``.

    Parameters
    ----------
    a, b : array_like
        Of any shapes; the one with fewer axes gets leading ones of length 1.

    Returns
    -------
    array
        Along each axis as long as the product of both lengths.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda a: np.kron(a, np.array([1.0, 2.0])).sum())(np.ones(2))
    array([3., 3.])
    """
    first, second = shape_of(a), shape_of(b)
    ndim = max(len(first), len(second))
    first, second = ((1,) * (ndim - len(s)) + s for s in (first, second))
    left = reshape(a, shape=tuple(n for length in first for n in (length, 1)))
    right = reshape(b, shape=tuple(n for length in second for n in (1, length)))
    return reshape(left * right, shape=tuple(n * m for n, m in zip(first, second, strict=True)))


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """The vector product of vectors of length 3.

    Parameters
    ----------
    a, b : array_like
        Stacks of vectors that broadcast.
    axisa, axisb, axisc : int
        Where the vectors lie in a, in b, and in the result; ``axis`` overrides all three.

    Raises
    ------
    ValueError
        When the vectors do not have length 3.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> x, y = np.array([1.0, 0, 0]), np.array([0.0, 1, 0])
    >>> tg.grad(lambda x: np.cross(x, y)[2])(x)
    array([1., 0., 0.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if shape_of(a)[-1] != 3 or shape_of(b)[-1] != 3:
        raise ValueError(
            f"cross: vectors need length 3, got {shape_of(a)[-1]} and {shape_of(b)[-1]}; append a "
            "zero to vectors in the plane"
        )
    (a1, a2, a3), (b1, b2, b3) = ([index(x, (Ellipsis, i)) for i in range(3)] for x in (a, b))
    product = stack([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], -1)
    return moveaxis(product, -1, axisc)


def vecdot(x: Any, y: Any, /, *, axis: int = -1) -> Any:
    """The sum of products along an axis, of stacks of vectors that broadcast.

    A complex ``x`` is conjugated, as in NumPy.

    Raises
    ------
    ValueError
        When the vectors differ in length.
    """
    i, j = (canonical_axis(axis, len(shape_of(v)), "vecdot") for v in (x, y))
    if shape_of(x)[i] != shape_of(y)[j]:
        raise ValueError(
            f"vecdot({shape_of(x)}, {shape_of(y)}): the lengths along axis {axis} differ"
        )
    left = moveaxis(conj(x), axis, -1)
    return reduce_sum(left * moveaxis(y, axis, -1), axis=(-1,), keepdims=False)


def matvec(a: Any, x: Any, /) -> Any:
    """Matrices times vectors, of stacks that broadcast: (..., m, n) and (..., n) to (..., m)."""
    product = matmul(a, reshape(x, shape=(*shape_of(x), 1)))
    return index(product, (Ellipsis, 0))


def vecmat(x: Any, a: Any, /) -> Any:
    """Vectors times matrices, of stacks that broadcast: (..., m) and (..., m, n) to (..., n).

    A complex ``x`` is conjugated, as in NumPy.
    """
    shape = shape_of(x)
    product = matmul(reshape(conj(x), shape=(*shape[:-1], 1, shape[-1])), a)
    return index(product, (Ellipsis, 0, slice(None)))


def outer_vectors(a: Any, b: Any, /) -> Any:
    """Every product of an element of one vector with one of another: ``numpy.linalg.outer``.

    Raises
    ------
    ValueError
        When an operand is no vector; ``numpy.outer`` flattens.
    """
    if len(shape_of(a)) != 1 or len(shape_of(b)) != 1:
        raise ValueError(
            f"outer({shape_of(a)}, {shape_of(b)}): needs two vectors; numpy.outer flattens others"
        )
    return outer(a, b)


def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of two or more matrices, in the order of multiplications that costs least.

    Parameters
    ----------
    arrays : sequence of array_like
        Matrices; the first may be a row, the last a column, each given as a vector.

    Raises
    ------
    ValueError
        When there are fewer than two, or neighbours do not fit.

    Notes
    -----
    Cormen et al., "Introduction to Algorithms", section 15.2.
    """
    arrays = list(arrays)
    if len(arrays) < 2:
        raise ValueError("multi_dot: needs at least two matrices")
    shapes = [shape_of(a) for a in arrays]
    if any(len(s) != 2 for s in shapes[1:-1]) or not {len(shapes[0]), len(shapes[-1])} <= {1, 2}:
        raise ValueError(f"multi_dot: needs matrices, and vectors only at the ends, got {shapes}")
    if len(shapes[0]) == 1:
        shapes[0] = (1, *shapes[0])
    if len(shapes[-1]) == 1:
        shapes[-1] = (*shapes[-1], 1)
    for left, right in itertools.pairwise(shapes):
        if left[1] != right[0]:
            raise ValueError(f"multi_dot: matrices of shapes {left} and {right} do not fit")
    _, cut = _cheapest([shapes[0][0], *(s[1] for s in shapes)])

    def product(i: int, j: int) -> Any:
        if i == j:
            return arrays[i]
        return matmul(product(i, cut[i, j]), product(cut[i, j] + 1, j))

    return product(0, len(arrays) - 1)


def _cheapest(sizes: list[int]) -> tuple[dict[Any, int], dict[Any, int]]:
    """Multiplications for each run of matrices, and after which of them to cut it."""
    n = len(sizes) - 1
    cost: dict[Any, int] = {(i, i): 0 for i in range(n)}
    cut: dict[Any, int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], cut[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return cost, cut


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The Vandermonde matrix: powers of a vector's elements as columns.

    Parameters
    ----------
    x : array_like, shape (n,)
    N : int, optional
        The number of columns; ``n`` by default.
    increasing : bool
        From the power 0 up; by default from ``N - 1`` down.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> tg.grad(lambda x: np.vander(x, 3).sum())(np.array([2.0]))
    array([5.])
    """
    shape = shape_of(x)
    if len(shape) != 1:
        raise ValueError(f"vander: needs a vector, got shape {shape}")
    columns = shape[0] if N is None else operator.index(N)
    x = astype(x, np.promote_types(x.dtype, int))  # as in NumPy
    column = reshape(x, shape=(shape[0], 1))
    powers = index(power(column, 0), (slice(None), slice(0, columns)))  # ones, on the tape
    if columns > 1:
        rest = cumprod(broadcast(column, (shape[0], columns - 1)), 1)
        powers = concatenate([powers, rest], 1)
    return powers if increasing else index(powers, (slice(None), slice(None, None, -1)))


def toeplitz(c: Any, r: Any = None) -> Any:
    """The matrix with constant diagonals: ``c`` is its first column, ``r`` its first row.

    Parameters
    ----------
    c : array_like, shape (..., m)
    r : array_like, shape (..., n), optional
        Its first element is not read. By default the matrix is symmetric (Hermitian).

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import toeplitz
    >>> tg.grad(lambda c: toeplitz(c).sum())(np.ones(3))
    array([3., 4., 2.])
    """
    c = c if shape_of(c) else ravel(c)
    r = conj(c) if r is None else r if shape_of(r) else ravel(r)
    rows, columns = shape_of(c)[-1], shape_of(r)[-1]
    values = concatenate(
        [index(c, (..., slice(None, None, -1))), index(r, (..., slice(1, None)))], -1
    )
    positions = rows - 1 - np.arange(rows)[:, None] + np.arange(columns)
    return index(values, (..., positions))
