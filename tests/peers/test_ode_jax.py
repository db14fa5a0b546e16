"""``ode.solve`` against ``jax.experimental.ode.odeint`` and ``jax.lax.scan``, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

jax = pytest.importorskip("jax")
ode = pytest.importorskip("jax.experimental.ode")
pytestmark = pytest.mark.peers

START = np.array([10.0, 5.0])
P = np.array([1.1, 0.4, 0.1, 0.4])
V = np.array([0.3, -1.0, 0.5, 0.2])
TS = np.linspace(0.0, 8.0, 9)
TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def slope(module: Any) -> Any:
    def f(t: Any, y: Any, p: Any) -> Any:
        prey, hunters = y[0], y[1]
        return module.stack(
            [prey * (p[0] - p[1] * hunters + module.sin(t)), hunters * (p[2] * prey - p[3])]
        )

    return f


@pytest.mark.parametrize("gradient", ["discrete", "continuous"])
def test_adaptive_steps(gradient: str) -> None:
    def ours(p: Any, y0: Any) -> Any:
        ys = tg.ode.solve(slope(np), y0, TS, p, gradient=gradient, **TIGHT)
        return (ys * ys).sum()

    def theirs(p: Any, y0: Any) -> Any:
        f = slope(jax.numpy)
        ys = ode.odeint(lambda y, t, p: f(t, y, p), y0, jax.numpy.asarray(TS), p, **TIGHT)
        return (ys * ys).sum()

    with jax.enable_x64():
        np.testing.assert_allclose(ours(P, START), theirs(P, START), rtol=1e-8)
        for n in (0, 1):
            expected = jax.grad(theirs, n)(P, START)
            np.testing.assert_allclose(tg.grad(ours, n)(P, START), expected, rtol=2e-7)


def test_given_steps_to_rounding() -> None:
    h = TS[1] - TS[0]

    def theirs(p: Any) -> Any:
        f = slope(jax.numpy)

        def step(y: Any, t: Any) -> Any:
            a = f(t, y, p)
            b = f(t + h / 2, y + h / 2 * a, p)
            c = f(t + h / 2, y + h / 2 * b, p)
            y = y + h / 6 * (a + 2 * b + 2 * c + f(t + h, y + h * c, p))
            return y, y

        return (jax.lax.scan(step, jax.numpy.asarray(START), TS[:-1])[1] ** 2).sum()

    ours = lambda p: (tg.ode.solve(slope(np), START, TS, p, method="rk4")[1:] ** 2).sum()
    with jax.enable_x64():
        np.testing.assert_allclose(tg.grad(ours)(P), jax.grad(theirs)(P), rtol=1e-11)
        expected = jax.jvp(jax.grad(theirs), (P,), (V,))[1]
        np.testing.assert_allclose(tg.hvp(ours, P, V), expected, rtol=1e-10)
        np.testing.assert_allclose(tg.jit(tg.hvp, 0)(ours, P, V), expected, rtol=1e-10)
