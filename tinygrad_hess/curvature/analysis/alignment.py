"""Where the gradient and other eigenspaces lie with respect to the top eigenvectors.

gradient_alignment : operator -> Alignment            the gradient against the top eigenvectors
subspace_overlap   : two sets of vectors -> Overlap   eigenspaces of two points
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import subspace_angles
from scipy.stats import beta

from ...core import arguments
from ...core.plotting import BLUE, GREY, ORANGE, axes, legend
from ..eigenpairs.eigenpairs import Eigenpairs, top_eigenpairs
from ..estimates import scaling
from ..estimates.operands import Array
from ..estimates.result import Result
from .at_a_point import with_gradient


def _random_share(k: int, size: int) -> tuple[float, tuple[float, float]]:
    """The share of a random direction in a k-dimensional subspace: mean and 95% interval.

    For a direction uniform on the sphere it has the distribution Beta(k/2, (P - k)/2).
    """
    if k >= size:
        return 1.0, (1.0, 1.0)
    low, high = beta.ppf([0.025, 0.975], k / 2, (size - k) / 2)
    return k / size, (float(low), float(high))


# ---- the gradient --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Alignment(Result):
    """How much of the gradient lies in the span of some eigenvectors.

    Attributes
    ----------
    share : float
        ``‖Vᵀ g‖² / ‖g‖²``, from 0 to 1; NaN where the gradient is zero.
    shares : ndarray, shape (k,)
        Of each eigenvector; they sum to ``share``. Within a repeated eigenvalue only their sum
        means something.
    values : ndarray, shape (k,)
        The eigenvalues.
    baseline : float
        ``k / P``, the mean share of a random direction.
    baseline_interval : (float, float)
        Where 95% of random directions fall.
    parameters : int
        P.
    matvecs : int
    converged : bool
        Whether the eigenvectors have.
    reason : str
    """

    share: float
    shares: Array
    values: Array
    baseline: float
    baseline_interval: tuple[float, float]
    parameters: int
    matvecs: int
    converged: bool
    reason: str = ""

    def __repr__(self) -> str:
        state = "" if self.converged else f"; NOT converged: {self.reason}".rstrip(": ")
        return (
            f"Alignment({self.share:.1%} of the gradient lies in the top {len(self.values)} of "
            f"{self.parameters} eigendirections, {self.baseline:.2g} of a random direction; "
            f"{self.matvecs} products{state})"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the share of each eigenvector and their running sum beside that of chance.

        Returns the matplotlib axes.
        """
        ax = axes(ax, (6.0, 3.4))
        number = np.arange(1, len(self.values) + 1)
        ax.bar(number, self.shares, color=BLUE, label="each")
        ax.plot(number, np.cumsum(self.shares), "o-", color=ORANGE, label="running sum")
        ax.plot(number, number / self.parameters, "--", color=GREY, label="random direction")
        ax.set_ylim(0, 1.02)
        ax.set_xticks(number if len(number) <= 20 else number[:: len(number) // 10])
        ax.set_xlabel("eigenvector, largest eigenvalue first")
        ax.set_ylabel("share of the gradient")
        legend(ax)
        return ax


def gradient_alignment(
    op: Any,
    k: int | Eigenpairs = 10,
    *,
    gradient: Any = None,
    tol: float = 1e-4,
    max_matvecs: int | None = None,
    seed: int = 0,
    progress: bool = False,
    checkpoint: Any = None,
) -> Alignment:
    """The share of the gradient in the top eigenspaces, beside that of a random direction.

    Parameters
    ----------
    op : HessianOperator, or any symmetric LinearOperator, ndarray or sparse matrix, shape (P, P)
    k : int or Eigenpairs
        How many of the largest eigenvalues; or eigenpairs that are known already.
    gradient : ndarray, shape (P,), or pytree like the parameters, optional
        By default that of the operator; the gradient of one mini-batch is of interest too.
    tol, max_matvecs, seed, progress, checkpoint
        As for :func:`top_eigenpairs`.

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        When shapes do not fit.
    TypeError
        For a matrix without a gradient.

    References
    ----------
    Gur-Ari, Roberts and Dyer (2018), Gradient descent happens in a tiny subspace.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import gradient_alignment
    >>> H, g = np.diag([5.0, 4.0, 1.0, 0.5]), np.array([3.0, 0.0, 4.0, 0.0])
    >>> found = gradient_alignment(H, k=2, gradient=g)
    >>> found
    Alignment(36.0% of the gradient lies in the top 2 of 4 eigendirections, 0.5 of a random
    direction; 4 products)
    """
    A, g = with_gradient(op, gradient, "gradient_alignment")
    if isinstance(k, Eigenpairs):
        top, spent = k, 0
        if top.vectors.shape[0] != A.size:
            raise ValueError(
                f"gradient_alignment: eigenvectors of {top.vectors.shape[0]} parameters for an "
                f"operator of {A.size}"
            )
    else:
        top = top_eigenpairs(
            op, k, tol=tol, max_matvecs=max_matvecs, seed=seed,
            progress=progress, checkpoint=checkpoint,
        )  # fmt: skip
        spent = top.matvecs
    g = g / scaling.power_of_two(g)
    square = float(g @ g)
    parts = (top.vectors.T @ g) ** 2
    shares = parts / square if square else np.full(len(parts), np.nan, g.dtype)
    mean, interval = _random_share(len(parts), A.size)
    return Alignment(
        share=float(shares.sum()),
        shares=shares,
        values=top.values,
        baseline=mean,
        baseline_interval=interval,
        parameters=A.size,
        matvecs=spent,
        converged=top.converged,
        reason=top.reason,
    )


# ---- two eigenspaces -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Overlap(Result):
    """How near two subspaces are.

    Attributes
    ----------
    overlap : float
        Mean squared cosine of the principal angles, from 0 (orthogonal) to 1 (the smaller lies
        within the other).
    angles : ndarray, shape (k,)
        Principal angles in radians, ascending.
    baseline : float
        The mean overlap of random subspaces, the larger dimension over P.
    """

    overlap: float
    angles: Array
    baseline: float

    def __repr__(self) -> str:
        widest = np.degrees(self.angles[-1])
        return (
            f"Overlap({self.overlap:.4f} of the subspaces is common, {self.baseline:.2g} by "
            f"chance; {len(self.angles)} principal angles up to {widest:.3g} degrees)"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the squared cosine of each principal angle; returns the matplotlib axes."""
        ax = axes(ax, (6.0, 3.0))
        number = np.arange(1, len(self.angles) + 1)
        ax.bar(number, np.cos(self.angles) ** 2, color=BLUE)
        ax.axhline(self.baseline, color=GREY, linestyle="--")
        title = f"overlap {self.overlap:.4f}, of random subspaces {self.baseline:.2g} (dashed)"
        ax.set_title(title, fontsize=10)
        ax.set_ylim(0, 1.02)
        ax.set_xticks(number if len(number) <= 20 else number[:: len(number) // 10])
        ax.set_xlabel("principal angle")
        ax.set_ylabel("cos²")
        return ax


def subspace_overlap(a: Any, b: Any) -> Overlap:
    """The principal angles between two eigenspaces, such as those of two points in training.

    Parameters
    ----------
    a, b : Eigenpairs or ndarray, shapes (P, k) and (P, l)
        Columns span the subspaces; they need not be orthonormal, but independent.

    Returns
    -------
    Overlap
        The smaller of k and l angles.

    Raises
    ------
    ValueError
        When they differ in P, are empty, or hold dependent columns.

    References
    ----------
    Björck and Golub (1973), Numerical methods for computing angles between linear subspaces.
    Gur-Ari, Roberts and Dyer (2018), equation 3, for the overlap.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_hess.curvature import subspace_overlap
    >>> x, y, z = np.eye(3)
    >>> subspace_overlap(np.stack([x, y], axis=1), np.stack([x, z], axis=1))
    Overlap(0.5000 of the subspaces is common, 0.67 by chance; 2 principal angles up to 90 degrees)
    """
    first, second = (_unit_columns(_columns(x, name)) for x, name in ((a, "a"), (b, "b")))
    if first.shape[0] != second.shape[0]:
        raise ValueError(
            f"subspace_overlap: vectors of {first.shape[0]} and of {second.shape[0]} parameters"
        )
    angles = np.sort(subspace_angles(first, second))
    larger = max(first.shape[1], second.shape[1])
    return Overlap(float((np.cos(angles) ** 2).mean()), angles, larger / first.shape[0])


def _unit_columns(V: Array) -> Array:
    units = np.array([scaling.power_of_two(v) for v in V.T])
    return V if (units == 1).all() else V / units


def _columns(x: Any, name: str) -> Array:
    V = arguments.array("subspace_overlap", name, x.vectors if isinstance(x, Eigenpairs) else x)
    V = V.astype(np.result_type(V, np.float32), copy=False)  # LAPACK takes no halves
    V = V[:, None] if V.ndim == 1 else V
    if V.ndim != 2 or not V.shape[1] or V.shape[1] > V.shape[0] or not np.isfinite(V).all():
        raise ValueError(
            f"subspace_overlap: finite columns of shape (P, k), 1 <= k <= P, are needed; got "
            f"{V.shape}"
        )
    if np.linalg.matrix_rank(_unit_columns(V)) < V.shape[1]:
        raise ValueError(
            f"subspace_overlap: the {V.shape[1]} columns are linearly dependent, so they do not "
            "span a subspace of that dimension"
        )
    return V
