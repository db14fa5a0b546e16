"""Pooling: each window of an image becomes one number."""

from __future__ import annotations

from typing import Any

from .. import ops
from .module import Module


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
