"""Quadratic forms with random signs that differ from example to example.

ExampleForms : operator -> forms of each leaf, of which the means are the traces of its block
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....transforms.recording import Recording
from ...estimates.operands import BLOCK_MEMORY
from ..flattening import Array, Flattening
from ..linearization import Recorded
from .copies import ExampleCopies, numbers_of_examples
from .uses import UncopiedError, uses

Layout = tuple[int, set[int]]
"""A number of examples, and the leaves that get no copies."""

ROUNDINGS = 100
"""By which products may differ where examples do not interact."""


class RecordedCopies:
    """A batch recorded in copies of the parameters.

    Parameters
    ----------
    copies : ExampleCopies
    at : Flattening
        Of its starts.
    recorded : Recorded
        The matrix in the copies.

    Attributes
    ----------
    checks : int
        Products spent to find the layout.
    number : int
        Of the batch.
    """

    def __init__(self, copies: ExampleCopies, at: Flattening, recorded: Recorded):
        self.copies, self.at, self.recorded = copies, at, recorded
        self.value, self.nbytes, self.gradient = recorded.value, recorded.nbytes, None
        self.checks = self.number = 0

    @property
    def layout(self) -> Layout:
        """Number of examples, and leaves that have no copies."""
        return self.copies.examples, self.copies.apart

    def forms(self, columns: range, seed: int, leaves: int) -> tuple[Array, int, int]:
        """``uᵀ A u`` by leaf, shape (leaves, len(columns)); how many examples, and ``checks``."""
        at, out = self.at, np.zeros((leaves, len(columns)))
        width = max(1, BLOCK_MEMORY // (at.size * at.dtype.itemsize))
        for first in range(0, len(columns), width):
            some = columns[first : first + width]
            V = np.empty((at.size, len(some)), at.dtype, order="F")
            for j, column in enumerate(some):
                rng = np.random.default_rng([seed, column, self.number])
                V[:, j] = at.join(self.copies.changes(rng))
            AV = self.recorded.products(V, None)
            for leaf, rows in zip(self.copies.leaves, at.slices, strict=True):
                forms = np.einsum("ij,ij->j", V[rows], AV[rows], dtype=np.float64)
                out[leaf, first : first + len(some)] += forms
        return out, self.copies.examples, self.checks

    def interact(self) -> bool:
        """Whether the copies of one example act on those of another, by two products.

        A matrix A with one block for each example is one for which ``A (c u) = c (A u)``, where c
        is a factor for each example. With random u and c, any other fails, almost surely.
        """
        at, copies, apply = self.at, self.copies, self.recorded.product
        rng = np.random.default_rng(0)
        u = copies.scaled(copies.changes(rng), np.ones(copies.examples))
        c = rng.uniform(1, 2, copies.examples) * rng.choice([-1, 1], copies.examples)
        expected = self._copied_part(at.join(copies.scaled(at.leaves(apply(at.join(u))), c)))
        found = self._copied_part(apply(at.join(copies.scaled(u, c))))
        allowed = ROUNDINGS * np.finfo(at.dtype).eps * np.linalg.norm(expected)
        return not np.linalg.norm(found - expected) <= allowed

    def mixing(self) -> set[int]:
        """Leaves whose copies are acted on by other uses of the leaf, by a product for each."""
        at, copies, leaves = self.at, self.copies, set()
        rng = np.random.default_rng(0)
        for number, mixed in enumerate(copies.mixed):
            if mixed.any():
                v = [np.zeros_like(x) for x in copies.starts]
                v[number][mixed] = rng.standard_normal(np.count_nonzero(mixed))
                if self._copied_part(self.recorded.product(at.join(v))).any():
                    leaves.add(copies.leaves[number])
        return leaves

    def _copied_part(self, vector: Array) -> Array:
        return vector[self.at.slices[self.copies.shared].start :]


def recorded_copies(
    run: Recording,
    record: Callable[[ExampleCopies, Flattening], Recorded],
    layout: Layout | None = None,
) -> RecordedCopies:
    """What ``run`` recorded, in copies that are known not to act on each other.

    Parameters
    ----------
    run : Recording
    record : callable
        What is wanted of a function, at its flattened starts.
    layout : (int, set of int), optional
        Number of examples, and leaves that get no copies; it is found by products if not given.

    Raises
    ------
    UncopiedError
        When there are none.
    """
    found, reason = uses(run), "no parameters are seen to meet each example in a place of its own"
    checks = 0
    for examples in numbers_of_examples(run, found) if layout is None else [layout[0]]:
        apart = set() if layout is None else layout[1]
        while (copies := ExampleCopies(run, found, examples, apart)).leaves[copies.shared :]:
            at = Flattening(copies.starts, run.who)
            made = RecordedCopies(copies, at, record(copies, at))
            if layout is not None:
                return made
            reason = "examples interact, as in batch normalisation"
            checks += 2
            if made.interact():
                break
            mixing = made.mixing()
            made.checks = checks = checks + sum(bool(mixed.any()) for mixed in copies.mixed)
            if not mixing:
                return made
            apart = apart | mixing
    raise UncopiedError(reason)


class ExampleForms:
    """Forms of an operator over its batches.

    Parameters
    ----------
    op : StreamedOperator
        One that can record a batch in copies.

    Attributes
    ----------
    checks : int
        Products with all data, spent to find how the copies lie.
    examples : int
        How many there are, known once all batches were.
    """

    def __init__(self, op: Any):
        self.op, self.leaves = op, len(op._at.sizes)
        self._unchecked: bool = op._unchecked
        self.checks = 0
        self._layouts: dict[int, Layout] = {}
        self._examples: dict[int, int] = {}
        self._passes = op._make_passes(self)

    def __getstate__(self) -> dict[str, Any]:
        return {name: x for name, x in vars(self).items() if name != "_passes"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._passes = self.op._make_passes(self)

    def _without_data(self) -> ExampleForms:
        return ExampleForms(self.op._without_data())

    @property
    def examples(self) -> int:
        return sum(self._examples.values())

    def __call__(self, columns: range, seed: int) -> Array:
        """``uᵀ A u`` by leaf for random copies u, shape (leaves, len(columns)).

        Raises
        ------
        UncopiedError
            When examples cannot have copies, or interact.
        """
        if self.op.memory_limit is not None:
            raise UncopiedError("copies of the parameters for all examples take memory")
        unchecked = self.op._unchecked and not self._passes.complete
        total = np.zeros((self.leaves, len(columns)))
        for visit in self._passes.each("forms", columns, seed, self.leaves, unchecked=unchecked):
            forms, self._examples[visit.number], products = visit.result
            self.checks = max(self.checks, products)
            total += visit.weight * forms
        if unchecked:
            self._passes.check()
        return total / self._passes.total

    def _record(self, batch: Any, number: int) -> RecordedCopies:
        made: RecordedCopies = self.op._record_copies(batch, number, self._layouts.get(number))
        made.number, self._layouts[number] = number, made.layout
        return made

    def _evaluate(self, batch: Any) -> Any:
        return self.op._evaluate(batch)

    def _check(self, number: int, recorded: RecordedCopies) -> None:
        self.op._check(number, recorded.recorded)

    def _check_cut(self, batch: Any, recorded: RecordedCopies) -> None:
        self.op._check_cut(batch, recorded)
