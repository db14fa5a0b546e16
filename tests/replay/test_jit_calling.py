"""What a jitted function takes and gives: trees, numbers, scalars, layouts, modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import close
from jit_functions import clipped, cube, energy, loss, mlp
from replayed import LAYOUTS, M, N, X, Y, agrees

import tinygrad_hess as tg
from tinygrad_hess import nn


def test_pytrees_in_and_out() -> None:
    def f(p: Any, *rest: Any, scale: Any) -> Any:
        y = p["w"] * scale + p["b"][0]
        return {"y": y, "pair": (y.sum(), [rest[0] @ y, None])}

    jitted = tg.jit(f)
    for x, s in ((X, 2.0), (Y, 3.0)):
        p = {"w": x, "b": (x[:1], None)}
        close(jitted(p, M, scale=s), f(p, M, scale=s), strict=True)


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
            close(got, want, strict=True)
            assert float(doubled) == 2 * rate
        assert len(calls) <= 2 + 3, "a float was recorded as a constant"


def test_a_python_float_is_weak_beside_arrays_of_two_widths() -> None:
    narrow = X.astype(np.float32)
    f = lambda a, b, r: (a * r, b * r)
    jitted = tg.jit(f)
    for r in (0.1, 0.7):
        close(jitted(narrow, X, r), f(narrow, X, r), strict=True)


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
    close(tg.jit(tg.grad(f))(x), tg.grad(f)(x), strict=True)
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
        close(
            jitted(a, b),
            f(a, b),
            strict=True,
            what=f"recorded with layout {recorded}, called with {k}",
        )
        slope = tg.jit(tg.grad(lambda a, b: sum((y**2).sum() for y in f(a, b))))
        if k < 2:
            close(
                slope(a, b),
                tg.grad(lambda a, b: sum((y**2).sum() for y in f(a, b)))(a, b),
                strict=True,
            )


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
    close(tg.grad(lambda x: (tg.jit(clipped)(x) * 3).sum())(X), np.full(3, 0.1), strict=True)
    close(tg.grad(lambda x: tg.jit(tg.jit(cube))(x).sum())(X), 3 * X**2, strict=True)
    rule = tg.custom_vjp(tg.jit(np.sin))
    rule.defvjp(lambda x: (rule(x), x), lambda x, g: (g * 5,))
    close(tg.jit(tg.grad(lambda x: rule(x).sum()))(X), np.full(3, 5.0), strict=True)
    close(tg.jit(tg.grad(tg.jit(energy)))(X, M), tg.grad(energy)(X, M), strict=True)
    model, x, _ = mlp(0, np.float64)
    close(tg.jit(model)(x), model(x), strict=True)


def test_a_module_comes_back_as_a_module() -> None:
    model, x, labels = mlp(0, np.float64)
    slope = tg.jit(tg.grad(loss))(model, x, labels)
    assert isinstance(slope, nn.MLP)


def test_warnings_are_as_quiet_in_the_first_call_as_in_the_next() -> None:
    """Infinite results are results; warnings are errors in this suite."""
    jitted = tg.jit(lambda x: np.log(x) / x)
    for x in (X, Y):
        assert not np.isfinite(jitted(x * 0)).any()


def test_warnings_of_a_checkpoint_are_as_quiet() -> None:
    """Its body runs once more when the recording is read."""
    f = tg.jit(lambda x: tg.checkpoint(lambda x: np.sin(x / 0.0))(x) * 2)
    for _ in range(2):
        assert np.isnan(f(np.array([1.0, -2.0]))).all()
