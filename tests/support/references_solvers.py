"""Solutions of the samples of differential equations and integrals in closed form, for the battery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_hess.scipy.integrate  # noqa: F401  (declares the rows)


def _solution(y0: Any, t: Any, p: Any, *, system: Any) -> Any:
    """Of y₁' = p₁ y₂ + t, y₂' = p₂."""
    tau = t - t[0]
    first = y0[0] + p[0] * (y0[1] * tau + p[1] * tau**2 / 2) + (t**2 - t[0] ** 2) / 2
    return np.stack([first, y0[1] + p[1] * tau], 1)


def _adjoint(y0: Any, t: Any, p: Any, g: Any, *, system: Any) -> Any:
    """The partial derivatives of Σ g Y by hand."""
    tau, y = t - t[0], _solution(y0, t, p, system=system)
    g1, g2 = g[:, 0], g[:, 1]
    of_y = [np.sum(g1), np.sum(p[0] * tau * g1 + g2)]
    of_p = [
        np.sum(g1 * (y0[1] * tau + p[1] * tau**2 / 2)),
        np.sum(g1 * p[0] * tau**2 / 2 + g2 * tau),
    ]
    of_t = g1 * (p[0] * y[:, 1] + t) + g2 * p[1]
    later = np.sum(g1[1:]) * (p[0] * y0[1] + t[0]) + np.sum((p[0] * tau * g1 + g2)[1:]) * p[1]
    of_t = np.concatenate([[-later], of_t[1:]])
    return np.concatenate([of_y, of_t, of_p])


def _integral(a: Any, b: Any, p: Any, *, integrand: Any) -> Any:
    """Of p₁ t² + p₂² t, and no error."""
    value = p[0] * (b**3 - a**3) / 3 + p[1] ** 2 * (b**2 - a**2) / 2
    return np.array([value, 0.0], np.result_type(value))


SOLVERS: dict[str, Callable[..., Any]] = {
    "ode_solution": _solution,
    "ode_adjoint": _adjoint,
    "integral": _integral,
}
