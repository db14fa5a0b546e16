"""Tensor's operators and methods, bound from the operations by name.

Elementwise primitives that stand for NumPy's ufuncs are methods without being named here, those
that a user declares as well.

Methods carry NumPy's names and those that users of PyTorch and tinygrad type, and take ``dim`` and
``keepdim`` for ``axis`` and ``keepdims``. Where the libraries differ in meaning, NumPy's wins:

- ``size`` is the number of elements (a method of PyTorch's that gives the shape);
- ``max``, ``min`` and ``median`` give values alone, also along an axis; indices are ``argmax`` and
  ``argmin``; an even count has the mean of the middle two as median;
- ``sort``, ``partition`` and ``put`` work in place and return None; ``np.sort`` gives a new tensor;
- ``std`` and ``var`` divide by n unless ``ddof=1`` is given;
- ``split(3)`` cuts into three parts (PyTorch: into parts of length 3); ``chunk(3)`` is PyTorch's;
- ``repeat(2)`` repeats each element; PyTorch's ``repeat`` is ``tile``;
- ``transpose`` takes all axes; two axes alone are ``swapaxes``;
- ``pad`` takes a pair (before, after) for each axis, first axis first;
- ``equal`` and ``allclose`` are NumPy's: elementwise, and of whole arrays; ``nonzero`` gives one
  array of indices for each axis, and ``svd`` the conjugate transpose of V; ``round`` takes
  decimals, ``cross`` works along the last axis;
- assignment to a view ``y = x[1:]`` changes ``x`` (see :mod:`tensor_methods.assignment`), but
  ``flatten`` gives a copy.

Names that NumPy doesn't have mean what they mean in PyTorch (``gather``, ``scatter``, ``topk``,
``cummax``, ...), but for ``where``, which is called on the condition as in tinygrad, or on the
values with the condition first as in PyTorch.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from importlib import import_module
from types import MethodType
from typing import Any

import numpy as np

from .. import numpy as namespace
from .. import ops
from ..core import deferring
from ..core.boundary import bare, is_bare, named, raise_named
from ..core.errors import describe
from ..core.primitive import Primitive
from ..core.tensor import START, Tensor, tensor_or_array
from ..ops._rows import row_of
from ..ops.nn.losses import cross_entropy
from ..transforms.backward import backward
from ..transforms.hooks import register_hook, retain_grad
from . import array_api, assignment, creation, torch_methods
from .display import in_notebooks

_OPERATORS = {
    "add": ops.add, "sub": ops.subtract, "mul": ops.multiply, "truediv": ops.divide,
    "pow": ops.power, "matmul": ops.matmul, "mod": ops.mod, "floordiv": ops.floor_divide,
    "and": ops.bitwise_and, "or": ops.bitwise_or, "xor": ops.bitwise_xor,
    "lshift": ops.left_shift, "rshift": ops.right_shift,
}  # fmt: skip
_COMPARISONS = {
    "eq": ops.equal, "ne": ops.not_equal, "lt": ops.less, "le": ops.less_equal,
    "gt": ops.greater, "ge": ops.greater_equal,
}  # fmt: skip

_METHODS = [
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "cumprod", "cumsum", "diagonal",
    "diff", "dot", "log_softmax", "logsumexp", "max", "mean", "median", "min", "norm", "prod",
    "ptp", "ravel", "repeat", "roll", "split", "squeeze", "std", "sum", "swapaxes", "take",
    "tile", "trace", "var", "softmax", "matmul", "moveaxis", "sinc", "erf", "relu",
    "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "flip", "outer", "tril", "triu",
    "diag", "hard_tanh", "take_along_axis", "conv1d", "conv2d", "max_pool1d", "max_pool2d",
    "avg_pool1d", "avg_pool2d", "pad", "chunk", "gather", "index_select", "masked_fill", "one_hot",
    "topk", "cummax", "cummin", "interpolate", "conv_transpose1d", "conv_transpose2d",
]  # fmt: skip
_ALIASES: dict[str, Callable[..., Any]] = {
    "neg": ops.negative, "sub": ops.subtract, "mul": ops.multiply, "div": ops.divide,
    "unsqueeze": ops.expand_dims, "rsqrt": lambda x: ops.reciprocal(ops.sqrt(x)),
    "scatter": ops.scatter_along, "scatter_add": ops.scatter_add_along,
    "layernorm": ops.layer_norm, "batchnorm": ops.batch_norm, "cross_entropy": cross_entropy,
}  # fmt: skip
_FROM_NUMPY = [
    "amax", "amin", "argpartition", "argwhere", "bincount", "choose", "compress", "corrcoef",
    "count_nonzero", "cov", "cross", "cumprod", "cumsum", "diagflat", "divmod", "dsplit", "fabs",
    "fix", "fliplr", "flipud", "float_power", "frexp", "hsplit", "i0", "inner", "isclose", "isin",
    "isneginf", "isposinf", "kron", "max", "mean", "median", "min", "nan_to_num", "nanmax",
    "nanmean", "nanmedian", "nanmin", "nanquantile", "nanstd", "nansum", "nanvar", "nonzero",
    "percentile", "prod", "put", "quantile", "rot90", "round", "searchsorted", "std",
    "sum", "unique", "unwrap", "var", "vdot", "vsplit",
]  # fmt: skip
_RENAMED: dict[str, str] = {
    "bmm": "matmul", "mm": "matmul", "mv": "matmul", "ger": "outer", "eq": "equal",
    "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "clone": "copy", "sgn": "sign", "movedim": "moveaxis", "swapdims": "swapaxes",
    "repeat_interleave": "repeat", "take_along_dim": "take_along_axis",
    "tensor_split": "array_split", "allclose": "allclose",
}  # fmt: skip
_FROM_LINALG: dict[str, str] = {
    "cholesky": "cholesky", "det": "det", "inverse": "inv", "matrix_power": "matrix_power",
    "pinverse": "pinv", "qr": "qr", "slogdet": "slogdet", "svd": "svd",
}  # fmt: skip
_FROM_SPECIAL: dict[str, str] = {
    "digamma": "digamma", "erfc": "erfc", "erfinv": "erfinv", "lgamma": "gammaln",
    "igamma": "gammainc", "igammac": "gammaincc", "logit": "logit", "mvlgamma": "multigammaln",
    "xlogy": "xlogy",
}  # fmt: skip
_OTHER_NAMES = {"dim": "axis", "dims": "axis", "keepdim": "keepdims"}
_IN_PLACE = tuple(_OPERATORS)


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        return function(other, self)

    return method


def _shape_or_items(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method that takes a tuple, or its items: ``x.reshape(2, 3)`` or ``x.reshape((2, 3))``."""

    def method(self: Tensor, *items: Any) -> Any:
        nested = len(items) == 1 and (items[0] is None or np.iterable(items[0]))
        return function(self, items[0] if nested else items)

    method.__doc__ = function.__doc__
    return method


def _with_dim(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, which also takes PyTorch's names for the axis and for keeping it.

    Its errors name it.
    """
    function = bare(function)
    code = vars(function).get("__wrapped__", function).__code__  # quicker than the signature
    if "axis" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return named(function, name) if is_bare(function) else function

    @functools.wraps(function)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        try:
            if kwargs:
                for other, known in _OTHER_NAMES.items():
                    if other in kwargs and known not in kwargs:
                        kwargs[known] = kwargs.pop(other)
            return function(self, *args, **kwargs)
        except Exception as error:
            raise_named(error, name, (self, *args), kwargs)

    return method


def _transpose(self: Tensor, *axes: Any) -> Any:
    """Permute the axes, given as a tuple or one by one; reverse them when none are given."""
    nested = len(axes) == 1 and np.iterable(axes[0])
    order = (axes[0] if nested else axes) or None
    if order is not None and len(order) == 2 != self.ndim:
        raise ValueError(
            f"transpose{tuple(order)} of a tensor with {self.ndim} axes: it takes all of them, as "
            f"in NumPy; to exchange two, write x.swapaxes{tuple(order)}"
        )
    return ops.transpose(self, order)


def _flatten(self: Tensor, start: int = 0, end: int = -1) -> Any:
    """Join the axes from ``start`` to ``end``, both included."""
    shape, ndim = self.shape, max(self.ndim, 1)
    if not (-ndim <= start < ndim and -ndim <= end < ndim and start % ndim <= end % ndim):
        raise ValueError(f"flatten: no axes from {start} to {end} in a shape {shape}")
    first, last = start % ndim, end % ndim + 1
    joined = ops.reshape(self, (*shape[:first], math.prod(shape[first:last]), *shape[last:]))
    return ops.astype(joined, self.dtype)  # a copy, unlike ravel: not a view in assignments


def _expand(self: Tensor, *lengths: Any) -> Any:
    """Repeat along new or length-1 axes, as a view; -1 keeps the length of an axis."""
    nested = len(lengths) == 1 and np.iterable(lengths[0])
    want = tuple(lengths[0] if nested else lengths)
    missing = len(want) - self.ndim
    if missing < 0 or -1 in want[:missing]:
        raise ValueError(f"expand{want} of a shape {self.shape}: -1 needs an axis that is there")
    have = (*want[:missing], *self.shape)
    return ops.broadcast_to(self, tuple(h if w == -1 else w for w, h in zip(want, have)))


def _flip(self: Tensor, *axes: Any, axis: Any = None, dims: Any = None) -> Any:
    """Reverse the order along axes, given as a tuple or one by one (none: all)."""
    nested = len(axes) == 1 and (axes[0] is None or np.iterable(axes[0]))
    named = dims if axis is None else axis
    return ops.flip(self, axes[0] if nested else axes or named)


def _clamp(self: Tensor, min: Any = None, max: Any = None) -> Any:
    """Limit to an interval; the derivative is 0 outside it."""
    return ops.clip(self, min, max)


def _where(self: Tensor, first: Any, second: Any) -> Any:
    """Choose elements by a boolean tensor.

    ``condition.where(x, y)`` has ``x`` where the condition holds and ``y`` elsewhere (tinygrad);
    ``x.where(condition, y)`` is the same (PyTorch). A boolean tensor is taken as the condition.
    """
    if self.dtype == np.bool:
        return ops.where(self, first, second)
    condition = tensor_or_array(first)
    if condition.dtype != np.bool:
        raise TypeError(
            f"where: one of {describe(self)} and {describe(condition)} must be boolean; "
            "write condition.where(x, y) or np.where(condition, x, y)"
        )
    return ops.where(condition, self, second)


def _cat(self: Tensor, *others: Any, axis: int = 0) -> Any:
    """Join with others along an axis: ``x.cat(y, z, axis=1)``."""
    return ops.concatenate([self, *others], axis)


def _stack(self: Tensor, *others: Any, axis: int = 0) -> Any:
    """Join with others along a new axis: ``x.stack(y, z, axis=1)``."""
    return ops.stack([self, *others], axis)


def _tolist(self: Tensor) -> Any:
    """The values as nested lists of Python numbers."""
    return self.numpy().tolist()


def _copy(self: Tensor) -> Any:
    """The same values as a new tensor; a gradient flows through the copy."""
    return ops.positive(self)


def _dunder_copy(self: Tensor) -> Any:
    """``copy.copy(x)``: a leaf of its own for a leaf; else a gradient flows through the copy."""
    if self.is_leaf and self.prim is not START and type(self) is Tensor:
        kind, args, _ = self.__reduce__()
        out = kind(*args)
    else:
        out = ops.astype(self, self.dtype)
    if self.name is not None:
        out.name = self.name
    if getattr(self, "_frozen", False):
        out._frozen = True
    return out


def _from_special(name: str) -> Callable[..., Any]:
    """A method by ``scipy.special``, which is slow to load: so on first use."""

    def method(self: Tensor, *args: Any) -> Any:
        return getattr(import_module("..scipy.special", __package__), name)(self, *args)

    method.__name__ = name
    method.__doc__ = f"``scipy.special.{name}``."
    return method


def _fill(self: Tensor, value: Any) -> None:
    """Assign one value to all elements."""
    self[...] = value


def _logdet(self: Tensor) -> Any:
    """The logarithm of the determinant of matrices; NaN where that is negative."""
    sign, logarithm = namespace.linalg.slogdet(self)
    return ops.where(sign > 0, logarithm, ops.where(sign == 0, -np.inf, np.nan))


def _adjoint(self: Tensor) -> Any:
    """The conjugate transpose of matrices."""
    return ops.matrix_transpose(ops.conj(self))


def _from_namespaces() -> dict[str, Callable[..., Any]]:
    """Methods that are functions of a namespace, by its name or by another."""
    found = {name: getattr(namespace, name) for name in _FROM_NUMPY}
    found |= {name: getattr(namespace, other) for name, other in _RENAMED.items()}
    found |= {name: getattr(namespace.linalg, other) for name, other in _FROM_LINALG.items()}
    found |= {name: _from_special(other) for name, other in _FROM_SPECIAL.items()}
    return found | torch_methods.METHODS


def _declared_for(ufunc: np.ufunc) -> Primitive | None:
    """The elementwise primitive that stands for one of NumPy's ufuncs, if one is declared."""
    row = row_of(ufunc)
    return row if row is not None and row.kind in ("elementwise", "zero") else None


class _Undeclared:
    """The method of a ufunc without a primitive: it is missing until one is declared.

    (``Tensor.__getattr__`` would do the same, and slow down every attribute of every tensor.)
    """

    def __init__(self, name: str, ufunc: np.ufunc):
        self.name, self.ufunc = name, ufunc

    def __get__(self, x: Tensor | None, kind: type) -> Any:
        row = _declared_for(self.ufunc)
        if row is None:
            raise AttributeError(
                f"{kind.__name__!r} object has no attribute {self.name!r}: no elementwise "
                f"primitive is declared for numpy.{self.name}"
            )
        return row.call if x is None else MethodType(row.call, x)


def _install_ufuncs() -> None:
    """Bind what stands for NumPy's ufuncs, under all their names that are not bound otherwise."""
    for name, ufunc in vars(np).items():
        if isinstance(ufunc, np.ufunc) and not hasattr(Tensor, name):
            ours = getattr(namespace, name)
            if ours is ufunc:
                setattr(Tensor, name, _Undeclared(name, ufunc))
            elif _declared_for(ufunc) is not None:
                setattr(Tensor, name, ours)


def install() -> None:
    """Bind operators, methods and properties to :class:`Tensor`."""
    for name, function in _OPERATORS.items():
        method = deferring.operator(function)
        setattr(Tensor, f"__{name}__", method)
        setattr(Tensor, f"__r{name}__", _reflected(method))
    for name in _IN_PLACE:
        setattr(Tensor, f"__i{name}__", assignment.in_place(name, _OPERATORS[name]))
    for name, function in _COMPARISONS.items():
        setattr(Tensor, f"__{name}__", deferring.operator(function))
    for name in _METHODS:
        setattr(Tensor, name, _with_dim(name, vars(namespace).get(name) or getattr(ops, name)))
    for name, alias in (_ALIASES | _from_namespaces()).items():
        setattr(Tensor, name, _with_dim(name, alias))
    for name in ("zeros", "ones", "full", "arange", "linspace", "eye", "rand", "randn"):
        setattr(Tensor, name, staticmethod(getattr(creation, name)))
    special: dict[str, Any] = {
        "__neg__": ops.negative,
        "__pos__": ops.positive,
        "__abs__": ops.absolute,
        "__invert__": ops.invert,
        "__getitem__": ops.index,
        "__setitem__": assignment.setitem,
        "at": property(assignment.At, doc=assignment.At.__doc__),
        "backward": backward,
        "register_hook": register_hook,
        "retain_grad": retain_grad,
        "_repr_html_": in_notebooks,
        "reshape": _shape_or_items(ops.reshape),
        "view": _shape_or_items(ops.reshape),
        "permute": _shape_or_items(ops.transpose),
        "expand": _expand,
        "broadcast_to": _shape_or_items(ops.broadcast_to),
        "transpose": _transpose,
        "flatten": _flatten,
        "flip": _flip,
        "clamp": _clamp,
        "where": _where,
        "cat": _with_dim("cat", _cat),
        "stack": _with_dim("stack", _stack),
        "einsum": staticmethod(ops.einsum),
        "tolist": _tolist,
        "copy": _copy,
        "__copy__": _dunder_copy,
        "sort": _with_dim("sort", assignment.reordering(ops.sort)),
        "partition": _with_dim("partition", assignment.reordering(namespace.partition)),
        "flat": property(assignment.flat, assignment.set_flat, doc=assignment.flat.__doc__),
        "real": property(namespace.real, doc="The real part."),
        "imag": property(namespace.imag, doc="The imaginary part."),
        "conj": ops.conj,
        "conjugate": ops.conj,
        "angle": ops.angle,
        "T": property(ops.transpose, doc="The axes reversed."),
        "mT": property(ops.matrix_transpose, doc="The last two axes swapped."),
        "mH": property(_adjoint, doc="The last two axes swapped, and conjugates."),
        "H": property(_adjoint, doc="The conjugate transpose."),
        "adjoint": _adjoint,
        "fill": _fill,
        "logdet": _logdet,
        "matrix_exp": ops.expm,
        "nbytes": property(lambda x: x.size * x.dtype.itemsize, doc="Bytes of the values."),
        "flags": property(lambda x: np.asarray(x.value).flags, doc="How the values lie in memory."),
        "itemsize": property(lambda x: x.dtype.itemsize, doc="Bytes of an element."),
    }
    for name, function in (special | array_api.METHODS).items():
        is_method = is_bare(function) and not name.startswith("_")
        setattr(Tensor, name, _with_dim(name, function) if is_method else function)
    _install_ufuncs()
