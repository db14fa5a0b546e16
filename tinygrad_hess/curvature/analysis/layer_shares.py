"""Which layers carry an eigenvector.

layer_shares : operator, eigenvectors -> LayerShares
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.plotting import PAPER, axes, shades
from ...core.tensor import unrecorded
from ...core.text import visible
from ..eigenpairs.eigenpairs import Eigenpairs
from ..estimates import scaling
from ..estimates.operands import Array
from ..estimates.result import Result
from ..operators.operator import OnParameters
from ..operators.paths import Paths
from .at_a_point import vector_like


@dataclass(frozen=True, eq=False)
class LayerShares(Result):
    """How much of each vector lies in each layer.

    Attributes
    ----------
    names : tuple of str
        Where the layers stand in the parameters, such as ``layers[0]``. A layer is what stands in
        one container; an array at the top is one by itself.
    shares : ndarray, shape (layers, k)
        Squared norms of the parts; each column sums to 1.
    sizes : tuple of int
        Parameters in each layer.
    """

    names: tuple[str, ...]
    shares: Array
    sizes: tuple[int, ...]

    @property
    def baseline(self) -> Array:
        """The mean share of a random direction: the size over P, shape (layers,)."""
        return np.asarray(self.sizes) / sum(self.sizes)

    def __repr__(self) -> str:
        tops = [visible(self.names[i]) for i in self.shares.argmax(axis=0)]
        shown = ", ".join(
            f"{i + 1}: {share:.0%} in {name}"
            for i, (name, share) in enumerate(zip(tops[:5], self.shares.max(axis=0), strict=False))
        )
        more = ", ..." if len(tops) > 5 else ""
        return f"LayerShares({len(self.names)} layers; largest share of vector {shown}{more})"

    def plot(self, ax: Any = None) -> Any:
        """Draw the shares as a table of shades, one column a vector, beside the baseline.

        Returns the matplotlib axes.
        """
        rows, count = min(len(self.names), 30), self.shares.shape[1]
        ax = axes(ax, (1.5 + 0.45 * (min(count, 30) + 1), 1.2 + 0.35 * rows))
        table = 100 * np.column_stack([self.shares, self.baseline])
        # The last column is no vector, but what a random one would have.
        columns = [*map(str, range(1, count + 1)), "all"]
        shades(
            ax, table, self.names, columns, label="share in %", form="{:.0f}", most=100, log=False
        )
        ax.axvline(count - 0.5, color=PAPER, linewidth=3)
        ax.set_xlabel("vector (share in %); last: share of all parameters")
        return ax


def layer_shares(op: Any, vectors: Any) -> LayerShares:
    """How much of each eigenvector lies in each layer.

    Parameters
    ----------
    op : HessianOperator, or another operator that knows its tree of parameters
    vectors : Eigenpairs, or ndarray of shape (P, k) or (P,)
        Need not be normalised; not zero.

    Returns
    -------
    LayerShares

    Raises
    ------
    TypeError
        For an operator without a tree of parameters.
    ValueError
        For a zero vector or a shape that does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import HessianOperator, layer_shares, top_eigenpairs
    >>> op = HessianOperator(lambda p: (p["a"] * p["b"]).sum(), {"a": 1.0, "b": np.ones(1)})
    >>> layer_shares(op, top_eigenpairs(op, 1)).shares.round(6)
    array([[0.5],
           [0.5]])
    """
    if not isinstance(op, OnParameters):
        raise TypeError(
            f"layer_shares: {type(op).__name__} has no tree of parameters; give a HessianOperator"
        )
    V = vectors.vectors if isinstance(vectors, Eigenpairs) else vectors
    V = arguments.array("layer_shares", "vectors", V)
    V = V[:, None] if V.ndim == 1 else V
    if V.ndim != 2 or not V.shape[1]:
        raise ValueError(f"layer_shares: vectors must be of shape (P, k) or (P,), not {V.shape}")
    columns = [vector_like(op, v, op.shape[1], "layer_shares", "a vector") for v in V.T]
    if not all(v.any() for v in columns):
        raise ValueError("layer_shares: a vector is zero, so it has no shares")
    found = [op.unflatten(v / scaling.power_of_two(v)) for v in columns]
    parts = [[np.asarray(unrecorded(x)) for x in trees.leaves(tree)] for tree in found]
    squares = np.array([[np.square(x).sum() for x in part] for part in parts]).T
    layers = Paths(found[0]).by_layer()
    together = np.stack([squares[leaves].sum(axis=0) for leaves in layers.values()])
    return LayerShares(
        names=tuple(layers),
        shares=together / together.sum(axis=0),
        sizes=tuple(sum(parts[0][i].size for i in leaves) for leaves in layers.values()),
    )
