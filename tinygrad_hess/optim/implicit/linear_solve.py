"""Linear systems by products alone, as differentiable functions of all that they depend on.

    solve : A(θ) x = b  ->  dx = A⁻¹ (db - dA x),   b̄ = A⁻ᵀ x̄,   θ̄ = -(∂(A x)/∂θ)ᵀ b̄

Each rule solves a system again, with A or its transpose, so that derivatives of any order follow.
Giles, "Collected matrix derivative results" (2008), section 2.2.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import linalg

from ...core import arguments, trees
from ...core.boundary import named
from ...core.errors import NonDifferentiableError, TracingError, call_of
from ...core.tensor import Tensor, tensor_or_array
from ...ops import astype
from ...replay import Replayed, jacobian
from ...transforms import custom_vjp, jvp, ravel, vjp
from .off_tape import call_off_tape

Product = Callable[..., Any]
"""``matvec(v, *parameters)``, linear in v, on vectors."""

METHODS = ("cg", "minres", "gmres", "lsmr")

SYMMETRIC = ("cg", "minres")

PATIENCE = 8
"""Products after which a plan, which costs about as many, begins to pay."""

SMALL = 64
"""Unknowns up to which all products are made at once, as an array: a solver needs as many."""


class NotConvergedError(RuntimeError):
    """A solver did not reach its tolerance, and derivatives of what it found would be wrong."""


class System:
    """A matrix by its products, and how systems with it are solved.

    Parameters
    ----------
    matvec : callable
        ``matvec(v, parameters)``, linear in the vector v; parameters are a pytree.
    shape : (m, n)
    method : str
    tol, maxiter
        Of the solver: the residual is at most ``tol`` times the right-hand side.
    who : str
        For errors.
    """

    def __init__(
        self,
        matvec: Product,
        shape: tuple[int, int],
        method: str,
        tol: float,
        maxiter: int | None,
        who: str,
        transpose: System | None = None,
    ):
        self.matvec, self.shape, self.method = matvec, shape, method
        self.tol, self.maxiter, self.who = tol, maxiter, who
        self._transpose = self if method in SYMMETRIC else transpose
        at = np.zeros(shape[1])
        columns = lambda parameters: jacobian(lambda v: matvec(v, parameters))(at)
        self._columns = Replayed(columns, after=PATIENCE)
        self._is_small = max(shape) <= SMALL
        self._is_linear = transpose is not None  # that of the transpose follows

    @property
    def transpose(self) -> System:
        """The system of the transposed matrix; the same, where that is symmetric."""
        if self._transpose is None:
            m, n = self.shape

            def rmatvec(u: Any, parameters: Any) -> Any:
                return vjp(lambda v: self.matvec(v, parameters), np.zeros(n))[1](u)[0]

            self._transpose = System(
                rmatvec, (n, m), self.method, self.tol, self.maxiter, self.who, self
            )
        return self._transpose

    def operator(self, parameters: Any) -> Any:
        """The matrix at parameters of plain arrays, as an array or SciPy's LinearOperator."""
        if self._is_small:
            try:
                return np.asarray(_plain(self._columns(parameters), self.who))
            except (NonDifferentiableError, TracingError):  # its products may be there all the same
                self._is_small = False
        products = [
            Replayed(lambda v, s=s: s.matvec(v, parameters), after=PATIENCE)
            for s in (self, self.transpose)
        ]
        forward, backward = (lambda v, f=f: np.asarray(_plain(f(v), self.who)) for f in products)
        return linalg.LinearOperator(self.shape, forward, backward, dtype=np.float64)

    def solve(self, parameters: Any, b: Any) -> Any:
        """The solution for one right-hand side, all arrays."""
        b = np.asarray(b, np.float64)
        if not b.any():
            return np.zeros(self.shape[1])
        self._require_linear(parameters, b)
        A = self.operator(parameters)
        if self.method == "lsmr":
            return self._least_squares(A, b)
        options: dict[str, Any] = {"rtol": self.tol}
        if self.method == "gmres":
            options |= {"atol": 0.0, "restart": min(self.shape[1], 100)}
        if self.method == "cg":
            options |= {"atol": 0.0}
        limit = self.maxiter or 20 * self.shape[1] + 100
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x, _ = getattr(linalg, self.method)(A, b, maxiter=limit, **options)
        # the residual itself is asked: a solver's own estimate can be wrong
        product = _plain(self.matvec(x, parameters), self.who)
        residual = float(np.linalg.norm(product - b)) / float(np.linalg.norm(b))
        if not residual <= max(100 * self.tol, 1e-8):
            raise NotConvergedError(
                f"{self.who}: {self.method} left a residual of {residual:.2g} of the right-hand "
                f"side after at most {limit:,} iterations. Give maxiter=, or another method"
                + (": cg is for positive definite matrices." if self.method == "cg" else ".")
            )
        return x

    def _require_linear(self, parameters: Any, b: Any) -> None:
        """Once: that twice a vector has twice the product. And that ``b`` is finite."""
        if not np.isfinite(b).all():
            raise NotConvergedError(f"{self.who}: the right-hand side holds NaN or infinity")
        if self._is_linear:
            return
        self._is_linear = True
        v = np.ones(self.shape[1])
        once, twice = (np.asarray(_plain(self.matvec(k * v, parameters), self.who)) for k in (1, 2))
        if np.abs(twice - 2 * once).max() > 1e-6 * np.abs(twice).max():
            raise ValueError(
                f"{self.who}: matvec must be linear in its first argument, but twice a vector did "
                "not give twice the product. A constant belongs in b; other equations are for root."
            )

    def _least_squares(self, A: Any, b: Any) -> Any:
        limit = self.maxiter or 20 * max(self.shape) + 100
        found = linalg.lsmr(A, b, atol=self.tol, btol=self.tol, conlim=0, maxiter=limit)
        if found[1] == 7:
            raise NotConvergedError(
                f"{self.who}: lsmr did not converge in {limit:,} iterations. Give maxiter="
            )
        return found[0]


class Normal(System):
    """``A'A x = c``, solved by two least-squares problems, so that no condition is squared.

    ``A'z = c`` has a shortest solution z, and the x with the least ``‖A x - z‖`` is the one sought.
    """

    def __init__(self, system: System):
        def matvec(v: Any, parameters: Any) -> Any:
            return system.transpose.matvec(system.matvec(v, parameters), parameters)

        n = system.shape[1]
        super().__init__(matvec, (n, n), "lsmr", system.tol, system.maxiter, system.who)
        self.system, self._transpose = system, self

    def solve(self, parameters: Any, b: Any) -> Any:
        b = np.asarray(b, np.float64)
        if not b.any():
            return np.zeros(self.shape[1])
        self.system._require_linear(parameters, b)
        A = self.system.operator(parameters)
        return self._least_squares(A, self._least_squares(A.T, b))


def _plain(x: Any, who: str) -> Any:
    if isinstance(x, Tensor):
        if x.prim is not None:
            raise NonDifferentiableError(
                f"{who}: matvec uses a tensor from outside that is being recorded. Pass it in args."
            )
        return x.value
    return x


@functools.partial(custom_vjp, nondiff_argnums=(0,))
def solve_system(system: System, b: Any, parameters: Any) -> Any:
    """The solution x of a system, differentiable in b and the parameters."""
    leaves, spec = trees.flatten(parameters)
    solver = lambda b, *leaves: system.solve(trees.unflatten(spec, leaves), b)
    return call_off_tape(system.who, solver, [b, *leaves], system.shape[1])


def _forward(system: System, b: Any, parameters: Any) -> Any:
    x = solve_system(system, b, parameters)
    return x, (x, parameters)


def _backward(system: System, residuals: Any, g: Any) -> Any:
    x, parameters = residuals
    cotangent = solve_system(system.transpose, g, parameters)
    if not trees.leaves(parameters):
        return cotangent, parameters
    _, pull = vjp(lambda parameters: system.matvec(x, parameters), parameters)
    return cotangent, pull(-cotangent)[0]


def _rule(system: System, primals: Any, tangents: Any) -> Any:
    (b, parameters), (tb, tp) = primals, tangents
    x = solve_system(system, b, parameters)
    if trees.leaves(parameters):
        tb = tb - jvp(lambda parameters: system.matvec(x, parameters), (parameters,), (tp,))[1]
    return x, solve_system(system, tb, parameters)


solve_system.defvjp(_forward, _backward)
solve_system.defjvp(_rule)


class Floats:
    """The leaves of a pytree that solutions are functions of, in float64; others stay as they are.

    These are floating ones, and tensors of integers, which ``jit`` and ``vmap`` change.
    """

    def __init__(self, tree: Any):
        leaves, self.spec = trees.flatten(tree)
        self.dtypes = [_dtype_of_operand(x) for x in leaves]
        pairs = [*zip(leaves, self.dtypes, strict=True)]
        self.others = [x if dtype is None else None for x, dtype in pairs]
        self.leaves = [
            x if dtype == np.float64 else astype(x, np.float64)
            for x, dtype in pairs
            if dtype is not None
        ]

    def tree(self, leaves: Any) -> Any:
        """The tree with other leaves, in the types of the first."""
        supply = iter(leaves)
        made = []
        for x, dtype in zip(self.others, self.dtypes, strict=True):
            if dtype is not None:
                x = next(supply)
                x = x if dtype == np.float64 else astype(x, dtype)
            made.append(x)
        return trees.unflatten(self.spec, made)


def _is_real(x: Any) -> bool:
    return isinstance(x, float) or getattr(getattr(x, "dtype", None), "kind", "") == "f"


def _dtype_of_operand(x: Any) -> Any:
    if isinstance(x, float):
        return np.dtype(np.float64)
    dtype = getattr(x, "dtype", None)
    kinds = "fiub" if isinstance(x, Tensor) else "f"
    return dtype if getattr(dtype, "kind", "") in kinds and dtype is not None else None


@named
def linear_solve(
    matvec: Callable[..., Any],
    b: Any,
    args: Any = (),
    method: str = "gmres",
    *,
    like: Any = None,
    tol: float = 1e-12,
    maxiter: int | None = None,
) -> Any:
    """Solve ``matvec(x, *args) = b`` by products with the matrix alone.

    Differentiable in ``b`` and ``args``, forward and reverse, to any order: each derivative solves
    one more system. Under ``vmap`` the examples are solved one after the other; under ``jit`` the
    solver is called in each replay.

    Parameters
    ----------
    matvec : callable
        ``matvec(x, *args)``, linear in the pytree x, gives a pytree like ``b``.
    b : pytree of floating-point arrays
        The right-hand side.
    args : tuple
        What the matrix depends on. Only what stands here, not what ``matvec`` closes over, is
        differentiated.
    method : {"gmres", "cg", "minres", "lsmr"}
        SciPy's solvers: of any square matrix, a symmetric positive definite one, a symmetric one,
        and of least squares min ‖A x - b‖, for a matrix of full column rank.
    like : pytree of floating-point arrays, optional
        The structure and shapes of x, where they are not those of ``b``.
    tol : float
        The residual to reach, as a share of ``b``.
    maxiter : int, optional
        By default 20 n + 100.

    Returns
    -------
    x : pytree

    Raises
    ------
    NotConvergedError
        When the residual is above 100 ``tol`` and 1e-8 of ``b``.
    ValueError
        When ``matvec`` gives other than a tree like ``b``, or is not linear.

    References
    ----------
    Hestenes and Stiefel (1952); Paige and Saunders (1975); Saad and Schultz (1986); Fong and
    Saunders (2011). For the derivatives: Giles (2008).

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> from tinygrad_hess import optim
    >>> def matvec(v, a):  # tridiagonal
    ...     return a * v - np.pad(v[1:], (0, 1)) - np.pad(v[:-1], (1, 0))
    >>> solve = lambda a: optim.linear_solve(matvec, np.ones(3), (a,), "cg").sum()
    >>> float(solve(3.0)), float(tg.grad(solve)(3.0))
    (1.857142..., -1.163265...)
    """
    who = "linear_solve"
    arguments.function(who, "matvec", matvec, _advice(matvec))
    arguments.choice(who, "method", method, METHODS)
    tol = arguments.number(who, "tol", tol, above=0, below=1)
    if maxiter is not None:
        maxiter = arguments.integer(who, "maxiter", maxiter, least=1)
    args = args if isinstance(args, tuple) else (args,)
    for name, tree in (("b", b), ("like", like)):
        for leaf in trees.leaves(tree):
            if not _is_real(leaf):
                raise TypeError(
                    f"{who}: {name} must hold real floating-point numbers, got "
                    f"{arguments.shown(leaf)}"
                )
    right, _ = ravel(b)
    unknown, unravel = ravel(b if like is None else like)
    m, n = right.shape[0], unknown.shape[0]
    if method != "lsmr" and m != n:
        raise ValueError(
            f"{who}: {m} equations for {n} unknowns. Give method='lsmr', for least squares."
        )
    floats = Floats(args)

    def product(v: Any, leaves: Any) -> Any:
        found = call_of(who, matvec, (unravel(v), *floats.tree(leaves)), {})
        return as_vector(found, m, f"{who}: matvec", "b")

    system = System(product, (m, n), method, tol, maxiter, who)
    right = astype(tensor_or_array(right), np.float64)
    if method == "lsmr":
        right = system.transpose.matvec(right, floats.leaves)
        system = Normal(system)
    return unravel(solve_system(system, right, floats.leaves))


def as_vector(tree: Any, size: int, what: str, of: str) -> Any:
    """What a user's function returned as a vector of ``size`` numbers in float64."""
    vector, _ = ravel(tree)
    if vector.shape[0] != size:
        raise ValueError(
            f"{what} must return as many numbers as {of} has, {size}, but gave {vector.shape[0]}"
        )
    return vector if vector.dtype == np.float64 else astype(vector, np.float64)


def _advice(matvec: Any) -> str:
    if hasattr(matvec, "shape"):
        return "For a matrix A, write linear_solve(lambda x, A: A @ x, b, (A,))."
    return "Write linear_solve(matvec, b)."
