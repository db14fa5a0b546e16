"""Agreement of linear algebra with JAX in float64: values, gradients, Hessian-vector products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close

import tinygrad_hess as tg
import tinygrad_hess.numpy as tnp
from tinygrad_hess.scipy import linalg

pytestmark = [
    pytest.mark.peers,
    pytest.mark.slow,  # JAX compiles each function
    # JAX warns of what is no concern here (deprecated corners of NumPy, no GPU).
    pytest.mark.filterwarnings("ignore"),
]
RNG = np.random.default_rng(11)
SQUARE = RNG.uniform(-1, 1, (4, 4)) + 3 * np.eye(4)
STACK = RNG.uniform(-1, 1, (2, 3, 3)) + 2.5 * np.eye(3)
TALL, WIDE = RNG.uniform(-1, 1, (5, 3)), RNG.uniform(-1, 1, (3, 4))
VECTOR = RNG.uniform(-1, 1, 4)


def _of_vectors(u: Any, s: Any, vh: Any) -> Any:
    """A function of singular vectors that does not depend on their signs."""
    return (u**2 * s) @ vh**2


# Each is written once, for both libraries' numpy and scipy.linalg.
FUNCTIONS: dict[str, tuple[Callable[..., Any], Any]] = {
    "solve": (lambda np_, la, a: np_.linalg.solve(a, VECTOR), SQUARE),
    "inv": (lambda np_, la, a: np_.linalg.inv(a), STACK),
    "det": (lambda np_, la, a: np_.linalg.det(a), STACK),
    "slogdet": (lambda np_, la, a: np_.linalg.slogdet(a)[1], STACK),
    "cholesky": (lambda np_, la, a: np_.linalg.cholesky(a @ a.mT), STACK),
    "cholesky of what is not symmetric": (lambda np_, la, a: np_.linalg.cholesky(a), SQUARE),
    "qr": (lambda np_, la, a: np_.linalg.qr(a)[0] @ (np_.linalg.qr(a)[1] ** 2), TALL),
    "svd": (lambda np_, la, a: _of_vectors(*np_.linalg.svd(a, full_matrices=False)), WIDE),
    "svdvals": (lambda np_, la, a: np_.linalg.svd(a, compute_uv=False), TALL),
    "eigh": (lambda np_, la, a: np_.linalg.eigh(a)[1] ** 2 * np_.linalg.eigh(a)[0], SQUARE),
    "eigvalsh": (lambda np_, la, a: np_.linalg.eigvalsh(a), STACK),
    "pinv": (lambda np_, la, a: np_.linalg.pinv(a), TALL),
    "lstsq": (lambda np_, la, a: np_.linalg.lstsq(a, np.ones(5))[0], TALL),
    "matrix_power": (lambda np_, la, a: np_.linalg.matrix_power(a, -3), STACK),
    "norm nuc": (lambda np_, la, a: np_.linalg.norm(a, "nuc"), TALL),
    "norm 2": (lambda np_, la, a: np_.linalg.norm(a, 2, axis=(1, 2)), STACK),
    "norm inf": (lambda np_, la, a: np_.linalg.norm(a, np.inf), WIDE),
    "norm 3": (lambda np_, la, a: np_.linalg.norm(a, 3, axis=0), WIDE),
    "cond": (lambda np_, la, a: np_.linalg.cond(a), SQUARE),
    "multi_dot": (lambda np_, la, a: np_.linalg.multi_dot([a.T, a, a.T]), TALL),
    "kron": (lambda np_, la, a: np_.kron(a, a[:2]), WIDE),
    "cross": (lambda np_, la, a: np_.cross(a, a[::-1]), TALL),
    "vander": (lambda np_, la, a: np_.vander(a[0], 4), WIDE),
    "triangles": (lambda np_, la, a: np_.tril(a, 1) @ np_.triu(a.T), WIDE),
    "diag": (lambda np_, la, a: np_.diag(np_.diag(a)) @ np_.diag(a[0], 1)[1:], SQUARE),
    "expm": (lambda np_, la, a: la.expm(a), STACK[0]),
    "solve_triangular": (lambda np_, la, a: la.solve_triangular(a, VECTOR, lower=True), SQUARE),
    "solve pos": (lambda np_, la, a: la.solve(a @ a.T, VECTOR, assume_a="pos"), SQUARE),
    "cho_solve": (lambda np_, la, a: la.cho_solve((la.cholesky(a @ a.T), False), VECTOR), SQUARE),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_linear_algebra(jax: Any, name: str) -> None:
    call, x = FUNCTIONS[name]
    v = np.random.default_rng(1).uniform(-1, 1, x.shape)
    theirs = lambda a: call(jax.numpy, jax.scipy.linalg, a)
    ours = lambda a: call(tnp, linalg, a)
    value = theirs(x)
    close(ours(x), value, 1e-9)
    weights = np.random.default_rng(2).uniform(0.5, 1.5, np.shape(value))
    f, g = (lambda a: (weights * ours(a)).sum()), (lambda a: (weights * theirs(a)).sum())
    close(tg.grad(f)(x), jax.grad(g)(x), 1e-9)
    close(tg.jvp(ours, (x,), (v,))[1], jax.jvp(theirs, (x,), (v,))[1], 1e-9)
    close(tg.hvp(f, x, v), jax.jvp(jax.grad(g), (x,), (v,))[1], 1e-9)
