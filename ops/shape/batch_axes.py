"""Entering and leaving a batch: an axis becomes a batch axis, or a logical one again; transposes.

enter : (n, ...)             -> (...) with a batch axis of size n
leave : (...) with batch axis -> (n, ...)

``entered`` and ``left`` do so with several axes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...core import modes, signatures
from ...core.kinds import linear
from ...core.primitive import cut
from ...core.tensor import Axis, Batched, Tensor, batched, constant, record, unrecorded
from .._types import Array, ArrayLike


def _hide(x: Array, axis: Axis) -> Batched:
    """The first logical axis follows the batch axes: with a name, it is one of them."""
    raw = unrecorded(x)
    if isinstance(raw, Batched):
        return batched(raw.value, (*raw.axes, axis))
    return batched(np.asarray(raw), (axis,))


def _show(x: Array, axis: Axis) -> Array:
    raw = unrecorded(x)
    axes = raw.axes if isinstance(raw, Batched) else ()
    value = raw.value if isinstance(raw, Batched) else np.asarray(raw)
    lead = len(axes)
    if axis not in axes:  # the same for every example
        shape = value.shape[:lead] + (axis.size,) + value.shape[lead:]
        value = np.broadcast_to(np.expand_dims(value, lead), shape)
        return batched(value, axes) if axes else value
    i = axes.index(axis)
    rest = axes[:i] + axes[i + 1 :]
    value = np.moveaxis(value, i, lead - 1)
    return batched(value, rest) if rest else value


def _apply_and_record(call: Any, how: Any, x: Array, axis: Axis) -> Array:
    """Apply ``how`` off the tape, and append the node where ``x`` is on it."""
    value = how(x, axis)
    if not isinstance(x, Tensor):
        return value
    if x.prim is None or not (modes.is_recording() or modes.is_tracing()):
        return value if isinstance(value, Tensor) else constant(value)
    out = record(call.primitive, value, (unrecorded(x),), (x,), {"axis": axis})
    return out if modes.is_recording() else cut(out)


_ROW: dict[str, Any] = {
    "signature": signatures.unknown,
    "moves": True,
    "aliases": True,
}

_enter: Any = linear(
    "enter",
    lambda x, *, axis: x,
    lambda g, y, x, axis: leave(g, axis=axis),
    cases=[lambda rng: ((rng.normal(size=(3, 2)),), {"axis": Axis(3)})],
    **_ROW,
    identity=True,
    label="vmap in",
)
_leave: Any = linear(
    "leave",
    lambda x, *, axis: np.broadcast_to(x, (axis.size, *np.shape(x))),
    lambda g, y, x, axis: enter(g, axis=axis),
    cases=[lambda rng: ((rng.normal(size=(2,)),), {"axis": Axis(3)})],
    **_ROW,
    label="vmap out",
)


def enter(x: ArrayLike, *, axis: Axis) -> Array:
    """Make the first logical axis of ``x`` the batch axis ``axis``."""
    return _apply_and_record(_enter, _hide, x, axis)


def leave(x: ArrayLike, *, axis: Axis) -> Array:
    """Make the batch axis ``axis`` the first logical one; where it is missing, broadcast."""
    return _apply_and_record(_leave, _show, x, axis)


def axes_of(xs: Iterable[Any]) -> tuple[Axis, ...]:
    """The batch axes of any of these, the outermost first."""
    axes = {axis for x in xs if isinstance(x, Batched) for axis in x.axes}
    return tuple(sorted(axes, key=lambda axis: axis.time))


def left(x: ArrayLike, axes: Sequence[Axis]) -> Array:
    """Batch axes as the first logical ones, in this order."""
    for axis in reversed(axes):
        x = leave(x, axis=axis)
    return x


def entered(x: ArrayLike, axes: Sequence[Axis]) -> Array:
    """The first logical axes as batch axes: what :func:`left` undoes."""
    for axis in axes:
        x = enter(x, axis=axis)
    return x


ENTER, LEAVE = _enter.primitive, _leave.primitive

# A tangent goes through the same operation.
_enter.primitive.pushforward = lambda tangents, y, args, params: enter(tangents[0], **params)
_leave.primitive.pushforward = lambda tangents, y, args, params: leave(tangents[0], **params)
_enter.primitive.call, _leave.primitive.call = enter, leave
