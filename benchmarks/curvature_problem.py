"""The net, its weights and its data whose curvature all libraries look at: numbers in a file."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import zoom

from .problems import SHIPPED, Array

FULL, QUICK = (784, 256, 256, 10), (64, 24, 24, 10)
"""Layers. The quick net takes the digits as they are."""


@dataclass(frozen=True)
class Numbers:
    """A trained tanh net and the batch of its loss, the mean cross-entropy.

    Attributes
    ----------
    x : ndarray, shape (N, d), float64
    y : ndarray, shape (N,), int64
    w1, b1, w2, b2, w3, b3 : ndarray, float64
        Of the layers, w of shape (inputs, outputs).
    """

    x: Array
    y: Array
    w1: Array
    b1: Array
    w2: Array
    b2: Array
    w3: Array
    b3: Array

    @property
    def params(self) -> list[Array]:
        """w1, b1, ..., b3: the order of a vector."""
        return [self.w1, self.b1, self.w2, self.b2, self.w3, self.b3]

    def save(self, path: Path) -> None:
        """As a file that holds no more than arrays."""
        np.savez(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: str) -> Numbers:
        """What :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{f.name: file[f.name] for f in fields(cls)})


def made(quick: bool) -> Numbers:
    """The numbers, always the same: 2,000 examples at 784-256-256-10, 400 at 64-24-24-10."""
    layers, count = (QUICK, 400) if quick else (FULL, 2000)
    rng = np.random.default_rng(0)
    x, y = _digits(layers[0], count, rng)
    params: list[Array] = []
    for n, m in itertools.pairwise(layers):
        params += [rng.normal(size=(n, m)) / n**0.5, np.zeros(m)]
    return Numbers(x, y, *_trained(params, x, y))


def _digits(size: int, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Handwritten digits of 8x8 pixels, as they are or drawn on 28x28 by linear interpolation.

    There are 1,797; the rest are the first ones again, a pixel to the right. Noise of 0.05 beside
    pixels from 0 to 1 gives the inputs full rank, as those of larger digits have.
    """
    with np.load(SHIPPED / "digits.npz", allow_pickle=False) as file:
        x, y = file["x"] / 10.0 ** file["decimals"] / 16, file["y"].astype(np.int64)
    side = round(size**0.5)
    images = zoom(x.reshape(-1, 8, 8), (1, side / 8, side / 8), order=1)
    more = max(count - len(y), 0)
    images = np.concatenate([images, np.roll(images[:more], 1, axis=2)])[:count]
    noise = 0.05 * rng.normal(size=images.shape)
    return (images + noise).reshape(count, size), np.concatenate([y, y[:more]])[:count]


def _trained(params: list[Array], x: Array, y: Array, epochs: int = 4) -> list[Array]:
    """By Adam in batches of 100: where the curvature of a net is usually looked at."""
    rate, eps, decay = 1e-3, 1e-8, (0.9, 0.999)
    first, second = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
    step = 0
    for _ in range(epochs):
        for at in range(0, len(y), 100):
            step += 1
            gradient = _gradient(params, x[at : at + 100], y[at : at + 100])
            for p, g, m, v in zip(params, gradient, first, second, strict=True):
                m += (1 - decay[0]) * (g - m)
                v += (1 - decay[1]) * (g**2 - v)
                scaled = m / (1 - decay[0] ** step)
                p -= rate * scaled / (np.sqrt(v / (1 - decay[1] ** step)) + eps)
    return params


def _gradient(params: list[Array], x: Array, y: Array) -> list[Array]:
    """By hand, so that no library has a part in the numbers."""
    weights, biases = params[::2], params[1::2]
    inputs: list[Any] = [x]
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        inputs.append(np.tanh(inputs[-1] @ w + b))
    z = inputs[-1] @ weights[-1] + biases[-1]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    g = (e / e.sum(axis=1, keepdims=True) - np.eye(z.shape[1])[y]) / len(y)
    found: list[Array] = []
    for w, a in zip(weights[::-1], inputs[::-1], strict=True):
        found = [a.T @ g, g.sum(axis=0), *found]
        g = (g @ w.T) * (1 - a**2)
    return found
