"""Directions of batched sweeps: sums of unit vectors, given by a number for each element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ops.hidden_axes import enter
from ..tensors import Axis


def directions(leaves: Sequence[Any], numbers: Any, chosen: slice) -> tuple[Axis, list[Any]]:
    """Directions number ``chosen``, as one batch for each leaf.

    Direction k is the sum of the unit vectors of all elements that have the number k. A leaf that
    none of the directions touches gets None, so that a sweep skips what is zero throughout.
    """
    axis = Axis(chosen.stop - chosen.start)
    seeds: list[Any] = []
    at = 0
    for x in leaves:
        size = math.prod(x.shape)
        mine = numbers[at : at + size]
        found = np.flatnonzero((mine >= chosen.start) & (mine < chosen.stop))
        if len(found):
            seed = np.zeros((axis.size, size), x.dtype)
            seed[mine[found] - chosen.start, found] = 1
            seeds.append(enter(seed.reshape(axis.size, *x.shape), axis=axis))
        else:
            seeds.append(None)
        at += size
    return axis, seeds


def basis(leaves: Sequence[Any], rows: slice) -> tuple[Axis, list[Any]]:
    """Unit vectors number ``rows`` of all the leaves' elements, as one batch for each leaf."""
    count = sum(math.prod(x.shape) for x in leaves)
    return directions(leaves, np.arange(count), rows)
