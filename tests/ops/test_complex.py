"""Complex numbers: the convention, the transforms, what is refused, and what happens at 0."""

from __future__ import annotations

import doctest
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from complex_checks import checked
from complex_programs import PROGRAMS, program
from differencing import differences
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp
from tinygrad_hess import optim

RNG = np.random.default_rng(7)
Z = RNG.normal(size=3) + 1j * RNG.normal(size=3)
V = RNG.normal(size=3) + 1j * RNG.normal(size=3)
A = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
X = RNG.normal(size=3)


def loss(z: Any) -> Any:
    """Real, and neither analytic nor a function of |z| alone."""
    return (np.abs(A @ z) ** 2).sum() + np.real(z**3 * np.exp(np.conj(z))).sum() + np.angle(z[0])


def in_parts(f: Callable[..., Any]) -> Callable[[Any], Any]:
    """The same as a function of real and imaginary parts, one after the other."""
    return lambda p: f(p[: p.size // 2] + 1j * p[p.size // 2 :])


def parts(z: Any) -> Any:
    return np.concatenate([z.real, z.imag])


def slopes(f: Callable[..., Any], z: Any) -> Any:
    """df/dx - i df/dy by differences."""
    found = []
    for i in range(z.size):
        unit = np.eye(z.size)[i]
        dx, dy = (differences(f, (z,), (t,)) for t in (unit, 1j * unit))
        found.append(dx - 1j * dy)
    return np.array(found)


# ---- the convention -----------------------------------------------------------------------------


def test_the_gradient_is_df_dx_minus_i_df_dy() -> None:
    """In closed form, by differences, and from the real function of both parts."""
    z = 3 + 4j
    assert tg.grad(lambda z: np.real(z * np.conj(z)))(z) == 2 * np.conj(z)
    assert tg.grad(lambda z: np.abs(z) ** 2)(z) == pytest.approx(2 * np.conj(z))
    assert tg.grad(np.real)(z) == 1
    assert tg.grad(np.imag)(z) == -1j
    assert tg.grad(lambda z: np.real(z**2))(z) == 2 * z
    np.testing.assert_allclose(tg.grad(loss)(Z), slopes(loss, Z), atol=1e-9)
    real = tg.grad(in_parts(loss))(parts(Z))
    np.testing.assert_allclose(tg.grad(loss)(Z), real[:3] - 1j * real[3:], rtol=1e-12)


def test_a_step_against_the_conjugate_descends() -> None:
    g = tg.grad(loss)(Z)
    rate = tg.jvp(loss, (Z,), (-g.conj(),))[1]
    np.testing.assert_allclose(rate, -np.sum(np.abs(g) ** 2), rtol=1e-12)


def test_gradient_descent_by_the_conjugate() -> None:
    """A least squares problem: converges to the solution of the linear system."""
    b = A @ V
    objective = lambda z: (np.abs(A @ z - b) ** 2).sum()
    z, step = np.zeros(3, complex), 1 / np.linalg.norm(A, 2) ** 2 / 2
    slope = tg.jit(tg.grad(objective))
    for _ in range(5000):
        z = z - step * slope(z).conj()
    np.testing.assert_allclose(z, V, atol=1e-3)


def test_products_with_jacobians() -> None:
    """jvp is the derivative along a complex direction; vjp multiplies by the transpose."""
    f = lambda z: A @ z
    np.testing.assert_allclose(tg.jvp(f, (Z,), (V,))[1], A @ V, rtol=1e-14)
    np.testing.assert_allclose(tg.vjp(f, Z)[1](V)[0], A.T @ V, rtol=1e-14)
    conjugate = tg.vjp(np.conj, Z)[1](V)[0]
    np.testing.assert_array_equal(conjugate, V.conj())


def test_the_tangent_is_real_linear() -> None:
    f = lambda z: np.conj(z) * z**2
    push = tg.linearize(f, Z)[1]
    np.testing.assert_allclose(push(2 * V), 2 * push(V), rtol=1e-14)
    np.testing.assert_allclose(push(V + 1j * V), push(V) + push(1j * V), rtol=1e-13)
    assert abs(push(1j * V) - 1j * push(V)).max() > 0.1


def test_the_hessian_vector_product_is_that_of_the_real_pair() -> None:
    found = tg.hvp(loss, Z, V)
    np.testing.assert_allclose(found, differences(tg.grad(loss), (Z,), (V,)), atol=1e-8)
    hessian = tg.hessian(in_parts(loss))(parts(Z))
    want = hessian @ parts(V)
    np.testing.assert_allclose(found, want[:3] - 1j * want[3:], rtol=1e-10)


def test_hessian_of_the_real_pair_by_differences() -> None:
    """Of values alone, by second differences of both parts."""
    f, p, h = in_parts(loss), parts(Z), 1e-3
    hessian = tg.hessian(f)(p)
    for i in range(6):
        for j in range(i + 1):
            a, b = h * np.eye(6)[i], h * np.eye(6)[j]
            want = (f(p + a + b) - f(p + a - b) - f(p - a + b) + f(p - a - b)) / (4 * h * h)
            np.testing.assert_allclose(hessian[i, j], want, atol=1e-4)


def test_backward_follows_the_same_convention() -> None:
    z = tg.tensor(Z, requires_grad=True)
    loss(z).backward()
    assert z.grad is not None
    np.testing.assert_allclose(z.grad.numpy(), tg.grad(loss)(Z), rtol=1e-14)
    w = tg.tensor(Z, requires_grad=True)
    (A @ w).backward(V)
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.numpy(), A.T @ V, rtol=1e-14)


# ---- holomorphic functions ----------------------------------------------------------------------


def test_complex_derivatives() -> None:
    np.testing.assert_allclose(
        tg.grad(lambda z: np.sin(z) ** 2, holomorphic=True)(1 + 1j), np.sin(2 + 2j), rtol=1e-14
    )
    value, slope = tg.value_and_grad(lambda z: (z**3).sum(), holomorphic=True)(Z)
    np.testing.assert_allclose(value, np.sum(Z**3))
    np.testing.assert_allclose(slope, 3 * Z**2)
    np.testing.assert_allclose(
        tg.hessian(lambda z: (z**3).sum(), holomorphic=True)(Z), np.diag(6 * Z)
    )
    f = lambda z: np.exp(A @ z)
    want = np.exp(A @ Z)[:, None] * A
    for jacobian in (tg.jacobian, tg.jacrev, tg.jacfwd):
        np.testing.assert_allclose(jacobian(f, holomorphic=True)(Z), want, rtol=1e-12)
    third = tg.hessian(f, holomorphic=True)(Z)
    np.testing.assert_allclose(third, np.exp(A @ Z)[:, None, None] * A[:, :, None] * A[:, None, :])


def test_jacobians_that_are_complex_matrices() -> None:
    """From real arguments to complex outputs, and the other way."""
    f = lambda x: np.exp(1j * x) * x.sum()
    jac = tg.jacobian(f)(X)
    for j in range(3):
        np.testing.assert_allclose(jac[:, j], differences(f, (X,), (np.eye(3)[j],)), atol=1e-9)
    np.testing.assert_array_equal(tg.jacfwd(f)(X), jac)
    g = lambda z: np.abs(z) ** 2
    np.testing.assert_allclose(tg.jacobian(g)(Z), np.diag(2 * Z.conj()), atol=1e-14)
    np.testing.assert_allclose(tg.jacrev(g)(Z), np.diag(2 * Z.conj()), atol=1e-14)
    np.testing.assert_allclose(tg.jit(tg.jacobian(f))(X), jac, rtol=1e-13)
    narrow = tg.jacobian(f)(X.astype(np.float32))
    assert narrow.dtype == np.complex64


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: tg.grad(lambda z: (z * z).sum())(Z), "real scalar.*holomorphic=True"),
    (lambda: tg.grad(lambda x: (x * 1j).sum())(X), "real scalar"),
    (lambda: tg.grad(lambda x: 1j)(X), "real scalar"),
    (lambda: tg.hvp(lambda z: (z * z).sum(), Z, V), "real scalar"),
    (lambda: tg.grad(lambda z: np.abs(z).sum(), holomorphic=True)(Z), "output is real"),
    (lambda: tg.grad(lambda x: (x * 1j).sum(), holomorphic=True)(X), "argument is real"),
    (lambda: tg.jacobian(lambda z: z * z)(Z), "holomorphic=True"),
    (lambda: tg.jacfwd(np.abs)(Z), "reverse sweeps"),
    (lambda: tg.jacrev(lambda x: x * 1j)(X), "forward sweeps"),
    (lambda: tg.jacobian(np.abs, sparse=True)(Z), "sparse"),
    (lambda: tg.hessian(lambda z: np.abs(z).sum())(Z), "tg.hvp"),
    (lambda: tg.hessian(lambda z: (z * z).sum(), sparse=True, holomorphic=True)(Z), "complex"),
    (lambda: tg.jvp(np.sin, (X,), (V,)), "tangent is complex"),
    (lambda: tg.vjp(np.sin, X)[1](V), "cotangent is complex"),
    (lambda: tg.tensor(Z, requires_grad=True).sum().backward(), "only a real number"),
    (lambda: (1 * tg.tensor(X, requires_grad=True)).backward(V), "complex gradient"),
    (lambda: optim.SGD([tg.tensor(Z, requires_grad=True)]), "x \\+ iy"),
    (lambda: optim.Adam(lr=0.1).init({"z": Z}), "x \\+ iy"),
    (lambda: optim.Adam(lr=0.1).update(X, Z, optim.Adam().init(X)), "real floating-point"),
    (lambda: tg.curvature.HessianOperator(lambda z, d: np.abs(z).sum(), Z, [0]), "complex"),
    (lambda: tg.jit(np.real_if_close)(Z), "np.real"),
    (lambda: tg.vmap(np.real_if_close)(Z), "np.real"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused_with_what_to_do_instead(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        call()


ORDERED = [
    "maximum", "minimum", "fmax", "fmin", "max", "min", "ptp", "argmax", "argmin", "sort",
    "argsort", "median", "clip", "floor", "ceil", "trunc", "cbrt", "hypot", "arctan2", "logaddexp",
    "copysign", "mod", "fmod", "floor_divide", "heaviside", "signbit", "deg2rad",
]  # fmt: skip
"""Functions that need an order among numbers, or have no complex form in NumPy."""


@pytest.mark.parametrize("name", ORDERED)
def test_functions_of_real_numbers_refuse_complex_ones(name: str) -> None:
    f = getattr(np, name)
    two = name in (
        "maximum", "minimum", "fmax", "fmin", "hypot", "arctan2", "logaddexp", "copysign", "mod",
        "fmod", "floor_divide", "heaviside",
    )  # fmt: skip
    args = (1.0,) if two else (0.0, 1.0) if name == "clip" else ()
    with pytest.raises(TypeError, match="complex"):
        tg.grad(lambda z: np.abs(f(z, *args)).sum())(Z)


@pytest.mark.parametrize("name", ["relu", "softmax", "logsumexp", "log_softmax", "softplus"])
def test_functions_of_nets_refuse_complex_numbers(name: str) -> None:
    with pytest.raises(TypeError, match="complex"):
        tg.grad(lambda z: np.abs(getattr(tg.ops, name)(z)).sum())(Z)


def test_a_primitive_of_ones_own_says_whether_it_takes_complex_numbers() -> None:
    from tinygrad_hess.core.registry import REGISTRY

    before = dict(REGISTRY)
    double = tg.elementwise("double_of_a_real", lambda x: 2 * x, lambda g, y, x: 2 * g)
    twice = tg.elementwise("twice_any", lambda x: 2 * x, lambda g, y, x: 2 * g, on_complex=True)
    REGISTRY.clear()
    REGISTRY.update(before)
    np.testing.assert_allclose(tg.grad(lambda z: np.real(twice(z)).sum())(Z), 2)
    with pytest.raises(TypeError, match=r"double_of_a_real.*complex"):
        tg.grad(lambda z: np.real(double(z)).sum())(Z)


# ---- types --------------------------------------------------------------------------------------


def test_the_gradient_of_a_real_operand_is_real() -> None:
    gx, gz = tg.grad(lambda x, z: np.abs(x * z).sum(), (0, 1))(X, Z)
    assert gx.dtype == np.float64 and gz.dtype == np.complex128
    np.testing.assert_allclose(gx, np.sign(X) * np.abs(Z))
    np.testing.assert_allclose(gz, np.abs(X) * Z.conj() / np.abs(Z))


@pytest.mark.parametrize("wide", [True, False])
def test_precision_is_kept(wide: bool) -> None:
    z = Z.astype(np.complex128 if wide else np.complex64)
    assert tg.grad(loss)(z).dtype == z.dtype  # though A widens what is computed
    f = lambda z: np.abs(z * 1j + 2.0 * np.conj(z) ** 2).sum()
    assert tg.grad(f)(z).dtype == z.dtype
    assert tg.hvp(f, z, z).dtype == z.dtype
    assert tg.jit(tg.grad(f))(z).dtype == z.dtype
    assert tg.jit(lambda z, c: np.real(z) * c)(z, 2.0).dtype == z.real.dtype
    assert tg.jit(lambda z, c: z * c)(z, 2j).dtype == z.dtype


def test_conversions() -> None:
    checked(lambda x: x.astype(np.promote_types(x.dtype, np.complex64)) * (1 + 2j), X)
    assert np.real_if_close(tg.tensor(Z)).dtype == np.complex128
    assert np.real_if_close(tg.tensor(X)).dtype == np.float64
    total = lambda z: np.sum(np.real_if_close(z * np.conj(z)))
    np.testing.assert_allclose(tg.grad(total)(Z), 2 * Z.conj())
    with pytest.warns(np.exceptions.ComplexWarning, match="discards the imaginary part"):
        g = tg.grad(lambda z: (z.astype(float) ** 2).sum())(Z)
    np.testing.assert_allclose(g, 2 * Z.real)


def test_python_numbers() -> None:
    assert tg.grad(lambda z: np.abs(z))(3 + 4j) == pytest.approx(0.6 - 0.8j)
    assert tg.grad(abs)(-2j) == 1j
    value, slope = tg.jit(tg.value_and_grad(lambda z: np.abs(z) ** 2))(1 + 2j)
    assert (value, slope) == (pytest.approx(5), pytest.approx(2 - 4j))


def test_parts_of_tensors() -> None:
    z = tg.tensor(Z)
    for got, want in (
        (z.real, Z.real), (z.imag, Z.imag), (z.conj(), Z.conj()), (z.conjugate(), Z.conj()),
        (z.angle(), np.angle(Z)), (abs(z), np.abs(Z)), (tg.tensor(X).real, X),
        (tg.tensor(X).imag, 0 * X), (tg.tensor(X).conj(), X),
    ):  # fmt: skip
        np.testing.assert_allclose(got.numpy(), want)
    assert z[0].item() == Z[0]
    assert complex(z[0]) == Z[0]
    assert repr(tg.tensor([1j])) == "tensor([0.+1.j])"
    assert "dtype=complex64" in repr(tg.tensor(Z.astype(np.complex64)))


def test_integers_and_lists() -> None:
    np.testing.assert_array_equal(tnp.conj([1, 2]), [1, 2])
    np.testing.assert_array_equal(tnp.imag(np.array([1, 2])), [0, 0])
    np.testing.assert_array_equal(tnp.real([1j, 2]), [0, 2])
    np.testing.assert_array_equal(tnp.angle([1j, -1]), [np.pi / 2, np.pi])
    np.testing.assert_array_equal(tnp.sign([2j, -3.0]), [1j, -1])


def test_numpy_looks_at_types() -> None:
    z = tg.tensor(Z, requires_grad=True)
    assert np.iscomplexobj(z) and not np.isrealobj(z)
    assert np.result_type(z, np.float32) == np.complex128
    assert tg.jit(lambda z: z.astype(np.result_type(z)))(Z).dtype == np.complex128


# ---- at 0 ---------------------------------------------------------------------------------------

AT_ZERO: dict[str, Callable[[Any], Any]] = {
    "abs": np.abs,
    "angle": np.angle,
    "sign": lambda z: np.real(np.sign(z)),
    "norm": lambda z: np.linalg.norm(z),
    "std": lambda z: np.std(z),
    "abs squared": lambda z: np.abs(z) ** 2,
}


@pytest.mark.parametrize("name", AT_ZERO)
def test_derivatives_at_zero_are_zero(name: str) -> None:
    """Without a warning, to the first order and the second, forward, reverse and replayed."""
    f, zero = AT_ZERO[name], np.zeros(2, complex)
    total = lambda z: np.sum(f(z))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(tg.grad(total)(zero), zero)
        np.testing.assert_array_equal(tg.jvp(f, (zero,), (zero + 1 + 1j,))[1], 0)
        np.testing.assert_array_equal(tg.jit(tg.grad(total))(zero), zero)
        if name not in ("norm", "std"):
            np.testing.assert_array_equal(tg.hvp(total, zero, zero + 1), zero)


def test_the_smooth_square_has_its_second_derivative_at_zero() -> None:
    f = lambda z: np.sum(np.real(z * np.conj(z)))
    np.testing.assert_array_equal(tg.hvp(f, np.zeros(2, complex), np.array([1, 1j])), [2, -2j])
    g = lambda z: tg.ops.squared_norm(z)
    np.testing.assert_array_equal(tg.hvp(g, np.zeros(2, complex), np.array([1, 1j])), [2, -2j])


def test_where_there_is_no_derivative_it_is_not_finite() -> None:
    for f in (np.sqrt, np.log):
        with np.errstate(divide="ignore"):
            g = tg.grad(lambda z, f=f: np.real(f(z)))(0j)
        assert not np.isfinite(g)
    with tg.nan_safe():
        masked = lambda z: np.real(np.where(z == 0, 0, np.sqrt(z))).sum()
        g = tg.grad(masked)(np.array([0j, 4 + 0j]))
    np.testing.assert_allclose(g, [0, 0.25])


def test_powers_at_zero() -> None:
    np.testing.assert_array_equal(tg.grad(lambda z: np.real(z**2))(0j), 0)
    np.testing.assert_array_equal(tg.grad(lambda z: np.real(z**0))(0j), 0)
    np.testing.assert_array_equal(tg.grad(lambda z: np.real(z * z * z))(0j), 0)
    np.testing.assert_array_equal(
        tg.grad(lambda z: np.real(np.prod(z)))(np.array([0j, 2j, 3])), [6j, 0, 0]
    )


def test_branch_cuts_take_the_side_of_the_value() -> None:
    """NumPy's square root of -4 + 0i is 2i, of -4 - 0i it is -2i."""
    for z in (complex(-4, 0.0), complex(-4, -0.0)):
        g = tg.grad(lambda z: np.sqrt(z), holomorphic=True)(z)
        np.testing.assert_allclose(g, 0.5 / np.sqrt(np.complex128(z)))


# ---- transforms ---------------------------------------------------------------------------------


def test_custom_rules() -> None:
    @tg.custom_vjp
    def squared(z: Any) -> Any:
        return np.real(z * np.conj(z))

    squared.defvjp(lambda z: (squared(z), z), lambda z, g: (2 * g * np.conj(z),))
    checked(squared, Z)

    @tg.custom_jvp
    def turned(z: Any) -> Any:
        return np.conj(z) * z

    turned.defjvp(lambda zs, ts: (turned(*zs), np.conj(ts[0]) * zs[0] + np.conj(zs[0]) * ts[0]))
    checked(turned, Z)


def test_check_grads() -> None:
    tg.check_grads(loss, (Z,), order=2)
    tg.check_grads(lambda x, z: np.abs(np.fft.fft(x * z)), (X, Z), order=2)

    @tg.custom_vjp
    def wrong(z: Any) -> Any:
        return z * np.conj(z)

    wrong.defvjp(lambda z: (wrong(z), z), lambda z, g: (g * np.conj(z),))
    with pytest.raises(tg.CheckError, match="forward"):
        tg.check_grads(wrong, (Z,))


def test_transforms_together() -> None:
    per_example = tg.vmap(tg.grad(loss))(np.stack([Z, V]))
    np.testing.assert_allclose(per_example, [tg.grad(loss)(Z), tg.grad(loss)(V)], rtol=1e-12)
    np.testing.assert_allclose(
        tg.jit(tg.vmap(lambda z, v: tg.hvp(loss, z, v)))(np.stack([Z, V]), np.stack([V, Z])),
        [tg.hvp(loss, Z, V), tg.hvp(loss, V, Z)],
        rtol=1e-10,
    )
    third = lambda z: tg.hvp(loss, z, V)
    want = differences(third, (Z,), (V,), 1e-3)
    np.testing.assert_allclose(tg.jvp(third, (Z,), (V,))[1], want, atol=1e-6)
    nested = tg.grad(lambda x: np.sum(np.abs(tg.grad(loss)(Z * x)) ** 2))
    want = differences(
        lambda x: np.sum(np.abs(tg.grad(loss)(Z * x)) ** 2), (np.float64(1.0),), (1.0,)
    )
    np.testing.assert_allclose(nested(1.0), want, rtol=1e-7)


def test_trees_of_both_kinds() -> None:
    params = {"w": A, "b": X}
    f = lambda p: (np.abs(p["w"] @ Z + p["b"]) ** 2).sum()
    g = tg.grad(f)(params)
    assert g["w"].dtype == np.complex128 and g["b"].dtype == np.float64
    residual = A @ Z + X
    np.testing.assert_allclose(g["w"], 2 * np.outer(residual.conj(), Z))
    np.testing.assert_allclose(g["b"], 2 * residual.real)
    v = {"w": A.T, "b": X[::-1]}
    h = tg.hvp(f, params, v)
    moved = A.T @ Z + X[::-1]
    np.testing.assert_allclose(h["w"], 2 * np.outer(moved.conj(), Z))
    np.testing.assert_allclose(h["b"], 2 * moved.real)


def test_modes() -> None:
    plain, curved = tg.grad(loss)(Z), tg.hvp(loss, Z, V)
    with tg.debug_nans():
        np.testing.assert_allclose(tg.grad(loss)(Z), plain)
        with pytest.raises(tg.NanError, match="derivative of sqrt"), np.errstate(all="ignore"):
            tg.grad(lambda z: np.real(np.sqrt(z)).sum())(np.array([0j]))
    with tg.nan_safe():
        np.testing.assert_allclose(tg.grad(loss)(Z), plain)
        np.testing.assert_allclose(tg.hvp(loss, Z, V), curved)
        along = tg.jvp(lambda z: np.abs(z) * np.angle(z), (Z,), (V,))[1]
    np.testing.assert_allclose(
        along, tg.jvp(lambda z: np.abs(z) * np.angle(z), (Z,), (V,))[1], rtol=1e-13
    )
    with tg.no_grad():
        assert not (tg.tensor(Z, requires_grad=True) * 1j).requires_grad


def test_captured_complex_arrays_are_copied() -> None:
    """A program that reuses a buffer does not change a derivative."""
    factor = np.array([1j, 2.0, 3.0])
    y, pull = tg.vjp(lambda x: x * factor, X)
    factor[:] = 0
    np.testing.assert_array_equal(pull(np.array([-1j, 1, 1]))[0], [1, 2, 3])
    assert y[0] == X[0] * 1j


def test_curvature_of_a_real_loss_through_complex_numbers() -> None:
    """Real parameters: operators, sparse and dense Hessians are as ever."""
    f = lambda x: (np.abs(np.fft.fft(x) * Z) ** 2).sum() + np.sum(np.real(np.exp(1j * x)))
    dense = tg.hessian(f)(X)
    k = np.arange(3)
    dft = np.exp(-2j * np.pi * np.outer(k, k) / 3)
    want = 2 * np.real(dft.conj().T @ np.diag(np.abs(Z) ** 2) @ dft) - np.diag(np.cos(X))
    np.testing.assert_allclose(dense, want, atol=1e-12)
    np.testing.assert_allclose(tg.hessian(f, sparse=True)(X).toarray(), want, atol=1e-12)
    op = tg.curvature.HessianOperator(lambda x, d: f(x), X, np.zeros(1))
    np.testing.assert_allclose(op @ np.eye(3), want, atol=1e-12)


@given(steps=PROGRAMS, seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_random_compositions(steps: Any, seed: int) -> None:
    """Gradient and Hessian-vector product against differences in random complex directions."""
    rng = np.random.default_rng(seed)
    z, v = (rng.normal(size=4) + 1j * rng.normal(size=4) for _ in range(2))
    f = lambda z: program(np, steps, z)
    slope = tg.grad(f)
    g, h = slope(z), tg.jit(lambda z, v: tg.hvp(f, z, v))(z, v)
    want, bent = differences(f, (z,), (v,), 1e-3), differences(slope, (z,), (v,), 1e-3)
    scale = max(1.0, float(np.abs(g).max()), float(np.abs(h).max()), abs(f(z)))
    assume(scale < 1e3)  # differences say nothing there
    np.testing.assert_allclose(np.sum(g * v).real, want, atol=1e-7 * scale)
    np.testing.assert_allclose(h, bent, atol=1e-6 * scale)


def test_the_page_about_complex_numbers() -> None:
    page = pathlib.Path(__file__).parents[2] / "docs" / "complex.md"
    found = doctest.testfile(str(page), module_relative=False)
    assert found.attempted > 15
    assert found.failed == 0
