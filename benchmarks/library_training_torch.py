"""Training by PyTorch, eager, on CPU: the same nets from the same weights.

Batches are rows of tensors in an order drawn anew, which is quicker than its ``DataLoader``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from .problems import Array
from .training_problems import EPOCHS, Data, data

Arrays = dict[str, Array]
Made = tuple[nn.Module, Callable[[Any, Any], Any], torch.optim.Optimizer, float | None]
"""The net, its loss, the optimiser, and the largest norm of a gradient."""


def make(example: str, path: str, quick: str) -> dict[str, Callable[[], Any]]:
    """What a worker can call."""
    session = Session(example, data(example, quick == "quick"), path)
    return {"told": session.told, "epochs": session.epochs}


class Session:
    """A net at the weights in a file, in the example's settings."""

    def __init__(self, example: str, d: Data, path: str):
        self.example, self.size, self.path = example, d.size, path
        self.x, self.y = torch.from_numpy(d.x), torch.from_numpy(d.y)

    def _made(self) -> Made:
        with np.load(self.path, allow_pickle=False) as file:
            return _MAKERS[self.example](dict(file))

    def told(self) -> list[float]:
        """The loss of the first batch, without dropout, and its gradient's norm."""
        net, loss, *_ = self._made()
        value = loss(net.eval()(self.x[: self.size]), self.y[: self.size])
        value.backward()
        squares = sum(float((p.grad.double() ** 2).sum()) for p in net.parameters())  # type: ignore[union-attr]
        return [value.item(), squares**0.5]

    def epochs(self, epochs: int = EPOCHS) -> list[float]:
        """Seconds of each epoch."""
        net, loss, optimizer, largest = self._made()
        ends, losses = [time.perf_counter()], []
        for _ in range(epochs):
            for rows in torch.randperm(len(self.x)).split(self.size):
                optimizer.zero_grad()
                value = loss(net(self.x[rows]), self.y[rows])
                value.backward()
                if largest is not None:
                    nn.utils.clip_grad_norm_(net.parameters(), largest)
                optimizer.step()
                losses.append(value.item())  # as fit keeps them
            ends.append(time.perf_counter())
        return np.diff(ends).tolist()  # type: ignore[no-any-return]


class Predictor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(1, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x: Any) -> Any:
        return self.head(self.lstm(x)[0])


class Sorter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        block = lambda: nn.TransformerEncoderLayer(
            32, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.embedding, self.positions = nn.Embedding(10, 32), nn.Parameter(torch.zeros(8, 32))
        self.blocks, self.head = nn.Sequential(block(), block()), nn.Linear(32, 10)

    def forward(self, x: Any) -> Any:
        return self.head(self.blocks(self.embedding(x) + self.positions))


def _digits(w: Arrays) -> Made:
    conv = lambda a, b: (nn.Conv2d(a, b, 3, padding="same"), nn.BatchNorm2d(b))
    net = nn.Sequential(
        *conv(1, 24), nn.ReLU(), *conv(24, 24), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2),
        *conv(24, 48), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.3), nn.Flatten(),
        nn.Linear(192, 10),
    )  # fmt: skip
    state: Arrays = _linear(w, "layers[14].", "14.")
    for k in (0, 3, 8):
        state |= {f"{k}.{name}": w[f"layers[{k}].{name}"] for name in ("weight", "bias")}
    for k in (1, 4, 9):
        for name in ("weight", "bias", "running_mean", "running_var"):
            state[f"{k}.{name}"] = w[f"layers[{k}].{name}"]
        state[f"{k}.num_batches_tracked"] = w[f"layers[{k}].batches"]
    _load(net, state)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.1)
    return net, nn.CrossEntropyLoss(label_smoothing=0.1), optimizer, None


def _lstm(w: Arrays) -> Made:
    net, cell = Predictor().double(), "lstm.cells[0][0]."
    state = {
        "lstm.weight_ih_l0": w[f"{cell}input_weight"].T,
        "lstm.weight_hh_l0": w[f"{cell}hidden_weight"].T,
        "lstm.bias_ih_l0": w[f"{cell}input_bias"],
        "lstm.bias_hh_l0": w[f"{cell}hidden_bias"],
        **_linear(w, "head.", "head."),
    }
    _load(net, state)
    return net, nn.MSELoss(), torch.optim.Adam(net.parameters(), lr=0.03), 1.0


def _transformer(w: Arrays) -> Made:
    net = Sorter().double()
    state = {
        "embedding.weight": w["layers[0].weight"],
        "positions": w["layers[1].table"],
        **_linear(w, "layers[4].", "head."),
    }
    for k in (0, 1):
        ours, theirs = f"layers[{2 + k}].", f"blocks.{k}."
        parts = [f"{ours}attention.{name}." for name in ("query", "key", "value")]
        state |= {
            f"{theirs}self_attn.in_proj_weight": np.concatenate([w[f"{p}weight"].T for p in parts]),
            f"{theirs}self_attn.in_proj_bias": np.concatenate([w[f"{p}bias"] for p in parts]),
            **_linear(w, f"{ours}attention.out.", f"{theirs}self_attn.out_proj."),
            **_linear(w, f"{ours}first.", f"{theirs}linear1."),
            **_linear(w, f"{ours}second.", f"{theirs}linear2."),
        }
        for norm, name in (("attention_norm", "norm1"), ("forward_norm", "norm2")):
            for part in ("weight", "bias"):
                state[f"{theirs}{name}.{part}"] = w[f"{ours}{norm}.{part}"]
    _load(net, state)
    loss = lambda z, y: nn.functional.cross_entropy(z.flatten(0, 1), y.flatten())
    return net, loss, torch.optim.Adam(net.parameters(), lr=1e-2), 1.0


def _table(w: Arrays) -> Made:
    net = nn.Sequential(nn.Linear(9, 16), nn.Tanh(), nn.Linear(16, 2)).double()
    _load(net, {**_linear(w, "layers[0].", "0."), **_linear(w, "layers[1].", "2.")})
    return net, nn.CrossEntropyLoss(), torch.optim.AdamW(net.parameters(), lr=5e-3), None


def _linear(w: Arrays, ours: str, theirs: str) -> Arrays:
    """Of a linear layer, whose weight is the transpose of PyTorch's."""
    return {f"{theirs}weight": w[f"{ours}weight"].T, f"{theirs}bias": w[f"{ours}bias"]}


def _load(net: nn.Module, state: Arrays) -> None:
    """All of a net's arrays, no more and no less."""
    net.load_state_dict({k: torch.from_numpy(np.array(x)) for k, x in state.items()})


_MAKERS: dict[str, Callable[[Arrays], Made]] = {
    "digits_batchnorm": _digits,
    "sequences_lstm": _lstm,
    "sequences_transformer": _transformer,
    "messy_table": _table,
}
