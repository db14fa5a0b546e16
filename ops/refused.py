"""Operands in which a function has no derivative here: asking for one is an error, never a zero."""

from __future__ import annotations

from typing import Any

from ..core.errors import NonDifferentiableError, operands
from ..core.primitive import Rule


def refused(name: str, position: int, operand: str) -> Rule:
    """A rule that says that ``name`` cannot be derived in this operand.

    Integers carry no derivative, so in them there is nothing to refuse.
    """

    def rule(g: Any, y: Any, *args: Any) -> None:
        dtype = getattr(args[position], "dtype", None)
        if dtype is not None and dtype.kind not in "fc":
            return
        raise NonDifferentiableError(
            f"{name}({operands(args)}): its derivative in {operand} is not known here. Pass "
            f"{operand} as a plain number or array, or detached: {operand}.detach()."
        )

    return rule
