"""The inverse of a symmetric operator, by solving: CG where definite, MINRES where not.

InverseOperator : operator -> operator, whose products are solutions
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments
from ..estimates import scaling
from ..estimates.operands import Counted, as_operator, over_unit
from ..estimates.result import Result
from .flattening import Array, Flattening
from .krylov_solvers import NotPositiveDefiniteError, conjugate_gradients, minres
from .operator import SymmetricOperator, TreeOperator

METHODS = ("cg", "minres")
REFINEMENTS = 20
"""Times that a solver is started again on the residual that is left."""


@dataclass(frozen=True, eq=False)
class Solution(Result, omitted=("x",)):
    """What solving a linear system gave.

    Attributes
    ----------
    x : ndarray or tree
        The solution, in the form of the right-hand side.
    residuals : ndarray, shape (k,)
        ``‖b - (A + damping) x‖ / ‖b‖`` for each right-hand side, computed anew; 0 where b is 0.
    iterations : int
        Of the slowest right-hand side.
    matvecs : int
        Products with A spent.
    converged : bool
        Whether all residuals are within the tolerance.
    method : str
    seconds : float
    reason : str
        Why it did not converge and what to do; empty when it did.
    """

    x: Any
    residuals: Array
    iterations: int
    matvecs: int
    converged: bool
    method: str
    seconds: float
    reason: str

    def __repr__(self) -> str:
        worst = float(self.residuals.max(initial=0.0))
        state = "converged" if self.converged else f"NOT converged: {self.reason}"
        return (
            f"Solution({self.method}: relative residual {worst:.2g} after {self.iterations} "
            f"iterations, {self.matvecs} products, {state})"
        )


class InverseOperator(SymmetricOperator):
    """``(A + damping)^{-1}``, by solving a system for each product.

    Parameters
    ----------
    op : LinearOperator, ndarray or sparse matrix, shape (P, P)
        A, real and symmetric, such as a :class:`GGNOperator`.
    damping : float
        Added to every eigenvalue.
    preconditioner : LinearOperator, ndarray or sparse matrix, shape (P, P), optional
        Positive definite and close to the inverse (as SciPy's solvers take it), such as the
        inverse of Kronecker factors.
    method : {"cg", "minres"}
        Conjugate gradients need ``A + damping`` positive (semi)definite; MINRES takes any symmetric
        matrix, with twice the vectors. Either runs all right-hand sides side by side.
    tol : float
        Of the residual relative to the right-hand side. In float32, at least 1e-5 can be had.
    max_iterations : int
        For each right-hand side.

    Attributes
    ----------
    last : Solution or None
        The report of the latest solve.
    matvecs : int
        Products with A spent so far.

    Raises
    ------
    ValueError
        For a bad argument, or, from ``cg``, when a direction of negative curvature is met.
    RuntimeError
        From a product that did not reach the tolerance. (:meth:`solve` returns what it has.)

    References
    ----------
    See :mod:`tinygrad_hess.curvature.operators.krylov_solvers`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import InverseOperator
    >>> inverse = InverseOperator(np.diag([1.0, 3.0]), damping=1.0)
    >>> inverse @ np.array([2.0, 8.0])
    array([1., 2.])
    >>> InverseOperator(np.diag([1.0, -2.0]), method="minres").solve(np.ones(2)).x
    array([ 1. , -0.5])
    """

    def __init__(
        self,
        op: Any,
        *,
        damping: float = 0.0,
        preconditioner: Any = None,
        method: str = "cg",
        tol: float = 1e-8,
        max_iterations: int = 1000,
    ):
        who = "InverseOperator"
        arguments.choice(who, "method", method, METHODS)
        damping = arguments.number(who, "damping", damping)
        tol = arguments.number(who, "tol", tol, above=0, infinite=True)
        max_iterations = arguments.integer(who, "max_iterations", max_iterations, least=1)
        self._counted = Counted(op, who)
        P, dtype = self._counted.size, self._counted.dtype
        at = op._at if isinstance(op, TreeOperator) else Flattening(np.zeros(P, dtype), who)
        super().__init__(at, dtype)
        self.op, self.damping, self.method = op, damping, method
        self.tol = max(tol, 100 * self._counted.eps)
        self.max_iterations = max_iterations
        self.last: Solution | None = None
        self._preconditioner = (
            None if preconditioner is None else as_operator(preconditioner, who, "preconditioner")
        )
        if self._preconditioner is not None and self._preconditioner.shape != (P, P):
            raise ValueError(
                f"{who}: the preconditioner has shape {self._preconditioner.shape}, but must have "
                f"that of the operator, {(P, P)}"
            )

    @property
    def matvecs(self) -> int:
        """Products with A spent so far."""
        return self._counted.matvecs

    def solve(self, b: Any) -> Solution:
        """Solve ``(A + damping) x = b`` for b of shape (P,) or (P, k), or a tree.

        Unlike a product, it returns what it has when the tolerance was not reached. From ``cg``
        that is the minimum of ``xᵀ (A + damping) x / 2 - bᵀ x`` over a Krylov space: the step of a
        truncated Newton method.
        """
        array = isinstance(b, np.ndarray) and b.ndim in (1, 2) and len(b) == self.shape[0]
        flat = np.asarray(b) if array else self._at.flatten(b)
        B = flat.reshape(self.shape[0], -1).astype(self.dtype, copy=False)
        if not np.isfinite(B).all():
            raise ValueError("InverseOperator: the right-hand side is not finite")
        units = np.array([scaling.power_of_two(b) for b in B.T], B.dtype)
        before, start = self.matvecs, time.perf_counter()
        X, residuals, iterations = self._refined(B / units)
        X = ((X / self._counted.unit) * units).astype(self.dtype, copy=False)
        converged = bool((residuals <= self.tol).all())
        x = X.reshape(flat.shape)
        self.last = Solution(
            x=x if array else self._at.unflatten(x),
            residuals=residuals,
            iterations=iterations,
            matvecs=self.matvecs - before,
            converged=converged,
            method=self.method,
            seconds=time.perf_counter() - start,
            reason="" if converged else self._reason(iterations),
        )
        return self.last

    def _matvec(self, x: Any) -> Array:
        return self._matmat(np.reshape(x, (-1, 1))).reshape(-1)

    def _matmat(self, X: Any) -> Array:
        solution = self.solve(np.asarray(X))
        if not solution.converged:
            raise RuntimeError(
                f"InverseOperator: {solution.reason} (relative residual "
                f"{solution.residuals.max():.2g}, tolerance {self.tol:.2g}). Call solve(b) to use "
                "the unfinished solution."
            )
        return np.asarray(solution.x)

    def _reason(self, iterations: int) -> str:
        if iterations >= self.max_iterations:
            return (
                f"max_iterations={self.max_iterations} were not enough; give more, a "
                "preconditioner, or more damping"
            )
        return (
            "the residual stopped falling: the system is singular with a right-hand side outside "
            "its range, or too ill-conditioned for its precision; give more damping"
        )

    # ---- solving ---------------------------------------------------------------------------------

    def _damped(self, X: Array) -> Array:
        """Products with ``A + damping``, over the unit of A."""
        products = self._counted.matmat(X)
        return products + self.dtype.type(over_unit(self.damping, self._counted)) * X

    def _refined(self, B: Array) -> tuple[Array, Array, int]:
        """Solve, and solve again for what is left, until the true residual is small enough.

        A solver's own residual drifts from the true one by rounding; that one is checked here.
        """
        norms = np.linalg.norm(B, axis=0).astype(float)
        scale = np.where(norms > 0, norms, 1.0)
        X, R = np.zeros_like(B), B
        residuals, iterations = norms / scale, 0
        run = conjugate_gradients if self.method == "cg" else minres
        M = None if self._preconditioner is None else self._preconditioner.matmat
        for _ in range(REFINEMENTS):
            left = np.flatnonzero(residuals > self.tol)
            if not left.size or iterations >= self.max_iterations:
                break
            targets, limit = self.tol * scale[left], self.max_iterations - iterations
            try:
                step, spent = run(self._damped, M, R[:, left], targets=targets, limit=limit)
            except NotPositiveDefiniteError as error:
                raise self._not_definite(error.curvature) from None
            iterations += spent
            tried = X[:, left] + step
            remaining = B[:, left] - self._damped(tried)
            now = np.linalg.norm(remaining, axis=0) / scale[left]
            better = now < residuals[left]
            if self.method == "cg" and iterations == spent >= self.max_iterations:
                # Cut off: the quadratic model falls with each iteration; residuals may not.
                better = np.isfinite(now)
            chosen = left[better]
            halved = now[better] < 0.5 * residuals[chosen]
            X[:, chosen] = tried[:, better]
            R = R.copy()
            R[:, chosen] = remaining[:, better]
            residuals[chosen] = now[better]
            if not halved.any():
                break
        return X, residuals, iterations

    def _not_definite(self, curvature: float) -> ValueError:
        curvature *= self._counted.unit
        return ValueError(
            f"InverseOperator: a direction of curvature {curvature:.3g} was met, so the operator "
            f"with damping={self.damping:g} is not positive definite and cg would fail. Give more "
            f"damping than {self.damping - curvature:.3g}, use a GGNOperator, or method='minres'."
        )

    def __repr__(self) -> str:
        return (
            f"<InverseOperator: {self.shape[0]} parameters, {self.dtype}, {self.method} to "
            f"{self.tol:.1g}, damping {self.damping:g}, {self.matvecs} products>"
        )
