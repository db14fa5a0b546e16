"""A small net, its Jacobian and the Hessians of losses in its outputs, by NumPy alone."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from tinygrad_hess import nn
from tinygrad_hess.curvature import EmpiricalFisherOperator, FisherOperator, GGNOperator

SIZES = (3, 4, 5)
N = 12


def mlp(rng, sizes=SIZES, dtype=np.float64):
    return [
        {"b": rng.normal(size=b).astype(dtype), "w": rng.normal(size=(a, b)).astype(dtype) / a**0.5}
        for a, b in itertools.pairwise(sizes)
    ]


def predict(layers, x):
    for layer in layers[:-1]:
        x = np.tanh(x @ layer["w"] + layer["b"])
    return x @ layers[-1]["w"] + layers[-1]["b"]


def vector(layers):
    return np.concatenate([np.r_[layer["b"], layer["w"].ravel()] for layer in layers])


def layers_of(v, sizes=SIZES):
    out = []
    for a, b in itertools.pairwise(sizes):
        out.append({"b": v[:b], "w": v[b : b + a * b].reshape(a, b)})
        v = v[b + a * b :]
    return out


def complex_step(f, v):
    """The Jacobian of an analytic function, by NumPy on complex numbers alone."""
    steps = v + 1e-30j * np.eye(v.size)
    return np.stack([np.asarray(f(s)).imag.ravel() / 1e-30 for s in steps], axis=1)


def softmax(f):
    e = np.exp(f - f.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def block_diag(blocks):
    n, C, _ = blocks.shape
    out = np.zeros((n * C, n * C))
    for i, block in enumerate(blocks):
        out[i * C : (i + 1) * C, i * C : (i + 1) * C] = block
    return out


def categorical(f):
    p = softmax(f)
    return block_diag(
        np.einsum("nc,cd->ncd", p, np.eye(p.shape[1])) - np.einsum("nc,nd->ncd", p, p)
    )


class Problem:
    """A small net with its outputs and their Jacobian."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.params, self.x = mlp(rng), rng.normal(size=(N, 3))
        self.f = predict(self.params, self.x)
        self.J = complex_step(lambda v: predict(layers_of(v), self.x), vector(self.params))
        self.labels = rng.integers(0, 5, N)
        self.probabilities = rng.dirichlet(np.ones(5), N)
        self.bits = rng.integers(0, 2, (N, 5))
        self.y = rng.normal(size=(N, 5)) * 2


def cases(p):
    """Name: loss, targets, the Hessian of the summed loss in the outputs, elements of a mean."""
    s = 1 / (1 + np.exp(-p.f))
    partial, CE = functools.partial, categorical(p.f)
    inside = np.abs(p.f - p.y) <= 0.7
    return {
        "labels": (nn.cross_entropy, p.labels, CE, N),
        "smoothed": (partial(nn.cross_entropy, label_smoothing=0.3), p.labels, CE, N),
        "probabilities": (nn.cross_entropy, p.probabilities, CE, N),
        "smoothed probabilities": (
            partial(nn.cross_entropy, label_smoothing=0.3), p.probabilities, CE, N
        ),
        "kl": (nn.kl_div, p.probabilities, CE, N),
        "binary": (
            nn.binary_cross_entropy_with_logits, p.bits, np.diag((s * (1 - s)).ravel()), 5 * N
        ),
        "squared": (nn.mse, p.y, 2 * np.eye(5 * N), 5 * N),
        "half": (partial(nn.mse, half=True), p.y, np.eye(5 * N), 5 * N),
        "huber": (partial(nn.huber, delta=0.7), p.y, np.diag(1.0 * inside.ravel()), 5 * N),
    }  # fmt: skip


NAMES = list(cases(Problem()))


OPERATORS = {
    "ggn": GGNOperator,
    "fisher": FisherOperator,
    "monte carlo": functools.partial(FisherOperator, samples=3),
    "empirical": EmpiricalFisherOperator,
}
