"""Tensors that share their elements with another, as NumPy's views do.

View        : how a tensor is a view of its base
read_only   : what shows the elements of another and cannot be written to
one_element : an array that shows one element at all places
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np

if TYPE_CHECKING:
    from .tensor import Tensor


class View(NamedTuple):
    """How a tensor is a view of another: ``prim.call(base, *args, **params)`` is the tensor.

    ``prim`` is None of :attr:`Tensor.data`, which has all elements of its leaf, and
    :data:`READ_ONLY` where no assignment goes through.
    """

    base: Tensor
    prim: Any
    args: tuple[Any, ...]
    params: dict[str, Any]


READ_ONLY: Any = object()
"""Stands for the primitive of a view that cannot be written to."""


def read_only(x: Any, base: Any) -> Any:
    """``x``, noted as a view of ``base`` that cannot be written to; an array as it is."""
    if hasattr(x, "parents") and hasattr(base, "parents") and x is not base:
        x._view = View(base, READ_ONLY, (), {})
    return x


def note_view(x: Tensor, view: View) -> None:
    """Note that ``x`` is a view, and of what; the base knows it as long as it lives."""
    x._view = view
    if not hasattr(view.base, "_views"):
        view.base._views = WeakValueDictionary()
    view.base._views[id(x)] = x


def shares_memory(x: Tensor, base: Any) -> bool:
    """Whether ``x`` is a part of ``base``: a number is none, nor is what repeats elements.

    Nor is an argument of a function that vmap maps, which has other batch axes.
    """
    if not x.ndim or not hasattr(base, "shape") or x.size > base.size:
        return False
    if getattr(x, "axes", ()) != getattr(base, "axes", ()):
        return False
    return np.may_share_memory(x.value, getattr(base, "value", base))


def one_element(value: Any) -> Any:
    """An array of the same shape and type, or a tuple of them, with the memory of one element.

    Integers, which may be indices, stay as they are.

    Examples
    --------
    >>> one_element(np.arange(6.0).reshape(2, 3) + 1).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    if isinstance(value, tuple):
        return type(value)(map(one_element, value))
    if isinstance(value, np.ndarray) and value.dtype.kind in "fc" and value.size > 1:
        return np.broadcast_to(value[(0,) * value.ndim], value.shape)
    return value
