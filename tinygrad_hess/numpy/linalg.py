"""``numpy.linalg``, differentiable: ``tinygrad_hess.numpy.linalg``.

Stacks of matrices have leading axes. Functions of symmetric matrices (``cholesky``, ``eigh``,
``eigvalsh``) take the symmetric part of their input, so that derivatives are symmetric. Where a
derivative does not exist or is not determined, ``LinAlgError`` says so.
"""

from __future__ import annotations

from typing import Any

import numpy.linalg as _np_linalg
from numpy.linalg import LinAlgError

from ..ops import (
    cholesky,
    cond,
    det,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    inv,
    lstsq,
    matmul,
    matrix_norm,
    matrix_power,
    matrix_rank,
    matrix_transpose,
    multi_dot,
    norm,
    pinv,
    qr,
    slogdet,
    solve,
    svd,
    svdvals,
    tensordot,
    tensorinv,
    tensorsolve,
    vecdot,
    vector_norm,
)
from ..ops import cross as _cross
from ..ops import diagonal as _diagonal
from ..ops import outer_vectors as outer
from ..ops import trace as _trace
from ..ops._dispatch import dispatched as _dispatched
from ..ops._dispatch import items_as_arrays as _items_as_arrays
from ..ops._dispatch import on_tensors as _on_tensors

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals",
    "eigvalsh", "inv", "lstsq", "matmul", "matrix_norm", "matrix_power", "matrix_rank",
    "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd",
    "svdvals", "tensordot", "tensorinv", "tensorsolve", "trace", "vecdot", "vector_norm",
]  # fmt: skip


_symmetric = (cholesky, eigh, eigvalsh)  # functions of both triangles, not of one
globals().update(
    _dispatched(globals(), _np_linalg, keep=_symmetric, lists={multi_dot: _items_as_arrays})
)


@_on_tensors(_np_linalg.cross)
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vector product of vectors of length 3 along an axis."""
    return _cross(x1, x2, axis=axis)


@_on_tensors(_np_linalg.diagonal)
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of matrices on the last two axes: shape (..., m, n) to (..., k)."""
    return _diagonal(x, offset, -2, -1)


@_on_tensors(_np_linalg.trace)
def trace(x: Any, /, *, offset: int = 0) -> Any:
    """The sums of the diagonals of matrices on the last two axes: shape (..., m, n) to (...)."""
    return _trace(x, offset, -2, -1)
