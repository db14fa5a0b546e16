"""Derivatives that are easily wrong: kinks, zeros, infinities, overflow, ties, nesting.

Each case is checked to first and second order, as a transform, recorded with ``backward``, and
batched: ``vmap`` over a stack of copies must give copies.
"""

from __future__ import annotations

import copy
import math
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp
from tinygrad_hess import ops

Function = Callable[..., Any]
INF, NAN = np.inf, np.nan


@contextmanager
def quietly() -> Iterator[None]:
    """For values at which NumPy itself warns, such as log(0)."""
    with np.errstate(all="ignore"):
        yield


def same(got: Any, want: Any, rtol: float = 1e-12, atol: float = 1e-300) -> None:
    np.testing.assert_allclose(np.asarray(got), np.asarray(want, dtype=float), rtol, atol)


def stacked(x: Any) -> Any:
    return np.stack([x, x, x])


def first(f: Function, x: Any, want: Any, rtol: float = 1e-12, atol: float = 1e-300) -> None:
    """The gradient of the scalar ``f`` at ``x``: transformed, pushed forward, recorded, batched."""
    x, want = np.asarray(x, float), np.asarray(want, float)
    same(tg.grad(f)(x), want, rtol, atol)
    _, push = tg.linearize(f, x)
    _, pull = tg.vjp(f, x)
    same(pull(np.float64(1))[0], want, rtol, atol)
    if np.isfinite(want).all():  # otherwise a zero of a direction meets an infinity
        same(push(np.ones_like(x)), want.sum(), rtol, max(atol, rtol))
        if x.ndim:
            for i in np.ndindex(x.shape):
                e = np.zeros_like(x)
                e[i] = 1
                same(push(e), want[i], rtol, atol)
    leaf = tg.tensor(x, requires_grad=True)
    f(leaf).backward()
    assert leaf.grad is not None
    same(leaf.grad.numpy(), want, rtol, atol)
    same(tg.vmap(tg.grad(f))(stacked(x)), stacked(want), rtol, atol)


def second(
    f: Function, x: Any, want: Any, v: Any = None, rtol: float = 1e-12, atol: float = 1e-300
) -> None:
    """The Hessian-vector product along ``v`` (ones): in all nestings, and batched."""
    x, want = np.asarray(x, float), np.asarray(want, float)
    v = np.ones_like(x) if v is None else np.asarray(v, float)
    same(tg.hvp(f, x, v), want, rtol, atol)
    same(tg.vmap(lambda x: tg.hvp(f, x, v))(stacked(x)), stacked(want), rtol, atol)
    same(tg.vjp(tg.grad(f), x)[1](v)[0], want, rtol, atol)
    same(tg.grad(lambda x: tg.jvp(f, (x,), (v,))[1])(x), want, rtol, atol)
    if np.isfinite(want).all():
        twice = tg.jvp(lambda x: tg.jvp(f, (x,), (v,))[1], (x,), (v,))[1]
        same(twice, np.sum(want * v), rtol, max(atol, rtol))


def summed(f: Function) -> Function:
    return lambda x: f(x).sum()


def pair(f: Function) -> Function:
    """A function of two numbers as one of a vector of them."""
    return lambda x: f(x[0], x[1])


# ---- powers, roots, kinks -----------------------------------------------------------------------


def test_01_abs_at_zero() -> None:
    first(summed(np.abs), [0.0, -0.0], [0, 0])
    second(summed(np.abs), [0.0, -0.0], [0, 0])


def test_02_sqrt_at_zero() -> None:
    first(np.sqrt, 0.0, INF)
    second(np.sqrt, 0.0, -INF)


def test_03_sqrt_squared_and_sqrt_of_square_at_zero() -> None:
    first(lambda x: np.sqrt(x) ** 2, 0.0, NAN)
    first(lambda x: np.sqrt(x * x), 0.0, NAN)
    with tg.nan_safe():
        first(lambda x: np.sqrt(x * x), 0.0, 0.0)
        second(lambda x: np.sqrt(x * x), 3.0, 0.0)


def test_04_square_with_integer_exponent() -> None:
    first(lambda x: (x**2).sum(), [0.0, -3.0], [0, -6])
    second(lambda x: (x**2).sum(), [0.0, -3.0], [2, 2])


@pytest.mark.parametrize("zero", [0, 0.0, np.float64(0), np.zeros(1)])
def test_05_power_zero_at_zero(zero: Any) -> None:
    first(lambda x: (x**zero).sum(), [0.0], [0])
    second(lambda x: (x**zero).sum(), [0.0], [0])


def test_05_power_of_two_arrays_at_zero_zero() -> None:
    def f(x: Any) -> Any:
        return (x ** tg.tensor([0.0, 2.0])).sum()

    first(f, [0.0, 3.0], [0, 6])
    second(f, [0.0, 3.0], [0, 2])


def test_06_fractional_powers_at_zero() -> None:
    first(lambda x: x**1.5, 0.0, 0.0)
    second(lambda x: x**1.5, 0.0, INF)
    first(lambda x: x**0.5, 0.0, INF)
    second(lambda x: x**0.5, 0.0, -INF)


def test_07_powers_of_a_negative_base() -> None:
    for exponent, slope, curve in ((3, 12, -12), (-1, -0.25, -0.25), (2.0, -4, 2)):
        first(lambda x, n=exponent: x**n, -2.0, slope)
        second(lambda x, n=exponent: x**n, -2.0, curve)


def test_08_zero_to_a_power_in_the_exponent() -> None:
    first(lambda y: (0.0**y).sum(), [1.0, 2.0], [0, 0])
    second(lambda y: (0.0**y).sum(), [1.0, 2.0], [0, 0])


def test_09_negative_base_in_the_exponent() -> None:
    with quietly():
        slopes = tg.grad(lambda x, y: x**y, (0, 1))(np.float64(-2), np.float64(3))
        same(slopes, [12, NAN])
        first(lambda y: (-2.0) ** y, 3.0, NAN)
    first(lambda x: x ** np.float64(3), -2.0, 12)
    first(lambda x: x ** tg.tensor(3.0), -2.0, 12)
    second(lambda x: x ** tg.tensor(3.0), -2.0, -12)


AXES: list[dict[str, Any]] = [
    {}, {"axis": 0}, {"axis": -1}, {"axis": (0, 1)}, {"keepdims": True},
    {"axis": 1, "keepdims": True}, {"axis": (-1, -2), "keepdims": True},
]  # fmt: skip


@pytest.mark.parametrize("how", AXES)
def test_10_norm_at_zero(how: dict[str, Any]) -> None:
    first(lambda x: np.linalg.norm(x, **how).sum(), np.zeros((2, 3)), np.zeros((2, 3)))


def test_10_norm_of_a_zero_row_leaves_the_others_alone() -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    first(lambda x: np.linalg.norm(x, axis=1).sum(), x, [[0, 0], [0.6, 0.8]])
    got = tg.hvp(lambda x: np.linalg.norm(x, axis=1).sum(), x, np.ones_like(x))
    same(got[1], (np.eye(2) - np.outer([0.6, 0.8], [0.6, 0.8])) @ [1, 1] / 5)


def test_11_norm_squared_at_zero() -> None:
    first(lambda x: np.linalg.norm(x) ** 2, np.zeros(3), np.zeros(3))
    first(ops.squared_norm, np.zeros(3), np.zeros(3))
    second(ops.squared_norm, np.zeros(3), [2, -4, 6], v=[1, -2, 3])


def test_12_hypot_to_second_order() -> None:
    r = 8**-0.5
    for a, mixed in ((1.0, -r), (-1.0, r)):
        first(pair(np.hypot), [a, 1.0], [a / 2**0.5, 2**-0.5])
        same(tg.hessian(pair(np.hypot))(np.array([a, 1.0])), [[r, mixed], [mixed, r]])
        second(pair(np.hypot), [a, 1.0], [r + mixed, r + mixed], atol=1e-15)


def test_13_hypot_at_the_origin() -> None:
    first(pair(np.hypot), [0.0, 0.0], [0, 0])


def test_14_arctan2_of_tiny_numbers() -> None:
    first(pair(np.arctan2), [1e-200, 1e-200], [5e199, -5e199])
    second(pair(np.arctan2), [1e-100, 1e-100], [-5e199, 5e199], rtol=1e-12)


def test_15_arctan2_on_the_cut_and_at_the_origin() -> None:
    first(pair(np.arctan2), [0.0, -1.0], [-1, -0.0])
    second(pair(np.arctan2), [0.0, -1.0], [-1, -1])  # mixed: (y² - x²)/r⁴ = -1
    first(pair(np.arctan2), [0.0, 0.0], [0, 0])


# ---- selection ----------------------------------------------------------------------------------


def test_16_log_behind_where() -> None:
    def f(x: Any) -> Any:
        return np.where(x > 0, np.log(x), 0).sum()

    x = [-1.0, 0.0, 1.0]
    with quietly():
        first(f, x, [-0.0, NAN, 1])
        with tg.nan_safe():
            first(f, x, [0, 0, 1])
            second(f, x, [0, 0, -1])


def test_17_sqrt_behind_where() -> None:
    def f(x: Any) -> Any:
        return np.where(x > 0, np.sqrt(x), 0).sum()

    with tg.nan_safe():
        first(f, [0.0, 4.0], [0, 0.25])
        second(f, [0.0, 4.0], [0, -1 / 32])


def test_18_maximum_and_relu_at_zero() -> None:
    first(lambda x: np.maximum(x, 0), 0.0, 0.5)
    second(lambda x: np.maximum(x, 0), 0.0, 0)
    first(ops.relu, 0.0, 0)
    second(ops.relu, 0.0, 0)
    second(summed(ops.relu), [-1.0, 0.0, 2.0], [0, 0, 0])


def test_19_maximum_with_itself() -> None:
    for f in (np.maximum, np.minimum):
        first(lambda x, f=f: f(x, x), 2.0, 1)
        second(lambda x, f=f: f(x, x), 2.0, 0)


def test_20_tied_max() -> None:
    first(np.max, [1.0, 1.0, 0.0], [0.5, 0.5, 0])
    second(np.max, [1.0, 1.0, 0.0], [0, 0, 0])
    first(lambda x: np.min(x, axis=1).sum(), [[1.0, 1, 2], [3, 0, 3]], [[0.5, 0.5, 0], [0, 1, 0]])


def test_21_max_with_nan() -> None:
    first(np.max, [1.0, NAN], [0, 1])
    second(np.max, [1.0, NAN], [0, 0])


def test_22_clip_at_its_bounds() -> None:
    first(lambda x: np.clip(x, 0, 1).sum(), [-1.0, 0, 0.5, 1, 2], [0, 0.5, 1, 0.5, 0])
    second(lambda x: np.clip(x, 0, 1).sum(), [-1.0, 0, 0.5, 1, 2], np.zeros(5))
    first(lambda x: np.clip(x, 0, None).sum(), [-1.0, 0, 2], [0, 0.5, 1])
    first(lambda x: np.clip(x, None, 0).sum(), [-1.0, 0, 2], [1, 0.5, 0])


def test_22_clip_with_equal_bounds() -> None:
    first(lambda x: np.clip(x, 1, 1).sum(), [0.0, 1, 2], [0, 0, 0])
    first(lambda x: np.clip(x, [0, 1.0], [0, 2.0]).sum(), [0.0, 1.5], [0, 1])
    second(lambda x: np.clip(x, 1, 1).sum(), [0.0, 1, 2], [0, 0, 0])


# ---- exponentials -------------------------------------------------------------------------------


def test_23_logaddexp_of_equal_large_numbers() -> None:
    first(lambda x: np.logaddexp(x, x), 1000.0, 1, rtol=1e-15)
    second(lambda x: np.logaddexp(x, x), 1000.0, 0, atol=1e-15)


def test_24_logaddexp_with_minus_infinity() -> None:
    first(pair(np.logaddexp), [2.0, -INF], [1, 0])
    second(pair(np.logaddexp), [2.0, -INF], [0, 0])
    slopes = tg.grad(pair(np.logaddexp))(np.array([-INF, -INF]))
    same(slopes.sum(), 1)
    first(pair(np.logaddexp), [-INF, -INF], [0.5, 0.5])


def test_25_logaddexp_far_apart_to_second_order() -> None:
    first(pair(np.logaddexp), [-1000.0, 0.0], [0, 1])
    second(pair(np.logaddexp), [-1000.0, 0.0], [0, 0])


def test_26_logsumexp() -> None:
    first(ops.logsumexp, [1e3, 1e3], [0.5, 0.5])
    second(ops.logsumexp, [1e3, 1e3], [0, 0])
    second(ops.logsumexp, [1e3, 1e3], [0.25, -0.25], v=[1, 0])
    first(ops.logsumexp, [-INF] * 4, [0.25] * 4)


@pytest.mark.parametrize("x", [800.0, -800.0])
def test_27_saturated_exponentials(x: float) -> None:
    first(ops.softplus, x, 1 if x > 0 else 0)
    second(ops.softplus, x, 0)
    first(ops.sigmoid, x, 0)
    second(ops.sigmoid, x, 0)
    first(np.tanh, x / 2, 0)
    second(np.tanh, x / 2, 0)


def test_28_sinc_near_zero_to_third_order() -> None:
    for x in (0.0, 1e-6, 1e-16):
        first(np.sinc, x, -(math.pi**2) / 3 * x, rtol=1e-10)
        second(np.sinc, x, -(math.pi**2) / 3, rtol=1e-10)
        third = tg.grad(tg.grad(tg.grad(np.sinc)))(x)
        same(third, math.pi**4 / 5 * x, rtol=1e-8, atol=1e-15)


# ---- reductions ---------------------------------------------------------------------------------


def test_29_prod_with_one_zero() -> None:
    first(np.prod, [0.0, 2, 3], [6, 0, 0])
    second(np.prod, [0.0, 2, 3], [5, 3, 2])


def test_30_prod_with_two_zeros() -> None:
    first(np.prod, [0.0, 0, 3], [0, 0, 0])
    second(np.prod, [0.0, 0, 3], [3, 3, 0])


def test_31_cumprod_with_a_zero() -> None:
    first(lambda x: np.cumprod(x).sum(), [2.0, 0, 3], [1, 8, 0])
    second(lambda x: np.cumprod(x).sum(), [2.0, 0, 3], [4, 6, 2])


@pytest.mark.parametrize("axis", [0, -1, None])
def test_32_cumsum_gives_a_reversed_cumsum(axis: int | None) -> None:
    x, rng = np.arange(6.0).reshape(2, 3), np.random.default_rng(0)
    c = rng.normal(size=np.cumsum(x, axis).shape)
    want = np.flip(np.cumsum(np.flip(c, axis), axis), axis).reshape(x.shape)
    first(lambda x: (np.cumsum(x, axis=axis) * c).sum(), x, want)
    second(lambda x: (np.cumsum(x, axis=axis) * c).sum(), x, np.zeros_like(x))


def test_33_std_and_var() -> None:
    first(np.std, np.full(4, 0.1), np.zeros(4), atol=1e-8)
    first(np.std, np.full(4, 2.0), np.zeros(4))
    x = np.array([1.0, 2.0, 4.0])
    d = x - x.mean()
    for ddof in (0, 1):
        n = 3 - ddof
        s = np.std(x, ddof=ddof)
        first(lambda x, k=ddof: np.var(x, ddof=k), x, 2 * d / n)
        first(lambda x, k=ddof: np.std(x, ddof=k), x, d / (n * s))
        v = np.array([1.0, 0, 0])
        centred = v - v.mean()
        second(lambda x, k=ddof: np.var(x, ddof=k), x, 2 * centred / n, v=v)
        curve = centred / (n * s) - d * (d @ v) / (n**2 * s**3)
        second(lambda x, k=ddof: np.std(x, ddof=k), x, curve, v=v, rtol=1e-10)


def test_33_no_degrees_of_freedom_left() -> None:
    """As in NumPy, squares over zero: infinite, or NaN where the squares vanish too."""
    for x in ([1.0, 2.0], [1.0, 1.0]):
        with quietly():
            got, slope = tg.value_and_grad(lambda x: np.var(x, ddof=2))(np.array(x))
        same(got, INF if x[0] != x[1] else NAN)
        assert slope.shape == (2,) and not np.isfinite(slope).any()


@pytest.mark.parametrize("f", [np.var, np.std, np.mean, np.sum, np.prod])
@pytest.mark.parametrize("axis", [(0, 2), (-1, 0), -2, (-3, -2, -1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_34_reductions_in_jvp(f: Function, axis: Any, keepdims: bool) -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(2, 3, 2)) + 2, rng.normal(size=(2, 3, 2))

    def g(x: Any) -> Any:
        return f(x, axis=axis, keepdims=keepdims)

    h = 1e-5
    y, dy = tg.jvp(g, (x,), (t,))
    same(y, g(x))
    same(dy, (g(x + h * t) - g(x - h * t)) / (2 * h), rtol=1e-7, atol=1e-8)
    tg.check_grads(g, (x,), order=2)


def test_35_sort_and_median() -> None:
    w = np.array([1.0, 10, 100])
    first(lambda x: (np.sort(x) * w).sum(), [3.0, 1, 2], [100, 1, 10])
    second(lambda x: (np.sort(x) ** 2 * w).sum(), [3.0, 1, 2], [200, 2, 20])
    first(lambda x: (np.sort(x) * w).sum(), [2.0, 1, 2], [10, 1, 100])  # ties keep their order
    x = np.array([[3.0, 1], [1, 2], [2, 0]])
    first(lambda x: (np.sort(x, axis=0) * w[:, None]).sum(), x, [[100, 10], [1, 100], [10, 1]])
    first(lambda x: (np.sort(x, axis=None) * np.arange(6.0)).sum(),
          [[4.0, 1], [0, 2], [5, 3]], [[4, 1], [0, 2], [5, 3]])  # fmt: skip
    first(np.median, [4.0, 1, 3, 2], [0, 0, 0.5, 0.5])
    first(lambda x: np.median(x, axis=1).sum(), [[3.0, 1, 2]], [[0, 0, 1]])


def test_36_indexing() -> None:
    first(lambda x: (x[[0, 0, 1]] ** 2).sum(), [3.0, 5], [12, 10])
    second(lambda x: (x[[0, 0, 1]] ** 2).sum(), [3.0, 5], [4, 2])
    mask = np.array([True, False, True])
    first(lambda x: (x[mask] ** 2).sum(), [1.0, 2, 3], [2, 0, 6])
    first(lambda x: (x[..., None] ** 2).sum(), [1.0, 2], [2, 4])
    w = np.array([1.0, 10])
    first(lambda x: (x[::-2] * w).sum(), [1.0, 2, 3], [10, 0, 1])
    second(lambda x: (x[::-2] ** 2 * w).sum(), [1.0, 2, 3], [20, 0, 2])


def test_37_einsum() -> None:
    x = np.arange(9.0).reshape(3, 3)
    first(lambda x: np.einsum("ii", x), x, np.eye(3))
    first(lambda x: (np.einsum("ii->i", x) ** 2).sum(), x, np.diag(2 * np.diag(x)))
    second(lambda x: (np.einsum("ii->i", x) ** 2).sum(), x, 2 * np.eye(3))
    b = np.array([1.0, 2, 3])
    first(lambda a: np.einsum("i,i", a, b), [2.0], [6])
    first(lambda b: np.einsum("i,i", np.array([2.0]), b), b, [2, 2, 2])
    a, m = np.ones((2, 4, 3)), np.arange(6.0).reshape(3, 2)
    first(lambda a: np.einsum("...ij,jk", a, m).sum(), a, np.broadcast_to(m.sum(1), a.shape))
    first(lambda m: np.einsum("...ij,jk", a, m).sum(), m, np.full((3, 2), 8.0))
    first(lambda m: (np.einsum("ba", m) * m.T).sum(), m, 2 * m)  # the output's axes: ab
    second(lambda m: (np.einsum("ba", m) * m.T).sum(), m, np.full((3, 2), 2.0))


@pytest.mark.parametrize(
    ("one", "two"), [((1, 3), (2, 1)), ((), (3,)), ((0,), (1,)), ((2, 3), (4, 1, 3))]
)
def test_38_broadcasting(one: Any, two: Any) -> None:
    a, b = np.ones(one), np.full(two, 2.0)
    size = np.broadcast(a, b).size
    for f, slopes in ((np.add, (1, 1)), (np.multiply, (2, 1))):
        first(lambda a, f=f: f(a, b).sum(), a, np.full(one, slopes[0] * size / max(a.size, 1)))
        first(lambda b, f=f: f(a, b).sum(), b, np.full(two, slopes[1] * size / b.size))
    for x, shape in ((a, one), (b, two)):
        wide = (2, *np.broadcast_shapes(one, two))
        count = np.prod(wide) / max(x.size, 1)
        first(lambda x, w=wide: (np.broadcast_to(x, w) ** 2).sum(), x, 2 * count * x)
        second(lambda x, w=wide: (np.broadcast_to(x, w) ** 2).sum(), x, np.full(shape, 2 * count))


PRODUCTS: list[tuple[Function, tuple[int, ...], tuple[int, ...]]] = [
    (np.matmul, (3,), (3,)), (np.matmul, (3,), (3, 2)), (np.matmul, (2, 3), (3,)),
    (np.matmul, (4, 2, 3), (3, 2)), (np.matmul, (2, 3), (4, 3, 2)), (np.matmul, (3,), (4, 3, 2)),
    (np.matmul, (4, 1, 2, 3), (5, 3, 2)), (np.dot, (3,), (3,)), (np.dot, (2, 3), (3, 4)),
    (np.dot, (2, 3), (5, 3, 4)), (np.dot, (), (3,)), (np.outer, (3,), (2,)),
    (np.outer, (2, 2), (3,)), (np.inner, (2, 3), (4, 3)),
    (lambda a, b: np.tensordot(a, b, ((2, 0), (1, 2))), (2, 3, 4), (5, 4, 2)),
    (lambda a, b: np.tensordot(a, b, 1), (2, 3), (3, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("f", "one", "two"), PRODUCTS)
def test_39_products(f: Function, one: Any, two: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=one), rng.normal(size=two)
    c = rng.normal(size=np.shape(f(a, b)))

    def jacobian(g: Function, x: Any) -> Any:
        """Of a linear function, column by column."""
        units = np.eye(max(x.size, 1)).reshape(-1, *x.shape)
        return np.array([np.sum(g(e) * c) for e in units]).reshape(x.shape)

    first(lambda a: (f(a, b) * c).sum(), a, jacobian(lambda a: f(a, b), a), rtol=1e-10)
    first(lambda b: (f(a, b) * c).sum(), b, jacobian(lambda b: f(a, b), b), rtol=1e-10)
    tg.check_grads(f, (a, b), order=2)


# ---- rounding, infinite slopes ------------------------------------------------------------------


def test_45_mod_and_rounding() -> None:
    first(lambda b: np.mod(7.0, b), 3.0, -2)
    second(lambda b: np.mod(7.0, b), 3.0, 0)
    for f in (np.floor, np.ceil, np.trunc, np.sign, np.rint, np.round):
        first(summed(f), [-1.5, 0.0, 2.2], [0, 0, 0])
        second(summed(f), [-1.5, 0.0, 2.2], [0, 0, 0])


def test_46_infinite_slopes() -> None:
    with quietly():
        for f, x in ((np.arcsin, 1.0), (np.arccosh, 1.0), (np.log1p, -1.0), (np.cbrt, 0.0)):
            first(f, x, INF)
        second(np.arcsin, 1.0, INF)
        second(np.log1p, -1.0, -INF)
    second(np.cbrt, 8.0, -2 / 9 / 32)


# ---- nesting, the tape --------------------------------------------------------------------------


def test_47_perturbation_confusion() -> None:
    def d(f: Function) -> Function:
        return lambda x: tg.jvp(f, (x,), (1.0,))[1]

    for outer in (tg.grad, d):
        for inner in (tg.grad, d):
            assert outer(lambda x, i=inner: x * i(lambda y: x + y)(1.0))(1.0) == 1
            assert outer(lambda x, i=inner: x * i(lambda y: x * y)(3.0))(5.0) == 10
            # The same name inside: the inner x shadows, and the closure still sees the outer one.
            shadowed = outer(lambda x, i=inner: x * i(lambda x: x**3)(x))(2.0)
            assert shadowed == 3 * 3 * 2.0**2
    xs = np.array([1.0, 2.0, 3.0])
    got = tg.vmap(tg.grad(lambda x: x * tg.grad(lambda y: x * y)(1.0)))(xs)
    same(got, 2 * xs)


def test_47_a_gradient_inside_a_recorded_loss() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    (x * tg.grad(lambda y: x * y * y)(x)).backward()  # x · 2x·x = 2x³
    assert x.grad is not None and x.grad.item() == 24


def test_48_captured_array_changed_before_backward() -> None:
    """The tape took a snapshot: the value at the time of the call counts."""
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    factor = np.array([3.0, 4.0])
    places = np.array([0, 0])
    y = (x * factor).sum() + np.where(factor > 3, x, 0).sum() + x[places].sum()
    factor[:] = 100
    places[:] = 1
    y.backward()
    assert x.grad is not None
    same(x.grad.numpy(), [5, 5])
    captured = np.array([3.0])
    _, pull = tg.vjp(lambda x: x * captured * x, np.array([2.0]))
    captured[:] = 100
    same(pull(np.ones(1))[0], [12])
    start = np.array([2.0])
    _, push = tg.linearize(lambda x: x**3, start)
    start[:] = 100
    same(push(np.ones(1)), [12])


def test_49_constant_and_unused() -> None:
    x = np.array([1.0, 2.0], np.float32)
    for f in (lambda x: 1.0, lambda x: np.float32(2), lambda x: tg.stop_gradient(x).sum()):
        g = tg.grad(f)(x)
        assert g.dtype == np.float32 and not g.any() and g.shape == (2,)
    a, b = tg.grad(lambda a, b: a.sum(), (0, 1))(x, np.ones((3, 1)))
    same(a, [1, 1])
    assert b.shape == (3, 1) and b.dtype == np.float64 and not b.any()
    _, t = tg.jvp(lambda x: np.ones(3), (x,), (x,))
    assert t.shape == (3,) and not t.any()


def test_49_output_is_the_input() -> None:
    x = np.array([1.0, 2.0])
    y, pull = tg.vjp(lambda x: x, x)
    same(pull(np.array([3.0, 4.0]))[0], [3, 4])
    y[0] = 99  # a result is the caller's own
    assert x[0] == 1
    assert tg.grad(lambda x: x)(2.0) == 1
    assert tg.hessian(lambda x: x)(2.0) == 0
    same(tg.jacobian(lambda x: x)(x), np.eye(2))
    first_, second_ = tg.vjp(lambda x: (x, x), x)[1]((np.ones(2), np.ones(2)))[0]
    assert first_ == second_ == 2


def test_49_python_floats_and_arrays_without_axes() -> None:
    for x in (3.0, np.float64(3), np.array(3.0)):
        g = tg.grad(lambda x: x * x)(x)
        assert np.shape(g) == () and g.dtype == np.float64 and g == 6
        assert tg.hvp(lambda x: x**3, x, 1.0) == 18
    with pytest.raises(tg.NonDifferentiableError, match="integers"):
        tg.grad(lambda x: x * x)(3)


@pytest.mark.parametrize("constant", [2.0, 2, np.float64(2), np.ones(2), np.array(2.0)])
@pytest.mark.parametrize("f", [np.multiply, np.add, np.divide, np.power, np.maximum, np.arctan2])
def test_50_float32_stays_float32(f: Function, constant: Any) -> None:
    """Values follow NumPy's promotion; a gradient always has the type of what it belongs to."""
    x = np.array([1.0, 2.0], np.float32)
    y, pull = tg.vjp(lambda x: f(x, constant), x)
    assert y.dtype == f(x, constant).dtype
    assert pull(np.ones_like(y))[0].dtype == np.float32
    g, t = tg.jvp(tg.grad(lambda x: f(x, constant).sum()), (x,), (x,))
    assert g.dtype == t.dtype == np.float32
    h = tg.hessian(lambda x: f(x, constant).sum())(x)
    assert h.dtype == np.float32 and h.shape == (2, 2)
    leaf = tg.tensor(x, requires_grad=True)
    f(leaf, constant).sum().backward()
    assert leaf.grad is not None and leaf.grad.dtype == np.float32


@pytest.mark.parametrize(
    "f",
    [np.mean, np.std, np.var, np.linalg.norm, np.median, np.prod, ops.logsumexp, ops.softplus,
     ops.sigmoid, ops.gelu, ops.elu, ops.leaky_relu, ops.silu, ops.log_softmax, np.sinc,
     lambda x: x**2, lambda x: x**0.5, lambda x: 1 / x, lambda x: 3 - 2 * x,
     lambda x: np.clip(x, 0.0, 1.5), lambda x: np.where(x > 1, x, 0.0), lambda x: x.std(ddof=1)],
)  # fmt: skip
def test_50_float32_through_functions(f: Function) -> None:
    x = np.array([[0.5, 1.0, 2.0]], np.float32)
    y, t = tg.jvp(f, (x,), (x,))
    assert y.dtype == t.dtype == np.float32
    assert tg.grad(lambda x: f(x).sum())(x).dtype == np.float32
    assert tg.hvp(lambda x: f(x).sum(), x, x).dtype == np.float32
    assert tg.vmap(f)(np.stack([x, x])).dtype == np.float32


def test_51_sharing_is_not_paid_for_twice() -> None:
    def doubled(x: Any) -> Any:
        for _ in range(60):
            x = x + x
        return x

    assert tg.grad(doubled)(1.0) == 2.0**60
    assert tg.jvp(doubled, (1.0,), (1.0,))[1] == 2.0**60
    assert tg.hvp(lambda x: doubled(x) * x, 1.0, 1.0) == 2.0**61


def test_52_a_long_chain() -> None:
    def chain(x: Any) -> Any:
        for _ in range(50_000):
            x = x * 1.0 + 1e-9
        return x

    assert tg.grad(chain)(1.0) == 1
    x = tg.tensor(1.0, requires_grad=True)
    y = chain(x)
    y.backward()
    assert x.grad is not None and x.grad.item() == 1
    del y


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda f: tg.grad(f)(2.0),
        lambda f: tg.hessian(f)(2.0),
        lambda f: tg.jvp(f, (2.0,), (1.0,)),
        lambda f: tg.vmap(tg.grad(f))(np.ones(2)),
        lambda f: tg.grad(tg.checkpoint(f))(2.0),
    ],
)
def test_52_a_gradient_after_an_error(differentiate: Function) -> None:
    def fails(x: Any) -> Any:
        tg.grad(lambda y: y * x)(x)
        raise KeyError("inside f")

    with pytest.raises(KeyError, match="inside f"):
        differentiate(fails)
    assert tg.grad(lambda x: x**3)(2.0) == 12
    assert tg.hvp(lambda x: x**3, 2.0, 1.0) == 12


def test_52_modes_end_with_an_error() -> None:
    with pytest.raises(KeyError), tg.no_grad(), tg.nan_safe(), tg.debug_nans():
        raise KeyError
    x = tg.tensor(0.0, requires_grad=True)
    np.sqrt(x * x).backward()
    assert x.grad is not None and np.isnan(x.grad.item())


def test_52_eight_threads() -> None:
    results: dict[int, Any] = {}
    shared = np.linspace(0.1, 1, 50)

    def work(k: int) -> None:
        def f(x: Any) -> Any:
            for _ in range(20):
                x = np.sin(x * (k + 1))
            return x.sum()

        for _ in range(5):
            results[k] = tg.grad(f)(shared), tg.hvp(f, shared, shared), k

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    together = dict(results)
    for k in range(8):
        work(k)
        for a, b in zip(together[k], results[k], strict=True):
            np.testing.assert_array_equal(a, b)
    assert len(together) == 8


def test_52_modes_belong_to_their_thread() -> None:
    """no_grad in one thread does not stop recording in another."""
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with tg.no_grad():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    x = tg.tensor(3.0, requires_grad=True)
    y = x * x
    done.set()
    thread.join()
    y.backward()
    assert x.grad is not None and x.grad.item() == 6


@pytest.mark.parametrize("clone", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
def test_52_pickle(clone: Function) -> None:
    x = tg.tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
    y = clone(x)
    assert y.requires_grad and y.dtype == np.float32 and y is not x
    (y * y).sum().backward()
    assert y.grad is not None and x.grad is None
    same(y.grad.numpy(), [2, 4])
    assert not clone(tg.tensor([1, 2])).requires_grad
    with pytest.raises(TypeError, match="detach"):
        clone(x * 2)


def test_namespace_and_protocols_agree() -> None:
    """The cases above go through NumPy's own names; the library's are the same functions."""
    for name in ("sqrt", "hypot", "maximum", "logaddexp", "prod", "median", "einsum", "clip"):
        assert callable(getattr(tnp, name))
    same(tg.grad(lambda x: tnp.hypot(x[0], x[1]))(np.zeros(2)), [0, 0])


# ---- 40 to 44: linear algebra ------------------------------------------------------------------

SINGULAR = np.array([[1.0, 2], [2, 4]])
SYMMETRIC = np.array([[2.0, 0.5, 0.1], [0.5, 3.0, -0.4], [0.1, -0.4, 4.0]])
DIRECTION = np.array([[0.3, -1.0, 0.7], [0.2, 0.5, -0.6], [1.1, 0.4, -0.2]])


def replayed(f: Function, x: Any, v: Any) -> None:
    """``jit`` gives the gradient and the Hessian-vector product that a recording gives."""
    same(tg.jit(tg.grad(f))(x), tg.grad(f)(x), 1e-12, 1e-13)
    both = [h(x, v) for h in (tg.jit(lambda x, v: tg.hvp(f, x, v)), lambda x, v: tg.hvp(f, x, v))]
    same(both[0], both[1], 1e-12, 1e-13)


def test_40_det_of_singular_matrices() -> None:
    det = np.linalg.det
    first(det, SINGULAR, [[4, -2], [-2, 1]], atol=1e-14)
    second(det, SINGULAR, [[1, -1], [-1, 1]], atol=1e-14)
    replayed(det, SINGULAR, np.ones((2, 2)))
    first(det, np.diag([0.0, 2, 3]), np.diag([6.0, 0, 0]), atol=1e-14)
    second(det, np.diag([0.0, 2, 3]), [[5, -3, -2], [-3, 3, 0], [-2, 0, 2]], atol=1e-14)
    first(det, [[0.0]], [[1.0]])
    second(det, [[0.0]], [[0.0]])
    batch = np.stack([np.diag([0.0, 2, 3]), np.zeros((3, 3)), SYMMETRIC])
    cofactors = np.linalg.det(SYMMETRIC) * np.linalg.inv(SYMMETRIC)
    want = np.stack([np.diag([6.0, 0, 0]), np.zeros((3, 3)), cofactors])
    first(lambda a: det(a).sum(), batch, want, atol=1e-14)


def test_41_sum_of_squared_eigenvalues() -> None:
    """It is the squared length of the symmetric part, however the eigenvalues coincide."""
    f, v = lambda a: (np.linalg.eigvalsh(a) ** 2).sum(), DIRECTION
    for a in (np.eye(3), np.zeros((3, 3)), np.diag([1.0, 1, 2]), SYMMETRIC):
        same(tg.grad(f)(a), 2 * a, 1e-12, 1e-14)
        leaf = tg.tensor(a, requires_grad=True)
        f(leaf).backward()
        assert leaf.grad is not None
        same(leaf.grad.numpy(), 2 * a, 1e-12, 1e-14)
        same(tg.hvp(f, a, v), v + v.T, 1e-12, 1e-13)
        same(tg.jvp(f, (a,), (v,))[1], 2 * np.sum(a * v), 1e-12, 1e-13)
        twice = tg.jvp(lambda a: tg.jvp(f, (a,), (v,))[1], (a,), (v,))[1]
        same(twice, np.sum((v + v.T) * v), 1e-12)
        mapped = tg.vmap(lambda a, v: tg.hvp(f, a, v))(stacked(a), np.stack([v, 2 * v, v.T]))
        same(mapped, np.stack([v + v.T, 2 * (v + v.T), v + v.T]), 1e-12, 1e-13)
        replayed(f, a, v)
    # Reverse over reverse needs distinct eigenvalues, and says so.
    same(tg.vjp(tg.grad(f), SYMMETRIC)[1](v)[0], v + v.T, 1e-12, 1e-13)
    with pytest.raises(np.linalg.LinAlgError, match=r"coincide.*tg\.hvp"):
        tg.vjp(tg.grad(f), np.eye(3))[1](v)


def test_42_projectors_on_eigenvectors() -> None:
    """P = v vᵀ of the top eigenvector: dP = R T P + P T R with the reduced resolvent R."""
    w, q = np.linalg.eigh(SYMMETRIC)
    p = np.outer(q[:, 2], q[:, 2])
    resolvent = sum(np.outer(q[:, i], q[:, i]) / (w[2] - w[i]) for i in range(2))
    weights = DIRECTION.T

    def f(a: Any) -> Any:
        top = np.linalg.eigh(a).eigenvectors[:, 2:]
        return (weights * (top @ top.T)).sum()

    slope = resolvent @ weights @ p + p @ weights @ resolvent
    slope = (slope + slope.T) / 2
    first(f, SYMMETRIC, slope, rtol=1e-11, atol=1e-13)
    eps = 1e-5
    bend = (tg.grad(f)(SYMMETRIC + eps * DIRECTION) - tg.grad(f)(SYMMETRIC - eps * DIRECTION)) / (
        2 * eps
    )
    same(tg.hvp(f, SYMMETRIC, DIRECTION), bend, 1e-7, 1e-8)
    second(f, SYMMETRIC, tg.hvp(f, SYMMETRIC, np.ones((3, 3))), rtol=1e-10, atol=1e-12)
    replayed(f, SYMMETRIC, DIRECTION)


def test_42_degenerate_eigenvectors_never_give_silent_nan() -> None:
    a = np.diag([1.0, 1.0, 2.0])
    for f in (
        lambda a: np.linalg.eigh(a).eigenvectors[0, 0],
        lambda a: (np.linalg.eigh(a)[1] * np.linalg.eigh(a)[0] @ np.linalg.eigh(a)[1].T)[0, 1],
    ):
        with pytest.raises(np.linalg.LinAlgError, match="coincide to rounding"):
            tg.jvp(f, (a,), (DIRECTION,))
    with pytest.raises(np.linalg.LinAlgError, match="coincide to rounding"):
        tg.vjp(lambda a: np.linalg.eigh(a).eigenvectors, a)[1](DIRECTION)
    top = lambda a: (np.linalg.eigh(a).eigenvectors[:, 2] ** 2)[0]
    same(tg.grad(top)(a), np.zeros((3, 3)), atol=1e-15)


def test_43_singular_values() -> None:
    nuclear = lambda a: np.linalg.svdvals(a).sum()
    first(nuclear, np.eye(3), np.eye(3), atol=1e-14)
    same(tg.hvp(nuclear, np.eye(3), DIRECTION), (DIRECTION - DIRECTION.T) / 2, 1e-12, 1e-14)
    u, _, vh = np.linalg.svd(DIRECTION)
    first(nuclear, DIRECTION, u @ vh, rtol=1e-11, atol=1e-13)
    squares = lambda a: (np.linalg.svdvals(a) ** 2).sum()
    deficient = np.outer([1.0, 2, -1], [0.5, 1, 3])
    for a in (np.eye(3), deficient, np.zeros((3, 3)), deficient[:, :2]):
        v = DIRECTION[:, : a.shape[1]]
        same(tg.grad(squares)(a), 2 * a, 1e-12, 1e-13)
        same(tg.hvp(squares, a, v), 2 * v, 1e-12, 1e-12)
        replayed(squares, a, v)
    # A singular value of 0 is at a kink, like an absolute value: it adds 0.
    u, _, vh = np.linalg.svd(deficient)
    same(tg.grad(nuclear)(deficient), np.outer(u[:, 0], vh[0]), 1e-12, 1e-13)
    same(tg.grad(nuclear)(np.zeros((1, 1))), [[0.0]])


def test_44_symmetric_and_general_solvers() -> None:
    b = np.array([1.0, -2.0, 0.5])
    inverse = np.linalg.inv(SYMMETRIC)
    x = inverse @ b
    quadratic = lambda a: b @ np.linalg.solve(a, b)
    first(quadratic, SYMMETRIC, -np.outer(x, x), rtol=1e-11, atol=1e-13)
    log_det = lambda a: 2 * np.log(np.linalg.diagonal(np.linalg.cholesky(a))).sum()
    first(log_det, SYMMETRIC, inverse, rtol=1e-11, atol=1e-13)
    for v in (DIRECTION, DIRECTION + DIRECTION.T):
        sym = (v + v.T) / 2
        second(log_det, SYMMETRIC, -inverse @ sym @ inverse, v, 1e-10, 1e-12)
        general = lambda a: np.linalg.slogdet(a)[1]
        second(general, SYMMETRIC, -(inverse @ v @ inverse).T, v, 1e-10, 1e-12)
        bent = inverse @ v.T @ np.outer(x, x) + np.outer(x, x) @ v.T @ inverse
        second(quadratic, SYMMETRIC, bent, v, 1e-10, 1e-12)
        total = lambda a: np.linalg.inv(a).sum()
        ones = np.outer(inverse.sum(0), inverse.sum(0))
        bent = inverse @ v.T @ ones + ones @ v.T @ inverse
        second(total, SYMMETRIC, bent, v, 1e-10, 1e-12)
        for f in (log_det, general, quadratic, total):
            replayed(f, SYMMETRIC, v)
    batch = np.stack([SYMMETRIC, 2 * SYMMETRIC])
    want = np.stack([inverse, inverse / 2])
    same(tg.grad(lambda a: np.linalg.slogdet(a)[1].sum())(batch), want, 1e-11)


@pytest.mark.parametrize("base", [2, np.int64(2), np.array([2, 2]), np.float32(2), 2.0])
def test_09_integer_base_in_the_exponent(base: Any) -> None:
    """d/dy 2**y = 2**y log 2, whatever type the 2 has."""
    y = np.array([1.0, 3.0])
    first(lambda y: (base**y).sum(), y, 2**y * np.log(2))
    second(lambda y: (base**y).sum(), y, 2**y * np.log(2) ** 2)
