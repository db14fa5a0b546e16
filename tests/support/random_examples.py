"""How many random programs the tests draw, and which.

``RANDOM_PROGRAMS`` and ``RANDOM_SEED`` in the environment set the number and the seed; without
them a few are drawn, the same ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import tinygrad_hess.numpy as tnp

SEED = int(os.environ.get("RANDOM_SEED", "0"))
SEEDS = st.integers(0, 10**6)
NAMESPACES = st.sampled_from([np, tnp])
"""NumPy itself, whose calls reach us through its protocols, and our own names."""


def examples(few: int, share: float = 1.0) -> Callable[[Any], Any]:
    """A decorator: ``few`` examples, or ``share`` times ``RANDOM_PROGRAMS`` where that is set."""
    asked = os.environ.get("RANDOM_PROGRAMS")
    options = settings(
        max_examples=few if asked is None else max(1, round(share * int(asked))),
        deadline=None,
        derandomize=False,  # which programs is up to the seed
        database=None,
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
    )
    return lambda test: hypothesis.seed(SEED)(options(test))
