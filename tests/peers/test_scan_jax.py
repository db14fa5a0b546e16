"""``scan`` against ``jax.lax.scan``, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.peers

RNG = np.random.default_rng(0)
W, C, X, V = (RNG.normal(size=s) / 2 for s in ((3, 3), (3,), (8, 3), (3, 3)))


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("checkpoint", [False, 3])
def test_value_gradient_and_hessian(backward: bool, checkpoint: Any) -> None:
    jnp = jax.numpy

    def f(module: Any, how: Any, w: Any, xs: Any, **options: Any) -> Any:
        def body(c: Any, x: Any) -> Any:
            h = module.tanh(w @ c + x)
            return h, h * c

        c, ys = how(body, module.asarray(C), xs, reverse=backward, **options)
        return (c**3).sum() + (ys * ys).sum()

    def ours(w: Any, xs: Any) -> Any:
        return f(np, tg.scan, w, xs, checkpoint=checkpoint)

    def theirs(w: Any, xs: Any) -> Any:
        return f(jnp, jax.lax.scan, w, xs)

    with jax.enable_x64():
        for n in (0, 1):
            expected = jax.grad(theirs, n)(W, X)
            np.testing.assert_allclose(tg.grad(ours, n)(W, X), expected, rtol=1e-10, atol=1e-12)
        expected = jax.jvp(lambda w: jax.grad(theirs)(w, X), (W,), (V,))[1]
        np.testing.assert_allclose(tg.hvp(ours, W, V, X), expected, rtol=1e-10, atol=1e-12)
