"""Probes whose signs differ from example to example: for the traces of an operator over data.

begin : operator -> ByExample
"""

from __future__ import annotations

from dataclasses import dataclass

from ..estimates.interrupts import let_through
from ..estimates.operands import Array, Counted
from ..operators.per_example.forms import ExampleForms
from ..operators.per_example.uses import UncopiedError

METHOD = "Hutchinson by example"

LEAST = 16
"""Examples from which the signs are worth it; with fewer, deflation does more."""

CHECKS = 8
"""Products, at most, that find out how the examples lie, but for rare nets; 2 mostly."""


@dataclass(frozen=True)
class ByExample:
    """Quadratic forms of a counted operator, a leaf of its parameters each.

    Attributes
    ----------
    pilot : ndarray, shape (leaves, probes)
        Of the first probes.
    """

    A: Counted
    forms: ExampleForms
    seed: int
    pilot: Array

    def __call__(self, probes: range) -> Array:
        """Forms, shape (leaves, probes)."""
        found = _drawn(self.A, self.forms, probes, self.seed)
        self.A.matvecs += len(probes)  # an interrupted block does not count
        return found


def _drawn(A: Counted, forms: ExampleForms, probes: range, seed: int) -> Array:
    with let_through():
        found = forms(probes, seed)
    return A.normalized(found)


def begin(A: Counted, seed: int, first: int) -> ByExample | None:
    """Find out how the examples lie, and draw the first probes.

    None for an operator that is no sum over examples, as far as can be told, or over few.
    """
    if not hasattr(A.op, "example_forms"):
        return None
    forms = A.op.example_forms()
    try:
        pilot = _drawn(A, forms, range(first), seed)
    except UncopiedError:
        return None
    A.matvecs += first + forms.checks
    return ByExample(A, forms, seed, pilot) if forms.examples >= LEAST else None
