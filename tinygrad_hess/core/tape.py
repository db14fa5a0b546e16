"""A tape: what lies between the starts of a recording and its outputs, in order.

    Tape : (roots, starts) -> nodes

Tensors hold their own history, so a tape is read, not kept: every node that can be reached from the
roots, sorted by time. No topological sort, no recursion, no depth limit.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

import numpy as np

from .mutation import MOVED, relink
from .tensor import Tensor, released, tick


class Tape:
    """The nodes between ``starts`` and ``roots``, in the order of their recording.

    Parameters
    ----------
    roots : tensors
        The outputs.
    starts : tensors, optional
        Where to stop reading, oldest first; without them, the tape is read back to its leaves.

    Attributes
    ----------
    nodes : list of Tensor
        Everything from which the roots were computed since the first start, starts excluded.
    outside : bool
        Whether something older was used too, or a start itself comes from another recording.
        Then a sweep over this tape can itself be differentiated, and must be recorded.
    active : set of int, or None
        Times of the starts and of the nodes, where something lies outside; a sweep stays within.
    """

    __slots__ = ("_last_uses", "active", "nodes", "outside", "roots", "starts")

    def __init__(self, roots: Sequence[Tensor], starts: Sequence[Tensor] = ()):
        floor = starts[0].time - 1 if starts else 0
        if MOVED:
            relink(roots, floor)
        outside = False
        found: dict[int, Tensor | None] = {}
        for start in starts:
            found[start.time] = None
            if start.parents:
                outside = True
        stack: list[Tensor] = []
        for root in roots:
            if root.prim is not None and root.time not in found:
                if root.time > floor:
                    found[root.time] = root
                    stack.append(root)
                else:
                    outside = True
        pop, push = stack.pop, stack.append
        while stack:
            for parent in pop().parents:
                if parent is not None:
                    time = parent.time
                    if time not in found:
                        if time > floor:
                            found[time] = parent
                            push(parent)
                        else:
                            outside = True
        self.nodes: list[Tensor] = [n for t in sorted(found) if (n := found[t]) is not None]
        self.roots, self.starts = roots, starts
        self.outside = outside
        self.active: set[int] | None = None
        if starts and outside:
            self._keep_what_depends_on_starts()
        self._last_uses: list[list[int]] | None = None
        if starts:
            _note_end(starts[0].time)

    def _keep_what_depends_on_starts(self) -> None:
        """Drop nodes that were computed from what lies outside alone: no sweep visits them."""
        self.active = active = {s.time for s in self.starts}
        kept = []
        for node in self.nodes:
            if any(p is not None and p.time in active for p in node.parents):
                active.add(node.time)
                kept.append(node)
        self.nodes = kept

    @property
    def nbytes(self) -> int:
        """Bytes of all values on it."""
        return sum(getattr(node.value, "nbytes", 0) for node in self.nodes)

    def freeze(self) -> None:
        """Let nobody write to the values, so that what reads them later need not copy them."""
        for node in self.nodes:
            value = node.value
            if isinstance(value, np.ndarray) and value.base is None:
                value.flags.writeable = False

    def release(self) -> None:
        """Cut the tape: free what rules would have read; later derivatives are an error."""
        for node in self.nodes:
            if node.parents:
                released(node)

    def last_uses(self, keep: set[int]) -> list[list[int]]:
        """For each node, the times of the parents that no later node reads (``keep`` excepted)."""
        if self._last_uses is None:
            seen = set(keep)
            uses: list[list[int]] = []
            for node in reversed(self.nodes):
                done = []
                for parent in node.parents:
                    if parent is not None and parent.time not in seen:
                        seen.add(parent.time)
                        done.append(parent.time)
                uses.append(done)
            uses.reverse()
            self._last_uses = uses
        return self._last_uses


# ---- recordings that have ended ------------------------------------------------------------------

_REMEMBERED = 1024


class _Recordings(threading.local):
    """First and last times of this thread's latest recordings, none inside another."""

    def __init__(self) -> None:
        self.times: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)


_ended = _Recordings()


def _note_end(began: int) -> None:
    """Note that a recording which began at a time is on a tape now."""
    times = _ended.times
    while times and times[-1][0] >= began:
        times.pop()
    if times and times[-1][1] + 1 == began:  # nothing was recorded in between: one interval
        began = times.pop()[0]
    times.append((began, tick()))


def is_listed(x: Tensor) -> bool:
    """Whether a tape may list ``x``: it was computed in a recording that has ended, or long ago.

    A transform may keep its tape, for pullbacks to come, so such a tensor cannot become another
    node (:mod:`core.mutation`).
    """
    times = _ended.times
    if x.prim is None or not times or x.time > times[-1][1]:
        return False
    forgotten = len(times) == _REMEMBERED and x.time < times[0][0]
    return forgotten or any(first <= x.time <= last for first, last in times)
