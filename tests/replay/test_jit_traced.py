"""One recording with passes left out, cut, blocked and whole: the numbers are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jit_functions import INSIDE
from jit_routes import ROUTES, along, steady
from replayed import M, N, X, Y
from test_jit_passes import STEPS, composed, total

import tinygrad_hess as tg
from tinygrad_hess.replay import compiled as traced
from tinygrad_hess.replay.passes import PASSES

SETS = {"no pass": (), "all": PASSES, "all twice": PASSES + PASSES}
SETS |= {f"without {p.__name__}": tuple(q for q in PASSES if q is not p) for p in PASSES}
SETS |= {f"{p.__name__} alone": (p,) for p in PASSES}


@pytest.mark.parametrize(
    "passes",
    [pytest.param(s, marks=pytest.mark.slow if s.endswith("alone") else []) for s in SETS],
)
def test_passes_left_out(passes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alone, all but each, none, all twice over, on ways that small programs never take."""
    monkeypatch.setattr(traced, "PASSES", SETS[passes])
    for path in (None, "three threads, chunks"):
        with along(path):
            for name in ("grad of both", "vmap of hvp", "vmap of checkpoint"):
                steady(INSIDE[name], (X, M), (Y, N), what=f"{name}, {passes}, {path}")


@given(STEPS, st.integers(0, 99), st.sampled_from([*SETS]), st.sampled_from([None, *ROUTES]))
@settings(max_examples=15)
def test_random_programs(steps: Any, seed: int, passes: str, path: str | None) -> None:
    rng = np.random.default_rng(seed)
    points = [[rng.normal(size=s) for s in ((3, 3), (2, 3))] for _ in range(2)]
    f = composed(steps)
    with along(path), pytest.MonkeyPatch.context() as patch:
        patch.setattr(traced, "PASSES", SETS[passes])
        steady(f, *points, ulps=2**16)
        steady(tg.grad(total(f), argnums=(0, 1)), *points, ulps=2**16)
