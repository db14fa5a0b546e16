"""One batch cut into shards, by its examples; what a shard is never depends on who computes it.

cut : batch, shards -> [batch, ...]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import arguments, trees
from ..core.interchange import to_arrays
from ..core.tensor import Tensor

SHARDS = 8
"""Of one batch, where nothing else is asked for."""


def raw(x: Any) -> Any:
    """The array in a tensor, and anything else as it is."""
    return x.value if isinstance(x, Tensor) else x


def opened(shard: Any) -> Any:
    """A shard, or what the function gives that stands for it."""
    return to_arrays("data", "a shard", shard()) if callable(shard) else shard


def batch_size(batch: Any, who: str, number: int) -> int:
    """How many examples a batch holds: the common length of the first axes of its arrays."""
    arrays = trees.leaves(batch)
    lengths = {x.shape[0] for x in arrays if len(getattr(x, "shape", ())) > 0}
    if len(lengths) != 1:
        found = ", ".join(str(getattr(x, "shape", type(x).__name__)) for x in arrays) or "nothing"
        raise ValueError(
            f"{who}: batch {number} holds {found}, so its number of examples (the common length "
            "of the first axes) is unclear. It weights the batch under reduction='mean'; use "
            "reduction='sum' if the loss sums over examples."
        )
    return int(lengths.pop())


def examples(batch: Any, first: int, last: int) -> Any:
    """Some examples of a batch; numbers beside its arrays stay."""
    return trees.map(lambda x: raw(x)[first:last] if np.ndim(raw(x)) else x, batch)


def cut(batch: Any, who: str, shards: int | None, shard_size: int | None = None) -> list[Any]:
    """One batch as several, in order; numbers beside its arrays go to each.

    Of a function that opens it there are functions, each of which opens it and takes its part.

    Examples
    --------
    >>> [part.tolist() for part in cut(np.arange(5), "example", 2)]
    [[0, 1, 2], [3, 4]]
    >>> [part.tolist() for part in cut(np.arange(5), "example", None, 2)]
    [[0, 1], [2, 3], [4]]
    """
    if shards is not None and shard_size is not None:
        raise ValueError(f"{who}: give shards or shard_size, not both")
    if callable(batch):
        if shard_size is not None:
            raise ValueError(
                f"{who}: how many examples a function gives is known when it is called, so "
                "shard_size= cannot cut them. Give shards=, or a list of functions, one a shard."
            )
        count = check_shards(who, shards)
        return [_PartOf(batch, who, number, count) for number in range(count)]
    n = batch_size(batch, who, 0)
    if shard_size is not None:
        size = arguments.integer(who, "shard_size", shard_size, least=1)
        ends = [*range(size, n, size), n]
    else:
        ends = ends_of_shards(n, check_shards(who, shards))
    return [examples(batch, first, last) for first, last in zip([0, *ends], ends, strict=False)]


class _PartOf:
    """A shard of the batch that a function gives, as a function."""

    def __init__(self, open_batch: Callable[[], Any], who: str, number: int, count: int):
        self._open, self._who, self._number, self._count = open_batch, who, number, count

    def __call__(self) -> Any:
        batch = opened(self._open)
        n = batch_size(batch, self._who, 0)
        ends = [0, *ends_of_shards(n, self._count)]
        ends += [n] * (self._count + 1 - len(ends))  # with fewer examples than shards
        return contiguous(examples(batch, ends[self._number], ends[self._number + 1]))


def check_shards(who: str, shards: int | None) -> int:
    """How many shards are asked for."""
    return SHARDS if shards is None else arguments.integer(who, "shards", shards, least=1)


def ends_of_shards(n: int, count: int) -> list[int]:
    """Where nearly equal shards of n examples end; no more than there are examples.

    Examples
    --------
    >>> ends_of_shards(5, 2), ends_of_shards(2, 3)
    ([3, 5], [1, 2])
    """
    count = min(count, max(n, 1))
    return [-(-k * n // count) for k in range(1, count + 1)]


def contiguous(batch: Any) -> Any:
    """With arrays as they lie in another process, since that may decide about rounding."""
    return trees.map(
        lambda x: np.ascontiguousarray(x) if isinstance(x, np.ndarray) and x.ndim else x, batch
    )


def check_halves(
    who: str, of: Callable[[Any], Any], batch: Any, value: Any, mean: bool, why: str
) -> None:
    """The loss of a batch, ``value``, is the mean, or the sum, of those of its halves.

    Raises
    ------
    ValueError
        Which ends with ``why`` it must be.

    Examples
    --------
    >>> check_halves("example", np.mean, np.arange(3.0), 1.0, True, "It is.")
    >>> check_halves("example", np.std, np.arange(4.0), 1.118, True, "Batches are cut.")
    Traceback (most recent call last):
    ...
    ValueError: example: the loss of 4 examples is 1.118, but the mean of those of its first 2 ...
    """
    n = batch_size(batch, who, 0)
    if n < 2 or not np.isfinite(value):  # others refuse what is not finite
        return
    half = n // 2
    one, other = (float(of(examples(batch, *ends))) for ends in ((0, half), (half, n)))
    found = (half * one + (n - half) * other) / n if mean else one + other
    value, eps = float(value), np.finfo(np.asarray(value).dtype).eps
    if not abs(found - value) <= eps**0.5 * max(abs(one), abs(other), abs(value)):
        raise ValueError(
            f"{who}: the loss of {n} examples is {value:.8g}, but the {'mean' if mean else 'sum'} "
            f"of those of its first {half} and its other {n - half} is {found:.8g}. {why}"
        )
