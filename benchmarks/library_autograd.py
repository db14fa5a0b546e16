"""HIPS/autograd. It has no batching: many directions and many examples are loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as np
import autograd.scipy.linalg
import autograd.scipy.signal
from autograd.misc import flatten
from autograd.scipy.special import logsumexp

from .eigenvalues import eigenvalues
from .models import MODELS, Functions, Model, adam
from .problems import DIRECTIONS, JACOBIAN_EXAMPLES, Problem, problem
from .tasks import (
    ADAM,
    AGAIN,
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

HESSIAN_LIMIT = 300
"""More parameters take it a reverse sweep over two recordings each: minutes for a net of 910."""


def _conv(x: Any, w: Any) -> Any:
    """As in its own example of a convolutional net; that convolution mirrors its kernel."""
    convolve = autograd.scipy.signal.convolve
    return convolve(
        x, w[:, :, ::-1, ::-1], axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid"
    )


FUNCTIONS = Functions(
    numpy=np,
    dot=np.dot,
    logsumexp=lambda z: logsumexp(z, axis=-1),
    largest=lambda z: np.max(z, -1, keepdims=True),
    softplus=lambda z: np.logaddexp(0.0, z),
    conv=_conv,
    cholesky=np.linalg.cholesky,
    diagonal=lambda a: np.diagonal(a, 0, -1, -2),  # the only axes whose gradient it knows
    solve_lower=lambda a, b: autograd.scipy.linalg.solve_triangular(a, b, lower=True),
)


def make(workload: str, task: str, dtype: str) -> Forms:
    """The forms of a task."""
    p = problem(workload, dtype)
    run = TASKS[task](MODELS[p.model](FUNCTIONS), p)
    return {} if run is None else {"eager": run}


Run = Callable[[], Any] | None


def _product_at(m: Model, p: Problem) -> Callable[[Any], Any]:
    """Reverse over reverse: the gradient is recorded here, a product is a sweep back over it."""
    return autograd.make_hvp(lambda params: m.loss(params, *p.args))(p.params)[0]


def _value(m: Model, p: Problem) -> Run:
    return lambda: m.loss(p.params, *p.args)


def _value_and_grad(m: Model, p: Problem) -> Run:
    f = autograd.value_and_grad(m.loss)
    return lambda: f(p.params, *p.args)


def _product(m: Model, p: Problem) -> Run:
    v = p.direction
    return lambda: _product_at(m, p)(v)


def _again(m: Model, p: Problem) -> Run:
    v, push = p.direction, _product_at(m, p)
    return lambda: push(v)


def _many(m: Model, p: Problem) -> Run:
    columns = [[d[i] for d in p.directions] for i in range(DIRECTIONS)]

    def products() -> Any:
        push = _product_at(m, p)
        return _stacked([push(v) for v in columns])

    return products


def _each(m: Model, p: Problem) -> Run:
    f = autograd.grad(m.loss)
    return lambda: _stacked([f(p.params, *one) for one in zip(*p.args, strict=True)])


def _stacked(results: list[Any]) -> list[Any]:
    return [np.stack(leaves) for leaves in zip(*results, strict=True)]


def _jacobian(m: Model, p: Problem) -> Run:
    assert m.outputs is not None
    outputs, x = m.outputs, p.args[0][:JACOBIAN_EXAMPLES]
    start, unflatten = flatten(p.params)
    f = autograd.jacobian(lambda flat: outputs(unflatten(flat), x))
    return lambda: f(start)


def _hessian(m: Model, p: Problem) -> Run:
    if sum(p.sizes) > HESSIAN_LIMIT:
        return None
    start, unflatten = flatten(p.params)
    f = autograd.hessian(lambda flat: m.loss(unflatten(flat), *p.args))
    return lambda: f(start)


def _eigenvalues(m: Model, p: Problem) -> Run:
    start, unflatten = flatten(p.params)

    def largest() -> Any:
        product = autograd.make_hvp(lambda flat: m.loss(unflatten(flat), *p.args))(start)[0]
        return eigenvalues(product, start.size)

    return largest


def _adam(m: Model, p: Problem) -> Run:
    f, state = autograd.value_and_grad(m.loss), p.stepped()

    def run() -> Any:
        nonlocal state
        state = adam(np.sqrt, *state, f(state[0], *p.args)[1])
        return state[0]

    return run


TASKS: dict[str, Callable[[Model, Problem], Run]] = {
    VALUE: _value,
    GRADIENT: _value_and_grad,
    HVP: _product,
    AGAIN: _again,
    MANY: _many,
    EACH: _each,
    JACOBIAN: _jacobian,
    HESSIAN: _hessian,
    SPARSE: _hessian,
    EIGENVALUES: _eigenvalues,
    ADAM: _adam,
}
