"""Solutions of F(x, θ) = 0 as differentiable functions of θ, by the implicit function theorem.

    F_x dx = -F_θ dθ        θ̄ = -F_θᵀ λ,  F_xᵀ λ = x̄

The rules are written with linear solves that are differentiable themselves, and the solution that
they read is the node they belong to: so they hold to any order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ...core import trees
from ...core.tensor import Batched, Tensor, is_tracked
from ...ops import matrix_transpose, solve
from ...replay import jacobian
from ...transforms import custom_vjp, jvp, ravel, vjp
from .linear_solve import Floats, NotConvergedError, System, solve_system
from .off_tape import call_off_tape

DENSE = 500
"""Unknowns up to which the Jacobian of the equations is an array, and is factorised."""


class Equations:
    """F(x, θ) = 0, and a solver for it.

    Parameters
    ----------
    equations : callable
        ``equations(x, parameters)`` from a vector x and a list of arrays to a vector like x.
    solver : callable
        ``solver(parameters) -> x`` on arrays.
    size : int
        Of x.
    symmetric : bool
        Whether the Jacobian in x is, as a Hessian.
    who : str
        For errors.
    """

    def __init__(
        self,
        equations: Callable[[Any, Any], Any],
        solver: Callable[[Any], Any],
        size: int,
        symmetric: bool,
        who: str,
    ):
        self.equations, self.solver, self.size = equations, solver, size
        self.symmetric, self.who = symmetric, who
        self._systems: dict[bool, System] = {}

    def solve(self, x: Any, parameters: Any, right: Any, transposed: bool) -> Any:
        """F_x(x, θ)⁻¹ times a vector, or with its transpose; differentiable in all of them."""
        if self.size <= DENSE:
            A = jacobian(self.equations)(x, parameters)
            return solve(matrix_transpose(A) if transposed else A, right)
        system = self._system
        return solve_system(system.transpose if transposed else system, right, [x, *parameters])

    @functools.cached_property
    def _system(self) -> System:
        def matvec(v: Any, point: Any) -> Any:
            x, *parameters = point
            return jvp(lambda x: self.equations(x, parameters), (x,), (v,))[1]

        method = "minres" if self.symmetric else "gmres"
        return System(matvec, (self.size, self.size), method, 1e-12, None, self.who)


@functools.partial(custom_vjp, nondiff_argnums=(0,))
def solution(equations: Equations, parameters: Any) -> Any:
    """The solution x, shape (n,), as a function of the parameters."""
    solver = lambda *leaves: equations.solver(list(leaves))
    return call_off_tape(equations.who, solver, parameters, equations.size)


def _forward(equations: Equations, parameters: Any) -> Any:
    x = solution(equations, parameters)
    return x, (x, parameters)


def _backward(equations: Equations, residuals: Any, g: Any) -> Any:
    x, parameters = residuals
    costate = equations.solve(x, parameters, g, transposed=True)
    _, pull = vjp(lambda parameters: equations.equations(x, parameters), parameters)
    return pull(-costate)


def _rule(equations: Equations, primals: Any, tangents: Any) -> Any:
    (parameters,), (directions,) = primals, tangents
    x = solution(equations, parameters)
    moved = lambda parameters: equations.equations(x, parameters)
    change = jvp(moved, (parameters,), (directions,))[1]
    return x, equations.solve(x, parameters, -change, transposed=False)


solution.defvjp(_forward, _backward)
solution.defjvp(_rule)


def as_solution(
    equations: Callable[[Any, Any, Any], Any],
    x0: Any,
    args: Any,
    solver: Callable[..., Any],
    failed: str,
    *,
    symmetric: bool,
    who: str,
) -> tuple[Any, Any]:
    """The ``x`` of a solver's result as a function of the arguments on the tape, and the result.

    Parameters
    ----------
    equations : callable
        ``equations(x, unravel, args) -> vector``, zero at the solution; x is a vector, and
        ``unravel(x)`` the tree.
    x0, args : pytree
    solver : callable
        ``solver(tree)`` gives ``solve(x0, leaves)``, whose result has ``x``, ``success`` and
        ``message``; ``tree(leaves)`` are the arguments. It is called once, and the function that
        it gives in each replay, so that what this plans is planned once.
    failed : str
        What is said where it has no success.
    symmetric, who
        See :class:`Equations`.

    Returns
    -------
    x : pytree
    result
        None where ``x`` has examples, each of which has one of its own.
    """
    start, unravel = ravel(x0)
    floats = Floats(args)
    results: list[Any] = []
    solve = solver(floats.tree)

    def solved(parameters: Any) -> Any:
        x0, *leaves = parameters
        found = solve(unravel(x0), leaves)
        if not found.success:
            raise NotConvergedError(
                f"{who}: {failed}, and derivatives of the result would be wrong. {found.message}"
            )
        results.append(found)
        return ravel(found.x)[0]

    def vanishing(x: Any, parameters: Any) -> Any:
        return equations(x, unravel, floats.tree(parameters[1:]))

    system = Equations(vanishing, solved, start.shape[0], symmetric, who)
    x = unravel(solution(system, [start, *floats.leaves]))
    single = results and not any(isinstance(leaf, Batched) for leaf in trees.leaves(x))
    return x, results[-1] if single else None


def is_differentiated(leaves: Sequence[Any]) -> bool:
    """Whether something is recorded, mapped or traced with these as operands."""
    return any(isinstance(x, Batched) or is_tracked(x) for x in leaves if isinstance(x, Tensor))
