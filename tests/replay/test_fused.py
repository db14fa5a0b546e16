"""Elementwise operations in one loop of machine code, against NumPy itself, bit by bit."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replayed import one_nan

import tinygrad_hess as tg
from tinygrad_hess.replay.codegen.writers import Call
from tinygrad_hess.replay.native import fused, fuses, library
from tinygrad_hess.replay.native.fused import fuse
from tinygrad_hess.replay.native.fused.rules import MASKS, NUMBERS
from tinygrad_hess.replay.native.liveness import Roots
from tinygrad_hess.replay.native.operations import Place, lowered

pytestmark = pytest.mark.skipif(not fuses(), reason="no operations are fused here")

_USUAL = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e16, -3.7]
_EXTREME = {
    "d": [1e308, -1e308, 2.2e-308, 5e-324, -1e-310],
    "f": [3e38, -3e38, 1e-38, 1e-45, -1e-41],
}
HOSTILE = {t: np.array([*_USUAL, *x], t) for t, x in _EXTREME.items()}

LAYOUTS = {
    "C": lambda x: x.copy(),
    "F": lambda x: np.asfortranarray(x),
    "columns": lambda x: np.repeat(x, 3, axis=-1)[..., ::3],
    "reversed": lambda x: x[..., ::-1].copy()[..., ::-1],
    "row": lambda x: x[:1].copy(),
    "column": lambda x: x[..., :1].copy(),
    "number": lambda x: x.ravel()[:1].reshape(()).copy(),
}


def draw(rng: Any, shape: tuple[int, ...], dtype: str = "d") -> Any:
    """A third of it values of which something may be lost."""
    hostile = HOSTILE.get(dtype, HOSTILE["d"])
    x = np.where(rng.random(shape) < 0.3, rng.choice(hostile, shape), rng.standard_normal(shape))
    return x > 0 if dtype == "?" else x.astype(dtype)


class Chain:
    """Calls of ufuncs on named arrays, run by NumPy and as fused operations."""

    def __init__(self, arrays: dict[str, Any]):
        self.arrays = arrays
        self.calls: list[tuple[Any, tuple[str, ...], str]] = []

    def by_numpy(self) -> dict[str, Any]:
        """What is in each array afterwards."""
        found = {name: x.copy(order="K") for name, x in self.arrays.items()}
        with np.errstate(all="ignore"):
            for fn, operands, out in self.calls:
                given = [found[x] for x in operands]
                if fn is np.copyto:
                    np.copyto(found[out], given[0], where=given[1] if given[1:] else True)
                else:
                    fn(*given, out=found[out])
        return found

    def fused(self, live: list[str]) -> tuple[dict[str, Any], int]:
        """The same after fusing, where only ``live`` are read later; and how many ran as code."""
        arrays = {name: _kept(x) for name, x in self.arrays.items()}
        roots = Roots(arrays)
        operations = []
        for fn, operands, out in self.calls:
            places = [Place(x, arrays[x]) for x in operands]
            made = lowered(Call(fn, operands, out), places, Place(out, arrays[out]))
            assert made is not None, (fn, operands, out)
            operations += made
        read = {root for name in live for root in [roots.find(Place(name, arrays[name]))[0]]}
        found = fuse(operations, roots, read)
        for o in found:
            at = [x.array for x in o.places]
            library.run_once([o.row], at)
        return arrays, sum(o.code is not None for o in found)


def _kept(x: Any) -> Any:
    """A copy that lies in memory as the array does."""
    base = x if x.base is None else x.base
    if x.base is None:
        return x.copy(order="K")
    start = x.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return np.ndarray(x.shape, x.dtype, base.copy(order="K"), start, x.strides)


def same(a: Any, b: Any) -> bool:
    """Bit by bit, but for which NaN it is."""
    return one_nan(np.ascontiguousarray(a)).tobytes() == one_nan(np.ascontiguousarray(b)).tobytes()


@pytest.mark.parametrize("dtype", "df")
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 13, 63, 324])
@pytest.mark.parametrize("ufunc", [*NUMBERS, *MASKS], ids=lambda f: f.__name__)
def test_each_function_on_all_pairs(ufunc: Any, n: int, dtype: str) -> None:
    hostile = HOSTILE[dtype]
    pairs = [x.ravel()[:n].copy() for x in np.meshgrid(hostile, hostile)][: ufunc.nin]
    if ufunc in MASKS:
        pairs = [x > 0 for x in pairs]
    with np.errstate(all="ignore"):
        out = np.zeros_like(ufunc(*pairs))
    names = tuple("ab"[: ufunc.nin])
    chain = Chain({**dict(zip(names, pairs, strict=True)), "y": out, "z": out.copy()})
    # twice, so that there is something to fuse
    chain.calls = [(ufunc, names, "y"), (np.copyto, ("y",), "z")]
    got, codes = chain.fused(["y", "z"])
    want = chain.by_numpy()
    assert codes == 1
    assert same(got["y"], want["y"]) and same(got["z"], want["z"])


@pytest.mark.parametrize("dtype", "df")
@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_operands_in_any_layout(first: str, second: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for shape in ((5, 7), (6, 1), (1, 9), (40, 3)):
        for order in "CF":
            arrays = {
                "a": LAYOUTS[first](draw(rng, shape, dtype)),
                "b": LAYOUTS[second](draw(rng, shape, dtype)),
                "m": LAYOUTS[second](draw(rng, shape, "?")),
                **{k: np.zeros(shape, dtype, order=order) for k in "xyz"},
            }
            chain = Chain(arrays)
            chain.calls = [
                (np.multiply, ("a", "b"), "x"),
                (np.add, ("x", "a"), "y"),
                (np.copyto, ("b", "m"), "y"),
                (np.multiply, ("y", "m"), "z"),
                (np.subtract, ("z", "b"), "z"),
            ]
            got, codes = chain.fused(["x", "y", "z"])
            want = chain.by_numpy()
            assert codes >= 1
            assert all(same(got[k], want[k]) for k in "xyz"), (shape, order)


def test_what_is_not_read_later_is_not_written() -> None:
    a = np.arange(5.0)
    chain = Chain({"a": a, "x": np.full(5, 7.0), "y": np.zeros(5)})
    chain.calls = [(np.square, ("a",), "x"), (np.add, ("x", "a"), "y")]
    got, codes = chain.fused(["y"])
    assert codes == 1
    np.testing.assert_array_equal(got["y"], a * a + a)
    np.testing.assert_array_equal(got["x"], 7.0)


def test_a_copy_is_read_after_what_it_is_a_copy_of_is_overwritten() -> None:
    a, b = np.arange(1.0, 6), np.arange(5.0) ** 2
    for live in (["a", "b"], ["a", "b", "t"]):
        chain = Chain({"a": a, "b": b, "t": np.zeros(5)})
        chain.calls = [(np.copyto, ("a",), "t"), (np.copyto, ("b",), "a"), (np.copyto, ("t",), "b")]
        got, codes = chain.fused(live)
        assert codes == 1
        np.testing.assert_array_equal(got["a"], b)
        np.testing.assert_array_equal(got["b"], a)


def test_arguments_that_may_share_memory_are_told_apart() -> None:
    arrays = {"a": np.arange(5.0), "b": np.arange(5.0) ** 2, "y": np.zeros(5), "z": np.zeros(5)}
    roots = Roots({"y": arrays["y"], "z": arrays["z"]}, unknown=("a", "b"))
    place = lambda name: Place(name, arrays[name])
    operations = []
    for out, names in (("y", "ab"), ("z", "ba")):
        call = Call(np.subtract, tuple(names), out)
        operations += lowered(call, [place(n) for n in names], place(out)) or []
    for o in fuse(operations, roots, {roots.find(place(n))[0] for n in "yz"}):
        library.run_once([o.row], [x.array for x in o.places])
    np.testing.assert_array_equal(arrays["y"], arrays["a"] - arrays["b"])
    np.testing.assert_array_equal(arrays["z"], arrays["b"] - arrays["a"])


def test_memory_that_is_shared_otherwise_than_element_by_element_is_not_fused() -> None:
    base = np.arange(8.0)
    shifted = {"a": base[:-1], "b": base[1:], "y": np.zeros(7)}
    a, b = np.arange(7.0), np.arange(1.0, 8)
    arrays = {"x": np.zeros(7), **shifted}
    roots = Roots(arrays)
    place = lambda name: Place(name, arrays[name])
    # b is read after a, which it overlaps, is written
    one = lowered(Call(np.negative, ("a",), "a"), [place("a")], place("a"))
    two = lowered(Call(np.add, ("b", "b"), "y"), [place("b"), place("b")], place("y"))
    assert one is not None and two is not None
    found = fuse([*one, *two], roots, {roots.find(place(n))[0] for n in "ay"})
    assert [o.code for o in found] == [None, None]
    for o in found:
        library.run_once([o.row], [x.array for x in o.places])
    a = -a
    b = np.append(a[1:], 7.0)
    np.testing.assert_array_equal(arrays["y"], 2 * b)


def test_more_values_at_once_than_registers() -> None:
    rng = np.random.default_rng(1)
    names = [f"a{k}" for k in range(5)]
    functions = (np.square, np.negative, np.absolute)
    values = {f"{n}{f.__name__}": np.zeros(37) for n in names for f in functions}
    chain = Chain({n: rng.standard_normal(37) for n in names} | {"s": np.ones(37)} | values)
    chain.calls = [(f, (n,), f"{n}{f.__name__}") for n in names for f in functions]
    chain.calls += [(np.add, ("s", v), "s") for v in reversed(values)]
    got, codes = chain.fused(["s"])
    assert codes == 1
    assert same(got["s"], chain.by_numpy()["s"])


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_random_chains(data: Any) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    shape = data.draw(st.sampled_from([(), (1,), (3,), (10,), (4, 3), (3, 17), (2, 3, 5)]))
    pick = lambda names: data.draw(st.sampled_from(names))
    t = data.draw(st.sampled_from("df"))
    arrays: dict[str, Any] = {f"x{k}": np.asarray(draw(rng, shape, t)) for k in range(4)}
    arrays |= {f"m{k}": np.asarray(draw(rng, shape, "?")) for k in range(2)}
    if shape:
        arrays["row"] = np.asarray(draw(rng, shape[-1:], t))
        arrays["column"] = np.asarray(draw(rng, (*shape[:-1], 1), t))
    arrays["number"] = np.asarray(draw(rng, (), t))
    chain = Chain(arrays)
    numbers = [n for n in arrays if n[0] != "m"]
    for _ in range(data.draw(st.integers(2, 25))):
        fn = pick([*NUMBERS, *MASKS, *[np.copyto] * 12])
        if fn is np.copyto:
            mask = (pick(["m0", "m1"]),) if data.draw(st.booleans()) else ()
            call = (fn, (pick(numbers), *mask), pick([f"x{k}" for k in range(4)]))
        elif fn in MASKS:
            call = (fn, tuple(pick(["m0", "m1"]) for _ in range(fn.nin)), pick(["m0", "m1"]))
        else:
            with np.errstate(all="ignore"):
                is_mask = np.asarray(fn(*[1.0] * fn.nin)).dtype == bool
            out = pick(["m0", "m1"] if is_mask else [f"x{k}" for k in range(4)])
            call = (fn, tuple(pick(numbers) for _ in range(fn.nin)), out)
        chain.calls.append(call)
    live = [n for n in ("x0", "x1", "x2", "x3", "m0", "m1") if data.draw(st.booleans())]
    got, _ = chain.fused(live)
    want = chain.by_numpy()
    assert all(same(got[n], want[n]) for n in live)


def test_types_are_not_mixed_in_a_loop() -> None:
    rng = np.random.default_rng(2)
    x, y = draw(rng, (19,)), draw(rng, (19,), "f")
    arrays = {"x": x, "y": y, "m": x > 0, "u": x.copy(), "v": y.copy(), "n": x > 1}
    chain = Chain(arrays)
    chain.calls = [
        (np.multiply, ("x", "m"), "u"),
        (np.multiply, ("y", "m"), "v"),
        (np.add, ("u", "x"), "u"),
        (np.add, ("v", "y"), "v"),
        (np.less, ("v", "y"), "m"),
        (np.less, ("u", "x"), "n"),
        (np.logical_or, ("m", "n"), "m"),
    ]
    got, codes = chain.fused([*arrays])
    want = chain.by_numpy()
    assert codes >= 2
    assert all(same(got[k], want[k]) for k in arrays)


def test_masks_in_and_out_with_numbers_between() -> None:
    for dtype in "df":
        m = np.arange(21) % 3 == 0
        arrays = {"m": m, "n": ~m, "x": np.zeros(21, dtype), "half": np.asarray(0.5, dtype)}
        chain = Chain(arrays)
        calls = [(np.copyto, ("m",), "x"), (np.subtract, ("x", "half"), "x")]
        chain.calls = [*calls, (np.isfinite, ("x",), "n"), (np.sign, ("x",), "x")]
        chain.calls += [(np.less, ("x", "half"), "n")]
        got, codes = chain.fused(["n"])
        assert codes == 1 and same(got["n"], ~m)


def test_a_gradient_is_one_loop_between_products() -> None:
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((6, 5)), rng.standard_normal((9, 6))

    def loss(w: Any) -> Any:
        h = x @ w
        return (0.5 * h * (1 + h * (0.7978 + 0.0356 * h * h))).sum()

    gradient = tg.grad(loss)
    want = gradient(w)
    np.testing.assert_allclose(tg.jit(gradient)(w), want, rtol=1e-12)
    np.testing.assert_array_equal(tg.jit(gradient)(w), tg.jit(gradient, native=False)(w))


def test_code_lives_as_long_as_what_calls_it() -> None:
    f = tg.jit(lambda x: ((x * 1.25 + 3.0) / x - x * x).sum())
    x = np.linspace(1, 2, 11)
    first = f(x)
    fused.fusing._code.cache_clear()
    gc.collect()
    again = [tg.jit(lambda x, k=k: ((x + k) * x - x / (x + k)).sum())(x) for k in range(20)]
    assert len(again) == 20 and f(x) == first


def test_without_executable_memory_loops_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: bytes) -> Any:
        raise PermissionError(13, "Permission denied")

    f, x = (lambda x: ((x * 1.25 + 3.0) / x - x * x).sum()), np.linspace(1, 2, 11)
    want = tg.jit(f)(x)
    caches = (fused.fusing.why_not, fused.fusing._code)
    try:
        monkeypatch.setattr(library, "code", refused)
        for cache in caches:
            cache.cache_clear()
        apart = tg.jit(f)
        assert apart(x) == want
        assert "not fused: [Errno 13] Permission denied" in apart.explain(x, repeats=0)
    finally:
        monkeypatch.undo()
        for cache in caches:
            cache.cache_clear()
    assert "of fused operations" in tg.jit(f).explain(x, repeats=0)
