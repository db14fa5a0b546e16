"""Pytrees as flat vectors, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_hess as tg

TREE = {
    "w": np.array([[0.3, 0.5], [0.7, 1.1]]),
    "b": (2.0, np.array([0.4], np.float32)),
    "none": None,
}


def _loss(tree: Any) -> Any:
    return (tree["w"] ** 3).sum() * tree["b"][0] + np.sin(tree["b"][1]).sum()


def test_there_and_back() -> None:
    flat, unravel = tg.ravel(TREE)
    assert isinstance(flat, np.ndarray) and flat.shape == (6,) and flat.dtype == np.float64
    again = unravel(flat)
    np.testing.assert_array_equal(again["w"], TREE["w"])
    assert again["none"] is None and again["b"][1].dtype == np.float32 and again["b"][0] == 2.0
    assert tg.ravel(())[0].shape == (0,)
    assert tg.ravel({"n": np.arange(3)})[0].dtype == np.int64


def test_derivatives_to_second_order() -> None:
    flat, unravel = tg.ravel({"w": TREE["w"], "b": 2.0})
    loss = lambda v: (unravel(v)["w"] ** 3).sum() * unravel(v)["b"]
    tg.check_grads(loss, (flat,), order=2)
    tg.check_grads(lambda t: (tg.ravel(t)[0] ** 3).sum(), ({"w": TREE["w"], "b": 2.0},), order=2)
    np.testing.assert_allclose(tg.hessian(loss)(flat) @ flat, tg.hvp(loss, flat, flat))
    gradient = tg.grad(_loss)(TREE)
    moved = tg.grad(lambda v: _loss(tg.ravel(TREE)[1](v)))(tg.ravel(TREE)[0])
    np.testing.assert_allclose(moved, tg.ravel(gradient)[0], 1e-6)


def test_mapped_and_replayed() -> None:
    flat, unravel = tg.ravel(TREE)
    f = tg.grad(lambda v: _loss(unravel(v)))
    points = np.stack([flat, 2 * flat])
    np.testing.assert_allclose(tg.vmap(f)(points), np.stack([f(p) for p in points]))
    np.testing.assert_allclose(tg.jit(f)(points[1]), f(points[1]))
    trees = tg.vmap(lambda v: unravel(v))(points)
    np.testing.assert_allclose(trees["w"].numpy() if isinstance(trees["w"], tg.Tensor) else trees["w"],
                               np.stack([TREE["w"], 2 * TREE["w"]]))  # fmt: skip


def test_errors() -> None:
    flat, unravel = tg.ravel(TREE)
    with pytest.raises(ValueError, match="a vector of 6 numbers, got float64"):
        unravel(flat[:-1])
    with pytest.raises(TypeError, match="ravel: leaves must be numbers"):
        tg.ravel({"a": "text"})
