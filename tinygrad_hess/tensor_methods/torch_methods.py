"""Methods that PyTorch's and tinygrad's tensors have and NumPy's arrays do not.

Each is a few operations, and means what it means there. What works in place there (names that end
in an underscore) is not offered; write ``x = x.name()`` or assign.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import numpy as namespace
from .. import ops
from ..core.tensor import Tensor
from ..ops._dispatch import as_array, concrete
from ..ops.nn import activation
from ..ops.shape.axes import canonical_axis
from ..ops.shape.triangles import on_diagonal
from . import creation

# ---- types and devices --------------------------------------------------------------------------


def to(self: Tensor, *target: Any, dtype: Any = None, **ignored: Any) -> Any:
    """Convert to a type: ``x.to(np.float32)``. Devices, of which there is one, are ignored."""
    for given in (*target, dtype):
        if isinstance(given, Tensor):
            return ops.astype(self, given.dtype)
        if given is not None and not (isinstance(given, str) and given.split(":")[0] in _DEVICES):
            return ops.astype(self, given)
    return self


_DEVICES = ("cpu", "cuda", "gpu", "mps", "CPU", "GPU", "CUDA")


def type_as(self: Tensor, other: Any) -> Any:
    """Convert to the type of another."""
    return ops.astype(self, as_array(other).dtype)


def _as_type(dtype: Any) -> Callable[[Tensor], Any]:
    def method(self: Tensor) -> Any:
        return ops.astype(self, dtype)

    method.__doc__ = f"Convert to {np.dtype(dtype).name}."
    return method


def itself(self: Tensor, *where: Any, **options: Any) -> Any:
    """The tensor itself: it has one memory layout, one device, and is computed already."""
    return self


def is_floating_point(self: Tensor) -> bool:
    """Whether the elements are real floating-point numbers."""
    return self.dtype.kind == "f"


def is_complex(self: Tensor) -> bool:
    """Whether the elements are complex numbers."""
    return self.dtype.kind == "c"


# ---- shapes -------------------------------------------------------------------------------------


def dim(self: Tensor) -> int:
    """The number of axes."""
    return self.ndim


def numel(self: Tensor) -> int:
    """The number of elements."""
    return self.size


def element_size(self: Tensor) -> int:
    """The number of bytes of an element."""
    return self.dtype.itemsize


def t(self: Tensor) -> Any:
    """The transpose of a matrix; a vector as it is."""
    if self.ndim > 2:
        raise ValueError(f"t: needs at most two axes, got shape {self.shape}; see mT and transpose")
    return ops.transpose(self)


def expand_as(self: Tensor, other: Any) -> Any:
    """Broadcast to the shape of another."""
    return ops.broadcast_to(self, as_array(other).shape)


def reshape_as(self: Tensor, other: Any) -> Any:
    """The elements in the shape of another."""
    return ops.reshape(self, as_array(other).shape)


def unflatten(self: Tensor, axis: int, sizes: Any) -> Any:
    """Split an axis into several of these lengths, one of which may be -1."""
    at = canonical_axis(axis, self.ndim, "unflatten") + self.ndim
    sizes = [operator.index(n) for n in sizes]
    known = math.prod(n for n in sizes if n != -1)
    if sizes.count(-1) == 1 and known and self.shape[at] % known == 0:
        sizes[sizes.index(-1)] = self.shape[at] // known
    if math.prod(sizes) != self.shape[at] or min(sizes, default=0) < 0:
        raise ValueError(f"unflatten: {self.shape[at]} elements do not fit {tuple(sizes)}")
    return ops.reshape(self, (*self.shape[:at], *sizes, *self.shape[at + 1 :]))


def unfold(self: Tensor, axis: int, size: int, step: int) -> Any:
    """Windows along an axis, which go to the end: a slice of ``size`` each ``step``."""
    at = canonical_axis(axis, self.ndim, "unfold")
    n = self.shape[at]
    if not 0 < size <= n or step < 1:
        raise ValueError(f"unfold: windows of {size}, {step} apart, of {n} elements")
    indices = np.arange(0, n - size + 1, step)[:, None] + np.arange(size)
    tail = (slice(None),) * (-at - 1)
    windows = ops.index(self, (Ellipsis, indices, *tail))
    return ops.moveaxis(windows, at, -1)  # the windows' axis stays where the axis was


def narrow(self: Tensor, axis: int, start: int, length: int) -> Any:
    """``length`` elements along an axis, from ``start`` on."""
    at = canonical_axis(axis, self.ndim, "narrow")
    n = self.shape[at]
    start = start + n if start < 0 else start
    if not 0 <= start <= start + length <= n:
        raise ValueError(f"narrow: elements {start} to {start + length} of {n} along axis {axis}")
    key = slice(start, start + length)
    return ops.index(self, (Ellipsis, key, *(slice(None),) * (-at - 1)))


def select(self: Tensor, axis: int, index: int) -> Any:
    """The slice at one index along an axis, which is dropped."""
    at = canonical_axis(axis, self.ndim, "select")
    return ops.index(self, (Ellipsis, index, *(slice(None),) * (-at - 1)))


def unbind(self: Tensor, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis."""
    return tuple(namespace.unstack(self, axis=axis))


def shrink(self: Tensor, *bounds: Any) -> Any:
    """The part between a pair (start, stop) for each axis; None keeps all of it."""
    pairs = bounds[0] if len(bounds) == 1 and not isinstance(bounds[0][0], int) else bounds
    return ops.index(self, tuple(slice(None) if p is None else slice(*p) for p in pairs))


def diag_embed(self: Tensor, offset: int = 0) -> Any:
    """Matrices with the last axis as a diagonal: shape (..., n) to (..., n, n)."""
    if offset == 0:
        return on_diagonal(self)
    n = self.shape[-1] + abs(offset)
    rows = np.arange(self.shape[-1]) + max(-offset, 0)
    out = np.zeros((*self.shape[:-1], n, n), self.dtype)
    return ops.set_at(out, (Ellipsis, rows, rows + offset), self)


# ---- indices ------------------------------------------------------------------------------------


def masked_select(self: Tensor, mask: Any) -> Any:
    """The elements where the mask holds, on one axis."""
    x, mask = ops.broadcast_arrays(self, concrete(mask, "the number of elements of a mask"))
    return ops.index(x, np.asarray(mask, bool))


def _key_along(self: Tensor, axis: int, index: Any, who: str) -> tuple[Any, ...]:
    at = canonical_axis(axis, self.ndim, who)
    return (Ellipsis, as_array(index), *(slice(None),) * (-at - 1))


def index_add(self: Tensor, axis: int, index: Any, source: Any, alpha: float = 1) -> Any:
    """With slices added at these indices along an axis; repeated indices add up."""
    source = as_array(source) if alpha == 1 else alpha * as_array(source)
    return ops.add_at(self, _key_along(self, axis, index, "index_add"), source)


def index_copy(self: Tensor, axis: int, index: Any, source: Any) -> Any:
    """With other slices at these indices along an axis."""
    return ops.set_at(self, _key_along(self, axis, index, "index_copy"), as_array(source))


def index_fill(self: Tensor, axis: int, index: Any, value: Any) -> Any:
    """With one value at these indices along an axis."""
    return ops.set_at(self, _key_along(self, axis, index, "index_fill"), as_array(value))


def kthvalue(self: Tensor, k: int, axis: int = -1, keepdims: bool = False) -> Any:
    """The ``k``-th smallest element along an axis, from 1 on, and its index."""
    values, indices = ops.topk(self, k, axis, largest=False)
    last = select(values, axis, k - 1), select(indices, axis, k - 1)
    return tuple(ops.expand_dims(x, axis) for x in last) if keepdims else last


def aminmax(self: Tensor, axis: Any = None, keepdims: bool = False) -> tuple[Any, Any]:
    """The smallest and the largest element."""
    return ops.min(self, axis, keepdims), ops.max(self, axis, keepdims)


# ---- arithmetic ---------------------------------------------------------------------------------


def lerp(self: Tensor, end: Any, weight: Any) -> Any:
    """From here to ``end``, as far as the weight says: 0 is here, 1 is there."""
    return self + (as_array(end) - self) * weight


def frac(self: Tensor) -> Any:
    """The fractional part, with the sign of x."""
    return self - ops.trunc(self)


def clamp_min(self: Tensor, least: Any) -> Any:
    """Limit from below."""
    return ops.maximum(self, least)


def clamp_max(self: Tensor, most: Any) -> Any:
    """Limit from above."""
    return ops.minimum(self, most)


def addcmul(self: Tensor, a: Any, b: Any, value: float = 1) -> Any:
    """x + value a b."""
    return self + value * (as_array(a) * b)


def addcdiv(self: Tensor, a: Any, b: Any, value: float = 1) -> Any:
    """x + value a / b."""
    return self + value * (as_array(a) / b)


def addmm(self: Tensor, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    """beta x + alpha a b, a product of matrices, of stacks of them, or of a matrix and a vector."""
    return beta * self + alpha * ops.matmul(as_array(a), as_array(b))


def logcumsumexp(self: Tensor, axis: int = -1) -> Any:
    """log(cumsum(exp(x))) along an axis, without overflow.

    Each prefix is shifted by the largest element so far, whose share of the slope cancels.
    """
    at = canonical_axis(axis, self.ndim, "logcumsumexp")
    n = self.shape[at]
    x = ops.moveaxis(self, at, -1)
    wide = ops.broadcast_to(ops.expand_dims(x, -2), (*x.shape[:-1], n, n))
    kept = ops.where(np.tri(n, dtype=bool), wide, -np.inf)
    return ops.moveaxis(ops.logsumexp(kept, axis=-1), -1, at)


def cosine_similarity(self: Tensor, other: Any, axis: int = -1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along an axis; lengths count ``eps`` at least."""
    other = as_array(other)
    lengths = ops.norm(self, axis=axis) * ops.norm(other, axis=axis)
    return ops.sum(self * other, axis) / ops.maximum(lengths, eps)


def dist(self: Tensor, other: Any, p: float = 2) -> Any:
    """The norm of the difference, of order ``p``."""
    return namespace.linalg.vector_norm(self - as_array(other), ord=p)


def linear(self: Tensor, weight: Any, bias: Any = None) -> Any:
    """x weight + bias, as in tinygrad: the weight's shape is (inputs, outputs)."""
    y = (
        ops.multiply(self, weight)
        if as_array(weight).ndim == 1
        else ops.matmul(self, as_array(weight))
    )
    return y if bias is None else y + bias


def scaled_dot_product_attention(
    self: Tensor, key: Any, value: Any, attn_mask: Any = None, is_causal: bool = False
) -> Any:
    """softmax(q kᵀ/√d) v over the last two axes; a boolean mask keeps, another is added."""
    key = as_array(key)
    scores = ops.matmul(self, ops.matrix_transpose(key)) / math.sqrt(self.shape[-1])
    if is_causal:
        attn_mask = np.tri(self.shape[-2], key.shape[-2], dtype=bool)
    if attn_mask is not None:
        mask = as_array(attn_mask)
        kept = mask.dtype == np.bool
        scores = ops.where(mask, scores, -np.inf) if kept else scores + mask
    return ops.matmul(ops.softmax(scores, axis=-1), as_array(value))


# ---- tensors like this one ----------------------------------------------------------------------


def _with_dtype(make: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, dtype: Any = None, requires_grad: bool = False) -> Any:
        return make(*args, dtype=dtype or self.dtype, requires_grad=requires_grad)

    method.__doc__ = make.__doc__
    return method


def _with_shape_and_dtype(make: Callable[..., Any]) -> Callable[..., Any]:
    def method(
        self: Tensor, *args: Any, dtype: Any = None, requires_grad: bool = False, **options: Any
    ) -> Any:
        return make(
            self.shape, *args, dtype=dtype or self.dtype, requires_grad=requires_grad, **options
        )

    method.__doc__ = f"{(make.__doc__ or '').splitlines()[0]} Of this shape and type."
    return method


METHODS: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (
        to, type_as, is_floating_point, is_complex, dim, numel, element_size, t, expand_as,
        reshape_as, unflatten, unfold, narrow, select, unbind, shrink, diag_embed, masked_select,
        index_add, index_copy, index_fill, kthvalue, aminmax, lerp, frac, clamp_min, clamp_max,
        addcmul, addcdiv, addmm, logcumsumexp, cosine_similarity, dist, linear,
        scaled_dot_product_attention,
    )},
    **dict.fromkeys(("contiguous", "cpu", "realize", "resolve_conj", "resolve_neg"), itself),
    **dict.fromkeys(("ndimension",), dim),
    **dict.fromkeys(("nelement",), numel),
    **dict.fromkeys(("addmv", "addbmm", "baddbmm"), addmm),
    "view_as": reshape_as,
    "type": to,
    "float": _as_type(np.float32),
    "double": _as_type(np.float64),
    "int": _as_type(np.int32),
    "long": _as_type(np.int64),
    "bool": _as_type(np.bool),
    "relu6": activation.relu6,
    "prelu": activation.prelu,
    "celu": activation.celu,
    "selu": activation.selu,
    "mish": activation.mish,
    "softsign": activation.softsign,
    "logsigmoid": activation.log_sigmoid,
    "hardsigmoid": activation.hard_sigmoid,
    "hardswish": activation.hard_swish,
    "hardtanh": ops.hard_tanh,
    "hardshrink": activation.hard_shrink,
    "softshrink": activation.soft_shrink,
    "quick_gelu": activation.quick_gelu,
    "swish": ops.silu,
    "new_zeros": _with_dtype(creation.zeros),
    "new_ones": _with_dtype(creation.ones),
    "new_full": _with_dtype(creation.full),
    "new_tensor": _with_dtype(Tensor),
    "zeros_like": _with_shape_and_dtype(creation.zeros),
    "ones_like": _with_shape_and_dtype(creation.ones),
    "full_like": _with_shape_and_dtype(creation.full),
    "rand_like": _with_shape_and_dtype(creation.rand),
    "randn_like": _with_shape_and_dtype(creation.randn),
}  # fmt: skip
