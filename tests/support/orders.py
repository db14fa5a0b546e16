"""First and second derivatives at a point, in every way that the library computes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from comparing import close

import tinygrad_hess as tg

Function = Callable[..., Any]


@contextmanager
def quietly() -> Iterator[None]:
    """For values at which NumPy itself warns, such as log(0)."""
    with np.errstate(all="ignore"):
        yield


def stacked(x: Any) -> Any:
    return np.stack([x, x, x])


def first(f: Function, x: Any, want: Any, rtol: float = 1e-12, atol: float = 1e-300) -> None:
    """The gradient of the scalar ``f`` at ``x``: transformed, pushed forward, recorded, batched."""
    x, want = np.asarray(x, float), np.asarray(want, float)
    close(tg.grad(f)(x), want, rtol, atol, elementwise=True)
    _, push = tg.linearize(f, x)
    _, pull = tg.vjp(f, x)
    close(pull(np.float64(1))[0], want, rtol, atol, elementwise=True)
    if np.isfinite(want).all():  # otherwise a zero of a direction meets an infinity
        close(push(np.ones_like(x)), want.sum(), rtol, max(atol, rtol), elementwise=True)
        if x.ndim:
            for i in np.ndindex(x.shape):
                e = np.zeros_like(x)
                e[i] = 1
                close(push(e), want[i], rtol, atol, elementwise=True)
    leaf = tg.tensor(x, requires_grad=True)
    f(leaf).backward()
    assert leaf.grad is not None
    close(leaf.grad.numpy(), want, rtol, atol, elementwise=True)
    close(tg.vmap(tg.grad(f))(stacked(x)), stacked(want), rtol, atol, elementwise=True)


def second(
    f: Function, x: Any, want: Any, v: Any = None, rtol: float = 1e-12, atol: float = 1e-300
) -> None:
    """The Hessian-vector product along ``v`` (ones): in all nestings, and batched."""
    x, want = np.asarray(x, float), np.asarray(want, float)
    v = np.ones_like(x) if v is None else np.asarray(v, float)
    close(tg.hvp(f, x, v), want, rtol, atol, elementwise=True)
    close(
        tg.vmap(lambda x: tg.hvp(f, x, v))(stacked(x)), stacked(want), rtol, atol, elementwise=True
    )
    close(tg.vjp(tg.grad(f), x)[1](v)[0], want, rtol, atol, elementwise=True)
    close(tg.grad(lambda x: tg.jvp(f, (x,), (v,))[1])(x), want, rtol, atol, elementwise=True)
    if np.isfinite(want).all():
        twice = tg.jvp(lambda x: tg.jvp(f, (x,), (v,))[1], (x,), (v,))[1]
        close(twice, np.sum(want * v), rtol, max(atol, rtol), elementwise=True)
