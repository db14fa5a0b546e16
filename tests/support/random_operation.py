"""What one operation of a random program is, and what its operands must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

ANY, AXES, LIKE, MATRIX = "any", "axes", "like", "matrix"
"""Any array; one with an axis; one that broadcasts with the first; square matrices (or a stack).

Instead of these, a tuple of shapes is allowed.
"""


class Operation(NamedTuple):
    """``run(library, variant, *operands)``; what may exceed order one ``grows``."""

    name: str
    operands: tuple[Any, ...]
    run: Callable[..., Any]
    grows: bool


def family(needs: tuple[Any, ...], grows: bool, table: dict[str, Any]) -> list[Operation]:
    """Operations with the same needs."""
    return [Operation(name, needs, run, grows) for name, run in table.items()]


def axis(k: int, x: Any) -> int:
    """Some axis, counted from the front or from the back."""
    n = len(x.shape)
    return k % (2 * n) - n


def small(lib: Any, x: Any) -> Any:
    """Squeezed into (-0.9, 0.9)."""
    return 0.9 * lib.np.tanh(x)


def above(lib: Any, x: Any, least: float) -> Any:
    """Squeezed into numbers above ``least``."""
    return least + lib.np.sqrt(1.0 + x * x) - 0.5 * x
