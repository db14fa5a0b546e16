"""What a row of the oracles is, how it is declared, and how errors are measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Oracle(NamedTuple):
    group: str
    what: str
    allowed: float
    error: Callable[[], float]


ORACLES: list[Oracle] = []


def oracle(group: str, what: str, allowed: float) -> Callable[..., Any]:
    """Declare a row. The function returns the error reached."""

    def declared(error: Callable[[], float]) -> Callable[[], float]:
        ORACLES.append(Oracle(group, what, allowed, error))
        return error

    return declared


def off(found: Any, true: Any) -> float:
    """The largest difference, relative to the largest element where there is one."""
    found, true = np.asarray(found, float), np.asarray(true, float)
    assert found.shape == true.shape, (found.shape, true.shape)
    return float(abs(found - true).max() / (abs(true).max() or 1.0))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)
