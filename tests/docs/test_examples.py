"""Every script in examples/ runs from anywhere, ends well, and says what it found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))

SHORT = {
    "array_api": ["scipy.stats.skew", "einops.rearrange, reduce", "curvature"],
    "gradients_by_hand": ["loss =", "w1", "(3, 5)", "agree to rounding"],
    "hvp_against_differences": ["step h", "1e-12", "reverse over reverse differs by"],
    "graph_of_a_function": ["wrote graph_of_hvp.", "arrows"],
    "sparse_hessian": ["100,000   299,998          3", "3,600 heights", "by 9 products", "step  9"],
    "million_parameters": ["5,018 parameters", "Eigenpairs(LA", "Estimate(", "peak memory"],
    "messy_table": ["320 + 80 rows, 5 columns -> 9 features", "test accuracy", "194 parameters"],
    "jacobian_of_a_classifier": ["softmax regression on iris: 9", "petal", "virginica"],
    "digits_batchnorm": ["Fitted(23 steps", "mean of 1 seeds", "17,986 parameters"],
    "pictures": ["graph of 6 boxes and 6 edges", "<View of", "<Report: "],
    "sequences_lstm": ["Fitted(10 steps", "on new waves", "1,233 parameters", "gradient norm"],
    "sequences_transformer": ["accuracy", "of new sequences", "17,994 parameters", "gradient norm"],
}
"""Words that a script must print."""

TRAINING = {
    "first_five_minutes": ["H v      [-0.909", "100 steps: loss 0.590", "2/rate = 4", "residuals"],
    "fit_an_integrator": ["gradient", " birth 1.1", "in truth 0.4"],
    "ode_gradients": ["steps accepted", "births 1.1", "in truth 0.4", "wrote ode_gradients.png"],
    "hypergradients": [
        "off by",
        "160 steps unrolled",
        "best penalty         0.00325",
        "learned rate",
    ],
    "digits_adam": ["test accuracy", "eigenvalue 5", "residual", "± ", "of the trace"],
    "digits_convnet": ["1,898 parameters", "test accuracy", "in float32"],
    "edge_of_stability": ["sharpness", "\n   60 ", "wrote edge_of_stability.png"],
    "optimizers_compared": ["KFAC(lr=0.1", "HessianFree(", "of 1 starts", "as low after"],
}

WRITES = {
    "graph_of_a_function": ["graph_of_function", "graph_of_gradient", "graph_of_hvp"],
    "edge_of_stability": ["edge_of_stability"],
    "ode_gradients": ["ode_gradients"],
}
"""Stems of files that a script must leave in the directory where it runs."""


def run(script: str, folder: Path, quick: str = "1") -> str:
    """What the script prints; warnings are errors."""
    search = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    settings = {
        "TINYGRAD_HESS_QUICK": quick,
        "MPLBACKEND": "Agg",
        "PYTHONIOENCODING": "utf-8",
        # which sums are split over threads decides rounding, and a run is to be repeated exactly
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / f"{script}.py")],
        cwd=folder,
        env={**os.environ, **settings, "PYTHONPATH": search},
        capture_output=True,
        encoding="utf-8",
        timeout=300 if quick else 1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_none_is_forgotten() -> None:
    assert {path.stem for path in SCRIPTS} == {*SHORT, *TRAINING}
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    for path in SCRIPTS:
        assert f"]({path.name})" in listed


LONG = ("edge_of_stability", "million_parameters", "optimizers_compared", "pictures")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(path.stem, marks=pytest.mark.slow if path.stem in LONG else ())
        for path in SCRIPTS
    ],
)
def test_runs(script: str, tmp_path: Path) -> None:
    printed = run(script, tmp_path)
    for words in (SHORT | TRAINING)[script]:
        assert words in printed, printed
    written = {path.stem for path in tmp_path.rglob("*") if path.stat().st_size}
    for stem in WRITES.get(script, []):
        assert stem in written


@pytest.mark.slow
@pytest.mark.parametrize("script", TRAINING)
def test_a_second_run_prints_the_same(script: str, tmp_path: Path) -> None:
    assert run(script, tmp_path) == run(script, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("script", "least"), [("digits_adam", 96.0), ("digits_convnet", 97.0)])
def test_reaches_the_accuracy_that_it_claims(script: str, least: float, tmp_path: Path) -> None:
    printed = run(script, tmp_path, quick="")
    found = re.search(r"^test accuracy ([\d.]+)%", printed, re.MULTILINE)
    assert found is not None, printed
    assert float(found[1]) >= least


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "pattern", "least", "most"),
    [
        ("sequences_lstm", r"^mean square error ([\d.]+) on new waves", 0, 0.05),
        ("digits_batchnorm", r"^test accuracy ([\d.]+)%, mean of 5 seeds", 99, 100),
        ("sequences_transformer", r"^([\d.]+)% of the digits of new sequences", 99, 100),
    ],
)
def test_learns_what_it_claims(
    script: str, pattern: str, least: float, most: float, tmp_path: Path
) -> None:
    printed = run(script, tmp_path, quick="")
    found = re.search(pattern, printed, re.MULTILINE)
    assert found is not None, printed
    assert least <= float(found[1]) <= most
    assert "Curvature of the training loss" in printed


@pytest.mark.slow
def test_the_sharpness_climbs_to_the_edge_and_stays(tmp_path: Path) -> None:
    lines = run("edge_of_stability", tmp_path, quick="").splitlines()
    rows = [line.split() for line in lines if line.split()[0].isdigit()]
    steps, relative = [int(row[0]) for row in rows], [float(row[-1]) for row in rows]
    assert steps == list(range(0, 1501, 20))
    assert relative[0] < 0.7
    first = next(i for i, r in enumerate(relative) if r >= 1)
    assert steps[first] <= 750
    after = relative[first:]
    assert 0.95 < sum(after) / len(after) < 1.1
    losses = [float(row[1]) for row in rows]
    assert losses[-1] < 0.8 * losses[first]  # it goes on falling beyond the edge


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_is_short(script: Path) -> None:
    if script.stem == "first_five_minutes":  # half of it is text between the cells
        most = 95
    elif script.stem == "pictures":  # a gallery of eight pictures, each with its function
        most = 130
    else:
        most = 50 if script.stem in SHORT else 65
    assert len(script.read_text(encoding="utf-8").splitlines()) < most
