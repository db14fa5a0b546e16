"""Passes over the data: each batch recorded once where its tape fits, else again in each pass."""

from __future__ import annotations

import contextlib
import threading
import weakref
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ...ops.nn.losses import means_by_count
from ...replay.fallback import no_replay
from . import checks
from .batches import Batches, weighs_means
from .flattening import Flattening

TAPE_MEMORY = 512 * 2**20
"""Bytes of tapes that an operator keeps; batches beyond it are recorded again in each pass."""


@dataclass(frozen=True)
class Visit:
    """What a pass finds at one batch.

    Attributes
    ----------
    number, weight : int
        Of the batch.
    value : scalar
    gradient : ndarray, shape (P,), or None
        None where it was not asked for.
    result : object
        What was to be done there.
    """

    number: int
    weight: int
    value: Any
    gradient: Any
    result: Any


class Owner(Protocol):
    """Who makes passes: says what is recorded of a batch, and what is checked."""

    _unchecked: bool

    def _record(self, batch: Any, number: int) -> Any:
        """An object with ``value`` and ``nbytes``."""

    def _evaluate(self, batch: Any) -> Any:
        """The same value without recording."""

    def _check(self, number: int, recorded: Any) -> None:
        """Refuse what is recorded of a batch if it is not sound."""

    def _check_cut(self, batch: Any, recorded: Any) -> None:
        """Refuse a function of a batch that is not made of those of its parts."""

    def _without_data(self) -> Any:
        """A copy for workers, with passes of its own."""


class Passes:
    """All batches of some data, recorded at one point.

    Parameters
    ----------
    owner : Owner
    at : Flattening
        The point.
    batches : Batches
    weighted : bool
        Whether a batch counts by its number of examples.
    tape_memory : int
        Bytes of tapes to keep; of each process, where workers are processes.
    plan_all : bool
        Whether sweeps over a tape that is not kept are planned, too. That takes longer than one
        sweep; but where workers have the batches, which of them are kept is no part of the result.

    Attributes
    ----------
    sizes, values : array
        Examples (1 where batches are not weighted) and value of each batch so far.
    """

    def __init__(
        self,
        owner: Owner,
        at: Flattening,
        batches: Batches,
        *,
        weighted: bool,
        tape_memory: int,
        plan_all: bool = True,
    ):
        self.at, self.who, self.batches = at, at.who, batches
        self._owner = weakref.ref(owner)  # which holds this: a cycle would keep its tapes in memory
        self.weighted = weighted and not batches.single
        self.tape_memory, self._plan_all = tape_memory, plan_all
        self.tapes: dict[int, Any] = {}
        self.sizes, self.values = array("q"), array("d")  # of pieces there may be very many
        self.complete = False
        self._lock = threading.Lock()
        self._elsewhere: _Elsewhere | None = None

    @property
    def total(self) -> int:
        """What the weights of all batches add up to; 1 where they are not weighted."""
        return sum(self.sizes) if self.weighted else 1

    def each(
        self,
        method: str = "",
        *args: Any,
        unchecked: bool = False,
        measure: bool = False,
        rows: Sequence[slice] | None = None,
    ) -> Iterator[Visit]:
        """Visit all batches, in order: here, or where the workers of the data are.

        Parameters
        ----------
        method : str
            A method of what is recorded; none is called by default.
        *args
            Its arguments.
        unchecked : bool
            Whether the owner is to check what is recorded.
        measure : bool
            Whether to give the gradients.
        rows : sequence of slice, optional
            Of the first argument, those that belong to each batch.
        """
        of = lambda *args: ("visit", unchecked, measure, method, *args)
        each = [of(args[0][r], *args[1:]) for r in rows] if rows else of(*args)
        if self.complete and len(self.tapes) == len(self.sizes):  # nothing need be read
            for number, size in enumerate(self.sizes):
                some = each[number] if isinstance(each, list) else each
                yield Visit(number, size, *self.at_batch(None, number, *some))
            return
        count = 0
        for number, size, found in self.batches.each(self._visitor, each, weighted=self.weighted):
            count = number + 1
            self._note(number, size, found[0])
            yield Visit(number, size, *found)
        if not count:
            raise ValueError(f"{self.who}: data holds no example")
        checks.check_same_count(self.who, len(self.sizes), count)
        self.complete = True

    def check(self) -> None:
        """After a pass: evaluate the first batch again, and read the data of a loader again.

        Raises
        ------
        ValueError
            When the value, the model or the data changed.
        """
        self.batches.again(self._visitor, "evaluate_again", self.values[0])

    # ---- at one batch, here or in a worker -------------------------------------------------------

    def at_batch(self, read: Any, number: int, method: str, *args: Any) -> Any:
        """One of the two below; ``read()`` gives the batch."""
        return getattr(self, method)(read, number, *args)

    def visit(
        self, read: Any, number: int, unchecked: bool, measure: bool, method: str, *args: Any
    ) -> tuple[Any, Any, Any]:
        """Value, gradient and what ``method`` of its tape gives."""
        tape = self.tapes.get(number)
        if tape is None:
            tape = self._recorded(read(), number)
        planned = self._plan_all or number in self.tapes
        with contextlib.nullcontext() if planned else no_replay():
            if unchecked:
                self.owner._check(number, tape)
            if self.batches.are_cut and (unchecked or (measure and self.owner._unchecked)):
                self.owner._check_cut(read(), tape)
            result = getattr(tape, method)(*args) if method else None
        return tape.value, tape.gradient if measure else None, result

    def evaluate_again(self, read: Any, number: int, before: Any) -> None:
        """Refuse a function that is random, or changes the model."""
        checks.check_evaluation(self.at, self.owner._evaluate, read(), before)

    @property
    def owner(self) -> Owner:
        """Who made these; it runs the pass."""
        found = self._owner()
        assert found is not None
        return found

    def _recorded(self, batch: Any, number: int) -> Any:
        with means_by_count(weighs_means(self.who) if self.weighted else None):
            tape = self.owner._record(batch, number)
        with self._lock:  # workers may be threads
            kept = sum(t.nbytes for t in self.tapes.values())
            if self.batches.single or kept + tape.nbytes <= self.tape_memory:
                self.tapes[number] = tape
        return tape

    @property
    def _visitor(self) -> Any:
        """What is called at a batch: :meth:`at_batch` of these, or of the like for workers."""
        if self.batches.workers is None:
            return self.at_batch
        if self._elsewhere is None:
            self._elsewhere = _Elsewhere(self.owner._without_data())
        return self._elsewhere

    def _note(self, number: int, size: int, value: Any) -> None:
        if number < len(self.sizes):
            self._check_same(number, size, value)
            return
        if self.complete:
            checks.check_same_count(self.who, len(self.sizes), number + 1)
        self.sizes.append(size)
        self.values.append(value)

    def _check_same(self, number: int, size: int, value: Any) -> None:
        before, loss = self.sizes[number], self.values[number]
        if size != before or not checks.same_value(loss, value, self.at.dtype):
            raise ValueError(
                f"{self.who}: batch {number} had {before} examples and value {loss:.8g}, and "
                f"now has {size} and {value:.8g} at the same parameters. If the data loader "
                "shuffles or augments, give list(loader) instead; if the function is random "
                "(dropout), switch that off."
            )


class _Elsewhere:
    """Passes of a copy of the owner without data, which workers keep with its tapes."""

    def __init__(self, owner: Any):
        self._owner = owner

    def __call__(self, read: Any, number: int, method: str, *args: Any) -> Any:
        return self._owner._passes.at_batch(read, number, method, *args)
