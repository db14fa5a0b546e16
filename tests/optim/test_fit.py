"""Training in one call, and optimisers inside a replayed step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from comparing import close

import tinygrad_hess as tg
from tinygrad_hess import nn, optim

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 1))
START = {"w": RNG.normal(size=(3, 8)), "v": RNG.normal(size=(8, 1))}
OPTIMIZERS = {
    "sgd": lambda: optim.SGD(lr=0.1),
    "nesterov": lambda: optim.SGD(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam on a schedule": lambda: optim.Adam(lr=lambda t: 0.1 / (1 + t)),
    "adamw": lambda: optim.AdamW(lr=0.1, weight_decay=0.1),
}


def loss(p: Any, batch: Any) -> Any:
    x, y = batch
    return ((np.tanh(x @ p["w"]) @ p["v"] - y) ** 2).mean()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_inside_jit_is_the_step_outside(name: str) -> None:
    opt = OPTIMIZERS[name]()

    def step(p: Any, state: Any, x: Any, y: Any) -> Any:
        value, g = tg.value_and_grad(loss)(p, (x, y))
        return value, *opt.update(p, g, state)

    calls = []
    jitted = tg.jit(lambda *args: (calls.append(1), step(*args))[1])
    plain = replayed = (START, opt.init(START))
    for k in range(6):
        x = X + k
        value, *plain = step(*plain, x, Y)
        other, *replayed = jitted(*replayed, x, Y)
        assert value == pytest.approx(other, rel=1e-13)
        close(plain, replayed, 1e-12, 1e-15, elementwise=True, strict=True)
    assert replayed[1].step == 6
    assert len(calls) == 2, "recorded again at another step"


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("jit", [True, False])
def test_fit_does_what_the_loop_does(name: str, jit: bool) -> None:
    opt = OPTIMIZERS[name]()
    batches = [(X[:8], Y[:8]), (X[8:16], Y[8:16]), (X[16:], Y[16:])]
    p, state, losses = START, opt.init(START), []
    for _ in range(4):
        for batch in batches:
            value, g = tg.value_and_grad(loss)(p, batch)
            losses.append(value)
            p, state = opt.update(p, g, state)
    found = optim.fit(loss, START, batches, opt, epochs=4, jit=jit)
    close(found.params, p, 1e-11, 1e-15, elementwise=True, strict=True)
    close(found.state, state, 1e-11, 1e-15, elementwise=True, strict=True)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-11)


def test_a_second_run_goes_on_where_the_first_stopped() -> None:
    opt = optim.Adam(lr=0.05)
    whole = optim.fit(loss, START, (X, Y), opt, epochs=7)
    first = optim.fit(loss, START, (X, Y), opt, epochs=3)
    second = optim.fit(loss, first.params, (X, Y), opt, epochs=4, state=first.state)
    close(second.params, whole.params, 1e-12, 1e-15, elementwise=True, strict=True)
    np.testing.assert_array_equal(np.r_[first.losses, second.losses], whole.losses)


def test_a_module_is_fitted_and_the_first_one_stays() -> None:
    model = nn.MLP([3, 5, 1], nn.tanh, seed=0)
    before = [np.array(p.value) for p in model.parameters()]
    found = optim.fit(
        lambda m, b: ((m(b[0]) - b[1]) ** 2).mean(), model, (X, Y), optim.SGD(lr=0.1), epochs=30
    )
    assert isinstance(found.params, nn.MLP)
    assert found.losses[-1] < 0.8 * found.losses[0]
    for p, old in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.value, old)


def test_a_loss_that_cannot_be_replayed_is_recorded() -> None:
    def branching(p: Any, batch: Any) -> Any:
        value = loss(p, batch)
        return value if value > 0.5 else 2 * value

    plain = optim.fit(branching, START, (X, Y), optim.SGD(lr=0.1), epochs=20, jit=False)
    tried = optim.fit(branching, START, (X, Y), optim.SGD(lr=0.1), epochs=20)
    close(tried.params, plain.params, 1e-12, 1e-15, elementwise=True, strict=True)

    rng = np.random.default_rng(0)
    noisy = lambda p, batch: loss(p, (batch[0] + rng.normal(size=batch[0].shape), batch[1]))
    found = optim.fit(noisy, START, (X, Y), optim.SGD(lr=0.0), epochs=10)
    assert len(set(found.losses)) == 10, "a draw was frozen"


def test_a_callback_sees_each_step_and_can_end_it() -> None:
    seen = []

    def callback(step: int, params: Any, value: float, state: Any) -> bool:
        assert state.step == step
        seen.append((step, value))
        return step == 5

    found = optim.fit(loss, START, (X, Y), optim.SGD(lr=0.1), epochs=50, callback=callback)
    assert [s for s, _ in seen] == list(range(6))
    np.testing.assert_array_equal([v for _, v in seen], found.losses)


def test_a_loss_that_is_not_finite_ends_it() -> None:
    with pytest.raises(FloatingPointError, match="at step"):
        optim.fit(lambda p, b: loss(p, b) ** 4, START, (X, Y), optim.SGD(lr=1e6), epochs=50)
    with pytest.raises(ValueError, match="epochs"):
        optim.fit(loss, START, (X, Y), optim.SGD(lr=0.1), epochs=-1)


def test_updates_are_not_differentiated_through() -> None:
    opt = optim.Adam(lr=0.1)

    def after(p: Any) -> Any:
        new, _ = opt.update(p, p, opt.init({"w": START["w"]}))
        return (new["w"] ** 2).sum()

    with pytest.raises(tg.NonDifferentiableError):
        tg.grad(after)({"w": START["w"]})
    with pytest.raises(tg.NonDifferentiableError):
        tg.jit(tg.grad(after))({"w": START["w"]})
