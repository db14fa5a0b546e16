"""Random numbers inside a model: drawn anew at each call, reproducible, and replayed by ``jit``.

    draw : state -> uniform numbers        the state is (key, counter), two integers in a buffer

The numbers are a function of key and counter alone (a counter-based generator: Salmon, Moraes, Dror
and Shaw 2011, Parallel random numbers: as easy as 1, 2, 3). So a model in the same state draws the
same again, as a sweep that computes a checkpoint a second time must; whoever draws counts on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import signatures
from ..core.primitive import Primitive, unary_with_params
from ..core.registry import REGISTRY
from ..core.tensor import Batched, unrecorded
from ..ops.shape.axes import shape_of
from ..ops.shape.batch_axes import enter
from .init import Seed, generator

Array = np.ndarray[Any, Any]

_NEXT = np.array([0, 1], np.uint64)


def new_state(seed: Seed, who: str) -> Array:
    """A key drawn from a seed, and a counter of 0."""
    return np.array([generator(seed, who).integers(2**63), 0], np.uint64)


def after(state: Any) -> Any:
    """The state of the next draw."""
    return state + _NEXT


def _uniform(state: Array, *, shape: tuple[int, ...]) -> Array:
    lead = state.shape[:-1]
    out = np.empty((*lead, *shape))
    for index in np.ndindex(lead):
        key, counter = state[index].tolist()  # exact: NumPy would mix uint64 and int as floats
        # each draw has 2**128 blocks of its own
        bits = np.random.Philox(key=[key, 0], counter=[0, 0, counter, 0])
        out[index] = np.random.Generator(bits).random(shape)
    return out


UNIFORM = Primitive(
    "random_uniform",
    "zero",
    _uniform,
    vjps=(None,),
    pushforward=lambda tangents, y, args, params: None,
    signature=lambda params, shapes, shape: signatures.last_axes(
        (1,), len(params["shape"]), shapes, shape
    ),
    aliases=False,
    doc="Uniform numbers in [0, 1) from a key and a counter.",
)
UNIFORM.module, UNIFORM.effects = __name__, False
UNIFORM.call = unary_with_params(UNIFORM)
del REGISTRY[UNIFORM.name]  # an operation of layers: its operand is a generator's state


def uniform_like(state: Any, x: Any) -> Any:
    """Uniform numbers in [0, 1), as many as ``x`` has: inside ``vmap``, for each example."""
    raw, known = unrecorded(x), unrecorded(state)
    own = known.axes if isinstance(known, Batched) else ()
    axes = [a for a in (raw.axes if isinstance(raw, Batched) else ()) if a not in own]
    shape = (*(axis.size for axis in axes), *shape_of(x))
    drawn = UNIFORM.call(state, shape=shape)
    for axis in axes:
        drawn = enter(drawn, axis=axis)
    return drawn
