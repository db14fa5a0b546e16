"""One layer's Kronecker factors: a matrix ``A ⊗ B`` and its functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ....core import arguments
from ....core.tensor import Tensor
from ..flattening import Array


@dataclass(frozen=True, eq=False)
class KroneckerBlock:
    """The block of one layer: ``A ⊗ B``, or with EKFAC the same eigenvectors, other eigenvalues.

    Attributes
    ----------
    name : str
        Of the layer, such as ``layers[0]``.
    A : ndarray, shape (d, d)
        Mean of ``a aᵀ`` over examples and positions, for inputs a of the layer. With a bias, the
        last coordinate is the constant 1.
    B : ndarray, shape (o, o)
        Sum of ``b bᵀ`` over positions, mean or sum over examples, for cotangents b of the output.
    index : ndarray of int, shape (d, o)
        Where each weight (and, in the last row, bias) stands in the vector of all parameters.
    corrected : ndarray, shape (d, o), or None
        Second moments of the gradient in the Kronecker eigenbasis (EKFAC).

    Examples
    --------
    >>> from tinygrad_hess.curvature import KroneckerBlock
    >>> A, B = np.diag([1.0, 2.0]), np.array([[3.0]])
    >>> block = KroneckerBlock("layer", A, B, index=np.array([[0], [1]]))
    >>> block.eigenvalues.ravel()
    array([3., 6.])
    >>> block.to_dense()
    array([[3., 0.],
           [0., 6.]])
    """

    name: str
    A: Array
    B: Array
    index: Array
    corrected: Array | None = None

    @cached_property
    def basis(self) -> tuple[Array, Array]:
        """Eigenvectors of A and of B, as columns."""
        return self._factors[1], self._factors[3]

    @cached_property
    def eigenvalues(self) -> Array:
        """Eigenvalues of the block, shape (d, o), none negative."""
        if self.corrected is not None:
            return self.corrected
        a, _, b, _ = self._factors
        return np.outer(a, b)

    @cached_property
    def _factors(self) -> tuple[Array, Array, Array, Array]:
        (a, U), (b, V) = (np.linalg.eigh(M) for M in (self.A, self.B))
        return np.maximum(a, 0), U, np.maximum(b, 0), V

    def with_eigenvalues(self, corrected: Array) -> KroneckerBlock:
        """The block with the same eigenvectors and other eigenvalues, shape (d, o)."""
        block = dataclasses.replace(self, corrected=corrected)
        block.__dict__["_factors"] = self._factors  # what the cached property would find again
        return block

    def apply(self, X: Array, f: Callable[[Array], Array] | None = None) -> Array:
        """Multiply X of shape (d, o, k) by the block, or by the function f of its eigenvalues."""
        who, shape = "KroneckerBlock.apply", (len(self.A), len(self.B))
        X = X if isinstance(X, Tensor) else arguments.array(who, "X", X)
        if X.ndim != 3 or X.shape[:2] != shape:
            raise ValueError(
                f"{who}: X must be of shape ({shape[0]}, {shape[1]}, k), got {arguments.shown(X)}"
            )
        if f is not None:
            arguments.function(who, "f", f, "It takes the eigenvalues to as many numbers.")
        if f is None and self.corrected is None:
            return _sandwich(self.A, X, self.B)
        U, V = self.basis
        values = self.eigenvalues if f is None else f(self.eigenvalues)
        return _sandwich(U, _sandwich(U.T, X, V.T) * values[:, :, None], V)

    def to_dense(self) -> Array:
        """The block, shape (d·o, d·o), its rows in the order of ``index.ravel()``."""
        if self.corrected is None:
            return np.kron(self.A, self.B)
        Q = np.kron(*self.basis)
        return (Q * self.corrected.ravel()) @ Q.T


def _sandwich(A: Array, X: Array, B: Array) -> Array:
    """``A X Bᵀ`` for each of the k slices of X, shape (d, o, k)."""
    d, o, k = X.shape
    return np.matmul(B, (A @ X.reshape(d, o * k)).reshape(-1, o, k))


def second_moments(a: Array, b: Array) -> Array:
    """``Σ (Σ_t a_nt b_kntᵀ)²`` over examples and seeds, for a (n, T, d) and b (k, n, T, o)."""
    if a.shape[1] == 1:  # then the square of the product is the product of the squares
        left, right = a[:, 0] ** 2, (b[:, :, 0] ** 2).sum(axis=0)
        return left.T @ right
    out = np.zeros((a.shape[2], b.shape[3]), b.dtype)
    for seed in b:
        gradients = np.matmul(a.swapaxes(1, 2), seed)  # (n, d, o)
        out += np.einsum("nio,nio->io", gradients, gradients)
    return out


def covariance_of_products(a: Array, b: Array, weights: Array) -> Array:
    """``Σ_io w_io G_nk,io G_nl,io`` with ``G_nk = Σ_t a_nt b_kntᵀ``, shape (n, k, k), for a
    (n, T, d), b (k, n, T, o) and weights (d, o)."""
    if a.shape[1] == 1:
        scale = np.sqrt(a[:, 0] ** 2 @ weights)  # (n, o)
        rows = (b[:, :, 0] * scale).swapaxes(0, 1)
        return rows @ rows.swapaxes(1, 2)
    out = np.empty((len(a), len(b), len(b)), b.dtype)
    root = np.sqrt(weights)
    for n, one in enumerate(a):
        rows = ((one.T @ b[:, n]) * root).reshape(len(b), -1)
        out[n] = rows @ rows.T
    return out
