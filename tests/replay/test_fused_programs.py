"""Whole programs whose lines are fused, against the same lines one by one, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from replayed import one_nan

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.replay.native import fuses

pytestmark = pytest.mark.skipif(not fuses(), reason="no operations are fused here")

X = np.array([0.5, -1.5, 2.0, -0.0, np.nan])
A, B = np.array([True, False, True, False, True]), np.array([True, True, False, False, True])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, a, b: np.where(b, x, a) * 2 + 1,
        lambda x, a, b: np.where(a, b, np.where(b, a, x)),
        lambda x, a, b: np.where(b, a, x) * 2 + 1,
        lambda x, a, b: np.where(x > 0, x > 1, x) + x,
        lambda x, a, b: nn.elu(a) * x + 1,
        lambda x, a, b: tg.grad(lambda x: (np.where(x > 0, x < 1, x) * x).sum())(x),
    ],
)
def test_masks_are_chosen_by_masks(f: Any, dtype: Any) -> None:
    """A mask that is written into numbers is cast; that by which it is written is not."""
    args = X.astype(dtype), A, B
    want = tg.jit(f, native=False)(*args)
    got = tg.jit(f)(*args)
    assert got.dtype == want.dtype
    assert one_nan(got).tobytes() == one_nan(want).tobytes()
