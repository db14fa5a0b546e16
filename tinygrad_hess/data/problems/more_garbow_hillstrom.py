"""The 35 problems of Moré, Garbow and Hillstrom, in their order and with their numbers.

J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", ACM
Transactions on Mathematical Software 7 (1981), 17-41. Each is a sum of squares of residuals.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import measurements as data
from .problem import Problem

Residuals = Callable[[Any], Any]

# ---- two and three variables --------------------------------------------------------------------


def rosenbrock(x: Any) -> Any:
    """Problem 1."""
    return np.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def freudenstein_roth(x: Any) -> Any:
    """Problem 2."""
    a, b = x[0], x[1]
    return np.stack(
        [-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b]
    )  # fmt: skip


def powell_badly_scaled(x: Any) -> Any:
    """Problem 3."""
    return np.stack([1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001])


def brown_badly_scaled(x: Any) -> Any:
    """Problem 4."""
    return np.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


def beale(x: Any) -> Any:
    """Problem 5."""
    return np.array([1.5, 2.25, 2.625]) - x[0] * (1 - x[1] ** np.arange(1, 4))


def jennrich_sampson(x: Any) -> Any:
    """Problem 6, with 10 residuals."""
    i = np.arange(1, 11)
    return 2 + 2 * i - (np.exp(i * x[0]) + np.exp(i * x[1]))


def helical_valley(x: Any) -> Any:
    """Problem 7."""
    turn = np.arctan(x[1] / x[0]) / (2 * np.pi) + np.where(x[0] < 0, 0.5, 0.0)
    radius = np.sqrt(x[0] ** 2 + x[1] ** 2)
    return np.stack([10 * (x[2] - 10 * turn), 10 * (radius - 1), x[2]])


def bard(x: Any) -> Any:
    """Problem 8."""
    u = np.arange(1, 16)
    v = 16 - u
    return data.BARD - (x[0] + u / (v * x[1] + np.minimum(u, v) * x[2]))


def gaussian(x: Any) -> Any:
    """Problem 9."""
    t = (8 - np.arange(1, 16)) / 2
    return x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2) - data.GAUSSIAN


def meyer(x: Any) -> Any:
    """Problem 10."""
    t = 45 + 5 * np.arange(1, 17)
    return x[0] * np.exp(x[1] / (t + x[2])) - data.MEYER


def gulf(x: Any) -> Any:
    """Problem 11, with 99 residuals, as in the authors' program (the paper misprints it)."""
    t = np.arange(1, 100) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return np.exp(-(np.abs(y - x[1]) ** x[2]) / x[0]) - t


def box(x: Any) -> Any:
    """Problem 12, with 10 residuals."""
    t = np.arange(1, 11) / 10
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


# ---- four to eleven variables -------------------------------------------------------------------


def powell_singular(x: Any) -> Any:
    """Problems 13 and 22; a multiple of 4 variables."""
    a, b, c, d = x[0::4], x[1::4], x[2::4], x[3::4]
    parts = [a + 10 * b, np.sqrt(5) * (c - d), (b - 2 * c) ** 2, np.sqrt(10) * (a - d) ** 2]
    return np.concatenate(parts)


def wood(x: Any) -> Any:
    """Problem 14."""
    a, b, c, d = x[0], x[1], x[2], x[3]
    return np.stack(
        [10 * (b - a**2), 1 - a, np.sqrt(90) * (d - c**2), 1 - c, np.sqrt(10) * (b + d - 2),
         (b - d) / np.sqrt(10)]
    )  # fmt: skip


def kowalik_osborne(x: Any) -> Any:
    """Problem 15."""
    u = data.KOWALIK_U
    return data.KOWALIK_Y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def brown_dennis(x: Any) -> Any:
    """Problem 16, with 20 residuals."""
    t = np.arange(1, 21) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


def osborne_1(x: Any) -> Any:
    """Problem 17."""
    t = 10 * np.arange(33)
    return data.OSBORNE_1 - (x[0] + x[1] * np.exp(-t * x[3]) + x[2] * np.exp(-t * x[4]))


def biggs_exp6(x: Any) -> Any:
    """Problem 18, with 13 residuals."""
    t = np.arange(1, 14) / 10
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y


def osborne_2(x: Any) -> Any:
    """Problem 19."""
    t = np.arange(65) / 10
    found = x[0] * np.exp(-t * x[4])
    for i in range(1, 4):
        found = found + x[i] * np.exp(-((t - x[7 + i]) ** 2) * x[4 + i])
    return data.OSBORNE_2 - found


def watson(x: Any) -> Any:
    """Problem 20."""
    n = x.shape[0]
    j = np.arange(n)
    powers = (np.arange(1, 30) / 29)[:, None] ** j
    slopes = j[1:] * powers[:, :-1]
    first = slopes @ x[1:] - (powers @ x) ** 2 - 1
    return np.concatenate([first, np.stack([x[0], x[1] - x[0] ** 2 - 1])])


# ---- any number of variables --------------------------------------------------------------------


def extended_rosenbrock(x: Any) -> Any:
    """Problem 21; an even number of variables."""
    return np.concatenate([10 * (x[1::2] - x[0::2] ** 2), 1 - x[0::2]])


def penalty_1(x: Any) -> Any:
    """Problem 23."""
    return np.concatenate([np.sqrt(1e-5) * (x - 1), np.stack([(x**2).sum() - 0.25])])


def penalty_2(x: Any) -> Any:
    """Problem 24."""
    n, root = x.shape[0], np.sqrt(1e-5)
    i = np.arange(2, n + 1)
    e = np.exp(x / 10)
    y = np.exp(i / 10) + np.exp((i - 1) / 10)
    parts = [
        x[:1] - 0.2,
        root * (e[1:] + e[:-1] - y),
        root * (e[1:] - np.exp(-0.1)),
        np.stack([np.arange(n, 0, -1) @ x**2 - 1]),
    ]
    return np.concatenate(parts)


def variably_dimensioned(x: Any) -> Any:
    """Problem 25."""
    total = np.arange(1, x.shape[0] + 1) @ (x - 1)
    return np.concatenate([x - 1, np.stack([total, total**2])])


def trigonometric(x: Any) -> Any:
    """Problem 26."""
    n = x.shape[0]
    return n - np.cos(x).sum() + np.arange(1, n + 1) * (1 - np.cos(x)) - np.sin(x)


def brown_almost_linear(x: Any) -> Any:
    """Problem 27."""
    linear = x[:-1] + x.sum() - (x.shape[0] + 1)
    return np.concatenate([linear, np.stack([np.prod(x) - 1])])


def boundary_value(x: Any) -> Any:
    """Problem 28: -u'' = (u + t + 1)³ / 2 by second differences."""
    n = x.shape[0]
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    padded = np.pad(x, 1)
    return 2 * x - padded[:-2] - padded[2:] + h**2 * (x + t + 1) ** 3 / 2


def integral_equation(x: Any) -> Any:
    """Problem 29."""
    n = x.shape[0]
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    kernel = np.minimum.outer(t, t) * (1 - np.maximum.outer(t, t))
    return x + h * (kernel @ (x + t + 1) ** 3) / 2


def broyden_tridiagonal(x: Any) -> Any:
    """Problem 30."""
    padded = np.pad(x, 1)
    return (3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1


def broyden_banded(x: Any) -> Any:
    """Problem 31."""
    n = x.shape[0]
    y = np.pad(x * (1 + x), (5, 1))
    neighbours = y[6:] + sum(y[k : k + n] for k in range(5))
    return x * (2 + 5 * x**2) + 1 - neighbours


def linear_full_rank(x: Any, m: int = 20) -> Any:
    """Problem 32."""
    common = -2 * x.sum() / m - 1
    return np.concatenate([x + common, np.zeros(m - x.shape[0]) + common])


def linear_rank_1(x: Any, m: int = 20) -> Any:
    """Problem 33."""
    return np.arange(1, m + 1) * (np.arange(1, x.shape[0] + 1) @ x) - 1


def linear_rank_1_with_zeros(x: Any, m: int = 20) -> Any:
    """Problem 34: as problem 33, with zero columns and rows."""
    n = x.shape[0]
    rows = np.concatenate([np.arange(m - 1), [0.0]])
    return rows * (np.arange(2, n) @ x[1:-1]) - 1


def chebyquad(x: Any) -> Any:
    """Problem 35, with as many residuals as variables."""
    n = x.shape[0]
    before, now = 1.0, 2 * x - 1
    means = []
    for i in range(1, n + 1):
        means.append(now.sum() / n + (1 / (i * i - 1) if i % 2 == 0 else 0.0))
        before, now = now, 2 * (2 * x - 1) * now - before
    return np.stack(means)


# ---- their starts and minima --------------------------------------------------------------------


def _problem(
    number: int,
    residuals: Residuals,
    start: Any,
    minimum: float,
    solution: Any = None,
    others: Sequence[float] = (),
    name: str = "",
) -> Problem:
    return Problem(
        name or residuals.__name__,
        np.array(start, float),
        minimum,
        f"Moré, Garbow and Hillstrom (1981), problem {number}",
        residuals=residuals,
        solution=None if solution is None else np.array(solution, float),
        others=tuple(others),
    )


@functools.cache
def all_problems() -> tuple[Problem, ...]:
    """The 35 problems in their order, at the sizes and starts of the paper."""
    ten, m, inner = np.arange(1, 11), 20, np.arange(1, 11) / 11
    sums = [m * (m - 1) / (2 * (2 * m + 1)), (m * m + 3 * m - 6) / (2 * (2 * m - 3))]
    return (
        _problem(1, rosenbrock, [-1.2, 1], 0.0, [1, 1]),
        _problem(2, freudenstein_roth, [0.5, -2], 0.0, [5, 4], [48.98425]),
        _problem(3, powell_badly_scaled, [0, 1], 0.0),
        _problem(4, brown_badly_scaled, [1, 1], 0.0, [1e6, 2e-6]),
        _problem(5, beale, [1, 1], 0.0, [3, 0.5]),
        _problem(6, jennrich_sampson, [0.3, 0.4], 124.362182),
        _problem(7, helical_valley, [-1, 0, 0], 0.0, [1, 0, 0]),
        _problem(8, bard, [1, 1, 1], 8.214877e-3, None, [17.42869]),
        _problem(9, gaussian, [0.4, 1, 0], 1.1279328e-8),
        _problem(10, meyer, [0.02, 4000, 250], 87.9458551),
        _problem(11, gulf, [5, 2.5, 0.15], 0.0, [50, 25, 1.5], [0.038]),
        _problem(12, box, [0, 10, 20], 0.0),
        _problem(13, powell_singular, [3, -1, 0, 1], 0.0, [0, 0, 0, 0]),
        _problem(14, wood, [-3, -1, -3, -1], 0.0, [1, 1, 1, 1]),
        _problem(
            15, kowalik_osborne, [0.25, 0.39, 0.415, 0.39], 3.0750561e-4, None, [1.0273419e-3]
        ),
        _problem(16, brown_dennis, [25, 5, -5, -1], 85822.2016),
        _problem(17, osborne_1, [0.5, 1.5, -1, 0.01, 0.02], 5.4648947e-5),
        _problem(18, biggs_exp6, [1, 2, 1, 1, 1, 1], 0.0, None, [5.65565e-3]),
        _problem(19, osborne_2, [1.3, .65, .65, .7, .6, 3, 5, 7, 2, 4.5, 5.5], 4.0137736e-2),
        _problem(20, watson, np.zeros(6), 2.2876701e-3),
        _problem(21, extended_rosenbrock, [-1.2, 1] * 5, 0.0, np.ones(10)),
        _problem(
            22, powell_singular, [3, -1, 0, 1] * 3, 0.0, np.zeros(12),
            name="extended_powell_singular",
        ),
        _problem(23, penalty_1, ten, 7.0876515e-5),
        _problem(24, penalty_2, np.full(10, 0.5), 2.9366054e-4),
        _problem(25, variably_dimensioned, 1 - ten / 10, 0.0, np.ones(10)),
        _problem(26, trigonometric, np.full(10, 0.1), 0.0, None, [2.79506e-5]),
        _problem(27, brown_almost_linear, np.full(10, 0.5), 0.0, None, [1.0]),
        _problem(28, boundary_value, inner * (inner - 1), 0.0),
        _problem(29, integral_equation, inner * (inner - 1), 0.0),
        _problem(30, broyden_tridiagonal, -np.ones(10), 0.0),
        _problem(31, broyden_banded, -np.ones(10), 0.0),
        _problem(32, linear_full_rank, np.ones(10), float(m - 10), -np.ones(10)),
        _problem(33, linear_rank_1, np.ones(10), sums[0]),
        _problem(34, linear_rank_1_with_zeros, np.ones(10), sums[1]),
        _problem(35, chebyquad, np.arange(1, 9) / 9, 3.5168737e-3),
    )  # fmt: skip
