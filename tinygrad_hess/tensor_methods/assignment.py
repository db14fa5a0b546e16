"""Assignment: ``x[key] = v``, ``x[key] += v``, ``x += v``, and ``x.at[key].set(v)``.

An array on a tape is never written to. An assignment computes the new value as a function of the
old one (:mod:`ops.indexing.scatter`), and the tensor object moves to the node that it made
(:mod:`core.mutation`): every name for the object sees the new value, and what was computed from it
before keeps the old one, in value and in derivative.

What is written to a view, ``x[0][1] = v`` or ``y = x.T; y[0] = v``, its base takes too. A view that
was taken before its base was written to cannot follow on a tape, and to read it is an error.

An assignment copies the array, so that filling a long one element by element costs as many copies;
``stack`` makes it one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import numpy as namespace
from .. import ops
from ..core import modes
from ..core.deferring import comes_first
from ..core.errors import describe
from ..core.mutation import move, stand_in, take_again, view_of
from ..core.primitive import snapshot
from ..core.tape import is_listed
from ..core.tensor import LEAF, Tensor, record, unrecorded
from ..core.views import READ_ONLY, View, note_view
from ..ops.indexing.index import take_pattern
from ..ops.indexing.keys import plain_pattern
from ..ops.indexing.scatter import add_at, assign, combine_at, set_at
from ..ops.shape.broadcasting import reshape
from ..transforms.recording import is_start

_ndarray = np.ndarray
special = modes.special


def setitem(self: Tensor, key: Any, value: Any) -> None:
    """``x[key] = value``: the tensor takes the new value, and derivatives flow from both.

    Under ``no_grad`` a leaf takes the value and stays a leaf.

    Raises
    ------
    TypeError
        For a leaf with ``requires_grad=True``, whose gradient would be another tensor's; for an
        argument of a function that is being differentiated or replayed, which belongs to the
        caller; and for what was computed inside such a function after this has returned.

    Notes
    -----
    A key or value may differ between the examples of a ``vmap`` if the tensor does (made from a
    mapped argument, as in ``0 * y``), and may depend on the arguments of a jitted function. A
    boolean mask may do so with a scalar value only.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> def f(v):
    ...     x = v * v
    ...     x[0] = 3 * v[1]
    ...     return x.sum()
    >>> tg.grad(f)(tg.tensor([1.0, 2.0]))
    tensor([0., 7.])
    """
    if isinstance(value, Tensor) and _is_at(value, self, key):
        return  # the second half of x[key] += v, whose first half wrote to the view
    _update(self)
    old = stand_in(self)
    write(self, old, _set(old, key, value))


def write(x: Tensor, old: Tensor, new: Any, held: bool = True) -> None:
    """Let ``x`` take a new value, computed from ``old``, its stand-in; and what it is a view of.

    Views of ``x`` follow where it was a constant.
    """
    view = view_of(x)
    if view is None:
        if x.prim is LEAF and not modes.is_recording():
            x.value = unrecorded(new)
        else:
            _refuse_fixed(x)
            move(x, old, _laid_out_as(old, new), held)
    elif view.prim is None:
        _write_data(view.base, new)
    else:
        if x.prim is not None:
            _refuse_fixed(x)
        before = stand_in(view.base)
        write(view.base, before, _put_back(before, new, view), held=False)
        take_again(x, old, view)
    _follow(x)


def _follow(x: Tensor) -> None:
    """Take all views of ``x`` again that it knows, and views of these."""
    for y in list(getattr(x, "_views", {}).values()):
        if y._view.prim is None:
            y.value = x.value
        elif y.prim is None or y.time < x.time:
            take_again(y, stand_in(y), y._view)
        _follow(y)


def _laid_out_as(x: Tensor, new: Any) -> Any:
    """``new`` in memory of its own, in the order of that of ``x``, on which views of it depend."""
    value, like = new.value, x.value
    if value.base is not None or value.strides != like.strides:
        new.value = np.empty_like(like, value.dtype, shape=value.shape)
        new.value[...] = value
    return new


def _write_data(x: Tensor, new: Any) -> None:
    if not x.is_leaf:
        raise TypeError(
            f"x.data[key] = value for a computed {describe(x)} tensor: only a leaf takes a new "
            "value. Write x[key] = value, or x = x.at[key].set(value)."
        )
    with modes.no_grad():
        write(x, stand_in(x), new)


def _update(x: Tensor) -> bool:
    """Take a view on a tape again whose base was written to since; whether that was so."""
    view = view_of(x)
    if view is None or view.prim is None:
        return False
    if view.prim is READ_ONLY:
        raise ValueError(
            f"assignment to a {describe(x)} tensor that shows the elements of a "
            f"{describe(view.base)} tensor and is read-only. To change that, write x[key] = value, "
            "or for a part of complex numbers x = value + 1j * x.imag; to change what it shows "
            "alone, write y = y.copy() first."
        )
    changed = _update(view.base) or (x.prim is not None and view.base.time > x.time)
    if changed:
        _refuse_fixed(x)
        take_again(x, stand_in(x), view)
    return changed


def _put_back(base: Tensor, new: Any, view: View) -> Any:
    """``base`` with the elements of a view replaced."""
    _, prim, args, params = view
    if prim is take_pattern.primitive and not args:
        return _set(base, params["pattern"], new)
    if new.size == base.size:
        return prim.vjps[0](new, new, base, *args, **params)  # the transpose moves them back
    numbers = np.arange(base.size).reshape(base.shape)
    positions = prim.fn(numbers, *args, **params)
    return set_at(base, np.unravel_index(positions, base.shape), new)


def _is_at(value: Tensor, x: Tensor, key: Any) -> bool:
    """Whether a tensor is the view ``x[key]`` as it is now."""
    view = view_of(value)
    if view is None or view.base is not x or view.prim is not take_pattern.primitive or view.args:
        return False
    same = plain_pattern(key, x.ndim) == view.params["pattern"]
    return same and (value.prim is None or value.time > x.time)


def _set(x: Any, key: Any, value: Any) -> Any:
    """``x`` after ``x[key] = value``, as a new tensor."""
    new = _set_by_slices(x, key, value)
    return set_at(x, key, namespace.asarray(value)) if new is None else new


def _set_by_slices(x: Any, key: Any, value: Any) -> Tensor | None:
    """:func:`_set` for a key of integers and slices and a value of the same dtype; else None.

    :func:`set_at` gives the same, and costs several times as much.
    """
    if type(x) is not Tensor or special[0] or type(x.value) is not _ndarray or x.prim is None:
        return None
    before = x.value
    pattern = plain_pattern(key, before.ndim)
    if pattern is None:
        return None
    parent = None
    kind = type(value)
    if kind is Tensor:
        if value.prim is not None:
            parent = value
        value = value.value
    elif kind is _ndarray:
        value = snapshot(value)
    elif kind in _NUMBERS and before.dtype.kind == "f":
        value = before.dtype.type(value)
    else:
        return None
    try:
        replaced = before[pattern]
    except IndexError:  # set_at says more
        return None
    if value.dtype != before.dtype:
        return None
    if value.shape != replaced.shape:
        if parent is not None or value.shape:
            return None
        number, value = value, np.empty(replaced.shape, before.dtype)
        value.fill(number)
    after = before.copy()
    after[pattern] = value
    return record(_ASSIGN, after, (before, value), (x, parent), {"pattern": pattern})


_NUMBERS = (float, int, np.float64, np.float32)
_ASSIGN = assign.primitive


def _refuse_fixed(x: Tensor) -> None:
    """Refuse to move what others count on."""
    if x.prim is LEAF:
        what = (
            "a leaf with requires_grad=True cannot be changed in place: its gradient would be that "
            "of another value. For an update, use tg.no_grad(); else"
        )
    elif is_start(x):
        what = (
            "an argument of a function that is being differentiated or replayed cannot be changed "
            "in place: it is the caller's. So"
        )
    elif is_listed(x):
        what = (
            "it was computed in a recording that has ended, and cannot be changed in place: a "
            "derivative to come may still go through it. So"
        )
    else:
        return
    raise TypeError(
        f"x[key] = value for a {describe(x)} tensor: {what} write x = x.copy() first, or "
        "y = x.at[key].set(value), or np.where(mask, value, x)."
    )


def in_place(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The method of ``x += v`` and its like, from the function of ``x + v``."""

    def method(self: Tensor, other: Any) -> Any:
        if comes_first(other):
            return NotImplemented
        if self.prim is LEAF and not modes.is_recording():
            value = function(self.value, unrecorded(other))
            if np.shape(value) != self.shape:
                raise ValueError(f"{name}: a leaf {describe(self)} cannot become {describe(value)}")
            write(self, self, np.asarray(value, self.dtype)[()])
            return self
        # a number is no array: NumPy too gives the name another one
        if not self.shape or self.prim is LEAF or is_start(self):
            return function(self, other)
        if is_listed(self) and view_of(self) is None:
            return function(self, other)
        _update(self)
        old = stand_in(self)
        new = function(old, other)
        if new.shape != self.shape:
            raise ValueError(
                f"{name}: {describe(self)} in place cannot become {describe(new)}, which the other "
                f"operand {describe(other)} broadcasts to. Write x = x {_SIGNS[name]} y."
            )
        if not np.can_cast(new.dtype, self.dtype, "same_kind"):
            raise TypeError(
                f"{name}: {describe(self)} in place cannot hold {describe(new)}. Write "
                f"x = x {_SIGNS[name]} y, or convert it first, as in x.astype(float)."
            )
        write(self, old, new if new.dtype == self.dtype else ops.astype(new, self.dtype))
        return self

    method.__doc__ = (
        f"``x {_SIGNS[name]}= y``: the tensor takes the new value; one without axes, a leaf, or an "
        f"argument stays, and the name is given to ``x {_SIGNS[name]} y``."
    )
    return method


_SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "mod": "%", "floordiv": "//",
    "and": "&", "or": "|", "xor": "^", "matmul": "@", "lshift": "<<", "rshift": ">>",
}  # fmt: skip


def reordering(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method of an array that reorders it in place, from the function that gives a copy."""
    name = function.__name__

    @functools.wraps(function)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> None:
        if (self.prim is LEAF and modes.is_recording()) or is_start(self):
            raise TypeError(
                f"x.{name}() of a {describe(self)} tensor: it works in place, as in NumPy, but a "
                "leaf, or an argument of a function that is being differentiated or replayed, "
                f"cannot be changed. Write x = np.{name}(x)."
            )
        self[...] = function(self, *args, **kwargs)

    method.__doc__ = f"Do it in place, as in NumPy; ``np.{name}`` gives a new tensor."
    return method


def flat(self: Tensor) -> Tensor:
    """All elements along one axis, row by row; what is assigned to them, the tensor takes."""
    out: Tensor = ops.ravel(self)
    if out is not self and view_of(out) is None:  # NumPy copies only for ravel
        note_view(out, View(self, reshape.primitive, (), {"shape": out.shape}))
    return out


def set_flat(self: Tensor, value: Any) -> None:
    namespace.put(self, np.arange(self.size), value)


class At:
    """``x.at[key]``: updates of some elements that give a new tensor, as in JAX.

    Unlike ``x[key] = v`` they work on leaves and arguments too. A position that is named twice is
    updated twice, and of ``set`` the last value stays; an index out of bounds is an error.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> x = tg.tensor([1.0, 2.0, 3.0])
    >>> x.at[1:].multiply(10.0)
    tensor([ 1., 20., 30.])
    >>> x.at[[0, 0]].add(1.0)
    tensor([3., 2., 3.])
    """

    __slots__ = ("_key", "_x")

    def __init__(self, x: Any, key: Any = None):
        self._x, self._key = x, key

    def __getitem__(self, key: Any) -> At:
        return At(self._x, (key,) if not isinstance(key, tuple) else key)

    def __repr__(self) -> str:
        chosen = "" if self._key is None else ", key chosen"
        return f"<At of {describe(self._x)}{chosen}; set, add, ... give a new tensor>"

    def get(self) -> Any:
        """``x[key]``."""
        return ops.index(self._x, self._checked_key())

    def set(self, value: Any) -> Any:
        """``x`` after ``x[key] = value``."""
        return _set(self._x, self._checked_key(), value)

    def add(self, value: Any) -> Any:
        """``x`` after ``x[key] += value``, repeated positions adding up."""
        return add_at(self._x, self._checked_key(), namespace.asarray(value))

    def multiply(self, value: Any) -> Any:
        """``x`` after ``x[key] *= value``, repeated positions multiplying."""
        return self._combine(value, ops.multiply)

    def divide(self, value: Any) -> Any:
        """``x`` after ``x[key] /= value``, repeated positions dividing."""
        return self._combine(value, ops.divide)

    def power(self, value: Any) -> Any:
        """``x`` after ``x[key] **= value``, repeated positions one after the other."""
        return self._combine(value, ops.power)

    def min(self, value: Any) -> Any:
        """``x`` after ``x[key] = minimum(x[key], value)``; ties share the derivative."""
        return self._combine(value, ops.minimum)

    def max(self, value: Any) -> Any:
        """``x`` after ``x[key] = maximum(x[key], value)``; ties share the derivative."""
        return self._combine(value, ops.maximum)

    def _combine(self, value: Any, function: Callable[..., Any]) -> Any:
        return combine_at(self._x, self._checked_key(), namespace.asarray(value), function)

    def _checked_key(self) -> Any:
        if self._key is None:
            raise TypeError("x.at needs a key: write x.at[key].set(value); x.at[...] is all of x")
        return self._key
