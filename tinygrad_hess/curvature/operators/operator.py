"""Linear operators on a tree of parameters: vectors in and out, or trees in and out.

OnParameters       columns are parameters                     (a Jacobian)
TreeOperator       rows are parameters too                    (sums, scalings, chains)
SymmetricOperator  and it is its own transpose                (Hessian, Gauss-Newton, Fisher)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ...core import arguments, trees
from ...core.display import card
from ...core.tensor import Tensor
from .flattening import Array, Flattening

DENSE_BLOCK = 2**23
"""Elements of the identity that are multiplied at a time when a matrix is formed."""


class OnParameters(LinearOperator):
    """An operator whose columns are the elements of a tree of parameters."""

    def __init__(self, at: Flattening, rows: int, dtype: Any = None):
        self._at = at
        super().__init__(dtype=at.dtype if dtype is None else dtype, shape=(rows, at.size))

    def flatten(self, tree: Any) -> Array:
        """A tree like the parameters as a vector of shape (P,)."""
        return self._at.flatten(tree)

    def unflatten(self, vector: Any) -> Any:
        """A vector of shape (P,) as a tree like the parameters."""
        return self._at.unflatten(vector)

    @property
    def layers(self) -> dict[str, Array]:
        """Where the parameters of each layer lie in a vector: its path, and their positions."""
        groups = self._at.paths.by_layer()
        return {name: self._at.indices(leaves) for name, leaves in groups.items()}

    @property
    def leaf_places(self) -> list[slice]:
        """Where each leaf of the parameters lies in a vector."""
        return list(self._at.slices)

    def facts(self) -> dict[str, Any]:
        """What there is to say of it, by name: for displays."""
        return {
            "shape": f"{self.shape[0]:,} × {self.shape[1]:,}",
            "parameters": self._at.described,
            "dtype": str(self.dtype),
            "layers": len(self._at.paths.by_layer()),
            "products": getattr(self, "matvecs", None),
        }

    def _repr_html_(self) -> str:
        return card(type(self).__name__, self.facts())

    def to_dense(self) -> Array:
        """The matrix, by products with the unit vectors."""
        rows, columns = self.shape
        out = np.empty((rows, columns), self.dtype)
        width = max(1, DENSE_BLOCK // max(columns, rows))
        for first in range(0, columns, width):
            unit = np.eye(columns, min(width, columns - first), -first, dtype=self._at.dtype)
            out[:, first : first + width] = self.matmat(unit)
        return out


class TreeOperator(OnParameters):
    """A square operator on a tree of parameters."""

    def __init__(self, at: Flattening, dtype: Any = None):
        super().__init__(at, at.size, dtype)

    def __call__(self, v: Any) -> Any:
        """The product with v: a tree like the parameters, which gives such a tree; or an array."""
        if not self._at.holds(v):
            if isinstance(v, (np.ndarray, LinearOperator)):
                return self @ v
            self._at.flatten(v)  # says what does not fit
        boxed = [isinstance(x, Tensor) for x in trees.leaves(v)]
        return self._at.unflatten(self.matvec(self._at.flatten(v)), boxed)

    def preconditioned(self, diagonal: Any) -> PreconditionedOperator:
        """``D^{-1/2} A D^{-1/2}`` for a positive diagonal D, an array (P,) or a tree.

        Its eigenvalues are those of ``D^{-1} A``, which decide where a preconditioned optimiser
        is stable: Adam's with ``D = sqrt(v) + eps``, v its second moments.

        Raises
        ------
        ValueError
            When the diagonal does not fit, or is not positive and finite.

        References
        ----------
        Cohen et al. (2022), Adaptive gradient methods at the edge of stability.
        """
        return PreconditionedOperator(self, diagonal)

    # What SciPy composes goes on knowing the parameters.

    def __add__(self, other: Any) -> Any:
        return _as_tree_operator(super().__add__(other), self._at)

    def __mul__(self, other: Any) -> Any:
        return _as_tree_operator(super().__mul__(other), self._at)

    def __rmul__(self, other: Any) -> Any:
        return _as_tree_operator(super().__rmul__(other), self._at)

    def __matmul__(self, other: Any) -> Any:
        return _as_tree_operator(super().__matmul__(other), self._at)

    def __neg__(self) -> Any:
        return _as_tree_operator(super().__neg__(), self._at)

    def __truediv__(self, other: Any) -> Any:
        return self * (1 / other)

    def __pow__(self, power: Any) -> Any:
        return _as_tree_operator(super().__pow__(power), self._at)


def _as_tree_operator(result: Any, at: Flattening) -> Any:
    square = isinstance(result, LinearOperator) and result.shape == (at.size, at.size)
    if not square or isinstance(result, TreeOperator):
        return result
    return ComposedOperator(result, at)


class ComposedOperator(TreeOperator):
    """A sum, a multiple, a power or a chain of operators on a tree of parameters."""

    def __init__(self, inner: LinearOperator, at: Flattening):
        super().__init__(at, inner.dtype)
        self.inner = inner

    def _matvec(self, x: Any) -> Array:
        return self.inner.matvec(x)

    def _matmat(self, X: Any) -> Array:
        return self.inner.matmat(X)

    def _rmatvec(self, x: Any) -> Array:
        return self.inner.rmatvec(x)

    def _rmatmat(self, X: Any) -> Array:
        return self.inner.rmatmat(X)

    def _adjoint(self) -> ComposedOperator:
        return ComposedOperator(self.inner.H, self._at)

    def _transpose(self) -> ComposedOperator:
        return ComposedOperator(self.inner.T, self._at)

    def __repr__(self) -> str:
        return f"<ComposedOperator: {self._at.size} parameters, {self.dtype}>"


class SymmetricOperator(TreeOperator):
    """A real operator that is its own transpose."""

    def _rmatvec(self, x: Any) -> Array:
        return self._matvec(x)

    def _rmatmat(self, X: Any) -> Array:
        return self._matmat(X)

    def _adjoint(self) -> SymmetricOperator:
        return self

    def _transpose(self) -> SymmetricOperator:
        return self


class PreconditionedOperator(SymmetricOperator):
    """``D^{-1/2} A D^{-1/2}``; see :meth:`TreeOperator.preconditioned`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import HessianOperator
    >>> H = HessianOperator(lambda x: 2 * x[0] ** 2 + x[0] * x[1], np.ones(2))
    >>> H.preconditioned(np.array([4.0, 1.0])).to_dense()
    array([[1. , 0.5],
           [0.5, 0. ]])
    """

    def __init__(self, op: TreeOperator, diagonal: Any):
        at = op._at
        super().__init__(at, op.dtype)
        if isinstance(diagonal, np.ndarray) and diagonal.shape == (at.size,):
            d = arguments.array("preconditioned", "diagonal", diagonal).astype(float)
        else:
            d = at.flatten(diagonal, "preconditioned").astype(float)
        if not (d > 0).all() or not np.isfinite(d).all():
            raise ValueError(
                f"preconditioned: the diagonal must be positive and finite, but lies between "
                f"{d.min():.3g} and {d.max():.3g}. For Adam it is sqrt(v) + eps."
            )
        self.op = op
        self.scale = (d**-0.5).astype(op.dtype)

    def _matvec(self, x: Any) -> Array:
        return self.scale * self.op.matvec(self.scale * np.reshape(x, -1))

    def _matmat(self, X: Any) -> Array:
        return self.scale[:, None] * self.op.matmat(self.scale[:, None] * X)

    def __repr__(self) -> str:
        return f"<PreconditionedOperator: of {self.op!r}>"
