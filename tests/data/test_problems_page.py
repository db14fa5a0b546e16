"""The page of optimisers on standard problems: fresh, and true to what is run again."""

from __future__ import annotations

import math

import problems_page as page
import pytest

from tinygrad_hess.data import problems

ROWS = page.stored()


def test_the_page_is_made_of_the_data() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.page(ROWS), "python tools/problems_page.py"


def test_every_method_is_on_every_problem_that_it_takes() -> None:
    names = {p.name for p in (*problems.more_garbow_hillstrom(), *problems.large())}
    assert {r.problem for r in ROWS} == names
    for method in ("cg", "l-bfgs", "newton", "trust-region", "cubic", "SciPy L-BFGS-B"):
        assert {r.problem for r in ROWS if r.method == method} == names


def test_what_scipy_finds_one_of_our_methods_finds() -> None:
    assert page.only_theirs(ROWS) == []


def test_outcomes_are_what_the_values_say() -> None:
    for r in ROWS:
        p = problems.named(r.problem)
        if not math.isnan(r.value):
            assert (r.outcome == "found") == p.is_minimum(r.value), r
        assert r.outcome == "found" or r.message, r


@pytest.mark.parametrize(
    ("name", "method"),
    [("wood", "newton"), ("bard", "SciPy BFGS"), ("freudenstein_roth", "levenberg-marquardt")],
)
def test_a_run_gives_what_is_stored(name: str, method: str) -> None:
    again = page.run(problems.named(name), method)
    (row,) = (r for r in ROWS if (r.problem, r.method) == (name, method))
    assert again is not None and again.outcome == row.outcome
    assert again.value == pytest.approx(row.value, rel=1e-6, abs=1e-12)
    assert abs(again.iterations - row.iterations) <= 0.2 * row.iterations + 2
