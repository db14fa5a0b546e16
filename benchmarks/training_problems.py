"""What is trained: the data, settings and first weights of four of the examples, as numbers.

Libraries get the same: inputs, targets, how many examples make a batch, and weights by name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .problems import SHIPPED, Array

EXAMPLES = {
    "digits_batchnorm": "two blocks of convolutions with batch norm and dropout, float32",
    "sequences_lstm": "an LSTM of 16 units on sequences of 20 numbers, float64",
    "sequences_transformer": "two blocks of width 32 on sequences of 8 digits, float64",
    "messy_table": "a dense net of 9-16-2 on rows of a table, float64",
}
"""Names of scripts in examples/, and what their nets are."""

SIZES = {
    "digits_batchnorm": 64,
    "sequences_lstm": 64,
    "sequences_transformer": 64,
    "messy_table": 64,
}
"""Examples in a batch."""

EPOCHS = 4
"""Of a run; the first, in which steps are recorded, is told apart."""


@dataclass(frozen=True)
class Data:
    """Inputs and targets, as many as the example trains on."""

    x: Array
    y: Array
    size: int


def data(example: str, quick: bool = False) -> Data:
    """The same numbers each time; a quick run trains on two batches."""
    x, y = _MAKERS[example](np.random.default_rng(0))
    n = 2 * SIZES[example] if quick else len(x)
    return Data(x[:n], y[:n], SIZES[example])


def _digits(rng: np.random.Generator) -> tuple[Array, Array]:
    with np.load(SHIPPED / "digits.npz", allow_pickle=False) as file:
        x, y = file["x"] / 10.0 ** file["decimals"] / 16, file["y"].astype(np.int64)
    rows = rng.permutation(len(y))[: round(0.8 * len(y))]
    return x[rows].reshape(-1, 1, 8, 8).astype(np.float32), y[rows]


def _waves(rng: np.random.Generator) -> tuple[Array, Array]:
    frequency, phase = rng.uniform(0.2, 1.5, (640, 1, 1)), rng.uniform(0, 2 * np.pi, (640, 1, 1))
    wave = np.sin(frequency * np.arange(21)[:, None] + phase)
    return np.ascontiguousarray(wave[:, :-1]), np.ascontiguousarray(wave[:, 1:])


def _sequences(rng: np.random.Generator) -> tuple[Array, Array]:
    digits = rng.integers(0, 10, (1280, 8))
    return digits, np.sort(digits, axis=1)


def _table(rng: np.random.Generator) -> tuple[Array, Array]:
    x = rng.normal(size=(1600, 9))
    return x, (x @ rng.normal(size=9) + rng.normal(size=1600) > 0).astype(np.int64)


_MAKERS = {
    "digits_batchnorm": _digits,
    "sequences_lstm": _waves,
    "sequences_transformer": _sequences,
    "messy_table": _table,
}
