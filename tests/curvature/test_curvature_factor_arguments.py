"""What blocks, factors and estimates that read data once refuse, and in which words."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygrad_hess as tg
from tinygrad_hess.curvature import (
    BlockDiagonalOperator,
    KroneckerBlock,
    KroneckerFactors,
    influence,
    laplace,
)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.integers(0, 2, 20)
MODEL = tg.nn.MLP([3, 4, 2], seed=0)
BLOCK = KroneckerBlock("layer", np.eye(2), np.eye(1), index=np.array([[0], [1]]))


def predict(model, x):
    return model(x)


def loss(model, batch):
    return tg.nn.cross_entropy(model(batch[0]), batch[1])


def factors(data, **options):
    return KroneckerFactors(predict, tg.nn.cross_entropy, MODEL, data, **options)


def damped(method):
    return lambda: getattr(factors((X, Y)), method)(damping=[None])


REFUSED = {
    "no flattening": (lambda: BlockDiagonalOperator(np.ones(4), {}), "BlockDiagonalOperator: at"),
    "no array": (lambda: BLOCK.apply(None), "KroneckerBlock.apply: X must be"),
    "no function": (lambda: BLOCK.apply(np.ones((2, 1, 3)), f=1.0), "KroneckerBlock.apply: f must"),
    "inverse": (damped("inverse"), "KroneckerFactors.inverse: damping must be"),
    "determinant": (damped("log_determinant"), "KroneckerFactors.log_determinant: damping must be"),
    "no seed": (lambda: factors((X, Y), seed="lucky"), "KroneckerFactors: seed must be"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_factors_name_what_they_refuse(case):
    call, words = REFUSED[case]
    with pytest.raises(TypeError, match=re.escape(words)):
        call()


def test_a_block_names_the_shape_that_it_takes():
    with pytest.raises(ValueError, match=r"X must be of shape \(2, 1, k\)"):
        BLOCK.apply(np.ones((2, 1)))


class Shuffling:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __iter__(self):
        order = self.rng.permutation(20)
        return iter([(X[part], Y[part]) for part in (order[:10], order[10:])])


class Once:
    def __init__(self):
        self.batches = [(X[:10], Y[:10]), (X[10:], Y[10:])]

    def __iter__(self):
        batches, self.batches = self.batches, []
        return iter(batches)


READERS = {
    "KroneckerFactors": factors,
    "laplace": lambda data: laplace(
        predict, tg.nn.cross_entropy, MODEL, data, structure="diagonal"
    ),
    "influence": lambda data: influence(loss, MODEL, data, (X, Y), op=np.eye(26)),
}


@pytest.mark.parametrize("who", READERS)
@pytest.mark.parametrize("loader", [Shuffling, Once])
def test_loaders_that_change_between_passes_are_refused(who, loader):
    with pytest.raises(ValueError, match=rf"{who}: .*(second pass|an earlier one)"):
        READERS[who](loader())
