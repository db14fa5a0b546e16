"""Where values belong among sorted ones: positions, which carry no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.kinds import zero
from ..on_tensors import on_tensors, seen
from .index import index


def _search(sorted_values: Any, values: Any, *, side: Any) -> Any:
    """``np.searchsorted`` along the last axis of the first, whose other axes broadcast."""
    if np.ndim(sorted_values) == 1:
        return np.searchsorted(sorted_values, values, side)
    lead = sorted_values.shape[:-1]
    values = np.broadcast_to(values, np.broadcast_shapes(lead, np.shape(values)))
    out = np.empty(values.shape, np.intp)
    for i in np.ndindex(lead):  # all values that belong to it at once
        at = (Ellipsis, *(slice(None) if n == 1 else k for k, n in zip(i, lead, strict=True)))
        out[at] = np.searchsorted(sorted_values[i], values[at], side)
    return out


def _case(*shape: int, side: Any) -> Any:
    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (np.sort(rng.normal(size=4)), rng.normal(size=shape)), {"side": side}

    return make


search: Any = zero(
    "searchsorted",
    _search,
    operands=2,
    along=True,
    signature="(n),()->()",
    cases=[_case(3, side="left"), _case(2, 3, side="right"), _case(side="left")],
    doc="How many of the sorted values are below (side left), or not above (right), each value.",
)


@on_tensors(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where to insert values into a sorted vector (or one that ``sorter`` sorts): positions."""
    return search(a if sorter is None else index(a, np.asarray(sorter)), v, side=side)


@on_tensors(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """The number of the bin that each value is in: an integer, without a derivative."""
    edges = seen(bins, "the order of bins")
    side = "left" if right else "right"
    if edges.size > 1 and edges[0] > edges[-1]:
        return edges.size - search(edges[::-1], x, side=side)
    return search(bins, x, side=side)
