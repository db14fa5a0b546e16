"""Batch axes: operands of a batch rule, lined up so that a function broadcasts over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .tensor import Axis


def line_up(value: Any, axes: tuple[Axis, ...], order: tuple[Axis, ...]) -> Any:
    """Permute batch axes into ``order``, with length 1 for those that ``value`` lacks."""
    if axes == order:
        return value
    have = [axes.index(axis) for axis in order if axis in axes]
    value = value.transpose(*have, *range(len(axes), value.ndim))
    shape = tuple(axis.size if axis in axes else 1 for axis in order)
    return value.reshape(shape + value.shape[len(axes) :])


def line_up_loops(
    values: Sequence[Any], ndims: Sequence[int | None], lead: tuple[int, ...], ranks: Sequence[int]
) -> list[Any]:
    """Operands whose batch and loop axes broadcast: batched ones get one number of loop axes.

    ``ranks`` are the numbers of core axes.
    """
    loops = [
        (np.ndim(v) if n is None else n) - r for v, n, r in zip(values, ndims, ranks, strict=True)
    ]
    most, depth = max(loops, default=0), len(lead)
    return [
        v if n is None or k == most
        else v.reshape(v.shape[:depth] + (1,) * (most - k) + v.shape[depth:])
        for v, n, k in zip(values, ndims, loops, strict=True)
    ]  # fmt: skip


def broadcast_batch(
    values: list[Any], ndims: list[int | None], lead: tuple[int, ...], fn: Callable[..., Any]
) -> Any:
    """Batch a broadcasting function: give batched operands one logical rank, then call it."""
    return fn(*line_up_loops(values, ndims, lead, (0,) * len(values)))


def full_lead(values: list[Any], ndims: list[int | None], lead: tuple[int, ...]) -> list[Any]:
    """Give every operand the whole batch as leading axes (by broadcast views)."""
    full = []
    for v, n in zip(values, ndims, strict=True):
        shape = np.shape(v) if n is None else v.shape[len(lead) :]
        full.append(v if np.shape(v) == lead + shape else np.broadcast_to(v, lead + shape))
    return full
