"""Derivatives of solutions against ``jax.lax.custom_root`` and ``custom_linear_solve``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import optim

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.peers

RNG = np.random.default_rng(0)
A, B, C = RNG.normal(size=(3, 3)), RNG.normal(size=3), RNG.normal(size=(5, 3))
P, T, U = RNG.uniform(0.5, 1.5, 3), RNG.normal(size=3), RNG.normal(size=3)
Function = Callable[..., Any]


def custom_root(g: Function, x0: Any) -> Any:
    """The root of g in JAX: found by Newton's method, differentiated implicitly."""
    jnp = jax.numpy

    def newton(g: Function, x: Any) -> Any:
        step = lambda _, x: x - jnp.linalg.solve(jax.jacfwd(g)(x), g(x))
        return jax.lax.fori_loop(0, 40, step, x)

    dense = lambda g, y: jnp.linalg.solve(jax.jacfwd(g)(jnp.zeros_like(y)), y)
    return jax.lax.custom_root(g, jnp.asarray(x0), newton, dense)


def equations(m: Any, x: Any, p: Any) -> Any:
    return m.sinh(x) + A @ x * p[0] / 9 + p[1] * x**3 - m.exp(p[2] * m.asarray(B) / 3)


def loss(m: Any, x: Any, p: Any) -> Any:
    return m.log(m.cosh(C @ x - p[0])).sum() + p[1] * (x**4).sum() / 4 + p[2] * (x**2).sum() / 2


def matrix(m: Any, p: Any) -> Any:
    """Symmetric and positive definite."""
    return m.asarray(A @ A.T) * p[0] + m.diag(m.exp(p))


def ours_of(name: str) -> Function:
    m = tg.numpy
    x0 = np.full(3, 0.1)
    if name == "root":
        return lambda p: optim.root(lambda x, p: equations(m, x, p), x0, (p,), tol=1e-13).x
    if name == "minimize":
        f = lambda x, p: loss(m, x, p)
        return lambda p: optim.minimize(f, x0, (p,), "newton", tol=1e-12).x
    if name == "fixed_point":
        return lambda p: optim.fixed_point(lambda x, p: x - equations(m, x, p) / 9, x0, (p,))
    if name == "lsmr":
        solve = lambda v, p: m.concatenate([C @ v, p[0] * v])
        return lambda p: optim.linear_solve(
            solve, m.concatenate([m.ones(5) * p[1], p * p]), (p,), "lsmr", like=x0
        )
    tall = (lambda p: matrix(m, p) + m.asarray(A)) if name == "gmres" else (lambda p: matrix(m, p))
    return lambda p: optim.linear_solve(lambda v, p: tall(p) @ v, m.sin(p) + B, (p,), name)


def theirs_of(name: str) -> Function:
    m, x0 = jax.numpy, np.full(3, 0.1)
    if name == "root":
        return lambda p: custom_root(lambda x: equations(m, x, p), x0)
    if name == "minimize":
        return lambda p: custom_root(jax.grad(lambda x: loss(m, x, p)), x0)
    if name == "fixed_point":
        return lambda p: custom_root(lambda x: -equations(m, x, p) / 9, x0)
    dense = lambda matvec, b: m.linalg.solve(jax.jacfwd(matvec)(m.zeros_like(b)), b)
    solve = lambda M, b: jax.lax.custom_linear_solve(lambda v: M @ v, b, dense, dense)
    if name == "lsmr":

        def least_squares(p: Any) -> Any:
            J = m.concatenate([m.asarray(C), p[0] * m.eye(3)])
            return solve(J.T @ J, J.T @ m.concatenate([m.ones(5) * p[1], p * p]))

        return least_squares
    tall = (lambda p: matrix(m, p) + A) if name == "gmres" else (lambda p: matrix(m, p))
    return lambda p: solve(tall(p), m.sin(p) + B)


def derivatives(lib: Any, f: Function) -> dict[str, Function]:
    """Of first and second order, forward and reverse, of a scalar of the solution."""
    s = lambda p: (f(p) ** 3 * np.arange(1.0, 4.0)).sum()
    push = lambda s, p, t: lib.jvp(s, (p,), (t,))[1]
    slope = lambda p: (lib.grad(s)(p) * T).sum()
    rows = lambda p: p * np.array([[1.0], [1.1]])
    return {
        "value": f,
        "reverse": lib.grad(s),
        "forward": lambda p: push(f, p, T),
        "forward over reverse": lambda p: push(lib.grad(s), p, T),
        "reverse over reverse": lambda p: lib.grad(slope)(p),
        "forward over forward": lambda p: push(lambda p: push(s, p, T), p, U),
        "reverse over forward": lambda p: lib.grad(lambda p: push(s, p, T))(p),
        "vmap": lambda p: lib.vmap(f)(rows(p)),
        "vmap of a gradient": lambda p: lib.vmap(lib.grad(s))(rows(p)),
        "vmap of a product": lambda p: lib.vmap(lambda p: push(lib.grad(s), p, T))(rows(p)),
    }


REPLAYED = ("value", "reverse", "forward over reverse", "vmap of a gradient")


SLOW = ("root", "minimize", "fixed_point", "minres", "gmres", "lsmr")  # by JAX's compiler


@pytest.mark.parametrize(
    "name", ["cg", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_derivatives_of_solutions(name: str) -> None:
    with jax.enable_x64():
        theirs = derivatives(jax, theirs_of(name))
        expected = jax.jit(lambda p: {what: derive(p) for what, derive in theirs.items()})(P)
    ours = derivatives(tg, ours_of(name))
    programs = {f"jit of {what}": tg.jit(ours[what]) for what in REPLAYED}
    for program in programs.values():
        program(1.05 * P)  # recorded elsewhere
    for what, derive in (ours | programs).items():
        found, want = derive(P), np.asarray(expected[what.removeprefix("jit of ")])
        np.testing.assert_allclose(found, want, rtol=1e-8, atol=1e-9, err_msg=f"{name}: {what}")
