"""``scipy.linalg``: values against SciPy's, derivatives against differences of SciPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from differencing import differences

import tinygrad_hess as tg
from tinygrad_hess.scipy import linalg

RNG = np.random.default_rng(3)
A = RNG.normal(size=(3, 3)) + np.diag([3.0, -2.0, 1.0])
B = RNG.normal(size=(3, 3)) / 2 + 4 * np.eye(3)
C = RNG.normal(size=(2, 2)) / 2 + 3 * np.eye(2)
Q = RNG.normal(size=(3, 2))
SYMMETRIC = A + A.T
DEFINITE = B @ B.T


def joined(out: Any) -> Any:
    """All results as one vector."""
    parts = out if isinstance(out, tuple) else (out,)
    return np.concatenate([np.ravel(p) for p in parts])


def symmetric(f: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy reads one triangle: give it both."""
    return lambda *args: f(*((a + a.T) / 2 for a in args))


CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "sylvester": (linalg.solve_sylvester, scipy.linalg.solve_sylvester, (A, C, Q)),
    "lyapunov": (linalg.solve_lyapunov, scipy.linalg.solve_lyapunov, (B, A)),
    "discrete_lyapunov": (
        lambda a, q: linalg.solve_discrete_lyapunov(a / 9, q),
        lambda a, q: scipy.linalg.solve_discrete_lyapunov(a / 9, q),
        (A, B),
    ),
    "discrete_lyapunov_bilinear": (
        lambda a, q: linalg.solve_discrete_lyapunov(a / 9, q, "bilinear"),
        lambda a, q: scipy.linalg.solve_discrete_lyapunov(a / 9, q, "bilinear"),
        (A, B),
    ),
    "lu": (lambda a: linalg.lu(a)[1:], lambda a: scipy.linalg.lu(a)[1:], (A[[1, 0, 2]],)),
    "lu_tall": (lambda a: linalg.lu(a, True), lambda a: scipy.linalg.lu(a, True), (A[:, :2],)),
    "lu_wide": (
        lambda a: linalg.lu(a, p_indices=True)[1:],
        lambda a: scipy.linalg.lu(a, p_indices=True)[1:],
        (A[:2],),
    ),
    "lu_factor": (lambda a: linalg.lu_factor(a)[0], lambda a: scipy.linalg.lu_factor(a)[0], (A.T,)),
    "lu_factor_tall": (
        lambda a: linalg.lu_factor(a)[0], lambda a: scipy.linalg.lu_factor(a)[0], (A[:, :2],)
    ),
    "lu_factor_wide": (
        lambda a: linalg.lu_factor(a)[0], lambda a: scipy.linalg.lu_factor(a)[0], (A[:2],)
    ),
    **{
        f"lu_solve_{trans}": (
            lambda a, b, t=trans: linalg.lu_solve(linalg.lu_factor(a), b, t),
            lambda a, b, t=trans: scipy.linalg.lu_solve(scipy.linalg.lu_factor(a), b, t),
            (A, b),
        )
        for trans, b in ((0, Q), (1, Q[:, 0]), (2, Q))
    },
    **{
        f"polar_{side}_{rows}x{columns}": (
            lambda a, s=side: linalg.polar(a, s),
            lambda a, s=side: scipy.linalg.polar(a, s),
            (A[:rows, :columns],),
        )
        for side in ("right", "left")
        for rows, columns in ((3, 3), (3, 2), (2, 3))
    },
    "banded": (
        lambda ab, b: linalg.solve_banded((1, 1), ab, b),
        lambda ab, b: scipy.linalg.solve_banded((1, 1), ab, b),
        (np.stack([Q[:, 0], np.full(3, 4.0), Q[:, 1]]), Q),
    ),
    "banded_below": (
        lambda ab, b: linalg.solve_banded((2, 0), ab, b),
        lambda ab, b: scipy.linalg.solve_banded((2, 0), ab, b),
        (np.stack([np.full(3, 4.0), *Q.T]), Q[:, 0]),
    ),
    "block_diag": (linalg.block_diag, scipy.linalg.block_diag, (A, Q[:, 0], Q)),
    "circulant": (linalg.circulant, scipy.linalg.circulant, (Q[:, 0],)),
    "hankel": (linalg.hankel, scipy.linalg.hankel, (Q[:, 0], A[0])),
    "hankel_square": (linalg.hankel, scipy.linalg.hankel, (Q[:, 0],)),
    "khatri_rao": (linalg.khatri_rao, scipy.linalg.khatri_rao, (A, B)),
    "expm_frechet": (linalg.expm_frechet, scipy.linalg.expm_frechet, (A / 3, B)),
    **{
        name: (getattr(linalg, name), getattr(scipy.linalg, name), (A / 4,))
        for name in ("cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
    },
    "eigvalsh": (linalg.eigvalsh, symmetric(scipy.linalg.eigvalsh), (SYMMETRIC,)),
    "eigvalsh_of_a_pair": (
        linalg.eigvalsh, symmetric(scipy.linalg.eigvalsh), (SYMMETRIC, DEFINITE)
    ),
    "eigh_of_a_pair": (
        lambda a, b: abs(linalg.eigh(a, b)[1]),
        symmetric(lambda a, b: np.abs(scipy.linalg.eigh(a, b)[1])),
        (SYMMETRIC, DEFINITE),
    ),
    "qr": (lambda a: linalg.qr(a)[1], lambda a: scipy.linalg.qr(a)[1], (A,)),
    "qr_economic": (
        lambda a: abs(linalg.qr(a, mode="economic")[0]),
        lambda a: np.abs(scipy.linalg.qr(a, mode="economic")[0]),
        (A[:, :2],),
    ),
    "qr_r": (lambda a: linalg.qr(a, mode="r"), lambda a: scipy.linalg.qr(a, mode="r"), (A[:, :2],)),
    "svd": (lambda a: linalg.svd(a)[1], lambda a: scipy.linalg.svd(a)[1], (A,)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name: str) -> None:
    f, theirs, args = CASES[name]
    got, want = f(*args), theirs(*args)
    for a, b in zip(*(x if isinstance(x, tuple) else (x,) for x in (got, want)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
        assert type(a) is np.ndarray
    rng = np.random.default_rng(5)
    directions = tuple(rng.normal(size=a.shape) / 4 for a in args)
    if name.startswith("eig"):
        directions = tuple(d + d.T for d in directions)
    t = tg.jvp(lambda *a: joined(f(*a)), args, directions)[1]
    slope = differences(lambda *a: joined(theirs(*a)), args, directions, step=1e-3)
    np.testing.assert_allclose(t, slope, rtol=1e-6, atol=1e-7)
    weights = np.cos(np.arange(t.size))
    total = lambda *a: (weights * joined(f(*a))).sum()
    which = tuple(range(len(args)))
    found = tg.grad(total, which)(*args)
    inner = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
    np.testing.assert_allclose(inner, weights @ t, rtol=1e-9)
    tg.check_grads(total, args, order=2, rtol=1e-4, atol=1e-5)
    for a, b in zip(tg.jit(tg.grad(total, which))(*args), found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    stacks = [np.stack([a, a * 1.1]) for a in args]
    each = tg.vmap(tg.grad(total, which))(*stacks)
    for i in range(2):
        one = tg.grad(total, which)(*(s[i] for s in stacks))
        for a, b in zip(each, one, strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-9, atol=1e-11)


def test_stacks_of_matrices() -> None:
    many = np.stack([A, B, A @ B])
    p, lower, upper = linalg.lu(many)
    np.testing.assert_allclose(p @ lower @ upper, many, atol=1e-12)
    rows, lower, upper = linalg.lu(many, p_indices=True)
    for i in range(3):
        np.testing.assert_allclose(lower[i][rows[i]] @ upper[i], many[i], atol=1e-12)
    factors, pivots = linalg.lu_factor(many)
    for i in range(3):
        want = scipy.linalg.lu_factor(many[i])
        np.testing.assert_allclose(factors[i], want[0], atol=1e-12)
        np.testing.assert_array_equal(pivots[i], want[1])
    x = linalg.lu_solve((factors, pivots), np.stack([Q] * 3))
    np.testing.assert_allclose(many @ x, np.stack([Q] * 3), atol=1e-12)
    x = linalg.solve_sylvester(many, C, Q)
    np.testing.assert_allclose(many @ x + x @ C, np.stack([Q] * 3), atol=1e-11)


def test_float32_stays_float32() -> None:
    narrow = [x.astype(np.float32) for x in (A, C, Q)]
    for f, args in (
        (linalg.solve_sylvester, narrow),
        (lambda a: linalg.lu(a)[2], narrow[:1]),
        (lambda a: linalg.block_diag(a, a), narrow[:1]),
        (lambda a: linalg.eigh(a, a @ a.T)[0], narrow[:1]),
        (linalg.cosm, narrow[:1]),
    ):
        out, pull = tg.vjp(f, *args)
        assert out.dtype == np.float32 and all(c.dtype == np.float32 for c in pull(out))


def test_complex_equations() -> None:
    """Against the real equation of twice the size."""
    a, c, q = (x + 0.3j * x[::-1] for x in (A, C, Q))
    x = linalg.solve_sylvester(a, c, q)
    np.testing.assert_allclose(a @ x + x @ c, q, atol=1e-12)
    x = linalg.solve_continuous_lyapunov(B + 0.2j * A, A)
    np.testing.assert_allclose((B + 0.2j * A) @ x + x @ (B + 0.2j * A).conj().T, A, atol=1e-12)
    lower, upper = linalg.lu(a, permute_l=True)
    np.testing.assert_allclose(lower @ upper, a, atol=1e-12)


def test_what_lies_outside_of_a_banded_matrix_is_not_read() -> None:
    ab, b = np.stack([Q[:, 0], np.full(3, 4.0), Q[:, 1]]), Q[:, 0]
    rest = ab.copy()
    rest[0, 0] = rest[2, 2] = np.inf
    f = lambda ab, b: (linalg.solve_banded((1, 1), ab, b) ** 2).sum()
    for a, b_ in zip(tg.grad(f, (0, 1))(rest, b), tg.grad(f, (0, 1))(ab, b), strict=True):
        np.testing.assert_allclose(a, b_, rtol=1e-13)
    got, want = (tg.hvp(lambda ab: f(ab, b), x, np.ones((3, 3))) for x in (rest, ab))
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_the_polar_decomposition_of_equal_singular_values_has_a_derivative() -> None:
    turn = scipy.linalg.expm(A - A.T)
    f = lambda a: linalg.polar(2 * a)[0]
    t = tg.jvp(f, (turn,), (A,))[1]
    slope = differences(lambda a: scipy.linalg.polar(2 * a)[0], (turn,), (A,), step=1e-3)
    np.testing.assert_allclose(t, slope, atol=1e-8)


def test_singular_and_wrong_operands() -> None:
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    p, lower, upper = linalg.lu(singular)
    np.testing.assert_allclose(p @ lower @ upper, singular)
    assert upper[1, 1] == 0
    for call, error, words in (
        (lambda: linalg.solve_sylvester(C, -C, C), np.linalg.LinAlgError, "in common"),
        (lambda: linalg.solve_sylvester(Q, C, Q), np.linalg.LinAlgError, "square"),
        (lambda: linalg.solve_sylvester(A, C, Q.T), ValueError, "right-hand side"),
        (lambda: linalg.solve_continuous_lyapunov(A, Q), ValueError, "right-hand side"),
        (lambda: linalg.solve_discrete_lyapunov(A, Q), ValueError, "one shape"),
        (lambda: linalg.solve_discrete_lyapunov(A, B, "fast"), ValueError, "method='fast'"),
        (lambda: linalg.lu(Q[0]), np.linalg.LinAlgError, "matrix"),
        (
            lambda: tg.grad(lambda a: linalg.lu(a)[1].sum())(singular),
            np.linalg.LinAlgError,
            "singular",
        ),
        (lambda: linalg.block_diag(A, np.ones((1, 1, 1))), ValueError, "argument 1"),
        (lambda: linalg.khatri_rao(A, Q), ValueError, "as many columns"),
        (lambda: linalg.expm_frechet(A, C), ValueError, "shape"),
        (lambda: linalg.polar(A, "up"), ValueError, "side='up'"),
        (lambda: linalg.solve_banded((1, 0), A, Q), ValueError, "do not fit"),
        (
            lambda: linalg.solve_banded((1, 0), np.zeros((2, 3)), Q),
            np.linalg.LinAlgError,
            "singular",
        ),
        (lambda: linalg.qr(A, mode="thin"), ValueError, "mode='thin'"),
    ):
        with pytest.raises(error, match=words):
            call()
    assert linalg.block_diag().shape == (1, 0)
    assert linalg.solve_sylvester(np.zeros((0, 0)), C, np.zeros((0, 2))).shape == (0, 2)
