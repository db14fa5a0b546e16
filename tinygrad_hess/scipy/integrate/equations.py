"""``odeint`` and ``solve_ivp``: what users call to solve a differential equation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import modes
from ...core.errors import NonDifferentiableError, describe
from ...core.tensor import Batched, Tensor, tensor_or_array
from ...ops import astype, concatenate, moveaxis, ravel, reshape, stack
from .parameters import DOUBLE, Parameters, as_double, flat, plain
from .solutions import solution
from .systems import Rates, System, by_odeint, by_steps, stepped


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    args: Any = (),
    *,
    rtol: float | None = None,
    atol: Any = None,
    h0: float = 0.0,
    hmax: float = 0.0,
    mxstep: int = 0,
    tfirst: bool = False,
    **other: Any,
) -> Any:
    """Solve y' = func(y, t, ...) from y0 at t[0], as ``scipy.integrate.odeint`` (LSODA).

    Parameters
    ----------
    func : callable
        ``func(y, t, *args) -> y'``, or ``func(t, y, *args)`` with ``tfirst``, in operations of
        NumPy: an array of the shape of ``y``, or a list of numbers. It must depend on nothing but
        its arguments.
    y0 : array_like, shape (n,) or any other
        Where the solution begins. A number counts as a vector of one.
    t : array_like, shape (T,)
        Times in increasing or decreasing order; the first is that of ``y0``.
    args : tuple
        Further arguments: pytrees of arrays and numbers. What is to be differentiated must come
        in here, in ``y0`` or in ``t``: a recorded tensor that ``func`` closes over is an error.
    rtol, atol : float, optional
        Relative and absolute tolerance of each component, 1.49e-8 by default; ``atol`` may have
        the shape of ``y0``. Derivatives are computed to the same tolerances, ``atol`` taken
        relative to the largest tangent or cotangent.
    h0, hmax, mxstep
        The first and the largest step (0 for SciPy's choice), and how many steps are allowed.

    Returns
    -------
    shape (T, n), or (T, *shape of y0)
        In the type of ``y0`` and the arrays in ``args``; the solver itself works in float64.

    Raises
    ------
    NonDifferentiableError
        When ``func`` closes over a tensor that is being recorded or mapped.
    RuntimeError
        When the solver fails, where SciPy only warns.
    TypeError
        For SciPy's other options, such as ``Dfun`` and ``full_output``.
    ValueError
        When shapes do not fit, or times are not in order.

    Notes
    -----
    Forward mode solves the variational equation along with y. Reverse mode solves for all
    derivatives of y along with it where y0 and ``args`` have few numbers (of n and p, at most 300
    components ``n (1 + n + p)``, and ``n + p`` at most 16 for each time). Otherwise it solves the
    adjoint equation backward from one time to the one before, so it costs a start of the solver for
    each time; y is read off a solution forward in time, which does no harm where the equation is
    dissipative.
    Under ``vmap`` each example is solved by itself, with its own steps; under ``jit`` the solver
    runs anew in each replay.

    References
    ----------
    Chen, Rubanova, Bettencourt and Duvenaud (2018), Neural ordinary differential equations.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.integrate import odeint
    >>> swing = lambda y, t, k: np.stack([y[1], -k * y[0]])
    >>> t = np.array([0.0, np.pi])
    >>> end = lambda k: odeint(swing, np.array([0.0, 1.0]), t, (k,), rtol=1e-10, atol=1e-10)[-1, 0]
    >>> print(tg.grad(end)(1.0).round(6), round(-np.pi / 2, 6))
    -1.570796 -1.570796
    """
    _refuse("odeint", other)
    problem = _Problem("odeint", func, y0, args, tfirst)
    tolerance = 1.49012e-8
    options = {"method": "LSODA", "rtol": tolerance if rtol is None else rtol}
    options |= {name: h for name, h in (("first_step", h0), ("max_step", hmax)) if h}
    options |= {"h0": h0, "hmax": hmax, "mxstep": mxstep}
    t = _vector(t, "odeint: t")
    out = problem.solved(t, by_odeint, options, tolerance if atol is None else atol)
    return reshape(out, shape=(t.shape[0], *problem.shape))


@dataclass(frozen=True)
class Solution:
    """What :func:`solve_ivp` returns: times and values.

    Attributes
    ----------
    t : shape (T,)
    y : shape (n, T), or (*shape of y0, T)
    success, status, message
        As in SciPy; a solver that fails is an error, so these say that it succeeded.
    """

    t: Any
    y: Any
    success: bool = True
    status: int = 0
    message: str = "The solver successfully reached the end of the integration interval."


def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    args: Any = None,
    *,
    rtol: float = 1e-3,
    atol: Any = 1e-6,
    first_step: float | None = None,
    max_step: float = np.inf,
    **other: Any,
) -> Solution:
    """Solve y' = fun(t, y, ...) over a span of time, as ``scipy.integrate.solve_ivp``.

    Parameters
    ----------
    fun : callable
        ``fun(t, y, *args) -> y'``; see :func:`odeint`.
    t_span : pair of float
        Where the solution begins and ends.
    y0 : array_like, shape (n,) or any other
    method : str or OdeSolver
        "RK45", "RK23", "DOP853", "Radau", "BDF" or "LSODA", for derivatives too.
    t_eval : array_like, shape (T,), optional
        Times at which the solution is wanted, in order and within the span. By default those of
        the solver's steps; those between the ends are then constants.
    vectorized : bool
        Accepted for compatibility, and ignored.
    args : tuple, optional
        Further arguments, as in :func:`odeint`.
    rtol, atol, first_step, max_step
        As in SciPy; derivatives use the same tolerances, ``atol`` taken relative to the largest
        tangent or cotangent.

    Returns
    -------
    Solution
        With ``.t`` and ``.y``, of shape (n, T).

    Raises
    ------
    TypeError
        For ``dense_output``, ``events`` and other options, which are not supported.
    NonDifferentiableError
        When ``fun`` closes over a tensor that is being recorded or mapped; when ``t_eval`` is left
        out under ``jit`` or ``vmap``, where the number of steps would differ.
    RuntimeError
        When the solver fails.
    ValueError
        When shapes do not fit, or times are not in order.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess.scipy.integrate import solve_ivp
    >>> f = lambda y0: solve_ivp(lambda t, y: -2 * y, (0, 1), y0, rtol=1e-9).y[0, -1]
    >>> print(tg.grad(f)(np.array([1.0])).round(6), round(np.exp(-2.0), 6))
    [0.135335] 0.135335
    """
    other |= {k: v for k, v in (("dense_output", dense_output), ("events", events)) if v}
    _refuse("solve_ivp", other)
    problem = _Problem("solve_ivp", fun, y0, () if args is None else args, True)
    options = {"method": method, "rtol": rtol, "max_step": max_step}
    options |= {} if first_step is None else {"first_step": first_step}
    span = _vector(t_span, "solve_ivp: t_span")
    if span.shape != (2,):
        raise ValueError(f"solve_ivp: t_span is {describe(span)}, and must be (begin, end)")
    if t_eval is None:
        t = problem.steps(span, options, atol)
        out = problem.solved(t, by_steps, options, atol)
    else:  # to the very end, since the steps are those of the whole span
        t = _vector(t_eval, "solve_ivp: t_eval")
        out = problem.solved(concatenate([span[:1], t, span[1:]]), by_steps, options, atol)[1:-1]
    out = reshape(out, shape=(t.shape[0], *problem.shape))
    return Solution(t, moveaxis(out, 0, -1))


_ALTERNATIVES = {
    "Dfun": "the Jacobian is found by differences",
    "jac": "the Jacobian is found by differences",
    "events": "find the time with SciPy's own, or solve for it, and give it as an end of t_span",
    "dense_output": "name the times in t_eval",
}


def _refuse(who: str, other: dict[str, Any]) -> None:
    for name in other:
        instead = f": {_ALTERNATIVES[name]}" if name in _ALTERNATIVES else ""
        raise TypeError(f"{who}: {name} is not supported{instead}")


def _vector(t: Any, who: str) -> Any:
    if isinstance(t, (list, tuple)) and any(isinstance(x, Tensor) for x in t):
        t = stack([x if isinstance(x, Tensor) else np.asarray(x, float) for x in t])
    t = tensor_or_array(t)
    if len(t.shape) != 1 or not t.shape[0] or t.dtype.kind not in "fiu":
        raise ValueError(f"{who} is {describe(t)}, and must be a vector of real times, not empty")
    return as_double(t)


class _Problem:
    """An initial value and a right-hand side, as vectors."""

    def __init__(self, who: str, func: Callable[..., Any], y0: Any, args: Any, tfirst: bool):
        name = f"{who}: {getattr(func, '__name__', 'the function')}"
        if isinstance(y0, (list, tuple)) and any(isinstance(x, Tensor) for x in y0):
            y0 = stack([x if isinstance(x, Tensor) else np.asarray(x, float) for x in y0])
        y0 = tensor_or_array(y0)
        if y0.dtype.kind == "c":
            raise NonDifferentiableError(
                f"{who}: y0 is {describe(y0)}; keep real and imaginary parts as two real arrays"
            )
        self.who, self.name = who, name
        self._func, self._tfirst = func, tfirst
        self.shape = shape = y0.shape or (1,)
        size = math.prod(shape)
        if not size:
            raise ValueError(f"{who}: y0 is {describe(y0)}, which is empty")
        self.parameters = parameters = Parameters(args if isinstance(args, tuple) else (args,), who)
        own = [y0.dtype] if y0.dtype.kind == "f" else []
        self.dtype = np.result_type(*own, *parameters.dtypes) if own else np.dtype(np.float64)
        self.y0 = as_double(ravel(y0))

        def f(t: Any, y: Any, p: Any) -> Any:
            y = y if len(shape) == 1 else reshape(y, shape=shape)
            more = parameters.tree(p)
            return flat(func(t, y, *more) if tfirst else func(y, t, *more), name, size)

        self.f = f

    def _rates_at(self, p: Any) -> Rates:
        """The right-hand side at arrays, its arguments unpacked once."""
        func, more, shape = self._func, self.parameters.tree(p), self.shape
        size, name, is_vector = math.prod(shape), self.name, len(shape) == 1
        tfirst = self._tfirst

        def rates(t: Any, y: Any) -> Any:
            y = y if is_vector else y.reshape(shape)
            out = func(t, y, *more) if tfirst else func(y, t, *more)
            if type(out) is np.ndarray and out.shape == shape and out.dtype == DOUBLE:
                return out if is_vector else out.ravel()
            return plain(flat(out, name, size), name)

        return rates

    def _system(self, solve: Any, options: dict[str, Any], atol: Any) -> System:
        try:
            each = np.broadcast_to(np.asarray(atol, float), self.shape).ravel()
        except ValueError:
            raise ValueError(
                f"{self.who}: atol is {describe(np.asarray(atol))}, and must be a number or of the "
                f"shape {self.shape} of y0"
            ) from None
        return System(self.f, self.name, solve, options, each, self._rates_at)

    def solved(self, t: Any, solve: Any, options: dict[str, Any], atol: Any) -> Any:
        """Values at the times t, shape (T, n)."""
        system = self._system(solve, options, atol)
        return astype(solution(self.y0, t, self.parameters.vector, system=system), self.dtype)

    def steps(self, span: Any, options: dict[str, Any], atol: Any) -> Any:
        """The times that the solver steps to: the ends as they were given, constants between."""
        operands = (self.y0, span, self.parameters.vector)
        if modes.is_tracing() or any(isinstance(x, Batched) for x in operands):
            raise NonDifferentiableError(
                f"{self.who}: under jit and vmap the number of steps differs from call to call: "
                "give the times in t_eval"
            )
        y0, ends, p = (x.value if isinstance(x, Tensor) else x for x in operands)
        atol = self._system(by_steps, options, atol).atol
        t = stepped(self._rates_at(p), y0, ends, atol, self.name, options).t
        return concatenate([span[:1], t[1:-1], span[1:]]) if isinstance(span, Tensor) else t
