"""``scipy.special`` on tensors: values, derivatives of any order, ends of the domain, refusals."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.special

import tinygrad_hess as tg
from tinygrad_hess import ops
from tinygrad_hess.ops.special.error import dawsn_derivative, erfcx_derivative
from tinygrad_hess.scipy import special

INSIDE = np.array([0.2, 0.45, 0.7])
"""In the domain of every function here, but those of :data:`ABOVE`."""
ORDERED = ("jv", "yv", "iv", "kv", "ive", "kve", "gammainc", "gammaincc", "jn", "yn", "kn")
OTHERWISE = (
    "airy", "bdtr", "bdtrc", "bdtri", "ellipeinc", "ellipj", "ellipkinc", "eval_hermite",
    "eval_hermitenorm", "eval_jacobi", "expn", "fresnel", "hyp2f1", "pdtri", "shichi", "sici",
)  # fmt: skip
"""Whole numbers, several results or another order of operands: test_supported.py tries them."""

NAMES = sorted(
    name
    for name in special.__all__
    if isinstance(getattr(scipy.special, name), np.ufunc) and name not in OTHERWISE
)


def operands(name: str, x: Any) -> tuple[Any, ...]:
    """Those of a function of that name, the last being ``x``."""
    if name in ORDERED:
        return 2, x
    return {1: (x,), 2: (x.dtype.type(0.6), x), 3: (2, 3, x)}[getattr(scipy.special, name).nin]


def derivative(f: Any, x: Any, order: int) -> Any:
    """Of a function of numbers, at an array of them."""
    for _ in range(order):
        f = tg.grad(f)
    return np.array([f(number) for number in np.atleast_1d(x)])


# ---- names, types, protocols --------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scipys_ufunc_on_tensors_is_ours(name: str, dtype: Any) -> None:
    theirs, ours = getattr(scipy.special, name), getattr(special, name)
    *fixed, x = operands(name, INSIDE.astype(dtype))
    want = theirs(*(np.asarray(a, dtype) for a in fixed), x)
    leaf = tg.tensor(x, requires_grad=True)
    recorded = theirs(*fixed, leaf)
    for got in (ours(*fixed, x), ours(*fixed, tg.tensor(x)).numpy(), recorded.value):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=1e-14 if dtype is np.float64 else 1e-6)
    recorded.sum().backward()
    step = 1e-3
    wide = x.astype(np.float64)
    ends = [theirs(*fixed, wide + k * step) for k in (-2, -1, 1, 2)]
    slope = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * step)
    assert leaf.grad.dtype == dtype
    np.testing.assert_allclose(leaf.grad.numpy(), slope, rtol=1e-7 if dtype is np.float64 else 1e-5)


@pytest.mark.parametrize("name", special.__all__)
def test_every_name_is_scipys(name: str) -> None:
    assert hasattr(scipy.special, name) or name == "softplus"
    assert getattr(special, name).__doc__


def test_lists_no_name_twice_and_all_that_is_public() -> None:
    assert len(set(special.__all__)) == len(special.__all__)
    assert tg.scipy.special is special


def test_a_ufunc_without_a_rule_is_refused_by_its_name() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    with pytest.raises(tg.NonDifferentiableError, match=r"scipy\.special\.voigt_profile"):
        scipy.special.voigt_profile(x, 1.0, 1.0)
    want = scipy.special.voigt_profile(4.0, 2.0, 1.0)
    assert scipy.special.voigt_profile(tg.tensor(4.0), 2.0, 1.0) == want  # nothing is recorded
    with pytest.raises(tg.NonDifferentiableError, match="out="):
        scipy.special.erfc(x, out=np.zeros(()))


@pytest.mark.slow
def test_is_loaded_on_first_use_only() -> None:
    code = """
import sys, tinygrad_hess as tg
assert "scipy.special" not in sys.modules
import scipy.special
assert "tinygrad_hess.scipy.special" not in sys.modules
assert abs(tg.grad(scipy.special.gammaln)(2.0) - 0.42278433509846713) < 1e-15
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- derivatives of higher order ----------------------------------------------------------------

X = np.array([0.3, 1.1, 2.7])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("f", [scipy.special.gammaln, scipy.special.loggamma])
def test_derivatives_of_gammaln_are_polygammas(f: Any, order: int) -> None:
    want = scipy.special.polygamma(order - 1, X)
    np.testing.assert_allclose(derivative(f, X, order), want, rtol=1e-13)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("degree", [0, 1, 2, 2.5])
@pytest.mark.parametrize(
    ("name", "want"), [("jv", "jvp"), ("yv", "yvp"), ("iv", "ivp"), ("kv", "kvp")]
)
def test_derivatives_of_bessel_functions(name: str, want: str, degree: float, order: int) -> None:
    f = getattr(special, name)
    found = derivative(lambda x: f(degree, x), X, order)
    np.testing.assert_allclose(found, getattr(scipy.special, want)(degree, X, order), rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", ["j0", "j1", "y0", "y1", "i0", "i1", "k0", "k1"])
def test_derivatives_of_bessel_functions_of_fixed_order(name: str, order: int) -> None:
    kind = {"j": "jvp", "y": "yvp", "i": "ivp", "k": "kvp"}[name[0]]
    want = getattr(scipy.special, kind)(int(name[1]), X, order)
    found = derivative(getattr(scipy.special, name), X, order)
    np.testing.assert_allclose(found, want, rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_derivatives_of_scaled_bessel_functions(n: int, order: int, sign: int) -> None:
    """Leibniz' rule for exp(-|x|) iₙ(x) and exp(x) kᵥ(x)."""
    x = sign * X
    i = [scipy.special.ivp(n, x, k) for k in range(order + 1)]
    want = sum(
        scipy.special.comb(order, k) * (-sign) ** (order - k) * i[k] for k in range(order + 1)
    )
    want = want * np.exp(-np.abs(x))
    for f in (getattr(scipy.special, f"i{n}e"), lambda x: special.ive(n, x)):
        np.testing.assert_allclose(derivative(f, x, order), want, rtol=1e-11, atol=1e-14)
    if sign > 0:
        k = [scipy.special.kvp(n, x, k) for k in range(order + 1)]
        want = sum(scipy.special.comb(order, j) * k[j] for j in range(order + 1)) * np.exp(x)
        found = derivative(lambda x: special.kve(n, x), x, order)
        np.testing.assert_allclose(found, want, rtol=1e-10)


def test_bessel_functions_at_zero() -> None:
    assert [tg.grad(f)(0.0) for f in (special.j0, special.j1, special.i0, special.i1)] == [
        0, 0.5, 0, 0.5,
    ]  # fmt: skip
    assert tg.grad(tg.grad(special.j0))(0.0) == -0.5
    assert tg.grad(tg.grad(special.i0))(0.0) == 0.5
    assert tg.grad(tg.grad(lambda x: special.jv(2, x)))(0.0) == 0.25


@pytest.mark.parametrize("order", [1, 2, 3])
def test_inverses(order: int) -> None:
    """A function of its inverse is the identity, so its derivatives are 1 and 0."""
    p = np.array([0.1, 0.4, 0.8])
    for f, inverse in (
        (scipy.special.erf, scipy.special.erfinv),
        (scipy.special.erfc, scipy.special.erfcinv),
        (scipy.special.ndtr, scipy.special.ndtri),
        (scipy.special.expit, scipy.special.logit),
    ):
        found = derivative(lambda p, f=f, inverse=inverse: f(inverse(p)), p, order)
        np.testing.assert_allclose(found, float(order == 1), rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (scipy.special.entr, lambda x: 1 / x**2),
        (lambda x: scipy.special.xlogy(2.0, x), lambda x: 4 / x**3),
        (lambda x: scipy.special.xlog1py(2.0, x), lambda x: 4 / (1 + x) ** 3),
        (lambda x: scipy.special.rel_entr(x, 2.0), lambda x: -1 / x**2),
        (lambda y: scipy.special.kl_div(2.0, y), lambda y: -4 / y**3),
    ],
)
def test_third_derivatives_of_entropies(f: Any, want: Any) -> None:
    np.testing.assert_allclose(derivative(f, X, 3), want(X), rtol=1e-13)


def test_entropy_of_products_where_one_factor_is_zero() -> None:
    """The mixed derivative of x log(y) is 1/y where x is 0 too."""
    mixed = tg.grad(lambda y: tg.grad(special.xlogy)(0.0, y))(4.0)
    assert mixed == 0.25
    assert tg.grad(lambda x: tg.grad(special.xlogy, 1)(x, 4.0))(0.0) == 0.25


# ---- far out ------------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [1e3, 1e6, 1e12])
def test_log_ndtr_far_to_the_left(t: float) -> None:
    """φ/Φ at -t is t + 1/t - 2/t³ + ...; its derivative tends to -1 without losing digits."""
    f = special.log_ndtr
    np.testing.assert_allclose(tg.grad(f)(-t), t + 1 / t - 2 / t**3, rtol=1e-15)
    np.testing.assert_allclose(tg.grad(tg.grad(f))(-t), -1 + 1 / t**2 - 6 / t**4, rtol=1e-13)


@pytest.mark.parametrize("t", [1e3, 1e6])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_scaled_error_functions_far_out(t: float, order: int) -> None:
    """By the first terms of their asymptotic series."""
    lead = (-1) ** order * scipy.special.factorial(order) / t ** (order + 1)
    second = lead * (order + 1) * (order + 2) / 2 / t**2
    want = (lead - 0.5 * second) / np.sqrt(np.pi)
    np.testing.assert_allclose(derivative(special.erfcx, t, order), want, rtol=1e-9)
    want = (lead + 0.5 * second) / 2
    np.testing.assert_allclose(derivative(special.dawsn, t, order), want, rtol=1e-9)
    np.testing.assert_allclose(
        derivative(special.dawsn, -t, order), -((-1) ** order) * want, rtol=1e-9
    )


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("f", [erfcx_derivative, dawsn_derivative])
def test_series_and_recurrence_meet(f: Any, order: int) -> None:
    """Each order loses two digits by the recurrence, where it ends; the series loses none."""
    left, right = f(np.array([6.5, np.nextafter(6.5, 7)]), order=order)
    np.testing.assert_allclose(left, right, rtol=2e-15 * 100**order)


@pytest.mark.parametrize("x", [6.6, 8.0, 30.0])
def test_derivatives_far_out_solve_the_differential_equation(x: float) -> None:
    """y'' = ±(2 x y' + 2 y), all three being computed on their own."""
    for f, g, s in (
        (scipy.special.erfcx, erfcx_derivative, 1),
        (scipy.special.dawsn, dawsn_derivative, -1),
    ):
        right = s * (2 * x * g(x, order=1) + 2 * f(x))
        assert abs(g(x, order=2) - right) <= 1e-15 * 4 * f(x)
        third = s * (2 * x * g(x, order=2) + 4 * g(x, order=1))
        assert abs(g(x, order=3) - third) <= 1e-15 * 8 * abs(g(x, order=1))


def test_saturated_ends_are_flat_and_finite() -> None:
    x = np.array([-800.0, -40.0, 40.0, 800.0])
    for f in (special.ndtr, special.erf, special.erfc, special.expit, special.log_expit):
        first = tg.vjp(f, x)[1](np.ones(4))[0]
        second = tg.jvp(lambda x, f=f: tg.vjp(f, x)[1](np.ones(4))[0], (x,), (np.ones(4),))[1]
        assert np.isfinite(first).all() and np.abs(second).max() < 1e-15


# ---- orders and refusals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "orders", [2, np.int64(2), np.array([0, 1, 2]), np.array([0, 1, 2], np.uint8), 2.0]
)
@pytest.mark.parametrize("name", ["jv", "iv", "kv"])
def test_orders_of_every_type(name: str, orders: Any) -> None:
    """Unsigned orders must not wrap around below 0."""
    f, theirs = getattr(special, name), getattr(scipy.special, name)
    want = getattr(scipy.special, {"jv": "jvp", "iv": "ivp", "kv": "kvp"}[name])
    np.testing.assert_allclose(f(orders, X), theirs(orders, X), rtol=1e-15)
    found = tg.grad(lambda x: f(orders, x).sum())(X)
    each = [want(float(v), x, 1) for v, x in zip(np.broadcast_to(orders, 3), X, strict=True)]
    np.testing.assert_allclose(found, each, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda a: special.gammainc(a, 1.0), "gammainc"),
        (lambda a: special.gammaincc(a, 1.0), "gammaincc"),
        (lambda a: special.betainc(a, 2.0, 0.5), "betainc"),
        (lambda a: special.betainc(2.0, a, 0.5), "betainc"),
        (lambda a: special.jv(a, 1.0), "jv"),
        (lambda a: special.kve(a, 1.0), "kve"),
        (lambda a: special.zeta(a, 1.0), "zeta"),
        (lambda a: special.zeta(a), "zeta"),
        (lambda a: special.polygamma(a, 1.0), "polygamma"),
    ],
)
def test_unknown_derivatives_are_refused(call: Any, name: str) -> None:
    for derive in (tg.grad(call), lambda a: tg.jvp(call, (a,), (1.0,))):
        with pytest.raises(tg.NonDifferentiableError, match=name):
            derive(2.0)


def test_a_detached_shape_is_fine() -> None:
    found = tg.grad(lambda a: a * special.gammainc(a.detach(), 1.0))(2.0)
    assert found == scipy.special.gammainc(2.0, 1.0)


def test_incomplete_functions_are_distribution_functions() -> None:
    """Their derivatives are the densities, at the ends too."""
    a, x = np.array([0.5, 1.0, 3.0]), np.array([0.0, 0.4, 5.0])[:, None]
    found = tg.grad(lambda x: special.gammainc(a, x).sum(-1).sum())
    density = np.exp(scipy.special.xlogy(a - 1, x) - x - scipy.special.gammaln(a))
    np.testing.assert_allclose(found(x)[:, 0], density.sum(-1), rtol=1e-14)
    ends = tg.vjp(lambda x: special.betainc(1.0, 3.0, x), np.array([0.0, 1.0]))[1](np.ones(2))[0]
    np.testing.assert_allclose(ends, [3.0, 0.0], rtol=1e-14)


# ---- compositions -------------------------------------------------------------------------------


@pytest.mark.parametrize("orders", [0, 1, 3, np.array([0, 2, 1]), np.array([[0], [0]])])
def test_polygamma(orders: Any) -> None:
    for dtype, rtol in ((np.float64, 1e-14), (np.float32, 1e-6)):
        x = X.astype(dtype)
        found = special.polygamma(orders, x)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, scipy.special.polygamma(orders, x), rtol=rtol)
    slope = tg.grad(lambda x: special.polygamma(orders, x).sum())(X)
    want = scipy.special.polygamma(np.add(orders, 1), X).reshape(-1, 3).sum(0)
    np.testing.assert_allclose(slope, want, rtol=1e-13)
    mapped = tg.vmap(lambda x: special.polygamma(orders, x))(np.stack([X, 2 * X]))
    np.testing.assert_allclose(mapped[1], scipy.special.polygamma(orders, 2 * X), rtol=1e-14)
    np.testing.assert_array_equal(
        tg.jit(lambda x: special.polygamma(orders, x))(X), special.polygamma(orders, X)
    )


def test_polygamma_refuses_what_is_no_order() -> None:
    for orders in (-1, 0.5, np.array([1, -2])):
        with pytest.raises(ValueError, match=r"polygamma.*orders are 0, 1"):
            special.polygamma(orders, X)


def test_zeta_is_riemanns_without_a_second_argument() -> None:
    s = np.array([-3.0, 0.5, 2.0, 4.0])
    np.testing.assert_allclose(special.zeta(s), scipy.special.zeta(s), rtol=1e-15)
    np.testing.assert_allclose(special.zeta(2.0), np.pi**2 / 6, rtol=1e-15)
    assert special.zeta(s.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(
        derivative(lambda q: special.zeta(3.0, q), X, 2),
        12 * scipy.special.zeta(5.0, X),
        rtol=1e-14,
    )


@pytest.mark.parametrize("d", [1, 2, 5])
def test_multigammaln(d: int) -> None:
    a = np.array([2.5, 4.0, 9.0])
    for dtype, rtol in ((np.float64, 1e-13), (np.float32, 1e-6)):
        found = special.multigammaln(a.astype(dtype), d)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, scipy.special.multigammaln(a, d), rtol=rtol)
    want = sum(scipy.special.digamma(a - j / 2) for j in range(d))
    np.testing.assert_allclose(
        tg.grad(lambda a: special.multigammaln(a, d).sum())(a), want, rtol=1e-13
    )


A = np.array([[0.5, -1.0, 700.0], [2.0, 0.25, 699.0]])
B = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.5]])


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp_with_factors(axis: Any, keepdims: bool) -> None:
    how: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
    for options in ({}, {"b": np.abs(B)}, {"return_sign": True}, {"b": B, "return_sign": True}):
        found = special.logsumexp(A, **options, **how)
        want = scipy.special.logsumexp(A, **options, **how)
        for got, expected in zip(np.atleast_1d(found), np.atleast_1d(want), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-14)
            assert np.shape(got) == np.shape(expected)


def test_derivatives_of_logsumexp_with_factors() -> None:
    a, b = A[:, :2], np.abs(B[:, :2])
    total = np.sum(b * np.exp(a))
    f = lambda a, b: special.logsumexp(a, b=b)
    np.testing.assert_allclose(tg.grad(f)(a, b), b * np.exp(a) / total, rtol=1e-14)
    np.testing.assert_allclose(tg.grad(f, 1)(a, b), np.exp(a) / total, rtol=1e-14)  # b has a 0
    tg.check_grads(f, (a, b + 0.5), order=2)


def test_terms_with_factor_zero_do_not_count() -> None:
    a, b = np.array([1.0, np.inf, 2.0]), np.array([1.0, 0.0, 1.0])
    f = lambda a: special.logsumexp(a, b=b)
    np.testing.assert_allclose(f(a), np.logaddexp(1, 2), rtol=1e-15)
    weights = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
    np.testing.assert_allclose(tg.grad(f)(a), [weights[0], 0, weights[1]], rtol=1e-14)
    assert special.logsumexp(a.astype(np.float32), b=b.astype(np.float32)).dtype == np.float32
    with np.errstate(invalid="ignore"):
        assert np.isnan(special.logsumexp(np.zeros(2), b=np.array([1.0, -3.0])))


def test_soft_maxima_run_over_all_axes_as_scipys() -> None:
    for name in ("softmax", "log_softmax"):
        for axis in (None, 0, (0, 1)):
            got, want = (getattr(m, name)(A, axis=axis) for m in (special, scipy.special))
            np.testing.assert_allclose(got, want, rtol=1e-14)


def test_ops_has_special_functions_on_demand() -> None:
    """Their rows are declared by the modules that need SciPy, which load when they are asked for."""
    code = (
        "import sys, tinygrad_hess as tg; assert 'scipy.special' not in sys.modules; "
        "tg.ops.gammaln; assert 'scipy.special' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert "gammaln" in dir(ops)


# ---- what is composed ---------------------------------------------------------------------------


def test_whole_orders_are_whole() -> None:
    x = tg.tensor([0.5, 1.5], requires_grad=True)
    for call in (
        lambda: special.yn(0.5, x),
        lambda: special.kn(x, 1.0),
        lambda: scipy.special.yn(x, x),
    ):
        with pytest.raises(TypeError, match="orders must be integers"):
            call()


def test_the_reciprocal_of_gamma_is_smooth_at_its_zeros() -> None:
    """Near -n it is (-1)^n n! (x + n) (1 + (x + n) (γ - H_n)) + ... (from DLMF 5.7.1 by recurrence)."""
    for n in range(4):
        size = (-1) ** n * math.factorial(n)
        harmonic = sum(1 / k for k in range(1, n + 1))
        at = float(-n)
        np.testing.assert_allclose(tg.grad(special.rgamma)(at), size, rtol=1e-12)
        curved = 2 * size * (np.euler_gamma - harmonic)
        np.testing.assert_allclose(tg.grad(tg.grad(special.rgamma))(at), curved, rtol=1e-10)


def test_airy_functions_solve_their_equation() -> None:
    for i in (0, 2):
        value = lambda x, i=i: special.airy(x)[i]
        np.testing.assert_allclose(derivative(value, INSIDE, 2), INSIDE * value(INSIDE), rtol=1e-13)
        np.testing.assert_allclose(
            derivative(value, INSIDE, 1), special.airy(INSIDE)[i + 1], rtol=1e-14
        )


def test_spherical_bessel_functions_and_their_derivatives() -> None:
    for name in ("spherical_jn", "spherical_yn", "spherical_in", "spherical_kn"):
        ours, theirs = getattr(special, name), getattr(scipy.special, name)
        for n in range(4):
            slope = theirs(n, INSIDE, derivative=True)
            np.testing.assert_allclose(
                derivative(lambda x: ours(n, x), INSIDE, 1), slope, rtol=1e-11
            )
            np.testing.assert_allclose(ours(n, INSIDE, derivative=True), slope, rtol=1e-11)
    assert tg.grad(lambda x: special.spherical_jn(1, x))(0.0) == pytest.approx(1 / 3)


def test_quantiles_undo_distribution_functions() -> None:
    for forward, back, orders in (
        ("betainc", "betaincinv", (2, 3)),
        ("gammainc", "gammaincinv", (2,)),
        ("stdtr", "stdtrit", (3,)),
        ("fdtr", "fdtri", (2, 5)),
        ("gdtr", "gdtrix", (2, 3)),
    ):
        there, here = getattr(special, forward), getattr(special, back)
        x = here(*orders, INSIDE)
        np.testing.assert_allclose(there(*orders, x), INSIDE, rtol=1e-10)
        product = derivative(lambda p: here(*orders, p), INSIDE, 1) * derivative(
            lambda x: there(*orders, x), x, 1
        )
        np.testing.assert_allclose(product, 1, rtol=1e-9)


def test_means_and_counts() -> None:
    np.testing.assert_allclose(special.agm(24.0, 6.0), scipy.special.agm(24.0, 6.0), rtol=1e-14)
    np.testing.assert_allclose(tg.grad(special.agm)(3.0, 3.0), 0.5)
    assert special.comb(5, 2, exact=True) == 10
    assert special.perm(5, 2, exact=True) == 20
    np.testing.assert_allclose(special.factorial(np.arange(5)), [1, 1, 2, 6, 24])
    with pytest.raises(ValueError, match="exact=True"):
        tg.grad(lambda n: special.comb(n, 2, exact=True))(5.0)


@pytest.mark.parametrize(
    ("name", "orders"),
    [
        *((f"spherical_{kind}", (n,)) for kind in ("jn", "yn", "in", "kn") for n in (0.31, 2.7)),
        *((name, (2.7, 3.2)) for name in ("nbdtr", "nbdtrc", "nbdtri")),
        *((name, (1.5, 3.2)) for name in ("bdtr", "bdtrc", "bdtri")),
        ("expn", (0.31,)),
    ],
)
def test_an_order_with_a_fraction_is_taken_as_scipy_takes_it(name: str, orders: Any) -> None:
    """SciPy drops the fraction of an order; the slope is that of the value that it gives."""
    theirs, ours = getattr(scipy.special, name), getattr(special, name)
    x, h = np.array([0.3, 0.62]), 1e-5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some say that they drop it
        want = (theirs(*orders, x + h) - theirs(*orders, x - h)) / (2 * h)
        f = lambda x: ours(*orders, x)
        np.testing.assert_allclose(tg.jit(f)(x), theirs(*orders, x), rtol=1e-12)
        np.testing.assert_allclose(tg.grad(lambda x: f(x).sum())(x), want, rtol=1e-6)


def test_the_row_of_yn_drops_a_fraction_too() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy says so
        slopes = tg.grad(lambda x: ops.yn(0.6, x).sum())(np.array([0.3, 0.62]))
    np.testing.assert_allclose(slopes, -scipy.special.y1([0.3, 0.62]), rtol=1e-12)


def test_zeta_left_of_one_is_the_same_replayed_and_mapped() -> None:
    """Without q it is Riemann's, continued; Hurwitz' of SciPy is NaN there."""
    s = np.array([0.31, -1.3, 2.5])
    for args in ((), (1,), (2.0,)):
        f = lambda s, args=args: special.zeta(s, *args)
        want = scipy.special.zeta(s, *args)
        for got in (f(s), tg.jit(f)(s), tg.vmap(f)(s)):
            np.testing.assert_allclose(got, want, rtol=1e-13)


def test_huber_of_an_unsigned_delta() -> None:
    slopes = tg.grad(lambda r: special.huber(np.uint8(1), r).sum())(np.array([0.3, -4.0, 3.0]))
    np.testing.assert_allclose(slopes, [0.3, -1.0, 1.0])


def test_orders_that_would_not_end() -> None:
    assert tg.jit(lambda p: np.polyder(p, 1e300))(np.ones(4)).shape == (0,)
    with pytest.raises(ValueError, match=r"^dawsn_derivative.*order must be at most 42"):
        tg.ops.dawsn_derivative(np.ones(2), order=2**40)


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("agm", (2.0,)), ("beta", (2.0,)), ("betaln", (2.0,)), ("boxcox", (2.0,)), ("erf", ()),
        ("gammainc", (2.0,)), ("huber", (2.0,)), ("owens_t", (2.0,)), ("poch", (2.0,)),
        ("xlogy", (2.0,)), ("zeta", (2.0,)), ("zeta", ()), ("airy", ()), ("fresnel", ()),
        ("sici", ()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_floats_stay_narrow_replayed_and_mapped(name: str, before: Any, dtype: Any) -> None:
    x = np.array([0.25, 0.5, 0.75], dtype)
    f = lambda x: getattr(special, name)(*before, x)
    want = getattr(scipy.special, name)(*before, x.astype(np.float64))
    for got in (f(x), tg.jit(f)(x), tg.vmap(f)(x)):
        for g, w in zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]:
            assert np.asarray(g).dtype == dtype
            np.testing.assert_allclose(np.asarray(g), w, rtol=4 * np.finfo(dtype).eps, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "degree", "slope", "curvature"),
    [
        ("eval_legendre", -1, lambda x: 0.0, lambda x: 0.0),
        ("eval_legendre", -3, lambda x: 3 * x, lambda x: 3.0),  # P2
        ("eval_chebyu", -1, lambda x: 0.0, lambda x: 0.0),
        ("eval_chebyu", -3, lambda x: -2.0, lambda x: 0.0),  # -U1
        ("eval_chebyu", -4, lambda x: -8 * x, lambda x: -8.0),  # -U2
        ("eval_chebyt", -3, lambda x: 12 * x**2 - 3, lambda x: 24 * x),  # T3
    ],
)
def test_polynomials_of_negative_degree(name: str, degree: int, slope: Any, curvature: Any) -> None:
    f = lambda x: getattr(special, name)(degree, x)
    assert np.isclose(tg.grad(f)(0.3), slope(0.3), 1e-14)
    assert np.isclose(tg.grad(tg.grad(f))(0.3), curvature(0.3), 1e-14)
    assert np.isclose(tg.jvp(tg.grad(f), (0.3,), (1.0,))[1], curvature(0.3), 1e-14)


def test_factorials_of_half_floats_stay_half_floats() -> None:
    n = np.array([0, 1, 2, 5], np.float16)
    for found in (
        special.factorial(n),
        tg.jit(special.factorial)(n),
        tg.vmap(special.factorial)(n),
    ):
        assert found.dtype == np.float16
        assert found.tolist() == [1, 1, 2, 120]
