"""Made-up data sets: seeded, so the same arguments give the same numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import nn
from ..core.arguments import generator, integer, number
from ..ops.shape.axes import canonical_shape
from .dataset import Dataset, Seed


def _balanced_classes(n: int, classes: int) -> np.ndarray:
    """Class numbers in order, in numbers as equal as n allows."""
    return np.arange(n, dtype=np.int64) * classes // n


def _class_names(classes: int) -> tuple[str, ...]:
    return tuple(str(c) for c in range(classes))


def moons(n: int = 200, noise: float = 0.1, seed: Seed = 0) -> Dataset:
    """Two interleaved half circles in the plane; two classes.

    Parameters
    ----------
    n : int
        Examples, half of them of each class.
    noise : float
        Standard deviation of the normal noise on each coordinate; the circles have radius 1.
    seed : int or numpy.random.Generator

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> data.moons(100)
    Dataset('moons': x float64(100,2), y int64(100,), 2 classes)
    """
    n, noise = integer("moons", "n", n, least=2), number("moons", "noise", noise, least=0)
    rng = generator("moons", seed)
    y = _balanced_classes(n, 2)
    angle = np.pi * rng.random(n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    x = np.where(y[:, None] == 0, upper, lower) + noise * rng.normal(size=(n, 2))
    return Dataset(x, y, "moons", target_names=_class_names(2))


def spirals(
    n: int = 200, classes: int = 2, noise: float = 0.02, turns: float = 1.5, seed: Seed = 0
) -> Dataset:
    """Arms of a spiral around the origin, one for each class, within the unit disc.

    Parameters
    ----------
    n, classes : int
    noise : float
        Standard deviation of the normal noise on each coordinate.
    turns : float
        How often an arm winds around the origin.
    seed : int or numpy.random.Generator

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> data.spirals(90, classes=3)
    Dataset('spirals': x float64(90,2), y int64(90,), 3 classes)
    """
    who = "spirals"
    classes = integer(who, "classes", classes, least=1)
    n, noise = integer(who, "n", n, least=classes), number(who, "noise", noise, least=0)
    turns = number(who, "turns", turns)
    rng = generator(who, seed)
    y = _balanced_classes(n, classes)
    radius = np.sqrt(rng.random(n))  # as many on each piece of an arm's length, nearly
    angle = 2 * np.pi * (turns * radius + y / classes)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x += noise * rng.normal(size=(n, 2))
    return Dataset(x, y, "spirals", target_names=_class_names(classes))


def blobs(
    n: int = 200,
    classes: int = 3,
    features: int = 2,
    *,
    spread: float = 1.0,
    distance: float = 5.0,
    seed: Seed = 0,
) -> Dataset:
    """Normal clouds, one for each class, around centres drawn at random.

    Parameters
    ----------
    n, classes, features : int
    spread : float
        Standard deviation of each coordinate in a cloud.
    distance : float
        Standard deviation of each coordinate of the centres.
    seed : int or numpy.random.Generator

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> data.blobs(90, classes=3, features=4)
    Dataset('blobs': x float64(90,4), y int64(90,), 3 classes)
    """
    who = "blobs"
    classes = integer(who, "classes", classes, least=1)
    n, features = integer(who, "n", n, least=classes), integer(who, "features", features, least=1)
    spread = number(who, "spread", spread, least=0)
    distance = number(who, "distance", distance, least=0)
    rng = generator(who, seed)
    y = _balanced_classes(n, classes)
    centres = distance * rng.normal(size=(classes, features))
    x = centres[y] + spread * rng.normal(size=(n, features))
    return Dataset(x, y, "blobs", target_names=_class_names(classes))


def teacher_student(
    n: int = 200, sizes: Sequence[int] = (10, 20, 1), noise: float = 0.1, seed: Seed = 0
) -> Dataset:
    """Normal inputs, and the outputs of a random tanh net on them, with noise: regression.

    Parameters
    ----------
    n : int
    sizes : sequence of int
        Widths of the teacher, inputs and outputs included.
    noise : float
        Standard deviation of the normal noise on the outputs; without it a student of the same
        widths can reach a loss of 0.
    seed : int or numpy.random.Generator

    Returns
    -------
    Dataset
        Its ``teacher`` is the net, a :class:`nn.MLP`.

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> d = data.teacher_student(50, sizes=(3, 4, 2), noise=0.0)
    >>> d
    Dataset('teacher_student': x float64(50,3), y float64(50,2))
    >>> bool((d.teacher(d.x) == d.y).all())
    True
    """
    who = "teacher_student"
    n, noise = integer(who, "n", n, least=1), number(who, "noise", noise, least=0)
    sizes = canonical_shape(sizes, f"{who}: sizes")
    rng = generator(who, seed)
    teacher = nn.MLP(sizes, init=nn.init.lecun_normal, bias_init=nn.init.normal, seed=rng)
    x = rng.normal(size=(n, sizes[0]))
    y = teacher(x)
    if noise:
        y = y + noise * rng.normal(size=y.shape)
    return Dataset(x, y, "teacher_student", teacher=teacher)


def chebyshev(n: int = 20, degree: int = 4) -> Dataset:
    """Evenly spaced points of [-1, 1], and Chebyshev's polynomial T_k there: regression.

    The small task on which Cohen et al. (2021), Gradient descent on neural networks typically
    occurs at the edge of stability, vary the depth and the degree k.

    Parameters
    ----------
    n : int
        Points, ends included.
    degree : int
        k. T_k(x) = cos(k arccos x).

    Examples
    --------
    >>> from tinygrad_hess import data
    >>> d = data.chebyshev(3, degree=2)
    >>> d.x.ravel(), d.y.ravel()
    (array([-1.,  0.,  1.]), array([ 1., -1.,  1.]))
    """
    n = integer("chebyshev", "n", n, least=2)
    degree = integer("chebyshev", "degree", degree, least=0)
    x = np.linspace(-1.0, 1.0, n)[:, None]
    y = np.polynomial.chebyshev.chebval(x, [0.0] * degree + [1.0])
    return Dataset(x, y, f"chebyshev_{degree}")
