"""Tensors that share their elements with another, as NumPy's views do.

View : how a tensor is a view of its base
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np

if TYPE_CHECKING:
    from .tensor import Tensor


class View(NamedTuple):
    """How a tensor is a view of another: ``prim.call(base, *args, **params)`` is the tensor.

    ``prim`` is None of :attr:`Tensor.data`, which has all elements of its leaf.
    """

    base: Tensor
    prim: Any
    args: tuple[Any, ...]
    params: dict[str, Any]


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
