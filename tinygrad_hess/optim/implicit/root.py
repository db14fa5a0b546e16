"""Roots and fixed points: SciPy's solvers, differentiable in the parameters of the equations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.optimize
from scipy.optimize import OptimizeResult

from ...core import arguments, trees
from ...core.boundary import named
from ...core.errors import call_of
from ...replay import Replayed, jacobian
from ...transforms import ravel
from ..deterministic.objective import PATIENCE, applied, start_of
from .linear_solve import NotConvergedError, as_vector
from .solutions import as_solution, is_differentiated

BY_JACOBIAN = ("hybr", "lm")
"""Methods of SciPy's that take a Jacobian."""

METHODS = (
    *BY_JACOBIAN, "broyden1", "broyden2", "anderson", "linearmixing", "diagbroyden",
    "excitingmixing", "krylov", "df-sane",
)  # fmt: skip

FIXED_POINTS = ("newton", "iteration", "anderson")


@named
def root(
    f: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    *,
    tol: float = 1e-12,
    jit: bool = True,
    **options: Any,
) -> OptimizeResult:
    """Solve ``f(x, *args) = 0`` by SciPy's methods, with the exact Jacobian, replayed.

    Where ``args`` hold tensors that are being differentiated, ``result.x`` is differentiable in
    them, by the implicit function theorem: forward and reverse, to any order, under ``vmap`` (one
    example after the other) and ``jit``.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` gives a pytree of as many numbers as x has.
    x0 : pytree of floating-point arrays
        Where to start.
    args : tuple
        Only what stands here, not what ``f`` closes over, is differentiated.
    method : str
        Of ``scipy.optimize.root``: ``"hybr"`` and ``"lm"`` use the Jacobian; ``"krylov"``,
        ``"df-sane"``, ``"broyden1"`` and others do without, for many unknowns.
    tol : float
        SciPy's.
    jit : bool
        Replay ``f`` and its Jacobian.
    **options
        SciPy's, of the method.

    Returns
    -------
    OptimizeResult
        SciPy's, with x like ``x0``. Under ``vmap`` and in replays it has x alone: iterations and
        messages differ from example to example.

    Raises
    ------
    NotConvergedError
        When it is being differentiated and no root was found.
    ValueError
        When ``f`` gives another count of numbers than x has, or there is no such method.

    Notes
    -----
    Derivatives solve systems with the Jacobian: by factorisation up to 500 unknowns, above by
    GMRES on products.

    References
    ----------
    Krantz and Parks, The Implicit Function Theorem (2002). Blondel et al., "Efficient and modular
    implicit differentiation" (2022).

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import optim
    >>> cube_root = lambda a: optim.root(lambda x, a: x**3 - a, 1.0, (a,)).x
    >>> round(float(cube_root(8.0)), 9), round(float(tg.grad(cube_root)(8.0)), 9)  # 1/12
    (2.0, 0.083333333)
    >>> round(float(tg.grad(tg.grad(cube_root))(8.0)), 9)  # -1/144
    -0.006944444
    """
    who = "root"
    arguments.function(who, "f", f, "Write root(f, x0).")
    arguments.choice(who, "method", method, METHODS)
    arguments.number(who, "tol", tol, above=0)
    arguments.flag(who, "jit", jit)
    args = args if isinstance(args, tuple) else (args,)

    def solver(tree: Callable[[Any], Any]) -> Callable[..., OptimizeResult]:
        system = _Equations(who, f, x0, tree, jit)
        return lambda x0, leaves: system.root(x0, leaves, method, tol, options)

    if not is_differentiated(trees.leaves((x0, args))):
        return solver(lambda _: args)(x0, ())
    x, found = _differentiable(f, x0, args, solver, who)
    return OptimizeResult({**(found or {}), "x": x})


@named
def fixed_point(
    f: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "newton",
    *,
    tol: float = 1e-12,
    maxiter: int = 1000,
    jit: bool = True,
) -> Any:
    """Solve ``x = f(x, *args)``; differentiable in ``args`` as :func:`root` is.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` gives a pytree like x.
    x0 : pytree of floating-point arrays
    args : tuple
        Only what stands here, not what ``f`` closes over, is differentiated.
    method : {"newton", "iteration", "anderson"}
        A root of ``f(x) - x`` by SciPy's ``hybr``; the plain iteration, which converges where f is
        a contraction; SciPy's ``anderson``, which accelerates it.
    tol : float
        The largest magnitude of an element of ``f(x) - x`` to reach, relative to 1 + ‖x‖.
    maxiter : int
    jit : bool

    Returns
    -------
    x : pytree

    Raises
    ------
    NotConvergedError
        When it did not converge.

    References
    ----------
    Anderson (1965), Iterative procedures for nonlinear integral equations. For derivatives:
    Christianson (1994), Reverse accumulation and attractive fixed points.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import optim
    >>> kepler = lambda e: optim.fixed_point(lambda x, e: 1.0 + e * np.sin(x), 1.0, (e,))
    >>> round(float(kepler(0.3)), 9)
    1.288091313
    >>> round(float(tg.grad(kepler)(0.3)), 9)
    1.048008305
    """
    who = "fixed_point"
    arguments.function(who, "f", f, "Write fixed_point(f, x0).")
    arguments.choice(who, "method", method, FIXED_POINTS)
    tol = arguments.number(who, "tol", tol, above=0)
    maxiter = arguments.integer(who, "maxiter", maxiter, least=1)
    arguments.flag(who, "jit", jit)
    args = args if isinstance(args, tuple) else (args,)

    def gap(x: Any, *args: Any) -> Any:
        found, _ = ravel(call_of(who, f, (x, *args), {}))
        start, _ = ravel(x)
        if found.shape != start.shape:
            raise ValueError(
                f"{who}: f must return as many numbers as x has, {start.shape[0]}, but gave "
                f"{found.shape[0]}"
            )
        return found - start

    def solver(tree: Callable[[Any], Any]) -> Callable[..., OptimizeResult]:
        system = _Equations(who, gap, x0, tree, jit)

        def solve(x0: Any, leaves: Any) -> OptimizeResult:
            if method == "newton":
                found = system.root(x0, leaves, "hybr", tol, {"maxfev": 100 * (maxiter + 1)})
                error, x = np.abs(found.fun).max(), ravel(found.x)[0]
            else:
                start, _ = start_of(who, x0)
                values = lambda x: system.values(x, leaves)
                x, error = _iterated(values, start, method, tol, maxiter)
            with np.errstate(over="ignore"):
                size = np.linalg.norm(x)
            if not error <= 100 * tol * (1 + size) < math.inf:
                raise NotConvergedError(
                    f"{who}: after at most {maxiter:,} iterations of {method}, f(x) - x is "
                    f"{error:.2g}. Give maxiter=, another method, or a start that is closer."
                )
            return OptimizeResult(x=system.unravel(x), success=True)

        return solve

    if not is_differentiated(trees.leaves((x0, args))):
        return solver(lambda _: args)(x0, ()).x
    return _differentiable(gap, x0, args, solver, who)[0]


class _Equations:
    """``f(x, *args)`` as a function of vectors, and its Jacobian, replayed.

    Parameters
    ----------
    who : str
    f : callable
    x0 : pytree
        The structure and shapes of x.
    tree : callable
        From the leaves that calls bring to ``args``.
    jit : bool
    """

    def __init__(
        self, who: str, f: Callable[..., Any], x0: Any, tree: Callable[[Any], Any], jit: bool
    ):
        start, unravel = ravel(x0)
        of_tree, n = applied(who, f, tree), start.shape[0]
        call = lambda x, *leaves: as_vector(of_tree(unravel(x), *leaves), n, f"{who}: f", "x")
        replay = (lambda g: Replayed(g, after=PATIENCE)) if jit else (lambda g: g)
        self.who, self.unravel = who, unravel
        self._values, self._jacobian = replay(call), replay(jacobian(call))

    def values(self, x: Any, leaves: Sequence[Any]) -> Any:
        """What is to vanish."""
        return np.asarray(self._values(x, *leaves))

    def root(
        self, x0: Any, leaves: Sequence[Any], method: str, tol: float, options: dict[str, Any]
    ) -> OptimizeResult:
        """What SciPy finds from x0."""
        start, _ = start_of(self.who, x0)
        slopes = lambda x: np.asarray(self._jacobian(x, *leaves))
        with np.errstate(all="ignore"):
            found = scipy.optimize.root(
                lambda x: self.values(x, leaves), start, method=method, tol=tol,
                jac=slopes if method in BY_JACOBIAN else None, options=options or None,
            )  # fmt: skip
        if not found.success:  # within rounding no progress is seen, and none is needed
            left = float(np.abs(found.fun).max())
            found.success = left <= 100 * tol
            if found.success:
                found.message = f"At a root to rounding: of f, {left:.2g} is left."
        found.x = self.unravel(found.x)
        return found


def _iterated(
    gap: Callable[[Any], Any], x: Any, method: str, tol: float, maxiter: int
) -> tuple[Any, float]:
    """Where an iteration ends, and the largest gap there."""
    with np.errstate(all="ignore"):
        if method == "anderson":
            bound = tol * (1 + float(np.linalg.norm(x)))
            try:
                x = scipy.optimize.anderson(gap, x, alpha=-1.0, f_tol=bound, maxiter=maxiter)
            except scipy.optimize.NoConvergence as error:
                x = np.asarray(error.args[0])
            except ValueError:  # of an iterate that is not finite, which it does not give
                return x, math.inf
            return x, float(np.abs(gap(x)).max())
        for _ in range(maxiter):
            change = gap(x)
            x = x + change
            if not np.abs(change).max() > tol * (1 + np.linalg.norm(x)):
                break
        return x, float(np.abs(gap(x)).max())


def _differentiable(
    f: Callable[..., Any], x0: Any, args: Any, solver: Callable[..., Any], who: str
) -> tuple[Any, OptimizeResult | None]:
    """The solution as a function of the arguments on the tape, and what the solver said."""

    def equations(x: Any, unravel: Any, args: Any) -> Any:
        return as_vector(f(unravel(x), *args), x.shape[0], f"{who}: f", "x")

    return as_solution(equations, x0, args, solver, "no root was found", symmetric=False, who=who)
