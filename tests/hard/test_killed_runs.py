"""Each long run, killed at 20 random moments and resumed, gives the same bits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from figures import figures, note
from killed_runs import RUNS

SCRIPT = Path(__file__).with_name("killed_runs.py")
pytestmark = pytest.mark.hard


@pytest.mark.parametrize("name", RUNS)
def test_goes_on_with_the_same_bits(name: str) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] >= 20 and found["ends"] >= 1
    note("killed runs", **figures().get("killed runs", {}) | {name: found})
    assert found["same"] == found["ends"]
