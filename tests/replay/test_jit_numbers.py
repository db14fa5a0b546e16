"""Python numbers in programs: signed zeros, neutral operands, equal numbers of other types."""

from __future__ import annotations

import numpy as np
from replayed import X, Y, agrees

import tinygrad_hess as tg


def test_numbers_that_no_machine_type_holds() -> None:
    agrees(lambda x: x * 10**30 + 2**70, (X,), (Y,))
    agrees(lambda x: (x + float("inf"), x * -0.0, x - 1e308 * 10), (X,), (Y,))


def test_zeros_keep_their_signs() -> None:
    """x + 0 makes +0 of -0, so it is no operation to leave out; x - 0 and x + -0.0 are."""
    zeros = np.array([0.0, -0.0, 1.0])
    for f in (
        lambda x: np.sin(x) + 0.0,
        lambda x: 0 + np.sin(x),
        lambda x: np.sin(x) - (-0.0),
        lambda x: np.sin(x) - 0.0,
        lambda x: np.sin(x) + -0.0,
        lambda x: np.sin(x) * 1.0,
        lambda x: np.sin(x) / 1,
        lambda x: np.sin(x) * -1.0 * -1.0,
    ):
        jitted = tg.jit(f)
        for x in (zeros, -zeros):
            np.testing.assert_array_equal(np.signbit(jitted(x)), np.signbit(f(x)))


def test_neutral_operands_keep_their_shape_and_type() -> None:
    narrow = X.astype(np.float32)
    wide, ones = np.float64(1), np.ones((2, 1))
    agrees(lambda x: np.sin(x) * wide, (narrow,), (2 * narrow,))
    agrees(lambda x: np.sin(x) * ones, (narrow,), (X,))
    agrees(lambda x: np.sin(x) + np.zeros((2, 1), np.float32), (narrow,), (X,))
    agrees(lambda k: (k * 2) / 1, (np.arange(3),), (np.arange(3) + 5,))
    agrees(lambda k: (k * 2) * 1.0, (np.arange(3),), (np.arange(3) + 5,))
    agrees(lambda k: (k + k) * True, (np.arange(3),), (np.arange(3) + 5,))


def test_equal_numbers_of_other_types_are_not_shared() -> None:
    """2 and 2.0 are equal and hash alike, but a power of an integer tells them apart."""
    agrees(lambda k: (k**2, k**2.0), (np.arange(3),), (np.arange(4),))
    agrees(lambda k: (k * 1, k * 1.0, k * True), (np.arange(3),), (np.arange(4),))
    agrees(lambda x: (np.copysign(x, 0.0), np.copysign(x, -0.0)), (X,), (Y,))
