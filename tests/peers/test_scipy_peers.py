"""Agreement with JAX in float64: differential equations, convolution, equations of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import close

import tinygrad_hess as tg
from tinygrad_hess.scipy import integrate, linalg, signal, stats

pytestmark = [
    pytest.mark.peers,
    pytest.mark.slow,  # JAX compiles each function
    pytest.mark.usefixtures("jax"),
    pytest.mark.filterwarnings("ignore"),
]
RNG = np.random.default_rng(17)
X, K = RNG.normal(size=9), RNG.normal(size=4)
IMAGE, KERNEL = RNG.normal(size=(5, 6)), RNG.normal(size=(2, 3))
SQUARE = RNG.uniform(-1, 1, (3, 3)) + 3 * np.eye(3)
TIMES = np.array([0.0, 0.5, 1.2, 2.0])
RATES = np.array([1.1, 0.4, 0.1, 0.4])


def _lotka_volterra(np_: Any) -> Callable[..., Any]:
    def f(y: Any, t: Any, r: Any) -> Any:
        growth = r[0] * y[0] - r[1] * y[0] * y[1] + 0.1 * np_.sin(t)
        return np_.stack([growth, r[2] * y[0] * y[1] - r[3] * y[1]])

    return f


def agree(ours: Callable[..., Any], theirs: Callable[..., Any], args: Any, rtol: float) -> None:
    """Values, gradients in all arguments, and Hessian-vector products."""
    import jax

    with jax.enable_x64(True):
        given = tuple(map(jax.numpy.asarray, args))
        directions = tuple(np.cos(np.arange(a.size)).reshape(a.shape) for a in args)
        which = tuple(range(len(args)))
        total = lambda f: lambda *a: (f(*a) ** 2).sum()
        close(ours(*args), theirs(*given), rtol, rtol, elementwise=True)
        for a, b in zip(
            tg.grad(total(ours), which)(*args), jax.grad(total(theirs), which)(*given), strict=True
        ):
            close(a, b, rtol, rtol, elementwise=True)
        got = tg.jvp(tg.grad(total(ours), which), args, directions)[1]
        try:
            want = jax.jvp(
                jax.grad(total(theirs), which), given, tuple(map(jax.numpy.asarray, directions))
            )[1]
        except TypeError:  # JAX's odeint has a reverse rule alone: reverse over reverse
            want = jax.grad(
                lambda *a: sum(
                    (g * d).sum()
                    for g, d in zip(jax.grad(total(theirs), which)(*a), directions, strict=True)
                ),
                which,
            )(*given)
        for a, b in zip(got, want, strict=True):
            close(a, b, rtol, rtol, elementwise=True)


def test_odeint() -> None:
    import jax.experimental.ode

    tight = {"rtol": 1e-11, "atol": 1e-11}
    agree(
        lambda y0, t, r: integrate.odeint(_lotka_volterra(np), y0, t, (r,), **tight),
        lambda y0, t, r: jax.experimental.ode.odeint(_lotka_volterra(jax.numpy), y0, t, r, **tight),
        (np.array([2.0, 1.0]), TIMES, RATES),
        1e-7,
    )


@pytest.mark.parametrize("mode", ["full", "valid", "same"])
@pytest.mark.parametrize(
    "name", ["convolve", "correlate", "convolve2d", "correlate2d", "fftconvolve"]
)
def test_convolution(name: str, mode: str) -> None:
    import jax.scipy.signal

    args = (IMAGE, KERNEL) if name.endswith("2d") else (X, K)
    f, theirs = getattr(signal, name), getattr(jax.scipy.signal, name)
    agree(lambda a, b: f(a, b, mode), lambda a, b: theirs(a, b, mode), args, 1e-10)


def test_matrices() -> None:
    import jax.scipy.linalg as theirs

    agree(linalg.block_diag, theirs.block_diag, (SQUARE, KERNEL), 1e-9)
    for a in (SQUARE[[2, 0, 1]], KERNEL, KERNEL.T):
        for i in (1, 2):
            agree(lambda a, i=i: linalg.lu(a)[i], lambda a, i=i: theirs.lu(a)[i], (a,), 1e-9)
    agree(
        lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b),
        lambda a, b: theirs.lu_solve(theirs.lu_factor(a), b),
        (SQUARE, SQUARE[0]),
        1e-9,
    )


def test_log_densities() -> None:
    import jax.scipy.stats as theirs

    inside = np.array([0.3, 0.6, 0.9])
    for name, shapes in (
        ("pareto", (2.5,)), ("gamma", (2.5,)), ("chi2", (3.0,)), ("vonmises", (1.5,)),
        ("gennorm", (2.5,)), ("truncnorm", (-0.7, 1.6)), ("laplace", ()), ("expon", ()),
        ("beta", (1.5, 2.5)), ("t", (3.5,)),
    ):  # fmt: skip
        x = inside + (name == "pareto")
        f, other = getattr(stats, name), getattr(theirs, name)
        args = (x, *map(np.asarray, shapes))
        agree(f.logpdf, other.logpdf, args, 1e-8)
