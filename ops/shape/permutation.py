"""Permutations of axes: views of the same elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import signatures
from ...core.kinds import linear


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    n = len(axes)
    return tuple(int(i) - n for i in np.argsort([a + n for a in axes]))


def _permute_batch(values: Any, ndims: Any, lead: Any, params: Any) -> Any:
    return values[0].transpose(*range(len(lead)), *params["axes"])


def _lowered_permute(emit: Any, operands: Any, ndims: Any, lead: Any, params: Any) -> Any:
    (x,), n = operands, len(lead)
    ndim = len(x.shape)
    return emit(permute, x, axes=(*range(-ndim, n - ndim), *params["axes"]))


def _permuted_axes(params: Any, shapes: Any, shape: Any) -> signatures.Axes:
    return signatures.Axes((tuple(range(-len(shape), 0)),), params["axes"])


permute: Any = linear(
    "transpose",
    lambda x, *, axes: np.transpose(x, axes),
    lambda g, y, x, axes: permute(g, axes=_inverse(axes)),
    batch=_permute_batch,
    lowered_batch=_lowered_permute,
    signature=_permuted_axes,
    moves=True,
    aliases=True,
    analytic=True,
    cases=[
        ([(2, 3)], {"axes": (-1, -2)}),
        ([(2, 3, 4)], {"axes": (-2, -1, -3)}),
        ([()], {"axes": ()}),
    ],
)
