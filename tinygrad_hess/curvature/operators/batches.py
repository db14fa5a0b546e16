"""What ``data`` may be: nothing, one batch, or many batches, read again on every pass.

Whatever is taken over data is taken by :meth:`Batches.each`: here, or by workers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import trees
from ...core.interchange import is_foreign, to_arrays
from ...core.tensor import Tensor
from ...data.dataset import as_batch
from ...distributed.shards import batch_size, examples, opened
from ...distributed.transport import Sent, is_writing
from ...distributed.workers import Workers
from ...ops.nn.losses import means_by_count
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


def weighs_means(who: str) -> str:
    """Why a mean that divides by weights is refused where there are several batches."""
    return (
        f"but {who} weighs the means of several batches by their number of examples. Give "
        f"reduction='sum' to the loss and to {who}, or give all data as one batch."
    )


class OnBatch:
    """A function of a batch and further arguments, as :meth:`Batches.each` calls it.

    ``refusing`` is why means that divide by weights are refused, if they are.
    """

    def __init__(self, function: Callable[..., Any], refusing: str | None = None):
        self.function, self._refusing = function, refusing

    def __call__(self, read: Callable[[], Any], number: int, *args: Any) -> Any:
        with means_by_count(self._refusing):
            return self.function(read(), *args)


def nbytes(batch: Any) -> int:
    """Bytes of the arrays of a batch."""
    return sum(np.asarray(x).nbytes for x in trees.leaves(batch))


class _SizeOf:
    """The number of examples of a batch, and how it is built."""

    def __init__(self, who: str):
        self.who = who

    def __call__(self, read: Callable[[], Any], number: int) -> tuple[int, Any]:
        batch = read()
        return batch_size(batch, self.who, number), _form(batch)


@dataclass
class _Read:
    """What passes over a loader have found."""

    fingerprints: list[tuple[Any, ...]] = field(default_factory=list)
    complete: bool = False


class Batches:
    """Batches that can be read again and again.

    Lists and tuples are kept. An iterator, which can be read only once, is read into a list.
    Any other iterable (a data loader) is iterated again on each pass, and must give the same then.
    A function without arguments stands for the batch that it gives, and is called on each pass.

    Attributes
    ----------
    single : bool
        Whether there is one batch only, or none.
    in_memory : bool
        Whether the batches, or functions that give them, are in a list.
    workers : Workers or None
        Where what is taken over the batches is computed, one by one; None is here.

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
        if isinstance(data, Batches):  # read already, where it could be read only once
            self.__dict__.update(data.__dict__)
            self.who = who
            return
        self.who, data = who, as_batch(data)
        self.workers: Workers | None = None
        self.shards: list[Sent] = []
        self._sizes: list[int] = []
        self.examples_cut: int | None = None  # of one batch that was cut; 0 where that is unknown
        self._piece: int | None = None  # examples at most in what is read at a time
        self.single: bool = data is None or is_one_batch(data)
        if self.single:
            data = [to_arrays(who, "data", data)]
        elif isinstance(data, Iterator):
            data = list(data)
        if isinstance(data, (list, tuple)):
            data = to_arrays(who, "data", data)
        self.data: Any = data
        self._read = _Read()
        self.in_memory: bool = isinstance(data, (list, tuple))
        if self.in_memory:
            if not data:
                raise ValueError(f"{who}: data holds no batch")
            _check_alike(data, who)

    def __iter__(self) -> Iterator[Any]:
        read = map(opened, self.data) if self.in_memory else self._checked()
        return read if self._piece is None else self._pieces(read, self._piece)

    def _pieces(self, read: Iterator[Any], most: int) -> Iterator[Any]:
        for number, batch in enumerate(read):
            n = batch_size(batch, self.who, number)
            size = -(-n // -(-n // most)) if n else most  # pieces of one size, for one plan
            for first in range(0, n, size):
                yield examples(batch, first, first + size)

    @property
    def are_cut(self) -> bool:
        """Whether they, or some, are parts of batches that were given."""
        return self.examples_cut is not None or self._piece is not None

    @property
    def holds_data(self) -> bool:
        """Whether all data are in memory."""
        return self.in_memory and not any(map(callable, self.data))

    def largest(self) -> tuple[Any, int]:
        """The batch of most bytes an example, and how many it has.

        It is the first one that has any, where not all batches are in memory.
        """
        if self.single and self.data[0] is None:
            return None, 1
        sized = ((batch, size) for _, size, batch in self.sized(self.who, True))
        if self.holds_data:
            each = lambda one: (nbytes(one[0]) / one[1], one[1])
            found = max(sized, key=each, default=None)
        else:
            found = next(sized, None)
        if found is None:
            raise ValueError(f"{self.who}: data holds no example")
        return found

    def in_pieces(self, most: int) -> Batches:
        """The same, read so many examples at a time."""
        made = Batches(self, self.who)
        made._piece, made.single = most, False
        made._read = _Read()
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Executors are not copied: with the copy, sums are taken here."""
        away: dict[str, Any] = {"data": []} if self.workers is not None and is_writing() else {}
        return vars(self) | {"workers": None, "shards": []} | away

    def without_data(self) -> Batches:
        """The like of these for workers, who are given one batch at a time."""
        made = copy.copy(self)
        made.data = []
        return made

    def _checked(self) -> Iterator[Any]:
        """The batches of a loader, compared with those of earlier passes."""
        read, found = self._read, 0
        for number, batch in enumerate(map(opened, self.data)):
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

    def each(
        self, function: Any, args: tuple[Any, ...] | list[tuple[Any, ...]] = (), *, weighted: bool
    ) -> Iterator[tuple[int, int, Any]]:
        """Number, weight and ``function(read, number, *args)`` of each batch that has a weight.

        Parameters
        ----------
        function : callable
            ``read()`` gives it the batch. Workers keep it as long as it lives here.
        args : tuple, or list of tuples
            For all batches, or for each.
        weighted : bool
            As for :meth:`sized`.
        """
        if self.workers is None:
            for number, size, batch in self.sized(self.who, weighted):
                some = args[number] if isinstance(args, list) else args
                yield number, size, function(lambda batch=batch: batch, number, *some)
            return
        sizes = self._sizes_of_shards() if weighted else [1] * len(self.shards)
        kept = [i for i, size in enumerate(sizes) if size]
        shards = [(number, self.shards[i]) for number, i in enumerate(kept)]
        found = self.workers.each(function, shards, args if isinstance(args, list) else [args])
        for number, (i, one) in enumerate(zip(kept, found, strict=True)):
            yield number, sizes[i], one

    def sizes(self) -> list[int]:
        """Examples in each batch.

        Examples
        --------
        >>> Batches([np.ones((3, 2)), np.zeros((1, 2))], "example").sizes()
        [3, 1]
        """
        if self.workers is not None:
            return list(self._sizes_of_shards())
        return [batch_size(batch, self.who, i) for i, batch in enumerate(self)]

    def only(self, numbers: Sequence[int]) -> Batches:
        """Some of these, which are in memory or with workers.

        Examples
        --------
        >>> list(Batches([np.ones(1), np.zeros(1), np.ones(2)], "example").only([0, 2]))
        [array([1.]), array([1., 1.])]
        """
        made = Batches(self, self.who)
        made.data = [self.data[i] for i in numbers]
        made.shards = [self.shards[i] for i in numbers] if self.shards else []
        made._sizes, made.single, made._read = [], False, _Read()
        return made

    def again(self, function: Any, *args: Any) -> None:
        """After a pass, another: ``function(read, 0, *args)`` of its first batch.

        A loader is read to its end, since it must give the same batches.
        """
        if self.workers is not None:
            first = next(i for i, size in enumerate(self._sizes or [1]) if size)
            list(self.workers.each(function, [(0, self.shards[first])], [args]))
            return
        for number, _, batch in self.sized(self.who, False):
            if number == 0:
                function(lambda batch=batch: batch, number, *args)
            if self.in_memory:
                return

    def _sizes_of_shards(self) -> list[int]:
        if not self._sizes:
            assert self.workers is not None
            numbered = list(enumerate(self.shards))
            found = list(self.workers.each(_SizeOf(self.who), numbered, [()]))
            _check_forms([form for _, form in found], self.who)
            self._sizes[:] = [size for size, _ in found]
        return self._sizes

    def risk(
        self, evaluate: Callable[..., Sequence[Any]], reduction: str, who: str, *args: Any
    ) -> list[Any]:
        """What ``evaluate(batch, *args)`` gives, a sequence of numbers or arrays, over all batches.

        With reduction "mean" the mean, weighted by examples; with "sum" the sum.

        Examples
        --------
        >>> batches = Batches([np.ones((3, 2)), np.zeros((1, 2))], "example")
        >>> batches.risk(lambda x: (x.mean(),), "mean", "example")
        [np.float64(0.75)]
        """
        weighted, count = reduction == "mean" and not self.single, 0
        totals: list[Any] = []
        refusing = weighs_means(who) if weighted else None
        function = evaluate if isinstance(evaluate, OnBatch) else OnBatch(evaluate, refusing)
        for _, size, parts in self.each(function, args, weighted=weighted):
            before = totals or [0.0] * len(parts)
            totals = [total + size * part for total, part in zip(before, parts, strict=True)]
            count += size
        if not count:
            raise ValueError(f"{who}: data holds no example")
        return [total / count for total in totals] if weighted else totals


def _check_alike(batches: Any, who: str) -> None:
    """Batches have one structure; ``[x, y]`` for ``(x, y)`` is the usual slip."""

    if any(map(callable, batches)):  # which are not opened for this
        return

    _check_forms([_form(batch) for batch in batches], who)


def _form(batch: Any) -> Any:
    arrays, spec = trees.flatten(batch)
    return str(spec), [x.ndim if isinstance(x, Tensor) else np.ndim(x) for x in arrays]


def _check_forms(forms: list[Any], who: str) -> None:
    for i, form in enumerate(forms):
        if form != forms[0]:
            raise ValueError(
                f"{who}: data is a list of batches, but batch {i} is not built like batch 0. "
                "One batch of several arrays is a tuple: write (x, y), not [x, y]."
            )
