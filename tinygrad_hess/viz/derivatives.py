"""The derivative of an output with respect to each node of its tape: one reverse sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core import modes
from ..core.errors import describe
from ..core.tape import Tape
from ..core.tensor import Batched, Tensor
from ..transforms.sweeps import Cotangents, reverse


def derivatives(who: str, roots: Sequence[tuple[str, Tensor]]) -> Mapping[int, Any]:
    """Cotangents by the time of their node; where none arrives, there is none.

    Raises
    ------
    ValueError
        When the output is not one real number.
    TapeReleasedError
        When ``backward`` released the tape.
    """
    named = ", ".join(f"{name} ({describe(y)})" for name, y in roots[:4])
    if len(roots) != 1 or isinstance(roots[0][1], Batched) or roots[0][1].shape != ():
        raise ValueError(
            f"{who}: derivatives are those of one number, but there is {named}"
            f"{', ...' if len(roots) > 4 else ''}. Reduce it, as in .sum() or .mean(), or leave "
            "derivatives out (grads=False)."
        )
    ((name, y),) = roots
    if y.dtype.kind != "f":
        raise ValueError(f"{who}: {name} is {describe(y)}; only a real number has derivatives")
    every: Cotangents = {}

    def keep(node: Tensor, cotangent: Any) -> Any:
        every[node.time] = cotangent
        return cotangent

    with modes.no_grad():
        reverse(Tape([y]), {y.time: y.dtype.type(1)}, visit=keep)
    return every
