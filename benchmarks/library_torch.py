"""PyTorch on CPU, in up to three forms: torch.func, double backward, and torch.func compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.func import grad, grad_and_value, hessian, jacrev, jvp, linearize, vmap

from .eigenvalues import eigenvalues
from .models import MODELS, Functions, Model
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
    WORKLOADS,
    Forms,
)

COMPILED = (VALUE, GRADIENT, HVP)
"""Tasks that are compiled too; each takes seconds."""

UNCOMPILED = ("recurrent", "lstm", "predators", "chain", "joined", "gaussian", "conv")
"""Kinds of workload that are not: long loops take minutes, libraries' kernels gain nothing."""

FUNCTIONS = Functions(
    numpy=torch,
    dot=torch.matmul,
    logsumexp=lambda z: torch.logsumexp(z, -1),
    largest=lambda z: torch.amax(z, -1, keepdim=True),
    softplus=lambda z: torch.logaddexp(z, torch.zeros_like(z)),
    conv=torch.nn.functional.conv2d,
    cholesky=torch.linalg.cholesky,
    diagonal=torch.diagonal,
    solve_lower=lambda a, b: torch.linalg.solve_triangular(a, b, upper=False),
)


def make(workload: str, task: str, dtype: str) -> Forms:
    """The forms of a task."""
    p = problem(workload, dtype)
    forms = TASKS[task](MODELS[p.model](FUNCTIONS), p)
    wanted = task in COMPILED and p.model not in UNCOMPILED and workload in WORKLOADS
    return forms if wanted else {k: run for k, run in forms.items() if k != "compile"}


def _there(arrays: Any) -> Any:
    """As tensors."""
    if isinstance(arrays, (list, tuple)):
        return type(arrays)(_there(a) for a in arrays)
    return torch.tensor(arrays)


def _func(f: Callable[..., Any], *arrays: Any) -> Forms:
    args = _there(arrays)
    compiled = cache(lambda: torch.compile(f))  # the compiler takes seconds to import
    return {"func": lambda: f(*args), "compile": lambda: compiled()(*args)}


def _leaves(p: Problem) -> list[Any]:
    return [a.requires_grad_() for a in _there(p.params)]


def _hvp(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Forward over reverse, as its documentation has it."""
    return lambda params, v, *args: jvp(lambda q: grad(loss)(q, *args), (params,), (v,))[1]


def _value(m: Model, p: Problem) -> Forms:
    return _func(m.loss, p.params, *p.args)


def _value_and_grad(m: Model, p: Problem) -> Forms:
    params, args, both = _leaves(p), _there(p.args), grad_and_value(m.loss)

    def backward() -> Any:
        value = m.loss(params, *args)
        return value.detach(), torch.autograd.grad(value, params)

    def in_order(*all_args: Any) -> Any:
        gradient, value = both(*all_args)
        return value, gradient

    return {"backward": backward, **_func(in_order, p.params, *p.args)}


def _product(m: Model, p: Problem) -> Forms:
    params, args, v = _leaves(p), _there(p.args), _there(p.direction)
    return {
        "backward": lambda: torch.autograd.grad(_gradient(m, params, args), params, v),
        **_func(_hvp(m.loss), p.params, p.direction, *p.args),
    }


def _gradient(m: Model, params: Any, args: Any) -> Any:
    """Such that it can be differentiated once more."""
    return torch.autograd.grad(m.loss(params, *args), params, create_graph=True)


def _again(m: Model, p: Problem) -> Forms:
    params, args, v = _leaves(p), _there(p.args), _there(p.direction)
    gradient = _gradient(m, params, args)
    _, push = linearize(lambda q: grad(m.loss)(q, *args), _there(p.params))
    return {
        "backward": lambda: torch.autograd.grad(gradient, params, v, retain_graph=True),
        "func": lambda: push(v),
    }


def _many(m: Model, p: Problem) -> Forms:
    params, args, v = _leaves(p), _there(p.args), _there(p.directions)

    def products(params: Any, directions: Any, *args: Any) -> Any:
        return vmap(lambda v: _hvp(m.loss)(params, v, *args))(directions)

    def backward() -> Any:
        gradient = _gradient(m, params, args)
        return torch.autograd.grad(gradient, params, v, is_grads_batched=True)

    return {"backward": backward, **_func(products, p.params, p.directions, *p.args)}


def _each(m: Model, p: Problem) -> Forms:
    return _func(vmap(grad(m.loss), (None, 0, 0)), p.params, *p.args)


def _jacobian(m: Model, p: Problem) -> Forms:
    assert m.outputs is not None
    return _func(jacrev(m.outputs), p.params, p.args[0][:JACOBIAN_EXAMPLES])


def _hessian(m: Model, p: Problem) -> Forms:
    return _func(hessian(m.loss), p.params, *p.args)


def _sparse(m: Model, p: Problem) -> Forms:
    return _hessian(m, p) if sum(p.sizes) <= DENSE_LIMIT else {}


def _eigenvalues(m: Model, p: Problem) -> Forms:
    params, args = _leaves(p), _there(p.args)

    def largest() -> Any:
        gradient = torch.cat([g.ravel() for g in _gradient(m, params, args)])

        def product(v: Any) -> Any:
            found = torch.autograd.grad(gradient, params, torch.from_numpy(v), retain_graph=True)
            return torch.cat([x.ravel() for x in found]).numpy()

        return eigenvalues(product, gradient.numel())

    return {"backward": largest}


def _adam(m: Model, p: Problem) -> Forms:
    return {form: _training(m, p, fused=form == "fused") for form in ("default", "fused")}


def _training(m: Model, p: Problem, fused: bool) -> Callable[[], Any]:
    params, args = _leaves(p), _there(p.args)
    optimizer = torch.optim.Adam(params, lr=1e-3, fused=fused)

    def step() -> Any:
        optimizer.zero_grad()
        m.loss(params, *args).backward()
        optimizer.step()
        return params

    return step


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
