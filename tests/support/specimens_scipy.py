"""Calls of SciPy's functions for the walk; see :mod:`specimens`."""

from __future__ import annotations

from typing import Any

import numpy as np
from specimens import UNARY, Call

# ---- scipy.special ------------------------------------------------------------------------------

OF_ORDERS: list[list[Call]] = [
    UNARY,
    [lambda f, x: f(2, x), lambda f, x: f(x, x), lambda f, x: f(x, 1.7), lambda f, x: f(1, x / 2)],
    [lambda f, x: f(1, 2, x), lambda f, x: f(2, 3, x / 2), lambda f, x: f(x, x, x / 2)],
    [lambda f, x: f(1, 2, 3, x / 2), lambda f, x: f(x, x, x, x / 2)],
]
"""Forms of a function of 0, 1, 2, ... orders and an argument."""

PLAIN: list[Call] = [
    *UNARY,
    lambda f, x: f(2, x),
    lambda f, x: f(x, 2),
    lambda f, x: f(1, 2, x),
    lambda f, x: f(1, 2, 3, x),
    lambda f, x: f(2, 3, 1, 2, x),
    lambda f, x: f(2.0, 3.0, 1, 1, x + 3),
    lambda f, x: f(1, 1, x, x),
]
INTEGERS: list[Call] = [
    lambda f, x: f(3),
    lambda f, x: f(2, 3),
    lambda f, x: f(2, 1, 2),
    lambda f, x: f(2.0, 3.0, 1, 1),
    lambda f, x: f(),
]
"""What takes degrees and counts alone gives the same for any operand."""

SPECIAL: dict[str, list[Call]] = {
    "comb": [lambda f, x: f(4 + x, 2), lambda f, x: f(5.5, x), lambda f, x: f(4 + x, x, repetition=True)],
    "perm": [lambda f, x: f(4 + x, 2), lambda f, x: f(5.5, x)],
    "logsumexp": [*UNARY, lambda f, x: f(x, axis=0, b=x - 1, return_sign=True), lambda f, x: f(x, -1)],
    "softmax": [*UNARY, lambda f, x: f(x, axis=-1)],
    "log_softmax": [*UNARY, lambda f, x: f(x, axis=-1)],
    "polygamma": [lambda f, x: f(0, x), lambda f, x: f(1, x), lambda f, x: f(3, x)],
    "multigammaln": [lambda f, x: f(x + 1, 2)],
    "zeta": [lambda f, x: f(3, x), lambda f, x: f(x + 1, 2.0)],
    "bdtr": [lambda f, x: f(1.0, 5, x / 2)],
    "bdtrc": [lambda f, x: f(1.0, 5, x / 2)],
    "bdtri": [lambda f, x: f(1.0, 5, x / 2)],
    "kl_div": [lambda f, x: f(x, 1.7), lambda f, x: f(1.7, x), lambda f, x: f(x, x * x)],
    "arccosh": [lambda f, x: f(x + 1)],
    "ndtri_exp": [lambda f, x: f(-x)],
    "pro_rad1": [lambda f, x: f(2, 3, 1, x + 1)],
    "pro_rad2": [lambda f, x: f(2, 3, 1, x + 1)],
    "ellip_harm": [lambda f, x: f(5, 8, 2, 1, x)],
    "ellip_harm_2": [lambda f, x: f(5, 8, 2, 1, 10 + x)],
    "ellipj": [lambda f, x: f(x, 0.3)],
    "ellipkinc": [lambda f, x: f(x, 0.3)],
    "ellipeinc": [lambda f, x: f(x, 0.3)],
    "diric": [lambda f, x: f(x, 3)],
}  # fmt: skip


def special_calls(name: str, f: Any) -> list[Call]:
    """How to try a function of ``scipy.special``."""
    if name in SPECIAL:
        return SPECIAL[name]
    if isinstance(f, np.ufunc):
        return OF_ORDERS[f.nin - 1] if f.nin <= len(OF_ORDERS) else PLAIN
    return PLAIN


# ---- the rest -----------------------------------------------------------------------------------

_P = lambda x: x @ np.swapaxes(x, -1, -2)
_MAIN = np.array([[0.0], [0.0], [6.0]])
_BANDS = np.array([[0.0, 0.3, 0.2], [2.0, 2.5, 3.0]])
_R = np.array([[2.0, 0.3], [0.3, 1.0]])

LINALG: dict[str, list[Call]] = {
    "cholesky_banded": [lambda f, x: f(x + _MAIN)],
    "solveh_banded": [lambda f, x: f(x + _MAIN, np.ones(x.shape[-1])), lambda f, x: f(_BANDS, x)],
    "circulant": [lambda f, x: f(x.ravel())],
    "eigh": [
        lambda f, x: f(x + np.swapaxes(x, -1, -2))[0],
        lambda f, x: abs(f(x + np.swapaxes(x, -1, -2))[1]),  # of either sign
    ],
    "eigvalsh": [lambda f, x: f(x + np.swapaxes(x, -1, -2))],
    "expm_frechet": [lambda f, x: f(x, 2 * x * x)],
    "khatri_rao": [lambda f, x: f(x, 2 * x)],
    "lu_solve": [lambda f, x: f((x, np.arange(3)), np.ones(3))],
    "solve_banded": [lambda f, x: f((1, 1), x + 1, np.ones(3)), lambda f, x: f((1, 0), _R, x[:2])],
    "solve_continuous_lyapunov": [lambda f, x: f(x, x * x)],
    "solve_discrete_lyapunov": [lambda f, x: f(0.3 * x, x * x)],
    "solve_lyapunov": [lambda f, x: f(x, x * x)],
    "solve_sylvester": [lambda f, x: f(x, x + 1, x * x)],
    "cho_factor": [lambda f, x: np.tril(f(_P(x), lower=True)[0])],
    "cho_solve": [lambda f, x: f((np.tril(x), True), np.ones(3))],
    "cholesky": [lambda f, x: f(_P(x)), lambda f, x: f(_P(x), lower=True)],
    "lstsq": [lambda f, x: f(x, np.ones(3))[0], lambda f, x: f(np.vander(np.arange(4.0), 2), x)[0]],
    "logm": [lambda f, x: f(_P(x) + np.eye(3))],
    "norm": [*UNARY, lambda f, x: f(x, 1), lambda f, x: f(x, np.inf)],
    "solve": [lambda f, x: f(x, np.ones(3)), lambda f, x: f(_P(x), x, assume_a="pos")],
    "solve_triangular": [lambda f, x: f(x, np.ones(3)), lambda f, x: f(np.tril(x), x, lower=True)],
    "sqrtm": [lambda f, x: f(_P(x))],
    "toeplitz": [lambda f, x: f(x.ravel()), lambda f, x: f(x.ravel(), x.ravel() ** 2)],
}
_K = np.array([0, 3, 2, 1])
STATS: dict[str, list[Call]] = {
    "wrapcauchy": [lambda f, x: f(x, 0.4), lambda f, x: f(0.7, x / 2)],
    "dirichlet": [lambda f, x: f([0.2, 0.3, 0.1, 0.4], x)],
    "multinomial": [lambda f, x: f([1, 0, 2, 1], 4, x / np.sum(x))],
    "multivariate_normal": [lambda f, x: f(x[:2], [0.1, 0.2], _R), lambda f, x: f([0.5, 0.1], x[:2], _R)],
    "bernoulli": [lambda f, x: f(np.array([0, 1, 1, 0]), x / 2), lambda f, x: f(0, x / 2)],
}  # fmt: skip
COUNTED: list[list[Call]] = [
    [],
    [lambda f, x: f(_K, x / 2), lambda f, x: f(_K + 1, x / 2), lambda f, x: f(_K, x)],
    [lambda f, x: f(_K, 4, x / 2), lambda f, x: f(_K, x + 1, x / 2)],
    [lambda f, x: f(_K, 5, x + 1, x + 2)],
]
"""Forms of a distribution of counts, by how many parameters it has."""


def stats_calls(name: str, family: Any, method: str) -> list[Call]:
    """How to try a method of a distribution: in the observation, and in its parameters."""
    if name in STATS:
        return STATS[name]
    shapes = [a for a, default in family.arguments.items() if default is None]
    n = len(shapes)
    if hasattr(family, "logpmf"):
        return COUNTED[n]
    level = 0.5 if method == "ppf" else 1.0
    given = [1.5, 2.5, 3.5][:n]
    return [
        lambda f, x: f(level * x, *given),
        lambda f, x: f(1.3 + level * x, *given),
        lambda f, x: f(-level * x, *given),
        lambda f, x: f(0.7, *(g + x for g in given), x - 0.2, 1 + x),
        lambda f, x: f(0.7, *given, -x, 1 + x),
    ]


SAMPLED: list[Call] = [*UNARY, lambda f, x: f(x, dx=0.5, axis=0)]
SLID: list[Call] = [lambda f, x: f(x, x), lambda f, x: f(np.ones(x.shape), x, "same")]
SIGNAL: dict[str, list[Call]] = {
    "lfilter": [lambda f, x: f([0.5, 0.2], [1.0, -0.3], x), lambda f, x: f(x[..., 0:2].ravel()[:2], [1.0, -0.3], x)],
}  # fmt: skip
INTEGRATE: dict[str, list[Call]] = {
    "quad": [lambda f, x: f(lambda t, k: np.exp(-k * t), 0.0, 2.0, args=(x[0],))[0] * np.ones(1)],
    "fixed_quad": [lambda f, x: f(lambda t: np.exp(-np.sum(x) * t), 0.0, 2.0)[0] * np.ones(1)],
    "odeint": [lambda f, x: f(lambda y, t: -y * y, x, [0.0, 0.5, 1.0], rtol=1e-11, atol=1e-12)],
    "solve_ivp": [lambda f, x: f(lambda t, y: -y * y, (0.0, 1.0), x, rtol=1e-11, atol=1e-12).y[:, -1]],
    "cumulative_trapezoid": SAMPLED,
    "simpson": SAMPLED,
    "trapezoid": SAMPLED,
}  # fmt: skip
