"""What the rows of SciPy's ufuncs share.

Their type is that of NumPy's promotion: float32 stays float32. Where a derivative is not known,
as that of a Bessel function with respect to its order, asking for it is an error, never a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.errors import NonDifferentiableError, operands
from ...core.kinds import elementwise
from ...core.primitive import Rule
from .._types import Array, ArrayLike
from ..elementwise.arithmetic import _cast_operand, where
from ..elementwise.comparison import trunc

Interval = tuple[float, float]
Case = Callable[[np.random.Generator], tuple[tuple[Any, ...], dict[str, Any]]]


def narrow(ufunc: Any) -> Callable[..., Any]:
    """Keep a ufunc from widening float32 that meets a Python number or a small integer.

    Some of SciPy's list their float64 loop first, which NumPy then takes for any two types that
    are not the same. For float16 they have no loop: its results are cast.
    """

    def fn(*args: Any) -> Any:
        dtype = np.result_type(*args)
        if dtype.char == "e":
            return ufunc(*args, dtype=np.float32).astype(dtype)[()]
        return ufunc(*args, dtype=dtype) if dtype.char in "fd" else ufunc(*args)

    return fn


def narrowed(ufunc: Any) -> Callable[..., Any]:
    """The same for a ufunc whose loops take no integers with float32: its result is cast."""

    def fn(*args: Any, **params: Any) -> Any:
        dtype = np.result_type(*args)
        out = ufunc(*args, **params)
        return out if dtype.kind not in "f" or out.dtype == dtype else out.astype(dtype)[()]

    return fn


def by_region(
    inside: Array,
    f: Callable[[Array], Array],
    elsewhere: Callable[[Array], Array],
    x: Array,
    points: tuple[float, float],
) -> Array:
    """``f(x)`` inside a region and another formula elsewhere, each evaluated only where it holds.

    Outside of its region each is taken at its own one of ``points``, where all its derivatives are
    finite: zero times infinity would otherwise come back from there.
    """
    at_f, at_elsewhere = points
    return where(inside, f(where(inside, x, at_f)), elsewhere(where(inside, at_elsewhere, x)))


def wide(n: Any, y: ArrayLike) -> Array:
    """An order in the type of the result, to compute with."""
    return _cast_operand(n, y.dtype)


def truncated(n: Any) -> Any:
    """An order without its fraction, in its own type."""
    is_real = isinstance(n, float) or getattr(getattr(n, "dtype", None), "kind", "i") == "f"
    return trunc(n) if is_real else n


def refused(name: str, position: int, operand: str) -> Rule:
    """A rule that says that ``name`` cannot be differentiated with respect to this operand.

    Integers carry no derivative, so with respect to them there is nothing to refuse.
    """

    def rule(g: Array, y: Array, *args: Any, **params: Any) -> None:
        dtype = getattr(args[position], "dtype", None)
        if dtype is not None and dtype.kind not in "fc":
            return
        raise NonDifferentiableError(
            f"{name}({operands(args)}): its derivative with respect to {operand} is not known "
            f"here. Pass {operand} as a plain number or array, or detached: {operand}.detach()."
        )

    return rule


def of_orders(
    name: str,
    fn: Callable[..., Any],
    orders: str,
    rule: Callable[..., Any],
    domain: Interval,
    doc: str,
    numbers: Sequence[tuple[int, int]] = (),
    whole: str = "",
    **row: Any,
) -> Any:
    """Declare ``name(*orders, x)`` by its derivative with respect to ``x``.

    It is tested with integer orders (which keep float32 narrow), from the half-open intervals
    ``numbers``, 1 to 4 by default. Of orders that are ``whole``, SciPy's function drops the
    fraction; the rule gets them without it.
    """
    names = orders.split()
    integral = [n in whole.split() for n in names] + [False]

    def of_whole(g: Array, y: Array, *args: Any) -> Array:
        return rule(g, y, *(truncated(a) if w else a for a, w in zip(args, integral, strict=True)))

    intervals = list(numbers) or [(1, 5)] * len(names)

    def case(*shape: int) -> Case:
        def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
            given = [rng.integers(low, high, shape).astype(np.int16) for low, high in intervals]
            return (*given, rng.uniform(*domain, (2, 3))), {}

        return make

    rules = [refused(name, i, n) for i, n in enumerate(names)]
    return elementwise(
        name,
        narrowed(fn),
        *rules,
        of_whole if whole else rule,
        cases=[case(2, 3), case(3), case()],
        doc=doc,
        **row,
    )
