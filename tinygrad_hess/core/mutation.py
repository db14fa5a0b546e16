"""Tensors that moved: what an assignment leaves behind on the tape.

    move    : (tensor, result)  -> None      the tensor becomes the result; its old node stays
    relink  : (outputs, floor)  -> None      operands recorded before a move point to the old node
    view_of : tensor            -> View      the tensor of which it is a view

``x[i] = v`` cannot rebind the name ``x``, so the tensor object itself moves to a new node. What was
recorded before holds the same object as its operand. Times tell: an operand is older than what
was computed from it, so one that is not has moved since, and the node that it was then is looked
up.

A view is a node that NumPy too would give as a view: an index by slices, a reshape, a transpose.
What is written to it, its base takes (:mod:`tensor_methods.assignment`). The other way, views of
constants follow, and views on a tape stay what they were; to read one after its base was written
to there is an error, since NumPy's would have changed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakValueDictionary, ref

import numpy as np

from . import modes
from .errors import TapeReleasedError, describe
from .primitive import STOP, Primitive
from .tensor import Batched, Tensor, record, unrecorded
from .views import READ_ONLY, View, note_view, shares_memory

EARLIER: WeakValueDictionary[int, Tensor] = WeakValueDictionary()
"""The node that a moved tensor was, by the time of what it is now."""

MOVED: WeakValueDictionary[int, Tensor] = WeakValueDictionary()
"""Tensors that moved, by their ids. While there are none, operands are what they were."""

_NOTES = ("_hooks", "_name", "_scope", "_where")


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


def move(x: Tensor, old: Tensor, new: Any, held: bool = True) -> None:
    """Let ``x`` become ``new``, which was computed from ``old``, the stand-in for what it was.

    ``held`` says whether ``new`` has ``old`` among what it was computed from.

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
        if hasattr(x, "_earlier"):
            old._earlier = x._earlier
        if not held:
            x._earlier = old
        EARLIER[x.time], MOVED[id(x)] = old, x
        old._moved = x.time, ref(x)
        # at once: what it was computed from would hold it, and it that
        relink([x], old.time, views=False)


def take_again(x: Tensor, old: Tensor, view: View) -> None:
    """Let a view become what it is of its base now; ``old`` stands in for what it was."""
    base, prim, args, params = view
    move(x, old, prim.call(base, *args, **params), held=False)
    if not modes.is_recording() or hasattr(x, "_view"):
        note_view(x, view)


def relink(outputs: Iterable[Tensor], floor: int, views: bool = True) -> None:
    """Point what outputs were computed from, since ``floor``, to operands as they were then.

    With ``views``, look out for views that had been written to elsewhere when they were read.

    Raises
    ------
    TapeReleasedError
        When an earlier ``backward`` released what a moved tensor was.
    TypeError
        When a view was read after its base was written to.
    """
    stack = [y for y in outputs if y.prim is not None]
    seen = {y.time for y in stack}
    reads = [(sys.maxsize, y) for y in stack if views and _is_view(y)]
    sweeps: list[tuple[int, int]] = []
    while stack:
        node = stack.pop()
        made, parents = node.time, node.parents
        if any([p is not None and p.time >= made for p in parents]):
            parents = tuple([p if p is None else _as_of(p, made) for p in parents])
            node.parents = parents
        if node.params and "until" in node.params:  # the seed of a sweep
            sweeps.append((made, node.params["until"] or sys.maxsize))
        for p in parents:
            if p is not None:
                if views and _is_view(p):
                    reads.append((made, p))
                if p.time > floor and p.time not in seen:
                    seen.add(p.time)
                    stack.append(p)
    if reads:
        _refuse_stale(reads, sweeps)


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


# ---- views ---------------------------------------------------------------------------------------


def view_of(x: Tensor) -> View | None:
    """The tensor, as it is now, of which ``x`` is a view; None where NumPy's ``x`` is no view."""
    if hasattr(x, "_view"):
        return x._view
    if not _is_view(x):
        return _repeating(x)
    base: Any = x.parents[0]
    if hasattr(base, "_moved"):
        base = base._moved[1]()
        if base is None:
            raise TypeError(
                f"a {describe(x)} tensor, a view of another that was assigned to since, cannot be "
                "changed in place. Write x = x.copy() first, where x is the view."
            )
    prim: Any = x.prim
    return View(base, prim, x.args[1:], x.params or {})


def _is_view(x: Tensor) -> bool:
    """Whether the node is a view of its first operand."""
    prim: Any = x.prim
    return (
        type(prim) is Primitive
        and prim.makes_views
        and x.parents[0] is not None
        and not hasattr(x, "_view")
        and shares_memory(x, x.args[0])
    )


def _repeating(x: Tensor) -> View | None:
    """How it is a view that shows elements of its first operand several times, if it is one."""
    prim: Any = x.prim
    if type(prim) is not Primitive or not prim.makes_views:
        return None
    base = x.parents[0]
    return View(base, READ_ONLY, (), {}) if base is not None and x.size > base.size else None


def _refuse_stale(reads: list[tuple[int, Tensor]], sweeps: list[tuple[int, int]]) -> None:
    """Raise an error if a view was read, but by a sweep, after it had been written to elsewhere."""
    histories: dict[int, _History] = {}
    for time, x in sorted(reads, key=lambda read: read[0]):
        views = [x]
        while _is_view(views[-1]):
            views.append(_as_of(views[-1].parents[0], views[-1].time))  # type: ignore[arg-type]
        root = views.pop()
        if not hasattr(root, "_moved") or root._moved[0] >= time:
            continue
        if any(first <= time <= last for first, last in sweeps):
            continue
        written = root._moved[1]()
        history = histories.setdefault(id(written), _History(written))
        if root.time < history.first or history.has_written(views, time):
            raise TypeError(
                f"a {describe(x)} tensor, a view of a {describe(root)} tensor, was read after that "
                "was assigned to. NumPy's view would have changed with it. Take the view again "
                "after the assignment; or, for the values before it, a copy: r = y[0].copy()."
            )


class _History:
    """When each element of a tensor was last written to, from its first node to a later time."""

    def __init__(self, x: Tensor | None):
        self.later: list[Tensor] = []
        while x is not None:
            self.later.append(x)
            x = EARLIER.get(x.time)
        if not self.later:  # nobody holds it any more
            self.first = sys.maxsize
            return
        first = self.later.pop()
        self.first = self.now = first.time
        self.times = np.zeros(first.shape, np.int64)

    def has_written(self, views: Sequence[Tensor], time: int) -> bool:
        """Whether elements in the last of ``views`` were written to after that, until ``time``."""
        while self.later and self.later[-1].time < time:
            node = self.later.pop()
            self.times, self.now = self._after(node, node.time), node.time
        seen = self.times
        for view in reversed(views):
            seen = on_integers(view, seen, ())
        return bool((seen > views[-1].time).any())

    def _after(self, node: Tensor, time: int) -> Any:
        """The times of the node's elements; what it takes from elsewhere is written at ``time``."""
        if node.time == self.now:
            return self.times
        prim: Any = node.prim
        first = node.parents[0] if node.parents else None
        moves = type(prim) is Primitive and prim.moves and prim.vjps
        if not moves or first is None or any(isinstance(a, Batched) for a in node.args[2:]):
            return np.full(node.shape, time)
        rest = zip(node.args[1:], prim.vjps[1:], strict=False)
        others = [a if rule is None else np.full(np.shape(a), time) for a, rule in rest]
        return on_integers(node, self._after(first, time), others)


def on_integers(node: Tensor, x: Any, others: Sequence[Any] = ()) -> Any:
    """What a node that moves elements does with integers."""
    prim: Any = node.prim
    return np.asarray(prim.fn(x, *(others or node.args[1:]), **(node.params or {})))
