"""``jit``: what is replayed is what would have been recorded, whatever comes next."""

from __future__ import annotations

import concurrent.futures
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import optree
import pytest
from battery import ROWS
from sampling import CALLS, Point, samples

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.primitive import REGISTRY, Primitive
from tinygrad_hess.replay.jitted import CACHE_SIZE

RNG = np.random.default_rng(0)
X = np.array([0.5, -1.0, 2.0])
Y = np.array([1.5, 0.25, -0.75])
M, N = RNG.normal(size=(2, 4, 3))


def same(got: Any, want: Any, what: str = "", ulps: float = 32) -> None:
    """Two trees of equal structure, types, shapes and dtypes, and values to the last few ulps.

    Rounding is measured against the largest number of an array: sums may run in another order.
    An array without axes counts as the scalar that a transform gives in its place.
    """
    found, spec = optree.tree_flatten(got)
    expected, other = optree.tree_flatten(want)
    assert spec == other, f"{what}: {spec}, expected {other}"
    for x, y in zip(found, expected, strict=True):
        a, b = _scalar_if_no_axes(x), _scalar_if_no_axes(y)
        assert type(a) is type(b), f"{what}: a {type(a)}, expected a {type(b)}"
        if isinstance(a, tg.Tensor):
            a, b = a.numpy(), b.numpy()
        if not isinstance(a, (np.ndarray, np.generic)):
            assert a == b, f"{what}: {a!r}, expected {b!r}"
            continue
        assert (a.shape, a.dtype) == (b.shape, b.dtype), (
            f"{what}: {a.dtype}{a.shape}, expected {b.dtype}{b.shape}"
        )
        if a.dtype.kind not in "fc":
            assert np.array_equal(a, b), f"{what}: {a}, expected {b}"
            continue
        finite = np.abs(b[np.isfinite(b)])
        room = ulps * np.finfo(b.dtype).eps * float(np.max(finite, initial=0.0))
        _near(a, b, room, what)


def _near(a: Any, b: Any, room: float, what: str) -> None:
    np.testing.assert_allclose(a, b, rtol=0, atol=room, err_msg=what)


def _scalar_if_no_axes(x: Any) -> Any:
    return x[()] if isinstance(x, np.ndarray) and x.ndim == 0 else x


def agrees(f: Callable[..., Any], *calls: Any, **options: Any) -> None:
    """Jit ``f``, and compare it with ``f`` itself at each call, going through the calls twice."""
    jitted = tg.jit(f, **options)
    for args in [*calls, *calls]:
        before = [a.copy() for a in args if isinstance(a, np.ndarray)]
        got, want = jitted(*args), f(*args)
        same(got, want, f"at {args}")
        after = [a for a in args if isinstance(a, np.ndarray)]
        assert all(map(functools.partial(np.array_equal, equal_nan=True), before, after)), (
            "an input was written to"
        )


@contextmanager
def declared(*names: str) -> Iterator[None]:
    """Forget primitives that a test declares."""
    try:
        yield
    finally:
        for name in names:
            REGISTRY.pop(name, None)


# ---- every primitive ----------------------------------------------------------------------------


def _strided(x: Any) -> Any:
    """The same values, neither contiguous nor writeable."""
    wide = np.zeros((*x.shape, 2), x.dtype)
    wide[..., 0] = x
    view = wide[..., 0]
    view.flags.writeable = False
    return view


LAYOUTS: tuple[Callable[[Any], Any], ...] = (
    lambda x: x,
    np.asfortranarray,
    _strided,
    lambda x: np.flip(np.flip(x).copy()),
)


def _laid_out(args: Any, layout: Callable[[Any], Any]) -> list[Any]:
    return [layout(a) if isinstance(a, np.ndarray) and a.ndim else a for a in args]


def _row_functions(row: Primitive, p: Point) -> dict[str, Callable[..., Any]]:
    """Value, vjp, jvp and jvp of vjp at operands, tangents and a cotangent that are arguments."""
    call = CALLS.get(row.name, row.call)

    def of(args: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        def f(*xs: Any) -> Any:
            full = list(args)
            for i, x in zip(p.moving, xs, strict=True):
                full[i] = x
            return call(*full, **p.params)

        return f, tuple(args[i] for i in p.moving)

    def value(args: Any, ts: Any, u: Any) -> Any:
        return call(*args, **p.params)

    def vjp(args: Any, ts: Any, u: Any) -> Any:
        f, xs = of(args)
        return tg.vjp(f, *xs)[1](u)

    def jvp(args: Any, ts: Any, u: Any) -> Any:
        f, xs = of(args)
        return tg.jvp(f, xs, tuple(ts))

    def second(args: Any, ts: Any, u: Any) -> Any:
        f, xs = of(args)
        return tg.jvp(lambda *xs: tg.vjp(f, *xs)[1](u), xs, tuple(ts))[1]

    if row.kind == "zero" or not p.moving:
        return {"value": value}
    return {"value": value, "vjp": vjp, "jvp": jvp, "jvp of vjp": second}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_primitive_is_replayed_as_recorded(row: Primitive, dtype: Any) -> None:
    """At other values, and in other layouts than those that were recorded."""
    for sample in samples(row):
        points = [Point(row, sample, dtype, seed) for seed in range(3)]
        for what, f in _row_functions(row, points[0]).items():
            jitted = tg.jit(f)
            for p, layout in zip([*points, points[1]], LAYOUTS, strict=True):
                given = [_laid_out(a, layout) for a in (p.args, p.tangents, [p.cotangent])]
                args = (given[0], given[1], given[2][0])
                with np.errstate(all="ignore"):
                    got, want = jitted(*args), f(*args)
                same(got, want, f"{row.name} at {sample.label}, {what}, {np.dtype(dtype)}")


# ---- transforms inside --------------------------------------------------------------------------


def energy(x: Any, m: Any) -> Any:
    """A scalar with a full Hessian."""
    h = np.tanh(m @ x)
    return (h * h).sum() + np.exp(-(x @ x)) * h[0] + np.log1p(x[1:] ** 2).sum()


@tg.custom_vjp
def clipped(x: Any) -> Any:
    """The identity, whose cotangent is limited."""
    return x


clipped.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -0.1, 0.1),))


@tg.custom_jvp
def cube(x: Any) -> Any:
    """x³ with a rule of its own."""
    return x**3


cube.defjvp(lambda x, t: (cube(*x), 3 * x[0] ** 2 * t[0]))


def _linearized(x: Any, m: Any) -> Any:
    y, push = tg.linearize(lambda x: np.sin(m @ x), x)
    return y, [push(x * k) for k in (1.0, 2.0)]


def _pulled(x: Any, m: Any) -> Any:
    y, pull = tg.vjp(lambda x, m: np.sin(m @ x), x, m)
    return y, pull(np.cos(y)), pull(y)


INSIDE: dict[str, Callable[[Any, Any], Any]] = {
    "value": energy,
    "grad": tg.grad(energy),
    "grad of both": tg.grad(energy, argnums=(0, 1)),
    "value_and_grad": tg.value_and_grad(energy),
    "has_aux": tg.value_and_grad(lambda x, m: (energy(x, m), {"y": m @ x}), has_aux=True),
    "hvp": lambda x, m: tg.hvp(energy, x, x[::-1], m),
    "hessian": tg.hessian(energy),
    "jacobian": tg.jacobian(lambda x, m: np.tanh(m @ x)),
    "jacfwd": tg.jacfwd(lambda x, m: np.tanh(m @ x)),
    "jacrev": tg.jacrev(lambda x, m: np.tanh(m @ x)),
    "vmap": lambda x, m: tg.vmap(lambda row: energy(row, m))(m * x),
    "vmap of grad": lambda x, m: tg.vmap(tg.grad(energy), (0, None))(m * x, m),
    "vmap of hvp": lambda x, m: tg.vmap(lambda v: tg.hvp(energy, x, v, m))(m),
    "vmap of vmap": lambda x, m: tg.vmap(tg.vmap(lambda a, b: np.sin(a) * b, (0, None)), (None, 0))(
        x, m
    ),
    "grad of vmap": tg.grad(lambda x, m: tg.vmap(lambda row: np.tanh(row @ x))(m).sum()),
    "vmap over columns": lambda x, m: tg.vmap(np.cumsum, in_axes=1, out_axes=1)(m * x),
    "linearize": _linearized,
    "vjp": _pulled,
    "jvp": lambda x, m: tg.jvp(lambda x: m @ np.sin(x), (x,), (x**2,)),
    "grad of grad": lambda x, m: tg.grad(lambda x: (tg.grad(energy)(x, m) ** 2).sum())(x),
    "checkpoint": tg.checkpoint(energy),
    "grad of checkpoint": tg.grad(tg.checkpoint(energy)),
    "hvp of checkpoint": lambda x, m: tg.hvp(tg.checkpoint(energy), x, x, m),
    "custom_vjp": lambda x, m: clipped(x) * 2,
    "grad of custom_vjp": tg.grad(lambda x, m: (clipped(x) * x).sum()),
    "custom_jvp": lambda x, m: cube(m).sum(axis=0) + x,
    "hvp of custom_jvp": lambda x, m: tg.hvp(lambda x: (cube(x) * x).sum(), x, x),
    "vmap of custom_jvp": lambda x, m: tg.vmap(tg.grad(lambda r: cube(r).sum()))(m * x),
    "vmap of checkpoint": lambda x, m: tg.vmap(tg.grad(tg.checkpoint(energy)), (0, None))(m, m),
    "stop_gradient": tg.grad(lambda x, m: (x * tg.stop_gradient(x * 2)).sum()),
    "enable_grad": lambda x, m: _with_grad(x),
}


def _with_grad(x: Any) -> Any:
    with tg.enable_grad():
        return np.sin(x) * 2


@pytest.mark.parametrize("name", INSIDE)
def test_transforms_inside(name: str) -> None:
    f = INSIDE[name]
    agrees(f, (X, M), (Y, N), (2 * X, M - N))


@pytest.mark.parametrize("name", INSIDE)
def test_transforms_inside_in_float32(name: str) -> None:
    """Of the dtypes that recording gives, at two points, in alternation with float64."""
    f = INSIDE[name]
    x, m, y, n = (a.astype(np.float32) for a in (X, M, Y, N))
    agrees(f, (x, m), (X, M), (y, n))


# ---- transforms outside -------------------------------------------------------------------------

OUTSIDE: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "grad": lambda f: lambda x, m: tg.grad(f)(x, m),
    "grad in the second": lambda f: lambda x, m: tg.grad(f, argnums=1)(x, m),
    "hvp": lambda f: lambda x, m: tg.hvp(f, x, x, m),
    "hessian": lambda f: tg.hessian(f),
    "jvp": lambda f: lambda x, m: tg.jvp(f, (x, m), (x, m)),
    "vjp": lambda f: lambda x, m: tg.vjp(f, x, m)[1](1.0),
    "vmap": lambda f: lambda x, m: tg.vmap(f, (0, None))(m, m),
    "vmap of grad": lambda f: lambda x, m: tg.vmap(tg.grad(f), (0, None))(m, m),
    "grad of vmap": lambda f: lambda x, m: tg.grad(lambda m: tg.vmap(f, (0, None))(m, m).sum())(m),
    "checkpoint": lambda f: tg.grad(tg.checkpoint(f)),
    "grad of jit of grad": lambda f: tg.grad(lambda x, m: (tg.jit(tg.grad(f))(x, m) ** 2).sum()),
    "a closure": lambda f: tg.grad(lambda x, m: f(x * 2, m) * f(x, np.ones_like(M))),
    "jit": lambda f: tg.jit(f),
    "jit of jit of grad": lambda f: tg.jit(tg.jit(tg.grad(f))),
    "jit of hvp": lambda f: tg.jit(lambda x, m: tg.hvp(f, x, x, m)),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_transforms_outside(name: str) -> None:
    """A transform of a jitted function is the transform of the function."""
    transform = OUTSIDE[name]
    outside, plain = transform(tg.jit(energy)), transform(energy)
    for args in ((X, M), (Y, N), (X, M)):
        same(outside(*args), plain(*args), name)


def test_backward_goes_through_a_jitted_function() -> None:
    x = tg.tensor(X, requires_grad=True)
    tg.jit(energy)(x, M).backward()
    assert x.grad is not None
    same(x.grad.numpy(), tg.grad(energy)(X, M))


def test_a_jitted_function_of_constants_inside_another() -> None:
    inner = tg.jit(lambda x: np.sin(x) * 2)
    agrees(lambda x: x * inner(M[0]) + inner(x), (X,), (Y,))


# ---- training -----------------------------------------------------------------------------------


def _mlp(seed: int, dtype: Any) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    model = nn.MLP([4, 8, 3], seed=rng, dtype=dtype)
    return model, rng.normal(size=(16, 4)).astype(dtype), rng.integers(0, 3, 16)


def _convnet(seed: int, dtype: Any) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    draw: dict[str, Any] = {"seed": rng, "dtype": dtype}
    conv: Any = nn.Conv2d
    model = nn.Sequential(
        conv(1, 3, 3, padding="same", **draw), nn.relu, nn.MaxPool2d(2),
        conv(3, 4, 3, padding="same", **draw), nn.relu, nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(16, 3, **draw),
    )  # fmt: skip
    return model, rng.normal(size=(6, 1, 8, 8)).astype(dtype), rng.integers(0, 3, 6)


NETS = {"mlp": _mlp, "convnet": _convnet}


def loss(model: Any, x: Any, labels: Any) -> Any:
    return nn.cross_entropy(model(x), labels)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nets_with_other_weights_inputs_and_labels(net: str, dtype: Any) -> None:
    """A module is a pytree of arguments; labels are an array, so others give another loss."""
    model, x, labels = NETS[net](0, dtype)
    other, z, _ = NETS[net](1, dtype)
    turned = (labels + 1) % 3
    calls = [(model, x, labels), (other, z, turned), (model, x, turned)]
    for f in (loss, tg.value_and_grad(loss), lambda m, x, y: tg.hvp(loss, m, m, x, y)):
        jitted = tg.jit(f)
        for args in calls:
            same(jitted(*args), f(*args), net, ulps=128)
    assert loss(*calls[0]) != loss(*calls[2])


def test_modules_that_differ_in_what_is_no_array_are_recorded_apart() -> None:
    """The same weights under another activation are another function."""
    x = RNG.normal(size=(5, 4))
    nets = [nn.MLP([4, 6, 2], f, seed=0) for f in (nn.tanh, nn.relu, np.sin)]
    agrees(lambda m, x: m(x), *[(m, x) for m in nets], (nets[0], 2 * x))
    agrees(tg.grad(lambda m, x: (m(x) ** 2).sum()), *[(m, x) for m in nets])


# ---- kinds of arguments -------------------------------------------------------------------------


def test_pytrees_in_and_out() -> None:
    def f(p: Any, *rest: Any, scale: Any) -> Any:
        y = p["w"] * scale + p["b"][0]
        return {"y": y, "pair": (y.sum(), [rest[0] @ y, None])}

    jitted = tg.jit(f)
    for x, s in ((X, 2.0), (Y, 3.0)):
        p = {"w": x, "b": (x[:1], None)}
        same(jitted(p, M, scale=s), f(p, M, scale=s))


def test_python_floats_are_weak_and_may_change() -> None:
    """A rate is one recording for all its values, and float32 stays float32 beside it."""
    calls = []

    def f(x: Any, rate: Any) -> Any:
        calls.append(1)
        return x - rate * x**2, rate * 2

    jitted = tg.jit(f)
    for x in (X, X.astype(np.float32), X.astype(np.float16)):
        calls.clear()
        for rate in (0.5, 0.25, -3.0):
            got, doubled = jitted(x, rate)
            want, _ = f(x, rate)
            same(got, want)
            assert float(doubled) == 2 * rate
        assert len(calls) <= 2 + 3, "a float was recorded as a constant"


def test_a_python_float_is_weak_beside_arrays_of_two_widths() -> None:
    narrow = X.astype(np.float32)
    f = lambda a, b, r: (a * r, b * r)
    jitted = tg.jit(f)
    for r in (0.1, 0.7):
        same(jitted(narrow, X, r), f(narrow, X, r))


def test_integers_booleans_and_strings_are_static() -> None:
    """They may be branched on; another one is another recording."""

    def f(x: Any, n: int, flag: bool, mode: str, more: Any) -> Any:
        y = sum((x**k for k in range(n)), x * 0)
        y = y if flag else -y
        return y.reshape(-1) if mode == "flat" else (y, more)

    agrees(
        f,
        (M, 2, True, "flat", None),
        (N, 3, True, "flat", None),
        (M, 2, False, "flat", None),
        (M, 2, False, "other", 1),
        (M, 2, False, "other", True),
    )


def test_numbers_that_are_equal_but_of_other_types_are_told_apart() -> None:
    k = np.arange(3)
    f = lambda x, n: x * n
    agrees(f, (k, 2), (k, 2.0), (k, True), (k, 1), (k, 1.0), (k, 0), (k, False))
    agrees(
        f, (k, 2), (k, 2.0), (k, 1), (k, True), (k, 1.0), (k + 1.0, 0.0), (k + 1.0, -0.0),
        static_argnums=1,
    )  # fmt: skip
    got = tg.jit(f, static_argnums=1)
    got(k + 1.0, 0.0)
    assert np.all(np.signbit(got(k + 1.0, -0.0)))
    agrees(lambda x, n: x * n[0], (k, (2,)), (k, (2.0,)), static_argnums=1)


def test_integer_arrays_are_dynamic() -> None:
    """As labels, as an index, and as operands."""
    k = np.array([2, 0, 2, 1])
    agrees(lambda m, k: m[np.arange(4), k], (M, k), (N, k[::-1]), (M, 0 * k))
    agrees(lambda m, k: m[k], (M, k), (N, k[::-1]), (M, 3 - k))
    agrees(tg.grad(lambda m, k: (m[k] ** 2).sum()), (M, k), (N, k[::-1]), (M, 3 - k))
    agrees(lambda m, k: m.take(k, axis=0) if isinstance(m, tg.Tensor) else m[k], (M, k), (M, 3 - k))
    agrees(lambda x, k: x * k + k, (M[:, 0], k), (N[:, 0], k + 1))
    agrees(lambda x, on: np.where(on, x, -x), (X, X > 0), (X, X < 0))


@pytest.mark.parametrize(
    "args",
    [
        (np.zeros((0, 3)), np.zeros((3, 2))),
        (np.zeros((2, 0)), np.zeros((0, 3))),
        (np.ones((1, 1)), np.ones((1, 4))),
    ],
)
def test_empty_and_single(args: Any) -> None:
    agrees(lambda a, b: (np.tanh(a @ b + 1), (a * 2).sum(axis=0), (a + 1).sum()), args)
    agrees(lambda a, b: tg.vjp(lambda a, b: np.tanh(a @ b), a, b)[1](a @ b + 1), args)


@pytest.mark.parametrize("x", [np.float64(0.5), np.array(0.5), np.float32(0.5), 0.5])
def test_scalars(x: Any) -> None:
    """0-d arrays, NumPy's scalars and Python floats give scalars."""
    f = lambda x: np.sin(x) * x + x**2
    jitted = tg.jit(f)
    kind = np.float32 if isinstance(x, np.float32) else np.float64
    for k in (1.0, 2.0, -3.0):
        got = jitted(
            x * k if isinstance(x, float) and not isinstance(x, np.generic) else kind(x * k)
        )
        assert isinstance(got, kind)
        np.testing.assert_allclose(got, f(kind(x * k)), rtol=1e-6 if kind is np.float32 else 1e-15)
    same(tg.jit(tg.grad(f))(x), tg.grad(f)(x))
    agrees(lambda x: x + np.array([1.0, 2.0], np.float32), (kind(x),), (kind(2 * x),))


@pytest.mark.parametrize("recorded", range(len(LAYOUTS)))
def test_the_layout_of_the_recording_does_not_matter(recorded: int) -> None:
    """Views of inputs must be of this call's array, with its own strides."""

    def f(a: Any, b: Any) -> Any:
        c = a.T[::-1] @ b.reshape(4, -1)
        d = np.broadcast_to(a[:, :1], a.shape) * a + a.reshape(-1)[::2].sum()
        return c, d, a.T, a[1:], a.reshape(3, 4), np.tanh(a.T).reshape(2, 6)

    jitted = tg.jit(f)
    for k, layout in enumerate([LAYOUTS[recorded], *LAYOUTS]):
        a, b = layout(M + k), layout(N.reshape(2, 2, 3) * (k + 1))
        same(jitted(a, b), f(a, b), f"recorded with layout {recorded}, called with {k}")
        slope = tg.jit(tg.grad(lambda a, b: sum((y**2).sum() for y in f(a, b))))
        if k < 2:
            same(slope(a, b), tg.grad(lambda a, b: sum((y**2).sum() for y in f(a, b)))(a, b))


def test_overlapping_arguments() -> None:
    """Two views of one array, the same array twice, and a window that moves over it."""
    f = lambda a, b: (np.sin(a) + b * a, (a * b).sum())
    long = np.arange(10.0)
    agrees(f, (long[:5], long[:5]), (long[:5], long[2:7]), (long[::2], long[5:]))


def test_other_byte_orders_and_subclasses() -> None:
    class Own(np.ndarray):
        pass

    f = lambda x: np.sin(x) * 2
    jitted = tg.jit(f)
    np.testing.assert_allclose(jitted(X.astype(">f8")), f(X))
    for values in (X, Y):
        np.testing.assert_allclose(jitted(values.view(Own)), f(values))


@pytest.mark.parametrize("rows", [511, 512, 1000, 1797])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_tall_products(rows: int, dtype: Any) -> None:
    """Products that are laid out by columns from 512 rows on, under everything that follows."""
    rng = np.random.default_rng(0)
    p = [rng.normal(size=s).astype(dtype) / 4 for s in ((8, 6), (6,), (6, 5), (5,))]
    calls = []
    for _ in range(2):
        calls.append(
            (
                [q * dtype(rng.uniform(0.5, 2)) for q in p],
                rng.normal(size=(rows, 8)).astype(dtype),
                rng.integers(0, 5, rows),
            )
        )

    def objective(p: Any, x: Any, k: Any) -> Any:
        h = np.tanh(x @ p[0] + p[1])
        return nn.cross_entropy(h @ p[2] + p[3], k)

    def outputs(p: Any, x: Any, k: Any) -> Any:
        h = np.tanh(x @ p[0] + p[1])
        return h, (h @ p[2]).T, (h.reshape(-1, 2)).sum(axis=1), h[::2] @ p[2]

    for f in (
        outputs,
        objective,
        tg.grad(objective),
        lambda p, x, k: tg.hvp(objective, p, p, x, k),
    ):
        jitted = tg.jit(f)
        for args in [*calls, calls[0]]:
            same(jitted(*args), f(*args), f"{rows} rows", ulps=256)
        p, x, k = calls[1]
        same(jitted(p, np.asfortranarray(x), k), f(p, x, k), "by columns", ulps=256)


def test_large_arrays() -> None:
    """Long enough for blocks and threads, with an odd rest."""
    rng = np.random.default_rng(0)
    f = lambda x, y: (np.sqrt(x * x + y) - np.exp(-x), (np.tanh(x) * y).sum(axis=0))
    calls = [(rng.normal(size=(1003, 127)), rng.uniform(1, 2, 127)) for _ in range(2)]
    agrees(f, *calls)
    total = lambda x, y: sum(a.sum() for a in f(x, y))
    jitted = tg.jit(tg.grad(total, argnums=(0, 1)))
    for args in calls:
        same(jitted(*args), tg.grad(total, argnums=(0, 1))(*args), ulps=2048)


# ---- kinds of results ---------------------------------------------------------------------------


def test_arrays_in_arrays_out_and_tensors_in_tensors_out() -> None:
    jitted = tg.jit(lambda x: (np.sin(x), x.sum()))
    y, s = jitted(X)
    assert type(y) is np.ndarray and isinstance(s, np.float64)
    y, s = jitted(tg.tensor(X))
    assert type(y) is tg.Tensor and type(s) is tg.Tensor
    assert not y.requires_grad and isinstance(s.item(), float)


def test_results_that_are_no_arrays_are_passed_on() -> None:
    f = lambda x: {"y": x * 2, "n": x.shape[0], "name": "a", "none": None, "on": True}
    agrees(f, (X,), (Y,))
    mixed = tg.jit(f)(tg.tensor(X))
    assert mixed["n"] == 3 and type(mixed["n"]) is int and mixed["name"] == "a"


def test_results_that_depend_on_nothing() -> None:
    agrees(lambda x: (np.ones(2), 3.0, x, x), (X,), (Y,))
    agrees(lambda n: n + 1, (1,), (2,))


def test_objects_that_wrap_functions_keep_what_they_are() -> None:
    """A custom rule, a module, a jitted function: jit copies none of their attributes."""
    same(tg.grad(lambda x: (tg.jit(clipped)(x) * 3).sum())(X), np.full(3, 0.1))
    same(tg.grad(lambda x: tg.jit(tg.jit(cube))(x).sum())(X), 3 * X**2)
    rule = tg.custom_vjp(tg.jit(np.sin))
    rule.defvjp(lambda x: (rule(x), x), lambda x, g: (g * 5,))
    same(tg.jit(tg.grad(lambda x: rule(x).sum()))(X), np.full(3, 5.0))
    same(tg.jit(tg.grad(tg.jit(energy)))(X, M), tg.grad(energy)(X, M))
    model, x, _ = _mlp(0, np.float64)
    same(tg.jit(model)(x), model(x))


def test_a_module_comes_back_as_a_module() -> None:
    model, x, labels = _mlp(0, np.float64)
    slope = tg.jit(tg.grad(loss))(model, x, labels)
    assert isinstance(slope, nn.MLP)


def test_warnings_are_as_quiet_in_the_first_call_as_in_the_next() -> None:
    """Infinite results are results; warnings are errors in this suite."""
    jitted = tg.jit(lambda x: np.log(x) / x)
    for x in (X, Y):
        assert not np.isfinite(jitted(x * 0)).any()


# ---- called again -------------------------------------------------------------------------------


def test_alternating_shapes_are_each_recorded_once() -> None:
    shapes = []

    def f(x: Any) -> Any:
        shapes.append(x.shape)
        return np.tanh(x) * x.sum()

    jitted = tg.jit(f)
    for k in range(4):
        for n in (2, 5, 3):
            x = np.arange(n) + 0.5 * k
            same(jitted(x), np.tanh(x) * x.sum())
    assert {s: shapes.count(s) for s in shapes} == dict.fromkeys([(2,), (5,), (3,)], 2)


def test_complex_numbers_are_refused_or_right() -> None:
    """Also a Python float beside them: it stays real."""
    functions: list[Callable[[Any, Any], Any]] = [
        lambda z, w: (np.abs(z * w) * 2, np.exp(z) @ w),
        lambda z, r: (z * 1j, np.abs(r * 2.0)),
    ]
    others: list[Any] = [Y - 1j, 0.5]
    for f, w in zip(functions, others, strict=True):
        try:
            tg.jit(f)(X + 1j, w)
        except tg.NonDifferentiableError as error:
            assert "complex" in str(error)
            continue
        agrees(f, (X + 1j, w), (Y + 1j, 2 * w), (X + 0j, w))


def test_an_index_out_of_bounds_is_an_error_in_a_later_call() -> None:
    jitted = tg.jit(lambda x, k: np.sin(x)[k] * 2)
    same(jitted(X, np.array([0, 2])), np.sin(X)[[0, 2]] * 2)
    with pytest.raises(IndexError):
        jitted(X, np.array([0, 7]))
    same(jitted(Y, np.array([1, 2])), np.sin(Y)[[1, 2]] * 2)


def test_other_dtypes_are_recorded_anew() -> None:
    agrees(
        lambda x: np.sqrt(np.abs(x)) * 2,
        *[(np.arange(4).astype(d),) for d in (np.float64, np.float32, np.int64, np.int8)],
    )


@pytest.mark.parametrize("static", [1, (1,), [1], -1, (-1,)])
def test_static_arguments(static: Any) -> None:
    """They may be branched on, be of any hashable type, and be negative from the end."""
    f = lambda x, n: x * 2 if n > 1 else x - n
    agrees(f, (X, 2.5), (Y, 0.5), (X, 0.5), (Y, 2.5), static_argnums=static)
    apply = lambda x, g: g(x)
    agrees(apply, (X, np.sin), (Y, np.cos), (X, np.cos), static_argnums=static)


def test_static_arguments_left_out_or_given_by_name() -> None:
    def f(x: Any, n: int = 2) -> Any:
        return x * n

    jitted = tg.jit(f, static_argnums=1)
    same(jitted(X), f(X))
    same(jitted(X, n=3), f(X, n=3))
    same(jitted(X, 4), f(X, 4))


def test_a_static_argument_that_cannot_be_hashed_is_named() -> None:
    f = lambda x, n: x
    with pytest.raises(TypeError, match=r"jit .*static.*hash"):
        tg.jit(f, static_argnums=1)(X, [1])
    with pytest.raises(TypeError, match=r"jit .*hash"):
        tg.jit(f)(X, {1})


def test_the_cache_is_bounded_and_forgets_the_least_recently_used() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(x.shape[0])
        return x * 2

    jitted = tg.jit(f)
    for n in range(1, CACHE_SIZE + 1):
        jitted(np.ones(n))
    jitted(np.ones(1))  # used again: 2 is now the oldest
    jitted(np.ones(CACHE_SIZE + 1))
    seen.clear()
    jitted(np.ones(1))
    assert not seen, "the most recently used was forgotten"
    same(jitted(np.ones(2)), 2 * np.ones(2))
    assert seen, "more were kept than CACHE_SIZE"
    jitted.cache_clear()
    seen.clear()
    jitted(np.ones(1))
    assert seen


def test_modes_that_change_a_derivative_are_recorded_apart() -> None:
    f = tg.jit(tg.grad(lambda x: np.where(x > 0, np.sqrt(x), 0.0).sum()))
    x = np.array([0.0, 4.0])
    for _ in range(2):
        assert np.isnan(f(x)[0]) or np.isinf(f(x)[0])
        with tg.nan_safe():
            np.testing.assert_array_equal(f(x), [0.0, 0.25])
        with tg.no_grad():
            assert not np.isfinite(f(x)[0])


def test_debug_nans_looks_at_every_call() -> None:
    with np.errstate(all="ignore"):
        f = tg.jit(lambda x: np.log(x) * 2)
        f(X**2)
        with tg.debug_nans():
            f(X**2)
            with pytest.raises(tg.NanError, match="log"):
                f(-(X**2))


# ---- whose memory it is -------------------------------------------------------------------------


def _arrays(tree: Any) -> list[Any]:
    return [x for x in optree.tree_leaves(tree) if isinstance(x, np.ndarray)]


W = np.array([3.0, 1.0, 2.0])

RETURNS: dict[str, Callable[[Any], Any]] = {
    "inputs": lambda x: (x, x, {"again": x}),
    "views of inputs": lambda x: (x.T, x[1:], x.reshape(-1), np.broadcast_to(x[0], x.shape)),
    "constants": lambda x: (W, W, x * 0, W[1:]),
    "intermediate results": lambda x: _chain(x),
    "views of intermediate results": lambda x: _views(x),
    "one result twice": lambda x: _twice(np.sin(x)),
    "identity of a custom rule": lambda x: (clipped(x), clipped(x * 2), clipped(np.sin(x)) + 1),
    "identities": lambda x: (tg.stop_gradient(x), +x, x.astype(x.dtype), tg.checkpoint(np.sin)(x)),
    "a gradient": lambda x: tg.vjp(lambda x: (x, x, x + 1), x),
    "cotangents shared by two": lambda x: tg.grad(lambda a, b: (a + b).sum() * 2, (0, 1))(x, x),
    "a product": lambda x: (x.reshape(-1, 1) @ x.reshape(1, -1), (x.reshape(1, -1) @ x.reshape(-1, 1)).T),
    "mapped": lambda x: tg.vmap(lambda r: (r, r * 2, r.sum()))(np.stack([x, x])),
    "split": lambda x: np.split(np.sin(x.reshape(-1)), 3),
}  # fmt: skip


def _twice(y: Any) -> Any:
    return y, y, y.T, y[::-1]


def _chain(x: Any) -> Any:
    a = x * 2
    b = np.exp(a)
    c = b + a
    return a, c * b, b, np.tanh(c)


def _views(x: Any) -> Any:
    a = np.sin(x)
    b = a.reshape(-1)[::-1]
    c = np.cos(a) * 2
    return b, c, c.reshape(-1)[:2], c.T, (c + 1).reshape(-1)


def _unwrapped(f: Callable[..., Any]) -> Callable[..., Any]:
    """Results of a vjp without the function that comes with them."""
    return lambda *a: [y for y in optree.tree_leaves(f(*a)) if not callable(y)]


@pytest.mark.parametrize("name", RETURNS)
def test_results_belong_to_the_caller(name: str) -> None:
    """They share no memory with each other, inputs, constants or later results, and stay."""
    f = _unwrapped(RETURNS[name])
    jitted = tg.jit(f)
    for first, second in ((X, Y), (M, N)):
        if name == "split" and first is M:
            first, second = M[:3], N[:3]
        if name == "constants" and first is M:
            continue
        given, kept = first.copy(), W.copy()
        results = _arrays(jitted(given))
        before = [y.copy() for y in results]
        later = _arrays(jitted(second))
        same(results, before, f"{name}: a later call changed results")
        for i, y in enumerate(results):
            assert y.flags.writeable, f"{name}: result {i} cannot be written to"
            others = [*results[:i], *results[i + 1 :], *later, given, W]
            assert not any(np.shares_memory(y, z) for z in others), f"{name}: result {i} is shared"
            y[...] = -77.0
        same(given, first)
        same(W, kept)
        same(_arrays(jitted(first.copy())), before, f"{name}: after results were overwritten")


def test_results_may_be_passed_in_again() -> None:
    f = lambda x, y: (x + y, x * y)
    jitted = tg.jit(f)
    mine, theirs = (X, Y), (X, Y)
    for _ in range(5):
        mine, theirs = jitted(*mine), f(*theirs)
        same(mine, theirs)


def test_read_only_inputs() -> None:
    x = X.copy()
    x.flags.writeable = False
    y = tg.jit(lambda x: (x, x * 2, x[1:]))(x)
    assert all(a.flags.writeable for a in y)


def test_closed_over_arrays_are_constants() -> None:
    """What they were when the function was first called counts, wherever they are used."""
    w = np.ones(3)
    functions = {
        "operand": lambda x: x * w,
        "result": lambda x: (x * 2, w),
        "view": lambda x: x * w[::-1] + w.reshape(3, 1),
        "gradient": tg.value_and_grad(lambda x: (x * x * w).sum()),
        "checkpoint": tg.value_and_grad(lambda x: tg.checkpoint(lambda x: (x * x * w).sum())(x)),
        "mapped": lambda x: tg.vmap(lambda s: s * w)(x),
        "alone": lambda x: np.sin(w) + x,
        "tensor": tg.grad(lambda x: (x * x * tg.tensor(w)).sum()),
    }
    jitted = {name: tg.jit(f) for name, f in functions.items()}
    want = {name: optree.tree_map(np.copy, f(X)) for name, f in functions.items()}
    for name, f in jitted.items():
        same(f(X), want[name], name)
    w[:] = 7.0
    for name, f in jitted.items():
        same(f(X), want[name], f"{name}, after the array was changed")


# ---- threads and exceptions ---------------------------------------------------------------------


def test_eight_threads_on_one_function() -> None:
    """Each running call has buffers of its own, also while the first is being recorded."""
    f = tg.value_and_grad(lambda x, m: (np.tanh(m @ x) ** 2).sum() + np.exp(-(x @ x)))
    jitted = tg.jit(f)
    rng = np.random.default_rng(0)
    work = [(rng.normal(size=n), rng.normal(size=(40, n))) for n in (60, 61) for _ in range(20)]
    gate = threading.Barrier(8)

    def run(k: int) -> None:
        gate.wait()
        for i in range(len(work)):
            args = work[(i + 5 * k) % len(work)]
            same(jitted(*args), wanted[id(args)], ulps=256)

    wanted = {id(args): f(*args) for args in work}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(run, k) for k in range(8)]:
            done.result()


def test_threads_inside_a_call_do_not_meet() -> None:
    """One call waits in the middle while another runs from start to end."""
    inside, go = threading.Event(), threading.Event()

    def value(x: Any) -> Any:
        if x[0] == 99:
            inside.set()
            go.wait(10)
        return x * 1.0

    with declared("waits"):
        waits = tg.elementwise("waits", value, lambda g, y, x: g, domain=(-1, 1))
        jitted = tg.jit(lambda x: np.sin(waits(np.exp(x * 0.5) * 0 + x) + 1) * np.cos(x * 2))
        x, slow = np.arange(3.0), np.array([99.0, 1.0, 2.0])
        jitted(x)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(jitted, slow)
            assert inside.wait(10)
            same(jitted(x), np.sin(x + 1) * np.cos(x * 2))
            go.set()
            same(first.result(), np.sin(slow + 1) * np.cos(slow * 2))


def test_an_exception_in_mid_replay_leaves_it_usable() -> None:
    def value(x: Any) -> Any:
        if np.any(x > 100):
            raise ArithmeticError("too large")
        return x + 1

    with declared("limited"):
        limited = tg.elementwise("limited", value, lambda g, y, x: g, domain=(-1, 1))
        f = lambda x: limited(np.exp(x) * 2).sum() + np.cos(limited(x)).prod()
        jitted = tg.jit(f)
        same(jitted(X), f(X))
        for _ in range(2):
            with pytest.raises(ArithmeticError, match="too large"):
                jitted(X * 100)
            same(jitted(Y), f(Y))


def test_an_exception_while_recording_leaves_it_usable() -> None:
    fail = [True]

    def f(x: Any) -> Any:
        y = x * 2
        if fail[0]:
            raise KeyError("not yet")
        return y

    jitted = tg.jit(f)
    with pytest.raises(KeyError, match="not yet"):
        jitted(X)
    fail[0] = False
    same(jitted(X), X * 2)
    y = tg.tensor(X, requires_grad=True) * 2
    assert bool((y > -9).all()), "tracing was left on"


def test_a_function_that_calls_itself() -> None:
    @tg.jit
    def power(x: Any, n: int) -> Any:
        return x if n == 1 else x * power(x, n - 1)

    same(power(X, 4), X * (X * (X * X)))


# ---- promises that a function breaks ------------------------------------------------------------

LOOKS: dict[str, Callable[[Any], Any]] = {
    "if": lambda x: x if x.sum() > 0 else -x,
    "and": lambda x: x * (x[0] > 0 and 1),
    "while": lambda x: next(x for _ in iter(lambda: bool(x[0] < 9), True)),
    "assert": lambda x: x * bool((x < 9).all()),
    "max": lambda x: max(x[0], x[1]),
    "sorted": lambda x: sorted(x)[0],
    "float": lambda x: x * float(x[0]),
    "int": lambda x: x * int(x[2]),
    "complex": lambda x: x * complex(x[0]).real,
    "item": lambda x: x * x.sum().item(),
    "index": lambda x: X[np.argmax(x)] if isinstance(x, np.ndarray) else X[x.argmax()],
    "range": lambda x: sum(range(x.argmax()), x),
    "a count": lambda x: [1, 2, 3][x.argmax()] * x,
    "numpy": lambda x: x * x.numpy(),
    "asarray": lambda x: x * np.asarray(x),
    "array": lambda x: x * np.array(x),
    "array of items": lambda x: np.array([x[0], 1.0]),
    "full": lambda x: np.full(3, x[0]),
    "math": lambda x: __import__("math").sin(x[0]) * x,
    "mask": lambda x: x[x > 0].sum(),
    "mask of a constant": lambda x: X[x > 0],
    "nonzero": lambda x: x[np.nonzero(x)],
    "where": lambda x: x[np.where(x > 0)],
    "in": lambda x: x * (0.5 in x),
    "unique": lambda x: np.unique(x.astype(int)).sum() * x,
    "bincount": lambda x: np.bincount(abs(x.astype(int))).sum() * x,
    "allclose": lambda x: x * np.allclose(x, 0),
    "array_equal": lambda x: x * np.array_equal(x, X),
    "count_nonzero": lambda x: x * np.count_nonzero(x > 0),
    "format": lambda x: x * float(f"{x.sum():.3f}"),
    "inside a gradient": lambda x: tg.grad(lambda y: (y * y).sum() if y[0] > 0 else y.sum())(x),
    "inside a checkpoint": lambda x: tg.checkpoint(lambda y: y * 2 if y[0] > 0 else y)(x),
    "shape inside a checkpoint": lambda x: tg.checkpoint(lambda y: y[y > 0])(x) + 1,
    "argsort as a permutation in Python": lambda x: [x[i] for i in x.argsort().numpy()],
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_at_a_value_is_an_error_or_follows_the_value(name: str) -> None:
    """Never the recorded value in a later call: an error that names jit and a remedy."""
    f = LOOKS[name]
    jitted = tg.jit(f)
    try:
        jitted(X)
    except tg.TracingError as error:
        assert "jit" in str(error) and ("static_argnums" in str(error) or "where" in str(error))
        return
    assert name in ("inside a checkpoint", "shape inside a checkpoint"), f"{name} was frozen"
    for x in (X, Y, -X, X**2):  # a whole function as one node may run anew at each call
        same(jitted(x), f(x), name)


def _detached_by_no_grad(x: Any) -> Any:
    with tg.no_grad():
        y = x * 2
    return y + x


def _backward(x: Any) -> Any:
    (x**2).sum().backward()
    return x.grad


def _deep(x: Any) -> Any:
    return __import__("copy").deepcopy(x) * 2


LEAKS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "detach": (lambda x: x.detach() * 2, lambda x: x * 2),
    "detach of a result": (lambda x: np.sin(x).detach() * 2, lambda x: np.sin(x) * 2),
    "tensor": (lambda x: tg.tensor(x) * 2, lambda x: x * 2),
    "no_grad": (_detached_by_no_grad, lambda x: x * 3),
    "backward": (_backward, lambda x: 2 * x),
    "deepcopy": (_deep, lambda x: x * 2),
    "detach in vmap": (lambda x: tg.vmap(lambda r: r.detach() * 2)(x), lambda x: x * 2),
    "accuracy": (
        lambda x: x * nn.accuracy(x.reshape(1, 3), np.array([2])),
        lambda x: x * (np.argmax(x) == 2),
    ),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_value_that_leaves_the_tape_is_not_frozen(name: str) -> None:
    """An error that says so, or the right result at the next values too."""
    f, want = LEAKS[name]
    jitted = tg.jit(f)
    try:
        results = [np.asarray(jitted(x)) for x in (X, Y)]
    except tg.TracingError as error:
        assert "jit" in str(error)
        return
    for got, x in zip(results, (X, Y), strict=True):
        np.testing.assert_allclose(got, want(x), rtol=1e-15, err_msg=name)


def _inside_checkpoint(x: Any) -> Any:
    noise = np.random.default_rng().random(3)
    return tg.checkpoint(lambda x: x * noise)(x)


def _sometimes(x: Any) -> Any:
    return x * 2 if next(PARITY) else x


PARITY = iter([True, False] * 100)
GENERATOR = np.random.default_rng(0)

DRAWS: dict[str, Callable[[Any], Any]] = {
    "floats": lambda x: x * np.random.rand(3),
    "a scalar": lambda x: x * np.random.rand(),
    "booleans": lambda x: x * (np.random.rand(64) > 0.5)[:, None],
    "integers": lambda x: x * np.random.randint(0, 1000, 9)[:, None],
    "an index": lambda x: x[np.random.permutation(300) % 3],
    "repeated positions": lambda x: x[np.random.randint(0, 3, 64)],
    "a shape": lambda x: x * np.ones((np.random.randint(1, 10**6) % 997 + 1, 1)),
    "a generator": lambda x: x * GENERATOR.normal(size=3),
    "in a gradient": tg.grad(lambda x: (x * x * GENERATOR.normal(size=3)).sum()),
    "in vmap": lambda x: tg.vmap(lambda s: s * GENERATOR.normal(size=4))(x),
    "in a checkpoint": lambda x: tg.checkpoint(lambda x: x * GENERATOR.normal(size=3))(x),
    "around a checkpoint": _inside_checkpoint,
    "in the result": lambda x: (x, np.random.rand(2)),
    "a structure": _sometimes,
    "a parameter": lambda x: np.roll(x.reshape(-1, 1) * np.ones(997), np.random.randint(0, 997), 1),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_random_draw_is_not_frozen(name: str) -> None:
    """Two recordings are compared: what differs between them is no function of the arguments."""
    jitted = tg.jit(DRAWS[name])
    try:
        first, second = (_arrays(jitted(X)) for _ in range(2))
    except tg.TracingError as error:
        assert "random" in str(error)
        return
    assert name == "in a checkpoint", f"{name}: frozen"  # one node, which runs anew at each call
    assert not np.array_equal(first[0], second[0]), f"{name}: frozen"


def test_the_dropout_idiom_passes_the_mask_as_an_argument() -> None:
    f = lambda x, mask: np.where(mask, x / 0.5, 0.0)
    agrees(f, (X, X > 0), (X, X < 0), (Y, X > 0))


def test_a_counter_in_the_closure_is_detected() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x * len(calls)

    with pytest.raises(tg.TracingError, match="jit f"):
        tg.jit(f)(X)


@pytest.mark.parametrize("wrap", [functools.partial, lambda f, a: _Callable(f, a)])
def test_errors_of_callables_without_a_name(wrap: Any) -> None:
    with pytest.raises(tg.TracingError, match="random"):
        tg.jit(wrap(lambda a, x: a * x * np.random.rand(3), 2.0))(X)
    same(tg.jit(wrap(lambda a, x: a * x, 2.0))(X), 2.0 * X)


class _Callable:
    def __init__(self, f: Any, a: Any):
        self.f, self.a = f, a

    def __call__(self, x: Any) -> Any:
        return self.f(self.a, x)


def test_a_nan_among_the_constants_is_no_difference() -> None:
    holes = np.array([1.0, np.nan, 2.0])
    got = tg.jit(lambda x: x * holes + float("nan") * 0 + np.float32("nan") * 0)(X)
    assert np.isnan(got).all()


@pytest.mark.parametrize("arguments", [(X,), (3,), ({"x": X},)])
def test_closing_over_a_recorded_tensor_is_refused(arguments: Any) -> None:
    w = tg.tensor(X, requires_grad=True)

    def f(x: Any) -> Any:
        x = x["x"] if isinstance(x, dict) else x
        return (w * x).sum()

    with pytest.raises(tg.NonDifferentiableError, match=r"jit f.*closes over"):
        tg.jit(f)(*arguments)
    with pytest.raises(tg.NonDifferentiableError, match=r"jit .*closes over"):
        tg.grad(lambda w: tg.jit(lambda x: (w * x).sum())(X))(Y)
    with pytest.raises(tg.NonDifferentiableError, match=r"jit .*closes over"):
        tg.jit(lambda x: (w, x * 2))(X)


def test_closing_over_a_batch_is_refused_or_right() -> None:
    """The closed-over examples must not become one array with an axis too many."""
    f = lambda w: tg.jit(lambda x: np.sin(x) * w + x)(X)
    for run in (tg.vmap(f), tg.vmap(lambda w: f(w).sum())):
        try:
            got = run(Y)
        except tg.NonDifferentiableError as error:
            assert "jit" in str(error)
            continue
        want = np.stack([np.sin(X) * w + X for w in Y])
        np.testing.assert_allclose(got, want if got.ndim == 2 else want.sum(axis=1), rtol=1e-14)


def test_nothing_of_a_recording_leaks_out() -> None:
    """A tensor that a side effect carries out is still a look at one call; results are right."""
    kept = []

    def f(x: Any) -> Any:
        kept.append(x.shape)
        return x * 2

    agrees(f, (X,), (Y,))
    assert all(s == (3,) for s in kept)


# ---- how it is used -----------------------------------------------------------------------------


def test_it_decorates_functions_and_methods() -> None:
    class Scaled(nn.Module):
        def __init__(self, scale: Any):
            self.scale = scale

        @tg.jit
        def times(self, x: Any) -> Any:
            """Scale it."""
            return self.scale * x

    for s in (2.0, 3.0):
        model = Scaled(np.array([s, s, s]))
        same(model.times(X), s * X)

    @tg.jit
    def f(x: Any) -> Any:
        """Add one."""
        return x + 1

    assert getattr(f, "__name__", None) == "f" and f.__doc__ == "Add one."
    same(f(X), X + 1)


def test_numbers_that_no_machine_type_holds() -> None:
    agrees(lambda x: x * 10**30 + 2**70, (X,), (Y,))
    agrees(lambda x: (x + float("inf"), x * -0.0, x - 1e308 * 10), (X,), (Y,))


def test_zeros_keep_their_signs() -> None:
    """x + 0 makes +0 of -0, so it is no operation to leave out; x - 0 and x + -0.0 are."""
    zeros = np.array([0.0, -0.0, 1.0])
    for f in (
        lambda x: np.sin(x) + 0.0,
        lambda x: 0 + np.sin(x),
        lambda x: np.sin(x) - (-0.0),
        lambda x: np.sin(x) - 0.0,
        lambda x: np.sin(x) + -0.0,
        lambda x: np.sin(x) * 1.0,
        lambda x: np.sin(x) / 1,
        lambda x: np.sin(x) * -1.0 * -1.0,
    ):
        jitted = tg.jit(f)
        for x in (zeros, -zeros):
            np.testing.assert_array_equal(np.signbit(jitted(x)), np.signbit(f(x)))


def test_neutral_operands_keep_their_shape_and_type() -> None:
    narrow = X.astype(np.float32)
    wide, ones = np.float64(1), np.ones((2, 1))
    agrees(lambda x: np.sin(x) * wide, (narrow,), (2 * narrow,))
    agrees(lambda x: np.sin(x) * ones, (narrow,), (X,))
    agrees(lambda x: np.sin(x) + np.zeros((2, 1), np.float32), (narrow,), (X,))
    agrees(lambda k: (k * 2) / 1, (np.arange(3),), (np.arange(3) + 5,))
    agrees(lambda k: (k * 2) * 1.0, (np.arange(3),), (np.arange(3) + 5,))
    agrees(lambda k: (k + k) * True, (np.arange(3),), (np.arange(3) + 5,))


def test_equal_numbers_of_other_types_are_not_shared() -> None:
    """2 and 2.0 are equal and hash alike, but a power of an integer tells them apart."""
    agrees(lambda k: (k**2, k**2.0), (np.arange(3),), (np.arange(4),))
    agrees(lambda k: (k * 1, k * 1.0, k * True), (np.arange(3),), (np.arange(4),))
    agrees(lambda x: (np.copysign(x, 0.0), np.copysign(x, -0.0)), (X,), (Y,))


def test_long_chains() -> None:
    def f(x: Any) -> Any:
        for k in range(3000):
            x = x * (1 + 1e-6 * k) + 1e-6
        return x

    jitted = tg.jit(f)
    for x in (X, Y):
        np.testing.assert_allclose(jitted(x), f(x), rtol=1e-13)


def test_explain_and_source_of_recorded_arguments_are_refused() -> None:
    jitted = tg.jit(energy)
    with pytest.raises(tg.NonDifferentiableError, match="jit"):
        jitted.explain(tg.tensor(X, requires_grad=True), M)
