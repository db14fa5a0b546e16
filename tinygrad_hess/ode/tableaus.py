"""Runge-Kutta methods as Butcher tableaus, and one step of any of them.

    k_i = f(t + c_i h, y + h Σ_j a_ij k_j),    y(t + h) = y + h Σ_i b_i k_i

A row of a tableau is a scale and weights, a_ij = scale · weight_j, so that the small integers of
the classical methods stay integers: fewer products, and rounding as in the textbooks.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core.tensor import tensor_or_array
from ..ops import astype

Leaves = list[Any]
Rates = Callable[[Any, Leaves], Leaves]
"""``rates(t, y) -> dy/dt``, on leaves."""


class Row(NamedTuple):
    """Coefficients of a sum of slopes."""

    scale: float
    weights: tuple[float, ...]


class Tableau(NamedTuple):
    """An explicit Runge-Kutta method."""

    nodes: tuple[float, ...]  # c, but for the first, which is 0
    stages: tuple[Row, ...]  # rows of a, but for the first, which is empty
    weights: Row  # b


EULER = Tableau((), (), Row(1.0, (1,)))

RK4 = Tableau(
    (0.5, 0.5, 1.0),
    (Row(0.5, (1,)), Row(0.5, (0, 1)), Row(1.0, (0, 0, 1))),
    Row(1 / 6, (1, 2, 2, 1)),
)

DORMAND_PRINCE = Tableau(
    (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0),
    (
        Row(1 / 5, (1,)),
        Row(1 / 40, (3, 9)),
        Row(1.0, (44 / 45, -56 / 15, 32 / 9)),
        Row(1.0, (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729)),
        Row(1.0, (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656)),
    ),
    Row(1.0, (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)),
)
"""Dormand and Prince, "A family of embedded Runge-Kutta formulae" (1980)."""

ERROR = Row(1.0, (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40))
"""What the embedded formula of order 4 differs by; the last slope is that after the step."""

DENSE = Row(
    1.0,
    (
        -12715105075 / 11282082432,
        0,
        87487479700 / 32700410799,
        -10690763975 / 1880347072,
        701980252875 / 199316789632,
        -1453857185 / 822651844,
        69997945 / 29380423,
    ),
)
"""The last coefficient of the interpolant of order 4: Hairer, Nørsett and Wanner, "Solving ordinary
differential equations I" (1993), section II.6, and their code DOPRI5."""


def slopes(
    rates: Rates,
    method: Tableau,
    t: Any,
    h: Any,
    y: Leaves,
    first: Leaves | None = None,
    rounded: Any = None,
) -> list[Leaves]:
    """The slopes of all stages; the ``first`` where it is known, and h ``rounded`` for ``y``."""
    found = [rates(t, y) if first is None else first]
    step = h if rounded is None else rounded
    for node, row in zip(method.nodes, method.stages, strict=True):
        found.append(rates(t + node * h, advanced(y, step, row, found)))
    return found


def increments(h: Any, row: Row, slopes: Sequence[Leaves]) -> Leaves:
    """h times a sum of slopes, leaf by leaf, in the type of each leaf."""
    found = []
    for leaves in zip(*slopes, strict=True):
        like = tensor_or_array(leaves[0])
        step = h * row.scale if row.scale != 1 else h
        if like.dtype.kind == "f" and like.dtype != step.dtype:
            step = astype(step, like.dtype)
        terms = [
            k if weight == 1 else weight * k
            for weight, k in zip(row.weights, leaves, strict=False)
            if weight
        ]
        found.append(step * functools.reduce(operator.add, terms))
    return found


def advanced(y: Leaves, h: Any, row: Row, slopes: Sequence[Leaves]) -> Leaves:
    """``y`` after a step along a sum of slopes."""
    return [a + b for a, b in zip(y, increments(h, row, slopes), strict=True)]
