"""Derivatives of a fixed point, by another fixed point."""

from __future__ import annotations

from typing import Any

from ..core import make_vjp, vspace
from ..primitives import defvjp
from ..tracer import primitive


@primitive
def fixed_point(f: Any, a: Any, x0: Any, distance: Any, tol: Any) -> Any:
    """Iterate ``x = f(a)(x)`` from ``x0`` until the distance of two iterates is at most ``tol``."""
    step = f(a)
    x, before = step(x0), x0
    while distance(x, before) > tol:
        x, before = step(x), x
    return x


def _fixed_point_vjp(ans: Any, f: Any, a: Any, x0: Any, distance: Any, tol: Any) -> Any:
    def adjoint(params: Any) -> Any:
        a, x, x_bar = params
        pull, _ = make_vjp(f(a), x)
        return lambda g: vspace(x).add(pull(g), x_bar)

    pull_a, _ = make_vjp(lambda a: f(a)(ans), a)
    start = vspace(x0).zeros()
    return lambda g: pull_a(fixed_point(adjoint, (a, ans, g), start, distance, tol))


defvjp(fixed_point, None, _fixed_point_vjp, None)
