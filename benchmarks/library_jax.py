"""JAX on CPU: everything under ``jax.jit``, arrays on the device beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import solve_triangular

from .eigenvalues import eigenvalues
from .models import MODELS, Functions, Model, adam, runge_kutta
from .problems import JACOBIAN_EXAMPLES, Problem, problem
from .tasks import (
    ADAM,
    AGAIN,
    DENSE_LIMIT,
    EACH,
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

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def _scan(step: Callable[[Any, Any], Any], state: Any, inputs: Any) -> Any:
    return jax.lax.scan(lambda h, x: (step(h, x), None), state, inputs)[0]


def _integrate(f: Callable[[Any, Any], Any], start: Any, times: Any, h: float) -> Any:
    return _scan(runge_kutta(f, h), start, times[:-1])


FUNCTIONS = Functions(
    numpy=jnp,
    dot=jnp.dot,
    logsumexp=lambda z: jax.nn.logsumexp(z, axis=-1),
    largest=lambda z: jnp.max(z, -1, keepdims=True),
    softplus=jax.nn.softplus,
    conv=lambda x, w: jax.lax.conv(x, w, (1, 1), "VALID"),
    cholesky=jnp.linalg.cholesky,
    diagonal=jnp.diagonal,
    solve_lower=lambda a, b: solve_triangular(a, b, lower=True),
    scan=_scan,
    integrate=_integrate,
)


def make(workload: str, task: str, dtype: str) -> Forms:
    """The forms of a task."""
    p = problem(workload, dtype)
    return TASKS[task](MODELS[p.model](FUNCTIONS), p)


def _jitted(f: Callable[..., Any], *args: Any) -> Forms:
    compiled, there = jax.jit(f), jax.device_put(args)
    return {"jit": lambda: jax.block_until_ready(compiled(*there))}


def _hvp(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Forward over reverse, as its documentation has it."""

    def product(params: Any, v: Any, *args: Any) -> Any:
        return jax.jvp(lambda q: jax.grad(loss)(q, *args), (params,), (v,))[1]

    return product


def _value(m: Model, p: Problem) -> Forms:
    return _jitted(m.loss, p.params, *p.args)


def _value_and_grad(m: Model, p: Problem) -> Forms:
    return _jitted(jax.value_and_grad(m.loss), p.params, *p.args)


def _product(m: Model, p: Problem) -> Forms:
    return _jitted(_hvp(m.loss), p.params, p.direction, *p.args)


def _again(m: Model, p: Problem) -> Forms:
    args = jax.device_put(p.args)
    _, push = jax.linearize(
        lambda params: jax.grad(m.loss)(params, *args), jax.device_put(p.params)
    )
    return _jitted(push, p.direction)


def _many(m: Model, p: Problem) -> Forms:
    def products(params: Any, directions: Any, *args: Any) -> Any:
        return jax.vmap(lambda v: _hvp(m.loss)(params, v, *args))(directions)

    return _jitted(products, p.params, p.directions, *p.args)


def _each(m: Model, p: Problem) -> Forms:
    return _jitted(jax.vmap(jax.grad(m.loss), (None, 0, 0)), p.params, *p.args)


def _jacobian(m: Model, p: Problem) -> Forms:
    assert m.outputs is not None
    return _jitted(jax.jacrev(m.outputs), p.params, p.args[0][:JACOBIAN_EXAMPLES])


def _hessian(m: Model, p: Problem) -> Forms:
    return _jitted(jax.hessian(m.loss), p.params, *p.args)


def _sparse(m: Model, p: Problem) -> Forms:
    return _hessian(m, p) if sum(p.sizes) <= DENSE_LIMIT else {}


def _eigenvalues(m: Model, p: Problem) -> Forms:
    params, args = jax.device_put(p.params), jax.device_put(p.args)
    start, unravel = ravel_pytree(params)

    @jax.jit
    def product(v: Any) -> Any:
        return ravel_pytree(_hvp(m.loss)(params, unravel(v), *args))[0]

    return {"jit": lambda: eigenvalues(lambda v: np.asarray(product(v)), start.size)}


def _adam(m: Model, p: Problem) -> Forms:
    @jax.jit
    def step(params: Any, count: Any, a: Any, b: Any, *args: Any) -> Any:
        grads = jax.grad(m.loss)(params, *args)
        return adam(jnp.sqrt, params, count, a, b, grads)

    state, args = jax.device_put(p.stepped()), jax.device_put(p.args)

    def run() -> Any:
        nonlocal state
        state = jax.block_until_ready(step(*state, *args))
        return state[0]

    return {"jit": run}


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
