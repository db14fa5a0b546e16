"""Training by this library: the nets, losses and settings of the examples, by ``fit``."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygrad_hess as tg
from tinygrad_hess import nn

from .training_problems import EPOCHS, Data, data


def make(example: str, path: str, quick: str) -> dict[str, Callable[[], Any]]:
    """What a worker can call."""
    session = Session(example, data(example, quick == "quick"))
    return {
        "weights": partial(session.save_weights, path),
        "told": session.told,
        "epochs": session.epochs,
    }


class Session:
    """A net at its first weights, in the example's settings."""

    def __init__(self, example: str, d: Data):
        self.data = d
        self.loss, self.model, self.optimizer = _MAKERS[example](np.random.default_rng(0))

    def save_weights(self, path: str) -> None:
        np.savez(path, **self.model.state_dict())

    def told(self) -> list[float]:
        """The loss of the first batch, without dropout, and its gradient's norm."""
        d, model = self.data, self.model.arrays().eval()
        batch = d.x[: d.size], d.y[: d.size]
        value, gradient = tg.value_and_grad(self.loss)(model, batch)
        return [float(value), float(tg.optim.global_norm(gradient))]

    def epochs(self, epochs: int = EPOCHS) -> list[float]:
        """Seconds of each epoch; recording and planning are in the first."""
        d, ends = self.data, [time.perf_counter()]
        batches = tg.data.batches(d.x, d.y, d.size, seed=np.random.default_rng(0))

        def note(step: int, *_: Any) -> None:
            if step and step % len(batches) == 0:
                ends.append(time.perf_counter())

        options: dict[str, Any] = {"epochs": epochs, "callback": note, "progress": False}
        tg.optim.fit(self.loss, self.model, batches, self.optimizer, **options)
        return np.diff([*ends, time.perf_counter()]).tolist()


class Predictor(nn.Module):
    def __init__(self, seed: np.random.Generator):
        self.lstm, self.head = nn.LSTM(1, 16, seed=seed), nn.Linear(16, 1, seed=seed)

    def __call__(self, x: Any) -> Any:
        return self.head(self.lstm(x)[0])


def _digits(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    draw = {"seed": rng, "dtype": np.float32}
    conv = lambda a, b: (nn.Conv2d(a, b, 3, padding="same", **draw), nn.BatchNorm2d(b, dtype="f4"))
    model = nn.Sequential(
        *conv(1, 24), nn.relu, *conv(24, 24), nn.relu, nn.MaxPool2d(2), nn.Dropout(0.2, seed=rng),
        *conv(24, 48), nn.relu, nn.MaxPool2d(2), nn.Dropout(0.3, seed=rng),
        nn.Flatten(), nn.Linear(192, 10, **draw),
    )  # fmt: skip
    loss = lambda m, batch: nn.cross_entropy(m(batch[0]), batch[1], label_smoothing=0.1)
    return loss, model, tg.optim.AdamW(lr=1e-2, weight_decay=0.1)


def _lstm(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    loss = lambda m, batch: nn.mse(m(batch[0]), batch[1])
    return loss, Predictor(rng), tg.optim.Adam(lr=0.03, max_norm=1.0)


def _transformer(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    model = nn.Sequential(
        nn.Embedding(10, 32, seed=rng),
        nn.LearnedPositions(8, 32, seed=rng),
        *(nn.TransformerBlock(32, heads=4, hidden=64, seed=rng) for _ in range(2)),
        nn.Linear(32, 10, seed=rng),
    )
    return _cross_entropy, model, tg.optim.Adam(lr=1e-2, max_norm=1.0)


def _table(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    return _cross_entropy, nn.MLP([9, 16, 2], seed=rng), tg.optim.AdamW(lr=5e-3)


def _cross_entropy(model: Any, batch: Any) -> Any:
    return nn.cross_entropy(model(batch[0]), batch[1])


_MAKERS = {
    "digits_batchnorm": _digits,
    "sequences_lstm": _lstm,
    "sequences_transformer": _transformer,
    "messy_table": _table,
}
