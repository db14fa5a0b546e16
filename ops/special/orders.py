"""What the special functions of an order or a shape and an argument share.

The derivative in the argument is known; asking for the one in the order is an error, unless it is
an integer, which carries none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.kinds import elementwise
from ..elementwise.arithmetic import _as_wide
from ..refused import refused

Interval = tuple[float, float]
Case = Callable[[np.random.Generator], tuple[tuple[Any, ...], dict[str, Any]]]


def kept(ufunc: Any) -> Callable[..., Any]:
    """A ufunc of SciPy's in the type of NumPy's promotion: beside integers float32 stays so."""

    def fn(*args: Any) -> Any:
        dtype = np.result_type(*args)
        out = ufunc(*args)
        return out if dtype.kind not in "f" or out.dtype == dtype else out.astype(dtype)[()]

    return fn


def wide(n: Any, y: Any) -> Any:
    """An order in the type of the result, to compute with."""
    return _as_wide(n, y.dtype)


def of_orders(
    name: str,
    fn: Callable[..., Any],
    orders: str,
    rule: Callable[..., Any],
    domain: Interval,
    doc: str,
    numbers: Sequence[tuple[int, int]] = (),
    **row: Any,
) -> Any:
    """Declare ``name(*orders, x)`` by its slope in ``x``.

    It is tested with integer orders (which keep float32 narrow), from the half-open intervals
    ``numbers``, 1 to 4 by default.
    """
    names = orders.split()
    intervals = list(numbers) or [(1, 5)] * len(names)

    def case(
        *shape: int,
    ) -> Callable[[np.random.Generator], tuple[tuple[Any, ...], dict[str, Any]]]:
        def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
            given = [rng.integers(low, high, shape).astype(np.int16) for low, high in intervals]
            return (*given, rng.uniform(*domain, (2, 3))), {}

        return make

    rules = [refused(name, i, n) for i, n in enumerate(names)]
    return elementwise(
        name, kept(fn), *rules, rule, cases=[case(2, 3), case(3), case()], doc=doc, **row
    )
