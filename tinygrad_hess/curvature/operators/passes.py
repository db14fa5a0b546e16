"""Passes over the data: each batch recorded once where its tape fits, else again in each pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakMethod

from . import checks
from .batches import Batches
from .flattening import Flattening

TAPE_MEMORY = 512 * 2**20
"""Bytes of tapes that an operator keeps; batches beyond it are recorded again in each pass."""


class Passes:
    """All batches of some data, recorded at one point.

    Parameters
    ----------
    at : Flattening
        The point.
    batches : Batches
    record : bound method
        ``record(batch, number)`` gives an object with ``value`` and ``nbytes``.
    evaluate : bound method
        ``evaluate(batch)`` gives the same value without recording.
    weighted : bool
        Whether a batch counts by its number of examples.
    tape_memory : int
        Bytes of tapes to keep.

    Attributes
    ----------
    evaluated : list of (int, scalar)
        Examples (1 where batches are not weighted) and value of each batch so far.
    """

    def __init__(
        self,
        at: Flattening,
        batches: Batches,
        record: Callable[[Any, int], Any],
        evaluate: Callable[[Any], Any],
        *,
        weighted: bool,
        tape_memory: int,
    ):
        self.at, self.who, self.batches = at, at.who, batches
        # methods of the operator that holds this: a cycle would keep its tapes in memory
        self._record, self._evaluate = WeakMethod(record), WeakMethod(evaluate)
        self.weighted = weighted and not batches.single
        self.tape_memory = tape_memory
        self.tapes: dict[int, Any] = {}
        self.evaluated: list[tuple[int, Any]] = []
        self.complete = False

    @property
    def total(self) -> int:
        """What the weights of all batches add up to; 1 where they are not weighted."""
        return sum(size for size, _ in self.evaluated) if self.weighted else 1

    def __iter__(self) -> Iterator[tuple[int, int, Any]]:
        """All batches: number, weight, what was recorded."""
        if self.complete and len(self.tapes) == len(self.evaluated):
            for number, tape in self.tapes.items():
                yield number, self.evaluated[number][0], tape
            return
        found = 0
        for number, size, batch in self.batches.sized(self.who, self.weighted):
            found = number + 1
            tape = self.tapes.get(number) or self._recorded(batch, number, size)
            yield number, self.evaluated[number][0], tape
        if not found:
            raise ValueError(f"{self.who}: data holds no example")
        checks.check_same_count(self.who, len(self.evaluated), found)
        self.complete = True

    def check(self) -> None:
        """After a pass: evaluate the first batch again, and read the data of a loader again.

        Raises
        ------
        ValueError
            When the value, the model or the data changed.
        """
        for number, _, batch in self.batches.sized(self.who, self.weighted):
            if number == 0:
                evaluate = _dereference(self._evaluate)
                checks.check_evaluation(self.at, evaluate, batch, self.evaluated[0][1])
            if self.batches.in_memory:
                return

    def _recorded(self, batch: Any, number: int, size: int) -> Any:
        if self.complete and number >= len(self.evaluated):
            checks.check_same_count(self.who, len(self.evaluated), number + 1)
        tape = _dereference(self._record)(batch, number)
        if number == len(self.evaluated):
            self.evaluated.append((size, tape.value))
        else:
            self._check_same(number, size, tape.value)
        kept = sum(t.nbytes for t in self.tapes.values())
        if self.batches.single or kept + tape.nbytes <= self.tape_memory:
            self.tapes[number] = tape
        return tape

    def _check_same(self, number: int, size: int, value: Any) -> None:
        before, loss = self.evaluated[number]
        if size != before or not checks.same_value(loss, value, self.at.dtype):
            raise ValueError(
                f"{self.who}: batch {number} had {before} examples and value {loss:.8g}, and "
                f"now has {size} and {value:.8g} at the same parameters. If the data loader "
                "shuffles or augments, give list(loader) instead; if the function is random "
                "(dropout), switch that off."
            )


def _dereference(method: WeakMethod[Any]) -> Callable[..., Any]:
    found = method()
    assert found is not None  # its owner runs the pass
    return found
