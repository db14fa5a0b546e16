"""How much curvature lies between each pair of layers: norms of the blocks of an operator.

layer_blocks : operator -> LayerBlocks
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import arguments
from ...core.plotting import axes, shades
from ..estimates.budget import INTERRUPTED
from ..estimates.operands import Array, Counted
from ..estimates.probes import signs
from ..estimates.result import Result
from ..estimates.steps import Steps


@dataclass(frozen=True, eq=False)
class LayerBlocks(Result, derived=("between", "exact")):
    """Frobenius norms of the blocks ``H_ij`` between layers i and j.

    Attributes
    ----------
    names : tuple of str
    sizes : tuple of int
        Parameters in each layer.
    squares : ndarray, shape (layers, layers)
        ``‖H_ij‖_F²``, symmetric.
    standard_errors : ndarray, shape (layers, layers)
        Of the squares; 0 where both estimates of a block come from exact columns.
    matvecs : int
    seed : int
    reason : str
        Why blocks are NaN: those of layers that an interrupted run had not come to.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    squares: Array
    standard_errors: Array
    matvecs: int
    seed: int
    reason: str = ""

    @property
    def exact(self) -> bool:
        """Whether all columns of all blocks were computed."""
        return not self.standard_errors.any()

    @property
    def between(self) -> float:
        """The share of ``‖H‖_F²`` that lies outside the diagonal blocks."""
        total = float(self.squares.sum())
        return 1 - float(np.trace(self.squares)) / total if total else 0.0

    def __repr__(self) -> str:
        how = "exact" if self.exact else "estimated"
        state = f", NOT complete: {self.reason}" if self.reason else ""
        return (
            f"LayerBlocks({len(self.names)} layers, {self.between:.1%} of ‖H‖² between layers, "
            f"{how}, {self.matvecs} products{state})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the norms as a table of shades; return the matplotlib axes."""
        n = min(len(self.names), 20)
        ax = axes(ax, (2.2 + 0.55 * n, 1.4 + 0.5 * n))
        norms = np.sqrt(self.squares)
        shades(ax, norms, self.names, self.names, label="Frobenius norm of the block")
        return ax


def layer_blocks(
    op: Any, *, probes: int = 8, seed: int = 0, progress: bool = False, checkpoint: Any = None
) -> LayerBlocks:
    """Frobenius norms of the blocks of a symmetric operator between its layers.

    Parameters
    ----------
    op : HessianOperator, or another operator with ``layers``
    probes : int
        Random vectors for each layer, at least 2, at a product each. Layers that have no more
        parameters than this are computed exactly.
    seed : int
        Of the probes.
    progress : bool
        Show a progress bar.
    checkpoint : path-like, optional
        A file that keeps what was done; a run that finds it goes on.

    Returns
    -------
    LayerBlocks

    Raises
    ------
    TypeError
        For an operator that does not name its layers.
    ValueError
        For fewer than 2 probes, and where the squared norms leave the range of floats.

    Notes
    -----
    For random signs z on layer j, the squared length of ``H z`` on layer i has the mean
    ``‖H_ij‖_F²``. Both ``H_ij`` and ``H_ji`` are sampled; the mean of the two is given.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import HessianOperator, layer_blocks
    >>> op = HessianOperator(lambda p: p["a"] ** 2 + 3 * p["a"] * p["b"], {"a": 1.0, "b": 1.0})
    >>> layer_blocks(op).squares
    array([[4., 9.],
           [9., 0.]])
    """
    layers = getattr(op, "layers", None)
    if layers is None:
        raise TypeError(
            f"layer_blocks: {type(op).__name__} names no layers; give a HessianOperator"
        )
    probes = arguments.integer("layer_blocks", "probes", probes, least=2)
    indices = {name: p for name, p in layers.items() if p.size}
    A, count = Counted(op, "layer_blocks"), len(indices)
    squares, variances = np.full((2, count, count), np.nan)
    options = {"probes": probes, "seed": seed, "layers": [*indices]}
    reason = ""
    with Steps(checkpoint, A, options, progress=progress, total=count, unit="layers") as steps:
        try:
            for j, name in enumerate(indices):
                column = lambda j=j: _column(A, list(indices.values()), j, probes, seed + j)
                squares[:, j], variances[:, j] = steps(name, column)
                steps.advance(j + 1)
        except KeyboardInterrupt:
            reason = INTERRUPTED
    squares, errors = (squares + squares.T) / 2, np.sqrt(variances + variances.T) / 2
    if A.unit != 1:  # a square of the unit by itself may leave the range of floats
        found = squares
        with np.errstate(over="ignore"):
            squares, errors = (A.unit * (A.unit * x) for x in (squares, errors))
        if np.isinf(squares).any() or (squares[found > 0] == 0).any():
            raise ValueError(
                f"layer_blocks: squares of products of size {A.unit:.1g} leave the range of "
                f"floats; divide the loss by {A.unit:.1g}"
            )
    return LayerBlocks(
        names=tuple(indices),
        sizes=tuple(p.size for p in indices.values()),
        squares=squares,
        standard_errors=errors,
        matvecs=A.matvecs,
        seed=seed,
        reason=reason,
    )


def _column(A: Counted, indices: list[Array], j: int, probes: int, seed: int) -> Array:
    """The squared norms of the blocks in column j, and their variances, shape (2, layers)."""
    own = indices[j]
    exact = own.size <= probes
    width = own.size if exact else probes
    z = np.zeros((A.size, width), A.dtype)
    z[own] = np.eye(own.size) if exact else signs(own.size, range(width), seed, A.dtype)
    lengths = np.square(A.matmat(z), dtype=np.float64)
    out = np.zeros((2, len(indices)))
    for i, rows in enumerate(indices):
        found = lengths[rows].sum(axis=0)
        out[0, i] = found.sum() if exact else found.mean()
        out[1, i] = 0.0 if exact else found.var(ddof=1) / width
    return out
