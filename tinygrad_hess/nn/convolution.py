"""Convolutions, and their transposes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core import arguments
from .init import Seed
from .module import Module
from .weights import Init, draw_weights, for_each_axis, positive


class _Conv(Module):
    """What Conv1d and Conv2d share."""

    weight: Any
    bias: Any
    rank = 0

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        *,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        init: Init | None = None,
        bias_init: Init | None = None,
        seed: Seed = None,
        dtype: Any = np.float64,
    ):
        who = type(self).__name__
        positive(who, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{who}: groups={groups} must divide in_channels={in_channels} "
                f"and out_channels={out_channels}"
            )
        window = for_each_axis(size, self.rank, who, "size", least=1)
        self.stride = for_each_axis(stride, self.rank, who, "stride", least=1)
        self.dilation = for_each_axis(dilation, self.rank, who, "dilation", least=1)
        if isinstance(padding, str):
            self.padding: Any = arguments.choice(
                who, "padding", padding, ("same", "valid"), "integers"
            )
        else:
            self.padding = for_each_axis(padding, self.rank, who, "padding", least=0)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *window)
        self.weight, self.bias = draw_weights(
            who,
            shape,
            outputs=out_channels,
            fan_in=math.prod(shape[1:]),
            bias=bias,
            init=init,
            bias_init=bias_init,
            seed=seed,
            dtype=dtype,
        )

    def _convolve(self, convolution: Callable[..., Any], x: Any) -> Any:
        return convolution(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class Conv1d(_Conv):
    """Cross-correlation of (N, C, L) with a kernel (O, C / groups, l); see :class:`Conv2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.Conv1d(2, 4, 3, padding=1)(np.ones((5, 2, 8))).shape
    (5, 4, 8)
    """

    rank = 1

    def __call__(self, x: Any) -> Any:
        """(N, C, L) to (N, O, L')."""
        return self._convolve(ops.conv1d, x)


class Conv2d(_Conv):
    """Cross-correlation of images (N, C, H, W) with a kernel (O, C / groups, h, w).

    Parameters
    ----------
    in_channels, out_channels : int
    size : int or pair
        Height and width of the kernel.
    stride, dilation : int or pair
    padding : int, pair, "same" or "valid"
        Zeros on each side.
    groups : int
        Split the channels into groups that do not see each other.
    bias, init, bias_init, seed, dtype
        As for :class:`Linear`; fan_in is C / groups · h · w.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.Conv2d(1, 4, 3, stride=2)(np.ones((5, 1, 8, 8))).shape
    (5, 4, 3, 3)
    """

    rank = 2

    def __call__(self, x: Any) -> Any:
        """(N, C, H, W) to (N, O, H', W')."""
        return self._convolve(ops.conv2d, x)
