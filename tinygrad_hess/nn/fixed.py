"""Arrays of a model that are not trained: frozen ones, and buffers that a forward pass assigns.

    Frozen : stays what it is           Buffer : running statistics, counters, random state

Both travel with the model (flatten, copy, ``jit``, ``vmap``) and are no parameters: derivatives in
them are None, and neither optimisers nor curvature see them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..core import arguments, modes, trees
from ..core.errors import TracingError, describe
from ..core.tensor import Tensor, tensor_or_array, unrecorded


class _Array(trees.Fixed):
    """A fixed array that plain pytrees hold; it works in operators, and has an array's methods."""

    __array_ufunc__ = None  # operators ask us, whatever stands on the other side

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.value, dtype=dtype, copy=copy)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "value":
            raise AttributeError(name)
        return getattr(self.value, name)

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __len__(self) -> int:
        return len(self.value)

    def __neg__(self) -> Any:
        return -self.value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({None if self.value is None else describe(self.value)})"


def _unwrapped(x: Any) -> Any:
    return x.value if isinstance(x, _Array) else x


def _forward(function: Callable[[Any, Any], Any]) -> Any:
    return lambda self, other: function(self.value, _unwrapped(other))


def _reflected(function: Callable[[Any, Any], Any]) -> Any:
    return lambda self, other: function(_unwrapped(other), self.value)


for _name in (
    "__add__", "__sub__", "__mul__", "__truediv__", "__floordiv__", "__mod__", "__pow__",
    "__matmul__",
):  # fmt: skip
    setattr(_Array, _name, _forward(getattr(operator, _name)))
    setattr(_Array, f"__r{_name[2:]}", _reflected(getattr(operator, _name)))


class Frozen(_Array):
    """An array of a plain pytree that is not trained; :func:`freeze` makes it.

    It stands in operators for its array, which is ``.value``; functions of NumPy take ``.value``.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import nn
    >>> params = {"w": np.array([1.0, 2.0]), "scale": nn.Frozen(np.array(3.0))}
    >>> tg.grad(lambda p: (p["w"] * p["scale"]).sum())(params)
    {'w': array([3., 3.]), 'scale': Frozen(None)}
    """


class Buffer(_Array):
    """An array of a model that a forward pass may assign, and that is not trained.

    As a field of a :class:`Module`, ``self.mean = nn.Buffer(array)``, it is read and assigned as
    the array itself: ``self.mean = 0.9 * self.mean + 0.1 * x.mean(0)``. No derivative flows through
    what is assigned. In a plain pytree, read and assign ``.value``.

    A function that is differentiated or jitted is given a copy of the model. It returns the copy to
    keep what was assigned: ``value_and_grad(loss, has_aux=True)`` of a loss that returns
    ``(value, model)``. :func:`tinygrad_hess.optim.fit` does so by itself.

    Parameters
    ----------
    value : array_like
        Of any type: statistics, counts, the state of a generator.

    Raises
    ------
    ValueError
        When what is assigned has another shape.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import nn
    >>> class Centred(nn.Module):
    ...     def __init__(self, n):
    ...         self.scale, self.mean = np.ones(n), nn.Buffer(np.zeros(n))
    ...
    ...     def __call__(self, x):
    ...         self.mean = 0.5 * self.mean + 0.5 * x.mean(axis=0)
    ...         return (x - self.mean) * self.scale
    >>> def loss(model, x):
    ...     return (model(x) ** 2).sum(), model
    >>> model, x = Centred(2), np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> gradient, after = tg.grad(loss, has_aux=True)(model, x)
    >>> print(gradient.mean, after.mean, model.mean)
    None [1.  1.5] [0. 0.]
    """

    is_buffer = True

    def __init__(self, value: Any, owner: Any = None, name: str = ""):
        if value is not None and not isinstance(value, Tensor) and owner is None:
            value = arguments.array("Buffer", "value", value)[()]  # a number is no array of none
        super().__init__(value, owner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "value" and "value" in self.__dict__:
            value = assigned(self.value, value, "Buffer: value")
        super().__setattr__(name, value)


trees.register_fixed(Frozen)
trees.register_fixed(Buffer)


def assigned(old: Any, new: Any, what: str) -> Any:
    """What a buffer keeps of a value that it is given: its numbers, on no tape but that of jit."""
    new = tensor_or_array(new)
    if new.shape != old.shape or new.dtype.kind == "O":
        raise ValueError(
            f"{what} is a buffer of shape {old.shape}, and is assigned {describe(new)}; a buffer "
            "keeps its shape"
        )
    if isinstance(new, Tensor) and new.prim is not None and modes.is_tracing():
        if not isinstance(old, Tensor):
            raise TracingError(
                f"{what} is a buffer of a model that jit does not see, since the function closes "
                "over it; what is assigned would be lost. Pass the model as an argument, and "
                "return it."
            )
        new = ops.stop_gradient(new)
        return new if new.dtype == old.dtype else ops.astype(new, old.dtype)
    new = unrecorded(new)
    if type(new) is Tensor or not isinstance(new, Tensor):
        new = np.asarray(new.value if isinstance(new, Tensor) else new)[()]
    return new if new.dtype == old.dtype else ops.astype(new, old.dtype)
