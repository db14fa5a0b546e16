"""Differentiable solutions against closed forms, and against derivatives of dense solutions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import comparing
import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess import optim

close = functools.partial(comparing.close, rtol=1e-8, atol=1e-9, elementwise=True, strict=False)

RNG = np.random.default_rng(0)
M = RNG.normal(size=(4, 4))
S, G, R = M @ M.T + 4 * np.eye(4), M + 5 * np.eye(4), RNG.normal(size=(7, 4))
B, C, W = RNG.normal(size=4), RNG.normal(size=7), RNG.normal(size=4)


def derivatives(p: Any, t: Any) -> dict[str, Callable[[Any], Any]]:
    """Of first and second order in all nestings, with batches and replays, at p and along t."""
    push = lambda f: lambda p: tg.jvp(f, (p,), (t,))[1]
    dot = lambda a, b: sum(
        (x * y).sum() for x, y in zip(tg.core.trees.leaves(a), tg.core.trees.leaves(b))
    )
    rows = tg.core.trees.map(lambda x: np.stack([np.asarray(x), 1.01 * np.asarray(x)]), p)
    return {
        "value": lambda f: f(p),
        "reverse": lambda f: tg.grad(f)(p),
        "forward": lambda f: push(f)(p),
        "forward over reverse": lambda f: tg.hvp(f, p, t),
        "reverse over reverse": lambda f: tg.grad(lambda p: dot(tg.grad(f)(p), t))(p),
        "forward over forward": lambda f: push(push(f))(p),
        "reverse over forward": lambda f: tg.grad(push(f))(p),
        "vmap": lambda f: tg.vmap(f)(rows),
        "vmap of a gradient": lambda f: tg.vmap(tg.grad(f))(rows),
        "vmap of a product": lambda f: tg.vmap(lambda p: tg.hvp(f, p, t))(rows),
        "vmap of jit": lambda f: tg.vmap(tg.jit(f))(rows),
        "jit": lambda f: _replayed(f, p),
        "jit of a gradient": lambda f: _replayed(tg.grad(f), p),
        "jit of a product": lambda f: _replayed(lambda p: tg.hvp(f, p, t), p),
        "jit of vmap": lambda f: tg.jit(tg.vmap(f))(rows),
        "jit of vmap of a gradient": lambda f: tg.jit(tg.vmap(tg.grad(f)))(rows),
    }


def _replayed(f: Any, p: Any) -> Any:
    """What a program gives at p that was recorded elsewhere."""
    program = tg.jit(f)
    program(tg.core.trees.map(lambda x: 1.02 * np.asarray(x), p))
    return program(tg.core.trees.map(np.asarray, p))


def tangent(p: Any) -> Any:
    rng = np.random.default_rng(1)
    return tg.core.trees.map(lambda x: rng.normal(size=np.shape(x)), p)


FEW = {
    "value", "reverse", "forward over reverse", "reverse over forward", "vmap of a gradient",
    "jit of a gradient",
}  # fmt: skip

nestings = pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])


def check(f: Any, reference: Any, p: Any, every: bool) -> None:
    for name, derive in derivatives(p, tangent(p)).items():
        if not every and name not in FEW:
            continue
        if name.startswith("jit of vmap"):
            plain = derivatives(p, tangent(p))[name.removeprefix("jit of ")]
            close(derive(f), plain(reference), what=name)
            continue
        close(derive(f), derive(reference), what=name)


# ---- linear systems -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "A", "b"), [("cg", S, B), ("minres", S, B), ("gmres", G, B), ("lsmr", R, C)]
)
@nestings
def test_linear_solve(method: str, A: Any, b: Any, every: bool) -> None:
    symmetric = (lambda A: (A + A.T) / 2) if method in ("cg", "minres") else (lambda A: A)

    def f(p: Any) -> Any:
        x = optim.linear_solve(
            lambda v, A: symmetric(A) @ v, p["b"], (p["A"],), method, like=np.zeros(4)
        )
        return np.sin(x) @ W

    def dense(p: Any) -> Any:
        A = symmetric(p["A"])
        if method == "lsmr":
            return np.sin(np.linalg.solve(A.T @ A, A.T @ p["b"])) @ W
        return np.sin(np.linalg.solve(A, p["b"])) @ W

    check(f, dense, {"A": A, "b": b}, every)


def test_linear_solve_of_trees_and_without_arguments() -> None:
    def matvec(v: Any) -> Any:
        return {"a": 2 * v["a"] + v["b"].sum(), "b": 3 * v["b"] + v["a"][0]}

    b = {"a": np.array([1.0, 2.0]), "b": np.array([[1.0], [4.0]])}
    x = optim.linear_solve(matvec, b)
    again = matvec(x)
    close(again["a"], b["a"])
    close(again["b"], b["b"])
    total = lambda s: optim.linear_solve(matvec, {"a": s * b["a"], "b": b["b"]})["b"].sum()
    close(tg.grad(total)(1.0), total(2.0) - total(1.0))


def test_a_system_that_is_not_solved_is_an_error() -> None:
    with pytest.raises(optim.NotConvergedError, match="cg left a residual of"):
        optim.linear_solve(lambda v: np.diag([1.0, -1e-3, 7.0]) @ v[::-1], np.ones(3), (), "cg")
    with pytest.raises(ValueError, match=r"3 equations for 2 unknowns\. Give method='lsmr'"):
        optim.linear_solve(lambda v: v, np.ones(3), like=np.ones(2))
    with pytest.raises(ValueError, match="matvec must return as many numbers as b has, 3"):
        optim.linear_solve(lambda v: v[:2], np.ones(3))
    for b in (np.ones(2) + 1j, np.array([1, 2]), "b"):
        with pytest.raises(TypeError, match="b must hold real floating-point numbers, got"):
            optim.linear_solve(lambda v: v, b)
    for method in ("cg", "minres", "gmres", "lsmr"):
        for matvec in (lambda v: 3 * v + 1, lambda v: v**2 + v):
            with pytest.raises(ValueError, match="matvec must be linear"):
                optim.linear_solve(matvec, np.ones(2), (), method)
        with pytest.raises(optim.NotConvergedError, match="holds NaN or infinity"):
            optim.linear_solve(lambda v: v, np.array([1.0, np.nan]), (), method)
    w = tg.tensor(2.0, requires_grad=True)
    with pytest.raises(tg.NonDifferentiableError, match=r"Pass it in args"):
        optim.linear_solve(lambda v: w * v, np.ones(3))
    with pytest.raises(tg.NonDifferentiableError, match=r"minimize: the function uses a tensor"):
        optim.minimize(lambda x: ((x - w) ** 2).sum(), np.ones(3))


# ---- roots, fixed points, minima ----------------------------------------------------------------


@nestings
def test_root_against_the_closed_form(every: bool) -> None:
    """x³ + a x = b, by Cardano's formula."""
    f = lambda p: optim.root(lambda x, p: x**3 + p["a"] * x - p["b"], 0.5, (p,)).x

    def cardano(p: Any) -> Any:
        d = np.sqrt(p["b"] ** 2 / 4 + p["a"] ** 3 / 27)
        return np.cbrt(p["b"] / 2 + d) + np.cbrt(p["b"] / 2 - d)

    check(f, cardano, {"a": np.array(1.3), "b": np.array(2.0)}, every)


@nestings
def test_root_of_a_system(every: bool) -> None:
    """x + y = s, x y = q: the roots of a quadratic equation."""
    equations = lambda z, p: {"u": z[0] + z[1] - p[0], "v": z[0] * z[1] - p[1]}
    f = lambda p: optim.root(equations, np.array([3.0, 0.5]), (p,)).x @ np.array([1.0, 0.0])
    check(f, lambda p: p[0] / 2 + np.sqrt(p[0] ** 2 / 4 - p[1]), np.array([3.0, 2.0]), every)


@pytest.mark.parametrize(
    "method", ["newton", "anderson", pytest.param("iteration", marks=pytest.mark.slow)]
)
@nestings
def test_fixed_point(method: str, every: bool) -> None:
    """Of x = a + b x, and Babylon's square root."""
    f = lambda p: optim.fixed_point(
        lambda x, p: np.stack([p[0] + p[1] * x[0], (x[1] + p[0] / x[1]) / 2]), np.ones(2), (p,),
        method,
    ).sum()  # fmt: skip
    check(f, lambda p: p[0] / (1 - p[1]) + np.sqrt(p[0]), np.array([2.0, 0.3]), every)


@pytest.mark.parametrize("method", ["newton", pytest.param("bfgs", marks=pytest.mark.slow)])
@nestings
def test_minimum(method: str, every: bool) -> None:
    """Of ridge regression, in the data and the penalty, by the normal equations."""
    X, y = R, C

    def loss(w: Any, p: Any) -> Any:
        return ((p["X"] @ w["w"] - y) ** 2).sum() / 2 + np.exp(p["log"]) * (w["w"] ** 2).sum() / 2

    def f(p: Any) -> Any:
        found = optim.minimize(loss, {"w": np.zeros(4)}, (p,), method, tol=1e-11)
        return np.sin(found.x["w"]) @ W

    def ridge(p: Any) -> Any:
        A = p["X"].T @ p["X"] + np.exp(p["log"]) * np.eye(4)
        return np.sin(np.linalg.solve(A, p["X"].T @ y)) @ W

    check(f, ridge, {"X": X, "log": np.array(0.3)}, every)


def test_minimum_of_residuals() -> None:
    f = lambda y: optim.minimize(
        lambda w, y: R @ w - y, np.zeros(4), (y,), "levenberg-marquardt", tol=1e-11
    ).x.sum()
    close(tg.grad(f)(C), np.linalg.pinv(R).sum(0))


@nestings
def test_large_problems_are_differentiated_by_products(monkeypatch: Any, every: bool) -> None:
    monkeypatch.setattr("tinygrad_hess.optim.implicit.solutions.DENSE", 2)
    test_minimum("newton", every)
    test_root_of_a_system(every)


@pytest.mark.parametrize("solver", ["minimize", "root", "fixed_point", "linear_solve"])
def test_replays_of_a_solution_plan_its_solver_once(solver: str) -> None:
    """The function is recorded for the first replays alone: later ones run what was planned."""
    calls = []

    def rise(x: Any, a: Any) -> Any:
        calls.append(1)
        return x * x * x + a * x - 2.0 * a  # zero where x³ + a x = 2 a

    def f(a: Any) -> Any:
        if solver == "root":
            return optim.root(rise, np.ones(2), (a,)).x.sum()
        if solver == "fixed_point":
            return optim.fixed_point(lambda x, a: x - rise(x, a) / 9, np.ones(2), (a,)).sum()
        if solver == "linear_solve":
            matvec = lambda v, a: (calls.append(1), (1 + a) * v)[1]
            return optim.linear_solve(matvec, np.ones(2), (a,), "cg").sum()
        loss = lambda x, a: (calls.append(1), (x**4 / 4 + a * x**2 / 2 - 2 * a * x).sum())[1]
        return optim.minimize(loss, np.ones(2), (a,), "newton", tol=1e-11).x.sum()

    slope = tg.jit(tg.grad(f))
    for a in np.linspace(1, 2, 12):
        slope(a)
    before = len(calls)
    found = slope(np.float64(1.5))
    assert len(calls) - before <= (2 if solver == "linear_solve" else 0)  # it asks the residual
    if solver == "linear_solve":
        close(found, -2 / 2.5**2)
        return
    x = np.roots([1, 0, 1.5, -3.0])
    x = x[np.isreal(x)].real[0]
    close(found, 2 * (2 - x) / (3 * x**2 + 1.5))  # dx/da = (2 - x) / (3 x² + a)


def test_unrolled_and_implicit_gradients_agree() -> None:
    """To second order: 50 steps of gradient descent on a well-conditioned problem."""
    inner = lambda w, p: (np.cosh(w - p[0]) + p[1] ** 2 * w**2).sum()

    def unrolled(p: Any) -> Any:
        w = np.zeros(2)
        for _ in range(50):
            w = w - 0.45 * tg.grad(inner)(w, p)
        return (w**3).sum()

    implicit = lambda p: (
        optim.minimize(inner, np.zeros(2), (p,), "newton", tol=1e-13).x ** 3
    ).sum()
    p = np.array([0.8, 0.7])
    close(tg.grad(implicit)(p), tg.grad(unrolled)(p))
    close(tg.hessian(implicit)(p), tg.hessian(unrolled)(p))


def test_the_result_of_a_differentiated_run_is_there() -> None:
    seen = []

    def f(a: Any) -> Any:
        found = optim.minimize(lambda x, a: (x - a) ** 2 + x**4, 0.0, (a,), "newton")
        seen.append(found)
        return found.x

    tg.grad(f)(2.0)
    assert seen[0].success and isinstance(seen[0].fun, float) and seen[0].nit > 0
    assert isinstance(seen[0].x, tg.Tensor)


def test_starts_have_no_derivative_but_may_be_mapped() -> None:
    f = lambda x0: optim.root(lambda x: x**2 - 4.0, x0).x
    close(tg.vmap(f)(np.array([-3.0, 1.0])), [-2.0, 2.0])
    assert float(tg.grad(f)(1.0)) == 0.0


def test_labels_and_narrow_types_among_the_arguments() -> None:
    def f(w: Any, labels: Any) -> Any:
        loss = lambda x, w, labels: ((x - w * labels) ** 2).sum()
        return optim.minimize(loss, np.zeros(3, np.float32), (w, labels), "newton").x

    labels = np.array([1, 2, 3])
    program = tg.jit(f)
    program(2.0, labels)
    close(program(3.0, labels + 1), [6, 9, 12])
    assert program(3.0, labels).dtype == np.float32
    slope = tg.jit(tg.grad(lambda w, labels: f(w, labels).sum()))
    slope(2.0, labels)
    close(slope(2.0, labels + 1), 9.0)
    close(tg.vmap(f, (None, 0))(2.0, np.stack([labels, 2 * labels])), [[2, 4, 6], [4, 8, 12]])
    assert tg.grad(lambda w: f(w, labels).sum())(np.float32(2)).dtype == np.float32


def test_what_is_no_solution_has_no_derivative() -> None:
    f = lambda a: optim.root(lambda x, a: x**2 + a, 1.0, (a,)).x
    assert not optim.root(lambda x: x**2 + 1.0, 1.0).success
    with pytest.raises(optim.NotConvergedError, match="root: no root was found"):
        tg.grad(f)(1.0)
    with pytest.raises(optim.NotConvergedError, match=r"found no minimum.*maxiter=1"):
        tg.grad(lambda a: optim.minimize(lambda x, a: (x - a) ** 4, 0.0, (a,), maxiter=1).x)(1.0)
    with pytest.raises(optim.NotConvergedError, match="fixed_point: after at most 50 iterations"):
        optim.fixed_point(lambda x: 2 * x + 1.0, 1.0, method="iteration", maxiter=50)
    for method in ("newton", "iteration", "anderson"):
        with pytest.raises(optim.NotConvergedError, match=f"iterations of {method}, f"):
            optim.fixed_point(lambda x: np.sqrt(x - 5.0), 1.0, method=method)
    with pytest.raises(optim.NotConvergedError, match="iterations of iteration, f"):
        optim.fixed_point(lambda x: 2 * x + 1.0, 1.0, method="iteration")  # until it overflows


def test_closures_are_refused_not_forgotten() -> None:
    for call in (
        lambda a: optim.minimize(lambda x: (x - a) ** 2, 0.0).x,
        lambda a: optim.root(lambda x: x - a, 0.0).x,
        lambda a: optim.fixed_point(lambda x: x / 2 + a, 0.0),
        lambda a: optim.linear_solve(lambda v: a * v, np.ones(2)).sum(),
        lambda a: optim.linear_solve(lambda v, b: a * b * v, np.ones(2), (a,)).sum(),
    ):
        with pytest.raises((tg.NonDifferentiableError, TypeError)):
            tg.grad(call)(1.0)


def test_errors() -> None:
    with pytest.raises(ValueError, match="root: method='newton' is not 'hybr'"):
        optim.root(lambda x: x, 1.0, method="newton")
    with pytest.raises(ValueError, match="root: f must return as many numbers as x has, 2"):
        optim.root(lambda x: x[:1], np.ones(2))
    with pytest.raises(TypeError, match="root: x0 must hold real floating-point"):
        optim.root(lambda x: x, 1)
    with pytest.raises(ValueError, match="fixed_point: f must return as many"):
        optim.fixed_point(lambda x: x[:1], np.ones(2))
    with pytest.raises(TypeError, match=r"For a matrix A, write linear_solve\(lambda x, A: A @ x"):
        optim.linear_solve(np.eye(2), np.ones(2))
