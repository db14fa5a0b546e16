"""Every function at its special points, to second order in all nestings; and at the ends of numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from precise_special import ALIASES, NOT_WALKED, PRECISE, SEVERAL
from precise_stats import COUNTS
from precise_stats import PRECISE as FAMILIES
from special_points import SLOW, Check, checks, problems

import tinygrad_hess as tg
from tinygrad_hess import nn
from tinygrad_hess.scipy import special, stats
from tinygrad_hess.scipy.stats.families import Family

SUPPORT = Path(__file__).parents[1] / "support"
EVERY = checks()
NAMES = list(dict.fromkeys(c.label.split("(")[0].split("[")[0] for c in EVERY))


def _in_short(check: Check) -> bool:
    """Of quick references, what moves in its argument."""
    moved = " arg" in check.label and check.label.startswith("stats") and " k=" not in check.label
    return check.name not in SLOW and not moved


def test_nothing_is_left_out() -> None:
    walked = {*PRECISE, *SEVERAL, *ALIASES, *NOT_WALKED}
    assert walked == set(special.__all__)
    families = {n for n in stats.__all__ if isinstance(getattr(stats, n), Family)}
    assert families == {*FAMILIES, *COUNTS}


@pytest.mark.parametrize("room", ["special", "stats", "nn"])
def test_quick_part(room: str) -> None:
    chosen = [c for c in EVERY if c.label.startswith(room) and _in_short(c)]
    if room == "special":
        chosen = chosen[::2]
    found = [problems(c, whole=False) for c in chosen]
    wrong = [line for lines, _ in found for line in lines]
    assert not wrong, "\n".join(wrong)
    assert sum(count for _, count in found) > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_points(name: str) -> None:
    chosen = [c for c in EVERY if c.label.split("(")[0].split("[")[0] == name]
    wrong = [line for c in chosen for line in problems(c)[0]]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_ends_of_the_numbers_return_and_are_scipys() -> None:
    """In a process of its own: SciPy's functions that never return can be ended no other way."""
    run = [sys.executable, str(SUPPORT / "extremes.py")]
    done = subprocess.run(run, cwd=SUPPORT, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert lines[-1] == "DONE", f"{lines[-1]} never returned, or failed:\n{done.stderr[-2000:]}"
    assert not [line for line in lines[:-1] if not line.startswith("TRY ")]


# ---- by name ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "at", "want"),
    [
        (lambda p: stats.bernoulli.pmf(1, p), 0.0, 1.0),
        (lambda m: stats.poisson.pmf(1, m), 0.0, 1.0),
        (lambda n: special.binom(n, 2.0), 1.0, 0.5),
        (lambda x: special.powm1(x, 2.0), 0.0, 0.0),
        (lambda x: stats.rayleigh.pdf(x), 0.0, 1.0),
        (lambda k: stats.vonmises.logpdf(0.3, k), 0.0, np.cos(0.3)),
        (stats.laplace.cdf, 0.0, 0.5),
        (lambda p: special.boxcox(0.0, p), -0.5, np.inf),
        (lambda p: special.boxcox(0.0, p), 2.0, 0.25),
        (special.exprel, np.inf, np.inf),
        (special.exprel, -np.inf, 0.0),
        (tg.grad(lambda x: special.gammainc(2.0, x)), 0.0, 1.0),
        (tg.grad(lambda x: special.expn(3, x)), 0.0, np.inf),
        (tg.grad(lambda r: special.huber(1.0, r)), 0.0, 1.0),
        (tg.grad(lambda r: nn.huber(r, np.zeros(()))), 0.0, 1.0),
        (tg.grad(lambda z: stats.gennorm.logpdf(z, 2.0)), 0.0, -2.0),
    ],
)
def test_by_name(f: Any, at: float, want: float) -> None:
    g = tg.grad(f)
    for found in (
        g(at),
        tg.jit(g)(at),
        tg.vmap(g)(np.array([at, at]))[1],
        tg.jvp(f, (at,), (1.0,))[1],
    ):
        np.testing.assert_allclose(found, want, rtol=1e-12)


def test_vectors_with_a_component_of_zero() -> None:
    """The derivative in a probability of 0 that one draw has, and in a component of 0."""
    p = np.array([0.0, 0.4, 0.6])
    slope = tg.grad(lambda p: stats.multinomial.pmf([1, 1, 1], 3, p))(p)
    np.testing.assert_allclose(slope, [6 * 0.4 * 0.6, 0, 0], rtol=1e-13)
    mixed = tg.hessian(lambda p: stats.multinomial.pmf([1, 1, 1], 3, p))(p)
    np.testing.assert_allclose(mixed[0], [0, 6 * 0.6, 6 * 0.4], rtol=1e-13)
    slope = tg.grad(lambda x: stats.dirichlet.pdf(x, np.array([2.0, 1.0, 1.0])))(p)
    np.testing.assert_allclose(slope[0], 6.0, rtol=1e-13)


def test_ends_by_name() -> None:
    assert special.k0e(1e12) == 1.2533141373153437e-06
    assert special.perm(-1.05, 0.3) == special.perm(tg.tensor(-1.05), 0.3).numpy() == 0.0
    np.testing.assert_allclose(special.agm(tg.tensor(1e200), 1.0).numpy(), 3.4007037462646784e197)
    with mpmath.workdps(230):
        want = float(mpmath.diff(lambda a: mpmath.agm(a, 1), mpmath.mpf(10) ** 200))
    np.testing.assert_allclose(tg.grad(special.agm)(1e200, 1.0), want, rtol=1e-12)
