"""Plans: whose buffer is whose, what is written where, and what is shown of it."""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.replay.codegen.plan import Plan
from tinygrad_hess.replay.passes import PASSES

X = np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -0.75]])
Y = np.array([[1.5, 0.5, -2.0], [0.1, 4.0, 0.3]])
SQUARE = np.random.default_rng(0).normal(size=(100, 100))


def trace(f: Callable[..., Any], *args: Any) -> Any:
    """The recording that ``jit(f)`` replays for these arguments: ``program`` and ``plan``."""
    return tg.jit(f)._traced(args, {})[0]


def buffers(function: Any) -> dict[str, Any]:
    """The arrays that a replaying function owns."""
    return {
        name: value
        for name, value in function.__globals__.items()
        if isinstance(value, np.ndarray) and re.fullmatch(r"b\d+", name)
    }


def frozen(x: Any) -> Any:
    """A copy that cannot be written to."""
    x = np.array(x)
    x.flags.writeable = False
    return x


def checked(f: Callable[..., Any], *calls: Any) -> Plan:
    """The plan of ``f``, run on inputs and constants that raise when they are written to.

    Each call must give what the interpreted program gives, results must not be the plan's
    memory, and must stay as they are through the calls that follow.
    """
    traced = trace(f, *calls[0])
    plan = traced.plan
    for c in traced.program.constants.values():
        if isinstance(c, np.ndarray):
            c.flags.writeable = False
    run, kept = plan.instance(), []
    with np.errstate(all="ignore"):
        for args in [*calls, *calls]:
            given = [frozen(a) for a in args]
            want = [np.copy(y) for y in traced.recorded.run(*given)]
            got = run(*given)
            assert len(got) == len(want)
            for a, b in zip(got, want, strict=True):
                assert np.shape(a) == np.shape(b) and np.asarray(a).dtype == b.dtype
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
                for name, buffer in buffers(run).items():
                    assert not np.shares_memory(a, buffer), f"a result lies in {name}"
            kept += list(zip(got, want, strict=True))
    for a, b in kept:
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13, err_msg="changed by a later call")
    return plan


def chain(x: Any, length: int) -> Any:
    for k in range(length // 2):
        x = np.sin(x) * (1.0 + k)
    return x


# ---- buffers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [4, 100, 400])
def test_a_chain_needs_two_buffers_at_most(length: int) -> None:
    plan = checked(lambda x: chain(x, length), (X,), (Y,))
    assert 1 <= len(plan.buffers) <= 2
    assert len(checked(lambda x: chain(x, length).sum(), (X,), (Y,)).buffers) <= 2


def test_the_buffers_of_a_gradient_are_its_residuals() -> None:
    """A chain's reverse sweep reads each value once: no buffer for each cotangent."""

    def f(x: Any) -> Any:
        for _ in range(50):
            x = np.tanh(x)
        return x.sum()

    plan = checked(tg.grad(f), (X,), (Y,))
    assert len(plan.buffers) <= 50 + 3


def test_buffers_of_other_shapes_and_dtypes_are_not_mixed() -> None:
    def f(x: Any) -> Any:
        a = (x * 2).astype(np.float32) * np.float32(3)
        b = np.sin(a).astype(np.float64) + 1
        c = (np.sin(b.reshape(3, 2)) * 2 > 0) & (np.cos(b.T) > 0)
        return np.where(c, b.T, 2.0).sum(axis=0) + np.exp(b.T).sum(axis=0), c.sum()

    plan = checked(f, (X,), (Y,))
    run = plan.instance()
    for b in plan.buffers:
        array = buffers(run)[b.name]
        assert (array.shape, array.dtype, array.nbytes) == (b.shape, b.dtype, b.nbytes)


def test_two_instances_share_no_buffer() -> None:
    plan = trace(lambda x: np.exp(np.sin(x) * 2 + 1).sum(), X).plan
    one, two = plan.instance(), plan.instance()
    assert buffers(one) and buffers(one).keys() == buffers(two).keys()
    for a in buffers(one).values():
        assert not any(np.shares_memory(a, b) for b in buffers(two).values())
    first = one(X)
    two(Y)
    assert first == one(X)


def test_a_plan_computes_without_buffers_of_its_own_for_what_the_caller_gets() -> None:
    plan = checked(lambda x: (np.sin(x), np.cos(x), x * 2), (X,), (Y,))
    assert not plan.buffers


# ---- writing over operands ----------------------------------------------------------------------


def _read_again(x: Any) -> Any:
    a = np.sin(x)
    b = np.exp(a)  # a is still needed
    c = b * a
    return (c + b).sum(), np.tanh(c) * 2


def _diamond(x: Any) -> Any:
    a = x * 2
    left, right = np.sin(a), np.cos(a)
    for _ in range(3):
        left, right = left * right, left + right
    return (left - right) * a


def _squared(x: Any) -> Any:
    a = np.sin(x)
    b = a * a
    return (b * b - b).sum(axis=0)


def _view_read_later(x: Any) -> Any:
    a = np.sin(x)
    v = a.T  # a view of a's buffer
    b = np.cos(a)  # must not go into it
    c = b * 2 + 1
    return c.sum() + v[1].sum() + (v * 3).sum(), v @ c


def _view_of_a_view(x: Any) -> Any:
    a = np.exp(x * 0.1)
    v = a.reshape(-1)[::-1].reshape(3, 2)[1:]
    b = np.sin(a * 2)
    return (v * 2).sum(axis=0), (b + a).sum(), v.T + 1


def _view_over_a_reused_buffer(x: Any) -> Any:
    total = 0.0
    for k in range(4):
        a = np.sin(x + k)
        total = total + (a.T * 2 + a.reshape(3, 2)).sum(axis=1)
    return total


def _broadcast_operand(x: Any) -> Any:
    row = np.sin(x[:1])
    full = np.cos(x)
    return (full * row + row).sum(axis=1), np.exp(row) * full


def _kept_through_a_call(x: Any) -> Any:
    a = np.sin(x)
    b = np.sort(a, axis=-1)  # not written in place
    return np.cumsum(a * b, axis=0), b * a


def _steps_into_themselves(x: Any) -> Any:
    a = np.sin(x)
    return tg.ops.tanh(a) * (1 - tg.ops.tanh(a) ** 2), a * 2


def _maxima(x: Any) -> Any:
    a = np.maximum(np.sin(x), 0.1)
    return np.minimum(a * 2, a + 0.3), np.clip(a - 0.2, 0.0, 0.3).sum()


def _results_that_are_read_later(x: Any) -> Any:
    a = np.sin(x)
    b = a + 1  # must not overwrite the result a
    return a, b * 2, a.T, np.exp(b)


def _results_of_results(x: Any) -> Any:
    a = np.exp(np.sin(x))
    return a.reshape(-1)[1:], a.sum(axis=0), np.broadcast_to(a[0], (4, 3))


CASES: dict[str, Callable[[Any], Any]] = {
    f.__name__.strip("_"): f
    for f in (
        _read_again, _diamond, _squared, _view_read_later, _view_of_a_view,
        _view_over_a_reused_buffer, _broadcast_operand, _kept_through_a_call,
        _steps_into_themselves, _maxima, _results_that_are_read_later, _results_of_results,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_overwritten_that_is_read_again(name: str) -> None:
    f = CASES[name]
    checked(f, (X,), (Y,), (X * 3,))
    pulled = lambda x: tg.vjp(lambda x: _as_list(f(x)), x)[1](_as_list(f(x)))
    checked(pulled, (X,), (Y,), (X * 3,))


def _as_list(y: Any) -> list[Any]:
    return list(y) if isinstance(y, tuple) else [y]


OVERLAPS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda a: a + a.T,
    "reversed": lambda a: a * a[::-1],
    "both": lambda a: a[::-1].T - a,
    "shifted": lambda a: np.maximum(a, np.roll(a, 1, axis=0)),
    "one row": lambda a: a - a[:1],
    "one column": lambda a: a / (2 + a[:, :1]),
    "diagonal": lambda a: a * np.diagonal(a),
    "reshaped": lambda a: a + a.reshape(50, 200).T.reshape(100, 100),
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_an_operand_and_a_view_of_it(name: str) -> None:
    """The result may be written over the operand only as if the view had been read before."""
    f = OVERLAPS[name]
    checked(lambda x: (f(np.sin(x)) * 2 + 1).sum(axis=0), (SQUARE,), (SQUARE.T,), (SQUARE * 2,))


def test_only_buffers_are_written_to() -> None:
    """Whatever the source writes into is one of its own buffers."""
    w = np.arange(3.0)

    def f(x: Any, y: Any) -> Any:
        a = x * w + y
        b = np.tanh(a @ np.ones((3, 3))) - w
        return (b * y).sum(axis=0), np.exp(b), x + y, w * 2 + x[0]

    def loss(x: Any, y: Any) -> Any:
        return sum(np.sum(np.cos(r)) for r in f(x, y))

    for g in (f, tg.grad(loss), tg.grad(loss, argnums=(0, 1))):
        plan = checked(g, (X, Y), (Y, X))
        own = {b.name for b in plan.buffers}
        for target in _written(plan):
            assert target in own, f"{target} is written to in\n{plan.source}"


def _written(plan: Plan) -> list[str]:
    """Names that calls of the source write into: ``out=``, or an argument too many for a ufunc."""
    found = []
    for node in ast.walk(ast.parse(plan.source)):
        if not isinstance(node, ast.Call):
            continue
        found += [
            k.value.id for k in node.keywords if k.arg == "out" and isinstance(k.value, ast.Name)
        ]
        function = plan.globals.get(node.func.id) if isinstance(node.func, ast.Name) else None
        operands = (
            function.nin if isinstance(function, np.ufunc) else 2 if function is np.dot else None
        )
        if operands is not None and len(node.args) > operands:
            last = node.args[-1]
            assert isinstance(last, ast.Name)
            found.append(last.id)
    return found


def test_a_primitive_that_sometimes_gives_back_its_operand() -> None:
    """What was a fresh array when recorded may be the operand itself at other values."""
    try:
        clean = tg.elementwise(
            "clean",
            lambda x: np.where(x > 0, x, 0.0) if np.any(x < 0) else x,
            lambda g, y, x: g,
            domain=(-1, 1),
        )

        def inner(x: Any) -> Any:
            a = x * 2
            b = clean(a)
            c = a + 1  # a is read for the last time, but b may be its memory
            return (np.exp(c) - b).sum(axis=0), clean(np.abs(x) * np.sign(x))

        for x in (X, np.abs(X)):
            jitted = tg.jit(inner)
            jitted(x)
            for z in (Y, np.abs(Y), X, np.abs(X)):
                got, want = jitted(z), inner(z)
                kept = got[1].copy()
                np.testing.assert_allclose(got[0], want[0], rtol=1e-13)
                np.testing.assert_allclose(got[1], want[1], rtol=1e-13)
                jitted(X * 5)
                np.testing.assert_array_equal(got[1], kept)
    finally:
        REGISTRY.pop("clean", None)


# ---- products -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [3, 511, 512, 700])
@pytest.mark.parametrize("columns", [1, 5, 800])
def test_products_into_buffers(rows: int, columns: int) -> None:
    """Tall ones are laid out by columns; what follows reads them right."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(rows, 4)), rng.normal(size=(4, columns))

    def f(a: Any, b: Any) -> Any:
        c = np.tanh(a @ b)
        d = c + c[::-1]
        return (
            (c * 2).sum(axis=0), c.T @ d, d.reshape(-1)[::7] + 1, (a @ b)[0], c.max(axis=1) + 1,
            tg.ops.logsumexp(a @ b * 0.1, axis=-1), (a @ b).T, (a * 2).T @ c,
        )  # fmt: skip

    checked(f, (a, b), (a[::-1], b * 2), (np.asfortranarray(a), np.asfortranarray(b)))


def test_products_of_other_types() -> None:
    k = np.arange(12).reshape(4, 3)
    f = lambda a, b: (
        (a @ b) * 2,
        ((a @ b) > 3).sum(),
        (a @ b).sum(axis=0) + 1,
        b @ b.T @ (a.T @ a),
    )
    checked(f, (k, k.T), (k + 1, k.T))
    checked(f, (k.astype(np.float32), k.T), (k.astype(np.float32), k.T + 1))
    checked(f, (k > 2, k.T), (k > 5, k.T + 1))


def test_stacks_of_products() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 4))
    f = lambda a, b: (np.tanh(a @ b) @ b.T + 1).sum(axis=1)
    checked(f, (a, b), (a[::-1], b * 2))
    checked(tg.grad(lambda a, b: f(a, b).sum(), argnums=(0, 1)), (a, b), (a[::-1], b * 2))


# ---- results ------------------------------------------------------------------------------------


def test_results_that_are_inputs_constants_and_repeated() -> None:
    w = np.arange(3.0)

    def f(x: Any) -> Any:
        a = np.sin(x)
        return x, w, a, a, a.T, x.T, 3.0, w[::-1], x[0], np.sin(x)

    traced = trace(f, X)
    for x in (X, Y):
        for a, b in zip(traced.plan.instance()(x), f(x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-15)


def test_scalars_are_computed_without_buffers() -> None:
    plan = checked(lambda x: np.exp(x.sum()) * np.sin(x.mean()) + 2, (X,), (Y,))
    assert all(b.shape != () for b in plan.buffers)


def test_empty_arrays() -> None:
    empty = np.zeros((0, 3))
    f = lambda x: ((np.sin(x) * 2 + 1).sum(axis=0), np.exp(x.T) @ x, (x + 1).reshape(3, 0) * 2)
    checked(f, (empty,), (empty,))


def test_a_program_without_its_passes_is_planned_right_too() -> None:
    """The plan relies on no pass: dead, repeated and constant operations are merely slower."""

    def f(x: Any) -> Any:
        a = np.sin(x)
        np.exp(a)  # dead
        return (a * 1.0 + np.sin(x) * 2).sum(axis=0), np.broadcast_to(x[0], (2, 3)) * a

    for g in (f, tg.grad(lambda x: sum(np.sum(np.cos(r)) for r in f(x)))):
        recorded = trace(g, X).recorded
        programs = [recorded, *(p(recorded) for p in PASSES)]
        for program in programs:
            run = Plan(program).instance()
            for x in (X, Y, X):
                for a, b in zip(run(x), program.run(x), strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-13)


def test_views_made_once_see_each_call() -> None:
    """Of a buffer, of a constant, and of another view; never of an input or a result."""
    w = np.arange(6.0).reshape(2, 3)
    seen = []

    def f(x: Any) -> Any:
        a = np.sin(x)
        return (a.T * w.T + a.reshape(3, 2)[::-1]).sum(axis=0) + w.T[1:].sum()

    plan = checked(f, (X,), (Y,), (X + Y,))
    seen = [of for _, _, of in plan.views]
    assert seen, "no view is made at plan time"
    assert not any(re.fullmatch(r"x\d+", of) for of in seen), "a view of an input was kept"


# ---- what is shown ------------------------------------------------------------------------------


def mlp(p: Any, x: Any) -> Any:
    return (np.tanh(x @ p["w"] + p["b"]) ** 2).sum()


P = {"w": np.ones((3, 4)) * 0.1, "b": np.zeros(4)}


def test_source_compiles_and_names_every_operation() -> None:
    for f in (mlp, tg.grad(mlp), lambda p, x: tg.hvp(mlp, p, p, x)):
        jitted = tg.jit(f)
        source = jitted.source(P, X)
        tree = ast.parse(source)
        assert [type(n) for n in tree.body] == [ast.FunctionDef]
        traced = trace(f, P, X)
        assert traced.plan.source == source
        known = {b.name for b in traced.plan.buffers} | {v[0] for v in traced.plan.views}
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        made = {
            n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        arguments = {a.arg for n in ast.walk(tree) if isinstance(n, ast.arguments) for a in n.args}
        unknown = used - known - made - arguments - set(traced.plan.globals)
        assert not unknown, f"names that nothing defines: {unknown}"
        assert len(source.splitlines()) <= 2 + 3 * len(traced.program.instructions)


def test_source_mentions_the_operations_of_a_program() -> None:
    source = tg.jit(lambda x: np.sort(np.exp(np.sin(x) * 2 - 1) @ np.ones((3, 3))).sum()).source(X)
    for word in ("sin(", "multiply(", "subtract(", "exp(", "dot(", "add_reduce(", "return"):
        assert word in source, f"no {word} in\n{source}"
    assert "x0" in source and "def replay(" in source


def test_every_operation_that_is_not_a_view_is_in_the_source() -> None:
    """By its own name, NumPy's, or as a function of its slot."""

    def f(x: Any) -> Any:
        return np.cumsum(np.sort(np.hypot(x, 2 * x), axis=0), axis=1), np.where(x > 0, x, -x) ** 3

    traced = trace(f, X)
    source, viewed = traced.plan.source, {v[0] for v in traced.plan.views}
    for i in traced.program.instructions:
        spelled = getattr(i.fn, "__name__", i.name)
        assert (
            f"v{i.out}" in viewed or f"{spelled}(" in source or f"f{i.out}(" in source
            or i.name in source
        ), f"{i} is missing in\n{source}"  # fmt: skip


def test_source_reads_the_same_each_time() -> None:
    f = tg.grad(mlp)
    assert tg.jit(f).source(P, X) == tg.jit(f).source(P, Y)


def test_explain_tells_operations_buffers_and_flops() -> None:
    text = tg.jit(tg.grad(mlp)).explain(P, X)
    counts = [int(n) for n in re.findall(r"^  \w+ +(\d+)$", text, re.M)]
    for name in ("recorded", *(p.__name__ for p in PASSES)):
        assert re.search(rf"^  {name} +\d+$", text, re.M), f"no {name} in\n{text}"
    assert len(counts) == 1 + len(PASSES) and counts[0] >= counts[-1] > 0
    assert re.search(r"\d+ buffers of [\d,]+ bytes", text)
    assert "floating-point operations" in text
    assert "microseconds" not in text


def test_explain_counts_bytes_and_flops() -> None:
    f = lambda a, b: np.exp(a @ b).sum()
    a, b = np.ones((10, 20)), np.ones((20, 30))
    text = tg.jit(f).explain(a, b)
    flops = int(re.search(r"([\d,]+) floating-point", text)[1].replace(",", ""))  # type: ignore[index]
    assert 2 * 10 * 20 * 30 <= flops <= 2 * 10 * 20 * 30 + 3 * 300
    assert re.search(r"\b1 buffers? of 2,400 bytes", text), text


def test_explain_times_each_operation_when_asked() -> None:
    jitted = tg.jit(lambda x: np.sort(np.exp(np.sin(x)), axis=0).sum())
    text = jitted.explain(X, repeats=2)
    assert "microseconds" in text
    rows = re.findall(r"^ +([\d.]+)  (.*)$", text, re.M)
    times = [float(t) for t, _ in rows]
    lines = [line.strip() for line in jitted.source(X).splitlines()[1:-1]]
    assert sorted(line for _, line in rows) == sorted(lines)
    assert times == sorted(times, reverse=True) and all(t >= 0 for t in times)
    assert jitted(X) == jitted.f(X)


def test_explain_records_nothing_twice() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x * 2

    jitted = tg.jit(f)
    jitted(X)
    count = len(calls)
    jitted.explain(X)
    jitted.source(X)
    assert len(calls) == count


def test_a_replaying_function_is_an_ordinary_one() -> None:
    assert isinstance(trace(np.sin, X).plan.instance(), types.FunctionType)


# ---- numbers ------------------------------------------------------------------------------------

NUMBERS = {
    "scaled": lambda x: x * 2,
    "halved": lambda x: x * 0.5 + 1,
    "clipped": lambda x: np.maximum(x, 1),
    "compared": lambda x: (x > 0) * 1.5,
    "base": lambda x: 2**x,
    "negative": lambda x: -1 - x,
    "huge": lambda x: x * 1e300,
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_beside_an_array_takes_the_type_that_numpy_gives_it(name: str, dtype: Any) -> None:
    f, x = NUMBERS[name], np.array([0, 1, 3], dtype)
    results: list[Any] = []
    for g in (f, tg.jit(f)):
        try:
            with np.errstate(all="ignore"):
                results.append(np.asarray(g(x)))
        except OverflowError as error:
            results.append(type(error))
    one, two = results
    if isinstance(one, type):
        assert one is two
    else:
        assert one.dtype == two.dtype and one.tobytes() == two.tobytes()


def test_numbers_are_arrays_that_the_source_shows() -> None:
    """NumPy finds the type of a Python number anew in each call."""
    source = tg.jit(lambda x: np.sin(x * 0.25).sum()).source(np.ones(3))
    (name,) = re.findall(r"# (\w+) = 0.25", source)
    assert f"multiply(x0, {name}, " in source
