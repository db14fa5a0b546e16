"""A smooth density from quadrature rules, with a bandwidth that follows the spacing of the nodes.

Where nodes are close, the rules resolve detail; where they are far apart there is none to show.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from ..estimates.operands import Array


def local_bandwidths(nodes: Array, neighbours: int = 1) -> Array:
    """The geometric mean of the distances to the k-th node on either side, shape (m,).

    The outermost nodes have one side only. A mean that follows the nearer side keeps a dense
    cluster from being smeared into the empty space beside it.

    Examples
    --------
    >>> local_bandwidths(np.array([0.0, 1.0, 5.0]))
    array([1., 2., 4.])
    """
    m = len(nodes)
    if m < 2:
        return np.zeros(m)
    k = min(neighbours, m - 1)
    i = np.arange(m)
    # Fewer neighbours at the ends: scale up what there is.
    low, high = np.maximum(i - k, 0), np.minimum(i + k, m - 1)
    left = (nodes - nodes[low]) * k / np.maximum(i - low, 1)
    right = (nodes[high] - nodes) * k / np.maximum(high - i, 1)
    left, right = np.where(i == 0, right, left), np.where(i == m - 1, left, right)
    return np.sqrt(left * right)


def smooth(
    nodes: Array, weights: Array, widths: Array, grid: Array, support: tuple[float, float]
) -> Array:
    """A sum of Gaussians, each cut off at the ends of ``support`` and keeping its mass there.

    Parameters
    ----------
    nodes, weights, widths : ndarray, shape (m,)
        Centres, masses and standard deviations (positive).
    grid : ndarray, shape (G,)
    support : (float, float)

    Returns
    -------
    ndarray, shape (G,)
        The density; zero outside the support.

    Examples
    --------
    >>> half = smooth(np.zeros(1), np.ones(1), np.ones(1), np.array([-1.0, 0.0]), (0.0, np.inf))
    >>> half.round(4)
    array([0.    , 0.7979])
    """
    low, high = support
    out = np.zeros(len(grid))
    if not len(nodes):
        return out
    inside = (grid >= low) & (grid <= high)
    mass = ndtr((high - nodes) / widths) - ndtr((low - nodes) / widths)
    heights = weights / (mass * widths * np.sqrt(2 * np.pi))
    where = grid[inside]
    for first in range(0, len(nodes), 256):
        part = slice(first, first + 256)
        z = (where[:, None] - nodes[part]) / widths[part]
        out[inside] += np.exp(-0.5 * z**2) @ heights[part]
    return out


def grid_for(nodes: Array, weights: Array, support: tuple[float, float], points: int) -> Array:
    """About ``points`` points: half evenly over the support, half where the mass is.

    Examples
    --------
    >>> grid_for(np.array([0.0, 1.0]), np.array([0.5, 0.5]), (0.0, 1.0), 4)
    array([0., 1.])
    """
    low, high = support
    order = np.argsort(nodes, kind="stable")
    mass = np.cumsum(weights[order])
    share = np.linspace(0, mass[-1], points - points // 2)
    quantiles = np.interp(share, mass - 0.5 * weights[order], nodes[order])
    even = np.linspace(low, high, points // 2)
    return np.unique(np.clip(np.concatenate([even, quantiles]), low, high))


def grid_steps(grid: Array, nodes: Array) -> Array:
    """The wider of the grid's steps around each node, shape (m,)."""
    if len(grid) < 2:
        return np.zeros(len(nodes))
    steps = np.diff(grid)
    at = np.clip(np.searchsorted(grid, nodes), 1, len(steps))
    return np.maximum(steps[at - 1], steps[np.minimum(at, len(steps) - 1)])
