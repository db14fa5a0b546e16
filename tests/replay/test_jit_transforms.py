"""Transforms inside and outside of ``jit``, and nets in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close
from jit_functions import INSIDE, NETS, energy, loss
from replayed import RNG, M, N, X, Y, agrees

import tinygrad_hess as tg
from tinygrad_hess import nn


@pytest.mark.parametrize("name", INSIDE)
def test_transforms_inside(name: str) -> None:
    f = INSIDE[name]
    agrees(f, (X, M), (Y, N), (2 * X, M - N))


@pytest.mark.parametrize("name", INSIDE)
def test_transforms_inside_in_float32(name: str) -> None:
    """Of the dtypes that recording gives, at two points, in alternation with float64."""
    f = INSIDE[name]
    x, m, y, n = (a.astype(np.float32) for a in (X, M, Y, N))
    agrees(f, (x, m), (X, M), (y, n))


# ---- transforms outside -------------------------------------------------------------------------

OUTSIDE: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "grad": lambda f: lambda x, m: tg.grad(f)(x, m),
    "grad in the second": lambda f: lambda x, m: tg.grad(f, argnums=1)(x, m),
    "hvp": lambda f: lambda x, m: tg.hvp(f, x, x, m),
    "hessian": lambda f: tg.hessian(f),
    "jvp": lambda f: lambda x, m: tg.jvp(f, (x, m), (x, m)),
    "vjp": lambda f: lambda x, m: tg.vjp(f, x, m)[1](1.0),
    "vmap": lambda f: lambda x, m: tg.vmap(f, (0, None))(m, m),
    "vmap of grad": lambda f: lambda x, m: tg.vmap(tg.grad(f), (0, None))(m, m),
    "grad of vmap": lambda f: lambda x, m: tg.grad(lambda m: tg.vmap(f, (0, None))(m, m).sum())(m),
    "checkpoint": lambda f: tg.grad(tg.checkpoint(f)),
    "grad of jit of grad": lambda f: tg.grad(lambda x, m: (tg.jit(tg.grad(f))(x, m) ** 2).sum()),
    "a closure": lambda f: tg.grad(lambda x, m: f(x * 2, m) * f(x, np.ones_like(M))),
    "jit": lambda f: tg.jit(f),
    "jit of jit of grad": lambda f: tg.jit(tg.jit(tg.grad(f))),
    "jit of hvp": lambda f: tg.jit(lambda x, m: tg.hvp(f, x, x, m)),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_transforms_outside(name: str) -> None:
    """A transform of a jitted function is the transform of the function."""
    transform = OUTSIDE[name]
    outside, plain = transform(tg.jit(energy)), transform(energy)
    for args in ((X, M), (Y, N), (X, M)):
        close(outside(*args), plain(*args), strict=True, what=name)


def test_backward_goes_through_a_jitted_function() -> None:
    x = tg.tensor(X, requires_grad=True)
    tg.jit(energy)(x, M).backward()
    assert x.grad is not None
    close(x.grad.numpy(), tg.grad(energy)(X, M), strict=True)


def test_a_jitted_function_of_constants_inside_another() -> None:
    inner = tg.jit(lambda x: np.sin(x) * 2)
    agrees(lambda x: x * inner(M[0]) + inner(x), (X,), (Y,))


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nets_with_other_weights_inputs_and_labels(net: str, dtype: Any) -> None:
    """A module is a pytree of arguments; labels are an array, so others give another loss."""
    model, x, labels = NETS[net](0, dtype)
    other, z, _ = NETS[net](1, dtype)
    turned = (labels + 1) % 3
    calls = [(model, x, labels), (other, z, turned), (model, x, turned)]
    for f in (loss, tg.value_and_grad(loss), lambda m, x, y: tg.hvp(loss, m, m, x, y)):
        jitted = tg.jit(f)
        for args in calls:
            close(jitted(*args), f(*args), ulps=128, strict=True, what=net)
    assert loss(*calls[0]) != loss(*calls[2])


def test_modules_that_differ_in_what_is_no_array_are_recorded_apart() -> None:
    """The same weights under another activation are another function."""
    x = RNG.normal(size=(5, 4))
    nets = [nn.MLP([4, 6, 2], f, seed=0) for f in (nn.tanh, nn.relu, np.sin)]
    agrees(lambda m, x: m(x), *[(m, x) for m in nets], (nets[0], 2 * x))
    agrees(tg.grad(lambda m, x: (m(x) ** 2).sum()), *[(m, x) for m in nets])
