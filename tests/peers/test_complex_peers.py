"""Complex derivatives against JAX and HIPS/autograd in double precision: the same convention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from complex_programs import PROGRAMS, A, X, program, weighed
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygrad_hess as tg

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

RNG = np.random.default_rng(4)
Z = RNG.uniform(0.3, 0.8, 4) + 1j * RNG.uniform(0.2, 0.7, 4)
V = RNG.normal(size=4) + 1j * RNG.normal(size=4)
W = RNG.normal(size=4) + 1j * RNG.normal(size=4)

Loss = Callable[[Any, Any], Any]


COMMON: dict[str, Loss] = {
    "parts": lambda n, z: n.sum(n.real(z) ** 2 * n.imag(z)),
    "abs": lambda n, z: n.sum(n.abs(z - 0.1) * X),
    "angle": lambda n, z: n.sum(n.angle(z) * X),
    "conj": lambda n, z: weighed(n, n.conj(z) * z * z),
    "products": lambda n, z: weighed(n, n.dot(A, z) * 1j + z / W),
    "exp": lambda n, z: weighed(n, n.exp(z) + n.log(z) + n.sqrt(z)),
    "trigonometric": lambda n, z: weighed(n, n.sin(z) * n.cosh(z) / n.tanh(z)),
    "powers": lambda n, z: weighed(n, z**3 + z**-2),
    "einsum": lambda n, z: weighed(n, n.einsum("ij,j,k->ik", A, z, n.conj(z))),
    "fft": lambda n, z: weighed(n, n.fft.fft(z) * n.fft.ifft(z)),
    "shifts": lambda n, z: weighed(n, n.fft.fftshift(z) * z),
    "reductions": lambda n, z: weighed(n, n.sum(z) * n.mean(z) * z),
    "solve": lambda n, z: weighed(n, n.linalg.solve(A + n.outer(z, z), z)),
    "inv": lambda n, z: weighed(n, n.linalg.inv(A + n.outer(z, z))),
    "construction": lambda n, z: weighed(n, (n.real(z) + 1j * n.imag(z) ** 2) * W),
    "indexing": lambda n, z: weighed(n, z[::-1] * z[1] + n.concatenate([z[2:], z[:2]])),
}
"""What both other libraries can do."""


@pytest.mark.parametrize("name", COMMON)
def test_gradients_agree_with_autograd(name: str) -> None:
    autograd = pytest.importorskip("autograd")
    import autograd.numpy as anp

    want = autograd.grad(lambda z: COMMON[name](anp, z))(Z)
    np.testing.assert_allclose(tg.grad(lambda z: COMMON[name](np, z))(Z), want, rtol=1e-10)


JAX_ONLY: dict[str, Loss] = {
    "inverse functions": lambda n, z: weighed(
        n, n.arcsin(z) + n.arccos(z) * n.arctan(z) + n.arcsinh(z) * n.arctanh(z) + n.arccosh(z + 1)
    ),
    "more powers": lambda n, z: weighed(n, z ** (0.5 + 1j) + z**X + X**z),
    "var and std": lambda n, z: n.var(z) + n.std(z * z),
    "prod and cumprod": lambda n, z: weighed(n, n.prod(z) * n.cumprod(z) + n.cumsum(z)),
    "vdot": lambda n, z: weighed(n, n.vdot(z, W * z) * z),
    "where": lambda n, z: weighed(n, n.where(X > 0.5, z, n.conj(z)) * z),
    "rfft": lambda n, z: weighed(n, n.fft.rfft(n.real(z)) * n.fft.rfft(n.imag(z), norm="ortho")),
    "irfft": lambda n, z: weighed(n, n.fft.irfft(z) * n.fft.irfft(z, n=6)[0]),
    "irfft of an odd length": lambda n, z: n.sum(n.fft.irfft(z, n=7) ** 3),
    "hfft": lambda n, z: n.sum(n.fft.hfft(z) ** 2 * np.arange(6)),
    "fft2": lambda n, z: weighed(n, n.fft.fft2(n.outer(z, z), s=(3, 5))),
    "rfftn": lambda n, z: weighed(n, n.fft.rfftn(n.abs(n.outer(z, n.conj(z) + z)))),
    "irfft2": lambda n, z: n.sum(n.fft.irfft2(n.outer(z, z)) ** 3),
    "det": lambda n, z: weighed(n, n.linalg.det(A + n.outer(z, n.conj(z)))),
    "slogdet": lambda n, z: weighed(n, n.linalg.slogdet(A + n.outer(z, z))[0]),
    "log of slogdet": lambda n, z: n.linalg.slogdet(A + n.outer(z, z))[1],
    "cholesky": lambda n, z: weighed(n, n.linalg.cholesky(n.outer(z, n.conj(z)) + 2 * np.eye(4))),
    "eigvalsh": lambda n, z: n.sum(
        n.linalg.eigvalsh(A + n.conj(A.T) + n.outer(z, n.conj(z))) ** 2 * np.arange(4)
    ),
    "eigh": lambda n, z: n.sum(
        n.abs(n.linalg.eigh(A + n.conj(A.T) + n.outer(z, n.conj(z)))[1]) ** 2
        * np.cos(np.arange(16)).reshape(4, 4)
    ),
    "qr": lambda n, z: weighed(n, n.linalg.qr(A * z)[1]) + weighed(n, n.linalg.qr(A * z)[0]),
    "svd": lambda n, z: n.sum(n.linalg.svd(A * z, compute_uv=False) ** 2 * np.arange(4)),
    "vectors of svd": lambda n, z: n.sum(
        n.abs(n.linalg.svd(A * z, full_matrices=False)[0]) ** 3 * np.arange(16).reshape(4, 4)
    ),
    "pinv": lambda n, z: weighed(n, n.linalg.pinv((A * z)[:, :2])),
    "norm": lambda n, z: n.linalg.norm(A * z) + n.linalg.norm(z, axis=0),
    "matrix_power": lambda n, z: weighed(n, n.linalg.matrix_power(A * z, 3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["angle", "conj", "fft", "solve", *JAX_ONLY])
def test_gradients_and_second_derivatives_agree_with_jax(name: str, jax: Any) -> None:
    f = {**COMMON, **JAX_ONLY}[name]
    jnp = jax.numpy
    ours, theirs = (lambda z: f(np, z)), (lambda z: f(jnp, z))
    np.testing.assert_allclose(ours(Z), theirs(Z), rtol=1e-10)
    want, bent = jax.jvp(jax.grad(theirs), (Z,), (V,))
    scale = np.abs(want).max()
    np.testing.assert_allclose(tg.grad(ours)(Z), want, rtol=1e-9, atol=1e-10 * scale)
    scale = np.abs(bent).max()
    np.testing.assert_allclose(tg.hvp(ours, Z, V), bent, rtol=1e-8, atol=1e-9 * scale)


def test_eigenvalues_agree_with_jax(jax: Any) -> None:
    """In another order, so that the loss is symmetric in them."""
    f = lambda n: lambda a: n.sum(n.abs(n.linalg.eigvals(a)) ** 3)
    for a in (A, A.real.copy()):
        want = jax.grad(f(jax.numpy))(a)
        np.testing.assert_allclose(tg.grad(f(np))(a), want, rtol=1e-8, atol=1e-10)


def test_eigenvectors_agree_with_autograd() -> None:
    """By a function of their directions alone."""
    autograd = pytest.importorskip("autograd")
    import autograd.numpy as anp

    def f(n: Any, a: Any) -> Any:
        w, v = n.linalg.eig(a)
        sizes = n.abs(v) ** 2
        return n.sum(sizes[0] / n.sum(sizes, 0) * n.real(w))

    want = autograd.grad(lambda a: f(anp, a))(A)
    np.testing.assert_allclose(tg.grad(lambda a: f(np, a))(A), want, rtol=1e-8, atol=1e-10)


def test_the_sign_is_not_constant(jax: Any) -> None:
    """JAX takes the sign of complex numbers to be piecewise constant; differences don't."""
    f = lambda n: lambda z: n.sum(n.imag(n.sign(z)))
    np.testing.assert_array_equal(jax.grad(f(jax.numpy))(Z), 0)
    h = 1e-6
    slopes = [(f(np)(Z + h * t * np.eye(4)[0]) - f(np)(Z - h * t * np.eye(4)[0])) / (2 * h)
              for t in (1, 1j)]  # fmt: skip
    np.testing.assert_allclose(tg.grad(f(np))(Z)[0], slopes[0] - 1j * slopes[1], rtol=1e-8)


def test_jacobians_agree_with_jax(jax: Any) -> None:
    jnp = jax.numpy
    f = lambda n: lambda z: n.exp(A @ z) / 10
    np.testing.assert_allclose(
        tg.jacobian(f(np), holomorphic=True)(Z), jax.jacrev(f(jnp), holomorphic=True)(Z), rtol=1e-10
    )
    np.testing.assert_allclose(tg.jacfwd(f(np))(X), jax.jacfwd(f(jnp))(X), rtol=1e-10)
    g = lambda n: lambda z: n.abs(A @ z) ** 2
    np.testing.assert_allclose(tg.jacrev(g(np))(Z), jax.jacrev(g(jnp))(Z), rtol=1e-10)
    found = tg.vjp(f(np), Z)[1](V)[0]
    np.testing.assert_allclose(found, jax.vjp(f(jnp), Z)[1](V)[0], rtol=1e-10)
    np.testing.assert_allclose(
        tg.hessian(lambda z: np.sum(f(np)(z)), holomorphic=True)(Z),
        jax.hessian(lambda z: jnp.sum(f(jnp)(z)), holomorphic=True)(Z),
        rtol=1e-10,
    )


@given(steps=PROGRAMS, seed=st.integers(0, 10**6))
@pytest.mark.slow
@settings(max_examples=30, deadline=None)
def test_random_compositions_agree_with_jax(steps: Any, seed: int) -> None:
    """Programs of up to eight steps on all earlier values: gradient and Hessian-vector product."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(seed)
    z, v = (rng.normal(size=4) + 1j * rng.normal(size=4) for _ in range(2))

    want, bent = jax.jvp(jax.grad(lambda z: program(jax.numpy, steps, z)), (z,), (v,))
    want, bent = np.asarray(want), np.asarray(bent)
    assume(np.isfinite(bent).all() and np.abs(bent).max() < 1e8)
    f = lambda z: program(np, steps, z)
    found = tg.grad(f)(z)
    np.testing.assert_allclose(found, want, rtol=1e-8, atol=1e-9 * max(1, np.abs(want).max()))
    curved = tg.jit(lambda z, v: tg.hvp(f, z, v))(z, v)
    np.testing.assert_allclose(curved, bent, rtol=1e-7, atol=1e-8 * max(1, np.abs(bent).max()))
