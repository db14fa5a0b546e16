"""Writing at integers and slices: the common case of ``x[key] = v``, without what arrays need.

    assign : (x, v, pattern) -> y     x, with y[pattern] = v

See :mod:`ops.scatter` for every other kind of key.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.kinds import structured
from ...core.primitive import full_lead
from ...core.signatures import Axes
from .index import key_labels, take_pattern

_ndarray = np.ndarray


def _assigned(x: Any, v: Any, *, pattern: tuple[Any, ...]) -> Any:
    out = np.array(x, np.result_type(x, v))
    out[pattern] = v
    return out


def _batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    x, v = full_lead(values, ndims, lead)
    return _assigned(x, v, pattern=(slice(None),) * len(lead) + params["pattern"])


def _axes(params: Any, shapes: Any, shape: Any) -> Axes:
    kept, written, _ = key_labels(params["pattern"], shape, [])
    return Axes((tuple(kept), tuple(written)), tuple(kept))


def _tangent(tangents: Any, y: Any, x: Any, v: Any, *, pattern: Any) -> Any:
    tx, tv = (
        np.zeros(a.shape, a.dtype) if t is None else t
        for t, a in zip(tangents, (x, v), strict=True)
    )
    return assign(tx, tv, pattern=pattern)


def _to_kept(g: Any, y: Any, x: Any, v: Any, *, pattern: Any) -> Any:
    if type(g) is _ndarray:  # the call itself would cost more than the rest
        g = g.copy()
        g[pattern] = 0
        return g
    return assign(g, np.zeros(v.shape, v.dtype), pattern=pattern)


def _to_written(g: Any, y: Any, x: Any, v: Any, *, pattern: Any) -> Any:
    if type(g) is _ndarray:
        return g[pattern]
    return take_pattern(g, pattern=pattern, shape=x.shape)


assign: Any = structured(
    "assign",
    _assigned,
    jvp=_tangent,
    vjp=(_to_kept, _to_written),
    batch=_batch,
    signature=_axes,
    moves=True,
    analytic=True,
    cases=[
        ([(4,), ()], {"pattern": (-1,)}),
        ([(3, 4), (4,)], {"pattern": (1, slice(None))}),
        ([(3, 4), (3, 2)], {"pattern": (slice(None), slice(-1, None, -2))}),
        ([(2, 3), (0, 3)], {"pattern": (slice(1, 1), slice(None))}),
        ([(2, 3, 2), (2, 2)], {"pattern": (slice(None), 0, slice(None))}),
    ],
    doc="x with other values at integers and slices, one for each axis.",
)
