"""Random programs: recorded, replayed, batched and derived, all agree; and so does each pass.

The same programs as in ``test_random_programs_jax``, without JAX: derivatives are held against
differences and against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import random_libraries
from comparing import close
from figures import noted
from hypothesis import assume, given
from hypothesis import strategies as st
from jit_routes import ROUTES, along
from random_examples import NAMESPACES, SEEDS, examples
from random_programs import Program, programs

import tinygrad_hess as tg
from tinygrad_hess.replay.passes import PASSES

RTOL = 1e-10
"""Of the largest number of all that is compared at once: programs amplify rounding."""


def agree(got: Sequence[Any], want: Sequence[Any], what: str, rtol: float = RTOL) -> None:
    """Flat lists of arrays: shapes, types, and values to rounding."""
    largest = max(1.0, *(float(np.abs(w).max(initial=0.0)) for w in want))
    close([*map(np.asarray, got)], [*map(np.asarray, want)], 0, rtol * largest, what, strict=True)


def everything(program: Program, numpy: Any) -> Callable[..., list[Any]]:
    """The last results, the loss, its gradient, and a Hessian-vector product, in one list."""
    library = random_libraries.here(numpy)
    loss = program.loss(library)

    def run(x: Any, y: Any, z: Any, *v: Any) -> list[Any]:
        value, g = tg.value_and_grad(loss, argnums=(0, 1, 2))(x, y, z)
        product = tg.hvp(lambda p: loss(*p), (x, y, z), v)
        return [*program.values(library, x, y, z)[-3:], value, *g, *product]

    return run


def arguments(program: Program, seed: int) -> list[np.ndarray]:
    """A point and a direction."""
    rng = np.random.default_rng([seed, 1])
    point = program.point(seed)
    return [*point, *(rng.normal(size=x.shape) for x in point)]


@pytest.mark.slow
@noted("each pass on and off")
@examples(40)
@given(programs(2, 12), SEEDS, NAMESPACES)
def test_each_pass_on_and_off(program: Program, seed: int, numpy: Any) -> None:
    """Recorded programs, interpreted: none, each pass alone, all but each, all, and all twice."""
    run = everything(program, numpy)
    points = [arguments(program, k) for k in (seed, seed + 1)]
    traced = tg.jit(run)._traced(tuple(points[0]), {})[0]
    sets = {"none": [], "all": PASSES, "all twice": [*PASSES, *PASSES]}
    sets |= {f"{p.__name__} alone": [p] for p in PASSES}
    sets |= {f"without {p.__name__}": [q for q in PASSES if q is not p] for p in PASSES}
    want = [run(*p) for p in points]
    for name, passes in sets.items():
        rewritten = traced.recorded
        for each in passes:
            rewritten = each(rewritten)
        for p, w in zip(points, want, strict=True):
            agree(rewritten.run(*p), w, name)


@pytest.mark.slow
@examples(40)
@given(programs(2, 16), SEEDS, NAMESPACES, st.sampled_from([None, *ROUTES]))
def test_replayed_and_batched(program: Program, seed: int, numpy: Any, path: str | None) -> None:
    """Along each route through a replay; results of earlier calls stay as they were."""
    run = everything(program, numpy)
    points = [arguments(program, k) for k in (seed, seed + 1, seed + 2)]
    want = [run(*p) for p in points]
    with along(path):
        jitted, kept = tg.jit(run), []
        for p, w in [*zip(points, want, strict=True)] * 2:
            kept.append((jitted(*p), w))
            agree(kept[-1][0], w, "replayed")
        for got, w in kept:
            agree(got, w, "kept over later calls")
        stacked = [np.stack(column) for column in zip(*points, strict=True)]
        together = [np.stack(column) for column in zip(*want, strict=True)]
        agree(tg.vmap(run)(*stacked), together, "batched")
        mapped = tg.jit(tg.vmap(run))
        agree(mapped(*stacked), together, "replayed, batched")
        turned = [t[::-1] for t in together]
        agree(mapped(*(s[::-1] for s in stacked)), turned, "replayed, batched, again")
        agree(tg.vmap(jitted)(*stacked), together, "batched over replayed")


@pytest.mark.slow
@noted("against differences, and one order of sweeps against another")
@examples(40)
@given(programs(2, 16), SEEDS, NAMESPACES)
def test_derivatives(program: Program, seed: int, numpy: Any) -> None:
    """By differences, forward against reverse, four nestings of the second, and by symmetry."""
    # a stopped part is constant to derivatives alone, not to differences
    assume("product with a stopped mean" not in program.names())
    given_ = arguments(program, seed)
    x, v = tuple(given_[:3]), tuple(given_[3:])
    u = tuple(arguments(program, seed + 1)[3:])
    loss = program.loss(random_libraries.here(numpy))
    slope = tg.grad(loss, argnums=(0, 1, 2))
    dot = lambda a, b: sum((s * t).sum() for s, t in zip(a, b, strict=True))
    along_v = lambda *p: tg.jvp(loss, p, v)[1]

    g = slope(*x)
    agree([tg.jvp(loss, x, v)[1]], [np.float64(dot(g, v))], "forward and reverse")
    product = tg.jvp(slope, x, v)[1]
    reverse = tg.grad(lambda *p: dot(slope(*p), v), argnums=(0, 1, 2))(*x)
    agree(reverse, product, "reverse over reverse")
    agree(tg.grad(along_v, argnums=(0, 1, 2))(*x), product, "reverse over forward")
    agree(tg.hvp(lambda p: loss(*p), x, v), product, "hvp")
    twice = tg.jvp(along_v, x, u)[1]
    agree([twice], [np.float64(dot(product, u))], "forward over forward")
    agree([np.float64(dot(tg.jvp(slope, x, u)[1], v))], [twice], "symmetry")
    by_differences(lambda t: np.asarray(loss(*_moved(x, v, t))), dot(g, v))
    by_differences(lambda t: np.asarray(dot(slope(*_moved(x, v, t)), u)), twice)


def _moved(x: Sequence[Any], v: Sequence[Any], t: float) -> list[Any]:
    return [a + t * b for a, b in zip(x, v, strict=True)]


def by_differences(f: Callable[[float], Any], slope: Any) -> None:
    """Central differences of fourth order; a kink may spoil some step widths, but not all."""
    errors = []
    for h in (3e-3, 1e-3, 3e-4, 1e-4, 3e-5):
        near, far = f(h) - f(-h), f(2 * h) - f(-2 * h)
        errors.append(float(abs((8 * near - far) / (12 * h) - slope)))
    assert min(errors) <= 1e-6 * (1 + abs(slope)), f"slope {slope}, differences off by {errors}"
