"""Functions inside a jit whose arrays have other shapes in each replay.

A plan promises static shapes, which the steps of an adaptive solver do not have. A node of this
kind is called as it is in each replay, and plans what it calls by itself, once for each shape. Its
derivatives are nodes of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import trees
from ..core.composite import Opaque, append
from ..core.tensor import Parts, unrecorded
from ..ops.shape.batch_axes import axes_of, entered, left
from ..replay.jitted import Jitted
from ..transforms.gradients import jvp, vjp

Function = Callable[..., list[Any]]
"""``f(*leaves) -> leaves``."""


class Replanned(Opaque):
    """``f`` as one node, planned for the shapes that come.

    Parameters
    ----------
    name : str
    f : callable
        From leaves to leaves, in operations of the library.
    """

    def __init__(self, name: str, f: Function):
        super().__init__(name, lambda *raw: Parts(planned(*raw)))
        planned = Jitted(f, pure=True)
        self.f = f
        self.pullback, self.pushforward = self._pullback, self._pushforward

    def __call__(self, operands: Sequence[Any]) -> list[Any]:
        axes = axes_of(operands)
        if not axes:
            return list(append(self, operands, self.fn(*map(unrecorded, operands))))
        whole = lambda *xs: [left(y, axes) for y in self.f(*[entered(x, axes) for x in xs])]
        found = Replanned(self.name, whole)([left(x, axes) for x in operands])
        return [entered(y, axes) for y in found]

    def _pullback(self, g: Any, y: Any, operands: Any, params: Any) -> list[Any]:
        at = [i for i, x in enumerate(operands) if x.dtype.kind in "fc"]
        given = [i for i, c in enumerate(g) if c is not None]
        n = len(operands)

        def pull(*leaves: Any) -> list[Any]:
            moving = lambda *xs: [self.f(*trees.replaced(leaves[:n], at, xs))[i] for i in given]
            return list(vjp(moving, *[leaves[i] for i in at])[1](list(leaves[n:])))

        found = Replanned(f"{self.name}, transposed", pull)([*operands, *[g[i] for i in given]])
        return trees.replaced([None] * n, at, found)

    def _pushforward(self, ts: Any, y: Any, operands: Any, params: Any) -> Parts:
        at = [i for i, t in enumerate(ts) if t is not None and operands[i].dtype.kind in "fc"]
        n = len(operands)

        def push(*leaves: Any) -> list[Any]:
            moving = lambda *xs: self.f(*trees.replaced(leaves[:n], at, xs))
            return list(jvp(moving, [leaves[i] for i in at], list(leaves[n:]))[1])

        return Parts(Replanned(f"tangent of {self.name}", push)([*operands, *[ts[i] for i in at]]))
