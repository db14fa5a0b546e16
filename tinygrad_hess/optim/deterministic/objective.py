"""What a method of optimisation asks of a function: values, gradients, products and Hessians.

Objective : a scalar function of a pytree, seen as a function of a vector in float64
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from ...core import arguments, trees
from ...core.errors import NonDifferentiableError, call_of, describe, refuse_subclass
from ...core.finite import why_not
from ...core.tensor import Tensor, unrecorded
from ...nn.sharing import refuse_shared
from ...replay import Replayed, hessian, jacobian
from ...transforms import hvp, jvp, ravel, value_and_grad, vjp
from ...transforms.sparse.plan import sparsity

Array = np.ndarray[Any, Any]

DENSE = 300
"""Variables up to which a Hessian is an array without a question."""

DENSE_AT_MOST = 2000
"""Variables up to which one that is not sparse is an array, where a method needs it whole."""

SPARSE = 0.1
"""Share of entries that can be other than zero, up to which a Hessian is sparse."""

PATIENCE = 4
"""Calls after which a plan, which costs about as many, begins to pay."""


class Point(NamedTuple):
    """A vector with the loss and its gradient there."""

    x: Array
    loss: float
    gradient: Array


@dataclass
class Counts:
    """What was asked of the function."""

    losses: int = 0
    gradients: int = 0
    products: int = 0
    hessians: int = 0


def start_of(who: str, x0: Any) -> tuple[Array, Callable[[Any], Any]]:
    """The start as a vector in float64, and how a vector becomes a tree like it.

    Raises
    ------
    TypeError
        When a leaf is not of real floating-point numbers.
    ValueError
        When there are none, or not finite ones, or a module has one array in two places.
    """
    refuse_shared(who, x0, "two variables", instead="")
    leaves, spec = trees.flatten(x0)
    for x in leaves:
        refuse_subclass(x, who)
    arrays = [arguments.array(who, "x0", unrecorded(x)) for x in leaves]
    for x in arrays:
        if x.dtype.kind != "f":
            raise TypeError(
                f"{who}: x0 must hold real floating-point numbers, got {x.dtype}. Write them with "
                "a decimal point."
            )
    flat, unravel = ravel(trees.unflatten(spec, arrays))
    if not flat.size:
        raise ValueError(f"{who}: x0 holds no numbers")
    if not np.isfinite(flat).all():
        raise ValueError(f"{who}: x0 holds NaN or infinity")
    return np.array(flat, np.float64), unravel


def applied(who: str, f: Callable[..., Any], tree: Callable[[Any], Any]) -> Callable[..., Any]:
    """``f(x, *args)`` as a function of x and leaves, of which ``tree`` makes ``args``."""

    def call(x: Any, *leaves: Any) -> Any:
        args = tree(leaves)
        form = f"It is called as f(x, *args) with {len(args)} in args."
        return call_of(who, f, (x, *args), {}, form)

    return call


def _scalar(who: str, value: Any) -> Any:
    kind = getattr(getattr(value, "dtype", None), "kind", "f")
    if value is None or getattr(value, "shape", ()) != () or kind == "c":
        what = "nothing" if value is None else describe(value)
        raise ValueError(
            f"{who}: f must return a real scalar, but returned {what}. Reduce it, as in .sum() or "
            ".mean(). Residuals are for gauss-newton and levenberg-marquardt."
        )
    return value


class Objective:
    """A scalar function of a pytree as one of a vector, replayed and counted.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` gives a real scalar.
    x0 : pytree of floating-point arrays
    args : sequence of arrays
        Operands of what is replayed; what ``f`` closes over is constant in it.
    who : str
        For errors.
    jit : bool
        Whether to replay.

    Attributes
    ----------
    start : ndarray, shape (n,)
    unravel : callable
        From a vector to a tree.
    counts : Counts
    eps : float
        Of the narrowest type in which the loss is computed.
    """

    def __init__(
        self, f: Callable[..., Any], x0: Any, args: Sequence[Any], who: str, jit: bool = True
    ):
        self.who, self.args = who, tuple(args)
        self.start, self.unravel = start_of(who, x0)
        self.counts = Counts()
        kinds = [x.dtype for x in trees.leaves(self.unravel(self.start))]
        self.eps = max(float(np.finfo(kind).eps) for kind in kinds)
        unravel = self.unravel
        call = self._f = lambda x, *args: _scalar(who, f(unravel(x), *args))
        self._why_not = lambda x, args: why_not(f, (unravel(x), *args))
        self._replayed = (lambda g: Replayed(g, after=PATIENCE)) if jit else (lambda g: g)
        self._pair = self._replayed(value_and_grad(call))
        self._value = self._replayed(call)
        self._product = self._replayed(lambda x, v, *args: hvp(call, x, v, *args))
        self._dense = self._replayed(hessian(call))
        self._sparse = hessian(call, sparse=True)
        self._structure: str | None = None

    def moved(self, x0: Any, args: Sequence[Any]) -> Self:
        """The same function from another start and of other arguments, with all that is planned.

        Both have the shapes of those before.
        """
        other = copy.copy(self)
        other.start, _ = start_of(self.who, x0)
        other.args, other.counts, other._structure = tuple(args), Counts(), None
        return other

    def why_not(self) -> str:
        """Whether the value at the start is not finite because of its type, in a sentence."""
        return self._why_not(self.start, self.args)

    @property
    def size(self) -> int:
        """The number of variables."""
        return len(self.start)

    def loss(self, x: Array) -> float:
        """The value alone."""
        self.counts.losses += 1
        with np.errstate(all="ignore"):
            return float(self._raw(self._value(x, *self.args)))

    def at(self, x: Array) -> Point:
        """Value and gradient."""
        self.counts.losses += 1
        self.counts.gradients += 1
        with np.errstate(all="ignore"):
            loss, gradient = self._pair(x, *self.args)
        self.eps = max(self.eps, float(np.finfo(getattr(loss, "dtype", float)).eps))
        return Point(x, float(self._raw(loss)), np.asarray(self._raw(gradient)))

    def product(self, x: Array, v: Array) -> Array:
        """The Hessian at x times v."""
        self.counts.products += 1
        with np.errstate(all="ignore"):
            return np.asarray(self._product(x, v, *self.args))

    def _raw(self, x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        if x.prim is not None:
            raise NonDifferentiableError(
                f"{self.who}: the function uses a tensor from outside that is being recorded. Pass "
                "it in args, and the result is differentiable in it."
            )
        return x.value

    @property
    def structure(self) -> str:
        """How the Hessian is at hand: as a ``"dense"`` array, a ``"sparse"`` one, or by
        ``"products"``. Its sparsity is looked at once, at the start."""
        if self._structure is None:
            n = self.size
            self._structure = "dense" if n <= DENSE_AT_MOST else "products"
            if n > DENSE:
                pattern = sparsity(self._f, self.start, *self.args, order=2)
                if pattern.nnz <= SPARSE * n * n:
                    self._structure = "sparse"
        return self._structure

    def hessian(self, x: Array) -> Any:
        """The Hessian, an array or a csr_array as :attr:`structure` says."""
        self.counts.hessians += 1
        with np.errstate(all="ignore"):
            if self.structure == "sparse":
                return sparse.csr_array(self._sparse(x, *self.args))
            H = np.asarray(self._dense(x, *self.args))
        return (H + H.T) / 2

    def negative_curvature(self, x: Array) -> float:
        """The least eigenvalue of the Hessian if it is negative beyond rounding; else, or where
        that is not looked at (above 300 variables, or without second derivatives), 0."""
        if self.size > DENSE:
            return 0.0
        self.counts.hessians += 1
        try:
            with np.errstate(all="ignore"):
                H = np.asarray(self._dense(x, *self.args))
            if is_positive_definite(H):
                return 0.0
            values = np.linalg.eigvalsh(H)
        except (NonDifferentiableError, np.linalg.LinAlgError):
            return 0.0
        is_negative = values[0] < -1e-8 * max(float(np.abs(values).max()), 1e-300)
        return float(values[0]) if is_negative else 0.0


def is_positive_definite(H: Array) -> bool:
    """Whether a symmetric matrix has a Cholesky factor, which costs a tenth of eigenvalues."""
    return lapack.dpotrf(H)[1] == 0


class Residuals(Objective):
    """Half the sum of squares of a function's residuals, r(x) in Rᵐ.

    The gradient is ``J^T r``, and ``J^T J`` is taken for the Hessian.
    """

    def __init__(
        self, f: Callable[..., Any], x0: Any, args: Sequence[Any], who: str, jit: bool = True
    ):
        vector = lambda tree, *args: ravel(f(tree, *args))[0]
        super().__init__(
            lambda tree, *args: (vector(tree, *args) ** 2).sum() / 2, x0, args, who, jit
        )
        unravel = self.unravel
        call = self._vector = lambda x, *args: vector(unravel(x), *args)
        fixed = lambda args: lambda x: call(x, *args)
        self._residuals = self._replayed(call)
        self._jacobian = self._replayed(jacobian(call))
        self._sparse_jacobian = jacobian(call, sparse=True)
        self._push = self._replayed(lambda x, v, *args: jvp(fixed(args), (x,), (v,))[1])
        self._pull = self._replayed(lambda x, u, *args: vjp(fixed(args), x)[1](u)[0])

    def residuals(self, x: Array) -> Array:
        """The vector r."""
        with np.errstate(all="ignore"):
            return np.asarray(self._raw(self._residuals(x, *self.args)))

    def product(self, x: Array, v: Array) -> Array:
        """``J^T J v``."""
        self.counts.products += 1
        with np.errstate(all="ignore"):
            return np.asarray(self._pull(x, self._push(x, v, *self.args), *self.args))

    @property
    def structure(self) -> str:
        """As of an :class:`Objective`, of the Jacobian."""
        if self._structure is None:
            n = self.size
            self._structure = "dense"
            if n > DENSE:
                pattern = sparsity(self._vector, self.start, *self.args)
                if pattern.nnz <= SPARSE * pattern.shape[0] * n:
                    self._structure = "sparse"
        return self._structure

    def jacobian(self, x: Array) -> Any:
        """The Jacobian J, an array of shape (m, n) or a csr_array."""
        self.counts.hessians += 1
        with np.errstate(all="ignore"):
            if self.structure == "sparse":
                return sparse.csr_array(self._sparse_jacobian(x, *self.args))
            return np.asarray(self._jacobian(x, *self.args))

    def hessian(self, x: Array) -> Any:
        """``J^T J``, which the Hessian is where the residuals are small or nearly linear."""
        J = self.jacobian(x)
        return J.T @ J
