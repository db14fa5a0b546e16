"""Integers, half floats and the rest: NumPy's and SciPy's value and type, or a refusal by name."""

from __future__ import annotations

from typing import Any

import element_types
import numpy as np
import pytest

import tinygrad_hess as tg

N = tg.numpy
NAMES = element_types.names()
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered")
BYTES = np.array([0, 7, 200], np.uint8)


@pytest.mark.parametrize("path", [p for p in NAMES if p.startswith("numpy.")])
def test_numpy_names_on_every_type(path: str) -> None:
    found = element_types.examine(path)
    assert not found.wrong, found.wrong[0]


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in NAMES if p.startswith("scipy.")])
def test_scipy_names_on_every_type(path: str) -> None:
    found = element_types.examine(path)
    assert not found.wrong, found.wrong[0]


@pytest.mark.parametrize("name", element_types.NN)
def test_nn_names_on_every_type(name: str) -> None:
    found = element_types.examine_nn(name)
    assert not found.wrong, found.wrong[0]
    assert found.right > found.refused


@pytest.mark.parametrize("make", [np.asarray, tg.tensor])
@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.min(),
        lambda x: x.max(),
        lambda x: x.prod(),
        lambda x: x.clip(0, 0),
        lambda x: x.round(),
        lambda x: x.cumprod(),
        lambda x: x.mean(),
        lambda x: x.std(),
        lambda x: x.argmin(),
    ],
)
def test_methods(call: Any, make: Any) -> None:
    for x in (BYTES, np.array([-128, 3], np.int8), np.full(1000, 100, np.float16)):
        got, want = np.asarray(call(make(x))), call(x)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    "name",
    [
        "min", "max", "ptp", "prod", "mean", "cumprod", "round", "nan_to_num", "average",
        "linalg.norm", "linalg.vector_norm", "argmin",
    ],
)  # fmt: skip
def test_replayed_on_narrow_types(name: str) -> None:
    """What jit records of integers computes as NumPy does."""
    ours: Any = N
    theirs: Any = np
    for part in name.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)
    for x in (BYTES, np.array([3, 0, 3], np.uint32), np.array([-128, 3, 100], np.int8),
              np.full(1000, 100, np.float16)):  # fmt: skip
        got, want = np.asarray(tg.jit(ours)(x)), np.asarray(theirs(x))
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, 1e-3 if want.dtype == np.float16 else 1e-12)


def test_bounds_that_meet() -> None:
    x = np.array([np.inf, -np.inf, np.nan, 3.0])
    for make in (np.asarray, tg.tensor, lambda x: tg.tensor(x, requires_grad=True)):
        got = N.clip(make(x), 0.0, 0.0)
        got = got.detach().numpy() if isinstance(got, tg.Tensor) else got
        np.testing.assert_array_equal(got, np.clip(x, 0.0, 0.0))
    assert not tg.grad(lambda x: N.clip(x, 1.0, 1.0).sum())(np.arange(3.0)).any()


def test_constant_integers_beside_a_recorded_operand() -> None:
    """Rules negate and lower an unsigned constant, which would wrap around."""
    three = np.array([3], np.uint8)
    assert tg.grad(lambda x: np.minimum(x, three).sum())(np.array([5.0])) == 0
    assert tg.grad(lambda x: np.minimum(x, three).sum())(np.array([1.0])) == 1
    assert tg.grad(lambda x: (x ** np.array([0], np.uint8)).sum())(np.array([1e5])) == 0


def test_pickle_finds_functions_of_the_namespace() -> None:
    import pickle

    for f in (N.sum, N.linalg.norm, N.fft.fft, tg.scipy.special.logsumexp, tg.scipy.linalg.solve):
        assert pickle.loads(pickle.dumps(f)) is f
