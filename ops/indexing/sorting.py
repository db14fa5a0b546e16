"""Sorting: positions first, then the elements at them."""

from __future__ import annotations

import numpy as np

from ...core import signatures
from ...core.kinds import zero
from .._types import Array, ArrayLike
from ..shape.axes import canonical_axis, shape_of
from ..shape.broadcasting import ravel
from .index import take_along_axis

argsort_along = zero(
    "argsort",
    lambda x, *, axis: np.argsort(x, axis=axis, kind="stable"),
    along=True,
    signature=signatures.along_axis,
    cases=[([(2, 3)], {"axis": -1})],
    doc="Positions that sort along an axis; ties keep their order.",
)


def argsort(x: ArrayLike, axis: int | None = -1) -> Array:
    """Positions that sort along an axis; ties keep their order."""
    if axis is None:
        x, axis = ravel(x), -1
    return argsort_along(x, axis=canonical_axis(axis, len(shape_of(x)), "argsort"))


def sort(x: ArrayLike, axis: int | None = -1) -> Array:
    """Sort along an axis; of tied elements each keeps its own derivative (a stable permutation)."""
    if axis is None:
        x, axis = ravel(x), -1
    return take_along_axis(x, argsort(x, axis), axis)
