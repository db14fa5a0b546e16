"""Identities: a new node with the same value, for what the node says rather than computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import linear, zero
from ..tensors import Tensor, record, unrecorded


def _same(x: Any, **note: Any) -> Any:
    return x


alias: Any = linear(
    "alias",
    _same,
    lambda g, y, x: g,
    cases=[([(2, 3)], {})],
    doc="A new start on the tape, linked to where the value came from.",
)

seed: Any = linear(
    "seed",
    _same,
    lambda g, y, x, **note: g,
    cases=[([(2, 3)], {"sweep": "reverse", "until": 0})],
    doc="The cotangent or tangent that starts a recorded sweep; it notes which, and its end.",
)

cast: Any = linear(
    "astype",
    lambda x, *, dtype: np.asarray(x).astype(dtype, copy=False)[()],
    lambda g, y, x, dtype: cast(g, dtype=x.dtype),
    cases=[([(2, 3)], {"dtype": np.dtype(np.float64)})],
    label="cast",
    doc="Convert to another floating type; the cotangent is converted back.",
)

stop_gradient = zero(
    "stop_gradient",
    _same,
    domain=(-2, 2),
    doc="""The same value, through which no derivative flows.

    Examples
    --------
    >>> import tinygrad_hess as tg
    >>> tg.grad(lambda x: x * tg.stop_gradient(x))(3.0)
    np.float64(3.0)
    """,
)


def astype(x: Any, dtype: Any) -> Any:
    """Convert to ``dtype``. To an integer or boolean type, no derivative flows."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "fc":
        return truncate(x, dtype=dtype)
    return cast(x, dtype=dtype)


truncate = zero(
    "astype_integer",
    lambda x, *, dtype: np.asarray(x).astype(dtype)[()],
    along=True,
    cases=[([(2, 3)], {"dtype": np.dtype(np.int64)})],
    label="cast",
    doc="Convert to an integer or boolean type: piecewise constant.",
)


def seed_of(g: Any, note: dict[str, Any]) -> Tensor:
    """Put ``g`` on the tape as the start of a recorded sweep."""
    on_tape = isinstance(g, Tensor) and g.prim is not None
    held = unrecorded(g)
    return record(seed.primitive, held, (held,), (g if on_tape else None,), note)
