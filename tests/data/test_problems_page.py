"""The page of optimisers on standard problems: fresh, and true to what is run again."""

from __future__ import annotations

import math

import numpy as np
import problems_page as page
import pytest

import tinygrad_hess as tg
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


def test_no_run_of_ours_ends_without_a_result_where_another_of_ours_has_none() -> None:
    """Runs that were stopped by the clock are few, and of problems that others solve or stop at."""
    stopped = [r for r in ROWS if r.method in page.OURS and "seconds of the processor" in r.message]
    for r in stopped:
        others = [s for s in ROWS if s.problem == r.problem and s.method in page.OURS]
        assert any(s.outcome != "failed" for s in others), r
    assert len(stopped) <= 5


ELSEWHERE = [r for r in ROWS if r.method in page.OURS and r.outcome == "local"]


@pytest.mark.slow
@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda r: f"{r.problem}-{r.method}")
def test_what_ends_elsewhere_ends_at_a_minimum(row: page.Row) -> None:
    """The gradient vanishes there, and the Hessian has no negative eigenvalue."""
    p = problems.named(row.problem)
    of_residuals = page.METHODS[row.method].needs_residuals
    f = p.residuals if of_residuals else p.loss
    found = tg.optim.minimize(f, p.start, method=row.method, tol=page.TOL, maxiter=page.MAXITER)
    assert found.success and found.nit < page.MAXITER
    gradient = tg.grad(p.loss)(found.x) / (2 if of_residuals else 1)
    if "rounding" not in found.message:
        assert np.abs(gradient).max() <= page.TOL * (1 + 1e-6)
    if p.size <= 300:
        values = np.linalg.eigvalsh(tg.hessian(p.loss)(found.x))
        assert values[0] >= -1e-7 * np.abs(values).max()
    else:
        H = tg.curvature.HessianOperator(p.loss, found.x)
        values = tg.curvature.top_eigenpairs(H, k=1, which="SA").values
        assert values[0] >= -1e-7 * np.abs(H @ np.ones(p.size)).max()


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("wood", "newton"),
        ("bard", "SciPy BFGS"),
        ("bard", "levenberg-marquardt"),
        ("freudenstein_roth", "cubic"),  # at another minimum; residual methods end at rounding
    ],
)
def test_a_run_gives_what_is_stored(name: str, method: str) -> None:
    again = page.run(problems.named(name), method)
    (row,) = (r for r in ROWS if (r.problem, r.method) == (name, method))
    assert again is not None and again.outcome == row.outcome
    assert again.value == pytest.approx(row.value, rel=1e-6, abs=1e-12)
    assert abs(again.iterations - row.iterations) <= 0.2 * row.iterations + 2
