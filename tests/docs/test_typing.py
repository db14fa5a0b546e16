"""Type hints from a user's side: a strict program passes, and its wrong lines are reported."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "typed_user.py"


def test_the_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert "(2,)" not in capsys.readouterr().out.splitlines()[1]  # the sum is a scalar


@pytest.mark.slow
def test_it_passes_strictly(tmp_path: Path) -> None:
    """Strictness reports an unused ``type: ignore``, so each of these hides an error that is there."""
    pytest.importorskip("mypy")
    copy = tmp_path / "program.py"
    copy.write_text(PROGRAM.read_text(encoding="utf-8"), encoding="utf-8")
    # an editable install is not seen by mypy; what is imported from there is followed, not judged
    settings = ["--strict", "--follow-imports", "silent", "--config-file", ""]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *settings, "--cache-dir", str(tmp_path), str(copy)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(PROGRAM.parents[2])},
    )
    assert done.returncode == 0, done.stdout + done.stderr
