"""Positional encodings: what tells attention where in a sequence an element stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arguments
from ..core.errors import describe
from ..ops.shape.axes import shape_of
from .fixed import Buffer
from .init import Seed, normal
from .module import Module
from .weights import positive


class _Positions(Module):
    """Adds the first rows of a table to a sequence."""

    table: Any

    def __call__(self, x: Any) -> Any:
        """(..., T, width) to the same shape."""
        shape, (length, width) = shape_of(x), self.table.shape
        if len(shape) < 2 or shape[-2] > length or shape[-1] != width:
            raise ValueError(
                f"{type(self).__name__}: input must be (..., T, {width}) with T at most {length}, "
                f"got {describe(x)}"
            )
        return x + self.table[: shape[-2]]


class SinusoidalPositions(_Positions):
    """Adds sines and cosines of the position, of wavelengths from 2π to 20000π.

    Columns 2i and 2i + 1 are sin and cos of ``t / 10000^(2i / width)`` (Vaswani et al. 2017,
    section 3.5). Nothing is trained.

    Parameters
    ----------
    length, width : int
        Positions that there can be, and the width of the sequence, which is even.
    dtype : dtype

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.SinusoidalPositions(10, 4)(np.zeros((1, 2, 4)))[0, 0]
    array([0., 1., 0., 1.])
    """

    def __init__(self, length: int, width: int, dtype: Any = np.float64):
        positive("SinusoidalPositions", length=length, width=width)
        if width % 2:
            raise ValueError(f"SinusoidalPositions: width must be even, got {width}")
        angles = np.arange(length)[:, None] / 10000.0 ** (np.arange(0, width, 2) / width)
        table = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, width)
        self.table = Buffer(table.astype(arguments.floating("SinusoidalPositions", dtype)))


class LearnedPositions(_Positions):
    """Adds a trained row for each position (Gehring et al. 2017), normal with deviation 0.02.

    Parameters
    ----------
    length, width : int
    seed, dtype
        As for :class:`Linear`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.LearnedPositions(10, 4, seed=0)(np.zeros((5, 7, 4))).shape
    (5, 7, 4)
    """

    def __init__(self, length: int, width: int, *, seed: Seed = None, dtype: Any = np.float64):
        positive("LearnedPositions", length=length, width=width)
        drawn = normal((length, width), seed, 0.02)
        self.table = drawn.astype(arguments.floating("LearnedPositions", dtype))
