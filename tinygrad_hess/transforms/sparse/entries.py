"""A sparse matrix while it is recorded for a replay: entries on a tape, at places that are fixed.

SciPy's arrays hold numbers alone. So what a jitted function returns is this node of a tree; with
the numbers of a call in it, it is a ``csr_array``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import optree
from optree.registry import __GLOBAL_NAMESPACE as GLOBAL_NAMESPACE
from scipy import sparse

from ...core.tensor import Tensor


class Entries:
    """A sparse matrix whose entries are recorded.

    Parameters
    ----------
    data : (nnz,) tensor
    pattern : (m, n) csr_array
        Where they are.
    """

    def __init__(self, data: Any, pattern: Any):
        self.data, self.pattern = data, pattern

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix."""
        return tuple(self.pattern.shape)

    @property
    def dtype(self) -> Any:
        """Of the entries."""
        return self.data.dtype

    @property
    def nnz(self) -> int:
        """How many entries it has."""
        return int(self.pattern.nnz)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"a sparse matrix inside jit has no {name}: it is recorded, and SciPy's arrays hold "
            "numbers alone. Return it, and go on outside; or use its entries, .data, which are at "
            ".pattern.nonzero()."
        )

    def __repr__(self) -> str:
        return f"<sparse matrix of shape {self.shape} with {self.nnz} recorded entries>"


def matrix_of(data: Any, pattern: Any) -> Any:
    """The ``csr_array`` of some entries; while these are recorded, :class:`Entries`."""
    if type(data) is Tensor and data.prim is None:  # as the results of calls with tensors are
        data = data.value
    if not isinstance(data, np.ndarray):
        return Entries(data, pattern)
    indices, indptr = pattern.indices.copy(), pattern.indptr.copy()
    return sparse.csr_array((data, indices, indptr), shape=pattern.shape)


class _Places:
    """A pattern as data of a tree's structure: equal to all that have the same entries."""

    __slots__ = ("pattern",)

    def __init__(self, pattern: Any):
        self.pattern = pattern

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Places) and is_same_pattern(self.pattern, other.pattern)

    def __hash__(self) -> int:
        return hash((self.pattern.shape, self.pattern.nnz))

    def __repr__(self) -> str:
        return f"pattern of shape {self.pattern.shape}"


def is_same_pattern(a: Any, b: Any) -> bool:
    """Whether two csr_arrays have entries at the same places, in the same order."""
    return a is b or (
        a.shape == b.shape
        and np.array_equal(a.indptr, b.indptr)
        and np.array_equal(a.indices, b.indices)
    )


_register: Any = optree.register_pytree_node
_register(
    Entries,
    lambda x: ((x.data,), _Places(x.pattern), ("data",)),
    lambda places, children: matrix_of(children[0], places.pattern),
    namespace=GLOBAL_NAMESPACE,
)
