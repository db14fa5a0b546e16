"""What ``data`` may be: nothing, one batch, or many batches, passed over once an epoch."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...core import trees
from ...core.interchange import is_foreign, to_arrays
from ...data.dataset import Dataset, as_batch
from ...distributed.shards import opened


def is_batches(data: Any) -> bool:
    """Whether it is many batches: a list or another iterable that is no container of arrays.

    Examples
    --------
    >>> import numpy as np
    >>> is_batches((np.ones(2), np.ones(2))), is_batches([np.ones(2)]), is_batches(None)
    (False, True, False)
    """
    container = isinstance(data, (tuple, dict)) or hasattr(data, "shape") or is_foreign(data)
    return isinstance(data, Iterable) and not container


@dataclass
class ShardedBatch:
    """A batch for workers.

    Attributes
    ----------
    shards : list of Sent
        Its examples, in order.
    examples : int
        How many; of data that workers open, 0 until they have.
    """

    shards: list[Any]
    examples: int


def parts_of(batch: Any) -> list[Any]:
    """A batch; of one that workers have, the shards."""
    if isinstance(batch, ShardedBatch):
        return [opened(shard.get()) for shard in batch.shards]
    return [batch]


def count_examples(batch: Any) -> int:
    """The length of the first array that has an axis; 1 for a batch without one.

    Examples
    --------
    >>> import numpy as np
    >>> count_examples((np.ones((5, 2)), np.ones(5))), count_examples(None)
    (5, 1)
    >>> count_examples(({"image": np.ones((5, 2))}, {"label": np.ones(5)}))
    5
    """
    if isinstance(batch, ShardedBatch):
        return batch.examples
    if type(batch) is tuple and batch and (shape := getattr(batch[0], "shape", ())):
        return int(shape[0])  # as it is most often, and there is no tree to walk
    for x in trees.leaves(batch):
        if shape := getattr(x, "shape", ()):
            return int(shape[0])
    return 1


class Loader:
    """Passes over data, each of which can begin in its middle.

    Parameters
    ----------
    data : one batch, or an iterable of batches
        A :class:`tinygrad_hess.data.Dataset` is one batch, (x, y); a function without arguments
        stands for the batch that it gives. Where it has ``state_dict`` and ``load_state_dict``, as
        :class:`tinygrad_hess.data.Batches` has, the state is that of the random numbers which its
        next pass is drawn with.
    who, what : str
        The function and its argument, for errors.

    Examples
    --------
    >>> loader = Loader([1.0, 2.0, 3.0, 4.0, 5.0], "fit", "data")
    >>> list(loader.groups(2))
    [[1.0, 2.0], [3.0, 4.0], [5.0]]
    >>> list(loader.groups(2, skip=2))
    [[3.0, 4.0], [5.0]]
    """

    def __init__(self, data: Any, who: str, what: str):
        self.who, self.what = who, what
        data = as_batch(data)
        many = is_batches(data)
        self.in_memory = not many or isinstance(data, list)
        data = to_arrays(who, what, data) if self.in_memory else data
        self.batches = data if many else [data]

    def __iter__(self) -> Iterator[Any]:
        for batch in self.batches:
            if any(isinstance(x, Dataset) for x in (batch if type(batch) is tuple else [batch])):
                raise TypeError(
                    f"{self.who}: {self.what} gives data sets, such as train and test; give one of "
                    "them, or batches of one"
                )
            if callable(batch):
                yield opened(batch)
            else:
                yield batch if self.in_memory else to_arrays(self.who, self.what, batch)

    def groups(self, size: int, skip: int = 0) -> Iterator[list[Any]]:
        """Lists of so many batches each, the last with what is left; without the first ``skip``.

        Raises
        ------
        ValueError
            When there are not that many to skip.
        """
        batches = iter(self)
        if sum(1 for _ in itertools.islice(batches, skip)) < skip:
            raise ValueError(
                f"{self.who}: the run to go on with had taken {skip} batches of its epoch, but "
                f"{self.what} holds fewer; give what it was trained on"
            )
        while group := list(itertools.islice(batches, size)):
            yield group

    def count(self) -> int | None:
        """Batches in a pass, where that is known before it."""
        return len(self.batches) if hasattr(self.batches, "__len__") else None

    def state_dict(self) -> Any:
        """What the next pass depends on; None where there is no such thing."""
        state = getattr(self.batches, "state_dict", None)
        return state() if callable(state) else None

    def load_state_dict(self, state: Any) -> None:
        """Make the next pass the one that had this state.

        Raises
        ------
        ValueError
            When the data have no random numbers that could be in it.
        """
        if not state:
            return
        load = getattr(self.batches, "load_state_dict", None)
        if not callable(load):
            raise ValueError(
                f"{self.who}: the run to go on with drew the order of its batches from a "
                f"generator, which {self.what} does not have; give what it was trained on, such as "
                "data.batches(x, y, size, seed=generator)"
            )
        load(state)
