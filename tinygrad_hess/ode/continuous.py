"""Derivatives by equations of their own, solved like the first: the continuous adjoint.

    reverse    λ' = -f_yᵀ λ,   p̄' = -f_pᵀ λ   back in time, with jumps of λ by the cotangents at ts
    forward    v' = f_y v + f_p ṗ             along with y

Pontryagin et al. (1962); Chen, Rubanova, Bettencourt and Duvenaud, "Neural ordinary differential
equations" (2018), appendix B. Nothing of the steps is stored but the values at ``ts``, from each of
which y is solved back along with λ to the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import trees
from ..core.errors import NonDifferentiableError, describe
from ..ops import concatenate, reshape, stack
from ..replay import scan
from ..transforms import custom_vjp
from ..transforms.gradients import jvp, vjp
from ..transforms.vectorize import vmap
from .systems import System
from .tableaus import Leaves

Solver = Callable[[System, Any], Leaves]
"""``solver(system, ts) -> values at ts``, one array a leaf."""


def solved(system: System, ts: Any, solver: Solver) -> Leaves:
    """What the solver gives, with derivatives of their own."""
    for x in system.y0:
        if x.dtype.kind == "c":
            raise NonDifferentiableError(
                f"solve: gradient='continuous' is for real numbers, and y0 has {describe(x)}. "
                "Take gradient='discrete'."
            )
    at = [i for i, x in enumerate(system.fixed) if x.dtype.kind == "f"]

    def rates(p: Leaves) -> Any:
        return system.rates(trees.replaced(system.fixed, at, p))

    def values(y0: Leaves, ts: Any, p: Leaves) -> Leaves:
        return solver(System(rates, p, y0), ts)

    def forward(y0: Leaves, ts: Any, p: Leaves) -> Any:
        ys = values(y0, ts, p)
        return ys, (ys, ts, p)

    solve = custom_vjp(values)
    solve.__name__ = "solve"
    solve.defvjp(forward, lambda known, g: _backward(rates, solver, known, g))
    solve.defjvp(lambda primals, tangents: _forward(rates, solver, primals, tangents))
    found: Leaves = solve(system.y0, ts, [system.fixed[i] for i in at])
    return found


def _inner(a: Leaves, b: Leaves) -> Any:
    return sum((x * y).sum() for x, y in zip(a, b, strict=True))


def _backward(rates: Any, solver: Solver, known: Any, g: Leaves) -> tuple[Leaves, Any, Leaves]:
    """Cotangents of y0, ts and p."""
    ys, ts, p = known
    n = len(ys)

    def adjoint(p: Leaves) -> Any:
        def slopes(t: Any, z: Leaves) -> Leaves:
            slope, pull = vjp(lambda y, p: rates(p)(t, y), z[:n], p)
            of_y, of_p = pull(z[n : 2 * n])
            return [*slope, *(-c for c in of_y), *(-c for c in of_p)]

        return slopes

    def interval(carry: Any, x: Any) -> Any:
        costate, of_p = carry
        y, end, begin, jump = x
        costate = [a + b for a, b in zip(costate, jump, strict=True)]
        z = [*y, *costate, *of_p]
        after = [a[-1] for a in solver(System(adjoint, p, z), stack([end, begin]))]
        return (after[n : 2 * n], after[2 * n :]), _inner(jump, rates(p)(end, y))

    start = (
        [np.zeros(y.shape[1:], y.dtype)[()] for y in ys],
        [np.zeros(x.shape, x.dtype) for x in p],
    )
    rest = lambda tree: [x[1:] for x in tree]
    xs = (rest(ys), ts[1:], ts[:-1], rest(g))
    (costate, of_p), of_ts = scan(interval, start, xs, reverse=True)
    slope = rates(p)(ts[0], [y[0] for y in ys])
    of_first = reshape(-_inner(costate, slope), shape=(1,))
    of_y0 = [a + b[0] for a, b in zip(costate, g, strict=True)]
    return of_y0, concatenate([of_first, of_ts]), of_p


def _forward(rates: Any, solver: Solver, primals: Any, tangents: Any) -> tuple[Leaves, Leaves]:
    """Values and tangents, by the variational equation."""
    (y0, ts, p), (v0, tt, tp) = primals, tangents
    n, m = len(y0), len(p)

    def variational(pq: Leaves) -> Any:
        def slopes(t: Any, z: Leaves) -> Leaves:
            pair = jvp(lambda y, p: rates(p)(t, y), (z[:n], pq[:m]), (z[n:], pq[m:]))
            return [*pair[0], *pair[1]]

        return slopes

    # the same y0 at a later time is another y0 at this one
    v0 = [v - k * tt[0] for v, k in zip(v0, rates(p)(ts[0], y0), strict=True)]
    both = solver(System(variational, [*p, *tp], [*y0, *v0]), ts)
    ys, vs = both[:n], both[n:]
    moved = vmap(lambda t, y, tt: [k * tt for k in rates(p)(t, y)])(ts, ys, tt)
    return ys, [v + k for v, k in zip(vs, moved, strict=True)]
