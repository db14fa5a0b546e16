"""Colourings of a sparsity pattern: which directions one sweep can share.

    color_columns : no row has two columns of one colour        -> every entry is read off J s
    color_symmetric : a star colouring of the adjacency graph   -> every entry, or its mirror image

Both are greedy, one vertex after the other, each in time linear in the number of entries: the
colours around a vertex are the bits of one integer.

References
----------
Curtis, Powell & Reid (1974), On the estimation of sparse Jacobian matrices.
Coleman & Moré (1984), Estimation of sparse Hessian matrices and graph coloring problems.
Gebremedhin, Manne & Pothen (2005), What color is your Jacobian?, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

NONE = -1
"""The colour of a column without entries, which needs no sweep."""


def color_columns(pattern: Any) -> Any:
    """Colour columns so that two of the same colour have no row in common.

    Parameters
    ----------
    pattern : (m, n) csr_array
        Only which entries are stored matters.

    Returns
    -------
    (n,) int array
        Colours 0, 1, ...; -1 for an empty column.

    Examples
    --------
    >>> from scipy import sparse
    >>> color_columns(sparse.csr_array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]])).tolist()
    [0, 1, 0, 1]
    """
    n = pattern.shape[1]
    by_column = pattern.tocsc()
    least = int(np.diff(pattern.indptr).max(initial=0))
    if least == n:
        return np.arange(n)
    degree = np.diff(by_column.indptr)
    reach = np.add.reduceat(
        np.append(np.diff(pattern.indptr)[by_column.indices], 0), by_column.indptr[:-1]
    )
    starts, rows = by_column.indptr.tolist(), by_column.indices.tolist()
    best = _greedy_columns(starts, rows, range(n), pattern.shape[0])
    if best.max(initial=NONE) + 1 > least:
        order = np.argsort(np.where(degree == 0, 0, -reach), kind="stable").tolist()
        other = _greedy_columns(starts, rows, order, pattern.shape[0])
        best = min(best, other, key=lambda colors: colors.max(initial=NONE))
    return best


def _greedy_columns(starts: list[int], rows: list[int], order: Iterable[int], count: int) -> Any:
    used = [0] * count  # in each row, the colours of its columns, as bits
    colors = [NONE] * (len(starts) - 1)
    for j in order:
        own_rows = rows[starts[j] : starts[j + 1]]
        if own_rows:
            forbidden = 0
            for i in own_rows:
                forbidden |= used[i]
            bit = ~forbidden & (forbidden + 1)  # the lowest bit that is not set
            for i in own_rows:
                used[i] |= bit
            colors[j] = bit.bit_length() - 1
    return np.array(colors, int)


def color_symmetric(pattern: Any) -> Any:
    """A star colouring: neighbours differ, and every path of four vertices has three colours.

    Then for each entry (i, j) of a symmetric matrix, either j is the only neighbour of i that
    has its colour, or i is the only neighbour of j that has its own.

    Parameters
    ----------
    pattern : (n, n) csr_array
        Of symmetric structure.

    Returns
    -------
    (n,) int array
        Colours 0, 1, ...; -1 for an empty column.

    Examples
    --------
    >>> from scipy import sparse
    >>> arrow = sparse.csr_array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]])
    >>> color_symmetric(arrow).tolist()
    [0, 1, 1, 1]
    """
    n = pattern.shape[0]
    if pattern.nnz == n * n:
        return np.arange(n)
    starts, neighbours = pattern.indptr.tolist(), pattern.indices.tolist()
    best = _greedy_star(starts, neighbours, range(n))
    if best.max(initial=NONE) + 1 > 3:  # fewer would need a graph of stars alone
        order = np.argsort(-np.diff(pattern.indptr), kind="stable").tolist()
        other = _greedy_star(starts, neighbours, order)
        best = min(best, other, key=lambda colors: colors.max(initial=NONE))
    return best


def _greedy_star(starts: list[int], neighbours: list[int], order: Iterable[int]) -> Any:
    """Colours are bits. Two colours induce stars: a hub of the one, leaves of the other."""
    n = len(starts) - 1
    color = [0] * n  # 0 until it has one
    around = [0] * n  # colours of the neighbours
    leaf_of = [0] * n  # colours of the hubs (with two leaves or more) of which it is a leaf
    example: list[dict[int, int]] = [{}] * n  # a neighbour of each colour around
    for v in order:
        coloured = [w for w in neighbours[starts[v] : starts[v + 1]] if color[w]]
        once = twice = forbidden = 0
        for w in coloured:
            twice |= once & color[w]
            once |= color[w]
            forbidden |= color[w] | leaf_of[w]  # a hub's leaf has no second neighbour of its colour
        if twice:  # v becomes the hub of these: they have no other neighbour of v's colour
            for w in coloured:
                if color[w] & twice:
                    forbidden |= around[w]
        bit = ~forbidden & (forbidden + 1)  # the lowest bit that is not set
        for w in coloured:
            if around[w] & bit:  # w is or becomes a hub, v and those found before its leaves
                leaf_of[v] |= color[w]
                leaf_of[example[w][bit]] |= color[w]
            else:
                around[w] |= bit
                example[w][bit] = v
            if color[w] & twice:
                leaf_of[w] |= bit
        if starts[v] != starts[v + 1]:
            color[v] = bit
        around[v] = once
        example[v] = {color[w]: w for w in coloured}
    return np.array([c.bit_length() - 1 for c in color], int)
