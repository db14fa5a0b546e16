"""Parts of the parameters: the others fixed, or all parts side by side on the diagonal.

subparameters : paths -> (smaller tree, function that puts it back among the others)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...core import arguments, trees
from ...core.tensor import constant
from .flattening import Array, Flattening
from .operator import SymmetricOperator, TreeOperator


def subparameters(
    at: Flattening, paths: Sequence[str], who: str
) -> tuple[Any, Callable[[Any], Any]]:
    """What stands at ``paths``, and a function that makes the whole tree of it again.

    Returns
    -------
    tree
        With one path, what stands there; with several, a dict from path to what stands there.
    fill : callable
        From such a tree to a whole one, with all other leaves as they are.

    Raises
    ------
    ValueError
        For a path that leads nowhere, or for parts that overlap.
    """
    if not paths:
        raise ValueError(f"{who}: name at least one path, such as {at.paths.names[0]!r}")
    for path in paths:
        if not isinstance(path, str):
            names = ", ".join(repr(p) for p in path) if isinstance(path, (list, tuple)) else ""
            raise TypeError(
                f"{who}: a path must be a string such as {at.paths.names[0]!r}, got "
                f"{arguments.shown(path)}" + (f". Write block({names})." if names else "")
            )
    leaves = [i for path in paths for i in at.paths.under(path, who)]
    if len(set(leaves)) < len(leaves):
        raise ValueError(f"{who}: the paths {', '.join(map(repr, paths))} overlap")
    parts = {path: at.paths.node(at.tree(), path, who) for path in paths}
    part = parts[paths[0]] if len(paths) == 1 else parts
    if len(paths) > 1:  # a dict lies sorted by its keys
        leaves = [i for path in sorted(paths) for i in at.paths.under(path, who)]

    def fill(part: Any) -> Any:
        fixed = [constant(value) for value in at.values]  # with the methods of those that vary
        return trees.unflatten(at.spec, trees.replaced(fixed, leaves, trees.leaves(part)))

    return part, fill


class BlockDiagonalOperator(SymmetricOperator):
    """Blocks of a symmetric operator side by side, with zeros between them.

    Parameters
    ----------
    at : Flattening
        Of all parameters.
    blocks : mapping of str to (ndarray, operator)
        For each block its name, where its parameters lie in the vector of all, and itself.

    Attributes
    ----------
    blocks : dict of str to operator
    positions : dict of str to ndarray
    """

    def __init__(self, at: Flattening, blocks: Mapping[str, tuple[Array, TreeOperator]]):
        who, made = type(self).__name__, "as op.block_diagonal() makes it"
        arguments.instance(who, "at", at, Flattening, f"a Flattening, {made}")
        what = f"a mapping from a name to (positions, operator), {made}"
        arguments.instance(who, "blocks", blocks, Mapping, what)
        for name, pair in blocks.items():
            arguments.instance(who, f"blocks[{name!r}]", pair, tuple, "(positions, operator)")
            if len(pair) != 2:
                raise ValueError(f"{who}: blocks[{name!r}] must be (positions, operator)")
        super().__init__(at)
        self.positions = {name: positions for name, (positions, _) in blocks.items()}
        self.blocks = {name: block for name, (_, block) in blocks.items()}

    def _matvec(self, x: Any) -> Array:
        return self._matmat(np.reshape(x, (-1, 1))).reshape(-1)

    def _matmat(self, X: Any) -> Array:
        out = np.zeros(X.shape, np.result_type(self.dtype, X.dtype))
        for name, positions in self.positions.items():
            out[positions] = self.blocks[name] @ X[positions]
        return out

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name or 'all'}: {len(p):,}" for name, p in self.positions.items())
        return f"<BlockDiagonalOperator: {self._at.size} parameters in blocks ({sizes})>"
