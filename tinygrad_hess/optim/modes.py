"""An array along one of its axes at a time: what preconditioners of matrices and tensors act on.

gram      : x, axis -> the inner products of its slices, (d, d)
along     : M, x, axis -> M applied to each vector along the axis
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def gram(x: Array, axis: int) -> Array:
    """``G Gᵀ`` for the array unfolded so that an axis is the rows.

    Examples
    --------
    >>> gram(np.array([[1.0, 2.0], [0.0, 1.0]]), 1)
    array([[1., 2.],
           [2., 5.]])
    """
    rows = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    found: Array = rows @ rows.T
    return found


def along(M: Array, x: Array, axis: int) -> Array:
    """A matrix applied along an axis.

    Examples
    --------
    >>> along(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1.0, 2.0]]), 1)
    array([[2., 1.]])
    """
    return np.moveaxis(np.tensordot(M, x, (1, axis)), 0, axis)


def preconditioned_axes(shape: tuple[int, ...], max_size: int) -> list[int]:
    """The axes that are short enough for a matrix of their own."""
    return [axis for axis, size in enumerate(shape) if size <= max_size]
