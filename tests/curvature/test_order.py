"""Derivatives of any order, by any nesting of the transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg

S = sympy.Symbol("s")
SCALAR = {
    "sin·exp": (lambda x: np.sin(x) * np.exp(x), sympy.sin(S) * sympy.exp(S)),
    "tanh(x²)": (lambda x: np.tanh(x * x), sympy.tanh(S**2)),
    "log1p(exp)": (lambda x: tg.ops.softplus(x), sympy.log(1 + sympy.exp(S))),
    "x⁷/(1+x²)": (lambda x: x**7 / (1 + x**2), S**7 / (1 + S**2)),
    "x^x": (lambda x: x**x, S**S),
    "sqrt(cosh)": (lambda x: np.sqrt(np.cosh(x)), sympy.sqrt(sympy.cosh(S))),
    "arctan·arcsin": (lambda x: np.arctan(x) * np.arcsin(x), sympy.atan(S) * sympy.asin(S)),
    "sigmoid": (lambda x: tg.ops.sigmoid(x), 1 / (1 + sympy.exp(-S))),
    "gelu": (lambda x: tg.ops.gelu(x), S * (1 + sympy.erf(S / sympy.sqrt(2))) / 2),
    "prod": (lambda x: np.prod(np.stack([x, x + 1, np.sin(x)])), S * (S + 1) * sympy.sin(S)),
    "hypot": (lambda x: np.hypot(x, x * x), sympy.sqrt(S**2 + S**4)),
    "sinc": (lambda x: np.sinc(x), sympy.sin(sympy.pi * S) / (sympy.pi * S)),
    "arctan2": (lambda x: np.arctan2(np.sin(x), 1 + x), sympy.atan(sympy.sin(S) / (1 + S))),
}  # fmt: skip


def along(f: Any) -> Any:
    """The derivative of a scalar function by a forward sweep."""
    return lambda x: tg.jvp(f, (x,), (1.0,))[1]


@pytest.mark.parametrize("name", SCALAR)
@pytest.mark.parametrize("point", [0.3, 0.85])
def test_fourth_derivative_matches_sympy(name: str, point: float) -> None:
    f, expression = SCALAR[name]
    want = float(sympy.diff(expression, S, 4).subs(S, sympy.Float(point, 40)).evalf(30))
    reverse = tg.grad(tg.grad(tg.grad(tg.grad(f))))(point)
    mixed = tg.grad(along(tg.grad(along(f))))(point)
    other = along(tg.grad(along(tg.grad(f))))(point)
    np.testing.assert_allclose([reverse, mixed, other], want, rtol=1e-9)


@pytest.mark.parametrize("name", SCALAR)
def test_forward_four_times_matches_sympy(name: str) -> None:
    f, expression = SCALAR[name]
    want = float(sympy.diff(expression, S, 4).subs(S, sympy.Float(0.4, 40)).evalf(30))
    np.testing.assert_allclose(along(along(along(along(f))))(0.4), want, rtol=1e-9)
    np.testing.assert_allclose(tg.hessian(tg.hessian(f))(0.4), want, rtol=1e-9)


# ---- nestings of named transforms, on functions whose derivatives are known ---------------------

A = np.array([[2.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 1.0]])
X = np.array([0.4, -0.7, 1.1])
U = np.array([0.3, 0.2, -1.0])
W = np.array([1.0, -2.0, 0.5])
cubic = lambda x: np.sum(x**3) + 0.5 * x @ A @ x  # H = diag(6x) + A, third derivative 6 δ


def test_hvp_of_grad_of_jvp() -> None:
    """f = Σ x⁵: its fourth derivatives are 120 x on the diagonal and zero elsewhere."""
    f = lambda x: np.sum(x**5)
    slope = lambda x: tg.jvp(f, (x,), (U,))[1]  # Σ 5x⁴u
    total = lambda x: np.sum(tg.grad(slope)(x))  # Σ 20x³u
    np.testing.assert_allclose(tg.hvp(total, X, W), 120 * X * U * W, rtol=1e-12)


def test_grad_of_the_trace_of_a_hessian() -> None:
    trace = lambda f: lambda x: np.trace(tg.hessian(f)(x))
    np.testing.assert_allclose(tg.grad(trace(cubic))(X), 6 * np.ones(3), rtol=1e-13)
    quartic = lambda x: (x @ x) ** 2  # H = 4|x|² + 8xxᵀ: trace (4n + 8)|x|²
    np.testing.assert_allclose(tg.grad(trace(quartic))(X), 40 * X, rtol=1e-12)
    np.testing.assert_allclose(tg.hessian(trace(quartic))(X), 40 * np.eye(3), atol=1e-12)


def test_jvp_of_hvp() -> None:
    value, tangent = tg.jvp(lambda x: tg.hvp(cubic, x, U), (X,), (W,))
    np.testing.assert_allclose(value, 6 * X * U + A @ U, rtol=1e-13)
    np.testing.assert_allclose(tangent, 6 * U * W, rtol=1e-13)
    value, tangent = tg.jvp(lambda v: tg.hvp(cubic, X, v), (U,), (W,))  # linear in v
    np.testing.assert_allclose(tangent, 6 * X * W + A @ W, rtol=1e-13)


def test_hvp_differentiated_in_everything_at_once() -> None:
    f = lambda x, v, c: np.sum(tg.hvp(lambda x, c: c * np.sum(x**3), x, v, c))
    gx, gv, gc = tg.grad(f, argnums=(0, 1, 2))(X, U, 2.0)
    np.testing.assert_allclose(gx, 12 * U)
    np.testing.assert_allclose(gv, 12 * X)
    np.testing.assert_allclose(gc, np.sum(6 * X * U))


def test_forward_and_reverse_jacobians_commute() -> None:
    f = lambda x: np.sum(np.sin(x) * np.cumsum(x)) * x[0]
    want = tg.hessian(f)(X)
    h = 1e-5
    for i, e in enumerate(np.eye(3)):
        column = (tg.grad(f)(X + h * e) - tg.grad(f)(X - h * e)) / (2 * h)
        np.testing.assert_allclose(want[:, i], column, rtol=1e-8, atol=1e-9)
    pairs = [(a, b) for a in (tg.jacfwd, tg.jacrev) for b in (tg.jacfwd, tg.jacrev)]
    for outer, inner in pairs:
        np.testing.assert_allclose(outer(inner(f))(X), want, rtol=1e-12, atol=1e-13)


def test_third_order_by_three_jacobians() -> None:
    f = lambda x: np.exp(x @ np.array([1.0, 2.0, -1.0]))
    c = np.array([1.0, 2.0, -1.0])
    want = np.exp(X @ c) * np.einsum("i,j,k->ijk", c, c, c)
    for a in (tg.jacfwd, tg.jacrev):
        for b in (tg.jacfwd, tg.jacrev):
            np.testing.assert_allclose(a(b(tg.grad(f)))(X), want, rtol=1e-12)
            np.testing.assert_allclose(a(tg.hessian(f))(X), want, rtol=1e-12)


def test_hessian_of_a_vector_valued_function_has_order_three() -> None:
    f = lambda x: np.stack([x[0] * x[1], x[1] * x[2] ** 2, np.sum(x), x[0] ** 3])
    h = tg.hessian(f)(X)
    want = np.zeros((4, 3, 3))
    want[0, 0, 1] = want[0, 1, 0] = 1
    want[1, 1, 2] = want[1, 2, 1] = 2 * X[2]
    want[1, 2, 2] = 2 * X[1]
    want[3, 0, 0] = 6 * X[0]
    np.testing.assert_allclose(h, want, atol=1e-14)


def test_hessian_of_pytrees_is_nested_blocks() -> None:
    tree = {"w": np.arange(6.0).reshape(2, 3), "b": [np.array([1.0, 2.0]), np.float64(3.0)]}
    f = lambda p: np.sum(p["w"] @ X * p["b"][0]) * p["b"][1]
    h = tg.hessian(f)(tree)
    np.testing.assert_allclose(h["w"]["w"], np.zeros((2, 3, 2, 3)))
    np.testing.assert_allclose(h["w"]["b"][0], 3 * np.einsum("ik,j->ijk", np.eye(2), X))
    np.testing.assert_allclose(h["b"][0]["w"], 3 * np.einsum("ik,j->kij", np.eye(2), X))
    np.testing.assert_allclose(h["b"][0]["b"][1], tree["w"] @ X)
    np.testing.assert_allclose(h["b"][1]["w"], np.outer([1, 2], X))
    assert h["b"][1]["b"][1] == 0
    assert np.shape(h["b"][1]["b"][1]) == ()


def test_hessian_of_a_vector_valued_function_of_pytrees() -> None:
    tree = {"a": np.array([1.0, 2.0]), "b": np.float64(3.0)}
    h = tg.hessian(lambda p: {"y": p["a"] ** 2 * p["b"]})(tree)["y"]
    want = np.zeros((2, 2, 2))
    want[0, 0, 0] = want[1, 1, 1] = 6
    np.testing.assert_allclose(h["a"]["a"], want)
    np.testing.assert_allclose(h["a"]["b"], np.diag([2.0, 4.0]))
    np.testing.assert_allclose(h["b"]["a"], np.diag([2.0, 4.0]))
    np.testing.assert_array_equal(h["b"]["b"], np.zeros(2))


# ---- perturbations must not be confused ---------------------------------------------------------


SLOPES = {"grad": tg.grad, "jvp": along, "jacfwd": tg.jacfwd, "jacrev": tg.jacrev}


@pytest.mark.parametrize("outer", SLOPES)
@pytest.mark.parametrize("inner", SLOPES)
def test_perturbations_are_told_apart(outer: str, inner: str) -> None:
    """Siskind & Pearlmutter (2005): d/dx x·(d/dy (x + y)) = 1, and its relatives."""
    D, d = SLOPES[outer], SLOPES[inner]
    np.testing.assert_allclose(D(lambda x: x * d(lambda y: x + y)(1.0))(3.0), 1)
    np.testing.assert_allclose(D(lambda x: x * d(lambda y: x * y)(2.0))(3.0), 6)
    np.testing.assert_allclose(D(lambda x: d(lambda y: x * y * y)(x))(3.0), 12)
    np.testing.assert_allclose(D(lambda x: d(lambda x: x * x)(2.0 * x) * x)(3.0), 24)
    constant = D(lambda x: d(lambda y: y**2)(2.0))(3.0)
    np.testing.assert_allclose(constant, 0)


def test_nested_closures_with_shadowed_variables() -> None:
    """Every x below is another one: x³ inside, then y = 3x², z = 2xy."""

    def f(x: Any) -> Any:
        def g(y: Any) -> Any:
            x_before = x

            def h(x: Any) -> Any:
                return x_before * x * x * y

            return tg.grad(h)(y) * x  # 2 x y·y·x

        return tg.grad(g)(x)  # 4 x³ (y = x)

    np.testing.assert_allclose(f(2.0), 32)
    np.testing.assert_allclose(tg.grad(f)(2.0), 48)
    np.testing.assert_allclose(along(f)(2.0), 48)


def test_jvp_in_vjp_and_vjp_in_jvp() -> None:
    _, pull = tg.vjp(lambda x: tg.jvp(lambda y: x * y**2, (x,), (x,))[1], 3.0)  # 2x³
    np.testing.assert_allclose(pull(1.0)[0], 54)
    _, t = tg.jvp(lambda x: tg.vjp(lambda y: x * y**2, x)[1](x)[0], (3.0,), (1.0,))
    np.testing.assert_allclose(t, 54)
    _, push = tg.linearize(lambda x: tg.linearize(lambda y: x * y**2, x)[1](x), 3.0)
    np.testing.assert_allclose(push(1.0), 54)


def test_vmap_in_grad_in_vmap() -> None:
    """Rows x: Σⱼ sin(xⱼ s) with s = Σx: gradient by hand."""
    rows = np.random.default_rng(0).normal(size=(4, 3))

    def f(x: Any) -> Any:
        return np.sum(tg.vmap(lambda a: np.sin(a * np.sum(x)))(x))

    s = rows.sum(1, keepdims=True)
    c = np.cos(rows * s)
    want = c * s + np.sum(c * rows, 1, keepdims=True)
    np.testing.assert_allclose(tg.vmap(tg.grad(f))(rows), want, rtol=1e-12)


def test_grad_of_vmap_of_grad() -> None:
    x = np.array([0.3, 0.9, -1.2])
    f = lambda w: np.sum(tg.vmap(tg.grad(lambda a: np.sin(w * a)))(x))  # Σ w cos(w a)
    want = np.sum(np.cos(1.3 * x) - 1.3 * x * np.sin(1.3 * x))
    np.testing.assert_allclose(tg.grad(f)(1.3), want, rtol=1e-13)
    np.testing.assert_allclose(along(f)(1.3), want, rtol=1e-13)
    second = np.sum(-2 * x * np.sin(1.3 * x) - 1.3 * x * x * np.cos(1.3 * x))
    np.testing.assert_allclose(tg.grad(tg.grad(f))(1.3), second, rtol=1e-12)
    np.testing.assert_allclose(tg.hessian(f)(1.3), second, rtol=1e-12)


def test_vmap_in_everything_over_two_axes() -> None:
    """∂²/∂x∂w of Σᵢⱼ exp(xᵢ w yⱼ), the inner maps closing over the outer variables."""
    x, y = np.array([0.1, 0.4]), np.array([1.0, -0.5, 0.2])

    def f(x: Any, w: Any) -> Any:
        return np.sum(tg.vmap(lambda a: tg.vmap(lambda b: np.exp(a * w * b))(y))(x))

    z = np.outer(x, y) * 0.7
    want = np.sum(np.exp(z) * y * (1 + z), axis=1)
    np.testing.assert_allclose(tg.jacfwd(tg.grad(f), argnums=1)(x, 0.7), want, rtol=1e-12)
    np.testing.assert_allclose(tg.jacrev(tg.grad(f, argnums=1))(x, 0.7), want, rtol=1e-12)
    np.testing.assert_allclose(tg.hessian(f, argnums=(0, 1))(x, 0.7)[0][1], want, rtol=1e-12)


# ---- random programs: all nestings agree --------------------------------------------------------

STEPS = [
    lambda x: np.sin(x),
    lambda x: x * x[::-1],
    lambda x: np.cumsum(x) / 3,
    lambda x: np.tanh(x) * np.sum(x),
    lambda x: np.where(x > 0.1, x * x, 2 * x),
    lambda x: np.stack([x, x * 0.5]).mean(axis=0),
    lambda x: tg.ops.softmax(x) - x,
    lambda x: x / (1 + np.sum(x**2)),
    lambda x: np.concatenate([x[1:], x[:1]]) * x,
    lambda x: (A @ x) * 0.3,
    lambda x: np.exp(-(x**2)),
]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(range(len(STEPS))), min_size=1, max_size=6),
    st.lists(st.floats(-1.5, 1.5).map(lambda v: round(v, 3)), min_size=3, max_size=3),
)
def test_random_programs_have_one_hessian(program: list[int], point: list[float]) -> None:
    """Differences of differences would be too coarse, so differences of the gradient."""

    def f(x: Any) -> Any:
        for i in program:
            x = STEPS[i](x)
        return np.sum(x * W)

    x = np.array(point) + 1e-4  # off the kinks of where
    h = tg.hessian(f)(x)
    size = 1 + np.abs(h).max()
    np.testing.assert_allclose(h, h.T, atol=1e-11 * size)
    for other in (
        tg.jacrev(tg.grad(f))(x),
        tg.jacfwd(tg.jacfwd(f))(x),
        tg.jacrev(tg.jacfwd(f))(x),
        np.stack([tg.hvp(f, x, e) for e in np.eye(3)]),
        tg.vmap(lambda e: tg.hvp(f, x, e))(np.eye(3)),
    ):
        np.testing.assert_allclose(other, h, atol=1e-11 * size)
    step = 1e-6
    g = np.array([(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(3)])
    np.testing.assert_allclose(tg.grad(f)(x), g, atol=1e-7 * (1 + np.abs(g).max()) + 1e-8)
