"""Directions in which to look at a loss.

filter_normalized     : parameters -> a random direction (P,), scaled like the parameters
trajectory_directions : parameters along a training run -> principal directions, and the path
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core import arguments
from ..estimates.operands import Array
from ..operators.flattening import Flattening


def filter_normalized(params: Any, *, seed: int | np.random.Generator = 0) -> Array:
    """A random direction whose filters have the lengths of the parameters' filters.

    A ReLU net computes the same function after one layer is multiplied and the next divided by a
    number, while a plain random direction then means something else. Scaled filter by filter,
    slices along it can be compared between nets.

    Parameters
    ----------
    params : pytree
        Real floating-point arrays. A filter is what makes one output: a column of a matrix
        (of shape (in, out), as in :class:`tinygrad_hess.nn.Linear`), or an element of the first
        axis of an array of three or more axes (a kernel of a convolution). Vectors and scalars,
        that is biases and scales of norms, are not moved.
    seed : int or numpy.random.Generator

    Returns
    -------
    ndarray, shape (P,)

    Raises
    ------
    ValueError
        When there is no array of two or more axes.

    References
    ----------
    Li, Xu, Taylor, Studer and Goldstein (2018), Visualizing the loss landscape of neural nets,
    section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import filter_normalized
    >>> params = {"b": np.ones(2), "w": np.array([[3.0, 1.0], [4.0, 0.0]])}
    >>> d = filter_normalized(params)
    >>> d[:2], np.linalg.norm(d[2:].reshape(2, 2), axis=0)
    (array([0., 0.]), array([5., 1.]))
    """
    at = Flattening(params, "filter_normalized")
    if not any(x.ndim >= 2 for x in at.values):
        raise ValueError(
            "filter_normalized: no parameter has two axes or more, so there are no filters; use a "
            "random vector"
        )
    rng = arguments.generator("filter_normalized", seed)
    return at.join([None if x.ndim < 2 else _like_filters(x, rng) for x in at.values])


def _like_filters(x: Array, rng: np.random.Generator) -> Array:
    draw = np.asarray(rng.standard_normal(x.shape), x.dtype)
    within = (0,) if x.ndim == 2 else tuple(range(1, x.ndim))
    lengths, drawn = (np.sqrt(np.square(a).sum(axis=within, keepdims=True)) for a in (x, draw))
    return draw * (lengths / drawn)


class TrajectoryDirections(NamedTuple):
    """Principal directions of a training run.

    Attributes
    ----------
    directions : ndarray, shape (P, k)
        Orthonormal.
    path : ndarray, shape (T, k)
        The points of the run in these coordinates, seen from the last one.
    explained : ndarray, shape (k,)
        The share of each direction in the sum of squared distances from the last point.
    """

    directions: Array
    path: Array
    explained: Array


def trajectory_directions(trajectory: Sequence[Any], k: int = 2) -> TrajectoryDirections:
    """The directions in which a training run moved most, as seen from its last point.

    The right singular vectors of the differences from the last point. Nothing is centred: the
    origin is where the run ended.

    Parameters
    ----------
    trajectory : sequence of pytrees
        Parameters along the run, at least two; the last is the origin.
    k : int
        At most the number of independent differences.

    Raises
    ------
    ValueError
        When the points do not span k directions, or differ in structure.

    References
    ----------
    Li et al. (2018), section 7.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import trajectory_directions
    >>> points = [np.array([4.0, 0.0]), np.array([1.0, 1.0]), np.array([0.0, 0.0])]
    >>> trajectory_directions(points, k=1).explained.round(3)
    array([0.948])
    """
    who = "trajectory_directions"
    trajectory = arguments.sequence(who, "trajectory", trajectory, "parameters along the run")
    k = arguments.integer(who, "k", k, least=1)
    if len(trajectory) < 2:
        raise ValueError(f"{who}: {len(trajectory)} point; a trajectory has two or more")
    at = Flattening(trajectory[-1], who)
    points = np.stack([at.flatten(p) for p in trajectory])
    moves = points - points[-1]
    U, s, Vt = np.linalg.svd(moves, full_matrices=False)
    rank = int((s > s[0] * max(moves.shape) * np.finfo(at.dtype).eps).sum()) if s[0] > 0 else 0
    if k > rank:
        raise ValueError(f"{who}: k={k} directions of a run that spans {rank}")
    # A direction is known up to its sign: let the run come from the positive side.
    signs = np.where(U[0, :k] < 0, -1, 1).astype(at.dtype)
    return TrajectoryDirections(
        directions=Vt[:k].T * signs, path=U[:, :k] * s[:k] * signs, explained=s[:k] ** 2 / (s @ s)
    )
