"""Nodes with several outputs; among them whole functions, with derivatives of their own.

bundle : operands -> Parts       pick : Parts -> one output
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import modes, signatures, trees
from .callers import user_line
from .errors import NonDifferentiableError
from .primitive import Primitive, bind
from .registry import REGISTRY
from .tensor import Batched, Parts, Tensor, is_tracked, record, unrecorded


def _put(g: Any, y: Any, bundle: Any, *, part: int) -> Parts:
    whole = bundle.value if isinstance(bundle, Tensor) else bundle
    return Parts(g if i == part else None for i in range(len(whole)))


def _axes_of_part(params: Any, shapes: Any, shape: Any) -> signatures.Axes:
    """A bundle has the loop axes, each part has core axes behind them."""
    return signatures.last_axes((0,), len(shape) - len(shapes[0]), shapes, shape)


PICK = Primitive(
    "pick",
    "structured",
    lambda bundle, *, part: bundle[part],
    vjps=(_put,),
    pushforward=lambda tangents, y, args, params: tangents[0][params["part"]],
    on_complex=True,
    signature=_axes_of_part,
    aliases=False,
    doc="One part of a bundle.",
)
PICK.module, PICK.effects = __name__, False
del REGISTRY[PICK.name]  # nobody calls it by name


def parts(bundle: Any) -> tuple[Any, ...]:
    """The outputs of a node with several; raw ones are there already."""
    if not isinstance(bundle, Tensor):
        return tuple(bundle)
    return tuple(bind(PICK, (bundle,), {"part": i}) for i in range(len(bundle.value)))


class Composite:
    """The primitive of a node that calls a function. Rules see what a primitive's rules see."""

    kind = "composite"
    vjps = accumulate = None

    def __init__(
        self,
        name: str,
        fn: Callable[..., Sequence[Any]],
        pullback: Callable[..., Any],
        pushforward: Callable[..., Any],
        reverse_only: bool = False,
    ):
        self.name = self.label = name
        self.reverse_only = reverse_only  # whether a forward sweep costs more than its share
        self.fn, self.pullback, self.pushforward = fn, pullback, pushforward


class Opaque(Composite):
    """A composite that is called as it is wherever it is replayed, and never differentiated.

    ``constant`` says that nothing depends on its operands but stepwise, as on integers; others
    refuse.
    """

    def __init__(self, name: str, fn: Callable[..., tuple[Any, ...]], constant: bool = False):
        if constant:
            none = lambda g, y, operands, params: [None] * len(operands)
            super().__init__(name, fn, none, lambda ts, y, *_: Parts([None] * len(unrecorded(y))))
        else:
            super().__init__(name, fn, self._refuse, self._refuse)

    def _refuse(self, *args: Any) -> Any:
        raise NonDifferentiableError(f"{self.name} is not differentiated")


def opaque(
    name: str,
    fn: Callable[..., tuple[Any, ...]],
    args: Sequence[Any],
    constant: bool = False,
) -> tuple[Any, ...]:
    """Append ``fn(*args)``, from raw arrays to new ones, as one node that replay calls as it is."""
    values = [unrecorded(x) for x in args]
    if any(isinstance(x, Batched) for x in values):
        raise NonDifferentiableError(f"{name} does not work on the examples of a vmap")
    return append(Opaque(name, fn, constant), args, fn(*values))


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
    leaves, spec = trees.flatten_every(tuple(args))
    if not any(map(is_tracked, leaves)) or not modes.is_recording():
        return f(*args)
    out, out_spec = trees.flatten_every(f(*trees.unflatten(spec, map(unrecorded, leaves))))
    if any(map(is_tracked, out)):
        raise NonDifferentiableError(
            f"{name}: the function captured a recorded tensor, whose derivative would be lost. "
            "Pass it as an argument."
        )
    prim = Composite(
        name,
        lambda *operands: trees.leaves_every(f(*trees.unflatten(spec, operands))),
        lambda g, y, operands, params: pullback(g, operands),
        lambda ts, y, operands, params: Parts(pushforward(ts, operands)),
    )
    return trees.unflatten(out_spec, append(prim, leaves, out))


def or_zeros(x: Any, like: Any) -> Any:
    """A cotangent or tangent, or zeros of the shape and type of ``like`` where it is missing."""
    return np.zeros(like.shape, like.dtype)[()] if x is None else x


def append(prim: Composite, operands: Sequence[Any], outputs: Sequence[Any]) -> tuple[Any, ...]:
    """Append one node whose outputs have these values; return them as tensors."""
    values = tuple(map(unrecorded, operands))
    parents = tuple(x if is_tracked(x) else None for x in operands)
    bundle = Parts(
        y if isinstance(y, (Tensor, np.ndarray, np.generic)) else np.asarray(y)[()]
        for y in map(unrecorded, outputs)
    )
    out = record(prim, bundle, values, parents)
    if modes.is_noting_lines():
        out._where = user_line()
    return parts(out)
