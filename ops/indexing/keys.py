"""Keys of ``x[key]``: a static pattern, and the integer arrays in it.

    parse : (key, shape) -> pattern, arrays

The arrays are operands: so they can differ from example to example, and from call to call of a
replayed function.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import signatures
from ...core.signatures import CORE
from ...core.tensor import Batched, Tensor, tensor_or_array
from .._types import Array
from ..shape.broadcasting import reshape

ARRAY = "array"
"""Stands in a pattern for the next integer array."""

# ---- the key ------------------------------------------------------------------------------------


ALL = slice(None)


def plain_pattern(key: Any, ndim: int) -> tuple[Any, ...] | None:
    """The pattern of a key of integers and slices alone, the common one; None of others."""
    pattern = key if type(key) is tuple else (key,)
    for entry in pattern:
        kind = type(entry)
        if kind is not int:
            if kind is not slice:
                return None
            for bound in (entry.start, entry.stop, entry.step):
                if bound is not None and type(bound) is not int:
                    return None
    missing = ndim - len(pattern)
    return None if missing < 0 else pattern + (ALL,) * missing if missing else pattern


def with_new_axes(key: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that a key of new axes and whole axes alone gives; None of other keys.

    Examples
    --------
    >>> with_new_axes((..., None, slice(None)), (2, 3))
    (2, 1, 3)
    """
    entries = key if type(key) is tuple else (key,)
    spared = len(shape) - [type(entry) for entry in entries].count(slice)
    ellipses = [entry is Ellipsis for entry in entries].count(True)
    if spared < 0 or ellipses > 1 or not any([entry is None for entry in entries]):
        return None
    lengths = iter(shape)
    found: list[int] = []
    for entry in entries:
        if entry is None:
            found.append(1)
        elif entry is Ellipsis:
            found += itertools.islice(lengths, spared)
        elif type(entry) is slice and entry.start is entry.stop is entry.step is None:
            found.append(next(lengths))
        else:
            return None
    return (*found, *lengths)


def parse(key: Any, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], list[Any]]:
    """Split a key into a static pattern, one entry for each axis or None, and its arrays.

    Ellipses are spelled out and boolean masks become integer arrays, so that the pattern counts
    axes from the first logical one.
    """
    entries = list(key) if isinstance(key, tuple) else [key]
    parsed: list[Any] = []
    arrays: list[Any] = []
    masks: list[tuple[int, tuple[int, ...]]] = []  # where each stands in the pattern
    used = 0
    for entry in entries:
        if entry is None or entry is Ellipsis:
            parsed.append(entry)
        elif isinstance(entry, slice):
            parsed.append(slice(*(None if v is None else int(v) for v in _bounds(entry))))
            used += 1
        elif isinstance(entry, (int, np.integer)) and not isinstance(entry, (bool, np.bool)):
            parsed.append(int(entry))
            used += 1
        else:
            array = tensor_or_array(entry)
            if isinstance(array, np.ndarray) and not array.size and array.dtype.kind == "f":
                array = array.astype(int)  # an empty list
            if array.dtype.kind == "b":
                if type(array) is Batched:
                    array._refuse(
                        "a boolean mask as an index, x[mask],",
                        "Use np.where(mask, x, 0.0), which keeps the shape.",
                    )
                if isinstance(array, Tensor):
                    array._refuse_while_traced("a boolean mask as an index")
                mask = array.value if isinstance(array, Tensor) else array
                masks.append((len(parsed), mask.shape))
                parsed.extend([ARRAY] * mask.ndim)
                arrays.extend(mask.nonzero())
                used += mask.ndim
                continue
            if array.dtype.kind not in "iu":
                raise IndexError(
                    f"getitem: an index is an integer, a slice, None, Ellipsis, or an integer or "
                    f"boolean array, got {array.dtype} {entry!r}"
                )
            parsed.append(ARRAY)
            arrays.append(array)
            used += 1
    if used > len(shape):
        raise IndexError(f"getitem: {used} indices for an array of shape {shape}")
    fill = [slice(None)] * (len(shape) - used)
    if Ellipsis in parsed:
        i = next(i for i, e in enumerate(parsed) if e is Ellipsis)
        parsed[i : i + 1] = fill
        masks = [(at + len(fill) - 1 if at > i else at, m) for at, m in masks]
        if any(e is Ellipsis for e in parsed):
            raise IndexError("getitem: an index can have only one Ellipsis")
    else:
        parsed += fill
    for at, mask_shape in masks:
        axis = sum(e is not None for e in parsed[:at])
        selected = shape[axis : axis + len(mask_shape)]
        if selected != mask_shape:
            raise IndexError(
                f"getitem: a boolean mask of shape {mask_shape} for axes of lengths {selected} "
                f"in an array of shape {shape}"
            )
    return tuple(parsed), arrays


def _is_flag(entry: Any) -> bool:
    dtype = getattr(entry, "dtype", None)
    return isinstance(entry, bool) or (dtype == np.bool and entry.ndim == 0)


def _width(entry: Any) -> int:
    """How many axes an entry of a key consumes."""
    if entry is None or entry is Ellipsis or _is_flag(entry):
        return 0
    if isinstance(entry, slice):
        return 1
    array = tensor_or_array(entry)
    return array.ndim if array.dtype == np.bool else 1


def without_flags(x: Array, key: Any) -> tuple[Any, Any]:
    """Give a boolean without axes, as in ``x[True]``, an axis of its own to select from."""
    entries = list(key) if isinstance(key, tuple) else [key]
    for i, entry in enumerate(entries):
        if _is_flag(entry):
            dots = any(e is Ellipsis for e in entries[:i])
            part = entries[i + 1 :] if dots else entries[:i]
            width = sum(_width(e) for e in part)
            at = len(x.shape) - width if dots else width
            x = reshape(x, shape=(*x.shape[:at], 1, *x.shape[at:]))
            entries[i] = np.zeros(int(bool(entry)), int)
    return x, tuple(entries)


def _bounds(entry: slice) -> tuple[Any, Any, Any]:
    return entry.start, entry.stop, entry.step


def filled(pattern: tuple[Any, ...], arrays: Any) -> tuple[Any, ...]:
    supply = iter(arrays)
    return tuple(next(supply) if entry is ARRAY else entry for entry in pattern)


def batched_key(
    pattern: tuple[Any, ...], arrays: Any, ndims: Any, lead: tuple[int, ...]
) -> tuple[Any, ...]:
    """A key in which the batch is indexed too: one array per batch axis, before all others."""
    rank = max([n if n is not None else np.ndim(a) for a, n in zip(arrays, ndims, strict=True)])
    grid = [
        np.arange(n).reshape((-1,) + (1,) * (len(lead) - i - 1 + rank)) for i, n in enumerate(lead)
    ]
    aligned = [
        a
        if n is None
        else a.reshape(a.shape[: len(lead)] + (1,) * (rank - n) + a.shape[len(lead) :])
        for a, n in zip(arrays, ndims, strict=True)
    ]
    return (*grid, *filled(pattern, aligned))


def _axes_before_arrays(pattern: tuple[Any, ...]) -> int:
    """How many result axes NumPy puts before those of the arrays."""
    advanced = [i for i, e in enumerate(pattern) if e is ARRAY or isinstance(e, int)]
    arrays = [i for i, e in enumerate(pattern) if e is ARRAY]
    if not arrays:
        return 0
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    return sum(not isinstance(e, int) for e in pattern[: advanced[0]]) if together else 0


def slices_before_arrays(
    lead: int, rank: int, pattern: tuple[Any, ...], total: int
) -> list[int] | None:
    """The permutation from NumPy's (lead, arrays, slices) to (lead, slices, arrays, slices)."""
    before = _axes_before_arrays(pattern)
    if not before:
        return None
    arrays = list(range(lead, lead + rank))
    rest = list(range(lead + rank, total))
    return [*range(lead), *rest[:before], *arrays, *rest[before:]]


def has_flag(key: Any) -> bool:
    return any(map(_is_flag, key)) if isinstance(key, tuple) else _is_flag(key)


# ---- what becomes of each axis ------------------------------------------------------------------


def key_labels(
    pattern: tuple[Any, ...], shape: tuple[int, ...], given: list[tuple[int, ...]]
) -> tuple[list[Any], list[Any], list[tuple[Any, ...]]]:
    """Labels of the axes of an array, of what a pattern takes from it, and of the index arrays."""
    block = np.broadcast_shapes(*given)
    advanced = [("array", k) for k in range(-len(block), 0)]
    labels: list[Any] = []
    taken: list[Any] = []
    for entry in pattern:
        if entry is None:
            taken.append(None)
            continue
        axis = len(labels)
        n = shape[axis]
        whole = isinstance(entry, slice) and range(*entry.indices(n)) == range(n)
        labels.append(("axis", axis) if whole else CORE)
        if isinstance(entry, slice):
            taken.append(labels[-1])
    before = _axes_before_arrays(pattern)
    taken[before:before] = advanced
    arrays = [
        tuple(None if k is None else ("array", k) for k in signatures.broadcast_labels(s, block))
        for s in given
    ]
    return labels, taken, arrays


def are_unique(pattern: tuple[Any, ...], arrays: Sequence[Any], shape: tuple[int, ...]) -> bool:
    """Whether an index names no position twice.

    Examples
    --------
    >>> are_unique((ARRAY,), [np.array([2, 0])], (3,))
    True
    >>> are_unique((ARRAY,), [np.array([2, -1])], (3,))
    False
    """
    entries = [e for e in pattern if e is not None]
    lengths = [n for n, e in zip(shape, entries, strict=True) if e is ARRAY]
    numbers = np.arange(math.prod(lengths)).reshape(lengths)  # slices name each position once
    taken = numbers[tuple(arrays)].ravel()
    return len(np.unique(taken)) == len(taken)
