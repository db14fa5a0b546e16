"""Larger problems, of 50 to 10,000 variables: of Moré, Garbow and Hillstrom, and of CUTE.

CUTE's are written out in I. Bongartz, A. R. Conn, N. Gould and Ph. L. Toint, "CUTE: constrained and
unconstrained testing environment", ACM Transactions on Mathematical Software 21 (1995), 123-160,
and its SIF files, whose names stand in the sources. Toint's are from Ph. L. Toint, "Test problems
for partially separable optimization and results for the routine PSPMIN", report 83/4, Namur (1983).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import more_garbow_hillstrom as mgh
from .problem import Problem


def arwhead(x: Any) -> Any:
    """A quartic whose Hessian is an arrow."""
    return (3 - 4 * x[:-1]).sum() + ((x[:-1] ** 2 + x[-1] ** 2) ** 2).sum()


def nondia(x: Any) -> Any:
    """Shanno's: a valley in which each variable meets the first."""
    return (x[0] - 1) ** 2 + 100 * ((x[0] - x[:-1] ** 2) ** 2).sum()


def liarwhd(x: Any) -> Any:
    """A simplified form of NONDIA, by Li."""
    return 4 * ((x**2 - x[0]) ** 2).sum() + ((x - 1) ** 2).sum()


def dqdrtic(x: Any) -> Any:
    """A quadratic."""
    return (x[:-2] ** 2 + 100 * x[1:-1] ** 2 + 100 * x[2:] ** 2).sum()


def tridia(x: Any) -> Any:
    """Shanno's tridiagonal quadratic, whose condition number grows with n."""
    i = np.arange(2, x.shape[0] + 1)
    return (x[0] - 1) ** 2 + (i * (2 * x[1:] - x[:-1]) ** 2).sum()


def engval1(x: Any) -> Any:
    """A sum of 2 n - 2 groups, n - 1 of which are linear."""
    return ((x[:-1] ** 2 + x[1:] ** 2) ** 2).sum() + (3 - 4 * x[:-1]).sum()


def dixmaana(x: Any) -> Any:
    """Dixon and Maany's, in its first variant; a multiple of 3 variables."""
    m = x.shape[0] // 3
    quartic = (x[: 2 * m] ** 2 * x[m:] ** 4).sum()
    return 1 + (x**2).sum() + 0.125 * quartic + 0.125 * (x[:m] * x[2 * m :]).sum()


def cosine(x: Any) -> Any:
    """A sum of cosines, far from convex."""
    return np.cos(x[:-1] ** 2 - 0.5 * x[1:]).sum()


def chained_rosenbrock(x: Any) -> Any:
    """Rosenbrock's valley, each variable in two of them (GENROSE without its constant)."""
    return 100 * ((x[1:] - x[:-1] ** 2) ** 2).sum() + ((1 - x[1:]) ** 2).sum()


def woods(x: Any) -> Any:
    """Problem 14 of Moré, Garbow and Hillstrom, on groups of 4 variables."""
    a, b, c, d = x[0::4], x[1::4], x[2::4], x[3::4]
    first = 100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2
    return (first + 10 * (b + d - 2) ** 2 + 0.1 * (b - d) ** 2).sum()


def nondquar(x: Any) -> Any:
    """A quartic whose Hessian is singular at the minimum."""
    ends = (x[0] - x[1]) ** 2 + (x[-2] + x[-1]) ** 2
    return ends + ((x[:-2] + x[1:-1] + x[-1]) ** 4).sum()


def dqrtic(x: Any) -> Any:
    """A quartic, flat at its minimum, with a start far away."""
    return ((x - np.arange(1, x.shape[0] + 1)) ** 4).sum()


def edensch(x: Any) -> Any:
    """The extended Dennis and Schnabel problem."""
    return (
        16
        + ((x[:-1] - 2) ** 4).sum()
        + ((x[:-1] * x[1:] - 2 * x[1:]) ** 2).sum()
        + ((x[1:] + 1) ** 2).sum()
    )


def _of_cute(
    function: Callable[[Any], Any], start: Any, minimum: float, name: str = "", solution: Any = None
) -> Problem:
    title = name or function.__name__.upper()
    return Problem(
        function.__name__, np.array(start, float), minimum, f"CUTE, {title}", function=function,
        solution=solution,
    )  # fmt: skip


def _of_paper(
    number: int, residuals: Any, start: Any, minimum: float = 0.0, solution: Any = None
) -> Problem:
    source = f"Moré, Garbow and Hillstrom (1981), problem {number}, larger"
    n = len(start)
    name = f"{residuals.__name__}_{n}"
    return Problem(
        name, np.array(start, float), minimum, source, residuals=residuals, solution=solution
    )


@functools.cache
def all_problems() -> tuple[Problem, ...]:
    """The larger problems."""
    inner = lambda n: np.arange(1, n + 1) / (n + 1)
    bump = lambda n: inner(n) * (inner(n) - 1)
    hundred = np.arange(1, 101)
    return (
        _of_paper(21, mgh.extended_rosenbrock, [-1.2, 1] * 500, solution=np.ones(1000)),
        _of_paper(22, mgh.powell_singular, [3, -1, 0, 1] * 250, solution=np.zeros(1000)),
        _of_paper(23, mgh.penalty_1, hundred, 9.0249090e-4),
        _of_paper(25, mgh.variably_dimensioned, 1 - hundred / 100, solution=np.ones(100)),
        _of_paper(26, mgh.trigonometric, np.full(100, 0.01)),
        _of_paper(27, mgh.brown_almost_linear, np.full(100, 0.5)),
        _of_paper(28, mgh.boundary_value, bump(500)),
        _of_paper(29, mgh.integral_equation, bump(200)),
        _of_paper(30, mgh.broyden_tridiagonal, -np.ones(5000)),
        _of_paper(31, mgh.broyden_banded, -np.ones(5000)),
        _of_cute(arwhead, np.ones(5000), 0.0, solution=np.r_[np.ones(4999), 0.0]),
        _of_cute(nondia, -np.ones(5000), 0.0),
        _of_cute(liarwhd, np.full(5000, 4.0), 0.0, solution=np.ones(5000)),
        _of_cute(dqdrtic, np.full(5000, 3.0), 0.0, solution=np.zeros(5000)),
        _of_cute(tridia, np.ones(1000), 0.0, solution=0.5 ** np.arange(1000)),
        _of_cute(engval1, np.full(1000, 2.0), 1108.1947),
        _of_cute(dixmaana, np.full(3000, 2.0), 1.0, solution=np.zeros(3000)),
        _of_cute(cosine, np.ones(10_000), -9999.0),
        _of_cute(chained_rosenbrock, inner(100), 0.0, "GENROSE less 1", np.ones(100)),
        _of_cute(woods, [-3, -1, -3, -1] * 1000, 0.0, solution=np.ones(4000)),
        _of_cute(nondquar, [1, -1] * 50, 0.0, solution=np.zeros(100)),
        _of_cute(dqrtic, np.full(1000, 2.0), 0.0, solution=np.arange(1, 1001.0)),
        _of_cute(edensch, np.full(2000, 8.0), 12003.2846),
    )
