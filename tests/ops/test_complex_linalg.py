"""Linear algebra of complex matrices: functions that do not depend on LAPACK's choice of phases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from complex_checks import checked, random_like
from differencing import differences

import tinygrad_hess as tg
from tinygrad_hess.scipy import linalg

RNG = np.random.default_rng(5)


def _complex(*shape: int) -> Any:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


A = _complex(3, 3) + 3 * np.eye(3)
H = A @ A.conj().T + np.eye(3)
TALL, WIDE = _complex(4, 2), _complex(2, 3)
B = _complex(3, 2)
REAL = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
TURNING = np.array([[0.5, -2.0, 0.3], [1.5, 0.2, -0.4], [0.1, 0.3, 2.0]])
"""Two of its eigenvalues are a complex pair."""


def _hermitian(a: Any) -> Any:
    return (a + np.conj(a.swapaxes(-1, -2))) / 2


ONE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "inv": (np.linalg.inv, A),
    "det": (np.linalg.det, A),
    "slogdet": (lambda a: np.linalg.slogdet(a)[0] * np.linalg.slogdet(a)[1], A),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, 3), A),
    "negative matrix_power": (lambda a: np.linalg.matrix_power(a, -2), A),
    "cholesky": (lambda a: np.linalg.cholesky(_hermitian(a)), H),
    "qr": (lambda a: np.linalg.qr(a)[0] * 2 + np.linalg.qr(a)[1][:1], TALL),
    "r of qr": (lambda a: np.linalg.qr(a, mode="r"), A),
    "qr of a wide one": (lambda a: np.linalg.qr(a)[1], WIDE),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(_hermitian(a)), H),
    "projectors of eigh": (
        lambda a: np.einsum("ik,k,jk->ij", (v := np.linalg.eigh(_hermitian(a))[1]),
                            np.arange(3.0), v.conj()), H,
    ),
    "svdvals": (lambda a: np.linalg.svd(a, compute_uv=False), TALL),
    "parts of svd": (
        lambda a: (d := np.linalg.svd(a, full_matrices=False))[0] @ (np.sin(d[1])[:, None] * d[2]),
        TALL,
    ),
    "parts of svd of a wide one": (
        lambda a: (d := np.linalg.svd(a, full_matrices=False))[0] @ (np.sin(d[1])[:, None] * d[2]),
        WIDE,
    ),
    "parts of svd of a square one": (
        lambda a: (d := np.linalg.svd(a))[0] @ (np.sin(d[1])[:, None] * d[2]), A,
    ),
    "eigvals": (np.linalg.eigvals, A),
    "eig": (lambda a: np.concatenate([(d := np.linalg.eig(a))[0][None], d[1]]), A),
    "pinv": (np.linalg.pinv, TALL),
    "pinv of a wide one": (np.linalg.pinv, WIDE),
    "norm": (np.linalg.norm, A),
    "nuclear norm": (lambda a: np.linalg.norm(a, "nuc"), A),
    "norm 2": (lambda a: np.linalg.norm(a, 2), A),
    "norm 1": (lambda a: np.linalg.norm(a, 1), A),
    "norm inf": (lambda a: np.linalg.norm(a, np.inf), A),
    "vector norm 3": (lambda a: np.linalg.norm(a, 3, axis=1), A),
    "vector norm 1": (lambda a: np.linalg.norm(a, 1, axis=0), A),
    "cond": (np.linalg.cond, A),
    "multi_dot": (lambda a: np.linalg.multi_dot([a, a.conj().T, a]), A),
    "trace": (np.trace, A),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_function_of_a_matrix(name: str) -> None:
    f, a = ONE[name]
    checked(f, a, rtol=1e-7)


TWO: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "solve": (np.linalg.solve, A, B),
    "solve for a vector": (lambda a, b: np.linalg.solve(a, b[:, 0]), A, B),
    "solve, real matrix": (np.linalg.solve, REAL, B),
    "solve, real right-hand side": (np.linalg.solve, A, B.real.copy()),
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0], TALL, _complex(4, 2)),
    "residuals of lstsq": (
        lambda a, b: np.linalg.lstsq(a, b, rcond=None)[1], TALL, _complex(4, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TWO)
def test_function_of_two_matrices(name: str) -> None:
    f, a, b = TWO[name]
    checked(f, a, b, rtol=1e-7)


SCIPY: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "expm": ("expm", (A / 3,), {}),
    "toeplitz": ("toeplitz", (A[0].copy(),), {}),
    "sqrtm": ("sqrtm", (H,), {}),
    "logm": ("logm", (H,), {}),
    "triangular": ("solve_triangular", (A, B), {"lower": True}),
    "triangular, transposed": ("solve_triangular", (A, B), {"trans": "T"}),
    "triangular, conjugate transposed": ("solve_triangular", (A, B), {"trans": "C"}),
    "hermitian": ("solve", (H, B), {"assume_a": "her"}),
    "symmetric": ("solve", (A + A.T, B), {"assume_a": "sym"}),
    "positive definite": ("solve", (H, B), {"assume_a": "pos"}),
}


@pytest.mark.parametrize("name", SCIPY)
def test_functions_of_scipy(name: str) -> None:
    function, args, options = SCIPY[name]
    symmetric = options.get("assume_a")

    def prepared(a: Any) -> Any:
        if symmetric == "sym":
            return (a + a.swapaxes(-1, -2)) / 2
        return _hermitian(a) if symmetric else a

    f = lambda a, *rest: getattr(linalg, function)(prepared(a), *rest, **options)
    g = lambda a, *rest: getattr(scipy.linalg, function)(prepared(a), *rest, **options)
    rng = np.random.default_rng(0)
    ts = tuple(random_like(x, rng) for x in args)
    y, t = tg.jvp(f, args, ts)
    np.testing.assert_allclose(y, g(*args), atol=1e-12)
    np.testing.assert_allclose(t, differences(g, args, ts, 1e-3), atol=1e-7)
    u = random_like(y, rng)
    pulled = tg.vjp(f, *args)[1](u)
    left = np.sum(u * t).real
    right = sum(np.sum(c * v).real for c, v in zip(pulled, ts, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-10)


def test_expm_to_second_order() -> None:
    checked_f = lambda a: linalg.expm(a)
    v = random_like(A, np.random.default_rng(2))
    loss = lambda a: np.abs(checked_f(a)[0, 1]) ** 2
    want = differences(tg.grad(loss), (A / 3,), (v,), 1e-3)
    np.testing.assert_allclose(tg.hvp(loss, A / 3, v), want, atol=1e-7)


# ---- eigenvalues of real matrices ---------------------------------------------------------------


def test_complex_eigenvalues_of_a_real_matrix() -> None:
    checked(np.linalg.eigvals, TURNING, rtol=1e-7)
    checked(lambda a: np.linalg.eig(a)[1], TURNING, rtol=1e-7)
    assert tg.grad(lambda a: np.abs(np.linalg.eigvals(a)).max())(TURNING).dtype == np.float64


def test_real_eigenvalues_stay_real() -> None:
    w, v = tg.jvp(lambda a: tuple(np.linalg.eig(a)), (np.diag([1.0, 2.0]),), (np.ones((2, 2)),))[0]
    assert w.dtype == v.dtype == np.float64


def test_a_replayed_function_does_not_change_the_type_of_eigenvalues() -> None:
    spread = tg.jit(lambda a: np.linalg.eigvals(a))
    np.testing.assert_array_equal(spread(np.diag([1.0, 2.0, 3.0])), [1, 2, 3])
    with pytest.raises(tg.NonDifferentiableError, match="astype"):
        spread(TURNING)
    always = tg.jit(lambda a: np.linalg.eigvals(a.astype(complex)))
    for a in (np.diag([1.0, 2.0, 3.0]), TURNING):
        np.testing.assert_allclose(always(a), np.linalg.eigvals(a))


def test_repeated_eigenvalues_have_no_derivative_of_vectors() -> None:
    a = np.eye(2) * (1 + 1j)
    with pytest.raises(np.linalg.LinAlgError, match="coincide"):
        tg.jvp(lambda a: np.linalg.eig(a)[1], (a,), (np.array([[0, 1], [1j, 0]]),))
    with pytest.raises(np.linalg.LinAlgError, match="coincide"):
        tg.jvp(lambda a: np.linalg.eigh(a)[1], (a.real + 0j,), (np.array([[0, 1j], [-1j, 0]]),))


def test_symmetric_functions_of_repeated_eigenvalues() -> None:
    """The sum of squares is smooth there: tr(A Aᴴ) of the Hermitian part."""
    f = lambda a: (np.linalg.eigvalsh(a) ** 2).sum()
    v = np.array([[1.0, 2j], [-2j, 0.5]])
    a = np.eye(2) + 0j
    np.testing.assert_allclose(tg.grad(f)(a), 2 * np.eye(2), atol=1e-14)
    np.testing.assert_allclose(tg.hvp(f, a, v), 2 * v.conj(), atol=1e-13)
    g = lambda a: (np.linalg.svd(a, compute_uv=False) ** 2).sum()
    t = np.array([[1.0, 2j], [1 - 1j, 0.5]])
    np.testing.assert_allclose(tg.hvp(g, a, t), 2 * t.conj(), atol=1e-13)


def test_determinant_of_a_singular_matrix() -> None:
    """The gradient is the matrix of cofactors, the sign of slogdet is 0."""
    a = np.array([[1, 1j], [2, 2j]])
    cofactors = np.array([[2j, -2], [-1j, 1]])
    np.testing.assert_allclose(tg.grad(np.linalg.det, holomorphic=True)(a), cofactors, atol=1e-14)
    sign, size = tg.jit(lambda a: tuple(np.linalg.slogdet(a)))(np.zeros((2, 2), complex))
    assert (sign, size) == (0, -np.inf)


def test_functions_of_phases_are_refused() -> None:
    """Also replayed; with an element made real they have a gradient."""
    f = lambda a: np.real(np.linalg.eigh(_hermitian(a))[1][1, 1])
    for slope in (tg.grad(f), tg.jit(tg.grad(f))):
        with pytest.raises(np.linalg.LinAlgError, match="phases"):
            slope(H)
    g = lambda a: np.real(np.linalg.svd(a, full_matrices=False)[0][0, 1])
    with pytest.raises(np.linalg.LinAlgError, match="phases"):
        tg.grad(g)(TALL)

    def fixed(a: Any) -> Any:
        v = np.linalg.eigh(_hermitian(a))[1]
        return np.real(v / np.sign(v[2]))

    checked(fixed, H, rtol=1e-7)


def test_tangents_of_vectors_hold_their_phases() -> None:
    v, t = tg.jvp(lambda a: np.linalg.eigh(_hermitian(a))[1], (H,), (random_like(H, RNG),))
    np.testing.assert_allclose(np.diagonal(v.conj().T @ t), 0, atol=1e-14)


def test_zero_matrices() -> None:
    zero = np.zeros((2, 2), complex)
    np.testing.assert_array_equal(tg.grad(np.linalg.norm)(zero), zero)
    np.testing.assert_array_equal(tg.grad(lambda a: np.linalg.norm(a, "nuc"))(zero), zero)
