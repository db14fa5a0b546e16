"""Convolutions, and their transposes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core import arguments
from ..ops.nn.windows import _padded
from .init import Seed
from .module import Module
from .weights import Init, draw_weights, for_each_axis, positive

_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""PyTorch's names of padding modes, and NumPy's."""


class _Kernel(Module):
    """What convolutions and their transposes share: a kernel, and how it goes over the input."""

    weight: Any
    bias: Any
    rank = 0

    def _arrange(
        self,
        in_channels: int,
        out_channels: int,
        size: int | Sequence[int],
        stride: int | Sequence[int],
        dilation: int | Sequence[int],
        groups: int,
    ) -> tuple[int, ...]:
        """Keep how the kernel goes; its lengths along the axes of the input."""
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
        return window

    def _draw(self, shape: tuple[int, ...], outputs: int, **how: Any) -> None:
        """The kernel and the bias."""
        self.weight, self.bias = draw_weights(
            type(self).__name__, shape, outputs=outputs, fan_in=math.prod(shape[1:]), **how
        )


class _Conv(_Kernel):
    """What Conv1d and Conv2d share."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        *,
        padding_mode: str = "zeros",
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        init: Init | None = None,
        bias_init: Init | None = None,
        seed: Seed = None,
        dtype: Any = np.float64,
    ):
        who = type(self).__name__
        window = self._arrange(in_channels, out_channels, size, stride, dilation, groups)
        if isinstance(padding, str):
            self.padding: Any = arguments.choice(
                who, "padding", padding, ("same", "valid"), "integers"
            )
        else:
            self.padding = for_each_axis(padding, self.rank, who, "padding", least=0)
        self.padding_mode = arguments.choice(who, "padding_mode", padding_mode, tuple(_MODES))
        self.groups = groups
        shape = (out_channels, in_channels // groups, *window)
        self._draw(
            shape, out_channels, bias=bias, init=init, bias_init=bias_init, seed=seed, dtype=dtype
        )

    def padded(self, x: Any) -> Any:
        """The input with its padding around it, as windows see it."""
        if self.padding_mode == "zeros" or self.padding == "valid":
            return _padded(
                x,
                self.padding,
                self.rank,
                self.weight.shape[2:],
                self.dilation,
                type(self).__name__,
            )
        widths = [(p, p) for p in self.padding] if self.padding != "same" else self._same()
        return ops.pad(x, ((0, 0), (0, 0), *widths), _MODES[self.padding_mode])

    def _same(self) -> list[tuple[int, int]]:
        """As PyTorch does it: the odd element goes to the end."""
        totals = [d * (k - 1) for d, k in zip(self.dilation, self.weight.shape[2:], strict=True)]
        return [(n // 2, n - n // 2) for n in totals]

    def _convolve(self, convolution: Callable[..., Any], x: Any) -> Any:
        padding = self.padding
        if self.padding_mode != "zeros":
            x, padding = self.padded(x), 0
        return convolution(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
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
        How much is added on each side.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What is added: zeros, the image mirrored, its edge, or its other side.
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


class _ConvTranspose(_Kernel):
    """What ConvTranspose1d and ConvTranspose2d share."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
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
        window = self._arrange(in_channels, out_channels, size, stride, dilation, groups)
        self.padding = for_each_axis(padding, self.rank, who, "padding", least=0)
        self.output_padding = for_each_axis(
            output_padding, self.rank, who, "output_padding", least=0
        )
        self.groups = groups
        shape = (in_channels, out_channels // groups, *window)
        self._draw(
            shape, out_channels, bias=bias, init=init, bias_init=bias_init, seed=seed, dtype=dtype
        )

    def _transposed(self, convolution: Callable[..., Any], x: Any) -> Any:
        return convolution(
            x,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self.output_padding,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTranspose):
    """The transpose of a convolution of (N, C, L); see :class:`ConvTranspose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.ConvTranspose1d(2, 4, 3, stride=2)(np.ones((5, 2, 8))).shape
    (5, 4, 17)
    """

    rank = 1

    def __call__(self, x: Any) -> Any:
        """(N, C, L) to (N, O, L')."""
        return self._transposed(ops.conv_transpose1d, x)


class ConvTranspose2d(_ConvTranspose):
    """The transpose of a convolution in its input: the stride makes images larger.

    (Zeiler, Krishnan, Taylor and Fergus 2010.) Each element lays down a copy of the kernel.

    Parameters
    ----------
    in_channels, out_channels : int
    size : int or pair
        Height and width of the kernel.
    stride, dilation : int or pair
    padding : int or pair
        How much of each side of the result is cut off.
    output_padding : int or pair
        How much longer the result is at the end; less than the stride or the dilation.
    groups : int
    bias, init, bias_init, seed, dtype
        As for :class:`Linear`; fan_in is O / groups · h · w, as in PyTorch.

    Attributes
    ----------
    weight : (in_channels, out_channels / groups, h, w)
    bias : (out_channels,) or None

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.ConvTranspose2d(1, 4, 2, stride=2)(np.ones((5, 1, 8, 8))).shape
    (5, 4, 16, 16)
    """

    rank = 2

    def __call__(self, x: Any) -> Any:
        """(N, C, H, W) to (N, O, H', W') with H' = (H - 1) stride - 2 padding + dilation (h - 1) +
        output_padding + 1."""
        return self._transposed(ops.conv_transpose2d, x)
