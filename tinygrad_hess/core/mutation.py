"""Tensors that moved: what an assignment leaves behind on the tape.

    move   : (tensor, result)   -> None      the tensor becomes the result; its old node stays
    relink : (outputs, floor)   -> None      operands recorded before a move point to the old node

``x[i] = v`` cannot rebind the name ``x``, so the tensor object itself moves to a new node. What was
recorded before holds the same object as its operand. Times tell: an operand is older than what
was computed from it, so one that is not has moved since, and the node that it was then is looked
up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary

from .errors import TapeReleasedError, describe
from .primitive import STOP
from .tensor import Batched, Tensor, record, unrecorded

EARLIER: WeakValueDictionary[int, Tensor] = WeakValueDictionary()
"""The node that a moved tensor was, by the time of what it is now."""

MOVED: WeakValueDictionary[int, Tensor] = WeakValueDictionary()
"""Tensors that moved, by their ids. While there are none, operands are what they were."""

_NOTES = ("_name", "_scope", "_where")


def stand_in(x: Tensor) -> Tensor:
    """A tensor for the node that ``x`` is now, to compute from while ``x`` itself moves on."""
    old: Tensor = object.__new__(type(x))
    _become(old, x)
    for note in _NOTES:
        if hasattr(x, note):
            setattr(old, note, getattr(x, note))
    return old


def _become(x: Tensor, new: Tensor) -> None:
    """Give ``x`` the node of ``new``, slot by slot: a loop over their names takes three times as
    long."""
    x.value, x.prim, x.args = new.value, new.prim, new.args
    x.parents, x.params, x.time = new.parents, new.params, new.time
    if type(x) is Batched:
        x.axes = new.axes


def move(x: Tensor, old: Tensor, new: Any) -> None:
    """Let ``x`` become ``new``, which was computed from ``old``, the stand-in for what it was.

    Raises
    ------
    TypeError
        When ``new`` has a different value for each example of a vmap, and ``x`` has one for all.
    """
    if isinstance(new, Batched) and not isinstance(x, Batched):
        raise TypeError(
            f"a {describe(x)} tensor that is the same for all examples of a vmap cannot take "
            "values that differ between them in place. Write x = x.at[key].set(value), or make it "
            "from a mapped argument, as in 0 * y."
        )
    if old.prim is not None and new.prim is None:  # under no_grad: what was recorded keeps its link
        value = unrecorded(new)
        new = record(STOP, value, (value,), (old,))
    _become(x, new)
    if hasattr(new, "_where"):
        x._where = new._where
    if old.prim is not None:
        EARLIER[x.time], MOVED[id(x)] = old, x
        relink([x], old.time)  # at once: what it was computed from would hold it, and it that


def relink(outputs: Iterable[Tensor], floor: int) -> None:
    """Point what outputs were computed from, since ``floor``, to operands as they were then.

    Raises
    ------
    TapeReleasedError
        When an earlier ``backward`` released what a moved tensor was.
    """
    stack = [y for y in outputs if y.prim is not None]
    seen = {y.time for y in stack}
    while stack:
        node = stack.pop()
        made, parents = node.time, node.parents
        if any([p is not None and p.time >= made for p in parents]):
            parents = tuple([p if p is None else _as_of(p, made) for p in parents])
            node.parents = parents
        for p in parents:
            if p is not None and p.time > floor and p.time not in seen:
                seen.add(p.time)
                stack.append(p)


def _as_of(x: Tensor, time: int) -> Tensor:
    """The node that ``x`` was at a time."""
    while x.time >= time and x.parents:  # a leaf that became one again is as young, and itself
        earlier = EARLIER.get(x.time)
        if earlier is None:
            raise TapeReleasedError(
                f"a derivative was asked through a {describe(x)} tensor that was assigned to "
                "since, and an earlier backward() released what it was. Call "
                "backward(retain_graph=True) the first time, or compute the loss again."
            )
        x = earlier
    return x
