"""What ``data`` may be: nothing, one batch, or many batches, read again on every pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import trees
from ...core.interchange import is_foreign, to_arrays
from ...core.tensor import Tensor
from . import checks

CONTAINERS = (tuple, list, dict)


def is_one_batch(data: Any) -> bool:
    """Whether ``data`` is one batch: an array, a tuple or dict of arrays, a registered container.

    A list, another iterable, and a tuple of tuples (lists, dicts) are many batches.

    Examples
    --------
    >>> x, y = np.ones((4, 2)), np.zeros(4)
    >>> is_one_batch((x, y)), is_one_batch([(x, y), (x, y)]), is_one_batch(((x, y), (x, y)))
    (True, False, False)
    """
    if hasattr(data, "shape") or isinstance(data, dict) or is_foreign(data):
        return True
    if isinstance(data, tuple):
        return type(data) is not tuple or not all(isinstance(b, CONTAINERS) for b in data)
    return not isinstance(data, Iterable)


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


@dataclass
class _Read:
    """What passes over a loader have found."""

    fingerprints: list[tuple[Any, ...]] = field(default_factory=list)
    complete: bool = False


class Batches:
    """Batches that can be read again and again.

    Lists and tuples are kept. An iterator, which can be read only once, is read into a list.
    Any other iterable (a data loader) is iterated again on each pass, and must give the same then.

    Examples
    --------
    >>> class Shuffling:
    ...     rng = np.random.default_rng(0)
    ...     def __iter__(self):
    ...         return iter([self.rng.normal(size=3)])
    >>> batches = Batches(Shuffling(), "example")
    >>> for _ in range(2):
    ...     first = list(batches)
    Traceback (most recent call last):
    ...
    ValueError: example: batch 0 of a second pass over the data differs from the first. If ...
    """

    def __init__(self, data: Any, who: str):
        self.who = who
        if isinstance(data, Batches):  # read already, where it could be read only once
            self._read: _Read = data._read
            self.single: bool = data.single
            self.data: Any = data.data
            self.in_memory: bool = data.in_memory
            return
        self.single = data is None or is_one_batch(data)
        if self.single:
            data = [data]
        elif isinstance(data, Iterator):
            data = list(data)
        if isinstance(data, (list, tuple)):
            data = to_arrays(who, "data", data)
        self.data = data
        self._read = _Read()
        self.in_memory = isinstance(data, (list, tuple))
        if self.in_memory:
            if not data:
                raise ValueError(f"{who}: data holds no batch")
            _check_alike(data, who)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data) if self.in_memory else self._checked()

    def _checked(self) -> Iterator[Any]:
        """The batches of a loader, compared with those of earlier passes."""
        read, found = self._read, 0
        for number, batch in enumerate(self.data):
            batch = to_arrays(self.who, "data", batch)
            found, now = number + 1, checks.fingerprint(batch)
            if number < len(read.fingerprints):
                checks.check_same_data(self.who, number, read.fingerprints[number], now)
            elif read.complete:
                checks.check_same_count(self.who, number, found)
            else:
                read.fingerprints.append(now)
            yield batch
        checks.check_same_count(self.who, len(read.fingerprints), found)
        read.complete = True

    def reread(self) -> None:
        """After the only pass over a loader, another: it must give the same batches."""
        if not self.in_memory:
            for _ in self:
                pass

    def sized(self, who: str, weighted: bool) -> Iterator[tuple[int, int, Any]]:
        """Index, weight and batch, of the batches that have a weight.

        The weight is the number of examples; 1 for all where they are not ``weighted``.
        """
        number = 0
        for index, batch in enumerate(self):
            size = batch_size(batch, who, index) if weighted else 1
            if size:  # a mean over nothing would be NaN
                yield number, size, batch
                number += 1

    def risk(self, evaluate: Callable[[Any], Sequence[Any]], reduction: str, who: str) -> list[Any]:
        """What ``evaluate(batch)`` gives, a sequence of numbers or arrays, over all batches.

        With reduction "mean" the mean, weighted by examples; with "sum" the sum.

        Examples
        --------
        >>> batches = Batches([np.ones((3, 2)), np.zeros((1, 2))], "example")
        >>> batches.risk(lambda x: (x.mean(),), "mean", "example")
        [np.float64(0.75)]
        """
        weighted, count = reduction == "mean" and not self.single, 0
        totals: list[Any] = []
        for _, size, batch in self.sized(who, weighted):
            parts = evaluate(batch)
            before = totals or [0.0] * len(parts)
            totals = [total + size * part for total, part in zip(before, parts, strict=True)]
            count += size
        if not count:
            raise ValueError(f"{who}: data holds no example")
        return [total / count for total in totals] if weighted else totals


def _check_alike(batches: Any, who: str) -> None:
    """Batches have one structure; ``[x, y]`` for ``(x, y)`` is the usual slip."""

    def form(batch: Any) -> Any:
        arrays, spec = trees.flatten(batch)
        return spec, [x.ndim if isinstance(x, Tensor) else np.ndim(x) for x in arrays]

    first = form(batches[0])
    for i, batch in enumerate(batches):
        if form(batch) != first:
            raise ValueError(
                f"{who}: data is a list of batches, but batch {i} is not built like batch 0. "
                "One batch of several arrays is a tuple: write (x, y), not [x, y]."
            )
