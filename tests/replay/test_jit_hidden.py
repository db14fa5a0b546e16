"""Hidden axes as plain ones: a batch inside ``jit`` gives what a loop over the examples gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close
from hypothesis import given, settings
from hypothesis import strategies as st
from jit_routes import PATHS, along, recorded, steady
from test_jit_passes import STEPS, composed, total

import tinygrad_hess as tg

RNG = np.random.default_rng(0)
softmax = tg.ops.softmax


def draw(*shapes: tuple[int, ...]) -> list[Any]:
    return [RNG.normal(size=s) for s in shapes]


def looped(f: Callable[..., Any], in_axes: Any, out_axes: int, *args: Any) -> Any:
    """``vmap`` as a loop in Python over plain arrays."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    (size,) = {a.shape[k] for a, k in zip(args, axes, strict=True) if k is not None}
    results = [
        f(*(a if k is None else np.take(a, n, axis=k) for a, k in zip(args, axes, strict=True)))
        for n in range(size)
    ]
    return np.stack([np.asarray(y) for y in results], axis=out_axes)


Case = tuple[Callable[..., Any], Any, int, list[tuple[int, ...]]]
MAPPED: dict[str, Case] = {
    "elementwise": (lambda x, y: np.sin(x) * y, 0, 0, [(4, 3), (4, 3)]),
    "one of two": (lambda x, y: np.sin(x) * y, (0, None), 0, [(4, 3), (3,)]),
    "the other of two": (lambda x, y: np.sin(x) * y, (None, 0), 0, [(3,), (4, 3)]),
    "of other ranks": (lambda x, y: x * y + x, (0, 0), 0, [(4,), (4, 2, 3)]),
    "of other ranks, as long": (lambda x, y: x * y + x, (0, 0), 0, [(3, 3), (3, 3, 3)]),
    "the whole has more axes": (lambda x, y: x * y, (0, None), 0, [(3,), (3, 3)]),
    "last axes": (lambda x, y: np.exp(x) - y, -1, -1, [(3, 4), (3, 4)]),
    "axes apart": (lambda x, y: np.exp(x) - y, (1, 0), 1, [(3, 4), (4, 3)]),
    "squares, axes apart": (lambda x, y: np.exp(x) - y, (1, 0), 1, [(3, 3), (3, 3)]),
    "scalars": (lambda x: x * x, 0, 0, [(5,)]),
    "matrix and vectors": (lambda a, v: a @ v, (None, 0), 0, [(3, 3), (3, 3)]),
    "matrices and vector": (lambda a, v: a @ v, (0, None), 0, [(3, 3, 3), (3,)]),
    "matrices and vectors": (lambda a, v: a @ v, (0, 1), 1, [(3, 2, 3), (3, 3)]),
    "vectors and matrices": (lambda v, a: v @ a, (0, 0), 0, [(3, 3), (3, 3, 2)]),
    "inner products": (lambda u, v: u @ v, (0, 0), 0, [(4, 3), (4, 3)]),
    "inner products with one": (lambda u, v: u @ v, (0, None), 0, [(3, 3), (3,)]),
    "products": (lambda a, b: a @ b, (0, 0), 0, [(3, 2, 3), (3, 3, 4)]),
    "products, left": (lambda a, b: a @ b, (0, None), 0, [(3, 2, 3), (3, 4)]),
    "products, right": (lambda a, b: a @ b, (None, 0), 0, [(2, 3), (3, 3, 4)]),
    "products of transposes": (lambda a, b: a.T @ b.T, (0, None), 0, [(3, 3, 3), (3, 3)]),
    "products of stacks": (lambda a, b: a @ b, (1, 0), 0, [(2, 3, 3, 4), (3, 2, 4, 3)]),
    "stacks and one": (lambda a, b: a @ b, (0, None), 1, [(3, 2, 3, 3), (3, 3)]),
    "one and stacks": (lambda a, b: a @ b, (None, 0), 0, [(3, 3), (3, 2, 3, 3)]),
    "reshaped": (lambda x: np.sin(x).reshape(3, 4), 0, 0, [(4, 2, 6)]),
    "flattened": (lambda x: np.sin(x).reshape(-1), 1, 1, [(2, 3, 3)]),
    "to a length of 1": (lambda x: x.reshape(1, -1, 1) * 2, 0, 0, [(3, 3)]),
    "transposed": (lambda x: x.T * np.arange(6.0).reshape(3, 2), 0, 0, [(3, 2, 3)]),
    "transposed, squares": (lambda x, y: x.T * y, (1, 2), 1, [(3, 3, 3), (3, 3, 3)]),
    "permuted": (lambda x: np.sin(x).transpose(2, 0, 1), 2, 2, [(2, 3, 3, 4)]),
    "broadcast": (lambda x: np.broadcast_to(np.sin(x), (2, 3)) * 2, 0, 0, [(4, 3)]),
    "broadcast, as long": (lambda x: np.broadcast_to(np.sin(x), (3, 3)) * 2, 0, 0, [(3, 3)]),
    "broadcast from 1": (lambda x: np.broadcast_to(x, (2, 3)) * x, 0, 0, [(3, 2, 1)]),
    "broadcast of a scalar": (lambda x: np.broadcast_to(x, (3, 2)) + x, 0, 0, [(3,)]),
    "sums": (lambda x: np.sin(x).sum(axis=0), 0, 0, [(3, 3, 3)]),
    "sums from the end": (lambda x: np.sin(x).sum(axis=-1), 1, 0, [(3, 4, 3)]),
    "kept sums": (lambda x: x.sum(axis=(0, 1), keepdims=True) + x, 0, 0, [(3, 3, 3)]),
    "sums of all": (lambda x: np.sin(x).sum() * x, 0, 0, [(3, 3)]),
    "maxima": (lambda x: np.max(x, axis=0), 0, 0, [(3, 3, 2)]),
    "softmax": (lambda x: softmax(x, axis=0) * x, 0, 0, [(3, 3, 2)]),
    "sorted": (lambda x: np.sort(x, axis=0), 0, 0, [(3, 3, 2)]),
    "running sums": (lambda x: np.cumsum(x, axis=0), 1, 1, [(3, 3)]),
    "slices": (lambda x: np.sin(x)[1:, ::-1], 0, 0, [(3, 3, 3)]),
    "one of each": (lambda x: np.sin(x)[1], 0, 0, [(3, 3, 2)]),
    "from the end": (lambda x: np.sin(x)[..., -1], 0, 0, [(3, 3, 2)]),
    "new axes": (lambda x: np.sin(x)[None, :, None], 1, 0, [(3, 3)]),
    "a list of positions": (lambda x: x[[2, 0, 2, 1]] * 2, 0, 0, [(3, 3, 2)]),
    "separated positions": (lambda x: x[[0, 1], :, [1, 0]] * 2, 0, 0, [(3, 2, 4, 2)]),
    "positions and a slice": (lambda x: x[1:, [1, 0]] * 2, 0, 0, [(3, 3, 2)]),
    "a mask": (lambda x: x[np.array([True, False, True])] * 2, 0, 0, [(3, 3, 2)]),
    "concatenated": (lambda x, y: np.concatenate([x, y]) * 2, (0, None), 0, [(3, 3), (2,)]),
    "stacked": (lambda x, y: np.stack([x, y], axis=-1) * 2, (None, 0), 0, [(3,), (3, 3)]),
    "where": (lambda x, y: np.where(x > y, x, 0.0), (0, None), 0, [(3, 3), (3,)]),
    "padded": (lambda x: np.pad(x, 1) * 2, 0, 0, [(3, 2, 3)]),
    "einsum": (lambda a, b: np.einsum("ij,jk->ki", a, b), (0, None), 0, [(3, 3, 3), (3, 3)]),
    "outer": (lambda x, y: np.outer(x, y), (0, 0), 0, [(3, 3), (3, 2)]),
    "what is whole": (lambda x, y: np.sin(y) * 2, (0, None), 0, [(4, 3), (3,)]),
    "what is whole, placed last": (lambda x, y: np.sin(y) * 2, (0, None), -1, [(4, 3), (3,)]),
    "solve": (lambda a, b: np.linalg.solve(a, b), (0, None), 0, [(3, 3, 3), (3,)]),
    "a batch of one": (lambda x, y: np.sin(x) @ y, (0, None), 0, [(1, 3, 3), (3, 3)]),
    "a batch of one, sums": (lambda x: np.sin(x).sum(axis=0), 0, 0, [(1, 1, 3)]),
    "empty examples": (lambda x: np.sin(x).sum(axis=0), 0, 0, [(3, 0, 2)]),
}  # fmt: skip


def _mapped(name: str) -> tuple[Callable[..., Any], Callable[..., Any], list[Any]]:
    f, in_axes, out_axes, shapes = MAPPED[name]
    run = tg.vmap(f, in_axes, out_axes)
    return run, lambda *args: looped(f, in_axes, out_axes, *args), [draw(*shapes), draw(*shapes)]


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize("path", [None, "two threads", "three threads, chunks"])
def test_a_batch_against_a_loop(name: str, path: str | None) -> None:
    mapped, loop, points = _mapped(name)
    narrow = [[x.astype(np.float32) for x in p] for p in points]
    with along(path):
        jitted = tg.jit(mapped)
        for args in (points[0], narrow[0], points[1], narrow[1], points[0]):
            close(jitted(*args), loop(*args), ulps=128, strict=True, what=name)


@pytest.mark.parametrize("name", MAPPED)
def test_the_program_holds_plain_arrays_alone(name: str) -> None:
    """Interpreted without a planner, it gives the loop's numbers; nothing in it is a tensor."""
    mapped, loop, points = _mapped(name)
    traced = recorded(mapped, *points[0])
    assert not any(isinstance(c, tg.Tensor) for c in traced.recorded.constants.values())
    for args in points:
        with np.errstate(all="ignore"):
            (got,) = traced.recorded.run(*args)
        close(got, loop(*args), ulps=128, strict=True, what=name)


@pytest.mark.parametrize("name", MAPPED)
def test_derivatives_of_a_batch(name: str) -> None:
    """Of the mapped function, and mapped: gradients and Hessian-vector products."""
    f, in_axes, out_axes, shapes = MAPPED[name]
    scalar = lambda x, *rest: np.sum(np.sin(f(x, *rest)))
    points = [draw(*shapes), draw(*shapes)]
    over = lambda *args: np.sum(np.cos(tg.vmap(f, in_axes, out_axes)(*args)))
    steady(tg.grad(over, argnums=tuple(range(len(shapes)))), *points, what=name)
    steady(lambda x, *rest: tg.hvp(over, x, np.cos(x), *rest), *points, what=name)
    steady(tg.vmap(tg.grad(scalar), in_axes), *points, what=name)
    steady(
        tg.vmap(lambda x, *rest: tg.hvp(scalar, x, np.cos(x), *rest), in_axes), *points, what=name
    )


NESTED: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "both": (tg.vmap(tg.vmap(lambda x, y: np.sin(x) * y)), [(3, 3, 3), (3, 3, 3)]),
    "crossed": (
        tg.vmap(tg.vmap(lambda x, y: np.sin(x) @ y, (0, None)), (None, 0)),
        [(3, 3), (3, 3)],
    ),
    "crossed otherwise": (
        tg.vmap(tg.vmap(lambda x, y: np.sin(x) @ y, (None, 0)), (0, None)),
        [(3, 4), (3, 4)],
    ),
    "axes the other way round": (
        tg.vmap(tg.vmap(lambda x, y: x * y.T, (1, 0), 1), (1, 2), 2),
        [(3, 3, 3, 3), (3, 3, 3, 3)],
    ),
    "products": (
        tg.vmap(tg.vmap(lambda a, b: a @ b, (0, None)), (None, 0)),
        [(3, 3, 3), (3, 3, 3)],
    ),
    "left factors": (
        tg.vmap(tg.vmap(lambda a, b: np.tanh(a @ b) @ b, (0, None)), (0, None)),
        [(3, 2, 3, 3), (3, 3)],
    ),
    "reshaped and transposed": (
        tg.vmap(tg.vmap(lambda x, y: np.sin(x).reshape(3, 2).T * y, (0, None)), (None, 0)),
        [(3, 2, 3), (3, 2, 3)],
    ),
    "broadcast": (
        tg.vmap(tg.vmap(lambda x, y: np.broadcast_to(x, (2, 3)) + y, (0, None)), (None, 0)),
        [(3, 3), (3, 1)],
    ),
    "sums and slices": (
        tg.vmap(tg.vmap(lambda x, y: (x[1:] * y).sum(axis=0) + y[::-1][0], (None, 1)), (0, None)),
        [(3, 3, 3), (3, 3)],
    ),
    "three": (
        tg.vmap(tg.vmap(tg.vmap(lambda x, y: x * y, (None, 0)), (0, None)), (1, 1)),
        [(3, 3), (3, 3)],
    ),
    "gradients of mapped gradients": (
        lambda x, m: tg.grad(
            lambda x: (tg.vmap(tg.grad(lambda x, r: np.tanh(r @ x)), (None, 0))(x, m) ** 2).sum()
        )(x),
        [(3,), (4, 3)],
    ),
    "hessians of rows": (
        tg.vmap(tg.hessian(lambda x, m: (np.tanh(m @ x) ** 2).sum()), (0, None)),
        [(3, 3), (3, 3)],
    ),
    "jacobians of rows": (tg.vmap(tg.jacobian(lambda x: np.outer(x, x) @ x)), [(3, 3)]),
}


@pytest.mark.parametrize("path", [None, *PATHS])
@pytest.mark.parametrize("name", NESTED)
def test_axes_inside_axes(name: str, path: str | None) -> None:
    f, shapes = NESTED[name]
    points = [draw(*shapes), draw(*shapes)]
    with along(path):
        steady(f, *points, what=name)


def test_axes_inside_axes_against_loops() -> None:
    """One that is recorded wrongly in both ways would be missed above."""
    a, b = draw((3, 3, 3), (3, 3, 3))
    f, _ = NESTED["products"]
    close(tg.jit(f)(a, b), np.stack([np.stack([x @ y for x in a]) for y in b]), strict=True)
    x, y = draw((3, 3, 3, 3), (3, 3, 3, 3))
    f, _ = NESTED["axes the other way round"]
    want = np.empty((3, 3, 3, 3))
    for i in range(3):
        for j in range(3):
            outer_x, outer_y = x[:, i], y[:, :, i]
            want[:, j, i] = outer_x[:, j] * outer_y[j].T
    close(tg.jit(f)(x, y), want, strict=True)


def test_a_batch_around_a_jitted_function_is_recorded_with_it() -> None:
    inner = tg.jit(lambda x, w: np.tanh(x @ w))
    x, w = draw((4, 3), (3, 3))
    inner(x[0], w)
    want = np.tanh(np.stack([r @ w for r in x]))
    for f in (tg.vmap(inner, (0, None)), tg.jit(tg.vmap(inner, (0, None)))):
        close(f(x, w), want, strict=True)
    steady(tg.vmap(lambda r: tg.vmap(lambda c: inner(r * c, w))(x)), (x,), (x[::-1],))


@given(STEPS, st.integers(0, 99), st.integers(1, 4), st.sampled_from(["one", "two", "gradient"]))
@settings(max_examples=15)
def test_random_batches(steps: Any, seed: int, size: int, way: str) -> None:
    """With a batch as long as other axes, of one example, and two batches."""
    rng = np.random.default_rng(seed)
    f = composed(steps)
    lead = (size, 3) if way == "two" else (size,)
    points = [[rng.normal(size=lead + s) for s in ((3,), (2, 3))] for _ in range(2)]
    if way == "gradient":
        steady(tg.vmap(tg.grad(total(f), argnums=(0, 1))), *points, ulps=2**16)
    else:
        steady(tg.vmap(f) if way == "one" else tg.vmap(tg.vmap(f)), *points, ulps=2**16)
