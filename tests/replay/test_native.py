"""Runs without Python between their lines: the same bits as the lines, whatever they are given."""

from __future__ import annotations

import concurrent.futures
import ctypes
import gc
import pickle
import sysconfig
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optree
import pytest
from comparing import close
from figures import noted
from hypothesis import given, settings
from hypothesis import strategies as st
from jit_functions import INSIDE
from random_libraries import here
from random_programs import Program, programs
from replayed import LAYOUTS, M, X, declared, laid_out, one_nan

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.core import blas_threads as threads
from tinygrad_hess.replay.native import library, lower, runs, why_python
from tinygrad_hess.replay.shard.run import Sharded
from tinygrad_hess.replay.shard.split import split

needs_it = pytest.mark.skipif(why_python() is not None, reason=str(why_python()))
counts_references = pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="counts are not exact without a global lock, and functions wait for the collector",
)

HOSTILE = np.array([np.nan, -np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -1e-310, 0.0, -0.0])


def hostile(like: Any, seed: int) -> Any:
    """The same shape and type; a third of it values of which something may be lost."""
    rng = np.random.default_rng(seed)
    like = np.asarray(like)
    with np.errstate(all="ignore"):
        mixed = np.where(rng.random(like.shape) < 0.3, rng.choice(HOSTILE, like.shape), like)
        return mixed.astype(like.dtype)


def bits(tree: Any) -> list[Any]:
    """All of what is returned: types, shapes, how it lies, and each bit."""
    found = []
    for x in optree.tree_leaves(tree):
        strides = x.strides if isinstance(x, np.ndarray) else None
        found.append((type(x), x.dtype, x.shape, strides, one_nan(x).tobytes()))
    return found


def outcome(f: Callable[..., Any], args: Any) -> Any:
    """What comes of a call, bit by bit; of a factorisation of what is not finite, the error."""
    try:
        return bits(f(*args))
    except np.linalg.LinAlgError as error:
        return str(error)


def same(f: Callable[..., Any], *calls: Any, least: int = 1) -> Any:
    """``f`` with and without runs: the same bits at each call. The plan with runs."""
    with_runs, without = tg.jit(f), tg.jit(f, native=False)
    for args in [*calls, calls[0]]:
        assert outcome(with_runs, args) == outcome(without, args), f"at {args}"
    plan = with_runs._traced(calls[0], {})[0].plan
    assert without._traced(calls[0], {})[0].plan.lowered is None
    assert (plan.lowered.lines_in_runs if plan.lowered else 0) >= least
    return plan


# ---- programs, on hostile values and in all layouts ---------------------------------------------

RNG = np.random.default_rng(0)
N = RNG.normal(size=(4, 3))
TALL = RNG.normal(size=(70, 3))
STACK = RNG.normal(size=(2, 4, 3))


def _functions(x: Any, m: Any) -> Any:
    y = np.exp(np.sin(x) * 2) + np.tanh(x) / np.sqrt(1 + x * x)
    return y, np.log1p(np.abs(m)) * np.cos(m), np.arctan(m) ** 3, np.hypot(y, x)


def _broadcast(x: Any, m: Any) -> Any:
    a = (m + x) * x - m[:, :1] / x
    return (a * 2 + m[:1]) * (x + 1), np.maximum(a, x) - np.minimum(m, 0.5), np.sign(a) * m


def _reduced(x: Any, m: Any) -> Any:
    a = m * m - x
    sums = [(a + 1).sum(axis=k, keepdims=keep) for k in (0, 1, None) for keep in (False, True)]
    return [s * 2 + 1 for s in sums], a.max(axis=1) * 2, (a * a).max(axis=0), a.mean() * x


def _products(x: Any, m: Any) -> Any:
    a = np.tanh(m @ m.T) @ (m * 2)
    return a @ x + 1, (x * 2) @ (m.T + 1), (m @ x) @ (m @ x) * 2, (a @ a.T) * 2, m.T @ a + m[:3]


def _chosen(x: Any, m: Any) -> Any:
    a = np.where(m > x, m * 2, -1.0) + 1
    return np.where(a == m, a, x) * 2, nn.relu(a - m) * 3, np.maximum(a, m) * (a > 0)


def _views(x: Any, m: Any) -> Any:
    a = m.T * 2 + 1
    return (a[::-1] + a) * a[0, 1], a.reshape(-1)[::2] * 2 + 1, (x[::-1] + x) * x[1], (m[1] + x) * 2


def _softmax(x: Any, m: Any) -> Any:
    e = np.exp(m - m.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) * x + 1


def _loss(x: Any, m: Any) -> Any:
    h = np.tanh(m @ np.outer(x, x) + x)
    return (h * h).mean() + np.log(1 + np.exp(-x)).sum() * h[0, 1] - (h[1:] / 3).max()


PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "functions": _functions,
    "broadcast": _broadcast,
    "reductions": _reduced,
    "products": _products,
    "masks": _chosen,
    "views": _views,
    "softmax": _softmax,
    "value and gradient": tg.value_and_grad(_loss, argnums=(0, 1)),
    "hvp": lambda x, m: tg.hvp(lambda x: _loss(x, m), x, x[::-1]),
    "hessian": tg.hessian(_loss),
    "slices of a gradient": tg.grad(
        lambda x, m: (x[:2] * x[1:]).sum() * m[0, 0] * 2, argnums=(0, 1)
    ),
}


@needs_it
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_programs_give_the_same_bits(name: str, dtype: Any) -> None:
    args = (X.astype(dtype), N.astype(dtype))
    calls = [args, *[[hostile(a, seed) for a in args] for seed in range(3)]]
    calls += [laid_out(args, layout) for layout in LAYOUTS]
    same(PROGRAMS[name], *calls)


@needs_it
@pytest.mark.parametrize("name", INSIDE)
def test_every_kind_of_transform(name: str) -> None:
    same(INSIDE[name], (X, M), (hostile(X, 1), hostile(M, 2)), least=0)


@needs_it
def test_tall_products_and_stacks() -> None:
    def f(a: Any, b: Any, s: Any) -> Any:
        h = np.tanh(a @ b) * 2
        t = np.tanh(s @ b + 1) @ (s.mT * 2)
        return h, h.T @ a + 1, t * 2, (s * 2).sum(axis=-1), (t + 1).sum(axis=(-2, -1)), h.sum(0)

    b = RNG.normal(size=(3, 3))
    args = (TALL, b, STACK)
    same(f, args, [hostile(a, 3) for a in args], laid_out(args, np.asfortranarray))


@needs_it
def test_complex_numbers() -> None:
    z = N + 1j * N[::-1]
    same(lambda z: (np.exp(z * 2) + np.conj(z)) * z - 1 / z, (z,), (hostile(z.real, 1) + 1j * z,))


@needs_it
@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_single_complex_numbers(dtype: Any) -> None:
    """NumPy rounds products of one element by how it lies, a number's otherwise than an array's."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        z = (rng.normal(size=4) + 1j * rng.normal(size=4)).astype(dtype)
        f = lambda z: (np.square(z[0] - z[1]) * z[2] + np.exp(z[3]), (z * z + 1).sum())
        same(f, (z,), (z * 3,), least=0)
        g = lambda z: (z.sum() * (np.sin(z[:1, None]) * z[:1, None]) + z[0], z[:1] * z[1:2] * 2)
        same(g, (z,), (z * 3,), least=0)


def _check(program: Program, seed: int) -> None:
    """A random program and its gradient, at a generic point and on hostile values."""
    point = program.point(seed)
    loss = program.loss(here(np))
    for f in (loss, tg.grad(loss, argnums=(0, 1, 2))):
        same(f, point, [hostile(x, seed) for x in point], least=0)


@needs_it
@given(programs(3, 12), st.integers(0, 99))
@settings(max_examples=3)
def test_random_programs(program: Program, seed: int) -> None:
    _check(program, seed)


@needs_it
@pytest.mark.slow
@noted("by the C runner, bit for bit those of NumPy's calls")
@given(programs(3, 25), st.integers(0, 10**6))
@settings(max_examples=200)
def test_many_random_programs(program: Program, seed: int) -> None:
    _check(program, seed)


# ---- what surrounds a run -----------------------------------------------------------------------


@needs_it
def test_lines_that_are_no_runs_stand_between_them() -> None:
    """A function of the user's, and one of NumPy that is no ufunc, get and give locals."""
    with declared("halves"):
        halves = tg.zero("halves", lambda x: np.floor(2 * x) / 2, domain=(-1, 1))

        def f(x: Any, m: Any) -> Any:
            a = np.sin(x[::-1]) * 2
            b = halves(a) * x[::-1] + 1
            c = np.sort(b * a) + x[0] * (b * 2).sum()
            return c * a.sum() + 1, x[::-1], b, (m * 2 + 1).T

        plan = same(f, (X, M), *[(hostile(X, k), hostile(M, k)) for k in range(4)])
    assert len(plan.lowered.runs) > 1


@needs_it
def test_what_moves_elements_is_part_of_a_run() -> None:
    """Copies to another shape, zeros around, elements that go round, repeated ones; one run."""

    def moved(x: Any) -> Any:
        y = np.tanh(x)
        parts = [y[:, 1:4].reshape(-1), y.T.reshape(4, 5), np.swapaxes(y, 0, 1).reshape(2, 2, 5)]
        more = [np.pad(y, ((1, 0), (0, 2))), np.roll(y, 3), np.roll(y, (1, -1), (0, 1))]
        return sum((p * p * p).sum() for p in (*parts, *more, np.repeat(y, 3, axis=1)))

    x = np.random.default_rng(0).normal(size=(5, 4))
    plan = same(tg.grad(moved), (x,))
    assert len(plan.lowered.lines) == len(plan.lowered.runs) == 1


@needs_it
def test_a_users_ufunc_is_no_run() -> None:
    """Its row says nothing of what it does."""
    with declared("my_sine"):
        sine = tg.elementwise("my_sine", np.sin, lambda g, y, x: g * np.cos(x), domain=(-1, 1))
        plan = tg.jit(lambda x: sine(sine(x)) * 1.5)._traced((X,), {})[0].plan
    assert plan.lowered is None


@needs_it
def test_numbers_that_are_no_floats_stay_python() -> None:
    plan = (
        tg.jit(lambda k, x: ((k + 1) * 2 - k, (x + k) * k))._traced((np.arange(3), X), {})[0].plan
    )
    assert plan.lowered is None


@needs_it
def test_numbers_as_arguments_and_results() -> None:
    def f(a: Any, b: Any, x: Any) -> Any:
        c = np.exp(a * 2) + b
        return c * x + 1, c * c, (x * c).sum(), a > b

    for a in (0.3, np.float64(0.3), np.array(0.3), np.float64(np.nan), np.float64(-0.0)):
        same(f, (a, np.float64(1.25), X))
    same(f, (np.float32(0.3), np.float32(2), X.astype(np.float32)))


@needs_it
def test_a_choice_between_numbers_is_returned_as_numpy_returns_it() -> None:
    """``where`` gives an array without axes, other functions a number."""
    same(
        lambda a, b: (np.where(a > b, a * 2, b), np.where(a > b, a, b) * 3 + 1),
        (0.5, np.array(2.0)),
    )


@needs_it
def test_arguments_that_lie_in_another_way() -> None:
    """Misaligned, strided and reversed ones too; a run is for one way."""
    jitted = tg.jit(lambda x, m: (np.sin(m * x) * 2 + 1, (m + 1) @ x * 2))
    want = jitted(X, M)
    raw = np.zeros(M.nbytes + 1, np.uint8)
    misaligned = raw[1:].view(float).reshape(M.shape)
    misaligned[...] = M
    for layout in (*LAYOUTS, lambda x: misaligned if x.ndim == 2 else x):
        x, m = layout(X), layout(M)
        close(jitted(x, m), want, ulps=4, strict=True, what="layout")
    assert bits(jitted(X, M)) == bits(want)


@needs_it
def test_another_way_is_lowered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four ways for each run; arguments that lie otherwise run line by line."""
    lowered = []
    monkeypatch.setattr(runs, "lower", lambda *args: lowered.append(0) or lower(*args))
    f = lambda x: np.sin(x * 2) * x + 1
    jitted, plain = tg.jit(f), tg.jit(f, native=False)
    x = np.random.default_rng(0).normal(size=(40, 30))
    ways = [x, x.T.copy().T, x[::-1], x[:, ::-1], x[::-1, ::-1], x.T.copy().T[::-1]]
    for _ in range(3):
        for way in ways:
            assert bits(jitted(way)) == bits(plain(way))
    assert len(lowered) == runs.WAYS


@needs_it
def test_results_that_no_plan_foresees_run_without_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a function returns lies as it likes; the lines after it are lowered for that."""
    calls = []
    made = runs.Lines._made
    monkeypatch.setattr(
        runs.Lines, "_made", lambda self, args: calls.append(args is not None) or made(self, args)
    )
    with declared("by_columns"):
        by_columns = tg.elementwise("by_columns", lambda x: np.asfortranarray(x) * 1, None)
        f = lambda x: np.exp(by_columns(x * 2) * 3 + 1) * 2
        same(f, (np.random.default_rng(0).normal(size=(9, 7)),))
    assert calls
    assert all(calls)


@needs_it
def test_strides_of_axes_of_length_one_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.Lines, "__call__", lambda self, *args: pytest.fail("a fallback"))
    column = np.random.default_rng(0).normal(size=(200, 9))[:, :1]
    jitted = tg.jit(lambda x: np.exp(x * 2) + 1)
    x = column.copy()
    other = np.ndarray(x.shape, x.dtype, x, 0, (8, 1600))
    assert bits(jitted(x)) == bits(jitted(other))


@needs_it
def test_each_call_has_inputs_and_results_of_its_own() -> None:
    jitted = tg.jit(lambda x: (np.sin(x) * 2 + 1, np.exp(x) * x))
    kept = []
    for k in range(20):
        x = np.full(5, float(k))
        x.flags.writeable = False
        kept.append((x, jitted(x)))
    for x, (a, b) in kept:
        close(a, np.sin(x) * 2 + 1, strict=True)
        close(b, np.exp(x) * x, strict=True)
        assert a.flags.writeable and a.base is None


HELD: dict[str, Callable[[Any], Any]] = {
    "array": lambda y: y,
    "view": lambda y: y[5:100:2],
    "memoryview": memoryview,
    "exchanged": np.from_dlpack,
    "pointer": lambda y: y.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
}


@needs_it
@pytest.mark.parametrize("how", HELD)
def test_large_results_that_somebody_holds_are_not_written_again(how: str) -> None:
    f = tg.jit(lambda x: (x * 2.0 + 1.0) * x)
    x = np.arange(40_000.0)
    held, want = [], []
    for k in range(6):
        y = f(x + k)
        want.append(y[5:100].copy())
        held.append((HELD[how](y), y.ctypes.data))
        del y
    for n, (kept, address) in enumerate(held):
        del kept
        found = np.ctypeslib.as_array((ctypes.c_double * 100).from_address(address))[5:]
        np.testing.assert_array_equal(found, want[n])
    assert len({address for _, address in held}) == len(held)


@needs_it
@counts_references
@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # since NumPy 2.5
def test_large_results_that_nobody_holds_lend_their_memory_to_later_ones() -> None:
    f = tg.jit(lambda x: (x * 2.0 + 1.0) * x)
    x = np.arange(40_000.0)
    addresses = set()
    y = f(x)
    for _ in range(6):  # as in a loop that hands on its state
        y = f(y)
        addresses.add(y.ctypes.data)
    assert len(addresses) == 2
    y.shape = (200, 200)
    assert f(x).shape == x.shape and f(x).shape == x.shape
    del y
    for flagged in [f(x) for _ in range(2)]:
        flagged.flags.writeable = False
    del flagged
    assert f(x).flags.writeable
    reference = weakref.ref(f(x))  # of an array that nobody else holds
    f(x + 1)
    assert reference() is None or np.array_equal(reference(), f(x))


@pytest.mark.parametrize("native", [True, False])
def test_maxima_of_what_lies_backwards(native: bool) -> None:
    """NumPy before 2.2 writes others into an array that it is given."""
    f = tg.jit(lambda m: m - m.max(axis=-1, keepdims=True) + 1, native=native)
    backwards, expected = np.flip(np.flip(N).copy()), N - N.max(axis=-1, keepdims=True) + 1
    for _ in range(2):
        np.testing.assert_array_equal(f(backwards), expected)


@needs_it
def test_no_warnings_and_no_errors_of_floating_point() -> None:
    """As of a replay line by line; and none is left behind for NumPy to find."""
    jitted = tg.jit(lambda x: (np.log(x * 0) / x, np.exp(x * 1e4), np.sqrt(-x) + 1))
    x = np.array([1.0, -2.0, 0.0])
    same(lambda x: (np.log(x * 0) / x, np.exp(x * 1e4), np.sqrt(-x) + 1), (x,))
    with np.errstate(all="raise"):
        jitted(x)
        assert np.add(1.0, x)[0] == 2.0
        with pytest.raises(FloatingPointError):
            np.log(np.zeros(1))


@needs_it
def test_a_scan_and_its_derivatives() -> None:
    def run(x: Any, m: Any) -> Any:
        def body(h: Any, row: Any) -> Any:
            h = np.tanh(h * row + x) * 1.5
            return h, (h * h).sum()

        h, ys = tg.scan(body, x, m)
        return (h * 2).sum() + (ys * ys).sum()

    for f in (run, tg.grad(run), tg.hessian(run)):
        same(f, (X, M), (hostile(X, 1), hostile(M, 2)), least=0)


@needs_it
@pytest.mark.parametrize("count", [1, 2, 3])
def test_shards(count: int) -> None:
    def loss(w: Any, x: Any, y: Any) -> Any:
        h = np.tanh(x @ w * 2) + 1
        return ((h @ w.T - x) ** 2).sum() + (np.exp(y) * h[:, 0]).sum()

    args = (RNG.normal(size=(3, 4)), TALL, TALL[:, 0] * 1)
    traced = tg.jit(tg.value_and_grad(loss))._traced(args, {})[0]
    cut = split(traced.program)
    assert cut is not None
    one, other = (Sharded(cut, count, native).instance() for native in (True, False))
    assert any(plan.lowered for plan in Sharded(cut, count).shards.values())
    for given_ in (args, [hostile(a, 1) for a in args], laid_out(args, np.asfortranarray)):
        assert bits(list(one(*given_))) == bits(list(other(*given_)))


@needs_it
@pytest.mark.parametrize("count", [1, 2])
def test_sums_over_a_batch_are_cut_alike(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With runs and without, into the same chunks on as many threads: sums have the same bits."""
    monkeypatch.setattr(threads, "available", lambda: count)

    def loss(w: Any, v: Any, x: Any) -> Any:
        h = np.tanh(x @ w)
        e = np.exp((o := h @ v) - o.max(axis=1, keepdims=True))
        return -np.log(e[:, 0] / e.sum(axis=1)).mean()

    args = (RNG.normal(size=(30, 40)) * 0.1, RNG.normal(size=(40, 5)), RNG.normal(size=(3000, 30)))
    f = tg.value_and_grad(loss, argnums=(0, 1))
    same(f, args, [hostile(a, 1) for a in args])
    said = [tg.jit(f, native=native).explain(*args).splitlines() for native in (True, False)]
    cuts = {line for lines in said for line in lines if "cut into" in line}
    assert len(cuts) == 1


@needs_it
def test_chunks_of_an_axis_that_is_not_the_first_are_planned_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def loss(w: Any, xs: Any) -> Any:
        h = np.zeros(xs.shape[1:])
        for x in xs:
            h = np.tanh(x @ w + h)
        return (h**2).sum()

    xs = RNG.normal(size=(3, len(TALL), 4))
    traced = tg.jit(tg.grad(loss))._traced((np.eye(4), xs), {})[0]
    cut = split(traced.program)
    assert cut is not None
    monkeypatch.setattr(runs.Lines, "__call__", lambda self, *args: pytest.fail("a fallback"))
    (found,) = Sharded(cut, 2).instance()(np.eye(4), xs)
    np.testing.assert_allclose(found, tg.grad(loss)(np.eye(4), xs), rtol=1e-12)


@needs_it
def test_what_is_never_called_is_not_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    fused = []
    fuse = runs.fused.fuse
    monkeypatch.setattr(runs.fused, "fuse", lambda *args: fused.append(0) or fuse(*args))
    traced = tg.jit(lambda x: np.exp(x * 2) + 1)._traced((X,), {})[0]
    assert traced.plan.lowered is not None
    assert not fused
    for _ in range(2):
        traced.plan.instance()(X)
    assert len(fused) == (runs.fused.why_not() is None)


@needs_it
def test_several_threads_on_one_function() -> None:
    def f(x: Any) -> Any:
        for _ in range(20):
            x = np.sin(x) * 1.1 + x * 0.5
        return x, x.sum()

    jitted, without = tg.jit(f), tg.jit(f, native=False)
    points = [RNG.normal(size=600) for _ in range(8)]
    want = [bits(without(x)) for x in points]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            assert [bits(y) for y in pool.map(jitted, points)] == want


@needs_it
@counts_references
def test_a_plan_ends_with_its_function() -> None:
    """No cycle holds the buffers of a run until the garbage is collected."""
    gc.collect()
    gc.disable()
    try:
        jitted = tg.jit(lambda x: (np.sin(x) * 2 + 1).sum())
        jitted(X)
        (function,) = jitted._traced((X,), {})[0]._idle[0]
        own = getattr(function, "args", [function])[0].__globals__
        runs = [weakref.ref(v) for v in own.values() if type(v) is np.ndarray and v.size == 3]
        assert runs
        del jitted, function, own
        assert not any(r() is not None for r in runs)
    finally:
        gc.enable()


def _module_level(x: Any) -> Any:
    return np.sin(x) * 2 + 1


@pytest.mark.parametrize("native", [True, False])
def test_a_copy_by_pickle_keeps_the_option(native: bool) -> None:
    copy = pickle.loads(pickle.dumps(tg.jit(_module_level, native=native)))
    close(copy(X), _module_level(X), strict=True)
    assert (copy._traced((X,), {})[0].plan.lowered is not None) == (native and why_python() is None)


# ---- with it and without ------------------------------------------------------------------------


@pytest.fixture(params=["1", "0"])
def switch(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """With runs, where the extension is there, and without."""
    monkeypatch.setenv("TINYGRAD_HESS_NATIVE", request.param)
    yield request.param


@pytest.mark.parametrize("name", INSIDE)
def test_replayed_is_recorded(name: str, switch: str) -> None:
    f = INSIDE[name]
    for args in ((X, M), (X[::-1], M * 0.5), (X, M)):
        close(tg.jit(f)(*args), f(*args), ulps=256, strict=True, what=name)


def test_the_plan_says_why_it_is_all_python(monkeypatch: pytest.MonkeyPatch) -> None:
    f = tg.jit(_module_level, native=False)
    assert "all lines in Python: native=False" in f.explain(X)
    monkeypatch.setenv("TINYGRAD_HESS_NATIVE", "0")
    assert "all lines in Python: TINYGRAD_HESS_NATIVE=0" in tg.jit(_module_level).explain(X)
    monkeypatch.delenv("TINYGRAD_HESS_NATIVE")
    library._unusable.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(library, "_runner", None)
        patch.setattr(library, "_missing", "the C extension was not built")
        assert "Python: the C extension was not built" in tg.jit(_module_level).explain(X)
        close(tg.jit(_module_level)(X), _module_level(X), strict=True)
    library._unusable.cache_clear()


@needs_it
def test_the_plan_says_what_runs_without_python() -> None:
    assert "3 lines in 1 run without Python" in tg.jit(_module_level).explain(X)
    assert "no two in a row" in tg.jit(lambda x: np.sort(x)).explain(X)


def test_native_is_true_or_false() -> None:
    with pytest.raises(TypeError, match="jit: native must be True or False, got 'no'"):
        tg.jit(_module_level, native="no")  # type: ignore[arg-type]


@needs_it
def test_numbers_that_python_makes_are_no_reason_to_fall_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rate that a schedule computes is a Python float in each call."""

    def refused(*_: Any) -> Any:
        raise AssertionError("a run fell back to Python")

    rng = np.random.default_rng(0)
    adam = tg.optim.Adam(lr=tg.optim.cosine(0.1, steps=20))
    for size in (7, 50_000):
        p, g = rng.normal(size=(2, size))
        in_python = tg.jit(adam.update, native=False)(p, g, adam.init(p))
        with monkeypatch.context() as patch:
            patch.setattr(runs.Lines, "__call__", refused)
            in_c = tg.jit(adam.update)(p, g, adam.init(p))
        assert bits(in_c) == bits(in_python)
