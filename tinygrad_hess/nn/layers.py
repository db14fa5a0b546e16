"""Layers: modules with one forward rule each, over the library's operations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core import arguments
from ..core.errors import describe
from ..ops.shape.axes import canonical_shape, shape_of
from .init import Seed, default, generator, uniform, zeros
from .module import Module

Init = Callable[..., Any]


def _weights(
    who: str,
    shape: tuple[int, ...],
    *,
    outputs: int,
    fan_in: int,
    bias: bool,
    init: Init | None,
    bias_init: Init | None,
    seed: Seed,
    dtype: Any,
) -> tuple[Any, Any]:
    """Draw weight and bias; without ``init``, as PyTorch does (both uniform on ±1/sqrt(fan_in))."""
    rng, dtype = generator(seed, who), arguments.floating(who, dtype)
    for name, given in (("init", init), ("bias_init", bias_init)):
        if given is not None:
            arguments.function(who, name, given, f"Write {name}=nn.init.he_normal.")
    weight = arguments.array(who, "what init gives", (init or default)(shape, rng))
    weight = weight.astype(dtype, copy=False)
    if weight.shape != shape:
        raise ValueError(
            f"{who}: init gave a weight of shape {weight.shape}, but {shape} is needed"
        )
    if not bias:
        return weight, None
    if bias_init is not None:
        b = bias_init((outputs,), rng)
    elif init is None:
        b = uniform((outputs,), rng, 1 / math.sqrt(max(fan_in, 1)))
    else:
        b = zeros((outputs,))
    return weight, np.asarray(b).astype(dtype, copy=False)


def _positive(who: str, **sizes: int) -> None:
    for name, n in sizes.items():
        arguments.integer(who, name, n, least=1)


def _layer(who: str, name: str, value: Any) -> Callable[[Any], Any]:
    """A function of one array, or a module: no string that names one, and no class of modules."""
    advice = ""
    if isinstance(value, type) and issubclass(value, Module):
        value, advice = [value], f"Make one: {value.__name__}(...)."
    elif isinstance(value, str):
        known = value.lower()
        advice = f"Write nn.{known}." if known in ops.__dict__ else "Write nn.tanh, nn.relu, ..."
    elif isinstance(value, (list, tuple)):
        advice = "Give layers one by one: nn.Sequential(*layers)."
    return arguments.function(who, name, value, advice, what="a layer or a function")


class Linear(Module):
    """An affine map of the last axis: ``x @ weight + bias``.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
        Add a bias.
    init, bias_init : callable, optional
        ``(shape, generator) -> array``, such as :func:`nn.init.he_normal`. By default both are
        uniform on ±1/sqrt(in_features), as in PyTorch; with ``init`` alone the bias is zero.
    seed : int or numpy.random.Generator, optional
        Where the weights are drawn from; without it, from a generator that starts at 0 in each
        process (:func:`nn.manual_seed`).
    dtype : dtype
        float64 by default.

    Attributes
    ----------
    weight : (in_features, out_features)
    bias : (out_features,) or None

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> layer = nn.Linear(3, 2, seed=0)
    >>> layer
    Linear(weight=float64(3,2), bias=float64(2,))  # 8 parameters
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    """

    weight: Any
    bias: Any

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        init: Init | None = None,
        bias_init: Init | None = None,
        seed: Seed = None,
        dtype: Any = np.float64,
    ):
        _positive("Linear", in_features=in_features, out_features=out_features)
        self.weight, self.bias = _weights(
            "Linear",
            (in_features, out_features),
            outputs=out_features,
            fan_in=in_features,
            bias=bias,
            init=init,
            bias_init=bias_init,
            seed=seed,
            dtype=dtype,
        )

    def __call__(self, x: Any) -> Any:
        """(..., in_features) to (..., out_features)."""
        shape = shape_of(x)
        if not shape or shape[-1] != self.weight.shape[0]:
            raise ValueError(
                f"Linear: the last axis of the input must have length {self.weight.shape[0]} "
                f"(weight {describe(self.weight)}), got input {describe(x)}. Flatten or "
                "transpose the input first."
            )
        out = ops.matmul(x, self.weight)
        return out if self.bias is None else out + self.bias


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
        _positive(who, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{who}: groups={groups} must divide in_channels={in_channels} "
                f"and out_channels={out_channels}"
            )
        window = _for_each_axis(size, self.rank, who, "size", least=1)
        self.stride = _for_each_axis(stride, self.rank, who, "stride", least=1)
        self.dilation = _for_each_axis(dilation, self.rank, who, "dilation", least=1)
        if isinstance(padding, str):
            self.padding: Any = arguments.choice(
                who, "padding", padding, ("same", "valid"), "integers"
            )
        else:
            self.padding = _for_each_axis(padding, self.rank, who, "padding", least=0)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *window)
        self.weight, self.bias = _weights(
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


def _for_each_axis(value: Any, rank: int, who: str, what: str, least: int) -> tuple[int, ...]:
    given = canonical_shape(value, f"{who} {what}")
    given = given * rank if len(given) == 1 else given
    if len(given) != rank or min(given) < least:
        raise ValueError(f"{who}: {what}={value!r} must be {rank} integers of at least {least}")
    return given


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


class Flatten(Module):
    """Join all axes from ``start`` on: (N, C, H, W) to (N, C·H·W)."""

    def __init__(self, start: int = 1):
        self.start = arguments.integer("Flatten", "start", start)

    def __call__(self, x: Any) -> Any:
        """(N, ...) to (N, product of the rest)."""
        shape = shape_of(x)
        return ops.reshape(x, (*shape[: self.start], math.prod(shape[self.start :])))


class Lambda(Module):
    """A function as a layer, named after it in pictures.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.Lambda(nn.relu)(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def __init__(self, function: Callable[[Any], Any]):
        self.function = _layer("Lambda", "function", function)

    def _label(self) -> str:
        return getattr(self.function, "__name__", "Lambda")

    def __call__(self, x: Any) -> Any:
        """Apply the function."""
        return self.function(x)


class LayerNorm(Module):
    """Centre and scale over the last axes, then an affine map of each element.

    ``(x - mean) / sqrt(var + eps) * weight + bias`` (Ba, Kiros and Hinton 2016).

    Parameters
    ----------
    shape : int or sequence of int
        Lengths of the axes to normalise over, the last ones of the input.
    eps : float
    affine : bool
        Whether there are a weight (ones at first) and a bias (zeros).
    dtype : dtype

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.LayerNorm(2, eps=0.0)(np.array([[1.0, 3.0]]))
    array([[-1.,  1.]])
    """

    def __init__(
        self,
        shape: int | Sequence[int],
        eps: float = 1e-5,
        affine: bool = True,
        dtype: Any = np.float64,
    ):
        self.shape = canonical_shape(shape, "LayerNorm")
        _positive("LayerNorm", **{f"shape[{i}]": n for i, n in enumerate(self.shape)})
        self.eps = arguments.number("LayerNorm", "eps", eps, least=0)
        dtype = arguments.floating("LayerNorm", dtype)
        self.weight = np.ones(self.shape, dtype) if affine else None
        self.bias = np.zeros(self.shape, dtype) if affine else None

    def __call__(self, x: Any) -> Any:
        """Same shape out as in."""
        given = shape_of(x)
        if given[-len(self.shape) :] != self.shape:
            raise ValueError(f"LayerNorm: input {describe(x)} must end in the axes {self.shape}")
        axes = tuple(range(-len(self.shape), 0))
        return ops.layer_norm(x, axes, self.weight, self.bias, self.eps)


class Sequential(Module):
    """Layers, or plain functions, one after the other.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> net = nn.Sequential(nn.Linear(4, 3), nn.relu, nn.Linear(3, 2))
    >>> net(np.ones((5, 4))).shape
    (5, 2)
    """

    def __init__(self, *layers: Callable[[Any], Any]):
        self.layers = [_layer("Sequential", f"layer {i}", f) for i, f in enumerate(layers)]

    def __call__(self, x: Any) -> Any:
        """Apply each layer to the output of the one before."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, i: int) -> Any:
        return self.layers[i]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)


class MLP(Module):
    """A fully connected net: linear layers with an activation between them.

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output, such as [64, 32, 10].
    activation : callable
        Between the layers.
    final : callable, optional
        After the last layer.
    bias, init, bias_init, seed, dtype
        As for :class:`Linear`. One generator serves all layers in order.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> net = nn.MLP([64, 32, 10], seed=0)
    >>> net
    MLP(
      layers=[
        Linear(weight=float64(64,32), bias=float64(32,)),
        Linear(weight=float64(32,10), bias=float64(10,)),
      ],
      activation=tanh,
      final=None,
    )  # 2,410 parameters
    >>> net(np.ones((5, 64))).shape
    (5, 10)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Callable[[Any], Any] = ops.tanh,
        *,
        final: Callable[[Any], Any] | None = None,
        bias: bool = True,
        init: Init | None = None,
        bias_init: Init | None = None,
        seed: Seed = None,
        dtype: Any = np.float64,
    ):
        sizes = canonical_shape(sizes, "MLP: sizes")
        _positive("MLP", **{f"sizes[{i}]": n for i, n in enumerate(sizes)})
        if len(sizes) < 2:
            raise ValueError(f"MLP: sizes names at least input and output widths, got {sizes}")
        rng = generator(seed, "MLP")
        self.layers = [
            Linear(n, m, bias, init=init, bias_init=bias_init, seed=rng, dtype=dtype)
            for n, m in itertools.pairwise(sizes)
        ]
        self.activation = _layer("MLP", "activation", activation)
        self.final = None if final is None else _layer("MLP", "final", final)

    def __call__(self, x: Any) -> Any:
        """(..., sizes[0]) to (..., sizes[-1])."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        x = self.layers[-1](x)
        return x if self.final is None else self.final(x)
