"""Normalisation of activations: over features, over groups of channels, or over a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core import arguments, modes
from ..core.errors import describe
from ..core.tensor import Tensor, unrecorded
from ..ops.shape.axes import canonical_shape, shape_of
from .fixed import Buffer
from .module import Module
from .weights import positive


def _affine(who: str, shape: Any, affine: bool, dtype: Any) -> tuple[Any, Any]:
    """A weight of ones and a bias of zeros."""
    dtype = arguments.floating(who, dtype)
    return (np.ones(shape, dtype), np.zeros(shape, dtype)) if affine else (None, None)


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
        positive("LayerNorm", **{f"shape[{i}]": n for i, n in enumerate(self.shape)})
        self.eps = arguments.number("LayerNorm", "eps", eps, least=0)
        self.weight, self.bias = _affine("LayerNorm", self.shape, affine, dtype)

    def __call__(self, x: Any) -> Any:
        """Same shape out as in."""
        given = shape_of(x)
        if given[-len(self.shape) :] != self.shape:
            raise ValueError(f"LayerNorm: input {describe(x)} must end in the axes {self.shape}")
        axes = tuple(range(-len(self.shape), 0))
        return ops.layer_norm(x, axes, self.weight, self.bias, self.eps)


class RMSNorm(Module):
    """Scale over the last axes by the root of the mean square: ``x / sqrt(mean(x²) + eps)``.

    Times a weight for each element; nothing is centred (Zhang and Sennrich 2019).

    Parameters
    ----------
    shape : int or sequence of int
        Lengths of the axes to normalise over, the last ones of the input.
    eps : float, optional
        The rounding error of the weight's type by default, as in PyTorch.
    affine : bool
        Whether there is a weight (ones at first).
    dtype : dtype

    Raises
    ------
    ValueError
        For an input that does not end in these axes.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.RMSNorm(2)(np.array([[3.0, -3.0]]))
    array([[ 1., -1.]])
    """

    def __init__(
        self,
        shape: int | Sequence[int],
        eps: float | None = None,
        affine: bool = True,
        dtype: Any = np.float64,
    ):
        self.shape = canonical_shape(shape, "RMSNorm")
        positive("RMSNorm", **{f"shape[{i}]": n for i, n in enumerate(self.shape)})
        self.weight, _ = _affine("RMSNorm", self.shape, affine, dtype)
        rounding = float(np.finfo(arguments.floating("RMSNorm", dtype)).eps)
        self.eps = rounding if eps is None else arguments.number("RMSNorm", "eps", eps, least=0)

    def __call__(self, x: Any) -> Any:
        """Same shape out as in."""
        given = shape_of(x)
        if given[-len(self.shape) :] != self.shape:
            raise ValueError(f"RMSNorm: input {describe(x)} must end in the axes {self.shape}")
        axes = tuple(range(-len(self.shape), 0))
        out = x / ops.sqrt(ops.mean(ops.square(x), axes, keepdims=True) + self.eps)
        return out if self.weight is None else out * self.weight


class GroupNorm(Module):
    """Centre and scale each group of channels of each example, then an affine map by channel.

    (Wu and He 2018.) One group is layer norm over all but the examples, as many groups as channels
    instance norm.

    Parameters
    ----------
    groups, channels : int
        The first divides the second.
    eps : float
    affine : bool
        Whether there are a weight (ones at first) and a bias (zeros) for each channel.
    dtype : dtype

    Raises
    ------
    ValueError
        When groups do not divide channels, or the input has another number of channels.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.GroupNorm(2, 4, eps=0.0)(np.array([[1.0, 3.0, 10.0, 30.0]]))
    array([[-1.,  1., -1.,  1.]])
    """

    def __init__(
        self,
        groups: int,
        channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: Any = np.float64,
    ):
        positive("GroupNorm", groups=groups, channels=channels)
        if channels % groups:
            raise ValueError(f"GroupNorm: groups={groups} must divide channels={channels}")
        self.groups, self.channels = groups, channels
        self.eps = arguments.number("GroupNorm", "eps", eps, least=0)
        self.weight, self.bias = _affine("GroupNorm", (channels,), affine, dtype)

    def __call__(self, x: Any) -> Any:
        """(N, C, ...) to the same shape."""
        shape = shape_of(x)
        if len(shape) < 2 or shape[1] != self.channels:
            raise ValueError(
                f"GroupNorm: input must be (N, {self.channels}, ...), got {describe(x)}"
            )
        rows = ops.reshape(x, (shape[0], self.groups, math.prod(shape[1:]) // self.groups))
        out = ops.reshape(ops.layer_norm(rows, -1, eps=self.eps), shape)
        if self.weight is None:
            return out
        along = (self.channels, *(1,) * (len(shape) - 2))
        return out * ops.reshape(self.weight, along) + ops.reshape(self.bias, along)


class _BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d share."""

    running_mean: Any
    running_var: Any
    batches: Any
    ranks: tuple[int, ...] = ()
    form = ""

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track: bool = True,
        dtype: Any = np.float64,
    ):
        who = type(self).__name__
        positive(who, channels=channels)
        self.channels = channels
        self.eps = arguments.number(who, "eps", eps, least=0)
        if momentum is not None:
            momentum = arguments.number(who, "momentum", momentum, least=0, most=1)
        self.momentum = momentum
        self.track = arguments.flag(who, "track", track)
        self.weight, self.bias = _affine(who, (channels,), affine, dtype)
        if track:
            self.running_mean = Buffer(np.zeros(channels, dtype))
            self.running_var = Buffer(np.ones(channels, dtype))
            self.batches = Buffer(np.array(0))

    def __call__(self, x: Any) -> Any:
        """The same shape out as in."""
        shape = shape_of(x)
        if len(shape) not in self.ranks or shape[1] != self.channels:
            form = self.form.replace("C", str(self.channels))
            raise ValueError(f"{type(self).__name__}: input must be {form}, got {describe(x)}")
        if self.track and not self.training:
            inverse_std = ops.reciprocal(ops.sqrt(self.running_var + self.eps))
            return ops.batch_norm(x, self.weight, self.bias, self.running_mean, inverse_std)
        count = math.prod(shape) // max(self.channels, 1)
        if self.training and count < 2:
            raise ValueError(
                f"{type(self).__name__}: a channel of {describe(x)} has one value, which is its "
                "own mean. Give more examples at once, or measure with model.eval()."
            )
        if self.track and self.training:
            self._track(x, count)
        return ops.batch_norm(x, self.weight, self.bias, eps=self.eps)

    def _track(self, x: Any, count: int) -> None:
        # no derivative flows into statistics: outside jit they need not be recorded
        x = ops.stop_gradient(x) if modes.is_tracing() else unrecorded(x)
        x = x.value if type(x) is Tensor and x.prim is None else x
        axes = tuple(a for a in range(len(shape_of(x))) if a != 1)
        self.batches = self.batches + 1
        share = self.momentum if self.momentum is not None else 1 / self.batches
        mean, var = ops.mean(x, axes), ops.var(x, axes) * (count / (count - 1))
        self.running_mean = self.running_mean + share * (mean - self.running_mean)
        self.running_var = self.running_var + share * (var - self.running_var)


class BatchNorm1d(_BatchNorm):
    """Centre and scale each channel over a batch, then an affine map of each (N, C) or (N, C, L).

    ``(x - mean) / sqrt(var + eps) * weight + bias`` (Ioffe and Szegedy 2015). In training the mean
    and the variance (divided by the count) are those of the batch, and are differentiated through;
    in evaluation (:meth:`~Module.eval`) those that training left in the buffers.

    Parameters
    ----------
    channels : int
    eps : float
    momentum : float, optional
        Share of the newest batch in the running statistics; None is the mean of all batches.
    affine : bool
        Whether there are a weight (ones at first) and a bias (zeros).
    track : bool
        Keep running statistics. Without them each batch is its own in evaluation too.
    dtype : dtype

    Attributes
    ----------
    running_mean, running_var : buffers (C,)
        The variance is the unbiased one, as in PyTorch.
    batches : buffer ()
        How many batches they have seen.

    Raises
    ------
    ValueError
        For an input of another shape, and in training for a single value in each channel.

    Notes
    -----
    In training an output depends on all examples of its batch: there are no derivatives by example,
    and curvature is that of batches as they are. Measure with ``model.eval()`` for that of the net
    that predicts.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> norm = nn.BatchNorm1d(1, eps=0.0)
    >>> norm(np.array([[1.0], [3.0]])), norm.running_mean, norm.running_var
    (array([[-1.],
           [ 1.]]), array([0.2]), array([1.1]))
    >>> norm.eval()(np.array([[0.2]]))
    array([[0.]])
    """

    ranks, form = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """The same for images (N, C, H, W); see :class:`BatchNorm1d`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> nn.BatchNorm2d(3)(np.random.default_rng(0).normal(size=(2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    ranks, form = (4,), "(N, C, H, W)"
