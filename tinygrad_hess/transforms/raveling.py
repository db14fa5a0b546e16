"""Pytrees as flat vectors, and back: ``tg.ravel``.

ravel : tree -> (flat, flat -> tree)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import trees
from ..core.errors import describe
from ..core.tensor import tensor_or_array
from ..ops import astype, concatenate, index, reshape


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All numbers of a pytree as one vector, and the function that gives the tree of a vector.

    Both are differentiable to any order, and work inside ``vmap`` and ``jit``.

    Parameters
    ----------
    tree : pytree of array_like

    Returns
    -------
    flat : shape (n,)
        Leaf after leaf, in the common type of all; an array where all leaves are arrays.
    unravel : callable
        From a vector of shape (n,) to a tree with the structure, shapes and types of this one.

    Raises
    ------
    ValueError
        By ``unravel``, for anything but a vector of n numbers.

    See Also
    --------
    tinygrad_hess.numpy.ravel : of one array.

    Examples
    --------
    >>> import numpy as np, tinygrad_hess as tg
    >>> params = {"w": np.array([[1.0, 2.0]]), "b": 3.0}
    >>> flat, unravel = tg.ravel(params)
    >>> flat
    array([3., 1., 2.])
    >>> unravel(2 * flat)
    {'w': array([[2., 4.]]), 'b': array(6.)}
    >>> loss = lambda p: (p["w"] ** 2).sum() * p["b"]
    >>> tg.hessian(lambda v: loss(unravel(v)))(flat)
    array([[0., 2., 4.],
           [2., 6., 0.],
           [4., 0., 6.]])
    """
    leaves, structure = trees.flatten(tree)
    leaves = [tensor_or_array(x) for x in leaves]
    shapes, dtypes = [x.shape for x in leaves], [x.dtype for x in leaves]
    if any(dtype.kind not in "biufc" for dtype in dtypes):
        raise TypeError(f"ravel: leaves must be numbers, got {', '.join(map(describe, leaves))}")
    common = np.result_type(*dtypes) if dtypes else np.dtype(float)
    sizes = [math.prod(shape) for shape in shapes]
    n = sum(sizes)

    def unravel(flat: Any) -> Any:
        flat = tensor_or_array(flat)
        if flat.shape != (n,):
            raise ValueError(f"unravel: needs a vector of {n} numbers, got {describe(flat)}")
        parts, start = [], 0
        for shape, dtype, size in zip(shapes, dtypes, sizes, strict=True):
            part = reshape(index(flat, slice(start, start + size)), shape)
            parts.append(part if part.dtype == dtype else astype(part, dtype))
            start += size
        return trees.unflatten(structure, parts)

    vectors = [reshape(x if x.dtype == common else astype(x, common), (-1,)) for x in leaves]
    return (concatenate(vectors) if vectors else np.zeros(0)), unravel
