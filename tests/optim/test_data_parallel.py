"""Training by workers: the same to the last bit whoever they are, and the steps of the whole batch."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from process_pools import process_pool

from tinygrad_hess import data, nn, optim

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(53, 4)), RNG.normal(size=53)
START = {"w": RNG.normal(size=4), "b": np.zeros(())}

one_process = partial(process_pool, 1, __name__)


def squared(p: Any, batch: Any) -> Any:
    """Linear regression, whose gradient is known."""
    x, y = batch
    return ((x @ p["w"] + p["b"] - y) ** 2).mean()


def net_loss(model: Any, batch: Any) -> Any:
    return nn.cross_entropy(model(batch[0]), batch[1])


def arrays_of(model: Any) -> Any:
    return model.state_dict().values()


def accuracy(model: Any, batch: Any) -> float:
    return float((np.asarray(model(batch[0])).argmax(1) == batch[1]).mean())


def trained(executor: Any, **options: Any) -> list[Any]:
    """Weights, moments, losses and what is measured, after some steps on uneven batches."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(47, 6)).astype(np.float32), rng.integers(0, 3, 47)
    batches = [(x[:20], y[:20]), (x[20:40], y[20:40]), (x[40:], y[40:])]
    model = nn.MLP([6, 16, 3], seed=0, dtype=np.float32)
    opt = optim.Adam(lr=0.01, max_norm=1.0)
    found = optim.fit(
        net_loss, model, batches, opt, epochs=3, executor=executor, shards=3,
        validation=[(x[:30], y[:30]), (x[30:], y[30:])], metrics={"accuracy": accuracy}, **options,
    )  # fmt: skip
    measured = [np.array(found.history[name]) for name in ("val_loss", "accuracy")]
    return [*arrays_of(found.params), *sum(found.state.slots, ()), found.losses, *measured]


def test_the_same_bits_for_any_workers(processes: Executor) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(2) as two, ThreadPoolExecutor(4) as four:
        expected = trained(one)
        others = {"2 threads": trained(two), "4 threads": trained(four)}
        others["a list of threads"] = trained([one, two, four])
        others["accumulated"] = trained(one, accumulate=2)
    others["2 processes"] = trained(processes)
    accumulated = others.pop("accumulated")
    for who, found in others.items():
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=who)
    for a, b in zip(accumulated, trained(processes, accumulate=2), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("jit", [True, False])
def test_the_steps_are_those_of_gradient_descent_on_the_whole(threads: Executor, jit: bool) -> None:
    w, b = START["w"], 0.0
    losses = []
    for _ in range(5):
        error = X @ w + b - Y
        losses.append((error**2).mean())
        w, b = w - 0.1 * 2 * X.T @ error / 53, b - 0.1 * 2 * error.mean()
    found = optim.fit(
        squared, START, (X, Y), optim.SGD(lr=0.1), epochs=5, executor=threads, jit=jit
    )
    np.testing.assert_allclose(found.params["w"], w, rtol=1e-12)
    np.testing.assert_allclose(found.params["b"], b, rtol=1e-12)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-12)


def rows(first: int, last: int) -> Any:
    return X[first:last], Y[first:last]


def test_batches_that_workers_open_and_loaders(processes: Executor) -> None:
    parts = [(0, 40), (40, 41), (41, 53)]  # one has fewer examples than there are shards
    given: dict[str, Any] = {
        "batches": [rows(*part) for part in parts],
        "functions": [partial(rows, *part) for part in parts],
    }
    fit = partial(optim.fit, squared, START, optimizer=optim.SGD(lr=0.1), epochs=2)
    found = {name: fit(data=x, executor=processes, shards=4) for name, x in given.items()}
    here = {name: fit(data=x) for name, x in given.items()}
    np.testing.assert_array_equal(found["batches"].params["w"], found["functions"].params["w"])
    np.testing.assert_array_equal(here["batches"].params["w"], here["functions"].params["w"])
    np.testing.assert_allclose(found["batches"].params["w"], here["batches"].params["w"], 1e-12)
    assert found["functions"].best_loss == found["batches"].best_loss  # weighted by examples
    shuffled = lambda: data.batches(X, Y, 16, seed=np.random.default_rng(3))
    np.testing.assert_allclose(
        fit(data=shuffled(), executor=processes, shards=4).params["w"],
        fit(data=shuffled()).params["w"],
        rtol=1e-12,
    )


def test_it_goes_on_from_a_checkpoint_with_other_workers(
    tmp_path: Path, threads: Executor, processes: Executor
) -> None:
    batches = lambda: data.batches(X, Y, 16, seed=np.random.default_rng(3))
    fit = partial(optim.fit, squared, START, optimizer=optim.Adam(lr=0.1), shards=3)
    fit = partial(fit, validation=[(X[:20], Y[:20]), (X[20:], Y[20:])], accumulate=2, patience=3)
    whole = fit(batches(), epochs=4, executor=threads)
    fit(batches(), epochs=2, executor=threads, checkpoint=tmp_path)
    found = fit(batches(), epochs=4, executor=processes, checkpoint=tmp_path, resume=True)
    for name in ("w", "b"):
        np.testing.assert_array_equal(found.params[name], whole.params[name])
        np.testing.assert_array_equal(found.best[name], whole.best[name])
    for name in ("loss", "val_loss"):
        np.testing.assert_array_equal(found.history[name], whole.history[name])


def dies(p: Any, batch: Any, flags: str) -> Any:
    for flag in Path(flags).iterdir():
        try:
            flag.unlink()
        except FileNotFoundError:  # another worker has just taken it
            continue
        os.kill(os.getpid(), signal.SIGKILL)
    return squared(p, batch)


def largest_error(p: Any, batch: Any) -> Any:
    return abs(batch[0] @ p["w"] + p["b"] - batch[1]).max()


def test_workers_measure_on_validation_data(threads: Executor, processes: Executor) -> None:
    """Whole batches, so that a metric may be no mean; whatever gives them, and with patience."""
    parts = [(0, 30), (30, 31), (31, 53)]
    batches = [rows(*part) for part in parts]
    fit = partial(
        optim.fit, squared, START, (X, Y), optim.SGD(lr=0.1), epochs=4,
        metrics={"largest": largest_error}, executor=processes,
    )  # fmt: skip
    found = fit(validation=batches)
    p = found.params
    errors = [abs(x @ p["w"] + p["b"] - y) for x, y in batches]
    weights = np.array([len(e) for e in errors]) / 53
    largest = sum(w * e.max() for w, e in zip(weights, errors))
    np.testing.assert_allclose(found.history["largest"][-1], largest, rtol=1e-12)
    mean = sum(w * (e**2).mean() for w, e in zip(weights, errors))
    np.testing.assert_allclose(found.history["val_loss"][-1], mean, rtol=1e-12)
    opened = fit(validation=[partial(rows, *part) for part in parts], executor=threads)
    loader = fit(validation=data.batches(X, Y, 16))
    for name in ("largest", "val_loss"):
        np.testing.assert_array_equal(opened.history[name], found.history[name])
    np.testing.assert_allclose(loader.history["val_loss"], found.history["val_loss"], rtol=1e-12)
    rising = fit(validation=(X, -Y), patience=2, epochs=50)
    here = fit(validation=(X, -Y), patience=2, epochs=50, executor=None)
    assert rising.stopped == here.stopped == "patience"
    assert len(rising.losses) == len(here.losses) < 50
    with pytest.raises(ValueError, match=r"fit: metrics\['all'\] must give a number") as error:
        fit(validation=batches, metrics={"all": lambda p, batch: batch[1]})
    assert "fit: on a worker, in shard 0 of 3" in error.value.__notes__


def test_a_killed_worker_is_replaced_and_changes_nothing(tmp_path: Path, threads: Executor) -> None:
    fit = partial(optim.fit, params=START, data=(X, Y), optimizer=optim.SGD(lr=0.1), epochs=3)
    expected = fit(squared, executor=threads, shards=4)
    (tmp_path / "flag").touch()
    loss = lambda p, batch: dies(p, batch, str(tmp_path))
    found = fit(loss, executor=[one_process, one_process], shards=4, jit=False)
    assert not list(tmp_path.iterdir())
    np.testing.assert_allclose(found.params["w"], expected.params["w"], rtol=1e-12)


class TestRefusals:
    def test_buffers_are_named(self, threads: Executor, processes: Executor) -> None:
        model = nn.Sequential(nn.Linear(4, 3, seed=0), nn.BatchNorm1d(3), nn.Linear(3, 3, seed=1))
        batch = X, RNG.integers(0, 3, 53)
        fit = partial(optim.fit, net_loss, data=batch, optimizer=optim.SGD(lr=0.1), epochs=2)
        for executor in (threads, processes):
            with pytest.raises(ValueError, match=r"buffers \(.*running_mean.*batch norm and drop"):
                fit(params=model, executor=executor, shards=2)
        model.eval()
        found = fit(params=model, executor=threads, shards=2)
        here = fit(params=model)
        for a, b in zip(arrays_of(found.params), arrays_of(here.params), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-15)

    def test_a_loss_that_is_no_mean(self, threads: Executor) -> None:
        fit = partial(optim.fit, params=START, data=(X, Y), optimizer=optim.SGD(lr=0.1))
        sums = lambda p, batch: ((batch[0] @ p["w"] + p["b"] - batch[1]) ** 2).sum()
        compares = lambda p, batch: (batch[0] @ p["w"] + p["b"] - batch[1]).std()
        for loss in (sums, compares):
            with pytest.raises(ValueError, match=r"With executor=.* must be a mean over examples"):
                fit(loss, executor=threads)

    def test_plain_numbers_and_what_is_not_finite_as_without_workers(
        self, threads: Executor
    ) -> None:
        fit = partial(optim.fit, params=START, data=(X, Y), optimizer=optim.SGD(lr=0.1))
        nan = lambda p, batch: squared(p, batch) * np.nan
        for executor in (None, threads):
            with pytest.raises(ValueError, match="fit: loss gave a plain number"):
                fit(lambda p, batch: 1.0, executor=executor)
            with pytest.raises(FloatingPointError, match="fit: the loss is nan at step 0"):
                fit(nan, executor=executor)

    def test_arguments(self, threads: Executor) -> None:
        fit = partial(optim.fit, squared, START, (X, Y))
        sam = optim.SAM(optim.SGD(lr=0.1))
        with pytest.raises(ValueError, match="executor does not go with SAM, which takes a grad"):
            fit(sam, executor=threads)
        with pytest.raises(ValueError, match="does not go with NaturalGradient"):
            predict = lambda p, x: x @ p["w"] + p["b"]
            fit(optim.NaturalGradient(predict, nn.mse, lr=0.1), executor=threads)
        with pytest.raises(ValueError, match="shards=3 are for an executor"):
            fit(optim.SGD(lr=0.1), shards=3)
        with pytest.raises(TypeError, match="executor must be an executor, got 3"):
            fit(optim.SGD(lr=0.1), executor=3)
        with pytest.raises(ValueError, match="shards must be an integer of at least 1, got 0"):
            fit(optim.SGD(lr=0.1), executor=threads, shards=0)
        with pytest.raises(ValueError, match="an executor shares out the batches of data"):
            optim.fit(lambda p: p["w"] @ p["w"], START, None, optim.SGD(lr=1), executor=threads)


def test_what_else_a_rule_takes_is_that_of_the_whole(threads: Executor) -> None:
    fit = partial(optim.fit, squared, START, (X, Y), epochs=3)
    make = lambda: optim.AdaHessian(lr=0.1, average=False)
    found, here = fit(make(), executor=threads, shards=5), fit(make())
    np.testing.assert_allclose(found.params["w"], here.params["w"], rtol=1e-11)
