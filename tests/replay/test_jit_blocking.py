"""Runs of elementwise operations, block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close
from hypothesis import given, settings
from hypothesis import strategies as st
from jit_functions import INSIDE
from jit_routes import NEVER, recorded, route, steady
from replayed import M, N, X, Y, agrees
from test_jit_passes import STEPS, composed, total

import tinygrad_hess as tg
from tinygrad_hess.replay.codegen import cache_blocking as blocking
from tinygrad_hess.replay.codegen.cache_blocking import Line, Run, Touched, blocked
from tinygrad_hess.replay.codegen.plan import Plan

RNG = np.random.default_rng(0)


def draw(*shapes: tuple[int, ...]) -> list[Any]:
    return [RNG.normal(size=s) for s in shapes]


# ---- numbers ------------------------------------------------------------------------------------


def _chain(x: Any, y: Any) -> Any:
    a = np.sin(x) * y
    b = np.exp(-a * a) + a
    return np.tanh(b) * a - b


def _view_of_what_is_written(x: Any, y: Any) -> Any:
    """A line reads other rows of what the line before it writes."""
    a = np.sin(x) * y
    b = a[::-1] * y + a
    return b * b[::-1] + np.cos(b)


def _written_under_a_view(x: Any, y: Any) -> Any:
    """The buffer of ``a`` is free for ``c`` only after its reversed rows were read."""
    a = np.sin(x) * 2.0
    b = np.cos(y) * a[::-1]
    c = np.exp(-x * x) * b
    d = c + b
    return d * c


def _transposed(x: Any, y: Any) -> Any:
    a = np.sin(x) * y
    b = a.T * 2.0 + y.T
    return (b.T + a) * np.exp(-a * a)


def _both_layouts(x: Any, w: Any) -> Any:
    """A tall product lies by columns, the argument by rows."""
    a = x @ w
    b = np.tanh(a) * a + x
    c = np.sin(b) * a - x
    return c * b + np.cos(c), (c @ w + a) * a


def _sums_between(x: Any, y: Any) -> Any:
    a = np.sin(x) + y
    b = a * a - y
    s = b.sum(axis=0)
    c = b * s + a
    return c * c - s, (c - a).sum(axis=1)


def _spread(x: Any, y: Any, z: Any, s: Any) -> Any:
    """Operands that have the blocks' axis, that have it with length 1, and that lack it."""
    a = np.sin(x) * y
    b = a + z
    c = b * s - y
    return (c * z + x) * np.exp(-c * c) * 0.5 + b


def _stretches_of_stacks(x: Any, y: Any) -> Any:
    a = np.sin(x) * y
    return np.exp(-a * a) * a + y * a


def _masks(x: Any, y: Any) -> Any:
    big = x > y
    a = np.where(big, np.sin(x), y) * 2.0
    return np.maximum(a, y) * np.minimum(a, x) + big


def _constants(x: Any) -> Any:
    c = np.arange(20.0).reshape(5, 4)
    a = np.sin(x) * c
    return (a + c[::-1]) * (a - c[:, :1]) * c[0] + np.ones((4, 5)).T


BLOCKED: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "a chain": (_chain, [(7, 5), (7, 5)]),
    "a vector": (_chain, [(13,), (13,)]),
    "a row for all": (_chain, [(7, 5), (5,)]),
    "a column for all": (_chain, [(7, 5), (7, 1)]),
    "one number for all": (_chain, [(7, 5), ()]),
    "one row": (_chain, [(1, 9), (1, 9)]),
    "one column": (_chain, [(9, 1), (9, 1)]),
    "no rows": (_chain, [(0, 3), (0, 3)]),
    "no columns": (_chain, [(3, 0), (3, 0)]),
    "outer": (_chain, [(7, 1), (1, 7)]),
    "a view of what is written": (_view_of_what_is_written, [(6, 4), (6, 4)]),
    "a vector seen backwards": (_view_of_what_is_written, [(9,), (9,)]),
    "written under a view": (_written_under_a_view, [(6, 4), (6, 4)]),
    "transposed": (_transposed, [(6, 4), (6, 4)]),
    "transposed squares": (_transposed, [(5, 5), (5, 5)]),
    "both layouts": (_both_layouts, [(9, 4), (4, 4)]),
    "both layouts, long": (_both_layouts, [(60, 20), (20, 20)]),
    "sums between": (_sums_between, [(7, 5), (7, 5)]),
    "operands of all ranks": (_spread, [(4, 3, 5), (5,), (3, 1), ()]),
    "operands with the axis": (_spread, [(4, 3, 5), (4, 1, 1), (1, 3, 5), (4, 3, 1)]),
    "squares of all ranks": (_spread, [(3, 3, 3), (3,), (3, 1), (3, 1, 1)]),
    "stacks": (_stretches_of_stacks, [(3, 4, 5), (3, 4, 5)]),
    "masks": (_masks, [(7, 5), (7, 5)]),
    "constants": (_constants, [(5, 4)]),
    "gradient of a chain": (
        tg.grad(lambda x, y: (_chain(x, y) ** 2).sum(), argnums=(0, 1)),
        [(7, 5), (5,)],
    ),
    "gradient of both layouts": (
        tg.grad(lambda x, w: sum((y**2).sum() for y in _both_layouts(x, w)), argnums=(0, 1)),
        [(9, 4), (4, 4)],
    ),
}


@pytest.mark.parametrize("name", BLOCKED)
@pytest.mark.parametrize("block", [1, 40, 100])
@pytest.mark.parametrize("tall", [1, NEVER])
def test_blocks_of_any_size(name: str, block: int, tall: int) -> None:
    """Of one row, of several with a rest, and by columns where products lie so."""
    f, shapes = BLOCKED[name]
    for dtype in (np.float64, np.float32):
        points = [[x.astype(dtype) for x in draw(*shapes)] for _ in range(2)]
        with route(cache=NEVER, block=block, tall=tall):
            _check_plan(f, *points)


def _check_plan(f: Callable[..., Any], *points: Any) -> Plan:
    """The whole plan on one thread, at each point twice, against recorded execution."""
    plan: Plan = recorded(f, *points[0]).plan
    run, kept = plan.instance(), []
    with np.errstate(all="ignore"):
        for args in [*points, *points]:
            want = f(*args)
            want = list(want) if isinstance(want, (tuple, list)) else [want]
            got = list(run(*args))
            close(got, want, ulps=512, strict=True)
            kept.append((got, [np.copy(y) for y in got]))
    for got, copies in kept:
        close(got, copies, ulps=0, strict=True, what="kept")
    return plan


@pytest.mark.parametrize("name", ["a chain", "both layouts", "stacks", "masks", "constants"])
def test_small_limits_do_make_loops(name: str) -> None:
    """Or else nothing was tested above; with the library's limits there are none."""
    f, shapes = BLOCKED[name]
    points = [draw(*shapes)]
    assert "for i" not in _check_plan(f, *points).source
    with route(cache=NEVER):
        assert "for i" in _check_plan(f, *points).source


def test_arguments_by_columns_and_with_gaps() -> None:
    """Blocks of inputs are cut from this call's array."""
    wide = RNG.normal(size=(14, 10))
    x = wide[::2, ::2]
    with route(cache=NEVER):
        jitted = tg.jit(_chain)
        for a in (x.copy(), np.asfortranarray(x), x, x[::-1]):
            for b in (x.T.copy().T, x[:1], x[:, :1], x[0]):
                close(jitted(a, b), _chain(a, b), strict=True)


def test_large_arrays() -> None:
    """With the library's limits: long enough for blocks and threads, with an odd rest."""
    rng = np.random.default_rng(0)
    f = lambda x, y: (np.sqrt(x * x + y) - np.exp(-x), (np.tanh(x) * y).sum(axis=0))
    calls = [(rng.normal(size=(1003, 127)), rng.uniform(1, 2, 127)) for _ in range(2)]
    agrees(f, *calls)
    total = lambda x, y: sum(a.sum() for a in f(x, y))
    jitted = tg.jit(tg.grad(total, argnums=(0, 1)))
    for args in calls:
        close(jitted(*args), tg.grad(total, argnums=(0, 1))(*args), ulps=2048, strict=True)


def test_arrays_of_more_than_a_mebibyte() -> None:
    """From there on, blocks are the library's own."""
    x, y = draw((1100, 130), (130,))
    f = lambda x, y: (np.tanh(x) * y + np.sqrt(x * x + 1)).sum(axis=0)
    assert "for i" in _check_plan(f, (x, y), (x[::-1], 2 * y)).source
    steady(f, (x, y), (x[::-1], 2 * y))


@pytest.mark.parametrize("name", INSIDE)
def test_transforms_inside(name: str) -> None:
    with route(cache=NEVER, block=8, tall=1):
        steady(INSIDE[name], (X, M), (Y, N), what=name)


@given(STEPS, st.integers(0, 99), st.sampled_from([1, 24, 64]), st.sampled_from([1, NEVER]))
@settings(max_examples=15)
def test_random_programs(steps: Any, seed: int, block: int, tall: int) -> None:
    """And their gradients."""
    rng = np.random.default_rng(seed)
    points = [[rng.normal(size=s) for s in ((4, 4), (3, 4))] for _ in range(2)]
    f = composed(steps)
    with route(cache=NEVER, block=block, tall=tall):
        steady(f, *points, ulps=2**16)
        steady(tg.grad(total(f), argnums=(0, 1)), *points, ulps=2**16)


# ---- which lines go into one loop ---------------------------------------------------------------


def line(
    out: str, *operands: str, shape: tuple[int, ...] = (4, 8), order: Any = None, **views: str
) -> Line:
    """``out = f(operands)``; ``views`` tells of which buffer an operand is a view."""
    memory = lambda name: views.get(name, name if name.startswith("b") else None)
    touched = tuple(Touched(name, shape, memory(name)) for name in (*operands, out))
    holes = [f"{{{n}}}" for n in range(len(operands))]
    template = f"f({', '.join([*holes, '{out}'])})"
    nbytes = 8 * int(np.prod(shape))
    return Line(template.format(*operands, out=out), Run(template, touched, shape, order, nbytes))


def loops(*lines: Line) -> list[int]:
    """How many lines stand in each loop; 0 for those in none."""
    text = [*blocked(lines, lambda name, names, slices: None), "end"]
    starts = [n for n, t in enumerate(text) if not t.startswith(" ")]
    return [b - a - 1 for a, b in zip(starts, starts[1:], strict=False)]


def test_lines_that_share_a_loop() -> None:
    assert loops(line("b0", "x0"), line("b1", "b0")) == [2]
    assert loops(line("b0", "x0"), line("b0", "b0", "x1"), line("b1", "b0", "b0")) == [3]
    assert loops(line("b0", "x0"), line("b1", "v0", v0="b2")) == [2]


def test_lines_that_do_not() -> None:
    """One alone; other shapes, layouts; a plain line between."""
    assert loops(line("b0", "x0")) == [0]
    assert loops(line("b0", "x0"), line("b1", "x0", shape=(8, 4))) == [0, 0]
    assert loops(line("b0", "x0"), line("b1", "x0", order=(1, 0))) == [0, 0]
    assert loops(line("b0", "x0"), Line("g()"), line("b1", "x0")) == [0, 0, 0]


def test_views_of_what_a_loop_writes_stay_out_of_it() -> None:
    """Read after it is written, and written after it is read, and with lines between."""
    assert loops(line("b0", "x0"), line("b1", "v0", v0="b0")) == [0, 0]
    assert loops(line("b1", "v0", v0="b0"), line("b0", "x0")) == [0, 0]
    assert loops(line("b0", "x0"), line("b1", "x0"), line("b2", "v0", v0="b0")) == [2, 0]
    assert loops(line("b1", "v0", v0="b0"), line("b2", "b1"), line("b0", "b2")) == [2, 0]


def test_slices_of_a_loop_cover_the_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first axis by rows, the last by columns; each index once."""
    for order, axis, length in ((None, 0, 7), ((1, 0), 1, 5)):
        for block in (1, 90, 10**9):
            monkeypatch.setattr(blocking, "BLOCK", block)
            found: list[Any] = []
            lines = [
                line("b0", "x0", shape=(7, 5), order=order),
                line("b1", "b0", shape=(7, 5), order=order),
            ]
            add: Any = lambda name, names, slices: found.extend(slices)
            list(blocked(lines, add))
            hit = np.zeros((7, 5), int)
            for index in found:
                hit[index] += 1
                assert len(index) == axis + 1
            assert np.all(hit == 1)
            assert (
                len(found) == {1: length, 90: -(-length // (length * 90 // 280)), 10**9: 1}[block]
            )
