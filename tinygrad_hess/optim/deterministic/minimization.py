"""``minimize``: a method by its name, run until the gradient vanishes or nothing is gained."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.boundary import named
from ...transforms import grad, ravel
from ..eigenvectors import eigh
from ..implicit.solutions import as_solution, is_differentiated
from .descent import ConjugateGradients, GradientDescent, Method
from .gauss_newton import GaussNewton
from .history import Recorder, Result
from .krylov import truncated_cg
from .line_searches import EPS, Stalled
from .newton import Newton, NewtonCG, SaddleFreeNewton
from .objective import Array, Objective, Point, Residuals, applied
from .quasi_newton import BFGS, LimitedMemoryBFGS
from .regions import SR1, CubicRegularization, LevenbergMarquardt, TrustRegion

METHODS: dict[str, type[Method]] = {
    "gradient-descent": GradientDescent,
    "cg": ConjugateGradients,
    "bfgs": BFGS,
    "l-bfgs": LimitedMemoryBFGS,
    "sr1": SR1,
    "newton": Newton,
    "saddle-free-newton": SaddleFreeNewton,
    "newton-cg": NewtonCG,
    "trust-region": TrustRegion,
    "cubic": CubicRegularization,
    "gauss-newton": GaussNewton,
    "levenberg-marquardt": LevenbergMarquardt,
}

IDLE = 20
"""Iterations in a row that change the loss by rounding alone, after which a run has stalled."""

TO_ROUNDING = 1e-9
"""Of the loss: what a Newton step may gain where no step reduces the loss. It is more than rounding
of the loss, since that of the gradient is magnified by a Hessian that is nearly singular."""

FAR = 1e20
"""Times the start: where iterates diverge, since the loss is not bounded below."""

CONVERGED, MAXITER, STALLED, SADDLE, INTERRUPTED, DIVERGED = range(6)
"""What ``status`` of a result says."""


def run(
    objective: Objective,
    method: Method,
    name: str,
    tol: float,
    maxiter: int,
    callback: Callable[[Any], Any] | None = None,
) -> Result:
    """Iterate from the start of the objective."""
    point = objective.at(objective.start)
    if not math.isfinite(point.loss) or not np.isfinite(point.gradient).all():
        raise ValueError(
            f"{objective.who}: at x0 the loss is {point.loss:g}, its gradient "
            f"{'' if np.isfinite(point.gradient).all() else 'not '}finite. "
            f"{objective.why_not()}Start elsewhere."
        )
    recorder = Recorder(objective.counts)
    recorder.append(point)

    def result(status: int, message: str) -> Result:
        counts, point, history = objective.counts, recorder.point, recorder.history()
        return Result(
            x=objective.unravel(point.x),
            fun=point.loss,
            jac=objective.unravel(point.gradient),
            success=status == CONVERGED,
            status=status,
            message=message,
            nit=len(history) - 1,
            nfev=counts.losses,
            njev=counts.gradients,
            nhev=counts.hessians,
            nprod=counts.products,
            history=history,
            method=name,
        )

    try:
        return result(*_iterate(objective, method, recorder, tol, maxiter, callback))
    except KeyboardInterrupt as error:
        found = result(INTERRUPTED, "Ctrl-C interrupted it.")
        error.result = found  # type: ignore[attr-defined]
        error.add_note(
            f"{objective.who}: error.result is the result of the {found.nit:,} iterations before "
            "(in a console or notebook, sys.last_value.result)"
        )
        raise


def _iterate(
    objective: Objective,
    method: Method,
    recorder: Recorder,
    tol: float,
    maxiter: int,
    callback: Callable[[Any], Any] | None,
) -> tuple[int, str]:
    """Record one iteration after the other; the status in which they end, and why."""
    point = recorder.point
    iterations, idle, least = 0, 0, math.inf
    far = FAR * max(1.0, float(np.abs(objective.start).max()))
    while True:
        size = float(np.abs(point.gradient).max())
        if size <= tol:
            curvature = objective.negative_curvature(point.x)
            if curvature == 0:
                return CONVERGED, f"The gradient is below tol={tol:g}."
            if not method.leaves_saddles:
                return SADDLE, (
                    f"The gradient is below tol={tol:g} at a point that is no minimum: the Hessian "
                    f"has the eigenvalue {curvature:.3g}. trust-region and cubic leave such points."
                )
        if np.abs(point.x).max() > far:
            return DIVERGED, (
                f"The iterates diverge, with the loss at {point.loss:.3g} beyond {far:.3g}: it has "
                "no minimum in that direction. Is its sign right, and is it bounded below?"
            )
        if iterations >= maxiter:
            return MAXITER, f"maxiter={maxiter:,} iterations were not enough."
        try:
            with np.errstate(all="ignore"):  # a trial may lie where the loss overflows
                step = method.step(point)
            if not math.isfinite(step.point.loss) or not np.isfinite(step.point.gradient).all():
                raise Stalled("the loss is not finite after the step")
            is_idle = abs(step.point.loss - point.loss) <= 10 * objective.eps * abs(point.loss)
            idle = idle + 1 if is_idle and size > least / 2 else 0
            least = min(least, size)
            if idle >= IDLE:
                raise Stalled("steps change the loss by rounding alone")
        except Stalled as reason:
            return _judged(objective, point, str(reason))
        length = float(np.linalg.norm(step.point.x - point.x))
        point = step.point
        iterations += 1
        recorder.append(point, length, step.radius)
        if callback is not None:
            state = Result(x=objective.unravel(point.x), fun=point.loss, nit=iterations)
            try:
                stop = callback(state)
            except StopIteration:
                stop = True
            if stop:
                return INTERRUPTED, "The callback stopped it."


@np.errstate(all="ignore")
def _judged(objective: Objective, point: Point, reason: str) -> tuple[int, str]:
    """Whether a run that stalled is at a minimum to rounding: a Newton step would gain nothing."""
    gain = _newton_decrease(objective, point)
    if gain <= max(TO_ROUNDING, objective.eps) * abs(point.loss):
        return CONVERGED, (
            f"At a minimum to rounding: a Newton step would reduce the loss by {max(gain, 0):.2g}."
        )
    advice = f"; a Newton step would reduce the loss by {gain:.2g}" if math.isfinite(gain) else ""
    return STALLED, f"Stalled: {reason}{advice}."


def _newton_decrease(objective: Objective, point: Point) -> float:
    """g'H⁻¹g/2, infinite where H has negative eigenvalues beyond rounding."""
    g = point.gradient
    if objective.structure == "dense":
        H = objective.hessian(point.x)
        if not np.isfinite(H).all():
            return math.inf
        values, vectors = eigh(H)
        top = max(float(np.abs(values).max()), 1e-300)
        if values[0] < -1e-8 * top:
            return math.inf
        return float((vectors.T @ g) ** 2 @ (0.5 / np.maximum(values, EPS * top)))
    product: Callable[[Array], Array] = lambda v: objective.product(point.x, v)
    if objective.structure == "sparse":
        H = objective.hessian(point.x)
        product = lambda v: H @ v
    step, decrease, _ = truncated_cg(product, g, math.inf, 1e-3)
    return decrease if step @ product(step) > 0 and np.isfinite(step).all() else math.inf


@named
def minimize(
    f: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "trust-region",
    *,
    tol: float = 1e-6,
    maxiter: int = 10_000,
    callback: Callable[[Any], Any] | None = None,
    jit: bool = True,
    **options: Any,
) -> Result:
    """Minimise a function of a pytree, by exact derivatives.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` gives a real scalar. For ``"gauss-newton"`` and ``"levenberg-marquardt"`` it
        gives residuals, a pytree of arrays, and half the sum of their squares is minimised.
    x0 : pytree of floating-point arrays
        Where to start. The arithmetic outside of ``f`` is in float64.
    args : tuple
        Further arguments of ``f``, held fixed. The solution is differentiable in them; see Notes.
    method : str
        In upper or lower case:

        ======================= ===================================================================
        ``gradient-descent``    ``line_search``: ``armijo``, ``strong-wolfe`` or ``hager-zhang``, as
                                of all methods that search along a line; constants ``c1``, ``c2``
        ``cg``                  nonlinear conjugate gradients; ``beta``: ``hager-zhang``,
                                ``polak-ribiere`` or ``fletcher-reeves``
        ``bfgs``                keeps a matrix of n²
        ``l-bfgs``              keeps ``memory`` pairs of vectors
        ``sr1``                 symmetric updates of rank one, a matrix of n²; ``radius``
        ``newton``              modified Cholesky; ``modify=False``: the plain iteration
        ``saddle-free-newton``  magnitudes of eigenvalues; ``krylov`` dimensions above 2,000
        ``newton-cg``           truncated conjugate gradients
        ``trust-region``        exact up to 300 variables, Steihaug's above; ``radius`` at first
        ``cubic``               cubic regularisation; ``radius``, ``krylov``
        ``gauss-newton``        with a line search
        ``levenberg-marquardt`` ``radius``: the inverse of the first damping
        ======================= ===================================================================
    tol : float
        The largest magnitude of an element of the gradient at which it has converged.
    maxiter : int
    callback : callable, optional
        ``callback(result)`` after each iteration, with ``x``, ``fun`` and ``nit`` so far. A true
        answer, or ``StopIteration``, ends the run.
    jit : bool
        Replay ``f`` and its derivatives; what cannot be replayed is recorded each time.
    **options
        Of the method.

    Returns
    -------
    Result
        SciPy's ``OptimizeResult``, with ``history`` and ``plot()``. ``success`` means that the
        gradient is below ``tol`` and, up to 300 variables, that the Hessian has no negative
        eigenvalue there; or that the loss is at its minimum to rounding: a Newton step would reduce
        it by less than 1e-9 of itself (1e-7 in float32). ``message`` gives the reason otherwise.

    Raises
    ------
    ValueError
        When there is no such method, ``f`` does not return a real scalar, or the loss at ``x0`` is
        not finite.
    TypeError
        When ``x0`` holds other than real floating-point numbers, or the method has no such option.

    Notes
    -----
    Ctrl-C raises ``KeyboardInterrupt``, with what was found so far as ``error.result``.

    The Hessian is an array up to 300 variables; above, a sparse one if at most a tenth of its
    entries can be other than zero, which is detected; else an array up to 2,000 variables for
    Newton's methods, and products beyond.

    Where ``args`` hold tensors that are being differentiated, ``result.x`` is differentiable in
    them by the implicit function theorem: forward and reverse, to any order, under ``vmap`` (one
    example after the other) and ``jit`` (which calls the method in each replay). The other entries
    are plain numbers. The Hessian must not be singular at the solution; its systems are factorised
    up to 500 variables, and solved by MINRES above.

    See Also
    --------
    scipy_minimize : SciPy's methods, for constraints and bounds too.

    References
    ----------
    Nocedal and Wright, Numerical Optimization, second edition (2006).

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import optim
    >>> def valley(p, a):
    ...     return (1 - p["x"]) ** 2 + a * (p["y"] - p["x"] ** 2) ** 2
    >>> start = {"x": np.array(-1.2), "y": np.array(1.0)}
    >>> found = optim.minimize(valley, start, (100.0,))
    >>> found.success, round(float(found.x["x"]), 6), round(float(found.x["y"]), 6)
    (True, 1.0, 1.0)
    >>> centre = lambda a: optim.minimize(lambda x, a: ((x - a) ** 4 + x**2).sum(), 0.0, (a,)).x
    >>> round(float(tg.grad(centre)(2.0)), 6)
    0.80712
    """
    who = "minimize"
    arguments.function(who, "f", f, "Write minimize(f, x0).")
    lower = method.lower() if isinstance(method, str) else method
    name = arguments.choice(who, "method", lower, tuple(METHODS))
    kind = METHODS[name]
    tol = arguments.number(who, "tol", tol, least=0)
    maxiter = arguments.integer(who, "maxiter", maxiter, least=0)
    arguments.flag(who, "jit", jit)
    if callback is not None:
        arguments.function(who, "callback", callback, "It is called as callback(result).")
    args = args if isinstance(args, tuple) else (args,)

    _require_options(kind, name, options)

    def solver(tree: Callable[[Any], Any]) -> Callable[..., Result]:
        of = Residuals if kind.needs_residuals else Objective
        made: list[Objective] = []

        def solve(x0: Any, leaves: Any) -> Result:
            if made:
                objective = made[0].moved(x0, leaves)
            else:
                objective = of(applied(who, f, tree), x0, leaves, who, jit)
                made.append(objective)
            return run(objective, kind(objective, **options), name, tol, maxiter, callback)

        return solve

    if is_differentiated(trees.leaves((x0, args))):
        return _differentiable(f, x0, args, kind, solver)
    return solver(lambda _: args)(x0, ())


def _differentiable(
    f: Callable[..., Any], x0: Any, args: Any, kind: type[Method], solver: Callable[..., Any]
) -> Result:
    """The result, whose ``x`` is a function of the arguments on the tape."""

    def stationary(x: Any, unravel: Any, args: Any) -> Any:
        def loss(x: Any) -> Any:
            value = f(unravel(x), *args)
            return (ravel(value)[0] ** 2).sum() / 2 if kind.needs_residuals else value

        return grad(loss)(x)

    x, found = as_solution(
        stationary, x0, args, solver, "it found no minimum", symmetric=True, who="minimize"
    )
    return Result({**(found or {}), "x": x})


def _require_options(kind: type[Method], name: str, options: dict[str, Any]) -> None:
    known = [p for p in inspect.signature(kind).parameters if p != "objective"]
    for option in options:
        if option not in known:
            raise TypeError(
                f"minimize: method={name!r} has no option {option!r}. It has {', '.join(known)}."
            )
