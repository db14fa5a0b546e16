"""tinygrad_hess, in two forms: jitted, and recorded anew in each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_hess as tg

from .models import MODELS, Functions, Model
from .problems import JACOBIAN_EXAMPLES, Problem, problem
from .tasks import (
    ADAM,
    AGAIN,
    EACH,
    EIGEN_TOL,
    EIGENPAIRS,
    EIGENVALUES,
    GRADIENT,
    HESSIAN,
    HVP,
    JACOBIAN,
    MANY,
    SPARSE,
    VALUE,
    Forms,
)

FUNCTIONS = Functions(
    numpy=np,
    dot=np.matmul,
    logsumexp=lambda z: tg.ops.logsumexp(z, axis=-1),
    largest=lambda z: np.max(z, -1, keepdims=True),
    softplus=lambda z: np.logaddexp(0.0, z),
    conv=tg.ops.conv2d,
    cholesky=np.linalg.cholesky,
    diagonal=np.diagonal,
    solve_lower=lambda a, b: tg.ops.solve_triangular(a, b, lower=True),
    integrate=lambda f, start, times, h: tg.ode.solve(f, start, times, method="rk4")[-1],
)


def make(workload: str, task: str, dtype: str) -> Forms:
    """The forms of a task."""
    p = problem(workload, dtype)
    return TASKS[task](MODELS[p.model](FUNCTIONS), p)


def _both(f: Callable[..., Any], *args: Any) -> Forms:
    replayed = tg.jit(f)
    return {"jit": lambda: replayed(*args), "recorded": lambda: f(*args)}


def _hvp(loss: Callable[..., Any]) -> Callable[..., Any]:
    return lambda params, v, *args: tg.hvp(loss, params, v, *args)


def _value(m: Model, p: Problem) -> Forms:
    return _both(m.loss, p.params, *p.args)


def _value_and_grad(m: Model, p: Problem) -> Forms:
    return _both(tg.value_and_grad(m.loss), p.params, *p.args)


def _product(m: Model, p: Problem) -> Forms:
    return _both(_hvp(m.loss), p.params, p.direction, *p.args)


def _again(m: Model, p: Problem) -> Forms:
    gradient = tg.grad(m.loss)
    _, push = tg.linearize(lambda params: gradient(params, *p.args), p.params)
    return _both(push, p.direction)


def _many(m: Model, p: Problem) -> Forms:
    def products(params: Any, directions: Any, *args: Any) -> Any:
        return tg.vmap(lambda v: tg.hvp(m.loss, params, v, *args))(directions)

    return _both(products, p.params, p.directions, *p.args)


def _each(m: Model, p: Problem) -> Forms:
    return _both(tg.vmap(tg.grad(m.loss), (None, 0, 0)), p.params, *p.args)


def _jacobian(m: Model, p: Problem) -> Forms:
    assert m.outputs is not None
    return _both(tg.jacobian(m.outputs), p.params, p.args[0][:JACOBIAN_EXAMPLES])


def _hessian(m: Model, p: Problem) -> Forms:
    return _both(tg.hessian(m.loss), p.params, *p.args)


def _sparse(m: Model, p: Problem) -> Forms:
    return _both(tg.hessian(m.loss, sparse=True), p.params, *p.args)


def _eigenvalues(m: Model, p: Problem) -> Forms:
    def largest() -> Any:
        hessian = tg.curvature.HessianOperator(
            lambda params, batch: m.loss(params, *batch), p.params, p.args
        )
        found = tg.curvature.top_eigenpairs(hessian, EIGENPAIRS, tol=EIGEN_TOL)
        return np.sort(found.values)

    def recorded() -> Any:
        with tg.no_replay():
            return largest()

    return {"jit": largest, "recorded": recorded}


def _adam(m: Model, p: Problem) -> Forms:
    return {"jit": Training(m.loss, p, tg.jit), "recorded": Training(m.loss, p, lambda f: f)}


class Training:
    """A training loop, one step a call."""

    def __init__(self, loss: Callable[..., Any], p: Problem, how: Callable[..., Any]):
        optimizer = tg.optim.Adam(lr=1e-3)

        def step(params: Any, state: Any, *args: Any) -> Any:
            _, grads = tg.value_and_grad(loss)(params, *args)
            return optimizer.update(params, grads, state)

        self.step, self.args = how(step), p.args
        self.params, self.state = p.params, optimizer.init(p.params)

    def __call__(self) -> Any:
        self.params, self.state = self.step(self.params, self.state, *self.args)
        return self.params


TASKS: dict[str, Callable[[Model, Problem], Forms]] = {
    VALUE: _value,
    GRADIENT: _value_and_grad,
    HVP: _product,
    AGAIN: _again,
    MANY: _many,
    EACH: _each,
    JACOBIAN: _jacobian,
    HESSIAN: _hessian,
    SPARSE: _sparse,
    EIGENVALUES: _eigenvalues,
    ADAM: _adam,
}
