"""Linear algebra: every function against NumPy and SciPy on plain arrays, and its derivatives
against differences of those; batches, replay, types, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from comparing import close
from differencing import differences

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp
from tinygrad_hess.scipy import linalg

Function = Callable[..., Any]
RNG = np.random.default_rng(7)
SQUARE = RNG.uniform(-1, 1, (3, 3)) + 2.5 * np.eye(3)
STACK = RNG.uniform(-1, 1, (2, 3, 3)) + 2.5 * np.eye(3)
TALL, WIDE = RNG.uniform(-1, 1, (4, 2)), RNG.uniform(-1, 1, (2, 3))
POSITIVE = SQUARE @ SQUARE.T + np.eye(3)
VECTOR, OTHER = np.array([0.5, -1.2, 2.0]), np.array([1.5, 0.3, -0.7])
COLUMNS = RNG.uniform(-1, 1, (3, 2))
REAL_SPECTRUM = np.array([[2.0, 0.5, 0.1], [0.2, 4.0, 0.3], [0.1, 0.4, 7.0]])
norm = np.linalg.norm

# A plain NumPy function of arrays; on tensors NumPy's protocol turns it into the library's.
NUMPY: dict[str, tuple[Function, tuple[Any, ...]]] = {
    "solve": (np.linalg.solve, (SQUARE, VECTOR)),
    "solve columns": (np.linalg.solve, (SQUARE, COLUMNS)),
    "solve stack": (np.linalg.solve, (STACK, COLUMNS)),
    "solve one vector for a stack": (np.linalg.solve, (STACK, VECTOR)),
    "inv": (np.linalg.inv, (STACK,)),
    "det": (np.linalg.det, (STACK,)),
    "slogdet": (lambda a: np.linalg.slogdet(a).logabsdet, (STACK,)),
    "slogdet sign": (lambda a: np.linalg.slogdet(a)[0] * a[..., 0, 0], (-STACK,)),
    "cholesky": (lambda a: np.linalg.cholesky(a @ a.mT), (STACK,)),
    "cholesky upper": (lambda a: np.linalg.cholesky(a @ a.mT, upper=True), (SQUARE,)),
    "qr Q": (lambda a: np.linalg.qr(a).Q, (TALL,)),
    "qr R": (lambda a: np.linalg.qr(a, mode="r"), (STACK,)),
    "qr wide": (lambda a: np.linalg.qr(a)[1], (WIDE,)),
    "svd U": (lambda a: np.linalg.svd(a, full_matrices=False).U ** 2, (TALL,)),
    "svd S": (lambda a: np.linalg.svd(a)[1], (STACK,)),
    "svd Vh": (lambda a: np.linalg.svd(a, False)[2] ** 2, (WIDE,)),
    "svd values only": (lambda a: np.linalg.svd(a, compute_uv=False), (TALL,)),
    "svdvals": (np.linalg.svdvals, (WIDE,)),
    "eigh values": (lambda a: np.linalg.eigh(a + a.mT).eigenvalues, (STACK,)),
    "eigh vectors": (lambda a: np.linalg.eigh(a + a.mT, "U")[1] ** 2, (STACK,)),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(a + a.mT, UPLO="U"), (STACK,)),
    "eig values": (lambda a: np.linalg.eig(a).eigenvalues, (REAL_SPECTRUM,)),
    "eig vectors": (lambda a: np.linalg.eig(a)[1] ** 2, (REAL_SPECTRUM,)),
    "eigvals": (np.linalg.eigvals, (REAL_SPECTRUM,)),
    "pinv tall": (np.linalg.pinv, (TALL,)),
    "pinv wide": (lambda a: np.linalg.pinv(a, 1e-10), (WIDE,)),
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b)[0], (TALL, RNG.uniform(-1, 1, 4))),
    "lstsq wide": (lambda a, b: np.linalg.lstsq(a, b)[0], (WIDE, RNG.uniform(-1, 1, (2, 2)))),
    "lstsq residuals": (lambda a, b: np.linalg.lstsq(a, b)[1], (TALL, RNG.uniform(-1, 1, 4))),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, 5), (STACK / 3,)),
    "matrix_power negative": (lambda a: np.linalg.matrix_power(a, -2), (SQUARE,)),
    "matrix_power zero": (lambda a: np.linalg.matrix_power(a, 0) + a, (STACK,)),
    "multi_dot": (
        lambda *m: np.linalg.multi_dot(m),
        (VECTOR, COLUMNS, WIDE, SQUARE, OTHER),
    ),
    "multi_dot matrices": (lambda *m: np.linalg.multi_dot(m), (TALL, WIDE, SQUARE)),
    "cond": (np.linalg.cond, (STACK,)),
    "cond -2": (lambda a: np.linalg.cond(a, -2), (TALL,)),
    "cond 1": (lambda a: np.linalg.cond(a, 1), (STACK,)),
    "cond fro": (lambda a: np.linalg.cond(a, "fro"), (SQUARE,)),
    "tensorsolve": (np.linalg.tensorsolve, (RNG.uniform(-1, 1, (2, 3, 6)), np.ones((2, 3)))),
    "tensorsolve axes": (
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0, 2)),
        (RNG.uniform(-1, 1, (2, 6, 3)), np.ones(6)),
    ),
    "tensorinv": (np.linalg.tensorinv, (RNG.uniform(-1, 1, (2, 3, 6)),)),
    "tensorinv 1": (lambda a: np.linalg.tensorinv(a, ind=1), (RNG.uniform(-1, 1, (6, 2, 3)),)),
    "norm": (norm, (STACK,)),
    "norm axis": (lambda x: norm(x, axis=1, keepdims=True), (STACK,)),
    "norm 1": (lambda x: norm(x, 1), (SQUARE,)),
    "norm -1": (lambda x: norm(x, -1, (0, 2)), (STACK,)),
    "norm inf": (lambda x: norm(x, np.inf, (2, 0), True), (STACK,)),
    "norm -inf": (lambda x: norm(x, -np.inf), (WIDE,)),
    "norm 2": (lambda x: norm(x, 2), (TALL,)),
    "norm -2": (lambda x: norm(x, -2, (-1, -2)), (STACK,)),
    "norm nuc": (lambda x: norm(x, "nuc", axis=(0, 1), keepdims=True), (STACK[..., :2],)),
    "norm fro": (lambda x: norm(x, "fro", axis=(0, 2)), (STACK,)),
    "norm vector 3": (lambda x: norm(x, 3), (VECTOR,)),
    "norm vector inf": (lambda x: norm(x, np.inf, -1), (STACK,)),
    "norm vector 0": (lambda x: norm(x, 0) * x[0], (VECTOR,)),
    "vector_norm": (lambda x: np.linalg.vector_norm(x, ord=3), (SQUARE,)),
    "vector_norm axes": (
        lambda x: np.linalg.vector_norm(x, axis=(0, 2), ord=1.5, keepdims=True),
        (STACK,),
    ),
    "vector_norm inf": (lambda x: np.linalg.vector_norm(x, ord=np.inf, axis=(1, 2)), (STACK,)),
    "matrix_norm": (np.linalg.matrix_norm, (STACK,)),
    "matrix_norm 2": (lambda x: np.linalg.matrix_norm(x, ord=2, keepdims=True), (STACK,)),
    "linalg.outer": (np.linalg.outer, (VECTOR, OTHER)),
    "linalg.cross": (lambda a, b: np.linalg.cross(a, b, axis=1), (STACK, -STACK)),
    "linalg.diagonal": (lambda a: np.linalg.diagonal(a, offset=1), (STACK,)),
    "linalg.trace": (lambda a: np.linalg.trace(a, offset=-1), (STACK,)),
    "linalg.vecdot": (lambda a, b: np.linalg.vecdot(a, b, axis=0), (COLUMNS, COLUMNS + 1)),
    "linalg.matmul": (np.linalg.matmul, (STACK, COLUMNS)),
    "linalg.tensordot": (lambda a, b: np.linalg.tensordot(a, b, axes=1), (STACK, COLUMNS)),
    "linalg.matrix_transpose": (np.linalg.matrix_transpose, (STACK,)),
    "cross": (np.cross, (STACK, VECTOR)),
    "cross axes": (lambda a, b: np.cross(a, b, axisa=0, axisc=0), (COLUMNS, COLUMNS.T + 2)),
    "kron": (np.kron, (SQUARE, WIDE)),
    "kron of other ranks": (np.kron, (VECTOR, STACK)),
    "vecdot": (np.vecdot, (STACK, VECTOR)),
    "trace": (lambda a: np.trace(a, 1), (SQUARE,)),
    "diag": (lambda x: np.diag(x, -1), (VECTOR,)),
    "diag of a matrix": (lambda x: np.diag(x, 1), (WIDE,)),
    "diagflat": (lambda x: np.diagflat(x, 1), (WIDE,)),
    "tril": (lambda x: np.tril(x, -1), (STACK,)),
    "triu": (lambda x: np.triu(x, 1), (WIDE,)),
    "tril of a vector": (np.tril, (VECTOR,)),
    "vander": (np.vander, (VECTOR,)),
    "vander increasing": (lambda x: np.vander(x, 4, increasing=True), (VECTOR,)),
    "vander one column": (lambda x: np.vander(x, 1) * x, (VECTOR,)),
}

# The library's function, and SciPy's.
SCIPY: dict[str, tuple[Function, Function, tuple[Any, ...]]] = {
    name: (call(linalg), call(scipy.linalg), args)
    for name, call, args in [
        ("solve", lambda s: s.solve, (SQUARE, VECTOR)),
        ("solve pos", lambda s: lambda a, b: s.solve(a @ a.T, b, assume_a="pos"), (SQUARE, VECTOR)),
        ("solve sym", lambda s: lambda a, b: s.solve(a + a.T, b, assume_a="sym"), (SQUARE, VECTOR)),
        (
            "solve lower triangular",
            lambda s: lambda a, b: s.solve(a, b, assume_a="lower triangular"),
            (SQUARE, COLUMNS),
        ),
        ("solve_triangular", lambda s: s.solve_triangular, (SQUARE, VECTOR)),
        (
            "solve_triangular transposed",
            lambda s: lambda a, b: s.solve_triangular(a, b, trans="T", lower=True),
            (SQUARE, COLUMNS),
        ),
        (
            "solve_triangular unit",
            lambda s: lambda a, b: s.solve_triangular(a, b, unit_diagonal=True),
            (SQUARE, VECTOR),
        ),
        ("cholesky", lambda s: lambda a: s.cholesky(a @ a.T, lower=True), (SQUARE,)),
        ("cholesky upper", lambda s: lambda a: s.cholesky(a @ a.T), (SQUARE,)),
        (
            "cho_solve",
            lambda s: lambda a, b: s.cho_solve(s.cho_factor(a @ a.T), b),
            (SQUARE, COLUMNS),
        ),
        (
            "cho_solve lower",
            lambda s: lambda a, b: s.cho_solve(s.cho_factor(a @ a.T, lower=True), b),
            (SQUARE, VECTOR),
        ),
        ("expm", lambda s: s.expm, (SQUARE - 2 * np.eye(3),)),
        ("sqrtm", lambda s: lambda a: s.sqrtm(a @ a.T), (SQUARE,)),
        ("logm", lambda s: lambda a: s.logm(a @ a.T), (SQUARE,)),
        ("toeplitz", lambda s: s.toeplitz, (VECTOR, COLUMNS[:, 0])),
        ("toeplitz symmetric", lambda s: s.toeplitz, (VECTOR,)),
    ]
}
CASES = {f"numpy {k}": (f, f, args) for k, (f, args) in NUMPY.items()} | {
    f"scipy {k}": v for k, v in SCIPY.items()
}
every = pytest.mark.parametrize("name", CASES)


def weighed(f: Function, args: Any) -> tuple[Function, Any]:
    """A scalar in which all results matter, and a direction at the arguments."""
    rng = np.random.default_rng(3)
    weights = rng.uniform(0.5, 1.5, np.shape(f(*args)))
    return lambda *xs: (weights * f(*xs)).sum(), tuple(rng.uniform(-1, 1, a.shape) for a in args)


@every
def test_value(name: str) -> None:
    f, plain, args = CASES[name]
    want = plain(*args)
    for given in (args, tuple(map(tg.tensor, args))):
        got = f(*given)
        close(getattr(got, "value", got), want, 1e-12)
    leaves = tuple(tg.tensor(a, requires_grad=True) for a in args)
    close(f(*leaves).numpy(), want, 1e-12)


@every
def test_first_derivative(name: str) -> None:
    """Against extrapolated differences of NumPy's and SciPy's own function."""
    f, plain, args = CASES[name]
    loss, ts = weighed(f, args)
    oracle, _ = weighed(plain, args)
    want = differences(oracle, args, ts, step=2e-3)
    close(tg.jvp(loss, args, ts)[1], want, 1e-7)
    slopes = tg.grad(loss, argnums=tuple(range(len(args))))(*args)
    close(sum(np.sum(g * t) for g, t in zip(slopes, ts, strict=True)), want, 1e-7)


@every
def test_second_derivative(name: str) -> None:
    """Forward over reverse against differences of the gradient; the other nestings against it."""
    f, _, args = CASES[name]
    loss, ts = weighed(f, args)
    slopes = tg.grad(loss, argnums=tuple(range(len(args))))
    bends = tg.jvp(slopes, args, ts)[1]
    wanted = differences(slopes, args, ts, step=2e-3)
    wanted = wanted if isinstance(wanted, list) else [wanted]
    backward = tg.vjp(slopes, *args)[1](ts)
    mixed = tg.grad(lambda *xs: tg.jvp(loss, xs, ts)[1], argnums=tuple(range(len(args))))(*args)
    for bend, want, back, mix in zip(bends, wanted, backward, mixed, strict=True):
        close(bend, want, 1e-6)
        close(back, bend, 1e-9)
        close(mix, bend, 1e-9)
    twice = tg.jvp(lambda *xs: tg.jvp(loss, xs, ts)[1], args, ts)[1]
    close(twice, sum(np.sum(b * t) for b, t in zip(bends, ts, strict=True)), 1e-9)


@every
def test_batched_and_replayed(name: str) -> None:
    f, _, args = CASES[name]
    loss, ts = weighed(f, args)

    def bends(args: Any, ts: Any) -> Any:
        slopes = tg.grad(loss, argnums=tuple(range(len(args))))
        return f(*args), *tg.jvp(slopes, args, ts)[1]

    several = [tuple(a + 0.01 * k * t for a, t in zip(args, ts, strict=True)) for k in range(3)]
    each = [bends(a, ts) for a in several]
    stacked = tuple(np.stack(column) for column in zip(*several, strict=True))
    mapped = tg.vmap(bends, (0, None))(stacked, ts)
    jitted = tg.jit(bends)
    for k, want in enumerate(each):
        replayed = jitted(several[k], ts)
        for part, again, expected in zip(mapped, replayed, want, strict=True):
            close(part[k], expected, 1e-10)
            close(again, expected, 1e-10)


@every
def test_float32_stays_float32(name: str) -> None:
    f, plain, args = CASES[name]
    narrow = tuple(a.astype(np.float32) for a in args)
    got = f(*map(tg.tensor, narrow))
    assert got.dtype == (np.float64 if "vander" in name else np.float32)  # as in NumPy
    close(got.numpy(), plain(*args), 2e-4)
    ts = weighed(f, narrow)[1]
    ts = tuple(t.astype(np.float32) for t in ts)
    slopes = tg.grad(lambda *xs: f(*xs).sum(), argnums=tuple(range(len(args))))
    for slope in (*slopes(*narrow), *tg.jvp(slopes, narrow, ts)[1]):
        assert slope.dtype == np.float32


def test_both_namespaces_name_what_numpy_names() -> None:
    missing = {n for n in np.linalg.__all__ if n not in tnp.linalg.__all__}
    assert not missing
    for name in tnp.linalg.__all__:
        assert getattr(tnp.linalg, name).__doc__
    for name in linalg.__all__:
        assert getattr(linalg, name).__doc__ and hasattr(scipy.linalg, name)


# ---- closed forms -------------------------------------------------------------------------------


def test_slogdet_has_the_known_hessian() -> None:
    """d² log det A [V] = -(A⁻¹ V A⁻¹)ᵀ; for a matrix whose determinant overflows."""
    big = 1e200 * SQUARE
    inverse = np.linalg.inv(SQUARE)
    close(tg.grad(lambda a: np.linalg.slogdet(a)[1])(big) * 1e200, inverse.T, 1e-9)
    v = STACK[0]
    close(tg.hvp(lambda a: np.linalg.slogdet(a)[1], SQUARE, v), -(inverse @ v @ inverse).T, 1e-9)


def test_a_gaussian_likelihood_has_the_known_gradient() -> None:
    """Of log det S + xᵀ S⁻¹ x, by Cholesky's factor: S⁻¹ - S⁻¹ x xᵀ S⁻¹."""

    def likelihood(s: Any) -> Any:
        factor = np.linalg.cholesky(s)
        scaled = linalg.solve_triangular(factor, VECTOR, lower=True)
        return 2 * np.log(np.linalg.diagonal(factor)).sum() + scaled @ scaled

    inverse = np.linalg.inv(POSITIVE)
    close(
        tg.grad(likelihood)(POSITIVE), inverse - inverse @ np.outer(VECTOR, VECTOR) @ inverse, 1e-9
    )


@pytest.mark.parametrize(
    "f",
    [
        np.linalg.cholesky,
        lambda a: np.linalg.eigh(a).eigenvalues,
        np.linalg.eigvalsh,
        lambda a: np.linalg.eigh(a).eigenvectors ** 2,
        lambda a: linalg.solve(a, VECTOR, assume_a="pos"),
        lambda a: linalg.solve(a, VECTOR, assume_a="sym"),
    ],
)
def test_symmetric_functions_have_symmetric_derivatives(f: Function) -> None:
    """Perturbing one of two mirrored entries counts as perturbing both by half."""
    loss, _ = weighed(f, (POSITIVE,))
    slope = tg.grad(loss)(POSITIVE)
    close(slope, slope.T, 1e-12)
    lopsided = np.array([[0.3, 1.0, 0], [0, -0.2, 0.4], [0, 0, 0.1]])
    both = [tg.jvp(loss, (POSITIVE,), (v,))[1] for v in (lopsided, lopsided.T)]
    close(both[0], both[1], 1e-12)
    bend = tg.hvp(loss, POSITIVE, lopsided)
    close(bend, bend.T, 1e-12)


# ---- degenerate input ---------------------------------------------------------------------------


def spectral_hessian(w: Any, q: Any, slope: Any, curve: Any, v: Any) -> Any:
    """The Hessian of tr h(A) along v, by divided differences of h' (Lewis and Sendov, 2001)."""
    n = len(w)
    table = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            same = w[i] == w[j]
            table[i, j] = curve(w[i]) if same else (slope(w[i]) - slope(w[j])) / (w[i] - w[j])
    return q @ (table * (q.T @ ((v + v.T) / 2) @ q)) @ q.T


@pytest.mark.parametrize("w", [[1, 1, 1, 1, 1], [1, 1, 1, 2, 2], [1, 2, 2, 2, 5], [1, 2, 3, 4, 5]])
def test_functions_of_repeated_eigenvalues(w: Any) -> None:
    rng = np.random.default_rng(sum(w))
    w, q = np.array(w, float), np.linalg.qr(rng.normal(size=(5, 5)))[0]
    a, v = (q * w) @ q.T, rng.normal(size=(5, 5))
    for h, slope, curve in (
        (np.log, lambda x: 1 / x, lambda x: -1 / x**2),
        (np.exp, np.exp, np.exp),
    ):
        f = lambda a: h(np.linalg.eigvalsh(a)).sum()
        close(tg.grad(f)(a), (q * slope(w)) @ q.T, 1e-12)
        want = spectral_hessian(w, q, slope, curve, v)
        close(tg.hvp(f, a, v), want, 1e-11)
        close(tg.jit(lambda a, v: tg.hvp(f, a, v))(a, v), want, 1e-11)
        mapped = tg.vmap(lambda a, v: tg.hvp(f, a, v))(np.stack([a, 2 * a]), np.stack([v, v]))
        close(mapped[0], want, 1e-11)
        full = tg.hessian(f)(a)
        close(np.einsum("ijkl,kl->ij", full, v), want, 1e-11)
        close(tg.jvp(f, (a,), (v,))[1], np.sum((q * slope(w)) @ q.T * v), 1e-12)


def test_other_nestings_at_repeated_eigenvalues_are_refused() -> None:
    f, v = lambda a: (np.linalg.eigvalsh(a) ** 2).sum(), np.ones((3, 3))
    for nesting in (
        lambda: tg.vjp(tg.grad(f), np.eye(3))[1](v),
        lambda: tg.grad(lambda a: tg.jvp(f, (a,), (v,))[1])(np.eye(3)),
        lambda: tg.jvp(lambda a: tg.jvp(f, (a,), (v,))[1], (np.eye(3),), (np.diag([1.0, 2, 3]),)),
        lambda: tg.hvp(lambda a: np.linalg.eigvalsh(a)[-1], np.eye(3), v),
    ):
        with pytest.raises(np.linalg.LinAlgError, match="coincide to rounding"):
            nesting()
    # A direction that the eigenvectors diagonalise already needs no choice.
    d = np.diag([1.0, 2, 3])
    close(tg.vjp(tg.grad(f), np.eye(3))[1](d)[0], 2 * d, 1e-9)
    close(tg.grad(lambda a: tg.jvp(f, (a,), (d,))[1])(np.eye(3)), 2 * d, 1e-9)


def test_the_largest_of_repeated_eigenvalues() -> None:
    """Forward it is the derivative in that direction; backward, one of the subgradients."""
    v = np.array([[0.0, 3.0], [3.0, 0.0]])
    top = lambda a: np.linalg.eigvalsh(a)[-1]
    close(tg.jvp(top, (np.eye(2),), (v,))[1], 3.0, 1e-9)
    slope = tg.grad(top)(np.eye(2))
    close(np.trace(slope), 1.0, 1e-9)
    assert np.linalg.eigvalsh(slope).min() > -1e-15


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 3)])
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_singular_values_of_deficient_rank(shape: Any, rank: int) -> None:
    """Their sum of squares is a smooth function everywhere; 0 is a kink of their sum."""
    rng = np.random.default_rng(rank)
    u, v = rng.normal(size=(shape[0], rank)), rng.normal(size=(rank, shape[1]))
    a, t = u @ v, rng.normal(size=shape)
    f = lambda a: (np.linalg.svdvals(a) ** 2).sum()
    close(tg.grad(f)(a), 2 * a, 1e-12)
    close(tg.hvp(f, a, t), 2 * t, 1e-11)
    close(tg.jit(lambda a, t: tg.hvp(f, a, t))(a, t), 2 * t, 1e-11)
    left, s, right = np.linalg.svd(a, full_matrices=False)
    keep = s > 1e-12
    nuclear = lambda a: np.linalg.norm(a, "nuc")
    close(tg.grad(nuclear)(a), left[:, keep] @ right[keep], 1e-12)
    # In a direction, the nuclear norm of what the null spaces see is added.
    full_left, full_right = np.linalg.svd(a)[0], np.linalg.svd(a)[2]
    unseen = full_left[:, rank:].T @ t @ full_right[rank:].T
    want = np.sum(left[:, keep] @ right[keep] * t) + np.linalg.svd(unseen, compute_uv=False).sum()
    close(tg.jvp(nuclear, (a,), (t,))[1], want, 1e-11)


def test_singular_values_of_the_identity() -> None:
    t = STACK[0]
    close(tg.grad(lambda a: np.linalg.svdvals(a).sum())(np.eye(3)), np.eye(3), 1e-9)
    # The second derivative of the nuclear norm at I sees the antisymmetric part alone.
    close(tg.hvp(lambda a: np.linalg.svdvals(a).sum(), np.eye(3), t), (t - t.T) / 2, 1e-12)


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3)])
def test_third_derivative_of_singular_values(shape: Any) -> None:
    """Forward over reverse over reverse; of matrices that are not square forward alone."""
    rng = np.random.default_rng(1)
    a, t = rng.normal(size=shape), rng.normal(size=shape)
    f = lambda a: (np.linalg.svdvals(a) ** 3).sum()
    bend = lambda a: tg.hvp(f, a, t)
    close(tg.jvp(bend, (a,), (t,))[1], differences(bend, (a,), (t,), step=1e-3), 1e-6)


def test_eigenvectors_of_repeated_eigenvalues_are_refused() -> None:
    v = np.array([[1.0, 2.0, 0], [2.0, 1.0, 0], [0, 0, 1.0]])
    a = np.diag([1.0, 1.0, 2.0])

    def power(a: Any) -> Any:
        w, q = np.linalg.eigh(a)
        return (q * np.exp(w)) @ q.mT

    for f in (
        lambda: tg.jvp(power, (a,), (v,)),
        lambda: tg.vjp(power, a)[1](v),
        lambda: tg.jvp(lambda a: np.linalg.svd(a)[0], (a,), (v,)),
        lambda: tg.grad(lambda a: np.linalg.svd(a).Vh[1] @ VECTOR)(a),
        lambda: tg.jvp(lambda a: np.linalg.eig(a)[1], (a,), (v,)),
    ):
        with pytest.raises(np.linalg.LinAlgError, match="coincide to rounding"):
            f()
    # What does not ask for a choice among the tied vectors is answered.
    alone = lambda a: np.linalg.eigh(a).eigenvectors[:, 2]
    t = np.array([[0.0, 0, 0.3], [0, 0, 0.5], [0.3, 0.5, 0]])
    sign = alone(a)[2]
    close(tg.jvp(alone, (a,), (t,))[1], sign * np.array([0.3, 0.5, 0]), 1e-9)
    close(
        tg.grad(lambda a: alone(a)[0])(a),
        sign * np.array([[0, 0, 0.5], [0, 0, 0], [0.5, 0, 0]]),
        1e-9,
    )


def test_zero_singular_values_have_no_vectors_outside_a_square() -> None:
    a = np.outer(np.ones(3), [1.0, 2.0])
    with pytest.raises(np.linalg.LinAlgError, match="a singular value is zero"):
        tg.jvp(lambda a: np.linalg.svd(a, False)[0], (a,), (TALL[:3],))


def test_pinv_and_lstsq_of_deficient_rank() -> None:
    """Along changes that keep the rank, they are differentiable."""
    u, v = np.array([[1.0], [2.0], [0.5]]), np.array([[0.3, -1.0]])
    du, dv = np.array([[0.2], [-0.4], [1.0]]), np.array([[0.7, 0.1]])
    path = lambda s: (u + s * du) @ (v + s * dv)
    for f in (
        np.linalg.pinv,
        lambda a: np.linalg.lstsq(a, VECTOR)[0],
    ):
        along = lambda s: f(path(s))
        want = differences(along, (np.float64(0),), (np.float64(1),))
        close(tg.jvp(f, (path(0.0),), (u @ dv + du @ v,))[1], want, 1e-8)
        composed = lambda s: f((u + s * du) @ (v + s * dv))
        bend = differences(
            lambda s: tg.jvp(composed, (s,), (1.0,))[1], (np.float64(0),), (np.float64(1),)
        )
        got = tg.jvp(lambda s: tg.jvp(composed, (s,), (1.0,))[1], (0.0,), (1.0,))[1]
        close(got, bend, 1e-7)
    assert np.linalg.matrix_rank(tg.tensor(path(0.0))).item() == 1
    x, residuals, rank, s = np.linalg.lstsq(tg.tensor(TALL), tg.tensor(np.ones(4)))
    for got, want in zip((x, residuals, rank, s), np.linalg.lstsq(TALL, np.ones(4)), strict=True):
        close(got.numpy(), want, 1e-12)


def test_rank_has_a_zero_derivative() -> None:
    slope = tg.grad(lambda a: np.linalg.matrix_rank(a) * a[0, 0])(SQUARE)
    close(slope, np.diag([3.0, 0, 0]), 1e-9)
    for given in (STACK, np.zeros((2, 2)), VECTOR, np.zeros(2)):
        want = np.linalg.matrix_rank(given)
        assert np.array_equal(tnp.linalg.matrix_rank(given), want)
        assert np.array_equal(np.asarray(np.linalg.matrix_rank(tg.tensor(given))), want)
    assert tnp.linalg.matrix_rank(np.diag([3.0, 2, 1]), tol=1.5) == 2
    assert tnp.linalg.matrix_rank(np.diag([3.0, 2, 1]), rtol=0.9) == 1


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_det_of_every_rank(n: int, rank: int) -> None:
    """Against Laplace's expansion, to second order."""
    rng = np.random.default_rng(10 * n + rank)
    rank = min(n, rank)
    a = rng.integers(-3, 4, (n, rank)) @ rng.integers(-3, 4, (rank, n)) * 1.0
    t = rng.normal(size=(n, n))

    def expanded(a: Any) -> Any:
        if a.shape[0] == 1:
            return a[0, 0]
        rest = [np.delete(np.arange(a.shape[0]), j) for j in range(a.shape[0])]
        return sum((-1) ** j * a[0, j] * expanded(a[1:][:, rest[j]]) for j in range(len(rest)))

    det = np.linalg.det
    size = 1e-14 * (1 + np.abs(a).max()) ** n
    for got, want in (
        (tg.grad(det)(a), tg.grad(expanded)(a)),
        (tg.hvp(det, a, t), tg.hvp(expanded, a, t)),
        (tg.vjp(tg.grad(det), a)[1](t)[0], tg.hvp(expanded, a, t)),
    ):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=size)


def test_third_derivative_of_det() -> None:
    det = np.linalg.det
    third = lambda a: tg.jvp(lambda a: tg.hvp(det, a, STACK[0]), (a,), (STACK[1],))[1]
    exact = 0  # det is a cubic form: its third derivative is the polarised determinant
    for signs, terms in (
        (1, (0, 1, 2)),
        (-1, (0, 1)),
        (-1, (0, 2)),
        (-1, (1, 2)),
        (1, (0,)),
        (1, (1,)),
        (1, (2,)),
    ):
        exact += signs * det(sum((STACK[0], STACK[1], POSITIVE)[k] for k in terms))
    close(np.sum(third(SQUARE) * POSITIVE), exact, 1e-10)
    with pytest.raises(np.linalg.LinAlgError, match=r"[Ss]ingular"):
        third(np.zeros((3, 3)))


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("lead", [(), (2,), (0,)])
def test_smallest_sizes(n: int, lead: Any) -> None:
    a = np.full((*lead, n, n), 2.0)
    for f in (
        np.linalg.inv,
        np.linalg.det,
        np.linalg.cholesky,
        np.linalg.eigvalsh,
        np.linalg.svdvals,
        np.linalg.pinv,
        lambda a: np.linalg.slogdet(a)[1],
        lambda a: np.linalg.eigh(a)[1],
        lambda a: np.linalg.svd(a)[0],
        lambda a: np.linalg.qr(a).R,
        lambda a: np.linalg.matrix_power(a, 3),
        lambda a: np.linalg.solve(a, a),
        linalg.expm,
        linalg.sqrtm,
    ):
        y = f(tg.tensor(a))
        if not (f is linalg.expm or f is linalg.sqrtm):
            close(y.numpy(), f(a), 1e-9)
        loss = lambda a: f(a).sum()
        assert tg.grad(loss)(a).shape == a.shape
        assert tg.hvp(loss, a, a).shape == a.shape
        assert np.isfinite(tg.hvp(loss, a, a)).all()


@pytest.mark.parametrize("order", [None, 0, 0.5, 1, 1.5, 2, 3, 4.5, np.inf, -np.inf, -1])
def test_norm_at_the_origin_and_beside_it(order: Any) -> None:
    f = lambda x: np.linalg.norm(x, order)
    assert not np.any(tg.grad(f)(np.zeros(3)))
    x = np.array([1.0, 0.0, -2.0])
    slope = tg.grad(f)(x)
    assert slope[1] == 0
    if order not in (0, -np.inf, -1):
        p = 2 if order is None else order
        some = x[[0, 2]]
        want = differences(lambda x: np.linalg.norm(x, p), (some,), (np.ones(2),), step=1e-3)
        close(slope.sum(), want, 1e-8)


# ---- refused ------------------------------------------------------------------------------------


SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
REFUSED: list[tuple[Function, Any, str]] = [
    (np.linalg.inv, SINGULAR, r"inv\(float64\(2, 2\)\): .*[Ss]ingular"),
    (lambda a: np.linalg.solve(a, np.ones(2)), SINGULAR, "solve.*[Ss]ingular"),
    (lambda a: np.linalg.solve(a, np.ones(3)), np.eye(2), "needs 2 rows"),
    (lambda a: np.linalg.solve(a, 1.0), np.eye(2), "scalar"),
    (np.linalg.inv, TALL, r"inv: needs square matrices, got shape \(4, 2\)"),
    (np.linalg.det, VECTOR, r"det: needs a matrix, got shape \(3,\)"),
    (np.linalg.cholesky, -np.eye(2), "cholesky.*not positive definite"),
    (lambda a: tg.grad(lambda a: np.linalg.slogdet(a)[1])(a.numpy()), SINGULAR, "[Ss]ingular"),
    (lambda a: np.linalg.qr(a, "raw"), TALL, "none of 'reduced'"),
    (lambda a: np.linalg.qr(a, "complete"), TALL, "mode='reduced'"),
    (lambda a: np.linalg.qr(a).R.sum().backward(), SINGULAR, "linearly dependent"),
    (lambda a: np.linalg.svd(a), TALL, "full_matrices=False"),
    (lambda a: np.linalg.norm(a, "nuc"), STACK, "one or two axes"),
    (lambda a: np.linalg.norm(a, 3), SQUARE, "ord=3 is no norm of a matrix"),
    (lambda a: np.linalg.norm(a, "nuc"), VECTOR, "ord='nuc'"),
    (lambda a: np.linalg.vector_norm(a, ord="fro"), VECTOR, "give a number"),
    (np.linalg.matrix_norm, VECTOR, "at least two axes"),
    (lambda a: np.linalg.eigh(a, "X"), SQUARE, "UPLO='X'"),
    (lambda a: np.linalg.matrix_power(a, 0.5), SQUARE, "integer"),
    (lambda a: np.linalg.multi_dot([a]), SQUARE, "at least two"),
    (lambda a: np.linalg.multi_dot([a, TALL]), SQUARE, "do not fit"),
    (lambda a: np.cross(a, a), np.ones(2), "length 3"),
    (lambda a: np.linalg.outer(a, a), SQUARE, "two vectors"),
    (lambda a: np.linalg.tensorinv(a), SQUARE, "no square matrix"),
    (lambda a: np.linalg.tensorsolve(a, np.ones(2)), SQUARE, "square system"),
    (np.diag, STACK, "needs a vector or a matrix"),
    (np.vander, SQUARE, "needs a vector"),
    (np.tril, np.float64(1), "scalar"),
    (lambda a: np.vecdot(a, np.ones(2)), VECTOR, "differ"),
    (linalg.sqrtm, np.diag([1.0, -1.0]), "complex"),
    (linalg.logm, np.diag([1.0, -1.0]), "complex"),
    (linalg.logm, SINGULAR, "singular"),
    (lambda a: linalg.sqrtm(a).sum().backward(), SINGULAR, "singular"),
    (lambda a: linalg.solve(a, VECTOR, assume_a="banded"), SQUARE, "assume_a='banded'"),
    (lambda a: linalg.solve_triangular(a, VECTOR, trans="X"), SQUARE, "trans='X'"),
    (lambda a: np.linalg.lstsq(a, np.ones(2)), TALL, "4 rows"),
]


@pytest.mark.parametrize(
    ("f", "given", "message"), REFUSED, ids=lambda x: None if callable(x) else str(x)[:20]
)
def test_refused_with_a_reason(f: Function, given: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError, np.linalg.LinAlgError), match=message):
        f(tg.tensor(given, requires_grad=True))


def test_plain_arrays_get_what_numpy_gives() -> None:
    turn = np.array([[0.0, 1], [-1, 0]])
    assert np.array_equal(tnp.linalg.eigvals(turn), np.linalg.eigvals(turn))
    close(np.abs(tnp.linalg.eig(turn)[1]), np.abs(np.linalg.eig(turn)[1]), 1e-9)
    assert tnp.linalg.svd(TALL).U.shape == (4, 4)
    assert tnp.linalg.qr(TALL, "complete").Q.shape == (4, 4)
    a = np.ones((3, 2))
    for got, want in zip(tnp.linalg.lstsq(a, VECTOR), np.linalg.lstsq(a, VECTOR), strict=True):
        close(got, want, 1e-12)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("lead", [(), (4,)])
def test_determinants_of_few_rows(n: int, lead: Any) -> None:
    """Cofactors by definition: signed determinants without a row and a column; also jitted."""
    a, v = np.random.default_rng(0).normal(size=(2, *lead, n, n))
    a[..., -1, :] = 2 * a[..., 0, :] if n > 1 else 0  # singular
    without = lambda a, i, j: np.delete(np.delete(a, i, -2), j, -1)
    cofactors = np.array(
        [[(-1) ** (i + j) * np.linalg.det(without(a, i, j)) for j in range(n)] for i in range(n)]
    )
    f = lambda a: np.linalg.det(a).sum()
    wanted = np.moveaxis(cofactors, (0, 1), (-2, -1))
    step = 1e-5
    difference = (tg.grad(f)(a + step * v) - tg.grad(f)(a - step * v)) / (2 * step)
    for wrap in (lambda f: f, tg.jit):
        close(wrap(f)(a), np.linalg.det(a).sum(), 1e-12, 1e-14)
        close(wrap(tg.grad(f))(a), wanted, 1e-12, 1e-14)
        close(wrap(lambda a, v: tg.hvp(f, a, v))(a, v), difference, 1e-7, 1e-8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("native", [True, False])
def test_products_of_a_column_and_a_row_keep_nan(dtype: Any, native: bool) -> None:
    """Also where one of them is a single 0, by which BLAS would not multiply; replayed too."""
    column = np.array([np.nan, 1, np.inf, -2, *[3] * 600], dtype)[:, None]
    for row in (np.zeros((1, 1), dtype), np.array([[0, 2.5]], dtype)):
        with np.errstate(invalid="ignore"):
            want = np.array([[x * y for y in row[0]] for x in column[:, 0]])
            products: list[tuple[Function, Any, Any]] = [
                (lambda a, b: a @ b, column, row),
                (lambda a, b: (b.T @ a.T).T, column, row),
                (lambda a, b: a.T.T @ b.T.T, column, row),
                (np.dot, column, row),
                (lambda a, b: np.einsum("ik,jk->ij", a, b), column, row.T),
                (lambda a, b: np.einsum("ki,kj->ij", a, b), column.T, row),
            ]
            for f, a, b in products:
                recorded = f(tg.tensor(a, requires_grad=True), tg.tensor(b))
                close(recorded, want, strict=False)
                close(tg.jit(f, native=native)(a, b), want, strict=True)
