"""Selecting and replacing along an axis, by position, by mask and by class number.

The names and the order of arguments are those that users of PyTorch and tinygrad know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.errors import describe
from ...core.tensor import tensor_or_array
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import where
from ..elementwise.comparison import equal
from ..elementwise.identity import astype, checked
from ..shape.axes import canonical_axis, shape_of
from ..shape.broadcasting import reshape
from .index import index, take
from .scatter import add_at, in_type_of, set_at


def _key_along_axis(x: Array, axis: Any, positions: Array, who: str) -> tuple[Any, ...]:
    """The key that takes ``positions`` along an axis, and counts along the others."""
    shape, positions = shape_of(x), tensor_or_array(positions)
    axis = canonical_axis(axis, len(shape), who)
    given, ndim = positions.shape, len(shape)
    fits = len(given) == ndim and all(
        n <= m for i, (n, m) in enumerate(zip(given, shape)) if i - ndim != axis
    )
    if not fits:
        raise ValueError(
            f"{who}: indices of shape {given} for an array of shape {shape} along axis {axis}: "
            "they need as many axes, and may be longer along that axis only"
        )
    if positions.dtype.kind not in "iu":
        raise TypeError(f"{who}: indices must be integers, got {describe(positions)}")
    return tuple(
        positions
        if i - ndim == axis
        else np.arange(n).reshape((1,) * i + (-1,) + (1,) * (ndim - 1 - i))
        for i, n in enumerate(given)
    )


def gather(x: ArrayLike, axis: int, positions: ArrayLike) -> Array:
    """Elements at positions along an axis, which may differ along the others.

    Unlike ``take_along_axis`` it does not broadcast: the other axes of ``positions`` count from 0.

    Parameters
    ----------
    x : array
    axis : int
    positions : integers, as many axes as ``x``
        No longer than ``x`` except along ``axis``.

    Returns
    -------
    array of the shape of ``positions``

    Raises
    ------
    ValueError
        When the shapes do not fit.
    TypeError
        When the positions are not integers.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.indexing.selecting import gather
    >>> gather(np.array([[1.0, 2.0], [3.0, 4.0]]), 1, np.array([[0, 0], [1, 0]]))
    array([[1., 1.],
           [4., 3.]])
    """
    return index(x, _key_along_axis(x, axis, positions, "gather"))


def scatter_along(x: ArrayLike, axis: int, positions: ArrayLike, source: ArrayLike) -> Array:
    """``x`` with ``source`` written at positions along an axis: the other way of :func:`gather`.

    Of repeated positions the last value counts, and only it carries a derivative.

    Parameters
    ----------
    x : array
    axis : int
    positions : integers, as many axes as ``x``
    source : number, or array at least as long as ``positions`` along each axis

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.indexing.selecting import scatter_along
    >>> scatter_along(np.zeros((2, 3)), 1, np.array([[2], [0]]), np.array([[5.0], [6.0]]))
    array([[0., 0., 5.],
           [6., 0., 0.]])
    """
    key = _key_along_axis(x, axis, positions, "scatter")
    return set_at(x, key, _leading_part(source, shape_of(positions), "scatter"))


def scatter_add_along(x: ArrayLike, axis: int, positions: ArrayLike, source: ArrayLike) -> Array:
    """``x`` with ``source`` added at positions along an axis; repeated positions add up."""
    key = _key_along_axis(x, axis, positions, "scatter_add")
    return add_at(x, key, _leading_part(source, shape_of(positions), "scatter_add"))


def _leading_part(source: Array, shape: tuple[int, ...], who: str) -> Array:
    """The leading part of the source that the positions speak of."""
    source = tensor_or_array(source)
    have = source.shape
    if have in ((), shape):
        return source
    if len(have) != len(shape) or any(h < n for h, n in zip(have, shape)):
        raise ValueError(f"{who}: a source of shape {have} for positions of shape {shape}")
    return index(source, tuple(slice(0, n) for n in shape))


def index_select(x: ArrayLike, axis: int, positions: ArrayLike) -> Array:
    """Slices at these positions along an axis: ``take`` with the axis first."""
    return take(x, positions, axis)


def masked_fill(x: ArrayLike, mask: ArrayLike, value: ArrayLike) -> Array:
    """``value`` where the mask (which broadcasts to ``x``) is true, ``x`` elsewhere.

    Raises
    ------
    TypeError
        When the mask is not boolean.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.indexing.selecting import masked_fill
    >>> masked_fill(np.array([1.0, -2.0]), np.array([False, True]), 0.0)
    array([1., 0.])
    """
    x, mask = tensor_or_array(x), tensor_or_array(mask)
    if mask.dtype != np.bool:
        raise TypeError(f"masked_fill: the mask must be boolean, got {describe(mask)}")
    value = in_type_of(x, value)
    if np.broadcast_shapes(mask.shape, value.shape, x.shape) != x.shape:
        raise ValueError(
            f"masked_fill: mask {describe(mask)} and value {describe(value)} do not broadcast to "
            f"{describe(x)}"
        )
    return where(mask, value, x)


@dataclass(frozen=True)
class ClassNumbers:
    """A check that integers are from 0 to ``classes - 1``.

    Parameters
    ----------
    who : str
        The function that asks.
    classes : int
    dtype, shape : optional
        Of the logits that they are for, to name them in the error.
    what : str
        What the integers are.
    """

    who: str
    classes: int
    dtype: Any = None
    shape: tuple[int, ...] = ()
    what: str = "class numbers"

    def __call__(self, labels: Array) -> None:
        if labels.size and (labels.min() < 0 or labels.max() >= self.classes):
            logits = "" if self.dtype is None else f" for logits {self.dtype}{self.shape}"
            raise ValueError(
                f"{self.who}: {self.what} must be from 0 to {self.classes - 1}{logits}, "
                f"got values from {labels.min()} to {labels.max()}"
            )


def one_hot(labels: ArrayLike, classes: int, dtype: Any = np.int64) -> Array:
    """A new last axis of ``classes``: 1 at the class number, 0 elsewhere.

    Parameters
    ----------
    labels : (...) integers from 0 to classes - 1
    classes : int
    dtype : dtype

    Returns
    -------
    (..., classes) array of ``dtype``

    Raises
    ------
    TypeError
        When the labels are not integers.
    ValueError
        When a label is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.indexing.selecting import one_hot
    >>> one_hot(np.array([2, 0]), 3)
    array([[0, 0, 1],
           [1, 0, 0]])
    """
    labels = tensor_or_array(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"one_hot: class numbers must be integers, got {describe(labels)}")
    labels = checked(labels, ClassNumbers("one_hot", classes))
    column = reshape(labels, shape=(*labels.shape, 1))
    return astype(equal(column, np.arange(classes)), dtype)


def chunk(x: ArrayLike, chunks: int, axis: int = 0) -> list[Array]:
    """Cut along an axis into at most ``chunks`` parts of one length; the last may be shorter.

    (``array_split`` gives exactly that number, whose lengths differ by one at most.)

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.ops.indexing.selecting import chunk
    >>> [part.size for part in chunk(np.arange(5), 3)]
    [2, 2, 1]
    """
    axis = canonical_axis(axis, len(shape_of(x)), "chunk")
    if chunks < 1:
        raise ValueError(f"chunk: the number of chunks must be positive, got {chunks}")
    n = shape_of(x)[axis]
    step = max(math.ceil(n / chunks), 1)
    tail = (slice(None),) * (-axis - 1)
    starts = range(0, max(n, 1), step)
    return [index(x, (Ellipsis, slice(a, min(a + step, n)), *tail)) for a in starts]
