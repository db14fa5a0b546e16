"""A differential equation on vectors, and SciPy's solvers for it."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import modes
from ...ops import concatenate, ravel, reshape
from ...replay.jitted import Jitted
from ...transforms.gradients import jvp, vjp
from ...transforms.vectorize import vmap
from .parameters import plain

Rates = Callable[[Any, Any], Any]
"""A right-hand side at arrays: ``rates(t, y) -> y'``."""

PATIENCE = 24
"""Calls by a solver after which planning a replay, which costs about as many, begins to pay."""

FEW = 300
"""Components up to which the sensitivities are one system: a solver may factor a matrix of them."""

RESTART = 16
"""How many directions of a sensitivity cost about as much as a new start of the solver."""


class Planned:
    """A right-hand side that a solver calls again and again with arrays of the same kinds.

    Its first calls are as it is. Then it is planned, and the plan called without another look at
    what kinds the arrays are of. One that raises while it is recorded stays as it is.

    Parameters
    ----------
    f : callable
        ``f(t, *arrays) -> array``, all of them in float64.
    after : int
        The call by which it is planned.
    """

    def __init__(self, f: Callable[..., Any], after: int = PATIENCE):
        self.f, self._after, self._calls = f, after, 0
        self._replay: Callable[[Any], Any] | None = None

    def __call__(self, t: float, *arrays: Any) -> Any:
        if self._replay is not None and not modes.is_debugging_nans():
            return self._replay([np.float64(t), *arrays])
        self._calls += 1
        if self._calls == self._after:
            with contextlib.suppress(Exception):  # f raises what is its own below
                self._replay = Jitted(self.f).plan_for(np.float64(t), *arrays)[0].replay
        return self.f(t, *arrays)


class System:
    """A right-hand side on vectors, and how to solve it.

    Parameters
    ----------
    f : callable
        ``f(t, y, p) -> y'`` on vectors, in operations of the library.
    who : str
        The user's function, for errors.
    solve : callable
        ``solve(rates, y0, t, atol, who, options, within) -> Y``: values of a solution at all the
        times.
    options : dict
        For the solver: method, rtol, first_step, max_step, ...
    atol : array, shape (n,)
        Absolute tolerance of each component.
    rates_at : callable, optional
        ``rates_at(p) -> rates``: the same function, made for arrays.
    has_tangent : bool
        Whether the second half of the components, and of p, are tangents of the first.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        who: str,
        solve: Callable[..., Any],
        options: dict[str, Any],
        atol: Any,
        rates_at: Callable[[Any], Rates] | None = None,
        has_tangent: bool = False,
    ):
        self.f, self.who, self.atol, self.has_tangent = f, who, atol, has_tangent
        self._solve, self.options = solve, options
        self.rates_at = rates_at or self._rates_at

    def __repr__(self) -> str:
        return f"<{self.who}{' and its tangent' if self.has_tangent else ''}>"

    def _rates_at(self, p: Any) -> Rates:
        return lambda t, y: plain(self.f(t, y, p), self.who)

    def costate_rates_at(self, p: Any, path: Callable[[float], Any]) -> Rates:
        """The right-hand side of the adjoint equation along a path: ``(t, [λ, p̄])``."""
        n = len(self.atol)
        return lambda t, z: self._costate_rates(t, path(t), p, z[:n])

    @functools.cached_property
    def _costate_rates(self) -> Callable[..., Any]:
        def rates(t: Any, y: Any, p: Any, costate: Any) -> Any:
            return -concatenate(vjp(lambda y, p: self.f(t, y, p), y, p)[1](costate))

        return Planned(rates)

    def has_few(self, parameters: int, times: int) -> bool:
        """Whether sensitivities cost less than an adjoint that starts anew at each time."""
        n = len(self.atol)
        directions = n + parameters
        return n * (1 + directions) <= FEW and directions <= RESTART * (times - 1)

    def sensitivity_rates_at(self, p: Any) -> Rates:
        """The right-hand side of y and of its derivatives by y0 and p: ``(t, [y, V])``.

        V has a row for each direction, n + len(p) of them, and their rates are ``V f_yᵀ + q f_pᵀ``.
        """
        return lambda t, z: self._sensitivity_rates(t, z, p)

    @functools.cached_property
    def _sensitivity_rates(self) -> Callable[..., Any]:
        n = len(self.atol)

        def rates(t: Any, z: Any, p: Any) -> Any:
            y, m = z[:n], p.shape[0]
            by_p = np.concatenate([np.zeros((n, m)), np.eye(m)])
            pushed = lambda v, q: jvp(lambda y, p: self.f(t, y, p), (y, p), (v, q))[1]
            found = vmap(pushed)(reshape(z[n:], shape=(n + m, n)), by_p)
            return concatenate([self.f(t, y, p), ravel(found)])

        return Planned(rates, after=2)

    @functools.cached_property
    def with_tangent(self) -> System:
        """The system of (y, v) with the parameters (p, ṗ)."""

        def f(t: Any, yv: Any, pq: Any) -> Any:
            n, m = yv.shape[0] // 2, pq.shape[0] // 2
            point, direction = (yv[:n], pq[:m]), (yv[n:], pq[m:])
            return concatenate(jvp(lambda y, p: self.f(t, y, p), point, direction))

        rates = Planned(f)
        rates_at = lambda p: lambda t, y: rates(t, y, p)
        atol = np.tile(self.atol, 2)
        return System(f, self.who, self._solve, self.options, atol, rates_at, True)

    def solved(self, rates: Rates, y0: Any, t: Any, atol: Any, within: bool = False) -> Any:
        """Values at all the times of the solution that begins at y0, for this or other rates.

        With ``within`` these are never evaluated beyond the last time.
        """
        return self._solve(rates, y0, t, atol, self.who, self.options, within)

    def path(self, rates: Rates, y0: Any, t: Any) -> Callable[[float], Any]:
        """The solution as a function of time."""
        options = {k: v for k, v in self.options.items() if k not in _ODEINT_OPTIONS}
        ends = t[[0, -1]]
        return stepped(rates, y0, ends, self.atol, self.who, options, dense_output=True).sol


# ---- solvers ------------------------------------------------------------------------------------


def by_steps(
    rates: Rates, y0: Any, t: Any, atol: Any, who: str, options: Any, within: bool = False
) -> Any:
    """By ``scipy.integrate.solve_ivp``, which always stays within."""
    distinct = np.append(True, np.diff(t) != 0)
    found = stepped(rates, y0, t, atol, who, options, t_eval=t[distinct])
    return found.y.T[np.cumsum(distinct) - 1]


def stepped(rates: Rates, y0: Any, t: Any, atol: Any, who: str, options: Any, **how: Any) -> Any:
    """What ``scipy.integrate.solve_ivp`` gives between the first and the last time."""
    from scipy.integrate import solve_ivp  # imported where it is needed: it is slow to load

    found = solve_ivp(rates, (t[0], t[-1]), y0, atol=atol, **options, **how)
    if not found.success:
        raise _failure(who, found.message)
    return found


_ODEINT_OPTIONS = ("h0", "hmax", "mxstep")
"""Options that only ``scipy.integrate.odeint`` has."""


def by_odeint(
    rates: Rates, y0: Any, t: Any, atol: Any, who: str, options: Any, within: bool = False
) -> Any:
    """By ``scipy.integrate.odeint``, which takes its steps in compiled code."""
    from scipy.integrate import ODEintWarning, odeint

    own = {name: options[name] for name in ("rtol", *_ODEINT_OPTIONS)}
    if within:
        own["tcrit"] = t[-1:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ODEintWarning)  # it is an error below
        found, notes = odeint(rates, y0, t, tfirst=True, full_output=True, atol=atol, **own)
    if notes["message"] != "Integration successful.":
        raise _failure(who, notes["message"])
    return found


def _failure(who: str, message: str) -> RuntimeError:
    """The error of a solver that gave up."""
    return RuntimeError(f"{who} could not be integrated: {message}")
