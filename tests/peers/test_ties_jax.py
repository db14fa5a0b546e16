"""Kinks and ties, where derivatives are conventions: which of JAX's are ours, and which are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import random_libraries
from jaxpr_in_numpy import evaluate

import tinygrad_hess as tg

pytestmark = [
    pytest.mark.peers,
    # JAX warns of what is no concern here (deprecated corners of NumPy, no GPU).
    pytest.mark.filterwarnings("ignore"),
]
POINT = np.array([0.0, 0.0, 1.0, 1.0, -1.0])
WEIGHTS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
Function = Callable[[Any, Any], Any]

SAME: dict[str, Function] = {
    "sign": lambda lib, x: lib.np.sign(x) + x,
    "relu": lambda lib, x: lib.relu(x),
    "elu": lambda lib, x: lib.elu(x),
    "hard_tanh": lambda lib, x: lib.hard_tanh(x),
    "clip": lambda lib, x: lib.np.clip(x, -1, 1),
    "clip from below": lambda lib, x: lib.np.clip(x, 0, None),
    "maximum": lambda lib, x: lib.np.maximum(x, 0.0),
    "minimum": lambda lib, x: lib.np.minimum(x, 1.0),
    "max": lambda lib, x: lib.np.max(x) * WEIGHTS,
    "min": lambda lib, x: lib.np.min(x * x) * x,
    "median": lambda lib, x: lib.np.median(x) * WEIGHTS,
    "sort": lambda lib, x: lib.np.sort(x),
    "ptp": lambda lib, x: lib.np.ptp(x) * WEIGHTS,
    "topk": lambda lib, x: lib.topk(x, 3)[np.array([0, 1, 2, 1, 1])],
    "norm of order inf": lambda lib, x: lib.np.linalg.norm(x, np.inf) + 0 * x,
    "power 0": lambda lib, x: x**0,
    "power 2": lambda lib, x: x**2,
    "prod": lambda lib, x: lib.np.prod(x) * WEIGHTS,
    "cumprod": lambda lib, x: lib.np.cumprod(x),
    "sinc": lambda lib, x: lib.np.sinc(x),
    "xlogy": lambda lib, x: lib.special.xlogy(x * x, x * x + 1),
    "logaddexp": lambda lib, x: lib.np.logaddexp(x, x[::-1]),
    "sqrt of a square": lambda lib, x: lib.np.sqrt(lib.np.maximum(x * x, 0.25)),
    "heaviside": lambda lib, x: lib.np.heaviside(x, 0.5) * x,
    "remainder": lambda lib, x: lib.np.remainder(x, 1.0),
}

OWN: dict[str, tuple[Function, list[float], list[float]]] = {
    "absolute: 0 at 0": (lambda lib, x: lib.np.abs(x), [0, 0, 3, 4, -5], [1, 2, 3, 4, -5]),
    "copysign: as absolute": (
        lambda lib, x: lib.np.copysign(x, 1.0), [0, 0, 3, 4, -5], [1, 2, 3, 4, -5],
    ),
    "norm of order 1: as absolute": (
        lambda lib, x: lib.np.linalg.norm(x, 1) * np.eye(5)[0], [0, 0, 1, 1, -1], [1, 1, 1, 1, -1],
    ),
    "fmax: ties share": (lambda lib, x: lib.np.fmax(x, 0.0), [0.5, 1, 3, 4, 0], [0, 0, 3, 4, 0]),
    "cummax: the last of tied ones": (
        lambda lib, x: lib.cummax(x, 0), [1, 2, 3, 9, 0], [2, 1, 7.5, 4.5, 0],
    ),
    "max_pool2d: ties share": (
        lambda lib, x: lib.max_pool2d(x[:4].reshape(1, 1, 2, 2), 2)[0, 0, 0] * np.eye(5)[0],
        [0, 0, 0.5, 0.5, 0],
        [0, 0, 1, 0, 0],
    ),
    "norm: 0 at 0": (
        lambda lib, x: lib.np.linalg.norm(x[:2]) * np.eye(5)[0], [0] * 5, [np.nan, np.nan, 0, 0, 0],
    ),
    "std: 0 where all are equal": (
        lambda lib, x: lib.np.std(x[:2]) * np.eye(5)[0], [0] * 5, [np.nan, np.nan, 0, 0, 0],
    ),
}  # fmt: skip


def slopes(jax: Any, f: Function) -> tuple[Any, Any]:
    """Gradients of a weighted sum here and there."""
    here, there = random_libraries.here(np), random_libraries.there()
    ours = tg.grad(lambda x: (f(here, x) * WEIGHTS).sum())(POINT)
    (theirs,) = evaluate(jax.grad(lambda x: (f(there, x) * WEIGHTS).sum()), POINT)
    return ours, theirs


@pytest.mark.parametrize("name", SAME)
def test_conventions_that_are_those_of_jax(jax: Any, name: str) -> None:
    ours, theirs = slopes(jax, SAME[name])
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", OWN)
def test_conventions_of_our_own(jax: Any, name: str) -> None:
    f, here, there = OWN[name]
    ours, theirs = slopes(jax, f)
    np.testing.assert_allclose(ours, here, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(theirs, there, rtol=1e-12, atol=1e-14)
