"""Attention, and the transformer's block of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..core import arguments
from ..core.errors import describe
from ..core.tensor import tensor_or_array
from ..ops.shape.axes import shape_of
from .dropout import Dropout
from .init import Seed, generator, xavier_uniform, zeros
from .layers import Linear
from .module import Module
from .normalization import LayerNorm
from .weights import Init, a_layer, positive


class MultiHeadAttention(Module):
    """Scaled dot-product attention in several heads (Vaswani et al. 2017).

    Each of the heads computes ``softmax(q kᵀ / sqrt(d)) v`` of its part of the width, d; the parts
    stand side by side and go through a last linear map.

    Parameters
    ----------
    width, heads : int
        The second divides the first.
    bias : bool
    dropout : float
        Of the weights of attention, in training; see :class:`Dropout`.
    init : callable, optional
        Of the four matrices: uniform after Glorot and Bengio. Biases are zero.
    seed, dtype
        As for :class:`Linear`.

    Attributes
    ----------
    query, key, value, out : Linear
        Each from width to width.

    Raises
    ------
    ValueError
        When heads do not divide the width, or inputs have another width.
    TypeError
        For a mask that is not boolean.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> attention = nn.MultiHeadAttention(8, heads=2, seed=0)
    >>> attention(np.ones((5, 7, 8)), causal=True).shape
    (5, 7, 8)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        bias: bool = True,
        dropout: float = 0.0,
        init: Init = xavier_uniform,
        seed: Seed = None,
        dtype: Any = np.float64,
    ):
        who = "MultiHeadAttention"
        positive(who, width=width, heads=heads)
        if width % heads:
            raise ValueError(f"{who}: heads={heads} must divide width={width}")
        self.heads = heads
        rng = generator(seed, who)
        options: dict[str, Any] = {"init": init, "bias_init": zeros, "seed": rng, "dtype": dtype}
        self.query, self.key, self.value, self.out = (
            Linear(width, width, bias, **options) for _ in range(4)
        )
        drops = arguments.number(who, "dropout", dropout, least=0, below=1) > 0
        self.dropout = Dropout(dropout, seed=rng) if drops else None

    def __call__(
        self, x: Any, context: Any = None, *, mask: Any = None, causal: bool = False
    ) -> Any:
        """(..., T, width) and a context (..., S, width), the same as x without it, to x's shape.

        ``mask``, boolean and broadcast to (..., heads, T, S), is True where a position of x may
        look at one of the context; ``causal`` lets it look back only. Where it may look nowhere,
        all weigh the same.
        """
        context = x if context is None else context
        q, k, v = (
            self._split(layer(y))
            for layer, y in ((self.query, x), (self.key, context), (self.value, context))
        )
        scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) / math.sqrt(shape_of(q)[-1])
        allowed = self._allowed(mask, causal, shape_of(scores)[-2:])
        if allowed is not None:
            # far below any score, and not so far that the sum over rows of these would overflow
            scores = ops.where(allowed, scores, -math.sqrt(np.finfo(scores.dtype).max))
        weights = ops.softmax(scores)
        if self.dropout is not None:
            weights = self.dropout(weights)
        joined = ops.swapaxes(ops.matmul(weights, v), -2, -3)
        return self.out(ops.reshape(joined, (*shape_of(joined)[:-2], -1)))

    def _split(self, x: Any) -> Any:
        """(..., T, width) to (..., heads, T, d)."""
        shape = shape_of(x)
        if len(shape) < 2:
            raise ValueError(
                f"MultiHeadAttention: input must be (..., T, width), got {describe(x)}"
            )
        parts = ops.reshape(x, (*shape[:-1], self.heads, shape[-1] // self.heads))
        return ops.swapaxes(parts, -2, -3)

    def _allowed(self, mask: Any, causal: bool, shape: tuple[int, ...]) -> Any:
        back = np.tri(shape[0], shape[1], shape[1] - shape[0], dtype=bool) if causal else None
        if mask is None:
            return back
        mask = tensor_or_array(mask)
        if mask.dtype != np.bool:
            raise TypeError(
                "MultiHeadAttention: mask must be boolean, True where a position may be looked "
                f"at, got {describe(mask)}"
            )
        return mask if back is None else ops.logical_and(mask, back)


class TransformerBlock(Module):
    """Attention, then a layer of two linear maps at each position, each added to what it was given.

    (Vaswani et al. 2017.) By default each part is given its normalised input (Xiong et al. 2020);
    with ``norm_first=False`` sums are normalised, as in the first paper.

    Parameters
    ----------
    width, heads : int
    hidden : int, optional
        Between the two linear maps; four times the width by default.
    activation : callable
        Between the two linear maps.
    norm_first : bool
    causal : bool
        Whether positions look back only.
    dropout : float
        Of attention's weights, of both parts' results, and between the linear maps.
    seed, dtype
        As for :class:`Linear`.

    Attributes
    ----------
    attention : MultiHeadAttention
    first, second : Linear
        The two maps of each position.
    attention_norm, forward_norm : LayerNorm

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import nn
    >>> block = nn.TransformerBlock(8, heads=2, causal=True, seed=0)
    >>> block(np.ones((5, 7, 8))).shape
    (5, 7, 8)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int | None = None,
        *,
        activation: Callable[[Any], Any] = ops.gelu,
        norm_first: bool = True,
        causal: bool = False,
        dropout: float = 0.0,
        seed: Seed = None,
        dtype: Any = np.float64,
    ):
        who = "TransformerBlock"
        positive(who, width=width, heads=heads)
        hidden = 4 * width if hidden is None else arguments.integer(who, "hidden", hidden, least=1)
        rng = generator(seed, who)
        options: dict[str, Any] = {"seed": rng, "dtype": dtype}
        self.attention = MultiHeadAttention(width, heads, dropout=dropout, **options)
        self.attention_norm = LayerNorm(width, dtype=dtype)
        self.first, self.second = Linear(width, hidden, **options), Linear(hidden, width, **options)
        self.forward_norm = LayerNorm(width, dtype=dtype)
        self.activation = a_layer(who, "activation", activation)
        self.norm_first = arguments.flag(who, "norm_first", norm_first)
        self.causal = arguments.flag(who, "causal", causal)
        self.dropout = Dropout(dropout, seed=rng) if dropout else None

    def __call__(self, x: Any, mask: Any = None) -> Any:
        """(..., T, width) to the same shape; ``mask`` as for :class:`MultiHeadAttention`."""
        attend = lambda y: self.attention(y, mask=mask, causal=self.causal)
        for norm, part in ((self.attention_norm, attend), (self.forward_norm, self._forward)):
            if self.norm_first:
                x = x + self._dropped(part(norm(x)))
            else:
                x = norm(x + self._dropped(part(x)))
        return x

    def _forward(self, x: Any) -> Any:
        return self.second(self._dropped(self.activation(self.first(x))))

    def _dropped(self, x: Any) -> Any:
        return x if self.dropout is None else self.dropout(x)
