"""100,000 steps of training with a monitor leave memory flat."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import note

from tinygrad_hess import curvature, optim

pytestmark = [
    pytest.mark.hard,
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc"),
]
STEPS, EVERY = 100_000, 5_000


def loss(w: Any, x: Any) -> Any:
    return ((np.tanh(x @ w["a"]) @ w["b"]) ** 2).mean()


def resident() -> float:
    """MiB of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_training_with_a_monitor_leaves_memory_flat(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 3))
    params: Any = {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}
    monitor = curvature.Monitor(loss, x, k=1, every=EVERY // 5, path=tmp_path / "run.jsonl")
    optimizer = optim.Adam(lr=1e-3)
    step, state = optimizer.stepper(loss), optimizer.init(params)
    seen = []
    for number in range(STEPS):
        monitor(number, params, 0.0)
        _, params, state = step(params, state, x)
        if number % EVERY == EVERY - 1:
            seen.append(resident())
    early, late = seen[len(seen) // 4], seen[-1]
    slope = float(np.polyfit(np.arange(len(seen))[len(seen) // 4 :], seen[len(seen) // 4 :], 1)[0])
    note(
        "100,000 steps with a monitor", measured=len(seen), mib_after_a_quarter=round(early, 1),
        mib_at_the_end=round(late, 1), bytes_a_step=round(slope * 2**20 / EVERY, 2),
    )  # fmt: skip
    assert late - early < 2, seen
