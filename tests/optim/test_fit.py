"""Training in one call, and optimisers inside a replayed step."""

from __future__ import annotations

import copy
import pickle
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


def distance(w: Any, b: Any) -> Any:
    return ((w - b) ** 2).sum()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_what_ends_the_training_carries_the_result_so_far(kind: type[BaseException]) -> None:
    def stopping(step: int, *_: Any) -> None:
        if step == 3:
            raise kind("stopped")

    with pytest.raises(kind) as caught:
        optim.fit(loss, START, (X, Y), optim.Adam(lr=0.05), epochs=9, callback=stopping)
    reached = caught.value.fitted  # type: ignore[attr-defined]
    whole = optim.fit(loss, START, (X, Y), optim.Adam(lr=0.05), epochs=3)
    close(reached.params, whole.params, 1e-13, 1e-15, elementwise=True, strict=True)
    np.testing.assert_array_equal(reached.losses, whole.losses)
    assert reached.state.step == 3
    assert any("error.fitted" in note for note in caught.value.__notes__)
    more = optim.fit(
        loss, reached.params, (X, Y), optim.Adam(lr=0.05), epochs=4, state=reached.state
    )
    longer = optim.fit(loss, START, (X, Y), optim.Adam(lr=0.05), epochs=7)
    close(more.params, longer.params, 1e-12, 1e-15, elementwise=True, strict=True)


def test_batches_that_fail_and_losses_that_are_not_finite_carry_it_too() -> None:
    def failing() -> Any:
        yield np.ones(2)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk") as caught:
        optim.fit(distance, np.zeros(2), failing(), optim.SGD(lr=0.1))
    assert len(caught.value.fitted.losses) == 1  # type: ignore[attr-defined]
    with pytest.raises(FloatingPointError) as blown:
        optim.fit(distance, np.ones(2), np.zeros(2), optim.SGD(lr=1e200), epochs=9)
    assert np.isfinite(blown.value.fitted.losses).all()  # type: ignore[attr-defined]


def test_data_that_can_be_walked_once() -> None:
    three = lambda: (np.ones(2) for _ in range(3))
    sgd = optim.SGD(lr=0.1)
    assert len(optim.fit(distance, np.zeros(2), three(), sgd).losses) == 3
    with pytest.raises(ValueError, match=r"generator.*once.*4 epochs.*list\(data\)"):
        optim.fit(distance, np.zeros(2), three(), sgd, epochs=4)
    assert len(optim.fit(distance, np.zeros(2), list(three()), sgd, epochs=4).losses) == 12
    spent = three()
    list(spent)
    with pytest.raises(ValueError, match="no batches"):
        optim.fit(distance, np.zeros(2), spent, sgd)


def test_several_callbacks() -> None:
    first, second = [], []
    found = optim.fit(
        distance, np.zeros(2), np.ones(2), optim.SGD(lr=0.1), epochs=9,
        callback=[lambda step, *_: first.append(step), lambda step, *_: second.append(step) or step == 2],
    )  # fmt: skip
    assert first == second == [0, 1, 2]
    assert repr(found).startswith("Fitted(3 steps, loss 2 -> 0.819, best 0.819 at 2")
    assert repr(optim.fit(distance, np.zeros(2), np.ones(2), optim.SGD(), epochs=0)) == (
        "Fitted(0 steps)  # .params is trained"
    )


def test_a_loss_that_prints_is_recorded_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    def printing(w: Any, b: Any) -> Any:
        value = distance(w, b)
        print(f"{value:.3f}")
        return value

    found = optim.fit(printing, np.zeros(2), np.ones(2), optim.SGD(lr=0.1), epochs=3)
    printed = capsys.readouterr().out.split()
    assert printed == [f"{v:.3f}" for v in found.losses]


@pytest.mark.parametrize("copied", ["pickle", "deepcopy"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_copy_of_model_and_optimiser_goes_on_like_the_first(name: str, copied: str) -> None:
    """The moments come along: they belong to places in the list, not to objects in memory."""
    made = {
        "sgd": lambda m: optim.SGD(m, lr=0.1),
        "nesterov": lambda m: optim.SGD(m, lr=0.05, momentum=0.9, nesterov=True),
        "adam on a schedule": lambda m: optim.Adam(m, lr=optim.cosine(0.1, 20, warmup=2)),
        "adamw": lambda m: optim.AdamW(m, lr=0.1, weight_decay=0.1),
    }
    copy_of = {"pickle": lambda x: pickle.loads(pickle.dumps(x)), "deepcopy": copy.deepcopy}

    def train(model: Any, opt: Any) -> None:
        for _ in range(3):
            opt.zero_grad()
            nn.mse(model(X), Y).backward()
            opt.step()

    model = nn.MLP([3, 4, 1], seed=0)
    opt = made[name](model)
    train(model, opt)
    other, same = copy_of[copied]((model, opt))
    assert same.parameters[0] is other.parameters()[0]
    train(model, opt)
    train(other, same)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
