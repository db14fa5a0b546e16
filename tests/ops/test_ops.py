"""Every differentiable function under NumPy's name, against NumPy, in value and derivative.

Three ways to call it give the same: ``tinygrad_hess.numpy`` on arrays, on tensors, and NumPy's own
function on tensors. Derivatives are held against differences to second order.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.special
from comparing import close, same
from hypothesis import given, settings
from hypothesis import strategies as st
from sampling import spaced

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp
from tinygrad_hess import ops
from tinygrad_hess.core.registry import REGISTRY
from tinygrad_hess.numpy._coverage import supported

Function = Callable[..., Any]
Shapes = tuple[tuple[int, ...], ...]

UFUNCS = sorted(
    name
    for name in vars(tnp)
    if isinstance(getattr(np, name, None), np.ufunc)
    and name not in ("matmul", "matvec", "vecdot", "vecmat")
    and name not in ("divmod", "fabs", "float_power", "frexp", "ldexp", "modf")  # composed
)


def made(shapes: Shapes, domains: Any = None, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    domains = domains or [None] * len(shapes)
    return [spaced(rng, s, d) for s, d in zip(shapes, domains, strict=True)]


def value(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return [value(item) for item in x]
    return x.numpy() if isinstance(x, tg.Tensor) else x


def agrees(got: Any, want: Any) -> None:
    close(value(got), value(want), ulps=16, elementwise=True, strict=True)


def tensors(x: Any, recorded: bool) -> Any:
    if isinstance(x, (list, tuple)):
        return type(x)(tensors(item, recorded) for item in x)
    return tg.tensor(x, requires_grad=recorded and np.asarray(x).dtype.kind == "f")


def scalar(y: Any) -> Any:
    """Everything that comes out, in one number with unequal weights."""
    parts = y if isinstance(y, (list, tuple)) else [y]
    weights = [np.cos(np.arange(p.size)).reshape(p.shape) for p in parts]
    return sum((p * w).sum() for p, w in zip(parts, weights, strict=True))


def check_call(name: str, call: Function, args: list[Any], order: int = 2) -> None:
    """``call(namespace, *args)`` for NumPy's namespace and ours."""
    for dtype in (np.float64, np.float32):
        typed = [_typed(a, dtype) for a in args]
        want = call(np, *typed)
        agrees(call(tnp, *typed), want)
        for recorded in (False, True):
            inputs = [tensors(a, recorded) for a in typed]
            agrees(call(tnp, *inputs), want)
            agrees(call(np, *inputs), want)
    moving = [a for a in args if _moves(a)]
    if not order or not moving:
        return

    def f(*xs: Any) -> Any:
        supply = iter(xs)
        return scalar(call(tnp, *(next(supply) if _moves(a) else a for a in args)))

    tg.check_grads(f, moving, order=order, rtol=1e-6, atol=1e-6)


def _moves(a: Any) -> bool:
    return all(map(_moves, a)) if isinstance(a, (list, tuple)) else np.asarray(a).dtype.kind == "f"


def _typed(a: Any, dtype: Any) -> Any:
    if isinstance(a, (list, tuple)):
        return type(a)(_typed(item, dtype) for item in a)
    return np.asarray(a, dtype) if np.asarray(a).dtype.kind == "f" else a


# ---- elementwise --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UFUNCS)
@pytest.mark.parametrize("layout", ["vector", "matrix", "empty", "mixed"])
def test_ufunc(name: str, layout: str) -> None:
    ufunc = getattr(np, name)
    row = REGISTRY.get(ufunc.__name__) or getattr(tnp, name).primitive
    shapes = {
        "vector": ((3,),) * ufunc.nin,
        "matrix": ((2, 3),) * ufunc.nin,
        "empty": ((0, 2),) * ufunc.nin,
        "mixed": ((2, 1), (1, 3))[: ufunc.nin],
    }[layout]
    domain = row.domain
    several = isinstance(domain[0], (tuple, str)) and not isinstance(domain, str)
    args = made(shapes, domain if several else [domain] * ufunc.nin)
    order = 0 if row.kind == "zero" or layout == "empty" else 2
    check_call(name, lambda space, *xs: getattr(space, name)(*xs), args, order)


@pytest.mark.parametrize("f", [np.tanh, ops.sigmoid, ops.relu, ops.softplus, np.exp, np.sqrt])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_large_arrays_take_the_same_values(f: Function, order: str) -> None:
    """Whatever is done for size or memory layout, elements are what they are in small arrays."""
    n = 3 * 2**14 + 5
    x = np.linspace(0.1, 3, 2 * n).reshape(2, n)
    x = {"C": x, "F": np.asfortranarray(x), "strided": np.repeat(x, 2, axis=1)[:, ::2]}[order]
    u = np.cos(np.arange(x.size)).reshape(x.shape)
    picks = (slice(None), [0, 1, 2**14 - 1, 2**14, 2**15 + 1, n - 1])
    y, pull = tg.vjp(f, x)
    small, pull_small = tg.vjp(f, x[picks])
    np.testing.assert_allclose(y[picks], small, rtol=1e-15)
    np.testing.assert_allclose(pull(u)[0][picks], pull_small(u[picks])[0], rtol=1e-14)
    curve = tg.jvp(lambda x: tg.vjp(f, x)[1](u)[0], (x,), (u,))[1]
    small_curve = tg.jvp(lambda x: tg.vjp(f, x)[1](u[picks])[0], (x[picks],), (u[picks],))[1]
    np.testing.assert_allclose(curve[picks], small_curve, rtol=1e-13, atol=1e-300)


# ---- everything else, by example ----------------------------------------------------------------

V, M, T = (4,), (2, 3), (2, 3, 4)
W = np.array([1.0, 2.0, 4.0])
REDUCTIONS: list[dict[str, Any]] = [
    {}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": (-1, 0)}, {"axis": None},
    {"keepdims": True}, {"axis": 1, "keepdims": True}, {"axis": (-2, -3), "keepdims": True},
]  # fmt: skip
ONE_AXIS: list[dict[str, Any]] = [{}, {"axis": 0}, {"axis": -2}, {"axis": 2}]


def examples() -> list[tuple[str, Function, Shapes]]:
    """(name, call, shapes of operands)."""
    found: list[tuple[str, Function, Shapes]] = []

    def add(name: str, *shapes: tuple[int, ...], args: tuple[Any, ...] = (), **kwargs: Any) -> None:
        found.append((name, lambda s, *xs: getattr(s, name)(*xs, *args, **kwargs), shapes))

    def joined(name: str, *shapes: tuple[int, ...], **kwargs: Any) -> None:
        found.append((name, lambda s, *xs: getattr(s, name)(list(xs), **kwargs), shapes))

    for name in ("sum", "mean", "var", "std", "prod", "max", "min", "amax", "amin", "ptp"):
        for how in REDUCTIONS:
            add(name, T, **how)
        add(name, ())
    for name in ("any", "all"):
        for how in REDUCTIONS:
            add(name, T, **how)
    for name in ("var", "std"):
        add(name, T, ddof=1)
        add(name, T, axis=1, ddof=1, keepdims=True)
    for name in ("sum", "prod", "mean"):
        add(name, (0, 3), axis=1) if name == "mean" else add(name, (0, 3), axis=0)
    for how in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": None}):
        add("median", T, **how)
        add("median", (2, 4), **how)
    for name in ("argmax", "argmin"):
        for how in ({}, {"axis": 1}, {"axis": -1, "keepdims": True}):
            add(name, T, **how)
    for name in ("cumsum", "cumprod", "sort", "argsort", "diff"):
        for how in ONE_AXIS:
            add(name, T, **how)
    for name in ("sort", "argsort"):
        add(name, M, axis=None)
    add("diff", T, n=2, axis=1)
    add("diff", T, n=0)
    add("average", T)
    add("average", T, axis=(0, 1))
    found.append(("average", lambda s, x: s.average(x, axis=1, weights=W), ((2, 3),)))
    found.append(("average", lambda s, x, w: s.average(x, weights=w * w + 1), (M, M)))

    add("reshape", T, args=((4, 6),))
    add("reshape", T, args=((-1, 3),))
    add("reshape", T, args=(24,))
    add("reshape", (0, 3), args=((3, 0, 2),))
    add("ravel", T)
    add("transpose", T)
    add("transpose", T, args=((1, -1, 0),))
    add("permute_dims", T, args=((1, 2, 0),))
    add("matrix_transpose", T)
    add("swapaxes", T, args=(0, -1))
    add("moveaxis", T, args=(0, -1))
    add("moveaxis", T, args=((0, 1), (-1, 0)))
    add("rollaxis", T, args=(2,))
    add("rollaxis", T, args=(0, 3))
    for axis in (0, -1, 1, (0, 2), (-1, 0)):
        add("expand_dims", M, args=(axis,))
    add("squeeze", (1, 2, 1))
    add("squeeze", (1, 2, 1), axis=-1)
    add("squeeze", (1, 2, 1), axis=(0, 2))
    add("broadcast_to", (3, 1), args=((2, 3, 4),))
    add("broadcast_to", (), args=((2,),))
    found.append(("broadcast_arrays", lambda s, *xs: s.broadcast_arrays(*xs), ((3, 1), (2,))))
    for name in ("atleast_1d", "atleast_2d"):
        for shape in ((), (3,), M):
            add(name, shape)

    for axis in (0, 1, -1):
        joined("stack", M, M, axis=axis)
        joined("concatenate", T, T, axis=axis)
    joined("concatenate", (2, 3), (0, 3), (1, 3))
    joined("concatenate", M, V, axis=None)
    joined("concat", (2, 3), (1, 3))
    for name in ("hstack", "vstack", "column_stack"):
        joined(name, (3,), (3,))
        joined(name, (2, 3), (2, 3))
    for name in ("split", "array_split"):
        add(name, (6, 2), args=(3,))
        add(name, (2, 6), args=([1, 4],), axis=-1)
    add("array_split", (7, 2), args=(3,))

    for reps in (2, (2, 1), (1, 2, 3), ()):
        add("tile", M, args=(reps,))
    add("repeat", M, args=(2,))
    add("repeat", M, args=(3,), axis=0)
    add("repeat", M, args=([1, 0, 2],), axis=-1)
    for how in ({}, {"axis": 0}, {"axis": (0, -1)}):
        add("flip", T, **how)
    add("roll", T, args=(5,))
    add("roll", T, args=(-1,), axis=1)
    add("roll", T, args=((1, -7), (0, -1)))
    add("roll", T, args=(2, (0, 1)))
    add("roll", (0, 2), args=(1, 0))
    for mode in ("constant", "edge", "reflect", "symmetric", "wrap"):
        add("pad", (3, 4), args=(2,), mode=mode)
        add("pad", (3, 4), args=((1, 2),), mode=mode)
        add("pad", (3, 4), args=(((0, 1), (2, 0)),), mode=mode)
    add("pad", (3,), args=(1,), constant_values=5.0)

    add("take", M, args=([2, 0, 2],), axis=1)
    add("take", M, args=([[5, 0], [1, 1]],))
    add("take", M, args=(-1,), axis=0)
    found.append(
        ("take_along_axis", lambda s, x: s.take_along_axis(x, np.array([[2, 0], [1, 1]]), 1), (M,))
    )
    found.append(
        ("take_along_axis", lambda s, x: s.take_along_axis(x, np.array([[1, 0, 1]]), axis=0), (M,))
    )
    for name in ("trace", "diagonal"):
        add(name, (3, 4))
        add(name, (4, 3), args=(-1,))
        add(name, (2, 3, 4), args=(1, 0, 2))
        add(name, (2, 3, 4), offset=1, axis1=-1, axis2=1)
    add("diagonal", (2, 3), args=(5,))

    for a, b in (((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4))):
        for name in ("matmul", "dot"):
            add(name, a, b)
    for a, b in (((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((3,), (5, 3, 4)), ((5, 2, 3), (3,)),
                 ((5, 1, 2, 3), (4, 3, 2)), ((1, 2, 3), (5, 3, 2))):  # fmt: skip
        add("matmul", a, b)
    for a, b in (((2, 3), (5, 3, 4)), ((5, 2, 3), (3,)), ((), (2, 3)), ((2, 2, 3), (2, 3, 2))):
        add("dot", a, b)
    for a, b in (((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,)), ((), (3,))):
        add("inner", a, b)
    for a, b in (((3,), (2,)), ((2, 2), (3,)), ((), (3,))):
        add("outer", a, b)
    add("vdot", (2, 3), (2, 3))
    add("vecdot", M, M)
    if hasattr(np, "matvec"):  # since NumPy 2.2
        add("matvec", (2, 3, 4), (2, 4))
        add("vecmat", (2, 3), (2, 3, 4))
    for name in ("tril", "triu", "diag"):
        add(name, (3, 4))
        add(name, (3,), args=(-1,))
    add("diagflat", M, args=(1,))
    add("kron", (2,), (2, 3))
    add("cross", (2, 3), (3,))
    for a, b, axes in (
        (T, (4, 3, 5), ((2, 1), (0, 1))), (T, (3, 4, 2), ((0, 1, 2), (2, 0, 1))),
        (T, (5, 2), (0, 1)), (T, (3, 4, 2), 2), (M, M, 0), (T, (4, 5), ((-1,), (0,))),
        (T, (5, 4), (-1, -1)),
    ):  # fmt: skip
        add("tensordot", a, b, axes=axes)

    for low, high in ((-0.5, 0.5), (None, 0.5), (-0.5, None)):
        add("clip", T, args=(low, high))
    found.append(("clip", lambda s, x: s.clip(x, a_min=np.float32(-1), a_max=W), ((2, 3),)))
    found.append(("clip", lambda s, x, a: s.clip(x, a, 3.0), (M, (1, 3))))
    mask = np.array([True, False, True])
    found.append(("where", lambda s, x, y: s.where(mask, x, y), (M, (2, 1))))
    found.append(("where", lambda s, x: s.where(x > 0, x * x, 0), (M,)))
    add("sinc", T)
    add("round", T)
    found.append(("nan_to_num", lambda s, x: s.nan_to_num(x), (M,)))
    found.append(("norm", lambda s, x: s.linalg.norm(x), (T,)))
    for order in (None, 1, 2, 3, 0.5, np.inf, -np.inf, 0):
        found.append(("norm", lambda s, x, o=order: s.linalg.norm(x, o, axis=1), (T,)))
        found.append(("norm", lambda s, x, o=order: s.linalg.norm(x, ord=o), (V,)))
    found.append(("norm", lambda s, x: s.linalg.norm(x, "fro", (0, 2), keepdims=True), (T,)))
    return found


EXAMPLES = examples()
_ROUGH = {"argmax", "argmin", "argsort", "any", "all", "round"}


@pytest.mark.parametrize(
    ("name", "call", "shapes"),
    [pytest.param(*e, id=f"{e[0]}-{i}") for i, e in enumerate(EXAMPLES)],
)
def test_example(name: str, call: Function, shapes: Shapes) -> None:
    empty = any(0 in s for s in shapes)
    check_call(name, call, made(shapes), 0 if empty or name in _ROUGH else 2)


LOOKS_ONLY = {
    "allclose", "isclose", "array_equal", "iscomplexobj", "isrealobj", "result_type", "can_cast",
    "array2string", "array_repr", "array_str", "count_nonzero", "nonzero", "flatnonzero",
    "unique", "bincount", "shape", "ndim", "size",
}  # fmt: skip


def test_every_function_is_tried_and_not_refused() -> None:
    """By the walk, tests/numpy/test_supported.py, which these examples go beyond."""
    functions = {
        name
        for name, f in vars(tnp).items()
        if inspect.isfunction(f) and not name.startswith("_") and hasattr(np, name)
        and f is not getattr(np, name)
    }  # fmt: skip
    refused = {name for name in functions if supported(f"numpy.{name}").kind == "unsupported"}
    assert refused == {"unique"}  # which takes what is not recorded
    assert {name for name, _, _ in EXAMPLES} <= functions | set(dir(np.linalg))


@pytest.mark.parametrize("name", sorted(LOOKS_ONLY - {"shape", "ndim", "size"}))
def test_functions_that_only_look_give_plain_answers(name: str) -> None:
    x = np.array([1.0, 3.0, 3.0])
    more: dict[str, Any] = {
        "allclose": (x,), "isclose": (x + 1,), "array_equal": (x,), "can_cast": (np.float32,),
    }  # fmt: skip
    first = np.array([1, 3, 3]) if name == "bincount" else x
    first = np.float64 if name == "can_cast" else first
    leaf = first if name == "can_cast" else tg.tensor(first)
    want = getattr(np, name)(first, *more.get(name, ()))
    for space in (np, tnp):
        got = getattr(space, name)(leaf, *more.get(name, ()))
        assert not isinstance(got, tg.Tensor)
        for a, b in zip(np.atleast_1d(got), np.atleast_1d(want), strict=True):
            np.testing.assert_array_equal(a, b)


def test_shape_ndim_size() -> None:
    x = tg.tensor(np.zeros((2, 3)), requires_grad=True)
    for space in (np, tnp):
        assert (space.shape(x), space.ndim(x), space.size(x)) == ((2, 3), 2, 6)


def test_makers() -> None:
    x = tg.tensor(np.ones((2, 3), np.float32), requires_grad=True)
    for name, fill in (("zeros_like", 0), ("ones_like", 1), ("empty_like", 0)):
        for space in (np, tnp):
            got = getattr(space, name)(x)
            assert got.shape == (2, 3) and got.dtype == np.float32 and (got == fill).all()
    for space in (np, tnp):
        assert (space.full_like(x, 7) == 7).all() and space.full_like(x, 7).dtype == np.float32
        assert space.zeros_like(x, dtype=int).dtype == np.int64
    y = tnp.array([[x[0, 0], 2.0], [3.0, x[1, 2] * 5]])
    agrees(y.numpy(), np.array([[1, 2], [3, 5.0]], y.dtype))
    y.sum().backward()
    assert x.grad is not None
    agrees(x.grad.numpy(), np.array([[1, 0, 0], [0, 0, 5]], np.float32))
    assert tnp.asarray(x) is x
    assert tnp.array(x, dtype=float).dtype == np.float64
    g = tg.grad(lambda x: (tnp.astype(x, np.float64) ** 2).sum())(np.ones(2, np.float32))
    agrees(g, np.full(2, 2, np.float32))
    assert tnp.astype(x, int).dtype == np.int64


@pytest.mark.parametrize("shape", [(600, 3), (3, 600), (600, 600)])
def test_tall_products(shape: tuple[int, int]) -> None:
    """Products of many rows are laid out differently, with the same result."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=shape), rng.normal(size=(shape[1], 5))
    u = rng.normal(size=(shape[0], 5))
    y, pull = tg.vjp(tnp.matmul, a, b)
    np.testing.assert_allclose(y, np.einsum("ij,jk->ik", a, b), rtol=1e-10, atol=1e-10)
    ga, gb = pull(u)
    np.testing.assert_allclose(ga, np.einsum("ik,jk->ij", u, b), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(gb, np.einsum("ij,ik->jk", a, u), rtol=1e-10, atol=1e-10)
    tangent = tg.jvp(tnp.matmul, (a, b), (a, b))[1]
    np.testing.assert_allclose(tangent, 2 * a @ b, rtol=1e-10, atol=1e-10)


# ---- activations, which NumPy lacks -------------------------------------------------------------

_X = np.array([-3.0, -0.4, 0.3, 2.5])
ACTIVATIONS: list[tuple[Function, Any]] = [
    (ops.relu, np.maximum(_X, 0)),
    (ops.leaky_relu, np.where(_X > 0, _X, 0.01 * _X)),
    (lambda x: ops.leaky_relu(x, 0.2), np.where(_X > 0, _X, 0.2 * _X)),
    (ops.elu, np.where(_X > 0, _X, np.exp(_X) - 1)),
    (lambda x: ops.elu(x, 2.0), np.where(_X > 0, _X, 2 * np.exp(_X) - 2)),
    (ops.silu, _X / (1 + np.exp(-_X))),
    (ops.sigmoid, 1 / (1 + np.exp(-_X))),
    (ops.softplus, np.log1p(np.exp(_X))),
    (ops.hard_tanh, np.clip(_X, -1, 1)),
    (ops.gelu, _X * 0.5 * (1 + scipy.special.erf(_X / 2**0.5))),
    (
        lambda x: ops.gelu(x, approximate=True),
        0.5 * _X * (1 + np.tanh((2 / np.pi) ** 0.5 * (_X + 0.044715 * _X**3))),
    ),
    (ops.softmax, np.exp(_X) / np.exp(_X).sum()),
    (ops.log_softmax, _X - np.log(np.exp(_X).sum())),
    (ops.logsumexp, np.log(np.exp(_X).sum())),
    (ops.squared_norm, (_X**2).sum()),
]


@pytest.mark.parametrize(("f", "want"), ACTIVATIONS)
def test_activation(f: Function, want: Any) -> None:
    np.testing.assert_allclose(f(_X), want, rtol=1e-13)
    np.testing.assert_allclose(f(tg.tensor(_X)).numpy(), want, rtol=1e-13)
    tg.check_grads(lambda x: scalar(f(x)), (_X,), order=2)


@pytest.mark.parametrize("f", [ops.elu, ops.gelu, ops.silu, ops.softplus, ops.sigmoid, np.tanh])
def test_activations_do_not_overflow(f: Function) -> None:
    """Values and both derivatives stay finite, without a warning, far out."""
    x = np.array([-1e4, -800.0, 800.0, 1e4])
    assert np.isfinite(f(x)).all()
    assert np.isfinite(tg.grad(lambda x: f(x).sum())(x)).all()
    assert np.isfinite(tg.hvp(lambda x: f(x).sum(), x, np.ones(4))).all()


@pytest.mark.parametrize("end", [1.7e308, -1.7e308])
def test_softmax_at_the_ends_of_the_numbers(end: float) -> None:
    """Maxima of rows are finite there, and their sum is not."""
    x = np.full((4, 3), end)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(ops.softmax(x, axis=-1), 1 / 3)
        np.testing.assert_array_equal(ops.logsumexp(x, axis=-1), end)
        slope = tg.grad(lambda x: (ops.logsumexp(x, axis=-1) * 1e-300).sum())(x)
    np.testing.assert_allclose(slope, 1e-300 / 3)


@pytest.mark.parametrize("far", [0.0, 1e3, 1e10, 1e15, 1e200, -1e10])
def test_weights_of_logsumexp_far_from_zero(far: float) -> None:
    """Where far + log(sum) has lost digits, or all of the logarithm."""
    x = far + np.array([[0.0, 0.5, 3.0], [1.0, 1.0, 1.0]])
    e = np.exp(x - x.max(-1, keepdims=True))
    for found in (
        tg.grad(lambda x: ops.logsumexp(x, axis=-1).sum())(x),
        tg.jit(tg.grad(lambda x: ops.logsumexp(x, axis=-1).sum()))(x),
        tg.grad(lambda t: ops.logsumexp(x + t, axis=-1).sum())(np.zeros((2, 3))),
    ):
        np.testing.assert_allclose(found, e / e.sum(-1, keepdims=True), rtol=1e-13)


@pytest.mark.parametrize("axis", [0, -1, (0, 2), None])
def test_softmax_over_axes(axis: Any) -> None:
    (x,) = made((T,))
    e = np.exp(x)
    np.testing.assert_allclose(ops.softmax(x, axis), e / e.sum(axis, keepdims=True), rtol=1e-13)
    np.testing.assert_allclose(
        ops.log_softmax(x, axis), x - np.log(e.sum(axis, keepdims=True)), rtol=1e-13
    )
    for keepdims in (False, True):
        np.testing.assert_allclose(
            ops.logsumexp(x, axis, keepdims), np.log(e.sum(axis, keepdims=keepdims)), rtol=1e-13
        )
    for f in (ops.softmax, ops.log_softmax, ops.logsumexp):
        tg.check_grads(lambda x, f=f: scalar(f(x, axis)), (x,), order=2)


@pytest.mark.parametrize("x", [np.float64(2.5), np.float32(-1000), np.float64(np.inf)])
def test_softmax_of_a_number(x: Any) -> None:
    """There is one term, so that its share is one, and its derivative zero."""
    zero, one = type(x)(0), type(x)(1)
    cases: list[Any] = [
        (ops.softmax, one, zero),
        (ops.log_softmax, zero, zero),
        (ops.logsumexp, x, one),
    ]
    for f, value, slope in cases:
        for axis in (None, ()):
            g = lambda x, f=f, axis=axis: f(x, axis=axis)
            same(tg.value_and_grad(g)(x), (value, slope))
            same(tg.jit(tg.value_and_grad(g))(x), (value, slope))
    same(tg.value_and_grad(lambda x: ops.logsumexp(x, keepdims=True))(x), (x, one))


# ---- methods ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "function"),
    [
        (lambda x: x.view(3, 2), lambda x: x.reshape(3, 2)),
        (lambda x: x.reshape(3, 2), lambda x: x.reshape(3, 2)),
        (lambda x: x.reshape((-1,)), lambda x: x.reshape(-1)),
        (lambda x: x.permute(1, 0), lambda x: x.T),
        (lambda x: x.transpose(), lambda x: x.T),
        (lambda x: x.transpose(1, 0), lambda x: x.T),
        (lambda x: x.transpose((1, 0)), lambda x: x.T),
        (lambda x: x.T, lambda x: x.T),
        (lambda x: x.mT, lambda x: x.T),
        (lambda x: x.flatten(), lambda x: x.ravel()),
        (lambda x: x.unsqueeze(0), lambda x: x[None]),
        (lambda x: x.expand(2, 2, 3), lambda x: np.broadcast_to(x, (2, 2, 3))),
        (lambda x: x.clamp(0.0, 1.0), lambda x: np.clip(x, 0, 1)),
        (lambda x: x.relu(), lambda x: np.maximum(x, 0)),
        (lambda x: x.sum(0).mean(), lambda x: x.sum(0).mean()),
        (lambda x: x.max(axis=1, keepdims=True), lambda x: x.max(axis=1, keepdims=True)),
        (lambda x: x.astype(np.float32), lambda x: x.astype(np.float32)),
        (lambda x: 2 - x, lambda x: 2 - x),
        (lambda x: 2 / x, lambda x: 2 / x),
        (lambda x: 2**x, lambda x: 2**x),
        (lambda x: x // 0.3, lambda x: x // 0.3),
        (lambda x: 2 % x, lambda x: 2 % x),
        (lambda x: np.ones((1, 2)) @ x, lambda x: np.ones((1, 2)) @ x),
        (lambda x: x @ np.ones(3), lambda x: x @ np.ones(3)),
        (lambda x: abs(-x), lambda x: abs(-x)),
        (lambda x: (x > 0.5) & ~(x > 1), lambda x: (x > 0.5) & ~(x > 1)),
        (lambda x: x.copy() + +x, lambda x: 2 * x),
    ],
)
def test_method(method: Function, function: Function) -> None:
    x = made((M,), [(0.2, 2)])[0]
    agrees(method(tg.tensor(x)).numpy(), function(x))
    agrees(method(tg.tensor(x, requires_grad=True)).numpy(), function(x))


# ---- random compositions ------------------------------------------------------------------------

SMOOTH_ONE: list[Function] = [
    np.sin, np.tanh, np.arctan, lambda x: np.exp(-x * x), lambda x: np.sqrt(1 + x * x),
    lambda x: x.sum(axis=0, keepdims=True), lambda x: x.mean(axis=-1, keepdims=True),
    lambda x: np.cumsum(x, axis=-1), lambda x: x[..., ::-1], lambda x: np.swapaxes(x, 0, -1),
    ops.softmax, lambda x: ops.logsumexp(x, axis=0, keepdims=True),
]  # fmt: skip
SMOOTH_TWO: list[Function] = [
    np.add, np.subtract, np.multiply, np.hypot, np.logaddexp, lambda a, b: a / (2 + b * b),
    lambda a, b: np.arctan2(a, 3 + b * b),
]  # fmt: skip


@given(
    shapes=hnp.mutually_broadcastable_shapes(
        num_shapes=2, min_dims=1, max_dims=3, min_side=1, max_side=3
    ),
    ones=st.lists(st.sampled_from(SMOOTH_ONE), min_size=1, max_size=4),
    two=st.sampled_from(SMOOTH_TWO),
    last=st.sampled_from(SMOOTH_TWO),
    seed=st.integers(0, 1000),
)
@settings(max_examples=20)
def test_random_composition(shapes: Any, ones: Any, two: Any, last: Any, seed: int) -> None:
    """Chains of operations on broadcast operands: both derivatives, and batched as in a loop."""
    a, b = made(shapes.input_shapes, [(0.1, 2.0)] * 2, seed)

    def f(a: Any, b: Any) -> Any:
        y = two(a, b)
        for step in ones:
            y = step(y)
        return (last(y, a.mean()) ** 2).sum()

    tg.check_grads(f, (a, b), order=2)
    batch = [np.stack([x, x + 0.1, x * 1.1]) for x in (a, b)]
    for g in (tg.grad(f, (0, 1)), lambda a, b: tg.hvp(lambda a: f(a, b), a, a)):
        got = tg.vmap(g)(*batch)
        want = [g(a, b) for a, b in zip(*batch, strict=True)]
        if isinstance(got, tuple):
            for i, part in enumerate(got):
                np.testing.assert_allclose(part, np.stack([w[i] for w in want]), 1e-9, 1e-9)
        else:
            np.testing.assert_allclose(got, np.stack(want), 1e-9, 1e-9)
