"""``debug_nans`` names operation, shapes and the line of user code, whatever transform is around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.curvature import HessianOperator

X, ZERO = np.array([1.0, 3.0]), np.array([0.0, 1.0])
ONES = np.ones(2)
log, sqrt = tg.numpy.log, tg.numpy.sqrt


def value(x: Any) -> Any:
    return log(x - 2.0).sum()


def slope(x: Any) -> Any:
    return (sqrt(x) ** 4).sum()


def body(c: Any, t: Any) -> Any:
    return c + log(t - 2.0), c


def steep(c: Any, t: Any) -> Any:
    return c + sqrt(t) ** 2, c


VALUES: dict[str, Callable[[], Any]] = {
    "a tensor": lambda: value(tg.tensor(X, requires_grad=True)),
    "jit": lambda: tg.jit(value)(X),
    "vmap": lambda: tg.vmap(value)(np.stack([X, X])),
    "scan": lambda: tg.scan(body, 0.0, X),
    "checkpoint": lambda: tg.grad(tg.checkpoint(value))(X),
    "an operator": lambda: HessianOperator(value, X) @ ONES,
}
SLOPES: dict[str, Callable[[], Any]] = {
    "grad": lambda: tg.grad(lambda x: (sqrt(x) ** 2).sum())(ZERO),
    "jit": lambda: tg.jit(tg.grad(slope))(ZERO),
    "vmap": lambda: tg.vmap(tg.grad(slope))(np.stack([ZERO, ZERO])),
    "scan": lambda: tg.grad(lambda x: tg.scan(steep, 0.0, x)[0])(ZERO),
    "checkpoint": lambda: tg.grad(tg.checkpoint(slope))(ZERO),
    "jvp": lambda: tg.jvp(slope, (ZERO,), (ONES,)),
    "hvp": lambda: tg.hvp(slope, ZERO, ONES),
    "an operator": lambda: HessianOperator(slope, ZERO) @ ONES,
    "in segments": lambda: HessianOperator(slope, ZERO, memory_limit="2MB") @ ONES,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("where", VALUES)
def test_a_value(where: str) -> None:
    told = r"log\(float64(\(\)|\(2,\))\) made a NaN; called at .*test_debug_nans_everywhere.py:\d+"
    with tg.debug_nans(), pytest.raises(tg.NanError, match=told):
        VALUES[where]()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("where", SLOPES)
def test_a_derivative(where: str) -> None:
    told = (
        r"the derivative of (sqrt|square|power_scalar)\(float64.*\) is NaN, in the (reverse|forward) sweep "
        r"\(\w+\); recorded at .*test_debug_nans_everywhere.py:\d+"
    )
    with tg.debug_nans(), pytest.raises(tg.NanError, match=told):
        SLOPES[where]()


@tg.custom_vjp
def steep_vjp(x: Any) -> Any:
    return tg.numpy.exp(x)


@tg.custom_jvp
def steep_jvp(x: Any) -> Any:
    return tg.numpy.exp(x)


steep_vjp.defvjp(lambda x: (tg.numpy.exp(x), x), lambda x, g: (g * log(x - 2.0),))
steep_jvp.defjvp(lambda x, t: (tg.numpy.exp(x[0]), t[0] * log(x[0] - 2.0)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("f", [steep_vjp, steep_jvp])
def test_a_rule_of_the_user(f: Callable[..., Any]) -> None:
    loss = lambda x: f(x).sum()
    line = loss.__code__.co_firstlineno
    with tg.debug_nans(), pytest.raises(tg.NanError, match=rf"everywhere.py:{line}$"):
        tg.jvp(loss, (X,), (ONES,))
    with tg.debug_nans(), pytest.raises(tg.NanError, match=r"everywhere.py:\d+$"):
        tg.grad(loss)(X)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_tape_from_before() -> None:
    _, pullback = tg.vjp(slope, ZERO)
    with tg.debug_nans(), pytest.raises(tg.NanError, match="; recorded before debug_nans"):
        pullback(1.0)


def test_masks_and_missing_data_are_no_errors() -> None:
    seen = np.tril(np.ones((4, 4), bool))

    def attention(q: Any) -> Any:
        scores = np.where(seen, q @ q.T, -np.inf)
        return (tg.ops.softmax(scores, axis=-1) @ q).sum()

    q = np.random.default_rng(0).normal(size=(4, 3))
    safe = lambda x: np.where(x > 0, log(np.where(x > 0, x, 1.0)), 0.0).sum()
    with tg.debug_nans():
        assert np.isfinite(tg.hvp(attention, q, q)).all()
        np.testing.assert_array_equal(tg.grad(safe)(ZERO), [0.0, 1.0])
        with tg.nan_safe():
            assert tg.grad(lambda x: np.where(x > 0, sqrt(x), 0.0).sum())(ZERO).tolist() == [0, 0.5]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_overflow_of_float32_is_told_from_a_loss_that_diverged() -> None:
    loss = lambda w: (w**8).sum()
    with pytest.raises(ValueError, match=r"float32 overflows .* the value is 2e\+48\. Compute in"):
        HessianOperator(loss, np.full(2, 1e6, np.float32)) @ np.ones(2, np.float32)
    with pytest.raises(ValueError, match="In float64 it is inf, too: float32 is not the reason"):
        HessianOperator(lambda w: 1 / loss(w - w), np.full(2, 1e6, np.float32)) @ ONES
    with pytest.raises(ValueError, match="the value is inf, so there is no curvature") as caught:
        HessianOperator(loss, np.full(2, 1e60)) @ ONES
    assert "float32" not in str(caught.value)
