"""Pooling: each window of an image becomes one number."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core.errors import describe
from ..ops.shape.axes import shape_of
from .module import Module
from .weights import for_each_axis


class _Pool(Module):
    """What the pooling layers share: the window, its stride (the window's size by default)."""

    def __init__(self, size: Any, stride: Any = None, padding: Any = 0):
        self.size, self.stride, self.padding = size, stride, padding


class MaxPool1d(_Pool):
    """Largest element of each window of the last axis."""

    def __call__(self, x: Any) -> Any:
        """(..., L) to (..., L')."""
        return ops.max_pool1d(x, self.size, self.stride, self.padding)


class MaxPool2d(_Pool):
    """Largest element of each window of the last two axes.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def __call__(self, x: Any) -> Any:
        """(..., H, W) to (..., H', W')."""
        return ops.max_pool2d(x, self.size, self.stride, self.padding)


class AvgPool1d(_Pool):
    """Mean of each window of the last axis."""

    def __call__(self, x: Any) -> Any:
        """(..., L) to (..., L')."""
        return ops.avg_pool1d(x, self.size, self.stride, self.padding)


class AvgPool2d(_Pool):
    """Mean of each window of the last two axes."""

    def __call__(self, x: Any) -> Any:
        """(..., H, W) to (..., H', W')."""
        return ops.avg_pool2d(x, self.size, self.stride, self.padding)


class _AdaptivePool(Module):
    """What the adaptive layers share: so many windows along each axis, whatever its length.

    Window i of m covers the elements from floor(i n / m) to ceil((i + 1) n / m).
    """

    rank = 0

    def __init__(self, size: int | Sequence[int]):
        self.size = for_each_axis(size, self.rank, type(self).__name__, "size", least=1)

    def _each_axis(self, x: Any, pool: Callable[[Any, int], Any]) -> Any:
        """``pool(x, count)`` along the last axis, for each of the axes in turn."""
        shape = shape_of(x)
        if len(shape) < self.rank or not all(shape[-self.rank :]):
            raise ValueError(
                f"{type(self).__name__}: input needs {self.rank} axes with elements to pool over, "
                f"got {describe(x)}"
            )
        for axis, count in zip(range(-self.rank, 0), self.size, strict=True):
            x = ops.moveaxis(pool(ops.moveaxis(x, axis, -1), count), -1, axis)
        return x


@functools.lru_cache(maxsize=256)
def _bounds(n: int, count: int) -> tuple[tuple[int, int], ...]:
    """Where each window begins and ends."""
    return tuple((i * n // count, -(-(i + 1) * n // count)) for i in range(count))


def _means(x: Any, count: int) -> Any:
    n = shape_of(x)[-1]
    weights = np.zeros((n, count), x.dtype)
    for i, (start, stop) in enumerate(_bounds(n, count)):
        weights[start:stop, i] = 1 / (stop - start)
    return ops.matmul(x, weights)


def _maxima(x: Any, count: int) -> Any:
    bounds = _bounds(shape_of(x)[-1], count)
    width = max(stop - start for start, stop in bounds)
    # a window that is shorter looks at its last element again
    where = [np.minimum(np.arange(start, start + width), stop - 1) for start, stop in bounds]
    return ops.max(ops.index(x, (Ellipsis, np.array(where))), axis=-1)


class AdaptiveAvgPool1d(_AdaptivePool):
    """Means of so many windows of the last axis; see :class:`AdaptiveAvgPool2d`."""

    rank = 1

    def __call__(self, x: Any) -> Any:
        """(..., L) to (..., size)."""
        return self._each_axis(x, _means)


class AdaptiveAvgPool2d(_AdaptivePool):
    """Means of windows, so many along each of the last two axes, whatever their lengths.

    Window i of m covers the elements from floor(i n / m) to ceil((i + 1) n / m), as in PyTorch.

    Parameters
    ----------
    size : int or pair
        How many windows there are.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.AdaptiveAvgPool2d(1)(np.arange(6.0).reshape(1, 1, 2, 3))
    array([[[[2.5]]]])
    """

    rank = 2

    def __call__(self, x: Any) -> Any:
        """(..., H, W) to (..., *size)."""
        return self._each_axis(x, _means)


class AdaptiveMaxPool1d(_AdaptivePool):
    """Largest elements of so many windows of the last axis; see :class:`AdaptiveAvgPool2d`."""

    rank = 1

    def __call__(self, x: Any) -> Any:
        """(..., L) to (..., size)."""
        return self._each_axis(x, _maxima)


class AdaptiveMaxPool2d(_AdaptivePool):
    """Largest elements of windows; see :class:`AdaptiveAvgPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.AdaptiveMaxPool2d((1, 2))(np.arange(6.0).reshape(1, 1, 2, 3))
    array([[[[4., 5.]]]])
    """

    rank = 2

    def __call__(self, x: Any) -> Any:
        """(..., H, W) to (..., *size)."""
        return self._each_axis(x, _maxima)
