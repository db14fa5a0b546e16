"""``solve``: an initial value problem, by the method and with the gradient that are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core import arguments, trees
from ..core.errors import TracingError, describe
from ..core.tensor import tensor_or_array
from ..ops import astype
from ..ops.elementwise.identity import checked
from . import adaptive, continuous, fixed_steps
from .step_control import Steps, Tolerances
from .systems import CALL, System, system
from .tableaus import EULER, RK4, Leaves

_FIXED = {"rk4": RK4, "euler": EULER}


class Solution(NamedTuple):
    """What :func:`solve` returns with ``full=True``.

    Attributes
    ----------
    ts : array, shape (T,)
    ys : pytree of arrays, shape (T, ...)
    steps : array, shape (accepted + 1,)
        Where the steps begin and end.
    accepted, rejected, evaluations : int
        Steps that were taken and tried in vain, and evaluations of f until they were found; of
        the batch as a whole under vmap.
    """

    ts: Any
    ys: Any
    steps: Any
    accepted: int
    rejected: int
    evaluations: int


def solve(
    f: Callable[..., Any],
    y0: Any,
    ts: Any,
    *args: Any,
    method: str = "dopri5",
    steps: int | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    max_steps: int | None = None,
    gradient: str = "discrete",
    full: bool = False,
) -> Any:
    """Solve dy/dt = f(t, y, *args) from y0 at ts[0]; give y at all of ``ts``.

    The right-hand side is recorded and planned once, whatever the number of steps. Derivatives with
    respect to ``y0``, ``ts``, ``args`` and whatever f closes over are of any order, forward and
    reverse.

    Parameters
    ----------
    f : callable
        ``f(t, y, *args) -> dy/dt``, in the structure, shapes and types of ``y``.
    y0 : pytree of arrays
        Real or complex; integers count as float64.
    ts : array_like, shape (T,)
        Times in increasing or decreasing order; the first is that of ``y0``.
    *args : pytrees
        Further arguments of f.
    method : {"dopri5", "rk4", "euler"}
        Dormand and Prince's method of order 5, which chooses its steps; the classical method of
        order 4 or Euler's of order 1, with given steps.
    steps : int, optional
        For "rk4" and "euler": equal steps from each time to the next, 1 by default.
    rtol, atol : float, optional
        For "dopri5": the error allowed in each step is ``atol + rtol |y|``, as root mean square
        over all elements. 1e-6 (1e-5 in float32) and 1e-9 by default.
    max_steps : int, optional
        For "dopri5": how many steps may be tried, 10,000 by default.
    gradient : {"discrete", "continuous"}
        Derivatives of the numbers that are computed, the sizes of steps taken as constants; or by
        the adjoint and variational equations, solved by the same method.
    full : bool
        Return a :class:`Solution`, which also counts steps and evaluations.

    Returns
    -------
    pytree of arrays, shape (T, ...)
        In the structure and types of ``y0``.

    Raises
    ------
    RuntimeError
        When "dopri5" needs more than ``max_steps``, or steps too small for the numbers.
    TracingError
        When f looks at a value (``if y > 0``); use ``where``. Of ``full=True`` under jit with
        "dopri5", whose counts differ from call to call.
    TypeError, ValueError
        When f returns another structure or shape than that of y; when times are not in order;
        when an option does not belong to the method.

    Notes
    -----
    *Discrete* derivatives are exact for the numbers that are returned: gradients agree with
    differences to rounding, as long as these take the same steps. In an inner time of ``ts`` they
    are those of the interpolant, one order less accurate than its value. Carries of all steps are
    stored. *Continuous* ones store the values at ``ts`` alone, and err by about the tolerance, from
    what is returned and from the truth. The reverse sweep solves for y back in time, which is
    unstable where the equation contracts strongly: take inner times then, or discrete ones. What
    is to be differentiated must come in ``y0``, ``ts`` or ``args`` there.

    Under ``vmap``, all examples take the same steps, as small as the most demanding one needs, and
    "dopri5" asks for the same ``ts`` in all. Under ``jit`` it chooses the steps anew in each
    replay, and plans again where their number is much another one. For stiff equations, see
    :func:`tinygrad_hess.scipy.integrate.solve_ivp`.

    References
    ----------
    Hairer, Nørsett and Wanner, Solving ordinary differential equations I (1993), sections II.4 to
    II.6. Chen, Rubanova, Bettencourt and Duvenaud, Neural ordinary differential equations (2018).

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> def swing(t, y, stiffness):
    ...     return {"at": y["speed"], "speed": -stiffness * y["at"]}
    >>> def end(stiffness):
    ...     y0 = {"at": 0.0, "speed": 1.0}
    ...     return tg.ode.solve(swing, y0, [0.0, np.pi], stiffness, rtol=1e-10)["at"][-1]
    >>> print(tg.grad(end)(1.0).round(6), round(-np.pi / 2, 6))
    -1.570796 -1.570796
    """
    arguments.function("solve", "f", f, CALL)
    arguments.choice("solve", "method", method, ("dopri5", *_FIXED))
    arguments.choice("solve", "gradient", gradient, ("discrete", "continuous"))
    arguments.flag("solve", "full", full)
    problem, spec = system(f, y0, args)
    ts = _times(ts)
    taken: list[Steps | None] = []

    if method in _FIXED:
        for name, value in (("rtol", rtol), ("atol", atol), ("max_steps", max_steps)):
            if value is not None:
                raise ValueError(
                    f"solve: {name} is for method='dopri5'; the steps of {method!r} are given by "
                    "steps="
                )
        tableau = _FIXED[method]
        count = arguments.integer("solve", "steps", 1 if steps is None else steps, least=1)

        def stepped(problem: System, ts: Any) -> tuple[Leaves, Steps | None]:
            return fixed_steps.solved(problem, tableau, ts, count)

    else:
        if steps is not None:
            raise ValueError(
                "solve: steps= is for method='rk4' and 'euler'; 'dopri5' chooses its steps by "
                "rtol= and atol="
            )
        tolerances = _tolerances(problem, rtol, atol, max_steps)

        def stepped(problem: System, ts: Any) -> tuple[Leaves, Steps | None]:
            return adaptive.solved(problem, ts, tolerances)

    def solver(problem: System, ts: Any) -> Leaves:
        found, steps = stepped(problem, ts)
        taken.append(steps)
        return found

    if ts.shape[0] == 1:
        found = [y[None] for y in problem.y0]
        taken = [Steps(ts, 0, 0, 0)]
    elif gradient == "continuous":
        found = continuous.solved(problem, ts, solver)
    else:
        found = solver(problem, ts)
    ys = trees.unflatten(spec, found)
    return _solution(ts, ys, taken[0]) if full else ys


def _times(ts: Any) -> Any:
    ts = tensor_or_array(trees.stacked(ts))
    if len(ts.shape) != 1 or not ts.shape[0] or ts.dtype.kind not in "fiu":
        raise ValueError(
            f"solve: ts must be a vector of times, the first that of y0, got {describe(ts)}. {CALL}"
        )
    return checked(astype(ts, np.float64), _check_order)


def _check_order(ts: Any) -> None:
    steps = np.diff(ts)
    wrong = ~(steps * np.sign(ts[..., -1:] - ts[..., :1]) > 0)
    if wrong.any() or not np.isfinite(ts).all():
        i = int(np.argwhere(wrong)[0][-1]) if wrong.any() else 0
        before, after = np.reshape(ts, (-1, ts.shape[-1]))[0, i : i + 2]
        raise ValueError(
            "solve: ts must be finite and increase, or decrease, from each time to the next, but "
            f"has {before:g} and {after:g} at positions {i} and {i + 1}"
        )


def _tolerances(
    problem: System, rtol: float | None, atol: float | None, max_steps: int | None
) -> Tolerances:
    eps = max(float(np.finfo(y.dtype).eps) for y in problem.y0)
    if rtol is None:
        rtol = max(1e-6, 100 * eps)
    else:
        advice = f"Smaller ones are lost in rounding, as numbers here have {eps:.1g}."
        rtol = arguments.number("solve", "rtol", rtol, least=4 * eps, advice=advice)
    atol = arguments.number("solve", "atol", 1e-9 if atol is None else atol, least=0)
    max_steps = 10_000 if max_steps is None else max_steps
    return Tolerances(rtol, atol, arguments.integer("solve", "max_steps", max_steps, least=1))


def _solution(ts: Any, ys: Any, steps: Steps | None) -> Solution:
    if steps is None:
        raise TracingError(
            "solve: full=True counts steps, which differ from call to call, and a jit would keep "
            "those of the first. Leave it out here, or call solve outside jit."
        )
    return Solution(ts, ys, steps.times, steps.accepted, steps.rejected, steps.evaluations)
