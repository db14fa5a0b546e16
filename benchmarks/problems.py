"""The numbers that all libraries work on: the same for each. A workload is a kind and a size.

net 64x2-16-16-2     dense tanh net: batch x layer sizes, cross-entropy
one-hot 512x32-128-3 dense net with x / (1 + exp(-x)) and a loss written by hand, one-hot labels
labels 512x32-128-3  the same with labels that index
relu, gelu, layer-norm, batch-norm 512x32-128-3
                     dense nets with a loss written by hand, one-hot labels
transformer 32x16    one block on 32 sequences of 16 vectors, a loss written by hand
lstm 100             an LSTM of so many steps, a loss written by hand
pairs 128            energy of so many points in space, over all pairs
one-vector 64x2-8-2  the first net, its parameters slices of one vector
joined 300           a stack of so many products of numbers
logistic 569x30      logistic regression with a ridge on the breast cancer data
conv 128             two convolutions and a dense layer on so many handwritten digits
recurrent 100        a tanh recurrence of so many steps, cross-entropy of the last state
predators 200        Lotka and Volterra's equations by so many Runge-Kutta steps
rosenbrock 1000      Rosenbrock's function of so many variables
gaussian 200         negative log-likelihood of a Gaussian process at so many points
chain 2000           so many operations in a row on ten numbers
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

DIRECTIONS = 64
"""Of the task "64 HVPs"."""

JACOBIAN_EXAMPLES = 16
"""Examples whose outputs the task "Jacobian of outputs" differentiates."""

SHIPPED = Path(__file__).parent.parent / "tinygrad_hess" / "data"
"""Data sets are read as files, so that no library is imported for them."""


@dataclass(frozen=True)
class Problem:
    """A loss ``loss(params, *args)`` of the model ``model``, at a point, with directions.

    Attributes
    ----------
    model : str
        Which function of models.py.
    params : list of arrays
    args : tuple of arrays
    """

    model: str
    params: list[Array]
    args: tuple[Array, ...]

    @property
    def direction(self) -> list[Array]:
        """Random, like the parameters."""
        return [d[0] for d in self.directions]

    @property
    def directions(self) -> list[Array]:
        """64 of them, stacked."""
        rng = np.random.default_rng(1)
        return [
            rng.normal(size=(DIRECTIONS, *p.shape)).astype(p.dtype, copy=False) for p in self.params
        ]

    @property
    def sizes(self) -> list[int]:
        """Of each array of parameters."""
        return [p.size for p in self.params]

    def stepped(self) -> tuple[list[Array], int, list[Array], list[Array]]:
        """Where Adam begins: parameters, number of steps made, two moments."""
        zeros = [np.zeros_like(p) for p in self.params]
        return self.params, 0, zeros, [z.copy() for z in zeros]


def problem(workload: str, dtype: str) -> Problem:
    """A workload's problem, with its arrays in ``dtype``."""
    kind, size = workload.split()
    made = KINDS[kind](size)
    cast = lambda a: np.ascontiguousarray(a, dtype if a.dtype.kind == "f" else a.dtype)
    return Problem(kind, [cast(p) for p in made[0]], tuple(cast(a) for a in made[1:]))


Made = tuple[Any, ...]
"""Parameters, and the other arguments of the loss."""


def _one_hot(labels: Array, classes: int) -> Array:
    return np.eye(classes)[labels]


def _dense(rng: np.random.Generator, n: int, m: int) -> list[Array]:
    return [rng.normal(size=(n, m)) / math.sqrt(n), np.zeros(m)]


def _net(size: str) -> Made:
    batch, *layers = [int(n) for n in size.replace("x", "-").split("-")]
    rng = np.random.default_rng(0)
    params = [a for n, m in zip(layers, layers[1:], strict=False) for a in _dense(rng, n, m)]
    x = rng.normal(size=(batch, layers[0]))
    return params, x, _one_hot(rng.integers(0, layers[-1], batch), layers[-1])


def _labels(size: str) -> Made:
    params, x, one_hot = _net(size)
    return params, x, np.arange(len(x)), one_hot.argmax(1)


def _read(name: str) -> tuple[Array, Array]:
    with np.load(SHIPPED / f"{name}.npz", allow_pickle=False) as file:
        return file["x"] / 10.0 ** file["decimals"], file["y"]


def _logistic(size: str) -> Made:
    x, y = _read("breast_cancer")
    x, y = ((x - x.mean(0)) / x.std(0)), 2.0 * y - 1
    if x.shape != tuple(int(n) for n in size.split("x")):
        raise ValueError(f"the data is {x.shape[0]}x{x.shape[1]}, not {size}")
    rng = np.random.default_rng(0)
    return [rng.normal(size=x.shape[1]) / 10, np.zeros(1)], x, y


def _conv(size: str) -> Made:
    x, y = _read("digits")
    count = int(size)
    rng = np.random.default_rng(0)
    kernels = [rng.normal(size=(8, 1, 3, 3)) / 3, rng.normal(size=(16, 8, 3, 3)) / math.sqrt(72)]
    biases = [np.zeros((1, 8, 1, 1)), np.zeros((1, 16, 1, 1))]
    params = [kernels[0], biases[0], kernels[1], biases[1], *_dense(rng, 256, 10)]
    return params, x[:count].reshape(-1, 1, 8, 8) / 16, _one_hot(y[:count], 10)


def _recurrent(size: str) -> Made:
    steps, batch, inputs, hidden, classes = int(size), 32, 8, 32, 4
    rng = np.random.default_rng(0)
    params = [
        rng.normal(size=(inputs, hidden)) / math.sqrt(inputs),
        *_dense(rng, hidden, hidden),
        *_dense(rng, hidden, classes),
    ]
    labels = _one_hot(rng.integers(0, classes, batch), classes)
    return params, rng.normal(size=(steps, batch, inputs)), labels, np.zeros((batch, hidden))


def _predators(size: str) -> Made:
    rates, meetings = np.array([1.1, -0.4]), np.array([[0.0, -0.4], [0.1, 0.0]])
    return [rates, meetings], np.array([10.0, 5.0]), 0.05 * np.arange(int(size) + 1)


def _lstm(size: str) -> Made:
    steps, batch, inputs, hidden, classes = int(size), 32, 8, 32, 4
    rng = np.random.default_rng(0)
    params = [
        rng.normal(size=(inputs, 4 * hidden)) / math.sqrt(inputs),
        *_dense(rng, hidden, 4 * hidden),
        *_dense(rng, hidden, classes),
    ]
    labels = _one_hot(rng.integers(0, classes, batch), classes)
    return params, rng.normal(size=(steps, batch, inputs)), labels, np.zeros((batch, hidden))


def _transformer(size: str) -> Made:
    batch, length = (int(n) for n in size.split("x"))
    width, classes = 32, 4
    rng = np.random.default_rng(0)
    square = lambda n, m: rng.normal(size=(n, m)) / math.sqrt(n)
    params = [
        *(square(width, width) for _ in range(4)),
        *_dense(rng, width, 4 * width),
        *_dense(rng, 4 * width, width),
        *_dense(rng, width, classes),
    ]
    labels = _one_hot(rng.integers(0, classes, batch), classes)
    return params, rng.normal(size=(batch, length, width)), labels


def _pairs(size: str) -> Made:
    rng = np.random.default_rng(0)
    charges = rng.normal(size=int(size))
    return [rng.normal(size=(int(size), 3))], charges[:, None] * charges


def _one_vector(size: str) -> Made:
    params, x, labels = _net(size)
    return [np.concatenate([p.ravel() for p in params])], x, labels, *map(np.zeros_like, params)


def _rosenbrock(size: str) -> Made:
    return ([1 + np.random.default_rng(0).normal(size=int(size)) / 10],)


def _gaussian(size: str) -> Made:
    n, dimensions = int(size), 5
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, dimensions))
    y = np.sin(x).sum(1) + 0.3 * rng.normal(size=n)
    start = np.concatenate([0.1 * rng.normal(size=dimensions), [0.0, -1.0]])
    return [start], x, y[:, None], np.eye(n)


def _chain(size: str) -> Made:
    """A quarter of the length is the number of rounds of four operations."""
    return [np.linspace(0.1, 1.0, 10)], np.zeros(int(size) // 4)


KINDS: dict[str, Callable[[str], Made]] = {
    "net": _net,
    "one-hot": _net,
    "labels": _labels,
    "relu": _net,
    "gelu": _net,
    "layer-norm": _net,
    "batch-norm": _net,
    "transformer": _transformer,
    "lstm": _lstm,
    "pairs": _pairs,
    "one-vector": _one_vector,
    "joined": _rosenbrock,
    "logistic": _logistic,
    "conv": _conv,
    "recurrent": _recurrent,
    "predators": _predators,
    "rosenbrock": _rosenbrock,
    "gaussian": _gaussian,
    "chain": _chain,
}
