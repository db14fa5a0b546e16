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
from .init import Seed, generator
from .module import Module
from .weights import Init, a_layer, draw_weights, positive


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
        positive("Linear", in_features=in_features, out_features=out_features)
        self.weight, self.bias = draw_weights(
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
        if type(x) is tuple:
            raise TypeError(
                f"Linear: the input must be one array, got {arguments.shown(x)}. Of what a "
                "recurrent layer gives, take the outputs, as in Sequential(lstm, lambda x: x[0], "
                "head)."
            )
        shape = shape_of(x)
        if not shape or shape[-1] != self.weight.shape[0]:
            raise ValueError(
                f"Linear: the last axis of the input must have length {self.weight.shape[0]} "
                f"(weight {describe(self.weight)}), got input {describe(x)}. Flatten or "
                "transpose the input first."
            )
        out = ops.matmul(x, self.weight)
        return out if self.bias is None else out + self.bias


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
        self.function = a_layer("Lambda", "function", function)

    def _label(self) -> str:
        return getattr(self.function, "__name__", "Lambda")

    def __call__(self, x: Any) -> Any:
        """Apply the function."""
        return self.function(x)


class Sequential(Module):
    """Layers, or plain functions, one after the other; in their order, or by names.

    Named ones are attributes too, and their parameters have those names. All are given by position
    or all by name.

    Parameters
    ----------
    *layers : callable
    **named : callable

    Raises
    ------
    TypeError
        For what is no layer and no function, or where some have names and some have none.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> net = nn.Sequential(nn.Linear(4, 3), nn.relu, nn.Linear(3, 2))
    >>> net(np.ones((5, 4))).shape
    (5, 2)
    >>> net = nn.Sequential(hidden=nn.Linear(4, 3), act=nn.relu, out=nn.Linear(3, 2))
    >>> list(net.named_parameters())[:2], net.out is net["out"] is net[2]
    (["layers['hidden'].weight", "layers['hidden'].bias"], True)
    """

    layers: Any

    def __init__(self, *layers: Callable[[Any], Any], **named: Callable[[Any], Any]):
        if layers and named:
            raise TypeError(
                f"Sequential: {len(layers)} layers without a name, and {', '.join(named)}; give "
                "all of them names, or none"
            )
        if named:
            self.layers = {k: a_layer("Sequential", f"layer {k}", f) for k, f in named.items()}
        else:
            self.layers = [a_layer("Sequential", f"layer {i}", f) for i, f in enumerate(layers)]

    def __call__(self, x: Any) -> Any:
        """Apply each layer to the output of the one before."""
        for layer in self:
            x = layer(x)
        return x

    def __getattr__(self, name: str) -> Any:
        layers = self.__dict__.get("layers")
        if isinstance(layers, dict) and name in layers:
            return layers[name]
        raise AttributeError(f"Sequential has no attribute and no layer {name!r}")

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, i: int | str) -> Any:
        return self.layers[i] if isinstance(i, str) else list(self)[i]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers.values() if isinstance(self.layers, dict) else self.layers)


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
        positive("MLP", **{f"sizes[{i}]": n for i, n in enumerate(sizes)})
        if len(sizes) < 2:
            raise ValueError(f"MLP: sizes names at least input and output widths, got {sizes}")
        rng = generator(seed, "MLP")
        self.layers = [
            Linear(n, m, bias, init=init, bias_init=bias_init, seed=rng, dtype=dtype)
            for n, m in itertools.pairwise(sizes)
        ]
        self.activation = a_layer("MLP", "activation", activation)
        self.final = None if final is None else a_layer("MLP", "final", final)

    def __call__(self, x: Any) -> Any:
        """(..., sizes[0]) to (..., sizes[-1])."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        x = self.layers[-1](x)
        return x if self.final is None else self.final(x)
