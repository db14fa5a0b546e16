"""SciPy's methods, given exact derivatives, replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.optimize
from scipy.optimize import OptimizeResult

from ...core import arguments, modes, trees
from ...core.boundary import named
from ...core.errors import NonDifferentiableError, call_of
from ...core.tensor import Batched
from ...replay import Replayed, hessian, jacobian
from ...transforms import ravel
from ..implicit.solutions import is_differentiated
from .objective import PATIENCE, Array, Objective, Residuals, applied

NO_DERIVATIVES = ("nelder-mead", "powell", "cobyla", "cobyqa")
GRADIENTS = ("cg", "bfgs", "l-bfgs-b", "tnc", "slsqp")
PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov")
HESSIANS = ("dogleg", "trust-exact", "trust-constr")
METHODS = (*NO_DERIVATIVES, *GRADIENTS, *PRODUCTS, *HESSIANS)
"""SciPy's methods by the highest derivative that they take."""

Constraint = tuple[Callable[..., Any], Any, Any]
"""``(g, lower, upper)``: lower <= g(x, *args) <= upper."""


@named
def scipy_minimize(
    f: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    *,
    bounds: tuple[Any, Any] | None = None,
    constraints: Sequence[Constraint] = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    jit: bool = True,
    **options: Any,
) -> OptimizeResult:
    """Minimise by a method of ``scipy.optimize.minimize``, with exact derivatives of pytrees.

    Each method is given the highest derivative that it takes, replayed: the gradient; products
    with the Hessian (``Newton-CG``, ``trust-ncg``, ``trust-krylov``); or the Hessian itself
    (``dogleg``, ``trust-exact``, ``trust-constr``). The last gets a sparse one where it is sparse,
    and products where it is too large.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` gives a real scalar.
    x0 : pytree of floating-point arrays
    args : tuple
        Further arguments of ``f`` and of the constraints, held fixed.
    method : str, optional
        By default SciPy's choice: ``BFGS``, ``L-BFGS-B`` with bounds, ``SLSQP`` with constraints.
    bounds : tuple (lower, upper), optional
        Each None, a number, or a pytree like ``x0`` of numbers or arrays; infinity is no bound.
    constraints : sequence of (g, lower, upper)
        ``lower <= g(x, *args) <= upper``, with g from a pytree to a pytree, and bounds that
        broadcast to its elements. Equal bounds make an equation. Its Jacobian and Hessian are
        exact too.
    tol : float, optional
        SciPy's.
    callback : callable, optional
        SciPy's; it sees the vector, not the pytree.
    jit : bool
        Replay ``f`` and its derivatives.
    **options
        SciPy's, of the method.

    Returns
    -------
    OptimizeResult
        SciPy's, with ``x`` like ``x0``; other entries are of the vector.

    Raises
    ------
    ValueError
        When there is no such method.
    TypeError
        When ``x0`` holds other than real floating-point numbers.
    NonDifferentiableError
        Inside a transform that records or maps ``args``, or that maps or replays ``x0``.

    See Also
    --------
    minimize : the library's own methods, whose solutions are differentiable.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> f = lambda p: (p["a"] - 1) ** 2 + (p["b"] - 2.5) ** 2
    >>> start = {"a": np.array(2.0), "b": np.array(0.0)}
    >>> disc = (lambda p: p["a"] ** 2 + p["b"] ** 2, -np.inf, 1.0)
    >>> found = optim.scipy_minimize(f, start, method="trust-constr", constraints=[disc])
    >>> round(float(found.x["a"]), 3), round(float(found.x["b"]), 3)
    (0.371, 0.928)
    """
    who = "scipy_minimize"
    arguments.function(who, "f", f, "Write scipy_minimize(f, x0).")
    name = None
    if method is not None:
        lower = method.lower() if isinstance(method, str) else method
        name = arguments.choice(who, "method", lower, METHODS)
    args = args if isinstance(args, tuple) else (args,)
    _refuse_derivatives(who, x0, args, "optim.minimize(f, x0, args)")
    objective = Objective(applied(who, f, lambda _: args), x0, (), who, jit)
    limits = None if bounds is None else scipy.optimize.Bounds(*_limits(who, bounds, objective))
    given = [
        _constraint(who, c, objective, args, jit, with_hessian=name == "trust-constr")
        for c in constraints
    ]

    def pair(x: Array) -> tuple[float, Array]:
        point = objective.at(x)
        return point.loss, point.gradient

    by_value = name in NO_DERIVATIVES
    derivatives: dict[str, Any] = {} if by_value else {"jac": True}
    if name in PRODUCTS:
        derivatives["hessp"] = objective.product
    elif name in ("dogleg", "trust-exact"):
        derivatives["hess"] = lambda x: _dense(objective.hessian(x))
    elif name == "trust-constr":
        if objective.structure == "products":
            derivatives["hessp"] = objective.product
        else:
            derivatives["hess"] = objective.hessian
    with np.errstate(all="ignore"):  # a trial may lie where the loss overflows
        found = scipy.optimize.minimize(
            objective.loss if by_value else pair, objective.start, method=method, bounds=limits,
            constraints=given, tol=tol, callback=callback, options=options or None, **derivatives,
        )  # fmt: skip
    found.x = objective.unravel(found.x)
    return found


def _refuse_derivatives(who: str, x0: Any, args: Any, instead: str) -> None:
    mapped = any(isinstance(x, Batched) for x in trees.leaves(x0))
    replayed = modes.is_tracing() and is_differentiated(trees.leaves(x0))
    if mapped or replayed or is_differentiated(trees.leaves(args)):
        raise NonDifferentiableError(
            f"{who}: its result has no derivatives, and can be neither mapped nor recorded by jit. "
            f"Write {instead}, whose solutions have derivatives in args; or give arrays, as "
            "x.numpy()."
        )


def _dense(H: Any) -> Array:
    return H.toarray() if hasattr(H, "toarray") else H


def _limits(who: str, bounds: Any, objective: Objective) -> list[Array]:
    """Lower and upper bounds as vectors."""
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        advice = "a pair (lower, upper), each a number, None or a pytree like x0"
        arguments.instance(who, "bounds", bounds, (), advice)
    like = objective.unravel(objective.start)
    made = []
    for bound, open_end in zip(bounds, (-np.inf, np.inf), strict=True):
        leaves, spec = trees.flatten(open_end if bound is None else bound)
        if len(leaves) == 1:
            leaves = leaves * len(trees.leaves(like))
        elif spec != trees.structure(like):
            raise ValueError(
                f"{who}: bounds must have the structure of x0, {trees.structure(like)}, got {spec}"
            )
        full = [
            np.broadcast_to(np.asarray(b, float), np.shape(x)).ravel()
            for b, x in zip(leaves, trees.leaves(like), strict=True)
        ]
        made.append(np.concatenate(full))
    return made


def _constraint(
    who: str, given: Any, objective: Objective, args: Any, jit: bool, with_hessian: bool
) -> scipy.optimize.NonlinearConstraint:
    if not isinstance(given, (tuple, list)) or len(given) != 3 or not callable(given[0]):
        raise TypeError(
            f"{who}: a constraint must be (g, lower, upper) with a function g, got "
            f"{arguments.shown(given)}"
        )
    g, lower, upper = given
    call = lambda x: ravel(call_of(who, g, (objective.unravel(x), *args), {}))[0]
    replay = (lambda h: Replayed(h, after=PATIENCE)) if jit else (lambda h: h)
    values, slopes = replay(call), replay(jacobian(call))
    curvatures = replay(hessian(lambda x, v: v @ call(x)))
    if not with_hessian:  # SciPy warns where a method takes none
        return scipy.optimize.NonlinearConstraint(
            lambda x: np.asarray(values(x)), lower, upper, jac=lambda x: np.asarray(slopes(x))
        )
    return scipy.optimize.NonlinearConstraint(
        lambda x: np.asarray(values(x)),
        lower,
        upper,
        jac=lambda x: np.asarray(slopes(x)),
        hess=lambda x, v: np.asarray(curvatures(x, v)),
    )


@named
def least_squares(
    f: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "trf",
    *,
    bounds: tuple[Any, Any] = (-np.inf, np.inf),
    jit: bool = True,
    **options: Any,
) -> OptimizeResult:
    """Minimise half a sum of squares by ``scipy.optimize.least_squares``, with exact Jacobians.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` gives the residuals, a pytree of arrays.
    x0 : pytree of floating-point arrays
    args : tuple
    method : {"trf", "dogbox", "lm"}
        The first two take bounds, and a sparse Jacobian where it is sparse.
    bounds : tuple (lower, upper)
        As of :func:`scipy_minimize`.
    jit : bool
        Replay ``f`` and its Jacobian.
    **options
        SciPy's: ``loss``, ``f_scale``, ``x_scale``, ``ftol``, ``xtol``, ``gtol``, ``max_nfev``, ...

    Returns
    -------
    OptimizeResult
        SciPy's, with ``x`` like ``x0``.

    Raises
    ------
    NonDifferentiableError
        As of :func:`scipy_minimize`. ``optim.minimize`` by ``"levenberg-marquardt"`` has solutions
        with derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess import optim
    >>> t = np.linspace(0, 1, 20)
    >>> model = lambda p, y: p["a"] * np.exp(-p["k"] * t) - y
    >>> start = {"a": np.array(1.0), "k": np.array(1.0)}
    >>> found = optim.least_squares(model, start, (2.0 * np.exp(-3.0 * t),))
    >>> round(float(found.x["a"]), 6), round(float(found.x["k"]), 6)
    (2.0, 3.0)
    """
    who = "least_squares"
    arguments.function(who, "f", f, "Write least_squares(f, x0).")
    arguments.choice(who, "method", method, ("trf", "dogbox", "lm"))
    args = args if isinstance(args, tuple) else (args,)
    instead = "optim.minimize(f, x0, args, method='levenberg-marquardt')"
    _refuse_derivatives(who, x0, args, instead)
    objective = Residuals(applied(who, f, lambda _: args), x0, (), who, jit)
    limits = _limits(who, bounds, objective)
    jac = (lambda x: _dense(objective.jacobian(x))) if method == "lm" else objective.jacobian
    found = scipy.optimize.least_squares(
        objective.residuals, objective.start, jac, bounds=limits, method=method, **options
    )
    found.x = objective.unravel(found.x)
    return found
