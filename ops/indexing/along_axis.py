"""Elements at positions along one axis, which may differ along the others.

    take_along : (x, positions)          -> y      add_along : (g, positions)   -> x
                 y[i, j] = x[i, p[i, j]]                       x[i, p[i, j]] += g[i, j]

Either is the other's transpose. Sorting, gathering labels and the like come down to them: unlike an
index by several arrays, they leave all axes but one as they are.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...core import signatures
from ...core.kinds import linear
from .._types import Array
from .._zeros import zeros


@functools.lru_cache(maxsize=1024)
def _counts(shape: tuple[int, ...]) -> tuple[Any, ...]:
    """For each axis, its indices in order, so shaped that they broadcast."""
    ndim = len(shape)
    return tuple(np.arange(n).reshape((-1,) + (1,) * (ndim - 1 - i)) for i, n in enumerate(shape))


def _key(shape: tuple[int, ...], positions: Array, axis: int) -> tuple[Any, ...]:
    key = list(_counts(shape))
    key[axis] = positions
    return tuple(key)


def _take(x: Array, positions: Array, *, axis: int) -> Array:
    return x[_key(x.shape, positions, axis)]


def _add(g: Array, positions: Array, *, axis: int, length: int, out: Any = None) -> Array:
    shape = list(g.shape)
    shape[axis] = length
    out = zeros(shape, g.dtype, out)
    key = _key(g.shape, positions, axis)
    if positions.shape[axis] == 1:  # no position can occur twice
        out[key] = g
    else:
        np.add.at(out, key, g)
    return out


def _cases(**more: int) -> list[Any]:
    def case(shape: Any, given: Any, axis: int) -> Any:
        rows = list(shape if not more else given)
        if more:
            rows = [max(n, m) for n, m in zip(shape, given, strict=True)]
            rows[axis] = given[axis]
        return lambda rng: (
            (rng.normal(size=rows), rng.integers(-shape[axis], shape[axis], given)),
            {"axis": axis} | ({"length": shape[axis]} if more else {}),
        )

    return [
        case((4, 3), (4, 1), -1),
        case((4, 3), (5, 3), -2),
        case((2, 4, 3), (2, 1, 2), -1),
        case((1, 3), (4, 2), -1),
        case((3,), (5,), -1),
    ]


take_along: Any = linear(
    "take_along",
    _take,
    lambda g, y, x, positions, axis: add_along(g, positions, axis=axis, length=x.shape[axis]),
    others=1,
    positions="take",
    signature=signatures.along_axis,
    moves=True,
    analytic=True,
    label="take",
    cases=_cases(),
    doc="Elements at positions along an axis; the other axes broadcast.",
)

add_along: Any = linear(
    "add_along",
    _add,
    lambda g, y, x, positions, axis, length: take_along(g, positions, axis=axis),
    others=1,
    positions="add",
    signature=signatures.along_axis,
    analytic=True,
    label="scatter",
    cases=_cases(length=1),
    doc="Zeros, with elements added at positions along an axis of that length.",
)
