"""Matrices of a given structure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.tensor import tensor_or_array
from ...ops import concatenate, index, pad, ravel, reshape


def block_diag(*arrs: Any) -> Any:
    """A matrix with the given ones on its diagonal, and zeros elsewhere.

    Parameters
    ----------
    *arrs : array_like, shape (m, n), (n,) or ()
        A vector is a row.

    Raises
    ------
    ValueError
        When one has more than two axes.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.linalg import block_diag
    >>> block_diag(np.ones((1, 2)), 3.0)
    array([[1., 1., 0.],
           [0., 0., 3.]])
    """
    blocks = [tensor_or_array(x) for x in arrs] or [np.zeros((1, 0))]
    for i, x in enumerate(blocks):
        if len(x.shape) > 2:
            raise ValueError(f"block_diag: argument {i} has shape {x.shape}, and is no matrix")
    blocks = [x if len(x.shape) == 2 else reshape(x, shape=(1, math.prod(x.shape))) for x in blocks]
    width, at, rows = sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        rows.append(pad(x, ((0, 0), (at, width - at - x.shape[1]))))
        at += x.shape[1]
    return concatenate(rows)


def circulant(c: Any) -> Any:
    """The circulant matrix whose first column is ``c``, of shape (..., n).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import circulant
    >>> circulant(np.array([1.0, 2.0, 3.0]))
    array([[1., 3., 2.],
           [2., 1., 3.],
           [3., 2., 1.]])
    """
    c = tensor_or_array(c)
    c = c if c.ndim else ravel(c)
    numbers = np.arange(c.shape[-1])
    return index(c, (..., (numbers[:, None] - numbers) % max(c.shape[-1], 1)))


def hankel(c: Any, r: Any = None) -> Any:
    """The matrix with constant antidiagonals: ``c`` is its first column, ``r`` its last row.

    Parameters
    ----------
    c : array_like
        Flattened.
    r : array_like, optional
        Flattened; its first element is not read. Zeros by default.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import hankel
    >>> hankel(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    array([[1., 2.],
           [2., 3.]])
    """
    c = ravel(tensor_or_array(c))
    r = np.zeros(c.shape, c.dtype) if r is None else ravel(tensor_or_array(r))
    values = concatenate([c, index(r, slice(1, None))])
    return index(values, (np.arange(c.shape[0])[:, None] + np.arange(r.shape[0]),))


def khatri_rao(a: Any, b: Any) -> Any:
    """Kronecker products column by column: (n, k) and (m, k) to (n m, k).

    Raises
    ------
    ValueError
        When the operands are no matrices, or differ in their number of columns.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.scipy.linalg import khatri_rao
    >>> khatri_rao(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]))
    array([[ 3.,  8.],
           [ 5., 12.]])
    """
    a, b = tensor_or_array(a), tensor_or_array(b)
    if len(a.shape) != 2 or len(b.shape) != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"khatri_rao: shapes {a.shape} and {b.shape} must be of matrices with as many columns"
        )
    (n, k), m = a.shape, b.shape[0]
    return reshape(reshape(a, shape=(n, 1, k)) * b, shape=(n * m, k))
