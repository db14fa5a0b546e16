"""Programs cut into chunks of one axis: wherever they are cut, the numbers are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close
from figures import noted
from hypothesis import given, settings
from hypothesis import strategies as st
from jit_functions import INSIDE, RETURNS, loss
from jit_routes import PATHS, ROUTES, along, every_cut, recorded, route, steady
from replayed import M, N, X, Y
from test_jit_passes import STEPS, composed, total

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.replay.shard.split import split

RNG = np.random.default_rng(0)
softmax = tg.ops.softmax


def draw(*shapes: tuple[int, ...]) -> list[Any]:
    return [RNG.normal(size=s) for s in shapes]


def _repeated(y: Any) -> Any:
    return y, y, y.T, y.sum(), y.reshape(-1)


# ---- each axis of each argument -----------------------------------------------------------------

Case = tuple[Callable[..., Any], list[tuple[int, ...]]]
STRETCHED: dict[str, Case] = {
    "elementwise": (lambda x, y: np.sin(x) * y, [(4, 6), (4, 6)]),
    "broadcast both ways": (lambda x, y, z: x * y + z, [(4, 1), (1, 6), ()]),
    "of other ranks": (lambda x, y: np.exp(x) * y, [(6,), (3, 4, 6)]),
    "an axis of length 1": (lambda x, y: np.sin(x) + y, [(1, 5), (3, 5)]),
    "matrix and vector": (lambda a, v: np.sin(a) @ v, [(9, 4), (4,)]),
    "vector and matrix": (lambda a, v: v @ np.sin(a), [(9, 4), (9,)]),
    "two vectors": (lambda u, v: (u @ np.cos(v)) * u, [(7,), (7,)]),
    "square product": (lambda a, b: np.sin(a) @ b + a.T @ b.T, [(5, 5), (5, 5)]),
    "chain of products": (lambda a, b: np.tanh(np.tanh(a @ b) @ b) @ b, [(5, 4), (4, 4)]),
    "stacks": (lambda a, b: np.sin(a) @ b, [(4, 6, 3), (4, 3, 6)]),
    "stack and matrix": (lambda a, b: np.sin(a) @ b, [(4, 6, 3), (3, 6)]),
    "matrix and stack": (lambda a, b: a @ np.sin(b), [(5, 6), (4, 6, 3)]),
    "stacks that broadcast": (lambda a, b: a @ np.sin(b), [(1, 5, 6), (4, 6, 3)]),
    "outer": (lambda x, y: np.outer(np.sin(x), y) * 2, [(4,), (5,)]),
    "each sum": (lambda x: [np.sin(x).sum(axis=k) for k in (0, 1, 2, None)], [(4, 6, 3)]),
    "two axes": (lambda x: [np.sin(x).sum(axis=k) for k in ((0, 1), (1, 2), (0, 2))], [(4, 6, 3)]),
    "kept sums": (
        lambda x: [np.sin(x).sum(axis=k, keepdims=True) * x for k in (0, -1, (0, 2))],
        [(4, 6, 3)],
    ),
    "sums of sums": (lambda x: np.sin(x).sum(axis=0).sum(axis=0) + np.cos(x).sum((0, 1)), [(4, 5, 3)]),
    "difference of sums": (lambda x, y: np.sin(x).sum(0) - np.cos(y).sum(0), [(5, 3), (5, 3)]),
    "sum that goes back": (lambda x: np.sin(x) - np.cos(x).mean(axis=0), [(5, 3)]),
    "sum of one and another": (lambda x, y: np.sin(x).sum(axis=0) + y, [(5, 3), (3,)]),
    "maxima": (lambda x: [np.max(np.sin(x), axis=k) for k in (0, 1, None)], [(4, 5)]),
    "softmax": (lambda x: [softmax(x, axis=k) for k in (0, 1)], [(4, 5)]),
    "logsumexp": (lambda x: [tg.ops.logsumexp(x, axis=k) * 2 for k in (0, 1)], [(4, 5)]),
    "transposed": (lambda x, y: np.sin(x).transpose(2, 0, 1) * y, [(4, 6, 3), (3, 4, 6)]),
    "transposed twice": (lambda x: np.sin(np.cos(x.T).T).swapaxes(0, 1), [(4, 6, 3)]),
    "first two joined": (lambda x: np.sin(x).reshape(24, 3), [(4, 6, 3)]),
    "last two joined": (lambda x: np.sin(x).reshape(4, 18), [(4, 6, 3)]),
    "all joined": (lambda x: np.sin(x).reshape(-1) * 2, [(4, 6, 3)]),
    "joined and parted": (lambda x: np.cos(np.sin(x).reshape(24, 3).reshape(2, 12, 3)), [(4, 6, 3)]),
    "parted": (lambda x: np.sin(x).reshape(2, 2, 6).sum(axis=1), [(4, 6)]),
    "parted otherwise": (lambda x: np.sin(x).reshape(3, 8) * 2, [(4, 6)]),
    "joined with a length of 1": (lambda x: np.sin(x).reshape(6, 1, 3, 1), [(1, 6, 3)]),
    "joined and summed": (lambda x: np.sin(x).reshape(24, 3).sum(axis=0), [(4, 6, 3)]),
    "joined and multiplied": (lambda x, w: np.sin(x).reshape(24, 3) @ w, [(4, 6, 3), (3, 2)]),
    "joined before and after": (
        lambda x, y: np.sin(x) * np.cos(y).reshape(2, 6, 3),
        [(2, 6, 3), (12, 3)],
    ),
    "joined behind a sum": (lambda x: softmax(x, axis=0).reshape(24, 3), [(4, 6, 3)]),
    "joined with an argument": (
        lambda z, y, w: softmax(z, axis=0) + (w * np.cos(y.reshape(-1))).reshape(4, 6),
        [(4, 6), (4, 6), (24,)],
    ),
    "joined with an argument, twos": (
        lambda z, y, w: softmax(z, axis=0) + (w * np.cos(y.reshape(-1))).reshape(4, 2),
        [(4, 2), (4, 2), (8,)],
    ),
    "joined for a late operation": (
        lambda x: np.sort(softmax(x, axis=0).reshape(12, 3), axis=0),
        [(2, 6, 3)],
    ),
    "part of a product, joined": (
        lambda x, y, w: softmax(x, axis=0) * (y @ w).reshape(2, 6, 3),
        [(2, 6, 3), (12, 2), (2, 3)],
    ),
    "indexed": (lambda x: (np.sin(x)[1:] * 2, np.sin(x)[:, ::-1] * x), [(5, 4)]),
    "concatenated": (lambda x, y: np.concatenate([np.sin(x), y]) * 2, [(4, 3), (5, 3)]),
    "concatenated across": (lambda x, y: np.concatenate([np.sin(x), y], 1) * 2, [(4, 3), (4, 2)]),
    "stacked": (lambda x, y: np.stack([np.sin(x), y], axis=1) * 2, [(4, 3), (4, 3)]),
    "spread": (lambda x, y: np.broadcast_to(np.sin(x), (3, 4, 5)) * y, [(4, 5), (3, 1, 5)]),
    "spread along the axis": (lambda x: np.broadcast_to(np.sin(x), (4, 5)) + x, [(4, 1)]),
    "running sums": (lambda x: np.cumsum(np.sin(x), axis=0) * np.cos(x), [(5, 3)]),
    "where": (lambda x, y: np.where(x > y, np.sin(x), y), [(5, 3), (3,)]),
    "masks": (lambda x: ((x > 0), (x > 0).sum(axis=0), np.isnan(x)), [(5, 3)]),
    "arguments and constants back": (lambda x, y: (x, y.T, np.ones(3), x[1:], np.sin(x)), [(4, 3)] * 2),
    "results twice": (lambda x: _repeated(np.sin(x)), [(4, 3)]),
    "a constant with the axis": (lambda x: np.sin(x) * np.arange(4.0)[:, None] + np.ones((4, 3)), [(4, 3)]),
    "a constant product": (lambda x: np.sin(x) @ np.arange(12.0).reshape(3, 4), [(4, 3)]),
    "empty results": (lambda x, e: (np.sin(x), x.T @ e), [(4, 3), (4, 0)]),
    "gradient": (tg.grad(lambda x, w: np.tanh(x @ w).sum() ** 2, (0, 1)), [(5, 4), (4, 3)]),
    "gradients by row": (
        tg.vmap(tg.grad(lambda w, x: (np.tanh(x @ w) ** 2).sum()), (None, 0)),
        [(4, 3), (5, 4)],
    ),
    "gradients by row, squares": (
        tg.vmap(tg.grad(lambda w, x: (np.tanh(x @ w) ** 2).sum()), (None, 0)),
        [(4, 4), (4, 4)],
    ),
    "jacobian": (tg.jacobian(lambda x, w: np.tanh(x @ w).sum(axis=0)), [(4, 3), (3, 2)]),
    "hessian": (tg.hessian(lambda x: np.tanh(x).sum() ** 2), [(3, 3)]),
    "hvps": (
        lambda x, v: tg.vmap(lambda v: tg.hvp(lambda x: np.tanh(x @ x.T).sum() ** 2, x, v))(v),
        [(3, 3), (3, 3, 3)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STRETCHED)
def test_cut_along_each_axis_of_each_argument(name: str) -> None:
    """On one thread, on two and on three, in chunks of one step and of several."""
    f, shapes = STRETCHED[name]
    points = [draw(*shapes), draw(*shapes)]
    for cache in (16, 100):
        with route(cache=cache):
            assert every_cut(f, *points), "nothing was cut"


@pytest.mark.parametrize("name", STRETCHED)
def test_jitted_on_three_threads(name: str) -> None:
    """Through the cut that the library chooses, with results that stay as they are."""
    f, shapes = STRETCHED[name]
    with route(3):
        steady(f, draw(*shapes), draw(*shapes), what=name)


@pytest.mark.parametrize(
    "name", ["elementwise", "chain of products", "each sum", "gradient", "hvps"]
)
def test_float32_stays_float32(name: str) -> None:
    f, shapes = STRETCHED[name]
    points = [[x.astype(np.float32) for x in draw(*shapes)] for _ in range(2)]
    with route():
        every_cut(f, *points)
        steady(f, *points)


def test_integers() -> None:
    """Sums of small integers and of booleans are as wide as NumPy makes them."""
    k = RNG.integers(-100, 100, (6, 5))
    f = lambda k: (k.sum(axis=0), (k * 2).sum(axis=1), (k > 0).sum(axis=0), k @ k.T, k * 0.5)
    for dtype in (np.int64, np.int8, np.uint8, bool):
        with route(2), np.errstate(all="ignore"):
            every_cut(f, [k.astype(dtype)], [k[::-1].astype(dtype)])


@pytest.mark.parametrize("shapes", [[(0, 3), (3, 2)], [(4, 0), (0, 2)], [(4, 3), (3, 0)]])
def test_empty_arrays(shapes: Any) -> None:
    f = lambda x, w: (np.tanh(x @ w + 1), np.sin(x).sum(axis=0), (x * 2).sum(), x.T @ (x @ w))
    for count in (1, 3):
        with route(count):
            every_cut(f, draw(*shapes))
            steady(f, draw(*shapes), draw(*shapes))


def test_sums_without_elements_cost_nothing() -> None:
    """Where only they are added, there is no limit on the number of chunks."""
    f = lambda x, e: (np.sin(x), x.T @ e)
    with route(2):
        steady(f, draw((4, 3), (4, 0)))


def test_infinities_and_nans_stay_where_they_are() -> None:
    x = np.array([[np.inf, 1.0, -np.inf], [np.nan, 0.0, 2.0], [1.0, -0.0, 3.0], [5.0, 6.0, 7.0]])
    f = lambda x: (x.sum(axis=0), x.sum(axis=1), np.max(x, axis=1), softmax(x[2:]), x * 2 - x)
    with route(2):
        every_cut(f, [x], [x[::-1]])


def test_layouts_of_arguments() -> None:
    """Stretches are of this call's array, with its own strides."""
    x, w = draw((6, 4), (4, 3))
    f = lambda x, w: (np.tanh(x @ w), (x.T * 2).reshape(-1), np.sin(x).sum(axis=0))
    wide = np.zeros((12, 8))
    wide[::2, ::2] = x
    with route(2):
        jitted = tg.jit(f)
        for given in (x, np.asfortranarray(x), wide[::2, ::2], x[::-1, ::-1][::-1, ::-1]):
            close(jitted(given, w), f(x, w), strict=True)


# ---- which programs are cut ---------------------------------------------------------------------


def test_what_each_part_of_a_split_program_holds() -> None:
    """The loss of a regression: rows are the shards', the mean is the rest's."""
    f = lambda w, x: (np.tanh(x @ w) ** 2).sum() / 6 + np.sin(w[0, 0])
    found = split(recorded(f, *draw((4, 3), (40, 4))).program)
    assert found is not None and found.length == 40
    names = [i.name for i in found.shard.instructions]
    assert names[:2] == ["matmul", "tanh"] and names[-1] == "sum" and len(names) == 4
    assert len(found.sums) == 1 and not found.parts
    assert {i.name for i in found.after.instructions} >= {"divide", "add"}


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.cumsum(np.cumsum(x, axis=0), axis=1),
        lambda x: np.sort(np.sin(np.sort(x, axis=1)), axis=0),
        lambda x: x,
        lambda x: np.ones(3),
    ],
)
def test_what_cannot_be_cut_is_left_whole(f: Any) -> None:
    assert split(recorded(f, *draw((5, 4))).program) is None
    with route(3):
        steady(f, draw((5, 4)), draw((5, 4)))


@pytest.mark.parametrize("length", [1, 2, 3, 7, 11])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_stretches_cover_the_axis(length: int, count: int) -> None:
    """Also where threads outnumber steps, and where the last stretch is shorter."""
    f = lambda x, w: (np.sin(x) * w, (x * w).sum(axis=0))
    for cache in (1, 100, 10**9):
        with route(count, cache=cache):
            steady(f, draw((length, 3), (3,)), draw((length, 3), (3,)))


def test_cutting_can_be_told_from_explain_and_source() -> None:
    """Only the rows can be cut: a softmax reads all of a row."""
    args = draw((8, 4), (4, 4))
    f = lambda x, w: softmax(x @ w, axis=1).sum(axis=0)
    assert "too small" in tg.jit(f).explain(*args)
    with route(2, cache=10**9):
        jitted = tg.jit(f)
        assert "an axis of 8 cut into 2 chunks, on 2 threads" in jitted.explain(*args)
        assert "# shard" in jitted.source(*args)


# ---- everything that jit replays elsewhere ------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", INSIDE)
def test_transforms_inside(name: str, path: str) -> None:
    with along(path):
        steady(INSIDE[name], (X, M), (Y, N), what=name)


@pytest.mark.parametrize("name", RETURNS)
def test_results_belong_to_the_caller(name: str) -> None:
    """Overwriting what a call gave changes nothing else."""
    f = lambda x: [y for y in tg.core.trees.leaves(RETURNS[name](x)) if not callable(y)]
    with route(2, cache=8):
        jitted = tg.jit(f)
        for x in (X, Y):
            given = x.copy()
            results = [y for y in jitted(given) if isinstance(y, np.ndarray)]
            for i, y in enumerate(results):
                others = [*results[:i], *results[i + 1 :], given]
                assert y.flags.writeable
                assert not any(np.shares_memory(y, z) for z in others)
                y[...] = -77.0
            close(given, x, strict=True)
            close(jitted(given), f(x), strict=True, what=name)


SQUARES = {"widths as the batch": 4, "widths of one": 1, "widths apart": 3}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("width", SQUARES.values(), ids=list(SQUARES))
def test_nets_with_ambiguous_axes(path: str, width: int) -> None:
    """Four examples through layers of four units: only the program tells which axis is which."""
    net = lambda seed: nn.MLP([width, 4, width, 4], seed=np.random.default_rng(seed))
    calls = [(net(k), *draw((4, width)), RNG.integers(0, 4, 4)) for k in range(2)]
    each = tg.vmap(tg.grad(lambda m, x, y: loss(m, x[None], y[None])), (None, 0, 0))
    with along(path):
        for f in (tg.value_and_grad(loss), lambda m, x, y: tg.hvp(loss, m, m, x, y), each):
            steady(f, *calls)


@pytest.mark.parametrize("width", [4, 3])
def test_hessians_of_nets(width: int) -> None:
    p = draw((width, 4), (4,), (4, 4))
    f = lambda p, x: (np.tanh(np.tanh(x @ p[0] + p[1]) @ p[2]) ** 2).sum()
    with route(3):
        steady(tg.hessian(f), (p, *draw((4, width))), (p, *draw((4, width))))


# ---- random programs ----------------------------------------------------------------------------

SHAPES = st.sampled_from([
    ((3,), (2, 3)), ((2, 3), (3, 2)), ((4, 4), (4, 4)), ((6, 2), (2, 3, 2)), ((12,), (3, 4)),
    ((3, 3), (3,)), ((1, 5), (5, 1)), ((4, 1, 2), (4, 2)), ((2, 2, 2), (2, 2)), ((5,), ()),
])  # fmt: skip
WAYS: dict[str, Callable[[Any], Any]] = {
    "value": lambda f: f,
    "gradient": lambda f: tg.grad(total(f), argnums=(0, 1)),
    "hvp": lambda f: lambda x, y: tg.hvp(total(f), x, np.cos(x), y),
    "vmap": tg.vmap,
    "vmap of gradient": lambda f: tg.vmap(tg.grad(total(f), argnums=(0, 1))),
    "jacobian": lambda f: tg.jacobian(lambda x, y: f(x, y)[-1]),
}


def check(steps: Any, shapes: Any, seed: int, way: str, path: str) -> None:
    """Recorded, cut along each axis, and jitted, of which the numbers must agree."""
    rng = np.random.default_rng(seed)
    lead = (3,) if "vmap" in way else ()
    points = [[np.asarray(rng.normal(size=lead + s)) for s in shapes] for _ in range(2)]
    f = WAYS[way](composed(steps))
    with along(path):
        every_cut(f, *points, counts=(1, 2), ulps=2**16)
        steady(f, *[[x[()] for x in p] for p in points], ulps=2**16)


@given(STEPS, SHAPES, st.integers(0, 99), st.sampled_from([*WAYS]), st.sampled_from([*ROUTES]))
@settings(max_examples=15)
def test_random_programs(steps: Any, shapes: Any, seed: int, way: str, path: str) -> None:
    check(steps, shapes, seed, way, path)


@pytest.mark.slow
@noted("cut for threads at every axis, against whole ones")
@given(STEPS, SHAPES, st.integers(0, 10**6), st.sampled_from([*WAYS]), st.sampled_from([*ROUTES]))
@settings(max_examples=150)
def test_many_random_programs(steps: Any, shapes: Any, seed: int, way: str, path: str) -> None:
    check(steps, shapes, seed, way, path)
