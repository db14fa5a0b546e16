"""The benchmark of training: nets of the examples, from the same weights, timed by epochs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.library_training_tinygrad_hess import make
from benchmarks.lines import code_lines, counts, lines_table
from benchmarks.training import HEADER, OURS, PEER, Trained, markdown
from benchmarks.training_problems import EPOCHS, EXAMPLES, SIZES, data

TOP = Path(__file__).parents[2]
SCRIPTS = TOP / "examples"
SAME = sorted((TOP / "benchmarks/same_training").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_trained_from_weights_in_a_file(example: str, tmp_path: Path) -> None:
    assert (SCRIPTS / f"{example}.py").exists()
    calls = make(example, str(tmp_path / "weights.npz"), "quick")
    calls["weights"]()
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as file:
        assert all(np.isfinite(file[name]).all() for name in file)
    loss, norm = calls["told"]()
    assert 0 < loss < 10 and norm > 0
    assert len(calls["epochs"]()) == EPOCHS


def test_data_are_the_same_each_time() -> None:
    for example in EXAMPLES:
        a, b = data(example), data(example, quick=True)
        np.testing.assert_array_equal(a.x[: len(b.x)], b.x)
        np.testing.assert_array_equal(a.y[: len(b.y)], b.y)
        assert len(b.x) == 2 * SIZES[example] < len(a.x) == len(a.y)


def test_ratios_stand_in_the_table() -> None:
    trained = Trained("messy_table", {OURS: [3.0], PEER: [5.0]}, {OURS: [1.0], PEER: [4.0]})
    row = dict(zip(HEADER, trained.row(), strict=True))
    assert row["ours / theirs"].startswith("0.25") and row["recording, once"] == "2 s"
    about = dict.fromkeys(["command", "processor", "cores", "system", "python", "date", "load"], "")
    page = markdown([trained], {**about, "versions": {}, "minutes": 1.0, "rounds": 1}, ["a note"])
    assert "| messy_table " in page and "- a note" in page


@pytest.mark.peers
@pytest.mark.parametrize("example", EXAMPLES)
def test_pytorch_computes_the_same_from_them(example: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from benchmarks.library_training_torch import make as make_torch

    path = str(tmp_path / "weights.npz")
    ours = make(example, path, "quick")
    ours["weights"]()
    theirs = make_torch(example, path, "quick")
    rtol = 1e-4 if example == "digits_batchnorm" else 1e-9
    np.testing.assert_allclose(ours["told"](), theirs["told"](), rtol=rtol)
    assert len(theirs["epochs"]()) == EPOCHS


def test_lines_of_code_are_as_the_guide_says() -> None:
    pytest.importorskip("ruff")
    assert lines_table() in (TOP / "docs/guides/training.md").read_text()
    for example in EXAMPLES:
        ours, pytorch, keras = counts(example)
        assert ours is not None and pytorch is not None and keras is not None
        assert ours < pytorch and ours <= keras


def test_what_counts_as_a_line_of_code() -> None:
    pytest.importorskip("ruff")
    script = [
        "def f(x):",
        "  'What it does.'",
        "  # how",
        "",
        "  return f(",
        "x )",
        "y = [1,",
        "2,]",
    ]
    assert code_lines("\n".join(script)) == 3
    assert code_lines('text = """a\n\nb"""\n') == 3


@pytest.mark.peers
@pytest.mark.slow
@pytest.mark.parametrize("script", SAME, ids=[path.stem for path in SAME])
def test_the_same_in_other_libraries_runs(script: Path) -> None:
    for needed in ("torch", "sklearn", "keras" if "keras" in script.stem else "curvlinops"):
        pytest.importorskip(needed)
    env = os.environ | {"TINYGRAD_HESS_QUICK": "1", "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-W", "ignore", str(script)]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "largest eigenvalues" in run.stdout or "keras" in script.stem
