"""What a user who means no good does to ``jit``: nesting, reentry, eviction, odd values and trees."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close
from replayed import M, X, Y, agrees, declared

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.replay import jitted as module

# ---- jit in jit ---------------------------------------------------------------------------------


SINE = tg.jit(np.sin)


def _wave(x: Any) -> Any:
    return (np.sin(x) ** 3).sum() * x[0]


NESTED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "twice": (tg.jit(tg.jit(_wave)), _wave),
    "grad of grad": (
        tg.grad(tg.jit(lambda x: tg.jit(tg.grad(tg.jit(_wave)))(x).sum())),
        tg.grad(lambda x: tg.grad(_wave)(x).sum()),
    ),
    "hessian": (tg.jit(tg.hessian(tg.jit(_wave))), tg.hessian(_wave)),
    "jacobian of a gradient": (
        tg.jit(tg.jacobian(tg.jit(tg.grad(tg.jit(_wave))))),
        tg.hessian(_wave),
    ),
    "hvp": (
        lambda x: tg.jit(lambda p, v: tg.hvp(tg.jit(_wave), p, v))(x, x),
        lambda x: tg.hvp(_wave, x, x),
    ),
    "shared by two": (
        tg.jit(lambda x: SINE(x) + SINE(x * 2) + SINE(SINE(x))),
        lambda x: np.sin(x) + np.sin(x * 2) + np.sin(np.sin(x)),
    ),
}


@pytest.mark.parametrize("name", NESTED)
def test_jit_inside_jit_and_transforms(name: str) -> None:
    f, want = NESTED[name]
    for x in (X, Y, X):
        close(f(x), want(x), ulps=256, strict=True, what=name)


def test_jit_inside_vmap_inside_jit() -> None:
    f = tg.jit(tg.vmap(tg.jit(tg.grad(tg.jit(_wave)))))
    for m in (M, 2 * M, M[:2]):
        close(f(m), np.stack([tg.grad(_wave)(row) for row in m]), ulps=256, strict=True)
    pair = tg.jit(lambda x, y: x * y + y.sum())
    close(
        tg.jit(tg.vmap(pair, (None, 0)))(X, M),
        X * M + M.sum(axis=1, keepdims=True),
        ulps=64,
        strict=True,
    )


def test_recursion_with_and_without_an_end() -> None:
    @functools.partial(tg.jit, static_argnums=1)
    def chain(x: Any, n: int) -> Any:
        return x if n == 0 else np.sin(chain(x, n - 1))

    close(chain(X, 3), np.sin(np.sin(np.sin(X))), strict=True)

    @tg.jit
    def endless(x: Any) -> Any:
        return endless(x)

    with pytest.raises(RecursionError):
        endless(X)
    close(tg.grad(lambda x: (x * x).sum())(X), 2 * X, strict=True)  # no recording is left open


# ---- reentry, threads, eviction -----------------------------------------------------------------


def test_a_call_in_the_middle_of_its_own_replay() -> None:
    """The inner call has buffers of its own."""
    known: dict[str, Any] = {}

    def value(x: Any) -> Any:
        return x + (known["f"](x * 0 + 1) if x[0] > 10 else 0)

    with declared("reenters"):
        reenters = tg.elementwise("reenters", value, lambda g, y, x: g, domain=(-1, 1))
        f = lambda x: np.exp(x * 0.1) * np.sin(reenters(np.cos(x) * 0 + x)) + np.cos(x)
        known["f"] = tg.jit(f)
        known["f"](X)
        for x in (X + 20, Y + 30):
            close(known["f"](x), f(x), ulps=64, strict=True)


def test_threads_that_evict_each_others_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_SIZE", 3)
    f = tg.jit(lambda x: np.sin(x) * x.sum())
    gate = threading.Barrier(6)

    def run(k: int) -> None:
        rng = np.random.default_rng(k)
        gate.wait()
        for n in rng.integers(1, 9, size=40):
            x = rng.normal(size=n)
            close(f(x), np.sin(x) * x.sum(), ulps=64, strict=True, what=f"{n} elements")

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(run, k) for k in range(6)]:
            done.result()
    assert len(f._known) <= 3


def test_recording_in_one_thread_leaves_others_alone() -> None:
    """While one records, another looks at values, differentiates and replays."""
    inside, go = threading.Event(), threading.Event()

    def slow(x: Any) -> Any:
        y = np.sin(x)
        inside.set()
        go.wait(10)
        return y * 2

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(tg.jit(slow), X)
        assert inside.wait(10)
        close(tg.grad(lambda x: (x * x).sum() if x[1] < 0 else x.sum())(X), 2 * X, strict=True)
        close(tg.jit(lambda x: x * 3)(X), X * 3, strict=True)
        go.set()
        close(first.result(), np.sin(X) * 2, strict=True)


def test_a_jitted_function_that_is_dropped_is_freed() -> None:
    f = tg.jit(tg.grad(_wave))
    f(X)
    gone = weakref.ref(f)
    del f
    gc.collect()
    assert gone() is None


# ---- changes in place ---------------------------------------------------------------------------


def _steps(x: Any) -> Any:
    y = x * 1.0
    y[0] = y[1] * y[2]
    y[1:] += y[:2]
    y *= 2
    return y


def test_changes_in_place_inside() -> None:
    agrees(_steps, (X,), (Y,))
    f = lambda x: (_steps(x) ** 2).sum()
    agrees(tg.grad(f), (X,), (Y,))
    close(tg.grad(tg.jit(f))(X), tg.grad(f)(X), strict=True)
    close(
        tg.jit(tg.vmap(tg.grad(f)))(M),
        np.stack([tg.grad(f)(row) for row in M]),
        ulps=64,
        strict=True,
    )


def test_positions_and_masks_that_change_from_call_to_call() -> None:
    def put(x: Any, at: Any, v: Any) -> Any:
        y = x * 1.0
        y[at] += v
        y[at] = y[at] * 2
        return y

    positions = [np.array(p) for p in ([0, 0, 2], [1, 1, 1], [-1, 0, 1])]
    agrees(put, *[(X, p, Y) for p in positions])
    masks = (X > 0, X < 0, X > 100)
    agrees(lambda x, m: tg.ops.set_at(x * 1.0, m, 0.5), *[(X, m) for m in masks])
    jitted = tg.jit(put)
    jitted(X, positions[0], Y)
    with pytest.raises(IndexError, match="out of bounds"):
        jitted(X, np.array([0, 7, 1]), Y)
    close(jitted(X, positions[1], Y), put(X, positions[1], Y), strict=True)


def test_what_belongs_to_the_caller_is_not_changed() -> None:
    def whole(x: Any) -> Any:
        x += 1  # a new tensor under the old name
        return x * 2

    def part(x: Any) -> Any:
        x[0] = 5.0
        return x

    given = X.copy()
    close(tg.jit(whole)(given), (X + 1) * 2, strict=True)
    close(given, X, strict=True)
    with pytest.raises(TypeError, match=r"cannot be changed in place.*copy"):
        tg.jit(part)(given)
    outside = np.zeros(3)

    def fill(x: Any) -> Any:
        outside[0] = x[0]
        return x

    with pytest.raises((TypeError, ValueError)):
        tg.jit(fill)(X)
    close(outside, np.zeros(3), strict=True)


def test_labels_out_of_range_are_the_same_error_when_replayed() -> None:
    jitted = tg.jit(nn.cross_entropy)
    good = np.array([0, 1, 2, 0])
    want = nn.cross_entropy(M, good)
    close(jitted(M, good), want, strict=True)
    for bad in ([0, 1, 3, 0], [0, 1, -1, 0]):
        for f in (nn.cross_entropy, jitted):
            with pytest.raises(ValueError, match="class numbers must be from 0 to 2"):
                f(M, np.array(bad))
        close(jitted(M, good), want, strict=True)


# ---- floating-point state -----------------------------------------------------------------------


def test_the_callers_floating_point_state_is_neither_used_nor_changed() -> None:
    jitted = tg.jit(lambda x: np.log(x) / x)
    for mode in ("raise", "warn", "ignore"):
        with np.errstate(all=mode):
            before = np.geterr()
            assert not np.isfinite(jitted(X * 0)).any()
            assert np.geterr() == before


def test_a_floating_point_error_in_mid_replay() -> None:
    """Raised by a primitive that asks for it; the next call is right, and the state as before."""

    def value(x: Any) -> Any:
        with np.errstate(all="raise"):
            return np.log(x)

    with declared("strict_log"):
        strict = tg.elementwise("strict_log", value, lambda g, y, x: g / x, domain=(0.1, 1))
        f = lambda x: strict(np.exp(x) + x) * np.tanh(x)
        jitted = tg.jit(f)
        close(jitted(abs(X)), f(abs(X)), strict=True)
        before = np.geterr()
        for _ in range(2):
            with pytest.raises(FloatingPointError):
                jitted(X - 5)
            assert np.geterr() == before
            close(jitted(abs(Y)), f(abs(Y)), strict=True)


# ---- values and trees ---------------------------------------------------------------------------


def test_unusual_floats_are_one_kind() -> None:
    calls: list[int] = []

    def f(x: Any, s: Any) -> Any:
        calls.append(1)
        return x * s

    jitted = tg.jit(f)
    for s in (1.0, float("nan"), float("inf"), -0.0, 0.0, 1e-320):
        got = jitted(X, s)
        np.testing.assert_array_equal(got, X * s)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(X * s))
    assert len(calls) == 2  # recorded twice to compare, and never again


@pytest.mark.parametrize(
    "x",
    [
        np.array([True, False]), np.array([200, 3], np.uint8), np.array([1 + 2j]), np.bool_(True),
        np.array([1.5], np.float16), np.array([1.5], np.longdouble), np.complex64(1j), np.int8(100),
        np.zeros((0, 3)), np.zeros((2, 0), np.float32), np.array(2.0), np.float32(3),
        np.broadcast_to(np.float64(2), (3, 4)), np.ones((6, 8))[::-2, ::-3], np.arange(3.0)[:0],
    ],
    ids=lambda x: f"{x.dtype}{x.shape}",
)  # fmt: skip
def test_values_of_every_type_and_layout(x: Any) -> None:
    with np.errstate(all="ignore"):
        agrees(lambda x: (x + x, x, x.sum(), x.reshape(-1)[:1]), (x,))


def test_results_of_an_input_that_changes_afterwards() -> None:
    f = tg.jit(lambda a: (a, a[1:], a.reshape(1, -1), np.broadcast_to(a, (2, 3)), a.T, +a))
    given = X.copy()
    results = f(given)
    given[:] = 9.0
    for y, want in zip(results, (X, X[1:], X[None], np.stack([X, X]), X, X), strict=True):
        close(y, want, strict=True)


Pair = collections.namedtuple("Pair", "a b")


def test_trees_of_all_sorts() -> None:
    agrees(lambda p: {"a": p["a"] * 2, "b": None, "c": (None, p["c"])},
           ({"a": X, "b": None, "c": Y},), ({"a": X, "b": None, "c": None},))  # fmt: skip
    agrees(lambda p: Pair(p.b, p.a * 2), (Pair(X, np.float64(1.5)),), (Pair(M, X),))
    agrees(lambda *a: a, (), ((),), ([], {}), (None,), (None, None))
    agrees(lambda d: [v * 2 for v in d.values()],
           (collections.OrderedDict(b=X, a=M),), (collections.OrderedDict(a=M, b=X),))  # fmt: skip
    agrees(lambda *a: sum(a[1:], a[0]), (*[X] * 300,))


def test_arguments_by_name_in_any_order() -> None:
    jitted = tg.jit(lambda **named: [v * 2 for v in named.values()])
    for _ in range(2):
        close(jitted(a=X, b=M), [X * 2, M * 2], strict=True)
        close(jitted(b=M, a=X), [M * 2, X * 2], strict=True)
    power = tg.jit(lambda x, n: x**n, static_argnums=1)
    close([power(X, 2), power(X, n=3), power(n=2, x=X)], [X**2, X**3, X**2], strict=True)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (row * 2 for row in (x, x + 1)),
        lambda x: map(np.sin, [x]),
        lambda x: lambda: x * 2,
    ],
    ids=["a generator", "a map", "a function"],
)
def test_results_that_are_computed_later_are_refused(f: Any) -> None:
    with pytest.raises(tg.TracingError, match="jit"):
        tg.jit(f)(X)
