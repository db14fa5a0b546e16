"""Each long run, killed at 20 random moments and resumed, gives the same bits."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from figures import TODAY, figures, note
from killed_runs import RUNS

from tinygrad_hess import curvature

SCRIPT = Path(__file__).with_name("killed_runs.py")
pytestmark = pytest.mark.hard


def test_all_that_has_a_checkpoint_is_here() -> None:
    takes = lambda f: callable(f) and "checkpoint" in inspect.signature(f).parameters
    there = {name for name in curvature.__all__ if takes(getattr(curvature, name))}
    assert there <= {name.split(",")[0].split(" ")[0] for name in RUNS}


@pytest.mark.parametrize("name", RUNS)
def test_goes_on_with_the_same_bits(name: str) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] >= 20 and found["ends"] >= 1
    before = figures().get("killed runs", {}) | {name: found | {"on": TODAY}}
    note("killed runs", **{run: before[run] for run in RUNS if run in before})
    assert found["same"] == found["ends"]
