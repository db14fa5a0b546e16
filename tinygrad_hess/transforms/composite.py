"""A whole function as one node of the tape, with derivatives of its own.

bundle : operands -> Parts       pick : Parts -> one output
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import modes, trees
from ..core.errors import NonDifferentiableError
from ..core.tensor import Batched, Parts, Tensor, record, unrecorded

Cotangents = Sequence[Any]


class Composite:
    """The primitive of such a node. Rules see what a primitive's rules see."""

    kind = "composite"
    vjps = accumulate = None

    def __init__(
        self,
        name: str,
        fn: Callable[..., Sequence[Any]],
        pullback: Callable[..., Any],
        pushforward: Callable[..., Any],
    ):
        self.name = self.label = name
        self.fn, self.pullback, self.pushforward = fn, pullback, pushforward


class Opaque(Composite):
    """A composite that is called as it is wherever it is replayed, and never differentiated."""

    def __init__(self, name: str, fn: Callable[..., tuple[Any, ...]]):
        super().__init__(name, fn, self._refuse, self._refuse)

    def _refuse(self, *args: Any) -> Any:
        raise NonDifferentiableError(f"{self.name} is not differentiated")


class _Pick:
    """The primitive that takes one part out of a bundle."""

    name = label = "pick"
    kind = "linear"
    pullback = accumulate = None

    @staticmethod
    def _put(g: Any, y: Any, parts: Any, *, part: int) -> Parts:
        whole = parts.value if isinstance(parts, Tensor) else parts
        return Parts(g if i == part else None for i in range(len(whole)))

    vjps = (_put,)

    @staticmethod
    def pushforward(tangents: Any, y: Any, args: Any, params: Any) -> Any:
        return tangents[0][params["part"]]


PICK: Any = _Pick()


def opaque(name: str, fn: Callable[..., tuple[Any, ...]], args: Sequence[Any]) -> list[Any]:
    """Append ``fn(*args)``, from raw arrays to new ones, as one node that replay calls as it is."""
    held = tuple(unrecorded(x) for x in args)
    if any(isinstance(x, Batched) for x in held):
        raise NonDifferentiableError(f"{name} does not work on the examples of a vmap")
    values = Parts(fn(*held))
    parents = tuple(x if isinstance(x, Tensor) and x.prim is not None else None for x in args)
    bundle = record(Opaque(name, fn), values, held, parents)
    return [record(PICK, v, (values,), (bundle,), {"part": i}) for i, v in enumerate(values)]


def call(
    name: str,
    f: Callable[..., Any],
    args: Sequence[Any],
    pullback: Callable[..., Any],
    pushforward: Callable[..., Any],
) -> Any:
    """Call ``f(*args)`` off the tape and append it as one node, if anything is on the tape.

    ``pullback(cotangents, operands)`` and ``pushforward(tangents, operands)`` work on leaves;
    ``operands`` are all leaves of ``args``. Missing cotangents and tangents are None.
    """
    leaves, spec = trees.flatten(tuple(args))
    on_tape = any(isinstance(x, Tensor) and x.prim is not None for x in leaves)
    if not on_tape or not modes.is_recording():
        return f(*args)
    held = tuple(unrecorded(x) for x in leaves)
    out, out_spec = trees.flatten(f(*trees.unflatten(spec, held)))
    if any(isinstance(y, Tensor) and y.prim is not None for y in out):
        raise NonDifferentiableError(
            f"{name}: the function captured a recorded tensor, whose derivative would be lost. "
            "Pass it as an argument."
        )
    values = Parts(unrecorded(y) for y in out)
    parents = tuple(x if isinstance(x, Tensor) and x.prim is not None else None for x in leaves)
    prim: Any = Composite(
        name,
        lambda *operands: trees.leaves(f(*trees.unflatten(spec, operands))),
        lambda g, y, operands, params: pullback(g, operands),
        lambda ts, y, operands, params: Parts(pushforward(ts, operands)),
    )
    bundle = record(prim, values, held, parents)
    picked = [record(PICK, v, (values,), (bundle,), {"part": i}) for i, v in enumerate(values)]
    return trees.unflatten(out_spec, picked)
