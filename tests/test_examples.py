"""Every script in examples/ runs from anywhere, ends well, and says what it found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))

SAYS = {
    "gradients_by_hand": ["loss =", "w1", "(3, 5)", "agree to rounding"],
    "hvp_against_differences": ["step h", "1e-12", "reverse over reverse differs by"],
    "graph_of_a_function": ["wrote graph_of_hvp.", "arrows"],
    "jacobian_of_a_classifier": ["softmax regression on iris: 9", "petal", "virginica"],
}
"""Words that a script must print. One that is not listed must print something."""

WRITES = {"graph_of_a_function": ["graph_of_function", "graph_of_gradient", "graph_of_hvp"]}
"""Stems of files that a script must leave in the directory where it runs."""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_runs(script: Path, tmp_path: Path) -> None:
    search = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    quick = {"TINYGRAD_HESS_QUICK": "1", "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=tmp_path,
        env={**os.environ, **quick, "PYTHONPATH": search},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    for words in SAYS.get(script.stem, []):
        assert words in done.stdout, done.stdout
    written = {path.stem for path in tmp_path.rglob("*") if path.stat().st_size}
    for stem in WRITES.get(script.stem, []):
        assert stem in written


def test_the_short_ones_are_short() -> None:
    assert SCRIPTS
    for name in SAYS:
        source = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
        assert len(source.splitlines()) < 50
