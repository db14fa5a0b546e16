"""Derivatives that are easily wrong: kinks, zeros, infinities, overflow, ties.

Each case is checked to first and second order, as a transform, recorded with ``backward``, and
batched: ``vmap`` over a stack of copies must give copies.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from comparing import close
from orders import Function, first, quietly, second

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp
from tinygrad_hess import ops

INF, NAN = np.inf, np.nan


def summed(f: Function) -> Function:
    return lambda x: f(x).sum()


def pair(f: Function) -> Function:
    """A function of two numbers as one of a vector of them."""
    return lambda x: f(x[0], x[1])


# ---- powers, roots, kinks -----------------------------------------------------------------------


def test_abs_at_0_has_derivatives_0() -> None:
    first(summed(np.abs), [0.0, -0.0], [0, 0])
    second(summed(np.abs), [0.0, -0.0], [0, 0])


def test_sqrt_at_0_has_infinite_derivatives() -> None:
    first(np.sqrt, 0.0, INF)
    second(np.sqrt, 0.0, -INF)


def test_sqrt_squared_and_sqrt_of_square_at_0_are_nan_unless_nan_safe() -> None:
    first(lambda x: np.sqrt(x) ** 2, 0.0, NAN)
    first(lambda x: np.sqrt(x * x), 0.0, NAN)
    with tg.nan_safe():
        first(lambda x: np.sqrt(x * x), 0.0, 0.0)
        second(lambda x: np.sqrt(x * x), 3.0, 0.0)


def test_square_with_integer_exponent() -> None:
    first(lambda x: (x**2).sum(), [0.0, -3.0], [0, -6])
    second(lambda x: (x**2).sum(), [0.0, -3.0], [2, 2])


@pytest.mark.parametrize("zero", [0, 0.0, np.float64(0), np.zeros(1)], ids=repr)
def test_power_0_at_0_has_derivatives_0(zero: Any) -> None:
    first(lambda x: (x**zero).sum(), [0.0], [0])
    second(lambda x: (x**zero).sum(), [0.0], [0])


def test_power_with_an_array_of_exponents_at_0() -> None:
    def f(x: Any) -> Any:
        return (x ** tg.tensor([0.0, 2.0])).sum()

    first(f, [0.0, 3.0], [0, 6])
    second(f, [0.0, 3.0], [0, 2])


def test_fractional_powers_at_0() -> None:
    first(lambda x: x**1.5, 0.0, 0.0)
    second(lambda x: x**1.5, 0.0, INF)
    first(lambda x: x**0.5, 0.0, INF)
    second(lambda x: x**0.5, 0.0, -INF)


def test_powers_of_a_negative_base() -> None:
    for exponent, slope, curve in ((3, 12, -12), (-1, -0.25, -0.25), (2.0, -4, 2)):
        first(lambda x, n=exponent: x**n, -2.0, slope)
        second(lambda x, n=exponent: x**n, -2.0, curve)


def test_0_to_a_power_has_derivatives_0_in_the_exponent() -> None:
    first(lambda y: (0.0**y).sum(), [1.0, 2.0], [0, 0])
    second(lambda y: (0.0**y).sum(), [1.0, 2.0], [0, 0])


def test_negative_base_has_a_nan_derivative_in_the_exponent() -> None:
    with quietly():
        slopes = tg.grad(lambda x, y: x**y, (0, 1))(np.float64(-2), np.float64(3))
        close(slopes, (12, NAN), 1e-12, elementwise=True)
        first(lambda y: (-2.0) ** y, 3.0, NAN)
    first(lambda x: x ** np.float64(3), -2.0, 12)
    first(lambda x: x ** tg.tensor(3.0), -2.0, 12)
    second(lambda x: x ** tg.tensor(3.0), -2.0, -12)


@pytest.mark.parametrize("base", [2, np.int64(2), np.array([2, 2]), np.float32(2), 2.0], ids=repr)
def test_integer_base_in_the_exponent(base: Any) -> None:
    """d/dy 2**y = 2**y log 2, whatever type the 2 has."""
    y = np.array([1.0, 3.0])
    first(lambda y: (base**y).sum(), y, 2**y * np.log(2))
    second(lambda y: (base**y).sum(), y, 2**y * np.log(2) ** 2)


AXES: list[dict[str, Any]] = [
    {}, {"axis": 0}, {"axis": -1}, {"axis": (0, 1)}, {"keepdims": True},
    {"axis": 1, "keepdims": True}, {"axis": (-1, -2), "keepdims": True},
]  # fmt: skip


@pytest.mark.parametrize("how", AXES, ids=str)
def test_norm_at_0_has_gradient_0(how: dict[str, Any]) -> None:
    first(lambda x: np.linalg.norm(x, **how).sum(), np.zeros((2, 3)), np.zeros((2, 3)))


def test_norm_of_a_zero_row_leaves_the_other_rows_alone() -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    first(lambda x: np.linalg.norm(x, axis=1).sum(), x, [[0, 0], [0.6, 0.8]])
    got = tg.hvp(lambda x: np.linalg.norm(x, axis=1).sum(), x, np.ones_like(x))
    close(
        got[1], (np.eye(2) - np.outer([0.6, 0.8], [0.6, 0.8])) @ [1, 1] / 5, 1e-12, elementwise=True
    )


def test_squared_norm_at_0_has_hessian_2() -> None:
    first(lambda x: np.linalg.norm(x) ** 2, np.zeros(3), np.zeros(3))
    first(ops.squared_norm, np.zeros(3), np.zeros(3))
    second(ops.squared_norm, np.zeros(3), [2, -4, 6], v=[1, -2, 3])


def test_hypot_to_second_order() -> None:
    r = 8**-0.5
    for a, mixed in ((1.0, -r), (-1.0, r)):
        first(pair(np.hypot), [a, 1.0], [a / 2**0.5, 2**-0.5])
        close(
            tg.hessian(pair(np.hypot))(np.array([a, 1.0])),
            [[r, mixed], [mixed, r]],
            1e-12,
            elementwise=True,
        )
        second(pair(np.hypot), [a, 1.0], [r + mixed, r + mixed], atol=1e-15)


def test_hypot_at_the_origin_has_gradient_0() -> None:
    first(pair(np.hypot), [0.0, 0.0], [0, 0])


def test_arctan2_of_tiny_numbers_does_not_underflow() -> None:
    first(pair(np.arctan2), [1e-200, 1e-200], [5e199, -5e199])
    second(pair(np.arctan2), [1e-100, 1e-100], [-5e199, 5e199], rtol=1e-12)


def test_arctan2_on_the_branch_cut_and_at_the_origin() -> None:
    first(pair(np.arctan2), [0.0, -1.0], [-1, -0.0])
    second(pair(np.arctan2), [0.0, -1.0], [-1, -1])  # mixed: (y² - x²)/r⁴ = -1
    first(pair(np.arctan2), [0.0, 0.0], [0, 0])


# ---- selection ----------------------------------------------------------------------------------


def test_log_behind_where_is_nan_unless_nan_safe() -> None:
    def f(x: Any) -> Any:
        return np.where(x > 0, np.log(x), 0).sum()

    x = [-1.0, 0.0, 1.0]
    with quietly():
        first(f, x, [-0.0, NAN, 1])
        with tg.nan_safe():
            first(f, x, [0, 0, 1])
            second(f, x, [0, 0, -1])


def test_sqrt_behind_where_is_finite_if_nan_safe() -> None:
    def f(x: Any) -> Any:
        return np.where(x > 0, np.sqrt(x), 0).sum()

    with tg.nan_safe():
        first(f, [0.0, 4.0], [0, 0.25])
        second(f, [0.0, 4.0], [0, -1 / 32])


def test_maximum_at_a_tie_has_slope_one_half_and_relu_at_0_slope_0() -> None:
    first(lambda x: np.maximum(x, 0), 0.0, 0.5)
    second(lambda x: np.maximum(x, 0), 0.0, 0)
    first(ops.relu, 0.0, 0)
    second(ops.relu, 0.0, 0)
    second(summed(ops.relu), [-1.0, 0.0, 2.0], [0, 0, 0])


def test_maximum_with_itself_has_slope_1() -> None:
    for f in (np.maximum, np.minimum):
        first(lambda x, f=f: f(x, x), 2.0, 1)
        second(lambda x, f=f: f(x, x), 2.0, 0)


def test_tied_maxima_share_the_gradient() -> None:
    first(np.max, [1.0, 1.0, 0.0], [0.5, 0.5, 0])
    second(np.max, [1.0, 1.0, 0.0], [0, 0, 0])
    first(lambda x: np.min(x, axis=1).sum(), [[1.0, 1, 2], [3, 0, 3]], [[0.5, 0.5, 0], [0, 1, 0]])


def test_max_with_nan_gives_the_nan_all_the_gradient() -> None:
    first(np.max, [1.0, NAN], [0, 1])
    second(np.max, [1.0, NAN], [0, 0])


def test_clip_at_its_bounds_has_slope_one_half() -> None:
    first(lambda x: np.clip(x, 0, 1).sum(), [-1.0, 0, 0.5, 1, 2], [0, 0.5, 1, 0.5, 0])
    second(lambda x: np.clip(x, 0, 1).sum(), [-1.0, 0, 0.5, 1, 2], np.zeros(5))
    first(lambda x: np.clip(x, 0, None).sum(), [-1.0, 0, 2], [0, 0.5, 1])
    first(lambda x: np.clip(x, None, 0).sum(), [-1.0, 0, 2], [1, 0.5, 0])


def test_clip_with_equal_bounds_has_slope_0() -> None:
    first(lambda x: np.clip(x, 1, 1).sum(), [0.0, 1, 2], [0, 0, 0])
    first(lambda x: np.clip(x, [0, 1.0], [0, 2.0]).sum(), [0.0, 1.5], [0, 1])
    second(lambda x: np.clip(x, 1, 1).sum(), [0.0, 1, 2], [0, 0, 0])


# ---- exponentials -------------------------------------------------------------------------------


def test_logaddexp_of_equal_large_numbers_does_not_overflow() -> None:
    first(lambda x: np.logaddexp(x, x), 1000.0, 1, rtol=1e-15)
    second(lambda x: np.logaddexp(x, x), 1000.0, 0, atol=1e-15)


def test_logaddexp_with_minus_infinity() -> None:
    first(pair(np.logaddexp), [2.0, -INF], [1, 0])
    second(pair(np.logaddexp), [2.0, -INF], [0, 0])
    slopes = tg.grad(pair(np.logaddexp))(np.array([-INF, -INF]))
    close(slopes.sum(), 1, 1e-12, elementwise=True)
    first(pair(np.logaddexp), [-INF, -INF], [0.5, 0.5])


def test_logaddexp_of_numbers_far_apart_to_second_order() -> None:
    first(pair(np.logaddexp), [-1000.0, 0.0], [0, 1])
    second(pair(np.logaddexp), [-1000.0, 0.0], [0, 0])


def test_logsumexp_of_large_numbers_and_of_minus_infinities() -> None:
    first(ops.logsumexp, [1e3, 1e3], [0.5, 0.5])
    second(ops.logsumexp, [1e3, 1e3], [0, 0])
    second(ops.logsumexp, [1e3, 1e3], [0.25, -0.25], v=[1, 0])
    first(ops.logsumexp, [-INF] * 4, [0.25] * 4)


@pytest.mark.parametrize("x", [800.0, -800.0])
def test_saturated_sigmoids_have_derivatives_0(x: float) -> None:
    first(ops.softplus, x, 1 if x > 0 else 0)
    second(ops.softplus, x, 0)
    first(ops.sigmoid, x, 0)
    second(ops.sigmoid, x, 0)
    first(np.tanh, x / 2, 0)
    second(np.tanh, x / 2, 0)


def test_sinc_near_0_to_third_order() -> None:
    for x in (0.0, 1e-6, 1e-16):
        first(np.sinc, x, -(math.pi**2) / 3 * x, rtol=1e-10)
        second(np.sinc, x, -(math.pi**2) / 3, rtol=1e-10)
        third = tg.grad(tg.grad(tg.grad(np.sinc)))(x)
        close(third, math.pi**4 / 5 * x, rtol=1e-8, atol=1e-15, elementwise=True)


# ---- reductions ---------------------------------------------------------------------------------


def test_prod_with_one_zero() -> None:
    first(np.prod, [0.0, 2, 3], [6, 0, 0])
    second(np.prod, [0.0, 2, 3], [5, 3, 2])


def test_prod_with_two_zeros() -> None:
    first(np.prod, [0.0, 0, 3], [0, 0, 0])
    second(np.prod, [0.0, 0, 3], [3, 3, 0])


def test_cumprod_with_a_zero() -> None:
    first(lambda x: np.cumprod(x).sum(), [2.0, 0, 3], [1, 8, 0])
    second(lambda x: np.cumprod(x).sum(), [2.0, 0, 3], [4, 6, 2])


@pytest.mark.parametrize("axis", [0, -1, None])
def test_gradient_of_cumsum_is_a_reversed_cumsum(axis: int | None) -> None:
    x, rng = np.arange(6.0).reshape(2, 3), np.random.default_rng(0)
    c = rng.normal(size=np.cumsum(x, axis).shape)
    want = np.flip(np.cumsum(np.flip(c, axis), axis), axis).reshape(x.shape)
    first(lambda x: (np.cumsum(x, axis=axis) * c).sum(), x, want)
    second(lambda x: (np.cumsum(x, axis=axis) * c).sum(), x, np.zeros_like(x))


def test_std_of_constants_has_gradient_0_and_ddof_counts() -> None:
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


def test_var_without_degrees_of_freedom_has_no_finite_gradient() -> None:
    """As in NumPy, squares over zero: infinite, or NaN where the squares vanish too."""
    for x in ([1.0, 2.0], [1.0, 1.0]):
        with quietly():
            got, slope = tg.value_and_grad(lambda x: np.var(x, ddof=2))(np.array(x))
        close(got, INF if x[0] != x[1] else NAN, 1e-12, elementwise=True)
        assert slope.shape == (2,) and not np.isfinite(slope).any()


@pytest.mark.parametrize("f", [np.var, np.std, np.mean, np.sum, np.prod])
@pytest.mark.parametrize("axis", [(0, 2), (-1, 0), -2, (-3, -2, -1)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_over_axes_in_jvp(f: Function, axis: Any, keepdims: bool) -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(2, 3, 2)) + 2, rng.normal(size=(2, 3, 2))

    def g(x: Any) -> Any:
        return f(x, axis=axis, keepdims=keepdims)

    h = 1e-5
    y, dy = tg.jvp(g, (x,), (t,))
    close(y, g(x), 1e-12, elementwise=True)
    close(dy, (g(x + h * t) - g(x - h * t)) / (2 * h), rtol=1e-7, atol=1e-8, elementwise=True)
    tg.check_grads(g, (x,), order=2)


def test_sort_and_median_with_ties() -> None:
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


def test_indexing_with_repeats_masks_and_steps() -> None:
    first(lambda x: (x[[0, 0, 1]] ** 2).sum(), [3.0, 5], [12, 10])
    second(lambda x: (x[[0, 0, 1]] ** 2).sum(), [3.0, 5], [4, 2])
    mask = np.array([True, False, True])
    first(lambda x: (x[mask] ** 2).sum(), [1.0, 2, 3], [2, 0, 6])
    first(lambda x: (x[..., None] ** 2).sum(), [1.0, 2], [2, 4])
    w = np.array([1.0, 10])
    first(lambda x: (x[::-2] * w).sum(), [1.0, 2, 3], [10, 0, 1])
    second(lambda x: (x[::-2] ** 2 * w).sum(), [1.0, 2, 3], [20, 0, 2])


def test_einsum_with_repeated_and_omitted_indices() -> None:
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
    ("one", "two"), [((1, 3), (2, 1)), ((), (3,)), ((0,), (1,)), ((2, 3), (4, 1, 3))], ids=str
)
def test_broadcasting_sums_the_gradient(one: Any, two: Any) -> None:
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


def tensordot_over_two_axes(a: Any, b: Any) -> Any:
    return np.tensordot(a, b, ((2, 0), (1, 2)))


def tensordot_over_one_axis(a: Any, b: Any) -> Any:
    return np.tensordot(a, b, 1)


PRODUCTS: list[tuple[Function, tuple[int, ...], tuple[int, ...]]] = [
    (np.matmul, (3,), (3,)), (np.matmul, (3,), (3, 2)), (np.matmul, (2, 3), (3,)),
    (np.matmul, (4, 2, 3), (3, 2)), (np.matmul, (2, 3), (4, 3, 2)), (np.matmul, (3,), (4, 3, 2)),
    (np.matmul, (4, 1, 2, 3), (5, 3, 2)), (np.dot, (3,), (3,)), (np.dot, (2, 3), (3, 4)),
    (np.dot, (2, 3), (5, 3, 4)), (np.dot, (), (3,)), (np.outer, (3,), (2,)),
    (np.outer, (2, 2), (3,)), (np.inner, (2, 3), (4, 3)),
    (tensordot_over_two_axes, (2, 3, 4), (5, 4, 2)), (tensordot_over_one_axis, (2, 3), (3, 4)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("f", "one", "two"), PRODUCTS, ids=[f"{f.__name__} of {a} and {b}" for f, a, b in PRODUCTS]
)
def test_products_of_all_shapes(f: Function, one: Any, two: Any) -> None:
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


def test_mod_in_its_divisor_and_rounding() -> None:
    first(lambda b: np.mod(7.0, b), 3.0, -2)
    second(lambda b: np.mod(7.0, b), 3.0, 0)
    for f in (np.floor, np.ceil, np.trunc, np.sign, np.rint, np.round):
        first(summed(f), [-1.5, 0.0, 2.2], [0, 0, 0])
        second(summed(f), [-1.5, 0.0, 2.2], [0, 0, 0])


def test_infinite_slopes_at_ends_of_domains() -> None:
    with quietly():
        for f, x in ((np.arcsin, 1.0), (np.arccosh, 1.0), (np.log1p, -1.0), (np.cbrt, 0.0)):
            first(f, x, INF)
        second(np.arcsin, 1.0, INF)
        second(np.log1p, -1.0, -INF)
    second(np.cbrt, 8.0, -2 / 9 / 32)


def test_namespace_and_protocols_agree() -> None:
    """The cases above go through NumPy's own names; the library's are the same functions."""
    for name in ("sqrt", "hypot", "maximum", "logaddexp", "prod", "median", "einsum", "clip"):
        assert callable(getattr(tnp, name))
    close(tg.grad(lambda x: tnp.hypot(x[0], x[1]))(np.zeros(2)), [0, 0], 1e-12, elementwise=True)


@pytest.mark.parametrize("f", [np.arctan2, np.hypot, np.copysign, np.maximum, np.multiply])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_mask_beside_numbers_has_the_derivatives_of_its_numbers(
    f: Function, swapped: bool
) -> None:
    """Where the numbers do not depend on x, as a mask does not."""
    x, mask = np.array([0.5, -2.0, 3.0]), np.array([True, False, True])

    def loss(x: Any, other: Any) -> Any:
        pair = (x, other) if swapped else (other, x)
        return (f(*pair) * np.cos(x)).sum()

    for run in (tg.grad(loss), lambda x, m: tg.hvp(loss, x, np.ones(3), m), tg.jit(tg.grad(loss))):
        close(run(x, mask), run(x, mask * 1.0), 1e-15)
    made = lambda x: (f(x > 0, x > 1) * x).sum()
    close(tg.grad(made)(x), f(x > 0, x > 1).astype(float), 1e-15)


def test_the_absolute_value_of_a_mask() -> None:
    x = np.array([0.5, -2.0, 3.0])
    f = lambda x: (np.abs(x > 0) * x**2).sum()
    close(tg.grad(f)(x), [1.0, 0.0, 6.0])
    close(tg.jit(tg.grad(f))(x), [1.0, 0.0, 6.0])
    close(tg.hvp(f, x, np.ones(3)), [2.0, 0.0, 2.0])


@pytest.mark.parametrize("c", [1.5, 2, True])
def test_angles_beside_numbers_of_python(c: Any) -> None:
    """They have no dtype."""
    x = 0.7
    close(tg.grad(lambda x: np.hypot(x, c))(x), x / np.sqrt(x * x + c * c), 1e-14)
    close(tg.grad(lambda x: np.arctan2(x, c))(x), c / (x * x + c * c), 1e-14)
    close(tg.grad(lambda x: np.arctan2(c, x))(x), -c / (x * x + c * c), 1e-14)
    close(tg.grad(lambda x: np.copysign(x, c))(x), 1.0)
