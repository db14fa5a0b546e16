"""Every primitive and its derivatives, replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from battery import ROWS
from comparing import close
from replayed import LAYOUTS, laid_out
from sampling import CALLS, Point, samples

import tinygrad_hess as tg
from tinygrad_hess.core.primitive import Primitive


def _row_functions(row: Primitive, p: Point) -> dict[str, Callable[..., Any]]:
    """Value, vjp, jvp and jvp of vjp at operands, tangents and a cotangent that are arguments."""
    call = CALLS.get(row.name, row.call)

    def of(args: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        def f(*xs: Any) -> Any:
            full = list(args)
            for i, x in zip(p.moving, xs, strict=True):
                full[i] = x
            return call(*full, **p.params)

        return f, tuple(args[i] for i in p.moving)

    def value(args: Any, ts: Any, u: Any) -> Any:
        return call(*args, **p.params)

    def vjp(args: Any, ts: Any, u: Any) -> Any:
        f, xs = of(args)
        return tg.vjp(f, *xs)[1](u)

    def jvp(args: Any, ts: Any, u: Any) -> Any:
        f, xs = of(args)
        return tg.jvp(f, xs, tuple(ts))

    def second(args: Any, ts: Any, u: Any) -> Any:
        f, xs = of(args)
        return tg.jvp(lambda *xs: tg.vjp(f, *xs)[1](u), xs, tuple(ts))[1]

    if row.kind == "zero" or not p.moving:
        return {"value": value}
    return {"value": value, "vjp": vjp, "jvp": jvp, "jvp of vjp": second}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("dtype", [np.float64, pytest.param(np.float32, marks=pytest.mark.slow)])
def test_every_primitive_is_replayed_as_recorded(row: Primitive, dtype: Any) -> None:
    """At other values, and in other layouts than those that were recorded."""
    for sample in samples(row):
        points = [Point(row, sample, dtype, seed) for seed in range(3)]
        for what, f in _row_functions(row, points[0]).items():
            jitted = tg.jit(f)
            for p, layout in zip([*points, points[1]], LAYOUTS, strict=True):
                given = [laid_out(a, layout) for a in (p.args, p.tangents, [p.cotangent])]
                args = (given[0], given[1], given[2][0])
                with np.errstate(all="ignore"):
                    got, want = jitted(*args), f(*args)
                close(
                    got,
                    want,
                    strict=True,
                    atol=8 * float(np.finfo(dtype).eps),  # of sums that cancel to zero
                    what=f"{row.name} at {sample.label}, {what}, {np.dtype(dtype)}",
                )
