"""The benchmark of curvature: numbers that stay, references that are right, answers as asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from benchmarks.curvature import LIBRARIES, Answered
from benchmarks.curvature_problem import Numbers, made
from benchmarks.curvature_reference import Reference
from benchmarks.curvature_results import markdown, printed
from benchmarks.curvature_tasks import DENSITY, MEANINGS, PAIRS, TRACE, VALUES, distance
from benchmarks.library_curvature_tinygrad_hess import Session, make


@pytest.fixture(scope="module")
def numbers() -> Numbers:
    return made(quick=True)


def test_numbers_are_the_same_each_time_and_in_a_file(numbers: Numbers, tmp_path: Path) -> None:
    numbers.save(tmp_path / "numbers.npz")
    for other in (made(quick=True), Numbers.load(str(tmp_path / "numbers.npz"))):
        for a, b in zip(numbers.params, other.params, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(numbers.x, other.x)
        np.testing.assert_array_equal(numbers.y, other.y)


@pytest.mark.slow
def test_references_are_those_of_the_dense_matrix(numbers: Numbers) -> None:
    matrix = Session(numbers, 0).operator().to_dense()
    reference = Reference(numbers)
    values = np.linalg.eigvalsh(matrix)
    np.testing.assert_allclose(reference.trace, np.trace(matrix), rtol=1e-10)
    np.testing.assert_allclose(reference.values, values[::-1][:10], rtol=1e-9)
    equal = {"nodes": values, "weights": np.full(len(values), 1 / len(values))}
    assert reference.error(DENSITY, equal) < 1e-9
    assert abs(reference.error(TRACE, {"value": 1.02 * np.trace(matrix)}) - 0.02) < 1e-9


def test_distance_is_wassersteins() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=30), rng.normal(size=40)
    a, b = rng.dirichlet(np.ones(30)), rng.dirichlet(np.ones(40))
    np.testing.assert_allclose(distance(x, a, y, b), wasserstein_distance(x, y, a, b))


@pytest.mark.slow
@pytest.mark.parametrize("task", MEANINGS)
def test_our_answers_are_as_accurate_as_asked(task: str, numbers: Numbers, tmp_path: Path) -> None:
    numbers.save(tmp_path / "numbers.npz")
    calls = make(str(tmp_path / "numbers.npz"), task, "3")
    calls["run"]()
    told = calls["told"]()
    allowed = {VALUES: 1e-6, PAIRS: 1e-6, TRACE: 0.015, DENSITY: 0.2}
    assert Reference(numbers).error(task, told) <= allowed[task]
    assert told["products"] > 0
    if task == PAIRS:
        assert told["residual"] <= 1e-5  # of the smallest, relative to the scale of all


def test_ratios_stand_in_the_tables() -> None:
    ours = Answered(DENSITY, "tinygrad_hess", [1.0], [0.1], [], [400], "probes=4")
    theirs = Answered(DENSITY, "PyHessian", [4.0], [0.2], [], [400], "n_v=4")
    line = printed([ours, theirs])[1].splitlines()[-1]
    assert [cell.strip() for cell in line.split("|")][-3:-1] == ["0.25", "0.06"]
    about = dict.fromkeys(
        ["command", "processor", "cores", "system", "python", "date", "load"], "x"
    )
    about |= {"versions": {"numpy": "2"}, "minutes": 1.0, "size": 10, "examples": 5, "pinned": True}
    page = markdown([ours, theirs], about, ["PyHessian: failed"])
    assert "| PyHessian " in page and "- PyHessian: failed" in page
    assert set(LIBRARIES) == {"tinygrad_hess", "PyHessian", "curvlinops"}
